//! Positions and items of the feed.

use rusqlite::named_params;

use super::rows::{Column, body};
use super::{Stored, Tx};
use crate::domain::{CardNumber, Sequence, TerminalId};
use crate::wire::cbor::encode;
use crate::wire::feed::{Item, Position};

/// Whom an item is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Every terminal.
    Everyone,
    /// The terminals that hold the entitlements of all cards.
    HoldersOfAll,
    /// This terminal.
    One(TerminalId),
}

impl Audience {
    fn column(self) -> i64 {
        match self {
            Self::Everyone => 0,
            Self::HoldersOfAll => -1,
            Self::One(terminal) => i64::from(terminal.get()),
        }
    }
}

/// An item and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedRow {
    /// Its place.
    pub position: Position,
    /// What is told.
    pub item: Item,
}

/// What an item is about: the next one about the same takes its place. Denials are told again when another key signs their
/// block, and the first is kept all the same, so that whoever has passed its position has it.
fn subject(item: &Item, key_serial: u32) -> String {
    match item {
        Item::Catalogue(catalogue) => format!("catalogue/{}", catalogue.season.get()),
        Item::Policy(_) => "policy".to_owned(),
        Item::Denial(denial) => format!("denial/{}/{key_serial}", denial.card.digits()),
        Item::Entitlement(entitlement) => format!("entitlement/{}", entitlement.card.digits()),
        Item::TerminalCertificate(certificate) => format!("certificate/{}", certificate.season.get()),
        Item::KeyCertificate(key) => format!("key/{}", key.serial),
        Item::RecordsWanted(wanted) => format!("records/{}", wanted.card.digits()),
        Item::Verdict(verdict) => format!("verdict/{}", verdict.sequence),
        Item::KeyWithdrawn(withdrawn) => format!("withdrawn/{}", withdrawn.serial),
        Item::Partner(_) => "partner".to_owned(),
        Item::Record(signed) => format!("record/{}/{}", signed.record.card.digits(), signed.record.counter),
    }
}

impl Tx<'_> {
    /// The newest position.
    pub fn feed_position(&self) -> Stored<Position> {
        let mut sql = self.sql("SELECT position FROM feed_head WHERE id = 1")?;
        Ok(sql.query_row([], |row| row.get::<_, Column<u64>>(0))?.0)
    }

    /// The next position, which nobody else gets.
    pub fn take_position(&self) -> Stored<Position> {
        let mut sql = self.sql("UPDATE feed_head SET position = position + 1 WHERE id = 1 RETURNING position")?;
        Ok(sql.query_row([], |row| row.get::<_, Column<u64>>(0))?.0)
    }

    /// The positions up to `position` are given to nobody.
    pub fn pass_positions(&self, position: Position) -> Stored<()> {
        let mut sql = self.sql("UPDATE feed_head SET position = :position WHERE id = 1 AND position < :position")?;
        sql.execute(named_params! { ":position": Column(position) })?;
        Ok(())
    }

    /// Tells `item` from the position that is returned, in the place of an older one about the same. `key_serial` is that of the key
    /// which signs now.
    pub fn tell(&self, audience: Audience, item: &Item, key_serial: u32) -> Stored<Position> {
        let position = self.take_position()?;
        let mut sql = self.sql(
            "INSERT INTO feed_item (position, audience, subject, body) VALUES (:position, :audience, :subject, :body)
             ON CONFLICT (audience, subject) DO UPDATE SET position = :position, body = :body",
        )?;
        sql.execute(named_params! {
            ":position": Column(position),
            ":audience": audience.column(),
            ":subject": subject(item, key_serial),
            ":body": encode(item),
        })?;
        Ok(position)
    }

    /// The first `limit` items after `from` that `terminal` is told, in order.
    pub fn feed_after(
        &self,
        terminal: TerminalId,
        holds_all: bool,
        from: Position,
        limit: usize,
    ) -> Stored<Vec<FeedRow>> {
        // Three walks along the index, merged: the items of other terminals are never looked at.
        let mut sql = self.sql(
            "SELECT position, body FROM feed_item WHERE audience = 0 AND position > :from
             UNION ALL SELECT position, body FROM feed_item WHERE audience = :terminal AND position > :from
             UNION ALL SELECT position, body FROM feed_item WHERE audience = -1 AND :all AND position > :from
             ORDER BY position LIMIT :limit",
        )?;
        let parameters = named_params! {
            ":from": Column(from),
            ":terminal": Audience::One(terminal).column(),
            ":all": holds_all,
            ":limit": i64::try_from(limit).unwrap_or(i64::MAX),
        };
        let rows = sql.query_map(parameters, |row| Ok((row.get::<_, Column<u64>>(0)?.0, row.get::<_, Vec<u8>>(1)?)))?;
        let items = rows.map(|row| {
            let (position, bytes) = row?;
            Ok(FeedRow { position, item: body(&bytes, "an item of the feed")? })
        });
        items.collect()
    }

    /// What `terminal` was told of these entries is of a branch that it does not have any more.
    pub fn untell_verdicts(&self, terminal: TerminalId, sequences: impl Iterator<Item = Sequence>) -> Stored<()> {
        let mut sql = self.sql("DELETE FROM feed_item WHERE audience = :terminal AND subject = :subject")?;
        for sequence in sequences {
            let subject = format!("verdict/{sequence}");
            sql.execute(named_params! { ":terminal": Audience::One(terminal).column(), ":subject": subject })?;
        }
        Ok(())
    }

    /// The records of `card` were found: nobody needs to be told any more that they are wanted.
    pub fn untell_records_wanted(&self, card: CardNumber) -> Stored<()> {
        let mut sql = self.sql("DELETE FROM feed_item WHERE audience = :terminal AND subject = :subject")?;
        let subject = format!("records/{}", card.digits());
        for terminal in self.terminals_that_saw(card)? {
            sql.execute(named_params! { ":terminal": Audience::One(terminal).column(), ":subject": subject })?;
        }
        Ok(())
    }
}
