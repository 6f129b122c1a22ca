//! The region's store, embedded: one SQLite file. The one place of the region that names `rusqlite`.
//!
//! Everything goes through [`Store::write`] or [`Store::read`]: one transaction, whole or not at all, with [`Tx`] as the only way to the
//! tables. Its methods speak of terminals, entries, cards and the feed, never of rows, so that another store can stand in its
//! place. What the tables hold is told in `sql/region/sqlite/`.
//!
//! What always holds: one writer at a time in this process (the lock) and among processes (`BEGIN IMMEDIATE`, with patience); what
//! is committed is on the disk (WAL, `synchronous=FULL`); a newer or foreign file is refused and left alone.
//!
//! Everything here blocks: an async caller goes through a blocking thread.

mod backup;
mod cards;
mod chain;
mod feed;
mod judgement;
mod network;
mod replacement;
mod rows;

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

pub use backup::{Contents, check_backup};
pub use cards::{CardRow, DenialRow};
pub use chain::{Branch, BranchNumber, EntryId, ExchangeRow, Knowledge, KnownExchange, NewEntry, Place, StoredEntry};
pub use feed::{Audience, FeedRow};
pub use judgement::{EntryListing, Judged, UndoneRow};
pub use network::{Cause, NewTerminal, PartnerRow, PolicyRow, Standing, TerminalKeys, TerminalRow, standing_code};
pub use replacement::{LateCharge, ReplacementRow};

mod migrations {
    refinery::embed_migrations!("sql/region/sqlite");
}

/// The version that the newest migration sets.
const SCHEMA_VERSION: i64 = 2;

/// Before this one, a file with two connections could lose committed rows (sqlite.org/wal.html, the WAL-reset bug).
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// How long a transaction waits for another process's.
const BUSY_TIMEOUT: Duration = Duration::from_secs(15);

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no store at this place.
    #[error("there is no store at {0}")]
    Missing(PathBuf),
    /// There is none and none could be made.
    #[error("the store {path} could not be made: {error}")]
    Create {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is no region's store, whole and in one file.
    #[error("{0} is no backup of a region")]
    NotABackup(PathBuf),
    /// A backup is not what was written.
    #[error("{path} is damaged: {what}")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// In SQLite's words.
        what: String,
    },
    /// A later program has written it.
    #[error("the store has schema {found}, this program knows up to {SCHEMA_VERSION}: use the newer program")]
    Newer {
        /// Its schema.
        found: i64,
    },
    /// The SQLite library is too old to be trusted with two connections.
    #[error("SQLite {0} may lose committed rows: 3.51.3 is the oldest that may be used")]
    OldLibrary(&'static str),
    /// What is stored cannot be what was written.
    #[error("the store holds something that cannot be: {0}")]
    Inconsistent(&'static str),
    /// A migration failed; nothing of it was kept.
    #[error("the store could not be brought to schema {SCHEMA_VERSION}: {0}")]
    Migration(String),
    /// Another process wrote for longer than this one waits.
    #[error("another program kept the store busy: try again")]
    Busy,
    /// SQLite said no.
    #[error("the store failed: {0}")]
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => Self::Busy,
            _ => Self::Sqlite(error),
        }
    }
}

/// What a method of [`Tx`] gives.
pub type Stored<T> = Result<T, StoreError>;

/// The store.
#[derive(Debug)]
pub struct Store {
    connection: Mutex<Connection>,
}

impl Store {
    /// Opens the store at `path`, and brings it to this program's schema.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Newer`], or what SQLite says.
    pub fn open(path: &Path) -> Stored<Self> {
        if !path.exists() {
            return Err(StoreError::Missing(path.to_owned()));
        }
        Self::connect(path)
    }

    /// As [`Store::open`], but an absent file is made, for its owner alone: it holds codes and who has which card. SQLite gives the files
    /// beside it the same rights.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn create(path: &Path) -> Stored<Self> {
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(StoreError::Create { path: path.to_owned(), error })
            }
            _ => Self::open(path),
        }
    }

    fn connect(path: &Path) -> Stored<Self> {
        if rusqlite::version_number() < SQLITE_VERSION_MIN {
            return Err(StoreError::OldLibrary(rusqlite::version()));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(128);
        connection.pragma_update(None, "trusted_schema", false)?;
        // A plan is made once: without this, every statement with a limit is prepared anew at each use.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found > SCHEMA_VERSION {
            return Err(StoreError::Newer { found });
        }
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        if found < SCHEMA_VERSION {
            let done = migrations::migrations::runner().run(&mut connection);
            done.map_err(|error| StoreError::Migration(error.to_string()))?;
        }
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Runs `work` in a transaction that nobody else writes beside. It is committed when `work` succeeds, and on the disk when this returns.
    ///
    /// # Errors
    /// What `work` says, and what SQLite says of beginning and committing; nothing was changed then.
    pub fn write<T, E: From<StoreError>>(&self, work: impl FnOnce(&Tx<'_>) -> Result<T, E>) -> Result<T, E> {
        self.run(TransactionBehavior::Immediate, work)
    }

    /// Runs `work` over one state of the store, which writers do not change meanwhile. What it writes is not kept.
    ///
    /// # Errors
    /// What `work` says, or SQLite.
    pub fn read<T, E: From<StoreError>>(&self, work: impl FnOnce(&Tx<'_>) -> Result<T, E>) -> Result<T, E> {
        self.run(TransactionBehavior::Deferred, work)
    }

    fn run<T, E: From<StoreError>>(
        &self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        // A panic under the lock rolled its transaction back: the connection is as good as before.
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(behavior).map_err(StoreError::from)?;
        let tx = Tx { transaction };
        let result = work(&tx)?;
        match behavior {
            TransactionBehavior::Deferred => tx.transaction.rollback().map_err(StoreError::from)?,
            _ => tx.transaction.commit().map_err(StoreError::from)?,
        }
        Ok(result)
    }
}

/// One transaction, and everything that can be asked of the store in it.
pub struct Tx<'c> {
    transaction: rusqlite::Transaction<'c>,
}

impl Tx<'_> {
    /// Prepared once a connection, then kept.
    fn sql(&self, sql: &str) -> Stored<rusqlite::CachedStatement<'_>> {
        Ok(self.transaction.prepare_cached(sql)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_store_is_refused_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("region.db");
        assert!(matches!(Store::open(&path), Err(StoreError::Missing(_))));
        drop(Store::create(&path).unwrap());
        Connection::open(&path).unwrap().pragma_update(None, "user_version", SCHEMA_VERSION + 1).unwrap();
        assert!(matches!(Store::open(&path), Err(StoreError::Newer { .. })));
        assert!(matches!(Store::create(&path), Err(StoreError::Newer { .. })));
    }

    #[test]
    fn the_schema_is_the_one_that_the_program_was_written_for() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::create(&directory.path().join("region.db")).unwrap();
        let connection = store.connection.lock().unwrap();
        let mut names =
            connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
        let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(
            names.join(" "),
            "abandoned branch card card_record card_seen carried catalogue denial doubt entitlement entry exchange feed_head \
             feed_item partner partner_activity policy receipt records_wanted refinery_schema_history region region_key \
             replacement restored terminal terminal_certificate terminal_standing undone verdict"
        );
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(version, SCHEMA_VERSION);
    }

    #[test]
    fn what_fails_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::create(&directory.path().join("region.db")).unwrap();
        let failed: Stored<()> = store.write(|tx| {
            tx.take_position()?;
            Err(StoreError::Inconsistent("on purpose"))
        });
        assert!(failed.is_err());
        assert_eq!(store.read::<_, StoreError>(|tx| tx.feed_position()).unwrap(), 0);
    }
}
