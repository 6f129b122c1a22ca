//! Cards against ledgers, ledgers against what was told.

use std::collections::{BTreeMap, BTreeSet};

use pass::domain::card::Operation;
use pass::domain::entry::{Body, Learnt, TechnicalEvent};
use pass::domain::purse::Slot;
use pass::domain::{RequestId, Sequence, Timestamp};
use pass::machine::sale::Outcome;
use pass::machine::sale::plan::CLOCK_TOLERANCE_SECONDS;
use pass::terminal::clock::Clock as _;

use super::{Records, record_of};
use crate::reader::Nature;
use crate::run::World;

impl World {
    /// Each "granted" is durable when it is told, is of the right card, and of this request alone.
    ///
    /// But for one: what was told to another request first, as the same sale asked for again after a doubt, is told to its own all the same, because a
    /// ledger does not keep to whom it was told.
    pub(crate) fn told_only_what_is_durable(&mut self, t: usize, number: usize) {
        let asked = self.tills[t].asked[number].clone();
        let Some(Outcome::Granted(granted)) = asked.told.last() else { return };
        let entry = granted.entry;
        let stored = self.terminals[t].know(move |view| view.entry(entry)).unwrap();
        let debit = stored.and_then(|stored| match stored.entry.body {
            Body::Debit(debit) => Some(debit),
            _ => None,
        });
        let Some(debit) = debit.filter(|debit| {
            debit.proof.record.card == granted.card
                && debit.proof.record.amount == granted.debited
                && debit.sale.due == granted.due
                && !debit.abandoned
        }) else {
            return self.wrong(format!("{} granted entry {entry}, which is not such a debit", self.terminals[t].name));
        };
        if debit.learnt == Learnt::AtOnce && !granted.repeated {
            self.sold_by_a_terminal_that_may(t, entry, debit.proof.record.time);
        }
        let told = |other: &crate::books::Asked| {
            other.told.iter().any(|outcome| matches!(outcome, Outcome::Granted(granted) if granted.entry == entry))
        };
        let others = self.tills[t].asked.iter().filter(|other| other.id != asked.id && told(other)).count();
        if others > 0 && debit.sale.request != asked.id && self.terminals[t].has_one_history() {
            self.wrong(format!("{} granted entry {entry} to two requests", self.terminals[t].name));
        }
    }

    /// No sale while the clock lies behind what is known to have passed, unless somebody set it while the sale was under way; nor by an old copy of a ledger that has not joined yet.
    fn sold_by_a_terminal_that_may(&mut self, t: usize, entry: Sequence, sold_at: Timestamp) {
        let terminal = &self.terminals[t];
        let behind = sold_at.seconds_since(terminal.clock.now());
        let clock_stayed = terminal.clock.settings() == self.tills[t].clock_settings;
        let unjoined = terminal.old_copy.filter(|copy| {
            let journal = terminal.journal();
            let mut since = journal.iter().filter(|stored| (*copy..entry).contains(&stored.head.sequence));
            !since.any(|stored| matches!(stored.entry.body, Body::Event(TechnicalEvent::Joined { .. })))
        });
        let name = terminal.name.clone();
        if behind > CLOCK_TOLERANCE_SECONDS && clock_stayed {
            self.wrong(format!("{name} sold entry {entry} with a clock that is {behind} s behind"));
        }
        if let Some(copy) = unjoined {
            self.wrong(format!("{name} sold entry {entry}, and is an old copy since entry {copy}"));
        }
    }

    /// What each card consumed is what the ledgers say it consumed, debits less reversals, those of abandoned sales included; and each of its records is in
    /// a ledger, and each record in a ledger is the card's. What only a lost history had of a card is with the card alone.
    pub(super) fn cards_and_ledgers_agree(&mut self, records: &Records) {
        for c in 0..self.cards.len() {
            let (name, number, nature, memory) = {
                let card = &self.cards[c];
                (card.name.clone(), card.number, card.nature, card.memory())
            };
            if nature != Nature::Genuine {
                continue;
            }
            let made: BTreeSet<Vec<u8>> = self.made(number).iter().map(|signed| signed.record.signed_bytes()).collect();
            let mut written = BTreeSet::new();
            let mut consumed: BTreeMap<u8, i64> = BTreeMap::new();
            let of_card = records.written.iter().filter_map(|(_, stored)| record_of(&stored.entry.body));
            for record in of_card.filter(|record| record.card == number) {
                if written.insert(record.signed_bytes()) && record.season == memory.season() {
                    let sign = if record.operation == Operation::Debit { 1 } else { -1 };
                    *consumed.entry(record.slot.get()).or_default() += sign * i64::from(record.amount);
                }
            }
            if !written.is_subset(&made) {
                self.wrong(format!("a ledger has a record that {name} never made"));
            }
            let mut lost = 0;
            for signed in self.made(number) {
                if !written.contains(&signed.record.signed_bytes()) {
                    lost += 1;
                    let maker = (0..self.terminals.len()).find(|t| self.terminals[*t].id == signed.record.terminal);
                    if maker.is_some_and(|t| self.terminals[t].has_one_history() && !self.may_be_without_key(t))
                        && !self.is_copied(number)
                        && !self.is_out_of_reach(number)
                    {
                        self.wrong(format!("record {} of {name} is in no ledger", signed.record.counter));
                    }
                }
            }
            for slot in (0..16).filter_map(Slot::new) {
                let card = i64::from(memory.consumed.get(slot));
                let ledgers = consumed.get(&slot.get()).copied().unwrap_or_default();
                if card != ledgers && lost == 0 && !self.is_copied(number) && !self.is_out_of_reach(number) {
                    self.wrong(format!("{name} consumed {card} of slot {}, the ledgers say {ledgers}", slot.get()));
                }
            }
        }
    }

    /// No forged chip was ever asked to change its purse.
    pub(super) fn nothing_is_sold_to_a_forged_card(&mut self) {
        let forged = self.cards.iter().filter(|card| matches!(card.nature, Nature::Forged(_)));
        let sold_to = forged.filter(|card| card.was_changed()).map(|card| card.name.clone());
        for name in sold_to.collect::<Vec<_>>() {
            self.wrong(format!("{name} was debited"));
        }
    }

    /// No slot of a chip is beyond what was granted.
    pub(super) fn no_card_is_beyond_its_grant(&mut self) {
        for c in 0..self.cards.len() {
            let memory = self.cards[c].memory();
            let Some(entitlement) = memory.entitlement else { continue };
            for slot in (0..16).filter_map(Slot::new) {
                let (granted, opening) = (entitlement.granted.get(slot), entitlement.opening.get(slot));
                if u64::from(memory.consumed.get(slot)) + u64::from(opening) > u64::from(granted) {
                    self.wrong(format!("{} is beyond its grant in slot {}", self.cards[c].name, slot.get()));
                }
            }
        }
    }

    /// Every "granted", "undone" and "abandoned" that was told was written, and is there for good.
    pub(super) fn what_was_told_is_there(&mut self, records: &Records) {
        let mut missing = Vec::new();
        for (t, till) in self.tills.iter().enumerate() {
            let id = self.terminals[t].id;
            let is = |sequence: Sequence, holds: &dyn Fn(&Body) -> bool| {
                records.written.iter().any(|(_, stored)| {
                    stored.entry.terminal == id && stored.head.sequence == sequence && holds(&stored.entry.body)
                })
            };
            for (number, outcome) in
                till.asked.iter().enumerate().flat_map(|(n, asked)| asked.told.iter().map(move |outcome| (n, outcome)))
            {
                let there = match outcome {
                    Outcome::Granted(granted) => is(granted.entry, &|body| {
                        matches!(body, Body::Debit(debit)
                            if debit.proof.record.card == granted.card && debit.sale.due == granted.due)
                    }),
                    Outcome::Undone(undone) => is(undone.entry, &|body| {
                        matches!(body, Body::Reversal(reversal)
                            if reversal.debit == undone.debit && reversal.returned == undone.returned)
                    }),
                    Outcome::UndoRequested(undone) => is(undone.entry, &|body| {
                        matches!(body, Body::UndoRequest(request)
                            if request.debit == undone.debit && request.returned == undone.returned)
                    }),
                    Outcome::Abandoned { entry, card } => is(*entry, &|body| body.card() == Some(*card)),
                    Outcome::Refused(_) | Outcome::Quoted(..) => true,
                };
                if !there {
                    missing.push(format!(
                        "T{t} told [{number}] {}, and there is no such entry",
                        self.describe_outcome(outcome)
                    ));
                }
            }
        }
        missing.into_iter().for_each(|text| self.wrong(text));
    }

    /// A request is carried out once.
    pub(super) fn a_request_has_one_debit(&mut self, records: &Records) {
        let mut requests: BTreeSet<(usize, RequestId)> = BTreeSet::new();
        let second = records.debits().filter(|(t, _, debit)| !requests.insert((*t, debit.sale.request)));
        let second: Vec<_> = second.map(|(t, stored, _)| (t, stored.head.sequence)).collect();
        for (t, sequence) in second {
            if self.terminals[t].has_one_history() {
                self.wrong(format!("entry {sequence} of T{t} is the second debit of its request"));
            }
        }
    }
}
