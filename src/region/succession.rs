//! The keys of a terminal on each branch of its chain, and which of them its requests are signed with.
//!
//! What an entry is signed with follows from its place: the newest change on the way to it. A request counts when the key has signed it that is in force at the
//! acknowledged head, or one that follows from it by the changes that the request brings: the region may not have heard of them yet, or have been put back
//! from before. A key that was changed, and that the region knows to be, opens nothing any more: whoever finds an old one has no terminal.

use crate::crypto::Ed25519PublicKey;
use crate::domain::TerminalId;
use crate::succession::successor;
use crate::wire::cose::{Brought, Sign1};

use super::bench::load_chain;
use super::chain::Chain;
use super::store::{KeyChange, Place, StoreError, TerminalKeys, Tx};

/// The keys of a terminal, on every branch.
#[derive(Clone, Debug)]
pub struct BranchKeys {
    first: TerminalKeys,
    /// By growing sequence.
    changes: Vec<KeyChange>,
}

impl BranchKeys {
    /// Those of a terminal that enrolled with the keys `first`.
    ///
    /// # Errors
    /// The store's.
    pub fn load(tx: &Tx<'_>, terminal: TerminalId, first: TerminalKeys) -> Result<Self, StoreError> {
        Ok(Self { first, changes: tx.key_changes(terminal)? })
    }

    /// The keys in force after the entry at `place` of `chain`.
    pub fn after(&self, chain: &Chain, place: Place) -> TerminalKeys {
        let newest = self.changes.iter().rev().find(|change| chain.leads_to(change.place, place));
        newest.map_or(self.first, |change| TerminalKeys { entry: change.entry, card: change.card, ..self.first })
    }

    /// The keys in force at the acknowledged head of `chain`.
    pub fn now(&self, chain: &Chain) -> TerminalKeys {
        chain
            .branch(chain.live())
            .map_or(self.first, |live| self.after(chain, Place { branch: live.number, sequence: live.head.sequence }))
    }

    /// The keys in force at the acknowledged head of `terminal`, whose chain is not needed where nothing has changed.
    ///
    /// # Errors
    /// The store's.
    pub fn at_head(&self, tx: &Tx<'_>, terminal: TerminalId) -> Result<TerminalKeys, StoreError> {
        if self.changes.is_empty() { Ok(self.first) } else { Ok(self.now(&load_chain(tx, terminal)?)) }
    }

    /// Every entry key that the terminal has had, on whatever branch; the newest first.
    pub fn all(&self) -> impl Iterator<Item = &Ed25519PublicKey> {
        self.changes.iter().rev().map(|change| &change.entry).chain([&self.first.entry])
    }

    /// Takes a change in.
    pub fn change(&mut self, change: KeyChange) {
        self.changes.push(change);
        self.changes.sort_by_key(|change| change.place.sequence);
    }
}

/// What a terminal may sign with now.
#[derive(Clone, Debug)]
pub struct Signers {
    /// The key that its requests are signed with.
    pub now: Ed25519PublicKey,
    /// Every key that an entry may be signed with: which it must be, its place says.
    pub entries: Vec<Ed25519PublicKey>,
}

impl Signers {
    /// Those of a terminal that enrolled with the keys `first` and sends `request`, which may bring changes that are not known yet.
    ///
    /// # Errors
    /// The store's.
    pub fn of(tx: &Tx<'_>, terminal: TerminalId, first: TerminalKeys, request: &Sign1) -> Result<Self, StoreError> {
        let keys = BranchKeys::load(tx, terminal, first)?;
        let mut entries: Vec<_> = keys.all().copied().collect();
        let mut now = keys.at_head(tx, terminal)?.entry;
        if let Brought::KeyChanges(changes) = &request.brought {
            for cose in changes {
                // What does not follow from the present key is a change that is known, or nobody's.
                if let Some(next) = successor(terminal, &now, cose) {
                    now = next;
                    entries.insert(0, next);
                }
            }
        }
        Ok(Self { now, entries })
    }
}
