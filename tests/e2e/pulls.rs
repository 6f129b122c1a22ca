//! A hand pulls the card at every APDU of a sale and of an undo, before it is done or after, and lays it back; a relay lies. The client
//! waits, or has given up. One debit for one payment in every case.

use std::thread;
use std::time::Duration;

use pass::virtual_card::{Effect, Fault};
use pass::wire::apdu::StatusWord;
use pass::wire::card::Instruction;
use serde_json::Value;

use crate::kit::{BUREAU, Books, HERE, Laid, PASS_CARD, Running, Story, THERE, World};

/// APDUs of the longest way through a sale: SELECT, READ CERTIFICATE, OPEN, READ ENTITLEMENT, DEBIT. After the last the card stays.
const SALE: u32 = 5;
/// The same for an undo of a card that was laid down after it was asked.
const UNDO: u32 = 5;

impl Story {
    /// The verb is asked, the card comes, leaves at its `number`th command, and is laid back.
    fn pulled_and_back(&self, verb: &str, number: u32, effect: Effect) -> (Value, Laid) {
        println!("{verb}, command {number}: {effect:?}");
        let asking = self.cinema.begin(&[verb, "--json", "--wait", "20"]);
        self.lay_to(Fault::nth(number, effect)).left();
        let back = self.lay();
        (asking.said().exits(0).json(), back)
    }
}

/// Sells and undoes, pulled at each command.
fn pulled_everywhere(effect: Effect) {
    let story = Story::begin();
    for number in 1..=SALE {
        let (granted, lying) = story.pulled_and_back("redeem", number, effect);
        assert_eq!((&granted["outcome"], &granted["left"]), (&Value::from("granted"), &Value::from(499)));
        drop(lying);
        let (undone, lying) = story.pulled_and_back("undo", number.min(UNDO), effect);
        assert_eq!((&undone["outcome"], &undone["debit"]), (&Value::from("undone"), &granted["entry"]));
        drop(lying);
    }
    let _lying = story.lay();
    assert_eq!(story.books(), Books { consumed: 0, cash: 0 });
    let kinds: Vec<_> = story.cinema.journal().iter().map(|entry| entry["kind"].clone()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "debit").count(), SALE as usize, "{kinds:?}");
    assert!(!kinds.iter().any(|kind| *kind == "not-done"), "a client that waits is served: {kinds:?}");
}

#[test]
fn pulled_before_each_command_and_brought_back_the_waiting_client_is_served() {
    pulled_everywhere(Effect::LeaveBefore);
}

#[test]
fn pulled_after_each_command_and_brought_back_the_waiting_client_is_served() {
    pulled_everywhere(Effect::LeaveAfter);
}

#[test]
fn a_client_that_gave_up_is_in_doubt_and_the_next_one_is_handed_what_was_debited() {
    let story = Story::begin();
    for (effect, debited) in [(Effect::LeaveAfter, true), (Effect::LeaveBefore, false)] {
        let before = if debited { 0 } else { 1 };
        let asking = story.cinema.begin(&["redeem", "--json", "--wait", "2"]);
        story.lay_to(Fault::next(Instruction::Debit, effect)).left();
        let gave_up = asking.said().exits(4).json();
        assert_eq!((&gave_up["refusal"], &gave_up["again"]), (&Value::from("sale-in-doubt"), &Value::from(true)));
        assert_eq!(story.cinema.status()["in_doubt"], 1);
        let spoken = story.cinema.ask(&["redeem", "--wait", "0"]).exits(4);
        assert!(spoken.out.starts_with("À REFAIRE"), "{}", spoken.out);

        let _lying = story.lay();
        assert_eq!(
            story.books(),
            Books { consumed: before + u64::from(debited), cash: 100 * (before + u64::from(debited)) }
        );
        let next = story.cinema.redeem(&[]).exits(0).json();
        assert_eq!(next["repeated"], debited, "{effect:?}");
        assert_eq!(story.books(), Books { consumed: before + 1, cash: 100 * (before + 1) });
    }
}

#[test]
fn a_doubt_stops_no_other_card_and_can_be_given_up() {
    let story = Story::begin();
    let other = story.world.card(&story.region);
    let asking = story.cinema.begin(&["redeem", "--json", "--wait", "1"]);
    story.lay_to(Fault::next(Instruction::Debit, Effect::LeaveAfter)).left();
    asking.said().exits(4);
    let lying = other.lay(&story.world, HERE);
    assert_eq!(story.cinema.redeem(&[]).exits(0).text("card"), other.masked());
    drop(lying);
    let abandoned = story.cinema.ask(&["abandon", "--json", &story.card.number]).exits(0);
    assert_eq!((abandoned.text("outcome"), abandoned.text("card")), ("abandoned".to_owned(), story.card.masked()));
    assert_eq!(
        story.cinema.ask(&["abandon", "--json", &story.card.number]).exits(3).text("refusal"),
        "nothing-to-undo"
    );
    // The card did it after all: it gives the seat back at its return, and nobody was paid for it.
    let _lying = story.lay();
    story.cinema.await_status("it is settled", |status| status["in_doubt"] == 0);
    story.cinema.card();
    story.cinema.sync();
    assert_eq!(story.card.seats_consumed(), 0);
    let entries = story.region.entries(story.cinema.id);
    let paid: Vec<_> = entries.iter().filter(|entry| entry["payable_cents"].as_u64() > Some(0)).collect();
    assert_eq!((paid.len(), paid[0]["card"].as_str()), (1, Some(other.masked().as_str())), "{entries:#?}");
}

#[test]
fn a_doubt_is_ended_by_the_record_that_another_counter_reads() {
    let story = Story::begin();
    let port = story.world.counter(&story.region, "Cinéma du Port (inventé)", "cinema", THERE);
    let asking = story.cinema.begin(&["redeem", "--json", "--wait", "1"]);
    story.lay_to(Fault::next(Instruction::Debit, Effect::LeaveAfter)).left();
    asking.said().exits(4);
    assert_eq!(story.cinema.status()["in_doubt"], 1);
    story.cinema.sync();

    // The holder goes elsewhere: the first tap shows the region that a record is missing, the next brings it.
    let lying = story.card.lay(&story.world, THERE);
    assert_eq!(port.redeem(&[]).exits(0).json()["left"], 498);
    drop(lying);
    port.sync();
    let _lying = story.card.lay(&story.world, THERE);
    port.await_status("the record is read", |_| port.journal().iter().any(|entry| entry["kind"] == "card-read"));
    port.sync();

    // The card never came back.
    story.cinema.sync();
    assert_eq!(story.cinema.status()["in_doubt"], 0);
    assert_eq!(story.cinema.journal()[0]["kind"], "debit");
    story.cinema.sync();
    for counter in [&story.cinema, &port] {
        let entries = story.region.entries(counter.id);
        let paid = entries.iter().filter(|entry| entry["payable_cents"].as_u64() > Some(0)).count();
        assert_eq!(paid, 1, "{entries:#?}");
    }
}

#[test]
fn a_relay_that_lies_ends_no_doubt() {
    let story = Story::begin();
    let mut sold = 0;
    for status in [0x6985, 0x6983, 0x6F00, 0x9000] {
        let _lying = story.lay_to(Fault::next(Instruction::Debit, Effect::Lie(StatusWord(status))));
        let granted = story.cinema.redeem(&[]).exits(0).json();
        sold += 1;
        assert_eq!((&granted["outcome"], &granted["left"]), (&Value::from("granted"), &Value::from(500 - sold)));
    }
    let lying = story.lay_to(Fault::next(Instruction::Debit, Effect::Garbage));
    assert_eq!(story.cinema.redeem(&[]).exits(0).json()["left"], 500 - sold - 1);
    drop(lying);
    let _lying = story.lay_to(Fault::next(Instruction::Reverse, Effect::Lie(StatusWord(0x6983))));
    story.cinema.undo(&[]).exits(0);
    assert_eq!(story.books(), Books { consumed: sold, cash: 100 * sold });
}

#[test]
fn the_card_program_pulls_and_lies_as_it_is_told() {
    let world = World::new();
    let region = world.region();
    let file = world.stage().place("card.json");
    let serve = |reader: usize, faults: &[&str]| {
        let mut command = world.stage().command(PASS_CARD);
        let port = format!("127.0.0.1:{}", world.pcscd.vpcd_port(reader));
        let mut card =
            Running::start(world.stage(), command.arg("serve").arg(&file).args(["--vpcd", &port]).args(faults));
        card.await_line(|line| (line == "ready").then_some(()));
        card
    };
    let cinema = world.counter(&region, "Cinéma Le Phare (inventé)", "cinema", HERE);
    let blank = serve(BUREAU, &[]);
    region.issue(&world.pcscd.reader_name(BUREAU), "lycee");
    blank.stop().exits(0);

    let asking = cinema.begin(&["redeem", "--json", "--wait", "20"]);
    let pulled = serve(HERE, &["--pull", "after:DEBIT"]).said().exits(0);
    assert!(pulled.out.contains("left after DEBIT"), "{}", pulled.out);
    thread::sleep(Duration::from_millis(700));
    let lies = serve(HERE, &["--lie", "REVERSE:6985"]);
    assert_eq!(asking.said().exits(0).json()["left"], 4);
    assert_eq!(cinema.undo(&[]).exits(0).text("outcome"), "undone");
    lies.stop().exits(0);
}
