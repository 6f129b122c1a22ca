//! The product as people meet it: the three programs as processes, a pcscd and virtual readers of each test's own, a region on a port
//! of its own, SQLite files on a disk. What a test may look at is what an operator may: answers, exit codes, the card in a reader.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/kit/mod.rs"]
mod kit;
#[path = "../support/mod.rs"]
mod support;

mod carried;
mod commands;
mod counter_day;
mod deaths;
mod doctor;
mod doctor_files;
mod doctor_readers;
mod keys;
mod lines;
mod metrics;
mod pulls;
mod readers;
mod recovery;
mod rights;
mod sale;
