//! What the region pays.

use std::collections::{BTreeMap, BTreeSet};

use pass::domain::card::{Operation, SignedRecord};
use pass::domain::entry::{Body, Debit, TechnicalEvent};
use pass::domain::verdict::{Contest, Verdict};
use pass::domain::{CardNumber, TerminalId};
use pass::region::bench::read_entry;
use pass::region::store::EntryListing;

use super::Records;
use crate::run::World;

/// What was taken back, and by what the region can know it.
struct TakenBack {
    /// Debits that a reversal on the chip takes back, where the region has that record.
    known: BTreeSet<(CardNumber, u32)>,
    /// All of them.
    on_chip: BTreeSet<(CardNumber, u32)>,
    /// Debits that the region was asked to take back.
    by_region: BTreeSet<(CardNumber, u32)>,
    /// Everything that the cards signed.
    made: Vec<SignedRecord>,
    /// Sales that a terminal gave up.
    given_up: BTreeSet<(TerminalId, [u8; 16])>,
}

impl TakenBack {
    fn gather(world: &World, records: &Records) -> Self {
        let reversed = |signed: &&pass::domain::card::SignedRecord| signed.record.operation == Operation::Reversal;
        let link = |signed: &pass::domain::card::SignedRecord| (signed.record.card, signed.record.link);
        let on_chip: Vec<_> = world.cards.iter().flat_map(|card| world.made(card.number)).collect();
        let mut taken = Self {
            known: records.known.values().flatten().filter(reversed).map(link).collect(),
            on_chip: on_chip.iter().filter(reversed).map(link).collect(),
            by_region: BTreeSet::new(),
            made: on_chip.clone(),
            given_up: BTreeSet::new(),
        };
        let bureau = world.bureau.borrow();
        for card in &world.cards {
            let undone = bureau.region().store().read(|tx| tx.undone(card.number)).unwrap();
            taken.by_region.extend(undone.iter().map(|undone| (card.number, undone.counter.get())));
            let given_up = bureau.region().store().read(|tx| tx.abandoned(card.number)).unwrap();
            taken.given_up.extend(given_up.iter().map(|(terminal, transaction)| (*terminal, *transaction.as_bytes())));
        }
        taken
    }

    /// Whether the region can know that this debit was taken back on the card: it was, and the card was debited after that, which counts the reversal.
    fn shows(&self, debit: &Debit, records: &Records) -> bool {
        let record = &debit.proof.record;
        let taken = |made: &&SignedRecord| {
            made.record.card == record.card
                && made.record.operation == Operation::Reversal
                && made.record.link == record.counter.get()
        };
        let Some(reversal) = self.made.iter().find(taken) else { return false };
        records.known[&record.card]
            .iter()
            .any(|known| known.record.operation == Operation::Debit && known.record.counter > reversal.record.counter)
    }

    fn has(&self, debit: &Debit) -> bool {
        let key = (debit.proof.record.card, debit.proof.record.counter.get());
        self.known.contains(&key) || self.by_region.contains(&key)
    }
}

impl World {
    /// The region pays for a debit that the card made at this terminal, once, within the grant; for none that it knows to be taken back or given up; and
    /// for nothing else, whoever says so.
    pub(super) fn the_region_pays_for_nothing_else(&mut self, records: &Records) {
        let taken = TakenBack::gather(self, records);
        let mut paid: BTreeSet<(CardNumber, u32)> = BTreeSet::new();
        let mut sums: BTreeMap<(CardNumber, u16, u8), u64> = BTreeMap::new();
        let mut wrong = Vec::new();
        for listing in records.listed.values() {
            let judged = listing.judged;
            let place = (listing.entry.key.terminal, listing.entry.key.place);
            let Some(judged) = judged.filter(|judged| judged.verdict == Verdict::Payable) else {
                if judged.is_none_or(|judged| !judged.payable.is_zero()) {
                    wrong.push(format!("{place:?} is not payable and has {judged:?}"));
                }
                continue;
            };
            let entry = read_entry(&listing.entry.cose).unwrap();
            let Body::Debit(debit) = &entry.body else {
                wrong.push(format!("{place:?} is payable and no debit"));
                continue;
            };
            let record = &debit.proof.record;
            let made = self.made(record.card).iter().any(|signed| signed.record == *record);
            if !made || record.terminal != listing.entry.key.terminal {
                wrong.push(format!("{place:?} is payable, and no card made it there"));
            }
            if !paid.insert((record.card, record.counter.get())) {
                wrong.push(format!("{place:?} is paid a second time"));
            }
            let given_up = taken.given_up.contains(&(record.terminal, *record.transaction.as_bytes()));
            if taken.shows(debit, records) && !self.is_copied(record.card) {
                wrong.push(format!("{place:?} is payable, and a later debit of the card counts its reversal"));
            }
            if taken.has(debit) || given_up || debit.abandoned {
                wrong.push(format!("{place:?} is payable, and was taken back or given up"));
            }
            let each = if record.slot.get() == 0 { 400 } else { 1 };
            if judged.payable.get() != each * u64::from(record.amount) {
                wrong.push(format!("{place:?} is paid with {}", judged.payable));
            }
            *sums.entry((record.card, record.season.get(), record.slot.get())).or_default() += u64::from(record.amount);
        }
        for ((card, season, slot), sum) in sums {
            let season = pass::domain::Season::new(season);
            let newest =
                self.bureau.borrow().region().store().read(|tx| tx.newest_entitlement_of(card, season)).unwrap();
            let slot = pass::domain::Slot::new(slot).unwrap();
            let granted = newest.map_or(0, |newest| newest.granted.get(slot).saturating_sub(newest.opening.get(slot)));
            if sum > u64::from(granted) {
                wrong.push(format!(
                    "{sum} of slot {} of {} are paid, {granted} granted",
                    slot.get(),
                    self.card_name(card)
                ));
            }
        }
        wrong.into_iter().for_each(|text| self.wrong(text));
    }

    /// Where a chain forked, nothing on the new branch is paid before a join on it says that the other one is lost, or the desk has looked.
    pub(super) fn nobody_is_paid_on_a_branch_that_was_not_joined(&mut self, records: &Records) {
        let branch_of = |listing: &EntryListing| (listing.entry.key.terminal, listing.entry.key.place.branch);
        let joins = |listing: &&EntryListing| {
            let body = read_entry(&listing.entry.cose).map(|entry| entry.body);
            matches!(body, Some(Body::Event(TechnicalEvent::Joined { .. })))
        };
        let joined: BTreeSet<_> = records.listed.values().filter(joins).map(branch_of).collect();
        let is_open = |listing: &&EntryListing| {
            listing.entry.key.place.branch > 0
                && !joined.contains(&branch_of(listing))
                && !self.misfortunes.looked_at.contains(&listing.entry.key.terminal)
        };
        let paid = |listing: &&EntryListing| listing.judged.is_some_and(|judged| judged.verdict == Verdict::Payable);
        let wrong = records.listed.values().filter(is_open).filter(paid).map(|listing| {
            format!(
                "{:?} is payable, on a branch that was not joined",
                (listing.entry.key.terminal, listing.entry.key.place)
            )
        });
        wrong.collect::<Vec<_>>().into_iter().for_each(|text| self.wrong(text));
    }

    /// Every debit of an honest terminal is paid unless it was taken back or given up, and nothing is contested for another reason.
    pub(super) fn the_region_pays_what_is_due(&mut self, records: &Records) {
        let taken = TakenBack::gather(self, records);
        let mut wrong = Vec::new();
        for (t, stored, debit) in records.debits() {
            let (place, record) = (stored.head.sequence, &debit.proof.record);
            let honest = self.terminals[t].has_one_history() && self.terminals[t].is_honest();
            if !honest || self.is_copied(record.card) {
                continue;
            }
            let judged = records.listed.get(&stored.head.hash).and_then(|listing| listing.judged);
            let key = (record.card, record.counter.get());
            let expected = if taken.has(debit) {
                Verdict::Contested(Contest::TakenBack)
            } else if debit.abandoned {
                Verdict::Contested(Contest::Abandoned)
            } else {
                Verdict::Payable
            };
            let verdict = judged.map(|judged| judged.verdict);
            // A reversal that went with a lost history leaves a question as long as nobody has read it.
            let hidden = taken.on_chip.len() > taken.known.len()
                && verdict == Some(Verdict::Contested(Contest::MissingReversal));
            if verdict != Some(expected) && !hidden {
                wrong.push(format!("entry {place} of T{t}, {key:?}, is {verdict:?}, not {expected:?}"));
            }
        }
        wrong.into_iter().for_each(|text| self.wrong(text));
    }
}
