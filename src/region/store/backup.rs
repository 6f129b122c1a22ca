//! A copy of the store while it serves, its check, and a store that was put back from one.
//!
//! A store that was put back has forgotten what it gave out since: feed positions, versions, serials, ids. Terminals and cards have not, and take only
//! what is greater. So every such number goes on above anything that can have been given: versions and serials from the second of the restoration,
//! the positions of the feed of all from the same second, those of each terminal's own and ids after a gap.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::engine::values;
use super::feed::Audience;
use super::sqlite::Sqlite;
use super::{Backend, SCHEMA_VERSION, Store, StoreError, Stored, Tx};
use crate::domain::Timestamp;
use crate::whole_file::{PRIVATE, Part};

/// How many terminals and partners one day can have been given ids.
const IDS_LOST_MAX: u32 = 1000;

/// How many items one terminal can have been told in one day.
const OWN_ITEMS_LOST_MAX: u64 = 1 << 16;

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
        let Backend::Sqlite(sqlite) = &self.0 else { return Err(StoreError::OnServer) };
        if file.exists() {
            look_into(file)?;
        }
        let part = Part::beside(file, PRIVATE).map_err(file_error(file))?;
        let copied = sqlite.lock().execute("VACUUM INTO ?1", [part.path().to_string_lossy()]);
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
        let sqlite = Sqlite::open(part.path())?;
        let store = Self(Backend::Sqlite(sqlite));
        store.note_restored(now)?;
        // Closed, the file is whole without its write-ahead log, which has the unfinished name.
        if let Backend::Sqlite(sqlite) = store.0 {
            sqlite.close()?;
        }
        part.keep().map_err(file_error(path))?;
        Ok(contents)
    }

    /// Notes that the store was put back by somebody else's program: PostgreSQL's own.
    ///
    /// # Errors
    /// The database's.
    pub fn note_restored(&self, now: Timestamp) -> Stored<()> {
        self.write(|tx| tx.note_restored(now))
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
        self.execute(
            "INSERT INTO restored (number, restored_at, terminal_from, partner_from) VALUES (
             (SELECT coalesce(max(number), 0) + 1 FROM restored), $1,
             (SELECT coalesce(max(id), 0) + $2 FROM (SELECT max(terminal_id) AS id FROM terminal
              UNION ALL SELECT max(terminal_from) FROM restored) ids),
             (SELECT coalesce(max(id), 0) + $2 FROM (SELECT max(partner_id) AS id FROM partner
              UNION ALL SELECT max(partner_from) FROM restored) ids))",
            &values![now, IDS_LOST_MAX],
        )?;
        self.pass_positions(Audience::Everyone, u64::from(now.get()))?;
        for terminal in self.terminals()? {
            let own = Audience::One(terminal.id);
            self.pass_positions(own, self.feed_position(own)? + OWN_ITEMS_LOST_MAX)?;
        }
        Ok(())
    }

    /// When the store was last put back from a backup: exchanges before may be forgotten. The epoch where it never was.
    pub fn restored_at(&self) -> Stored<Timestamp> {
        Ok(Timestamp::new(self.number_floor()?))
    }

    /// What a version or a serial that follows another has at least: 0, or more once the store was put back from a backup.
    pub fn number_floor(&self) -> Stored<u32> {
        self.one("SELECT coalesce(max(restored_at), 0) FROM restored", &[])?.get(0)
    }
}
