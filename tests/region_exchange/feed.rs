//! What the region tells its terminals: in pages, in order, signed, and each terminal what is for it.

use pass::crypto::{sha256, verify_p256};
use pass::domain::entry::Body;
use pass::domain::refusal::DenialReason;
use pass::domain::verdict::Verdict;
use pass::domain::{Amounts, EntitlementSerial, KeySerial, Season};
use pass::region::RegionError;
use pass::region::config::{CatalogueFile, SHIPPED_CATALOGUE, SHIPPED_POLICY};
use pass::region::desk::{Correction, Corrections};
use pass::region::store::FeedPoint;
use pass::wire::card::block_bytes;
use pass::wire::feed::{Denial, FeedPage, Item, denied_bytes};

use super::kit::{BOOKS, CINEMA, Card, EVENING, Heard, SEASON, World, hours};

fn denials(heard: &Heard) -> Vec<Denial> {
    let denial = |item: &Item| match item {
        Item::Denial(denial) => Some(*denial),
        _ => None,
    };
    heard.items.iter().filter_map(denial).collect()
}

fn granting(text: &str) -> Corrections {
    Corrections { granted: vec![Correction::parse(text).unwrap()], opening: Vec::new() }
}

#[test]
fn the_first_exchange_brings_everything_and_the_next_only_the_time() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    let heard = terminal.exchange(&world.region, hours(1));
    let kinds = |wanted: fn(&Item) -> bool| heard.items.iter().filter(|item| wanted(item)).count();
    assert_eq!(kinds(|item| matches!(item, Item::Catalogue(_))), 1);
    assert_eq!(kinds(|item| matches!(item, Item::Policy(_))), 1);
    assert_eq!(kinds(|item| matches!(item, Item::KeyCertificate(_))), 1);
    let heard = terminal.exchange(&world.region, hours(2));
    let [FeedPage { from, to, made_at, items, denied_count, .. }] = heard.pages.as_slice() else { panic!("one page") };
    assert_eq!((*from, *made_at, *denied_count), (*to, hours(2), 0));
    assert!(items.is_empty());
}

#[test]
fn a_denial_reaches_every_terminal_with_a_block_that_holds() {
    let world = World::new();
    let (mut here, mut there) = (world.terminal("cinema"), world.terminal("bookshop"));
    let (card, other) = (world.card().number(), world.card().number());
    world.region.deny_card(card, DenialReason::Stolen, hours(1)).unwrap();
    for terminal in [&mut here, &mut there] {
        let heard = terminal.exchange(&world.region, hours(2));
        let [denial] = denials(&heard)[..] else { panic!("one denial") };
        assert_eq!((denial.card, denial.reason, denial.denied_at), (card, DenialReason::Stolen, hours(1)));
        let key = terminal.keys.key(KeySerial::new(1)).unwrap();
        assert!(verify_p256(&key, &block_bytes(card), &denial.block.unwrap()));
        let page = heard.pages.last().unwrap();
        assert_eq!((page.denied_count, page.denied_digest), (1, sha256(&denied_bytes([card].into_iter()))));
    }
    // Denied again: nothing new. Another: in growing order.
    world.region.deny_card(card, DenialReason::Lost, hours(3)).unwrap();
    world.region.deny_card(other, DenialReason::Lost, hours(3)).unwrap();
    let heard = here.exchange(&world.region, hours(4));
    assert_eq!(denials(&heard).iter().map(|denial| denial.card).collect::<Vec<_>>(), [other]);
    let mut both = [card, other];
    both.sort();
    assert_eq!(heard.pages.last().unwrap().denied_digest, sha256(&denied_bytes(both.into_iter())));
}

#[test]
fn a_card_that_was_never_made_cannot_be_denied() {
    let world = World::new();
    let stranger = pass::domain::CardNumber::from_account(925_000_000_000_123).unwrap();
    let denied = world.region.deny_card(stranger, DenialReason::Lost, EVENING);
    assert!(matches!(denied, Err(RegionError::NoCard(_))));
}

#[test]
fn a_correction_goes_to_the_terminals_that_have_seen_the_card() {
    let world = World::new();
    let (mut seen, mut unseen) = (world.terminal("cinema"), world.terminal("cinema"));
    let mut card = world.card();
    seen.sell(&mut card, CINEMA, 1, hours(1));
    seen.exchange(&world.region, hours(1));
    unseen.exchange(&world.region, hours(1));
    let made = world.region.entitle_card(card.number(), None, &granting("cinema=6"), hours(2)).unwrap();
    assert_eq!((made.serial, made.granted.get(CINEMA)), (EntitlementSerial::new(2), 6));
    assert_eq!(made.granted.get(BOOKS), 800, "what is not corrected stays");
    assert_eq!(seen.exchange(&world.region, hours(3)).entitlements(), [made]);
    assert_eq!(unseen.exchange(&world.region, hours(3)).entitlements(), []);
    // Asked for at a tap.
    unseen.asks_for = vec![card.number()];
    let heard = unseen.exchange(&world.region, hours(3));
    assert_eq!(heard.answer.answer().entitlements, [made]);
    unseen.asks_for.clear();
    // It shows the card for the first time, and is told from then on.
    unseen.sell(&mut card, CINEMA, 1, hours(4));
    assert_eq!(unseen.exchange(&world.region, hours(4)).entitlements(), [made]);
    // Once the card is known to hold it, a newcomer is not told.
    unseen.put(&mut card, made, hours(5));
    unseen.sell(&mut card, CINEMA, 1, hours(5));
    unseen.exchange(&world.region, hours(5));
    let mut third = world.terminal("cinema");
    third.sell(&mut card, CINEMA, 1, hours(6));
    assert_eq!(third.exchange(&world.region, hours(6)).entitlements(), []);
}

#[test]
fn a_terminal_may_hold_the_entitlements_of_all_cards() {
    let world = World::new();
    let partner = world.terminal("cinema").enrolment.partner_id;
    let code = world.region.add_terminal(partner, None, true, 1, EVENING).unwrap();
    let mut holder = super::kit::Terminal::enrol(&world.region, &code, EVENING).unwrap();
    assert!(holder.enrolment.policy.all_entitlements);
    let card = world.card();
    let made = world.region.entitle_card(card.number(), None, &granting("cinema=6"), hours(1)).unwrap();
    let heard = holder.exchange(&world.region, hours(2));
    assert_eq!(heard.entitlements(), [made]);
    assert!(heard.items.iter().any(|item| matches!(item, Item::Policy(policy) if policy.all_entitlements)));
}

#[test]
fn the_next_season_is_granted_by_profile_and_an_earlier_one_is_refused() {
    let world = World::new();
    let card = world.card();
    let next = SEASON.next();
    let entitle =
        |season: Season| world.region.entitle_card(card.number(), Some(season), &Corrections::default(), hours(1));
    assert!(matches!(entitle(next), Err(RegionError::NoCatalogue(_))));
    let file = CatalogueFile::parse(SHIPPED_CATALOGUE).unwrap();
    world.region.publish_catalogue("next", &file, next, hours(1)).unwrap();
    let made = entitle(next).unwrap();
    assert_eq!((made.season, made.granted.get(CINEMA), made.opening), (next, 5, Amounts::ZERO));
    assert!(matches!(entitle(SEASON), Err(RegionError::SeasonOver { .. })));
}

#[test]
fn what_is_published_again_takes_the_place_of_what_was() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    terminal.exchange(&world.region, hours(1));
    let file = CatalogueFile::parse(&SHIPPED_CATALOGUE.replace("[\"cinema\"]", "[\"cinema\", \"festival\"]")).unwrap();
    let made = world.region.publish_catalogue("corrected", &file, SEASON, hours(2)).unwrap();
    assert_eq!(made.version, 2);
    let stricter = SHIPPED_POLICY.replace("hard = 72", "hard = 48");
    assert_eq!(world.region.publish_policy("stricter", &stricter, hours(2)).unwrap().version, 2);
    let catalogues = |heard: &Heard| heard.items.iter().filter(|item| matches!(item, Item::Catalogue(_))).count();
    let heard = terminal.exchange(&world.region, hours(3));
    assert_eq!((catalogues(&heard), heard.items.len()), (1, 2));
    let mut newcomer = world.terminal("cinema");
    assert_eq!(catalogues(&newcomer.exchange(&world.region, hours(3))), 1, "the newest alone");
}

#[test]
fn certificates_follow_the_catalogue() {
    let world = World::new();
    let mut terminal = world.terminal("theatre");
    assert_eq!(terminal.certificates[0].slots.get(), 0);
    let file = CatalogueFile::parse(&SHIPPED_CATALOGUE.replace("[\"cinema\"]", "[\"cinema\", \"theatre\"]")).unwrap();
    world.region.publish_catalogue("corrected", &file, SEASON, hours(1)).unwrap();
    terminal.exchange(&world.region, hours(2));
    assert_eq!(terminal.certificates.last().unwrap().slots.get(), 1);
}

#[test]
fn certificates_are_renewed_after_fifteen_days_and_not_for_a_suspended_terminal() {
    let world = World::new();
    let (mut terminal, mut suspended) = (world.terminal("cinema"), world.terminal("cinema"));
    world.region.suspend_terminal(suspended.id, EVENING).unwrap();
    for (day, certificates) in [(1, 2), (14, 2), (16, 3)] {
        terminal.exchange(&world.region, hours(day * 24));
        assert_eq!(terminal.certificates.len(), certificates, "day {day}");
    }
    suspended.exchange(&world.region, hours(16 * 24));
    assert_eq!(suspended.certificates.len(), 2, "that of the enrolment, told again by the feed");
}

#[test]
fn a_new_key_signs_everything_and_is_certified_by_the_root() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    let (mut card, denied, corrected) = (world.card(), world.card().number(), world.card());
    terminal.sell(&mut card, CINEMA, 1, EVENING);
    let mut corrected_card = corrected;
    terminal.sell(&mut corrected_card, CINEMA, 1, EVENING);
    world.region.deny_card(denied, DenialReason::Lost, EVENING).unwrap();
    terminal.exchange(&world.region, hours(1));
    let under_way = world.region.entitle_card(corrected_card.number(), None, &granting("cinema=6"), hours(1)).unwrap();
    terminal.exchange(&world.region, hours(1));
    // By another program, while this one serves.
    let certificate = world.opened_again().rotate_key(None, hours(2)).unwrap();
    assert_eq!(certificate.serial, KeySerial::new(2));
    let heard = terminal.exchange(&world.region, hours(3));
    let key = terminal.keys.key(KeySerial::new(2)).unwrap();
    assert_eq!(terminal.certificates.last().unwrap().key_serial, KeySerial::new(2));
    let [denial] = denials(&heard)[..] else { panic!("the denial again") };
    assert!(verify_p256(&key, &block_bytes(denied), &denial.block.unwrap()));
    assert_eq!(heard.pages.last().unwrap().denied_count, 1, "told twice, denied once");
    let [again] = heard.entitlements()[..] else { panic!("the entitlement again") };
    assert_eq!((again.key_serial, again.granted), (KeySerial::new(2), under_way.granted));
    assert!(again.serial > under_way.serial);
    // The card of before takes the new key from the terminal, and what the new key signed.
    terminal.put(&mut corrected_card, again, hours(3));
    assert_eq!(terminal.open(&mut corrected_card, hours(3)).entitlement.unwrap(), again);
    let mut newcomer = world.terminal("cinema");
    assert_eq!(newcomer.enrolment.region_keys.len(), 2);
    newcomer.sell(&mut corrected_card, CINEMA, 1, hours(4));
    assert_eq!(newcomer.exchange(&world.region, hours(4)).verdicts().len(), 1);
}

#[test]
fn a_root_key_of_another_region_certifies_nothing_here() {
    let (world, other) = (World::new(), World::new());
    let root = other.directory.path().join("region/keys/root.pk8");
    assert!(matches!(world.region.rotate_key(Some(&root), EVENING), Err(RegionError::OtherRoot(_))));
    let own = world.directory.path().join("region/keys/root.pk8");
    let safe = world.directory.path().join("safe.pk8");
    std::fs::rename(own, &safe).unwrap();
    assert!(world.region.rotate_key(None, EVENING).is_err());
    assert_eq!(world.region.rotate_key(Some(&safe), EVENING).unwrap().serial, KeySerial::new(2));
}

#[test]
fn a_long_feed_comes_in_pages_and_goes_on_where_it_stopped() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    // Some 4,500 items: more than four pages.
    let card = world.card();
    let items = 4500;
    let told: Result<(), RegionError> = world.region.store().write(|tx| {
        for number in 0..items {
            let item = Item::RecordsWanted(pass::wire::feed::RecordsWanted {
                card: pass::domain::CardNumber::from_account(925_000_000_000_000 + number).unwrap(),
                from: pass::domain::Counter::new(1),
                to: pass::domain::Counter::new(1),
            });
            tx.tell(pass::region::store::Audience::Everyone, &item, 1)?;
        }
        Ok(())
    });
    told.unwrap();
    world.region.deny_card(card.number(), DenialReason::Lost, EVENING).unwrap();
    let heard = terminal.exchange(&world.region, hours(1));
    assert_eq!(heard.pages.len(), 4);
    assert!(heard.pages.iter().all(|page| page.items.len() == 1000 && page.denied_count == 0));
    assert!(heard.answer.answer().more);
    // The answer was half read: the terminal asks again from the second page.
    terminal.position = heard.pages[1].from;
    let heard = terminal.exchange(&world.region, hours(1));
    assert_eq!(FeedPoint::of(heard.pages[0].from).all, heard.pages[0].items.len() as u64);
    let heard = terminal.exchange(&world.region, hours(1));
    assert!(!heard.answer.answer().more);
    assert_eq!(heard.pages.last().unwrap().denied_count, 1);
}

#[test]
fn what_is_kept_for_one_terminal_is_told_to_others_only_while_nothing_new_is_said() {
    let world = World::new();
    let (mut first, mut second) = (world.terminal("cinema"), world.terminal("cinema"));
    let mark = || world.region.store().read(|tx| Ok::<_, RegionError>(tx.feed_head()?.mark)).unwrap();
    let (mut marks, mut told) = (vec![mark()], 0);
    for _ in 0..3 {
        first.exchange(&world.region, hours(1));
        let card = world.card().number();
        world.region.deny_card(card, DenialReason::Lost, hours(1)).unwrap();
        told += 1;
        marks.push(mark());
        // From the beginning each time, as the first one began.
        second.position = 0;
        assert_eq!(denials(&second.exchange(&world.region, hours(1))).len(), told);
    }
    marks.sort();
    marks.dedup();
    assert_eq!(marks.len(), 4, "what tells something else has another mark");
    // A terminal that holds all entitlements is told so, beside one that does not.
    let partner = first.enrolment.partner_id;
    let code = world.region.add_terminal(partner, None, true, pass::region::desk::CODE_HOURS, EVENING).unwrap();
    let mut holder = super::kit::Terminal::enrol(&world.region, &code, EVENING).unwrap();
    let holds_all =
        |heard: &Heard| heard.items.iter().any(|item| matches!(item, Item::Policy(policy) if policy.all_entitlements));
    assert!(holds_all(&holder.exchange(&world.region, hours(2))));
    second.position = 0;
    assert!(!holds_all(&second.exchange(&world.region, hours(2))));
}

#[test]
fn a_store_from_a_backup_goes_on_past_what_its_terminals_have() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    terminal.exchange(&world.region, hours(1));
    terminal.position += 40;
    let heard = terminal.exchange(&world.region, hours(2));
    let [page] = heard.pages.as_slice() else { panic!("one page") };
    assert_eq!((page.from, page.items.len()), (page.to, 0));
    let card = world.card();
    world.region.deny_card(card.number(), DenialReason::Lost, hours(3)).unwrap();
    assert_eq!(denials(&terminal.exchange(&world.region, hours(4))).len(), 1, "nothing new is missed");

    // Nor what is only said because of what this very request brings.
    terminal.position += 40;
    let mut card = world.card();
    terminal.sell(&mut card, super::kit::CINEMA, 1, hours(5));
    let verdicts = terminal.exchange(&world.region, hours(5)).verdicts();
    assert_eq!(verdicts.iter().map(|verdict| verdict.2).collect::<Vec<_>>(), [Verdict::Payable]);
}

#[test]
fn a_card_that_nobody_debits_tells_nothing() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    let mut card: Card = world.card();
    let read = terminal.read(&mut card, 1, hours(1));
    terminal.write(Body::CardRead(read), hours(1));
    let heard = terminal.exchange(&world.region, hours(1));
    assert_eq!((heard.verdicts(), heard.entitlements()), (vec![], vec![]));
}
