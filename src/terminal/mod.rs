//! The program `pass-terminal`: wires reader, card, ledger, machines and line into a daemon, and gives the command line its verbs.

pub mod archive;
pub mod backup;
pub mod books;
pub mod carrier;
pub mod cashiers;
pub mod cli;
pub mod clock;
pub mod closings;
pub mod config;
pub mod counter;
pub mod daemon;
pub mod desk;
pub mod doctor;
pub mod enrol;
pub mod exchanger;
mod failures;
pub mod journal;
pub mod key_verbs;
mod local_time;
pub mod lookup;
pub mod metrics;
pub mod payments;
pub mod pin;
pub mod port;
pub mod proof;
pub mod receipts;
pub mod region_file;
pub mod selling;
pub mod service;
pub mod verbs;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

use crate::no_dumps;

/// The program `pass-terminal`.
pub fn main() -> ExitCode {
    // What happens goes to standard error, where systemd's journal takes it; results go to standard output.
    let filter = EnvFilter::try_from_env("PASS_LOG").unwrap_or_else(|_| EnvFilter::new("warn,pass=info"));
    let logging = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
    debug_assert!(logging.is_ok(), "nobody else logs in this program");
    if let Err(error) = no_dumps::forbid() {
        tracing::warn!(%error, "a crash could write the keys to the disk");
    }
    cli::main(std::env::args_os(), &verbs::Verbs)
}
