//! COSE envelopes (RFC 9052): `COSE_Sign1` for what is signed, `COSE_Mac0` for the enrolment. Bytes only: who signs and whether
//! a signature holds is in [`crate::crypto`].
//!
//! The protected header has the algorithm, the content type and the key id, always these three. The content type is what keeps an entry from
//! passing for a receipt: a decoder asks for one and refuses every other. There is no external data, so that any COSE library can check a message.

use super::cbor::{Cbor, CborError, Reader, Writer};

/// What an envelope holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    /// An entry of a terminal's chain.
    Entry,
    /// An exchange request of a terminal.
    ExchangeRequest,
    /// An exchange answer of the region.
    ExchangeAnswer,
    /// The region's receipt for a chain's head.
    Receipt,
    /// A page of the feed.
    FeedPage,
    /// The manifest of a terminal's archive, which is JSON.
    ArchiveManifest,
    /// A terminal asks to be enrolled.
    EnrolmentRequest,
    /// The region enrols it.
    EnrolmentAnswer,
}

impl Content {
    /// The content type in the protected header.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Entry => "application/vnd.pass.entry+cbor",
            Self::ExchangeRequest => "application/vnd.pass.exchange-request+cbor",
            Self::ExchangeAnswer => "application/vnd.pass.exchange-answer+cbor",
            Self::Receipt => "application/vnd.pass.receipt+cbor",
            Self::FeedPage => "application/vnd.pass.feed-page+cbor",
            Self::ArchiveManifest => "application/vnd.pass.archive-manifest+json",
            Self::EnrolmentRequest => "application/vnd.pass.enrolment-request+cbor",
            Self::EnrolmentAnswer => "application/vnd.pass.enrolment-answer+cbor",
        }
    }
}

/// The algorithm of an envelope (IANA, COSE Algorithms).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Algorithm {
    /// -8: Ed25519, a terminal's.
    EdDsa,
    /// -7: ECDSA P-256 with SHA-256, the region's.
    Es256,
    /// 5: HMAC with SHA-256, an enrolment's.
    Hmac256,
}

impl Algorithm {
    const fn number(self) -> i64 {
        match self {
            Self::EdDsa => -8,
            Self::Es256 => -7,
            Self::Hmac256 => 5,
        }
    }
}

/// Key ids are four bytes: a terminal id, or a region key's serial.
pub type KeyId = u32;

/// The label, among those for private use, under which an answer of the region carries its key's certificate, unprotected: the root's
/// signature protects it.
const KEY_CERTIFICATE_LABEL: i64 = -70_001;
/// The label under which a request of a terminal carries the entries with which its keys were changed, unprotected: each is signed by
/// the key before.
const KEY_CHANGES_LABEL: i64 = -70_002;
/// The most changes of keys that a request carries: the newest.
pub const KEY_CHANGES_MAX: usize = 16;

/// What stands beside the signed parts of a message and needs no signature of this message, because it has its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Brought {
    /// Nothing.
    #[default]
    Nothing,
    /// The certificate of the region key that signed the message.
    KeyCertificate(Vec<u8>),
    /// Entries of the terminal, each a whole `COSE_Sign1`, with which its keys were changed, in their order: at least one, at most
    /// [`KEY_CHANGES_MAX`].
    KeyChanges(Vec<Vec<u8>>),
}

fn protected(algorithm: Algorithm, content: Content, key: KeyId) -> Vec<u8> {
    let mut to = Writer::new();
    to.map(3);
    to.int(1);
    to.int(algorithm.number());
    to.int(3);
    to.text(content.media_type());
    to.int(4);
    to.bytes(&key.to_be_bytes());
    to.finish()
}

/// The key id of a protected header that is otherwise the one expected.
fn protected_key(bytes: &[u8], algorithm: Algorithm, content: Content) -> Result<KeyId, CborError> {
    // The key id is the last four bytes of the one encoding there is.
    let key = bytes.last_chunk::<4>().map(|key| u32::from_be_bytes(*key)).ok_or(CborError::Malformed(0))?;
    if protected(algorithm, content, key) == bytes {
        Ok(key)
    } else {
        Err(CborError::Meaningless("the protected header"))
    }
}

/// A signed message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign1 {
    /// Who signed it, by key.
    pub key: KeyId,
    /// What it brings beside.
    pub brought: Brought,
    /// What is signed.
    pub payload: Vec<u8>,
    /// The signature, 64 bytes with both algorithms.
    pub signature: [u8; 64],
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The content type.
    pub content: Content,
}

/// The `Sig_structure` of RFC 9052, 4.4: the bytes that are signed.
pub fn sign1_signed_bytes(algorithm: Algorithm, content: Content, key: KeyId, payload: &[u8]) -> Vec<u8> {
    structure("Signature1", &protected(algorithm, content, key), payload)
}

/// The `MAC_structure` of RFC 9052, 6.3: the bytes that are authenticated.
pub fn mac0_authenticated_bytes(content: Content, key: KeyId, payload: &[u8]) -> Vec<u8> {
    structure("MAC0", &protected(Algorithm::Hmac256, content, key), payload)
}

fn structure(context: &str, protected: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut to = Writer::new();
    to.array(4);
    to.text(context);
    to.bytes(protected);
    to.bytes(&[]);
    to.bytes(payload);
    to.finish()
}

impl Sign1 {
    /// The bytes that its signature is over.
    pub fn signed_bytes(&self) -> Vec<u8> {
        sign1_signed_bytes(self.algorithm, self.content, self.key, &self.payload)
    }

    /// The whole message, tagged 18.
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Writer::new();
        to.tag(18);
        to.array(4);
        to.bytes(&protected(self.algorithm, self.content, self.key));
        match &self.brought {
            Brought::Nothing => to.map(0),
            Brought::KeyCertificate(certificate) => {
                to.map(1);
                to.int(KEY_CERTIFICATE_LABEL);
                to.bytes(certificate);
            }
            Brought::KeyChanges(entries) => {
                to.map(1);
                to.int(KEY_CHANGES_LABEL);
                to.array(entries.len());
                entries.iter().for_each(|entry| to.bytes(entry));
            }
        }
        to.bytes(&self.payload);
        to.bytes(&self.signature);
        to.finish()
    }

    /// Reads a message that must be of this algorithm and content. Its signature is not checked here.
    ///
    /// # Errors
    /// [`CborError`] for anything else.
    pub fn decode(bytes: &[u8], algorithm: Algorithm, content: Content) -> Result<Self, CborError> {
        let mut from = Reader::new(bytes);
        if from.tag()? != 18 {
            return Err(CborError::Meaningless("the tag"));
        }
        from.array_of(4)?;
        let key = protected_key(from.bytes()?, algorithm, content)?;
        let brought = match from.map()? {
            0 => Brought::Nothing,
            1 => brought(&mut from)?,
            _ => return Err(CborError::Meaningless("the unprotected header")),
        };
        let payload = from.bytes()?.to_vec();
        let signature = Cbor::read(&mut from)?;
        from.end()?;
        let message = Self { key, brought, payload, signature, algorithm, content };
        if message.encode() == bytes { Ok(message) } else { Err(CborError::NotDeterministic) }
    }
}

fn brought(from: &mut Reader<'_>) -> Result<Brought, CborError> {
    match from.int()? {
        KEY_CERTIFICATE_LABEL => Ok(Brought::KeyCertificate(from.bytes()?.to_vec())),
        KEY_CHANGES_LABEL => match from.array()? {
            count @ 1..=KEY_CHANGES_MAX => {
                let entries = (0..count).map(|_| from.bytes().map(<[u8]>::to_vec));
                Ok(Brought::KeyChanges(entries.collect::<Result<_, _>>()?))
            }
            _ => Err(CborError::Meaningless("the number of key changes")),
        },
        _ => Err(CborError::Meaningless("the unprotected header")),
    }
}

/// An authenticated message of an enrolment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mac0 {
    /// The terminal whose code authenticates it.
    pub key: KeyId,
    /// What is authenticated.
    pub payload: Vec<u8>,
    /// The tag, HMAC-SHA-256.
    pub tag: [u8; 32],
    /// The content type.
    pub content: Content,
}

impl Mac0 {
    /// The bytes that its tag is over.
    pub fn authenticated_bytes(&self) -> Vec<u8> {
        mac0_authenticated_bytes(self.content, self.key, &self.payload)
    }

    /// The whole message, tagged 17.
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Writer::new();
        to.tag(17);
        to.array(4);
        to.bytes(&protected(Algorithm::Hmac256, self.content, self.key));
        to.map(0);
        to.bytes(&self.payload);
        to.bytes(&self.tag);
        to.finish()
    }

    /// Reads a message that must be of this content. Its tag is not checked here.
    ///
    /// # Errors
    /// [`CborError`] for anything else.
    pub fn decode(bytes: &[u8], content: Content) -> Result<Self, CborError> {
        let mut from = Reader::new(bytes);
        if from.tag()? != 17 {
            return Err(CborError::Meaningless("the tag"));
        }
        from.array_of(4)?;
        let key = protected_key(from.bytes()?, Algorithm::Hmac256, content)?;
        if from.map()? != 0 {
            return Err(CborError::Meaningless("the unprotected header"));
        }
        let payload = from.bytes()?.to_vec();
        let tag = Cbor::read(&mut from)?;
        from.end()?;
        let message = Self { key, payload, tag, content };
        if message.encode() == bytes { Ok(message) } else { Err(CborError::NotDeterministic) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Sign1 {
        Sign1 {
            key: 7,
            brought: Brought::Nothing,
            payload: b"payload".to_vec(),
            signature: [9; 64],
            algorithm: Algorithm::EdDsa,
            content: Content::Entry,
        }
    }

    #[test]
    fn an_envelope_reads_back_and_no_other_kind_passes_for_it() {
        let bytes = message().encode();
        assert_eq!(Sign1::decode(&bytes, Algorithm::EdDsa, Content::Entry), Ok(message()));
        assert!(Sign1::decode(&bytes, Algorithm::EdDsa, Content::Receipt).is_err());
        assert!(Sign1::decode(&bytes, Algorithm::Es256, Content::Entry).is_err());
        for count in [1, KEY_CHANGES_MAX] {
            let brought = Brought::KeyChanges(vec![vec![1; 300]; count]);
            for brought in [brought, Brought::KeyCertificate(vec![1; 134])] {
                let message = Sign1 { brought, ..message() };
                assert_eq!(Sign1::decode(&message.encode(), Algorithm::EdDsa, Content::Entry), Ok(message));
            }
        }
    }

    #[test]
    fn key_changes_are_not_too_many_and_never_none() {
        for count in [0, KEY_CHANGES_MAX + 1] {
            let message = Sign1 { brought: Brought::KeyChanges(vec![vec![1]; count]), ..message() };
            assert!(Sign1::decode(&message.encode(), Algorithm::EdDsa, Content::Entry).is_err(), "{count}");
        }
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_refused_or_changes_the_message() {
        let bytes = message().encode();
        for end in 0..bytes.len() {
            assert!(Sign1::decode(&bytes[..end], Algorithm::EdDsa, Content::Entry).is_err(), "{end}");
        }
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 0x40;
            assert_ne!(Sign1::decode(&changed, Algorithm::EdDsa, Content::Entry), Ok(message()), "{place}");
        }
    }

    #[test]
    fn the_structure_to_sign_is_that_of_rfc_9052() {
        let signed = sign1_signed_bytes(Algorithm::EdDsa, Content::Entry, 7, b"payload");
        assert_eq!(signed[..12], *b"\x84\x6aSignature1");
        assert!(signed.ends_with(b"\x40\x47payload"), "no external data, then the payload");
    }
}
