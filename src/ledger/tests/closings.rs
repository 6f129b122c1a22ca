//! Days, months and years that are closed, and what an auditor finds in a ledger that was closed wrongly.

use super::fixture::*;
use crate::domain::closing::{Cash, Closing, Period, PeriodKind, Perpetual};
use crate::domain::entry::{Body, Learnt, TechnicalEvent};
use crate::domain::*;
use crate::ledger::*;
use crate::wire::exchange::Head;

const DAY: u32 = 86_400;

fn at(now: Timestamp) -> By {
    By { cashier: None, now }
}

fn close(ledger: &mut Ledger, kind: PeriodKind, now: Timestamp) -> Result<Closing, CloseError> {
    ledger.close(at(now), kind, Counted::default()).map(|(_, closing)| closing)
}

/// A sale at `now`.
fn sell_at(ledger: &mut Ledger, card: &mut Card, name: u8, now: Timestamp) -> Head {
    let intent = card.intent(name);
    ledger.store_intent(&intent, &card.certificate).unwrap();
    let proof = card.does(&intent);
    ledger.settle(intent.transaction, now, done(&intent, proof, Learnt::AtOnce, false)).unwrap()
}

fn intact(world: &World) {
    let verified = verify(world.dir.path(), None, |_, _| ());
    assert!(verified.is_ok(), "{verified:?}");
}

#[test]
fn a_place_that_no_entry_can_have_is_one_where_nothing_is() {
    let (mut world, mut ledger) = World::new();
    let mut card = world.card();
    sell_at(&mut ledger, &mut card, 1, NOW);
    close(&mut ledger, PeriodKind::Day, NOW.plus(60)).unwrap();
    for place in [1 << 63, u64::MAX].map(Sequence::new) {
        let view = ledger.view();
        assert_eq!(view.closings(None, Some(place), 10).unwrap().len(), 1);
        assert_eq!(view.entry(place).unwrap(), None);
        assert_eq!(view.journal(Sequence::new(1)..=place, 10).unwrap().len() as u64, view.head().sequence.get());
        assert_eq!(view.journal(place..=place, 10).unwrap(), []);
        assert_eq!(view.undone_by(place).unwrap(), None);
        assert_eq!(view.duplicates(place).unwrap(), None);
        assert_eq!(view.verdict(place).unwrap(), None);
    }
}

#[test]
fn a_day_is_its_entries_and_nothing_is_added_to_it() {
    let (mut world, mut ledger) = World::new();
    let mut card = world.card();
    assert_eq!(close(&mut ledger, PeriodKind::Day, NOW), Err(CloseError::Nothing));
    assert_eq!(ledger.view().open_day(), None);
    let debit = sell_at(&mut ledger, &mut card, 1, NOW);
    sell_at(&mut ledger, &mut card, 2, NOW.plus(60));
    undo(&mut ledger, &mut card, 3, debit);
    assert_eq!(ledger.view().open_day(), Some(OpenDay { since: NOW }));

    let counted = Counted { float: cents(5000), counted: Some(cents(5090)) };
    let (head, day) = ledger.close(at(NOW.plus(120)), PeriodKind::Day, counted).unwrap();
    assert_eq!((day.number, day.from, day.to.next(), day.entries()), (1, Sequence::FIRST, head.sequence, 4));
    assert_eq!((day.period, day.opened), (Period::Day(Date::at(NOW)), NOW));
    let [cinema] = day.totals.benefits.as_slice() else { panic!("{day:?}") };
    assert_eq!((cinema.debits, cinema.debited, cinema.undone, cinema.given_back), (2, 2, 1, 1));
    let [cash] = day.totals.tenders.as_slice() else { panic!("{day:?}") };
    assert_eq!((cash.sales, cash.collected, cash.undone, cash.returned), (2, cents(200), 1, cents(100)));
    assert_eq!(day.perpetual, Perpetual { absolute: cents(300), net: cents(100) });
    assert_eq!((day.cash.expected(), day.cash.difference()), (5100, Some(-10)));
    assert_eq!(ledger.view().open_day(), None);
    assert_eq!(close(&mut ledger, PeriodKind::Day, NOW.plus(180)), Err(CloseError::Nothing));

    let third = sell_at(&mut ledger, &mut card, 4, NOW.plus(DAY));
    drop(ledger);
    let mut ledger = world.open();
    assert_eq!(ledger.view().open_day(), Some(OpenDay { since: NOW.plus(DAY) }), "also after a restart");
    let next = close(&mut ledger, PeriodKind::Day, NOW.plus(DAY + 60)).unwrap();
    assert_eq!((next.number, next.from, next.to), (2, head.sequence.next(), third.sequence));
    assert_eq!(next.perpetual, Perpetual { absolute: cents(400), net: cents(200) }, "it never restarts");
    assert_eq!((next.cash, next.cash.difference()), (Cash { taken: cents(100), ..Cash::default() }, None));
    intact(&world);
    let by_hand = ledger.append(NOW, Body::Closing(next), None);
    assert_eq!(by_hand, Err(LedgerError::NeedsSums));
}

#[test]
fn a_day_is_open_for_24_hours_at_most() {
    let (mut world, mut ledger) = World::new();
    let mut card = world.card();
    ledger.append(NOW, started(), None).unwrap();
    assert_eq!(ledger.view().open_day(), None, "what moves nothing opens nothing");
    sell_at(&mut ledger, &mut card, 1, NOW);
    let day = ledger.view().open_day().unwrap();
    assert!(!day.is_overdue(NOW.plus(DAY)) && day.is_overdue(NOW.plus(DAY + 1)));
}

/// How a doubt ends.
type End = fn(&mut Ledger, &mut Card, &entry::Intent);

#[test]
fn a_sale_in_doubt_is_listed_apart_and_falls_in_the_day_in_which_it_is_settled() {
    // How it ends, what the next day collects and gives, and what is expected in the drawer then.
    let table: [(End, [u32; 2], i64); 3] = [
        (
            |ledger, card, intent| {
                let proof = card.does(intent);
                let body = done(intent, proof, Learnt::FromRecords, false);
                ledger.settle(intent.transaction, NOW.plus(DAY), body).unwrap();
            },
            [100, 100],
            0,
        ),
        (
            |ledger, _, intent| {
                ledger.settle(intent.transaction, NOW.plus(DAY), not_done(intent, false)).unwrap();
            },
            [0, 100],
            -100,
        ),
        (
            |ledger, _, intent| {
                ledger.abandon(intent.transaction, NOW.plus(DAY), None).unwrap();
            },
            [0, 100],
            -100,
        ),
    ];
    for (end, [taken, given], expected) in table {
        let (mut world, mut ledger) = World::new();
        let (mut card, mut other) = (world.card(), world.card());
        sell_at(&mut ledger, &mut other, 1, NOW);
        let intent = card.intent(2);
        ledger.store_intent(&intent, &card.certificate).unwrap();
        let day = close(&mut ledger, PeriodKind::Day, NOW.plus(60)).unwrap();
        let [doubt] = day.doubts.sales.as_slice() else { panic!("{day:?}") };
        assert_eq!((doubt.card, doubt.collected), (card.number(), cents(100)));
        assert_eq!((day.totals.money().0, day.cash.expected()), (cents(100), 200), "its cash is in the drawer");

        end(&mut ledger, &mut card, &intent);
        let next = close(&mut ledger, PeriodKind::Day, NOW.plus(DAY + 60)).unwrap();
        assert_eq!((next.cash.taken, next.cash.given), (cents(taken), cents(given)));
        assert_eq!((next.cash.expected(), next.doubts.count), (expected, 0));
        intact(&world);
    }
}

#[test]
fn a_month_needs_its_days_and_a_year_its_months() {
    let (mut world, mut ledger) = World::new();
    let day = |year, month, day| Timestamp::parse(&format!("{year}-{month:02}-{day:02}T18:00:00Z")).unwrap();
    let mut name = 0;
    let mut sell_on = |world: &mut World, ledger: &mut Ledger, when: Timestamp| {
        name += 1;
        let mut card = world.card();
        sell_at(ledger, &mut card, name, when)
    };
    assert_eq!(close(&mut ledger, PeriodKind::Month, NOW), Err(CloseError::Nothing));
    assert_eq!(close(&mut ledger, PeriodKind::Year, NOW), Err(CloseError::Nothing));
    sell_on(&mut world, &mut ledger, day(2027, 1, 29));
    let today = Date::at(day(2027, 1, 29));
    assert_eq!(close(&mut ledger, PeriodKind::Month, day(2027, 1, 29)), Err(CloseError::DayOpen(today)));
    close(&mut ledger, PeriodKind::Day, day(2027, 1, 29)).unwrap();
    let january = Period::Month(2027, 1);
    assert_eq!(close(&mut ledger, PeriodKind::Month, day(2027, 1, 30)), Err(CloseError::NotOver(january)));
    sell_on(&mut world, &mut ledger, day(2027, 1, 31));
    let last = Date::at(day(2027, 1, 31));
    assert_eq!(close(&mut ledger, PeriodKind::Month, day(2027, 1, 31)), Err(CloseError::DayOpen(last)));
    close(&mut ledger, PeriodKind::Day, day(2027, 1, 31)).unwrap();
    // A day of the next month is open, which does not hold the last month up.
    sell_on(&mut world, &mut ledger, day(2027, 2, 1));
    let month = close(&mut ledger, PeriodKind::Month, day(2027, 2, 1)).unwrap();
    assert_eq!((month.period, month.number, month.from), (january, 1, Sequence::FIRST));
    assert_eq!((month.totals.money().0, month.perpetual.net), (cents(200), cents(200)));
    assert_eq!(
        close(&mut ledger, PeriodKind::Month, day(2027, 2, 1)),
        Err(CloseError::DayOpen(Date::at(day(2027, 2, 1))))
    );
    close(&mut ledger, PeriodKind::Day, day(2027, 2, 1)).unwrap();
    let year = Period::Year(2027);
    assert_eq!(
        close(&mut ledger, PeriodKind::Year, day(2027, 12, 31)),
        Err(CloseError::MonthOpen(Period::Month(2027, 2)))
    );
    let february = close(&mut ledger, PeriodKind::Month, day(2027, 3, 1)).unwrap();
    assert_eq!((february.number, february.from), (2, month.to.next()));
    assert_eq!(close(&mut ledger, PeriodKind::Year, day(2027, 12, 30)), Err(CloseError::NotOver(year)));
    let closed = close(&mut ledger, PeriodKind::Year, day(2027, 12, 31)).unwrap();
    assert_eq!((closed.period, closed.number, closed.from, closed.to > february.to), (year, 1, month.from, true));
    assert_eq!(closed.totals.money().0, cents(300));
    assert_eq!(close(&mut ledger, PeriodKind::Year, day(2028, 1, 1)), Err(CloseError::Nothing));
    intact(&world);

    let newest = |kind| ledger.view().closings(kind, None, 10).unwrap();
    assert_eq!(newest(None).len(), 6);
    assert_eq!(newest(Some(PeriodKind::Month)).iter().map(|(_, found)| found.number).collect::<Vec<_>>(), [2, 1]);
}

/// Something else in a closing.
type Forgery = (&'static str, fn(&mut Closing));

#[test]
fn a_closing_whose_sums_are_not_those_of_its_entries_is_found() {
    let forgeries: [Forgery; 9] = [
        ("less collected", |closing| closing.totals.tenders[0].collected = cents(100)),
        ("one debit less", |closing| closing.totals.benefits[0].debits = 1),
        ("a benefit left out", |closing| closing.totals.benefits.clear()),
        ("a total that restarts", |closing| closing.perpetual = Perpetual::default()),
        ("cash that was never there", |closing| closing.cash.taken = cents(100)),
        ("an entry left out", |closing| closing.from = closing.from.next()),
        ("another day", |closing| closing.period = Period::Day(Date::at(NOW.plus(DAY)))),
        ("a number left out", |closing| closing.number = 3),
        ("opened later", |closing| closing.opened = NOW.plus(1)),
    ];
    for (what, forge) in forgeries {
        let (mut world, mut ledger) = World::new();
        let mut card = world.card();
        sell_at(&mut ledger, &mut card, 1, NOW);
        close(&mut ledger, PeriodKind::Day, NOW).unwrap();
        let known = ledger.view().head();
        sell_at(&mut ledger, &mut card, 2, NOW);
        sell_at(&mut ledger, &mut card, 3, NOW);
        // A dishonest program signs what it likes.
        let (head, _) = ledger
            .write(|draft| {
                let before = draft.tip;
                let mut closing = draft.close_day(Counted::default())?;
                forge(&mut closing);
                Ok::<_, CloseError>((draft.append(NOW, Body::Closing(closing), None)?, before))
            })
            .unwrap();
        drop(ledger);
        for known in [None, Some(known)] {
            let found = verify(world.dir.path(), known, |_, _| ());
            let expected = Fault { sequence: Some(head.sequence), wrong: Wrong::Closing };
            assert!(matches!(&found, Err(VerifyError::Wrong(fault)) if *fault == expected), "{what}: {found:?}");
        }
    }
}

#[test]
fn a_closed_ledger_is_verified_from_its_last_closing_on() {
    let (mut world, mut ledger) = World::new();
    let mut card = world.card();
    sell_at(&mut ledger, &mut card, 1, NOW);
    assert_eq!(ledger.view().last_closed_day().unwrap(), None);
    close(&mut ledger, PeriodKind::Day, NOW).unwrap();
    let closed = ledger.view().last_closed_day().unwrap().unwrap();
    assert_eq!(closed, ledger.view().head());
    let duplicate = TechnicalEvent::Duplicate { entry: closed.sequence, count: 1 };
    ledger.append(NOW, Body::Event(duplicate), None).unwrap();
    sell_at(&mut ledger, &mut card, 2, NOW);
    close(&mut ledger, PeriodKind::Day, NOW).unwrap();
    assert_eq!(verify(world.dir.path(), Some(closed), |_, _| ()).unwrap().entries, 3);
}
