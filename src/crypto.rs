//! Signatures, hashes, key derivation, randomness: the one file that names `ring`.
//!
//! Two kinds of key: ECDSA P-256 on everything that a card verifies or signs (the profile's choice, and what smart cards
//! have in hardware), and Ed25519 for a terminal's entries and exchange requests. Private keys are held as `ring` holds them and can only sign;
//! their PKCS#8 bytes leave this file once, when they are generated, to be stored by the caller.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use ring::rand::SecureRandom as _;
use ring::signature::{self, KeyPair as _, UnparsedPublicKey};
use ring::{digest, hkdf, hmac, rand};

use crate::domain::card::{KeyCertificate, PublicKey, Signature};
use crate::domain::{EntryHash, KeySerial, TerminalId};
use crate::wire::cose::{
    Algorithm, Brought, Content, KeyId, Mac0, Sign1, mac0_authenticated_bytes, sign1_signed_bytes,
};
use crate::wire::entry::chain_beginning;

/// An Ed25519 public key (RFC 8032).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ed25519PublicKey(pub [u8; 32]);

/// Why a key could not be made, read or used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// The operating system gave no randomness.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
    /// Not a PKCS#8 key of the kind asked for, or damaged.
    #[error("the private key cannot be read: it is damaged or of another kind")]
    BadKey,
}

impl From<ring::error::Unspecified> for CryptoError {
    fn from(_: ring::error::Unspecified) -> Self {
        Self::NoRandomness
    }
}

impl From<ring::error::KeyRejected> for CryptoError {
    fn from(_: ring::error::KeyRejected) -> Self {
        Self::BadKey
    }
}

/// An ECDSA P-256 private key: the root's, a region key, a card's, a terminal's card key.
pub struct P256Key {
    pair: signature::EcdsaKeyPair,
    random: rand::SystemRandom,
}

impl P256Key {
    /// Makes a key; the second value is its PKCS#8 document, to be stored where only its owner reads it.
    ///
    /// # Errors
    /// [`CryptoError::NoRandomness`].
    pub fn generate() -> Result<(Self, Vec<u8>), CryptoError> {
        let random = rand::SystemRandom::new();
        let pkcs8 = signature::EcdsaKeyPair::generate_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, &random)?;
        Ok((Self::from_pkcs8(pkcs8.as_ref())?, pkcs8.as_ref().to_vec()))
    }

    /// Reads a key from its PKCS#8 document.
    ///
    /// # Errors
    /// [`CryptoError::BadKey`].
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, CryptoError> {
        let random = rand::SystemRandom::new();
        let algorithm = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = signature::EcdsaKeyPair::from_pkcs8(algorithm, pkcs8, &random)?;
        Ok(Self { pair, random })
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        let mut bytes = [0; 65];
        // An uncompressed P-256 point always has 65 bytes.
        bytes.iter_mut().zip(self.pair.public_key().as_ref()).for_each(|(to, from)| *to = *from);
        PublicKey(bytes)
    }

    /// Signs `message` (SHA-256, `r || s`).
    ///
    /// # Errors
    /// [`CryptoError::NoRandomness`]: each signature needs fresh random bytes.
    pub fn sign(&self, message: &[u8]) -> Result<Signature, CryptoError> {
        let signed = self.pair.sign(&self.random, message)?;
        let mut bytes = [0; 64];
        bytes.iter_mut().zip(signed.as_ref()).for_each(|(to, from)| *to = *from);
        Ok(Signature(bytes))
    }
}

impl fmt::Debug for P256Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P256Key(private)")
    }
}

/// Whether `signature` over `message` is by `key`.
pub fn verify_p256(key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
    UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, &key.0).verify(message, &signature.0).is_ok()
}

/// An Ed25519 private key: a terminal's, for its entries and requests.
pub struct Ed25519Key(signature::Ed25519KeyPair);

impl Ed25519Key {
    /// Makes a key; the second value is its PKCS#8 document.
    ///
    /// # Errors
    /// [`CryptoError::NoRandomness`].
    pub fn generate() -> Result<(Self, Vec<u8>), CryptoError> {
        let pkcs8 = signature::Ed25519KeyPair::generate_pkcs8(&rand::SystemRandom::new())?;
        Ok((Self::from_pkcs8(pkcs8.as_ref())?, pkcs8.as_ref().to_vec()))
    }

    /// Reads a key from its PKCS#8 document (version 2, with the public key).
    ///
    /// # Errors
    /// [`CryptoError::BadKey`].
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, CryptoError> {
        Ok(Self(signature::Ed25519KeyPair::from_pkcs8(pkcs8)?))
    }

    /// The public half.
    pub fn public_key(&self) -> Ed25519PublicKey {
        let mut bytes = [0; 32];
        bytes.iter_mut().zip(self.0.public_key().as_ref()).for_each(|(to, from)| *to = *from);
        Ed25519PublicKey(bytes)
    }

    /// Signs `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes.iter_mut().zip(self.0.sign(message).as_ref()).for_each(|(to, from)| *to = *from);
        bytes
    }
}

impl fmt::Debug for Ed25519Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ed25519Key(private)")
    }
}

/// Whether `signature` over `message` is by `key`.
pub fn verify_ed25519(key: &Ed25519PublicKey, message: &[u8], signature: &[u8; 64]) -> bool {
    UnparsedPublicKey::new(&signature::ED25519, &key.0).verify(message, signature).is_ok()
}

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    sha256_of([bytes])
}

/// SHA-256 of the concatenation of `parts`.
pub fn sha256_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut sum = Sha256::new();
    parts.into_iter().for_each(|part| sum.update(part));
    sum.finish()
}

/// SHA-256 of bytes that come one part after the other.
#[derive(Clone)]
pub struct Sha256(digest::Context);

impl Sha256 {
    /// Of nothing yet.
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// Takes the next part.
    pub fn update(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    /// The hash of all parts.
    pub fn finish(self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.iter_mut().zip(self.0.finish().as_ref()).for_each(|(to, from)| *to = *from);
        hash
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sha256")
    }
}

/// A symmetric key that both ends of an enrolment derive from its one-time code, for HMAC-SHA-256 (COSE algorithm 5).
pub struct MacKey(hmac::Key);

impl MacKey {
    /// HKDF-SHA-256 (RFC 5869) of `secret`, with `salt` and the purpose `info`. The secret must have its 128 bits of entropy itself:
    /// nothing here slows down a guess.
    ///
    /// # Errors
    /// [`CryptoError::NoRandomness`] stands for the error that `ring` declares and that cannot happen for 32 bytes.
    pub fn derive(secret: &[u8], salt: &[u8], info: &[u8]) -> Result<Self, CryptoError> {
        let pseudorandom = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
        let info = [info];
        Ok(Self(hmac::Key::from(pseudorandom.expand(&info, hmac::HMAC_SHA256)?)))
    }

    /// The tag of `message`.
    pub fn tag(&self, message: &[u8]) -> [u8; 32] {
        let mut tag = [0; 32];
        tag.iter_mut().zip(hmac::sign(&self.0, message).as_ref()).for_each(|(to, from)| *to = *from);
        tag
    }

    /// Whether `tag` is that of `message`, in constant time.
    pub fn verify(&self, message: &[u8], tag: &[u8; 32]) -> bool {
        hmac::verify(&self.0, message, tag).is_ok()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(secret)")
    }
}

/// The pinned root and the region keys that it certified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKeys {
    root: PublicKey,
    known: BTreeMap<KeySerial, KeyCertificate>,
    withdrawn: BTreeSet<KeySerial>,
}

impl TrustedKeys {
    /// No key but the root.
    pub fn new(root: PublicKey) -> Self {
        Self { root, known: BTreeMap::new(), withdrawn: BTreeSet::new() }
    }

    /// Takes a key in, if the root certified it; whether it did. A serial names one key for ever: the first one stays.
    pub fn learn(&mut self, certificate: KeyCertificate) -> bool {
        let certified = verify_p256(&self.root, &certificate.signed_bytes(), &certificate.signature);
        if certified {
            self.known.entry(certificate.serial).or_insert(certificate);
        }
        certified
    }

    /// Trusts a key no longer, whether it is known or not.
    pub fn withdraw(&mut self, serial: KeySerial) {
        self.withdrawn.insert(serial);
    }

    /// The keys that are not withdrawn, by growing serial.
    pub fn certificates(&self) -> impl Iterator<Item = &KeyCertificate> {
        self.known.values().filter(|certificate| !self.withdrawn.contains(&certificate.serial))
    }

    /// The key of `serial`, unless it is withdrawn.
    pub fn key(&self, serial: KeySerial) -> Option<PublicKey> {
        if self.withdrawn.contains(&serial) { None } else { self.key_ever(serial) }
    }

    /// Whether the key of `serial` is withdrawn.
    pub fn is_withdrawn(&self, serial: KeySerial) -> bool {
        self.withdrawn.contains(&serial)
    }

    /// The greatest serial that is known, withdrawn or not.
    pub fn newest(&self) -> Option<KeySerial> {
        self.known.keys().next_back().copied()
    }

    /// The key that a message of the region brings with it, where the root certified it under the serial that the message names.
    pub fn key_brought(&self, message: &Sign1) -> Option<PublicKey> {
        let Brought::KeyCertificate(certificate) = &message.brought else { return None };
        let certificate = KeyCertificate::decode(certificate).ok()?;
        let certified = certificate.serial.get() == message.key
            && verify_p256(&self.root, &certificate.signed_bytes(), &certificate.signature);
        certified.then_some(certificate.public_key)
    }

    /// The key of `serial`, withdrawn or not: for what it signed before.
    pub fn key_ever(&self, serial: KeySerial) -> Option<PublicKey> {
        self.known.get(&serial).map(|certificate| certificate.public_key)
    }
}

/// A message of the region: `payload` signed with the region key of serial `key`, whose certificate it brings where one is given.
///
/// # Errors
/// [`CryptoError::NoRandomness`].
pub fn sign1_es256(
    signer: &P256Key,
    content: Content,
    key: KeyId,
    key_certificate: Option<Vec<u8>>,
    payload: Vec<u8>,
) -> Result<Sign1, CryptoError> {
    let algorithm = Algorithm::Es256;
    let signature = signer.sign(&sign1_signed_bytes(algorithm, content, key, &payload))?.0;
    let brought = key_certificate.map_or(Brought::Nothing, Brought::KeyCertificate);
    Ok(Sign1 { key, brought, payload, signature, algorithm, content })
}

/// A message of a terminal: `payload` signed with its Ed25519 key.
pub fn sign1_ed25519(signer: &Ed25519Key, content: Content, terminal: TerminalId, payload: Vec<u8>) -> Sign1 {
    let (algorithm, key) = (Algorithm::EdDsa, terminal.get());
    let signature = signer.sign(&sign1_signed_bytes(algorithm, content, key, &payload));
    Sign1 { key, brought: Brought::Nothing, payload, signature, algorithm, content }
}

/// Whether a region's message is signed by `key`.
pub fn verify_sign1_es256(message: &Sign1, key: &PublicKey) -> bool {
    message.algorithm == Algorithm::Es256 && verify_p256(key, &message.signed_bytes(), &Signature(message.signature))
}

/// Whether a terminal's message is signed by `key`.
pub fn verify_sign1_ed25519(message: &Sign1, key: &Ed25519PublicKey) -> bool {
    message.algorithm == Algorithm::EdDsa && verify_ed25519(key, &message.signed_bytes(), &message.signature)
}

/// An enrolment message: `payload` authenticated with the key that the code of `terminal` gives.
pub fn mac0(key: &MacKey, content: Content, terminal: TerminalId, payload: Vec<u8>) -> Mac0 {
    let tag = key.tag(&mac0_authenticated_bytes(content, terminal.get(), &payload));
    Mac0 { key: terminal.get(), payload, tag, content }
}

/// Whether an enrolment message is authenticated with `key`.
pub fn verify_mac0(message: &Mac0, key: &MacKey) -> bool {
    key.verify(&message.authenticated_bytes(), &message.tag)
}

/// The key that both ends of an enrolment derive from its code.
///
/// # Errors
/// As [`MacKey::derive`].
pub fn enrolment_key(code: &crate::wire::code::EnrolmentCode) -> Result<MacKey, CryptoError> {
    MacKey::derive(&code.secret, &code.terminal.get().to_be_bytes(), b"PASS1-ENROL")
}

/// The hash of an entry: over its whole COSE bytes.
pub fn entry_hash(cose: &[u8]) -> EntryHash {
    EntryHash::new(sha256(cose))
}

/// What the first entry of a terminal's chain names as the entry before.
pub fn chain_beginning_hash(terminal: TerminalId, key: &Ed25519PublicKey) -> EntryHash {
    EntryHash::new(sha256(&chain_beginning(terminal, &key.0)))
}

/// `N` random bytes of the operating system.
///
/// # Errors
/// [`CryptoError::NoRandomness`].
pub fn random<const N: usize>() -> Result<[u8; N], CryptoError> {
    let mut bytes = [0; N];
    rand::SystemRandom::new().fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_message_and_key_alone() {
        let (key, pkcs8) = P256Key::generate().unwrap();
        let (other, _) = P256Key::generate().unwrap();
        let signature = P256Key::from_pkcs8(&pkcs8).unwrap().sign(b"message").unwrap();
        assert!(verify_p256(&key.public_key(), b"message", &signature));
        assert!(!verify_p256(&key.public_key(), b"massage", &signature));
        assert!(!verify_p256(&other.public_key(), b"message", &signature));

        let (key, pkcs8) = Ed25519Key::generate().unwrap();
        let (other, _) = Ed25519Key::generate().unwrap();
        let signature = Ed25519Key::from_pkcs8(&pkcs8).unwrap().sign(b"message");
        assert!(verify_ed25519(&key.public_key(), b"message", &signature));
        assert!(!verify_ed25519(&key.public_key(), b"massage", &signature));
        assert!(!verify_ed25519(&other.public_key(), b"message", &signature));
    }

    #[test]
    fn hkdf_gives_the_first_test_case_of_rfc_5869() {
        let okm = [
            0x3c, 0xb2, 0x5f, 0x25, 0xfa, 0xac, 0xd5, 0x7a, 0x90, 0x43, 0x4f, 0x64, 0xd0, 0x36, 0x2f, 0x2a, 0x2d, 0x2d,
            0x0a, 0x90, 0xcf, 0x1a, 0x5a, 0x4c, 0x5d, 0xb0, 0x2d, 0x56, 0xec, 0xc4, 0xc5, 0xbf,
        ];
        let salt: Vec<u8> = (0x00..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let expected = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &okm), b"message");
        assert_eq!(MacKey::derive(&[0x0b; 22], &salt, &info).unwrap().tag(b"message"), expected.as_ref());
    }

    #[test]
    fn sha256_gives_the_example_of_fips_180() {
        let hex = hex::encode(sha256_of([b"a".as_slice(), b"bc"]));
        assert_eq!(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_private_key_says_nothing_of_itself() {
        assert_eq!(format!("{:?}", P256Key::generate().unwrap().0), "P256Key(private)");
    }
}
