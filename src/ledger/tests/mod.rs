//! Stories of a ledger, on real files: what a day writes, what a bad day does to the file, what the region says of it.

mod answers;
mod at_rest;
mod bad_days;
mod carried;
mod cashiers;
mod checks;
mod closings;
mod days;
mod fixture;
mod freeze;
mod frozen;
mod histories;
mod keys;
mod parts;
mod payments;
mod schema;
mod threads;
