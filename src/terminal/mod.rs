//! The program `pass-terminal`: its command line, its configuration, and the daemon that wires all rooms together.

pub mod cli;
pub mod config;
