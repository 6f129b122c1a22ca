//! Money that is held: what the bank terminal surely took for a sale that has not earned it, because it was not debited, was taken back, or is due
//! less. It follows from payments and entries; it is kept in a table of its own so that whoever asks how the terminal is need not go through them all.
//!
//! A sale whose end is not known holds nothing yet, and neither does one of which a payment is under way or unknown: these are told of by themselves.

use rusqlite::{Connection, OptionalExtension as _};

use crate::domain::entry::{Intent, Purpose, Tender};
use crate::domain::{Cents, RequestId, Sequence, Timestamp};

use super::append::Draft;
use super::error::LedgerError;
use super::facts::has_table;
use super::view::View;

/// Money that is held for a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The request of the sale.
    pub request: RequestId,
    /// How much.
    pub amount: Cents,
    /// Since when.
    pub since: Timestamp,
}

/// What the bank terminal has of each sale's money beyond what that earned, as `request, cents`.
const BEYOND: &str = "\
    SELECT request, sum(CASE way WHEN 'charge' THEN amount ELSE -amount END) - coalesce(( \
        SELECT sum(CASE WHEN entry.tender = 'tpe' THEN entry.collected ELSE ( \
            SELECT cents FROM part WHERE part.entry = entry.sequence AND part.tender = 'tpe') END) \
        FROM entry WHERE entry.request = payment.request AND entry.kind = 'debit' \
        AND NOT EXISTS (SELECT 1 FROM entry AS undo WHERE undo.takes_back = entry.sequence)), 0) AS cents \
    FROM payment WHERE state = 'approved' \
    AND NOT EXISTS (SELECT 1 FROM payment AS open \
        WHERE open.request = payment.request AND open.state IN ('asked', 'sent', 'unknown')) \
    AND request NOT IN (SELECT intent.request FROM intent WHERE settled_by IS NULL AND abandoned_by IS NULL)";

impl View {
    /// The money that is held, longest first. A ledger of an older schema, which is only read, tells of none.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn held(&self) -> Result<Vec<Held>, LedgerError> {
        if !has_table(&self.connection, "held")? {
            return Ok(Vec::new());
        }
        let sql = "SELECT request, cents, since FROM held ORDER BY since, request";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        let mut held = Vec::new();
        while let Some(row) = rows.next()? {
            let amount = Cents::new(row.get(1)?);
            held.push(Held {
                request: RequestId::new(row.get(0)?),
                amount: amount.ok_or_else(|| LedgerError::Damaged("an amount that is held".to_owned()))?,
                since: Timestamp::new(row.get(2)?),
            });
        }
        Ok(held)
    }
}

impl Draft<'_> {
    /// Computes anew what is held of a sale, after one of its payments or its debit changed at `now`.
    pub(super) fn weigh(&self, request: RequestId, now: Timestamp) -> Result<(), LedgerError> {
        let sql = format!("SELECT cents FROM ({BEYOND} AND request = ?1 GROUP BY request) WHERE cents > 0");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let cents: Option<u64> = statement.query_row([request.as_bytes()], |row| row.get(0)).optional()?;
        match cents {
            Some(cents) => {
                let sql = "INSERT INTO held (request, cents, since) VALUES (?1, ?2, ?3) \
                           ON CONFLICT (request) DO UPDATE SET cents = excluded.cents";
                self.connection.prepare_cached(sql)?.execute((request.as_bytes(), cents, now.get()))?;
            }
            None => {
                self.connection.prepare_cached("DELETE FROM held WHERE request = ?1")?.execute([request.as_bytes()])?;
            }
        }
        Ok(())
    }

    /// The same of the sale that `intent` is of, where the bank terminal has a part in it.
    pub(super) fn weigh_of(&self, intent: &Intent, now: Timestamp) -> Result<(), LedgerError> {
        let (_, tender) = intent.money();
        if !tender.uses(Tender::Tpe) {
            return Ok(());
        }
        match &intent.purpose {
            Purpose::Sale { sale, .. } => self.weigh(sale.request, now),
            Purpose::Undo { debit, .. } => self.weigh_debit(*debit, now),
        }
    }

    /// The same of the sale of a debit.
    pub(super) fn weigh_debit(&self, debit: Sequence, now: Timestamp) -> Result<(), LedgerError> {
        let sql = "SELECT request FROM entry WHERE sequence = ?1 AND request IS NOT NULL";
        let mut statement = self.connection.prepare_cached(sql)?;
        let request = statement.query_row([debit.get()], |row| row.get(0).map(RequestId::new)).optional()?;
        request.map_or(Ok(()), |request| self.weigh(request, now))
    }
}

/// Whether the table says what payments and entries say.
pub(super) fn agrees(connection: &Connection) -> Result<bool, LedgerError> {
    let computed = format!("SELECT request, cents FROM ({BEYOND} GROUP BY request) WHERE cents > 0");
    let there = "SELECT request, cents FROM held";
    for (one, other) in [(computed.as_str(), there), (there, computed.as_str())] {
        if connection.prepare(&format!("SELECT * FROM ({one}) EXCEPT SELECT * FROM ({other})"))?.exists([])? {
            return Ok(false);
        }
    }
    Ok(true)
}
