//! Training (*formation*): a ledger of its own, a region that exists nowhere else, and a practice card in memory.
//!
//! What is practised touches no real card and no real book: the ledger lies in a directory of its own, under the terminal number 0, which no
//! region gives; it is signed with a key of its own, made anew each time, and no region knows it, so nothing of it can be exchanged. Its
//! receipts say *FACTICE*. Catalogue and partner are the real ones, so that people practise with what they will sell.

use std::fs;
use std::io;
use std::path::Path;

use crate::crypto::{CryptoError, P256Key};
use crate::domain::card::{CardCertificate, Entitlement, KeyCertificate, Signature, TerminalCertificate};
use crate::domain::catalogue::{Catalogue, Unit};
use crate::domain::policy::{Limit, Policy};
use crate::domain::purse::{Amounts, Slots};
use crate::domain::{
    CardNumber, Cents, EntitlementSerial, HolderReference, IssueNumber, KeySerial, PartnerId, Season, TerminalId,
    Timestamp,
};
use crate::ledger::{KeysError, Ledger, OpenError, TerminalKeys, View};
use crate::virtual_card::{
    Authority, CardInReader, CardMemory, InProcess, IssuedMemory, MemoryStorage, PrivateKey, VirtualCard,
};
use crate::wire::apdu::Protocol;
use crate::wire::exchange::{EnrolmentAnswer, PROTOCOL_VERSION};

use super::port::{CardPort, Conversation, PortError};

/// The terminal number of every training ledger: no real terminal has it.
pub const TRAINING: TerminalId = TerminalId::new(0);
/// The directory in the terminal's.
const DIRECTORY: &str = "training";
/// The only region key of a training world.
const SERIAL: KeySerial = KeySerial::new(1);
/// What the practice card is granted of each benefit: seats, or cents.
const SEATS: u32 = 5;
const CENTS: u32 = 10_000;
/// The practice card's account: a number that no bureau gives.
const ACCOUNT: u64 = 925_099_999_999_999;

/// Why there is no training.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// The directory.
    #[error("the training directory cannot be made: {0}")]
    Directory(#[from] io::Error),
    /// Keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Randomness.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] OpenError),
    /// The season has no catalogue yet.
    #[error("there is no catalogue of this season to practise with")]
    NoCatalogue,
}

/// A training world.
pub struct Training {
    /// The ledger, fresh.
    pub ledger: Ledger,
    /// The keys of the terminal that does not exist.
    pub keys: TerminalKeys,
    /// The reader, with no card in it.
    pub reader: PracticeReader,
}

/// A reader with a practice card, which is laid on it and taken off by a word.
pub struct PracticeReader {
    storage: MemoryStorage,
    lying: Option<InProcess<CardInReader>>,
}

impl PracticeReader {
    /// Lays the practice card on the reader, with what is left on it.
    ///
    /// # Errors
    /// [`CryptoError`], when its key cannot be read.
    pub fn lay(&mut self) -> Result<(), CryptoError> {
        let card = VirtualCard::new(self.storage.load(), self.storage.clone())?;
        self.lying = Some(InProcess::of(card, Protocol::T1));
        Ok(())
    }

    /// Takes it off.
    pub fn take_off(&mut self) {
        self.lying = None;
    }
}

impl CardPort for PracticeReader {
    fn burst(&mut self, conversation: &mut Conversation<'_>) -> Result<(), PortError> {
        let card = self.lying.as_mut().ok_or(PortError::Gone)?;
        conversation(card);
        Ok(())
    }

    fn forget(&mut self) {}
}

/// Makes a training world beside the real ledger of `data`, in the place of the last one.
///
/// # Errors
/// [`TrainingError`].
pub fn begin(data: &Path, real: &View, now: Timestamp) -> Result<Training, TrainingError> {
    let directory = data.join(DIRECTORY);
    match fs::remove_dir_all(&directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => (),
    }
    let keys = TerminalKeys::load_or_generate(&directory)?;
    let made_up = MadeUp::new(real, now)?;
    let answer = made_up.enrolment(real, &keys, now)?;
    let entry = TerminalKeys::load(&directory)?.entry;
    let ledger = Ledger::create(&directory, entry, &answer, now)?;
    let storage = MemoryStorage::new(made_up.card(now)?);
    Ok(Training { ledger, keys, reader: PracticeReader { storage, lying: None } })
}

/// A region that exists nowhere else.
struct MadeUp {
    root: P256Key,
    key: P256Key,
    catalogue: Catalogue,
}

const UNSIGNED: Signature = Signature([0; 64]);

impl MadeUp {
    fn new(real: &View, now: Timestamp) -> Result<Self, TrainingError> {
        let catalogue = real.catalogue(Season::at(now)).ok_or(TrainingError::NoCatalogue)?;
        let ((root, _), (key, _)) = (P256Key::generate()?, P256Key::generate()?);
        Ok(Self { root, key, catalogue: (*catalogue).clone() })
    }

    fn key_certificate(&self) -> Result<KeyCertificate, CryptoError> {
        let plain = KeyCertificate { serial: SERIAL, public_key: self.key.public_key(), signature: UNSIGNED };
        Ok(KeyCertificate { signature: self.root.sign(&plain.signed_bytes())?, ..plain })
    }

    fn slots(&self) -> Slots {
        let bits = self.catalogue.benefits.iter().fold(0, |bits, benefit| bits | 1 << benefit.slot.get());
        Slots::new(bits)
    }

    fn enrolment(&self, real: &View, keys: &TerminalKeys, now: Timestamp) -> Result<EnrolmentAnswer, CryptoError> {
        let plain = TerminalCertificate {
            key_serial: SERIAL,
            terminal: TRAINING,
            partner: PartnerId::new(0),
            season: Season::at(now),
            slots: self.slots(),
            issued_at: now,
            not_after: now.plus(TerminalCertificate::LIFE_SECONDS_MAX),
            public_key: keys.card.public_key(),
            signature: UNSIGNED,
        };
        let certificate = TerminalCertificate { signature: self.key.sign(&plain.signed_bytes())?, ..plain };
        let (never, unlimited) =
            (Limit { soft: u32::MAX, hard: u32::MAX }, Limit { soft: Cents::MAX, hard: Cents::MAX });
        Ok(EnrolmentAnswer {
            protocol: PROTOCOL_VERSION,
            terminal: TRAINING,
            partner_id: PartnerId::new(0),
            partner: (*real.partner()).clone(),
            replaces: None,
            time: now,
            root_key: self.root.public_key(),
            region_keys: vec![self.key_certificate()?],
            certificates: vec![certificate],
            catalogues: vec![self.catalogue.clone()],
            policy: Policy {
                version: 1,
                offline_hours: never,
                waiting_entries: Limit { soft: u64::MAX, hard: u64::MAX },
                waiting_cents: unlimited,
                deny_list_hours: never,
                all_entitlements: false,
            },
        })
    }

    fn card(&self, now: Timestamp) -> Result<CardMemory, TrainingError> {
        let (key, pkcs8) = P256Key::generate()?;
        let card = CardNumber::from_account(ACCOUNT).ok_or(TrainingError::NoCatalogue)?;
        let plain = CardCertificate {
            key_serial: SERIAL,
            card,
            issue: IssueNumber::new(1),
            holder: HolderReference::new([0; 16]),
            issued_at: now,
            public_key: key.public_key(),
            signature: UNSIGNED,
        };
        let certificate = CardCertificate { signature: self.key.sign(&plain.signed_bytes())?, ..plain };
        let granted = self.catalogue.benefits.iter().fold(Amounts::ZERO, |granted, benefit| {
            let amount = match benefit.unit {
                Unit::Seat { .. } => SEATS,
                Unit::Cent => CENTS,
            };
            granted.with(benefit.slot, amount)
        });
        let plain = Entitlement {
            key_serial: SERIAL,
            card,
            season: Season::at(now),
            serial: EntitlementSerial::new(1),
            granted,
            opening: Amounts::ZERO,
            signature: UNSIGNED,
        };
        let entitlement = Some(Entitlement { signature: self.key.sign(&plain.signed_bytes())?, ..plain });
        let authority = Authority { root: self.root.public_key(), region_key: self.key_certificate()? };
        let issued = IssuedMemory::new(PrivateKey::new(pkcs8), authority, certificate);
        Ok(CardMemory::Issued(Box::new(IssuedMemory { entitlement, ..issued })))
    }
}
