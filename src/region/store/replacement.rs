//! Cards in the place of others, and what was carried over to them.

use rusqlite::{OptionalExtension, named_params};

use super::rows::Column;
use super::{Stored, Tx};
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
        let mut sql =
            self.sql("SELECT card FROM card WHERE holder = :holder AND issue = :issue AND certificate IS NULL")?;
        let parameters = named_params! { ":holder": Column(holder), ":issue": Column(issue) };
        Ok(sql.query_row(parameters, |row| row.get::<_, Column<_>>(0)).optional()?.map(|column| column.0))
    }

    /// Keeps that a card takes the place of another; the second one in the same place is refused by the store.
    pub fn add_replacement(&self, replacement: &ReplacementRow) -> Stored<()> {
        let mut sql = self.sql(
            "INSERT INTO replacement (replaced, card, season, fee_from, fee_cents)
             VALUES (:replaced, :card, :season, :fee_from, :fee)",
        )?;
        sql.execute(named_params! {
            ":replaced": Column(replacement.replaced),
            ":card": Column(replacement.card),
            ":season": Column(replacement.season),
            ":fee_from": replacement.fee_from.as_ref().map(Column),
            ":fee": Column(replacement.fee),
        })?;
        Ok(())
    }

    /// What took the place of `card`.
    pub fn replacement_of(&self, card: CardNumber) -> Stored<Option<ReplacementRow>> {
        let mut sql = self.sql("SELECT * FROM replacement WHERE replaced = :card")?;
        let row = sql.query_row(named_params! { ":card": Column(card) }, |row| {
            Ok(ReplacementRow {
                replaced: card,
                card: row.get::<_, Column<_>>("card")?.0,
                season: row.get::<_, Column<_>>("season")?.0,
                fee_from: row.get::<_, Option<Column<_>>>("fee_from")?.map(|column| column.0),
                fee: row.get::<_, Column<_>>("fee_cents")?.0,
            })
        });
        Ok(row.optional()?)
    }

    /// The card in whose place `card` is.
    pub fn replaces(&self, card: CardNumber) -> Stored<Option<CardNumber>> {
        let mut sql = self.sql("SELECT replaced FROM replacement WHERE card = :card")?;
        let row = sql.query_row(named_params! { ":card": Column(card) }, |row| row.get::<_, Column<_>>(0));
        Ok(row.optional()?.map(|column| column.0))
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
        let mut sql = self.sql(
            "INSERT INTO carried (replaced, card, serial, slot, amount)
             VALUES (:replaced, :card, :serial, :slot, :amount)",
        )?;
        sql.execute(named_params! {
            ":replaced": Column(replaced),
            ":card": Column(by.card),
            ":serial": Column(by.serial),
            ":slot": Column(slot),
            ":amount": amount,
        })?;
        Ok(())
    }

    /// What of the consumption of `replaced` in `slot` was charged so far.
    pub fn carried(&self, replaced: CardNumber, slot: Slot) -> Stored<i64> {
        let mut sql =
            self.sql("SELECT coalesce(sum(amount), 0) FROM carried WHERE replaced = :replaced AND slot = :slot")?;
        let parameters = named_params! { ":replaced": Column(replaced), ":slot": Column(slot) };
        Ok(sql.query_row(parameters, |row| row.get(0))?)
    }

    /// What `card` was charged after it was made, in that order.
    pub fn late_charges(&self, card: CardNumber) -> Stored<Vec<LateCharge>> {
        let mut sql = self.sql(
            "SELECT e.season, c.slot, c.amount FROM carried c JOIN entitlement e USING (card, serial)
             WHERE card = :card AND serial > 1 ORDER BY serial, slot",
        )?;
        let rows = sql.query_map(named_params! { ":card": Column(card) }, |row| {
            Ok(LateCharge {
                season: row.get::<_, Column<_>>(0)?.0,
                slot: row.get::<_, Column<_>>(1)?.0,
                amount: row.get(2)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
