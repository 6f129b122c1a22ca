//! The card profile, held against the virtual card: bytes, status words, transcripts, histories, files, and the program that
//! serves it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod bytes;
mod faults;
mod files;
mod histories;
mod kit;
mod order;
mod serve;
mod status_words;
mod terminal;
mod transcripts;
