//! Verdicts, and the debits that the region took back.

use rusqlite::{OptionalExtension, Row, named_params};

use super::chain::{EntryId, StoredEntry, stored_entry};
use super::rows::Column;
use super::{StoreError, Stored, Tx};
use crate::domain::verdict::{Contest, Verdict};
use crate::domain::{CardNumber, Cents, Counter, EntitlementSerial, Sequence, TerminalId, Timestamp};

/// The newest verdict on an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Grows with each judgement of the terminal's sequence.
    pub version: u32,
    /// The judgement.
    pub verdict: Verdict,
    /// What the region pays for it.
    pub payable: Cents,
}

/// An entry with what is said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryListing {
    /// The entry.
    pub entry: StoredEntry,
    /// The newest verdict.
    pub judged: Option<Judged>,
}

/// A debit that the region was asked to take back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UndoneRow {
    /// The debit.
    pub counter: Counter,
    /// The entitlement that gave the right back.
    pub given_back: Option<EntitlementSerial>,
}

/// The columns of a verdict: NULL is payable, 0 recorded, else the reason.
fn contest_column(verdict: Verdict) -> Option<u8> {
    match verdict {
        Verdict::Payable => None,
        Verdict::Recorded => Some(0),
        Verdict::Contested(reason) => Some(reason.number()),
    }
}

fn verdict_of(column: Option<u8>) -> Stored<Verdict> {
    match column {
        None => Ok(Verdict::Payable),
        Some(0) => Ok(Verdict::Recorded),
        Some(number) => {
            Contest::from_number(number).map(Verdict::Contested).ok_or(StoreError::Inconsistent("a verdict"))
        }
    }
}

fn listing(row: &Row<'_>) -> Stored<EntryListing> {
    let entry = stored_entry(row)?;
    let Some(version) = row.get("version")? else { return Ok(EntryListing { entry, judged: None }) };
    let judged = Judged {
        version,
        verdict: verdict_of(row.get("contest")?)?,
        payable: row.get::<_, Column<_>>("payable_cents")?.0,
    };
    Ok(EntryListing { entry, judged: Some(judged) })
}

impl Tx<'_> {
    /// The newest verdict on an entry.
    pub fn judged(&self, entry: EntryId) -> Stored<Option<Judged>> {
        let mut sql = self.sql(
            "SELECT version, contest, payable_cents FROM verdict WHERE entry_id = :entry ORDER BY version DESC LIMIT 1",
        )?;
        let row = sql.query_row(named_params! { ":entry": entry.0 }, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, Column<_>>(2)?.0))
        });
        let Some((version, contest, payable)) = row.optional()? else { return Ok(None) };
        Ok(Some(Judged { version, verdict: verdict_of(contest)?, payable }))
    }

    /// Keeps a verdict; its version, greater than any that was given on this sequence of the terminal, on whatever branch.
    pub fn add_verdict(
        &self,
        entry: EntryId,
        terminal: TerminalId,
        sequence: Sequence,
        verdict: Verdict,
        payable: Cents,
        now: Timestamp,
    ) -> Stored<u32> {
        let mut sql = self.sql(
            "INSERT INTO verdict (entry_id, version, contest, payable_cents, judged_at) VALUES (:entry,
             max(:floor, (SELECT coalesce(max(version), 0) + 1 FROM entry e LEFT JOIN verdict v ON v.entry_id = e.entry_id
              WHERE e.terminal_id = :terminal AND e.branch IN (SELECT branch FROM branch WHERE terminal_id = :terminal)
              AND e.sequence = :sequence)),
             :contest, :payable, :now) RETURNING version",
        )?;
        let parameters = named_params! {
            ":floor": self.number_floor()?,
            ":entry": entry.0,
            ":terminal": Column(terminal),
            ":sequence": Column(sequence),
            ":contest": contest_column(verdict),
            ":payable": Column(payable),
            ":now": Column(now),
        };
        Ok(sql.query_row(parameters, |row| row.get(0))?)
    }

    /// Every entry with its newest verdict, in the order of arrival, given to `show` one after the other.
    pub fn list_entries<E: From<StoreError>>(
        &self,
        terminal: Option<TerminalId>,
        mut show: impl FnMut(EntryListing) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut sql = self.sql(
            "SELECT e.*, v.version, v.contest, v.payable_cents FROM entry e
             LEFT JOIN verdict v ON v.entry_id = e.entry_id
                  AND v.version = (SELECT max(version) FROM verdict WHERE entry_id = e.entry_id)
             WHERE :terminal IS NULL OR e.terminal_id = :terminal ORDER BY e.entry_id",
        )?;
        let parameters = named_params! { ":terminal": terminal.map(Column) };
        let mut rows = sql.query(parameters).map_err(StoreError::from)?;
        while let Some(row) = rows.next().map_err(StoreError::from)? {
            show(listing(row)?)?;
        }
        Ok(())
    }

    /// Keeps that the region took a debit back; `false` when it had done so before.
    pub fn add_undone(
        &self,
        card: CardNumber,
        counter: Counter,
        entry: EntryId,
        given_back: Option<EntitlementSerial>,
    ) -> Stored<bool> {
        let mut sql = self.sql(
            "INSERT INTO undone (card, counter, entry_id, entitlement_serial) VALUES (:card, :counter, :entry, :serial)
             ON CONFLICT DO NOTHING",
        )?;
        let added = sql.execute(named_params! {
            ":card": Column(card),
            ":counter": Column(counter),
            ":entry": entry.0,
            ":serial": given_back.map(Column),
        })?;
        Ok(added == 1)
    }

    /// The debits of `card` that the region took back.
    pub fn undone(&self, card: CardNumber) -> Stored<Vec<UndoneRow>> {
        let mut sql = self.sql("SELECT counter, entitlement_serial FROM undone WHERE card = :card ORDER BY counter")?;
        let rows = sql.query_map(named_params! { ":card": Column(card) }, |row| {
            Ok(UndoneRow {
                counter: row.get::<_, Column<_>>(0)?.0,
                given_back: row.get::<_, Option<Column<_>>>(1)?.map(|column| column.0),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
