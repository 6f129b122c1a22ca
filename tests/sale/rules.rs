//! The rules of a redemption, as stories at the counter.

use pass::domain::purse::Amounts;
use pass::domain::refusal::Refusal;
use pass::machine::sale::{Command, Outcome, View};
use pass::virtual_card::{CardMemory, Effect, Fault, IssuedMemory, MemoryStorage};
use pass::wire::card::Instruction;

use crate::counter::{ONE_EURO, Shop, UNDO, consumed, redemption};
use crate::world::{BOOKS, CINEMA, EVENING, Region, SEASON, cents, issued};

fn refusal(outcome: &Outcome) -> Option<Refusal> {
    match outcome {
        Outcome::Refused(refused) => Some(refused.refusal),
        _ => None,
    }
}

#[test]
fn five_seats_at_one_euro_and_the_sixth_is_refused() {
    let region = Region::new();
    let (mut shop, card) = (Shop::open(&region, 1, "cinema"), region.card(1));
    shop.tap(&card);
    for left in (0..5).rev() {
        match shop.redeem(None) {
            Outcome::Granted(granted) => {
                assert_eq!((granted.debited, granted.due, granted.collected), (1, ONE_EURO, ONE_EURO));
                assert_eq!((granted.left, granted.repeated), (left, false));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(refusal(&shop.redeem(None)), Some(Refusal::NothingLeft));
    assert_eq!((consumed(&card, CINEMA), shop.cash()), (5, 500));
    assert_eq!(shop.kinds(), ["debit"; 5]);
}

#[test]
fn a_book_takes_what_is_left_and_the_holder_pays_the_rest() {
    let region = Region::new();
    let (mut shop, card) = (Shop::open(&region, 1, "bookshop"), region.card(1));
    shop.tap(&card);
    match shop.redeem(Some(2350)) {
        Outcome::Granted(granted) => {
            assert_eq!((granted.debited, granted.due, granted.left), (800, cents(1550), 0));
        }
        other => panic!("{other:?}"),
    }
    match shop.redeem(Some(2350)) {
        Outcome::Refused(refused) => {
            assert_eq!((refused.refusal, refused.due), (Refusal::NothingLeft, Some(cents(2350))));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(consumed(&card, BOOKS), 800);
}

#[test]
fn a_client_waits_for_a_card_and_no_longer_than_it_said() {
    let region = Region::new();
    let (mut shop, card) = (Shop::open(&region, 1, "cinema"), region.card(1));
    assert_eq!(refusal(&shop.redeem(None)), Some(Refusal::CardRemoved));
    let id = shop.next_id();
    shop.request(id, redemption(None));
    assert_eq!(shop.answer(), None);
    shop.tap(&card);
    assert!(matches!(shop.answer(), Some(Outcome::Granted(_))));
}

#[test]
fn the_same_request_has_the_same_answer_and_debits_once() {
    let region = Region::new();
    let (mut shop, card) = (Shop::open(&region, 1, "cinema"), region.card(1));
    shop.tap(&card);
    let id = shop.next_id();
    shop.request(id, redemption(None));
    let Some(Outcome::Granted(first)) = shop.answer() else { panic!() };
    for restarted in [false, true] {
        if restarted {
            shop.start();
        }
        shop.request(id, redemption(None));
        let Outcome::Granted(again) = shop.waited() else { panic!() };
        assert_eq!((again.entry, again.left, again.repeated), (first.entry, first.left, true));
    }
    assert_eq!(consumed(&card, CINEMA), 1);
}

#[test]
fn a_card_that_was_just_served_says_so() {
    let region = Region::new();
    let (mut shop, card) = (Shop::open(&region, 1, "cinema"), region.card(1));
    shop.tap(&card);
    let Outcome::Granted(first) = shop.redeem(None) else { panic!() };
    shop.take_away();
    shop.tap(&card);
    let View::Ready(shown) = shop.last_view() else { panic!("{:?}", shop.last_view()) };
    assert_eq!(shown.served, Some((first.entry, EVENING)));
    let Outcome::Granted(second) = shop.redeem(None) else { panic!() };
    assert_eq!(second.served_before, Some((first.entry, EVENING)));
}

#[test]
fn a_quote_holds_for_that_card_in_that_state() {
    let region = Region::new();
    let mut shop = Shop::open(&region, 1, "cinema");
    let (card, other) = (region.card(1), region.card(2));
    shop.tap(&card);
    let Command::Redeem { request, tender, .. } = redemption(None) else { panic!() };
    let Outcome::Quoted(quoted, quote) = shop.ask(Command::Quote(request.clone())) else { panic!() };
    assert_eq!(quote.due, ONE_EURO);
    let confirm = Command::Redeem { request, tender, confirmed: Some((quoted, quote)) };
    shop.take_away();
    shop.tap(&other);
    assert_eq!(refusal(&shop.ask(confirm.clone())), Some(Refusal::CardChanged));
    shop.take_away();
    shop.tap(&card);
    assert!(matches!(shop.ask(confirm.clone()), Outcome::Granted(_)), "it left and came back as it was");
    assert_eq!(refusal(&shop.ask(confirm)), Some(Refusal::CardChanged), "a quote is confirmed once");
    assert_eq!((consumed(&card, CINEMA), consumed(&other, CINEMA)), (1, 0));
}

#[test]
fn a_seat_is_undone_with_the_card_and_its_euro_goes_back() {
    let region = Region::new();
    let (mut shop, card) = (Shop::open(&region, 1, "cinema"), region.card(1));
    shop.tap(&card);
    let Outcome::Granted(granted) = shop.redeem(None) else { panic!() };
    match shop.ask(UNDO) {
        Outcome::Undone(undone) => assert_eq!((undone.debit, undone.returned), (granted.entry, ONE_EURO)),
        other => panic!("{other:?}"),
    }
    assert_eq!(refusal(&shop.ask(UNDO)), Some(Refusal::NothingToUndo));
    assert_eq!((consumed(&card, CINEMA), shop.cash()), (0, 0));
    assert_eq!(shop.kinds(), ["debit", "reversal"]);
    assert!(matches!(shop.redeem(None), Outcome::Granted(granted) if granted.left == 4));
}

#[test]
fn a_card_that_cannot_take_it_back_lets_the_region_do_it() {
    let region = Region::new();
    let mut shop = Shop::open(&region, 1, "cinema");
    let (card, other) = (region.card(1), region.card(2));
    shop.tap(&card);
    assert!(matches!(shop.redeem(None), Outcome::Granted(_)));
    shop.take_away();
    shop.tap(&other);
    assert_eq!(refusal(&shop.ask(UNDO)), Some(Refusal::CardChanged), "another card");
    let gone = Command::Undo { entry: None, without_card: true };
    assert!(matches!(shop.ask(gone), Outcome::UndoRequested(undone) if undone.returned == ONE_EURO));
    assert_eq!((consumed(&card, CINEMA), shop.cash()), (1, 0));
    assert_eq!(shop.kinds(), ["debit", "undo-request"]);
}

#[test]
fn a_card_is_good_in_its_season_alone() {
    let region = Region::new();
    let mut shop = Shop::open(&region, 1, "cinema");
    let of_season = |season| {
        let card = region.card(1);
        let entitlement = Some(region.entitlement(issued(&card).certificate.card, season, 1));
        MemoryStorage::new(CardMemory::Issued(Box::new(IssuedMemory { entitlement, ..issued(&card) })))
    };
    let without =
        MemoryStorage::new(CardMemory::Issued(Box::new(IssuedMemory { entitlement: None, ..issued(&region.card(1)) })));
    let last_year = of_season(pass::domain::Season::new(SEASON.get() - 1));
    for (card, expected) in [
        (last_year, Refusal::NotRevalidated),
        (of_season(SEASON.next()), Refusal::NotYetValid),
        (without, Refusal::NotYetValid),
    ] {
        shop.tap(&card);
        assert_eq!(refusal(&shop.redeem(None)), Some(expected));
        shop.take_away();
    }
    assert!(shop.kinds().is_empty());
}

#[test]
fn a_clock_behind_what_is_known_sells_nothing() {
    let region = Region::new();
    let (mut shop, card) = (Shop::open(&region, 1, "cinema"), region.card(1));
    shop.clock.set(EVENING.minus(3600));
    shop.tap(&card);
    assert_eq!(refusal(&shop.redeem(None)), Some(Refusal::ClockUntrusted));
    shop.clock.set(EVENING.minus(60));
    shop.take_away();
    shop.tap(&card);
    assert!(matches!(shop.redeem(None), Outcome::Granted(_)), "a minute is no matter");
    assert_eq!(issued(&card).records[0].record.time, EVENING, "and time does not go back");
}

#[test]
fn a_terminal_that_was_not_heard_of_for_too_long_sells_nothing() {
    let region = Region::new();
    let (mut shop, card) = (Shop::open(&region, 1, "cinema"), region.card(1));
    shop.clock.set(EVENING.plus(72 * 3600));
    shop.tap(&card);
    assert_eq!(refusal(&shop.redeem(None)), Some(Refusal::OfflineTooLong));
    shop.clock.set(EVENING.plus(46 * 86_400));
    assert_eq!(refusal(&shop.redeem(None)), Some(Refusal::TerminalExpired), "of two reasons the first");
    assert_eq!(issued(&card).consumed, Amounts::ZERO);
}

#[test]
fn a_bookshop_needs_the_price_and_a_cinema_has_no_books() {
    let region = Region::new();
    let (mut shop, card) = (Shop::open(&region, 1, "bookshop"), region.card(1));
    shop.tap(&card);
    assert_eq!(refusal(&shop.redeem(None)), Some(Refusal::PriceNeeded));
    assert_eq!(refusal(&shop.redeem(Some(0))), Some(Refusal::AmountRefused));
    let mut other = Shop::open(&region, 2, "theatre");
    other.tap(&card);
    assert_eq!(refusal(&other.redeem(None)), Some(Refusal::NoBenefitHere));
}

#[test]
fn a_card_that_does_not_lie_well_yet_is_tried_again_before_it_is_refused() {
    let region = Region::new();
    let (mut shop, card) = (Shop::open(&region, 1, "cinema"), region.card(1));
    let odd = |times| (0..times).map(|_| Fault::next(Instruction::Open, Effect::Garbage)).collect();
    shop.tap_with(&card, odd(2));
    assert!(matches!(shop.redeem(None), Outcome::Granted(_)));
    shop.take_away();
    shop.tap_with(&card, odd(20));
    assert_eq!(refusal(&shop.redeem(None)), Some(Refusal::CardUnreadable));
}
