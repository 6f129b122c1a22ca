//! The bank terminal's side of Caisse-AP, for trainers and tests: it takes no real money and does every wrong thing that was ever seen.
//!
//! Owns what a bank terminal answers to a request, and how: whole, in pieces, cut, never. It counts the money that it took: a payment
//! whose answer is lost was made all the same, as on a real one. The reader of answers is in [`crate::payment`].

mod behaviour;
mod serve;

pub use behaviour::{Behaviour, Money, Played, Then, play};
pub use serve::{Served, VirtualTpe};
