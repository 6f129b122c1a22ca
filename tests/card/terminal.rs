//! The terminal's side and the card's side of the profile, face to face, on T=1 and on T=0.

use pass::card::{CannotOpen, InDoubt, Opener, TerminalKey, Trust};
use pass::crypto::TrustedKeys;
use pass::domain::card::{CardStatus, TerminalCertificate};
use pass::domain::ids::KeySerial;
use pass::virtual_card::{CardInReader, Effect, Fault, Faulty, InProcess, MemoryStorage, VirtualCard};
use pass::wire::apdu::{Protocol, Transport, TransportError};
use pass::wire::card::{Instruction, block_bytes};

use crate::kit::{CINEMA, KEYS, TERMINAL, back, entitled, key_certificate, number, seat, terminal_certificate};

type Reader = InProcess<Faulty<CardInReader>>;

fn reader(protocol: Protocol, plan: Vec<Fault>) -> Reader {
    let memory = entitled();
    let card = VirtualCard::new(memory.clone(), MemoryStorage::new(memory)).unwrap();
    InProcess::new(Faulty::new(CardInReader::new(card, protocol), plan), protocol)
}

fn open(reader: &mut Reader, certificate: TerminalCertificate) -> pass::card::Opened {
    let keys = [key_certificate(3, &KEYS.region), key_certificate(4, &KEYS.next_region)];
    let mut trusted = TrustedKeys::new(KEYS.root.public_key());
    keys.into_iter().for_each(|key| assert!(trusted.learn(key)));
    let mut trust = Trust::new(trusted);
    Opener { trust: &mut trust, terminal: TerminalKey { key: &KEYS.terminal, certificate } }.open(reader).unwrap()
}

#[test]
fn a_sale_and_its_reversal() {
    for protocol in [Protocol::T1, Protocol::T0] {
        let mut reader = reader(protocol, Vec::new());
        let mut opened = open(&mut reader, terminal_certificate(|_| {}));
        assert_eq!(opened.entitlement.unwrap().left(CINEMA, &opened.session.state().consumed), 4, "{protocol:?}");
        let debit = opened.session.debit(&mut reader, &KEYS.terminal, TERMINAL, seat(1)).unwrap();
        assert_eq!(opened.session.read_record(&mut reader, 1), Ok(debit), "{protocol:?}");
        let mut opened = open(&mut reader, terminal_certificate(|_| {}));
        let reversal = opened.session.reverse(&mut reader, &KEYS.terminal, &debit.record, back(1, 2)).unwrap();
        assert_eq!((reversal.record.counter.get(), reversal.record.consumed), (2, 0), "{protocol:?}");
    }
}

#[test]
fn five_commands_on_t1() {
    // The sixth command would make the card leave: it is never sent.
    let mut reader = reader(Protocol::T1, vec![Fault::nth(6, Effect::LeaveBefore)]);
    let mut opened = open(&mut reader, terminal_certificate(|_| {}));
    assert!(opened.session.debit(&mut reader, &KEYS.terminal, TERMINAL, seat(1)).is_ok());
    assert_eq!(reader.applet().happened(), []);
}

#[test]
fn whatever_happens_to_a_debit_it_is_in_doubt_until_the_card_is_opened_again() {
    let effects = [
        (Effect::LeaveBefore, 0),
        (Effect::LeaveAfter, 1),
        (Effect::Lie(pass::wire::apdu::StatusWord::CONDITIONS_NOT_MET), 1),
        (Effect::Garbage, 0),
    ];
    for (protocol, (effect, counter)) in
        [Protocol::T1, Protocol::T0].into_iter().flat_map(|protocol| effects.map(|effect| (protocol, effect)))
    {
        let mut reader = reader(protocol, vec![Fault::next(Instruction::Debit, effect)]);
        let mut opened = open(&mut reader, terminal_certificate(|_| {}));
        let debit = opened.session.debit(&mut reader, &KEYS.terminal, TERMINAL, seat(1));
        assert_eq!(debit, Err(InDoubt), "{protocol:?}, {effect:?}");
        reader.insert();
        let opened = open(&mut reader, terminal_certificate(|_| {}));
        assert_eq!(opened.session.state().counter.get(), counter, "{protocol:?}, {effect:?}");
        if counter == 1 {
            let record = opened.session.read_record(&mut reader, 1).unwrap().record;
            assert_eq!(record.transaction, seat(1).transaction, "{protocol:?}, {effect:?}");
        }
    }
}

#[test]
fn a_card_with_an_older_region_key_is_given_the_newer_one() {
    for protocol in [Protocol::T1, Protocol::T0] {
        let mut reader = reader(protocol, Vec::new());
        let mut renewed = terminal_certificate(|terminal| terminal.key_serial = KeySerial::new(4));
        renewed.signature = KEYS.next_region.sign(&renewed.signed_bytes()).unwrap();
        let mut opened = open(&mut reader, renewed);
        assert!(opened.session.debit(&mut reader, &KEYS.terminal, TERMINAL, seat(1)).is_ok(), "{protocol:?}");
    }
}

fn renewed() -> TerminalCertificate {
    let mut renewed = terminal_certificate(|terminal| terminal.key_serial = KeySerial::new(4));
    renewed.signature = KEYS.next_region.sign(&renewed.signed_bytes()).unwrap();
    renewed
}

fn trust() -> Trust {
    let mut trusted = TrustedKeys::new(KEYS.root.public_key());
    for key in [key_certificate(3, &KEYS.region), key_certificate(4, &KEYS.next_region)] {
        assert!(trusted.learn(key));
    }
    Trust::new(trusted)
}

/// A card that was blocked takes no newer region key: what it has done is read with a certificate under its own.
#[test]
fn a_card_that_was_blocked_before_a_new_region_key_is_read_with_a_former_certificate() {
    for protocol in [Protocol::T1, Protocol::T0] {
        let mut reader = reader(protocol, Vec::new());
        let mut opened = open(&mut reader, terminal_certificate(|_| {}));
        let debit = opened.session.debit(&mut reader, &KEYS.terminal, TERMINAL, seat(1)).unwrap();
        opened.session.block(&mut reader, KEYS.region.sign(&block_bytes(number())).unwrap());
        let mut trust = trust();
        let mut opener =
            Opener { trust: &mut trust, terminal: TerminalKey { key: &KEYS.terminal, certificate: renewed() } };
        let former = TerminalKey { key: &KEYS.terminal, certificate: terminal_certificate(|_| {}) };
        let opened = opener.open_or_read(&mut reader, &[former]).unwrap();
        assert_eq!(opened.session.state().status, CardStatus::Blocked, "{protocol:?}");
        assert_eq!(opened.session.read_record(&mut reader, 1), Ok(debit), "{protocol:?}");
        // Without one it is said what it is: not that the terminal is to blame.
        let mut opener =
            Opener { trust: &mut trust, terminal: TerminalKey { key: &KEYS.terminal, certificate: renewed() } };
        let refused = opener.open(&mut reader).map(|_| ());
        assert_eq!(refused, Err(CannotOpen::Blocked(number())), "{protocol:?}");
    }
}

/// A card that gives every answer in pieces of one byte, and never the last.
struct Endless(u32);

impl Transport for Endless {
    fn protocol(&self) -> Protocol {
        Protocol::T0
    }

    fn transmit(&mut self, _: &[u8]) -> Result<Vec<u8>, TransportError> {
        self.0 += 1;
        Ok(vec![0x6F, 0x61, 0x01])
    }
}

#[test]
fn a_card_whose_answer_never_ends_is_given_up() {
    let mut trust = Trust::new(TrustedKeys::new(KEYS.root.public_key()));
    let terminal = TerminalKey { key: &KEYS.terminal, certificate: terminal_certificate(|_| {}) };
    let mut card = Endless(0);
    let opened = Opener { trust: &mut trust, terminal }.open(&mut card);
    assert!(matches!(opened, Err(CannotOpen::Unreadable(None))), "{opened:?}");
    assert_eq!(card.0, 17, "the command, and sixteen times GET RESPONSE");
}
