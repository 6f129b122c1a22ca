//! Entries come in: their bytes are kept as they are, in order. What they say of cards is noted afterwards, in [`accounts`](super::accounts).
//!
//! An entry is kept when its terminal signed it and it follows one that is known; whether it is paid is for the judge. The first one that fails
//! either test ends the intake: nothing after it could be linked. A repeat is success, so a terminal may send what it likes twice.
//!
//! Everything here is about one terminal: nothing of another, and nothing of a card, is written.

use std::collections::{BTreeMap, BTreeSet};

use crate::crypto::{Ed25519PublicKey, chain_beginning_hash, entry_hash, verify_sign1_ed25519};
use crate::domain::card::PublicKey;
use crate::domain::catalogue::Catalogue;
use crate::domain::entry::{Body, Entry, Intent};
use crate::domain::{Cents, EntryHash, Season, Sequence, TerminalId, Timestamp};
use crate::succession::{change_in, is_proven};
use crate::wire::cbor::Opaque;
use crate::wire::cose::{Algorithm, Content, Sign1};
use crate::wire::entry::{ENTRY_BYTES_MAX, Link, decode_entry, decode_link};
use crate::wire::exchange::{Head, TerminalStanding};

use super::bench::load_chain;
use super::chain::{BEGINNING, Chain, Step, joined_head};
use super::error::RegionError;
use super::store::{
    BranchNumber, Cause, EntryKey, KeyChange, Knowledge, KnownExchange, NewEntry, Place, StoreError, TerminalKeys, Tx,
};
use super::succession::BranchKeys;

/// How many entries of a branch that a terminal has lost are looked at together.
const ENTRIES_AT_ONCE: u32 = 1000;

/// An entry that its terminal has signed.
#[derive(Clone, Debug)]
pub struct Incoming {
    cose: Vec<u8>,
    /// The key that has signed it. Whether it may, its place says.
    signer: Ed25519PublicKey,
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

/// Checks the signatures of `entries`, each by one of `keys`; those up to the first that fails.
pub fn read_entries(
    terminal: TerminalId,
    keys: &[Ed25519PublicKey],
    entries: &[Opaque],
) -> (Vec<Incoming>, Option<Halt>) {
    let mut incoming: Vec<Incoming> = Vec::with_capacity(entries.len());
    for Opaque(cose) in entries {
        // One key signs many entries in a row: what has signed the last one is tried first.
        let last = incoming.last().map(|last| last.signer);
        match read_entry(terminal, last.iter().chain(keys), cose) {
            Ok(entry) => incoming.push(entry),
            Err(halt) => return (incoming, Some(halt)),
        }
    }
    (incoming, None)
}

fn read_entry<'k>(
    terminal: TerminalId,
    mut keys: impl Iterator<Item = &'k Ed25519PublicKey>,
    cose: &[u8],
) -> Result<Incoming, Halt> {
    if cose.len() > ENTRY_BYTES_MAX {
        return Err(Halt::Foreign);
    }
    let envelope = Sign1::decode(cose, Algorithm::EdDsa, Content::Entry).map_err(|_| Halt::Foreign)?;
    if envelope.key != terminal.get() {
        return Err(Halt::Foreign);
    }
    let signer = *keys.find(|key| verify_sign1_ed25519(&envelope, key)).ok_or(Halt::Signature)?;
    let link = decode_link(&envelope.payload).map_err(|_| Halt::Foreign)?;
    if link.terminal != terminal || i64::try_from(link.sequence.get()).is_err() {
        return Err(Halt::Foreign);
    }
    let (hash, entry) = (entry_hash(cose), decode_entry(&envelope.payload).ok());
    Ok(Incoming { cose: cose.to_vec(), signer, hash, link, entry })
}

/// What the intake of one request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// What is acknowledged.
    pub head: Head,
    /// What cards are to check of the terminal from now on.
    pub card_key: PublicKey,
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
    terminal: TerminalId,
    enrolled_at: Timestamp,
    restored_at: Timestamp,
    beginning: EntryHash,
    chain: Chain,
    keys: BranchKeys,
    now: Timestamp,
    catalogues: BTreeMap<Season, Option<Catalogue>>,
    /// Entries that are in the chain and not in the store yet.
    kept: Vec<NewEntry<'a>>,
    /// Branches that are longer than the store knows.
    grown: BTreeSet<BranchNumber>,
    new: usize,
    forked: bool,
    two_machines: bool,
    known: Option<Known>,
    waiting: Option<Waiting>,
}

/// What exchanges prove for the entries of a branch up to one: so that it is not looked up anew for each of them.
#[derive(Clone, Copy, Debug)]
struct Known {
    branch: BranchNumber,
    from: Sequence,
    /// The last entry that it holds for: the chain ended there at an exchange. `None`: all that follow.
    to: Option<Sequence>,
    exchange: KnownExchange,
}

/// What waits before the next entry of a branch: so that a long line is not added up anew for each of its entries.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    next: Place,
    acked: Sequence,
    cents: Cents,
}

impl<'a> Intake<'a> {
    /// Opens the chain of `terminal`, which enrolled with these keys, for this transaction alone.
    ///
    /// # Errors
    /// The store's.
    pub fn open(
        tx: &'a Tx<'a>,
        terminal: TerminalId,
        keys: &TerminalKeys,
        now: Timestamp,
    ) -> Result<Self, RegionError> {
        tx.lock_chain(terminal)?;
        let branch_keys = BranchKeys::load(tx, terminal, *keys)?;
        Ok(Self {
            tx,
            terminal,
            enrolled_at: keys.enrolled_at,
            restored_at: tx.restored_at()?,
            beginning: chain_beginning_hash(terminal, &keys.entry),
            chain: load_chain(tx, terminal)?,
            keys: branch_keys,
            now,
            catalogues: BTreeMap::new(),
            kept: Vec::new(),
            grown: BTreeSet::new(),
            new: 0,
            forked: false,
            two_machines: false,
            known: None,
            waiting: None,
        })
    }

    /// Notes the sales that the terminal reports to be in doubt, with what it had at the end of its chain, before this exchange. The chain's end must be
    /// known for that: a region that was restored learns it only from the entries that come with the report.
    fn note_doubts(&mut self, head: Head, doubts: &[Intent]) -> Result<(), RegionError> {
        if doubts.is_empty() {
            return Ok(());
        }
        // The end of the chain may be an entry that this very request brings: it is on the line that is acknowledged then, or follows it.
        let end = self.tx.place_of(self.terminal, head.hash)?.unwrap_or(BEGINNING);
        let after = Place { branch: end.branch, sequence: head.sequence.next() };
        let (knowledge, _) = self.knowledge(after)?;
        let knowledge = knowledge.unless_forgotten(self.restored_at);
        for doubt in doubts {
            self.tx.add_doubt(self.terminal, doubt.transaction, doubt.card, &knowledge, self.now)?;
        }
        self.known = None;
        Ok(())
    }

    /// Takes `entries`, in order, up to the first that follows nothing, and notes the `doubts` of a terminal whose chain ends with `end`.
    ///
    /// # Errors
    /// The store's.
    pub fn take(
        mut self,
        entries: &'a [Incoming],
        halt: Option<Halt>,
        end: Head,
        doubts: &[Intent],
    ) -> Result<Taken, RegionError> {
        let mut halted = halt;
        for incoming in entries {
            if let Err(halt) = self.take_one(incoming)? {
                halted = Some(halt);
                break;
            }
        }
        self.flush()?;
        self.note_doubts(end, doubts)?;
        let head = self.chain.head().ok_or(StoreError::Inconsistent("a terminal's chain"))?;
        let card_key = self.keys.now(&self.chain).card;
        let taken = Taken { head, card_key, new: self.new, halt: halted, forked: self.forked };
        if self.two_machines {
            suspend_two_machines(self.tx, self.terminal, self.now)?;
        }
        Ok(taken)
    }

    /// Takes the entry into the chain, where it is not there already; or says why not.
    fn take_one(&mut self, incoming: &'a Incoming) -> Result<Result<(), Halt>, RegionError> {
        let live = self
            .chain
            .head()
            .filter(|head| head.hash == incoming.link.previous && head.sequence.next() == incoming.link.sequence);
        let head = Head { sequence: incoming.link.sequence, hash: incoming.hash };
        let (before, step) = if let Some(live) = live {
            // The usual case. Nothing follows the head, so this entry cannot be known.
            let branch = self.chain.live();
            (Place { branch, sequence: live.sequence }, Step::Append(branch))
        } else {
            self.flush()?;
            if self.tx.place_of(self.terminal, incoming.hash)?.is_some() {
                return Ok(Ok(()));
            }
            let before = match self.tx.place_of(self.terminal, incoming.link.previous)? {
                None if incoming.link.previous == self.beginning => Some(BEGINNING),
                before => before,
            };
            (before.unwrap_or(BEGINNING), self.chain.step(incoming.link.sequence, before))
        };
        if step == Step::Broken {
            return Ok(Err(Halt::Gap));
        }
        if self.keys.after(&self.chain, before).entry != incoming.signer {
            return Ok(Err(Halt::Signature));
        }
        let branch = match step {
            Step::Append(number) => self.append(number, head)?,
            Step::Fork { after } => self.fork(after, head)?,
            Step::Broken => return Ok(Err(Halt::Gap)),
        };
        let place = Place { branch, sequence: head.sequence };
        self.keep(incoming, place)?;
        self.new += 1;
        if let Some(entry) = &incoming.entry {
            self.note_keys(entry, place)?;
        }
        if let Some(Entry { body: Body::Event(event), .. }) = &incoming.entry
            && let Some(other) = joined_head(event)
        {
            self.join(branch, other)?;
        }
        Ok(Ok(()))
    }

    /// Notes the keys that the entry at `place` puts in the place of the terminal's. Keys that have not signed it change nothing.
    fn note_keys(&mut self, entry: &Entry, place: Place) -> Result<(), RegionError> {
        let Some(keys) = change_in(entry) else { return Ok(()) };
        if !is_proven(entry.terminal, entry.sequence, entry.previous, keys) {
            return Ok(());
        }
        let change = KeyChange { place, entry: Ed25519PublicKey(keys.entry_key), card: keys.card_key };
        self.flush()?;
        self.tx.add_key_change(self.terminal, &change)?;
        self.keys.change(change);
        Ok(())
    }

    fn append(&mut self, number: BranchNumber, head: Head) -> Result<BranchNumber, RegionError> {
        let branch = self.chain.advance(number, head).ok_or(StoreError::Inconsistent("a branch"))?;
        // A branch that waits for its join grows until then; one that a join has ended has no business to.
        self.two_machines |= number != self.chain.live() && branch.settled;
        self.grown.insert(number);
        Ok(number)
    }

    fn fork(&mut self, after: Place, head: Head) -> Result<BranchNumber, RegionError> {
        self.two_machines |= self.chain.is_forked();
        self.forked = true;
        let branch = self.chain.fork(after, head).ok_or(StoreError::Inconsistent("a branch"))?;
        self.tx.add_branch(self.terminal, &branch)?;
        Ok(branch.number)
    }

    fn keep(&mut self, incoming: &'a Incoming, place: Place) -> Result<(), RegionError> {
        let body = incoming.entry.as_ref().map(|entry| &entry.body);
        let (worth, (knowledge, acked)) = (self.worth(body)?, self.knowledge(place)?);
        let next = Place { sequence: place.sequence.next(), ..place };
        let cents = knowledge.waiting_cents.checked_add(worth).unwrap_or(Cents::MAX);
        self.waiting = Some(Waiting { next, acked, cents });
        self.kept.push(NewEntry {
            key: EntryKey { terminal: self.terminal, place },
            hash: incoming.hash,
            previous: incoming.link.previous,
            cose: &incoming.cose,
            kind: body.map_or("unreadable", Body::kind),
            card: body.and_then(Body::card),
            worth,
            knowledge: knowledge.unless_forgotten(self.restored_at),
        });
        Ok(())
    }

    /// Writes what was kept, so that it can be asked for.
    fn flush(&mut self) -> Result<(), RegionError> {
        for number in std::mem::take(&mut self.grown) {
            let branch = self.chain.branch(number).ok_or(StoreError::Inconsistent("a branch"))?;
            self.tx.update_branch(self.terminal, branch)?;
        }
        self.tx.add_entries(&std::mem::take(&mut self.kept), self.now)?;
        Ok(())
    }

    /// What a debit is worth to the partner by its own word.
    fn worth(&mut self, body: Option<&Body>) -> Result<Cents, RegionError> {
        let Some(Body::Debit(debit)) = body else { return Ok(Cents::ZERO) };
        let record = &debit.proof.record;
        let catalogue = match self.catalogues.get(&record.season) {
            Some(known) => known,
            None => self.catalogues.entry(record.season).or_insert(self.tx.catalogue(record.season)?),
        };
        let benefit = catalogue.as_ref().and_then(|catalogue| catalogue.benefit(record.slot));
        Ok(benefit.and_then(|benefit| benefit.unit.payable(record.amount)).unwrap_or(Cents::ZERO))
    }

    /// What the terminal had when it wrote the entry at `place`: what it had confirmed at its latest request before, and the newest answer that it can have had. A request at
    /// which the chain ended with some entry is before every later entry of that line, and no earlier one. The second value is what was acknowledged then.
    fn knowledge(&mut self, place: Place) -> Result<(Knowledge, Sequence), RegionError> {
        let KnownExchange { position, at, acked } = self.known_exchange(place)?;
        let waiting_cents = match self.waiting {
            Some(waiting) if waiting.next == place && waiting.acked == acked => waiting.cents,
            _ => {
                self.flush()?;
                self.tx.worth_between(self.terminal, place.branch, acked, place.sequence)?
            }
        };
        let waiting_entries = place.sequence.get().saturating_sub(1).saturating_sub(acked.get());
        Ok((Knowledge { position, at, waiting_entries, waiting_cents }, acked))
    }

    fn known_exchange(&mut self, place: Place) -> Result<KnownExchange, RegionError> {
        let holds = |known: &Known| {
            known.branch == place.branch
                && known.from <= place.sequence
                && known.to.is_none_or(|to| place.sequence <= to)
        };
        if let Some(known) = self.known.filter(holds) {
            return Ok(known.exchange);
        }
        self.flush()?;
        let on_line = |head: &Place| self.chain.leads_to(*head, place);
        let last = self.tx.known_before(self.terminal, place.sequence, on_line)?;
        let none = KnownExchange { position: 0, at: self.enrolled_at, acked: BEGINNING.sequence };
        let exchange = last.unwrap_or(none);
        let to = self.tx.next_exchange_head(self.terminal, place.sequence)?;
        self.known = Some(Known { branch: place.branch, from: place.sequence, to, exchange });
        Ok(exchange)
    }

    /// The terminal goes on, on this branch, having lost what led to `other`. What stands on the branch after the fork is judged anew.
    fn join(&mut self, on: BranchNumber, other: Head) -> Result<(), RegionError> {
        self.flush()?;
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
        let mut from = fork.next();
        loop {
            let gone = self.tx.entries_of_branch(self.terminal, lost, from, ENTRIES_AT_ONCE)?;
            let Some(last) = gone.last() else { break };
            from = last.key.place.sequence.next();
            self.tx.untell_verdicts(self.terminal, gone.iter().map(|entry| entry.key.place.sequence))?;
        }
        self.tx.set_noted(self.terminal, on, fork)?;
        Ok(())
    }
}

/// Two machines write the chain of `terminal`: neither sells from now on.
///
/// # Errors
/// The store's.
pub fn suspend_two_machines(tx: &Tx<'_>, terminal: TerminalId, now: Timestamp) -> Result<(), RegionError> {
    let standing = tx.standing(terminal)?;
    // One that is suspended with its partner stays so when the partner may sell again.
    if standing.is_none_or(|is| is.standing == TerminalStanding::Active || is.cause == Cause::Partner) {
        tracing::error!(%terminal, "the chain was written by two machines: suspended");
        tx.set_standing(terminal, TerminalStanding::Suspended, Cause::Fork, now)?;
    }
    Ok(())
}
