//! What is typed and not shown: a PIN, from the terminal without echo, or from standard input where that is no terminal. Never from an
//! argument, which every process of the machine can read.
//!
//! And where a session is kept between two commands: in `PASS_SESSION`, or in a file of the person's own runtime directory.

use std::ffi::OsString;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::{Exit, Failure, Setup};
use crate::domain::cashier::Pin;
use crate::domain::refusal::Language;
use crate::whole_file::{self, PRIVATE};

/// Where a session is looked for first.
const SESSION_VARIABLE: &str = "PASS_SESSION";
/// The directory that systemd gives each person who has logged in, in memory and for them alone.
const RUNTIME_VARIABLE: &str = "XDG_RUNTIME_DIR";
/// The file in it.
const SESSION_FILE: &str = "pass-terminal.session";
/// 32 digits and the end of the line.
const SESSION_BYTES_MAX: usize = 64;

/// Shows what is typed again, however this ends.
struct Echo(Option<Termios>);

impl Echo {
    fn off() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(Some(before)))
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        if let Some(before) = self.0.take() {
            // A terminal that has gone shows nothing anyway.
            let _gone = tcsetattr(io::stdin(), OptionalActions::Now, &before);
        }
    }
}

/// Whether a PIN is typed twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// One that is known.
    Once,
    /// A new one, which a slip must not become.
    Twice,
}

/// A PIN that somebody types.
pub(super) fn pin(setup: &Setup, typed: Typed) -> Result<Pin, Failure> {
    let language = setup.language;
    let first = line(language, "Code : ", "PIN: ")?;
    let pin = Pin::new(first.trim_end()).map_err(|_| bad_pin(language))?;
    // What comes through a pipe was typed elsewhere.
    if typed == Typed::Twice && io::stdin().is_terminal() && line(language, "Encore une fois : ", "Again: ")? != first {
        let message = match language {
            Language::French => "Les deux codes ne sont pas les mêmes : rien n'a changé.",
            Language::English => "The two PINs are not the same: nothing has changed.",
        };
        return Err(Failure::new(Exit::Data, message));
    }
    Ok(pin)
}

fn bad_pin(language: Language) -> Failure {
    let message = match language {
        Language::French => "Un code a 4 à 8 chiffres.",
        Language::English => "A PIN has 4 to 8 digits.",
    };
    Failure::new(Exit::Data, message)
}

fn line(language: Language, french: &str, english: &str) -> Result<String, Failure> {
    let mut line = String::new();
    if io::stdin().is_terminal() {
        let asked = match language {
            Language::French => french,
            Language::English => english,
        };
        let _echo = Echo::off()?;
        write!(io::stderr(), "{asked}")?;
        io::stdin().lock().read_line(&mut line)?;
        writeln!(io::stderr())?;
    } else {
        io::stdin().lock().read_line(&mut line)?;
    }
    Ok(line)
}

impl From<rustix::io::Errno> for Failure {
    fn from(error: rustix::io::Errno) -> Self {
        Self::new(Exit::Io, io::Error::from(error).to_string())
    }
}

fn session_file() -> Option<PathBuf> {
    let place: Option<OsString> = std::env::var_os(RUNTIME_VARIABLE).filter(|place| !place.is_empty());
    place.map(|place| PathBuf::from(place).join(SESSION_FILE))
}

/// The session that this person has, if any.
pub(super) fn session() -> Option<String> {
    if let Ok(session) = std::env::var(SESSION_VARIABLE) {
        return Some(session);
    }
    let bytes = whole_file::read(&session_file()?, SESSION_BYTES_MAX).ok()?;
    String::from_utf8(bytes).ok().map(|text| text.trim().to_owned())
}

/// Keeps `session` for the next command. Whether there was a place for it.
pub(super) fn keep_session(session: &str) -> io::Result<bool> {
    let Some(file) = session_file() else { return Ok(false) };
    whole_file::write(&file, PRIVATE, session.as_bytes()).map(|()| true)
}

/// Forgets it.
pub(super) fn forget_session() {
    if let Some(file) = session_file() {
        // One that is not there is forgotten.
        let _not_there = std::fs::remove_file(file);
    }
}
