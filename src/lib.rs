//! The PASS'Région redemption terminal, the region's side of it, and the card.

pub mod crypto;
pub mod domain;
pub mod ledger;
pub mod wire;
