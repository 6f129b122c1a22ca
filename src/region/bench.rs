//! The judge's bench: collects what the store knows of a card, has it judged, keeps the verdicts that changed and tells the terminals.
//!
//! What a terminal knew when it wrote an entry was settled when the entry came, and stands with it; so judging again, whenever something
//! new is known of the card, gives what judging everything at the end would give.
//!
//! What is judged is also what the holder has consumed: where another card took the place of the judged one, it is charged the difference.

use std::collections::BTreeMap;
use std::collections::btree_map;

use crate::crypto::verify_p256;
use crate::domain::card::{Operation, PublicKey, Record, TerminalCertificate};
use crate::domain::catalogue::Catalogue;
use crate::domain::entry::{Body, CardRead, Entry};
use crate::domain::policy::Policy;
use crate::domain::verdict::Verdict;
use crate::domain::{Amounts, CardNumber, Cents, Counter, Season, Sequence, TerminalId, Timestamp, TransactionId};
use crate::wire::cose::{Algorithm, Content, Sign1};
use crate::wire::entry::decode_entry;
use crate::wire::exchange::TerminalStanding;
use crate::wire::feed::{EntryVerdict, Item, RecordsWanted};

use super::chain::Chain;
use super::error::RegionError;
use super::judge::{
    CardFacts, EntryFacts, Judgement, OrphanFacts, Unheard, consumed, gap, is_reported, judge, past_policy,
};
use super::rights::carry;
use super::signing::Signer;
use super::store::{
    Audience, CardRow, Cause, DenialRow, Doubts, EntryKey, FeedPoint, Judged, Knowledge, NewVerdict, PolicyRow,
    Standing, StandingRow, StoreError, StoredEntry, Tx,
};

/// After so long without the records that would fill a gap in a card's counters they are asked for: by then every terminal
/// within its policy has reported.
const GAP_PATIENCE_SECONDS: u32 = 96 * 3600;

const NO_CHAIN: StoreError = StoreError::Inconsistent("a terminal's chain");

/// Judges, within one transaction. Chains and standings must not change while it lives.
pub struct Bench<'a> {
    tx: &'a Tx<'a>,
    signer: &'a Signer,
    now: Timestamp,
    chains: BTreeMap<TerminalId, Option<Chain>>,
    standings: BTreeMap<TerminalId, Vec<StandingRow>>,
    certificates: BTreeMap<(TerminalId, Season), Vec<TerminalCertificate>>,
    catalogues: BTreeMap<Season, Option<Catalogue>>,
    enrolled: BTreeMap<TerminalId, Option<Timestamp>>,
    policies: Option<Vec<PolicyRow>>,
    floor: Option<u32>,
}

/// What a terminal had heard of when it wrote something, and what it had been told and had not heard.
struct Heard {
    denial: bool,
    /// That it must not sell.
    stop: bool,
    /// Since when nothing that comes from it is believed.
    revoked: Option<Timestamp>,
    not: Unheard,
}

impl Heard {
    fn of_denial(denial: Option<&DenialRow>, known: FeedPoint) -> Self {
        let heard = denial.is_some_and(|denial| denial.position <= known.all);
        let missed = denial.filter(|_| !heard).map(|denial| denial.denied_at);
        Self { denial: heard, stop: false, revoked: None, not: Unheard { denial: missed, standing: None } }
    }
}

/// The chain of `terminal`.
///
/// # Errors
/// The store's, also when the terminal has none.
pub fn load_chain(tx: &Tx<'_>, terminal: TerminalId) -> Result<Chain, StoreError> {
    Chain::new(tx.branches(terminal)?, tx.live_branch(terminal)?).ok_or(NO_CHAIN)
}

/// What a stored entry says; `None` when this program cannot read it.
pub fn read_entry(cose: &[u8]) -> Option<Entry> {
    let envelope = Sign1::decode(cose, Algorithm::EdDsa, Content::Entry).ok()?;
    decode_entry(&envelope.payload).ok()
}

/// Whether every signature that `read` brings is by the card's key.
pub fn read_is_proven(read: &CardRead, key: &PublicKey) -> bool {
    let state = read.state.signed_bytes(read.card, &read.challenge);
    verify_p256(key, &state, &read.state.signature)
        && read.records.iter().all(|signed| {
            signed.record.card == read.card && verify_p256(key, &signed.record.signed_bytes(), &signed.signature)
        })
}

impl<'a> Bench<'a> {
    /// A bench for this transaction.
    pub fn new(tx: &'a Tx<'a>, signer: &'a Signer, now: Timestamp) -> Self {
        Self {
            tx,
            signer,
            now,
            chains: BTreeMap::new(),
            standings: BTreeMap::new(),
            certificates: BTreeMap::new(),
            catalogues: BTreeMap::new(),
            enrolled: BTreeMap::new(),
            policies: None,
            floor: None,
        }
    }

    /// Judges every entry about `card`, asks for the records that are missing, and carries over to the card in its place what came late.
    ///
    /// # Errors
    /// The store's.
    pub fn judge_card(&mut self, card: CardNumber) -> Result<(), RegionError> {
        let about = self.tx.entries_about(card)?;
        let facts = self.facts(card, &about)?;
        let judgement = judge(&facts);
        let verdicts: Vec<NewVerdict> = about
            .iter()
            .zip(&judgement.verdicts)
            .map(|(stored, (verdict, payable))| NewVerdict { entry: stored.key, verdict: *verdict, payable: *payable })
            .collect();
        self.give(&verdicts)?;
        if facts.certificate.is_some() {
            self.ask_for_records(card, &facts, &judgement)?;
        }
        let Some(replacement) = self.tx.replacement_of(card)? else { return Ok(()) };
        let consumed = consumed(&facts, replacement.season);
        match carry(self.tx, self.signer, &replacement, &consumed, self.now)? {
            // The newest in its line: nothing took its place, and this goes no further.
            Some(charged) => self.judge_card(charged),
            None => Ok(()),
        }
    }

    /// What the holder of `card` has consumed with it in `season`, as far as the region knows.
    ///
    /// # Errors
    /// The store's.
    pub fn consumed(&mut self, card: CardNumber, season: Season) -> Result<Amounts, RegionError> {
        let about = self.tx.entries_about(card)?;
        Ok(consumed(&self.facts(card, &about)?, season))
    }

    /// Keeps those verdicts that are new, changed, or from before the store was put back from a backup, and tells them to the terminals that have the
    /// entries.
    ///
    /// # Errors
    /// The store's.
    pub fn give(&mut self, verdicts: &[NewVerdict]) -> Result<(), RegionError> {
        let entries: Vec<EntryKey> = verdicts.iter().map(|new| new.entry).collect();
        let (before, floor) = (self.tx.judged(&entries)?, self.floor()?);
        let is_new = |(new, before): &(&NewVerdict, &Option<Judged>)| {
            let is_same = |before: &Judged| before.verdict == new.verdict && before.payable == new.payable;
            // A store that was put back from a backup has forgotten what it told since.
            !before.is_some_and(|before| is_same(&before) && before.version >= floor)
        };
        let (changed, before): (Vec<NewVerdict>, Vec<Option<Judged>>) =
            verdicts.iter().zip(&before).filter(is_new).unzip();
        let versions = self.tx.add_verdicts(&changed, self.now)?;
        let mut told: BTreeMap<TerminalId, Vec<Item>> = BTreeMap::new();
        for ((new, before), version) in changed.iter().zip(before).zip(versions) {
            let NewVerdict { entry: EntryKey { terminal, place }, verdict, .. } = *new;
            // That an entry is on record the receipt tells already.
            let news = verdict != Verdict::Recorded || before.is_some();
            if news && self.chain(terminal)?.is_live(place) {
                let item = Item::Verdict(EntryVerdict { sequence: place.sequence, version, verdict });
                told.entry(terminal).or_default().push(item);
            }
        }
        for (terminal, items) in told {
            self.tx.tell_all(Audience::One(terminal), &items, self.signer.serial().get())?;
        }
        Ok(())
    }

    /// The chain of `terminal`.
    ///
    /// # Errors
    /// As [`load_chain`].
    pub fn chain(&mut self, terminal: TerminalId) -> Result<&Chain, RegionError> {
        Ok(self.any_chain(terminal)?.ok_or(NO_CHAIN)?)
    }

    /// The chain of `terminal`, which may never have brought an entry.
    fn any_chain(&mut self, terminal: TerminalId) -> Result<Option<&Chain>, RegionError> {
        match self.chains.entry(terminal) {
            btree_map::Entry::Occupied(known) => Ok(known.into_mut().as_ref()),
            btree_map::Entry::Vacant(unknown) => {
                let branches = self.tx.branches(terminal)?;
                let chain = match branches.is_empty() {
                    true => None,
                    false => Some(Chain::new(branches, self.tx.live_branch(terminal)?).ok_or(NO_CHAIN)?),
                };
                Ok(unknown.insert(chain).as_ref())
            }
        }
    }

    /// Every standing that `terminal` has had, in order.
    fn standings(&mut self, terminal: TerminalId) -> Result<&[StandingRow], RegionError> {
        match self.standings.entry(terminal) {
            btree_map::Entry::Occupied(known) => Ok(known.into_mut()),
            btree_map::Entry::Vacant(unknown) => Ok(unknown.insert(self.tx.standings(terminal)?)),
        }
    }

    fn floor(&mut self) -> Result<u32, RegionError> {
        match self.floor {
            Some(known) => Ok(known),
            None => Ok(*self.floor.insert(self.tx.number_floor()?)),
        }
    }

    fn certificates(&mut self, terminal: TerminalId, season: Season) -> Result<&[TerminalCertificate], RegionError> {
        match self.certificates.entry((terminal, season)) {
            btree_map::Entry::Occupied(known) => Ok(known.into_mut()),
            btree_map::Entry::Vacant(unknown) => Ok(unknown.insert(self.tx.terminal_certificates(terminal, season)?)),
        }
    }

    fn catalogue(&mut self, season: Season) -> Result<Option<&Catalogue>, RegionError> {
        match self.catalogues.entry(season) {
            btree_map::Entry::Occupied(known) => Ok(known.into_mut().as_ref()),
            btree_map::Entry::Vacant(unknown) => Ok(unknown.insert(self.tx.catalogue(season)?).as_ref()),
        }
    }

    fn enrolled_at(&mut self, terminal: TerminalId) -> Result<Option<Timestamp>, RegionError> {
        match self.enrolled.entry(terminal) {
            btree_map::Entry::Occupied(known) => Ok(*known.get()),
            btree_map::Entry::Vacant(unknown) => {
                let keys = self.tx.terminal(terminal)?.and_then(|row| row.keys);
                Ok(*unknown.insert(keys.map(|keys| keys.enrolled_at)))
            }
        }
    }

    fn facts(&mut self, card: CardNumber, about: &[StoredEntry]) -> Result<CardFacts, RegionError> {
        let row = self.tx.card(card)?;
        let certificate = row.as_ref().and_then(|row| row.certificate);
        let records: Vec<Record> = self.tx.records(card)?.iter().map(|(signed, _)| signed.record).collect();
        let denial = self.tx.denial(card)?;
        let doubts = self.tx.doubts_about(card)?;
        let mut entries = Vec::with_capacity(about.len());
        for stored in about {
            // Only what could be read has a card.
            let entry = read_entry(&stored.cose).ok_or(StoreError::Inconsistent("an entry about a card"))?;
            entries.push(self.entry_facts(entry, stored, row.as_ref(), denial.as_ref(), &doubts)?);
        }
        let mut seasons: Vec<Season> =
            entries.iter().filter_map(|of| record_of(&of.entry.body)).map(|r| r.season).collect();
        seasons.extend(records.iter().map(|record| record.season));
        seasons.sort();
        seasons.dedup();
        let mut catalogues = Vec::with_capacity(seasons.len());
        for season in seasons {
            catalogues.extend(self.catalogue(season)?.cloned());
        }
        Ok(CardFacts {
            certificate: certificate.map(|certificate| crate::crypto::sha256(&certificate.encode())),
            entitlements: self.tx.entitlements(card)?,
            abandoned: self.tx.abandoned(card)?,
            undone: self.tx.undone(card)?,
            late_charges: self.tx.late_charges(card)?,
            catalogues,
            orphans: self.orphans(&records, &entries, denial.as_ref(), &doubts)?,
            records,
            entries,
        })
    }

    /// The debits that a lost disk has reported to nobody.
    fn orphans(
        &mut self,
        records: &[Record],
        entries: &[EntryFacts],
        denial: Option<&DenialRow>,
        doubts: &Doubts,
    ) -> Result<Vec<OrphanFacts>, RegionError> {
        let mut orphans = Vec::new();
        for record in records.iter().filter(|record| record.operation == Operation::Debit) {
            if !self.has_lost_entries(record.terminal)? || is_reported(entries, record) {
                continue;
            }
            let terminal = record.terminal;
            let knowledge = match doubts.get(&(terminal, record.transaction)) {
                Some(reported) => *reported,
                None => self.last_knowledge(terminal)?,
            };
            let policy = self.policy(terminal, &knowledge)?;
            let heard = self.heard(terminal, &knowledge, denial)?;
            orphans.push(OrphanFacts {
                record: *record,
                certificates: self.tx.terminal_certificates(terminal, record.season)?,
                denied: heard.denial,
                suspended: heard.stop,
                past_policy: policy.is_some_and(|policy| past_policy(&policy, &knowledge, heard.not, record.time)),
            });
        }
        Ok(orphans)
    }

    /// Whether debits of a terminal may be known to the cards alone: another one took its place because its disk was lost, or an old copy of its ledger was
    /// put back. Of two machines with one chain nothing is believed that they do not sign.
    fn has_lost_entries(&mut self, terminal: TerminalId) -> Result<bool, RegionError> {
        if self.standings(terminal)?.last().is_some_and(|row| row.standing.cause == Cause::Replaced) {
            return Ok(true);
        }
        Ok(self.any_chain(terminal)?.is_some_and(|chain| chain.is_forked() && !chain.is_torn()))
    }

    /// What a terminal had when the region heard of it last. What waited since then died with its disk.
    fn last_knowledge(&self, terminal: TerminalId) -> Result<Knowledge, RegionError> {
        let last = self.tx.known_before(terminal, Sequence::new(u64::MAX >> 1), |_| true)?;
        let enrolled = self.tx.terminal(terminal)?.and_then(|row| row.keys).map(|keys| keys.enrolled_at);
        let (position, at) = match last {
            Some(last) => (last.position, last.at),
            None => (0, enrolled.unwrap_or(Timestamp::EPOCH)),
        };
        Ok(Knowledge { position, at, waiting_entries: 0, waiting_cents: Cents::ZERO })
    }

    /// The debits of `card` that are payable by its records alone.
    ///
    /// # Errors
    /// The store's.
    pub fn orphans_of(&mut self, card: CardNumber) -> Result<Vec<(Record, Cents)>, RegionError> {
        let about = self.tx.entries_about(card)?;
        Ok(judge(&self.facts(card, &about)?).orphans)
    }

    fn entry_facts(
        &mut self,
        entry: Entry,
        stored: &StoredEntry,
        card: Option<&CardRow>,
        denial: Option<&DenialRow>,
        doubts: &Doubts,
    ) -> Result<EntryFacts, RegionError> {
        let terminal = stored.key.terminal;
        let record = record_of(&entry.body).copied();
        // What it had when it asked the card. A doubt that was reported tells it better than the entry that ended the doubt later; a sale that was under
        // way during an exchange was reported as one.
        let reported = debited(&entry.body).and_then(|transaction| doubts.get(&(terminal, transaction)));
        let knowledge = reported.copied().unwrap_or(stored.knowledge);
        let certificates = match record {
            Some(record) => self.certificates(terminal, record.season)?.to_vec(),
            None => Vec::new(),
        };
        let heard = self.heard(terminal, &knowledge, denial)?;
        let key = card.and_then(|card| card.certificate).map(|certificate| certificate.public_key);
        let proven = match (&entry.body, key) {
            (Body::CardRead(read), Some(key)) => read_is_proven(read, &key),
            _ => false,
        };
        let past_policy = match (record, self.policy(terminal, &knowledge)?) {
            (Some(record), Some(policy)) => past_policy(&policy, &knowledge, heard.not, record.time),
            _ => false,
        };
        Ok(EntryFacts {
            settled: self.chain(terminal)?.is_settled(stored.key.place),
            certificates,
            denied: heard.denial,
            // Whoever has the disk writes what time they like, and need not have heard of anything: what came afterwards was written afterwards.
            suspended: heard.stop || heard.revoked.is_some_and(|since| stored.received_at >= since),
            past_policy,
            proven,
            entry,
        })
    }

    /// What a terminal that has confirmed so much had heard of the card's denial and of its own standing, and what not.
    fn heard(
        &mut self,
        terminal: TerminalId,
        knowledge: &Knowledge,
        denial: Option<&DenialRow>,
    ) -> Result<Heard, RegionError> {
        let known = FeedPoint::of(knowledge.position);
        let standings = self.standings(terminal)?;
        let Some(now) = standings.last().map(|row| row.standing) else {
            return Ok(Heard::of_denial(denial, known));
        };
        let told = standings.iter().rfind(|row| row.position <= known.own).map(|row| row.standing);
        let is_stop = |standing: Standing| standing.standing != TerminalStanding::Active;
        let stop = told.is_some_and(is_stop);
        let mut heard = Heard { stop, revoked: now.revoked_since(), ..Heard::of_denial(denial, known) };
        heard.not.standing = (is_stop(now) && !stop).then_some(now.since);
        Ok(heard)
    }

    /// The policy that the terminal had: the newest that it has confirmed, or that it was enrolled with.
    fn policy(&mut self, terminal: TerminalId, knowledge: &Knowledge) -> Result<Option<Policy>, RegionError> {
        let enrolled = self.enrolled_at(terminal)?;
        let policies = match &self.policies {
            Some(known) => known,
            None => self.policies.insert(self.tx.policies()?),
        };
        let known = FeedPoint::of(knowledge.position).all;
        let had = policies
            .iter()
            .rfind(|row| row.position <= known || enrolled.is_some_and(|enrolled| row.published_at <= enrolled));
        Ok(had.or(policies.first()).map(|row| row.policy))
    }

    fn ask_for_records(
        &mut self,
        card: CardNumber,
        facts: &CardFacts,
        judgement: &Judgement,
    ) -> Result<(), RegionError> {
        let overdue = match gap(&facts.records) {
            Some(gap) if self.is_overdue(card, gap.0, &facts.entries)? => Some(gap),
            _ => None,
        };
        let wanted = match (judgement.wanted, overdue) {
            (Some((from, to)), Some((gap_from, gap_to))) => Some((from.min(gap_from), to.max(gap_to))),
            (one, other) => one.or(other),
        };
        let wanted = wanted.map(|(from, to)| RecordsWanted { card, from, to });
        let before = self.tx.records_wanted(card)?;
        match wanted {
            None if before.is_some() => {
                self.tx.want_no_records(card)?;
                self.tx.untell_records_wanted(card)?;
            }
            Some(wanted) if before != Some(wanted) => {
                self.tx.want_records(&wanted)?;
                for terminal in self.tx.terminals_that_saw(card)? {
                    let item = Item::RecordsWanted(wanted);
                    self.tx.tell(Audience::One(terminal), &item, self.signer.serial().get())?;
                }
            }
            Some(_) | None => (),
        }
        Ok(())
    }

    /// Whether nobody can be expected to report the record with this counter any more: it was skipped long ago, or a terminal that saw the
    /// card has lost its disk; or some terminal has lost its disk lately, and who knows which cards it saw that day. For a terminal that waits to hear
    /// whether its debit was done, the record is asked for at once: the card keeps it only for so long.
    fn is_overdue(
        &mut self,
        card: CardNumber,
        first_missing: Counter,
        entries: &[EntryFacts],
    ) -> Result<bool, RegionError> {
        let ended = |terminal, transaction| {
            let of = |entry: &Entry| entry.terminal == terminal && ended(&entry.body) == Some(transaction);
            entries.iter().any(|of_entry| of(&of_entry.entry))
        };
        if self.tx.doubts_about(card)?.into_keys().any(|(terminal, transaction)| !ended(terminal, transaction)) {
            return Ok(true);
        }
        let skipped = self.tx.records(card)?.into_iter().filter(|(signed, _)| signed.record.counter > first_missing);
        let since = skipped.map(|(_, learnt_at)| learnt_at).min();
        if since.is_some_and(|since| self.now.seconds_since(since) >= GAP_PATIENCE_SECONDS) {
            return Ok(true);
        }
        for terminal in self.tx.terminals_that_saw(card)? {
            if self.has_lost_entries(terminal)? {
                return Ok(true);
            }
        }
        Ok(self.tx.replaced_since(self.now.minus(GAP_PATIENCE_SECONDS))?)
    }
}

/// The record that an entry brings as its own.
pub fn record_of(body: &Body) -> Option<&Record> {
    match body {
        Body::Debit(debit) => Some(&debit.proof.record),
        Body::Reversal(reversal) => Some(&reversal.proof.record),
        Body::NotDone(_)
        | Body::Abandoned(_)
        | Body::UndoRequest(_)
        | Body::Refused(_)
        | Body::CardRead(_)
        | Body::Closing(_)
        | Body::Event(_) => None,
    }
}

/// The transaction of a debit.
fn debited(body: &Body) -> Option<TransactionId> {
    match body {
        Body::Debit(debit) => Some(debit.proof.record.transaction),
        Body::Reversal(_)
        | Body::NotDone(_)
        | Body::Abandoned(_)
        | Body::UndoRequest(_)
        | Body::Refused(_)
        | Body::CardRead(_)
        | Body::Closing(_)
        | Body::Event(_) => None,
    }
}

/// The transaction whose end an entry tells.
fn ended(body: &Body) -> Option<TransactionId> {
    match body {
        Body::Debit(debit) => Some(debit.proof.record.transaction),
        Body::Reversal(reversal) => Some(reversal.proof.record.transaction),
        Body::NotDone(not_done) => Some(not_done.transaction),
        Body::Abandoned(_)
        | Body::UndoRequest(_)
        | Body::Refused(_)
        | Body::CardRead(_)
        | Body::Closing(_)
        | Body::Event(_) => None,
    }
}
