//! The sale at one counter: the real machine, the real ledger on a real disk, the card by its profile, no reader between.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod archives;
mod counter;
mod doubts;
mod rules;
mod threats;
#[path = "../support/world.rs"]
#[allow(dead_code, reason = "every test program uses another part of it")]
mod world;
