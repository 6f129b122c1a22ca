//! Verdicts, and the debits that the region took back.

use std::collections::BTreeMap;

use super::chain::{ENTRY_COLUMNS, EntryKey, Place, StoredEntry, stored_entry};
use super::engine::{Kind, Table, values};
use super::{Row, StoreError, Stored, Tx};
use crate::domain::verdict::{Contest, Verdict};
use crate::domain::{CardNumber, Cents, Counter, EntitlementSerial, Sequence, TerminalId, Timestamp};

/// How many entries are listed at once.
const LISTED_AT_ONCE: i64 = 500;

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

pub(super) fn judged(row: &Row) -> Stored<Judged> {
    Ok(Judged { version: row.get(0)?, verdict: verdict_of(row.get(1)?)?, payable: row.get(2)? })
}

/// A verdict to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewVerdict {
    /// On which entry.
    pub entry: EntryKey,
    /// The judgement.
    pub verdict: Verdict,
    /// What the region pays for it.
    pub payable: Cents,
}

const VERDICTS: Table = Table {
    name: "verdict",
    columns: &[
        ("terminal_id", Kind::Integer),
        ("sequence", Kind::Integer),
        ("version", Kind::Integer),
        ("branch", Kind::Integer),
        ("contest", Kind::Integer),
        ("payable_cents", Kind::Integer),
        ("judged_at", Kind::Integer),
    ],
    conflict: "",
};

impl Tx<'_> {
    /// The newest verdict on each of these entries, in their order.
    pub fn judged(&self, entries: &[EntryKey]) -> Stored<Vec<Option<Judged>>> {
        let each =
            entries.iter().map(|entry| values![entry.terminal, entry.place.sequence, entry.place.branch].to_vec());
        let found = self.rows_of_each(
            "SELECT version, contest, payable_cents FROM verdict
             WHERE terminal_id = $1 AND sequence = $2 AND branch = $3 ORDER BY version DESC LIMIT 1",
            &each.collect::<Vec<_>>(),
        )?;
        found.iter().map(|rows| rows.first().map(judged).transpose()).collect()
    }

    /// Keeps verdicts; the version of each, greater than any that was given on this sequence of the terminal, on whatever branch.
    pub fn add_verdicts(&self, verdicts: &[NewVerdict], now: Timestamp) -> Stored<Vec<u32>> {
        let places: Vec<(TerminalId, Sequence)> =
            verdicts.iter().map(|new| (new.entry.terminal, new.entry.place.sequence)).collect();
        let each: Vec<_> = places.iter().map(|(terminal, sequence)| values![*terminal, *sequence].to_vec()).collect();
        let found = self.rows_of_each(
            "SELECT coalesce(max(version), 0) FROM verdict WHERE terminal_id = $1 AND sequence = $2",
            &each,
        )?;
        let mut newest: BTreeMap<(TerminalId, Sequence), u32> = BTreeMap::new();
        for (place, rows) in places.iter().zip(&found) {
            newest.insert(*place, rows.first().map_or(Ok(0), |row| row.get(0))?);
        }
        let floor = self.number_floor()?;
        let mut versions = Vec::with_capacity(verdicts.len());
        let mut rows = Vec::with_capacity(verdicts.len());
        for (new, place) in verdicts.iter().zip(&places) {
            let version = newest.entry(*place).or_default();
            let next = version.checked_add(1).ok_or(StoreError::Inconsistent("no version left"))?;
            *version = next.max(floor);
            versions.push(*version);
            let branch = new.entry.place.branch;
            let contest = contest_column(new.verdict);
            rows.push(values![place.0, place.1, *version, branch, contest, new.payable, now].to_vec());
        }
        self.insert(&VERDICTS, rows)?;
        Ok(versions)
    }

    /// Every entry with its newest verdict, terminal by terminal, in the order of the chain, given to `show` one after the other.
    pub fn list_entries<E: From<StoreError>>(
        &self,
        terminal: Option<TerminalId>,
        mut show: impl FnMut(EntryListing) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = format!(
            "SELECT {ENTRY_COLUMNS} FROM entry WHERE (terminal_id, branch, sequence) > ($1, $2, $3) AND terminal_id <= $4
             ORDER BY terminal_id, branch, sequence LIMIT $5"
        );
        let before_all =
            EntryKey { terminal: TerminalId::new(0), place: Place { branch: 0, sequence: Sequence::new(0) } };
        let mut after = terminal.map_or(before_all, |terminal| EntryKey { terminal, ..before_all });
        let last = terminal.unwrap_or(TerminalId::new(u32::MAX));
        loop {
            let from = values![after.terminal, after.place.branch, after.place.sequence, last, LISTED_AT_ONCE];
            let rows = self.rows(&sql, &from)?;
            let entries: Vec<StoredEntry> = rows.iter().map(stored_entry).collect::<Stored<_>>()?;
            let keys: Vec<EntryKey> = entries.iter().map(|entry| entry.key).collect();
            let Some(end) = keys.last() else { return Ok(()) };
            after = *end;
            for (entry, judged) in entries.into_iter().zip(self.judged(&keys)?) {
                show(EntryListing { entry, judged })?;
            }
        }
    }

    /// Keeps that the region took a debit back; `false` when it had done so before.
    pub fn add_undone(
        &self,
        card: CardNumber,
        counter: Counter,
        given_back: Option<EntitlementSerial>,
    ) -> Stored<bool> {
        let added = self.execute(
            "INSERT INTO undone (card, counter, entitlement_serial) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            &values![card, counter, given_back],
        )?;
        Ok(added == 1)
    }

    /// The debits of `card` that the region took back.
    pub fn undone(&self, card: CardNumber) -> Stored<Vec<UndoneRow>> {
        let rows = self
            .rows("SELECT counter, entitlement_serial FROM undone WHERE card = $1 ORDER BY counter", &values![card])?;
        rows.iter().map(|row| Ok(UndoneRow { counter: row.get(0)?, given_back: row.get(1)? })).collect()
    }
}
