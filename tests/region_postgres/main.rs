//! The stories of `tests/region_exchange`, told once more with the store on PostgreSQL: what holds for one engine holds for the other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../region_exchange/api.rs"]
mod api;
#[path = "../region_exchange/bureau.rs"]
mod bureau;
#[path = "../support/cards.rs"]
mod cards;
#[path = "../region_exchange/chain.rs"]
mod chain;
#[path = "../support/directory.rs"]
mod directory;
#[path = "../region_exchange/enrolment.rs"]
mod enrolment;
#[path = "../region_exchange/feed.rs"]
mod feed;
mod fleet;
#[path = "../region_exchange/http.rs"]
mod http;
#[path = "../region_exchange/interrupted.rs"]
mod interrupted;
#[path = "../region_exchange/keys.rs"]
mod keys;
#[path = "../region_exchange/kit.rs"]
mod kit;
#[path = "../region_exchange/life.rs"]
mod life;
#[path = "../region_exchange/metrics.rs"]
mod metrics;
#[path = "../region_exchange/partners.rs"]
mod partners;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../region_exchange/replacement.rs"]
mod replacement;
#[path = "../region_exchange/revocation.rs"]
mod revocation;
#[path = "../region_exchange/settled_histories.rs"]
mod settled_histories;
#[path = "../region_exchange/settlement.rs"]
mod settlement;
mod stores;
#[path = "../region_exchange/verbs.rs"]
mod verbs;
#[path = "../region_exchange/verdicts.rs"]
mod verdicts;
