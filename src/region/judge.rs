//! What the region owes for an entry: a pure function of what it knows of the card.
//!
//! The judge looks at all entries about one card together, because one fact changes what another is worth: a reversal takes a debit
//! back, a second record for one counter unmasks a clone, a correction of the grant moves what is beyond it. It judges by what the region served
//! and when it received, never by what a terminal claims (decision 13). Where facts come from, and where verdicts go, is in
//! [`mod@super::bench`].
//!
//! What always holds: at most one payable entry for each counter of a card; the payable debits of a slot and season never exceed what was
//! granted, where a card that took another's place is not held to what it was charged late: no terminal could know that, and what it overdraws is
//! the region's (decision 12); the same facts give the same verdicts, so judging again is harmless.
//!
//! A debit whose entry died with its terminal's disk is payable by the card's record alone, by the terminal that the record names, until the entry comes
//! after all: then that is paid, and not the record (decision 9).
//!
//! What a card has consumed is told here too, for the card that takes its place: it follows from the same facts.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use crate::domain::card::{Entitlement, Operation, Record, TerminalCertificate};
use crate::domain::catalogue::{Benefit, Catalogue};
use crate::domain::entry::{Body, CardRead, Debit, Entry};
use crate::domain::policy::{Exposure, Policy};
use crate::domain::verdict::{Contest, Verdict};
use crate::domain::{Amounts, Cents, Counter, Season, Slot, TerminalId, Timestamp, TransactionId};

use super::store::{Knowledge, LateCharge, UndoneRow};

/// How many records back a card can take a debit back (card profile, REVERSE).
const REVERSIBLE_RECORDS: u32 = 16;

/// What is known of a card.
#[derive(Clone, Debug, Default)]
pub struct CardFacts {
    /// SHA-256 of the certificate that the region made for it; `None` for a card that the region never made.
    pub certificate: Option<[u8; 32]>,
    /// The newest entitlement of each season.
    pub entitlements: Vec<Entitlement>,
    /// What the card has signed, as far as it is known: every signature here was checked.
    pub records: Vec<Record>,
    /// Sales that were given up.
    pub abandoned: Vec<(TerminalId, TransactionId)>,
    /// Debits that the region took back itself.
    pub undone: Vec<UndoneRow>,
    /// What it was charged after it was made, for what the card before it had consumed, in that order.
    pub late_charges: Vec<LateCharge>,
    /// The catalogues of the records' seasons.
    pub catalogues: Vec<Catalogue>,
    /// Every readable entry about the card, in the order of arrival.
    pub entries: Vec<EntryFacts>,
    /// Debits whose entries died with the disk of their terminal: only the card's record tells of them.
    pub orphans: Vec<OrphanFacts>,
}

/// What is known of a debit whose entry is lost.
#[derive(Clone, Debug)]
pub struct OrphanFacts {
    /// The card's record: it names the terminal.
    pub record: Record,
    /// The certificates that the terminal was ever given for the season of the record.
    pub certificates: Vec<TerminalCertificate>,
    /// The card was denied, and the terminal had been served that when the region last heard of it.
    pub denied: bool,
    /// The terminal was suspended, and had been told.
    pub suspended: bool,
    /// It sold later than the policy that it had allows without an exchange.
    pub past_policy: bool,
}

/// What is known of an entry.
#[derive(Clone, Debug)]
pub struct EntryFacts {
    /// What it says.
    pub entry: Entry,
    /// Whether its branch is judged by what it says.
    pub settled: bool,
    /// The certificates that its terminal was ever given for the season of the record.
    pub certificates: Vec<TerminalCertificate>,
    /// The card was denied, and the terminal had been served that.
    pub denied: bool,
    /// The terminal was suspended or retired, and had been told; or its keys were revoked before the entry came.
    pub suspended: bool,
    /// The terminal sold past the hard limits of the policy that it had.
    pub past_policy: bool,
    /// For a card that was read: whether every signature in it holds.
    pub proven: bool,
}

/// What the region says of the entries about a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// One for each entry, in their order: the verdict, and what the region pays.
    pub verdicts: Vec<(Verdict, Cents)>,
    /// Debits without an entry that are payable all the same, by the terminal that their record names, until its entry comes: its disk was lost.
    pub orphans: Vec<(Record, Cents)>,
    /// The counters among which a reversal is missing, both included.
    pub wanted: Option<(Counter, Counter)>,
}

/// What the region had told a terminal that says it had not heard of it. It is not taken at its word for ever: whoever has not heard of what was told at
/// some time has used no answer that was made since, whatever it sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unheard {
    /// When the card was denied.
    pub denial: Option<Timestamp>,
    /// When the terminal was suspended or retired.
    pub standing: Option<Timestamp>,
}

/// Whether a terminal that had `knowledge`, and not what is `unheard`, sold past `policy` at `time`.
pub fn past_policy(policy: &Policy, knowledge: &Knowledge, unheard: Unheard, time: Timestamp) -> bool {
    let before = |told: Option<Timestamp>| told.map_or(knowledge.at, |told| told.min(knowledge.at));
    let exposure = Exposure {
        last_exchange: before(unheard.standing),
        deny_list_made: before(unheard.denial),
        waiting_entries: knowledge.waiting_entries,
        waiting_cents: knowledge.waiting_cents,
    };
    policy.standing(&exposure, time).refusal().is_some()
}

/// The counters below the newest known one of which no record is known: the first and the last of them.
pub fn gap(records: &[Record]) -> Option<(Counter, Counter)> {
    let known: BTreeSet<u32> = records.iter().map(|record| record.counter.get()).collect();
    span(&unknown_between(0, known.into_iter()))
}

/// Judges every entry about a card.
pub fn judge(facts: &CardFacts) -> Judgement {
    let card = CardView::of(facts);
    let mut claimed = BTreeSet::new();
    let mut verdicts: Vec<Option<Verdict>> = Vec::with_capacity(facts.entries.len());
    // What passes everything but the grant, by counter.
    let mut candidates = BTreeMap::new();
    for (index, of_entry) in facts.entries.iter().enumerate() {
        verdicts.push(match &of_entry.entry.body {
            Body::Debit(debit) => match card.contest_of(debit, of_entry, &mut claimed) {
                Some(reason) => Some(Verdict::Contested(reason)),
                None => {
                    candidates.insert(debit.proof.record.counter, index);
                    None
                }
            },
            Body::Reversal(reversal) => Some(
                card.contest_of_proof(&reversal.certificate, &reversal.proof.record, of_entry)
                    .map_or(Verdict::Recorded, Verdict::Contested),
            ),
            Body::CardRead(read) => Some(card.verdict_on_read(read, of_entry)),
            Body::NotDone(_)
            | Body::Abandoned(_)
            | Body::UndoRequest(_)
            | Body::Refused(_)
            | Body::Closing(_)
            | Body::Event(_) => Some(Verdict::Recorded),
        });
    }
    let within = card.within_grant(&candidates, facts);
    let decide = |(index, verdict): (usize, Option<Verdict>)| match verdict {
        Some(verdict) => (verdict, Cents::ZERO),
        None => match within.entries.get(&index) {
            Some(payable) => (Verdict::Payable, *payable),
            None => (Verdict::Contested(Contest::BeyondGrant), Cents::ZERO),
        },
    };
    let orphans = facts.orphans.iter().filter(|orphan| card.contest_of_orphan(orphan).is_none());
    let orphans = orphans.filter_map(|orphan| Some((orphan.record, *within.outstanding.get(&orphan.record.counter)?)));
    Judgement {
        orphans: orphans.collect(),
        verdicts: verdicts.into_iter().enumerate().map(decide).collect(),
        wanted: card.wanted(),
    }
}

/// What the grant covers.
#[derive(Debug, Default)]
struct WithinGrant {
    /// Entries, with what they are worth.
    entries: BTreeMap<usize, Cents>,
    /// Debits that no entry tells of, likewise.
    outstanding: BTreeMap<Counter, Cents>,
}

/// What the holder of a card has consumed with it in `season`, one per slot: debits that stand. Neither what was taken back, nor a sale that was
/// given up, nor a debit at a terminal that knew that the card was denied: the region pays none of these, and the holder had nothing of them. A debit
/// for which an entitlement of the card has given the right back counts, because that entitlement counts too. Of a benefit that is debited once,
/// everything that the card had lapsed with the debit.
pub fn consumed(facts: &CardFacts, season: Season) -> Amounts {
    let card = CardView::of(facts);
    let catalogue = facts.catalogues.iter().find(|catalogue| catalogue.season == season);
    let newest = newest_entitlement(facts, season);
    let debits =
        card.by_counter.values().filter(|record| record.operation == Operation::Debit && record.season == season);
    let (mut consumed, mut lapsed) = (Amounts::ZERO, Amounts::ZERO);
    for record in debits {
        let (slot, stands) = (record.slot, card.stands(record));
        if stands || card.given_back.contains(&record.counter) {
            consumed = consumed.with(slot, consumed.get(slot).saturating_add(record.amount));
        }
        let once = catalogue.and_then(|catalogue| catalogue.benefit(slot)).is_some_and(|benefit| benefit.once);
        if once && stands {
            let all = newest.map_or(0, |newest| newest.granted.get(slot).saturating_sub(newest.opening.get(slot)));
            lapsed = lapsed.with(slot, all);
        }
    }
    Slot::all().fold(consumed, |all, slot| all.with(slot, all.get(slot).max(lapsed.get(slot))))
}

/// What follows from a card's records.
struct CardView<'a> {
    facts: &'a CardFacts,
    /// By counter; of a cloned one, the first.
    by_counter: BTreeMap<u32, &'a Record>,
    /// Counters with two different records.
    cloned: BTreeSet<Counter>,
    /// Counters of debits that were taken back, on the card or by the region.
    taken_back: BTreeSet<Counter>,
    /// Of these, debits for which an entitlement has given the right back, and no reversal.
    given_back: BTreeSet<Counter>,
    /// Unknown counters, among which reversals are missing.
    suspects: Vec<RangeInclusive<u32>>,
}

impl<'a> CardView<'a> {
    fn of(facts: &'a CardFacts) -> Self {
        let mut by_counter: BTreeMap<u32, &Record> = BTreeMap::new();
        let mut cloned = BTreeSet::new();
        let mut reversed = BTreeSet::new();
        for record in &facts.records {
            if by_counter.insert(record.counter.get(), record).is_some_and(|other| other != record) {
                cloned.insert(record.counter);
            }
            if record.operation == Operation::Reversal {
                reversed.insert(Counter::new(record.link));
            }
        }
        let given_back = facts.undone.iter().filter(|undone| undone.given_back.is_some()).map(|undone| undone.counter);
        let given_back = given_back.filter(|counter| !reversed.contains(counter)).collect();
        let mut taken_back = reversed;
        taken_back.extend(facts.undone.iter().map(|undone| undone.counter));
        let suspects = missing_reversals(&by_counter);
        Self { facts, by_counter, cloned, taken_back, given_back, suspects }
    }

    /// Why a debit is not payable, before the grant is looked at. `claimed` has the counters that an earlier entry brought.
    fn contest_of(&self, debit: &Debit, of_entry: &EntryFacts, claimed: &mut BTreeSet<Counter>) -> Option<Contest> {
        let record = &debit.proof.record;
        if let Some(reason) = self.contest_of_proof(&debit.certificate, record, of_entry) {
            return Some(reason);
        }
        if !of_entry.settled {
            return Some(Contest::Forked);
        }
        if !self.is_allowed(record, &of_entry.certificates) {
            return Some(Contest::NotAllowed);
        }
        let first = claimed.insert(record.counter);
        let given_up = debit.abandoned || self.is_abandoned(record);
        [
            (self.cloned.contains(&record.counter), Contest::ClonedCounter),
            (!first, Contest::AlreadyPaid),
            (self.taken_back.contains(&record.counter), Contest::TakenBack),
            (given_up, Contest::Abandoned),
            (of_entry.denied, Contest::CardDenied),
            (of_entry.suspended, Contest::TerminalSuspended),
            (of_entry.past_policy, Contest::OfflinePolicy),
            (self.maybe_taken_back(record.counter), Contest::MissingReversal),
        ]
        .into_iter()
        .find_map(|(applies, reason)| applies.then_some(reason))
    }

    /// Whether a terminal with these certificates may make this debit.
    fn is_allowed(&self, record: &Record, certificates: &[TerminalCertificate]) -> bool {
        let allows = |certificate: &TerminalCertificate| {
            certificate.season == record.season
                && certificate.slots.contains(record.slot)
                && certificate.covers(record.time)
        };
        let payable = self.benefit(record).and_then(|benefit| benefit.unit.payable(record.amount));
        payable.is_some() && record.operation == Operation::Debit && certificates.iter().any(allows)
    }

    /// Why a debit without an entry is not payable. What follows from the card's records is looked at with the grant.
    fn contest_of_orphan(&self, orphan: &OrphanFacts) -> Option<Contest> {
        [
            (!self.is_allowed(&orphan.record, &orphan.certificates), Contest::NotAllowed),
            (orphan.denied, Contest::CardDenied),
            (orphan.suspended, Contest::TerminalSuspended),
            (orphan.past_policy, Contest::OfflinePolicy),
        ]
        .into_iter()
        .find_map(|(applies, reason)| applies.then_some(reason))
    }

    /// Whether the card was there, and at this terminal.
    fn contest_of_proof(&self, certificate: &[u8; 32], record: &Record, of_entry: &EntryFacts) -> Option<Contest> {
        if self.facts.certificate != Some(*certificate) {
            Some(Contest::UnknownCard)
        } else if !self.facts.records.contains(record) {
            Some(Contest::CardProof)
        } else if record.terminal != of_entry.entry.terminal {
            Some(Contest::OtherTerminal)
        } else {
            None
        }
    }

    fn verdict_on_read(&self, read: &CardRead, of_entry: &EntryFacts) -> Verdict {
        if self.facts.certificate != Some(read.certificate) {
            Verdict::Contested(Contest::UnknownCard)
        } else if of_entry.proven {
            Verdict::Recorded
        } else {
            Verdict::Contested(Contest::CardProof)
        }
    }

    fn benefit(&self, record: &Record) -> Option<&'a Benefit> {
        self.facts.catalogues.iter().find(|catalogue| catalogue.season == record.season)?.benefit(record.slot)
    }

    /// Whether one of the missing reversals can have been of this debit.
    fn maybe_taken_back(&self, debit: Counter) -> bool {
        let (first, last) = (debit.get().saturating_add(1), debit.get().saturating_add(REVERSIBLE_RECORDS));
        self.suspects.iter().any(|range| *range.start() <= last && first <= *range.end())
    }

    fn is_abandoned(&self, record: &Record) -> bool {
        self.facts.abandoned.contains(&(record.terminal, record.transaction))
    }

    /// Whether the holder answers for this debit.
    fn stands(&self, record: &Record) -> bool {
        // The first report of the terminal that made it tells what that terminal knew.
        let report = self.facts.entries.iter().find_map(|of_entry| Some((of_entry.denied, report(of_entry, record)?)));
        let for_nothing = report.is_some_and(|(denied, debit)| denied || debit.abandoned);
        !for_nothing && !self.taken_back.contains(&record.counter) && !self.is_abandoned(record)
    }

    fn wanted(&self) -> Option<(Counter, Counter)> {
        span(&self.suspects)
    }

    /// Of the entries that pass everything else, those that the grant covers, with what they are worth. Debits count in the order in
    /// which the card made them. A debit of which only the record is known, because its terminal has not reported yet, counts too.
    fn within_grant(&self, candidates: &BTreeMap<Counter, usize>, facts: &CardFacts) -> WithinGrant {
        let mut used: BTreeMap<(Season, Slot), u64> = BTreeMap::new();
        let mut within = WithinGrant::default();
        for record in self.by_counter.values().filter(|record| record.operation == Operation::Debit) {
            let candidate = candidates.get(&record.counter);
            if candidate.is_none() && !self.is_outstanding(record) {
                continue;
            }
            let Some(benefit) = self.benefit(record) else { continue };
            let used = used.entry((record.season, record.slot)).or_default();
            let covered = u64::from(covered(facts, record));
            let fits = *used + u64::from(record.amount) <= covered && !(benefit.once && *used > 0);
            if !fits {
                continue;
            }
            *used += u64::from(record.amount);
            if let Some(payable) = benefit.unit.payable(record.amount) {
                match candidate {
                    Some(index) => within.entries.insert(*index, payable),
                    None => within.outstanding.insert(record.counter, payable),
                };
            }
        }
        within
    }

    /// Whether a debit will be payable to the terminal that its record names, once that terminal reports it.
    fn is_outstanding(&self, record: &Record) -> bool {
        !is_reported(&self.facts.entries, record)
            && !self.cloned.contains(&record.counter)
            && !self.taken_back.contains(&record.counter)
            && !self.is_abandoned(record)
            && !self.maybe_taken_back(record.counter)
    }
}

/// Whether an entry of the terminal that `record` names brings it.
pub fn is_reported(entries: &[EntryFacts], record: &Record) -> bool {
    entries.iter().any(|of_entry| report(of_entry, record).is_some())
}

/// The debit of `record`, when the entry is that, and of the terminal that the record names.
fn report<'f>(of_entry: &'f EntryFacts, record: &Record) -> Option<&'f Debit> {
    match &of_entry.entry.body {
        Body::Debit(debit) => {
            (debit.proof.record == *record && of_entry.entry.terminal == record.terminal).then_some(debit)
        }
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

fn newest_entitlement(facts: &CardFacts, season: Season) -> Option<&Entitlement> {
    let of_season = facts.entitlements.iter().filter(|entitlement| entitlement.season == season);
    of_season.max_by_key(|entitlement| entitlement.serial)
}

/// What the newest entitlement of the record's season leaves for debits in its slot: granted less opening, without what was charged late.
fn covered(facts: &CardFacts, record: &Record) -> u32 {
    newest_entitlement(facts, record.season).map_or(0, |newest| {
        let opening =
            u64::from(newest.opening.get(record.slot)).saturating_sub(late(facts, record.season, record.slot));
        let covered = u64::from(newest.granted.get(record.slot)).saturating_sub(opening);
        u32::try_from(covered).unwrap_or(u32::MAX)
    })
}

/// How much more a card is charged now than it was at the least: until it heard of that, it could be debited so much more. What is given back
/// below the first charge is spent like everything else, so it does not make up for what is charged after it.
fn late(facts: &CardFacts, season: Season, slot: Slot) -> u64 {
    let charges = facts.late_charges.iter().filter(|charge| charge.season == season && charge.slot == slot);
    charges.fold(0, |late: u64, charge| late.saturating_add_signed(charge.amount))
}

/// Ranges of unknown counters that hide a reversal. A debit's link tells how many reversals the card had made by then; where more are told than
/// are known, the missing ones stand between this debit and the known one before it.
fn missing_reversals(by_counter: &BTreeMap<u32, &Record>) -> Vec<RangeInclusive<u32>> {
    let mut suspects = Vec::new();
    let (mut accounted, mut debit_before) = (0_u32, 0_u32);
    for (counter, record) in by_counter {
        match record.operation {
            Operation::Reversal => accounted = accounted.saturating_add(1),
            Operation::Debit => {
                if record.link > accounted {
                    let between = by_counter.range(debit_before + 1..*counter).map(|(known, _)| *known);
                    suspects.extend(unknown_between(debit_before, between.chain([*counter])));
                    accounted = record.link;
                }
                debit_before = *counter;
            }
        }
    }
    suspects
}

/// The ranges of counters over `floor` that are not among `known`, which grows.
fn unknown_between(floor: u32, known: impl Iterator<Item = u32>) -> Vec<RangeInclusive<u32>> {
    let mut below = floor;
    let mut unknown = Vec::new();
    for counter in known {
        if counter > below + 1 {
            unknown.push(below + 1..=counter - 1);
        }
        below = counter;
    }
    unknown
}

/// From the first to the last counter of `ranges`.
fn span(ranges: &[RangeInclusive<u32>]) -> Option<(Counter, Counter)> {
    Some((Counter::new(*ranges.first()?.start()), Counter::new(*ranges.last()?.end())))
}

#[cfg(test)]
mod tests;
