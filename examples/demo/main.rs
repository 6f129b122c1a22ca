//! PASS'Région on one machine, in under a minute: a region, three partners, a lycée, two holders and their cards, from the order to the bank.
//!
//! The three programs are the real ones, run as their users run them and asked through their verbs. Only the cards and the
//! readers are virtual: cards that `pass-card serve` puts into readers of a pcscd of its own, beside that of the machine.
//! Directories are temporary, ports are free ones.
//!
//! Every line with a check mark was compared with what a program answered; the first that does not hold ends the
//! demonstration with exit status 1. However it ends, also by Ctrl-C, what it started has ended too.
//!
//! The story is in `story`, who takes part in `stage`, how programs are run in `programs`.

mod books;
mod desk;
mod failure;
mod mails;
#[allow(dead_code, reason = "the demonstration neither freezes nor restarts pcscd")]
#[path = "../../tests/support/pcscd.rs"]
mod pcscd;
mod programs;
mod stage;
mod story;
mod tell;

use std::process::ExitCode;
use std::time::Instant;

use failure::Failure;
use story::Story;

/// The exit status of a program that Ctrl-C ended, as shells have it.
const EXIT_INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let begun = Instant::now();
    let ended = programs::catch_interrupts().and_then(|()| Story::begin()).and_then(|mut story| {
        let told = story.tell();
        story.end(told, begun)
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Interrupted) => {
            eprintln!("\nInterrupted: everything that was started has ended.");
            ExitCode::from(EXIT_INTERRUPTED)
        }
        Err(failure) => {
            eprintln!("\nTHE DEMONSTRATION FAILED\n{failure}");
            ExitCode::FAILURE
        }
    }
}
