//! A copy of the ledger in one file, made while the terminal sells, and its check.
//!
//! The copy is made on a connection of its own, in one snapshot: whoever owns the ledger neither waits nor has to help. It is the whole ledger as it
//! was at one moment, with the time of its newest entry, and without keys: these never leave their machine. What has been copied elsewhere in the
//! meantime (the head file) is not part of it, which is how a copy that is put back is noticed ([`View::behind`]). A payment that the bank terminal is about to
//! be asked for stands in it as sent: by the time the copy is put back it has been, for all that anybody knows.

use std::io;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::domain::{Sequence, TerminalId, Timestamp};
use crate::whole_file::{PRIVATE, Part};
use crate::wire::exchange::Head;

use super::error::{LedgerError, OpenError};
use super::payments;
use super::schema;
use super::verify::{self, Verified, VerifyError};
use super::view::View;

/// What a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Whose ledger it is.
    pub terminal: TerminalId,
    /// The newest entry.
    pub head: Head,
    /// The time of the newest entry: the backup is from then, or later.
    pub time: Timestamp,
    /// The newest entry that the region had acknowledged.
    pub acknowledged: Sequence,
    /// How many entries waited for the region.
    pub waiting: u64,
    /// How many sales and undos were in doubt.
    pub in_doubt: u64,
}

/// Why there is no backup. What had its name before is as it was.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file lies in the terminal's own directory: it would be lost with it, or take the ledger's place.
    #[error("a backup belongs outside the terminal's directory")]
    Inside,
    /// A file of this name is something else than an earlier backup of this terminal.
    #[error("a file of this name is no backup of this terminal")]
    NotOurs,
    /// The medium: full, read-only, gone.
    #[error("the file cannot be written: {0}")]
    File(io::Error),
}

impl From<LedgerError> for BackupError {
    fn from(error: LedgerError) -> Self {
        Self::Open(error.into())
    }
}

impl Contents {
    fn of(view: &View) -> Result<Self, LedgerError> {
        let head = view.head();
        let newest = view.entry(head.sequence)?.ok_or(LedgerError::Damaged("there is no entry".to_owned()))?;
        Ok(Self {
            terminal: view.identity().terminal,
            head,
            time: newest.entry.time,
            acknowledged: view.acknowledged().sequence,
            waiting: view.exposure().waiting_entries,
            in_doubt: view.open_intents()?.len() as u64,
        })
    }
}

/// Copies the ledger in `dir` to `file`, for its owner alone; an earlier backup of the same terminal gives way when the new one is whole.
///
/// # Errors
/// [`BackupError`].
pub fn backup(dir: &Path, file: &Path) -> Result<Contents, BackupError> {
    let source = View::open(dir)?;
    let into = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let into = into.canonicalize().map_err(BackupError::File)?;
    if into.starts_with(dir.canonicalize().map_err(BackupError::File)?) {
        return Err(BackupError::Inside);
    }
    if file.try_exists().map_err(BackupError::File)? {
        let earlier = schema::open_to_read(file).and_then(|connection| View::of(connection, None));
        if !earlier.is_ok_and(|earlier| earlier.identity() == source.identity()) {
            return Err(BackupError::NotOurs);
        }
    }
    let part = Part::beside(file, PRIVATE).map_err(BackupError::File)?;
    let copied = source.connection.execute("VACUUM INTO ?1", [part.path().to_string_lossy()]);
    copied.map_err(|error| BackupError::File(io::Error::other(error.to_string())))?;
    note_as_sent(part.path())?;
    let contents = Contents::of(&View::of(schema::open_to_read(part.path())?, None)?)?;
    part.keep().map_err(BackupError::File)?;
    Ok(contents)
}

fn note_as_sent(path: &Path) -> Result<(), LedgerError> {
    let copy = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    payments::asked_is_sent(&copy)
}

/// Checks the backup at `file` as [`verify`](super::verify()) checks a ledger. `progress` is told how many of how many entries are checked.
///
/// # Errors
/// [`VerifyError`], with the first thing that is wrong.
pub fn check_backup(file: &Path, progress: impl FnMut(u64, u64)) -> Result<(Contents, Verified), VerifyError> {
    let verified = verify::verify_file(file, None, None, progress)?;
    let view = View::of(schema::open_to_read(file)?, None)?;
    Ok((Contents::of(&view)?, verified))
}
