//! Cards are made: blank ones, on T=1 and on T=0, and those that were pulled out in the middle.

use pass::domain::EntitlementSerial;
use pass::region::RegionError;
use pass::region::issue::CardTrouble;
use pass::virtual_card::{CardInReader, CardMemory, Effect, Fault, Faulty, InProcess, MemoryStorage, VirtualCard};
use pass::wire::apdu::Protocol;

use super::kit::{CINEMA, Card, EVENING, World, code, hours};

#[test]
fn a_blank_card_becomes_a_pass_on_either_protocol() {
    let world = World::new();
    for protocol in [Protocol::T0, Protocol::T1] {
        let mut card = Card::with_memory(CardMemory::BLANK, protocol);
        let number = world.region.issue_card(&mut card.reader, &code("lycee"), EVENING).unwrap();
        assert!(number.digits().starts_with("9250"));
        let file = world.region.card_file(number).unwrap();
        assert_eq!((file.card.issued_at, file.card.holds), (Some(EVENING), EntitlementSerial::new(1)));
        let opened = world.terminal("cinema").open(&mut card, EVENING);
        assert_eq!(opened.entitlement.unwrap().granted.get(CINEMA), 5);
    }
}

#[test]
fn no_two_cards_have_one_number_or_one_holder() {
    let world = World::new();
    let files: Vec<_> = (0..20).map(|_| world.region.card_file(world.card().number()).unwrap()).collect();
    let distinct = |of: &dyn Fn(usize) -> String| (0..20).map(of).collect::<std::collections::BTreeSet<_>>().len();
    assert_eq!(distinct(&|index| files[index].card.card.digits()), 20);
    assert_eq!(distinct(&|index| files[index].card.holder.to_string()), 20);
}

#[test]
fn a_card_that_is_made_already_is_refused_with_its_number() {
    let world = World::new();
    let mut card = world.card();
    let again = world.region.issue_card(&mut card.reader, &code("lycee"), EVENING);
    let Err(RegionError::Card(CardTrouble::NotBlank(Some(number)))) = again else { panic!("{again:?}") };
    assert_eq!(number, card.number());
    let elsewhere = World::new().region.issue_card(&mut card.reader, &code("lycee"), EVENING);
    assert!(matches!(elsewhere, Err(RegionError::Card(CardTrouble::NotBlank(_)))));
}

#[test]
fn an_unknown_profile_is_refused_before_the_card_is_touched() {
    let world = World::new();
    let mut card = Card::blank();
    let made = world.region.issue_card(&mut card.reader, &code("retraite"), EVENING);
    let Err(RegionError::NoProfile { known, .. }) = made else { panic!("{made:?}") };
    assert!(known.contains(&code("lycee")));
    assert!(world.region.issue_card(&mut card.reader, &code("lycee"), EVENING).is_ok());
}

/// The card is pulled out at each of the seven commands of its making, before and after the card has done it; then it is put back.
#[test]
fn a_card_that_was_pulled_out_is_finished_or_made_anew() {
    for command in 1..=7 {
        for effect in [Effect::LeaveBefore, Effect::LeaveAfter] {
            let world = World::new();
            let storage = MemoryStorage::new(CardMemory::BLANK);
            let card = VirtualCard::new(CardMemory::BLANK, storage.clone()).unwrap();
            let faulty = Faulty::new(CardInReader::new(card, Protocol::T1), vec![Fault::nth(command, effect)]);
            let mut reader = InProcess::new(faulty, Protocol::T1);
            let torn = world.region.issue_card(&mut reader, &code("lycee"), EVENING);
            assert!(matches!(torn, Err(RegionError::Card(CardTrouble::Gone))), "{command} {effect:?}: {torn:?}");
            reader.insert();
            let number = world.region.issue_card(&mut reader, &code("lycee"), hours(1)).unwrap();
            assert_eq!(world.region.card_file(number).unwrap().card.issued_at, Some(hours(1)));
            let mut made = Card::with_memory(storage.load(), Protocol::T1);
            let opened = world.terminal("cinema").open(&mut made, hours(1));
            assert_eq!(opened.entitlement.map(|of| (of.card, of.serial)), Some((number, EntitlementSerial::new(1))));
        }
    }
}
