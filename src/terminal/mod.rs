//! The terminal: wires reader, card, ledger, machines and line into a daemon, and gives the command line its verbs.

pub mod clock;
pub mod counter;
pub mod desk;
pub mod enrol;
pub mod exchanger;
pub mod journal;
pub mod keys;
pub mod lookup;
pub mod port;
pub mod region_file;
pub mod service;
