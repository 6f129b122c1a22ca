//! The PASS'Région redemption terminal, the region's side of it, and the card.

pub mod card;
pub mod card_tool;
pub mod crypto;
pub mod domain;
pub mod file_lock;
pub mod ledger;
pub mod machine;
pub mod metrics;
pub mod no_dumps;
pub mod packing;
pub mod payment;
pub mod printer;
pub mod reader;
pub mod region;
pub mod succession;
pub mod terminal;
pub mod till;
pub mod uplink;
pub mod virtual_card;
pub mod virtual_tpe;
pub mod whole_file;
pub mod wire;
