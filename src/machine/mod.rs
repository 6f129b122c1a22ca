//! Decisions, and nothing else: `on_event(now, event) -> actions`.
//!
//! A machine is told what happened and says what to do; it reads no clock, touches no card and writes no file. The shell around it
//! ([`crate::terminal`]) carries the actions out, in order, and tells it how each ended. So every order of events, and a crash between any two
//! actions, can be tried without a reader and without a disk.

pub mod exchange;
pub mod payment;
pub mod sale;
