//! The bank terminal over a real socket: the client against the simulator, one behaviour after another.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "the simulation draws more than these tests")]
#[path = "../simulation/chance.rs"]
mod chance;
mod client;
mod histories;
mod program;
