//! A copy of the store while it serves, its check, and a store that was put back from one.
//!
//! A store that was put back has forgotten what it gave out since: feed positions, versions, serials, ids. Terminals and cards have not, and take only
//! what is greater. So every such number goes on above anything that can have been given: versions and serials from the second of the restoration,
//! positions from its millisecond, ids after a gap.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, named_params};

use super::rows::Column;
use super::{SCHEMA_VERSION, Store, StoreError, Stored, Tx};
use crate::domain::Timestamp;
use crate::whole_file::{PRIVATE, Part};

/// How many terminals and partners one day can have been given ids.
const IDS_LOST_MAX: u32 = 1000;

/// What a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contents {
    /// How many terminals.
    pub terminals: u64,
    /// How many cards.
    pub cards: u64,
    /// How many entries.
    pub entries: u64,
    /// The newest exchange; nothing before the first.
    pub last_exchange: Option<Timestamp>,
}

fn file_error(path: &Path) -> impl Fn(io::Error) -> StoreError {
    let path = path.to_owned();
    move |error| StoreError::Create { path: path.clone(), error }
}

impl Store {
    /// Copies the store to `file`, for its owner alone, in one snapshot; others write meanwhile. A file that is there must be an earlier backup.
    ///
    /// # Errors
    /// [`StoreError::NotABackup`] for another file, [`StoreError::Create`], or what SQLite says.
    pub fn back_up(&self, file: &Path) -> Stored<Contents> {
        if file.exists() {
            look_into(file)?;
        }
        let part = Part::beside(file, PRIVATE).map_err(file_error(file))?;
        let connection = self.connection.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let copied = connection.execute("VACUUM INTO ?1", [part.path().to_string_lossy()]);
        drop(connection);
        copied.map_err(|error| file_error(file)(io::Error::other(error.to_string())))?;
        let contents = look_into(part.path())?;
        part.keep().map_err(file_error(file))?;
        Ok(contents)
    }

    /// Puts the backup at `file` in the place of the store at `path`, where there is none now, and notes that it was.
    ///
    /// # Errors
    /// As [`check_backup`]; [`StoreError::Create`] when there is a store, or none can be made.
    pub fn restore(file: &Path, path: &Path, now: Timestamp) -> Stored<Contents> {
        let contents = check_backup(file)?;
        for beside in ["", "-wal", "-shm"] {
            let mut there = path.as_os_str().to_owned();
            there.push(beside);
            if PathBuf::from(&there).exists() {
                return Err(file_error(Path::new(&there))(io::ErrorKind::AlreadyExists.into()));
            }
        }
        let part = Part::beside(path, PRIVATE).map_err(file_error(path))?;
        std::fs::copy(file, part.path()).map_err(file_error(path))?;
        let store = Self::open(part.path())?;
        store.write(|tx| tx.note_restored(now))?;
        let connection = store.connection.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Closed, the file is whole without its write-ahead log, which has the unfinished name.
        connection.close().map_err(|(_, error)| StoreError::from(error))?;
        part.keep().map_err(file_error(path))?;
        Ok(contents)
    }
}

/// Opens `file`, which must be a region's store in one piece.
fn open_backup(file: &Path) -> Stored<Connection> {
    let none = || StoreError::NotABackup(file.to_owned());
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(|_| none())?;
    if found > SCHEMA_VERSION {
        return Err(StoreError::Newer { found });
    }
    let founded = connection.query_row("SELECT count(*) FROM region", [], |row| row.get::<_, u32>(0));
    if founded.map_err(|_| none())? == 1 { Ok(connection) } else { Err(none()) }
}

fn look_into(file: &Path) -> Stored<Contents> {
    let connection = open_backup(file)?;
    let count = |sql: &str| -> Stored<u64> { Ok(connection.query_row(sql, [], |row| row.get(0))?) };
    let last = "SELECT max(received_at) FROM exchange";
    Ok(Contents {
        terminals: count("SELECT count(*) FROM terminal")?,
        cards: count("SELECT count(*) FROM card WHERE certificate IS NOT NULL")?,
        entries: count("SELECT count(*) FROM entry")?,
        last_exchange: connection.query_row(last, [], |row| row.get::<_, Option<u32>>(0))?.map(Timestamp::new),
    })
}

/// Checks the backup at `file`: pages, indexes, references. What terminals signed in it they will send again if need be.
///
/// # Errors
/// [`StoreError::NotABackup`], [`StoreError::Newer`], [`StoreError::Damaged`].
pub fn check_backup(file: &Path) -> Stored<Contents> {
    if !file.exists() {
        return Err(StoreError::Missing(file.to_owned()));
    }
    let connection = open_backup(file)?;
    let damaged = |what: String| StoreError::Damaged { path: file.to_owned(), what };
    let said = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0));
    let said = said.map_err(|error| damaged(error.to_string()))?;
    if said != "ok" {
        return Err(damaged(said));
    }
    if connection.prepare("PRAGMA foreign_key_check")?.exists([])? {
        return Err(damaged("a row refers to one that is not there".to_owned()));
    }
    look_into(file)
}

impl Tx<'_> {
    fn note_restored(&self, now: Timestamp) -> Stored<()> {
        let mut sql = self.sql(
            "INSERT INTO restored (restored_at, terminal_from, partner_from) VALUES (:now,
             (SELECT coalesce(max(terminal_id), 0) FROM terminal) + :gap,
             (SELECT coalesce(max(partner_id), 0) FROM partner) + :gap)",
        )?;
        sql.execute(named_params! { ":now": Column(now), ":gap": IDS_LOST_MAX })?;
        self.pass_positions(u64::from(now.get()) * 1000)
    }

    /// What a version or a serial that follows another has at least: 0, or more once the store was put back from a backup.
    pub fn number_floor(&self) -> Stored<u32> {
        let mut sql = self.sql("SELECT coalesce(max(restored_at), 0) FROM restored")?;
        Ok(sql.query_row([], |row| row.get(0))?)
    }
}
