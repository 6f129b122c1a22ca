//! Cards, and readers with hands, drivers and relays that do as they like.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use pass::crypto::P256Key;
use pass::domain::card::{CardCertificate, SignedRecord};
use pass::domain::{CardNumber, Counter};
use pass::terminal::port::{CardPort, Conversation, PortError};
use pass::virtual_card::{
    CardInReader, CardMemory, InProcess, IssuedMemory, MemoryStorage, PrivateKey, Storage, VirtualCard,
};
use pass::wire::apdu::{Protocol, StatusWord, Transport, TransportError};
use pass::wire::card::Instruction;

use crate::Fault;
use crate::shared::Shared;

/// A card's lasting memory, and everything that the chip ever signed.
#[derive(Clone)]
struct Chip {
    memory: MemoryStorage,
    made: Arc<Mutex<Vec<SignedRecord>>>,
}

impl Storage for Chip {
    fn save(&mut self, memory: &CardMemory) -> io::Result<()> {
        if let CardMemory::Issued(issued) = memory
            && let Some(newest) = issued.records.first()
        {
            let mut made = self.made.lock().unwrap();
            if made.last() != Some(newest) {
                made.push(*newest);
            }
        }
        self.memory.save(memory)
    }
}

/// What a card is besides genuine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    Genuine,
    /// The number of the card at this place with a key of the forger's, and a certificate for that, or the card's own.
    Forged(usize),
    /// The very memory of the card at this place, its key too: somebody opened the chip.
    Copied(usize),
}

/// A card, wherever it is.
pub(crate) struct Card {
    /// How the trace calls it.
    pub(crate) name: String,
    pub(crate) number: CardNumber,
    pub(crate) nature: Nature,
    chip: Chip,
    /// What it had counted when the run first saw it.
    counted: Counter,
    protocol: Protocol,
    /// The terminal in whose reader it lies.
    pub(crate) at: Option<usize>,
}

impl Card {
    pub(crate) fn new(name: String, number: CardNumber, memory: CardMemory, protocol: Protocol) -> Self {
        let counted = if let CardMemory::Issued(issued) = &memory { issued.counter() } else { Counter::new(0) };
        let chip = Chip { memory: MemoryStorage::new(memory), made: Arc::default() };
        Self { name, number, nature: Nature::Genuine, chip, counted, protocol, at: None }
    }

    /// What it remembers.
    pub(crate) fn memory(&self) -> IssuedMemory {
        match self.chip.memory.load() {
            CardMemory::Issued(issued) => *issued,
            CardMemory::Blank(_) => panic!("{} is blank", self.name),
        }
    }

    /// Whether its purse was changed since.
    pub(crate) fn was_changed(&self) -> bool {
        self.memory().counter() != self.counted
    }

    /// Everything that it ever signed, the oldest first.
    pub(crate) fn made(&self) -> Vec<SignedRecord> {
        self.chip.made.lock().unwrap().clone()
    }

    /// A card like this one, at `place`, whose key is the forger's own, and its certificate too unless it shows the one that anybody can read off the card.
    pub(crate) fn forged(&self, place: usize, shows_genuine_certificate: bool) -> Self {
        let (key, pkcs8) = P256Key::generate().unwrap();
        let issued = self.memory();
        let plain = CardCertificate { public_key: key.public_key(), ..issued.certificate };
        let own = CardCertificate { signature: key.sign(&plain.signed_bytes()).unwrap(), ..plain };
        let certificate = if shows_genuine_certificate { issued.certificate } else { own };
        let memory = IssuedMemory { key: PrivateKey::new(pkcs8), certificate, ..issued };
        let memory = CardMemory::Issued(Box::new(memory));
        let name = format!("{} (forged)", self.name);
        Self { nature: Nature::Forged(place), ..Self::new(name, self.number, memory, self.protocol) }
    }

    /// A second chip with all that this one, at `place`, has.
    pub(crate) fn copied(&self, place: usize) -> Self {
        let name = format!("{} (copied)", self.name);
        let memory = CardMemory::Issued(Box::new(self.memory()));
        Self { nature: Nature::Copied(place), ..Self::new(name, self.number, memory, self.protocol) }
    }

    /// The card, powered.
    pub(crate) fn power(&self) -> InProcess<CardInReader> {
        let chip = VirtualCard::new(self.chip.memory.load(), self.chip.clone()).unwrap();
        InProcess::new(CardInReader::new(chip, self.protocol), self.protocol)
    }
}

/// A card in a reader.
pub(crate) struct Inserted {
    pub(crate) name: String,
    number: [u8; 8],
    pub(crate) card: InProcess<CardInReader>,
    /// It was pulled out; the reader has not said so yet.
    pub(crate) pulled: bool,
    /// The last command was one that changes the purse.
    pub(crate) changed: bool,
    /// The relay executes nothing that changes the purse.
    stubborn: bool,
    /// How many commands it was asked.
    pub(crate) commands: u64,
    /// What it last answered to each instruction.
    answers: BTreeMap<[u8; 2], Vec<u8>>,
}

/// What lies in a reader.
pub(crate) type Slot = Rc<RefCell<Option<Inserted>>>;

pub(crate) fn insert(slot: &Slot, card: &Card) {
    let inserted = Inserted {
        name: card.name.clone(),
        number: card.number.get().to_be_bytes(),
        card: card.power(),
        pulled: false,
        changed: false,
        stubborn: false,
        commands: 0,
        answers: BTreeMap::new(),
    };
    *slot.borrow_mut() = Some(inserted);
}

/// A terminal's way to the card in its reader.
pub(crate) struct Port {
    pub(crate) slot: Slot,
    pub(crate) shared: Rc<Shared>,
    /// The terminal's name.
    pub(crate) name: String,
}

impl CardPort for Port {
    fn burst(&mut self, conversation: &mut Conversation<'_>) -> Result<(), PortError> {
        let mut slot = self.slot.borrow_mut();
        let Some(inserted) = slot.as_mut().filter(|inserted| !inserted.pulled) else { return Err(PortError::Gone) };
        if self.shared.strikes(Fault::ReaderBusy) {
            self.shared.say(|| format!("{} reader is busy", self.name));
            return Err(PortError::Reader);
        }
        if self.shared.strikes(Fault::CardReset) {
            self.shared.say(|| format!("{} {} is reset by another program", self.name, inserted.name));
            inserted.card.insert();
            return Err(PortError::SessionLost);
        }
        conversation(&mut Relay { inserted, shared: &self.shared, name: &self.name });
        Ok(())
    }

    fn forget(&mut self) {}
}

/// What stands between terminal and card.
struct Relay<'a> {
    inserted: &'a mut Inserted,
    shared: &'a Shared,
    name: &'a str,
}

/// How much more often things go wrong with a command that changes the purse than with another, and with a terminal right after it.
pub(crate) const MORE_AT_CHANGES: u64 = 6;

/// What a relay may answer instead.
const LIES: [StatusWord; 9] = [
    StatusWord::DONE,
    StatusWord::CONDITIONS_NOT_MET,
    StatusWord::BLOCKED,
    StatusWord::NOT_AUTHENTICATED,
    StatusWord::OTHER_REGION_KEY,
    StatusWord::NO_SUCH_RECORD,
    StatusWord::OUT_OF_SEASON,
    StatusWord::NOT_FOUND,
    StatusWord(0x6F00),
];

fn instruction(command: &[u8]) -> String {
    let known = Instruction::ALL.iter().find(|instruction| command.starts_with(&instruction.bytes()));
    known.map_or_else(|| "GET RESPONSE".to_owned(), ToString::to_string)
}

impl Relay<'_> {
    fn say(&self, command: &[u8], what: &str) {
        self.shared.say(|| format!("{} {} {what} {}", self.name, self.inserted.name, instruction(command)));
    }

    fn execute(&mut self, command: &[u8]) -> Result<Vec<u8>, TransportError> {
        self.inserted.card.transmit(command)
    }

    fn pull(&mut self) -> TransportError {
        self.inserted.card.remove();
        self.inserted.pulled = true;
        TransportError::CardGone
    }

    /// `byte`, unless it is of the card's number: whether a number with a bit wrong is still one is up to a check digit, and numbers are drawn by the
    /// region, not by the seed.
    fn elsewhere(&self, byte: usize, answer: &[u8]) -> usize {
        let number = answer.windows(8).position(|window| window == self.inserted.number);
        let of_number = number.is_some_and(|from| (from..from + 8).contains(&byte));
        if of_number { answer.len() - 1 } else { byte }
    }

    /// One of the faults that replace the answer, if one happens.
    fn replaced(&mut self, command: &[u8]) -> Option<Result<Vec<u8>, TransportError>> {
        let times = if self.inserted.changed { MORE_AT_CHANGES } else { 1 };
        let lie = |shared: &Shared| LIES[shared.draw(|chance| chance.index(LIES.len()))];
        if self.shared.strikes_here(Fault::TornBefore, times) {
            self.say(command, "is pulled out before");
            return Some(Err(self.pull()));
        }
        if self.shared.strikes_here(Fault::TornAfter, times) {
            self.say(command, "is pulled out after");
            let _never_heard = self.execute(command);
            return Some(Err(self.pull()));
        }
        if self.shared.strikes_here(Fault::Lie, times) {
            let status = lie(self.shared);
            self.say(command, &format!("is said to answer {status} to"));
            return Some(self.execute(command).map(|_| status.bytes().to_vec()));
        }
        self.inserted.stubborn |= self.inserted.changed && self.shared.strikes(Fault::Stubborn);
        let withheld = self.inserted.changed && self.inserted.stubborn;
        if withheld || self.shared.strikes_here(Fault::Withheld, times) {
            let status = lie(self.shared);
            self.say(command, &format!("never gets, and is said to answer {status} to,"));
            return Some(Ok(status.bytes().to_vec()));
        }
        if self.shared.strikes_here(Fault::Garbage, times) {
            self.say(command, "never gets, and is said to answer garbage to,");
            let length = self.shared.draw(|chance| chance.index(200));
            return Some(Ok([vec![0xA5; length].as_slice(), &StatusWord::DONE.bytes()].concat()));
        }
        if self.shared.strikes_here(Fault::ReaderError, times) {
            self.say(command, "answers to an error of the reader");
            if self.shared.draw(|chance| chance.one_in(2)) {
                let _never_heard = self.execute(command);
            }
            return Some(Err(TransportError::Reader));
        }
        None
    }
}

impl Transport for Relay<'_> {
    fn protocol(&self) -> Protocol {
        self.inserted.card.protocol()
    }

    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TransportError> {
        self.shared.time.pass(3);
        self.inserted.commands += 1;
        self.inserted.changed =
            [Instruction::Debit, Instruction::Reverse].iter().any(|of| command.starts_with(&of.bytes()));
        if let Some(replaced) = self.replaced(command) {
            return replaced;
        }
        let mut answer = self.execute(command)?;
        self.shared.whisper(|| {
            let status = &answer[answer.len() - 2..];
            format!("{} {} -> {status:02X?}, {} bytes", self.inserted.name, instruction(command), answer.len())
        });
        let name = [command[0], command[1]];
        let before = self.inserted.answers.insert(name, answer.clone());
        if let Some(before) = before
            && self.shared.strikes(Fault::Stale)
        {
            self.say(command, "is said to answer as before to");
            return Ok(before);
        }
        if self.shared.strikes(Fault::Flipped) {
            self.say(command, "is heard with one bit wrong on");
            let (byte, bit) = self.shared.draw(|chance| (chance.index(answer.len()), chance.below(8)));
            let byte = self.elsewhere(byte, &answer);
            answer[byte] ^= 1 << bit;
        }
        Ok(answer)
    }
}
