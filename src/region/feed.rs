//! Pages of the feed, as one terminal gets them.

use crate::crypto::sha256;
use crate::domain::Timestamp;
use crate::wire::cbor::{Opaque, encode};
use crate::wire::cose::Content;
use crate::wire::feed::{FeedPage, Item, PAGE_ITEMS_MAX, Position, denied_bytes};

use super::error::RegionError;
use super::signing::Signer;
use super::store::{Audience, FeedPoint, FeedRow, TerminalRow, Tx};

/// The most pages in one answer; together with the bytes of a page it keeps an answer under its limit.
pub const ANSWER_PAGES_MAX: usize = 4;

/// The most bytes of items in one page.
const PAGE_BYTES_MAX: usize = 1024 * 1024;

/// How many positions a copy of the store can be behind. More than that is no lost day: such a claim is not followed.
const LOST_POSITIONS_MAX: u64 = 100_000_000;

/// What an answer carries of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pages {
    /// Signed pages, in order; at least one.
    pub pages: Vec<Opaque>,
    /// Whether there is more.
    pub more: bool,
    /// Where they lead.
    pub to: Position,
}

/// The pages for `terminal` after `from`. The first is there also when it is empty: it carries the time.
///
/// # Errors
/// The store's, or that nothing could be signed.
pub fn pages(
    tx: &Tx<'_>,
    signer: &Signer,
    terminal: &TerminalRow,
    from: Position,
    now: Timestamp,
) -> Result<Pages, RegionError> {
    let mut at = FeedPoint::of(from);
    let newest = tx.feed_end(terminal.id)?;
    let end = FeedPoint { all: newest.all.max(at.all), own: newest.own.max(at.own) };
    let mut pages = Vec::new();
    loop {
        let rows = tx.feed_after(terminal.id, terminal.all_entitlements, at, end, PAGE_ITEMS_MAX)?;
        let (rows, whole) = fitting(rows);
        let to = match rows.last() {
            Some(last) if !whole => last.point,
            _ => end,
        };
        let denied = tx.denied_at(to.all)?;
        let page = FeedPage {
            terminal: terminal.id,
            from: at.position(),
            to: to.position(),
            made_at: now,
            denied_count: denied.len() as u64,
            denied_digest: sha256(&denied_bytes(denied.into_iter())),
            items: rows.into_iter().map(|row| for_terminal(row.item, terminal)).collect(),
        };
        pages.push(Opaque(signer.message(Content::FeedPage, &page)?));
        at = to;
        if whole || pages.len() >= ANSWER_PAGES_MAX {
            return Ok(Pages { pages, more: !whole, to: to.position() });
        }
    }
}

/// Before anything is told to `terminal`, which has the feed up to `from`: only a store that was put back by hand is behind its terminals. It goes on after
/// the furthest that one has, so that nothing new is told where a terminal has been already. What the copy lacks of the deny list a terminal finds by
/// the digest.
///
/// # Errors
/// The store's.
pub fn catch_up(tx: &Tx<'_>, terminal: &TerminalRow, from: Position) -> Result<(), RegionError> {
    let (from, newest) = (FeedPoint::of(from), tx.feed_end(terminal.id)?);
    for (audience, from, newest) in
        [(Audience::Everyone, from.all, newest.all), (Audience::One(terminal.id), from.own, newest.own)]
    {
        if from <= newest {
            continue;
        }
        tracing::error!(terminal = %terminal.id, from, newest, "a terminal has a feed position that this store never gave");
        if from - newest <= LOST_POSITIONS_MAX {
            tx.pass_positions(audience, from)?;
        }
    }
    Ok(())
}

/// As many rows as a page holds, and whether these are all that there are.
fn fitting(mut rows: Vec<FeedRow>) -> (Vec<FeedRow>, bool) {
    let mut bytes = 0_usize;
    let fits = |row: &FeedRow| {
        bytes = bytes.saturating_add(encode(&row.item).len());
        bytes <= PAGE_BYTES_MAX
    };
    // One item always fits.
    let room = rows.iter().map(fits).take_while(|fits| *fits).count().max(1);
    let whole = rows.len() < PAGE_ITEMS_MAX && room >= rows.len();
    rows.truncate(room);
    (rows, whole)
}

/// The policy says whether *this* terminal holds the entitlements of all cards.
fn for_terminal(item: Item, terminal: &TerminalRow) -> Item {
    match item {
        Item::Policy(mut policy) => {
            policy.all_entitlements = terminal.all_entitlements;
            Item::Policy(policy)
        }
        Item::Catalogue(_)
        | Item::Denial(_)
        | Item::Entitlement(_)
        | Item::TerminalCertificate(_)
        | Item::KeyCertificate(_)
        | Item::RecordsWanted(_)
        | Item::Verdict(_)
        | Item::KeyWithdrawn(_)
        | Item::Partner(_)
        | Item::Record(_) => item,
    }
}
