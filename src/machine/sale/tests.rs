//! The machine alone, told one thing after another: what it says to do, and in which order.

use std::sync::Arc;
use std::time::Duration;

use super::plan::{Step, TerminalFacts, Tried, gate, plan};
use super::*;
use crate::domain::card::{CardState, CardStatus, Challenge, Entitlement, Operation, Record, Signature, SignedRecord};
use crate::domain::catalogue::tests::catalogue;
use crate::domain::entry::{Body, Intent, ReadReason, Tender};
use crate::domain::purse::{Amounts, Slot, Slots};
use crate::domain::quote::QuoteRequest;
use crate::domain::refusal::{DenialReason, Refusal};
use crate::domain::{
    CardNumber, CashierId, Counter, EntitlementSerial, KeySerial, RequestId, Season, Sequence, TerminalId, Timestamp,
    TransactionId,
};

const EVENING: Timestamp = Timestamp::new(1_795_891_200);
const SEASON: Season = Season::new(2026);
const NOW: Now = Now { time: EVENING, since_start: Duration::from_secs(100) };
const CINEMA: Slot = Slot::new(0).unwrap();
const TRANSACTION: TransactionId = TransactionId::new([7; 16]);
const UNSIGNED: Signature = Signature([0; 64]);

fn card() -> CardNumber {
    CardNumber::from_account(925_000_000_000_001).unwrap()
}

fn entitlement(season: Season, serial: u32) -> Entitlement {
    Entitlement {
        key_serial: KeySerial::new(1),
        card: card(),
        season,
        serial: EntitlementSerial::new(serial),
        granted: Amounts::ZERO.with(CINEMA, 5),
        opening: Amounts::ZERO,
        signature: UNSIGNED,
    }
}

fn presented() -> Presented {
    Presented {
        card: card(),
        certificate: [1; 32],
        state: CardState {
            status: CardStatus::InUse,
            next_challenge: Challenge([0; 16]),
            counter: Counter::new(3),
            season: SEASON,
            entitlement_serial: EntitlementSerial::new(1),
            consumed: Amounts::ZERO.with(CINEMA, 3),
            signature: UNSIGNED,
        },
        entitlement: Some(entitlement(SEASON, 1)),
    }
}

fn facts() -> Facts {
    Facts {
        time: EVENING,
        season: SEASON,
        gate: None,
        offline: None,
        catalogue: Some(Arc::new(catalogue())),
        slots: Slots::new(0b001),
        intent: None,
        denial: None,
        entitlement: None,
        records_wanted: None,
        abandoned_debit: None,
        undelivered: None,
        last_served: None,
        debited_today: Amounts::ZERO,
        known: None,
        undo: None,
        forbidden: None,
        transaction: TRANSACTION,
    }
}

fn proof() -> Box<SignedRecord> {
    let record = Record {
        card: card(),
        operation: Operation::Debit,
        slot: CINEMA,
        season: SEASON,
        amount: 1,
        link: 0,
        consumed: 4,
        counter: Counter::new(4),
        terminal: TerminalId::new(1),
        transaction: TRANSACTION,
        time: EVENING,
    };
    Box::new(SignedRecord { record, signature: UNSIGNED })
}

fn redemption() -> Event {
    let command = Command::Redeem { request: QuoteRequest::default(), tender: Tender::Cash.into(), confirmed: None };
    let (id, wait) = (RequestId::new([1; 16]), Duration::from_secs(30));
    Event::Client(Box::new(ClientRequest { id, command, wait, cashier: None }))
}

/// A machine with a client that waits and a card that was opened; what it says to the facts is returned.
fn asked(facts: Facts) -> (SaleMachine, Vec<Action>) {
    let mut machine = SaleMachine::default();
    machine.on_event(NOW, Event::CardPresent);
    machine.on_event(NOW, redemption());
    machine.on_event(NOW, Event::Opened(Box::new(presented())));
    let actions = machine.on_event(NOW, Event::Facts(Box::new(facts)));
    (machine, actions)
}

fn refusal_in(actions: &[Action]) -> Option<Refusal> {
    actions.iter().find_map(|action| match action {
        Action::Reply(Outcome::Refused(refused)) => Some(refused.refusal),
        _ => None,
    })
}

#[test]
fn the_order_of_a_sale_is_intent_then_card_then_entry_then_granted() {
    let (mut machine, actions) = asked(facts());
    let [Action::StoreIntent(intent)] = actions.as_slice() else { panic!("{actions:?}") };
    assert_eq!((intent.transaction, intent.counter_before), (TRANSACTION, Counter::new(3)));
    let actions = machine.on_event(NOW, Event::Stored(None));
    let [Action::Change(same)] = actions.as_slice() else { panic!("{actions:?}") };
    assert_eq!(same, intent);
    let actions = machine.on_event(NOW, Event::Changed(Change::Done(proof())));
    let [Action::Append { body, settles: Some(TRANSACTION), .. }] = actions.as_slice() else { panic!("{actions:?}") };
    assert!(matches!(**body, Body::Debit(_)));
    let actions = machine.on_event(NOW, Event::Stored(Some(Sequence::new(12))));
    let [Action::Reply(Outcome::Granted(granted)), Action::LookUp { .. }] = actions.as_slice() else {
        panic!("{actions:?}")
    };
    assert_eq!((granted.entry, granted.left), (Sequence::new(12), 1));
}

#[test]
fn a_sale_has_the_time_at_which_it_was_looked_up_whatever_the_clock_does_then() {
    let mut machine = SaleMachine::default();
    machine.on_event(NOW, Event::CardPresent);
    machine.on_event(NOW, redemption());
    machine.on_event(NOW, Event::Opened(Box::new(presented())));
    let days_later = Now { time: EVENING.plus(400_000), ..NOW };
    let actions = machine.on_event(days_later, Event::Facts(Box::new(facts())));
    let [Action::StoreIntent(intent)] = actions.as_slice() else { panic!("{actions:?}") };
    assert_eq!(intent.time, EVENING, "the policy and the season were judged by that");
}

#[test]
fn who_may_not_sell_is_told_so_and_the_card_is_asked_nothing() {
    let forbidden = Facts { forbidden: Some(Refusal::SignInNeeded), ..facts() };
    let (_, actions) = asked(forbidden.clone());
    assert_eq!(refusal_in(&actions), Some(Refusal::SignInNeeded));
    assert!(matches!(actions.last(), Some(Action::LookUp { client: None, .. })), "{actions:?}");
    // What was done under the name is told to whoever asks.
    let known =
        Known::Ended { outcome: Box::new(Outcome::Abandoned { entry: Sequence::FIRST, card: card() }), untold: None };
    let (_, actions) = asked(Facts { known: Some(known), ..forbidden });
    assert!(matches!(actions.first(), Some(Action::Reply(Outcome::Abandoned { .. }))), "{actions:?}");
}

#[test]
fn a_sale_is_its_cashiers() {
    let Event::Client(request) = redemption() else { panic!("a client") };
    let mut machine = SaleMachine::default();
    machine.on_event(NOW, Event::CardPresent);
    let cashier = Some(CashierId::new(2));
    machine.on_event(NOW, Event::Client(Box::new(ClientRequest { cashier, ..*request })));
    machine.on_event(NOW, Event::Opened(Box::new(presented())));
    let actions = machine.on_event(NOW, Event::Facts(Box::new(facts())));
    let [Action::StoreIntent(intent)] = actions.as_slice() else { panic!("{actions:?}") };
    assert_eq!(intent.cashier, cashier);
}

#[test]
fn an_intent_that_cannot_be_written_sells_nothing_and_asks_the_card_nothing() {
    let (mut machine, _) = asked(facts());
    let actions = machine.on_event(NOW, Event::NotStored);
    assert_eq!(refusal_in(&actions), Some(Refusal::LedgerUnavailable));
    assert!(!actions.iter().any(|action| matches!(action, Action::Change(_) | Action::Open)));
}

#[test]
fn what_was_decided_before_the_region_spoke_is_decided_anew() {
    let (mut machine, _) = asked(facts());
    let actions = machine.on_event(NOW, Event::Outdated);
    assert!(matches!(actions.as_slice(), [Action::LookUp { card: Some(_), client: Some(_) }]), "{actions:?}");
    let denied = Facts { denial: Some((DenialReason::Lost, None)), ..facts() };
    let actions = machine.on_event(NOW, Event::Facts(Box::new(denied)));
    assert!(!actions.iter().any(|action| matches!(action, Action::StoreIntent(_))), "{actions:?}");
}

#[test]
fn an_entry_that_cannot_be_written_leaves_a_doubt_and_is_never_granted() {
    let (mut machine, _) = asked(facts());
    machine.on_event(NOW, Event::Stored(None));
    machine.on_event(NOW, Event::Changed(Change::Done(proof())));
    let actions = machine.on_event(NOW, Event::NotStored);
    assert_eq!(refusal_in(&actions), Some(Refusal::SaleInDoubt));
}

#[test]
fn a_doubt_about_a_card_that_still_lies_there_is_not_settled_by_what_it_said_before() {
    let (mut machine, actions) = asked(facts());
    let [Action::StoreIntent(intent)] = actions.as_slice() else { panic!("{actions:?}") };
    let open = OpenIntent { intent: Intent::clone(intent), abandoned: false };
    machine.on_event(NOW, Event::Stored(None));
    machine.on_event(NOW, Event::Changed(Change::Done(proof())));
    machine.on_event(NOW, Event::NotStored);
    // The cashier gives the sale up, and the card was never taken away.
    let (id, wait) = (RequestId::new([8; 16]), Duration::from_secs(30));
    machine.on_event(
        NOW,
        Event::Client(Box::new(ClientRequest { id, command: Command::Abandon { card: None }, wait, cashier: None })),
    );
    let in_doubt = Facts { intent: Some(open.clone()), ..facts() };
    let actions = machine.on_event(NOW, Event::Facts(Box::new(in_doubt)));
    assert_eq!(actions, [Action::Abandon { transaction: TRANSACTION, by: None }]);
    machine.on_event(NOW, Event::Stored(Some(Sequence::new(12))));
    let given_up = Facts { intent: Some(OpenIntent { abandoned: true, ..open }), ..facts() };
    let actions = machine.on_event(NOW, Event::Facts(Box::new(given_up)));
    assert!(actions.contains(&Action::Open) && !actions.iter().any(|action| matches!(action, Action::Settle(_))));
}

#[test]
fn a_card_that_proves_each_time_that_it_did_nothing_is_not_asked_for_ever() {
    let (mut machine, actions) = asked(facts());
    let [Action::StoreIntent(intent)] = actions.as_slice() else { panic!("{actions:?}") };
    let open = OpenIntent { intent: Intent::clone(intent), abandoned: false };
    machine.on_event(NOW, Event::Stored(None));
    let mut sent = 1;
    for _ in 0..10 {
        let actions = machine.on_event(NOW, Event::Changed(Change::InDoubt));
        assert_eq!(actions, [Action::Open], "nothing is concluded from the answer");
        machine.on_event(NOW, Event::Opened(Box::new(presented())));
        let actions = machine.on_event(NOW, Event::Facts(Box::new(Facts { intent: Some(open.clone()), ..facts() })));
        assert!(matches!(actions.as_slice(), [Action::Settle(_)]), "{actions:?}");
        let actions = machine.on_event(NOW, Event::Settled(Settlement::NotDone { repeatable: true }));
        match actions.as_slice() {
            [Action::Change(same)] => {
                assert_eq!(**same, open.intent, "byte for byte");
                sent += 1;
            }
            [Action::Append { body, .. }] => {
                assert!(matches!(**body, Body::NotDone(_)));
                let actions = machine.on_event(NOW, Event::Stored(Some(Sequence::new(12))));
                assert_eq!((refusal_in(&actions), sent), (Some(Refusal::CardUnreadable), 3));
                return;
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("it goes on for ever");
}

#[test]
fn what_the_card_did_not_do_is_asked_of_it_again_only_where_a_sale_could_begin() {
    let stops = [
        (Facts { gate: Some(Refusal::ClockUntrusted), ..facts() }, Refusal::ClockUntrusted),
        (Facts { gate: Some(Refusal::TerminalSuspended), ..facts() }, Refusal::TerminalSuspended),
        (Facts { denial: Some((DenialReason::Lost, None)), ..facts() }, Refusal::CardDenied),
    ];
    for (stop, refusal) in stops {
        let (mut machine, actions) = asked(facts());
        let [Action::StoreIntent(intent)] = actions.as_slice() else { panic!("{actions:?}") };
        let open = OpenIntent { intent: Intent::clone(intent), abandoned: false };
        machine.on_event(NOW, Event::Stored(None));
        machine.on_event(NOW, Event::Changed(Change::InDoubt));
        machine.on_event(NOW, Event::Opened(Box::new(presented())));
        machine.on_event(NOW, Event::Facts(Box::new(Facts { intent: Some(open), ..stop })));
        let actions = machine.on_event(NOW, Event::Settled(Settlement::NotDone { repeatable: true }));
        let [Action::Append { body, .. }] = actions.as_slice() else { panic!("{actions:?}") };
        assert!(matches!(**body, Body::NotDone(_)), "{refusal:?}");
        let actions = machine.on_event(NOW, Event::Stored(Some(Sequence::new(12))));
        assert_eq!(refusal_in(&actions), Some(refusal));
    }
}

#[test]
fn steps_come_in_their_order() {
    let intent = || {
        let (_, actions) = asked(facts());
        let [Action::StoreIntent(intent)] = actions.as_slice() else { panic!("{actions:?}") };
        Some(OpenIntent { intent: Intent::clone(intent), abandoned: true })
    };
    let undo = UndoTarget {
        entry: Sequence::new(9),
        record: proof().record,
        returned: crate::domain::Cents::ZERO,
        tender: Tender::Cash.into(),
    };
    let block = Signature([9; 64]);
    let mut everything = Facts {
        intent: intent(),
        records_wanted: Some((Counter::new(1), Counter::new(2))),
        abandoned_debit: Some(undo),
        denial: Some((DenialReason::Lost, Some(block))),
        entitlement: Some(entitlement(SEASON, 2)),
        ..facts()
    };
    let mut tried = Tried::default();
    let next = |facts: &Facts, tried| plan(&presented(), facts, tried);
    assert!(matches!(next(&everything, tried), Step::Settle(..)));
    tried.settle = true;
    let Step::TurnAway(refused, _) = next(&everything, tried) else { panic!() };
    assert_eq!(refused.refusal, Refusal::SaleInDoubt, "while it lasts, nothing else is done");
    everything.intent = None;
    assert_eq!(next(&everything, tried), Step::Read(Counter::new(1)));
    tried.read = true;
    assert_eq!(next(&everything, tried), Step::LookBack(undo));
    tried.look_back = true;
    assert_eq!(next(&everything, tried), Step::TakeBack(undo));
    tried.take_back = true;
    assert_eq!(next(&everything, tried), Step::Block(block));
    tried.block = true;
    let Step::TurnAway(refused, Some(Body::Refused(_))) = next(&everything, tried) else { panic!() };
    assert_eq!((refused.refusal, refused.denial), (Refusal::CardDenied, Some(DenialReason::Lost)));
    everything.denial = None;
    assert_eq!(next(&everything, tried), Step::Put(entitlement(SEASON, 2)));
    tried.put = true;
    assert_eq!(next(&everything, tried), Step::Serve);
}

/// The lost history of a restored ledger may have given an abandoned debit back, which the old copy does not know.
#[test]
fn an_abandoned_debit_that_the_card_has_back_is_not_asked_back_again_at_each_tap() {
    let debit = SignedRecord { record: Record { counter: Counter::new(2), ..proof().record }, ..*proof() };
    let target = UndoTarget {
        entry: Sequence::new(9),
        record: debit.record,
        returned: crate::domain::Cents::ZERO,
        tender: Tender::Cash.into(),
    };
    let abandoned = Facts { abandoned_debit: Some(target), ..facts() };
    let reversal =
        Record { operation: Operation::Reversal, link: 2, counter: Counter::new(3), consumed: 3, ..debit.record };
    let reversal = SignedRecord { record: reversal, signature: UNSIGNED };
    let tapped = |records: Option<Vec<SignedRecord>>| {
        let mut machine = SaleMachine::default();
        machine.on_event(NOW, Event::CardPresent);
        machine.on_event(NOW, Event::Opened(Box::new(presented())));
        let actions = machine.on_event(NOW, Event::Facts(Box::new(abandoned.clone())));
        assert_eq!(actions, [Action::ReadRecords(Counter::new(2))]);
        machine.on_event(NOW, Event::RecordsRead(records));
        machine.on_event(NOW, Event::Facts(Box::new(abandoned.clone())))
    };
    let writes = |actions: &[Action]| actions.iter().any(|action| matches!(action, Action::StoreIntent(_)));
    assert!(!writes(&tapped(Some(vec![reversal, debit]))), "the card has it back");
    assert!(!writes(&tapped(None)), "it does not say: it is asked at the next tap");
    assert!(writes(&tapped(Some(vec![debit]))), "it has not");
}

#[test]
fn a_card_of_last_season_gives_its_last_state_before_it_is_renewed() {
    let mut old = presented();
    let last = Season::new(SEASON.get() - 1);
    old.state.season = last;
    old.entitlement = Some(entitlement(last, 1));
    let renewed = Facts { entitlement: Some(entitlement(SEASON, 2)), ..facts() };
    assert_eq!(plan(&old, &renewed, Tried::default()), Step::PutNextSeason(entitlement(SEASON, 2)));
    let early = Facts { season: last, entitlement: Some(entitlement(SEASON, 2)), ..facts() };
    assert_eq!(plan(&old, &early, Tried::default()), Step::Serve, "never before its first instant");
    let wrong_clock = Facts { gate: Some(Refusal::ClockUntrusted), ..renewed };
    let Step::TurnAway(refused, None) = plan(&old, &wrong_clock, Tried::default()) else { panic!() };
    assert_eq!(refused.refusal, Refusal::ClockUntrusted, "nor by a clock that is not trusted");

    let mut machine = SaleMachine::default();
    machine.on_event(NOW, Event::CardPresent);
    machine.on_event(NOW, Event::Opened(Box::new(old)));
    let facts = Facts { gate: None, ..wrong_clock };
    assert_eq!(machine.on_event(NOW, Event::Facts(Box::new(facts))), [Action::ReadRecords(Counter::new(1))]);
    let actions = machine.on_event(NOW, Event::RecordsRead(Some(Vec::new())));
    assert!(matches!(actions.as_slice(), [Action::AppendCardRead { reason: ReadReason::SeasonEnd, .. }]));
    let actions = machine.on_event(NOW, Event::Stored(Some(Sequence::new(5))));
    assert!(matches!(actions.as_slice(), [Action::PutEntitlement(_)]), "{actions:?}");
}

#[test]
fn what_keeps_a_terminal_from_selling_is_said_in_order() {
    let good = TerminalFacts {
        behind: false,
        suspended: false,
        certified: true,
        overdue: false,
        clock: EVENING,
        floor: EVENING,
    };
    let late = EVENING.plus(121);
    let table = [
        (good, None),
        (TerminalFacts { floor: EVENING.plus(120), ..good }, None),
        (TerminalFacts { floor: late, ..good }, Some(Refusal::ClockUntrusted)),
        (TerminalFacts { floor: late, certified: false, ..good }, Some(Refusal::ClockUntrusted)),
        (TerminalFacts { certified: false, ..good }, Some(Refusal::TerminalExpired)),
        (TerminalFacts { overdue: true, ..good }, Some(Refusal::ClosingNeeded)),
        (TerminalFacts { overdue: true, floor: late, ..good }, Some(Refusal::ClockUntrusted)),
        (TerminalFacts { suspended: true, certified: false, ..good }, Some(Refusal::TerminalSuspended)),
        (TerminalFacts { behind: true, suspended: true, floor: late, ..good }, Some(Refusal::LedgerBehind)),
    ];
    for (facts, refusal) in table {
        assert_eq!(gate(&facts), refusal, "{facts:?}");
    }
}
