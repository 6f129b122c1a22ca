//! What must hold when everything has been brought home, and what must hold at any time. Each is a function with its sentence.
//!
//! A terminal whose disk was put back to a copy, or into a second machine, has more than one history: of what it wrote in the others, only
//! what the region or a card has is left. What can be said of such a terminal is less, and said where it differs.

mod accounts;
mod books;
mod lies;
mod money;
mod payments;
mod region;
mod terminals;

use std::collections::BTreeMap;

use pass::crypto::entry_hash;
use pass::domain::card::{Record, SignedRecord};
use pass::domain::entry::{Body, Debit};
use pass::domain::{CardNumber, EntryHash};
use pass::ledger::StoredEntry;
use pass::region::RegionError;
use pass::region::store::EntryListing;

use crate::reader::Nature;
use crate::run::World;

/// Everything that was written down anywhere.
struct Records {
    /// Each terminal's chain.
    chains: Vec<Vec<StoredEntry>>,
    /// With the terminal's index, every entry that was ever written, once for each hash: what happened, whatever the region was told of it.
    written: Vec<(usize, StoredEntry)>,
    /// What each terminal tells the region: its chain, or a lie.
    told: Vec<Vec<StoredEntry>>,
    /// What the region has, with its verdicts, by hash.
    listed: BTreeMap<EntryHash, EntryListing>,
    /// What the region has of each card, by counter.
    known: BTreeMap<CardNumber, Vec<SignedRecord>>,
}

/// The record that an entry brings as its own.
fn record_of(body: &Body) -> Option<&Record> {
    match body {
        Body::Debit(debit) => Some(&debit.proof.record),
        Body::Reversal(reversal) => Some(&reversal.proof.record),
        _ => None,
    }
}

impl Records {
    fn gather(world: &World) -> Self {
        let bureau = world.bureau.borrow();
        let store = bureau.region().store();
        let mut listed = BTreeMap::new();
        let read: Result<(), RegionError> = store.read(|tx| {
            tx.list_entries(None, |listing| {
                listed.insert(entry_hash(&listing.entry.cose), listing);
                Ok(())
            })
        });
        read.unwrap();
        let known = world.cards.iter().map(|card| {
            let records = store.read(|tx| tx.records(card.number)).unwrap();
            (card.number, records.into_iter().map(|(signed, _)| signed).collect())
        });
        let known = known.collect();
        let chains: Vec<_> = world.terminals.iter().map(|terminal| terminal.journal()).collect();
        let mut written: BTreeMap<EntryHash, (usize, StoredEntry)> = BTreeMap::new();
        for (t, terminal) in world.terminals.iter().enumerate() {
            let past_counter = terminal.disguise.as_ref().map(|disguise| &disguise.past_counter);
            for stored in terminal.past.iter().chain([&chains[t]]).chain(past_counter).flatten() {
                written.entry(stored.head.hash).or_insert_with(|| (t, stored.clone()));
            }
        }
        let told = world.terminals.iter().zip(&chains).map(|(terminal, chain)| match &terminal.disguise {
            Some(disguise) => disguise.chain.iter().map(|(stored, _)| stored.clone()).collect(),
            None => chain.clone(),
        });
        let told = told.collect();
        Self { told, chains, written: written.into_values().collect(), listed, known }
    }

    /// Every debit that was ever written.
    fn debits(&self) -> impl Iterator<Item = (usize, &StoredEntry, &Debit)> {
        self.written.iter().filter_map(|(t, stored)| match &stored.entry.body {
            Body::Debit(debit) => Some((*t, stored, debit)),
            _ => None,
        })
    }
}

impl World {
    /// How many sales there were, and how many entries in all.
    pub(crate) fn sales_and_entries(&self) -> (u64, u64) {
        let chains: Vec<_> = self.terminals.iter().flat_map(|terminal| terminal.journal()).collect();
        let sales = chains.iter().filter(|stored| matches!(stored.entry.body, Body::Debit(_))).count();
        (sales as u64, chains.len() as u64)
    }

    /// What must hold at any time, brought home or not.
    pub(crate) fn check_on_the_way(&mut self) {
        let records = Records::gather(self);
        self.the_region_pays_for_nothing_else(&records);
        self.nobody_is_paid_on_a_branch_that_was_not_joined(&records);
    }

    /// Everything that must hold in the end.
    pub(crate) fn check(&mut self) {
        let records = Records::gather(self);
        for (terminal, chain) in self.terminals.iter().zip(&records.chains) {
            let kinds: Vec<String> =
                chain.iter().map(|stored| format!("{} {}", stored.head.sequence, stored.entry.body.kind())).collect();
            self.shared.say(|| format!("{} has {}", terminal.name, kinds.join(", ")));
        }
        self.cards_and_ledgers_agree(&records);
        self.nothing_is_sold_to_a_forged_card();
        self.no_card_is_beyond_its_grant();
        self.what_was_told_is_there(&records);
        self.a_request_has_one_debit(&records);
        self.money_adds_up(&records);
        self.tills_and_journals_agree(&records);
        self.the_bank_terminal_has_what_was_earned(&records);
        self.money_came_first(&records);
        self.no_payment_is_hidden(&records);
        self.closings_know_the_payments(&records);
        self.no_doubt_is_left();
        self.what_was_given_up_is_taken_back(&records);
        self.ledgers_verify(&records);
        self.denials_have_arrived();
        self.nothing_is_sold_to_a_card_that_is_known_to_be_denied(&records);
        self.nothing_acknowledged_is_missing(&records);
        self.the_region_has_everything(&records);
        self.the_region_pays_for_nothing_else(&records);
        self.nobody_is_paid_on_a_branch_that_was_not_joined(&records);
        self.the_region_pays_what_is_due(&records);
        self.verdicts_have_arrived(&records);
        self.the_region_has_the_records_that_it_wants(&records);
        self.lies_are_found(&records);
        self.honest_terminals_are_not_suspended_and_two_machines_are(&records);
    }

    /// Whether there is a second chip of this card.
    fn is_copied(&self, card: CardNumber) -> bool {
        self.cards.iter().any(|other| other.number == card && matches!(other.nature, Nature::Copied(_)))
    }

    /// Whether there is a second chip of any card.
    fn is_any_copied(&self) -> bool {
        self.cards.iter().any(|other| matches!(other.nature, Nature::Copied(_)))
    }

    /// What the chips of this number ever signed.
    fn made(&self, card: CardNumber) -> Vec<SignedRecord> {
        let chips = self.cards.iter().filter(|other| other.number == card);
        chips.filter(|other| !matches!(other.nature, Nature::Forged(_))).flat_map(|chip| chip.made()).collect()
    }
}
