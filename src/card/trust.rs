//! Whom a terminal believes, and who it is.

use std::collections::{BTreeMap, HashSet};

use crate::crypto::{self, P256Key, sha256, verify_p256};
use crate::domain::KeySerial;
use crate::domain::card::{KeyCertificate, PublicKey, Signature, TerminalCertificate};

/// The root, the region keys that it certified, and which of them are withdrawn; with a memory of what was verified already.
#[derive(Debug)]
pub struct Trust {
    root: PublicKey,
    keys: BTreeMap<KeySerial, KeyCertificate>,
    withdrawn: HashSet<KeySerial>,
    verified: HashSet<[u8; 32]>,
}

impl Trust {
    /// How many verified objects are remembered (32 bytes each): every card that a busy counter sees in months.
    const VERIFIED_MAX: usize = 20_000;

    /// Trusts `root`, and of `keys` those that it certified and that are not `withdrawn`.
    pub fn new(
        root: PublicKey,
        keys: impl IntoIterator<Item = KeyCertificate>,
        withdrawn: impl IntoIterator<Item = KeySerial>,
    ) -> Self {
        let withdrawn = withdrawn.into_iter().collect();
        let mut trust = Self { root, keys: BTreeMap::new(), withdrawn, verified: HashSet::new() };
        keys.into_iter().for_each(|key| {
            trust.learn(key);
        });
        trust
    }

    /// The root's public key.
    pub const fn root(&self) -> &PublicKey {
        &self.root
    }

    /// The region key of `serial`.
    pub fn key(&self, serial: KeySerial) -> Option<&KeyCertificate> {
        self.keys.get(&serial)
    }

    /// Takes in a region key, if the root certified it and it is not withdrawn; whether it did.
    pub fn learn(&mut self, key: KeyCertificate) -> bool {
        if self.withdrawn.contains(&key.serial) {
            return false;
        }
        if self.keys.get(&key.serial) == Some(&key) {
            return true;
        }
        let good = verify_p256(&self.root, &key.signed_bytes(), &key.signature);
        if good {
            self.keys.insert(key.serial, key);
        }
        good
    }

    /// Whether the region key of `serial` signed `message`. An object that was verified before, by all its bytes and its signature, is not verified again.
    pub(super) fn region_signed(&mut self, serial: KeySerial, message: &[u8], signature: &Signature) -> bool {
        let Some(key) = self.keys.get(&serial) else { return false };
        let digest = crypto::sha256_of([message, &signature.0, &key.public_key.0]);
        if self.verified.contains(&digest) {
            return true;
        }
        let good = verify_p256(&key.public_key, message, signature);
        if good {
            if self.verified.len() >= Self::VERIFIED_MAX {
                self.verified.clear();
            }
            self.verified.insert(digest);
        }
        good
    }
}

/// The terminal as cards know it: its card key, and the certificate of it that is used now.
#[derive(Debug)]
pub struct TerminalKey<'a> {
    /// The private half.
    pub key: &'a P256Key,
    /// What the region certified.
    pub certificate: TerminalCertificate,
}

/// SHA-256 of a card certificate's bytes, which is how entries name it.
pub(super) fn certificate_hash(certificate: &crate::domain::card::CardCertificate) -> [u8; 32] {
    sha256(&certificate.encode())
}
