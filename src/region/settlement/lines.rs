//! The lines of a settlement, each with what its signed entry says, and checked against it.

use crate::crypto::entry_hash;
use crate::domain::card::{Operation, Record};
use crate::domain::{Balance, PartnerId, Season, Slot, TerminalId, Timestamp};
use crate::region::bench::{read_entry, record_of};
use crate::region::error::RegionError;
use crate::region::store::{SettledLine, SettledTerminal, StoreError, Tx, Unsettled};

use super::{BEFORE_ALL, ROWS_AT_ONCE, SettlementFile};

/// A line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Whose entry.
    pub terminal: TerminalId,
    /// Who is paid.
    pub partner: PartnerId,
    /// Entry, verdict, and what was settled of it before and is now.
    pub change: Unsettled,
    /// Whether the entry had come in an earlier period.
    pub correction: bool,
    /// When the card was debited, by its own record.
    pub sold_at: Timestamp,
    /// The benefit's season.
    pub season: Season,
    /// Its slot.
    pub slot: Slot,
    /// What was debited, in the unit of the benefit.
    pub debited: u32,
}

impl Line {
    /// 1 for a sale that is settled, -1 for one that is taken off, 0 for one that is priced otherwise.
    pub const fn sales(&self) -> i64 {
        match (self.change.before.is_zero(), self.change.after.is_zero()) {
            (true, false) => 1,
            (false, true) => -1,
            (true, true) | (false, false) => 0,
        }
    }

    /// What was debited, with the sign of [`Line::sales`].
    pub const fn amount(&self) -> i64 {
        self.sales() * self.debited as i64
    }

    /// What the line is worth to the partner.
    pub const fn cents(&self) -> Balance {
        Balance::change(self.change.before, self.change.after)
    }
}

/// Reads every line of a settlement, or those of one partner, by terminal and sequence.
pub(super) fn each(
    tx: &Tx<'_>,
    file: &SettlementFile,
    partner: Option<PartnerId>,
    show: &mut dyn FnMut(&Line) -> Result<(), RegionError>,
) -> Result<(), RegionError> {
    let number = file.settlement.number;
    for settled in tx.settled_terminals(number)? {
        if partner.is_some_and(|partner| partner != settled.partner) {
            continue;
        }
        let (mut after, mut seen) = (BEFORE_ALL, 0);
        loop {
            let lines = tx.settled_lines(settled.terminal, number, after, ROWS_AT_ONCE)?;
            let Some(last) = lines.last() else { break };
            after = last.change.place;
            seen += lines.len() as u64;
            for line in &lines {
                show(&checked(line, &settled, file.begins_at)?)?;
            }
        }
        if seen != settled.lines {
            return Err(StoreError::Inconsistent("a terminal's lines of a settlement").into());
        }
    }
    Ok(())
}

/// A line whose evidence holds: the entry is the one that was hashed, the verdict says what was settled, and so did the settlement before.
fn checked(line: &SettledLine, of: &SettledTerminal, begins_at: Timestamp) -> Result<Line, StoreError> {
    let SettledLine { change, cose, received_at, judged, settled_before } = line;
    let holds = entry_hash(cose) == change.hash && *judged == change.after && *settled_before == change.before;
    let record = record(cose).filter(|_| holds).ok_or(StoreError::Inconsistent("a line of a settlement"))?;
    Ok(Line {
        terminal: of.terminal,
        partner: of.partner,
        change: *change,
        correction: *received_at < begins_at,
        sold_at: record.time,
        season: record.season,
        slot: record.slot,
        debited: record.amount,
    })
}

/// Only a debit is worth something.
fn record(cose: &[u8]) -> Option<Record> {
    let entry = read_entry(cose)?;
    record_of(&entry.body).filter(|record| record.operation == Operation::Debit).copied()
}
