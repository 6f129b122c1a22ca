//! A region, its keys and a counter with one card on it, for the stories in the other files. The keys are those of
//! `tests/vectors/card.json`: everybody knows them, they are good for nothing but tests.

use std::sync::LazyLock;

use pass::crypto::P256Key;
use pass::domain::card::{
    CardCertificate, CardState, Challenge, DebitOrder, Entitlement, KeyCertificate, ReversalOrder, Signature,
    SignedRecord, TerminalCertificate,
};
use pass::domain::ids::{
    CardNumber, Counter, EntitlementSerial, HolderReference, IssueNumber, KeySerial, PartnerId, TerminalId,
    TransactionId,
};
use pass::domain::purse::{Amounts, Slot, Slots};
use pass::domain::time::{Season, Timestamp};
use pass::virtual_card::{
    Authority, CardInReader, CardMemory, InProcess, IssuedMemory, MemoryStorage, PrivateKey, VirtualCard,
};
use pass::wire::apdu::{Answer, Protocol, StatusWord, Transport as _};
use pass::wire::card::{Case4, ChangeAnswer, Command, OpenRequest, SelectAnswer, authentication_bytes, block_bytes};
use serde_json::Value;

/// The pinned bytes.
pub(crate) static VECTORS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../vectors/card.json")).unwrap());

/// Reads hexadecimal digits.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Noon of 1 October 2017, in the season of the stories.
pub(crate) const NOW: Timestamp = Timestamp::new(1_506_852_000);
/// The season of the stories.
pub(crate) const SEASON: Season = Season::new(2017);
/// The benefit of the stories.
pub(crate) const CINEMA: Slot = Slot::new(0).unwrap();
/// A benefit that is granted, but not to be had at this terminal.
pub(crate) const BOOKS: Slot = Slot::new(1).unwrap();
/// The terminal of the stories.
pub(crate) const TERMINAL: TerminalId = TerminalId::new(7001);
/// What the terminal sends in OPEN.
pub(crate) const TERMINAL_CHALLENGE: Challenge = Challenge(*b"terminal asks 01");
/// Signed by nobody yet.
pub(crate) const UNSIGNED: Signature = Signature([0; 64]);

/// The card's number.
pub(crate) fn number() -> CardNumber {
    CardNumber::from_account(925_017_000_000_001).unwrap()
}

/// Another card's.
pub(crate) fn other_number() -> CardNumber {
    CardNumber::from_account(925_017_000_000_002).unwrap()
}

/// Names a transaction by one byte.
pub(crate) fn transaction(name: u8) -> TransactionId {
    TransactionId::new([name; 16])
}

/// Everybody's keys.
pub(crate) struct Keys {
    pub(crate) root: P256Key,
    pub(crate) region: P256Key,
    pub(crate) next_region: P256Key,
    pub(crate) card: P256Key,
    pub(crate) card_pkcs8: Vec<u8>,
    pub(crate) terminal: P256Key,
    pub(crate) other_terminal: P256Key,
}

/// The keys of the vectors.
pub(crate) static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let pkcs8 = |name: &str| unhex(VECTORS["keys"][name]["pkcs8"].as_str().unwrap());
    let key = |name: &str| P256Key::from_pkcs8(&pkcs8(name)).unwrap();
    Keys {
        root: key("root"),
        region: key("region"),
        next_region: key("next region"),
        card: key("card"),
        card_pkcs8: pkcs8("card"),
        terminal: key("terminal"),
        other_terminal: key("other terminal"),
    }
});

/// The region key `serial`, certified by the root.
pub(crate) fn key_certificate(serial: u32, key: &P256Key) -> KeyCertificate {
    let plain = KeyCertificate { serial: KeySerial::new(serial), public_key: key.public_key(), signature: UNSIGNED };
    KeyCertificate { signature: KEYS.root.sign(&plain.signed_bytes()).unwrap(), ..plain }
}

/// The card certificate, changed by `change` and then signed.
pub(crate) fn card_certificate(change: impl FnOnce(&mut CardCertificate)) -> CardCertificate {
    let mut plain = CardCertificate {
        key_serial: KeySerial::new(3),
        card: number(),
        issue: IssueNumber::new(1),
        holder: HolderReference::new(*b"holder reference"),
        issued_at: Timestamp::new(1_496_300_000),
        public_key: KEYS.card.public_key(),
        signature: UNSIGNED,
    };
    change(&mut plain);
    CardCertificate { signature: KEYS.region.sign(&plain.signed_bytes()).unwrap(), ..plain }
}

/// Five seats and 8.00 EUR of books, one seat already gone; changed by `change` and then signed.
pub(crate) fn entitlement(change: impl FnOnce(&mut Entitlement)) -> Entitlement {
    let mut plain = Entitlement {
        key_serial: KeySerial::new(3),
        card: number(),
        season: SEASON,
        serial: EntitlementSerial::new(10),
        granted: Amounts::ZERO.with(CINEMA, 5).with(BOOKS, 800),
        opening: Amounts::ZERO.with(CINEMA, 1),
        signature: UNSIGNED,
    };
    change(&mut plain);
    Entitlement { signature: KEYS.region.sign(&plain.signed_bytes()).unwrap(), ..plain }
}

/// A terminal that may debit cinema seats; changed by `change` and then signed.
pub(crate) fn terminal_certificate(change: impl FnOnce(&mut TerminalCertificate)) -> TerminalCertificate {
    let mut plain = TerminalCertificate {
        key_serial: KeySerial::new(3),
        terminal: TERMINAL,
        partner: PartnerId::new(42),
        season: SEASON,
        slots: Slots::new(0).with(CINEMA),
        issued_at: NOW.minus(86_400),
        not_after: NOW.plus(30 * 86_400),
        public_key: KEYS.terminal.public_key(),
        signature: UNSIGNED,
    };
    change(&mut plain);
    TerminalCertificate { signature: KEYS.region.sign(&plain.signed_bytes()).unwrap(), ..plain }
}

/// One seat, now.
pub(crate) fn seat(name: u8) -> DebitOrder {
    DebitOrder { slot: CINEMA, season: SEASON, amount: 1, transaction: transaction(name), time: NOW }
}

/// The debit with this counter, taken back now.
pub(crate) fn back(counter: u32, name: u8) -> ReversalOrder {
    ReversalOrder { debit_counter: Counter::new(counter), transaction: transaction(name), time: NOW }
}

/// A card that was issued and granted nothing yet.
pub(crate) fn issued() -> IssuedMemory {
    let authority = Authority { root: KEYS.root.public_key(), region_key: key_certificate(3, &KEYS.region) };
    IssuedMemory::new(PrivateKey::new(KEYS.card_pkcs8.clone()), authority, card_certificate(|_| {}))
}

/// A card with [`entitlement`].
pub(crate) fn entitled() -> CardMemory {
    CardMemory::Issued(Box::new(IssuedMemory { entitlement: Some(entitlement(|_| {})), ..issued() }))
}

/// A counter with one card on it: speaks to the card as a terminal does, and signs what it is told to.
pub(crate) struct Desk {
    pub(crate) card: InProcess<CardInReader>,
    pub(crate) storage: MemoryStorage,
    /// The card's challenge, as far as a terminal can know it.
    pub(crate) challenge: Challenge,
    pub(crate) certificate: TerminalCertificate,
    /// Who signs DEBIT, REVERSE and OPEN.
    pub(crate) key: &'static P256Key,
}

impl Desk {
    /// A card with this memory, on T=1.
    pub(crate) fn with(memory: CardMemory) -> Self {
        let storage = MemoryStorage::new(memory.clone());
        let card = VirtualCard::new(memory, storage.clone()).unwrap();
        Self {
            card: InProcess::of(card, Protocol::T1),
            storage,
            challenge: Challenge([0; 16]),
            certificate: terminal_certificate(|_| {}),
            key: &KEYS.terminal,
        }
    }

    /// A card with an entitlement, opened.
    pub(crate) fn opened() -> Self {
        let mut desk = Self::with(entitled());
        desk.open();
        desk
    }

    /// The card loses its power and is read again from what it saved.
    pub(crate) fn power_loss(&mut self) {
        let card = VirtualCard::new(self.storage.load(), self.storage.clone()).unwrap();
        self.card = InProcess::of(card, Protocol::T1);
    }

    /// What the card keeps.
    pub(crate) fn memory(&self) -> IssuedMemory {
        match self.storage.load() {
            CardMemory::Issued(issued) => *issued,
            CardMemory::Blank(_) => panic!("the card is blank"),
        }
    }

    pub(crate) fn send(&mut self, apdu: &[u8]) -> Answer {
        Answer::parse(&self.card.transmit(apdu).unwrap()).unwrap()
    }

    pub(crate) fn command(&mut self, command: &Command) -> Answer {
        self.send(&command.encode(Case4::WithLe))
    }

    /// The status word of an APDU.
    pub(crate) fn status(&mut self, apdu: &[u8]) -> StatusWord {
        self.send(apdu).status
    }

    pub(crate) fn select(&mut self) {
        let answer = self.command(&Command::Select);
        assert_eq!(answer.status, StatusWord::DONE);
        if let SelectAnswer::Issued(challenge) = SelectAnswer::decode(&answer.data).unwrap() {
            self.challenge = challenge;
        }
    }

    pub(crate) fn open_command(&self) -> Command {
        let message = authentication_bytes(number(), &self.challenge, &TERMINAL_CHALLENGE);
        Command::Open(OpenRequest {
            terminal_challenge: TERMINAL_CHALLENGE,
            certificate: self.certificate,
            signature: self.key.sign(&message).unwrap(),
        })
    }

    /// SELECT and OPEN.
    pub(crate) fn open(&mut self) -> CardState {
        self.select();
        let answer = self.command(&self.open_command());
        assert_eq!(answer.status, StatusWord::DONE, "OPEN");
        let state = CardState::decode(&answer.data).unwrap();
        self.challenge = state.next_challenge;
        state
    }

    pub(crate) fn debit_command(&self, order: DebitOrder) -> Command {
        let signature = self.key.sign(&order.signed_bytes(number(), &self.challenge)).unwrap();
        Command::Debit { order, signature }
    }

    pub(crate) fn reverse_command(&self, order: ReversalOrder) -> Command {
        let signature = self.key.sign(&order.signed_bytes(number(), &self.challenge)).unwrap();
        Command::Reverse { order, signature }
    }

    /// DEBIT in the session as it is.
    pub(crate) fn debit(&mut self, order: DebitOrder) -> Answer {
        self.command(&self.debit_command(order))
    }

    /// REVERSE in the session as it is.
    pub(crate) fn reverse(&mut self, order: ReversalOrder) -> Answer {
        self.command(&self.reverse_command(order))
    }

    /// A new session and a debit that must be done.
    pub(crate) fn debited(&mut self, order: DebitOrder) -> ChangeAnswer {
        self.open();
        done(&self.debit(order))
    }

    /// A new session and a reversal that must be done.
    pub(crate) fn reversed(&mut self, order: ReversalOrder) -> ChangeAnswer {
        self.open();
        done(&self.reverse(order))
    }

    pub(crate) fn record(&mut self, number: u8) -> Option<SignedRecord> {
        let answer = self.command(&Command::ReadRecord(number));
        (answer.status == StatusWord::DONE).then(|| SignedRecord::decode(&answer.data).unwrap())
    }

    /// The card is blocked by the region.
    pub(crate) fn block(&mut self) -> StatusWord {
        self.command(&Command::Block(KEYS.region.sign(&block_bytes(number())).unwrap())).status
    }
}

/// What a DEBIT or REVERSE that was done says.
pub(crate) fn done(answer: &Answer) -> ChangeAnswer {
    assert_eq!(answer.status, StatusWord::DONE);
    ChangeAnswer::decode(&answer.data).unwrap()
}
