//! The shared engine: PostgreSQL, or what speaks its protocol. Any number of programs may have it open.
//!
//! What always holds: a transaction that writes reads what others have committed, row by row, and locks what it will change (`READ COMMITTED` and
//! `FOR NO KEY UPDATE`); one that reads sees one state (`REPEATABLE READ`); what is committed is on the disk of the server (`synchronous_commit`
//! is never less than `on`). What the server takes back because of another transaction is begun again by the store.
//!
//! The store's work is written as a line of calls, so each waits for its answer here, on a thread that may block. The connections live in a runtime of their own.

use std::str::FromStr;
use std::time::Duration;

use bytes::BytesMut;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime as Timers};
use futures_util::future::try_join_all;
use tokio::runtime::{Handle, Runtime};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};
use tokio_postgres::{Config, IsolationLevel, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::engine::{Engine, Kind, Lock, Row, Table, Value};
use super::{Purpose, SCHEMA_VERSION, StoreError, Stored};

mod migrations {
    refinery::embed_migrations!("sql/region/postgres");
}

/// Connections of one program. More wait for one another.
const CONNECTIONS_MAX: usize = 16;

/// How long a transaction waits for a connection, and a connection for the server.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the server works at one statement before it gives it up, and keeps a transaction open that says nothing.
const STATEMENT_MILLISECONDS: u32 = 60_000;

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        let code = error.code();
        if code == Some(&SqlState::T_R_SERIALIZATION_FAILURE) || code == Some(&SqlState::T_R_DEADLOCK_DETECTED) {
            return Self::Conflict;
        }
        let said = error.as_db_error().map(|said| said.message().to_owned());
        let source = || std::error::Error::source(&error).map(|source| format!("{error}: {source}"));
        Self::Postgres(said.or_else(source).unwrap_or_else(|| error.to_string()).into())
    }
}

impl From<deadpool_postgres::PoolError> for StoreError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(error) => error.into(),
            deadpool_postgres::PoolError::Timeout(_) => Self::Busy,
            other => Self::Postgres(other.into()),
        }
    }
}

/// The connections to a server.
#[derive(Debug)]
pub(super) struct Postgres {
    pool: Pool,
    // Dropped after the pool, and without waiting.
    runtime: Option<Runtime>,
}

impl Postgres {
    /// Connects to the database that `url` names, and brings it to this program's schema.
    pub(super) fn connect(url: &str) -> Stored<Self> {
        let mut config = Config::from_str(url).map_err(|error| StoreError::Address(error.to_string()))?;
        config.application_name("pass-region").connect_timeout(PATIENCE).options(format!(
            "-c statement_timeout={STATEMENT_MILLISECONDS} -c idle_in_transaction_session_timeout={STATEMENT_MILLISECONDS}"
        ));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("postgres")
            .enable_all()
            .build()
            .map_err(|error| StoreError::Postgres(error.into()))?;
        let store = Self { pool: pool(config)?, runtime: Some(runtime) };
        store.migrate()?;
        Ok(store)
    }

    pub(super) fn handle(&self) -> Stored<&Handle> {
        self.runtime.as_ref().map(Runtime::handle).ok_or(StoreError::Inconsistent("a store that was closed"))
    }

    /// A connection, for as long as it is held.
    pub(super) fn connection(&self) -> Stored<Object> {
        Ok(self.handle()?.block_on(self.pool.get())?)
    }

    fn migrate(&self) -> Stored<()> {
        let mut connection = self.connection()?;
        self.handle()?.block_on(async {
            // Programs that are started together wait for each other.
            connection.batch_execute("SELECT pg_advisory_lock(9250)").await?;
            let done = migrate(&mut connection).await;
            connection.batch_execute("SELECT pg_advisory_unlock(9250)").await?;
            done
        })
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.pool.close();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn pool(config: Config) -> Stored<Pool> {
    let ways = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = match config.get_ssl_mode() {
        SslMode::Disable => Manager::from_config(config, NoTls, ways),
        _ => Manager::from_config(config, tls(), ways),
    };
    Pool::builder(manager)
        .max_size(CONNECTIONS_MAX)
        .runtime(Timers::Tokio1)
        .timeouts(deadpool_postgres::Timeouts { wait: Some(PATIENCE), create: Some(PATIENCE), recycle: Some(PATIENCE) })
        .build()
        .map_err(|error| StoreError::Postgres(error.into()))
}

/// The server proves itself by a certificate of an authority that this machine trusts.
fn tls() -> MakeRustlsConnect {
    // A provider that is installed already is this one: the project has no other.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut roots = rustls::RootCertStore::empty();
    // One that cannot be read is one less; without any, no server is trusted.
    let (_taken, _left_out) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    MakeRustlsConnect::new(rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

async fn migrate(connection: &mut Object) -> Stored<()> {
    let there = connection.query_one("SELECT to_regclass('refinery_schema_history') IS NOT NULL", &[]).await?;
    if there.get(0) {
        let newest = connection.query_one("SELECT max(version)::bigint FROM refinery_schema_history", &[]).await?;
        let found: i64 = newest.get::<_, Option<i64>>(0).unwrap_or(0);
        if found > SCHEMA_VERSION {
            return Err(StoreError::Newer { found });
        }
    }
    let client: &mut tokio_postgres::Client = connection;
    let done = migrations::migrations::runner().run_async(client).await;
    done.map(drop).map_err(|error| StoreError::Migration(error.to_string()))
}

/// A transaction on the server.
pub(super) struct PostgresTransaction<'c> {
    handle: &'c Handle,
    transaction: deadpool_postgres::Transaction<'c>,
}

impl<'c> PostgresTransaction<'c> {
    pub(super) fn begin(handle: &'c Handle, connection: &'c mut Object, purpose: Purpose) -> Stored<Self> {
        let builder = connection.build_transaction();
        let builder = match purpose {
            Purpose::Read => builder.isolation_level(IsolationLevel::RepeatableRead).read_only(true),
            Purpose::Write => builder.isolation_level(IsolationLevel::ReadCommitted),
        };
        Ok(Self { handle, transaction: handle.block_on(builder.start())? })
    }

    pub(super) fn end(self, purpose: Purpose) -> Stored<()> {
        match purpose {
            Purpose::Read => self.handle.block_on(self.transaction.rollback())?,
            Purpose::Write => self.handle.block_on(self.transaction.commit())?,
        }
        Ok(())
    }

    /// Prepared once a connection, then kept.
    fn prepare(&self, sql: &str) -> Stored<Statement> {
        Ok(self.handle.block_on(self.transaction.prepare_cached(sql))?)
    }
}

impl ToSql for Value {
    fn to_sql(&self, of: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) => number.to_sql(of, out),
            Self::Text(text) => text.to_sql(of, out),
            Self::Blob(bytes) => bytes.to_sql(of, out),
        }
    }

    accepts!(INT8, TEXT, BYTEA);

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(of: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match *of {
            Type::INT8 => Self::Integer(i64::from_sql(of, raw)?),
            Type::TEXT => Self::Text(String::from_sql(of, raw)?),
            _ => Self::Blob(Vec::from_sql(of, raw)?),
        })
    }

    fn from_sql_null(_of: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self::Null)
    }

    accepts!(INT8, TEXT, BYTEA);
}

fn references(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

fn rows(found: &[tokio_postgres::Row]) -> Stored<Vec<Row>> {
    found.iter().map(|row| Ok(Row((0..row.len()).map(|index| row.try_get(index)).collect::<Result<_, _>>()?))).collect()
}

/// The values of one column, as an array.
fn column(kind: Kind, values: impl Iterator<Item = Value>) -> Box<dyn ToSql + Sync> {
    match kind {
        Kind::Integer => Box::new(
            values
                .map(|value| match value {
                    Value::Integer(number) => Some(number),
                    _ => None,
                })
                .collect::<Vec<_>>(),
        ),
        Kind::Text => Box::new(
            values
                .map(|value| match value {
                    Value::Text(text) => Some(text),
                    _ => None,
                })
                .collect::<Vec<_>>(),
        ),
        Kind::Blob => Box::new(
            values
                .map(|value| match value {
                    Value::Blob(bytes) => Some(bytes),
                    _ => None,
                })
                .collect::<Vec<_>>(),
        ),
    }
}

impl Engine for PostgresTransaction<'_> {
    fn execute(&self, sql: &str, values: &[Value]) -> Stored<u64> {
        let statement = self.prepare(sql)?;
        Ok(self.handle.block_on(self.transaction.execute(&statement, &references(values)))?)
    }

    fn query(&self, sql: &str, values: &[Value]) -> Stored<Vec<Row>> {
        let statement = self.prepare(sql)?;
        rows(&self.handle.block_on(self.transaction.query(&statement, &references(values)))?)
    }

    fn query_each(&self, sql: &str, all: &[Vec<Value>]) -> Stored<Vec<Vec<Row>>> {
        let statement = self.prepare(sql)?;
        let all: Vec<_> = all.iter().map(|values| references(values)).collect();
        // Asked together they are sent together: one way there and back for all of them.
        let asked = all.iter().map(|values| self.transaction.query(&statement, values));
        let found = self.handle.block_on(try_join_all(asked))?;
        found.iter().map(|found| rows(found)).collect()
    }

    fn insert(&self, table: &Table, rows: Vec<Vec<Value>>) -> Stored<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut columns: Vec<Vec<Value>> = table.columns.iter().map(|_| Vec::with_capacity(rows.len())).collect();
        for row in rows {
            for (column, value) in columns.iter_mut().zip(row) {
                column.push(value);
            }
        }
        let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
        let arrays = table.columns.iter().enumerate().map(|(index, (_, kind))| {
            let kind = match kind {
                Kind::Integer => "BIGINT",
                Kind::Text => "TEXT",
                Kind::Blob => "BYTEA",
            };
            format!("${}::{kind}[]", index + 1)
        });
        let (names, arrays) = (names.join(", "), arrays.collect::<Vec<_>>().join(", "));
        let sql = format!("INSERT INTO {} ({names}) SELECT * FROM unnest({arrays}) {}", table.name, table.conflict);
        let statement = self.prepare(&sql)?;
        let columns = columns.into_iter().zip(table.columns);
        let columns: Vec<_> = columns.map(|(values, (_, kind))| column(*kind, values.into_iter())).collect();
        let references: Vec<&(dyn ToSql + Sync)> = columns.iter().map(AsRef::as_ref).collect();
        self.handle.block_on(self.transaction.execute(&statement, &references))?;
        Ok(())
    }

    fn lock(&self, lock: Lock) -> &'static str {
        match lock {
            Lock::Wait => " FOR NO KEY UPDATE",
            Lock::Skip => " FOR NO KEY UPDATE SKIP LOCKED",
        }
    }

    fn novelty(&self) -> &'static str {
        "gen_random_uuid()::text"
    }
}
