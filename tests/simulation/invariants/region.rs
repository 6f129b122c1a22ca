//! The region against the terminals: what it has, what it acknowledged, whom it suspended.

use pass::crypto::entry_hash;
use pass::domain::verdict::Verdict;
use pass::domain::{CardNumber, Sequence};
use pass::wire::card::RECORDS_MAX;
use pass::wire::exchange::TerminalStanding;

use super::Records;
use crate::dishonest::Lie;
use crate::reader::Nature;
use crate::run::World;

impl World {
    /// Whatever a receipt acknowledges, heard or not, is at the region, and at its terminal as long as it has one history. What a region lost with its store and the
    /// terminal has taken back since, nobody can bring again.
    pub(super) fn nothing_acknowledged_is_missing(&mut self, records: &Records) {
        let receipts = self.bureau.borrow().receipts.clone();
        for (terminal, receipt) in receipts {
            if receipt.head.sequence.get() == 0 {
                continue;
            }
            let known = self.terminals.iter().position(|known| known.id == terminal);
            let Some(t) = known.filter(|t| self.terminals[*t].has_one_history()) else { continue };
            let rewrites = self.terminals[t].tells(Lie::Rewrites);
            let has_it = records.told[t].iter().any(|stored| stored.head == receipt.head);
            let lost_with_store = rewrites && !has_it && self.bureau.borrow().was_restored();
            let (here, there) =
                (rewrites || has_it, lost_with_store || records.listed.contains_key(&receipt.head.hash));
            if !(here && there) {
                self.wrong(format!(
                    "entry {} of {} was acknowledged; the terminal has it: {here}, the region has it: {there}",
                    receipt.head.sequence, self.terminals[t].name
                ));
            }
        }
    }

    /// The region has every entry of every terminal, as it was signed; but for two machines with one disk, which are never done,
    /// and for what a liar keeps out of its own chain.
    pub(super) fn the_region_has_everything(&mut self, records: &Records) {
        for t in 0..self.terminals.len() {
            let lie = self.terminals[t].disguise.as_ref().map(|disguise| disguise.lie);
            if self.terminals[t].twin.is_some() || matches!(lie, Some(Lie::Submits | Lie::Tampers | Lie::Rewrites)) {
                continue;
            }
            let missing = records.told[t].iter().filter(|stored| !records.listed.contains_key(&stored.head.hash));
            let missing: Vec<u64> = missing.map(|stored| stored.head.sequence.get()).collect();
            if !missing.is_empty() {
                self.wrong(format!("the region does not have entries {missing:?} of T{t}"));
            }
        }
        let lied =
            |hash| self.terminals.iter().filter_map(|t| t.disguise.as_ref()).any(|disguise| disguise.ever_told(hash));
        let written = |hash| records.written.iter().any(|(_, stored)| stored.head.hash == hash) || lied(hash);
        let invented: Vec<_> = records
            .listed
            .values()
            .filter(|listing| self.terminals.iter().any(|terminal| terminal.id == listing.entry.key.terminal))
            .filter(|listing| !written(entry_hash(&listing.entry.cose)))
            .map(|listing| (listing.entry.key.terminal, listing.entry.key.place))
            .collect();
        for (terminal, place) in invented {
            self.wrong(format!("the region has {place:?} of terminal {terminal}, who never wrote it"));
        }
    }

    /// A terminal knows the region's newest verdict on each of its entries.
    pub(super) fn verdicts_have_arrived(&mut self, records: &Records) {
        for t in 0..self.terminals.len() {
            if self.terminals[t].twin.is_some() || !self.terminals[t].is_honest() {
                continue;
            }
            let chain: Vec<Sequence> = records.chains[t].iter().map(|stored| stored.head.sequence).collect();
            let known = self.terminals[t].know(move |view| {
                chain.into_iter().map(|sequence| view.verdict(sequence)).collect::<Result<Vec<_>, _>>()
            });
            for (stored, known) in records.chains[t].iter().zip(known.unwrap()) {
                let there = records.listed.get(&stored.head.hash).and_then(|listing| listing.judged);
                let same = match (known, there.map(|judged| judged.verdict)) {
                    (Some(known), Some(there)) => known.verdict == there,
                    // That an entry is on record the receipt tells.
                    (None, Some(Verdict::Recorded)) => true,
                    _ => false,
                };
                if !same {
                    let sequence = stored.head.sequence;
                    self.wrong(format!("T{t} knows {known:?} of entry {sequence}, the region says {there:?}"));
                }
            }
        }
    }

    /// Whether somebody who does not lie is asked for the records of this card, and can open it.
    fn can_be_asked(&self, card: CardNumber) -> bool {
        let saw = self.bureau.borrow().region().store().read(|tx| tx.terminals_that_saw(card)).unwrap();
        let able = |t: usize| {
            self.terminals[t].is_honest() && !self.may_be_without_key(t) && !self.is_out_of_reach_of(t, card)
        };
        (0..self.terminals.len()).any(|t| able(t) && saw.contains(&self.terminals[t].id))
    }

    /// What the region asked for it has, as long as the card still has it and somebody honest can be asked.
    pub(super) fn the_region_has_the_records_that_it_wants(&mut self, records: &Records) {
        for c in 0..self.cards.len() {
            let (number, newest) = (self.cards[c].number, self.cards[c].memory().counter().get());
            let wanted = self.bureau.borrow().region().store().read(|tx| tx.records_wanted(number)).unwrap();
            let Some(wanted) = wanted.filter(|_| self.cards[c].nature == Nature::Genuine && !self.is_copied(number))
            else {
                continue;
            };
            let kept = (newest + 1).saturating_sub(RECORDS_MAX as u32);
            let has = |counter: u32| records.known[&number].iter().any(|signed| signed.record.counter.get() == counter);
            let missing: Vec<u32> =
                (wanted.from.get()..=wanted.to.get()).filter(|counter| *counter >= kept && !has(*counter)).collect();
            if !missing.is_empty() && self.can_be_asked(number) {
                self.wrong(format!("the region wants records {missing:?} of {}, which has them", self.cards[c].name));
            }
        }
    }

    /// An honest terminal is not suspended; one of which a copy was restored is not once the desk has looked at it; two machines with one disk are, as soon as
    /// their chains differ. Where a second chip of some card is about, a restored disk may look like two machines.
    pub(super) fn honest_terminals_are_not_suspended_and_two_machines_are(&mut self, records: &Records) {
        for t in 0..self.terminals.len() {
            if !self.terminals[t].is_honest() {
                continue;
            }
            let (id, here) = (self.terminals[t].id, self.terminals[t].know(|view| view.standing()));
            let there = self.bureau.borrow().region().store().read(|tx| tx.standing(id)).unwrap();
            let standing = there.map_or(TerminalStanding::Active, |there| there.standing);
            match self.terminals[t].twin {
                Some(twin) => {
                    let differ =
                        records.chains[t].iter().zip(&records.chains[twin]).any(|(one, other)| one.head != other.head);
                    if differ && standing != TerminalStanding::Suspended {
                        self.wrong(format!("T{t} and T{twin} are two machines with one disk, and are not suspended"));
                    }
                }
                None if self.terminals[t].past.is_empty() || !self.is_any_copied() => {
                    if standing == TerminalStanding::Active && here == standing {
                        continue;
                    }
                    let chain = self.bureau.borrow().region().store().read(|tx| tx.branches(id)).unwrap();
                    let chain: Vec<_> = chain
                        .iter()
                        .map(|branch| {
                            (branch.number, branch.parent, branch.fork_sequence.get(), branch.head.sequence.get())
                        })
                        .collect();
                    self.wrong(format!("T{t} is {here:?}, at the region {standing:?}; branches {chain:?}"));
                }
                None => (),
            }
            if there.is_some() && self.terminals[t].has_one_history() {
                self.wrong(format!("T{t} has never done anything wrong, and its standing was {there:?}"));
            }
        }
    }
}
