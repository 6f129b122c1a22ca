//! The cards' side of what terminals bring: their entries are read again, in the order of each chain; what they say of cards is noted, and the cards are judged.
//!
//! It follows the exchange in transactions of its own, because an entry is one terminal's and a card is everybody's: an exchange waits for no other
//! terminal, and what is left when a program ends is found by the next one. To deal with an entry twice changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::crypto::{sha256, verify_p256};
use crate::domain::card::{CardCertificate, Operation, SignedRecord};
use crate::domain::entry::{Body, Entry, UndoRequest};
use crate::domain::verdict::{Contest, Verdict};
use crate::domain::{CardNumber, Cents, EntitlementSerial, TerminalId, Timestamp};

use super::Region;
use super::bench::{Bench, read_entry, read_is_proven};
use super::error::RegionError;
use super::intake::suspend_two_machines;
use super::rights::{Rights, entitle, tell_newcomer};
use super::signing::Signer;
use super::store::{NewVerdict, Pending, StoredEntry, Tx};

/// How many entries of a branch are dealt with in one transaction.
const ENTRIES_AT_ONCE: u32 = 200;

impl Region {
    /// Deals with the entries of `terminal`, or of every one, that nobody has dealt with; how many there were. What another program is dealing with is left to it.
    ///
    /// # Errors
    /// The store's, and what keys say; what was dealt with before is kept.
    pub fn settle_accounts(&self, terminal: Option<TerminalId>, now: Timestamp) -> Result<usize, RegionError> {
        let mut all = 0;
        loop {
            let dealt = self.store().write(|tx| {
                let Some(pending) = tx.take_pending(terminal, 1)?.pop() else { return Ok(0) };
                Accounts::open(tx, &*self.signer(tx)?, pending.terminal, now).deal(pending)
            })?;
            if dealt == 0 {
                return Ok(all);
            }
            self.metrics().judged(dealt);
            all += dealt;
        }
    }
}

/// Deals with entries of one terminal, within one transaction.
struct Accounts<'a> {
    tx: &'a Tx<'a>,
    signer: &'a Signer,
    terminal: TerminalId,
    now: Timestamp,
    bench: Bench<'a>,
    cards: BTreeMap<CardNumber, Option<KnownCard>>,
    /// Records whose signatures hold, and that are not in the store yet.
    learnt: Vec<SignedRecord>,
    two_machines: bool,
}

/// What of a card does not change meanwhile.
#[derive(Clone, Copy)]
struct KnownCard {
    certificate: Option<CardCertificate>,
    holds: EntitlementSerial,
}

impl<'a> Accounts<'a> {
    fn open(tx: &'a Tx<'a>, signer: &'a Signer, terminal: TerminalId, now: Timestamp) -> Self {
        let bench = Bench::new(tx, signer, now);
        let (cards, learnt) = (BTreeMap::new(), Vec::new());
        Self { tx, signer, terminal, now, bench, cards, learnt, two_machines: false }
    }

    fn deal(mut self, pending: Pending) -> Result<usize, RegionError> {
        let Pending { terminal, branch, noted } = pending;
        let stored = self.tx.entries_of_branch(terminal, branch, noted.next(), ENTRIES_AT_ONCE)?;
        let Some(last) = stored.last() else { return Ok(0) };
        let entries: Vec<(&StoredEntry, Option<Entry>)> =
            stored.iter().map(|stored| (stored, read_entry(&stored.cose))).collect();
        let card_of = |entry: &Option<Entry>| entry.as_ref().and_then(|entry| entry.body.card());
        let touched: BTreeSet<CardNumber> = entries.iter().filter_map(|(_, entry)| card_of(entry)).collect();
        self.tx.lock_cards(&touched)?;
        let about: Vec<_> = entries.iter().filter_map(|(stored, entry)| Some((card_of(entry)?, *stored))).collect();
        self.tx.add_entries_about(&about)?;
        let mut apart = Vec::new();
        for (stored, entry) in &entries {
            let verdict = match entry {
                Some(entry) => {
                    self.note(&entry.body)?;
                    entry.body.card().is_none().then_some(Verdict::Recorded)
                }
                None => Some(Verdict::Contested(Contest::Unreadable)),
            };
            apart.extend(verdict.map(|verdict| NewVerdict { entry: stored.key, verdict, payable: Cents::ZERO }));
        }
        self.keep_learnt()?;
        self.bench.give(&apart)?;
        for card in touched {
            let made_here = self.card(card)?.is_some();
            if made_here && self.tx.see_card(card, terminal)? {
                tell_newcomer(self.tx, self.signer, card, terminal, self.now)?;
            }
            self.bench.judge_card(card)?;
        }
        if self.two_machines {
            suspend_two_machines(self.tx, terminal, self.now)?;
        }
        self.tx.set_noted(terminal, branch, last.key.place.sequence)?;
        Ok(stored.len())
    }

    /// What an entry brings to light.
    fn note(&mut self, body: &Body) -> Result<(), RegionError> {
        match body {
            Body::Debit(debit) => {
                if self.learn(&debit.certificate, &debit.proof)? {
                    self.holds(debit.proof.record.card, debit.entitlement_serial)?;
                }
            }
            Body::Reversal(reversal) => {
                self.learn(&reversal.certificate, &reversal.proof)?;
            }
            Body::CardRead(read) => {
                let card = self.card(read.card)?.and_then(|card| card.certificate);
                if card.is_some_and(|card| read_is_proven(read, &card.public_key)) {
                    self.holds(read.card, read.state.entitlement_serial)?;
                }
                for signed in &read.records {
                    self.learn(&read.certificate, signed)?;
                }
            }
            Body::Abandoned(abandoned) => {
                self.tx.add_abandoned(self.terminal, abandoned.transaction, abandoned.card)?;
            }
            Body::UndoRequest(request) => self.take_back(request)?,
            Body::NotDone(_) | Body::Refused(_) | Body::Closing(_) | Body::Event(_) => (),
        }
        Ok(())
    }

    fn card(&mut self, card: CardNumber) -> Result<Option<KnownCard>, RegionError> {
        if let Some(known) = self.cards.get(&card) {
            return Ok(*known);
        }
        let row = self.tx.card(card)?;
        let known = row.map(|row| KnownCard { certificate: row.certificate, holds: row.holds });
        self.cards.insert(card, known);
        Ok(known)
    }

    /// Keeps a record that the card has signed; whether it has.
    fn learn(&mut self, certificate: &[u8; 32], signed: &SignedRecord) -> Result<bool, RegionError> {
        let card = self.card(signed.record.card)?.and_then(|card| card.certificate);
        let genuine = card.is_some_and(|card| {
            sha256(&card.encode()) == *certificate
                && verify_p256(&card.public_key, &signed.record.signed_bytes(), &signed.signature)
        });
        if !genuine {
            return Ok(false);
        }
        self.learnt.push(*signed);
        if self.bench.chain(self.terminal)?.is_forked() {
            // Two different records for one counter, with a forked chain: the disk was not just restored.
            self.keep_learnt()?;
            let known = self.tx.records(signed.record.card)?;
            let differs = |(other, _): &(SignedRecord, Timestamp)| {
                other.record.counter == signed.record.counter && other.record != signed.record
            };
            self.two_machines |= known.iter().any(differs);
        }
        Ok(true)
    }

    fn keep_learnt(&mut self) -> Result<(), RegionError> {
        let learnt = std::mem::take(&mut self.learnt);
        Ok(self.tx.add_records(&learnt, self.now)?)
    }

    /// The card has shown that it holds this entitlement. Of a serial that was never made nothing is believed.
    fn holds(&mut self, card: CardNumber, serial: EntitlementSerial) -> Result<(), RegionError> {
        let Some(known) = self.card(card)?.filter(|known| known.holds < serial) else { return Ok(()) };
        let made = self.tx.newest_entitlement(card)?.is_some_and(|newest| serial <= newest.serial);
        if made {
            self.tx.card_holds(card, serial)?;
            self.cards.insert(card, Some(KnownCard { holds: serial, ..known }));
        }
        Ok(())
    }

    /// The region takes back a debit of this terminal, which the card cannot (decision 7): the right comes back with a new entitlement.
    fn take_back(&mut self, request: &UndoRequest) -> Result<(), RegionError> {
        self.keep_learnt()?;
        let records = self.tx.records(request.card)?;
        let mut records = records.iter().map(|(signed, _)| &signed.record);
        let reversed = records
            .clone()
            .any(|record| record.operation == Operation::Reversal && record.link == request.debit_counter.get());
        let debit = records.find(|record| {
            record.operation == Operation::Debit
                && record.counter == request.debit_counter
                && record.terminal == self.terminal
        });
        let undone = self.tx.undone(request.card)?.iter().any(|undone| undone.counter == request.debit_counter);
        let Some(debit) = debit.filter(|_| !reversed && !undone) else { return Ok(()) };
        // A denied card has no use for a right, and a season that is over has none to give: the desk sees to the rest. A card in the place of the
        // denied one is charged less as soon as that is judged.
        let newest = self.tx.newest_entitlement(request.card)?.filter(|newest| newest.season == debit.season);
        let given_back = match newest {
            Some(newest) if self.tx.denial(request.card)?.is_none() => {
                let rights = Rights::of(&newest).giving_back(debit.slot, debit.amount);
                Some(entitle(self.tx, self.signer, request.card, &rights, self.now)?.serial)
            }
            Some(_) | None => None,
        };
        self.tx.add_undone(request.card, request.debit_counter, given_back)?;
        Ok(())
    }
}
