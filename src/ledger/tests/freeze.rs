//! A ledger in which everything is that a program of this schema writes, and how it is kept for the programs to come.
//!
//! `PASS_FREEZE=tests/frozen cargo test --lib ledger::tests::freeze` writes it there, as `ledger-vN.db` with its keys beside it in `ledger-vN.txt`; the keys are made for it
//! and are nobody's. That is done once a schema, by its last program: [`super::frozen`] asks for it as soon as there is a newer one.

use std::path::Path;

use super::fixture::*;
use super::frozen::{Frozen, sells_on};
use crate::crypto::{Ed25519Key, P256Key};
use crate::domain::card::CardStatus;
use crate::domain::cashier::{CashierName, Role};
use crate::domain::closing::PeriodKind;
use crate::domain::entry::{
    Body, CardRead, Intent, Learnt, Parts, Purpose, ReadReason, RefusedCard, Tender, Tenders, UndoRequest,
};
use crate::domain::payment::{Doubt, NotPaid, PaymentState, Said, Way};
use crate::domain::refusal::{DenialReason, Refusal};
use crate::domain::verdict::Verdict;
use crate::domain::version::{RequiredVersion, Version};
use crate::domain::*;
use crate::ledger::schema::SCHEMA_VERSION;
use crate::ledger::*;
use crate::wire::feed::{Denial, EntryVerdict, Item, RecordsWanted};

const MANAGER: CashierId = CashierId::new(1);

/// Makes the ledger of a terminal that has lived; its directory, and what is kept beside it. The last card's sale is in doubt.
fn lived() -> (World, Frozen) {
    let mut world = World::of(&[], Ed25519Key::generate().unwrap().1);
    std::fs::remove_file(world.database()).unwrap();
    let mut ledger = Ledger::create(world.dir.path(), world.key(), &world.region.enrolment(), NOW).unwrap();
    let (card_key, pkcs8) = P256Key::generate().unwrap();
    let mut card = world.card_of(card_key);
    let mut other = world.card();

    let (changed, entry_key) = Ed25519Key::generate().unwrap();
    ledger.change_keys(NOW, changed, &P256Key::generate().unwrap().0).unwrap();
    sold_and_undone(&mut ledger, &mut card);
    settled_otherwise(&mut ledger, &mut other);
    told_and_answered(&world, &mut ledger, &other);
    under_a_cashier(&mut ledger, &mut other);
    closed_and_printed(&mut ledger);
    paid_on_the_bank_terminal(&mut ledger, &mut other);

    let doubt = card.intent(99);
    ledger.store_intent(&doubt, &card.certificate).unwrap();
    let head = ledger.view().head();
    drop(ledger);
    (world, Frozen { entry_key, card_key: pkcs8, card: card.counters(), head })
}

/// Two sales, the second undone; one that was given up and was done all the same.
fn sold_and_undone(ledger: &mut Ledger, card: &mut Card) {
    sell(ledger, card, 1);
    let debit = sell(ledger, card, 2);
    undo(ledger, card, 3, debit);
    let given_up = card.intent(4);
    ledger.store_intent(&given_up, &card.certificate).unwrap();
    let proof = card.does(&given_up);
    ledger.abandon(given_up.transaction, NOW, None).unwrap();
    ledger.settle(given_up.transaction, NOW, done(&given_up, proof, Learnt::FromRecords, true)).unwrap();
}

/// One that the card did not do, one that the region is to take back, a card that was refused, and one that was read.
fn settled_otherwise(ledger: &mut Ledger, card: &mut Card) {
    let intent = card.intent(11);
    ledger.store_intent(&intent, &card.certificate).unwrap();
    ledger.settle(intent.transaction, NOW, not_done(&intent, false)).unwrap();
    let debit = sell(ledger, card, 12);
    let asked = UndoRequest {
        card: card.number(),
        debit: debit.sequence,
        debit_counter: Counter::new(card.counter),
        returned: cents(100),
        tender: Tender::Cash.into(),
        request: RequestId::new([13; 16]),
    };
    ledger.append(NOW, Body::UndoRequest(asked), None).unwrap();
    let refused = RefusedCard { card: None, refusal: Refusal::CardNotGenuine, certificate: vec![7; 40] };
    ledger.append(NOW, Body::Refused(refused), None).unwrap();
    let (challenge, state) = card.state();
    assert_eq!(state.status, CardStatus::InUse);
    let certificate = intent.certificate;
    let reason = ReadReason::SeasonEnd;
    let read = CardRead { card: card.number(), certificate, reason, challenge, state, records: Vec::new() };
    ledger.append(NOW, Body::CardRead(read), None).unwrap();
    ledger.append(NOW, started(), None).unwrap();
}

/// An exchange by line, with what the region may want and say, and one that somebody carries.
fn told_and_answered(world: &World, ledger: &mut Ledger, card: &Card) {
    let denied = CardNumber::from_account(925_999_999_999_999).unwrap();
    let mut certificate = ledger.view().certificates()[0];
    certificate.key_serial = KeySerial::new(2);
    let items = vec![
        Item::Denial(Denial { card: denied, reason: DenialReason::Lost, denied_at: NOW, block: None }),
        Item::Entitlement(world.region.entitlement(card.number(), 2)),
        Item::RecordsWanted(RecordsWanted { card: card.number(), from: Counter::new(1), to: Counter::new(9) }),
        // The certificate of before is kept, under its region key.
        Item::KeyCertificate(world.region.key_certificate(2)),
        Item::TerminalCertificate(certificate),
        Item::RequiredVersion(RequiredVersion { version: Version::parse("9.0.0").unwrap(), by: NOW }),
        Item::Verdict(EntryVerdict { sequence: Sequence::new(2), version: 1, verdict: Verdict::Payable }),
    ];
    exchange(world, ledger, 21, &[(1, with_items(world.region.page(0, 1, NOW, &[denied]), items))]).unwrap();
    let health = request(ledger, 22).health;
    ledger.export(RequestId::new([22; 16]), NOW, health).unwrap();
}

/// A cashier, and a sale of hers.
fn under_a_cashier(ledger: &mut Ledger, card: &mut Card) {
    const PIN: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA";
    let by = By { cashier: None, now: NOW };
    ledger.add_cashier(by, &CashierName::new("Inès").unwrap(), Role::Manager, PIN).unwrap();
    let intent = Intent { cashier: Some(MANAGER), ..card.intent(31) };
    ledger.store_intent(&intent, &card.certificate).unwrap();
    let proof = card.does(&intent);
    ledger.settle(intent.transaction, NOW, done(&intent, proof, Learnt::AtOnce, false)).unwrap();
}

/// The day, with its drawer counted, and a receipt that was handed out twice.
fn closed_and_printed(ledger: &mut Ledger) {
    let by = By { cashier: Some(MANAGER), now: NOW.plus(60) };
    let counted = Counted { float: cents(5000), counted: Some(cents(5390)) };
    ledger.close(by, PeriodKind::Day, counted).unwrap();
    for _ in 0..2 {
        ledger.hand_out(by, Sequence::new(2)).unwrap();
    }
}

/// Collected before it was debited; refused; and one of which nobody knows the end.
fn paid_on_the_bank_terminal(ledger: &mut Ledger, card: &mut Card) {
    let by = By { cashier: Some(MANAGER), now: NOW.plus(120) };
    let pay = |ledger: &mut Ledger, name: u8, states: &[PaymentState]| {
        let (id, request) = (PaymentId::new([name; 16]), RequestId::new([name; 16]));
        ledger.ask_payment(by, AskedPayment { id, request, way: Way::Charge, amount: cents(100) }).unwrap();
        for state in states {
            ledger.payment_is(by, id, *state).unwrap();
        }
    };
    let paid = PaymentState::Approved { amount: cents(100), said: Said::ByTpe };
    pay(ledger, 51, &[PaymentState::Sent, paid]);
    let mut intent = card.intent(51);
    if let Purpose::Sale { sale, .. } = &mut intent.purpose {
        sale.tender = Tender::Tpe.into();
    }
    ledger.store_intent(&intent, &card.certificate).unwrap();
    let proof = card.does(&intent);
    ledger.settle(intent.transaction, by.now, done(&intent, proof, Learnt::AtOnce, false)).unwrap();
    // One in parts, of which the bank terminal took more than its own: the rest is held.
    pay(ledger, 54, &[PaymentState::Sent, paid]);
    let mut intent = card.intent(54);
    if let Purpose::Sale { sale, .. } = &mut intent.purpose {
        sale.tender = Tenders::Parts(Parts::new([(Tender::Cash, cents(30)), (Tender::Tpe, cents(70))]).unwrap());
    }
    ledger.store_intent(&intent, &card.certificate).unwrap();
    let proof = card.does(&intent);
    ledger.settle(intent.transaction, by.now, done(&intent, proof, Learnt::AtOnce, false)).unwrap();
    pay(ledger, 52, &[PaymentState::Refused(NotPaid::Unreachable)]);
    pay(ledger, 53, &[PaymentState::Sent, PaymentState::Unknown(Doubt::NoAnswer)]);
}

#[test]
fn a_ledger_of_this_schema_has_all_that_can_be_written_and_would_be_brought_up() {
    let (world, frozen) = lived();
    let file = rusqlite::Connection::open(world.database()).unwrap();
    let list = |sql: &str| -> Vec<String> {
        let mut statement = file.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    for table in list(tables) {
        let rows: u32 = file.query_row(&format!("SELECT count(*) FROM \"{table}\""), [], |row| row.get(0)).unwrap();
        assert!(rows > 0, "nothing of this ledger's life is in the table {table}: let something happen");
    }
    // The kinds that the table lets in.
    let entry = list("SELECT sql FROM sqlite_schema WHERE name = 'entry'").concat();
    let kinds = entry.split("kind IN (").nth(1).unwrap().split(')').next().unwrap();
    let written = list("SELECT DISTINCT kind FROM entry");
    for kind in kinds.split('\'').skip(1).step_by(2) {
        assert!(written.iter().any(|written| written == kind), "no entry is a {kind}: let one be written");
    }
    drop(file);

    let bytes = std::fs::read(world.database()).unwrap();
    if let Some(place) = std::env::var_os("PASS_FREEZE") {
        let place = Path::new(&place).join(format!("ledger-v{SCHEMA_VERSION}.db"));
        std::fs::write(place.with_extension("txt"), frozen.to_string()).unwrap();
        std::fs::write(place, &bytes).unwrap();
    }
    sells_on(&bytes, SCHEMA_VERSION, &frozen);
}
