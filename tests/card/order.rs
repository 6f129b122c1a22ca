//! The order of the checks: a command that is wrong in every way meets the rows of the table from the top, one step for each thing
//! put right. And what a new region key and the issuing of a card come to.

use pass::domain::card::{DebitOrder, ReversalOrder};
use pass::domain::ids::{CardNumber, EntitlementSerial, KeySerial, TerminalId};
use pass::domain::purse::Slot;
use pass::domain::time::{Season, Timestamp};
use pass::virtual_card::CardMemory;
use pass::wire::apdu::StatusWord;
use pass::wire::card::{Case4, Command};

use crate::kit::{
    CINEMA, Desk, KEYS, NOW, SEASON, UNSIGNED, back, card_certificate, entitled, entitlement, key_certificate, number,
    other_number, seat, terminal_certificate, transaction,
};

const DONE: StatusWord = StatusWord::DONE;

#[test]
fn debit_meets_the_checks_in_order() {
    // Wrong in every way: then one thing after the other is put right, and the next row answers.
    let mut desk = Desk::with(entitled());
    desk.debited(seat(1));
    let blocked = || {
        let mut desk = Desk::opened();
        desk.block();
        desk.select();
        desk
    };
    let free_slot = Slot::new(9).unwrap();
    let order = DebitOrder { slot: free_slot, season: Season::new(2018), amount: 0, time: Timestamp::EPOCH, ..seat(1) };
    let apdu = |desk: &Desk, order: DebitOrder| desk.debit_command(order).encode(Case4::WithLe);

    let mut ladder = blocked();
    let mut bytes = apdu(&ladder, order);
    (bytes[0], bytes[1], bytes[2]) = (0x90, 0x55, 0xFF);
    bytes.truncate(20);
    assert_eq!(ladder.status(&bytes), StatusWord::CLASS_UNKNOWN);
    bytes[0] = 0x80;
    assert_eq!(ladder.status(&bytes), StatusWord::INSTRUCTION_UNKNOWN);
    bytes[1] = 0x54;
    assert_eq!(ladder.status(&bytes), StatusWord::WRONG_LENGTH);
    bytes.resize(96, 0);
    assert_eq!(ladder.status(&bytes), StatusWord::WRONG_P1_P2);
    bytes[2] = 9;
    assert_eq!(ladder.status(&bytes), StatusWord::WRONG_DATA, "amount 0");
    let order = DebitOrder { amount: 5, ..order };
    let bytes = apdu(&ladder, order);
    assert_eq!(ladder.status(&bytes), StatusWord::BLOCKED);

    desk.select();
    let bytes = apdu(&desk, order);
    assert_eq!(desk.status(&bytes), StatusWord::NOT_AUTHENTICATED, "no session");
    desk.open();
    assert_eq!(desk.debit(order).status, StatusWord::NOT_AUTHENTICATED, "time");
    let order = DebitOrder { time: NOW, ..order };
    desk.open();
    assert_eq!(desk.debit(order).status, StatusWord::CONDITIONS_NOT_MET, "a repeat that differs");
    let order = DebitOrder { transaction: transaction(2), ..order };
    desk.open();
    assert_eq!(desk.debit(order).status, StatusWord::OUT_OF_SEASON);
    let order = DebitOrder { season: SEASON, ..order };
    desk.open();
    assert_eq!(desk.debit(order).status, StatusWord::NOT_THIS_TERMINAL);
    let order = DebitOrder { slot: CINEMA, ..order };
    desk.open();
    assert_eq!(desk.debit(order).status, StatusWord::CONDITIONS_NOT_MET, "more than is left");
    let order = DebitOrder { amount: 1, ..order };
    desk.open();
    assert_eq!(desk.debit(order).status, DONE);
}

#[test]
fn reverse_meets_the_checks_in_order() {
    let mut desk = Desk::with(entitled());
    desk.debited(seat(1));
    desk.reversed(back(1, 2));
    desk.debited(seat(3));
    // A debit of this season by another terminal is ATC 4.
    let own = desk.certificate;
    desk.certificate = terminal_certificate(|terminal| terminal.terminal = TerminalId::new(7002));
    desk.debited(seat(4));
    desk.certificate = own;

    let wrong = ReversalOrder { time: Timestamp::EPOCH, ..back(99, 2) };
    desk.select();
    assert_eq!(desk.reverse(wrong).status, StatusWord::NOT_AUTHENTICATED, "no session");
    desk.open();
    assert_eq!(desk.reverse(wrong).status, StatusWord::NOT_AUTHENTICATED, "time");
    desk.open();
    assert_eq!(desk.reverse(back(99, 2)).status, StatusWord::CONDITIONS_NOT_MET, "a repeat that differs");
    desk.open();
    assert_eq!(desk.reverse(back(99, 5)).status, StatusWord::NO_SUCH_RECORD);
    desk.open();
    assert_eq!(desk.reverse(back(4, 5)).status, StatusWord::NOT_THIS_TERMINAL);
    desk.open();
    assert_eq!(desk.reverse(back(1, 5)).status, StatusWord::CONDITIONS_NOT_MET, "reversed already");
    desk.open();
    assert_eq!(desk.reverse(back(3, 5)).status, DONE);
    // The season comes before whose debit it is.
    let next = entitlement(|new| (new.season, new.serial) = (SEASON.next(), EntitlementSerial::new(11)));
    assert_eq!(desk.command(&Command::PutEntitlement(next)).status, DONE);
    desk.open();
    assert_eq!(desk.reverse(back(4, 6)).status, StatusWord::OUT_OF_SEASON);
}

#[test]
fn open_and_put_meet_the_checks_in_order() {
    // OPEN: version, then another region key, then no challenge; a blocked card opens.
    let mut desk = Desk::opened();
    desk.certificate = terminal_certificate(|terminal| terminal.key_serial = KeySerial::new(9));
    desk.select();
    desk.debit(seat(1));
    let mut bytes = desk.open_command().encode(Case4::WithLe);
    bytes[21] = 7;
    assert_eq!(desk.status(&bytes), StatusWord::WRONG_DATA);
    bytes[21] = 1;
    assert_eq!(desk.status(&bytes), StatusWord::OTHER_REGION_KEY);
    desk.certificate = terminal_certificate(|_| {});
    let open = desk.open_command();
    assert_eq!(desk.command(&open).status, StatusWord::NOT_AUTHENTICATED);

    // PUT ENTITLEMENT: number, blocked, region key, signature, serial.
    let put = |card: CardNumber, key: u32| {
        let mut unsigned = entitlement(|new| (new.card, new.key_serial) = (card, KeySerial::new(key)));
        unsigned.signature = UNSIGNED;
        Command::PutEntitlement(unsigned)
    };
    let mut blocked = Desk::opened();
    blocked.block();
    assert_eq!(blocked.command(&put(other_number(), 9)).status, StatusWord::WRONG_DATA);
    assert_eq!(blocked.command(&put(number(), 9)).status, StatusWord::BLOCKED);
    assert_eq!(desk.command(&put(number(), 9)).status, StatusWord::OTHER_REGION_KEY);
    assert_eq!(desk.command(&put(number(), 3)).status, StatusWord::NOT_AUTHENTICATED);
    assert_eq!(desk.command(&Command::PutEntitlement(entitlement(|_| {}))).status, StatusWord::OUT_OF_SEASON);

    // PUT KEY: blocked, signature, serial.
    let mut unsigned = key_certificate(1, &KEYS.next_region);
    unsigned.signature = UNSIGNED;
    assert_eq!(blocked.command(&Command::PutKey(unsigned)).status, StatusWord::BLOCKED);
    assert_eq!(desk.command(&Command::PutKey(unsigned)).status, StatusWord::NOT_AUTHENTICATED);
    let old = Command::PutKey(key_certificate(1, &KEYS.next_region));
    assert_eq!(desk.command(&old).status, StatusWord::OUT_OF_SEASON);
}

#[test]
fn a_new_region_key_is_believed_and_the_old_one_is_not() {
    let mut desk = Desk::opened();
    assert_eq!(desk.command(&Command::PutKey(key_certificate(4, &KEYS.next_region))).status, DONE);
    desk.select();
    let open = desk.open_command();
    assert_eq!(desk.command(&open).status, StatusWord::OTHER_REGION_KEY);
    let mut renewed = desk.certificate;
    renewed.key_serial = KeySerial::new(4);
    renewed.signature = KEYS.next_region.sign(&renewed.signed_bytes()).unwrap();
    desk.certificate = renewed;
    desk.debited(seat(1));
    assert_eq!(desk.block(), StatusWord::NOT_AUTHENTICATED, "a block by the old key");
}

#[test]
fn issuing_refuses_what_does_not_chain() {
    let store_key = |serial: u32| Command::StoreKey {
        root: KEYS.root.public_key(),
        region_key: key_certificate(serial, &KEYS.region),
    };
    let mut desk = Desk::with(CardMemory::BLANK);
    desk.select();
    let early = Command::StoreCertificate(card_certificate(|_| {}));
    assert_eq!(desk.command(&early).status, StatusWord::NOT_AUTHENTICATED, "nothing to chain to");
    let made = desk.command(&Command::GenerateKey);
    let public_key = pass::domain::card::PublicKey(made.data.try_into().unwrap());

    let Command::StoreKey { root, region_key } = store_key(3) else { panic!() };
    let other_root = Command::StoreKey { root: KEYS.other_terminal.public_key(), region_key };
    assert_eq!(desk.command(&other_root).status, StatusWord::NOT_AUTHENTICATED);
    let mut bytes = Command::StoreKey { root, region_key }.encode(Case4::WithLe);
    bytes[5 + 65] = 2;
    assert_eq!(desk.status(&bytes), StatusWord::WRONG_DATA, "version");
    bytes[5 + 65] = 1;
    for (p1, p2, expected) in
        [(1, 0, StatusWord::WRONG_LENGTH), (2, 0, StatusWord::WRONG_P1_P2), (0, 1, StatusWord::WRONG_P1_P2)]
    {
        (bytes[2], bytes[3]) = (p1, p2);
        assert_eq!(desk.status(&bytes), expected, "STORE {p1} {p2}");
    }
    assert_eq!(desk.command(&store_key(3)).status, DONE);

    let certificate = card_certificate(|new| new.public_key = public_key);
    let serial = card_certificate(|new| (new.public_key, new.key_serial) = (public_key, KeySerial::new(4)));
    assert_eq!(desk.command(&Command::StoreCertificate(serial)).status, StatusWord::WRONG_DATA, "serial");
    assert_eq!(desk.command(&early).status, StatusWord::NOT_AUTHENTICATED, "another card's key");
    let mut forged = certificate;
    forged.card = other_number();
    assert_eq!(desk.command(&Command::StoreCertificate(forged)).status, StatusWord::NOT_AUTHENTICATED, "signature");
    let mut no_number = Command::StoreCertificate(certificate).encode(Case4::WithLe);
    no_number[17] ^= 1;
    assert_eq!(desk.status(&no_number), StatusWord::NOT_AUTHENTICATED, "no card number");

    assert_eq!(desk.command(&Command::StoreCertificate(certificate)).status, DONE);
    assert_eq!(desk.command(&Command::PutEntitlement(entitlement(|_| {}))).status, DONE);
    desk.debited(seat(1));
}
