//! The card profile, from both ends: objects, a card that answers what it likes, a terminal that sends what it likes.

use std::fmt::Debug;

use pass::card::{CannotRead, Opener, Settled, TerminalKey, Trust};
use pass::crypto::{TrustedKeys, verify_p256};
use pass::domain::card::{
    CardCertificate, CardState, CardStatus, Challenge, Entitlement, KeyCertificate, Operation, Record, SignedRecord,
    TerminalCertificate,
};
use pass::domain::catalogue::Code;
use pass::domain::entry::{Intent, Purpose, Sale, Tender};
use pass::domain::purse::Amounts;
use pass::domain::{Cents, Counter, EntitlementSerial, RequestId, Season, Slot};
use pass::virtual_card::{IssuedMemory, MemoryStorage};
use pass::wire::apdu::{Answer, Protocol, StatusWord, Transport, TransportError};
use pass::wire::card::{
    Case4, ChangeAnswer, Command, Instruction, OpenRequest, Phase, RECORDS_MAX, SelectAnswer, authentication_bytes,
};

use super::Script;
use super::card_kit::{
    BOOKS, CINEMA, Desk, KEYS, NOW, SEASON, TERMINAL, back, entitled, entitlement, key_certificate, number, seat,
    terminal_certificate, transaction,
};

/// What is decoded encodes to the same bytes.
fn object<T: PartialEq + Debug, E, B: AsRef<[u8]>>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, E>,
    encode: impl Fn(&T) -> B,
) {
    if let Ok(value) = decode(bytes) {
        assert_eq!(encode(&value).as_ref(), bytes, "{value:?}");
    }
}

/// Objects of the profile, and the answers that are none.
pub(crate) fn objects(bytes: &[u8]) {
    object(bytes, KeyCertificate::decode, KeyCertificate::encode);
    object(bytes, CardCertificate::decode, CardCertificate::encode);
    object(bytes, TerminalCertificate::decode, TerminalCertificate::encode);
    object(bytes, Entitlement::decode, Entitlement::encode);
    object(bytes, Record::decode, Record::encode);
    object(bytes, SignedRecord::decode, SignedRecord::encode);
    object(bytes, CardState::decode, CardState::encode);
    object(bytes, ChangeAnswer::decode, ChangeAnswer::encode);
    object(bytes, SelectAnswer::decode, SelectAnswer::encode);
    object(bytes, |bytes| Answer::parse(bytes).ok_or(()), Answer::encode);
}

/// The most commands that any conversation with a card may take: an answer in pieces of one byte is the longest.
const COMMANDS_MAX: usize = 20_000;

/// A genuine card behind a relay that does what the script says with each answer. Sometimes the relay has the card's key.
struct Relay<'a> {
    desk: Desk,
    script: Script<'a>,
    protocol: Protocol,
    commands: usize,
    /// A state was answered that the card never signed by itself: the chip is not the region's any more.
    key_is_out: bool,
}

impl Relay<'_> {
    /// The answer to OPEN with a state of the script's, signed with the card's own key.
    fn forged(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        let Ok(Command::Open(OpenRequest { terminal_challenge, .. })) = Command::parse(Instruction::Open, command)
        else {
            return None;
        };
        let mut state = CardState {
            status: if self.script.byte() & 1 == 0 { CardStatus::InUse } else { CardStatus::Blocked },
            next_challenge: Challenge([7; 16]),
            counter: Counter::new(self.script.word()),
            season: Season::new(if self.script.byte() & 1 == 0 { SEASON.get() } else { 0 }),
            entitlement_serial: EntitlementSerial::new(10),
            consumed: Amounts::ZERO.with(CINEMA, self.script.word()),
            signature: super::card_kit::UNSIGNED,
        };
        state.signature = KEYS.card.sign(&state.signed_bytes(number(), &terminal_challenge)).unwrap();
        self.key_is_out = true;
        Some(Answer { data: state.encode().to_vec(), status: StatusWord::DONE }.encode())
    }
}

impl Transport for Relay<'_> {
    fn protocol(&self) -> Protocol {
        self.protocol
    }

    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, TransportError> {
        self.commands += 1;
        assert!(self.commands <= COMMANDS_MAX, "a card keeps the terminal busy for ever");
        assert!(command.len() <= 261, "a short APDU");
        let what = self.script.byte();
        if what & 0xF0 == 0x10 {
            return Err(if what & 1 == 0 { TransportError::CardGone } else { TransportError::Reader });
        }
        if what & 0xF0 == 0x20 {
            return Ok(self.script.string().to_vec());
        }
        if what & 0xF0 == 0x30
            && let Some(forged) = self.forged(command)
        {
            return Ok(forged);
        }
        let mut answer = self.desk.card.transmit(command)?;
        match what & 0xF0 {
            0x40 => self.script.damage(&mut answer),
            // Another status word over what was done, or done over what was not.
            0x50 => {
                let status = [self.script.byte(), self.script.byte()];
                answer.truncate(answer.len() - 2);
                answer.extend_from_slice(&status);
            }
            0x60 => {
                answer.truncate(answer.len() - 2);
                answer.extend_from_slice(&[0x90, 0x00]);
            }
            // In pieces.
            0x70 => {
                let piece = usize::from(what & 0x0F);
                answer = [&answer[..piece.min(answer.len())], &[0x61, self.script.byte()]].concat();
            }
            _ => (),
        }
        Ok(answer)
    }
}

fn intent(relay: &Relay<'_>, certificate: [u8; 32], name: u8) -> Intent {
    Intent {
        card: number(),
        certificate,
        counter_before: relay.desk.memory().counter(),
        transaction: transaction(name),
        time: NOW,
        purpose: Purpose::Sale {
            slot: CINEMA,
            season: SEASON,
            amount: 1,
            sale: Sale {
                request: RequestId::new([name; 16]),
                benefit: Code::new("cinema").unwrap(),
                price: None,
                supplement: Cents::ZERO,
                due: Cents::from_u32(100),
                tender: Tender::Cash.into(),
            },
            entitlement_serial: EntitlementSerial::new(10),
            left: 4,
        },
        cashier: None,
    }
}

/// Sales, undos and what settles them, at a card behind a relay. What counts as genuine, done or not done is so on the card.
pub(crate) fn answers(bytes: &[u8]) {
    let mut script = Script(bytes);
    let protocol = if script.byte() & 1 == 0 { Protocol::T1 } else { Protocol::T0 };
    let desk = Desk::with(entitled());
    let mut relay = Relay { desk, script, protocol, commands: 0, key_is_out: false };
    let mut keys = TrustedKeys::new(KEYS.root.public_key());
    assert!(keys.learn(key_certificate(3, &KEYS.region)));
    let mut trust = Trust::new(keys);
    let mut open: Option<Intent> = None;
    for name in 1..=4 {
        let terminal = TerminalKey { key: &KEYS.terminal, certificate: terminal_certificate(|_| {}) };
        let opened = Opener { trust: &mut trust, terminal }.open(&mut relay);
        let Ok(mut opened) = opened else { continue };
        let memory = relay.desk.memory();
        assert_eq!(opened.session.certificate(), &memory.certificate, "genuine is the card that the region made");
        if relay.key_is_out {
            // Whoever has the key is the card, for what the card says of itself. What is asked of it stays bounded, and total.
            let _ = opened.session.read_records(&mut relay, Counter::new(1));
            return;
        }
        assert_eq!(opened.session.state().counter, memory.counter());
        assert_eq!(opened.session.state().consumed, memory.consumed);
        assert_eq!(opened.entitlement, memory.entitlement, "the balance that is shown is the card's");
        if let Some(doubt) = open.take() {
            match opened.session.settle(&mut relay, &doubt) {
                Ok(Settled::Done(signed)) => assert!(relay.desk.memory().records.contains(&signed)),
                Ok(Settled::NotDone { .. }) => {
                    let done = |signed: &&SignedRecord| signed.record.transaction == doubt.transaction;
                    assert!(
                        relay.desk.memory().records.iter().find(done).is_none(),
                        "a sale that was done is not given up"
                    );
                }
                Ok(Settled::RegionDecides) => panic!("a few changes are all on the card"),
                Err(CannotRead::NoAnswer | CannotRead::NotGenuine(_)) => open = Some(doubt),
            }
            continue;
        }
        let doubt = intent(&relay, opened.certificate_hash, name);
        let last = relay.desk.memory().records.first().copied();
        let undo = last.filter(|last| name == 4 && last.record.operation == Operation::Debit);
        let changed = match &undo {
            Some(debit) => {
                let order = back(debit.record.counter.get(), name);
                opened.session.reverse(&mut relay, &KEYS.terminal, &debit.record, order)
            }
            None => opened.session.debit(&mut relay, &KEYS.terminal, TERMINAL, seat(name)),
        };
        match changed {
            Ok(signed) => assert_eq!(relay.desk.memory().records.first(), Some(&signed), "done is what the card did"),
            Err(_) if undo.is_none() => open = Some(doubt),
            Err(_) => (),
        }
    }
}

/// What no command may break, from one memory of the card to the next.
fn check_memory(before: &IssuedMemory, after: &IssuedMemory, answer: &[u8]) {
    assert!(after.counter() >= before.counter(), "the counter never goes back");
    assert!(after.counter().get() - before.counter().get() <= 1);
    assert!(after.records.len() <= RECORDS_MAX);
    assert!(before.status == CardStatus::InUse || after.status == CardStatus::Blocked, "blocked is for good");
    assert!(after.entitlement_serial() >= before.entitlement_serial());
    if let Some(entitlement) = &after.entitlement
        && after.counter() > before.counter()
    {
        let newest = &after.records[0];
        let slot = newest.record.slot;
        let spent = u64::from(after.consumed.get(slot)) + u64::from(entitlement.opening.get(slot));
        let more = after.consumed.get(slot) > before.consumed.get(slot);
        assert!(!more || spent <= u64::from(entitlement.granted.get(slot)), "no more than what is granted");
        assert!(verify_p256(&KEYS.card.public_key(), &newest.record.signed_bytes(), &newest.signature));
    }
    let private = &after.key.pkcs8()[36..68];
    assert!(!answer.windows(private.len()).any(|window| window == private), "the private key stays on the card");
}

/// What a terminal without scruples sends: commands of any bytes, and good ones with something changed.
pub(crate) fn commands(bytes: &[u8]) {
    let mut script = Script(bytes);
    let mut desk = Desk::with(entitled());
    // At most what a short conversation has.
    for name in 1..=24_u8 {
        if script.is_over() {
            break;
        }
        let what = script.byte();
        let mut apdu = apdu(&mut desk, &mut script, what & 0x0F, name);
        if what & 0x40 != 0 {
            script.damage(&mut apdu);
        }
        if what & 0x80 != 0 {
            desk.power_loss();
        }
        one_command(&mut desk, &apdu);
    }
}

fn one_command(desk: &mut Desk, apdu: &[u8]) {
    let before = desk.memory();
    for phase in [Phase::Unselected, Phase::Blank, Phase::Issued] {
        if let Ok(instruction) = Instruction::recognise(apdu, phase)
            && let Ok(command) = Command::parse(instruction, apdu)
        {
            assert_eq!(command.instruction(), instruction);
            // Le's value says nothing, and a SELECT may name less than the whole application.
            let encoded = command.encode(Case4::WithLe);
            assert_eq!(Command::parse(instruction, &encoded), Ok(command));
        }
    }
    let answer = desk.card.transmit(apdu).unwrap();
    let parsed = Answer::parse(&answer).expect("every answer ends with a status word");
    assert!(answer.len() <= 258 && matches!(parsed.status.0 >> 12, 0x6 | 0x9), "{}", parsed.status);
    if parsed.status == StatusWord::DONE {
        learn_challenge(desk, &parsed.data);
    }
    check_memory(&before, &desk.memory(), &answer);
}

/// A terminal that keeps up with the card's challenges gets further.
fn learn_challenge(desk: &mut Desk, data: &[u8]) {
    if let Ok(SelectAnswer::Issued(challenge)) = SelectAnswer::decode(data) {
        desk.challenge = challenge;
    } else if let Ok(state) = CardState::decode(data) {
        desk.challenge = state.next_challenge;
    }
}

fn apdu(desk: &mut Desk, script: &mut Script<'_>, which: u8, name: u8) -> Vec<u8> {
    let slot = |script: &mut Script<'_>| if script.byte() & 3 == 0 { BOOKS } else { CINEMA };
    let plain = |command: Command| command.encode(Case4::WithLe);
    match which {
        0 => script.string().to_vec(),
        1 | 2 => plain(Command::Select),
        3 | 4 => plain(desk.open_command()),
        5 | 6 => {
            let mut order = seat(name);
            order.slot = slot(script);
            order.amount = u32::from(script.byte()) % 6;
            plain(desk.debit_command(order))
        }
        7 => plain(desk.reverse_command(back(u32::from(script.byte()) % 8, name))),
        8 => plain(Command::ReadRecord(script.byte())),
        9 => plain(Command::ReadEntitlement),
        10 => {
            let (serial, season) = (u32::from(script.byte()), SEASON.get() + u16::from(script.byte() & 1));
            let seats = script.word();
            plain(Command::PutEntitlement(entitlement(|plain| {
                plain.serial = EntitlementSerial::new(serial);
                plain.season = Season::new(season);
                plain.granted = plain.granted.with(CINEMA, seats);
            })))
        }
        11 => plain(Command::PutKey(key_certificate(u32::from(script.byte()), &KEYS.next_region))),
        12 => {
            let message = authentication_bytes(number(), &desk.challenge, &Challenge([1; 16]));
            let mut certificate = terminal_certificate(|_| {});
            certificate.slots = certificate.slots.with(Slot::new(script.byte() % 16).unwrap());
            let signature = KEYS.terminal.sign(&message).unwrap();
            plain(Command::Open(OpenRequest { terminal_challenge: Challenge([1; 16]), certificate, signature }))
        }
        13 => plain(Command::ReadCertificate),
        14 => plain(Command::Block(super::card_kit::UNSIGNED)),
        _ => plain(Command::ReadKey),
    }
}

/// The card's memory as it is stored, for the targets about files.
pub(super) fn storage() -> MemoryStorage {
    let mut desk = Desk::opened();
    desk.debited(seat(1));
    desk.debited(seat(2));
    desk.reversed(back(2, 3));
    desk.storage
}
