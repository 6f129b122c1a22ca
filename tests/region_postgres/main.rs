//! The stories of `tests/region_exchange`, told once more with the store on PostgreSQL: what holds for one engine holds for the other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../region_exchange/bureau.rs"]
mod bureau;
#[path = "../region_exchange/chain.rs"]
mod chain;
#[path = "../region_exchange/enrolment.rs"]
mod enrolment;
#[path = "../region_exchange/feed.rs"]
mod feed;
#[path = "../region_exchange/kit.rs"]
mod kit;
#[path = "../region_exchange/partners.rs"]
mod partners;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../region_exchange/replacement.rs"]
mod replacement;
#[path = "../region_exchange/settled_histories.rs"]
mod settled_histories;
#[path = "../region_exchange/settlement.rs"]
mod settlement;
#[path = "../region_exchange/verdicts.rs"]
mod verdicts;

/// Where a world has its store.
struct Stores(postgres::Database);

impl Stores {
    fn new(_directory: &std::path::Path) -> Self {
        Self(postgres::Database::new())
    }

    fn location(&self) -> pass::region::store::Location {
        pass::region::store::Location::parse(&self.0.url).unwrap()
    }
}
