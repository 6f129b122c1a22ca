//! The table of checks and status words, one test a row.

use pass::domain::card::{Challenge, DebitOrder, ReversalOrder};
use pass::domain::ids::{Counter, EntitlementSerial, KeySerial, TerminalId};
use pass::domain::purse::{Amounts, Slots};
use pass::domain::time::{Season, Timestamp};
use pass::virtual_card::{CardMemory, IssuedMemory};
use pass::wire::apdu::StatusWord;
use pass::wire::card::{Case4, Command};

use crate::kit::{
    BOOKS, CINEMA, Desk, KEYS, NOW, SEASON, TERMINAL, UNSIGNED, back, done, entitled, entitlement, issued,
    key_certificate, number, other_number, seat, terminal_certificate, transaction, unhex,
};

const DONE: StatusWord = StatusWord::DONE;

/// Something a terminal does.
type Act<T> = fn(&mut Desk) -> T;

fn card(memory: IssuedMemory) -> CardMemory {
    CardMemory::Issued(Box::new(memory))
}

#[test]
fn row_6e00_class_unknown() {
    for header in ["01A4040000", "90540000", "FF000000", "84540000"] {
        assert_eq!(Desk::opened().status(&unhex(header)), StatusWord::CLASS_UNKNOWN, "{header}");
        assert_eq!(Desk::with(entitled()).status(&unhex(header)), StatusWord::CLASS_UNKNOWN, "unselected, {header}");
    }
}

#[test]
fn row_6d00_instruction_unknown() {
    // GET RESPONSE does not exist on T=1; instructions do not change class; the blank card's are gone for good.
    for header in ["00C0000000", "0054000000", "80A4040000", "80E0000000", "80E2000000", "8052000000"] {
        assert_eq!(Desk::opened().status(&unhex(header)), StatusWord::INSTRUCTION_UNKNOWN, "{header}");
    }
}

#[test]
fn row_6d00_anything_but_select_before_a_select() {
    let mut desk = Desk::with(entitled());
    for header in ["00B0810000", "00B0830000", "00B2011C00", "80500000", "8054FFFF", "8056", "80580000", "805A0000"] {
        let expected = if header.len() < 8 { StatusWord::WRONG_LENGTH } else { StatusWord::INSTRUCTION_UNKNOWN };
        assert_eq!(desk.status(&unhex(header)), expected, "{header}");
    }
    assert_eq!(desk.status(&Command::Select.encode(Case4::WithLe)), DONE);
    assert_eq!(desk.status(&unhex("00B0810000")), DONE);
    desk.power_loss();
    assert_eq!(desk.status(&unhex("00B0810000")), StatusWord::INSTRUCTION_UNKNOWN, "a reset unselects");
}

#[test]
fn row_6d00_a_blank_card_knows_select_generate_key_and_store() {
    let mut desk = Desk::with(CardMemory::BLANK);
    assert_eq!(desk.status(&unhex("80E0000000")), StatusWord::INSTRUCTION_UNKNOWN, "before SELECT");
    desk.select();
    for header in ["00B0810000", "00B2011C00", "80500000", "80540000", "80560000", "80580000", "805A0000", "805C0000"] {
        assert_eq!(desk.status(&unhex(header)), StatusWord::INSTRUCTION_UNKNOWN, "{header}");
    }
    assert_eq!(desk.status(&unhex("80E0000000")), DONE);
    assert_eq!(desk.status(&unhex("80E2000000")), StatusWord::WRONG_LENGTH);
}

#[test]
fn row_6700_wrong_length() {
    for apdu in [
        "",
        "00",
        "00A404",
        "00A40400",
        "00A4040000",
        "00A404000AF05041535352454701",
        "00A4040009F050415353524547010000",
        "00B08100",
        "00B081000000",
        "00B2011C",
        "8050000000",
        "80540000",
        // An extended length is no short APDU.
        "00A4040000000 9F05041535352454701",
    ] {
        let apdu = unhex(&apdu.replace(' ', ""));
        assert_eq!(Desk::opened().status(&apdu), StatusWord::WRONG_LENGTH, "{apdu:02x?}");
    }
}

#[test]
fn row_6a86_wrong_p1_or_p2() {
    let mut desk = Desk::opened();
    for (apdu, name) in [
        ("00A4000009F05041535352454701", "SELECT by file identifier"),
        ("00A4040C09F05041535352454701", "SELECT without answer"),
        ("00B0000000", "READ BINARY of the current file"),
        ("00B0810100", "READ BINARY from an offset"),
        ("00B0C10000", "READ BINARY, a bit that has no meaning"),
        ("00B2011D00", "READ RECORD, all from n"),
    ] {
        assert_eq!(desk.status(&unhex(apdu)), StatusWord::WRONG_P1_P2, "{name}");
    }
    let mut commands: Vec<Vec<u8>> = vec![
        Command::PutEntitlement(entitlement(|_| {})).encode(Case4::WithLe),
        Command::PutKey(key_certificate(4, &KEYS.next_region)).encode(Case4::WithLe),
        Command::Block(UNSIGNED).encode(Case4::WithLe),
        desk.open_command().encode(Case4::WithLe),
        desk.reverse_command(back(1, 1)).encode(Case4::WithLe),
    ];
    for apdu in &mut commands {
        for at in [2, 3] {
            apdu[at] = 1;
            assert_eq!(Desk::opened().status(apdu), StatusWord::WRONG_P1_P2, "{:02x?}", &apdu[..4]);
            apdu[at] = 0;
        }
    }
}

#[test]
fn row_6a86_slot_over_15() {
    for (slot, p2) in [(16, 0), (255, 0), (0, 1)] {
        let mut desk = Desk::opened();
        let mut apdu = desk.debit_command(seat(1)).encode(Case4::WithLe);
        (apdu[2], apdu[3]) = (slot, p2);
        assert_eq!(desk.status(&apdu), StatusWord::WRONG_P1_P2, "slot {slot}, P2 {p2}");
    }
}

#[test]
fn row_6a82_another_application_or_file_or_one_that_is_not_there_yet() {
    let mut desk = Desk::with(card(issued()));
    desk.open();
    for (apdu, name) in [
        ("00A4040009F05041535352454702", "another version of the application"),
        ("00A4040007A0000000041010", "a payment application"),
        ("00A4040008F050415353524547", "a part of the name"),
        ("00B0840000", "file 4"),
        ("00B0800000", "file 0"),
        ("00B2012400", "records of file 4"),
        ("00B0820000", "no entitlement yet"),
    ] {
        assert_eq!(desk.status(&unhex(apdu)), StatusWord::NOT_FOUND, "{name}");
    }
    desk.select();
    assert_eq!(desk.status(&unhex("00B0820000")), StatusWord::NOT_FOUND, "no entitlement and no session");
}

#[test]
fn a_failed_select_changes_nothing() {
    let mut desk = Desk::opened();
    assert_eq!(desk.status(&unhex("00A4040009F05041535352454702")), StatusWord::NOT_FOUND);
    assert_eq!(desk.debit(seat(1)).status, DONE, "session and challenge are still there");
}

#[test]
fn row_6a80_amount_0() {
    assert_eq!(Desk::opened().debit(DebitOrder { amount: 0, ..seat(1) }).status, StatusWord::WRONG_DATA);
}

#[test]
fn row_6a80_another_version() {
    let mut desk = Desk::opened();
    let mut versioned = |command: Command, at: usize| {
        let mut apdu = command.encode(Case4::WithLe);
        apdu[at] = 2;
        assert_eq!(desk.status(&apdu), StatusWord::WRONG_DATA, "{:02x?}", &apdu[..4]);
    };
    versioned(Command::PutEntitlement(entitlement(|_| {})), 5);
    versioned(Command::PutKey(key_certificate(4, &KEYS.next_region)), 5);
    let mut desk = Desk::opened();
    let mut apdu = desk.open_command().encode(Case4::WithLe);
    apdu[5 + 16] = 0;
    assert_eq!(desk.status(&apdu), StatusWord::WRONG_DATA);
}

#[test]
fn row_6a80_another_cards_number() {
    let others = Command::PutEntitlement(entitlement(|new| new.card = other_number()));
    assert_eq!(Desk::opened().command(&others).status, StatusWord::WRONG_DATA);
    let mut no_number = Command::PutEntitlement(entitlement(|_| {})).encode(Case4::WithLe);
    no_number[17] ^= 1;
    assert_eq!(Desk::opened().status(&no_number), StatusWord::WRONG_DATA);
}

#[test]
fn row_6983_a_blocked_card_refuses_every_change_and_still_speaks() {
    let mut desk = Desk::opened();
    done(&desk.debit(seat(1)));
    assert_eq!(desk.block(), DONE);
    let state = desk.open();
    assert_eq!(state.status, pass::domain::card::CardStatus::Blocked);
    assert_eq!(desk.debit(seat(2)).status, StatusWord::BLOCKED);
    desk.open();
    assert_eq!(desk.reverse(back(1, 3)).status, StatusWord::BLOCKED);
    let newer = entitlement(|new| new.serial = EntitlementSerial::new(11));
    assert_eq!(desk.command(&Command::PutEntitlement(newer)).status, StatusWord::BLOCKED);
    assert_eq!(desk.command(&Command::PutKey(key_certificate(4, &KEYS.next_region))).status, StatusWord::BLOCKED);
    desk.open();
    assert!(desk.record(1).is_some());
    for read in [Command::ReadCertificate, Command::ReadKey, Command::ReadEntitlement] {
        assert_eq!(desk.command(&read).status, DONE);
    }
    assert_eq!(desk.block(), DONE, "BLOCK again is done");
    assert_eq!(desk.command(&Command::Block(UNSIGNED)).status, StatusWord::NOT_AUTHENTICATED);
}

#[test]
fn row_6987_signed_by_another_region_key_than_the_cards() {
    for serial in [2, 4] {
        let mut desk = Desk::with(entitled());
        desk.certificate = terminal_certificate(|terminal| terminal.key_serial = KeySerial::new(serial));
        desk.select();
        let open = desk.open_command();
        assert_eq!(desk.command(&open).status, StatusWord::OTHER_REGION_KEY);
        let newer =
            entitlement(|new| (new.key_serial, new.serial) = (KeySerial::new(serial), EntitlementSerial::new(11)));
        assert_eq!(desk.command(&Command::PutEntitlement(newer)).status, StatusWord::OTHER_REGION_KEY);
    }
}

#[test]
fn row_6982_no_challenge_where_one_is_needed() {
    // Each of these uses the challenge up, whatever becomes of it.
    let spenders: [(&str, Act<StatusWord>, StatusWord); 9] = [
        ("a DEBIT that is done", |desk| desk.debit(seat(1)).status, DONE),
        (
            "a DEBIT that is refused",
            |desk| desk.debit(DebitOrder { amount: 9, ..seat(1) }).status,
            StatusWord::CONDITIONS_NOT_MET,
        ),
        ("a DEBIT of a wrong length", |desk| desk.status(&unhex("8054000000")), StatusWord::WRONG_LENGTH),
        (
            "a DEBIT of a wrong slot",
            |desk| desk.status(&[&unhex("805410005A")[..], &[0; 90]].concat()),
            StatusWord::WRONG_P1_P2,
        ),
        ("a REVERSE", |desk| desk.reverse(back(9, 1)).status, StatusWord::NO_SUCH_RECORD),
        ("an OPEN that fails", |desk| desk.status(&unhex("80500000")), StatusWord::WRONG_LENGTH),
        (
            "a PUT KEY",
            |desk| desk.command(&Command::PutKey(key_certificate(3, &KEYS.region))).status,
            StatusWord::OUT_OF_SEASON,
        ),
        (
            "a PUT ENTITLEMENT",
            |desk| desk.command(&Command::PutEntitlement(entitlement(|_| {}))).status,
            StatusWord::OUT_OF_SEASON,
        ),
        ("a BLOCK", |desk| desk.command(&Command::Block(UNSIGNED)).status, StatusWord::NOT_AUTHENTICATED),
    ];
    for (name, spend, expected) in spenders {
        let mut desk = Desk::opened();
        assert_eq!(spend(&mut desk), expected, "{name}");
        assert_eq!(desk.debit(seat(2)).status, StatusWord::NOT_AUTHENTICATED, "after {name}");
        let open = desk.open_command();
        assert_eq!(desk.command(&open).status, StatusWord::NOT_AUTHENTICATED, "after {name}");
        assert_eq!(desk.debited(seat(2)).signature, desk.memory().records[0].signature, "SELECT and OPEN put it right");
    }
}

#[test]
fn what_does_not_use_the_challenge_up() {
    let mut desk = Desk::opened();
    for apdu in ["00B0810000", "00B0830000", "00B0820000", "00B2011C00", "FF000000", "80FF0000", "90540000", "00"] {
        desk.status(&unhex(apdu));
    }
    assert_eq!(desk.debit(seat(1)).status, DONE);
}

#[test]
fn row_6982_no_open_session_where_one_is_needed() {
    let entitlement_and_record = [Command::ReadEntitlement, Command::ReadRecord(1)];
    let closed = |desk: &mut Desk, name: &str| {
        for read in entitlement_and_record {
            assert_eq!(desk.command(&read).status, StatusWord::NOT_AUTHENTICATED, "{name}");
        }
    };
    let mut desk = Desk::with(entitled());
    desk.select();
    closed(&mut desk, "before OPEN");
    assert_eq!(desk.debit(seat(1)).status, StatusWord::NOT_AUTHENTICATED, "a challenge, but no session");
    let ends: [(&str, Act<()>); 5] = [
        ("SELECT", Desk::select),
        ("OPEN that fails", |desk| assert_eq!(desk.status(&unhex("80500000")), StatusWord::WRONG_LENGTH)),
        ("PUT ENTITLEMENT", |desk| {
            desk.command(&Command::PutEntitlement(entitlement(|_| {})));
        }),
        ("PUT KEY", |desk| {
            desk.command(&Command::PutKey(key_certificate(3, &KEYS.region)));
        }),
        ("BLOCK", |desk| {
            desk.command(&Command::Block(UNSIGNED));
        }),
    ];
    for (name, end) in ends {
        desk.open();
        assert_eq!(desk.command(&Command::ReadEntitlement).status, DONE);
        end(&mut desk);
        closed(&mut desk, name);
    }
    // The session outlives what used its challenge up.
    desk.open();
    done(&desk.debit(seat(1)));
    assert_eq!(desk.command(&Command::ReadEntitlement).status, DONE);
    assert_eq!(desk.record(1).unwrap().record.transaction, transaction(1));
}

#[test]
fn row_6982_a_signature_that_does_not_verify() {
    let mut desk = Desk::opened();
    desk.key = &KEYS.other_terminal;
    assert_eq!(desk.debit(seat(1)).status, StatusWord::NOT_AUTHENTICATED, "DEBIT");
    let mut desk = Desk::opened();
    desk.key = &KEYS.other_terminal;
    assert_eq!(desk.reverse(back(1, 1)).status, StatusWord::NOT_AUTHENTICATED, "REVERSE");
    desk.select();
    let open = desk.open_command();
    assert_eq!(desk.command(&open).status, StatusWord::NOT_AUTHENTICATED, "OPEN by another key than the certificate's");
    desk.key = &KEYS.terminal;
    desk.certificate.terminal = TerminalId::new(7002);
    desk.select();
    let open = desk.open_command();
    assert_eq!(desk.command(&open).status, StatusWord::NOT_AUTHENTICATED, "OPEN with a forged certificate");
    let mut forged = entitlement(|new| new.serial = EntitlementSerial::new(11));
    forged.granted = Amounts::ZERO.with(CINEMA, 500);
    assert_eq!(desk.command(&Command::PutEntitlement(forged)).status, StatusWord::NOT_AUTHENTICATED, "PUT ENTITLEMENT");
    let mut forged = key_certificate(4, &KEYS.next_region);
    forged.public_key = KEYS.other_terminal.public_key();
    assert_eq!(desk.command(&Command::PutKey(forged)).status, StatusWord::NOT_AUTHENTICATED, "PUT KEY");
    let others_block = KEYS.region.sign(&pass::wire::card::block_bytes(other_number())).unwrap();
    assert_eq!(
        desk.command(&Command::Block(others_block)).status,
        StatusWord::NOT_AUTHENTICATED,
        "BLOCK of another card"
    );
    let by_next = KEYS.next_region.sign(&pass::wire::card::block_bytes(number())).unwrap();
    assert_eq!(
        desk.command(&Command::Block(by_next)).status,
        StatusWord::NOT_AUTHENTICATED,
        "BLOCK by another region key"
    );
}

#[test]
fn row_6982_a_signature_over_an_old_challenge() {
    let mut desk = Desk::opened();
    let old = desk.debit_command(seat(1));
    desk.open();
    assert_eq!(desk.command(&old).status, StatusWord::NOT_AUTHENTICATED);
    desk.select();
    desk.challenge = Challenge([0; 16]);
    let open = desk.open_command();
    assert_eq!(desk.command(&open).status, StatusWord::NOT_AUTHENTICATED);
}

#[test]
fn row_6982_time_outside_the_terminal_certificate() {
    let certificate = Desk::opened().certificate;
    let first = certificate.issued_at;
    let last = certificate.not_after;
    for (time, expected) in [
        (first, DONE),
        (last, DONE),
        (first.minus(1), StatusWord::NOT_AUTHENTICATED),
        (last.plus(1), StatusWord::NOT_AUTHENTICATED),
        (Timestamp::EPOCH, StatusWord::NOT_AUTHENTICATED),
    ] {
        let mut desk = Desk::opened();
        assert_eq!(desk.debit(DebitOrder { time, ..seat(1) }).status, expected, "DEBIT at {time}");
        let mut desk = Desk::opened();
        done(&desk.debit(seat(1)));
        desk.open();
        assert_eq!(desk.reverse(ReversalOrder { time, ..back(1, 2) }).status, expected, "REVERSE at {time}");
    }
}

#[test]
fn row_6982_a_certificate_older_than_the_card_has_met() {
    let mut desk = Desk::with(entitled());
    let stolen = terminal_certificate(|terminal| {
        terminal.issued_at = NOW.minus(40 * 86_400);
        terminal.not_after = NOW;
    });
    let living = |issued_at: Timestamp| {
        terminal_certificate(|terminal| {
            terminal.terminal = TerminalId::new(7002);
            (terminal.issued_at, terminal.not_after) = (issued_at, issued_at.plus(45 * 86_400));
        })
    };
    let at = |time: Timestamp, name: u8| DebitOrder { time, ..seat(name) };
    // The living terminal's certificate is as old as the stolen one's last day: not yet older.
    desk.certificate = living(NOW);
    desk.debited(at(NOW, 1));
    desk.certificate = stolen;
    desk.debited(at(NOW, 2));
    // A second younger, but only read: nothing was written.
    desk.certificate = living(NOW.plus(1));
    desk.open();
    desk.certificate = stolen;
    desk.open();
    // Now debited with: the stolen key is dead on this card, also after a loss of power.
    desk.certificate = living(NOW.plus(1));
    desk.debited(at(NOW.plus(1), 3));
    desk.certificate = stolen;
    desk.power_loss();
    desk.select();
    let open = desk.open_command();
    assert_eq!(desk.command(&open).status, StatusWord::NOT_AUTHENTICATED);
}

#[test]
fn row_repeat_the_same_again_answers_the_same_and_changes_nothing() {
    let mut desk = Desk::with(entitled());
    let debit = desk.debited(seat(1));
    let memory = desk.memory();
    assert_eq!(desk.debited(seat(1)), debit);
    let reversal = desk.reversed(back(1, 2));
    assert_ne!(desk.memory(), memory);
    let memory = desk.memory();
    assert_eq!(desk.reversed(back(1, 2)), reversal);
    assert_eq!(desk.debited(seat(1)), debit, "also once it is reversed");
    assert_eq!(desk.memory(), memory);
    // It comes before the season and before what is left.
    let next = entitlement(|new| (new.season, new.serial) = (SEASON.next(), EntitlementSerial::new(11)));
    assert_eq!(desk.command(&Command::PutEntitlement(next)).status, DONE);
    assert_eq!(desk.debited(seat(1)), debit);
    assert_eq!(desk.reversed(back(1, 2)), reversal);
}

#[test]
fn row_6a83_no_such_record() {
    let mut desk = Desk::with(entitled());
    desk.debited(seat(1));
    desk.open();
    for n in [0, 2, 16, 17, 255] {
        assert_eq!(desk.command(&Command::ReadRecord(n)).status, StatusWord::NO_SUCH_RECORD, "record {n}");
    }
    desk.reversed(back(1, 2));
    for (counter, name) in [(0, "no counter"), (2, "a reversal"), (3, "not there yet")] {
        desk.open();
        assert_eq!(desk.reverse(back(counter, 3)).status, StatusWord::NO_SUCH_RECORD, "{name}");
    }
}

#[test]
fn the_seventeenth_record_pushes_the_first_out() {
    let mut desk = Desk::with(card(IssuedMemory {
        entitlement: Some(entitlement(|new| new.granted = Amounts::ZERO.with(CINEMA, 100))),
        ..issued()
    }));
    for name in 1..=17 {
        desk.debited(seat(name));
    }
    desk.open();
    let counters: Vec<u32> = (1..=16).map(|n| desk.record(n).unwrap().record.counter.get()).collect();
    assert_eq!(counters, (2..=17).rev().collect::<Vec<u32>>());
    assert_eq!(desk.record(17), None);
    assert_eq!(desk.reverse(back(1, 99)).status, StatusWord::NO_SUCH_RECORD);
    // A repeat of what is not kept any more is a new debit: this is why a terminal settles its doubts first.
    assert_eq!(desk.debited(seat(1)).counter, Counter::new(18));
}

#[test]
fn row_6984_debit_of_another_season_or_without_entitlement() {
    for season in [2016, 2018, 0] {
        let order = DebitOrder { season: Season::new(season), ..seat(1) };
        assert_eq!(Desk::opened().debit(order).status, StatusWord::OUT_OF_SEASON, "{season}");
    }
    let mut desk = Desk::with(card(issued()));
    desk.open();
    assert_eq!(desk.debit(seat(1)).status, StatusWord::OUT_OF_SEASON, "no entitlement");
    desk.open();
    let order = DebitOrder { season: Season::new(0), ..seat(1) };
    assert_eq!(desk.debit(order).status, StatusWord::OUT_OF_SEASON, "no entitlement is no season 0");
}

#[test]
fn row_6984_reversal_of_a_debit_of_another_season() {
    let mut desk = Desk::with(entitled());
    desk.debited(seat(1));
    let next = entitlement(|new| (new.season, new.serial) = (SEASON.next(), EntitlementSerial::new(11)));
    assert_eq!(desk.command(&Command::PutEntitlement(next)).status, DONE);
    desk.open();
    assert_eq!(desk.reverse(back(1, 2)).status, StatusWord::OUT_OF_SEASON);
}

#[test]
fn row_6984_an_entitlement_or_key_that_is_not_newer() {
    for (season, serial, expected) in [
        (2017, 10, StatusWord::OUT_OF_SEASON),
        (2017, 9, StatusWord::OUT_OF_SEASON),
        (2018, 10, StatusWord::OUT_OF_SEASON),
        (2016, 11, StatusWord::OUT_OF_SEASON),
        (2017, 11, DONE),
        (2018, 11, DONE),
        (2030, u32::MAX, DONE),
    ] {
        let mut desk = Desk::opened();
        let new = entitlement(|new| (new.season, new.serial) = (Season::new(season), EntitlementSerial::new(serial)));
        assert_eq!(desk.command(&Command::PutEntitlement(new)).status, expected, "season {season}, serial {serial}");
    }
    for (serial, expected) in [(2, StatusWord::OUT_OF_SEASON), (3, StatusWord::OUT_OF_SEASON), (4, DONE), (9, DONE)] {
        let put = Command::PutKey(key_certificate(serial, &KEYS.next_region));
        assert_eq!(Desk::opened().command(&put).status, expected, "key {serial}");
    }
}

#[test]
fn a_new_entitlement_keeps_the_consumption_of_its_season_and_forgets_that_of_another() {
    let mut desk = Desk::with(entitled());
    desk.debited(seat(1));
    let put = |desk: &mut Desk, season: Season, serial: u32| {
        let new = entitlement(|new| (new.season, new.serial) = (season, EntitlementSerial::new(serial)));
        assert_eq!(desk.command(&Command::PutEntitlement(new)).status, DONE);
        let state = desk.open();
        (state.season, state.entitlement_serial.get(), state.consumed.get(CINEMA), state.counter.get())
    };
    assert_eq!(put(&mut desk, SEASON, 11), (SEASON, 11, 1, 1));
    assert_eq!(put(&mut desk, SEASON.next(), 12), (SEASON.next(), 12, 0, 1));
}

#[test]
fn a_card_without_entitlement_opens_and_says_so() {
    let mut desk = Desk::with(card(issued()));
    let state = desk.open();
    assert_eq!((state.season.get(), state.entitlement_serial.get(), state.consumed), (0, 0, Amounts::ZERO));
    let put = |serial: u32| Command::PutEntitlement(entitlement(|new| new.serial = EntitlementSerial::new(serial)));
    assert_eq!(desk.command(&put(0)).status, StatusWord::OUT_OF_SEASON, "the card has serial 0");
    assert_eq!(desk.command(&put(1)).status, DONE);
}

#[test]
fn row_6986_a_certificate_for_another_season_than_the_cards() {
    let mut desk = Desk::with(entitled());
    desk.debited(seat(1));
    desk.certificate = terminal_certificate(|terminal| terminal.season = SEASON.next());
    let state = desk.open();
    assert_eq!(state.season, SEASON, "the card is opened and read all the same");
    assert_eq!(desk.command(&Command::ReadEntitlement).status, DONE);
    assert_eq!(desk.debit(seat(2)).status, StatusWord::NOT_THIS_TERMINAL);
    desk.open();
    assert_eq!(desk.reverse(back(1, 3)).status, StatusWord::NOT_THIS_TERMINAL);
}

#[test]
fn row_6986_a_slot_that_is_not_among_the_terminals() {
    let mut desk = Desk::opened();
    assert_eq!(desk.debit(DebitOrder { slot: BOOKS, ..seat(1) }).status, StatusWord::NOT_THIS_TERMINAL);
    desk.debited(seat(2));
    // A terminal that may not debit the slot any more can still take its own debit back.
    desk.certificate = terminal_certificate(|terminal| terminal.slots = Slots::new(0).with(BOOKS));
    assert_eq!(desk.reversed(back(1, 3)).consumed, 0);
}

#[test]
fn row_6986_reversal_of_another_terminals_debit() {
    let mut desk = Desk::with(entitled());
    desk.debited(seat(1));
    desk.certificate = terminal_certificate(|terminal| terminal.terminal = TerminalId::new(7002));
    desk.open();
    assert_eq!(desk.reverse(back(1, 2)).status, StatusWord::NOT_THIS_TERMINAL);
}

#[test]
fn row_6985_more_than_what_is_left() {
    // Five granted, one consumed before the card took part.
    for (amount, expected) in
        [(4, DONE), (5, StatusWord::CONDITIONS_NOT_MET), (u32::MAX, StatusWord::CONDITIONS_NOT_MET)]
    {
        assert_eq!(Desk::opened().debit(DebitOrder { amount, ..seat(1) }).status, expected, "{amount} seats");
    }
    let mut desk = Desk::with(entitled());
    assert_eq!(desk.debited(DebitOrder { amount: 3, ..seat(1) }).consumed, 3);
    assert_eq!(desk.debited(seat(2)).consumed, 4);
    desk.open();
    assert_eq!(desk.debit(seat(3)).status, StatusWord::CONDITIONS_NOT_MET);
    assert_eq!(desk.reversed(back(1, 4)).consumed, 1);
    assert_eq!(desk.debited(seat(5)).consumed, 2, "what was taken back can be had again");
    let record = desk.memory().records[0].record;
    assert_eq!(record.link, 1, "and the debit says that one reversal went before it");
}

#[test]
fn row_6985_a_debit_that_is_reversed_already() {
    let mut desk = Desk::with(entitled());
    desk.debited(seat(1));
    desk.reversed(back(1, 2));
    desk.open();
    assert_eq!(desk.reverse(back(1, 3)).status, StatusWord::CONDITIONS_NOT_MET);
}

#[test]
fn row_6985_a_repeat_that_differs() {
    let mut desk = Desk::with(entitled());
    desk.debited(seat(1));
    desk.reversed(back(1, 2));
    let memory = desk.memory();
    let debits = [
        ("slot", DebitOrder { slot: BOOKS, ..seat(1) }),
        ("season", DebitOrder { season: SEASON.next(), ..seat(1) }),
        ("amount", DebitOrder { amount: 2, ..seat(1) }),
        ("time", DebitOrder { time: NOW.plus(1), ..seat(1) }),
        ("operation", seat(2)),
    ];
    for (what, order) in debits {
        desk.open();
        assert_eq!(desk.debit(order).status, StatusWord::CONDITIONS_NOT_MET, "another {what}");
    }
    let reversals =
        [("link", back(2, 2)), ("time", ReversalOrder { time: NOW.plus(1), ..back(1, 2) }), ("operation", back(1, 1))];
    for (what, order) in reversals {
        desk.open();
        assert_eq!(desk.reverse(order).status, StatusWord::CONDITIONS_NOT_MET, "another {what}");
    }
    assert_eq!(desk.memory(), memory);
    // The same name at another terminal is another transaction.
    desk.certificate = terminal_certificate(|terminal| terminal.terminal = TerminalId::new(TERMINAL.get() + 1));
    assert_eq!(desk.debited(seat(1)).counter, Counter::new(3));
}
