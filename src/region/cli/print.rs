//! What goes to standard output: JSON for scripts, or a sentence in the language that was asked for.

use std::io::{self, Write as _};
use std::path::PathBuf;

use serde_json::Value;

use super::super::error::RegionError;
use crate::domain::refusal::Language;

/// Speaks the language of whoever asked.
pub(super) struct Printer {
    language: Language,
    json: bool,
}

impl Printer {
    pub(super) fn new(language: impl Into<Language>, json: bool) -> Self {
        Self { language: language.into(), json }
    }

    pub(super) fn language(&self) -> Language {
        self.language
    }

    /// Whether a script asked.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// One of two texts.
    pub(super) fn text<'t>(&self, french: &'t str, english: &'t str) -> &'t str {
        match self.language {
            Language::French => french,
            Language::English => english,
        }
    }

    /// The answer of a verb.
    pub(super) fn done(&self, json: &Value, french: &str, english: &str) -> Result<(), RegionError> {
        if self.json { self.line(&json.to_string()) } else { self.line(self.text(french, english)) }
    }

    /// One line.
    pub(super) fn line(&self, line: &str) -> Result<(), RegionError> {
        printed(writeln!(io::stdout().lock(), "{line}"))
    }

    /// Something to know that stops nothing.
    pub(super) fn note(&self, french: &str, english: &str) {
        eprintln!("{}", self.text(french, english));
    }
}

/// What printing says. Whoever reads may have read enough: that is no error.
pub(super) fn printed(result: io::Result<()>) -> Result<(), RegionError> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(RegionError::Io { path: PathBuf::from("stdout"), error }),
        Ok(()) => Ok(()),
    }
}
