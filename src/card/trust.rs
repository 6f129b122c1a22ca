//! Whom a terminal believes, and who it is.

use std::collections::HashSet;

use crate::crypto::{self, P256Key, TrustedKeys, sha256, verify_p256};
use crate::domain::KeySerial;
use crate::domain::card::{CardCertificate, KeyCertificate, Signature, TerminalCertificate};

/// The keys that are believed, with a memory of what was verified under them already.
#[derive(Debug)]
pub struct Trust {
    keys: TrustedKeys,
    verified: HashSet<[u8; 32]>,
}

impl Trust {
    /// How many verified objects are remembered (32 bytes each): every card that a busy counter sees in months.
    const VERIFIED_MAX: usize = 20_000;

    /// Believes `keys`.
    pub fn new(keys: TrustedKeys) -> Self {
        Self { keys, verified: HashSet::new() }
    }

    /// The region key of `serial`, unless it is withdrawn.
    pub(super) fn key(&self, serial: KeySerial) -> Option<&KeyCertificate> {
        self.keys.certificates().find(|key| key.serial == serial)
    }

    /// Takes in a region key that a card brings, if the root certified it.
    pub(super) fn learn(&mut self, key: KeyCertificate) {
        // Whether it helps shows when it is asked for.
        self.keys.learn(key);
    }

    /// Whether the region key of `serial` signed `message`. An object that was verified before, by all its bytes and its signature, is not verified again.
    pub(super) fn region_signed(&mut self, serial: KeySerial, message: &[u8], signature: &Signature) -> bool {
        let Some(key) = self.keys.key(serial) else { return false };
        let digest = crypto::sha256_of([message, &signature.0, &key.0]);
        if self.verified.contains(&digest) {
            return true;
        }
        let good = verify_p256(&key, message, signature);
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
#[derive(Clone, Copy, Debug)]
pub struct TerminalKey<'a> {
    /// The private half.
    pub key: &'a P256Key,
    /// What the region certified.
    pub certificate: TerminalCertificate,
}

/// SHA-256 of a card certificate's bytes, which is how entries name it.
pub(super) fn certificate_hash(certificate: &CardCertificate) -> [u8; 32] {
    sha256(&certificate.encode())
}
