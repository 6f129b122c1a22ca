//! The product under the faults that a counter, a network and a disk have: the real programs, killed at random moments; readers that
//! die, freeze and change; a line that cuts, repeats and lies; disks that are full; ledgers that were damaged or exchanged.
//!
//! Whatever happens: no sale is granted that is not on the disk, no entry is lost, the state is clear, the exit status is the one that
//! is documented, and one sentence says what is the matter. What a test may look at is what an operator may.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "the simulation draws more than these tests")]
#[path = "../simulation/chance.rs"]
mod chance;
#[path = "../support/kit/mod.rs"]
mod kit;
#[path = "../support/mod.rs"]
mod support;

mod disks;
mod exchange;
mod kills;
mod ledgers;
mod payments;
mod readers;
