//! The exchange by file: `export` writes what is carried to the region, `import` takes what is carried back.
//!
//! The daemon owns the ledger and this program the file: the stick is where the person is. Without a daemon the ledger is opened here.

use std::io::{self, Write};
use std::path::Path;

use super::client_verbs::{ANSWER_TIMEOUT, Daemon, write};
use super::speak;
use super::{DaemonVerbs, Exit, Failure, Setup};
use crate::domain::refusal::Language;
use crate::till::CARRIED_BYTES_MAX;
use crate::till::client::ClientError;
use crate::till::json::{Export, Exported, Import, ImportRequest, NotCarriedReason};
use crate::whole_file::{self, PUBLIC};
use crate::wire::cose::{Algorithm, Content, Sign1};

pub(super) fn export(
    setup: &Setup,
    verbs: &dyn DaemonVerbs,
    file: &Path,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    may_be_written(file).map_err(|error| not_written(&error, file, setup.language))?;
    let daemon = Daemon::of(setup)?;
    let exported = match daemon.post("/v1/exports", &(), ANSWER_TIMEOUT) {
        Err(error @ ClientError::NoDaemon { .. }) => {
            let report = verbs.export_without_daemon(setup)?.ok_or_else(|| daemon.failure(&error))?;
            Export::new(&report, setup.language)
        }
        other => other.map_err(|error| daemon.failure(&error))?,
    };
    let exported = match exported {
        Export::Exported(exported) => exported,
        Export::NotCarried(why) => return not_carried(setup, why, out),
    };
    let message = exported.message.as_deref().and_then(|digits| hex::decode(digits).ok());
    let message = message.ok_or_else(|| Failure::new(Exit::Internal, speak::no_message(setup.language)))?;
    whole_file::write(file, PUBLIC, &message).map_err(|error| not_written(&error, file, setup.language))?;
    let written = Exported { message: None, file: Some(file.display().to_string()), ..exported };
    write(setup, out, &Export::Exported(written.clone()), |_, language| speak::exported(&written, language))?;
    Ok(Exit::Done)
}

pub(super) fn import(
    setup: &Setup,
    verbs: &dyn DaemonVerbs,
    file: &Path,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let answer = whole_file::read(file, CARRIED_BYTES_MAX).map_err(|error| not_read(&error, file, setup.language))?;
    let daemon = Daemon::of(setup)?;
    let imported = match daemon.post("/v1/imports", &ImportRequest::of(&answer), ANSWER_TIMEOUT) {
        Err(error @ ClientError::NoDaemon { .. }) => {
            let report = verbs.import_without_daemon(setup, &answer)?.ok_or_else(|| daemon.failure(&error))?;
            Import::new(&report, setup.language)
        }
        other => other.map_err(|error| daemon.failure(&error))?,
    };
    let taken = match &imported {
        Import::Imported(taken) => taken,
        Import::NotCarried(why) => return not_carried(setup, why.clone(), out),
    };
    write(setup, out, &imported, |_, language| speak::imported(taken, language))?;
    Ok(Exit::Done)
}

/// A program reads the reason, a person the sentence.
fn not_carried(setup: &Setup, why: NotCarriedReason, out: &mut dyn Write) -> Result<Exit, Failure> {
    let exit = if why.reason == "ledger-unavailable" { Exit::Io } else { Exit::Data };
    if !setup.json {
        return Err(Failure::new(exit, why.message));
    }
    write(setup, out, &Import::NotCarried(why.clone()), |_, _| why.message.clone())?;
    Ok(exit)
}

/// An earlier export gives way to the next; whatever else is on the stick stays.
fn may_be_written(file: &Path) -> io::Result<()> {
    match whole_file::read(file, CARRIED_BYTES_MAX) {
        Ok(there) if Sign1::decode(&there, Algorithm::EdDsa, Content::ExchangeRequest).is_ok() => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::FileTooLarge => Err(error),
        Ok(_) | Err(_) => Err(io::ErrorKind::AlreadyExists.into()),
    }
}

fn not_written(error: &io::Error, file: &Path, language: Language) -> Failure {
    let exit = if error.kind() == io::ErrorKind::AlreadyExists { Exit::Usage } else { Exit::Io };
    Failure::new(exit, speak::not_written(error, file, language))
}

fn not_read(error: &io::Error, file: &Path, language: Language) -> Failure {
    let exit = if error.kind() == io::ErrorKind::FileTooLarge { Exit::Data } else { Exit::Io };
    Failure::new(exit, speak::not_read(error, file, language))
}
