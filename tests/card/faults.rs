//! The card in a reader: T=1, T=0, and a card that leaves or lies at a chosen moment.

use pass::crypto::CryptoError;
use pass::domain::card::{CardState, Challenge};
use pass::virtual_card::applet::Applet as _;
use pass::virtual_card::{
    ATR_T0, ATR_T1, CardInReader, CardMemory, Effect, Fault, Faulty, InProcess, MemoryStorage, PrivateKey, Randomness,
    Storage, VirtualCard,
};
use pass::wire::apdu::{Answer, Protocol, StatusWord, Transport, TransportError};
use pass::wire::card::{Case4, ChangeAnswer, Command, Instruction, SelectAnswer};

use crate::kit::{Desk, KEYS, entitled, seat, unhex};

fn card_in_reader(protocol: Protocol) -> (CardInReader, MemoryStorage) {
    let storage = MemoryStorage::new(entitled());
    let card = VirtualCard::new(entitled(), storage.clone()).unwrap();
    (CardInReader::new(card, protocol), storage)
}

fn send(card: &mut impl Transport, apdu: &str) -> Answer {
    Answer::parse(&card.transmit(&unhex(&apdu.replace(' ', ""))).unwrap()).unwrap()
}

const SELECT: &str = "00A40400 09 F05041535352454701";

#[test]
fn an_answer_to_reset_is_well_formed() {
    // ISO/IEC 7816-3, 8.2: the low half of T0 counts the historical bytes; the exclusive or of all but TS is 0 with a check byte.
    assert_eq!(ATR_T1[2..].iter().fold(ATR_T1[1], |check, byte| check ^ byte), 0);
    assert_eq!(usize::from(ATR_T1[1] & 0x0F), ATR_T1.len() - 5);
    assert_eq!(usize::from(ATR_T0[1]), ATR_T0.len() - 2);
    assert_eq!(card_in_reader(Protocol::T1).0.atr(), ATR_T1);
    assert_eq!(card_in_reader(Protocol::T0).0.atr(), ATR_T0);
}

#[test]
fn on_t1_le_is_the_most_that_a_read_may_answer() {
    let (card, _) = card_in_reader(Protocol::T1);
    let mut card = InProcess::new(card, Protocol::T1);
    assert_eq!(send(&mut card, SELECT).data.len(), 32);
    for (le, expected) in [("00", "90 00"), ("A3", "90 00"), ("FF", "90 00"), ("A2", "6C A3"), ("01", "6C A3")] {
        let answer = send(&mut card, &format!("00B08100{le}"));
        assert_eq!(answer.status.to_string(), expected, "Le {le}");
        assert_eq!(answer.data.len(), if expected == "90 00" { 163 } else { 0 }, "Le {le}");
    }
}

#[test]
fn on_t0_a_read_wants_its_exact_le() {
    let (card, _) = card_in_reader(Protocol::T0);
    let mut card = InProcess::new(card, Protocol::T0);
    assert_eq!(send(&mut card, SELECT).status, StatusWord::more_data(32));
    for le in ["00", "A2", "A4"] {
        assert_eq!(send(&mut card, &format!("00B08100{le}")).status, StatusWord::wrong_le(163), "Le {le}");
    }
    assert_eq!(send(&mut card, "00B08100A3").data.len(), 163);
}

#[test]
fn on_t0_the_answer_waits_for_get_response() {
    let (card, _) = card_in_reader(Protocol::T0);
    let mut card = InProcess::new(card, Protocol::T0);
    assert_eq!(send(&mut card, "00C0000020").status, StatusWord::CONDITIONS_NOT_MET, "nothing waits");
    send(&mut card, SELECT);
    assert_eq!(send(&mut card, "00C00000").status, StatusWord::WRONG_LENGTH);
    assert_eq!(send(&mut card, "00C0000120").status, StatusWord::WRONG_P1_P2);
    assert_eq!(send(&mut card, "00C0000000").status, StatusWord::wrong_le(32));
    assert_eq!(send(&mut card, "00C0000021").status, StatusWord::wrong_le(32));
    let first = send(&mut card, "00C000000A");
    assert_eq!((first.data.len(), first.status), (10, StatusWord::more_data(22)));
    let second = send(&mut card, "00C0000016");
    assert_eq!((second.data.len(), second.status), (22, StatusWord::DONE));
    assert!(SelectAnswer::decode(&[first.data, second.data].concat()).is_ok());
    assert_eq!(send(&mut card, "00C0000016").status, StatusWord::CONDITIONS_NOT_MET, "fetched once");
    send(&mut card, SELECT);
    send(&mut card, "00B08100A3");
    assert_eq!(send(&mut card, "00C0000020").status, StatusWord::CONDITIONS_NOT_MET, "another command gave it up");
    send(&mut card, SELECT);
    card.remove();
    card.insert();
    assert_eq!(send(&mut card, "00C0000020").status, StatusWord::CONDITIONS_NOT_MET, "lost with the power");
}

/// A desk's commands, sent to a card with a plan.
struct Story {
    card: InProcess<Faulty<CardInReader>>,
    desk: Desk,
    storage: MemoryStorage,
}

impl Story {
    fn with(plan: Vec<Fault>) -> Self {
        let (card, storage) = card_in_reader(Protocol::T1);
        let card = InProcess::new(Faulty::new(card, plan), Protocol::T1);
        Self { card, desk: Desk::with(entitled()), storage }
    }

    fn transmit(&mut self, command: &Command) -> Result<Answer, TransportError> {
        self.card.transmit(&command.encode(Case4::WithLe)).map(|bytes| Answer::parse(&bytes).unwrap())
    }

    fn open(&mut self) {
        let select = self.transmit(&Command::Select).unwrap();
        let SelectAnswer::Issued(challenge) = SelectAnswer::decode(&select.data).unwrap() else { panic!() };
        self.desk.challenge = challenge;
        let open = self.desk.open_command();
        self.desk.challenge = CardState::decode(&self.transmit(&open).unwrap().data).unwrap().next_challenge;
    }

    fn debit(&mut self, name: u8) -> Result<Answer, TransportError> {
        let debit = self.desk.debit_command(seat(name));
        self.transmit(&debit)
    }

    fn counter(&self) -> u32 {
        match self.storage.load() {
            CardMemory::Issued(issued) => issued.counter().get(),
            CardMemory::Blank(_) => panic!(),
        }
    }
}

#[test]
fn pulled_before_the_debit_nothing_is_done() {
    let fault = Fault::next(Instruction::Debit, Effect::LeaveBefore);
    let mut story = Story::with(vec![fault]);
    story.open();
    assert_eq!(story.debit(1), Err(TransportError::CardGone));
    assert_eq!(story.transmit(&Command::Select), Err(TransportError::CardGone), "it stays away until it is put back");
    assert_eq!((story.counter(), story.card.applet().happened()), (0, [fault].as_slice()));
    story.card.insert();
    assert_eq!(story.debit(1).unwrap().status, StatusWord::INSTRUCTION_UNKNOWN, "the power was gone");
    story.open();
    assert_eq!(story.debit(1).unwrap().status, StatusWord::DONE);
}

#[test]
fn pulled_after_the_debit_it_is_done_and_a_repeat_says_so() {
    let mut story = Story::with(vec![Fault::nth(3, Effect::LeaveAfter)]);
    story.open();
    assert_eq!(story.debit(1), Err(TransportError::CardGone));
    assert_eq!(story.counter(), 1);
    story.card.insert();
    story.open();
    let repeat = ChangeAnswer::decode(&story.debit(1).unwrap().data).unwrap();
    assert_eq!((repeat.counter.get(), story.counter()), (1, 1));
}

#[test]
fn a_relay_can_lie_both_ways() {
    let mut story = Story::with(vec![
        Fault::next(Instruction::Debit, Effect::Lie(StatusWord::CONDITIONS_NOT_MET)),
        Fault::next(Instruction::Debit, Effect::Garbage),
    ]);
    story.open();
    let lie = story.debit(1).unwrap();
    assert_eq!(
        (lie.status, lie.data.len(), story.counter()),
        (StatusWord::CONDITIONS_NOT_MET, 0, 1),
        "refused, but done"
    );
    story.open();
    let garbage = story.debit(2).unwrap();
    assert_eq!(
        (garbage.status, garbage.data.len(), story.counter()),
        (StatusWord::DONE, 72, 1),
        "done, but not executed"
    );
    story.open();
    assert_eq!(story.debit(3).unwrap().status, StatusWord::DONE, "each fault happens once");
    assert_eq!(story.counter(), 2);
}

/// A memory that cannot be written.
struct Worn;

impl Storage for Worn {
    fn save(&mut self, _: &CardMemory) -> std::io::Result<()> {
        Err(std::io::Error::other("worn out"))
    }
}

#[test]
fn a_card_that_cannot_write_does_not_answer_any_more() {
    let card = VirtualCard::new(CardMemory::BLANK, Worn).unwrap();
    let mut card = InProcess::of(card, Protocol::T1);
    assert!(card.transmit(&Command::Select.encode(Case4::WithLe)).is_ok());
    assert_eq!(card.transmit(&Command::GenerateKey.encode(Case4::WithLe)), Err(TransportError::CardGone));
    card.insert();
    let select = card.transmit(&Command::Select.encode(Case4::WithLe));
    assert_eq!(select, Err(TransportError::CardGone), "what it keeps is known only once it is read again");
    assert_eq!(*card.applet().card().memory(), CardMemory::BLANK);
    assert!(card.into_applet().take_failure().is_some());
}

/// Challenges by number, and always the same key: what a simulation draws from.
struct Seeded(u8);

impl Randomness for Seeded {
    fn challenge(&mut self) -> Result<Challenge, CryptoError> {
        self.0 += 1;
        Ok(Challenge([self.0; 16]))
    }

    fn private_key(&mut self) -> Result<PrivateKey, CryptoError> {
        Ok(PrivateKey::new(KEYS.card_pkcs8.clone()))
    }
}

#[test]
fn a_simulation_draws_what_it_wants() {
    let card = |memory: CardMemory| {
        let storage = MemoryStorage::new(memory.clone());
        InProcess::of(VirtualCard::with_randomness(memory, storage, Seeded(6)).unwrap(), Protocol::T1)
    };
    let mut issued = card(entitled());
    for challenge in [7, 8] {
        let select = send(&mut issued, SELECT);
        assert_eq!(SelectAnswer::decode(&select.data), Ok(SelectAnswer::Issued(Challenge([challenge; 16]))));
    }
    let mut blank = card(CardMemory::BLANK);
    send(&mut blank, SELECT);
    assert_eq!(send(&mut blank, "80E0000000").data, KEYS.card.public_key().0);
}
