//! The bank terminal over a real socket: the client against the simulator, one behaviour after another.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod client;
mod program;
