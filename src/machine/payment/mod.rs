//! A payment on the bank terminal, and the payments of one sale: what may be done next, and what never again.
//!
//! What always holds:
//! - Nothing is written to the bank terminal before *asked* is durable, and then *sent*. Until *sent* is durable everything may be tried
//!   again; after it nothing is, ever: a payment is written once.
//! - A payment is approved when the bank terminal's answer or the cashier says so, and never else; the amount is the one that they say.
//! - What nobody knows is *unknown*: it stays so until the cashier has looked at the bank terminal's ticket and says. It keeps its own
//!   sale waiting and no other.
//! - Of one sale no second payment begins while one is in flight or unknown, and none asks for more than is due ([`Account`]).
//!
//! The line to the bank terminal is in [`crate::payment`]; where a payment is made durable is the ledger's affair.

mod account;
mod leg;
#[cfg(test)]
mod tests;

pub use account::{Account, NotNow};
pub use leg::{Action, Event, Leg, Word};
