//! The program `pass-region`: its verbs, what it says to people and to scripts, and its exit codes.
//!
//! Every verb is one call of [`Region`]. With `--json` the answer is JSON on standard output, for scripts; otherwise a sentence for people, French
//! unless `--lang en`. What goes wrong is one sentence on standard error and an exit code of sysexits.h. This is the only place of the
//! region that has a clock.

mod args;
mod cards;
mod life;
mod life_args;
mod network;
mod partners;
mod print;
mod safekeeping;
mod settle;
mod settle_args;

use std::fs;
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{CommandFactory as _, Parser as _};

use super::config::{CatalogueFile, SHIPPED_CATALOGUE, parse_policy};
use super::error::RegionError;
use super::server::{TlsFiles, serve};
use super::settings::Settings;
use super::{Refused, Region};
use crate::domain::{Season, Timestamp};
use crate::whole_file::{self, PUBLIC};
use crate::wire::exchange::REQUEST_BYTES_MAX;
use args::{Cli, Init, KeyVerb, Publish, Serve, Validate, Verb};
use print::Printer;

/// The exit code for a command line that is none.
const EXIT_USAGE: u8 = 64;

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
            return if error.use_stderr() { ExitCode::from(EXIT_USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let printer = Printer::new(cli.lang, cli.json);
    match verb(cli.verb, &printer) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", error.sentence(printer.language()));
            ExitCode::from(error.exit_code())
        }
    }
}

/// The clock of the machine; before 1970 it is 1970, after 2106 it is 2106.
fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::new(u32::try_from(since_epoch.as_secs()).unwrap_or(u32::MAX))
}

fn verb(verb: Verb, printer: &Printer) -> Result<(), RegionError> {
    match verb {
        Verb::Init(init) => make(&init, printer),
        Verb::Serve(serve) => run_server(&serve, printer),
        Verb::Validate(files) => validate(&files, printer),
        Verb::Partner { verb } => network::partner(verb, printer),
        Verb::Terminal { verb } => network::terminal(verb, printer),
        Verb::Card { verb } => cards::card(verb, printer),
        Verb::Holder { verb } => life::holder(verb, printer),
        Verb::Order { verb } => life::order(verb, printer),
        Verb::Establishment { verb } => life::establishment(verb, printer),
        Verb::Operator { verb } => life::operator(verb, printer),
        Verb::Mails { data } => life::mails(&data, printer),
        Verb::Revalidate(list) => life::revalidate(&list, printer),
        Verb::Key { verb: KeyVerb::Rotate(rotate) } => {
            let certificate = rotate.data.open()?.rotate_key(rotate.root_key.as_deref(), now())?;
            let serial = certificate.serial;
            printer.done(
                &serde_json::json!({ "key_serial": serial.get() }),
                &format!("La clé {serial} signe désormais ; les terminaux l'apprennent au prochain échange."),
                &format!("Key {serial} signs from now on; the terminals learn it at their next exchange."),
            )
        }
        Verb::Catalogue { verb } => publish_catalogue(&verb.publish(), printer),
        Verb::Policy { verb } => publish_policy(&verb.publish(), printer),
        Verb::Settle { verb } => settle::settle(verb, printer),
        Verb::Entry { verb } => settle::entry(verb, printer),
        Verb::Entries(entries) => cards::entries(&entries, printer),
        Verb::Answer(answer) => answer_file(&answer, printer),
        Verb::Backup(backup) => safekeeping::backup(&backup, printer),
        Verb::Restore(restore) => safekeeping::restore(&restore, printer),
    }
}

/// Reads a file that was named on the command line: what somebody carried here may be anything. Of one that is larger than any request
/// may be no more is read than shows that.
fn read_file(path: &Path) -> Result<Vec<u8>, RegionError> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(REQUEST_BYTES_MAX as u64 + 1).read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(|error| not_read(path, error))
}

fn not_read(path: &Path, error: std::io::Error) -> RegionError {
    match error.kind() {
        std::io::ErrorKind::NotFound => RegionError::NoFile(path.to_owned()),
        _ => RegionError::Io { path: path.to_owned(), error },
    }
}

fn read_text(path: &Path) -> Result<String, RegionError> {
    String::from_utf8(read_file(path)?).map_err(|_| RegionError::Config {
        file: path.display().to_string(),
        error: super::config::ConfigError { line: None, what: "the file is not UTF-8 text".to_owned() },
    })
}

fn read_catalogue(path: Option<&Path>) -> Result<(String, CatalogueFile), RegionError> {
    let (name, text) = match path {
        Some(path) => (path.display().to_string(), read_text(path)?),
        None => ("config/catalogue.toml".to_owned(), SHIPPED_CATALOGUE.to_owned()),
    };
    match CatalogueFile::parse(&text) {
        Ok(file) => Ok((name, file)),
        Err(error) => Err(RegionError::Config { file: name, error }),
    }
}

fn make(init: &Init, printer: &Printer) -> Result<(), RegionError> {
    let now = now();
    let (name, catalogue) = read_catalogue(init.catalogue.as_deref())?;
    let season = init.season.map(Season::new).or(catalogue.season).unwrap_or(Season::at(now));
    // What does not fit together is said before anything is made.
    catalogue.catalogue(season, 1).map_err(|error| RegionError::Config { file: name, error })?;
    Region::create_on(&init.data.data, &init.data.location()?, &catalogue, season, now)?;
    let directory = init.data.data.display();
    printer.done(
        &serde_json::json!({ "data": directory.to_string(), "season": season.get(), "key_serial": 1 }),
        &format!(
            "La région est prête dans {directory}, saison {season}. Mettez {directory}/keys/root.pk8 en lieu sûr, hors ligne."
        ),
        &format!("The region is ready in {directory}, season {season}. Put {directory}/keys/root.pk8 in a safe, off line."),
    )
}

fn run_server(arguments: &Serve, printer: &Printer) -> Result<(), RegionError> {
    let filter = tracing_subscriber::EnvFilter::try_from_env("PASS_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    // A subscriber that is there already will do.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
    if let Err(error) = crate::no_dumps::forbid() {
        tracing::warn!(%error, "a crash could write the keys to the disk");
    }
    let mut settings = arguments.config.as_deref().map(Settings::read).transpose()?.unwrap_or_default();
    settings.metrics = arguments.metrics.clone().or(settings.metrics);
    let given = arguments.tls_cert.clone().zip(arguments.tls_key.clone()).or_else(|| settings.tls.clone());
    let tls = given.map(|(certificate, key)| TlsFiles { certificate, key });
    let listen = arguments.listen.as_ref().or(settings.listen.as_ref());
    let listen = listen.ok_or_else(|| RegionError::Config {
        file: arguments.config.as_deref().unwrap_or(Path::new("")).display().to_string(),
        error: super::config::ConfigError { line: None, what: "[server] listen is missing".to_owned() },
    })?;
    let region = arguments.data.open()?;
    let listening = |address: &str, metrics: Option<&str>| {
        let sentence = printer.text("La région écoute sur", "The region listens on");
        let mut out = std::io::stdout().lock();
        // Nobody may be reading: the server serves all the same.
        let _ = writeln!(out, "{sentence} {address}").and_then(|()| out.flush());
        if let Some(metrics) = metrics {
            let sentence = printer.text("Mesures :", "Metrics:");
            let _ = writeln!(out, "{sentence} {metrics}").and_then(|()| out.flush());
        }
        // Without systemd there is nobody to tell.
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    };
    serve(region, Arc::new(now), listen, tls.as_ref(), &settings, listening)
}

/// Reads each file as the verb does that is given it, and says what is wrong with its line.
fn validate(files: &Validate, printer: &Printer) -> Result<(), RegionError> {
    if let Some(config) = &files.config {
        Settings::read(config)?;
    }
    if let Some(catalogue) = &files.catalogue {
        read_catalogue(Some(catalogue))?;
    }
    if let Some(policy) = &files.policy {
        let file = policy.display().to_string();
        parse_policy(&read_text(policy)?, 1).map_err(|error| RegionError::Config { file, error })?;
    }
    printer.done(&serde_json::json!({ "valid": true }), "Les fichiers sont bons.", "The files are good.")
}

fn publish_catalogue(publish: &Publish, printer: &Printer) -> Result<(), RegionError> {
    let now = now();
    let (name, file) = read_catalogue(Some(&publish.file))?;
    let season = publish.season.map(Season::new).or(file.season).unwrap_or(Season::at(now));
    let made = publish.data.open()?.publish_catalogue(&name, &file, season, now)?;
    let version = made.version;
    printer.done(
        &serde_json::json!({ "season": season.get(), "version": version }),
        &format!("Le catalogue {season}, version {version}, part avec le prochain échange de chaque terminal."),
        &format!("The catalogue of {season}, version {version}, goes out with each terminal's next exchange."),
    )
}

fn publish_policy(publish: &Publish, printer: &Printer) -> Result<(), RegionError> {
    let text = read_text(&publish.file)?;
    let file = publish.file.display().to_string();
    let version = publish.data.open()?.publish_policy(&file, &text, now())?.version;
    printer.done(
        &serde_json::json!({ "version": version }),
        &format!("La politique hors ligne, version {version}, part avec le prochain échange de chaque terminal."),
        &format!("The offline policy, version {version}, goes out with each terminal's next exchange."),
    )
}

fn refused(refused: Refused) -> RegionError {
    match refused {
        Refused::Failed(error) => error,
        other => RegionError::Message(other.sentence().trim_end_matches('.').to_owned()),
    }
}

/// A request that came in a file: the same messages, carried by hand.
fn answer_file(arguments: &args::Answer, printer: &Printer) -> Result<(), RegionError> {
    let request = whole_file::read(&arguments.request, REQUEST_BYTES_MAX).map_err(|error| match error.kind() {
        std::io::ErrorKind::FileTooLarge => refused(Refused::TooLarge),
        _ => not_read(&arguments.request, error),
    })?;
    let region = arguments.data.open()?;
    let now = now();
    let answer = match region.exchange(&request, now) {
        Err(Refused::Malformed) => region.enrol(&request, now),
        answer => answer,
    };
    let answer = answer.map_err(refused)?;
    let path = &arguments.answer;
    whole_file::write(path, PUBLIC, &answer)
        .map_err(|error| RegionError::CannotCreate { path: path.clone(), error })?;
    printer.done(
        &serde_json::json!({ "answer": path.display().to_string() }),
        &format!("La réponse est dans {} : rapportez-la au terminal.", path.display()),
        &format!("The answer is in {}: carry it back to the terminal.", path.display()),
    )
}
