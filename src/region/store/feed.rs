//! Positions and items of the feed.
//!
//! There is one feed that every terminal is told, and one of each terminal's own, so that what is told to one is written beside what else is known of it, and
//! waits for nobody. A terminal knows one number of both ([`FeedPoint`]), which it takes for what it is: a place that grows.

use std::collections::BTreeMap;

use super::engine::{Kind, Row, Table, values};
use super::rows::body;
use super::{StoreError, Stored, Tx};
use crate::domain::version::RequiredVersion;
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

    /// The feed that its items have their places in.
    fn head(self) -> i64 {
        self.column().max(0)
    }
}

/// How many bits of a position are of the terminal's own feed: sixteen million items are more than it is told in its life.
const OWN_BITS: u32 = 24;

/// How far a terminal is in the feed of all and in its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedPoint {
    /// In the feed that every terminal is told.
    pub all: u64,
    /// In its own.
    pub own: u64,
}

impl FeedPoint {
    /// The point that a terminal's position stands for.
    pub const fn of(position: Position) -> Self {
        Self { all: position >> OWN_BITS, own: position & ((1 << OWN_BITS) - 1) }
    }

    /// What a terminal is told of it. It grows with each of the two.
    pub const fn position(self) -> Position {
        (self.all << OWN_BITS) | self.own
    }
}

/// How far the feed that every terminal is told goes, and what it tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedHead {
    /// Its newest position.
    pub position: u64,
    /// Where it is the same, the items of all and of those that hold all entitlements are the same, up to this position and under their positions.
    pub mark: String,
}

/// An item and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedRow {
    /// Its place in its feed.
    pub position: u64,
    /// What is told.
    pub item: Item,
}

const ITEMS: Table = Table {
    name: "feed_item",
    columns: &[("audience", Kind::Integer), ("position", Kind::Integer), ("subject", Kind::Text), ("body", Kind::Blob)],
    conflict: "ON CONFLICT (audience, subject) DO UPDATE SET position = excluded.position, body = excluded.body",
};

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
        Item::RequiredVersion(_) => "required-version".to_owned(),
        Item::Record(signed) => format!("record/{}/{}", signed.record.card.digits(), signed.record.counter),
    }
}

impl Tx<'_> {
    /// The newest position of an audience's feed.
    pub fn feed_position(&self, audience: Audience) -> Stored<u64> {
        let row = self.row("SELECT position FROM feed_head WHERE audience = $1", &values![audience.head()])?;
        row.map_or(Ok(0), |row| row.get(0))
    }

    /// How far the feed that every terminal is told goes.
    pub fn feed_head(&self) -> Stored<FeedHead> {
        let sql = "SELECT position, mark FROM feed_head WHERE audience = $1";
        let row = self.one(sql, &values![Audience::Everyone.head()])?;
        Ok(FeedHead { position: row.get(0)?, mark: row.get(1)? })
    }

    /// How far a terminal is that was told everything.
    pub fn feed_end(&self, terminal: TerminalId) -> Stored<FeedPoint> {
        Ok(FeedPoint {
            all: self.feed_position(Audience::Everyone)?,
            own: self.feed_position(Audience::One(terminal))?,
        })
    }

    /// The next `count` positions of an audience's feed, which nobody else gets: the last of them.
    pub fn take_positions(&self, audience: Audience, count: u64) -> Stored<u64> {
        let sql = format!(
            "INSERT INTO feed_head (audience, position, mark) VALUES ($1, $2, {})
             ON CONFLICT (audience) DO UPDATE SET position = feed_head.position + excluded.position, mark = excluded.mark
             RETURNING position",
            self.engine.novelty()
        );
        self.one(&sql, &values![audience.head(), count])?.get(0)
    }

    /// The positions up to `position` are given to nobody.
    pub fn pass_positions(&self, audience: Audience, position: u64) -> Stored<()> {
        let sql = format!(
            "INSERT INTO feed_head (audience, position, mark) VALUES ($1, $2, {})
             ON CONFLICT (audience) DO UPDATE SET position = excluded.position, mark = excluded.mark
             WHERE feed_head.position < excluded.position",
            self.engine.novelty()
        );
        self.execute(&sql, &values![audience.head(), position])?;
        Ok(())
    }

    /// Tells `item` from the position that is returned, in the place of an older one about the same. `key_serial` is that of the key
    /// which signs now.
    pub fn tell(&self, audience: Audience, item: &Item, key_serial: u32) -> Stored<u64> {
        self.tell_all(audience, std::slice::from_ref(item), key_serial)
    }

    /// Tells `items` in their order; the last position. Of two about the same the later one is told.
    pub fn tell_all(&self, audience: Audience, items: &[Item], key_serial: u32) -> Stored<u64> {
        let last = self.take_positions(audience, items.len() as u64)?;
        let first = (last + 1).saturating_sub(items.len() as u64);
        let places: BTreeMap<String, (u64, &Item)> =
            (first..).zip(items).map(|(position, item)| (subject(item, key_serial), (position, item))).collect();
        let rows = places
            .into_iter()
            .map(|(subject, (position, item))| values![audience.column(), position, subject, encode(item)].to_vec());
        self.insert(&ITEMS, rows.collect())?;
        Ok(last)
    }

    /// The first `limit` items after `from`, up to `end`, that every terminal is told, and with them those that the terminals are told which hold the
    /// entitlements of all cards, if it is for one of these; in order.
    pub fn feed_of_all(&self, holds_all: bool, from: u64, end: u64, limit: usize) -> Stored<Vec<FeedRow>> {
        let mut rows = self.feed_rows(Audience::Everyone, from, end, limit)?;
        if holds_all {
            rows.extend(self.feed_rows(Audience::HoldersOfAll, from, end, limit)?);
            rows.sort_by_key(|row| row.position);
            rows.truncate(limit);
        }
        Ok(rows)
    }

    /// The first `limit` items of a terminal's own after `from`, up to `end`, in order.
    pub fn feed_of_own(&self, terminal: TerminalId, from: u64, end: u64, limit: usize) -> Stored<Vec<FeedRow>> {
        self.feed_rows(Audience::One(terminal), from, end, limit)
    }

    fn feed_rows(&self, audience: Audience, from: u64, end: u64, limit: usize) -> Stored<Vec<FeedRow>> {
        let sql = "SELECT position, body FROM feed_item
             WHERE audience = $1 AND position > $2 AND position <= $3 ORDER BY position LIMIT $4";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.rows(sql, &values![audience.column(), from, end, limit])?;
        let item = |row: &Row| body(&row.get::<Vec<u8>>(1)?, "an item of the feed");
        rows.iter().map(|row| Ok(FeedRow { position: row.get(0)?, item: item(row)? })).collect()
    }

    /// The version that terminals are told to have.
    pub fn required_version(&self) -> Stored<Option<RequiredVersion>> {
        let sql = "SELECT body FROM feed_item WHERE audience = $1 AND subject = 'required-version'";
        let row = self.row(sql, &values![Audience::Everyone.column()])?;
        let item = row.map(|row| body(&row.get::<Vec<u8>>(0)?, "an item of the feed")).transpose()?;
        Ok(match item {
            Some(Item::RequiredVersion(required)) => Some(required),
            Some(_) => return Err(StoreError::Inconsistent("an item of the feed")),
            None => None,
        })
    }

    /// What `terminal` was told of these entries is of a branch that it does not have any more.
    pub fn untell_verdicts(&self, terminal: TerminalId, sequences: impl Iterator<Item = Sequence>) -> Stored<()> {
        let subjects = sequences.map(|sequence| (terminal, format!("verdict/{sequence}")));
        self.untell(subjects.collect())
    }

    /// The records of `card` were found: nobody needs to be told any more that they are wanted.
    pub fn untell_records_wanted(&self, card: CardNumber) -> Stored<()> {
        let subject = format!("records/{}", card.digits());
        let told = self.terminals_that_saw(card)?;
        self.untell(told.into_iter().map(|terminal| (terminal, subject.clone())).collect())
    }

    fn untell(&self, subjects: Vec<(TerminalId, String)>) -> Stored<()> {
        let each =
            subjects.into_iter().map(|(terminal, subject)| values![Audience::One(terminal).column(), subject].to_vec());
        self.rows_of_each("DELETE FROM feed_item WHERE audience = $1 AND subject = $2", &each.collect::<Vec<_>>())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_grows_with_either_feed() {
        let point = |all, own| FeedPoint { all, own };
        let growing = [point(0, 0), point(0, 1), point(1, 1), point(1, 2), point(7, 2), point(8, (1 << OWN_BITS) - 1)];
        for pair in growing.windows(2) {
            assert!(pair[0].position() < pair[1].position(), "{pair:?}");
        }
        for point in growing {
            assert_eq!(FeedPoint::of(point.position()), point);
        }
    }
}
