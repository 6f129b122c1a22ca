//! Histories: whatever happens to a card, in whatever order, its purse stays right. A failure prints the history, shortened.

use pass::domain::card::{DebitOrder, Operation};
use pass::domain::ids::{Counter, EntitlementSerial, TerminalId};
use pass::domain::purse::{Amounts, Slot};
use pass::domain::time::Season;
use pass::virtual_card::IssuedMemory;
use pass::wire::apdu::{Answer, StatusWord, Transport as _};
use pass::wire::card::{Case4, ChangeAnswer, Command};
use proptest::prelude::*;

use crate::kit::{Desk, KEYS, SEASON, back, entitled, entitlement, seat, terminal_certificate};

/// One thing that happens to a card.
#[derive(Clone, Debug)]
enum Step {
    Select,
    Open {
        terminal: u32,
    },
    Debit {
        slot: u8,
        amount: u32,
        transaction: u8,
    },
    Reverse {
        counter: u32,
        transaction: u8,
    },
    /// The last APDU that was done, again, byte for byte.
    Replay,
    Grant {
        serial: u32,
        season: u16,
        seats: u32,
        opening: u32,
    },
    Block,
    PowerLoss,
    Noise(Vec<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    let transaction = 0..6_u8;
    prop_oneof![
        4 => Just(Step::Select),
        24 => (7001..7003_u32).prop_map(|terminal| Step::Open { terminal }),
        32 => (0..3_u8, 0..4_u32, transaction.clone())
            .prop_map(|(slot, amount, transaction)| Step::Debit { slot, amount, transaction }),
        20 => (0..12_u32, transaction).prop_map(|(counter, transaction)| Step::Reverse { counter, transaction }),
        12 => Just(Step::Replay),
        8 => (9..16_u32, 2016..2019_u16, 0..9_u32, 0..3_u32)
            .prop_map(|(serial, season, seats, opening)| Step::Grant { serial, season, seats, opening }),
        4 => Just(Step::PowerLoss),
        4 => prop::collection::vec(any::<u8>(), 0..12).prop_map(Step::Noise),
        1 => Just(Step::Block),
    ]
}

/// Plays one step and gives the answer to its last APDU, and the APDU.
fn play(desk: &mut Desk, step: &Step, last: &[u8]) -> (Vec<u8>, Answer) {
    let terminal_season = desk.memory().season();
    let apdu = match step {
        Step::Select => {
            desk.select();
            return (Vec::new(), Answer { data: Vec::new(), status: StatusWord::DONE });
        }
        Step::Open { terminal } => {
            desk.certificate = terminal_certificate(|certificate| {
                certificate.terminal = TerminalId::new(*terminal);
                certificate.season = terminal_season;
                certificate.slots = certificate.slots.with(Slot::new(1).unwrap());
            });
            desk.open();
            return (Vec::new(), Answer { data: Vec::new(), status: StatusWord::DONE });
        }
        Step::Debit { slot, amount, transaction } => {
            let order = DebitOrder {
                slot: Slot::new(*slot).unwrap(),
                amount: *amount,
                season: terminal_season,
                ..seat(*transaction)
            };
            desk.debit_command(order).encode(Case4::WithLe)
        }
        Step::Reverse { counter, transaction } => {
            desk.reverse_command(back(*counter, *transaction)).encode(Case4::WithLe)
        }
        Step::Replay => last.to_vec(),
        Step::Grant { serial, season, seats, opening } => {
            let granted = |seats| Amounts::ZERO.with(Slot::new(0).unwrap(), seats).with(Slot::new(1).unwrap(), seats);
            Command::PutEntitlement(entitlement(|new| {
                (new.serial, new.season) = (EntitlementSerial::new(*serial), Season::new(*season));
                (new.granted, new.opening) = (granted(*seats), granted(*opening));
            }))
            .encode(Case4::WithLe)
        }
        Step::Block => Command::Block(KEYS.region.sign(&pass::wire::card::block_bytes(crate::kit::number())).unwrap())
            .encode(Case4::WithLe),
        Step::PowerLoss => {
            desk.power_loss();
            return (Vec::new(), Answer { data: Vec::new(), status: StatusWord::DONE });
        }
        Step::Noise(bytes) => bytes.clone(),
    };
    let answer = desk.send(&apdu);
    (apdu, answer)
}

/// What one APDU may do to what lasts.
fn check_change(before: &IssuedMemory, after: &IssuedMemory, step: &Step, answer: &Answer) {
    let changed = before != after;
    assert!(!changed || answer.status == StatusWord::DONE, "changed, but answered {}", answer.status);
    if after.counter() == before.counter() {
        assert_eq!(after.records, before.records, "no counter without a record");
        let granted = after.entitlement_serial() > before.entitlement_serial();
        assert!(granted || after.consumed == before.consumed, "consumption changes by records and entitlements alone");
        return;
    }
    assert_eq!(Some(after.counter()), before.counter().next(), "one at a time");
    assert_eq!(after.records[1..], before.records[..before.records.len().min(15)], "the others stay as they were");
    let newest = after.records[0];
    assert!(pass::crypto::verify_p256(&KEYS.card.public_key(), &newest.record.signed_bytes(), &newest.signature));
    assert_eq!(ChangeAnswer::decode(&answer.data), Ok(ChangeAnswer::of(&newest)), "{step:?}");
    let (slot, amount) = (newest.record.slot, newest.record.amount);
    let entitlement = after.entitlement.unwrap();
    match newest.record.operation {
        Operation::Debit => {
            assert_eq!(after.consumed.get(slot), before.consumed.get(slot) + amount);
            let available = i64::from(entitlement.granted.get(slot)) - i64::from(entitlement.opening.get(slot));
            assert!(i64::from(after.consumed.get(slot)) <= available, "more than was granted");
            assert_eq!((newest.record.link, after.reversals), (before.reversals, before.reversals));
        }
        Operation::Reversal => {
            assert_eq!(after.consumed.get(slot), before.consumed.get(slot) - amount);
            assert_eq!(after.reversals, before.reversals + 1);
            let debit = before.records.iter().find(|signed| signed.record.counter.get() == newest.record.link).unwrap();
            assert_eq!((debit.record.amount, debit.record.slot), (amount, slot));
        }
    }
    assert_eq!(newest.record.consumed, after.consumed.get(slot));
}

/// The kept records of the present season account for every change that they tell of.
fn check_records(memory: &IssuedMemory) {
    for pair in memory.records.windows(2) {
        assert_eq!(pair[1].record.counter.next(), Some(pair[0].record.counter), "counters without gaps");
    }
    let reversed: Vec<u32> = memory
        .records
        .iter()
        .filter(|signed| signed.record.operation == Operation::Reversal)
        .map(|signed| signed.record.link)
        .collect();
    let distinct: std::collections::BTreeSet<_> = reversed.iter().collect();
    assert_eq!(distinct.len(), reversed.len(), "nothing is reversed twice");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn a_purse_stays_right_through_any_history(steps in prop::collection::vec(step(), 1..60)) {
        let mut desk = Desk::with(entitled());
        let mut last = Vec::new();
        for step in &steps {
            let before = desk.memory();
            let (apdu, answer) = play(&mut desk, step, &last);
            let after = desk.memory();
            check_change(&before, &after, step, &answer);
            check_records(&after);
            if matches!(step, Step::Replay) {
                prop_assert_eq!(&after, &before, "a command twice changes nothing twice");
            }
            if answer.status == StatusWord::DONE && !apdu.is_empty() {
                last = apdu;
            }
        }
    }

    /// Power is lost after each command: what lasts is what an undisturbed card has.
    #[test]
    fn power_loss_between_commands_changes_nothing_that_lasts(steps in prop::collection::vec(step(), 1..30)) {
        let mut desk = Desk::with(entitled());
        let mut last = Vec::new();
        for step in &steps {
            let (apdu, answer) = play(&mut desk, step, &last);
            let before = desk.memory();
            desk.power_loss();
            prop_assert_eq!(desk.memory(), before.clone());
            prop_assert_eq!(desk.status(&[0x00, 0xB0, 0x81, 0x00, 0x00]), StatusWord::INSTRUCTION_UNKNOWN);
            let state = desk.open();
            prop_assert_eq!(state.counter, before.counter());
            prop_assert_eq!(state.consumed, before.consumed);
            prop_assert_eq!(state.entitlement_serial, before.entitlement_serial());
            if answer.status == StatusWord::DONE && !apdu.is_empty() {
                last = apdu;
            }
        }
    }

    /// Any bytes at all, on a card in any phase.
    #[test]
    fn any_bytes_get_an_answer(
        apdus in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..40),
        known in prop::collection::vec((0..11_usize, any::<[u8; 2]>(), prop::collection::vec(any::<u8>(), 0..240)), 1..40),
    ) {
        let mut blank = Desk::with(pass::virtual_card::CardMemory::BLANK);
        blank.select();
        for desk in [&mut Desk::with(entitled()), &mut Desk::opened(), &mut blank] {
            for apdu in &apdus {
                prop_assert!(desk.card.transmit(apdu).unwrap().len() >= 2);
            }
            for (instruction, parameters, data) in &known {
                let header = pass::wire::card::Instruction::ALL[*instruction].bytes();
                let lc = [u8::try_from(data.len()).unwrap()];
                let apdu = [&header[..], &parameters[..], &lc[..], &data[..]].concat();
                prop_assert!(desk.card.transmit(&apdu).unwrap().len() >= 2);
            }
        }
    }
}

/// The strategy would be worth little if nothing of it ever happened.
#[test]
fn a_sale_twice_over_with_the_same_bytes_is_one_sale() {
    let mut desk = Desk::opened();
    let command = desk.debit_command(seat(1));
    assert_eq!(desk.command(&command).status, StatusWord::DONE);
    for _ in 0..3 {
        assert_eq!(desk.command(&command).status, StatusWord::NOT_AUTHENTICATED);
    }
    desk.open();
    assert_eq!(desk.command(&command).status, StatusWord::NOT_AUTHENTICATED);
    assert_eq!(desk.memory().counter(), Counter::new(1));
    assert_eq!(desk.memory().season(), SEASON);
}
