//! Entries come in: repeated, reordered, cut, altered, forked. Each is kept or not, and what is acknowledged is always true.

use pass::domain::entry::{Body, TechnicalEvent};
use pass::domain::verdict::{Contest, Verdict};
use pass::domain::{Sequence, Timestamp};
use pass::region::Refused;
use pass::wire::cbor::Writer;
use pass::wire::entry::encode_entry;
use pass::wire::exchange::{Head, REQUEST_BYTES_MAX, TerminalStanding};

use super::kit::{CINEMA, EVENING, Heard, Terminal, World, hours};

fn join(other: Head) -> Body {
    Body::Event(TechnicalEvent::Joined { other_sequence: other.sequence, other_hash: other.hash })
}

fn world_with_ten() -> (World, Terminal) {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    for minute in 0..10 {
        terminal.write_start(EVENING.plus(minute * 60));
    }
    (world, terminal)
}

#[test]
fn entries_are_acknowledged_and_a_repeat_is_success() {
    let (world, mut terminal) = world_with_ten();
    let request = terminal.request(hours(1));
    let message = terminal.message(&request);
    let first = world.region.exchange(&message, hours(1)).unwrap();
    // The answer is lost: the region was cut off after it had committed, and started again.
    drop(first);
    let again = world.opened_again().exchange(&message, hours(2)).unwrap();
    let heard = terminal.hear(&again, &request);
    assert_eq!(heard.head(), terminal.head());
    assert_eq!(world.verdicts(&terminal).len(), 10);
    // Everything from the beginning, once more.
    let request = terminal.request_with(terminal.chain.clone(), hours(3));
    assert_eq!(terminal.exchange_request(&world.region, &request, hours(3)).head(), terminal.head());
    assert_eq!(world.verdicts(&terminal).len(), 10);
}

#[test]
fn a_gap_an_alteration_and_a_foreign_entry_stop_the_intake_and_keep_what_came_before() {
    let world = World::new();
    let mut stranger = world.terminal("cinema");
    stranger.write_start(EVENING);
    let tampered = |terminal: &Terminal| {
        let mut entry = terminal.chain[5].clone();
        let place = entry.len() - 70;
        entry[place] ^= 1;
        entry
    };
    type Spoil<'a> = &'a dyn Fn(&Terminal) -> Vec<Vec<u8>>;
    let without_the_sixth = |t: &Terminal| [&t.chain[..5], &t.chain[6..]].concat();
    let altered = |t: &Terminal| [&t.chain[..5], &[tampered(t)], &t.chain[6..]].concat();
    let foreign = |t: &Terminal| [&t.chain[..5], &stranger.chain[..], &t.chain[5..]].concat();
    let garbage = |t: &Terminal| [&t.chain[..5], &[vec![0xFF; 40]], &t.chain[5..]].concat();
    let reordered = |t: &Terminal| [&t.chain[..5], &[t.chain[6].clone(), t.chain[5].clone()]].concat();
    let spoils: [Spoil<'_>; 5] = [&without_the_sixth, &altered, &foreign, &garbage, &reordered];
    for spoil in spoils {
        let (world, mut terminal) = world_with_ten();
        let request = terminal.request_with(spoil(&terminal), hours(1));
        let heard = terminal.exchange_request(&world.region, &request, hours(1));
        assert_eq!(heard.head().sequence, Sequence::new(5));
        assert!(!heard.answer.answer().more, "again would not go better");
        let heard = terminal.exchange(&world.region, hours(2));
        assert_eq!(heard.head(), terminal.head(), "the true ones are taken all the same");
    }
}

#[test]
fn a_request_that_is_not_the_terminals_is_refused() {
    let (world, terminal) = world_with_ten();
    let other = world.terminal("cinema");
    let request = terminal.request(hours(1));
    let forged = other.message(&request);
    assert!(matches!(world.region.exchange(&forged, hours(1)), Err(Refused::Malformed)), "another's id inside");
    let mut altered = terminal.message(&request);
    let end = altered.len() - 1;
    altered[end] ^= 1;
    assert!(matches!(world.region.exchange(&altered, hours(1)), Err(Refused::NotAuthentic)));
    assert!(matches!(world.region.exchange(b"", hours(1)), Err(Refused::Malformed)));
    let huge = vec![0; REQUEST_BYTES_MAX + 1];
    assert!(matches!(world.region.exchange(&huge, hours(1)), Err(Refused::TooLarge)));
    let mut later = terminal.request(hours(1));
    later.protocol = 2;
    assert!(matches!(world.region.exchange(&terminal.message(&later), hours(1)), Err(Refused::Protocol(2))));
    assert_eq!(world.verdicts(&terminal), []);
}

#[test]
fn an_entry_of_later_days_is_kept_and_linked() {
    let (world, mut terminal) = world_with_ten();
    let head = terminal.head();
    let mut payload = Writer::new();
    payload.array(5);
    payload.uint(9);
    payload.uint(u64::from(terminal.id.get()));
    payload.uint(head.sequence.next().get());
    payload.bytes(head.hash.as_bytes());
    payload.text("what nobody here understands");
    let unreadable = terminal.sign(payload.finish());
    terminal.chain.push(unreadable);
    terminal.write_start(hours(1));
    let heard = terminal.exchange(&world.region, hours(1));
    assert_eq!(heard.head(), terminal.head());
    assert_eq!(world.verdicts(&terminal)[10].1, Verdict::Contested(Contest::Unreadable));
    assert_eq!(heard.verdicts(), [(11, 1, Verdict::Contested(Contest::Unreadable))]);
}

#[test]
fn more_entries_than_a_request_holds_go_in_several() {
    let (world, mut terminal) = world_with_ten();
    let request = terminal.request_with(terminal.chain[..4].to_vec(), hours(1));
    let heard = terminal.exchange_request(&world.region, &request, hours(1));
    assert_eq!(heard.head().sequence, Sequence::new(4));
    assert!(heard.answer.answer().more);
    assert!(!terminal.exchange(&world.region, hours(1)).answer.answer().more);
}

/// A terminal with ten entries at the region, and a copy of its disk from when there were six.
fn restored() -> (World, Terminal, Terminal) {
    let (world, mut terminal) = world_with_ten();
    let mut copy = terminal.clone();
    copy.chain.truncate(6);
    copy.acknowledged = copy.head();
    terminal.exchange(&world.region, hours(1));
    (world, terminal, copy)
}

fn standing_after(world: &World, terminal: &mut Terminal, now: Timestamp) -> (Heard, TerminalStanding) {
    let heard = terminal.exchange(&world.region, now);
    let standing = terminal.standing;
    (heard, standing)
}

#[test]
fn a_restored_disk_is_told_the_head_it_lost_and_goes_on_after_a_join() {
    let (world, lost, mut copy) = restored();
    let mut card = world.card();
    // It did not notice, and sold.
    copy.sell(&mut card, CINEMA, 1, hours(2));
    let (heard, standing) = standing_after(&world, &mut copy, hours(2));
    assert_eq!(heard.head(), lost.head(), "the known chain stays acknowledged");
    assert_eq!(standing, TerminalStanding::Active);
    assert_eq!(world.last_verdict(&copy), Verdict::Contested(Contest::Forked));
    assert_eq!(heard.verdicts(), [], "the entry is not on the line that is acknowledged");
    copy.write(join(lost.head()), hours(3));
    let (heard, standing) = standing_after(&world, &mut copy, hours(3));
    assert_eq!(heard.head(), copy.head());
    assert_eq!(standing, TerminalStanding::Active);
    assert_eq!(heard.verdicts(), [(7, 3, Verdict::Payable)], "newer than anything ever said of a seventh entry");
    copy.write_start(hours(4));
    assert_eq!(copy.exchange(&world.region, hours(4)).head(), copy.head(), "and so it goes on");
}

#[test]
fn a_join_may_be_the_first_entry_of_the_restored_branch() {
    let (world, lost, mut copy) = restored();
    assert_eq!(copy.exchange(&world.region, hours(2)).head(), lost.head());
    copy.write(join(lost.head()), hours(2));
    assert_eq!(copy.exchange(&world.region, hours(3)).head(), copy.head());
}

#[test]
fn a_join_that_names_another_head_settles_nothing() {
    let (world, lost, mut copy) = restored();
    let wrong = Head { sequence: Sequence::new(9), ..lost.head() };
    copy.write(join(wrong), hours(2));
    assert_eq!(copy.exchange(&world.region, hours(2)).head(), lost.head());
}

#[test]
fn a_second_fork_suspends_until_the_desk_has_looked() {
    let (world, lost, mut copy) = restored();
    let mut second = copy.clone();
    copy.write(join(lost.head()), hours(2));
    copy.exchange(&world.region, hours(2));
    let mut card = world.card();
    second.sell(&mut card, CINEMA, 1, hours(3));
    let (heard, standing) = standing_after(&world, &mut second, hours(3));
    assert_eq!((heard.head(), standing), (copy.head(), TerminalStanding::Suspended));
    second.write(join(copy.head()), hours(4));
    let (heard, standing) = standing_after(&world, &mut second, hours(4));
    assert_eq!((heard.head(), standing), (second.head(), TerminalStanding::Suspended), "followed, not believed");
    let sold = |world: &World| world.verdicts(&second).into_iter().find(|verdict| verdict.2 > 0 || verdict.0 == 7);
    assert!(sold(&world).is_some());
    assert_eq!(world.verdicts(&second).into_iter().filter(|of| of.1 == Verdict::Payable).count(), 0);
    world.region.resume_terminal(second.id, hours(5)).unwrap();
    assert_eq!(world.verdicts(&second).into_iter().filter(|of| of.1 == Verdict::Payable).count(), 1);
    assert_eq!(standing_after(&world, &mut second, hours(5)).1, TerminalStanding::Active);
}

#[test]
fn a_branch_that_grows_past_its_end_is_a_second_machine() {
    let (world, mut lost, mut copy) = restored();
    copy.write(join(lost.head()), hours(2));
    copy.exchange(&world.region, hours(2));
    let mut card = world.card();
    lost.sell(&mut card, CINEMA, 1, hours(3));
    let (heard, standing) = standing_after(&world, &mut lost, hours(3));
    assert_eq!((heard.head(), standing), (copy.head(), TerminalStanding::Suspended));
    let growth = world.verdicts(&lost).into_iter().find(|verdict| verdict.0 == 11).unwrap();
    assert_eq!(growth.1, Verdict::Contested(Contest::Forked), "it is kept, and for the desk to look at");
}

#[test]
fn a_fork_with_two_records_for_one_counter_suspends_at_once() {
    let (world, mut terminal) = world_with_ten();
    let mut card = world.card();
    let mut clone = card.cloned();
    let mut copy = terminal.clone();
    terminal.sell(&mut card, CINEMA, 1, hours(1));
    terminal.exchange(&world.region, hours(1));
    copy.sell(&mut clone, CINEMA, 1, hours(2));
    let (_, standing) = standing_after(&world, &mut copy, hours(2));
    assert_eq!(standing, TerminalStanding::Suspended);
    // Of the known chain the debit is contested now: the card was cloned.
    let cloned = Verdict::Contested(Contest::ClonedCounter);
    assert!(world.verdicts(&terminal).iter().any(|verdict| verdict.1 == cloned));
}

#[test]
fn the_chain_of_a_suspended_terminal_is_still_taken() {
    let (world, mut terminal) = world_with_ten();
    world.region.suspend_terminal(terminal.id, EVENING).unwrap();
    let (heard, standing) = standing_after(&world, &mut terminal, hours(1));
    assert_eq!((heard.head(), standing), (terminal.head(), TerminalStanding::Suspended));
}

#[test]
fn an_entry_with_a_number_out_of_reach_is_no_entry() {
    let (world, mut terminal) = world_with_ten();
    let mut entry = terminal.draft(Body::Event(TechnicalEvent::Stopped), hours(1));
    entry.sequence = Sequence::new(u64::MAX);
    let beyond = terminal.sign(encode_entry(&entry));
    let request = terminal.request_with([terminal.chain.clone(), vec![beyond]].concat(), hours(1));
    assert_eq!(terminal.exchange_request(&world.region, &request, hours(1)).head(), terminal.head());
}
