//! Cards that were lost, stolen or broken, and the cards in their place (R6): what is carried over, what the fee is taken from, what comes late.

use pass::domain::entry::{Body, Tender, UndoRequest};
use pass::domain::refusal::{DenialReason, Language};
use pass::domain::verdict::{Contest, Verdict};
use pass::domain::{CardNumber, Cents, EntitlementSerial, IssueNumber, RequestId, Sequence, Slot, Timestamp};
use pass::region::RegionError;
use pass::region::config::{CatalogueFile, SHIPPED_CATALOGUE};
use pass::region::desk::{Correction, Corrections};
use pass::region::issue::CardTrouble;
use pass::region::replacement::Fee;
use pass::virtual_card::{CardInReader, CardMemory, Effect, Fault, Faulty, InProcess, MemoryStorage, VirtualCard};
use pass::wire::apdu::Protocol;

use super::kit::{BOOKS, CINEMA, Card, SCHOOL_BOOKS, SEASON, SPORT, World, code, hours};
use super::verbs::json;

fn fee_from(benefit: &str) -> Fee {
    Fee::From(benefit.to_owned())
}

fn corrected(world: &World, card: CardNumber, granted: &[&str], opening: &[&str]) {
    let read = |texts: &[&str]| texts.iter().map(|text| Correction::parse(text).unwrap()).collect();
    let corrections = Corrections { granted: read(granted), opening: read(opening) };
    world.region.entitle_card(card, None, &corrections, hours(0)).unwrap();
}

fn lost(world: &World, card: &Card, now: Timestamp) -> CardNumber {
    world.region.deny_card(card.number(), DenialReason::Lost, now).unwrap();
    card.number()
}

/// What `card` is charged of cinema, books, licence and school books.
fn opening(world: &World, card: CardNumber) -> [u32; 4] {
    let rights = world.rights(card);
    [CINEMA, BOOKS, SPORT, SCHOOL_BOOKS].map(|slot: Slot| rights.opening.get(slot))
}

fn undo(card: CardNumber, debit: Sequence, counter: pass::domain::Counter) -> Body {
    Body::UndoRequest(UndoRequest {
        card,
        debit,
        debit_counter: counter,
        returned: Cents::from_u32(100),
        tender: Tender::Cash.into(),
        request: RequestId::new([1; 16]),
    })
}

#[test]
fn the_new_card_has_what_the_old_one_had_left_less_the_fee() {
    let world = World::new();
    let (mut cinema, mut shop) = (world.terminal("cinema"), world.terminal("bookshop"));
    let mut card = world.card();
    corrected(&world, card.number(), &["cinema=6"], &["leisure-books=50"]);
    cinema.sell(&mut card, CINEMA, 2, hours(1));
    let taken_back = cinema.sell(&mut card, CINEMA, 1, hours(1));
    let reversal = cinema.reverse(&mut card, taken_back, hours(1));
    cinema.write(Body::Reversal(reversal), hours(1));
    shop.sell(&mut card, BOOKS, 150, hours(2));
    cinema.exchange(&world.region, hours(3));
    shop.exchange(&world.region, hours(3));
    let old = lost(&world, &card, hours(4));
    let (mut new, made) = world.replace(old, &fee_from("leisure-books"), hours(5)).unwrap();
    assert_eq!((made.replaces, made.fee_from, made.fee), (old, Some(code("leisure-books")), Cents::from_u32(500)));
    let (before, after) = (world.region.card_file(old).unwrap(), world.region.card_file(made.card).unwrap());
    assert_ne!(after.card.card, before.card.card);
    assert_eq!((after.card.holder, &after.card.profile), (before.card.holder, &before.card.profile));
    assert_eq!((before.card.issue, after.card.issue), (IssueNumber::new(1), IssueNumber::new(2)));
    assert_eq!((before.replaced_by, after.replaces), (Some(made.card), Some(old)));
    // On the chip: granted as before; 2 of 6 seats are gone, and 50 + 150 + 500 of 800 cents.
    let on_card = cinema.open(&mut new, hours(6)).entitlement.unwrap();
    assert_eq!((on_card.serial, on_card.season), (EntitlementSerial::new(1), SEASON));
    assert_eq!(on_card.granted, world.rights(old).granted);
    assert_eq!(opening(&world, made.card), [2, 700, 0, 0]);
    assert_eq!(on_card, world.rights(made.card));
    shop.sell(&mut new, BOOKS, 100, hours(7));
    shop.exchange(&world.region, hours(8));
    assert_eq!(world.last_verdict(&shop), Verdict::Payable);
}

#[test]
fn the_fee_is_taken_from_where_the_most_is_left() {
    let world = World::new();
    for (charged, expected) in [(&["leisure-books=0"][..], "school-books"), (&["school-books=9500"], "sport-licence")] {
        let card = world.card();
        corrected(&world, card.number(), &[], charged);
        let old = lost(&world, &card, hours(1));
        let (_, made) = world.replace(old, &Fee::MostLeft, hours(2)).unwrap();
        assert_eq!(made.fee_from, Some(code(expected)), "{charged:?}");
    }
}

#[test]
fn where_five_euros_are_nowhere_left_the_fee_is_waived_or_there_is_no_card() {
    let world = World::new();
    let card = world.card();
    let poor = ["leisure-books=301", "sport-licence=2501", "school-books=10000"];
    corrected(&world, card.number(), &[], &poor);
    let old = lost(&world, &card, hours(1));
    assert!(matches!(world.replace(old, &Fee::MostLeft, hours(2)), Err(RegionError::FeeNotLeft(None))));
    assert!(matches!(world.replace(old, &fee_from("leisure-books"), hours(2)), Err(RegionError::FeeNotLeft(Some(_)))));
    assert!(matches!(world.replace(old, &fee_from("cinema"), hours(2)), Err(RegionError::FeeInSeats(_))));
    assert!(matches!(world.replace(old, &fee_from("opera"), hours(2)), Err(RegionError::NoBenefit { .. })));
    assert_eq!(world.region.card_file(old).unwrap().replaced_by, None);
    let (_, made) = world.replace(old, &Fee::Waived, hours(3)).unwrap();
    assert_eq!((made.fee_from, made.fee), (None, Cents::ZERO));
    assert_eq!(opening(&world, made.card), [0, 301, 2501, 10000]);
}

#[test]
fn a_card_that_is_not_denied_is_not_replaced() {
    let world = World::new();
    let card = world.card();
    let refused = world.replace(card.number(), &Fee::MostLeft, hours(1)).map(drop).unwrap_err();
    assert!(matches!(refused, RegionError::NotDenied(_)));
    assert!(refused.sentence(Language::English).contains("deny it first"));
    let stranger = CardNumber::from_account(925_000_000_000_123).unwrap();
    assert!(matches!(world.replace(stranger, &Fee::MostLeft, hours(1)), Err(RegionError::NoCard(_))));
}

#[test]
fn a_card_is_replaced_once_and_the_one_in_its_place_in_its_turn() {
    let world = World::new();
    let mut shop = world.terminal("bookshop");
    let mut card = world.card();
    shop.sell(&mut card, BOOKS, 10, hours(1));
    let first = lost(&world, &card, hours(1));
    let (card, second) = world.replace(first, &fee_from("school-books"), hours(2)).unwrap();
    let again = world.replace(first, &Fee::MostLeft, hours(3));
    assert!(matches!(again, Err(RegionError::ReplacedAlready { by, .. }) if by == second.card));
    lost(&world, &card, hours(4));
    let (_, third) = world.replace(second.card, &fee_from("sport-licence"), hours(5)).unwrap();
    assert_eq!(world.region.card_file(third.card).unwrap().card.issue, IssueNumber::new(3));
    assert_eq!(opening(&world, third.card), [0, 0, 500, 500]);
    // What comes late of the first is charged to the third: the second has no use for it.
    shop.exchange(&world.region, hours(6));
    assert_eq!(world.last_verdict(&shop), Verdict::Payable);
    assert_eq!(opening(&world, second.card), [0, 0, 0, 500]);
    assert_eq!(opening(&world, third.card), [0, 10, 500, 500]);
}

#[test]
fn the_store_itself_refuses_a_second_card_in_one_place() {
    let world = World::new();
    let old = lost(&world, &world.card(), hours(1));
    let (_, made) = world.replace(old, &Fee::MostLeft, hours(2)).unwrap();
    let other = world.card().number();
    let twice: Result<(), pass::region::store::StoreError> = world.region.store().write(|tx| {
        let first = tx.replacement_of(old)?.unwrap();
        tx.add_replacement(&pass::region::store::ReplacementRow { card: other, ..first })
    });
    assert!(twice.is_err());
    assert_eq!(world.region.card_file(old).unwrap().replaced_by, Some(made.card));
}

#[test]
fn of_a_licence_that_was_used_the_new_card_has_nothing() {
    let world = World::new();
    let mut club = world.terminal("sports-club");
    let mut card = world.card();
    club.sell(&mut card, SPORT, 1000, hours(1));
    club.exchange(&world.region, hours(1));
    let old = lost(&world, &card, hours(2));
    assert!(matches!(world.replace(old, &fee_from("sport-licence"), hours(3)), Err(RegionError::FeeNotLeft(_))));
    let (_, made) = world.replace(old, &Fee::MostLeft, hours(3)).unwrap();
    assert_eq!(opening(&world, made.card), [0, 0, 3000, 500]);
}

#[test]
fn a_licence_that_comes_late_lapses_on_the_new_card() {
    let world = World::new();
    let mut club = world.terminal("sports-club");
    let mut card = world.card();
    let (sequence, signed) = club.sell(&mut card, SPORT, 1000, hours(1));
    let old = lost(&world, &card, hours(2));
    let (_, made) = world.replace(old, &fee_from("sport-licence"), hours(3)).unwrap();
    assert_eq!(opening(&world, made.card), [0, 0, 500, 0]);
    club.exchange(&world.region, hours(4));
    assert_eq!(world.last_verdict(&club), Verdict::Payable);
    assert_eq!(opening(&world, made.card), [0, 0, 3500, 0], "nothing is left");
    club.write(undo(old, sequence, signed.record.counter), hours(5));
    club.exchange(&world.region, hours(5));
    assert_eq!(opening(&world, made.card), [0, 0, 500, 0], "and it was never used");
}

#[test]
fn a_late_debit_is_paid_and_charged_to_the_new_card() {
    let world = World::new();
    let (mut late, mut seen, mut unseen) =
        (world.terminal("cinema"), world.terminal("cinema"), world.terminal("cinema"));
    let mut card = world.card();
    late.sell(&mut card, CINEMA, 2, hours(1));
    let old = lost(&world, &card, hours(2));
    let (mut new, made) = world.replace(old, &Fee::MostLeft, hours(3)).unwrap();
    assert_eq!(opening(&world, made.card), [0, 0, 0, 500]);
    seen.sell(&mut new, CINEMA, 1, hours(4));
    assert_eq!(seen.exchange(&world.region, hours(4)).entitlements(), []);
    unseen.exchange(&world.region, hours(4));
    // Its line was down all that time.
    late.exchange(&world.region, hours(5));
    assert_eq!(world.last_verdict(&late), Verdict::Payable);
    let charged = world.rights(made.card);
    assert_eq!((charged.serial, charged.opening.get(CINEMA)), (EntitlementSerial::new(2), 2));
    assert_eq!(seen.exchange(&world.region, hours(6)).entitlements(), [charged]);
    assert_eq!(unseen.exchange(&world.region, hours(6)).entitlements(), []);
    // Sent again, judged again: charged once.
    late.exchange_request(&world.region, &late.request_with(late.chain.clone(), hours(7)), hours(7));
    assert_eq!(world.rights(made.card), charged);
    seen.put(&mut new, charged, hours(8));
    seen.sell(&mut new, CINEMA, 2, hours(8));
    seen.exchange(&world.region, hours(8));
    assert_eq!(world.last_verdict(&seen), Verdict::Payable);
}

#[test]
fn what_a_late_debit_overdraws_is_the_regions() {
    let world = World::new();
    let (mut late, mut cinema) = (world.terminal("cinema"), world.terminal("cinema"));
    let mut card = world.card();
    late.sell(&mut card, CINEMA, 3, hours(1));
    let old = lost(&world, &card, hours(2));
    let (mut new, made) = world.replace(old, &Fee::MostLeft, hours(3)).unwrap();
    cinema.sell(&mut new, CINEMA, 4, hours(4));
    cinema.exchange(&world.region, hours(4));
    late.exchange(&world.region, hours(5));
    assert_eq!(world.verdicts(&late), [(1, Verdict::Payable, 1200)]);
    assert_eq!(cinema.exchange(&world.region, hours(6)).verdicts(), [], "what was payable stays so");
    assert_eq!(world.verdicts(&cinema), [(1, Verdict::Payable, 1600)]);
    // 5 granted, 3 charged, 4 consumed: nothing is left, and not less than nothing.
    cinema.put(&mut new, world.rights(made.card), hours(7));
    let opened = cinema.open(&mut new, hours(7));
    assert_eq!(opened.entitlement.unwrap().opening.get(CINEMA), 3);
    assert_eq!(opened.session.state().consumed.get(CINEMA), 4);
    // Neither for the card in its place.
    let old = lost(&world, &new, hours(8));
    let (mut newer, made) = world.replace(old, &Fee::MostLeft, hours(8)).unwrap();
    assert_eq!(opening(&world, made.card)[0], 7);
    assert_eq!(cinema.open(&mut newer, hours(9)).entitlement, Some(world.rights(made.card)));
}

#[test]
fn a_late_undo_gives_back_what_was_carried_over() {
    let world = World::new();
    let mut cinema = world.terminal("cinema");
    let mut card = world.card();
    let (sequence, signed) = cinema.sell(&mut card, CINEMA, 2, hours(1));
    let reversed = cinema.sell(&mut card, CINEMA, 1, hours(1));
    cinema.exchange(&world.region, hours(1));
    let reversal = cinema.reverse(&mut card, reversed, hours(2));
    let old = lost(&world, &card, hours(2));
    let (mut new, made) = world.replace(old, &Fee::MostLeft, hours(3)).unwrap();
    assert_eq!(opening(&world, made.card), [3, 0, 0, 500]);
    // Undone on the card, before it was lost; reported now.
    cinema.write(Body::Reversal(reversal), hours(4));
    cinema.exchange(&world.region, hours(4));
    assert_eq!(opening(&world, made.card), [2, 0, 0, 500]);
    // Undone without the card.
    cinema.write(undo(old, sequence, signed.record.counter), hours(5));
    cinema.exchange(&world.region, hours(5));
    assert_eq!(world.verdicts(&cinema)[0].1, Verdict::Contested(Contest::TakenBack));
    assert_eq!(opening(&world, made.card), [0, 0, 0, 500]);
    assert_eq!(world.rights(made.card).granted.get(CINEMA), 5);
    cinema.put(&mut new, world.rights(made.card), hours(6));
    cinema.sell(&mut new, CINEMA, 5, hours(6));
    cinema.exchange(&world.region, hours(6));
    assert_eq!(world.last_verdict(&cinema), Verdict::Payable);
}

#[test]
fn a_right_that_was_given_back_before_the_loss_is_not_given_back_again() {
    let world = World::new();
    let mut cinema = world.terminal("cinema");
    let mut card = world.card();
    let (sequence, signed) = cinema.sell(&mut card, CINEMA, 2, hours(1));
    cinema.write(undo(card.number(), sequence, signed.record.counter), hours(1));
    cinema.exchange(&world.region, hours(1));
    assert_eq!(world.rights(card.number()).granted.get(CINEMA), 7);
    let old = lost(&world, &card, hours(2));
    let (_, made) = world.replace(old, &Fee::MostLeft, hours(3)).unwrap();
    let rights = world.rights(made.card);
    assert_eq!((rights.granted.get(CINEMA), rights.opening.get(CINEMA)), (7, 2));
}

#[test]
fn what_a_terminal_sold_to_the_thief_though_it_knew_is_not_charged() {
    let world = World::new();
    let mut cinema = world.terminal("cinema");
    let mut card = world.card();
    let old = lost(&world, &card, hours(1));
    cinema.exchange(&world.region, hours(2));
    cinema.exchange(&world.region, hours(2));
    let (_, made) = world.replace(old, &Fee::MostLeft, hours(3)).unwrap();
    cinema.sell(&mut card, CINEMA, 2, hours(4));
    cinema.exchange(&world.region, hours(4));
    assert_eq!(world.last_verdict(&cinema), Verdict::Contested(Contest::CardDenied));
    assert_eq!(opening(&world, made.card), [0, 0, 0, 500]);
}

#[test]
fn a_debit_that_was_read_by_another_is_given_back_when_its_terminal_turns_out_to_have_known() {
    let world = World::new();
    let (mut knew, mut reader) = (world.terminal("cinema"), world.terminal("cinema"));
    let mut card = world.card();
    let old = lost(&world, &card, hours(1));
    knew.exchange(&world.region, hours(2));
    knew.exchange(&world.region, hours(2));
    let (_, made) = world.replace(old, &Fee::MostLeft, hours(3)).unwrap();
    knew.sell(&mut card, CINEMA, 2, hours(4));
    let read = reader.read(&mut card, 1, hours(4));
    reader.write(Body::CardRead(read), hours(4));
    reader.exchange(&world.region, hours(4));
    assert_eq!(opening(&world, made.card)[0], 2);
    knew.exchange(&world.region, hours(5));
    assert_eq!(opening(&world, made.card)[0], 0);
}

#[test]
fn rights_of_the_next_season_go_over_and_those_of_a_past_one_do_not() {
    let world = World::new();
    let file = CatalogueFile::parse(SHIPPED_CATALOGUE).unwrap();
    world.region.publish_catalogue("next", &file, SEASON.next(), hours(1)).unwrap();
    let (ready, idle) = (world.card(), world.card());
    world.region.entitle_card(ready.number(), Some(SEASON.next()), &Corrections::default(), hours(1)).unwrap();
    let old = lost(&world, &ready, hours(2));
    let (mut new, made) = world.replace(old, &Fee::MostLeft, hours(3)).unwrap();
    let rights = world.rights(made.card);
    assert_eq!((rights.season, rights.serial), (SEASON.next(), EntitlementSerial::new(2)));
    assert_eq!(rights.opening, pass::domain::Amounts::ZERO);
    let on_card = world.terminal("cinema").open(&mut new, hours(4)).entitlement.unwrap();
    assert_eq!((on_card.season, on_card.serial), (SEASON, EntitlementSerial::new(1)));
    // A card that was not revalidated has nothing to hand over.
    let (old, summer) = (lost(&world, &idle, hours(5)), SEASON.next().begins().plus(3600));
    let refused = world.replace(old, &Fee::Waived, summer);
    assert!(matches!(refused, Err(RegionError::NotRevalidated { .. })));
    world.region.entitle_card(old, Some(SEASON.next()), &Corrections::default(), summer).unwrap();
    let (_, made) = world.replace(old, &Fee::MostLeft, summer).unwrap();
    assert_eq!(opening(&world, made.card), [0, 0, 0, 500]);
}

#[test]
fn a_late_debit_of_a_season_that_is_over_is_charged_to_nothing() {
    let world = World::new();
    let mut late = world.terminal("cinema");
    let mut card = world.card();
    late.sell(&mut card, CINEMA, 2, hours(1));
    let old = lost(&world, &card, hours(2));
    let (_, made) = world.replace(old, &Fee::MostLeft, hours(3)).unwrap();
    let file = CatalogueFile::parse(SHIPPED_CATALOGUE).unwrap();
    world.region.publish_catalogue("next", &file, SEASON.next(), hours(4)).unwrap();
    let next = world.region.entitle_card(made.card, Some(SEASON.next()), &Corrections::default(), hours(4)).unwrap();
    late.exchange(&world.region, hours(5));
    assert_eq!(world.last_verdict(&late), Verdict::Payable);
    assert_eq!(world.rights(made.card), next);
}

/// The new card is pulled out at each of the seven commands of its making, before and after it has done it; then it is put back.
#[test]
fn a_new_card_that_was_pulled_out_is_finished_or_made_anew_for_one_fee() {
    for command in 1..=7 {
        for effect in [Effect::LeaveBefore, Effect::LeaveAfter] {
            let told = format!("{command} {effect:?}");
            let world = World::new();
            let old = lost(&world, &world.card(), hours(1));
            let storage = MemoryStorage::new(CardMemory::BLANK);
            let card = VirtualCard::new(CardMemory::BLANK, storage.clone()).unwrap();
            let faulty = Faulty::new(CardInReader::new(card, Protocol::T1), vec![Fault::nth(command, effect)]);
            let mut reader = InProcess::new(faulty, Protocol::T1);
            let torn = world.region.replace_card(&mut reader, old, &fee_from("leisure-books"), hours(2));
            assert!(matches!(torn, Err(RegionError::Card(CardTrouble::Gone))), "{told}: {torn:?}");
            reader.insert();
            let made = world.region.replace_card(&mut reader, old, &fee_from("leisure-books"), hours(3)).unwrap();
            assert_eq!((made.fee_from, made.fee.get()), (Some(code("leisure-books")), 500), "{told}");
            assert_eq!(opening(&world, made.card), [0, 500, 0, 0], "{told}");
            let mut card = Card::with_memory(storage.load(), Protocol::T1);
            let opened = world.terminal("cinema").open(&mut card, hours(4));
            assert_eq!(opened.entitlement.map(|of| (of.card, of.serial)), Some((made.card, EntitlementSerial::new(1))));
            let again = world.replace(old, &Fee::MostLeft, hours(5));
            assert!(matches!(again, Err(RegionError::ReplacedAlready { by, .. }) if by == made.card), "{told}");
        }
    }
}

#[test]
fn a_card_that_was_torn_off_and_given_up_for_another_does_not_work_beside_it() {
    let world = World::new();
    let old = lost(&world, &world.card(), hours(1));
    let storage = MemoryStorage::new(CardMemory::BLANK);
    let card = VirtualCard::new(CardMemory::BLANK, storage.clone()).unwrap();
    // It has its rights, and the region has not heard so.
    let faulty = Faulty::new(CardInReader::new(card, Protocol::T1), vec![Fault::nth(6, Effect::LeaveAfter)]);
    let mut reader = InProcess::new(faulty, Protocol::T1);
    assert!(world.region.replace_card(&mut reader, old, &Fee::MostLeft, hours(2)).is_err());
    let given_up = world.region.card_file(old).unwrap().replaced_by.unwrap();
    let (_, made) = world.replace(old, &Fee::MostLeft, hours(3)).unwrap();
    assert_ne!(made.card, given_up);
    assert_eq!((made.fee_from, opening(&world, made.card)), (Some(code("school-books")), [0, 0, 0, 500]), "one fee");
    let file = world.region.card_file(given_up).unwrap();
    assert_eq!(file.denial.map(|denial| denial.reason), Some(DenialReason::Broken));
    assert_eq!((file.replaces, file.replaced_by), (Some(old), Some(made.card)));
    // Put back after all: neither as the one nor as the other.
    reader.insert();
    let finished = world.region.issue_card(&mut reader, &code("lycee"), hours(4));
    assert!(matches!(finished, Err(RegionError::Card(CardTrouble::NotBlank(_)))));
    assert!(matches!(
        world.region.replace_card(&mut reader, old, &Fee::MostLeft, hours(4)),
        Err(RegionError::ReplacedAlready { .. })
    ));
}

#[test]
fn a_card_that_is_no_blank_one_takes_nobodys_place() {
    let world = World::new();
    let old = lost(&world, &world.card(), hours(1));
    let mut other = world.card();
    let made = world.region.replace_card(&mut other.reader, old, &Fee::MostLeft, hours(2));
    assert!(matches!(made, Err(RegionError::Card(CardTrouble::NotBlank(_)))));
    assert_eq!(world.region.card_file(old).unwrap().replaced_by, None);
}

#[test]
fn the_desk_sees_which_card_is_in_whose_place() {
    let world = World::new();
    let old = lost(&world, &world.card(), hours(1));
    let (_, made) = world.replace(old, &Fee::MostLeft, hours(2)).unwrap();
    let place = world.arguments();
    let [data, directory, store, location] = place.each_ref().map(String::as_str);
    let show = |card: CardNumber| json(&["card", "show", data, directory, store, location, &card.digits(), "--json"]);
    let (before, after) = (show(old), show(made.card));
    assert_eq!((before["replaces"].as_str(), before["replaced_by"].as_str()), (None, Some(&*made.card.digits())));
    assert_eq!((after["replaces"].as_str(), after["replaced_by"].as_str()), (Some(&*old.digits()), None));
    assert_eq!((before["issue"].as_u64(), after["issue"].as_u64()), (Some(1), Some(2)));
}
