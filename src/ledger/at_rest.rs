//! Sums over the rows that the region has sent and that a sale is decided with: a bit that flips in one of them on the disk, a row that is gone and one that
//! nobody has sent are noticed before anything is decided with them.
//!
//! Denials and entitlements are looked at whenever one is read, and all of them when the ledger is opened; what is wrong is forgotten and the feed asked for again
//! from its beginning ([`Ledger::forget_feed`](super::Ledger::forget_feed)). Catalogues, the policy and the partner are held in
//! memory and looked at when they are read into it; one that is wrong makes the ledger a damaged one, which is not opened. The sums are no signatures: whoever may
//! write the file may write them too (docs/threats.md).

use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::crypto;
use crate::domain::CardNumber;

use super::error::LedgerError;
use super::facts::has_table;

/// A table with sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Catalogue,
    Policy,
    Partner,
    Denial,
    Entitlement,
}

impl Part {
    const ALL: [Self; 5] = [Self::Catalogue, Self::Policy, Self::Partner, Self::Denial, Self::Entitlement];
    /// What is in memory.
    const HELD: [Self; 3] = [Self::Catalogue, Self::Policy, Self::Partner];
    /// What the feed brings again.
    const FORGOTTEN: [Self; 2] = [Self::Denial, Self::Entitlement];

    const fn code(self) -> &'static str {
        match self {
            Self::Catalogue => "catalogue",
            Self::Policy => "policy",
            Self::Partner => "partner",
            Self::Denial => "denial",
            Self::Entitlement => "entitlement",
        }
    }

    /// Its rows: key, bytes, and the column beside that goes by their version, where there is one.
    const fn rows(self) -> &'static str {
        match self {
            Self::Catalogue => "SELECT season << 32 | version, bytes, version FROM catalogue",
            Self::Policy => "SELECT id, bytes, version FROM policy",
            Self::Partner => "SELECT id, bytes, 0 FROM partner",
            Self::Denial => "SELECT card, bytes, 0 FROM denial",
            Self::Entitlement => "SELECT card, bytes, serial FROM entitlement",
        }
    }
}

type Sum = [u8; 8];

fn sum(part: Part, key: i64, version: i64, bytes: &[u8]) -> Sum {
    let all = crypto::sha256_of([part.code().as_bytes(), &key.to_be_bytes(), &version.to_be_bytes(), bytes]);
    let mut sum = Sum::default();
    sum.copy_from_slice(&all[..8]);
    sum
}

/// Notes a row of `part` as it was just written.
pub(super) fn note(
    connection: &Connection,
    part: Part,
    key: u64,
    version: u32,
    bytes: &[u8],
) -> Result<(), LedgerError> {
    let key = key.cast_signed();
    let sql = "INSERT INTO feed_sum (part, key, sum) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET sum = excluded.sum";
    let sum = sum(part, key, i64::from(version), bytes);
    connection.prepare_cached(sql)?.execute((part.code(), key, sum))?;
    Ok(())
}

/// Notes every row of a ledger that had no sums yet: what is there counts as good.
pub(super) fn note_all(connection: &Connection) -> Result<(), LedgerError> {
    let mut insert = connection.prepare("INSERT INTO feed_sum (part, key, sum) VALUES (?1, ?2, ?3)")?;
    for part in Part::ALL {
        let mut statement = connection.prepare(part.rows())?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (key, found) = as_it_is(part, row)?;
            insert.execute((part.code(), key, found))?;
        }
    }
    Ok(())
}

/// The key and the sum of a row of [`Part::rows`], as it is.
fn as_it_is(part: Part, row: &Row<'_>) -> Result<(i64, Sum), LedgerError> {
    let (key, version) = (row.get(0)?, row.get(2)?);
    // Whatever a damaged file says that it is.
    let bytes = row.get_ref(1)?.as_bytes().unwrap_or_default();
    Ok((key, sum(part, key, version, bytes)))
}

/// Whether every row of `part` is as it was noted, and no other is there. Both are gone through side by side: there may be as many as the region has cards.
fn is_whole(connection: &Connection, part: Part) -> Result<bool, LedgerError> {
    let mut statement = connection.prepare_cached(&format!("{} ORDER BY 1", part.rows()))?;
    let mut rows = statement.query([])?;
    let mut noted = connection.prepare_cached("SELECT key, sum FROM feed_sum WHERE part = ?1 ORDER BY key")?;
    let mut noted = noted.query([part.code()])?;
    loop {
        match (rows.next()?, noted.next()?) {
            (None, None) => return Ok(true),
            (Some(row), Some(noted)) if as_it_is(part, row)? == (noted.get(0)?, noted.get(1)?) => (),
            (Some(_), _) | (None, Some(_)) => return Ok(false),
        }
    }
}

/// Whether what the feed brings again, when it is asked for from its beginning, is whole.
pub(super) fn is_feed_whole(connection: &Connection) -> Result<bool, LedgerError> {
    for part in Part::FORGOTTEN {
        if !is_whole(connection, part)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What is held in memory is whole.
///
/// # Errors
/// [`LedgerError::Damaged`].
pub(super) fn check_held(connection: &Connection) -> Result<(), LedgerError> {
    for part in Part::HELD {
        if !is_whole(connection, part)? {
            return Err(LedgerError::Damaged(format!("what the region has sent was changed: {}", part.code())));
        }
    }
    Ok(())
}

/// The first part that is not whole, of a ledger that has sums.
pub(super) fn wrong(connection: &Connection) -> Result<Option<&'static str>, LedgerError> {
    if !has_sums(connection)? {
        return Ok(None);
    }
    for part in Part::ALL {
        if !is_whole(connection, part)? {
            return Ok(Some(part.code()));
        }
    }
    Ok(None)
}

/// Whether the ledger is of a schema with sums: an older one is only read.
pub(super) fn has_sums(connection: &Connection) -> Result<bool, LedgerError> {
    has_table(connection, "feed_sum")
}

/// The row of a card in `part`, if there is one, and it is what was noted.
///
/// # Errors
/// [`LedgerError::Damaged`] when it is another, is gone, or came from nowhere.
pub(super) fn row_of(connection: &Connection, part: Part, card: CardNumber) -> Result<Option<Vec<u8>>, LedgerError> {
    let key = card.get().cast_signed();
    let sql = format!("{} WHERE card = ?1", part.rows());
    let row = connection.prepare_cached(&sql)?.query_row([key], |row| Ok((row.get::<_, Vec<u8>>(1)?, row.get(2)?)));
    let row: Option<(Vec<u8>, i64)> = row.optional()?;
    if !has_sums(connection)? {
        return Ok(row.map(|(bytes, _)| bytes));
    }
    let sql = "SELECT sum FROM feed_sum WHERE part = ?1 AND key = ?2";
    let noted = connection.prepare_cached(sql)?.query_row((part.code(), key), |row| row.get(0)).optional()?;
    if row.as_ref().map(|(bytes, version)| sum(part, key, *version, bytes)) == noted {
        Ok(row.map(|(bytes, _)| bytes))
    } else {
        Err(LedgerError::Damaged(format!("what the region has sent of card {card} was changed: {}", part.code())))
    }
}

/// Forgets denials, and entitlements that are not whole, with their sums.
pub(super) fn forget(connection: &Connection) -> Result<(), LedgerError> {
    connection.execute("DELETE FROM denial", [])?;
    connection.execute("DELETE FROM feed_sum WHERE part = 'denial'", [])?;
    if !is_whole(connection, Part::Entitlement)? {
        connection.execute("DELETE FROM entitlement", [])?;
        connection.execute("DELETE FROM feed_sum WHERE part = 'entitlement'", [])?;
    }
    Ok(())
}
