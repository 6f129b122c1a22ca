//! `backup` and its check, as people meet them: what is in the file, how old it is, and what is the matter with it.
//!
//! Both work beside a daemon that sells, and without one.

use std::io::Write;
use std::path::Path;

use serde_json::json;

use crate::domain::refusal::Language;
use crate::ledger::{self, BackupError, Contents, OpenError, VerifyError};

use super::cli::{Exit, Failure, Setup};
use super::clock::{Clock as _, SystemClock};
use super::verbs::{open_failure, progress_bar, say};

/// Copies the ledger to `file`.
///
/// # Errors
/// [`Failure`], with its exit status.
pub fn backup(setup: &Setup, file: &Path, out: &mut dyn Write) -> Result<Exit, Failure> {
    let contents =
        ledger::backup(&setup.settings.data, file).map_err(|error| not_made(&error, file, setup.language))?;
    if setup.json {
        writeln!(out, "{}", as_json(&contents, file, "backup"))?;
        return Ok(Exit::Done);
    }
    let (file, Contents { terminal, head, waiting, in_doubt, .. }) = (file.display(), contents);
    let head = head.sequence;
    let french = format!(
        "SAUVEGARDE ÉCRITE - {file} · terminal {terminal} · jusqu'à l'écriture {head} · {waiting} à envoyer · {in_doubt} en doute\n\
         Les clés privées n'y sont pas : elle ne peut pas vendre. Vérifiez-la avec « pass-terminal backup --check »."
    );
    let english = format!(
        "BACKUP WRITTEN - {file} · terminal {terminal} · up to entry {head} · {waiting} to be sent · {in_doubt} in doubt\n\
         The private keys are not in it: it cannot sell. Check it with “pass-terminal backup --check”."
    );
    writeln!(out, "{}", say(setup.language, &french, &english))?;
    Ok(Exit::Done)
}

/// Checks the backup at `file`.
///
/// # Errors
/// [`Failure`], with its exit status.
pub fn check(setup: &Setup, file: &Path, out: &mut dyn Write) -> Result<Exit, Failure> {
    let bar = progress_bar(setup);
    let checked = ledger::check_backup(file, |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let (contents, verified) = match checked {
        Ok(checked) => checked,
        Err(error) => return not_whole(setup, &error, file, out),
    };
    let hours = SystemClock::default().now().seconds_since(contents.time) / 3600;
    if setup.json {
        let mut line = as_json(&contents, file, "checked");
        line["hours_old"] = hours.into();
        line["receipts"] = verified.receipts.into();
        writeln!(out, "{line}")?;
        return Ok(Exit::Done);
    }
    let (file, Contents { terminal, head, waiting, .. }) = (file.display(), contents);
    let (entries, receipts, hash, head) = (verified.entries, verified.receipts, head.hash, head.sequence);
    let french = format!(
        "SAUVEGARDE INTACTE - {file} · terminal {terminal} · {entries} écritures et {receipts} reçus · {waiting} à envoyer\n\
         Dernière écriture : {head}, il y a {hours} h, empreinte {hash}."
    );
    let english = format!(
        "BACKUP INTACT - {file} · terminal {terminal} · {entries} entries and {receipts} receipts · {waiting} to be sent\n\
         Newest entry: {head}, {hours} h ago, hash {hash}."
    );
    writeln!(out, "{}", say(setup.language, &french, &english))?;
    Ok(Exit::Done)
}

fn as_json(contents: &Contents, file: &Path, outcome: &str) -> serde_json::Value {
    json!({
        "outcome": outcome,
        "file": file.display().to_string(),
        "terminal_id": contents.terminal.get(),
        "head": contents.head.sequence.get(),
        "hash": contents.head.hash.to_string(),
        "time": contents.time.to_string(),
        "acknowledged": contents.acknowledged.get(),
        "waiting": contents.waiting,
        "in_doubt": contents.in_doubt,
    })
}

fn not_made(error: &BackupError, file: &Path, language: Language) -> Failure {
    let (exit, french) = match error {
        BackupError::Open(error) => return open_failure(error, language),
        BackupError::Inside => {
            (Exit::Usage, "une sauvegarde va hors du dossier du terminal, sur un autre support".to_owned())
        }
        BackupError::NotOurs => {
            (Exit::Usage, "il y a là autre chose qu'une sauvegarde de ce terminal : prenez un autre nom".to_owned())
        }
        BackupError::File(error) => (Exit::Io, format!("le support ne le permet pas ({error})")),
    };
    let file = file.display();
    let french = format!("{file} n'est pas écrit, et rien n'est perdu ; {french}.");
    Failure::new(exit, say(language, &french, &format!("{file} is not written, and nothing is lost; {error}.")))
}

fn not_whole(setup: &Setup, error: &VerifyError, file: &Path, out: &mut dyn Write) -> Result<Exit, Failure> {
    let exit = match error {
        VerifyError::Wrong(_) | VerifyError::Open(OpenError::Ledger(_) | OpenError::Foreign(_)) => Exit::Data,
        VerifyError::Open(OpenError::NotThere(_)) => Exit::Io,
        VerifyError::Open(
            OpenError::AlreadyThere(_)
            | OpenError::InUse(_)
            | OpenError::Newer { .. }
            | OpenError::OldSqlite(_)
            | OpenError::OtherKey
            | OpenError::Enrolment(_)
            | OpenError::Schema(_),
        ) => Exit::Config,
    };
    if setup.json && exit == Exit::Data {
        let line = json!({ "outcome": "damaged", "file": file.display().to_string(), "wrong": error.to_string() });
        writeln!(out, "{line}")?;
        return Ok(exit);
    }
    let file = file.display();
    let (french, english) = match error {
        VerifyError::Open(OpenError::NotThere(_)) => {
            (format!("Il n'y a pas de fichier {file}."), format!("There is no file {file}."))
        }
        error => (
            format!("{file} n'est pas une sauvegarde intacte : {error}.\nNe la restaurez pas ; prenez-en une autre."),
            format!("{file} is no intact backup: {error}.\nDo not restore it; take another."),
        ),
    };
    Err(Failure::new(exit, say(setup.language, &french, &english)))
}
