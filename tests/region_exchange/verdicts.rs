//! What is paid: stories with real cards, from the debit to the verdict that comes down the feed. Every reason by itself is in the judge's own tests.

use pass::domain::entry::{Abandoned, Body, Intent, Learnt, Purpose, Tender, UndoRequest};
use pass::domain::refusal::DenialReason;
use pass::domain::verdict::{Contest, Verdict};
use pass::domain::{Cents, EntitlementSerial, RequestId};
use pass::region::desk::{Correction, Corrections};
use pass::wire::feed::{Item, RecordsWanted};

use super::kit::{BOOKS, CINEMA, EVENING, Heard, SPORT, World, code, hours};
use pass::wire::exchange::TerminalStanding;

const fn contested(reason: Contest) -> Verdict {
    Verdict::Contested(reason)
}

fn wanted(heard: &Heard) -> Vec<RecordsWanted> {
    let wanted = |item: &Item| match item {
        Item::RecordsWanted(wanted) => Some(*wanted),
        _ => None,
    };
    heard.items.iter().filter_map(wanted).collect()
}

#[test]
fn a_seat_is_paid_by_the_seat_and_a_book_by_its_price() {
    let world = World::new();
    let (mut cinema, mut shop) = (world.terminal("cinema"), world.terminal("bookshop"));
    let mut card = world.card();
    cinema.sell(&mut card, CINEMA, 2, hours(1));
    shop.sell(&mut card, BOOKS, 650, hours(2));
    assert_eq!(cinema.exchange(&world.region, hours(3)).verdicts(), [(1, 1, Verdict::Payable)]);
    shop.exchange(&world.region, hours(3));
    assert_eq!(world.verdicts(&cinema), [(1, Verdict::Payable, 800)]);
    assert_eq!(world.verdicts(&shop), [(1, Verdict::Payable, 650)]);
    let file = world.region.card_file(card.number()).unwrap();
    let season = super::kit::SEASON;
    assert_eq!((file.consumed(season, CINEMA), file.consumed(season, BOOKS)), (2, 650));
}

#[test]
fn a_debit_that_is_taken_back_is_not_paid_and_the_verdict_changes() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    let mut card = world.card();
    let debit = terminal.sell(&mut card, CINEMA, 1, hours(1));
    assert_eq!(terminal.exchange(&world.region, hours(1)).verdicts(), [(1, 1, Verdict::Payable)]);
    let reversal = terminal.reverse(&mut card, debit, hours(2));
    terminal.write(Body::Reversal(reversal), hours(2));
    let heard = terminal.exchange(&world.region, hours(2));
    assert_eq!(heard.verdicts(), [(1, 2, contested(Contest::TakenBack))]);
    assert_eq!(world.verdicts(&terminal)[1].1, Verdict::Recorded);
}

#[test]
fn a_hidden_reversal_is_noticed_asked_for_and_found() {
    let world = World::new();
    let (mut cheat, mut honest) = (world.terminal("cinema"), world.terminal("cinema"));
    let mut card = world.card();
    let debit = cheat.sell(&mut card, CINEMA, 1, hours(1));
    cheat.exchange(&world.region, hours(1));
    // The reversal is on the card, and the terminal keeps silent about it.
    let hidden = cheat.reverse(&mut card, debit, hours(2));
    assert_eq!(world.last_verdict(&cheat), Verdict::Payable);
    honest.sell(&mut card, CINEMA, 1, hours(3));
    let heard = honest.exchange(&world.region, hours(3));
    assert_eq!(world.last_verdict(&cheat), contested(Contest::MissingReversal));
    assert_eq!(world.last_verdict(&honest), Verdict::Payable, "what came after it is not touched");
    let [wanted_range] = wanted(&heard)[..] else { panic!("records wanted") };
    assert_eq!(
        (wanted_range.card, wanted_range.from, wanted_range.to),
        (card.number(), hidden.proof.record.counter, hidden.proof.record.counter)
    );
    // At its next tap the card is read, wherever that is.
    let read = honest.read(&mut card, wanted_range.from.get(), hours(4));
    honest.write(Body::CardRead(read), hours(4));
    honest.exchange(&world.region, hours(4));
    assert_eq!(world.last_verdict(&cheat), contested(Contest::TakenBack));
    assert_eq!(wanted(&cheat.exchange(&world.region, hours(5))), [], "nothing is wanted any more");
}

#[test]
fn a_debit_that_another_terminal_brings_is_known_and_not_paid_to_it() {
    let world = World::new();
    let (mut silent, mut reader) = (world.terminal("cinema"), world.terminal("cinema"));
    let mut card = world.card();
    silent.sell(&mut card, CINEMA, 5, hours(1));
    let read = reader.read(&mut card, 1, hours(2));
    reader.write(Body::CardRead(read), hours(2));
    reader.exchange(&world.region, hours(2));
    assert_eq!(world.verdicts(&reader), [(1, Verdict::Recorded, 0)]);
    let file = world.region.card_file(card.number()).unwrap();
    assert_eq!((file.consumed(super::kit::SEASON, CINEMA), file.records[0].record.terminal), (5, silent.id));
    silent.exchange(&world.region, hours(3));
    assert_eq!(world.verdicts(&silent), [(1, Verdict::Payable, 2000)]);
}

#[test]
fn a_debit_that_is_entered_twice_or_by_another_terminal_is_paid_once() {
    let world = World::new();
    let (mut terminal, mut thief) = (world.terminal("cinema"), world.terminal("cinema"));
    let mut card = world.card();
    let debit = terminal.debit(&mut card, CINEMA, 1, hours(1));
    terminal.write(Body::Debit(debit.clone()), hours(1));
    terminal.write(Body::Debit(debit.clone()), hours(1));
    thief.write(Body::Debit(debit), hours(1));
    thief.exchange(&world.region, hours(2));
    terminal.exchange(&world.region, hours(3));
    assert_eq!(world.last_verdict(&thief), contested(Contest::OtherTerminal));
    let verdicts: Vec<_> = world.verdicts(&terminal).iter().map(|verdict| verdict.1).collect();
    assert_eq!(verdicts, [Verdict::Payable, contested(Contest::AlreadyPaid)]);
}

#[test]
fn two_records_with_one_counter_unmask_a_clone() {
    let world = World::new();
    let (mut here, mut there) = (world.terminal("cinema"), world.terminal("cinema"));
    let mut card = world.card();
    let mut clone = card.cloned();
    here.sell(&mut card, CINEMA, 1, hours(1));
    there.sell(&mut clone, CINEMA, 1, hours(1));
    assert_eq!(here.exchange(&world.region, hours(2)).verdicts(), [(1, 1, Verdict::Payable)]);
    there.exchange(&world.region, hours(2));
    assert_eq!(here.exchange(&world.region, hours(3)).verdicts(), [(1, 2, contested(Contest::ClonedCounter))]);
    assert_eq!(world.last_verdict(&there), contested(Contest::ClonedCounter));
}

#[test]
fn a_denied_card_is_paid_until_the_terminal_was_told() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    let mut card = world.card();
    terminal.exchange(&world.region, hours(1));
    world.region.deny_card(card.number(), DenialReason::Stolen, hours(2)).unwrap();
    terminal.sell(&mut card, CINEMA, 1, hours(3));
    // It is told in the answer to this, and confirms it with the next one.
    terminal.exchange(&world.region, hours(4));
    assert_eq!(world.last_verdict(&terminal), Verdict::Payable);
    terminal.sell(&mut card, CINEMA, 1, hours(5));
    terminal.exchange(&world.region, hours(6));
    assert_eq!(world.last_verdict(&terminal), Verdict::Payable, "nothing proves yet that the answer came");
    terminal.sell(&mut card, CINEMA, 1, hours(7));
    terminal.exchange(&world.region, hours(8));
    assert_eq!(world.last_verdict(&terminal), contested(Contest::CardDenied));
    // It says itself that it knew nothing: the region goes by what it served.
    terminal.position = 0;
    terminal.sell(&mut card, CINEMA, 1, hours(9));
    terminal.exchange(&world.region, hours(10));
    assert_eq!(world.last_verdict(&terminal), contested(Contest::CardDenied));
}

#[test]
fn a_suspended_terminal_is_paid_until_it_was_told() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    let mut card = world.card();
    world.region.suspend_terminal(terminal.id, hours(1)).unwrap();
    terminal.sell(&mut card, CINEMA, 1, hours(2));
    terminal.exchange(&world.region, hours(2));
    terminal.exchange(&world.region, hours(3));
    terminal.sell(&mut card, CINEMA, 1, hours(4));
    terminal.exchange(&world.region, hours(4));
    let verdicts: Vec<_> = world.verdicts(&terminal).iter().map(|verdict| verdict.1).collect();
    assert_eq!(verdicts, [Verdict::Payable, contested(Contest::TerminalSuspended)]);
    world.region.resume_terminal(terminal.id, hours(5)).unwrap();
    terminal.exchange(&world.region, hours(5));
    terminal.exchange(&world.region, hours(5));
    terminal.sell(&mut card, CINEMA, 1, hours(6));
    terminal.exchange(&world.region, hours(6));
    assert_eq!(world.last_verdict(&terminal), Verdict::Payable);
}

#[test]
fn a_sale_in_doubt_is_judged_by_what_was_known_when_it_was_made() {
    // The card came back and said that it was done; or the sale was just under way while the terminal exchanged.
    for learnt in [Learnt::FromRecords, Learnt::AtOnce] {
        sale_in_doubt(learnt);
    }
}

fn sale_in_doubt(learnt: Learnt) {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    let mut card = world.card();
    let mut debit = terminal.debit(&mut card, CINEMA, 1, hours(1));
    let record = debit.proof.record;
    terminal.doubts.push(Intent {
        card: card.number(),
        certificate: debit.certificate,
        counter_before: pass::domain::Counter::new(0),
        transaction: record.transaction,
        time: record.time,
        purpose: Purpose::Sale {
            slot: CINEMA,
            season: super::kit::SEASON,
            amount: 1,
            sale: debit.sale.clone(),
            entitlement_serial: EntitlementSerial::new(1),
            left: 4,
        },
        cashier: None,
    });
    terminal.exchange(&world.region, hours(2));
    terminal.doubts.clear();
    // Whoever sees the card meanwhile is asked for the record at once; once the doubt is over, only after a while.
    let mut other = world.terminal("cinema");
    other.sell(&mut card, CINEMA, 1, hours(2));
    assert_eq!(wanted(&other.exchange(&world.region, hours(2))).len(), 1);
    world.region.deny_card(card.number(), DenialReason::Lost, hours(3)).unwrap();
    world.region.suspend_terminal(terminal.id, hours(3)).unwrap();
    terminal.exchange(&world.region, hours(4));
    terminal.exchange(&world.region, hours(5));
    debit.learnt = learnt;
    terminal.write(Body::Debit(debit), hours(6));
    terminal.exchange(&world.region, hours(6));
    assert_eq!(world.last_verdict(&terminal), Verdict::Payable, "{learnt:?}");
}

#[test]
fn a_sale_that_was_given_up_is_never_paid() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    let mut card = world.card();
    let mut debit = terminal.debit(&mut card, CINEMA, 1, hours(1));
    let record = debit.proof.record;
    let abandoned = Abandoned {
        card: card.number(),
        transaction: record.transaction,
        counter_before: pass::domain::Counter::new(0),
        slot: CINEMA,
        season: super::kit::SEASON,
        amount: 1,
        returned: Cents::from_u32(100),
        tender: Tender::Cash.into(),
        request: RequestId::new([1; 16]),
    };
    terminal.write(Body::Abandoned(abandoned), hours(1));
    debit.learnt = Learnt::FromRecords;
    terminal.write(Body::Debit(debit), hours(2));
    terminal.exchange(&world.region, hours(3));
    assert_eq!(world.last_verdict(&terminal), contested(Contest::Abandoned));
}

#[test]
fn more_than_was_granted_is_not_paid_and_a_correction_changes_that() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    let mut card = world.card();
    for hour in 1..=5 {
        terminal.sell(&mut card, CINEMA, 1, hours(hour));
    }
    let charge = Corrections { granted: Vec::new(), opening: vec![Correction::parse("cinema=1").unwrap()] };
    world.region.entitle_card(card.number(), None, &charge, hours(6)).unwrap();
    terminal.exchange(&world.region, hours(6));
    assert_eq!(world.last_verdict(&terminal), contested(Contest::BeyondGrant));
    assert_eq!(world.verdicts(&terminal).iter().filter(|verdict| verdict.1 == Verdict::Payable).count(), 4);
    let waive = Corrections { granted: Vec::new(), opening: vec![Correction::parse("cinema=0").unwrap()] };
    world.region.entitle_card(card.number(), None, &waive, hours(7)).unwrap();
    assert_eq!(world.last_verdict(&terminal), Verdict::Payable);
    assert_eq!(terminal.exchange(&world.region, hours(8)).verdicts(), [(5, 2, Verdict::Payable)]);
}

#[test]
fn an_undo_request_gives_the_right_back_and_takes_the_pay_away() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    let mut card = world.card();
    let (sequence, signed) = terminal.sell(&mut card, CINEMA, 2, hours(1));
    let request = UndoRequest {
        card: card.number(),
        debit: sequence,
        debit_counter: signed.record.counter,
        returned: Cents::from_u32(200),
        tender: Tender::Cash.into(),
        request: RequestId::new([1; 16]),
    };
    terminal.write(Body::UndoRequest(request.clone()), hours(2));
    // Asked twice, given back once.
    terminal.write(Body::UndoRequest(request), hours(2));
    let heard = terminal.exchange(&world.region, hours(2));
    let [given_back] = heard.entitlements()[..] else { panic!("one entitlement") };
    assert_eq!((given_back.serial, given_back.granted.get(CINEMA)), (EntitlementSerial::new(2), 7));
    assert_eq!(world.verdicts(&terminal)[0].1, contested(Contest::TakenBack));
    terminal.put(&mut card, given_back, hours(3));
    terminal.sell(&mut card, CINEMA, 5, hours(3));
    terminal.exchange(&world.region, hours(3));
    assert_eq!(world.last_verdict(&terminal), Verdict::Payable);
}

#[test]
fn who_never_says_that_it_was_told_is_not_believed_for_longer_than_a_policy_allows() {
    let world = World::new();
    let (mut deaf, mut card) = (world.terminal("cinema"), world.card());
    deaf.exchange(&world.region, hours(1));
    let position = deaf.position;
    world.region.deny_card(card.number(), DenialReason::Stolen, hours(2)).unwrap();
    // It exchanges again and again, and says each time that it has heard nothing yet.
    let mut verdicts = Vec::new();
    for day in [0, 1, 3, 4, 5] {
        let now = hours(3 + 24 * day);
        deaf.sell(&mut card, CINEMA, 1, now);
        deaf.position = position;
        deaf.exchange(&world.region, now);
        verdicts.push(world.last_verdict(&deaf));
    }
    let not_paid = contested(Contest::OfflinePolicy);
    assert_eq!(verdicts[..3], [Verdict::Payable; 3], "the answers may have been lost");
    assert_eq!(verdicts[3..], [not_paid; 2], "no honest terminal sells with so old a list");
}

#[test]
fn a_suspended_terminal_that_never_says_that_it_was_told_is_not_paid_for_long() {
    let world = World::new();
    let (mut deaf, mut card) = (world.terminal("cinema"), world.card());
    deaf.exchange(&world.region, hours(1));
    let position = deaf.position;
    world.region.suspend_terminal(deaf.id, hours(2)).unwrap();
    let mut verdicts = Vec::new();
    for day in 0..5 {
        let now = hours(3 + 24 * day);
        deaf.sell(&mut card, CINEMA, 1, now);
        deaf.position = position;
        deaf.exchange(&world.region, now);
        verdicts.push(world.last_verdict(&deaf));
    }
    assert_eq!(verdicts[..3], [Verdict::Payable; 3], "the answers may have been lost");
    assert_eq!(verdicts[3..], [contested(Contest::OfflinePolicy); 2]);
}

#[test]
fn past_the_hard_limit_of_its_policy_a_terminal_is_not_paid() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    let mut card = world.card();
    terminal.sell(&mut card, CINEMA, 1, hours(71));
    terminal.sell(&mut card, CINEMA, 1, hours(72));
    terminal.exchange(&world.region, hours(80));
    terminal.sell(&mut card, CINEMA, 1, hours(81));
    terminal.exchange(&world.region, hours(82));
    let verdicts: Vec<_> = world.verdicts(&terminal).iter().map(|verdict| verdict.1).collect();
    assert_eq!(verdicts, [Verdict::Payable, contested(Contest::OfflinePolicy), Verdict::Payable]);
}

#[test]
fn a_terminal_that_heard_a_late_answer_has_it_counted() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    let mut card = world.card();
    terminal.write_start(hours(1));
    let request = terminal.request(hours(1));
    let message = terminal.message(&request);
    // The answer is lost; the message is carried once more, three days later, by a line or a file that was slow, and that answer arrives.
    drop(world.region.exchange(&message, hours(1)).unwrap());
    let answer = world.region.exchange(&message, hours(73)).unwrap();
    terminal.hear(&answer, &request);
    terminal.sell(&mut card, CINEMA, 1, hours(74));
    terminal.exchange(&world.region, hours(75));
    assert_eq!(world.last_verdict(&terminal), Verdict::Payable, "the region itself said that it was there at 73 h");
}

#[test]
fn an_older_request_that_arrives_later_is_an_exchange_too() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    let mut card = world.card();
    let slow = terminal.request(hours(1));
    terminal.write_start(hours(2));
    terminal.exchange(&world.region, hours(2));
    // The first request went by file.
    let answer = world.region.exchange(&terminal.message(&slow), hours(60)).unwrap();
    terminal.hear(&answer, &slow);
    terminal.sell(&mut card, CINEMA, 1, hours(80));
    terminal.exchange(&world.region, hours(81));
    assert_eq!(world.last_verdict(&terminal), Verdict::Payable);
}

#[test]
fn a_card_of_another_region_and_a_proof_of_another_card_are_not_paid() {
    let (world, elsewhere) = (World::new(), World::new());
    let mut terminal = world.terminal("cinema");
    let (mut one, mut other) = (world.card(), world.card());
    let mut foreign_terminal = elsewhere.terminal("cinema");
    let mut foreign = elsewhere.card();
    let stranger = foreign_terminal.debit(&mut foreign, CINEMA, 1, hours(1));
    foreign_terminal.write_start(hours(1));
    let mut swapped = terminal.debit(&mut one, CINEMA, 1, hours(1));
    swapped.proof.signature = terminal.debit(&mut other, CINEMA, 1, hours(1)).proof.signature;
    terminal.write(Body::Debit(stranger), hours(1));
    terminal.write(Body::Debit(swapped), hours(1));
    terminal.exchange(&world.region, hours(2));
    let verdicts: Vec<_> = world.verdicts(&terminal).iter().map(|verdict| verdict.1).collect();
    assert_eq!(verdicts, [contested(Contest::UnknownCard), contested(Contest::CardProof)]);
}

#[test]
fn a_licence_is_paid_once_a_season() {
    let world = World::new();
    let mut club = world.terminal("sports-club");
    let mut card = world.card();
    club.sell(&mut card, SPORT, 1000, hours(1));
    // The card would let it; the rest lapsed.
    club.sell(&mut card, SPORT, 1000, hours(2));
    club.exchange(&world.region, hours(3));
    let verdicts: Vec<_> = world.verdicts(&club).iter().map(|verdict| verdict.1).collect();
    assert_eq!(verdicts, [Verdict::Payable, contested(Contest::BeyondGrant)]);
}

#[test]
fn debits_that_died_with_a_disk_are_asked_for_when_it_is_replaced() {
    let world = World::new();
    let (mut lost, mut other) = (world.terminal("cinema"), world.terminal("cinema"));
    let mut card = world.card();
    lost.sell(&mut card, CINEMA, 1, hours(1));
    lost.exchange(&world.region, hours(1));
    let died = lost.debit(&mut card, CINEMA, 1, hours(2));
    other.sell(&mut card, CINEMA, 1, hours(3));
    assert_eq!(wanted(&other.exchange(&world.region, hours(3))), [], "the other may still report");
    let code = world.region.add_terminal(lost.enrolment.partner_id, Some(lost.id), false, 48, hours(4)).unwrap();
    let mut new = super::kit::Terminal::enrol(&world.region, &code, hours(4)).unwrap();
    let [asked] = wanted(&other.exchange(&world.region, hours(5)))[..] else { panic!("records wanted") };
    assert_eq!((asked.from.get(), asked.to.get()), (2, 2));
    new.sell(&mut card, CINEMA, 1, hours(6));
    assert_eq!(wanted(&new.exchange(&world.region, hours(6))), [asked], "whoever sees the card next");

    // Another partner's terminal reads them: the old one is paid, by its record alone.
    let orphans = |world: &World| {
        let found = world.region.orphans(None, hours(9)).unwrap().into_iter();
        found
            .map(|orphan| (orphan.record.terminal, orphan.record.counter.get(), orphan.payable.get()))
            .collect::<Vec<_>>()
    };
    assert_eq!(orphans(&world), []);
    let read = other.read(&mut card, 2, hours(7));
    other.write(Body::CardRead(read), hours(7));
    assert_eq!(wanted(&other.exchange(&world.region, hours(7))), []);
    assert_eq!(orphans(&world), [(lost.id, 2, 400)]);

    // The old disk is found: its own entry is paid, once, and the record no more.
    lost.write(Body::Debit(died), hours(2));
    let paid_before = world.verdicts(&lost).len();
    lost.exchange(&world.region, hours(8));
    assert_eq!(
        world.verdicts(&lost)[paid_before..].iter().map(|of| (of.1, of.2)).collect::<Vec<_>>(),
        [(Verdict::Payable, 400)]
    );
    assert_eq!(orphans(&world), []);
    assert_eq!(lost.standing, TerminalStanding::Retired);
}

#[test]
fn a_card_that_a_lost_disk_never_reported_is_asked_too_while_the_loss_is_fresh() {
    let world = World::new();
    let (lost, mut other) = (world.terminal("cinema"), world.terminal("cinema"));
    let mut card = world.card();
    lost.debit(&mut card, CINEMA, 1, hours(1));
    let code = world.region.add_terminal(lost.enrolment.partner_id, Some(lost.id), false, 48, hours(2)).unwrap();
    super::kit::Terminal::enrol(&world.region, &code, hours(2)).unwrap();
    other.sell(&mut card, CINEMA, 1, hours(3));
    let [asked] = wanted(&other.exchange(&world.region, hours(3)))[..] else { panic!("records wanted") };
    assert_eq!((asked.from.get(), asked.to.get()), (1, 1));
}

#[test]
fn a_gap_that_nobody_fills_is_asked_for_after_four_days() {
    let world = World::new();
    let (silent, mut other) = (world.terminal("cinema"), world.terminal("cinema"));
    let mut card = world.card();
    silent.debit(&mut card, CINEMA, 1, hours(1));
    other.sell(&mut card, CINEMA, 1, hours(2));
    assert_eq!(wanted(&other.exchange(&world.region, hours(2))), []);
    other.sell(&mut card, CINEMA, 1, hours(99));
    assert_eq!(wanted(&other.exchange(&world.region, hours(99))).len(), 1);
}

#[test]
fn an_amount_in_euros_is_not_given_to_a_benefit_in_seats() {
    let world = World::new();
    let card = world.card();
    let euros = Corrections { granted: vec![Correction::parse("cinema=5,00").unwrap()], opening: Vec::new() };
    assert!(world.region.entitle_card(card.number(), None, &euros, EVENING).is_err());
    let unknown = Corrections { granted: vec![Correction::parse("opera=5").unwrap()], opening: Vec::new() };
    assert!(world.region.entitle_card(card.number(), None, &unknown, EVENING).is_err());
    assert_eq!(
        world.region.activities_without_benefit(&[code("cinema"), code("opera")], EVENING).unwrap(),
        [code("opera")]
    );
}

#[test]
fn what_waits_is_added_up_over_entries_and_requests() {
    let world = World::new();
    // 10,000.00 EUR are the hard limit of what may wait; a card has 8.00 EUR for books, so the catalogue is made generous first.
    let shipped = pass::region::config::SHIPPED_CATALOGUE.replace("lycee = 800,", "lycee = 600000,");
    let generous = pass::region::config::CatalogueFile::parse(&shipped).unwrap();
    world.region.publish_catalogue("generous", &generous, super::kit::SEASON, EVENING).unwrap();
    let mut shop = world.terminal("bookshop");
    let mut cards = [world.card(), world.card()];
    // 4,000.00 + 4,000.00 + 2,000.00 wait before the last; the first two are sent in a request that is cut short.
    for (card, amount) in [(0, 400_000), (1, 400_000), (0, 200_000), (1, 100)] {
        shop.sell(&mut cards[card], BOOKS, amount, hours(1));
    }
    let request = shop.request_with(shop.chain[..2].to_vec(), hours(2));
    shop.exchange_request(&world.region, &request, hours(2));
    shop.exchange(&world.region, hours(2));
    let verdicts: Vec<_> = world.verdicts(&shop).iter().map(|verdict| verdict.1).collect();
    let past = contested(Contest::OfflinePolicy);
    assert_eq!(verdicts, [Verdict::Payable, Verdict::Payable, Verdict::Payable, past]);
}
