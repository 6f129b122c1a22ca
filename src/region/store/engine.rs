//! What the store needs of a database: statements with values in, rows out, in one transaction.
//!
//! The statements are those that SQLite and PostgreSQL both know, with `$1`, `$2`... for their values, and with three types of columns: whole numbers of 64 bits,
//! text, bytes. So the methods of [`Tx`](super::Tx) are written once, and an engine is a page.

use super::{StoreError, Stored};

/// What stands in a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing.
    Null,
    /// A number.
    Integer(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number.
    Integer,
    /// Text.
    Text,
    /// Bytes.
    Blob,
}

/// A row of what was asked for, in the order of the columns in the statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row(pub(super) Vec<Value>);

/// What can be read from a column. What cannot be what was written is an error, never a default.
pub(super) trait FromColumn: Sized {
    fn from_column(value: &Value) -> Option<Self>;
}

impl Row {
    /// The value of the column at `index`, from 0.
    pub(super) fn get<T: FromColumn>(&self, index: usize) -> Stored<T> {
        self.0.get(index).and_then(T::from_column).ok_or(StoreError::Inconsistent("a column of another kind"))
    }
}

/// A table that many rows are put into at once.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [(&'static str, Kind)],
    /// What happens to a row that is there already: an `ON CONFLICT` clause, or nothing, which is an error then.
    pub(super) conflict: &'static str,
}

/// How a row that is read to be changed is kept from others until the end of the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lock {
    /// Whoever has it is waited for.
    Wait,
    /// What somebody has is left out.
    Skip,
}

/// One transaction.
pub(super) trait Engine {
    /// Runs a statement; how many rows it changed.
    fn execute(&self, sql: &str, values: &[Value]) -> Stored<u64>;

    /// Runs a statement; its rows.
    fn query(&self, sql: &str, values: &[Value]) -> Stored<Vec<Row>>;

    /// Runs a statement once for each of `all`, which may be under way together; the rows of each.
    fn query_each(&self, sql: &str, all: &[Vec<Value>]) -> Stored<Vec<Vec<Row>>>;

    /// Puts rows into a table.
    fn insert(&self, table: &Table, rows: Vec<Vec<Value>>) -> Stored<()>;

    /// The clause that locks the rows of a `SELECT`.
    fn lock(&self, lock: Lock) -> &'static str;

    /// The expression for a text that there never was before.
    fn novelty(&self) -> &'static str;
}

/// The values of a statement, in their order.
macro_rules! values {
    ($($value:expr),* $(,)?) => { [$($crate::region::store::engine::Value::from($value)),*] };
}
pub(super) use values;
