//! The region, driven in process with a real store: enrolments, exchanges, forks, the feed, verdicts, replaced cards; then as a program and over TCP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod api;
mod bureau;
#[path = "../support/cards.rs"]
mod cards;
mod chain;
#[path = "../support/directory.rs"]
mod directory;
mod enrolment;
mod feed;
mod http;
mod interrupted;
mod keys;
mod kit;
mod life;
mod limits;
mod metrics;
mod partners;
mod program;
mod replacement;
mod restored;
mod revocation;
mod settled_histories;
mod settlement;
mod settlement_program;
mod stores;
mod verbs;
mod verdicts;
