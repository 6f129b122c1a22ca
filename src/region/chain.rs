//! Where an entry belongs in its terminal's chain: a pure walk over branches.
//!
//! A chain is one line as long as nothing goes wrong. A disk that was restored from a copy, or copied to a second machine, writes another entry with
//! a sequence that the region knows: the chain forks, and both branches are kept for ever. A *join* entry, with which a restored
//! terminal names the head that it has lost, settles the first fork: its branch is live from then on, the other one ends where the join
//! says. Anything else, a second fork, a branch that grows past its end, is two machines, and for the desk to look at.

use crate::domain::Sequence;
use crate::domain::entry::TechnicalEvent;
use crate::wire::exchange::Head;

use super::store::{Branch, BranchNumber, Place};

/// A terminal's chain: its branches and the one whose head is acknowledged.
#[derive(Clone, Debug)]
pub struct Chain {
    branches: Vec<Branch>,
    live: BranchNumber,
}

/// What an entry does to its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It follows the head of this branch.
    Append(BranchNumber),
    /// It follows an entry that another one follows already.
    Fork {
        /// The entry that it follows.
        after: Place,
    },
    /// It follows nothing that is known, or not with the next sequence.
    Broken,
}

/// Where a chain begins: what comes before its first entry.
pub const BEGINNING: Place = Place { branch: 0, sequence: Sequence::new(0) };

impl Chain {
    /// The chain with these branches, in order, the first being branch 0; `None` when there is none, or `live` is none of them.
    pub fn new(branches: Vec<Branch>, live: BranchNumber) -> Option<Self> {
        let complete = [0, live].iter().all(|number| branches.iter().any(|branch| branch.number == *number));
        complete.then_some(Self { branches, live })
    }

    /// The branch with this number.
    pub fn branch(&self, number: BranchNumber) -> Option<&Branch> {
        self.branches.iter().find(|branch| branch.number == number)
    }

    /// The branches, in order.
    pub fn branches(&self) -> &[Branch] {
        &self.branches
    }

    /// The branch whose head is acknowledged.
    pub fn live(&self) -> BranchNumber {
        self.live
    }

    /// What is acknowledged.
    pub fn head(&self) -> Option<Head> {
        self.branch(self.live).map(|branch| branch.head)
    }

    /// What an entry with this sequence does that names the entry at `before` as the one before it.
    pub fn step(&self, sequence: Sequence, before: Option<Place>) -> Step {
        let Some(before) = before.filter(|before| before.sequence.next() == sequence) else { return Step::Broken };
        match self.branch(before.branch) {
            Some(branch) if branch.head.sequence == before.sequence => Step::Append(branch.number),
            Some(_) => Step::Fork { after: before },
            None => Step::Broken,
        }
    }

    /// The branch that begins after the entry at `after` with the entry that has this head.
    pub fn fork(&mut self, after: Place, head: Head) -> Option<Branch> {
        let number = self.branches.last()?.number.checked_add(1)?;
        let (parent, fork_sequence) = (Some(after.branch), after.sequence);
        let branch = Branch { number, parent, fork_sequence, head, settled: false, closed: None };
        self.branches.push(branch);
        Some(branch)
    }

    /// The branch `number` ends with `head` now.
    pub fn advance(&mut self, number: BranchNumber, head: Head) -> Option<Branch> {
        let branch = self.branches.iter_mut().find(|branch| branch.number == number)?;
        branch.head = head;
        Some(*branch)
    }

    /// Whether the chain has ever forked.
    pub fn is_forked(&self) -> bool {
        self.branches.len() > 1
    }

    /// Whether two machines write this chain: it forked more than once, or a branch grew past the end that a join gave it.
    pub fn is_torn(&self) -> bool {
        let grew = |branch: &Branch| branch.closed.is_some_and(|closed| branch.head.sequence > closed);
        self.branches.len() > 2 || self.branches.iter().any(grew)
    }

    /// Whether the entry at `place` is judged by what it says.
    pub fn is_settled(&self, place: Place) -> bool {
        self.branch(place.branch)
            .is_some_and(|branch| branch.settled && branch.closed.is_none_or(|closed| place.sequence <= closed))
    }

    /// Whether the entry at `place` is on the line that ends with the entry at `end`.
    pub fn leads_to(&self, place: Place, end: Place) -> bool {
        let mut end = end;
        loop {
            if place.branch == end.branch {
                return place.sequence <= end.sequence;
            }
            match self.branch(end.branch) {
                Some(Branch { parent: Some(parent), fork_sequence, .. }) => {
                    end = Place { branch: *parent, sequence: *fork_sequence };
                }
                _ => return false,
            }
        }
    }

    /// Whether the entry at `place` is on the line whose head is acknowledged: the terminal has it.
    pub fn is_live(&self, place: Place) -> bool {
        let head = self.branch(self.live).map(|live| Place { branch: live.number, sequence: live.head.sequence });
        head.is_some_and(|head| self.leads_to(place, head))
    }

    /// A terminal says on branch `on` that it goes on there, having lost what led to `other`. When that is the acknowledged head, `on` becomes
    /// live and the other branch ends; it is settled, too, as long as nothing points to two machines. The branches that changed.
    pub fn join(&mut self, on: BranchNumber, other: Head) -> Vec<Branch> {
        if on == self.live || self.head() != Some(other) {
            return Vec::new();
        }
        let (torn, lost) = (self.is_torn(), self.live);
        self.live = on;
        let mut changed = Vec::new();
        for branch in &mut self.branches {
            if branch.number == lost {
                branch.closed = Some(other.sequence);
                changed.push(*branch);
            } else if branch.number == on {
                branch.settled |= !torn;
                changed.push(*branch);
            }
        }
        changed
    }

    /// The desk has looked at the chain: every branch is judged by what it says, wherever it ends. The branches that changed.
    pub fn settle(&mut self) -> Vec<Branch> {
        let mut changed = Vec::new();
        for branch in &mut self.branches {
            let settled = Branch { settled: true, closed: None, ..*branch };
            if settled != *branch {
                *branch = settled;
                changed.push(settled);
            }
        }
        changed
    }
}

/// The head that a join names.
pub fn joined_head(event: &TechnicalEvent) -> Option<Head> {
    match event {
        TechnicalEvent::Joined { other_sequence, other_hash } => {
            Some(Head { sequence: *other_sequence, hash: *other_hash })
        }
        TechnicalEvent::Enrolled { .. }
        | TechnicalEvent::Started { .. }
        | TechnicalEvent::Stopped
        | TechnicalEvent::ClockStep { .. }
        | TechnicalEvent::CashierLocked { .. }
        | TechnicalEvent::CashierChanged { .. }
        | TechnicalEvent::Duplicate { .. }
        | TechnicalEvent::Payment(_)
        | TechnicalEvent::KeysChanged(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::EntryHash;

    fn head(sequence: u64, name: u8) -> Head {
        Head { sequence: Sequence::new(sequence), hash: EntryHash::new([name; 32]) }
    }

    fn place(branch: BranchNumber, sequence: u64) -> Place {
        Place { branch, sequence: Sequence::new(sequence) }
    }

    /// A chain of ten entries on branch 0.
    fn ten() -> Chain {
        let branch = Branch {
            number: 0,
            parent: None,
            fork_sequence: Sequence::new(0),
            head: head(10, 0xA),
            settled: true,
            closed: None,
        };
        Chain::new(vec![branch], 0).unwrap()
    }

    #[test]
    fn an_entry_follows_the_head_or_forks_or_follows_nothing() {
        let chain = ten();
        let step = |sequence, before| chain.step(Sequence::new(sequence), before);
        assert_eq!(step(11, Some(place(0, 10))), Step::Append(0));
        assert_eq!(step(7, Some(place(0, 6))), Step::Fork { after: place(0, 6) });
        assert_eq!(step(1, Some(BEGINNING)), Step::Fork { after: BEGINNING });
        assert_eq!(step(12, Some(place(0, 10))), Step::Broken);
        assert_eq!(step(11, None), Step::Broken);
        assert_eq!(step(11, Some(place(3, 10))), Step::Broken);
    }

    #[test]
    fn a_join_makes_the_restored_branch_live_and_ends_the_other() {
        let mut chain = ten();
        chain.fork(place(0, 6), head(7, 0xB)).unwrap();
        assert!(!chain.is_settled(place(1, 7)) && !chain.is_live(place(1, 7)));
        assert_eq!(chain.head(), Some(head(10, 0xA)), "the known chain is acknowledged until the join");
        assert_eq!(chain.join(1, head(9, 0xC)), [], "a join that names another head changes nothing");
        assert_eq!(chain.join(1, head(10, 0xA)).len(), 2);
        assert_eq!(chain.head(), Some(head(7, 0xB)));
        assert!(chain.is_settled(place(1, 7)) && chain.is_live(place(1, 7)) && chain.is_live(place(0, 6)));
        assert!(chain.is_settled(place(0, 10)) && !chain.is_live(place(0, 7)));
        assert!(!chain.is_torn());
    }

    #[test]
    fn a_second_fork_and_a_branch_that_grows_past_its_end_are_two_machines() {
        let mut forked_twice = ten();
        forked_twice.fork(place(0, 6), head(7, 0xB)).unwrap();
        forked_twice.fork(place(0, 6), head(7, 0xC)).unwrap();
        assert!(forked_twice.is_torn());
        forked_twice.join(2, head(10, 0xA));
        assert_eq!(forked_twice.head(), Some(head(7, 0xC)), "the terminal is followed");
        assert!(!forked_twice.is_settled(place(2, 7)), "but not believed");
        assert_eq!(forked_twice.settle().len(), 3);
        assert!(forked_twice.is_settled(place(2, 7)) && forked_twice.is_settled(place(1, 7)));

        let mut grown = ten();
        grown.fork(place(0, 6), head(7, 0xB)).unwrap();
        grown.join(1, head(10, 0xA));
        grown.advance(0, head(11, 0xD)).unwrap();
        assert!(grown.is_torn() && !grown.is_settled(place(0, 11)) && grown.is_settled(place(0, 10)));
    }

    #[test]
    fn a_line_goes_back_through_its_parents() {
        let mut chain = ten();
        chain.fork(place(0, 6), head(9, 0xB)).unwrap();
        chain.fork(place(1, 8), head(12, 0xC)).unwrap();
        for (from, expected) in [(place(0, 6), true), (place(0, 7), false), (place(1, 8), true), (place(1, 9), false)] {
            assert_eq!(chain.leads_to(from, place(2, 12)), expected, "{from:?}");
        }
    }
}
