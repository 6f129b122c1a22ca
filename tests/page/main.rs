//! The cashier's page in a real browser, over the real daemon, a real pcscd and a virtual card: what a person sees, does with one hand, and gets wrong.
//!
//! Needs Chromium and its driver, which scripts/setup installs. `make screens` runs [`screens`] and [`payment`] with a picture of each state.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/browser.rs"]
mod browser;
#[path = "../support/kit/mod.rs"]
mod kit;
#[path = "../support/mod.rs"]
mod support;

mod attacks;
mod payment;
mod sales;
mod screens;
mod trouble;
