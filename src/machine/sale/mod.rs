//! One counter's sale, from the card in the reader to "granted".
//!
//! Three things always hold, whatever happens in whatever order:
//!
//! - A card is asked to change its purse only after an intent that says so is durable (decision 3).
//! - "Granted" is said only after the entry is durable.
//! - What became of an intent is concluded from the card's signatures alone, and before anything else is done with that card (decision 5).
//!
//! The way is always the same loop: the card is opened, the ledger is looked up, [`plan`](plan::plan) says the one next step, the step is done, and the ledger is
//! looked up again, until there is nothing left to do but wait for the cashier or for the card to leave.

pub mod plan;

mod machine;
#[cfg(test)]
mod tests;
mod types;

pub use machine::SaleMachine;
pub use types::*;
