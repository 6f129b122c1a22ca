//! The region's store, in terms of terminals, entries, cards and the feed: one SQLite file (`sqlite`), or PostgreSQL (`postgres`).
//! The one place of the region that names a database.
//!
//! Everything goes through [`Store::write`] or [`Store::read`]: one transaction, whole or not at all, with [`Tx`] as the only way to the
//! tables. Its methods are written once, on the few things that an `engine` does; `tests/region_exchange` and `tests/region_postgres` hold both engines to the same stories. What the
//! tables hold is told in `sql/region/`.
//!
//! Everything here blocks: an async caller goes through a blocking thread.

mod backup;
mod cards;
mod chain;
mod engine;
mod feed;
mod holders;
mod judgement;
mod mails;
mod network;
mod operators;
mod partners;
mod postgres;
mod replacement;
mod rows;
mod settlement;
mod sqlite;

use std::cell::Cell;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

pub use backup::{Contents, check_backup};
pub use cards::{CardRow, DenialRow};
pub use chain::{
    Branch, BranchNumber, Doubts, EntryKey, ExchangeRow, KeyChange, Knowledge, KnownExchange, NewEntry, Pending, Place,
    StoredEntry,
};
pub use feed::{Audience, FeedHead, FeedPoint, FeedRow};
pub use holders::{CardStanding, EstablishmentRow, HolderRow, KnownPerson, OrderFilter, OrderRow, RemakeRow};
pub use judgement::{EntryListing, Judged, NewVerdict, UndoneRow};
pub use mails::{MailCount, MailRow};
pub use network::{
    Cause, NewTerminal, PartnerRow, PolicyRow, Standing, StandingRow, TerminalKeys, TerminalRow, standing_code,
};
pub use operators::OperatorRow;
pub use partners::AccountRow;
pub use replacement::{LateCharge, ReplacementRow};
pub use settlement::{
    EntryLine, NewLine, PartnerSettlement, SealRow, SettledLine, SettledTerminal, SettlementRow, TotalRow, Unsettled,
    VersionRow,
};

use engine::{Engine, Lock, Row, Table, Value};
use postgres::{Postgres, PostgresTransaction};
use sqlite::{Sqlite, SqliteTransaction};

/// The version that the newest migration sets.
const SCHEMA_VERSION: i64 = 2;

/// How often a transaction is begun again that others got in the way of. They come to an end, so the tenth time is unheard of.
const CONFLICTS_MAX: u32 = 20;

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database, as its URL says.
    Postgres(String),
}

impl Location {
    /// Reads `sqlite:FILE`, `postgres://...` or `postgresql://...`.
    ///
    /// # Errors
    /// [`StoreError::Address`].
    pub fn parse(text: &str) -> Stored<Self> {
        match text.split_once(':') {
            Some(("sqlite", file)) if !file.is_empty() => Ok(Self::Sqlite(PathBuf::from(file))),
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(text.to_owned())),
            // It is not shown: it may have a password.
            _ => Err(StoreError::Address("it is neither sqlite:FILE nor postgres://...".to_owned())),
        }
    }
}

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
    /// Where the store is was not said in a way that can be followed.
    #[error("the store's address cannot be read: {0}")]
    Address(String),
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
    /// Only PostgreSQL's own programs copy it.
    #[error("the store is on PostgreSQL: pg_dump copies it")]
    OnServer,
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
    /// Others kept it busy for longer than this one waits.
    #[error("other programs kept the store busy: try again")]
    Busy,
    /// Another transaction got in the way, as often as this one was begun again.
    #[error("other transactions got in the way of this one: try again")]
    Conflict,
    /// SQLite said no.
    #[error("the store failed: {0}")]
    Sqlite(rusqlite::Error),
    /// PostgreSQL said no, or nothing.
    #[error("the store failed: {0}")]
    Postgres(Box<dyn std::error::Error + Send + Sync>),
}

/// What a method of [`Tx`] gives.
pub type Stored<T> = Result<T, StoreError>;

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Read,
    Write,
}

/// The store.
#[derive(Debug)]
pub struct Store(Backend);

#[derive(Debug)]
enum Backend {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Store {
    /// Opens the store at `location`, and brings it to this program's schema.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Newer`], or what the database says.
    pub fn open(location: &Location) -> Stored<Self> {
        Ok(Self(match location {
            Location::Sqlite(path) => Backend::Sqlite(Sqlite::open(path)?),
            Location::Postgres(url) => Backend::Postgres(Postgres::connect(url)?),
        }))
    }

    /// As [`Store::open`], but an absent file is made, for its owner alone. A database is there before.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn create(location: &Location) -> Stored<Self> {
        match location {
            Location::Sqlite(path) => Ok(Self(Backend::Sqlite(Sqlite::create(path)?))),
            Location::Postgres(_) => Self::open(location),
        }
    }

    /// Whether this program alone writes to it: it need not wait for others, and nobody else judges what it took.
    pub fn is_embedded(&self) -> bool {
        matches!(self.0, Backend::Sqlite(_))
    }

    /// Runs `work` in a transaction. It is committed when `work` succeeds, and on the disk when this returns. What others got in the way of is begun again, so
    /// `work` may run more than once, and does nothing but through its [`Tx`].
    ///
    /// # Errors
    /// What `work` says, and what the database says of beginning and committing; nothing was changed then.
    pub fn write<T, E: From<StoreError>>(&self, mut work: impl FnMut(&Tx<'_>) -> Result<T, E>) -> Result<T, E> {
        let mut conflicts = 0;
        loop {
            let (result, conflict) = self.run(Purpose::Write, &mut work);
            if !conflict || conflicts == CONFLICTS_MAX {
                return result;
            }
            conflicts += 1;
            // Programs that got in each other's way do not come back at the same moment.
            std::thread::sleep(Duration::from_millis(u64::from(conflicts * (1 + std::process::id() % 5))));
        }
    }

    /// Runs `work` over one state of the store, which writers do not change meanwhile. What it writes is not kept.
    ///
    /// # Errors
    /// What `work` says, or the database.
    pub fn read<T, E: From<StoreError>>(&self, mut work: impl FnMut(&Tx<'_>) -> Result<T, E>) -> Result<T, E> {
        self.run(Purpose::Read, &mut work).0
    }

    /// The result, and whether another transaction got in the way.
    fn run<T, E: From<StoreError>>(
        &self,
        purpose: Purpose,
        work: &mut impl FnMut(&Tx<'_>) -> Result<T, E>,
    ) -> (Result<T, E>, bool) {
        match &self.0 {
            Backend::Sqlite(sqlite) => {
                let mut connection = sqlite.lock();
                carry_out(work, SqliteTransaction::begin(&mut connection, purpose), |engine| engine.end(purpose))
            }
            Backend::Postgres(postgres) => {
                let (handle, mut connection) = match (postgres.handle(), postgres.connection()) {
                    (Ok(handle), Ok(connection)) => (handle, connection),
                    (Err(error), _) | (_, Err(error)) => return (Err(error.into()), false),
                };
                let begun = PostgresTransaction::begin(handle, &mut connection, purpose);
                carry_out(work, begun, |engine| engine.end(purpose))
            }
        }
    }
}

fn carry_out<N: Engine, T, E: From<StoreError>>(
    work: &mut impl FnMut(&Tx<'_>) -> Result<T, E>,
    begun: Stored<N>,
    end: impl FnOnce(N) -> Stored<()>,
) -> (Result<T, E>, bool) {
    let engine = match begun {
        Ok(engine) => engine,
        Err(error) => return (Err(error.into()), false),
    };
    let tx = Tx { engine: &engine, conflict: Cell::new(false) };
    let result = work(&tx);
    let conflict = tx.conflict.get();
    match result {
        Ok(done) => match end(engine) {
            Ok(()) => (Ok(done), false),
            Err(error) => {
                let conflict = matches!(error, StoreError::Conflict);
                (Err(error.into()), conflict)
            }
        },
        // The engine takes back what was begun when it is dropped.
        Err(error) => (Err(error), conflict),
    }
}

/// One transaction, and everything that can be asked of the store in it.
pub struct Tx<'c> {
    engine: &'c dyn Engine,
    /// Whether another transaction got in the way, whatever became of the error above.
    conflict: Cell<bool>,
}

impl fmt::Debug for Tx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").finish_non_exhaustive()
    }
}

impl Tx<'_> {
    fn watched<T>(&self, result: Stored<T>) -> Stored<T> {
        if matches!(result, Err(StoreError::Conflict)) {
            self.conflict.set(true);
        }
        result
    }

    fn execute(&self, sql: &str, values: &[Value]) -> Stored<u64> {
        self.watched(self.engine.execute(sql, values))
    }

    fn rows(&self, sql: &str, values: &[Value]) -> Stored<Vec<Row>> {
        self.watched(self.engine.query(sql, values))
    }

    /// The first row, if there is one.
    fn row(&self, sql: &str, values: &[Value]) -> Stored<Option<Row>> {
        Ok(self.rows(sql, values)?.into_iter().next())
    }

    /// The row that there always is.
    fn one(&self, sql: &str, values: &[Value]) -> Stored<Row> {
        self.row(sql, values)?.ok_or(StoreError::Inconsistent("a row that is always there"))
    }

    fn rows_of_each(&self, sql: &str, all: &[Vec<Value>]) -> Stored<Vec<Vec<Row>>> {
        self.watched(self.engine.query_each(sql, all))
    }

    fn insert(&self, table: &Table, rows: Vec<Vec<Value>>) -> Stored<()> {
        self.watched(self.engine.insert(table, rows))
    }

    fn locking(&self, lock: Lock) -> &'static str {
        self.engine.lock(lock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    fn place() -> (tempfile::TempDir, PathBuf, Location) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("region.db");
        (directory, path.clone(), Location::Sqlite(path))
    }

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let file = |path: &str| Some(Location::Sqlite(PathBuf::from(path)));
        let server = |url: &str| Some(Location::Postgres(url.to_owned()));
        let table = [
            ("sqlite:/var/lib/pass-region/region.db", file("/var/lib/pass-region/region.db")),
            ("postgres://pass@db/region", server("postgres://pass@db/region")),
            ("postgresql:///region?host=/run/postgresql", server("postgresql:///region?host=/run/postgresql")),
            ("sqlite:", None),
            ("mysql://db/region", None),
            ("region.db", None),
        ];
        for (text, expected) in table {
            assert_eq!(Location::parse(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_newer_store_is_refused_and_left_alone() {
        let (_directory, path, location) = place();
        assert!(matches!(Store::open(&location), Err(StoreError::Missing(_))));
        drop(Store::create(&location).unwrap());
        Connection::open(&path).unwrap().pragma_update(None, "user_version", SCHEMA_VERSION + 1).unwrap();
        assert!(matches!(Store::open(&location), Err(StoreError::Newer { .. })));
        assert!(matches!(Store::create(&location), Err(StoreError::Newer { .. })));
    }

    #[test]
    fn the_schema_is_the_one_that_the_program_was_written_for() {
        let (_directory, path, location) = place();
        drop(Store::create(&location).unwrap());
        let connection = Connection::open(&path).unwrap();
        let mut names =
            connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
        let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(
            names.join(" "),
            "abandoned branch card card_entry card_order card_record card_seen carried catalogue declaration denial doubt \
             entitlement entry establishment exchange feed_head feed_item holder holder_card holder_person key_change mail noted \
             operator order_step partner partner_activity partner_bank payer person_known policy receipt records_wanted \
             refinery_schema_history region region_key replacement restored season_grant settlement settlement_benefit \
             settlement_line settlement_partner settlement_seal settlement_terminal settlement_total terminal \
             terminal_certificate terminal_standing undone verdict"
        );
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(version, SCHEMA_VERSION);
    }

    #[test]
    fn what_fails_leaves_nothing() {
        let (_directory, _path, location) = place();
        let store = Store::create(&location).unwrap();
        let failed: Stored<()> = store.write(|tx| {
            tx.take_positions(Audience::Everyone, 1)?;
            Err(StoreError::Inconsistent("on purpose"))
        });
        assert!(failed.is_err());
        assert_eq!(store.read::<_, StoreError>(|tx| tx.feed_position(Audience::Everyone)).unwrap(), 0);
    }
}
