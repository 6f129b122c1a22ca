//! What must hold when everything has been brought home. Each is a function with its sentence.

use std::collections::{BTreeMap, BTreeSet};

use pass::domain::card::{Operation, Record};
use pass::domain::entry::{Body, Debit};
use pass::domain::purse::Slot;
use pass::domain::verdict::{Contest, Verdict};
use pass::domain::{CardNumber, RequestId, Sequence};
use pass::ledger::{StoredEntry, verify};
use pass::machine::sale::Outcome;
use pass::region::RegionError;
use pass::region::store::EntryListing;
use pass::wire::exchange::TerminalStanding;

use crate::run::World;
use crate::template::SEASON;

/// Everything that was written down anywhere.
struct Records {
    /// Each terminal's chain.
    chains: Vec<Vec<StoredEntry>>,
    /// What the region has, with its verdicts.
    listed: Vec<EntryListing>,
}

fn record_of(body: &Body) -> Option<&Record> {
    match body {
        Body::Debit(debit) => Some(&debit.proof.record),
        Body::Reversal(reversal) => Some(&reversal.proof.record),
        _ => None,
    }
}

impl Records {
    fn entries(&self) -> impl Iterator<Item = (usize, &StoredEntry)> {
        self.chains.iter().enumerate().flat_map(|(t, chain)| chain.iter().map(move |stored| (t, stored)))
    }

    fn debits(&self) -> impl Iterator<Item = (usize, &StoredEntry, &Debit)> {
        self.entries().filter_map(|(t, stored)| match &stored.entry.body {
            Body::Debit(debit) => Some((t, stored, debit)),
            _ => None,
        })
    }

    /// The records of `card` that ledgers have, by counter.
    fn of_card(&self, card: CardNumber) -> BTreeMap<u32, BTreeSet<Vec<u8>>> {
        let mut of_card: BTreeMap<u32, BTreeSet<Vec<u8>>> = BTreeMap::new();
        for record in self.entries().filter_map(|(_, stored)| record_of(&stored.entry.body)) {
            if record.card == card {
                of_card.entry(record.counter.get()).or_default().insert(record.signed_bytes());
            }
        }
        of_card
    }
}

impl World<'_> {
    /// Each "granted" is durable when it is told, is of the right card, and of this request alone.
    pub(crate) fn told_only_what_is_durable(&mut self, t: usize, number: usize) {
        let asked = self.tills[t].asked[number].clone();
        let Some(Outcome::Granted(granted)) = asked.told.last() else { return };
        let entry = granted.entry;
        let stored = self.terminals[t].know(move |view| view.entry(entry)).unwrap();
        let written = stored.is_some_and(|stored| match stored.entry.body {
            Body::Debit(debit) => {
                debit.proof.record.card == granted.card
                    && debit.proof.record.amount == granted.debited
                    && debit.sale.due == granted.due
                    && !debit.abandoned
            }
            _ => false,
        });
        if !written {
            self.wrong(format!("{} granted entry {entry}, which is not such a debit", self.terminals[t].name));
        }
        // Told to another request first, as the same sale asked for again after a doubt, it is told to its own all the same: a ledger does not say to
        // whom it told it.
        let request = self.terminals[t].know(move |view| view.entry(entry)).unwrap().and_then(|stored| {
            let Body::Debit(debit) = stored.entry.body else { return None };
            Some(debit.sale.request)
        });
        let told = |asked: &crate::books::Asked| {
            asked.told.iter().any(|outcome| matches!(outcome, Outcome::Granted(granted) if granted.entry == entry))
        };
        let others = self.tills[t].asked.iter().filter(|other| other.id != asked.id && told(other)).count();
        if others > 0 && request != Some(asked.id) {
            self.wrong(format!("{} granted entry {entry} to two requests", self.terminals[t].name));
        }
    }

    /// How many sales there were.
    pub(crate) fn sales(&self) -> u64 {
        let chains = self.terminals.iter().map(|terminal| terminal.journal());
        chains.flatten().filter(|stored| matches!(stored.entry.body, Body::Debit(_))).count() as u64
    }

    /// Everything that must hold.
    pub(crate) fn check(&mut self) {
        let listed = {
            let mut listed = Vec::new();
            let read: Result<(), RegionError> = self.bureau.region().store().read(|tx| {
                tx.list_entries(None, |listing| {
                    listed.push(listing);
                    Ok(())
                })
            });
            read.unwrap();
            listed
        };
        let records = Records { chains: self.terminals.iter().map(|terminal| terminal.journal()).collect(), listed };
        self.cards_and_ledgers_agree(&records);
        self.no_card_is_beyond_its_grant();
        self.nothing_acknowledged_is_missing(&records);
        self.what_was_told_is_there(&records);
        self.a_request_has_one_debit(&records);
        self.money_adds_up(&records);
        self.the_region_has_everything(&records);
        self.the_region_pays_what_is_due(&records);
        self.verdicts_have_arrived(&records);
        self.honest_terminals_are_never_suspended();
        self.no_doubt_is_left();
        self.what_was_given_up_is_taken_back(&records);
        self.ledgers_verify();
    }

    /// What each card consumed is what the ledgers say it consumed, debits less reversals, those of abandoned sales included; and each of its records is in
    /// a ledger, once.
    fn cards_and_ledgers_agree(&mut self, records: &Records) {
        for c in 0..self.cards.len() {
            let (name, number, memory) = {
                let card = &self.cards[c];
                (card.name.clone(), card.number, card.memory())
            };
            let written = records.of_card(number);
            let counters: Vec<u32> = written.keys().copied().collect();
            let all: Vec<u32> = (1..=memory.counter().get()).collect();
            if counters != all {
                self.wrong(format!("{name} has counter {}, the ledgers have {counters:?}", memory.counter()));
            }
            for signed in &memory.records {
                let same = written.get(&signed.record.counter.get());
                let only = BTreeSet::from([signed.record.signed_bytes()]);
                if same != Some(&only) {
                    self.wrong(format!(
                        "record {} of {name} is not in the ledgers as the card has it",
                        signed.record.counter
                    ));
                }
            }
            let mut consumed: BTreeMap<u8, i64> = BTreeMap::new();
            for record in records.entries().filter_map(|(_, stored)| record_of(&stored.entry.body)) {
                if record.card == number && record.season == memory.season() {
                    let amount = i64::from(record.amount);
                    let sign = if record.operation == Operation::Debit { 1 } else { -1 };
                    *consumed.entry(record.slot.get()).or_default() += sign * amount;
                }
            }
            for slot in (0..16).filter_map(Slot::new) {
                let (card, ledgers) =
                    (i64::from(memory.consumed.get(slot)), consumed.get(&slot.get()).copied().unwrap_or_default());
                if card != ledgers {
                    self.wrong(format!("{name} consumed {card} of slot {}, the ledgers say {ledgers}", slot.get()));
                }
            }
        }
    }

    /// No slot of a genuine card is beyond what was granted.
    fn no_card_is_beyond_its_grant(&mut self) {
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

    /// Whatever a receipt acknowledges, heard or not, is at the region and at its terminal.
    fn nothing_acknowledged_is_missing(&mut self, records: &Records) {
        for (terminal, receipt) in self.bureau.receipts.clone() {
            if receipt.head.sequence.get() == 0 {
                continue;
            }
            let t = self.terminals.iter().position(|known| known.id == terminal).unwrap();
            let here = records.chains[t].iter().any(|stored| stored.head == receipt.head);
            let hash = receipt.head.hash;
            let there = self.bureau.region().store().read(|tx| tx.place_of(terminal, hash)).unwrap().is_some();
            if !(here && there) {
                self.wrong(format!(
                    "entry {} of {} was acknowledged; the terminal has it: {here}, the region has it: {there}",
                    receipt.head.sequence, self.terminals[t].name
                ));
            }
        }
    }

    /// Every "granted" and every "undone" that was told is an entry in the end.
    fn what_was_told_is_there(&mut self, records: &Records) {
        let mut missing = Vec::new();
        for (t, till) in self.tills.iter().enumerate() {
            let body = |sequence: Sequence| {
                records.chains[t]
                    .iter()
                    .find(|stored| stored.head.sequence == sequence)
                    .map(|stored| &stored.entry.body)
            };
            for (number, outcome) in
                till.asked.iter().enumerate().flat_map(|(n, asked)| asked.told.iter().map(move |outcome| (n, outcome)))
            {
                let holds = match outcome {
                    Outcome::Granted(granted) => matches!(body(granted.entry), Some(Body::Debit(debit))
                        if debit.proof.record.card == granted.card && debit.sale.due == granted.due),
                    Outcome::Undone(undone) => matches!(body(undone.entry), Some(Body::Reversal(reversal))
                        if reversal.debit == undone.debit && reversal.returned == undone.returned),
                    Outcome::UndoRequested(undone) => matches!(body(undone.entry), Some(Body::UndoRequest(request))
                        if request.debit == undone.debit && request.returned == undone.returned),
                    Outcome::Abandoned { entry, card } => body(*entry).is_some_and(|body| body.card() == Some(*card)),
                    Outcome::Refused(_) | Outcome::Quoted(..) => true,
                };
                if !holds {
                    missing.push(format!("T{t} told [{number}] {outcome:?}, and there is no such entry"));
                }
            }
        }
        missing.into_iter().for_each(|text| self.wrong(text));
    }

    /// A request is carried out once.
    fn a_request_has_one_debit(&mut self, records: &Records) {
        let mut requests: BTreeSet<(usize, RequestId)> = BTreeSet::new();
        let twice: Vec<_> = records
            .debits()
            .filter(|(t, _, debit)| !requests.insert((*t, debit.sale.request)))
            .map(|(t, stored, _)| (t, stored.head.sequence))
            .collect();
        for (t, sequence) in twice {
            self.wrong(format!("entry {sequence} of T{t} is the second debit of its request"));
        }
    }

    /// What a ledger says that it collected and gave back is the sum over its entries, and each of these is what was told.
    fn money_adds_up(&mut self, records: &Records) {
        use pass::domain::Timestamp;
        for t in 0..self.terminals.len() {
            let (mut collected, mut returned, mut given_up) = (0, 0, 0);
            for stored in &records.chains[t] {
                match &stored.entry.body {
                    Body::Debit(debit) => collected += debit.collected.get(),
                    Body::Reversal(reversal) => returned += reversal.returned.get(),
                    Body::UndoRequest(request) => returned += request.returned.get(),
                    Body::NotDone(end) => given_up += end.returned.get(),
                    Body::Abandoned(end) => given_up += end.returned.get(),
                    Body::Refused(_) | Body::CardRead(_) | Body::Event(_) => (),
                }
            }
            let totals = self.terminals[t].know(|view| view.totals(Timestamp::EPOCH, Timestamp::new(u32::MAX)));
            let totals = totals.unwrap();
            let sum = |of: fn(&pass::ledger::TenderTotal) -> u64| totals.tenders.iter().map(of).sum::<u64>();
            let said = (sum(|t| t.collected.get()), sum(|t| t.returned.get()), sum(|t| t.given_up.get()));
            if said != (collected, returned, given_up) {
                self.wrong(format!("T{t} says {said:?}, its entries say {:?}", (collected, returned, given_up)));
            }
            if returned > collected {
                self.wrong(format!("T{t} gave back {returned} of {collected}"));
            }
        }
    }

    /// The region has every entry of every terminal, as it was signed.
    fn the_region_has_everything(&mut self, records: &Records) {
        for t in 0..self.terminals.len() {
            let id = self.terminals[t].id;
            let there: Vec<u64> = records
                .listed
                .iter()
                .filter(|listing| listing.entry.terminal == id)
                .map(|listing| listing.entry.place.sequence.get())
                .collect();
            let here: Vec<u64> = records.chains[t].iter().map(|stored| stored.head.sequence.get()).collect();
            // What exchanges do after the last entry was sent writes no entry.
            if there != here {
                self.wrong(format!("T{t} has entries {here:?}, the region {there:?}"));
            }
        }
    }

    /// Every debit is paid, once, unless it was taken back or given up; and nothing else is.
    fn the_region_pays_what_is_due(&mut self, records: &Records) {
        let mut taken_back: BTreeSet<(CardNumber, u32)> = BTreeSet::new();
        for (_, stored) in records.entries() {
            match &stored.entry.body {
                Body::Reversal(reversal) => {
                    taken_back.insert((reversal.proof.record.card, reversal.proof.record.link));
                }
                Body::UndoRequest(request) => {
                    taken_back.insert((request.card, request.debit_counter.get()));
                }
                _ => (),
            }
        }
        let mut paid: BTreeSet<(CardNumber, u32)> = BTreeSet::new();
        let (mut due, mut total) = (0, 0);
        let mut wrong = Vec::new();
        for (t, stored, debit) in records.debits() {
            let (id, place) = (self.terminals[t].id, stored.head.sequence);
            let listing = records.listed.iter().find(|of| of.entry.terminal == id && of.entry.place.sequence == place);
            let Some(judged) = listing.and_then(|listing| listing.judged) else {
                wrong.push(format!("entry {place} of T{t} has no verdict"));
                continue;
            };
            let record = &debit.proof.record;
            let key = (record.card, record.counter.get());
            let expected = if taken_back.contains(&key) {
                Verdict::Contested(Contest::TakenBack)
            } else if debit.abandoned {
                Verdict::Contested(Contest::Abandoned)
            } else {
                due += if record.slot.get() == 0 { 400 * u64::from(record.amount) } else { u64::from(record.amount) };
                Verdict::Payable
            };
            if judged.verdict != expected {
                wrong.push(format!("entry {place} of T{t} is {:?}, not {expected:?}", judged.verdict));
            }
            if judged.verdict == Verdict::Payable && !paid.insert(key) {
                wrong.push(format!("entry {place} of T{t} is paid a second time"));
            }
        }
        for listing in &records.listed {
            total += listing.judged.map_or(0, |judged| judged.payable.get());
        }
        if total != due {
            wrong.push(format!("the region pays {total} cents, {due} are due"));
        }
        wrong.into_iter().for_each(|text| self.wrong(text));
    }

    /// A terminal knows the region's newest verdict on each of its entries.
    fn verdicts_have_arrived(&mut self, records: &Records) {
        for t in 0..self.terminals.len() {
            let id = self.terminals[t].id;
            for listing in records.listed.iter().filter(|listing| listing.entry.terminal == id) {
                let sequence = listing.entry.place.sequence;
                let known = self.terminals[t].know(move |view| view.verdict(sequence)).unwrap();
                let there = listing.judged.map(|judged| judged.verdict);
                let same = match (known, there) {
                    (Some(known), Some(there)) => known.verdict == there,
                    // That an entry is on record the receipt tells.
                    (None, Some(Verdict::Recorded)) => true,
                    _ => false,
                };
                if !same {
                    self.wrong(format!("T{t} knows {known:?} of entry {sequence}, the region says {there:?}"));
                }
            }
        }
    }

    /// An honest terminal is never suspended.
    fn honest_terminals_are_never_suspended(&mut self) {
        for t in 0..self.terminals.len() {
            let (id, here) = (self.terminals[t].id, self.terminals[t].know(|view| view.standing()));
            let there = self.bureau.region().store().read(|tx| tx.standing(id)).unwrap();
            if here != TerminalStanding::Active || there.is_some() {
                self.wrong(format!("T{t} is {here:?}, at the region {there:?}"));
            }
        }
    }

    /// No doubt is left once every card has come back.
    fn no_doubt_is_left(&mut self) {
        for t in 0..self.terminals.len() {
            let open = self.terminals[t].know(|view| view.open_intents()).unwrap();
            if !open.is_empty() {
                self.wrong(format!("T{t} has {} sales in doubt", open.len()));
            }
        }
    }

    /// The holder of a sale that was given up and done has the right back.
    fn what_was_given_up_is_taken_back(&mut self, records: &Records) {
        let mut stuck = Vec::new();
        for (t, stored, debit) in records.debits().filter(|(_, _, debit)| debit.abandoned) {
            let sequence = stored.head.sequence;
            let undone = self.terminals[t].know(move |view| view.is_undone(sequence)).unwrap();
            if !undone && debit.proof.record.season == SEASON {
                stuck.push(format!("entry {sequence} of T{t} was given up, and its right is not back"));
            }
        }
        stuck.into_iter().for_each(|text| self.wrong(text));
    }

    /// `verify` finds nothing wrong with any ledger.
    fn ledgers_verify(&mut self) {
        for t in 0..self.terminals.len() {
            if let Err(error) = verify(&self.terminals[t].directory(), None, |_, _| ()) {
                self.wrong(format!("T{t} does not verify: {error}"));
            }
        }
    }
}
