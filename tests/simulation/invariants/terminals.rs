//! Each ledger by itself: doubts, what it verifies to, what it knows of denied cards.

use pass::domain::card::{CardStatus, Operation};
use pass::domain::entry::{Body, Learnt};
use pass::domain::{CardNumber, Counter, Season};
use pass::ledger::verify;
use pass::region::store::FeedPoint;
use pass::wire::card::RECORDS_MAX;
use pass::wire::exchange::TerminalStanding;

use super::Records;
use crate::reader::{Card, Nature};
use crate::run::World;

impl World {
    /// No doubt is left once every card has come back.
    ///
    /// Not so of a card of which there are two chips, which may not be the one that it was; nor of one that was blocked before the region had a new key, at a terminal that
    /// has no certificate under its key: it takes no PUT KEY any more and opens for no other certificate; nor at a suspended terminal, or one that lies, once the
    /// region has a new key, of which it gets no certificate; nor at one that lies and debited the card itself, past its ledger, until the record was pushed out.
    pub(super) fn no_doubt_is_left(&mut self) {
        for t in 0..self.terminals.len() {
            let open = self.terminals[t].know(|view| view.open_intents()).unwrap();
            for open in open.into_iter().filter(|_| !self.may_be_without_key(t)).collect::<Vec<_>>() {
                let (card, before) = (open.intent.card, open.intent.counter_before);
                if !self.is_copied(card) && !self.is_out_of_reach_of(t, card) && !self.has_pushed_out(t, card, before) {
                    let card = self.card_name(open.intent.card);
                    self.wrong(format!("T{t} still has a doubt about {card}"));
                }
            }
        }
    }

    /// Whether a terminal may have no certificate under the region's newest key: it is suspended, or lies.
    pub(super) fn may_be_without_key(&self, t: usize) -> bool {
        let terminal = &self.terminals[t];
        let suspended = terminal.know(|view| view.standing()) != TerminalStanding::Active;
        (suspended || !terminal.is_honest()) && self.misfortunes.keys > 0
    }

    /// Whether a terminal that lies has debited the card so often since its counter was `before` that no record is left of what came next.
    fn has_pushed_out(&self, t: usize, number: CardNumber, before: Counter) -> bool {
        let genuine = |card: &&Card| card.number == number && card.nature == Nature::Genuine;
        let newest = self.cards.iter().find(genuine).map(|card| card.memory().counter().get());
        !self.terminals[t].is_honest() && newest.is_some_and(|newest| (newest - before.get()) as usize > RECORDS_MAX)
    }

    /// Whether the card is blocked and holds an older key than the region's.
    pub(super) fn is_out_of_reach(&self, number: CardNumber) -> bool {
        let newest = self.bureau.borrow().region().store().read(|tx| tx.region_keys()).unwrap().pop().unwrap().serial;
        self.cards.iter().filter(|card| card.number == number && card.nature == Nature::Genuine).any(|card| {
            let memory = card.memory();
            memory.status == CardStatus::Blocked && memory.authority.region_key.serial < newest
        })
    }

    /// Whether the card is that, and terminal `t` has no certificate that it takes.
    pub(super) fn is_out_of_reach_of(&self, t: usize, number: CardNumber) -> bool {
        let genuine = |card: &&Card| card.number == number && card.nature == Nature::Genuine;
        let Some(memory) = self.cards.iter().find(genuine).map(|card| card.memory()) else { return false };
        let held = self.terminals[t].know(|view| {
            view.certificates().iter().copied().chain(view.former_certificates().unwrap()).collect::<Vec<_>>()
        });
        let key = memory.authority.region_key.serial;
        let takes = |not_after| not_after >= memory.latest_issued_at;
        self.is_out_of_reach(number) && !held.iter().any(|held| held.key_serial == key && takes(held.not_after))
    }

    /// The holder of a sale that was given up and done has the right back, as long as the card can take it. An old copy does not know that the history that it
    /// replaced gave it back.
    pub(super) fn what_was_given_up_is_taken_back(&mut self, records: &Records) {
        let able = |number: CardNumber| {
            let card = self.cards.iter().find(|card| card.number == number && card.nature == Nature::Genuine);
            let memory = card.map(|card| card.memory());
            memory.filter(|memory| memory.status == CardStatus::InUse && !self.misfortunes.denied.contains(&number))
        };
        let mut stuck = Vec::new();
        for t in 0..self.terminals.len() {
            let may_sell = self.terminals[t].know(|view| view.standing()) == TerminalStanding::Active
                && self.terminals[t].is_honest();
            for stored in &records.chains[t] {
                let Body::Debit(debit) = &stored.entry.body else { continue };
                let (sequence, record) = (stored.head.sequence, debit.proof.record);
                let undone = self.terminals[t].know(move |view| view.is_undone(sequence)).unwrap();
                let in_season = record.season == Season::at(self.now())
                    && able(record.card).is_some_and(|memory| memory.season() == record.season);
                let is_back = self.made(record.card).iter().any(|made| {
                    made.record.operation == Operation::Reversal && made.record.link == record.counter.get()
                });
                if debit.abandoned && !undone && !is_back && in_season && may_sell && !self.is_copied(record.card) {
                    stuck.push(format!("entry {sequence} of T{t} was given up, and its right is not back"));
                }
            }
        }
        stuck.into_iter().for_each(|text| self.wrong(text));
    }

    /// `verify` finds nothing wrong with any ledger.
    ///
    /// Not so of one that served two chips of one card: `verify` takes what the second did for a change of the ledger.
    pub(super) fn ledgers_verify(&mut self, records: &Records) {
        for t in 0..self.terminals.len() {
            let served_two = records.chains[t].iter().filter_map(|stored| stored.entry.body.card());
            if served_two.into_iter().any(|card| self.is_copied(card)) {
                continue;
            }
            if let Err(error) = verify(&self.terminals[t].directory(), None, |_, _| ()) {
                self.wrong(format!("T{t} does not verify: {error}"));
            }
        }
    }

    /// Every honest terminal knows every denial.
    pub(super) fn denials_have_arrived(&mut self) {
        for t in (0..self.terminals.len()).filter(|t| self.terminals[*t].is_honest()).collect::<Vec<_>>() {
            for card in self.misfortunes.denied.clone() {
                if self.terminals[t].know(move |view| view.denial(card)).unwrap().is_none() {
                    self.wrong(format!("T{t} has not heard that {} is denied", self.card_name(card)));
                }
            }
        }
    }

    /// A terminal sells nothing to a card of which it has heard that it is denied. A sale that was under way may end, and a debit that was in doubt may be
    /// written later.
    pub(super) fn nothing_is_sold_to_a_card_that_is_known_to_be_denied(&mut self, records: &Records) {
        for (t, stored, debit) in records.debits() {
            let (card, sequence) = (debit.proof.record.card, stored.head.sequence);
            let denial = self.bureau.borrow().region().store().read(|tx| tx.denial(card)).unwrap();
            let Some(denial) = denial.filter(|_| self.terminals[t].has_one_history() && self.terminals[t].is_honest())
            else {
                continue;
            };
            let from = FeedPoint { all: denial.position, own: 0 }.position();
            let known_before = self.terminals[t].has_heard(from, sequence.get().saturating_sub(UNDER_WAY));
            if known_before && debit.learnt == Learnt::AtOnce {
                self.wrong(format!("T{t} sold entry {sequence} to {}, which is denied", self.card_name(card)));
            }
        }
    }
}

/// How many entries an exchange can write while a sale is under way.
const UNDER_WAY: u64 = 4;
