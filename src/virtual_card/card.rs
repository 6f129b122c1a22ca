//! The card itself: bytes to typed command to execution, in the order of the profile's status words.
//!
//! A change is computed as a new [`CardMemory`], written by the [`Storage`], and only then becomes the card's and is answered.
//! What the bytes of a command can be wrong in is in [`crate::wire::card`], what the purse allows in [`super::purse`], how a
//! reader carries it in [`super::contacts`].

use std::io;

use super::memory::{Authority, BlankMemory, CardMemory, IssuedMemory};
use super::purse::Change;
use super::random::{Randomness, SystemRandomness};
use super::storage::Storage;
use crate::crypto::{CryptoError, P256Key, verify_p256};
use crate::domain::card::{
    CardCertificate, CardState, CardStatus, Challenge, DebitOrder, Entitlement, KeyCertificate, PublicKey,
    ReversalOrder, Signature, SignedRecord, TerminalCertificate,
};
use crate::domain::ids::KeySerial;
use crate::wire::apdu::{Answer, StatusWord};
use crate::wire::card::{
    ChangeAnswer, Command, Instruction, OpenRequest, Phase, SelectAnswer, authentication_bytes, block_bytes,
};

/// Why a card gave no answer at all. A card of plastic would be broken.
#[derive(Debug, thiserror::Error)]
pub enum CardFailure {
    /// Its memory could not be written: what it holds now is known only once it is read again.
    #[error("the card's memory cannot be written: {0}")]
    Storage(#[source] io::Error),
    /// Its memory could not be written at an earlier command.
    #[error("the card's memory could not be written before: the card must be read again")]
    Broken,
    /// It could not sign or draw a challenge.
    #[error("the card cannot sign: {0}")]
    Crypto(#[from] CryptoError),
}

/// A PASS card.
pub struct VirtualCard {
    memory: CardMemory,
    /// The key in `memory`, read.
    key: Option<P256Key>,
    session: Session,
    storage: Box<dyn Storage>,
    randomness: Box<dyn Randomness>,
    broken: bool,
}

/// What a card forgets without power.
#[derive(Default)]
struct Session {
    selected: bool,
    challenge: Option<Challenge>,
    terminal: Option<TerminalCertificate>,
}

/// Why a command does not end with data and `90 00`.
enum Stop {
    Refused(StatusWord),
    Failed(CardFailure),
}

impl From<StatusWord> for Stop {
    fn from(status: StatusWord) -> Self {
        Self::Refused(status)
    }
}

impl From<CryptoError> for Stop {
    fn from(error: CryptoError) -> Self {
        Self::Failed(CardFailure::Crypto(error))
    }
}

/// Nothing to say but `90 00`.
const NO_DATA: Vec<u8> = Vec::new();

impl VirtualCard {
    /// A card with this memory, without power, drawing from the operating system.
    ///
    /// # Errors
    /// [`CryptoError::BadKey`] when the memory's private key cannot be read.
    pub fn new(memory: CardMemory, storage: impl Storage + 'static) -> Result<Self, CryptoError> {
        Self::with_randomness(memory, storage, SystemRandomness)
    }

    /// As [`VirtualCard::new`], drawing from `randomness`.
    ///
    /// # Errors
    /// [`CryptoError::BadKey`] when the memory's private key cannot be read.
    pub fn with_randomness(
        memory: CardMemory,
        storage: impl Storage + 'static,
        randomness: impl Randomness + 'static,
    ) -> Result<Self, CryptoError> {
        let key = memory.key().map(super::memory::PrivateKey::read).transpose()?;
        let (storage, randomness) = (Box::new(storage), Box::new(randomness));
        Ok(Self { memory, key, session: Session::default(), storage, randomness, broken: false })
    }

    /// What lasts.
    pub const fn memory(&self) -> &CardMemory {
        &self.memory
    }

    /// Power is lost, or the reset line was pulled: nothing is selected, no challenge, no terminal.
    pub fn reset(&mut self) {
        self.session = Session::default();
    }

    /// Executes one command APDU, with or without Le.
    ///
    /// # Errors
    /// [`CardFailure`] when the card cannot answer; nothing that it would have answered may be relied on.
    pub fn execute(&mut self, apdu: &[u8]) -> Result<Answer, CardFailure> {
        if self.broken {
            return Err(CardFailure::Broken);
        }
        match self.run(apdu) {
            Ok(data) => Ok(Answer { data, status: StatusWord::DONE }),
            Err(Stop::Refused(status)) => Ok(Answer { data: NO_DATA, status }),
            Err(Stop::Failed(failure)) => Err(failure),
        }
    }

    fn run(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Stop> {
        let instruction = Instruction::recognise(apdu, self.phase())?;
        let challenge = self.spend(instruction);
        let command = Command::parse(instruction, apdu)?;
        if command == Command::Select {
            return self.select();
        }
        match &self.memory {
            CardMemory::Blank(blank) => {
                let blank = blank.clone();
                self.run_blank(blank, command)
            }
            CardMemory::Issued(issued) => {
                // The memory of a few hundred bytes is copied, so that a change never begins in place.
                let issued = IssuedMemory::clone(issued);
                self.run_issued(issued, command, challenge)
            }
        }
    }

    fn phase(&self) -> Phase {
        match (&self.memory, self.session.selected) {
            (_, false) => Phase::Unselected,
            (CardMemory::Blank(_), true) => Phase::Blank,
            (CardMemory::Issued(_), true) => Phase::Issued,
        }
    }

    /// Takes the challenge from an instruction that uses it up, done or failed, and the session from one that ends it.
    fn spend(&mut self, instruction: Instruction) -> Option<Challenge> {
        match instruction {
            Instruction::Select
            | Instruction::ReadBinary
            | Instruction::ReadRecord
            | Instruction::GenerateKey
            | Instruction::Store => None,
            Instruction::Debit | Instruction::Reverse => self.session.challenge.take(),
            Instruction::Open | Instruction::Block | Instruction::PutEntitlement | Instruction::PutKey => {
                self.session.terminal = None;
                self.session.challenge.take()
            }
        }
    }

    fn select(&mut self) -> Result<Vec<u8>, Stop> {
        let answer = match self.memory {
            CardMemory::Blank(_) => SelectAnswer::Blank,
            CardMemory::Issued(_) => SelectAnswer::Issued(self.randomness.challenge()?),
        };
        let challenge = match answer {
            SelectAnswer::Blank => None,
            SelectAnswer::Issued(challenge) => Some(challenge),
        };
        self.session = Session { selected: true, challenge, terminal: None };
        Ok(answer.encode())
    }

    /// The point of no return: once this is done, the card is changed.
    fn change(&mut self, memory: CardMemory) -> Result<(), Stop> {
        if let Err(error) = self.storage.save(&memory) {
            self.broken = true;
            return Err(Stop::Failed(CardFailure::Storage(error)));
        }
        self.memory = memory;
        Ok(())
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, Stop> {
        match &self.key {
            Some(key) => Ok(key.sign(message)?),
            None => Err(CryptoError::BadKey.into()),
        }
    }
}

/// Issuing.
impl VirtualCard {
    fn run_blank(&mut self, blank: BlankMemory, command: Command) -> Result<Vec<u8>, Stop> {
        match command {
            Command::GenerateKey => self.generate_key(blank),
            Command::StoreKey { root, region_key } => self.store_key(blank, root, region_key),
            Command::StoreCertificate(certificate) => self.store_certificate(blank, certificate),
            Command::Select
            | Command::ReadCertificate
            | Command::ReadEntitlement
            | Command::ReadKey
            | Command::ReadRecord(_)
            | Command::Open(_)
            | Command::Debit { .. }
            | Command::Reverse { .. }
            | Command::Block(_)
            | Command::PutEntitlement(_)
            | Command::PutKey(_) => Err(StatusWord::INSTRUCTION_UNKNOWN.into()),
        }
    }

    fn generate_key(&mut self, blank: BlankMemory) -> Result<Vec<u8>, Stop> {
        let private_key = self.randomness.private_key()?;
        let key = private_key.read()?;
        let public_key = key.public_key();
        self.change(CardMemory::Blank(BlankMemory { key: Some(private_key), ..blank }))?;
        self.key = Some(key);
        Ok(public_key.0.to_vec())
    }

    fn store_key(&mut self, blank: BlankMemory, root: PublicKey, region_key: KeyCertificate) -> Result<Vec<u8>, Stop> {
        verified(&root, &region_key.signed_bytes(), &region_key.signature)?;
        let authority = Some(Box::new(Authority { root, region_key }));
        self.change(CardMemory::Blank(BlankMemory { authority, ..blank }))?;
        Ok(NO_DATA)
    }

    fn store_certificate(&mut self, blank: BlankMemory, certificate: CardCertificate) -> Result<Vec<u8>, Stop> {
        let (Some(private_key), Some(authority)) = (blank.key, blank.authority) else {
            return Err(StatusWord::NOT_AUTHENTICATED.into());
        };
        if certificate.key_serial != authority.region_key.serial {
            return Err(StatusWord::WRONG_DATA.into());
        }
        verified(&authority.region_key.public_key, &certificate.signed_bytes(), &certificate.signature)?;
        if self.key.as_ref().map(P256Key::public_key) != Some(certificate.public_key) {
            return Err(StatusWord::NOT_AUTHENTICATED.into());
        }
        self.change(CardMemory::Issued(Box::new(IssuedMemory::new(private_key, *authority, certificate))))?;
        Ok(NO_DATA)
    }
}

/// The card in use.
impl VirtualCard {
    fn run_issued(
        &mut self,
        card: IssuedMemory,
        command: Command,
        challenge: Option<Challenge>,
    ) -> Result<Vec<u8>, Stop> {
        match command {
            Command::ReadCertificate => Ok(card.certificate.encode().to_vec()),
            Command::ReadKey => Ok(card.authority.region_key.encode().to_vec()),
            Command::ReadEntitlement => {
                let entitlement = card.entitlement.ok_or(StatusWord::NOT_FOUND)?;
                self.terminal()?;
                Ok(entitlement.encode().to_vec())
            }
            Command::ReadRecord(number) => {
                self.terminal()?;
                let index = usize::from(number).checked_sub(1);
                let signed = index.and_then(|index| card.records.get(index)).ok_or(StatusWord::NO_SUCH_RECORD)?;
                Ok(signed.encode().to_vec())
            }
            Command::Open(request) => self.open(&card, &request, challenge),
            Command::Debit { order, signature } => self.debit(&card, &order, &signature, challenge),
            Command::Reverse { order, signature } => self.reverse(&card, &order, &signature, challenge),
            Command::PutEntitlement(entitlement) => self.put_entitlement(&card, entitlement),
            Command::PutKey(region_key) => self.put_key(card, region_key),
            Command::Block(signature) => self.block(card, &signature),
            Command::Select | Command::GenerateKey | Command::StoreKey { .. } | Command::StoreCertificate(_) => {
                Err(StatusWord::INSTRUCTION_UNKNOWN.into())
            }
        }
    }

    /// The terminal of the open session.
    fn terminal(&self) -> Result<TerminalCertificate, StatusWord> {
        self.session.terminal.ok_or(StatusWord::NOT_AUTHENTICATED)
    }

    fn open(
        &mut self,
        card: &IssuedMemory,
        request: &OpenRequest,
        challenge: Option<Challenge>,
    ) -> Result<Vec<u8>, Stop> {
        let OpenRequest { terminal_challenge, certificate, signature } = request;
        card.same_region_key(certificate.key_serial)?;
        let challenge = challenge.ok_or(StatusWord::NOT_AUTHENTICATED)?;
        let region_key = &card.authority.region_key.public_key;
        verified(region_key, &certificate.signed_bytes(), &certificate.signature)?;
        let number = card.certificate.card;
        let message = authentication_bytes(number, &challenge, terminal_challenge);
        verified(&certificate.public_key, &message, signature)?;
        if certificate.not_after < card.latest_issued_at {
            return Err(StatusWord::NOT_AUTHENTICATED.into());
        }
        let next_challenge = self.randomness.challenge()?;
        let unsigned = CardState {
            status: card.status,
            next_challenge,
            counter: card.counter(),
            season: card.season(),
            entitlement_serial: card.entitlement_serial(),
            consumed: card.consumed,
            signature: Signature([0; 64]),
        };
        let signature = self.sign(&unsigned.signed_bytes(number, terminal_challenge))?;
        self.session.challenge = Some(next_challenge);
        self.session.terminal = Some(*certificate);
        Ok(CardState { signature, ..unsigned }.encode().to_vec())
    }

    fn debit(
        &mut self,
        card: &IssuedMemory,
        order: &DebitOrder,
        signature: &Signature,
        challenge: Option<Challenge>,
    ) -> Result<Vec<u8>, Stop> {
        card.not_blocked()?;
        let challenge = challenge.ok_or(StatusWord::NOT_AUTHENTICATED)?;
        let terminal = self.terminal()?;
        verified(&terminal.public_key, &order.signed_bytes(card.certificate.card, &challenge), signature)?;
        if !terminal.covers(order.time) {
            return Err(StatusWord::NOT_AUTHENTICATED.into());
        }
        self.record(card, card.debit(&terminal, order)?, &terminal)
    }

    fn reverse(
        &mut self,
        card: &IssuedMemory,
        order: &ReversalOrder,
        signature: &Signature,
        challenge: Option<Challenge>,
    ) -> Result<Vec<u8>, Stop> {
        card.not_blocked()?;
        let challenge = challenge.ok_or(StatusWord::NOT_AUTHENTICATED)?;
        let terminal = self.terminal()?;
        verified(&terminal.public_key, &order.signed_bytes(card.certificate.card, &challenge), signature)?;
        if !terminal.covers(order.time) {
            return Err(StatusWord::NOT_AUTHENTICATED.into());
        }
        self.record(card, card.reverse(&terminal, order)?, &terminal)
    }

    /// Signs and keeps what is new; answers what was done, now or then.
    fn record(&mut self, card: &IssuedMemory, change: Change, terminal: &TerminalCertificate) -> Result<Vec<u8>, Stop> {
        let signed = match change {
            Change::Repeat(signed) => signed,
            Change::New(record) => {
                let signed = SignedRecord { record, signature: self.sign(&record.signed_bytes())? };
                self.change(CardMemory::Issued(Box::new(card.after(signed, terminal))))?;
                signed
            }
        };
        Ok(ChangeAnswer::of(&signed).encode().to_vec())
    }

    fn put_entitlement(&mut self, card: &IssuedMemory, entitlement: Entitlement) -> Result<Vec<u8>, Stop> {
        if entitlement.card != card.certificate.card {
            return Err(StatusWord::WRONG_DATA.into());
        }
        card.not_blocked()?;
        card.same_region_key(entitlement.key_serial)?;
        let region_key = &card.authority.region_key.public_key;
        verified(region_key, &entitlement.signed_bytes(), &entitlement.signature)?;
        let next = card.with_entitlement(entitlement)?;
        self.change(CardMemory::Issued(Box::new(next)))?;
        Ok(NO_DATA)
    }

    fn put_key(&mut self, mut card: IssuedMemory, region_key: KeyCertificate) -> Result<Vec<u8>, Stop> {
        card.not_blocked()?;
        verified(&card.authority.root, &region_key.signed_bytes(), &region_key.signature)?;
        if region_key.serial <= card.authority.region_key.serial {
            return Err(StatusWord::OUT_OF_SEASON.into());
        }
        card.authority.region_key = region_key;
        self.change(CardMemory::Issued(Box::new(card)))?;
        Ok(NO_DATA)
    }

    fn block(&mut self, mut card: IssuedMemory, signature: &Signature) -> Result<Vec<u8>, Stop> {
        verified(&card.authority.region_key.public_key, &block_bytes(card.certificate.card), signature)?;
        if card.status == CardStatus::InUse {
            card.status = CardStatus::Blocked;
            self.change(CardMemory::Issued(Box::new(card)))?;
        }
        Ok(NO_DATA)
    }
}

impl IssuedMemory {
    fn not_blocked(&self) -> Result<(), StatusWord> {
        match self.status {
            CardStatus::InUse => Ok(()),
            CardStatus::Blocked => Err(StatusWord::BLOCKED),
        }
    }

    fn same_region_key(&self, serial: KeySerial) -> Result<(), StatusWord> {
        if serial == self.authority.region_key.serial { Ok(()) } else { Err(StatusWord::OTHER_REGION_KEY) }
    }
}

fn verified(key: &PublicKey, message: &[u8], signature: &Signature) -> Result<(), StatusWord> {
    if verify_p256(key, message, signature) { Ok(()) } else { Err(StatusWord::NOT_AUTHENTICATED) }
}
