//! The file itself: which SQLite, which pragmas, which schema.
//!
//! The schema is in `sql/terminal/`, one numbered file a migration; `application_id` says that a file is a ledger and
//! `user_version` has the number of its newest migration, so that what cannot be read is refused before anything is
//! read.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::at_rest;
use super::error::{LedgerError, OpenError};

mod embedded {
    #![allow(missing_docs, unreachable_pub, clippy::unwrap_used, reason = "the code of the macro, not ours")]
    refinery::embed_migrations!("sql/terminal");
}

/// 'PASS', as `sql/terminal/V1__ledger.sql` sets it.
const APPLICATION_ID: u32 = 0x5041_5353;
/// The number of the newest migration.
pub(super) const SCHEMA_VERSION: u32 = 6;
/// The oldest SQLite without the WAL-reset race.
const SQLITE_OLDEST: i32 = 3_051_003;
/// How long a statement waits for another connection: readers and checkpoints are all there is.
const BUSY_MS: u64 = 5_000;
/// After how many pages a commit copies the write-ahead log into the database, and waits for that: some hundred sales
/// without a quiet moment between them, 16 MiB. In a quiet moment it is copied before (`Ledger::copy_log`).
const CHECKPOINT_PAGES: u32 = 4_000;
/// How many prepared statements a connection keeps: more than there are.
const STATEMENTS_KEPT: usize = 128;

/// Refuses an SQLite library that can lose what was committed.
pub(super) fn check_library() -> Result<(), OpenError> {
    if rusqlite::version_number() < SQLITE_OLDEST { Err(OpenError::OldSqlite(rusqlite::version())) } else { Ok(()) }
}

/// Makes an empty ledger at `path`, which must not be there.
pub(super) fn make(path: &Path) -> Result<Connection, OpenError> {
    check_library()?;
    let mut connection = Connection::open(path)?;
    // The bookkeeping that migrations begin with needs no checks of ours; each migration is a transaction.
    migrate(&mut connection)?;
    set_up(&connection)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    Ok(connection)
}

/// Opens the ledger at `path` for its one owner, and brings it to this program's schema.
pub(super) fn open_to_write(path: &Path) -> Result<Connection, OpenError> {
    let mut connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    if version(&connection)? < SCHEMA_VERSION {
        // A table that is made anew is gone for a moment: what refers to it is looked at again by `verify`.
        connection.pragma_update(None, "foreign_keys", false)?;
        let had_sums = at_rest::has_sums(&connection)?;
        migrate(&mut connection)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        if !had_sums {
            let transaction = connection.unchecked_transaction()?;
            at_rest::note_all(&transaction)?;
            transaction.commit()?;
        }
    }
    // A copy that was put back has lost it: `VACUUM INTO` writes the file without.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    match wrong_object(&connection)? {
        None => Ok(connection),
        Some(wrong) => Err(LedgerError::Damaged(wrong).into()),
    }
}

fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    embedded::migrations::runner().run(connection).map_err(|error| OpenError::Schema(error.to_string()))?;
    Ok(())
}

/// What is wrong with the tables, indexes and triggers, of which each must be there word for word: SQLite reads them from the file and
/// does what they say, so one flipped bit can make a rule of this ledger another rule, or none, in a file that is otherwise whole.
pub(super) fn wrong_object(connection: &Connection) -> Result<Option<String>, OpenError> {
    let there: BTreeSet<_> = objects(connection)?.into_iter().collect();
    let wrong = made_objects()?.iter().find(|object| !there.contains(*object));
    Ok(wrong.map(|[_, name, _]| format!("{} is not as it was made, or is missing", String::from_utf8_lossy(name))))
}

/// Those that the migrations make: found out once, because they are always the same.
fn made_objects() -> Result<&'static [Object], OpenError> {
    static MADE: OnceLock<Vec<Object>> = OnceLock::new();
    if let Some(made) = MADE.get() {
        return Ok(made);
    }
    let mut made = Connection::open_in_memory()?;
    migrate(&mut made)?;
    let objects = objects(&made)?;
    Ok(MADE.get_or_init(|| objects))
}

/// Type, name and text.
type Object = [Vec<u8>; 3];

/// Type, name and text of each, as bytes: what is damaged need not be text.
fn objects(connection: &Connection) -> Result<Vec<Object>, LedgerError> {
    let sql = "SELECT CAST(type AS BLOB), CAST(name AS BLOB), CAST(coalesce(sql, '') AS BLOB) FROM sqlite_schema";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Opens the ledger at `path` for reading, also beside its owner.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, OpenError> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

fn open(path: &Path, access: OpenFlags) -> Result<Connection, OpenError> {
    check_library()?;
    if !path.try_exists()? {
        return Err(OpenError::NotThere(path.parent().unwrap_or(path).to_owned()));
    }
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    let foreign = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => OpenError::Foreign(path.to_owned()),
        _ => error.into(),
    };
    let application: u32 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(foreign)?;
    if application != APPLICATION_ID {
        return Err(OpenError::Foreign(path.to_owned()));
    }
    let found = version(&connection)?;
    if found > SCHEMA_VERSION {
        return Err(OpenError::Newer { found, known: SCHEMA_VERSION });
    }
    set_up(&connection)?;
    Ok(connection)
}

fn version(connection: &Connection) -> Result<u32, LedgerError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// What SQLite does not keep in the file and has to be told on every connection.
fn set_up(connection: &Connection) -> Result<(), LedgerError> {
    connection.busy_timeout(Duration::from_millis(BUSY_MS))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // A plan is made once: without this, every statement with a limit is prepared anew at each use.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // Without it, INSERT OR REPLACE would delete a row past the trigger that forbids it.
    connection.pragma_update(None, "recursive_triggers", true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(())
}
