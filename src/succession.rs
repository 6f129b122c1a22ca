//! Which key signs what: the keys of a terminal's entries, one after the other.
//!
//! The first is that of the enrolment, which the region knows and which the chain begins with. Each later one is put in the place of the one before by an
//! entry of the chain, *keys changed*: the old key signs it, and both new keys have signed where it stands, so that nobody passes another's key off
//! as the terminal's. From the next entry on the new key signs. So whoever knows the first key, and has the entries, knows them all.
//!
//! Where the keys are kept is the ledger's business; which of several branches of a chain counts, the region's.

use crate::crypto::{
    CryptoError, Ed25519Key, Ed25519PublicKey, P256Key, verify_ed25519, verify_p256, verify_sign1_ed25519,
};
use crate::domain::entry::{Body, Entry, KeysChanged, TechnicalEvent};
use crate::domain::{EntryHash, Sequence, TerminalId};
use crate::wire::cose::{Algorithm, Content, Sign1};
use crate::wire::entry::{ENTRY_BYTES_MAX, decode_entry, keys_change_bytes};

/// The entry keys of one line of a terminal's chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Succession {
    first: Ed25519PublicKey,
    /// By growing sequence: the entry that says so, and the key from the next one on.
    later: Vec<(Sequence, Ed25519PublicKey)>,
}

impl Succession {
    /// A chain that begins with the key `first`.
    pub const fn new(first: Ed25519PublicKey) -> Self {
        Self { first, later: Vec::new() }
    }

    /// The key that the chain begins with.
    pub const fn first(&self) -> &Ed25519PublicKey {
        &self.first
    }

    /// The key that signs what comes next.
    pub fn newest(&self) -> &Ed25519PublicKey {
        self.later.last().map_or(&self.first, |(_, key)| key)
    }

    /// The key that signs the entry `sequence`.
    pub fn at(&self, sequence: Sequence) -> &Ed25519PublicKey {
        let before = self.later.partition_point(|(change, _)| *change < sequence);
        before.checked_sub(1).and_then(|last| self.later.get(last)).map_or(&self.first, |(_, key)| key)
    }

    /// The key that the entry `sequence` puts in the place of the one before, if it does.
    pub fn changed_by(&self, sequence: Sequence) -> Option<&Ed25519PublicKey> {
        self.later.iter().find(|(change, _)| *change == sequence).map(|(_, key)| key)
    }

    /// The entries that changed the key, in order.
    pub fn changes(&self) -> impl ExactSizeIterator<Item = Sequence> {
        self.later.iter().map(|(change, _)| *change)
    }

    /// From the entry after `change` on, `key` signs. `change` is later than every change before.
    pub fn change(&mut self, change: Sequence, key: Ed25519PublicKey) {
        self.later.push((change, key));
    }

    /// Takes in what `entry`, whose own signature was checked, says of keys; whether that holds. An entry that says nothing of them holds.
    pub fn follow(&mut self, entry: &Entry) -> bool {
        match change_in(entry) {
            None => true,
            Some(keys) if is_proven(entry.terminal, entry.sequence, entry.previous, keys) => {
                self.change(entry.sequence, Ed25519PublicKey(keys.entry_key));
                true
            }
            Some(_) => false,
        }
    }
}

/// What an entry says of new keys, if it is about keys.
pub fn change_in(entry: &Entry) -> Option<&KeysChanged> {
    let Body::Event(TechnicalEvent::KeysChanged(keys)) = &entry.body else { return None };
    Some(keys)
}

/// What the entry at this place says when these keys take the place of the terminal's: each signs it.
///
/// # Errors
/// [`CryptoError::NoRandomness`].
pub fn prove(
    terminal: TerminalId,
    sequence: Sequence,
    previous: EntryHash,
    entry: &Ed25519Key,
    card: &P256Key,
) -> Result<KeysChanged, CryptoError> {
    let (entry_key, card_key) = (entry.public_key().0, card.public_key());
    let place = keys_change_bytes(terminal, sequence, previous, &entry_key, &card_key);
    Ok(KeysChanged { entry_key, card_key, entry_proof: entry.sign(&place), card_proof: card.sign(&place)? })
}

/// Whether both new keys have signed that they begin here.
pub fn is_proven(terminal: TerminalId, sequence: Sequence, previous: EntryHash, keys: &KeysChanged) -> bool {
    let place = keys_change_bytes(terminal, sequence, previous, &keys.entry_key, &keys.card_key);
    verify_ed25519(&Ed25519PublicKey(keys.entry_key), &place, &keys.entry_proof)
        && verify_p256(&keys.card_key, &place, &keys.card_proof)
}

/// The key after `key`, where `cose` is a whole entry of `terminal` that `key` has signed and that changes it.
pub fn successor(terminal: TerminalId, key: &Ed25519PublicKey, cose: &[u8]) -> Option<Ed25519PublicKey> {
    if cose.len() > ENTRY_BYTES_MAX {
        return None;
    }
    let message = Sign1::decode(cose, Algorithm::EdDsa, Content::Entry).ok()?;
    if message.key != terminal.get() || !verify_sign1_ed25519(&message, key) {
        return None;
    }
    let entry = decode_entry(&message.payload).ok().filter(|entry| entry.terminal == terminal)?;
    let keys = change_in(&entry)?;
    is_proven(terminal, entry.sequence, entry.previous, keys).then_some(Ed25519PublicKey(keys.entry_key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::sign1_ed25519;
    use crate::domain::Timestamp;
    use crate::domain::entry::Context;
    use crate::wire::entry::encode_entry;

    const TERMINAL: TerminalId = TerminalId::new(7);
    const PREVIOUS: EntryHash = EntryHash::new([3; 32]);

    struct New(Ed25519Key, P256Key);

    fn new() -> New {
        New(Ed25519Key::generate().unwrap().0, P256Key::generate().unwrap().0)
    }

    fn entry(sequence: u64, new: &New) -> Entry {
        let sequence = Sequence::new(sequence);
        let keys = prove(TERMINAL, sequence, PREVIOUS, &new.0, &new.1).unwrap();
        Entry {
            terminal: TERMINAL,
            sequence,
            previous: PREVIOUS,
            time: Timestamp::new(1_800_000_000),
            context: Context {
                catalogue_version: 1,
                feed_position: 1,
                policy_version: 1,
                last_exchange: Timestamp::new(1_800_000_000),
            },
            body: Body::Event(TechnicalEvent::KeysChanged(Box::new(keys))),
            cashier: None,
        }
    }

    #[test]
    fn a_key_signs_up_to_the_entry_that_changes_it_and_the_next_from_there() {
        let (first, second, third) = (new(), new(), new());
        let mut keys = Succession::new(first.0.public_key());
        assert!(keys.follow(&entry(5, &second)) && keys.follow(&entry(6, &third)));
        for (sequence, signer) in [(1, &first), (5, &first), (6, &second), (7, &third), (900, &third)] {
            assert_eq!(keys.at(Sequence::new(sequence)), &signer.0.public_key(), "{sequence}");
        }
        assert_eq!(keys.newest(), &third.0.public_key());
        assert_eq!(keys.changed_by(Sequence::new(5)), Some(&second.0.public_key()));
        assert_eq!(keys.changed_by(Sequence::new(7)), None);
    }

    #[test]
    fn keys_that_have_not_signed_their_place_change_nothing() {
        let (first, second, other) = (new(), new(), new());
        let good = entry(5, &second);
        let change = |edit: &dyn Fn(&mut KeysChanged)| {
            let mut entry = good.clone();
            if let Body::Event(TechnicalEvent::KeysChanged(keys)) = &mut entry.body {
                edit(keys);
            }
            entry
        };
        let elsewhere = [
            Entry { sequence: Sequence::new(6), ..good.clone() },
            Entry { previous: EntryHash::new([4; 32]), ..good.clone() },
            Entry { terminal: TerminalId::new(8), ..good.clone() },
            change(&|keys| keys.entry_key = other.0.public_key().0),
            change(&|keys| keys.card_key = other.1.public_key()),
            change(&|keys| keys.entry_proof[0] ^= 1),
            change(&|keys| keys.card_proof.0[0] ^= 1),
        ];
        for (number, entry) in elsewhere.iter().enumerate() {
            let mut keys = Succession::new(first.0.public_key());
            assert!(!keys.follow(entry), "{number}");
            assert_eq!(keys.newest(), &first.0.public_key(), "{number}");
        }
    }

    #[test]
    fn only_the_key_itself_names_its_successor() {
        let (first, second, thief) = (new(), new(), new());
        let signed = |signer: &New, entry: &Entry| {
            sign1_ed25519(&signer.0, Content::Entry, entry.terminal, encode_entry(entry)).encode()
        };
        let after = |cose: &[u8]| successor(TERMINAL, &first.0.public_key(), cose);
        assert_eq!(after(&signed(&first, &entry(5, &second))), Some(second.0.public_key()));
        assert_eq!(after(&signed(&second, &entry(5, &second))), None, "a key does not put itself in another's place");
        assert_eq!(after(&signed(&thief, &entry(5, &thief))), None);
        let started = Body::Event(TechnicalEvent::Started { version: "1".to_owned() });
        assert_eq!(after(&signed(&first, &Entry { body: started, ..entry(5, &second) })), None);
        let others = Entry { terminal: TerminalId::new(8), ..entry(5, &second) };
        assert_eq!(after(&signed(&first, &others)), None, "another terminal's entry");
    }
}
