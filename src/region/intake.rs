//! Entries come in: their bytes are kept as they are, in order, and what they bring to light is noted.
//!
//! An entry is kept when its terminal signed it and it follows one that is known; whether it is paid is for the judge. The first one that fails
//! either test ends the intake: nothing after it could be linked. A repeat is success, so a terminal may send what it likes twice.

use std::collections::BTreeSet;

use crate::crypto::{Ed25519PublicKey, chain_beginning_hash, entry_hash, sha256, verify_p256, verify_sign1_ed25519};
use crate::domain::card::{Operation, SignedRecord};
use crate::domain::entry::{Body, Entry, Intent, UndoRequest};
use crate::domain::verdict::{Contest, Verdict};
use crate::domain::{CardNumber, Cents, EntitlementSerial, EntryHash, Sequence, TerminalId, Timestamp};
use crate::wire::cbor::Opaque;
use crate::wire::cose::{Algorithm, Content, Sign1};
use crate::wire::entry::{ENTRY_BYTES_MAX, Link, decode_entry, decode_link};
use crate::wire::exchange::{Head, TerminalStanding};
use crate::wire::feed::Item;

use super::bench::{Bench, load_chain, read_is_proven};
use super::chain::{BEGINNING, Chain, Step, joined_head};
use super::error::RegionError;
use super::rights::{Rights, entitle, tell_newcomer};
use super::signing::Signer;
use super::store::{Audience, BranchNumber, Cause, EntryId, Knowledge, NewEntry, Place, TerminalKeys, Tx};

/// An entry that its terminal has signed.
#[derive(Clone, Debug)]
pub struct Incoming {
    cose: Vec<u8>,
    hash: EntryHash,
    link: Link,
    /// What it says; `None` when this program cannot read it.
    entry: Option<Entry>,
}

/// Why the entries after some point were not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// Not an entry, too large, or another terminal's.
    Foreign,
    /// The terminal did not sign it, or it was altered since.
    Signature,
    /// It follows nothing that is known.
    Gap,
}

impl Halt {
    /// The stable code, for the log.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Foreign => "foreign",
            Self::Signature => "signature",
            Self::Gap => "gap",
        }
    }
}

/// Checks the signatures of `entries`; those up to the first that fails.
pub fn read_entries(terminal: TerminalId, key: &Ed25519PublicKey, entries: &[Opaque]) -> (Vec<Incoming>, Option<Halt>) {
    let mut incoming = Vec::with_capacity(entries.len());
    for Opaque(cose) in entries {
        match read_entry(terminal, key, cose) {
            Ok(entry) => incoming.push(entry),
            Err(halt) => return (incoming, Some(halt)),
        }
    }
    (incoming, None)
}

fn read_entry(terminal: TerminalId, key: &Ed25519PublicKey, cose: &[u8]) -> Result<Incoming, Halt> {
    if cose.len() > ENTRY_BYTES_MAX {
        return Err(Halt::Foreign);
    }
    let envelope = Sign1::decode(cose, Algorithm::EdDsa, Content::Entry).map_err(|_| Halt::Foreign)?;
    if envelope.key != terminal.get() {
        return Err(Halt::Foreign);
    }
    if !verify_sign1_ed25519(&envelope, key) {
        return Err(Halt::Signature);
    }
    let link = decode_link(&envelope.payload).map_err(|_| Halt::Foreign)?;
    if link.terminal != terminal || i64::try_from(link.sequence.get()).is_err() {
        return Err(Halt::Foreign);
    }
    Ok(Incoming { cose: cose.to_vec(), hash: entry_hash(cose), link, entry: decode_entry(&envelope.payload).ok() })
}

/// What the intake of one request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// What is acknowledged.
    pub head: Head,
    /// How many entries were new.
    pub new: usize,
    /// Why the rest was not taken.
    pub halt: Option<Halt>,
    /// Whether the chain forked.
    pub forked: bool,
}

/// Takes entries into the chain of one terminal, within one transaction.
pub struct Intake<'a> {
    tx: &'a Tx<'a>,
    signer: &'a Signer,
    terminal: TerminalId,
    enrolled_at: Timestamp,
    beginning: EntryHash,
    chain: Chain,
    now: Timestamp,
    /// Cards of which something new is known.
    touched: BTreeSet<CardNumber>,
    /// Entries that are about no card, with what is said of them.
    apart: Vec<(EntryId, Place, Verdict)>,
    new: usize,
    forked: bool,
    two_machines: bool,
    waiting: Option<Waiting>,
}

/// What waits before the next entry of a branch: so that a long line is not added up anew for each of its entries.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    next: Place,
    acked: Sequence,
    cents: Cents,
}

impl<'a> Intake<'a> {
    /// Opens the chain of `terminal`, which has these keys.
    ///
    /// # Errors
    /// The store's.
    pub fn open(
        tx: &'a Tx<'a>,
        signer: &'a Signer,
        terminal: TerminalId,
        keys: &TerminalKeys,
        now: Timestamp,
    ) -> Result<Self, RegionError> {
        Ok(Self {
            tx,
            signer,
            terminal,
            enrolled_at: keys.enrolled_at,
            beginning: chain_beginning_hash(terminal, &keys.entry),
            chain: load_chain(tx, terminal)?,
            now,
            touched: BTreeSet::new(),
            apart: Vec::new(),
            new: 0,
            forked: false,
            two_machines: false,
            waiting: None,
        })
    }

    /// Notes the sales that the terminal reports to be in doubt, with what it had at the end of its chain, before this exchange. The chain's end must be
    /// known for that: a region that was restored learns it only from the entries that come with the report.
    fn note_doubts(&mut self, head: Head, doubts: &[Intent]) -> Result<(), RegionError> {
        if doubts.is_empty() {
            return Ok(());
        }
        let end = self.tx.place_of(self.terminal, head.hash)?.unwrap_or(BEGINNING);
        let after = Place { branch: end.branch, sequence: head.sequence.next() };
        let (knowledge, _) = self.knowledge(after)?;
        for doubt in doubts {
            let new = self.tx.add_doubt(self.terminal, doubt.transaction, doubt.card, &knowledge, self.now)?;
            if new && self.tx.card(doubt.card)?.is_some() {
                // What is missing of its records is asked for now.
                self.touched.insert(doubt.card);
            }
            self.tell_what_ends(doubt)?;
        }
        Ok(())
    }

    /// The record that the doubt is about, where another terminal has brought it: whatever it says, the doubt is over.
    fn tell_what_ends(&self, doubt: &Intent) -> Result<(), RegionError> {
        let counter = doubt.counter_before.next();
        let known = self.tx.records(doubt.card)?.into_iter().find(|(signed, _)| Some(signed.record.counter) == counter);
        if let Some((signed, _)) = known {
            let serial = self.signer.serial().get();
            self.tx.tell(Audience::One(self.terminal), &Item::Record(signed), serial)?;
        }
        Ok(())
    }

    /// Takes `entries`, in order, up to the first that follows nothing, and notes the `doubts` of a terminal whose chain ends with `end`; then judges what
    /// they touch.
    ///
    /// # Errors
    /// The store's.
    pub fn take(
        mut self,
        entries: &[Incoming],
        halt: Option<Halt>,
        end: Head,
        doubts: &[Intent],
    ) -> Result<Taken, RegionError> {
        let mut halted = halt;
        for incoming in entries {
            if !self.take_one(incoming)? {
                halted = Some(Halt::Gap);
                break;
            }
        }
        self.note_doubts(end, doubts)?;
        let head = self.chain.head().ok_or(super::store::StoreError::Inconsistent("a terminal's chain"))?;
        let taken = Taken { head, new: self.new, halt: halted, forked: self.forked };
        self.suspend_two_machines()?;
        let mut bench = Bench::new(self.tx, self.signer, self.now);
        for (entry, place, verdict) in self.apart {
            bench.give(entry, self.terminal, place, verdict, Cents::ZERO)?;
        }
        for card in self.touched {
            bench.judge_card(card)?;
        }
        Ok(taken)
    }

    /// Whether the entry is in the chain now.
    fn take_one(&mut self, incoming: &Incoming) -> Result<bool, RegionError> {
        if self.tx.place_of(self.terminal, incoming.hash)?.is_some() {
            return Ok(true);
        }
        let before = match self.tx.place_of(self.terminal, incoming.link.previous)? {
            None if incoming.link.previous == self.beginning => Some(BEGINNING),
            before => before,
        };
        let head = Head { sequence: incoming.link.sequence, hash: incoming.hash };
        let branch = match self.chain.step(incoming.link.sequence, before) {
            Step::Broken => return Ok(false),
            Step::Append(number) => self.append(number, head)?,
            Step::Fork { after } => self.fork(after, head)?,
        };
        let place = Place { branch, sequence: head.sequence };
        let id = self.keep(incoming, place)?;
        self.new += 1;
        match &incoming.entry {
            Some(entry) => self.note(entry, id, place)?,
            None => self.apart.push((id, place, Verdict::Contested(Contest::Unreadable))),
        }
        Ok(true)
    }

    fn append(&mut self, number: BranchNumber, head: Head) -> Result<BranchNumber, RegionError> {
        let branch = self.chain.advance(number, head).ok_or(super::store::StoreError::Inconsistent("a branch"))?;
        // A branch that waits for its join grows until then; one that a join has ended has no business to.
        self.two_machines |= number != self.chain.live() && branch.settled;
        self.tx.update_branch(self.terminal, &branch)?;
        Ok(number)
    }

    fn fork(&mut self, after: Place, head: Head) -> Result<BranchNumber, RegionError> {
        self.two_machines |= self.chain.is_forked();
        self.forked = true;
        let branch = self.chain.fork(after, head).ok_or(super::store::StoreError::Inconsistent("a branch"))?;
        self.tx.add_branch(self.terminal, &branch)?;
        Ok(branch.number)
    }

    fn keep(&mut self, incoming: &Incoming, place: Place) -> Result<EntryId, RegionError> {
        let body = incoming.entry.as_ref().map(|entry| &entry.body);
        let (worth, (knowledge, acked)) = (self.worth(body)?, self.knowledge(place)?);
        let next = Place { sequence: place.sequence.next(), ..place };
        let cents = knowledge.waiting_cents.checked_add(worth).unwrap_or(Cents::MAX);
        self.waiting = Some(Waiting { next, acked, cents });
        let entry = NewEntry {
            terminal: self.terminal,
            branch: place.branch,
            sequence: place.sequence,
            hash: incoming.hash,
            previous: incoming.link.previous,
            cose: &incoming.cose,
            kind: body.map_or("unreadable", Body::kind),
            card: body.and_then(Body::card),
            worth,
            knowledge,
        };
        Ok(self.tx.add_entry(&entry, self.now)?)
    }

    /// What a debit is worth to the partner by its own word.
    fn worth(&self, body: Option<&Body>) -> Result<Cents, RegionError> {
        let Some(Body::Debit(debit)) = body else { return Ok(Cents::ZERO) };
        let record = &debit.proof.record;
        let catalogue = self.tx.catalogue(record.season)?;
        let benefit = catalogue.as_ref().and_then(|catalogue| catalogue.benefit(record.slot));
        Ok(benefit.and_then(|benefit| benefit.unit.payable(record.amount)).unwrap_or(Cents::ZERO))
    }

    /// What the terminal had when it wrote the entry at `place`: what it had confirmed at its latest request before, and the newest answer that it can have had. A request at
    /// which the chain ended with some entry is before every later entry of that line, and no earlier one. The second value is what was acknowledged then.
    fn knowledge(&self, place: Place) -> Result<(Knowledge, Sequence), RegionError> {
        let on_line = |head: &Place| self.chain.leads_to(*head, place);
        let last = self.tx.known_before(self.terminal, place.sequence, on_line)?;
        let (position, at, acked) = match last {
            Some(last) => (last.position, last.at, last.acked),
            None => (0, self.enrolled_at, BEGINNING.sequence),
        };
        let waiting_cents = match self.waiting {
            Some(waiting) if waiting.next == place && waiting.acked == acked => waiting.cents,
            _ => self.tx.worth_between(self.terminal, place.branch, acked, place.sequence)?,
        };
        let waiting_entries = place.sequence.get().saturating_sub(1).saturating_sub(acked.get());
        Ok((Knowledge { position, at, waiting_entries, waiting_cents }, acked))
    }

    /// What an entry brings to light.
    fn note(&mut self, entry: &Entry, id: EntryId, place: Place) -> Result<(), RegionError> {
        match &entry.body {
            Body::Debit(debit) => {
                if self.learn(&debit.certificate, &debit.proof, id)? {
                    self.holds(debit.proof.record.card, debit.entitlement_serial)?;
                }
            }
            Body::Reversal(reversal) => {
                self.learn(&reversal.certificate, &reversal.proof, id)?;
            }
            Body::CardRead(read) => {
                let card = self.tx.card(read.card)?.and_then(|card| card.certificate);
                if card.is_some_and(|card| read_is_proven(read, &card.public_key)) {
                    self.holds(read.card, read.state.entitlement_serial)?;
                }
                for signed in &read.records {
                    self.learn(&read.certificate, signed, id)?;
                }
            }
            Body::Abandoned(abandoned) => {
                self.tx.add_abandoned(self.terminal, abandoned.transaction, abandoned.card)?;
            }
            Body::UndoRequest(request) => self.take_back(request, id)?,
            Body::Event(event) => {
                if let Some(other) = joined_head(event) {
                    self.join(place.branch, other)?;
                }
            }
            Body::NotDone(_) | Body::Refused(_) | Body::Closing(_) => (),
        }
        match entry.body.card() {
            Some(card) => self.touch(card)?,
            None => self.apart.push((id, place, Verdict::Recorded)),
        }
        Ok(())
    }

    /// Something new is known of `card`.
    fn touch(&mut self, card: CardNumber) -> Result<(), RegionError> {
        self.touched.insert(card);
        let made_here = self.tx.card(card)?.is_some();
        if made_here && self.tx.see_card(card, self.terminal)? {
            tell_newcomer(self.tx, self.signer, card, self.terminal, self.now)?;
        }
        Ok(())
    }

    /// Keeps a record that the card has signed; whether it has.
    fn learn(&mut self, certificate: &[u8; 32], signed: &SignedRecord, id: EntryId) -> Result<bool, RegionError> {
        let card = self.tx.card(signed.record.card)?.and_then(|card| card.certificate);
        let genuine = card.is_some_and(|card| {
            sha256(&card.encode()) == *certificate
                && verify_p256(&card.public_key, &signed.record.signed_bytes(), &signed.signature)
        });
        if !genuine {
            return Ok(false);
        }
        self.tx.add_record(signed, id, self.now)?;
        self.touched.insert(signed.record.card);
        if self.chain.is_forked() {
            // Two different records for one counter, with a forked chain: the disk was not just restored.
            let known = self.tx.records(signed.record.card)?;
            let differs = |(other, _): &(SignedRecord, Timestamp)| {
                other.record.counter == signed.record.counter && other.record != signed.record
            };
            self.two_machines |= known.iter().any(differs);
        }
        Ok(true)
    }

    /// The card has shown that it holds this entitlement. Of a serial that was never made nothing is believed.
    fn holds(&self, card: CardNumber, serial: EntitlementSerial) -> Result<(), RegionError> {
        let made = self.tx.newest_entitlement(card)?.is_some_and(|newest| serial <= newest.serial);
        if made {
            self.tx.card_holds(card, serial)?;
        }
        Ok(())
    }

    /// The region takes back a debit of this terminal, which the card cannot (decision 7): the right comes back with a new entitlement.
    fn take_back(&mut self, request: &UndoRequest, id: EntryId) -> Result<(), RegionError> {
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
        self.tx.add_undone(request.card, request.debit_counter, id, given_back)?;
        Ok(())
    }

    /// The terminal goes on, on this branch, having lost what led to `other`.
    fn join(&mut self, on: BranchNumber, other: Head) -> Result<(), RegionError> {
        let lost = self.chain.live();
        let changed = self.chain.join(on, other);
        for branch in &changed {
            self.tx.update_branch(self.terminal, branch)?;
        }
        if changed.is_empty() {
            return Ok(());
        }
        self.tx.set_live_branch(self.terminal, on)?;
        let fork = self.chain.branch(on).map_or(BEGINNING.sequence, |branch| branch.fork_sequence);
        let gone = self.tx.entries_of_branch(self.terminal, lost, fork.next())?;
        self.tx.untell_verdicts(self.terminal, gone.iter().map(|entry| entry.place.sequence))?;
        self.touch_branch(on, fork)
    }

    /// What stands on a branch after `fork` is judged anew.
    fn touch_branch(&mut self, branch: BranchNumber, fork: Sequence) -> Result<(), RegionError> {
        for stored in self.tx.entries_of_branch(self.terminal, branch, fork.next())? {
            self.touched.extend(super::bench::read_entry(&stored.cose).and_then(|entry| entry.body.card()));
        }
        Ok(())
    }

    fn suspend_two_machines(&self) -> Result<(), RegionError> {
        let standing = self.tx.standing(self.terminal)?.map_or(TerminalStanding::Active, |standing| standing.standing);
        if self.two_machines && standing == TerminalStanding::Active {
            tracing::error!(terminal = %self.terminal, "the chain was written by two machines: suspended");
            self.tx.set_standing(self.terminal, TerminalStanding::Suspended, Cause::Fork, self.now)?;
        }
        Ok(())
    }
}
