//! One payment told everything in any order, and a sale with many.

use proptest::prelude::*;

use super::*;
use crate::domain::Cents;
use crate::domain::payment::{Doubt, NotPaid, PaymentState, Reason, Said, Way};

const EURO: Cents = Cents::from_u32(100);
const SENT: PaymentState = PaymentState::Sent;
const PAID: PaymentState = PaymentState::Approved { amount: EURO, said: Said::ByTpe };

/// A payment that was told `events`, and what it said last.
fn told(events: &[Event]) -> (Leg, Vec<Action>) {
    let (mut leg, first) = Leg::ask();
    let mut last = vec![first];
    for event in events {
        last = leg.on_event(*event);
    }
    (leg, last)
}

/// Up to the request on the line.
const WRITTEN: [Event; 4] = [Event::Stored, Event::Connected, Event::Stored, Event::Written];

fn after_writing(more: &[Event]) -> (Leg, Vec<Action>) {
    told(&[&WRITTEN[..], more].concat())
}

#[test]
fn asked_is_durable_then_the_line_then_sent_then_the_request_then_the_end() {
    use Action::*;
    let table: &[(&[Event], &[Action])] = &[
        (&[], &[Persist(PaymentState::Asked)]),
        (&[Event::Stored], &[Connect]),
        (&[Event::Stored, Event::Connected], &[Persist(SENT)]),
        (&[Event::Stored, Event::Connected, Event::Stored], &[Write]),
        (&WRITTEN, &[Read]),
    ];
    for (events, actions) in table {
        assert_eq!(told(events).1, *actions, "{events:?}");
    }
    assert_eq!(after_writing(&[Event::Answered(Ok(EURO))]).1, [Persist(PAID)]);
    assert_eq!(after_writing(&[Event::Answered(Ok(EURO)), Event::Stored]).1, [Close, Rest(PAID)]);
}

#[test]
fn a_bank_terminal_that_is_off_is_looked_for_again_and_then_was_surely_not_paid() {
    let off = Event::NotConnected;
    assert_eq!(told(&[Event::Stored, off]).1, [Action::Connect]);
    let (leg, _) = told(&[Event::Stored, off, off, off, Event::Stored]);
    assert_eq!(leg.state(), PaymentState::Refused(NotPaid::Unreachable));
}

#[test]
fn what_is_not_durable_is_not_said() {
    // Before the first byte: surely not paid. After it: nobody knows.
    for events in [&[Event::NotStored][..], &[Event::Stored, Event::Connected, Event::NotStored]] {
        assert_eq!(told(events).0.state(), PaymentState::Refused(NotPaid::NotSent), "{events:?}");
    }
    for answer in [Ok(EURO), Err(Reason::Refused)] {
        let (leg, _) = after_writing(&[Event::Answered(answer), Event::NotStored]);
        assert_eq!(leg.state(), PaymentState::Unknown(Doubt::NotDurable));
    }
}

#[test]
fn a_restart_knows_what_was_not_sent_and_does_not_know_what_was() {
    let found = |state| Leg::found(state).1;
    assert_eq!(found(PaymentState::Asked), [Action::Persist(PaymentState::Refused(NotPaid::NotSent))]);
    assert_eq!(found(SENT), [Action::Persist(PaymentState::Unknown(Doubt::Restarted))]);
    for at_rest in [PAID, PaymentState::Unknown(Doubt::Closed), PaymentState::Refused(NotPaid::Word)] {
        assert_eq!(found(at_rest), []);
    }
}

#[test]
fn the_cashiers_word_ends_what_is_unknown_and_nothing_else() {
    let (mut unknown, _) = Leg::found(PaymentState::Unknown(Doubt::NoAnswer));
    assert_eq!(unknown.on_event(Event::Word(Word::Paid(Cents::ZERO))), []);
    let by_word = PaymentState::Approved { amount: EURO, said: Said::ByCashier };
    assert_eq!(unknown.on_event(Event::Word(Word::Paid(EURO))), [Action::Persist(by_word)]);
    // A word that did not reach the disk is to be said again.
    assert_eq!(
        unknown.on_event(Event::NotStored),
        [Action::Close, Action::Rest(PaymentState::Unknown(Doubt::NoAnswer))]
    );
    unknown.on_event(Event::Word(Word::NotPaid));
    unknown.on_event(Event::Stored);
    assert_eq!(unknown.state(), PaymentState::Refused(NotPaid::Word));
    for known in [PAID, PaymentState::Refused(NotPaid::Unreachable)] {
        assert_eq!(Leg::found(known).0.on_event(Event::Word(Word::NotPaid)), []);
    }
    assert_eq!(after_writing(&[Event::Word(Word::NotPaid)]).1, [], "the bank terminal still has it");
}

#[test]
fn a_sale_asks_for_the_rest_and_for_nothing_while_it_does_not_know() {
    let part = PaymentState::Approved { amount: Cents::from_u32(40), said: Said::ByTpe };
    let unknown = PaymentState::Unknown(Doubt::Closed);
    let refused = PaymentState::Refused(NotPaid::Unreachable);
    let charge = |states: &[PaymentState]| Account::of(states.iter().map(|state| (Way::Charge, *state)));
    let to_charge = |states: &[PaymentState]| charge(states).to_charge(EURO).map(Cents::get);
    assert_eq!(to_charge(&[]), Ok(100));
    assert_eq!(to_charge(&[refused, part]), Ok(60));
    assert_eq!(to_charge(&[part, SENT]), Err(NotNow::InFlight));
    assert_eq!(to_charge(&[part, unknown]), Err(NotNow::Unknown));
    assert_eq!(to_charge(&[PAID]), Err(NotNow::Nothing));
    assert_eq!(charge(&[PAID, part]).to_refund(EURO), Ok(Cents::from_u32(40)), "more was taken than was due");
    let given_back = charge(&[PAID]).with(Way::Refund, part);
    assert_eq!(given_back.to_refund(Cents::ZERO), Ok(Cents::from_u32(60)));
    assert_eq!(given_back.with(Way::Refund, unknown).to_refund(Cents::ZERO), Err(NotNow::Unknown));
    assert_eq!(charge(&[PaymentState::Approved { amount: Cents::MAX, said: Said::ByTpe }, PAID]).held(), Cents::MAX);
}

fn event() -> impl Strategy<Value = Event> {
    let amount = (0_u32..300).prop_map(Cents::from_u32);
    prop_oneof![
        6 => Just(Event::Stored),
        2 => Just(Event::NotStored),
        4 => Just(Event::Connected),
        1 => Just(Event::NotConnected),
        4 => Just(Event::Written),
        1 => Just(Event::NotWritten),
        2 => amount.clone().prop_map(|amount| Event::Answered(Ok(amount))),
        1 => Just(Event::Answered(Err(Reason::Refused))),
        1 => Just(Event::NoAnswer(Doubt::NoAnswer)),
        1 => amount.prop_map(|amount| Event::Word(Word::Paid(amount))),
        1 => Just(Event::Word(Word::NotPaid)),
    ]
}

/// What a disk may have after a write that failed: the state before, or the one that was to be written.
struct Disk(Option<PaymentState>);

impl Disk {
    fn take(&mut self, pending: Option<PaymentState>, event: Event, kept: bool) {
        match (pending, event) {
            (Some(state), Event::Stored) => self.0 = Some(state),
            (Some(state), Event::NotStored) if kept => self.0 = Some(state),
            _ => (),
        }
    }
}

proptest! {
    /// In any order, with restarts anywhere and writes that fail and are there all the same.
    #[test]
    fn a_payment_is_written_once_and_approved_by_an_answer_or_a_word(
        steps in prop::collection::vec((event(), any::<bool>(), 0_u8..12), 1..60),
    ) {
        let (mut leg, first) = Leg::ask();
        let (mut disk, mut actions) = (Disk(None), vec![first]);
        let (mut writes, mut said) = (0, Vec::new());
        for (event, kept, restart) in steps {
            if restart == 0 {
                let Some(state) = disk.0 else { break };
                (leg, actions) = Leg::found(state);
                continue;
            }
            let pending = actions.iter().find_map(|action| match action {
                Action::Persist(state) => Some(*state),
                _ => None,
            });
            // Only what the actions ask for happens, but for the cashier, who may speak at any time.
            let fits = match event {
                Event::Stored | Event::NotStored => pending.is_some(),
                Event::Connected | Event::NotConnected => actions.contains(&Action::Connect),
                Event::Written | Event::NotWritten => actions.contains(&Action::Write),
                Event::Answered(_) | Event::NoAnswer(_) => actions.contains(&Action::Read),
                Event::Word(_) => true,
            };
            if !fits {
                prop_assert_eq!(leg.on_event(event), vec![]);
                continue;
            }
            disk.take(pending, event, kept);
            if let Event::Answered(Ok(amount)) | Event::Word(Word::Paid(amount)) = event {
                said.push(amount);
            }
            let next = leg.on_event(event);
            if next.contains(&Action::Write) {
                writes += 1;
                prop_assert_eq!(disk.0, Some(SENT), "nothing is written before that is durable");
            }
            if !next.is_empty() {
                actions = next;
            }
            if let PaymentState::Approved { amount, .. } = leg.state() {
                prop_assert!(said.contains(&amount));
                prop_assert_eq!(disk.0, Some(leg.state()));
            }
            if matches!(leg.state(), PaymentState::Refused(NotPaid::Unreachable | NotPaid::NotSent)) {
                prop_assert_eq!(writes, 0, "what may have been sent is never called not sent");
            }
        }
        prop_assert!(writes <= 1);
    }

    /// Whatever became of each payment: what is asked for next never makes it more than was due, nor a refund more than was charged.
    #[test]
    fn a_sale_never_charges_more_than_is_due(ends in prop::collection::vec((0_u8..6, any::<bool>()), 0..12)) {
        let (mut account, mut taken) = (Account::default(), 0_u64);
        for (end, back) in ends {
            let (way, asked) = match (back, account.to_charge(EURO), account.to_refund(Cents::ZERO)) {
                (false, Ok(rest), _) => (Way::Charge, rest),
                (true, _, Ok(rest)) => (Way::Refund, rest),
                (_, _, _) => continue,
            };
            let amount = if end == 5 { Cents::from_u32(1) } else { asked };
            match way {
                Way::Charge => prop_assert!(taken + asked.get() <= EURO.get()),
                Way::Refund => prop_assert!(asked.get() <= taken),
            }
            let state = match end {
                0 => PaymentState::Refused(NotPaid::Said(Reason::Refused)),
                1 => PaymentState::Unknown(Doubt::NoAnswer),
                _ => PaymentState::Approved { amount, said: Said::ByTpe },
            };
            account = account.with(way, state);
            match (way, state) {
                (Way::Charge, PaymentState::Approved { .. }) => taken += amount.get(),
                (Way::Refund, PaymentState::Approved { .. }) => taken -= amount.get(),
                // It may have happened: nothing further is asked for.
                _ if end == 1 => {
                    prop_assert_eq!(account.to_charge(EURO), Err(NotNow::Unknown));
                    break;
                }
                _ => (),
            }
            prop_assert_eq!(account.held().get(), taken);
        }
    }
}
