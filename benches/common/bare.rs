//! The least that makes bytes durable in SQLite: one table, the write-ahead log, a sync at each commit, prepared
//! statements. The library and its settings are those of the ledger.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// A database of one table.
pub(crate) struct BareDatabase(Connection);

impl BareDatabase {
    pub(crate) fn make(directory: &Path) -> Self {
        let connection = Connection::open(directory.join("bare.db")).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.pragma_update(None, "synchronous", "FULL").unwrap();
        connection.execute("CREATE TABLE log (number INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT", []).unwrap();
        Self(connection)
    }

    /// One durable commit of `bytes`. A statement alone is a transaction.
    pub(crate) fn commit(&self, bytes: &[u8]) {
        self.0.prepare_cached("INSERT INTO log (bytes) VALUES (?1)").unwrap().execute([bytes]).unwrap();
    }
}

/// What a sale leaves in the ledger in `directory`: the bytes of the newest intent's row, and of the newest entry's.
pub(crate) fn bytes_of_a_sale(directory: &Path) -> [Vec<u8>; 2] {
    let connection =
        Connection::open_with_flags(directory.join("ledger.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    ["SELECT * FROM intent ORDER BY settled_by DESC LIMIT 1", "SELECT * FROM entry ORDER BY sequence DESC LIMIT 1"].map(
        |sql| {
            let mut statement = connection.prepare(sql).unwrap();
            let columns = statement.column_count();
            let row = |row: &rusqlite::Row<'_>| {
                (0..columns).map(|column| row.get_ref(column).map(bytes_of)).collect::<Result<Vec<_>, _>>()
            };
            statement.query_row([], row).unwrap().concat()
        },
    )
}

fn bytes_of(value: rusqlite::types::ValueRef<'_>) -> Vec<u8> {
    use rusqlite::types::ValueRef as V;
    match value {
        V::Null => Vec::new(),
        V::Integer(number) => number.to_be_bytes().to_vec(),
        V::Real(number) => number.to_be_bytes().to_vec(),
        V::Text(bytes) | V::Blob(bytes) => bytes.to_vec(),
    }
}
