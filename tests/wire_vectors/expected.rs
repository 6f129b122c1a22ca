//! What the vectors mean, as values. They tell one day of terminal 7001: a book is sold and taken back, a seat is given up and
//! turns out sold, another is to be given back by the region.

use pass::domain::card::{
    CardState, Challenge, Entitlement, KeyCertificate, Operation, PublicKey, Record, Signature, SignedRecord,
    TerminalCertificate,
};
use pass::domain::cashier::{Change, Role};
use pass::domain::catalogue::{Benefit, Catalogue, Code, Grant, Unit};
use pass::domain::closing::{
    BenefitTotal, Cash, Closing, Doubt, Doubts, Period, Perpetual, TenderTotal, Totals, UnknownPayment, UnknownPayments,
};
use pass::domain::entry::{
    Abandoned, Body, CardRead, Context, Debit, Intent, Learnt, NotDone, Parts, Purpose, ReadReason, RefusedCard,
    Reversal, Sale, TechnicalEvent, Tender, Tenders, UndoRequest,
};
use pass::domain::payment::{Doubt as PaymentDoubt, PaymentEnd, PaymentFact, Said, Way};
use pass::domain::policy::{Limit, Policy};
use pass::domain::refusal::{DenialReason, Refusal};
use pass::domain::verdict::{Contest, Verdict};
use pass::domain::{
    CardNumber, CashierId, Cents, Counter, Date, EntitlementSerial, EntryHash, KeySerial, PartnerId, PaymentId,
    RequestId, Season, Sequence, Slot, Timestamp, TransactionId,
};
use pass::wire::cbor::Opaque;
use pass::wire::exchange::{
    EnrolmentAnswer, EnrolmentRequest, ExchangeAnswer, ExchangeRequest, Head, Health, Receipt, TerminalStanding,
};
use pass::wire::feed::{Denial, EntryVerdict, FeedPage, Item, KeyWithdrawn, Partner, RecordsWanted};

use crate::{TERMINAL, VECTORS, array, bytes, entries, entry_key, exchanged};

/// When the first book is sold.
const NOW: Timestamp = Timestamp::new(1_506_852_000);
/// When the terminal was enrolled: a day before.
const ENROLLED: Timestamp = Timestamp::new(1_506_765_600);
const ANSWERED: Timestamp = NOW.plus(1302);
const SEASON: Season = Season::new(2017);

pub(crate) const FIRST_CONTEXT: Context =
    Context { catalogue_version: 1, feed_position: 0, policy_version: 1, last_exchange: ENROLLED };
pub(crate) const CONTEXT: Context =
    Context { catalogue_version: 1, feed_position: 12, policy_version: 1, last_exchange: NOW.minus(3600) };

pub(crate) fn card() -> CardNumber {
    CardNumber::new(9_250_170_000_000_017).unwrap()
}

fn denied_card() -> CardNumber {
    CardNumber::from_account(925_017_000_000_002).unwrap()
}

fn transaction(first: u8) -> TransactionId {
    TransactionId::new(sixteen(first))
}

/// Sixteen bytes that count.
fn sixteen(first: u8) -> [u8; 16] {
    std::array::from_fn(|index| first + index as u8)
}

fn request_id(name: u8) -> RequestId {
    RequestId::new([0xE0 | name; 16])
}

fn code(code: &str) -> Code {
    Code::new(code).unwrap()
}

fn slot(slot: u8) -> Slot {
    Slot::new(slot).unwrap()
}

const fn cents(cents: u32) -> Cents {
    Cents::from_u32(cents)
}

fn certificate_hash() -> [u8; 32] {
    pass::crypto::sha256(&bytes(&VECTORS["keys"]["card"], "certificate"))
}

/// The object that ends at this place of a payload: the vectors are the one source of signatures.
fn object<const N: usize>(payload: &[u8], begins_with: &[u8]) -> [u8; N] {
    let at = payload.windows(begins_with.len()).position(|window| window == begins_with).unwrap();
    payload[at..at + N].try_into().unwrap()
}

/// The record with the card's signature of it, out of the first entry that has it.
fn signed(record: Record) -> SignedRecord {
    let record = record.encode();
    let mut payloads = entries().iter().map(|entry| bytes(entry, "payload"));
    let payload = payloads.find(|payload| payload.windows(record.len()).any(|window| window == record)).unwrap();
    SignedRecord::decode(&object::<116>(&payload, &record)).unwrap()
}

/// In the order of their counters: a book, taken back; a seat; a seat; a seat that was paid in parts.
pub(crate) fn proofs() -> [SignedRecord; 5] {
    let book = Record {
        card: card(),
        operation: Operation::Debit,
        slot: slot(1),
        season: SEASON,
        amount: 350,
        link: 0,
        consumed: 350,
        counter: Counter::new(1),
        terminal: TERMINAL,
        transaction: transaction(0x00),
        time: NOW,
    };
    let book_back = Record {
        operation: Operation::Reversal,
        link: 1,
        consumed: 0,
        counter: Counter::new(2),
        transaction: transaction(0x10),
        time: NOW.plus(60),
        ..book
    };
    let lost_seat = Record {
        slot: slot(0),
        amount: 1,
        link: 1,
        consumed: 1,
        counter: Counter::new(3),
        transaction: transaction(0x30),
        time: NOW.plus(180),
        ..book
    };
    let seat = Record {
        consumed: 2,
        counter: Counter::new(4),
        transaction: transaction(0x40),
        time: NOW.plus(900),
        ..lost_seat
    };
    let parts_seat =
        Record { consumed: 3, counter: Counter::new(5), transaction: transaction(0x90), time: NOW.plus(2090), ..seat };
    [book, book_back, lost_seat, seat, parts_seat].map(signed)
}

/// The state that the card gave when it was read, and what it was asked with.
pub(crate) fn state() -> (CardState, Challenge) {
    let payload = bytes(&entries()[11], "payload");
    let state = CardState::decode(&object::<155>(&payload, b"\x00card challenge 2")).unwrap();
    let unsigned =
        (state.counter.get(), state.season, state.entitlement_serial.get(), state.consumed.as_array()[..2].to_vec());
    assert_eq!(unsigned, (4, SEASON, 10, vec![2, 0]));
    (state, Challenge(*b"terminal asks 01"))
}

fn sale(name: u8, benefit: &str, price: Option<u32>, supplement: u32, due: u32, tender: Tender) -> Sale {
    Sale {
        request: request_id(name),
        benefit: code(benefit),
        price: price.map(cents),
        supplement: cents(supplement),
        due: cents(due),
        tender: tender.into(),
    }
}

/// What happened, entry by entry.
pub(crate) fn bodies() -> Vec<Body> {
    let [book, book_back, lost_seat, seat, parts_seat] = proofs();
    let (certificate, entitlement_serial) = (certificate_hash(), EntitlementSerial::new(10));
    let lost_sale = || sale(5, "cinema", None, 150, 250, Tender::Cash);
    let debit = |proof, left, sale: Sale, collected, learnt, abandoned| {
        Body::Debit(Debit {
            proof,
            certificate,
            entitlement_serial,
            left,
            sale,
            collected: cents(collected),
            learnt,
            abandoned,
        })
    };
    let (other_sequence, other_hash) =
        (Sequence::new(16), EntryHash::new(pass::crypto::sha256(b"the head of the other branch")));
    vec![
        Body::Event(TechnicalEvent::Enrolled { replaces: None }),
        Body::Event(TechnicalEvent::Started { version: "0.1.0".to_owned() }),
        debit(book, 450, sale(1, "leisure-books", Some(1050), 0, 700, Tender::Cash), 700, Learnt::AtOnce, false),
        Body::Reversal(Reversal {
            proof: book_back,
            certificate,
            debit: Sequence::new(3),
            returned: cents(700),
            tender: Tender::Cash.into(),
            request: request_id(2),
            learnt: Learnt::AtOnce,
        }),
        Body::NotDone(NotDone {
            card: card(),
            transaction: transaction(0x20),
            counter_before: Counter::new(2),
            returned: cents(100),
            tender: Tender::Card.into(),
            request: request_id(3),
        }),
        Body::Abandoned(Abandoned {
            card: card(),
            transaction: transaction(0x30),
            counter_before: Counter::new(2),
            slot: slot(0),
            season: SEASON,
            amount: 1,
            returned: cents(250),
            tender: Tender::Cash.into(),
            request: request_id(5),
        }),
        debit(lost_seat, 4, lost_sale(), 0, Learnt::FromRecords, true),
        debit(seat, 3, sale(6, "cinema", None, 0, 100, Tender::Cheque), 100, Learnt::AtOnce, false),
        Body::UndoRequest(UndoRequest {
            card: card(),
            debit: Sequence::new(8),
            debit_counter: Counter::new(4),
            returned: cents(100),
            tender: Tender::Cash.into(),
            request: request_id(7),
        }),
        Body::Refused(RefusedCard { card: Some(denied_card()), refusal: Refusal::CardDenied, certificate: Vec::new() }),
        Body::Refused(RefusedCard {
            card: None,
            refusal: Refusal::CardNotGenuine,
            certificate: b"what it showed".to_vec(),
        }),
        Body::CardRead(CardRead {
            card: card(),
            certificate,
            reason: ReadReason::Wanted,
            challenge: state().1,
            state: state().0,
            records: vec![seat, lost_seat],
        }),
        Body::Event(TechnicalEvent::ClockStep { from: NOW.plus(1020), to: NOW.plus(1100) }),
        Body::Event(TechnicalEvent::Joined { other_sequence, other_hash }),
        Body::Event(TechnicalEvent::Stopped),
        cashier_changed(1, Role::Manager),
        cashier_changed(2, Role::Cashier),
        Body::Event(TechnicalEvent::CashierLocked { cashier: CashierId::new(2), failures: 3 }),
        Body::NotDone(NotDone {
            card: card(),
            transaction: transaction(0x70),
            counter_before: Counter::new(4),
            returned: cents(100),
            tender: Tender::Cash.into(),
            request: request_id(10),
        }),
        Body::Event(TechnicalEvent::Duplicate { entry: Sequence::new(8), count: 1 }),
        closing(Period::Day(Date::new(2017, 10, 1).unwrap()), 20),
        closing(Period::Month(2017, 10), 21),
        closing(Period::Year(2017), 22),
        payment(0x10, 0x30, Way::Charge, 100, PaymentEnd::Paid { amount: cents(100), said: Said::ByTpe }),
        payment(0x20, 0x40, Way::Refund, 250, PaymentEnd::Unknown(PaymentDoubt::Closed)),
        payment(0x21, 0x41, Way::Charge, 150, PaymentEnd::Unknown(PaymentDoubt::Restarted)),
        payment(0x21, 0x41, Way::Charge, 150, PaymentEnd::NotPaid),
        Body::NotDone(NotDone {
            card: card(),
            transaction: transaction(0x80),
            counter_before: Counter::new(4),
            returned: cents(100),
            tender: Tender::Tpe.into(),
            request: RequestId::new(sixteen(0x50)),
        }),
        day_with_an_unknown_payment(),
        debit(
            parts_seat,
            1,
            Sale {
                request: RequestId::new(sixteen(0x60)),
                tender: parts([(Tender::Cash, 100), (Tender::Tpe, 150)]),
                ..sale(0, "cinema", None, 150, 250, Tender::Cash)
            },
            250,
            Learnt::AtOnce,
            false,
        ),
        Body::UndoRequest(UndoRequest {
            card: card(),
            debit: Sequence::new(30),
            debit_counter: Counter::new(5),
            returned: cents(250),
            tender: parts([(Tender::Cash, 100), (Tender::Tpe, 150)]),
            request: RequestId::new(sixteen(0x68)),
        }),
        Body::Abandoned(Abandoned {
            card: card(),
            transaction: transaction(0xA0),
            counter_before: Counter::new(5),
            slot: slot(0),
            season: SEASON,
            amount: 1,
            returned: cents(150),
            tender: parts([(Tender::Cash, 50), (Tender::Tpe, 100)]),
            request: RequestId::new(sixteen(0x70)),
        }),
        day_with_parts(),
    ]
}

fn parts<const N: usize>(parts: [(Tender, u32); N]) -> Tenders {
    Tenders::Parts(Parts::new(parts.map(|(tender, part)| (tender, cents(part)))).unwrap())
}

/// The third day: a sale in parts, undone, another one given up, and one in doubt.
fn day_with_parts() -> Body {
    let total = |tender, collected, given_up| TenderTotal {
        tender,
        sales: 1,
        collected: cents(collected),
        undone: 1,
        returned: cents(collected),
        given_up: cents(given_up),
    };
    let benefit = BenefitTotal { benefit: code("cinema"), debits: 1, debited: 1, undone: 1, given_back: 1 };
    let doubt = Doubt {
        card: card(),
        transaction: transaction(0xB0),
        collected: cents(100),
        tender: parts([(Tender::Cash, 30), (Tender::Tpe, 70)]),
    };
    Body::Closing(Closing {
        period: Period::Day(Date::new(2017, 10, 1).unwrap()),
        number: 3,
        from: Sequence::new(30),
        to: Sequence::new(32),
        opened: NOW.plus(2100),
        totals: Totals {
            benefits: vec![benefit],
            tenders: vec![total(Tender::Cash, 100, 50), total(Tender::Tpe, 150, 100)],
        },
        perpetual: Perpetual { absolute: cents(2100), net: Cents::ZERO },
        cash: Cash { taken: cents(130), given: cents(100), ..Cash::default() },
        doubts: Doubts::of(vec![doubt]),
        unknown_payments: UnknownPayments::default(),
    })
}

fn payment(name: u8, request: u8, way: Way, asked: u32, end: PaymentEnd) -> Body {
    Body::Event(TechnicalEvent::Payment(PaymentFact {
        payment: PaymentId::new(sixteen(name)),
        request: RequestId::new(sixteen(request)),
        way,
        asked: cents(asked),
        end,
    }))
}

/// The second day, of one sale that did not come about.
fn day_with_an_unknown_payment() -> Body {
    let tender = TenderTotal {
        tender: Tender::Tpe,
        sales: 0,
        collected: Cents::ZERO,
        undone: 0,
        returned: Cents::ZERO,
        given_up: cents(100),
    };
    let unknown = UnknownPayment { payment: PaymentId::new(sixteen(0x20)), way: Way::Refund, asked: cents(250) };
    Body::Closing(Closing {
        period: Period::Day(Date::new(2017, 10, 1).unwrap()),
        number: 2,
        from: Sequence::new(22),
        to: Sequence::new(28),
        opened: NOW.plus(1980),
        totals: Totals { benefits: Vec::new(), tenders: vec![tender] },
        perpetual: Perpetual { absolute: cents(1600), net: Cents::ZERO },
        cash: Cash::default(),
        doubts: Doubts::default(),
        unknown_payments: UnknownPayments { count: 1, payments: vec![unknown] },
    })
}

/// Whose the entries are: the first fifteen are of version 1, which knows no cashiers.
pub(crate) fn cashiers() -> Vec<Option<u16>> {
    let of_version_2 =
        [None, Some(1), None, Some(2), Some(1), Some(1), None, None, None, Some(2), None, Some(1), None, Some(1)];
    let in_parts = [Some(2), None, Some(1), Some(1)];
    [[None; 15].as_slice(), &of_version_2, &in_parts].concat()
}

fn cashier_changed(cashier: u16, role: Role) -> Body {
    Body::Event(TechnicalEvent::CashierChanged { cashier: CashierId::new(cashier), role, change: Change::Added })
}

/// The sums of the entries before, which are the same for the day, its month and its year.
fn closing(period: Period, to: u64) -> Body {
    let benefit = |name: &str, debits, debited, undone, given_back| BenefitTotal {
        benefit: code(name),
        debits,
        debited,
        undone,
        given_back,
    };
    let tender = |tender, sales, collected, undone, returned, given_up| TenderTotal {
        tender,
        sales,
        collected: cents(collected),
        undone,
        returned: cents(returned),
        given_up: cents(given_up),
    };
    let doubt =
        Doubt { card: card(), transaction: transaction(0x50), collected: Cents::ZERO, tender: Tender::Other.into() };
    Body::Closing(Closing {
        period,
        number: 1,
        from: Sequence::FIRST,
        to: Sequence::new(to),
        opened: NOW,
        totals: Totals {
            benefits: vec![benefit("cinema", 2, 2, 1, 1), benefit("leisure-books", 1, 350, 1, 350)],
            tenders: vec![
                tender(Tender::Cash, 2, 700, 2, 800, 350),
                tender(Tender::Card, 0, 0, 0, 0, 100),
                tender(Tender::Cheque, 1, 100, 0, 0, 0),
            ],
        },
        perpetual: Perpetual { absolute: cents(1600), net: Cents::ZERO },
        cash: Cash { float: cents(5000), taken: cents(700), given: cents(800), counted: Some(cents(4890)) },
        doubts: Doubts { count: 1, cash: Cents::ZERO, sales: vec![doubt] },
        unknown_payments: UnknownPayments::default(),
    })
}

fn head() -> Head {
    Head { sequence: Sequence::new(15), hash: EntryHash::new(array(&entries()[14], "hash")) }
}

fn exchange_id() -> RequestId {
    RequestId::new(sixteen(0xA0))
}

fn intent(name: u8, time: u32, purpose: Purpose) -> Intent {
    Intent {
        card: card(),
        certificate: certificate_hash(),
        counter_before: Counter::new(4),
        transaction: transaction(name),
        time: NOW.plus(time),
        purpose,
        cashier: None,
    }
}

pub(crate) fn request() -> ExchangeRequest {
    let sale = Purpose::Sale {
        slot: slot(1),
        season: SEASON,
        amount: 200,
        sale: sale(8, "leisure-books", Some(200), 0, 0, Tender::Other),
        entitlement_serial: EntitlementSerial::new(10),
        left: 600,
    };
    let undo = Purpose::Undo {
        debit: Sequence::new(8),
        debit_counter: Counter::new(4),
        returned: cents(100),
        tender: Tender::Cash.into(),
        request: request_id(9),
    };
    ExchangeRequest {
        protocol: 1,
        terminal: TERMINAL,
        request: exchange_id(),
        time: NOW.plus(1300),
        feed_position: 12,
        head: head(),
        entries: entries()[13..15].iter().map(|entry| Opaque(bytes(entry, "cose"))).collect(),
        in_doubt: vec![intent(0x50, 1150, sale), intent(0x60, 1160, undo)],
        cards: vec![card()],
        health: Health { version: "0.1.0".to_owned(), disk_free_bytes: 12_000_000_000 },
    }
}

pub(crate) fn receipt() -> Receipt {
    Receipt { terminal: TERMINAL, head: head(), time: ANSWERED, request: exchange_id() }
}

pub(crate) fn answer() -> ExchangeAnswer {
    ExchangeAnswer {
        protocol: 1,
        terminal: TERMINAL,
        request: exchange_id(),
        time: ANSWERED,
        receipt: Opaque(bytes(exchanged("receipt"), "cose")),
        pages: ["page", "empty_page"].map(|name| Opaque(bytes(exchanged(name), "cose"))).to_vec(),
        more: false,
        standing: TerminalStanding::Active,
        entitlements: vec![entitlement()],
    }
}

/// A sixth seat: the region gives the second one back.
fn entitlement() -> Entitlement {
    let items = bytes(exchanged("page"), "items");
    let begins_with =
        [[1, 0, 0, 0, 3].as_slice(), &card().get().to_be_bytes(), &SEASON.get().to_be_bytes(), &[0, 0, 0, 11]].concat();
    let entitlement = Entitlement::decode(&object::<211>(&items, &begins_with)).unwrap();
    assert_eq!(entitlement.granted.as_array()[..3], [6, 800, 0]);
    entitlement
}

fn catalogue() -> Catalogue {
    let seat = Unit::Seat { contribution: cents(100), region_pays: cents(450) };
    let benefit = |number, name, labels: (&str, &str), unit, activity, grants: &[(&str, u32)]| Benefit {
        slot: slot(number),
        code: code(name),
        label_fr: labels.0.to_owned(),
        label_en: labels.1.to_owned(),
        unit,
        activities: vec![code(activity)],
        grants: grants.iter().map(|(profile, amount)| Grant { profile: code(profile), amount: *amount }).collect(),
        once: false,
        redemption_max: None,
        day_max: None,
    };
    let books = ("Livres loisirs", "Leisure books");
    let licence = ("Licence sportive", "Sport licence");
    let benefits = vec![
        Benefit {
            redemption_max: Some(1),
            day_max: Some(2),
            ..benefit(0, "cinema", ("Cinéma", "Cinema"), seat, "cinema", &[("lycee", 5)])
        },
        Benefit {
            redemption_max: Some(350),
            ..benefit(1, "leisure-books", books, Unit::Cent, "bookshop", &[("apprenti", 800), ("lycee", 800)])
        },
        Benefit { once: true, ..benefit(2, "sport-licence", licence, Unit::Cent, "sports-club", &[("lycee", 3000)]) },
    ];
    Catalogue::new(SEASON, 2, benefits).unwrap()
}

const POLICY: Policy = Policy {
    version: 2,
    offline_hours: Limit { soft: 24, hard: 72 },
    waiting_entries: Limit { soft: 500, hard: 2000 },
    waiting_cents: Limit { soft: cents(200_000), hard: cents(1_000_000) },
    deny_list_hours: Limit { soft: 24, hard: 96 },
    all_entitlements: false,
};

fn partner() -> Partner {
    Partner { name: "Cinéma Le Rex & Librairie".to_owned(), activities: vec![code("bookshop"), code("cinema")] }
}

/// One item of every kind, and a verdict of every sort.
pub(crate) fn page() -> FeedPage {
    let items = bytes(exchanged("page"), "items");
    let next_key = KeyCertificate::decode(&object::<134>(&items, &[1, 0, 0, 0, 4, 4])).unwrap();
    let next_terminal = [[1, 0, 0, 0, 3].as_slice(), &TERMINAL.get().to_be_bytes()].concat();
    let next_terminal = TerminalCertificate::decode(&object::<154>(&items, &next_terminal)).unwrap();
    assert_eq!((next_terminal.issued_at, next_terminal.slots.get()), (NOW, 0b11));
    let verdict = |sequence, version, verdict| {
        Item::Verdict(EntryVerdict { sequence: Sequence::new(sequence), version, verdict })
    };
    let denied_at = NOW.minus(86_400);
    // The denial in CBOR: number, reason 2, time, and the head of the block signature.
    let before_block =
        [denied_card().get().to_be_bytes().as_slice(), &[2, 0x1A], &denied_at.get().to_be_bytes(), &[0x58, 64]]
            .concat();
    let [_, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, block @ ..] = object::<80>(&items, &before_block);
    FeedPage {
        terminal: TERMINAL,
        from: 12,
        to: 25,
        made_at: ANSWERED.minus(600),
        denied_count: 1,
        denied_digest: pass::crypto::sha256(&denied_card().get().to_be_bytes()),
        items: vec![
            Item::Catalogue(catalogue()),
            Item::Policy(POLICY),
            Item::Denial(Denial {
                card: denied_card(),
                reason: DenialReason::Stolen,
                denied_at,
                block: Some(Signature(block)),
            }),
            Item::Entitlement(entitlement()),
            Item::TerminalCertificate(next_terminal),
            Item::KeyCertificate(next_key),
            Item::RecordsWanted(RecordsWanted { card: card(), from: Counter::new(1), to: Counter::new(4) }),
            verdict(3, 1, Verdict::Contested(Contest::MissingReversal)),
            verdict(3, 2, Verdict::Contested(Contest::TakenBack)),
            verdict(8, 1, Verdict::Payable),
            verdict(12, 1, Verdict::Recorded),
            Item::KeyWithdrawn(KeyWithdrawn { serial: KeySerial::new(2) }),
            Item::Partner(partner()),
        ],
    }
}

pub(crate) fn enrolment_request() -> EnrolmentRequest {
    EnrolmentRequest {
        protocol: 1,
        terminal: TERMINAL,
        entry_key: entry_key().public_key().0,
        card_key: PublicKey(array(&VECTORS["keys"]["terminal, cards"], "public")),
    }
}

pub(crate) fn enrolment_answer() -> EnrolmentAnswer {
    let keys = &VECTORS["keys"];
    EnrolmentAnswer {
        protocol: 1,
        terminal: TERMINAL,
        partner_id: PartnerId::new(42),
        partner: partner(),
        replaces: None,
        time: ENROLLED,
        root_key: PublicKey(array(&keys["root"], "public")),
        region_keys: vec![KeyCertificate::decode(&bytes(&keys["region"], "certificate")).unwrap()],
        certificates: vec![TerminalCertificate::decode(&bytes(&keys["terminal, cards"], "certificate")).unwrap()],
        catalogues: vec![catalogue()],
        policy: POLICY,
    }
}
