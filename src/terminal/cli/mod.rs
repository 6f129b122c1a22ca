//! The command line of `pass-terminal`: its verbs, its options and its exit status.
//!
//! A verb is either a client of the daemon (in `client_verbs`, over the local API) or the daemon's own, which
//! [`DaemonVerbs`] stands for. Results go to standard output, what keeps a verb from giving one goes to standard error,
//! in one sentence.

mod args;
mod cashier_verbs;
mod client_verbs;
mod closing_verbs;
mod file_verbs;
mod payment_verbs;
mod receipt_verbs;
mod secret;
mod setup_verb;
mod speak;
mod till_verbs;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use self::args::{Archive, Cli, Keys, Verb};
use super::config::{CommandLine, ConfigError, Override, Settings};
use crate::crypto::Ed25519PublicKey;
use crate::domain::CashierId;
use crate::domain::cashier::Cashiers;
use crate::domain::refusal::Language;
use crate::till::{
    CashierOrder, CashierRefused, CloseOrder, Closed, ClosingQuery, ExportReport, ImportReport, JournalLine,
    JournalQuery, NotCarried, NotClosed, Status,
};

/// Where `setup` writes the configuration, and where the terminal it writes it for is, when nothing else is said: as the package has it.
const CONFIG: &str = "/etc/pass-terminal/terminal.toml";
const DATA: &str = "/var/lib/pass-terminal";

/// The exit status: sysexits.h where it has one, 1 and 2 for what `doctor` finds, 3 and 4 for what a card or the terminal refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: granted, undone, answered.
    Done,
    /// 1: what `doctor` found does not keep the terminal from selling.
    Warnings,
    /// 2: something that `doctor` found does.
    Faults,
    /// 3: refused.
    Refused,
    /// 4: refused for a moment only, or in doubt: the same again, with the card.
    Again,
    /// 64: the command line is wrong.
    Usage,
    /// 65: the data is wrong: a ledger that does not verify, a code that is none.
    Data,
    /// 69: no daemon answers.
    NoDaemon,
    /// 70: the program is at fault.
    Internal,
    /// 74: a file or the line failed.
    Io,
    /// 78: the configuration, or the ledger that it names, cannot be used.
    Config,
}

impl Exit {
    /// The exit status.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Warnings => 1,
            Self::Faults => 2,
            Self::Refused => 3,
            Self::Again => 4,
            Self::Usage => 64,
            Self::Data => 65,
            Self::NoDaemon => 69,
            Self::Internal => 70,
            Self::Io => 74,
            Self::Config => 78,
        }
    }
}

/// The command line, for its manual pages and completions.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Why a verb gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit status.
    pub exit: Exit,
    /// One sentence, in the language of the [`Setup`].
    pub message: String,
}

impl Failure {
    /// A failure with this sentence.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }
}

impl From<io::Error> for Failure {
    /// Standard output is gone.
    fn from(error: io::Error) -> Self {
        Self::new(Exit::Io, error.to_string())
    }
}

/// What every verb is given.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The settings.
    pub settings: Settings,
    /// The language of what people read: of `--lang`, else of the settings.
    pub language: Language,
    /// Whether the result is written as JSON, for programs.
    pub json: bool,
}

/// The verbs that are not clients of the daemon. Each writes its result to `out`.
pub trait DaemonVerbs {
    /// `run`: the daemon, until it is told to stop.
    ///
    /// # Errors
    /// [`Failure`], with its exit status.
    fn run(&self, setup: &Setup, out: &mut dyn Write) -> Result<Exit, Failure>;

    /// `enrol`: with the region at `region` (of the settings without it) and a one-time code.
    ///
    /// # Errors
    /// [`Failure`], with its exit status.
    fn enrol(&self, setup: &Setup, region: Option<&str>, code: &str, out: &mut dyn Write) -> Result<Exit, Failure>;

    /// `verify`: the whole ledger.
    ///
    /// # Errors
    /// [`Failure`], with its exit status.
    fn verify(&self, setup: &Setup, out: &mut dyn Write) -> Result<Exit, Failure>;

    /// `verify --receipt`: the code of a receipt, with this key or the ledger's.
    ///
    /// # Errors
    /// [`Failure`], with its exit status.
    fn verify_receipt(
        &self,
        setup: &Setup,
        code: &str,
        key: Option<Ed25519PublicKey>,
        out: &mut dyn Write,
    ) -> Result<Exit, Failure>;

    /// `archive create`.
    ///
    /// # Errors
    /// [`Failure`], with its exit status.
    fn archive(&self, setup: &Setup, year: u16, directory: &Path, out: &mut dyn Write) -> Result<Exit, Failure>;

    /// `archive verify`.
    ///
    /// # Errors
    /// [`Failure`], with its exit status.
    fn verify_archive(
        &self,
        setup: &Setup,
        directory: &Path,
        key: Option<Ed25519PublicKey>,
        out: &mut dyn Write,
    ) -> Result<Exit, Failure>;

    /// `validate`: the configuration, which is good already when this is called, and what it names.
    ///
    /// # Errors
    /// [`Failure`], with its exit status.
    fn validate(&self, setup: &Setup, out: &mut dyn Write) -> Result<Exit, Failure>;

    /// `doctor`: what is wrong, and what mends it.
    ///
    /// # Errors
    /// [`Failure`], with its exit status.
    fn doctor(&self, setup: &Setup, out: &mut dyn Write) -> Result<Exit, Failure>;

    /// `keys`: which keys the terminal has.
    ///
    /// # Errors
    /// [`Failure`], with its exit status.
    fn show_keys(&self, setup: &Setup, out: &mut dyn Write) -> Result<Exit, Failure>;

    /// `keys change`: new ones in their place.
    ///
    /// # Errors
    /// [`Failure`], with its exit status.
    fn change_keys(&self, setup: &Setup, out: &mut dyn Write) -> Result<Exit, Failure>;

    /// `backup`: a copy of the ledger in `file`.
    ///
    /// # Errors
    /// [`Failure`], with its exit status.
    fn backup(&self, setup: &Setup, file: &Path, out: &mut dyn Write) -> Result<Exit, Failure>;

    /// `backup --check`: whether such a copy is whole, and what is in it.
    ///
    /// # Errors
    /// [`Failure`], with its exit status.
    fn check_backup(&self, setup: &Setup, file: &Path, out: &mut dyn Write) -> Result<Exit, Failure>;

    /// `export` when no daemon answers; nothing where there is no ledger.
    ///
    /// # Errors
    /// [`Failure`], with its exit status.
    fn export_without_daemon(&self, setup: &Setup) -> Result<Option<Result<ExportReport, NotCarried>>, Failure>;

    /// `import` when no daemon answers; nothing where there is no ledger.
    ///
    /// # Errors
    /// [`Failure`], with its exit status.
    fn import_without_daemon(
        &self,
        setup: &Setup,
        answer: &[u8],
    ) -> Result<Option<Result<ImportReport, NotCarried>>, Failure>;

    /// `status` when no daemon answers: what the ledger says; nothing where there is none.
    ///
    /// # Errors
    /// [`Failure`], with its exit status.
    fn status_without_daemon(&self, setup: &Setup) -> Result<Option<Status>, Failure>;

    /// `journal` when no daemon answers: what the ledger says; nothing where there is none.
    ///
    /// # Errors
    /// [`Failure`], with its exit status.
    fn journal_without_daemon(&self, setup: &Setup, query: JournalQuery) -> Result<Option<Vec<JournalLine>>, Failure>;

    /// `close` when no daemon answers; nothing where there is no ledger. Whoever may write the ledger's files may do this.
    ///
    /// # Errors
    /// [`Failure`], with its exit status.
    fn close_without_daemon(
        &self,
        setup: &Setup,
        order: CloseOrder,
    ) -> Result<Option<Result<Closed, NotClosed>>, Failure>;

    /// `closings` when no daemon answers; nothing where there is no ledger.
    ///
    /// # Errors
    /// [`Failure`], with its exit status.
    fn closings_without_daemon(&self, setup: &Setup, query: ClosingQuery) -> Result<Option<Vec<Closed>>, Failure>;

    /// `cashier list` when no daemon answers; nothing where there is no ledger.
    ///
    /// # Errors
    /// [`Failure`], with its exit status.
    fn cashiers_without_daemon(&self, setup: &Setup) -> Result<Option<Cashiers>, Failure>;

    /// A change of the list of cashiers when no daemon answers; nothing where there is no ledger. Whoever may write the ledger's files
    /// may do this without a PIN: so a forgotten one is replaced.
    ///
    /// # Errors
    /// [`Failure`], with its exit status.
    fn change_cashiers_without_daemon(
        &self,
        setup: &Setup,
        order: &CashierOrder,
    ) -> Result<Option<Result<CashierId, CashierRefused>>, Failure>;
}

/// Runs the command line `args`, whose first is the program's name.
pub fn main(args: impl IntoIterator<Item = OsString>, verbs: &dyn DaemonVerbs) -> ExitCode {
    let exit = run(args, verbs, &mut io::stdout(), &mut io::stderr());
    ExitCode::from(exit.code())
}

fn run(
    args: impl IntoIterator<Item = OsString>,
    verbs: &dyn DaemonVerbs,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; where they cannot be written there is nobody to tell.
            let (to, exit): (&mut dyn Write, _) =
                if error.use_stderr() { (err, Exit::Usage) } else { (out, Exit::Done) };
            let _ = write!(to, "{error}");
            return exit;
        }
    };
    match carry_out(cli, verbs, out) {
        Ok(exit) => exit,
        Err(failure) => {
            let _ = writeln!(err, "{}", failure.message);
            failure.exit
        }
    }
}

fn carry_out(cli: Cli, verbs: &dyn DaemonVerbs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let setup = set_up(&cli)?;
    let setup = &setup;
    match cli.verb {
        Verb::Run { .. } => verbs.run(setup, out),
        Verb::Enrol { region, code } => verbs.enrol(setup, region.as_deref(), &code, out),
        Verb::Verify { receipt: None, .. } => verbs.verify(setup, out),
        Verb::Verify { receipt: Some(code), key } => verbs.verify_receipt(setup, &code, key, out),
        Verb::Payment { verb } => payment_verbs::payment(setup, verb, out),
        Verb::Receipt { verb } => receipt_verbs::receipt(setup, verb, out),
        Verb::Archive { verb: Archive::Create { year, directory } } => verbs.archive(setup, year, &directory, out),
        Verb::Archive { verb: Archive::Verify { directory, key } } => verbs.verify_archive(setup, &directory, key, out),
        Verb::Validate => verbs.validate(setup, out),
        Verb::Doctor => verbs.doctor(setup, out),
        Verb::Keys { verb: None } => verbs.show_keys(setup, out),
        Verb::Keys { verb: Some(Keys::Change) } => verbs.change_keys(setup, out),
        Verb::Setup(args) => {
            setup_verb::setup(setup, verbs, &args, cli.common.config.as_deref().unwrap_or(Path::new(CONFIG)), out)
        }
        Verb::Card { wait } => client_verbs::card(setup, wait, out),
        Verb::Redeem(args) => client_verbs::redeem(setup, args, out),
        Verb::Undo(args) => client_verbs::undo(setup, args, out),
        Verb::Abandon { card } => client_verbs::abandon(setup, card, out),
        Verb::Sync => client_verbs::sync(setup, out),
        Verb::Export { file } => file_verbs::export(setup, verbs, &file, out),
        Verb::Import { file } => file_verbs::import(setup, verbs, &file, out),
        Verb::Backup { file, check: false } => verbs.backup(setup, &file, out),
        Verb::Backup { file, check: true } => verbs.check_backup(setup, &file, out),
        Verb::Page => till_verbs::page(setup, out),
        Verb::Till { verb } => till_verbs::till(setup, verb, out),
        Verb::Status => client_verbs::status(setup, verbs, out),
        Verb::Journal(args) => client_verbs::journal(setup, verbs, args, out),
        Verb::Close(args) => closing_verbs::close(setup, verbs, args, out),
        Verb::Closings { verb } => closing_verbs::closings(setup, verbs, verb, out),
        Verb::Cashier { verb } => cashier_verbs::cashier(setup, verbs, verb, out),
    }
}

fn set_up(cli: &Cli) -> Result<Setup, Failure> {
    let line = match &cli.verb {
        Verb::Run { reader, listen, metrics } => {
            CommandLine { reader: reader.clone(), listen: *listen, metrics: *metrics, ..CommandLine::default() }
        }
        _ => CommandLine::default(),
    };
    let common = &cli.common;
    let language = common.lang.unwrap_or_default();
    // A backup, an archive and a receipt are checked anywhere, also where there is no terminal.
    let anywhere = matches!(
        cli.verb,
        Verb::Backup { check: true, .. }
            | Verb::Archive { verb: Archive::Verify { .. } }
            | Verb::Verify { receipt: Some(_), key: Some(_) }
    )
    .then(|| PathBuf::from("."));
    let data = common.data.clone().or(anywhere);
    // The file that is yet to be written is not read.
    let is_new = matches!(cli.verb, Verb::Setup(_));
    let data = data.or(is_new.then(|| PathBuf::from(DATA)));
    let config = common.config.as_deref().filter(|_| !is_new);
    // What is no text is no setting.
    let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    let mut overrides = Override::of_environment(std::env::vars_os().filter_map(text));
    overrides.extend(common.set.iter().cloned());
    let settings = Settings::resolve(config, CommandLine { data, overrides, ..line });
    let settings = settings.map_err(|error| {
        let exit = match &error {
            ConfigError::NoData => Exit::Usage,
            ConfigError::Read { .. } | ConfigError::Line { .. } | ConfigError::Override { .. } => Exit::Config,
        };
        Failure::new(exit, speak::config_error(&error, language))
    })?;
    let language = common.lang.unwrap_or(settings.language);
    Ok(Setup { settings, language, json: common.json })
}

#[cfg(test)]
mod tests;
