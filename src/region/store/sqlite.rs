//! The embedded engine: one SQLite file.
//!
//! What always holds: one writer at a time in this process (the lock) and among processes (`BEGIN IMMEDIATE`, with patience); what is
//! committed is on the disk (WAL, `synchronous=FULL`); a newer or foreign file is refused and left alone.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OpenFlags, ToSql, Transaction, TransactionBehavior};

use super::engine::{Engine, Kind, Lock, Row, Table, Value};
use super::{Purpose, SCHEMA_VERSION, StoreError, Stored};

mod migrations {
    refinery::embed_migrations!("sql/region/sqlite");
}

/// Before this one, a file with two connections could lose committed rows (sqlite.org/wal.html, the WAL-reset bug).
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// How long a transaction waits for another process's.
const BUSY_TIMEOUT: Duration = Duration::from_secs(15);

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => Self::Busy,
            _ => Self::Sqlite(error),
        }
    }
}

/// The file.
#[derive(Debug)]
pub(super) struct Sqlite {
    connection: Mutex<Connection>,
}

impl Sqlite {
    pub(super) fn open(path: &Path) -> Stored<Self> {
        if !path.exists() {
            return Err(StoreError::Missing(path.to_owned()));
        }
        Self::connect(path)
    }

    /// As [`Sqlite::open`], but an absent file is made, for its owner alone: it holds codes and who has which card. SQLite gives the files
    /// beside it the same rights.
    pub(super) fn create(path: &Path) -> Stored<Self> {
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

    /// Closes the file, which is whole then without its write-ahead log.
    pub(super) fn close(self) -> Stored<()> {
        let connection = self.connection.into_inner().unwrap_or_else(PoisonError::into_inner);
        connection.close().map_err(|(_, error)| StoreError::from(error))
    }

    /// The connection, for this thread. A panic under the lock rolled its transaction back: the connection is as good as before.
    pub(super) fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A transaction on the file.
pub(super) struct SqliteTransaction<'c>(Transaction<'c>);

impl<'c> SqliteTransaction<'c> {
    pub(super) fn begin(connection: &'c mut Connection, purpose: Purpose) -> Stored<Self> {
        let behavior = match purpose {
            Purpose::Read => TransactionBehavior::Deferred,
            Purpose::Write => TransactionBehavior::Immediate,
        };
        Ok(Self(connection.transaction_with_behavior(behavior)?))
    }

    pub(super) fn end(self, purpose: Purpose) -> Stored<()> {
        match purpose {
            Purpose::Read => self.0.rollback()?,
            Purpose::Write => self.0.commit()?,
        }
        Ok(())
    }

    /// Prepared once a connection, then kept.
    fn prepare(&self, sql: &str) -> Stored<CachedStatement<'_>> {
        // `$1` is a name to SQLite, `?1` a place.
        Ok(self.0.prepare_cached(&sql.replace('$', "?"))?)
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn value(value: ValueRef<'_>) -> Stored<Value> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Text(bytes) => {
            let text = str::from_utf8(bytes).map_err(|_| StoreError::Inconsistent("text that is none"))?;
            Value::Text(text.to_owned())
        }
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
        ValueRef::Real(_) => return Err(StoreError::Inconsistent("a broken number")),
    })
}

fn rows(statement: &mut CachedStatement<'_>, values: &[Value]) -> Stored<Vec<Row>> {
    let columns = statement.column_count();
    let mut found = statement.query(rusqlite::params_from_iter(values))?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        rows.push(Row((0..columns).map(|index| value(row.get_ref(index)?)).collect::<Stored<_>>()?));
    }
    Ok(rows)
}

impl Engine for SqliteTransaction<'_> {
    fn execute(&self, sql: &str, values: &[Value]) -> Stored<u64> {
        Ok(self.prepare(sql)?.execute(rusqlite::params_from_iter(values))? as u64)
    }

    fn query(&self, sql: &str, values: &[Value]) -> Stored<Vec<Row>> {
        rows(&mut self.prepare(sql)?, values)
    }

    fn query_each(&self, sql: &str, all: &[Vec<Value>]) -> Stored<Vec<Vec<Row>>> {
        let mut statement = self.prepare(sql)?;
        all.iter().map(|values| rows(&mut statement, values)).collect()
    }

    fn insert(&self, table: &Table, rows: Vec<Vec<Value>>) -> Stored<()> {
        let columns: Vec<&str> = table.columns.iter().map(|(name, _): &(&str, Kind)| *name).collect();
        let places: Vec<String> = (1..=columns.len()).map(|place| format!("?{place}")).collect();
        let (columns, places) = (columns.join(", "), places.join(", "));
        let sql = format!("INSERT INTO {} ({columns}) VALUES ({places}) {}", table.name, table.conflict);
        let mut statement = self.0.prepare_cached(&sql)?;
        for row in rows {
            statement.execute(rusqlite::params_from_iter(row))?;
        }
        Ok(())
    }

    fn lock(&self, _lock: Lock) -> &'static str {
        // There is one writer.
        ""
    }

    fn novelty(&self) -> &'static str {
        "hex(randomblob(16))"
    }
}
