//! The program `pass-card`: the card bureau's and the tests' hand on a card.
//!
//! Owns its verbs, its sentences and its exit codes (sysexits). What a card does is in [`crate::virtual_card`].

mod inspect;
mod plan;
mod serve;
mod tpe;

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::virtual_card::{CardFailure, CardFileError};

/// The exit codes of sysexits.h that this program uses.
mod exit {
    pub(super) const USAGE: u8 = 64;
    pub(super) const DATA: u8 = 65;
    pub(super) const UNAVAILABLE: u8 = 69;
    pub(super) const OS: u8 = 71;
    pub(super) const IO: u8 = 74;
    pub(super) const AGAIN_LATER: u8 = 75;
    pub(super) const CONFIG: u8 = 78;
}

/// Cartes PASS'Région : la carte virtuelle / PASS'Région cards: the virtual card
#[derive(Parser)]
#[command(name = "pass-card", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Met une carte virtuelle dans un lecteur de vpcd / Puts a virtual card into a reader of vpcd
    Serve(serve::Serve),
    /// Montre la carte qui est dans le lecteur / Shows the card that is in the reader
    Inspect(inspect::Inspect),
    /// Simule un TPE / Simulates a bank terminal
    Tpe(tpe::Tpe),
}

/// The command line, for its manual pages and completions.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the program on the command line of this process.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; where they cannot be printed there is nobody to tell.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(exit::USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let done = match cli.verb {
        Verb::Serve(serve) => serve.run(),
        Verb::Inspect(inspect) => inspect.run(),
        Verb::Tpe(tpe) => tpe.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Why a verb ended without what it was asked for. Displays as a French and an English line.
#[derive(Debug)]
enum ToolError {
    /// The card's file.
    File(CardFileError),
    /// The card stopped answering.
    Card(CardFailure),
    /// No virtual reader there, or not any more.
    NoReader {
        /// Host and port.
        address: String,
        /// How long it was waited for, in seconds.
        waited_s: u32,
    },
    /// What is there is no virtual reader, or the connection broke.
    Reader {
        /// Host and port.
        address: String,
        /// What is the matter with it.
        why: String,
    },
    /// No card came into a reader.
    NoCard {
        /// What was there instead.
        why: String,
    },
    /// The card or the reader failed.
    Unreadable {
        /// The reader.
        reader: String,
        /// What is the matter.
        why: String,
    },
    /// The directory of a terminal cannot be used.
    Terminal {
        /// The directory.
        data: PathBuf,
        /// What is the matter.
        why: String,
    },
    /// The simulated bank terminal cannot listen or cannot count.
    Tpe {
        /// Where it was to listen.
        address: String,
        /// What is the matter.
        error: std::io::Error,
    },
    /// The system gave no thread or no signal.
    System(std::io::Error),
}

impl ToolError {
    const fn exit_code(&self) -> u8 {
        match self {
            Self::File(CardFileError::Io { .. }) | Self::Card(_) => exit::IO,
            Self::File(CardFileError::InUse { .. }) => exit::AGAIN_LATER,
            Self::File(CardFileError::Foreign { .. } | CardFileError::Newer { .. } | CardFileError::Damaged { .. }) => {
                exit::DATA
            }
            Self::NoReader { .. }
            | Self::Reader { .. }
            | Self::NoCard { .. }
            | Self::Unreadable { .. }
            | Self::Tpe { .. } => exit::UNAVAILABLE,
            Self::Terminal { .. } => exit::CONFIG,
            Self::System(_) => exit::OS,
        }
    }

    fn french(&self) -> String {
        match self {
            Self::File(CardFileError::Io { path, error }) => {
                format!("Le fichier de carte {} ne peut pas être lu ou écrit : {error}.", path.display())
            }
            Self::File(CardFileError::InUse { path }) => {
                format!("La carte {} est déjà dans un lecteur : un autre programme la tient.", path.display())
            }
            Self::File(CardFileError::Foreign { path }) => {
                format!("{} n'est pas le fichier d'une carte virtuelle ; il est resté tel quel.", path.display())
            }
            Self::File(CardFileError::Newer { path, version }) => {
                format!(
                    "Le fichier de carte {} a la version {version}, trop récente pour ce programme.",
                    path.display()
                )
            }
            Self::File(CardFileError::Damaged { path, why }) => {
                format!("Le fichier de carte {} est abîmé ({why}) ; il est resté tel quel.", path.display())
            }
            Self::Card(failure) => format!("La carte ne répond plus : {failure}."),
            Self::NoReader { address, waited_s } => {
                format!("Aucun lecteur virtuel ne répond à {address} après {waited_s} s : démarrez pcscd avec vpcd.")
            }
            Self::Reader { address, why } => format!("Le lecteur virtuel {address} a fait défaut : {why}."),
            Self::NoCard { why } => format!("Aucune carte n'est venue dans un lecteur ({why})."),
            Self::Unreadable { reader, why } => format!("La carte dans {reader} ne se lit pas : {why}."),
            Self::Terminal { data, why } => {
                format!("Le répertoire de terminal {} ne peut pas servir : {why}.", data.display())
            }
            Self::Tpe { address, error } => format!("Le TPE simulé à {address} ne peut pas servir : {error}."),
            Self::System(error) => format!("Le système refuse un fil ou un signal : {error}."),
        }
    }

    fn english(&self) -> String {
        match self {
            Self::File(error) => format!("{error}."),
            Self::Card(failure) => format!("The card does not answer any more: {failure}."),
            Self::NoReader { address, waited_s } => {
                format!("No virtual reader answers at {address} after {waited_s} s: start pcscd with vpcd.")
            }
            Self::Reader { address, why } => format!("The virtual reader {address} failed: {why}."),
            Self::NoCard { why } => format!("No card came into a reader ({why})."),
            Self::Unreadable { reader, why } => format!("The card in {reader} cannot be read: {why}."),
            Self::Terminal { data, why } => {
                format!("The terminal's directory {} cannot be used: {why}.", data.display())
            }
            Self::Tpe { address, error } => format!("The simulated bank terminal at {address} cannot serve: {error}."),
            Self::System(error) => format!("The system refuses a thread or a signal: {error}."),
        }
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.french(), self.english())
    }
}

impl From<CardFileError> for ToolError {
    fn from(error: CardFileError) -> Self {
        Self::File(error)
    }
}
