//! Bytes, and nothing else: how the values of [`crate::domain`] stand on the card's wire, in the ledger and in the exchange.
//!
//! Every decoder takes foreign bytes and is total: it returns a value or says what is wrong, whatever it is given. Nothing
//! here knows a key, a clock, a socket or a file.

pub mod apdu;
pub mod card;
pub mod cbor;
mod closing;
pub mod code;
pub mod cose;
pub mod entry;
pub mod exchange;
pub mod feed;
pub mod receipt;
mod values;
