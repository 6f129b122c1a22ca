//! Cards pulled out, relays that lie, programs that are killed: at every point, card, ledger and cash box agree once the card is back.

use pass::domain::card::CardStatus;
use pass::domain::entry::Body;
use pass::domain::refusal::{DenialReason, Refusal};
use pass::machine::sale::{Command, Event, Outcome};
use pass::virtual_card::{CardMemory, Effect, Fault, MemoryStorage};
use pass::wire::apdu::StatusWord;
use pass::wire::card::Instruction;
use pass::wire::feed::Item;

use crate::counter::{ONE_EURO, Shop, UNDO, consumed, redemption};
use crate::world::{CINEMA, EVENING, Region, issued};

/// What the card consumed is what the ledger debited, and the cash box has a euro for each.
fn agree(shop: &Shop, card: &MemoryStorage, seats: u32) {
    let (mut debits, mut reversals) = (0, 0);
    for body in shop.bodies() {
        match body {
            Body::Debit(_) => debits += 1,
            Body::Reversal(_) => reversals += 1,
            _ => (),
        }
    }
    assert_eq!(shop.in_doubt(), 0, "nothing is in doubt any more");
    assert_eq!((consumed(card, CINEMA), debits - reversals), (seats, seats), "{:?}", shop.kinds());
    assert_eq!(shop.cash(), u64::from(seats) * 100);
}

#[test]
fn pulled_before_or_after_the_debit_and_brought_back_it_is_debited_once() {
    for effect in [Effect::LeaveBefore, Effect::LeaveAfter] {
        let region = Region::new();
        let (mut shop, card) = (Shop::open(&region, 1, "cinema"), region.card(1));
        shop.tap_with(&card, vec![Fault::next(Instruction::Debit, effect)]);
        let id = shop.next_id();
        shop.request(id, redemption(None));
        shop.take_away();
        assert_eq!(shop.answer(), None, "the client waits for the card");
        shop.tap(&card);
        assert!(matches!(shop.answer(), Some(Outcome::Granted(granted)) if granted.left == 4), "{effect:?}");
        agree(&shop, &card, 1);
    }
}

#[test]
fn pulled_and_not_brought_back_in_time_it_is_in_doubt_until_it_returns() {
    for (effect, debited) in [(Effect::LeaveBefore, 0), (Effect::LeaveAfter, 1)] {
        let region = Region::new();
        let (mut shop, card) = (Shop::open(&region, 1, "cinema"), region.card(1));
        shop.tap_with(&card, vec![Fault::next(Instruction::Debit, effect)]);
        let Outcome::Refused(refused) = shop.redeem(None) else { panic!() };
        assert_eq!(refused.refusal, Refusal::SaleInDoubt);
        shop.take_away();
        assert_eq!(shop.in_doubt(), 1);
        let next = region.card(2);
        shop.tap(&next);
        assert!(matches!(shop.redeem(None), Outcome::Granted(_)), "a doubt stops no other card");
        shop.take_away();
        shop.start();
        shop.tap(&card);
        assert_eq!((shop.in_doubt(), consumed(&card, CINEMA)), (0, debited), "{effect:?}");
        // The cashier sells the seat again: what was debited is handed out, and nothing is debited twice.
        let Outcome::Granted(granted) = shop.redeem(None) else { panic!() };
        assert_eq!((granted.repeated, granted.left, granted.due), (debited == 1, 4, ONE_EURO));
        assert_eq!(consumed(&card, CINEMA), 1);
        // Once: the next one is another seat.
        let Outcome::Granted(granted) = shop.redeem(None) else { panic!() };
        assert_eq!((granted.repeated, granted.left), (false, 3));
        let kinds = shop.kinds();
        assert_eq!(kinds.contains(&"not-done"), debited == 0, "{kinds:?}");
    }
}

#[test]
fn a_relay_that_lies_about_a_debit_ends_no_doubt() {
    for status in [StatusWord::CONDITIONS_NOT_MET, StatusWord::BLOCKED, StatusWord::DONE, StatusWord(0x6F00)] {
        let region = Region::new();
        let (mut shop, card) = (Shop::open(&region, 1, "cinema"), region.card(1));
        shop.tap_with(&card, vec![Fault::next(Instruction::Debit, Effect::Lie(status))]);
        assert!(matches!(shop.redeem(None), Outcome::Granted(granted) if granted.left == 4), "{status}");
        agree(&shop, &card, 1);
    }
    let region = Region::new();
    let (mut shop, card) = (Shop::open(&region, 1, "cinema"), region.card(1));
    shop.tap_with(&card, vec![Fault::next(Instruction::Debit, Effect::Garbage)]);
    assert!(matches!(shop.redeem(None), Outcome::Granted(granted) if granted.left == 4));
    agree(&shop, &card, 1);
}

#[test]
fn pulled_at_any_command_of_a_sale_or_an_undo_and_brought_back() {
    for effect in [Effect::LeaveBefore, Effect::LeaveAfter] {
        for number in 1..=12 {
            let region = Region::new();
            let (mut shop, card) = (Shop::open(&region, 1, "cinema"), region.card(1));
            shop.tap_with(&card, vec![Fault::nth(number, effect)]);
            let mut granted = false;
            for command in [redemption(None), UNDO] {
                let id = shop.next_id();
                shop.request(id, command);
                let outcome = match shop.answer() {
                    Some(outcome) => outcome,
                    None => {
                        shop.take_away();
                        shop.tap(&card);
                        shop.waited()
                    }
                };
                match outcome {
                    Outcome::Granted(_) => granted = true,
                    Outcome::Undone(_) => assert!(granted, "what was not granted is not undone"),
                    other => panic!("{effect:?} {number}: {other:?}"),
                }
            }
            agree(&shop, &card, 0);
            assert_eq!(issued(&card).counter().get(), 2, "one debit and one reversal");
        }
    }
}

#[test]
fn the_program_is_killed_at_any_command_and_started_again() {
    for effect in [Effect::LeaveBefore, Effect::LeaveAfter] {
        for number in 1..=10 {
            let region = Region::new();
            let (mut shop, card) = (Shop::open(&region, 1, "cinema"), region.card(1));
            shop.tap_with(&card, vec![Fault::nth(number, effect)]);
            for command in [redemption(None), UNDO] {
                let id = shop.next_id();
                shop.request(id, command);
                drop(shop.answer());
                shop.stop();
                shop.start();
                shop.take_away();
                shop.tap(&card);
            }
            let seats = consumed(&card, CINEMA);
            assert!(seats <= 1);
            agree(&shop, &card, seats);
        }
    }
}

#[test]
fn an_abandoned_sale_that_was_done_is_taken_back_at_the_cards_return() {
    for (effect, kinds) in [
        (Effect::LeaveAfter, &["abandoned", "debit", "reversal"][..]),
        (Effect::LeaveBefore, &["abandoned", "not-done"]),
    ] {
        let region = Region::new();
        let (mut shop, card) = (Shop::open(&region, 1, "cinema"), region.card(1));
        shop.tap_with(&card, vec![Fault::next(Instruction::Debit, effect)]);
        let Outcome::Refused(_) = shop.redeem(None) else { panic!() };
        shop.take_away();
        let number = issued(&card).certificate.card;
        let abandoned = shop.ask(Command::Abandon { card: Some(number) });
        assert!(matches!(abandoned, Outcome::Abandoned { card, .. } if card == number));
        assert_eq!(shop.in_doubt(), 1, "the card may still say that it was done");
        let again = shop.ask(Command::Abandon { card: Some(number) });
        assert!(matches!(again, Outcome::Refused(refused) if refused.refusal == Refusal::NothingToUndo));
        shop.tap(&card);
        assert_eq!(shop.kinds(), kinds);
        agree(&shop, &card, 0);
        assert!(matches!(shop.redeem(None), Outcome::Granted(granted) if granted.left == 4 && !granted.repeated));
    }
}

#[test]
fn a_sale_that_came_out_of_a_doubt_is_told_to_one_request_alone() {
    let region = Region::new();
    let (mut shop, card) = (Shop::open(&region, 1, "cinema"), region.card(1));
    shop.tap_with(&card, vec![Fault::next(Instruction::Debit, Effect::LeaveAfter)]);
    let id = shop.next_id();
    shop.request(id, redemption(None));
    assert!(matches!(shop.waited(), Outcome::Refused(refused) if refused.refusal == Refusal::SaleInDoubt));
    shop.take_away();
    shop.tap(&card);
    // The till asks for its answer, and has it; the next seat is another one.
    shop.request(id, redemption(None));
    assert!(matches!(shop.waited(), Outcome::Granted(granted) if granted.repeated && granted.left == 4));
    assert!(matches!(shop.redeem(None), Outcome::Granted(granted) if !granted.repeated && granted.left == 3));
    agree(&shop, &card, 2);
}

#[test]
fn a_till_that_asks_again_for_a_sale_that_was_given_up_is_not_told_that_it_was_granted() {
    let region = Region::new();
    let (mut shop, card) = (Shop::open(&region, 1, "cinema"), region.card(1));
    shop.tap_with(&card, vec![Fault::next(Instruction::Debit, Effect::LeaveAfter)]);
    let id = shop.next_id();
    shop.request(id, redemption(None));
    assert!(matches!(shop.waited(), Outcome::Refused(refused) if refused.refusal == Refusal::SaleInDoubt));
    shop.take_away();
    assert!(matches!(shop.ask(Command::Abandon { card: None }), Outcome::Abandoned { .. }));
    // The till has not heard of it, and waits for the card once more.
    shop.request(id, redemption(None));
    shop.tap(&card);
    assert!(matches!(shop.waited(), Outcome::Abandoned { .. }), "its money went back before");
    assert_eq!(shop.kinds(), ["abandoned", "debit", "reversal"]);
    agree(&shop, &card, 0);
}

#[test]
fn what_was_given_up_is_taken_back_also_after_another_sale() {
    let region = Region::new();
    let (mut shop, card) = (Shop::open(&region, 1, "cinema"), region.card(1));
    shop.tap_with(&card, vec![Fault::next(Instruction::Debit, Effect::LeaveAfter)]);
    assert!(matches!(shop.redeem(None), Outcome::Refused(_)));
    shop.take_away();
    assert!(matches!(shop.ask(Command::Abandon { card: None }), Outcome::Abandoned { .. }));
    // The card never gets to see that it should take it back, and the holder buys the next seat meanwhile.
    shop.tap_with(&card, (0..3).map(|_| Fault::next(Instruction::Reverse, Effect::Garbage)).collect());
    assert!(matches!(shop.redeem(None), Outcome::Granted(granted) if granted.left == 3));
    shop.take_away();
    shop.tap(&card);
    assert_eq!((consumed(&card, CINEMA), shop.cash()), (1, 100), "{:?}", shop.kinds());
    let reversals = shop.kinds().iter().filter(|kind| **kind == "reversal").count();
    shop.take_away();
    shop.tap(&card);
    assert_eq!((reversals, shop.kinds().iter().filter(|kind| **kind == "reversal").count()), (1, 1));
}

#[test]
fn a_card_that_went_elsewhere_meanwhile_is_settled_by_its_records() {
    let region = Region::new();
    let (mut here, mut there) = (Shop::open(&region, 1, "cinema"), Shop::open(&region, 2, "cinema"));
    let card = region.card(1);
    here.tap_with(&card, vec![Fault::next(Instruction::Debit, Effect::LeaveAfter)]);
    let Outcome::Refused(_) = here.redeem(None) else { panic!() };
    here.take_away();
    there.tap(&card);
    assert!(matches!(there.redeem(None), Outcome::Granted(granted) if granted.left == 3));
    here.tap(&card);
    assert_eq!(here.kinds(), ["debit"]);
    assert_eq!(consumed(&card, CINEMA), 2);
}

#[test]
fn a_card_whose_counter_went_back_is_not_the_card_it_was() {
    let region = Region::new();
    let (mut shop, card) = (Shop::open(&region, 1, "cinema"), region.card(1));
    let copied_before = pass::virtual_card::MemoryStorage::new(card.load());
    shop.tap(&card);
    assert!(matches!(shop.redeem(None), Outcome::Granted(_)));
    shop.take_away();
    shop.tap_with(&card, vec![Fault::next(Instruction::Debit, Effect::LeaveBefore)]);
    let Outcome::Refused(_) = shop.redeem(None) else { panic!() };
    shop.take_away();
    shop.tap(&copied_before);
    let Outcome::Refused(refused) = shop.redeem(None) else { panic!() };
    assert_eq!(refused.refusal, Refusal::CardNotGenuine);
    assert_eq!(shop.kinds(), ["debit", "refused"]);
    assert_eq!(shop.in_doubt(), 1, "and the doubt goes on");
}

#[test]
fn the_card_is_seen_going_in_the_middle_of_nothing() {
    let region = Region::new();
    let (mut shop, card) = (Shop::open(&region, 1, "cinema"), region.card(1));
    for event in [Event::CardGone, Event::Tick, Event::CardPresent, Event::CardGone, Event::ClientGone] {
        shop.event(event);
    }
    shop.tap(&card);
    assert!(matches!(shop.redeem(None), Outcome::Granted(_)));
    agree(&shop, &card, 1);
}

#[test]
fn the_program_is_killed_between_any_two_actions_of_a_sale_and_of_an_undo() {
    for undo in [false, true] {
        let mut finished = false;
        // More actions than any sale or undo has; the last rounds are not cut at all.
        for survived in 0..40 {
            let region = Region::new();
            let (mut shop, card) = (Shop::open(&region, 1, "cinema"), region.card(1));
            shop.tap(&card);
            let mut seats = 0;
            if undo {
                assert!(matches!(shop.redeem(None), Outcome::Granted(_)));
                seats = 1;
            }
            let id = shop.next_id();
            let command = if undo { UNDO } else { redemption(None) };
            finished = shop.request_and_die(id, command.clone(), survived);
            let answered = shop.answer();
            shop.start();
            shop.take_away();
            shop.tap(&card);
            let now = consumed(&card, CINEMA);
            agree(&shop, &card, now);
            if answered.is_some() {
                assert_ne!(now, seats, "what was said is done");
            }
            // The client asks again with the same id, and is told what came of it.
            shop.request(id, command);
            match shop.waited() {
                Outcome::Granted(granted) => assert_eq!(granted.left, 4),
                Outcome::Undone(undone) => assert_eq!(undone.returned, ONE_EURO),
                other => panic!("{undo} {survived}: {other:?}"),
            }
            agree(&shop, &card, u32::from(!undo));
        }
        assert!(finished, "40 actions are enough");
    }
}

/// Two counters, and a card that was taken away from the first in the middle of its debit.
fn in_doubt_here(effect: Effect) -> (Region, Shop, Shop, pass::virtual_card::MemoryStorage) {
    let region = Region::new();
    let (mut here, there) = (Shop::open(&region, 1, "cinema"), Shop::open(&region, 2, "cinema"));
    let card = region.card(1);
    here.tap_with(&card, vec![Fault::next(Instruction::Debit, effect)]);
    assert!(matches!(here.redeem(None), Outcome::Refused(_)));
    here.take_away();
    (region, here, there, card)
}

#[test]
fn a_doubt_is_settled_by_a_record_that_another_terminal_read() {
    for (effect, kind) in [(Effect::LeaveAfter, "debit"), (Effect::LeaveBefore, "not-done")] {
        let (region, mut here, mut there, card) = in_doubt_here(effect);
        there.tap(&card);
        assert!(matches!(there.redeem(None), Outcome::Granted(_)));
        let first = *issued(&card).records.last().unwrap();
        let forged = pass::domain::card::SignedRecord { signature: pass::domain::card::Signature([1; 64]), ..first };
        here.exchange(&region, vec![Item::Record(forged)]);
        assert_eq!(here.in_doubt(), 1, "only the card's own signature counts");
        here.exchange(&region, vec![Item::Record(first)]);
        assert_eq!((here.in_doubt(), here.kinds()), (0, vec![kind]));
        here.exchange(&region, vec![Item::Record(first)]);
        assert_eq!(here.kinds(), [kind], "told twice, it changes nothing");
        let left = u64::from(kind == "debit") * 100;
        assert_eq!(here.cash(), left);
    }
}

#[test]
fn a_doubt_of_which_no_record_is_left_ends_when_it_was_given_up() {
    for effect in [Effect::LeaveAfter, Effect::LeaveBefore] {
        let (_region, mut here, mut there, card) = in_doubt_here(effect);
        // Seventeen changes elsewhere: the card keeps sixteen.
        for change in 0..17 {
            there.take_away();
            there.tap(&card);
            let done = there.ask(if change % 2 == 0 { redemption(None) } else { UNDO });
            assert!(matches!(done, Outcome::Granted(_) | Outcome::Undone(_)), "{done:?}");
        }
        let taken = consumed(&card, CINEMA);
        here.tap(&card);
        assert!(matches!(here.redeem(None), Outcome::Refused(refused) if refused.refusal == Refusal::SaleInDoubt));
        assert_eq!((here.in_doubt(), here.kinds()), (1, vec![]), "nobody knows, and nothing is guessed");
        // The money goes back: what the card did has no bearing on anything any more.
        assert!(matches!(here.ask(Command::Abandon { card: None }), Outcome::Abandoned { .. }));
        here.take_away();
        here.tap(&card);
        assert_eq!((here.in_doubt(), here.kinds(), here.cash()), (0, vec!["abandoned", "not-done"], 0));
        assert!(matches!(here.redeem(None), Outcome::Granted(granted) if !granted.repeated));
        assert_eq!(consumed(&card, CINEMA), taken + 1);
        let directory = here.directory.path().to_owned();
        here.stop();
        assert!(pass::ledger::verify(&directory, None, |_, _| ()).is_ok());
    }
}

#[test]
fn a_denied_card_is_blocked_on_its_chip_and_refused_everywhere() {
    let region = Region::new();
    let (mut here, mut there) = (Shop::open(&region, 1, "cinema"), Shop::open(&region, 2, "cinema"));
    let card = region.card(1);
    here.exchange(&region, Vec::new());
    here.tap(&card);
    assert!(matches!(here.redeem(None), Outcome::Granted(_)));
    here.take_away();
    let denial = region.denial(issued(&card).certificate.card);
    here.exchange(&region, vec![Item::Denial(denial)]);
    here.tap(&card);
    let Outcome::Refused(refused) = here.redeem(None) else { panic!() };
    assert_eq!((refused.refusal, refused.denial), (Refusal::CardDenied, Some(DenialReason::Lost)));
    assert_eq!(issued(&card).status, CardStatus::Blocked);
    assert!(matches!(here.ask(UNDO), Outcome::UndoRequested(_)), "its seat goes back through the region");
    there.tap(&card);
    let Outcome::Refused(refused) = there.redeem(None) else { panic!() };
    assert_eq!(refused.refusal, Refusal::CardBlocked, "also where nobody heard of it");
}

/// A seat that the card was debited for while nobody waited any more, settled by the card's return; and the name of its request.
fn settled_late(region: &Region) -> (Shop, pass::virtual_card::MemoryStorage, pass::domain::RequestId) {
    let (mut shop, card) = (Shop::open(region, 1, "cinema"), region.card(1));
    shop.tap_with(&card, vec![Fault::next(Instruction::Debit, Effect::LeaveAfter)]);
    let id = shop.next_id();
    shop.request(id, redemption(None));
    let Outcome::Refused(_) = shop.waited() else { panic!() };
    shop.take_away();
    shop.tap(&card);
    assert_eq!(shop.kinds(), ["debit"]);
    (shop, card, id)
}

#[test]
fn what_was_told_by_its_name_is_not_handed_out_again() {
    let region = Region::new();
    let (mut shop, card, id) = settled_late(&region);
    shop.request(id, redemption(None));
    assert!(matches!(shop.waited(), Outcome::Granted(granted) if granted.repeated));
    assert!(matches!(shop.redeem(None), Outcome::Granted(granted) if !granted.repeated && granted.left == 3));
    agree(&shop, &card, 2);
}

#[test]
fn what_was_undone_is_not_handed_out() {
    let region = Region::new();
    let (mut shop, card, _) = settled_late(&region);
    assert!(matches!(shop.ask(UNDO), Outcome::Undone(_)));
    assert!(matches!(shop.redeem(None), Outcome::Granted(granted) if !granted.repeated && granted.left == 4));
    agree(&shop, &card, 1);
}

#[test]
fn what_needs_no_card_is_done_whatever_lies_in_the_reader() {
    let region = Region::new();
    let (mut shop, card) = (Shop::open(&region, 1, "cinema"), region.card(1));
    shop.tap(&card);
    assert!(matches!(shop.redeem(None), Outcome::Granted(_)));
    shop.take_away();
    shop.tap_with(&card, vec![Fault::next(Instruction::Debit, Effect::LeaveBefore)]);
    assert!(matches!(shop.redeem(None), Outcome::Refused(_)));
    shop.take_away();
    shop.tap(&MemoryStorage::new(CardMemory::BLANK));
    assert!(matches!(shop.redeem(None), Outcome::Refused(refused) if refused.refusal == Refusal::NotAPass));
    let given_up = shop.ask(Command::Abandon { card: None });
    assert!(matches!(given_up, Outcome::Abandoned { .. }), "{given_up:?}");
    let without_card = Command::Undo { entry: None, without_card: true };
    assert!(matches!(shop.ask(without_card), Outcome::UndoRequested(_)));
    assert!(matches!(shop.redeem(None), Outcome::Refused(refused) if refused.refusal == Refusal::NotAPass));
}

#[test]
fn a_card_that_is_denied_while_a_sale_begins_is_not_sold_to_unless_the_sale_was_durable_before() {
    let mut refused = 0;
    for steps in 0..12 {
        let region = Region::new();
        let (mut shop, card) = (Shop::open(&region, 1, "cinema"), region.card(1));
        shop.tap(&card);
        shop.request_and_begin(redemption(None), steps);
        let begun = shop.in_doubt() == 1 || consumed(&card, CINEMA) == 1;
        shop.exchange(&region, vec![Item::Denial(region.denial(issued(&card).certificate.card))]);
        match shop.waited() {
            Outcome::Granted(_) => assert!(begun, "sold after {steps} steps"),
            Outcome::Refused(why) => {
                assert_eq!((why.refusal, begun), (Refusal::CardDenied, false), "after {steps} steps");
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
        agree(&shop, &card, u32::from(begun));
    }
    assert!(refused > 3, "the denial is known at every step before the intent");
}

#[test]
fn what_was_granted_is_granted_again_whatever_lies_in_the_reader() {
    let region = Region::new();
    let (mut shop, card) = (Shop::open(&region, 1, "cinema"), region.card(1));
    shop.tap(&card);
    let id = shop.next_id();
    shop.request(id, redemption(None));
    assert!(matches!(shop.answer(), Some(Outcome::Granted(_))));
    shop.take_away();
    // The till lost the answer and asks again: over no pass at all, over a forgery, and over a card that does not answer.
    let strange = MemoryStorage::new(CardMemory::BLANK);
    let forged = Region::new().card(1);
    let silent = || (0..20).map(|_| Fault::next(Instruction::Open, Effect::Garbage)).collect();
    for (lies_there, plan) in [(&strange, Vec::new()), (&forged, Vec::new()), (&card, silent())] {
        shop.tap_with(lies_there, plan);
        shop.request(id, redemption(None));
        let again = shop.waited();
        assert!(matches!(&again, Outcome::Granted(granted) if granted.repeated), "{again:?}");
        shop.take_away();
    }
    // Also when the card leaves before it was read.
    shop.tap_with(&card, silent());
    shop.request(id, redemption(None));
    shop.take_away();
    assert!(matches!(shop.waited(), Outcome::Granted(granted) if granted.repeated));
    agree(&shop, &card, 1);
}

#[test]
fn an_undo_in_doubt_waits_for_its_card_and_not_for_another() {
    let region = Region::new();
    let (mut shop, card, other) = (Shop::open(&region, 1, "cinema"), region.card(1), region.card(2));
    shop.tap(&card);
    assert!(matches!(shop.redeem(None), Outcome::Granted(_)));
    shop.take_away();
    shop.tap_with(&card, vec![Fault::next(Instruction::Reverse, Effect::LeaveAfter)]);
    let id = shop.next_id();
    shop.request(id, UNDO);
    shop.take_away();
    shop.tap(&other);
    let Outcome::Refused(refused) = shop.waited() else { panic!() };
    assert_eq!(refused.refusal, Refusal::SaleInDoubt, "the card may have done it");
    shop.take_away();
    shop.tap(&card);
    shop.request(id, UNDO);
    assert!(matches!(shop.answer(), Some(Outcome::Undone(_))));
    agree(&shop, &card, 0);
}

#[test]
fn what_is_in_doubt_is_not_refused_by_a_terminal_that_may_not_sell() {
    let region = Region::new();
    let (mut shop, card) = (Shop::open(&region, 1, "cinema"), region.card(1));
    shop.tap_with(&card, vec![Fault::next(Instruction::Debit, Effect::LeaveAfter)]);
    let id = shop.next_id();
    shop.request(id, redemption(None));
    shop.take_away();
    assert!(matches!(shop.waited(), Outcome::Refused(refused) if refused.refusal == Refusal::SaleInDoubt));
    // Somebody sets the clock back, and the till asks again what became of it.
    shop.clock.set(EVENING.minus(3600));
    shop.request(id, redemption(None));
    let Outcome::Refused(refused) = shop.waited() else { panic!() };
    assert_eq!(refused.refusal, Refusal::SaleInDoubt, "the card has done it");
    // The card is asked all the same, and its answer is told.
    shop.request(id, redemption(None));
    shop.tap(&card);
    assert!(matches!(shop.answer(), Some(Outcome::Granted(_))));
    agree(&shop, &card, 1);
}
