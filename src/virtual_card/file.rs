//! The file of a virtual card: JSON that a person can read, objects in hexadecimal as they stand on the wire, and a hash that
//! tells a damaged file from a whole one.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::memory::{Authority, BlankMemory, CardMemory, IssuedMemory, PrivateKey};
use crate::crypto::sha256;
use crate::domain::card::{CardCertificate, CardStatus, Entitlement, KeyCertificate, PublicKey, SignedRecord};
use crate::domain::purse::{Amounts, SLOTS};
use crate::domain::time::Timestamp;
use crate::wire::card::{CardBytesError, RECORDS_MAX};

/// What the file says it is.
const FORMAT: &str = "PASS virtual card";
/// The version of the file; the card profile has its own.
const VERSION: u32 = 1;

/// Why the file of a card cannot be used. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum CardFileError {
    /// The disk does not let us.
    #[error("the card file {path} cannot be read or written: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// One card cannot be in two readers.
    #[error("the card file {path} is in use: another process has this card in a reader")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// Some other file.
    #[error("{path} is not the file of a virtual card")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Written by a later program.
    #[error("the card file {path} has version {version}, this program knows version {VERSION}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// What it says.
        version: u32,
    },
    /// It was a card.
    #[error("the card file {path} is damaged: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
}

impl CardFileError {
    pub(super) fn io(path: &Path, error: io::Error) -> Self {
        Self::Io { path: path.to_owned(), error }
    }
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    format: String,
    version: u32,
    /// SHA-256 of the compact JSON of `card`.
    sha256: Hex,
    card: CardJson,
}

/// What every version of the file begins with.
#[derive(Deserialize)]
struct Kind {
    format: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
enum CardJson {
    Blank(BlankJson),
    Issued(Box<IssuedJson>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BlankJson {
    private_key_pkcs8: Option<Hex>,
    authority: Option<AuthorityJson>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthorityJson {
    root_public_key: Hex,
    region_key_certificate: Hex,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuedJson {
    private_key_pkcs8: Hex,
    authority: AuthorityJson,
    card_certificate: Hex,
    blocked: bool,
    entitlement: Option<Hex>,
    consumed: [u32; SLOTS],
    reversals: u32,
    latest_issued_at: u32,
    /// The newest first.
    records: Vec<Hex>,
}

/// Bytes, two hexadecimal digits each.
#[derive(PartialEq, Eq)]
struct Hex(Vec<u8>);

impl Serialize for Hex {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        hex::decode(text).map(Self).map_err(|_| serde::de::Error::custom("not pairs of hexadecimal digits"))
    }
}

/// The bytes of the file of a card with this memory.
pub(super) fn encode(memory: &CardMemory) -> io::Result<Vec<u8>> {
    let card = match memory {
        CardMemory::Blank(blank) => CardJson::Blank(BlankJson {
            private_key_pkcs8: blank.key.as_ref().map(|key| Hex(key.pkcs8().to_vec())),
            authority: blank.authority.as_deref().map(AuthorityJson::of),
        }),
        CardMemory::Issued(issued) => CardJson::Issued(Box::new(IssuedJson {
            private_key_pkcs8: Hex(issued.key.pkcs8().to_vec()),
            authority: AuthorityJson::of(&issued.authority),
            card_certificate: Hex(issued.certificate.encode().to_vec()),
            blocked: issued.status == CardStatus::Blocked,
            entitlement: issued.entitlement.map(|entitlement| Hex(entitlement.encode().to_vec())),
            consumed: *issued.consumed.as_array(),
            reversals: issued.reversals,
            latest_issued_at: issued.latest_issued_at.get(),
            records: issued.records.iter().map(|signed| Hex(signed.encode().to_vec())).collect(),
        })),
    };
    let sha256 = hash(&card)?;
    let mut bytes = serde_json::to_vec_pretty(&Envelope { format: FORMAT.to_owned(), version: VERSION, sha256, card })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Reads what [`encode`] wrote, and nothing else; `path` is for the sentence.
pub(super) fn decode(path: &Path, bytes: &[u8]) -> Result<CardMemory, CardFileError> {
    let damaged = |why: String| CardFileError::Damaged { path: path.to_owned(), why };
    match serde_json::from_slice::<Kind>(bytes) {
        Ok(kind) if kind.format != FORMAT => return Err(CardFileError::Foreign { path: path.to_owned() }),
        Ok(Kind { version, .. }) if version > VERSION => {
            return Err(CardFileError::Newer { path: path.to_owned(), version });
        }
        Ok(_) => {}
        // Half a card begins as a card does.
        Err(_) if String::from_utf8_lossy(bytes).contains(FORMAT) => return Err(damaged("it is cut off".to_owned())),
        Err(_) => return Err(CardFileError::Foreign { path: path.to_owned() }),
    }
    let envelope: Envelope = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
    let expected = hash(&envelope.card).map_err(|error| damaged(error.to_string()))?;
    if envelope.sha256 != expected {
        return Err(damaged("its hash does not fit its content".to_owned()));
    }
    memory(envelope.card).map_err(|error| damaged(error.to_string()))
}

fn hash(card: &CardJson) -> io::Result<Hex> {
    Ok(Hex(sha256(&serde_json::to_vec(card)?).to_vec()))
}

fn memory(card: CardJson) -> Result<CardMemory, CardBytesError> {
    Ok(match card {
        CardJson::Blank(blank) => CardMemory::Blank(BlankMemory {
            key: blank.private_key_pkcs8.map(|key| PrivateKey::new(key.0)),
            authority: blank.authority.as_ref().map(AuthorityJson::read).transpose()?.map(Box::new),
        }),
        CardJson::Issued(issued) => CardMemory::Issued(Box::new(issued_memory(*issued)?)),
    })
}

fn issued_memory(json: IssuedJson) -> Result<IssuedMemory, CardBytesError> {
    if json.records.len() > RECORDS_MAX {
        return Err(CardBytesError::Length { expected: RECORDS_MAX, found: json.records.len() });
    }
    Ok(IssuedMemory {
        key: PrivateKey::new(json.private_key_pkcs8.0),
        authority: json.authority.read()?,
        certificate: CardCertificate::decode(&json.card_certificate.0)?,
        status: if json.blocked { CardStatus::Blocked } else { CardStatus::InUse },
        entitlement: json.entitlement.map(|entitlement| Entitlement::decode(&entitlement.0)).transpose()?,
        consumed: Amounts::new(json.consumed),
        reversals: json.reversals,
        latest_issued_at: Timestamp::new(json.latest_issued_at),
        records: json.records.iter().map(|record| SignedRecord::decode(&record.0)).collect::<Result<_, _>>()?,
    })
}

impl AuthorityJson {
    fn of(authority: &Authority) -> Self {
        Self {
            root_public_key: Hex(authority.root.0.to_vec()),
            region_key_certificate: Hex(authority.region_key.encode().to_vec()),
        }
    }

    fn read(&self) -> Result<Authority, CardBytesError> {
        let root = self.root_public_key.0.as_slice();
        let wrong_length = CardBytesError::Length { expected: 65, found: root.len() };
        Ok(Authority {
            root: PublicKey(root.try_into().map_err(|_| wrong_length)?),
            region_key: KeyCertificate::decode(&self.region_key_certificate.0)?,
        })
    }
}
