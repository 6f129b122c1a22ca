//! Pages of the feed, as one terminal gets them.

use crate::domain::Timestamp;
use crate::packing::pack;
use crate::wire::cbor::{Opaque, encode};
use crate::wire::cose::Content;
use crate::wire::exchange::ANSWER_PAGES_MAX;
use crate::wire::feed::{FeedPage, Item, PAGE_ITEMS_MAX, Position};

use super::error::RegionError;
use super::shared_pages::SharedPages;
use super::signing::Signer;
use super::store::{Audience, FeedPoint, FeedRow, TerminalRow, Tx};

/// The bytes of items after which a page is full, before they are packed. An answer that is cut on its way is asked for again whole, over lines that are thin, so it
/// is well below what a terminal would take.
const PAGE_BYTES_FULL: usize = 256 * 1024;

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

/// The pages for `terminal` after `from`. The first is there also when it is empty: it carries the time. What all are told comes first, because a terminal's own
/// items may be signed with a key that all are told.
///
/// # Errors
/// The store's, or that nothing could be packed or signed.
pub fn pages(
    tx: &Tx<'_>,
    signer: &Signer,
    shared: &SharedPages,
    terminal: &TerminalRow,
    from: Position,
    now: Timestamp,
) -> Result<Pages, RegionError> {
    let mut from = FeedPoint::of(from);
    let head = tx.feed_head()?;
    let newest = tx.feed_position(Audience::One(terminal.id))?;
    let end = FeedPoint { all: head.position.max(from.all), own: newest.max(from.own) };
    let mut pages = Vec::new();
    loop {
        let of_all = shared.after(tx, &head, from.all, terminal.all_entitlements)?;
        let (to, items) = if of_all.count > 0 {
            (FeedPoint { all: of_all.to, ..from }, of_all.items.clone())
        } else {
            let (own, items) = own_items(tx, terminal, from.own, end.own)?;
            (FeedPoint { all: end.all, own }, pack(&items)?)
        };
        let page = FeedPage {
            terminal: terminal.id,
            from: from.position(),
            to: to.position(),
            made_at: now,
            denied_count: of_all.denied_count,
            denied_digest: of_all.denied_digest,
            items,
        };
        pages.push(Opaque(signer.message(Content::FeedPage, &page)?));
        from = to;
        if to == end || pages.len() >= ANSWER_PAGES_MAX {
            return Ok(Pages { pages, more: to != end, to: to.position() });
        }
    }
}

/// As many of a terminal's own items as a page holds, and where they lead.
fn own_items(tx: &Tx<'_>, terminal: &TerminalRow, from: u64, end: u64) -> Result<(u64, Vec<Item>), RegionError> {
    let (rows, whole) = fitting(tx.feed_of_own(terminal.id, from, end, PAGE_ITEMS_MAX)?);
    let to = match rows.last() {
        Some(last) if !whole => last.position,
        _ => end,
    };
    Ok((to, rows.into_iter().map(|row| row.item).collect()))
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
pub(super) fn fitting(mut rows: Vec<FeedRow>) -> (Vec<FeedRow>, bool) {
    let mut bytes = 0_usize;
    let fits = |row: &FeedRow| {
        bytes = bytes.saturating_add(encode(&row.item).len());
        bytes <= PAGE_BYTES_FULL
    };
    // One item always fits.
    let room = rows.iter().map(fits).take_while(|fits| *fits).count().max(1);
    let whole = rows.len() < PAGE_ITEMS_MAX && room >= rows.len();
    rows.truncate(room);
    (rows, whole)
}
