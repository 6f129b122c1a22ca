//! One row for every reason, and what holds for every history.

use proptest::prelude::*;

use super::*;
use crate::domain::card::{PublicKey, Signature, SignedRecord};
use crate::domain::catalogue::tests::{catalogue, code};
use crate::domain::entry::{Abandoned, Context, Learnt, Reversal, Sale, Tender};
use crate::domain::policy::tests::POLICY;
use crate::domain::purse::Slots;
use crate::domain::{Amounts, CardNumber, EntitlementSerial, EntryHash, KeySerial, PartnerId, RequestId, Sequence};

const HERE: TerminalId = TerminalId::new(1);
const THERE: TerminalId = TerminalId::new(2);
const NOON: Timestamp = Timestamp::new(1_795_862_400);
const SEASON: Season = Season::new(2026);
const CERTIFICATE: [u8; 32] = [7; 32];

fn slot(slot: u8) -> Slot {
    Slot::new(slot).unwrap()
}

fn number() -> CardNumber {
    CardNumber::from_account(925_000_000_000_000).unwrap()
}

/// Two seats of cinema, debited here: every story begins with it, as counter 1.
fn debit(counter: u32) -> Record {
    Record {
        card: number(),
        operation: Operation::Debit,
        slot: slot(0),
        season: SEASON,
        amount: 2,
        link: 0,
        consumed: 2,
        counter: Counter::new(counter),
        terminal: HERE,
        transaction: TransactionId::new([counter as u8; 16]),
        time: NOON,
    }
}

fn reversal(counter: u32, of: u32) -> Record {
    Record { operation: Operation::Reversal, link: of, ..debit(counter) }
}

fn signed(record: Record) -> SignedRecord {
    SignedRecord { record, signature: Signature([0; 64]) }
}

fn of_entry(terminal: TerminalId, body: Body) -> EntryFacts {
    let context = Context { catalogue_version: 1, feed_position: 0, policy_version: 1, last_exchange: NOON };
    let (sequence, previous) = (Sequence::FIRST, EntryHash::new([0; 32]));
    let certificate = TerminalCertificate {
        key_serial: KeySerial::new(1),
        terminal,
        partner: PartnerId::new(1),
        season: SEASON,
        slots: Slots::new(0b001),
        issued_at: NOON.minus(60),
        not_after: NOON.plus(60),
        public_key: PublicKey([4; 65]),
        signature: Signature([0; 64]),
    };
    EntryFacts {
        entry: Entry { terminal, sequence, previous, time: NOON, context, body, cashier: None },
        settled: true,
        certificates: vec![certificate],
        denied: false,
        suspended: false,
        past_policy: false,
        proven: true,
    }
}

fn debit_entry(terminal: TerminalId, record: Record) -> EntryFacts {
    let sale = Sale {
        request: RequestId::new([0; 16]),
        benefit: code("cinema"),
        price: None,
        supplement: Cents::ZERO,
        due: Cents::from_u32(200),
        tender: Tender::Cash.into(),
    };
    of_entry(
        terminal,
        Body::Debit(Debit {
            proof: signed(record),
            certificate: CERTIFICATE,
            entitlement_serial: EntitlementSerial::new(1),
            left: 3,
            sale,
            collected: Cents::from_u32(200),
            learnt: Learnt::AtOnce,
            abandoned: false,
        }),
    )
}

fn undone(counter: u32, given_back: Option<u32>) -> UndoneRow {
    UndoneRow { counter: Counter::new(counter), given_back: given_back.map(EntitlementSerial::new) }
}

fn entitlement(serial: u32, granted: u32, opening: u32) -> Entitlement {
    Entitlement {
        key_serial: KeySerial::new(1),
        card: number(),
        season: SEASON,
        serial: EntitlementSerial::new(serial),
        granted: Amounts::ZERO.with(slot(0), granted).with(slot(2), 3000),
        opening: Amounts::ZERO.with(slot(0), opening),
        signature: Signature([0; 64]),
    }
}

/// Five seats granted, two debited here, reported and in order.
fn facts() -> CardFacts {
    CardFacts {
        certificate: Some(CERTIFICATE),
        entitlements: vec![entitlement(1, 5, 0)],
        records: vec![debit(1)],
        abandoned: Vec::new(),
        undone: Vec::new(),
        late_charges: Vec::new(),
        catalogues: vec![catalogue()],
        entries: vec![debit_entry(HERE, debit(1))],
        orphans: Vec::new(),
    }
}

fn debit_of(facts: &mut CardFacts) -> &mut Debit {
    match &mut facts.entries[0].entry.body {
        Body::Debit(debit) => debit,
        _ => panic!("the first entry is a debit"),
    }
}

/// A change to the facts, and what becomes of the first debit.
type Row = (&'static str, fn(&mut CardFacts), Option<Contest>);

const TABLE: &[Row] = &[
    ("nothing else", |_| (), None),
    ("the region never made the card", |f| f.certificate = None, Some(Contest::UnknownCard)),
    ("another certificate", |f| debit_of(f).certificate = [8; 32], Some(Contest::UnknownCard)),
    ("the card did not sign it", |f| f.records.clear(), Some(Contest::CardProof)),
    ("another terminal brings it", |f| f.entries[0].entry.terminal = THERE, Some(Contest::OtherTerminal)),
    ("on a branch that is not settled", |f| f.entries[0].settled = false, Some(Contest::Forked)),
    ("a terminal without certificate", |f| f.entries[0].certificates.clear(), Some(Contest::NotAllowed)),
    ("another slot", |f| f.entries[0].certificates[0].slots = Slots::new(0b010), Some(Contest::NotAllowed)),
    ("another season", |f| f.entries[0].certificates[0].season = SEASON.next(), Some(Contest::NotAllowed)),
    ("before its certificate", |f| f.entries[0].certificates[0].issued_at = NOON.plus(1), Some(Contest::NotAllowed)),
    ("after its certificate", |f| f.entries[0].certificates[0].not_after = NOON.minus(1), Some(Contest::NotAllowed)),
    ("no catalogue of the season", |f| f.catalogues.clear(), Some(Contest::NotAllowed)),
    (
        "a second record for the counter",
        |f| f.records.push(Record { amount: 1, ..debit(1) }),
        Some(Contest::ClonedCounter),
    ),
    ("the same record twice", |f| f.records.push(debit(1)), None),
    ("taken back on the card", |f| f.records.push(reversal(2, 1)), Some(Contest::TakenBack)),
    ("another one taken back", |f| f.records.extend([debit(2), reversal(3, 2)]), None),
    ("taken back by the region", |f| f.undone.push(undone(1, None)), Some(Contest::TakenBack)),
    ("given up, says the entry", |f| debit_of(f).abandoned = true, Some(Contest::Abandoned)),
    (
        "given up, says another entry",
        |f| f.abandoned.push((HERE, TransactionId::new([1; 16]))),
        Some(Contest::Abandoned),
    ),
    ("something else given up", |f| f.abandoned.push((THERE, TransactionId::new([1; 16]))), None),
    ("the card was denied, and that was known", |f| f.entries[0].denied = true, Some(Contest::CardDenied)),
    ("the terminal was suspended, and knew", |f| f.entries[0].suspended = true, Some(Contest::TerminalSuspended)),
    ("past the policy", |f| f.entries[0].past_policy = true, Some(Contest::OfflinePolicy)),
    ("a reversal is missing", |f| f.records.push(Record { link: 1, ..debit(3) }), Some(Contest::MissingReversal)),
    (
        "a reversal is missing, of a later debit",
        |f| f.records.extend([debit(2), reversal(3, 2), Record { link: 1, ..debit(4) }]),
        None,
    ),
    (
        "a reversal is missing that was too late for this one",
        |f| f.records.extend((2..=17).map(debit).chain([Record { link: 1, ..debit(19) }])),
        None,
    ),
    (
        "a reversal is missing that was just in time",
        |f| f.records.extend((2..=16).map(debit).chain([Record { link: 1, ..debit(18) }])),
        Some(Contest::MissingReversal),
    ),
    ("nothing granted", |f| f.entitlements.clear(), Some(Contest::BeyondGrant)),
    ("just enough", |f| f.entitlements[0] = entitlement(1, 4, 2), None),
    ("not enough", |f| f.entitlements[0] = entitlement(1, 4, 3), Some(Contest::BeyondGrant)),
    ("not enough any more", |f| f.entitlements.push(entitlement(2, 1, 0)), Some(Contest::BeyondGrant)),
    ("granted for another season", |f| f.entitlements[0].season = SEASON.next(), Some(Contest::BeyondGrant)),
];

#[test]
fn every_reason_and_what_is_next_to_it() {
    for (what, change, expected) in TABLE {
        let mut facts = facts();
        change(&mut facts);
        let (verdict, payable) = judge(&facts).verdicts[0];
        match expected {
            None => assert_eq!((verdict, payable.get()), (Verdict::Payable, 900), "{what}"),
            Some(reason) => assert_eq!((verdict, payable), (Verdict::Contested(*reason), Cents::ZERO), "{what}"),
        }
    }
}

#[test]
fn the_table_has_every_reason_that_is_the_judges_to_give() {
    let elsewhere = [Contest::Unreadable, Contest::AlreadyPaid];
    for reason in Contest::ALL.iter().filter(|reason| !elsewhere.contains(reason)) {
        assert!(TABLE.iter().any(|row| row.2 == Some(*reason)), "{reason}");
    }
}

#[test]
fn of_two_reasons_the_first_in_the_list_is_given() {
    let mut facts = facts();
    TABLE.iter().filter(|row| row.2 == Some(Contest::OfflinePolicy)).for_each(|row| row.1(&mut facts));
    facts.records.push(reversal(2, 1));
    assert_eq!(judge(&facts).verdicts[0].0, Verdict::Contested(Contest::TakenBack));
    facts.entries[0].settled = false;
    assert_eq!(judge(&facts).verdicts[0].0, Verdict::Contested(Contest::Forked));
}

#[test]
fn a_record_is_paid_once_and_to_the_entry_that_came_first() {
    let mut facts = facts();
    facts.entries.push(debit_entry(HERE, debit(1)));
    facts.entries.insert(0, debit_entry(THERE, debit(1)));
    let verdicts: Vec<_> = judge(&facts).verdicts.iter().map(|verdict| verdict.0).collect();
    let contested = Verdict::Contested;
    assert_eq!(
        verdicts,
        [contested(Contest::OtherTerminal), Verdict::Payable, contested(Contest::AlreadyPaid)],
        "an entry that proves nothing takes nothing away"
    );
}

#[test]
fn debits_that_are_known_and_not_reported_yet_count_in_their_order() {
    let of_there = |counter| Record { terminal: THERE, ..debit(counter) };
    let mut facts = facts();
    // Two seats here, two there, one left: the third debit does not fit, whoever reports first.
    facts.records = vec![debit(1), of_there(2), debit(3)];
    facts.entries = vec![debit_entry(HERE, debit(1)), debit_entry(HERE, debit(3))];
    let verdicts = |facts: &CardFacts| judge(facts).verdicts.iter().map(|verdict| verdict.0).collect::<Vec<_>>();
    let beyond = Verdict::Contested(Contest::BeyondGrant);
    assert_eq!(verdicts(&facts), [Verdict::Payable, beyond]);
    facts.entries.push(debit_entry(THERE, of_there(2)));
    assert_eq!(verdicts(&facts), [Verdict::Payable, beyond, Verdict::Payable]);
    // What is not paid for another reason leaves its place.
    facts.entries[2].denied = true;
    assert_eq!(verdicts(&facts), [Verdict::Payable, Verdict::Payable, Verdict::Contested(Contest::CardDenied)]);
}

#[test]
fn entries_that_are_no_debits_are_on_record_when_the_card_proves_them() {
    let reversal_entry = |record| Reversal {
        proof: signed(record),
        certificate: CERTIFICATE,
        debit: Sequence::FIRST,
        returned: Cents::from_u32(200),
        tender: Tender::Cash.into(),
        request: RequestId::new([0; 16]),
        learnt: Learnt::AtOnce,
    };
    let abandoned = Abandoned {
        card: number(),
        transaction: TransactionId::new([9; 16]),
        counter_before: Counter::new(0),
        slot: slot(0),
        season: SEASON,
        amount: 2,
        returned: Cents::ZERO,
        tender: Tender::Cash.into(),
        request: RequestId::new([0; 16]),
    };
    let mut facts = facts();
    facts.records.push(reversal(2, 1));
    facts.entries = vec![
        of_entry(HERE, Body::Reversal(reversal_entry(reversal(2, 1)))),
        of_entry(HERE, Body::Reversal(reversal_entry(reversal(3, 1)))),
        of_entry(THERE, Body::Reversal(reversal_entry(reversal(2, 1)))),
        of_entry(HERE, Body::Abandoned(abandoned)),
    ];
    let verdicts: Vec<_> = judge(&facts).verdicts.iter().map(|verdict| verdict.0).collect();
    let contested = Verdict::Contested;
    let expected =
        [Verdict::Recorded, contested(Contest::CardProof), contested(Contest::OtherTerminal), Verdict::Recorded];
    assert_eq!(verdicts, expected);
}

#[test]
fn of_a_benefit_that_is_debited_once_the_rest_lapses() {
    let licence = |counter| Record { slot: slot(2), amount: 1000, ..debit(counter) };
    let mut facts = facts();
    facts.records = vec![licence(1), licence(2)];
    facts.entries = vec![debit_entry(HERE, licence(1)), debit_entry(HERE, licence(2))];
    facts.entries.iter_mut().for_each(|entry| entry.certificates[0].slots = Slots::new(0b100));
    let judged = judge(&facts).verdicts;
    assert_eq!(judged[0], (Verdict::Payable, Cents::from_u32(1000)));
    assert_eq!(judged[1].0, Verdict::Contested(Contest::BeyondGrant));
}

#[test]
fn the_records_that_may_hide_a_reversal_are_wanted() {
    let linked = |counter, link| Record { link, ..debit(counter) };
    type Row<'a> = (&'a [Record], Option<(u32, u32)>);
    let table: &[Row<'_>] = &[
        (&[debit(1), linked(2, 0)], None),
        (&[debit(1), linked(3, 1)], Some((2, 2))),
        (&[debit(1), linked(3, 0)], None),
        (&[debit(1), reversal(2, 1), linked(3, 1)], None),
        (&[debit(1), reversal(2, 1), linked(5, 2)], Some((3, 4))),
        (&[debit(1), linked(4, 1), linked(8, 3)], Some((2, 7))),
        (&[linked(3, 1)], Some((1, 2))),
        // A card that lies: there is no room for what it tells.
        (&[debit(1), linked(2, 9)], None),
    ];
    for (records, expected) in table {
        let facts = CardFacts { records: records.to_vec(), ..facts() };
        let wanted = judge(&facts).wanted.map(|(from, to)| (from.get(), to.get()));
        assert_eq!(wanted, *expected, "{records:?}");
    }
}

#[test]
fn what_is_charged_late_is_not_the_partners_loss() {
    // Charged at its making 1 of 5 seats; then late, given back, late again. The card could be debited 4, or what was left at the best moment.
    let table: &[(&[i64], u32, u32)] = &[
        (&[], 1, 4),
        (&[2], 3, 4),
        (&[9], 10, 4),
        (&[2, -2], 1, 4),
        (&[-1], 0, 5),
        (&[-1, 1], 1, 5),
        (&[2, -3, 1], 1, 5),
        (&[i64::MAX, 1], u32::MAX, 5),
    ];
    for (charges, opening, expected) in table {
        let charge = |amount: &i64| LateCharge { season: SEASON, slot: slot(0), amount: *amount };
        let mut facts = CardFacts { entitlements: vec![entitlement(9, 5, *opening)], ..facts() };
        facts.late_charges = charges.iter().map(charge).collect();
        facts.late_charges.push(LateCharge { season: SEASON.next(), slot: slot(0), amount: 1 });
        facts.late_charges.push(LateCharge { season: SEASON, slot: slot(1), amount: 1 });
        assert_eq!(covered(&facts, &debit(1)), *expected, "{charges:?}");
    }
}

#[test]
fn the_holder_has_consumed_what_was_debited_and_not_given_back() {
    let records = |records: &[Record]| CardFacts { records: records.to_vec(), entries: Vec::new(), ..facts() };
    let seats = |facts: &CardFacts| consumed(facts, SEASON).get(slot(0));
    assert_eq!(seats(&records(&[debit(1), debit(2)])), 4);
    assert_eq!(seats(&records(&[debit(1), debit(2), reversal(3, 1)])), 2);
    assert_eq!(seats(&records(&[debit(1), debit(9)])), 4, "whatever is unknown between them");
    assert_eq!(seats(&records(&[debit(1), Record { season: SEASON.next(), ..debit(2) }])), 2);
    let with = |change: fn(&mut CardFacts)| {
        let mut facts = facts();
        change(&mut facts);
        seats(&facts)
    };
    assert_eq!(with(|_| ()), 2);
    assert_eq!(with(|f| f.undone.push(undone(1, None))), 0);
    assert_eq!(with(|f| f.undone.push(undone(1, Some(2)))), 2, "the entitlement gave it back");
    assert_eq!(with(|f| (f.undone.push(undone(1, Some(2))), f.records.push(reversal(2, 1))).0), 0);
    assert_eq!(with(|f| f.abandoned.push((HERE, TransactionId::new([1; 16])))), 0);
    assert_eq!(with(|f| debit_of(f).abandoned = true), 0);
    assert_eq!(with(|f| f.entries[0].denied = true), 0, "the thief's, at a terminal that knew");
    assert_eq!(with(|f| f.entries[0].suspended = true), 2, "the partner's fault");
    let told_by_another =
        |f: &mut CardFacts| f.entries = vec![EntryFacts { denied: true, ..debit_entry(THERE, debit(1)) }];
    assert_eq!(with(told_by_another), 2);
}

#[test]
fn of_a_licence_nothing_remains_once_it_was_used() {
    let licence = |counter| Record { slot: slot(2), amount: 1000, ..debit(counter) };
    let with = |records: &[Record], of_undone: &[UndoneRow]| {
        let facts = CardFacts { records: records.to_vec(), undone: of_undone.to_vec(), entries: Vec::new(), ..facts() };
        consumed(&facts, SEASON).get(slot(2))
    };
    assert_eq!(with(&[licence(1)], &[]), 3000);
    assert_eq!(with(&[licence(1), Record { slot: slot(2), amount: 1000, ..reversal(2, 1) }], &[]), 0);
    assert_eq!(with(&[licence(1)], &[undone(1, None)]), 0);
    assert_eq!(with(&[licence(1)], &[undone(1, Some(2))]), 1000, "as much as the entitlement gave back");
}

#[test]
fn a_gap_runs_from_the_first_to_the_last_unknown_counter() {
    type Row<'a> = (&'a [u32], Option<(u32, u32)>);
    let table: &[Row<'_>] = &[
        (&[], None),
        (&[1, 2, 3], None),
        (&[2], Some((1, 1))),
        (&[1, 4, 6], Some((2, 5))),
        (&[u32::MAX], Some((1, u32::MAX - 1))),
    ];
    for (counters, expected) in table {
        let records: Vec<_> = counters.iter().map(|counter| debit(*counter)).collect();
        assert_eq!(gap(&records).map(|(from, to)| (from.get(), to.get())), *expected, "{counters:?}");
    }
}

#[test]
fn the_policy_is_held_against_what_the_region_logged() {
    let knowledge = Knowledge { position: 0, at: NOON, waiting_entries: 0, waiting_cents: Cents::ZERO };
    let hours = |hours: u32| NOON.plus(hours * 3600);
    let table = [
        (knowledge, hours(71), false),
        (knowledge, hours(72), true),
        (Knowledge { waiting_entries: 1999, ..knowledge }, hours(1), false),
        (Knowledge { waiting_entries: 2000, ..knowledge }, hours(1), true),
        (Knowledge { waiting_cents: Cents::from_u32(1_000_000), ..knowledge }, hours(1), true),
    ];
    for (knowledge, time, past) in table {
        assert_eq!(past_policy(&POLICY, &knowledge, Unheard::default(), time), past, "{knowledge:?}");
    }
}

proptest! {
    /// Whatever a card did and whoever reports it: no counter is paid twice, nothing past the grant, and the order of arrival decides
    /// nothing but which of two equal entries is paid.
    #[test]
    fn nothing_is_paid_twice_or_past_the_grant(
        history in prop::collection::vec((0..3_u32, 1..4_u32, prop::bool::ANY, prop::bool::ANY), 1..20),
        granted in 0..12_u32,
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let mut facts = CardFacts { entitlements: vec![entitlement(1, granted, 0)], ..facts() };
        facts.records.clear();
        facts.entries.clear();
        let (mut links, mut counter) = (0, 0);
        for (kind, amount, reported, denied) in history {
            counter += 1;
            let terminal = if denied { THERE } else { HERE };
            let record = match kind {
                0 if counter > 1 => {
                    links += 1;
                    reversal(counter, counter - 1)
                }
                _ => Record { amount, link: links, terminal, ..debit(counter) },
            };
            facts.records.push(record);
            if reported && record.operation == Operation::Debit {
                facts.entries.push(debit_entry(terminal, record));
            }
        }
        for index in order {
            if !facts.entries.is_empty() {
                let entry = facts.entries[index.index(facts.entries.len())].clone();
                facts.entries.push(entry);
            }
        }
        let judged = judge(&facts);
        let mut paid = BTreeMap::new();
        for (of_entry, (verdict, _)) in facts.entries.iter().zip(&judged.verdicts) {
            if let (Verdict::Payable, Body::Debit(debit)) = (verdict, &of_entry.entry.body) {
                prop_assert_eq!(paid.insert(debit.proof.record.counter, debit.proof.record.amount), None);
            }
        }
        prop_assert!(paid.values().sum::<u32>() <= granted);
        facts.entries.reverse();
        let mut again = judge(&facts).verdicts;
        again.reverse();
        let sum = |verdicts: &[(Verdict, Cents)]| verdicts.iter().map(|verdict| verdict.1.get()).sum::<u64>();
        prop_assert_eq!(sum(&again), sum(&judged.verdicts));
    }
}

/// What is otherwise, and the change.
type Change = (&'static str, fn(&mut CardFacts));

#[test]
fn a_debit_whose_entry_died_with_a_disk_is_payable_by_its_record_until_the_entry_comes() {
    let certificates = facts().entries[0].certificates.clone();
    let orphan = OrphanFacts { record: debit(1), certificates, denied: false, suspended: false, past_policy: false };
    let lost = || CardFacts { entries: Vec::new(), orphans: vec![orphan.clone()], ..facts() };
    let paid = |facts: &CardFacts| judge(facts).orphans.iter().map(|(_, payable)| payable.get()).collect::<Vec<_>>();
    let whole = judge(&facts()).verdicts[0].1.get();
    assert_eq!((paid(&lost()), whole > 0), (vec![whole], true));
    assert_eq!(paid(&CardFacts { orphans: vec![orphan.clone()], ..facts() }), [0; 0], "its entry has come");
    let table: &[Change] = &[
        ("denied", |f| f.orphans[0].denied = true),
        ("suspended", |f| f.orphans[0].suspended = true),
        ("past the policy", |f| f.orphans[0].past_policy = true),
        ("no certificate", |f| f.orphans[0].certificates.clear()),
        ("taken back on the card", |f| f.records.push(reversal(2, 1))),
        ("taken back by the region", |f| f.undone.push(undone(1, Some(2)))),
        ("given up", |f| f.abandoned.push((HERE, TransactionId::new([1; 16])))),
        ("beyond the grant", |f| f.entitlements = vec![entitlement(1, 1, 0)]),
        ("cloned", |f| f.records.push(Record { amount: 1, ..debit(1) })),
    ];
    for (why, change) in table {
        let mut facts = lost();
        change(&mut facts);
        assert_eq!(paid(&facts), [0; 0], "{why}");
    }
}
