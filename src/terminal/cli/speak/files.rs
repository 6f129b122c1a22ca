//! What people read of files that are carried: what is in them, and what is the matter with the stick.

use std::io;
use std::path::Path;

use super::state::received;
use super::{POINT, count, money};
use crate::domain::refusal::Language;
use crate::domain::refusal::Language::{English, French};
use crate::till::json::{Exported, Imported};

/// What was written for the region.
pub(in crate::terminal::cli) fn exported(exported: &Exported, language: Language) -> String {
    let Exported { file, entries, owed_cents, in_doubt, left, .. } = exported;
    let file = file.as_deref().unwrap_or_default();
    let entries =
        count(*entries, choose(language, "écriture", "entry"), choose(language, "écritures", "entries"), language);
    let owed = money(*owed_cents, language);
    let mut lines = match language {
        French => vec![
            format!("DEMANDE ÉCRITE - {file}{POINT}{entries}{POINT}{owed} dus par la région"),
            "Portez ce fichier à la région ; au retour, lancez « pass-terminal import » avec sa réponse.".to_owned(),
        ],
        English => vec![
            format!("REQUEST WRITTEN - {file}{POINT}{entries}{POINT}{owed} owed by the region"),
            "Carry this file to the region; when you are back, run “pass-terminal import” with its answer.".to_owned(),
        ],
    };
    match (in_doubt, language) {
        (0, _) => (),
        (number, French) => {
            lines.push(format!("Elle signale {} en doute.", count(*number, "vente", "ventes", language)))
        }
        (number, English) => lines.push(format!("It tells of {} in doubt.", count(*number, "sale", "sales", language))),
    }
    match (left, language) {
        (0, _) => (),
        (number, French) => lines.push(format!(
            "{} n'ont pas la place : refaites un export après l'import.",
            count(*number, "écriture", "écritures", language)
        )),
        (number, English) => lines.push(format!(
            "{} had no room: export again after the import.",
            count(*number, "entry", "entries", language)
        )),
    }
    lines.join("\n")
}

/// What an answer of the region brought.
pub(in crate::terminal::cli) fn imported(imported: &Imported, language: Language) -> String {
    let Imported { news, acknowledged, waiting, more } = imported;
    let title = match (news.as_str(), language) {
        ("again", French) => "DÉJÀ IMPORTÉE : rien n'a changé",
        ("again", English) => "IMPORTED BEFORE: nothing has changed",
        ("overtaken", French) => "RÉPONSE DÉPASSÉE : son reçu est gardé, le reste était connu",
        ("overtaken", English) => "ANSWER OVERTAKEN: its receipt is kept, the rest was known",
        (_, French) => "RÉPONSE IMPORTÉE",
        (_, English) => "ANSWER IMPORTED",
    };
    let waiting = super::state::waiting(*waiting, language);
    let mut text = format!("{title} - {}{POINT}{waiting}", received(*acknowledged, language));
    if *more {
        text.push_str(choose(
            language,
            "\nTout n'est pas passé : exportez une nouvelle demande.",
            "\nNot everything is through: export a new request.",
        ));
    }
    text
}

/// Why a file was not written.
pub(in crate::terminal::cli) fn not_written(error: &io::Error, file: &Path, language: Language) -> String {
    let file = file.display();
    let (french, english) = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => (
            "il n'y a plus de place sur ce support : libérez-en, ou prenez une autre clé".to_owned(),
            "there is no room left on this medium: make some, or take another stick".to_owned(),
        ),
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => (
            "ce support n'accepte pas d'écriture : ôtez sa protection, ou prenez une autre clé".to_owned(),
            "this medium takes no writing: remove its protection, or take another stick".to_owned(),
        ),
        io::ErrorKind::IsADirectory => (
            "c'est un dossier : ajoutez un nom de fichier".to_owned(),
            "this is a directory: add a file name".to_owned(),
        ),
        io::ErrorKind::NotFound => (
            "le dossier n'existe pas : la clé est-elle branchée ?".to_owned(),
            "the directory does not exist: is the stick plugged in?".to_owned(),
        ),
        io::ErrorKind::AlreadyExists => (
            "il y a là autre chose qu'une demande à la région : prenez un autre nom".to_owned(),
            "something else than a request to the region is there: take another name".to_owned(),
        ),
        _ => (error.to_string(), error.to_string()),
    };
    match language {
        French => format!("{file} n'est pas écrit, et rien n'est perdu ; {french}."),
        English => format!("{file} is not written, and nothing is lost; {english}."),
    }
}

/// Why a file was not read.
pub(in crate::terminal::cli) fn not_read(error: &io::Error, file: &Path, language: Language) -> String {
    let file = file.display();
    match (error.kind(), language) {
        (io::ErrorKind::FileTooLarge, French) => {
            format!("{file} est plus grand qu'aucune réponse de la région : ce n'est pas le bon fichier.")
        }
        (io::ErrorKind::FileTooLarge, English) => {
            format!("{file} is larger than any answer of the region: this is not the right file.")
        }
        (_, French) => format!("{file} ne peut pas être lu ({error}) : vérifiez le nom et la clé, rien n'a changé."),
        (_, English) => format!("{file} cannot be read ({error}): check name and stick, nothing has changed."),
    }
}

/// The daemon's answer has no message in it.
pub(in crate::terminal::cli) fn no_message(language: Language) -> String {
    choose(
        language,
        "Le terminal n'a pas donné de demande : il est d'une autre version que cette commande.",
        "The terminal gave no request: it is of another version than this command.",
    )
    .to_owned()
}

const fn choose<'t>(language: Language, french: &'t str, english: &'t str) -> &'t str {
    match language {
        French => french,
        English => english,
    }
}
