//! The PASS'Région redemption terminal, the region's side of it, and the card.

pub mod crypto;
pub mod domain;
pub mod reader;
pub mod region;
pub mod virtual_card;
pub mod wire;
