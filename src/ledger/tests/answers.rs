//! What the region answers, and what somebody else might.

use super::fixture::*;
use crate::domain::entry::{Body, CardRead, ReadReason, TechnicalEvent};
use crate::domain::refusal::DenialReason;
use crate::domain::verdict::Verdict;
use crate::domain::*;
use crate::ledger::*;
use crate::wire::cose::Content;
use crate::wire::exchange::{ANSWER_BYTES_MAX, ExchangeRequest, Head, TerminalStanding};
use crate::wire::feed::{Denial, EntryVerdict, Item, KeyWithdrawn, RecordsWanted};

fn denial(card: CardNumber) -> Denial {
    Denial { card, reason: DenialReason::Lost, denied_at: NOW, block: None }
}

#[test]
fn an_answer_is_applied_once() {
    let (mut world, mut ledger) = World::new();
    let mut card = world.card();
    let head = sell(&mut ledger, &mut card, 1);
    let request = request(&ledger, 9);
    assert_eq!((request.entries.len(), request.head), (2, head));
    let page = with_items(world.region.page(0, 5, NOW, &[card.number()]), vec![Item::Denial(denial(card.number()))]);
    let bytes = world.region.answer(&request, NOW.plus(2), head, &[(1, page)]);
    let applied = apply(&mut ledger, &bytes, &request, NOW.plus(3)).unwrap();
    assert_eq!((applied.acknowledged, applied.feed_position, applied.clock_step), (head, 5, None));
    assert_eq!(ledger.view().denial(card.number()).unwrap(), Some(denial(card.number())));
    let exposure = ledger.view().exposure();
    assert_eq!((exposure.waiting_entries, exposure.waiting_cents), (0, Cents::ZERO));
    assert_eq!((exposure.last_exchange, exposure.deny_list_made), (NOW.plus(2), NOW));

    let before = (ledger.view().head(), ledger.view().floor(), exposure);
    apply(&mut ledger, &bytes, &request, NOW.plus(3)).unwrap();
    assert_eq!((ledger.view().head(), ledger.view().floor(), ledger.view().exposure()), before);
    assert_eq!(verify(world.dir.path(), None, |_, _| ()).unwrap().receipts, 1);
    drop(ledger);
    let ledger = world.open();
    assert_eq!((ledger.view().head(), ledger.view().floor(), ledger.view().exposure()), before);
}

#[test]
fn only_the_regions_answer_to_this_request_is_taken() {
    let (world, ledger) = World::new();
    let (view, region) = (ledger.view(), &world.region);
    let request = request(&ledger, 1);
    let page = || region.page(0, 1, NOW, &[]);
    let check = |bytes: &[u8]| verify_answer(bytes, view.trusted_keys(), &request).map(|_| ());
    let good = region.answer(&request, NOW, view.head(), &[(1, page())]);
    assert_eq!(check(&good), Ok(()));
    for place in 0..good.len() {
        let mut changed = good.clone();
        changed[place] ^= 1;
        assert!(check(&changed).is_err(), "byte {place}");
    }
    let other = ExchangeRequest { request: RequestId::new([2; 16]), ..request.clone() };
    let to_another = region.answer(&other, NOW, view.head(), &[]);
    assert_eq!(check(&to_another), Err(AnswerError::OtherRequest("the answer")));
    let for_another =
        region.answer_with(&request, NOW, view.head(), &[], |answer| answer.terminal = TerminalId::new(1));
    assert_eq!(check(&for_another), Err(AnswerError::OtherTerminal("the answer")));
    let old_receipt = region.answer_with(&request, NOW, view.head(), &[], |answer| {
        let old = verify_answer(&to_another, view.trusted_keys(), &other).unwrap();
        answer.receipt = old.answer().receipt.clone();
    });
    assert_eq!(check(&old_receipt), Err(AnswerError::OtherRequest("the receipt")));
    let unknown_key = region.answer(&request, NOW, view.head(), &[(2, page())]);
    assert_eq!(check(&unknown_key), Err(AnswerError::UntrustedKey(KeySerial::new(2))));
    let gap = region.answer(&request, NOW, view.head(), &[(1, page()), (1, region.page(2, 3, NOW, &[]))]);
    assert_eq!(check(&gap), Err(AnswerError::PageOrder));
    assert_eq!(check(&vec![0; ANSWER_BYTES_MAX + 1]), Err(AnswerError::TooLarge(ANSWER_BYTES_MAX + 1)));
    assert!(matches!(check(&request_as_answer(&ledger, &request)), Err(AnswerError::Unreadable(_))));
}

fn request_as_answer(ledger: &Ledger, request: &ExchangeRequest) -> Vec<u8> {
    ledger.sign_request(request).unwrap()
}

#[test]
fn a_gap_or_a_wrong_list_changes_nothing_at_all() {
    let (mut world, mut ledger) = World::new();
    let card = world.card().number();
    let before = ledger.view().exposure();
    let gap = exchange(&world, &mut ledger, 1, &[(1, world.region.page(3, 4, NOW, &[]))]);
    assert_eq!(gap, Err(ApplyError::Gap { from: 3, position: 0 }));
    let denied = with_items(world.region.page(0, 1, NOW, &[]), vec![Item::Denial(denial(card))]);
    assert_eq!(exchange(&world, &mut ledger, 2, &[(1, denied)]), Err(ApplyError::DenyList(1)));
    assert_eq!((ledger.view().exposure(), ledger.view().feed_position()), (before, 0));
    assert_eq!(ledger.view().denial(card).unwrap(), None);
    assert_eq!(verify(world.dir.path(), None, |_, _| ()).unwrap().receipts, 0);
}

#[test]
fn a_wrong_list_can_be_asked_for_again_and_until_then_counts_as_never_made() {
    let (mut world, mut ledger) = World::new();
    let card = world.card().number();
    let page = || with_items(world.region.page(0, 1, NOW, &[card]), vec![Item::Denial(denial(card))]);
    exchange(&world, &mut ledger, 1, &[(1, page())]).unwrap();
    ledger.forget_feed().unwrap();
    assert_eq!((ledger.view().feed_position(), ledger.view().denial(card).unwrap()), (0, None));
    assert_eq!(ledger.view().exposure().deny_list_made, Timestamp::EPOCH);
    exchange(&world, &mut ledger, 2, &[(1, page())]).unwrap();
    assert_eq!(ledger.view().denial(card).unwrap(), Some(denial(card)));
}

#[test]
fn an_old_page_does_not_make_the_list_look_fresh() {
    let (world, mut ledger) = World::new();
    let page = |from, to, made_at| [(1, world.region.page(from, to, made_at, &[]))];
    exchange(&world, &mut ledger, 1, &page(0, 5, NOW)).unwrap();
    exchange(&world, &mut ledger, 2, &page(5, 5, NOW.plus(60))).unwrap();
    assert_eq!(ledger.view().exposure().deny_list_made, NOW.plus(60), "an empty page says that nothing is new");
    exchange(&world, &mut ledger, 3, &page(5, 5, NOW.minus(60))).unwrap();
    exchange(&world, &mut ledger, 4, &page(4, 4, NOW.plus(600))).unwrap();
    exchange(&world, &mut ledger, 5, &page(0, 5, NOW.plus(600))).unwrap();
    assert_eq!((ledger.view().feed_position(), ledger.view().exposure().deny_list_made), (5, NOW.plus(60)));
    exchange(&world, &mut ledger, 6, &page(4, 6, NOW)).unwrap();
    assert_eq!(ledger.view().feed_position(), 6, "one that was overtaken and leads further is taken");
}

#[test]
fn versions_and_serials_only_grow() {
    let (mut world, mut ledger) = World::new();
    let card = world.card().number();
    let policy = |version| policy::Policy { version, ..policy::tests::POLICY };
    let catalogue = |version| catalogue::Catalogue { version, ..catalogue::tests::catalogue() };
    let verdict = |version, verdict| Item::Verdict(EntryVerdict { sequence: Sequence::FIRST, version, verdict });
    let entitlement = |serial| Item::Entitlement(world.region.entitlement(card, serial));
    let newer =
        vec![Item::Policy(policy(3)), Item::Catalogue(catalogue(3)), entitlement(3), verdict(3, Verdict::Recorded)];
    let older =
        vec![Item::Policy(policy(2)), Item::Catalogue(catalogue(2)), entitlement(2), verdict(2, Verdict::Payable)];
    exchange(&world, &mut ledger, 1, &[(1, with_items(world.region.page(0, 1, NOW, &[]), newer))]).unwrap();
    exchange(&world, &mut ledger, 2, &[(1, with_items(world.region.page(1, 2, NOW, &[]), older))]).unwrap();
    let view = ledger.view();
    assert_eq!(view.policy().version, 3);
    assert_eq!(view.catalogue(Season::new(2026)).unwrap().version, 3);
    assert_eq!(view.entitlement_for(card).unwrap().unwrap().serial, EntitlementSerial::new(3));
    assert_eq!(view.verdict(Sequence::FIRST).unwrap().unwrap().verdict, Verdict::Recorded);
}

#[test]
fn a_withdrawn_key_signs_nothing_any_more_and_no_key_withdraws_a_newer_one() {
    let (world, mut ledger) = World::new();
    let withdrawn = |serial| Item::KeyWithdrawn(KeyWithdrawn { serial: KeySerial::new(serial) });
    let page = |from: u64, items| with_items(world.region.page(from, from + 1, NOW, &[]), items);
    let second = Item::KeyCertificate(world.region.key_certificate(2));
    exchange(&world, &mut ledger, 1, &[(1, page(0, vec![second, withdrawn(1), withdrawn(2)]))]).unwrap();
    assert_eq!(ledger.view().region_keys().len(), 2, "the first key withdraws neither itself nor the second");

    let request = request(&ledger, 2);
    let head = ledger.view().head();
    let both = [(2, page(1, vec![withdrawn(1)])), (1, page(2, vec![]))];
    let bytes = world.region.answer(&request, NOW, head, &both);
    let refused = verify_answer(&bytes, ledger.view().trusted_keys(), &request);
    assert_eq!(refused, Err(AnswerError::UntrustedKey(KeySerial::new(1))), "a page counts for those after it");

    exchange(&world, &mut ledger, 3, &both[..1]).unwrap();
    let serials: Vec<_> = ledger.view().region_keys().iter().map(|key| key.serial.get()).collect();
    assert_eq!(serials, [2]);
    let bytes = world.region.answer(&request, NOW, head, &[]);
    let untrusted = Err(AnswerError::UntrustedKey(KeySerial::new(1)));
    assert_eq!(verify_answer(&bytes, ledger.view().trusted_keys(), &request), untrusted);
    drop(ledger);
    let ledger = world.open();
    assert_eq!(verify_answer(&bytes, ledger.view().trusted_keys(), &request), untrusted, "also after a restart");
    verify(world.dir.path(), None, |_, _| ()).unwrap();
}

#[test]
fn a_key_that_comes_with_its_certificate_must_be_newer_than_all_that_are_known() {
    let (world, ledger) = World::new();
    let request = request(&ledger, 1);
    let brought = |serial: u32| {
        let bytes = world.region.answer(&request, NOW, ledger.view().head(), &[]);
        let answer =
            crate::wire::cose::Sign1::decode(&bytes, crate::wire::cose::Algorithm::Es256, Content::ExchangeAnswer);
        let certificate = world.region.key_certificate(serial).encode().to_vec();
        world.region.sign_with_certificate(serial, Content::ExchangeAnswer, certificate, answer.unwrap().payload)
    };
    let mut keys = crate::crypto::TrustedKeys::new(ledger.view().identity().root_key);
    assert!(verify_answer(&brought(2), ledger.view().trusted_keys(), &request).is_ok());
    assert!(keys.learn(world.region.key_certificate(2)));
    let older = verify_answer(&brought(1), &keys, &request);
    assert_eq!(older, Err(AnswerError::UntrustedKey(KeySerial::new(1))));
}

#[test]
fn an_acknowledged_entry_that_is_not_there_stops_the_terminal_until_it_joins() {
    let (world, mut ledger) = World::new();
    let head = ledger.append(NOW, started(), None).unwrap();
    for unknown in [
        Head { sequence: Sequence::new(9), ..head },
        Head { hash: EntryHash::new([7; 32]), ..head },
        Head { sequence: Sequence::new(0), ..head },
    ] {
        let request = request(&ledger, 1);
        let bytes = world.region.answer(&request, NOW, unknown, &[(1, world.region.page(0, 1, NOW, &[]))]);
        let exposure = ledger.view().exposure();
        assert_eq!(apply(&mut ledger, &bytes, &request, NOW), Err(ApplyError::UnknownHead(unknown)));
        assert_eq!(ledger.view().exposure(), exposure);
        drop(ledger);
        ledger = world.open();
        assert_eq!(ledger.view().behind(), Some(Behind { other: unknown }), "also after a restart");
        ledger.join(NOW, unknown).unwrap();
        assert_eq!(ledger.view().behind(), None);
    }
}

#[test]
fn an_old_copy_goes_on_once_the_region_has_answered() {
    let (world, ledger) = World::new();
    drop(ledger);
    let copy = std::fs::read(world.database()).unwrap();
    let mut ledger = world.open();
    let lost = ledger.append(NOW, started(), None).unwrap();
    drop(ledger);
    std::fs::write(world.database(), copy).unwrap();
    let mut ledger = world.open();
    let applied = exchange(&world, &mut ledger, 1, &[]).unwrap();
    let joined = ledger.view().entry(applied.joined.unwrap().sequence).unwrap().unwrap().entry.body;
    let expected = TechnicalEvent::Joined { other_sequence: lost.sequence, other_hash: lost.hash };
    assert_eq!(joined, Body::Event(expected));
    assert_eq!(ledger.view().behind(), None);
    drop(ledger);
    assert_eq!(world.open().view().behind(), None);
}

#[test]
fn a_region_that_was_restored_acknowledges_less_and_is_sent_it_again() {
    let (world, mut ledger) = World::new();
    let first = ledger.view().head();
    ledger.append(NOW, started(), None).unwrap();
    exchange(&world, &mut ledger, 1, &[]).unwrap();
    assert_eq!(request(&ledger, 2).entries.len(), 0);
    let again = request(&ledger, 2);
    let bytes = world.region.answer(&again, NOW.plus(9), first, &[]);
    apply(&mut ledger, &bytes, &again, NOW.plus(9)).unwrap();
    assert_eq!((ledger.view().acknowledged(), request(&ledger, 3).entries.len()), (first, 1));
    assert_eq!(verify(world.dir.path(), None, |_, _| ()).unwrap().receipts, 2);
}

#[test]
fn a_region_that_lost_what_it_was_told_of_a_join_is_sent_more_each_time() {
    let (world, mut ledger) = World::new();
    for _ in 0..6 {
        ledger.append(NOW, started(), None).unwrap();
    }
    exchange(&world, &mut ledger, 1, &[]).unwrap();
    // It has another branch, which it had before this one was told to it.
    let other = Head { sequence: Sequence::new(5), hash: EntryHash::new([7; 32]) };
    let mut sent = Vec::new();
    for number in 2..7 {
        let request = request(&ledger, number);
        sent.push(request.entries.len());
        let bytes = world.region.answer(&request, NOW, other, &[]);
        assert_eq!(apply(&mut ledger, &bytes, &request, NOW), Err(ApplyError::UnknownHead(other)));
        ledger.join(NOW, other).unwrap();
    }
    assert_eq!(sent, [0, 1, 5, 7, 8], "one join, then half of the way back, and again, to the beginning");
    assert_eq!(ledger.view().head().sequence, Sequence::new(8), "the other head is named once");
}

#[test]
fn a_wrong_date_does_not_lock_the_terminal_for_ever() {
    let (world, mut ledger) = World::new();
    let year = 365 * 86_400;
    ledger.append(NOW.plus(year), started(), None).unwrap();
    assert_eq!(ledger.view().floor(), NOW.plus(year));
    let applied = exchange(&world, &mut ledger, 1, &[]).unwrap();
    let floor = ledger.view().floor();
    assert!(floor >= NOW && floor <= NOW.plus(5), "{floor}");
    let step = ledger.view().entry(applied.clock_step.unwrap().sequence).unwrap().unwrap().entry;
    assert_eq!(step.body, Body::Event(TechnicalEvent::ClockStep { from: NOW.plus(year), to: floor }));
    assert_eq!(step.time, floor);
    drop(ledger);
    let mut ledger = world.open();
    assert_eq!(ledger.view().floor(), floor);
    assert_eq!(exchange(&world, &mut ledger, 2, &[]).unwrap().clock_step, None, "one step, one entry");
    verify(world.dir.path(), None, |_, _| ()).unwrap();
}

#[test]
fn a_clock_that_runs_behind_is_moved_on_with_an_entry_and_a_quiet_night_is_not_one() {
    let (world, mut ledger) = World::new();
    let day = 86_400;
    let asked = |ledger: &Ledger, name, time| ExchangeRequest { time, ..request(ledger, name) };
    let morning = asked(&ledger, 1, NOW.plus(day));
    let bytes = world.region.answer(&morning, NOW.plus(day), ledger.view().head(), &[]);
    assert_eq!(apply(&mut ledger, &bytes, &morning, NOW.plus(day)).unwrap().clock_step, None);
    let behind = asked(&ledger, 2, NOW.plus(day));
    let bytes = world.region.answer(&behind, NOW.plus(2 * day), ledger.view().head(), &[]);
    assert!(apply(&mut ledger, &bytes, &behind, NOW.plus(day)).unwrap().clock_step.is_some());
    assert_eq!(ledger.view().floor(), NOW.plus(2 * day));
}

#[test]
fn an_answer_that_was_carried_for_two_days_does_not_move_the_time_back() {
    let (world, mut ledger) = World::new();
    let two_days = 2 * 86_400;
    let carried = request(&ledger, 1);
    let bytes = world.region.answer(&carried, NOW.plus(9), ledger.view().head(), &[]);
    ledger.append(NOW.plus(two_days), started(), None).unwrap();
    let applied = apply(&mut ledger, &bytes, &carried, NOW.plus(two_days)).unwrap();
    assert_eq!((applied.clock_step, ledger.view().floor()), (None, NOW.plus(two_days)));
    assert_eq!(ledger.view().exposure().last_exchange, NOW.plus(9), "by the region's time");
}

#[test]
fn an_older_answer_that_comes_late_does_not_undo_a_newer_one() {
    let (world, mut ledger) = World::new();
    let early = request(&ledger, 1);
    let early_bytes = world.region.answer(&early, NOW, ledger.view().head(), &[]);
    ledger.append(NOW, started(), None).unwrap();
    let late = request(&ledger, 2);
    let head = ledger.view().head();
    let suspended = |answer: &mut crate::wire::exchange::ExchangeAnswer| answer.standing = TerminalStanding::Suspended;
    let late_bytes = world.region.answer_with(&late, NOW.plus(60), head, &[], suspended);
    apply(&mut ledger, &late_bytes, &late, NOW.plus(61)).unwrap();
    apply(&mut ledger, &early_bytes, &early, NOW.plus(62)).unwrap();
    assert_eq!((ledger.view().standing(), ledger.view().acknowledged()), (TerminalStanding::Suspended, head));
    assert_eq!(ledger.view().exposure().last_exchange, NOW.plus(60));
    assert_eq!(verify(world.dir.path(), None, |_, _| ()).unwrap().receipts, 2, "both receipts are kept");
}

#[test]
fn a_request_that_was_answered_twice_leaves_two_receipts() {
    let (world, mut ledger) = World::new();
    let (first, asked) = (ledger.view().head(), request(&ledger, 1));
    let second = ledger.append(NOW, started(), None).unwrap();
    for (time, head) in [(NOW, first), (NOW.plus(1), second), (NOW.plus(1), second)] {
        let bytes = world.region.answer(&asked, time, head, &[]);
        apply(&mut ledger, &bytes, &asked, NOW).unwrap();
        apply(&mut ledger, &bytes, &asked, NOW).unwrap();
    }
    assert_eq!(ledger.view().acknowledged(), second);
    assert_eq!(verify(world.dir.path(), None, |_, _| ()).unwrap().receipts, 3, "each signature once");
}

#[test]
fn a_retired_terminal_never_comes_back() {
    let (world, mut ledger) = World::new();
    for (name, standing) in [(1, TerminalStanding::Retired), (2, TerminalStanding::Active)] {
        let request = request(&ledger, name);
        let head = ledger.view().head();
        let bytes = world.region.answer_with(&request, NOW, head, &[], |answer| answer.standing = standing);
        apply(&mut ledger, &bytes, &request, NOW).unwrap();
    }
    assert_eq!(ledger.view().standing(), TerminalStanding::Retired);
}

#[test]
fn records_are_wanted_until_the_card_was_read() {
    let (mut world, mut ledger) = World::new();
    let mut card = world.card();
    sell(&mut ledger, &mut card, 1);
    let wanted = |from, to| RecordsWanted { card: card.number(), from: Counter::new(from), to: Counter::new(to) };
    let items = [wanted(1, 1), wanted(2, 7), wanted(9, 8)].map(Item::RecordsWanted).to_vec();
    exchange(&world, &mut ledger, 1, &[(1, with_items(world.region.page(0, 1, NOW, &[]), items))]).unwrap();
    assert_eq!(ledger.view().records_wanted(card.number()).unwrap(), [wanted(1, 1), wanted(2, 7)]);
    let (challenge, state) = card.state();
    let certificate = card.intent(2).certificate;
    let read = |reason| {
        Body::CardRead(CardRead { card: card.number(), certificate, reason, challenge, state, records: Vec::new() })
    };
    ledger.append(NOW, read(ReadReason::SeasonEnd), None).unwrap();
    assert_eq!(ledger.view().records_wanted(card.number()).unwrap().len(), 2);
    ledger.append(NOW, read(ReadReason::Wanted), None).unwrap();
    assert_eq!(ledger.view().records_wanted(card.number()).unwrap(), [wanted(2, 7)]);
}

#[test]
fn a_request_is_as_large_as_it_may_be_and_no_larger() {
    let (mut world, mut ledger) = World::new();
    let mut doubtful = world.card();
    let intent = doubtful.intent(1);
    ledger.store_intent(&intent, &doubtful.certificate).unwrap();
    doubtful.does(&intent);
    for _ in 0..crate::wire::exchange::REQUEST_ENTRIES_MAX {
        let refused =
            entry::RefusedCard { card: None, refusal: refusal::Refusal::CardNotGenuine, certificate: vec![0; 7000] };
        ledger.append(NOW, Body::Refused(refused), None).unwrap();
    }
    let request = request(&ledger, 1);
    assert_eq!(request.in_doubt, [intent]);
    let bytes = ledger.sign_request(&request).unwrap().len();
    let limit = crate::wire::exchange::REQUEST_BYTES_MAX;
    assert!(bytes <= limit && bytes + 2 * crate::wire::entry::ENTRY_BYTES_MAX > limit, "{bytes}");
    let too_large = entry::RefusedCard { card: None, refusal: refusal::Refusal::NotAPass, certificate: vec![0; 8192] };
    assert!(matches!(ledger.append(NOW, Body::Refused(too_large), None), Err(LedgerError::TooLarge(_))));
}
