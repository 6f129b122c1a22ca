//! What a holder has left, as the region knows it (R8): rights, consumption, where and when; and until when that is known, because a terminal that did not exchange
//! since may have sold more.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::domain::card::Operation;
use crate::domain::catalogue::{Benefit, Catalogue};
use crate::domain::purse::left;
use crate::domain::refusal::DenialReason;
use crate::domain::{CardNumber, HolderReference, Season, TerminalId, Timestamp};

use super::persons::{Secret, seen_holder};
use super::{Acting, HolderTrouble};
use crate::region::Region;
use crate::region::desk::CardFile;
use crate::region::error::RegionError;
use crate::region::store::Tx;

/// What is left of a benefit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RightsLine {
    /// The benefit.
    pub benefit: Benefit,
    /// Granted, in its unit.
    pub granted: u32,
    /// Charged before the card took part: an earlier card, a fee.
    pub opening: u32,
    /// Consumed with this card.
    pub consumed: u32,
    /// Left.
    pub left: u32,
}

/// The rights on a card's newest entitlement, one line a benefit that it has.
pub fn rights(file: &CardFile) -> Vec<RightsLine> {
    let (Some(newest), Some(catalogue)) = (file.entitlements.last(), &file.catalogue) else { return Vec::new() };
    let line = |benefit: &Benefit| {
        let consumed = file.consumed(newest.season, benefit.slot);
        let (granted, opening) = (newest.granted.get(benefit.slot), newest.opening.get(benefit.slot));
        // Of a benefit that is debited once the rest lapses with the debit.
        let left = if benefit.once && consumed > 0 { 0 } else { left(granted, opening, consumed) };
        RightsLine { benefit: benefit.clone(), granted, opening, consumed, left }
    };
    catalogue.benefits.iter().map(line).filter(|line| line.granted > 0 || line.consumed > 0).collect()
}

/// Something that was taken from a card, or given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// When, by the terminal's clock.
    pub time: Timestamp,
    /// Which.
    pub operation: Operation,
    /// Of which season.
    pub season: Season,
    /// Of which benefit; `None` when the catalogue of then does not know it.
    pub benefit: Option<Benefit>,
    /// How much, in its unit.
    pub amount: u32,
    /// With which of the holder's cards.
    pub card: CardNumber,
    /// Where.
    pub terminal: TerminalId,
    /// At which partner's.
    pub partner: String,
}

/// A terminal that has served the holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The terminal.
    pub terminal: TerminalId,
    /// Whose.
    pub partner: String,
    /// When the region last heard of it: what it sold since is not known.
    pub last_exchange: Option<Timestamp>,
}

/// What a holder has left.
#[derive(Clone, Debug)]
pub struct Balance {
    /// The card that counts now.
    pub card: CardNumber,
    /// Why it is denied, if it is.
    pub denied: Option<DenialReason>,
    /// The season of its newest rights.
    pub season: Option<Season>,
    /// What they are.
    pub rights: Vec<RightsLine>,
    /// What was taken and given back with all of the holder's cards, the newest last.
    pub movements: Vec<Movement>,
    /// The terminals that have served them.
    pub terminals: Vec<Served>,
    /// Everything until then is known; `None` when no terminal ever saw the cards.
    pub known_until: Option<Timestamp>,
}

impl Region {
    /// The balance of a holder.
    ///
    /// # Errors
    /// [`HolderTrouble::NoHolder`], also as long as there is no card; the store's.
    pub fn balance(&self, holder: HolderReference, acting: &Acting) -> Result<Balance, RegionError> {
        self.store().read(|tx| {
            seen_holder(tx, holder, acting)?;
            balance(tx, holder)
        })
    }

    /// The balance of the holder who knows the secret that belongs to a card; `None` for every other.
    ///
    /// # Errors
    /// The store's.
    pub fn balance_with_secret(&self, card: CardNumber, secret: &str) -> Result<Option<Balance>, RegionError> {
        let Some(secret) = Secret::parse(secret) else { return Ok(None) };
        self.store().read(|tx| {
            let Some(row) = tx.card(card)? else { return Ok(None) };
            // Both are hashes: how long the comparison takes tells nothing of the secret.
            if tx.secret_hash(row.holder)? != Some(secret.hash()) {
                return Ok(None);
            }
            balance(tx, row.holder).map(Some)
        })
    }
}

fn balance(tx: &Tx<'_>, holder: HolderReference) -> Result<Balance, RegionError> {
    let mut files = Vec::new();
    for card in tx.cards_of(holder)? {
        files.extend(CardFile::read(tx, card)?);
    }
    let newest = files.last().ok_or(HolderTrouble::NoHolder(holder))?;
    let (mut seen, mut movements) = (BTreeSet::new(), Vec::new());
    let mut catalogues: BTreeMap<Season, Option<Catalogue>> = BTreeMap::new();
    for file in &files {
        seen.extend(tx.terminals_that_saw(file.card.card)?);
        for signed in &file.records {
            let record = &signed.record;
            seen.insert(record.terminal);
            let catalogue = match catalogues.entry(record.season) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => place.insert(tx.catalogue(record.season)?),
            };
            let catalogue = catalogue.as_ref();
            movements.push(Movement {
                time: record.time,
                operation: record.operation,
                season: record.season,
                benefit: catalogue.and_then(|catalogue| catalogue.benefit(record.slot)).cloned(),
                amount: record.amount,
                card: record.card,
                terminal: record.terminal,
                partner: String::new(),
            });
        }
    }
    let mut terminals = Vec::new();
    for terminal in seen {
        let partner = tx.terminal(terminal)?.map(|row| tx.partner(row.partner)).transpose()?.flatten();
        let partner = partner.map_or_else(String::new, |partner| partner.name);
        terminals.push(Served { terminal, partner, last_exchange: tx.last_heard(terminal)?.map(|(at, _)| at) });
    }
    for movement in &mut movements {
        let served = terminals.iter().find(|served| served.terminal == movement.terminal);
        movement.partner = served.map_or_else(String::new, |served| served.partner.clone());
    }
    movements.sort_by_key(|movement| movement.time);
    Ok(Balance {
        card: newest.card.card,
        denied: newest.denial.map(|denial| denial.reason),
        season: newest.entitlements.last().map(|newest| newest.season),
        rights: rights(newest),
        known_until: terminals.iter().filter_map(|served| served.last_exchange).min(),
        movements,
        terminals,
    })
}
