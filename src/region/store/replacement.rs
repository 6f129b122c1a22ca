//! Cards in the place of others, and what was carried over to them.

use super::engine::values;
use super::{Row, StoreError, Stored, Tx};
use crate::domain::card::Entitlement;
use crate::domain::catalogue::Code;
use crate::domain::{CardNumber, Cents, HolderReference, IssueNumber, Season, Slot};

/// A card in the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplacementRow {
    /// The old card.
    pub replaced: CardNumber,
    /// The new one.
    pub card: CardNumber,
    /// The season whose consumption the new card takes over.
    pub season: Season,
    /// The benefit that the fee was taken from.
    pub fee_from: Option<Code>,
    /// The fee; 0 without a benefit.
    pub fee: Cents,
}

/// What a card was charged after it was made, for what a card before it had consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LateCharge {
    /// In which season.
    pub season: Season,
    /// Of which benefit.
    pub slot: Slot,
    /// In the unit of the benefit; less than 0 when it was given back.
    pub amount: i64,
}

impl Tx<'_> {
    /// The number that this issue of the holder's cards has, as long as no card was certified with it.
    pub fn reserved_number(&self, holder: HolderReference, issue: IssueNumber) -> Stored<Option<CardNumber>> {
        let sql = "SELECT card FROM holder_card WHERE holder = $1 AND issue = $2";
        let Some(row) = self.row(sql, &values![holder, issue])? else { return Ok(None) };
        let number: CardNumber = row.get(0)?;
        Ok(self.card(number)?.filter(|card| card.certificate.is_none()).map(|_| number))
    }

    /// Keeps that a card takes the place of another; the second one in the same place is refused by the store.
    pub fn add_replacement(&self, replacement: &ReplacementRow) -> Stored<()> {
        self.execute(
            "INSERT INTO replacement (replaced, card, season, fee_from, fee_cents) VALUES ($1, $2, $3, $4, $5)",
            &values![
                replacement.replaced,
                replacement.card,
                replacement.season,
                replacement.fee_from.as_ref(),
                replacement.fee
            ],
        )?;
        let sql = "UPDATE card SET replaces = $1 WHERE card = $2 AND replaces IS NULL";
        match self.execute(sql, &values![replacement.replaced, replacement.card])? {
            1 => Ok(()),
            _ => Err(StoreError::Inconsistent("a card in the place of two")),
        }
    }

    /// What took the place of `card`.
    pub fn replacement_of(&self, card: CardNumber) -> Stored<Option<ReplacementRow>> {
        let sql = "SELECT card, season, fee_from, fee_cents FROM replacement WHERE replaced = $1";
        let row = self.row(sql, &values![card])?;
        let read = |row: Row| {
            Ok(ReplacementRow {
                replaced: card,
                card: row.get(0)?,
                season: row.get(1)?,
                fee_from: row.get(2)?,
                fee: row.get(3)?,
            })
        };
        row.map(read).transpose()
    }

    /// The card in whose place `card` is.
    pub fn replaces(&self, card: CardNumber) -> Stored<Option<CardNumber>> {
        let row = self.row("SELECT replaces FROM card WHERE card = $1", &values![card])?;
        row.map_or(Ok(None), |row| row.get(0))
    }

    /// The newest card in the line of `card`: itself when nothing took its place.
    pub fn newest_in_line(&self, card: CardNumber) -> Stored<CardNumber> {
        let mut newest = card;
        while let Some(next) = self.replacement_of(newest)? {
            newest = next.card;
        }
        Ok(newest)
    }

    /// Keeps that `by` charges its card `amount` of what `replaced` has consumed.
    pub fn add_carried(&self, replaced: CardNumber, by: &Entitlement, slot: Slot, amount: i64) -> Stored<()> {
        self.execute(
            "INSERT INTO carried (replaced, card, serial, slot, amount) VALUES ($1, $2, $3, $4, $5)",
            &values![replaced, by.card, by.serial, slot, amount],
        )?;
        Ok(())
    }

    /// What of the consumption of `replaced` in `slot` was charged so far.
    pub fn carried(&self, replaced: CardNumber, slot: Slot) -> Stored<i64> {
        let sql = "SELECT CAST(coalesce(sum(amount), 0) AS BIGINT) FROM carried WHERE replaced = $1 AND slot = $2";
        self.one(sql, &values![replaced, slot])?.get(0)
    }

    /// What `card` was charged after it was made, in that order.
    pub fn late_charges(&self, card: CardNumber) -> Stored<Vec<LateCharge>> {
        let rows = self.rows(
            "SELECT e.season, c.slot, c.amount FROM carried c JOIN entitlement e ON e.card = c.card AND e.serial = c.serial
             WHERE c.card = $1 AND c.serial > 1 ORDER BY c.serial, c.slot",
            &values![card],
        )?;
        let charges =
            rows.iter().map(|row| Ok(LateCharge { season: row.get(0)?, slot: row.get(1)?, amount: row.get(2)? }));
        charges.collect()
    }
}
