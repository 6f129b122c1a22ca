//! The region, driven in process with a real store: enrolments, exchanges, forks, the feed, verdicts, replaced cards; then as a program and over TCP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod bureau;
mod chain;
mod enrolment;
mod feed;
mod kit;
mod partners;
mod program;
mod replacement;
mod settled_histories;
mod settlement;
mod settlement_program;
mod verdicts;

/// Where a world has its store.
struct Stores(std::path::PathBuf);

impl Stores {
    fn new(directory: &std::path::Path) -> Self {
        Self(directory.join("region"))
    }

    fn location(&self) -> pass::region::store::Location {
        pass::region::embedded(&self.0)
    }
}
