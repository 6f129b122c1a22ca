//! The head in a second place: `DIR/head`, one line with the newest entry's number and hash.
//!
//! It is written after each commit and without a sync of its own, so it may lag behind the database and never leads. A
//! database that does not have the head that the file names is an old copy: it is opened, and does not sell until the
//! region has been asked.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::domain::{EntryHash, Sequence};
use crate::wire::exchange::Head;

/// The ledger is an old copy, or lost entries: a newer head is known from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind {
    /// The head that this ledger does not have.
    pub other: Head,
}

/// `DIR/head`, open for writing.
#[derive(Debug)]
pub(super) struct HeadFile(File);

impl HeadFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().write(true).create(true).truncate(false).open(path)?;
        Ok(Self(file))
    }

    /// Every line has the same length, so that one write replaces it whole, without a moment in which the file is
    /// empty.
    pub(super) fn write(&self, head: Head) -> io::Result<()> {
        self.0.write_all_at(format!("{:020} {}\n", head.sequence.get(), head.hash).as_bytes(), 0)
    }
}

/// The head that the file names; `None` when there is no file, or nothing that can be read: it lags then, which it may.
pub(super) fn read(path: &Path) -> Option<Head> {
    let text = std::fs::read_to_string(path).ok()?;
    let (sequence, hash) = text.strip_suffix('\n')?.split_once(' ')?;
    Some(Head { sequence: Sequence::new(sequence.parse().ok()?), hash: EntryHash::parse(hash)? })
}
