//! What all terminals are told, a page at a time and packed: read, packed and kept once, not for each terminal.
//!
//! What always holds: what is kept was read under the mark of the feed that it is kept under ([`FeedHead`]), so it is what would be read again, whoever has told
//! something meanwhile and whatever copy of the store was put back; and there are at most `KEPT_BYTES_MAX` bytes of it. A page is made for its terminal, and
//! signed, elsewhere ([`feed`](super::feed)).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::error::RegionError;
use super::feed::fitting;
use super::store::{FeedHead, Tx};
use crate::crypto::Sha256;
use crate::packing::pack;
use crate::wire::feed::{Item, PAGE_ITEMS_MAX, PackedItems};

/// The most bytes of packed items that are kept: ten times the deny list of a region.
const KEPT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The most pages that are kept: every terminal of a night begins at one of a few places.
const KEPT_PAGES_MAX: usize = 256;

/// How many denied cards are read at a time.
const DENIED_AT_ONCE: u32 = 4096;

/// A page of what all are told, but for whom it is.
#[derive(Debug)]
pub struct SharedPage {
    /// Its items.
    pub items: PackedItems,
    /// How many they are.
    pub count: usize,
    /// Where it leads in the feed of all.
    pub to: u64,
    /// How many cards are denied there.
    pub denied_count: u64,
    /// The digest of their numbers.
    pub denied_digest: [u8; 32],
}

/// What makes a page another one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    mark: String,
    from: u64,
    holds_all: bool,
}

/// The pages that are kept.
#[derive(Debug, Default)]
pub struct SharedPages(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// The oldest first.
    pages: VecDeque<(Key, Arc<SharedPage>)>,
    bytes: usize,
}

impl SharedPages {
    /// The page after `from` of the feed whose head is `head`, for terminals that hold the entitlements of all cards or for the others.
    ///
    /// # Errors
    /// The store's, or that it could not be packed.
    pub fn after(
        &self,
        tx: &Tx<'_>,
        head: &FeedHead,
        from: u64,
        holds_all: bool,
    ) -> Result<Arc<SharedPage>, RegionError> {
        let key = Key { mark: head.mark.clone(), from, holds_all };
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().pages.iter().find(|(kept, _)| *kept == key).map(|(_, page)| Arc::clone(page));
        if let Some(page) = known {
            return Ok(page);
        }
        // Others may make the same meanwhile; they do not wait for each other.
        let page = Arc::new(make(tx, head, from, holds_all)?);
        lock().keep(key, Arc::clone(&page));
        Ok(page)
    }
}

impl Kept {
    fn keep(&mut self, key: Key, page: Arc<SharedPage>) {
        if self.pages.iter().any(|(kept, _)| *kept == key) {
            return;
        }
        self.bytes += page.items.zstd.0.len();
        self.pages.push_back((key, page));
        while self.bytes > KEPT_BYTES_MAX || self.pages.len() > KEPT_PAGES_MAX {
            let Some((_, oldest)) = self.pages.pop_front() else { return };
            self.bytes -= oldest.items.zstd.0.len();
        }
    }
}

fn make(tx: &Tx<'_>, head: &FeedHead, from: u64, holds_all: bool) -> Result<SharedPage, RegionError> {
    let end = head.position.max(from);
    let (rows, whole) = fitting(tx.feed_of_all(holds_all, from, end, PAGE_ITEMS_MAX)?);
    let to = match rows.last() {
        Some(last) if !whole => last.position,
        _ => end,
    };
    let items: Vec<Item> = rows.into_iter().map(|row| for_holders(row.item, holds_all)).collect();
    let (denied_count, denied_digest) = denied_at(tx, to)?;
    Ok(SharedPage { items: pack(&items)?, count: items.len(), to, denied_count, denied_digest })
}

/// The policy says whether the terminal holds the entitlements of all cards.
fn for_holders(item: Item, holds_all: bool) -> Item {
    match item {
        Item::Policy(mut policy) => {
            policy.all_entitlements = holds_all;
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
        | Item::RequiredVersion(_)
        | Item::Record(_) => item,
    }
}

/// How many cards are denied for whoever has `position`, and the digest of their numbers.
fn denied_at(tx: &Tx<'_>, position: u64) -> Result<(u64, [u8; 32]), RegionError> {
    let (mut count, mut sum, mut last) = (0, Sha256::new(), None);
    loop {
        let cards = tx.denied_at(position, last, DENIED_AT_ONCE)?;
        cards.iter().for_each(|card| sum.update(&card.get().to_be_bytes()));
        count += cards.len() as u64;
        last = cards.last().copied();
        if cards.len() < DENIED_AT_ONCE as usize {
            return Ok((count, sum.finish()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::cbor::Opaque;

    fn page(bytes: usize) -> Arc<SharedPage> {
        let items = PackedItems { size: 0, zstd: Opaque(vec![0; bytes]) };
        Arc::new(SharedPage { items, count: 0, to: 0, denied_count: 0, denied_digest: [0; 32] })
    }

    fn key(from: u64) -> Key {
        Key { mark: String::new(), from, holds_all: false }
    }

    #[test]
    fn what_is_kept_has_bounds() {
        let mut kept = Kept::default();
        for from in 0..1000 {
            kept.keep(key(from), page(10));
            kept.keep(key(from), page(10));
        }
        assert_eq!((kept.pages.len(), kept.bytes), (KEPT_PAGES_MAX, KEPT_PAGES_MAX * 10));
        for from in 1000..1040 {
            kept.keep(key(from), page(1024 * 1024));
        }
        assert_eq!((kept.pages.len(), kept.bytes), (8, KEPT_BYTES_MAX));
        assert_eq!(kept.pages.front().map(|(key, _)| key.from), Some(1032));
    }
}
