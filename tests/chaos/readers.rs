//! Readers that are taken away, come back, come back under another name, are two; a pcscd that dies or freezes in the middle of a
//! debit. One debit for one payment, and the state is said.

use pass::wire::card::Instruction;
use serde_json::Value;

use crate::kit::{Books, HERE, Moment, Story, THERE, agree_over};
use crate::support::{DEADLINE, poll};

/// What happens to pcscd.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// It is killed, and started anew.
    Dies,
    /// It is killed, and when it is started the reader is not there; then it is.
    LosesTheReader,
    /// It stops, and goes on.
    Freezes,
}

#[test]
fn whatever_becomes_of_pcscd_in_the_middle_of_a_debit_one_debit_is_told_to_one_client() {
    let mut story = Story::begin();
    let mut sold = 0;
    for fate in [Fate::Dies, Fate::LosesTheReader, Fate::Freezes] {
        for moment in [Moment::Arrived, Moment::Done] {
            println!("{fate:?}, {moment:?}");
            let id = format!("{sold:032}");
            let asking = story.cinema.begin(&["redeem", "--json", "--wait", "2", "--id", &id]);
            let card = story.card.lay_to_stop(&story.world, HERE, Instruction::Debit, moment);
            card.reached();
            match fate {
                Fate::Dies => story.world.pcscd.kill().unwrap(),
                Fate::LosesTheReader => {
                    story.world.pcscd.plug(HERE, None);
                    story.world.pcscd.restart().unwrap();
                }
                Fate::Freezes => story.world.pcscd.freeze().unwrap(),
            }
            card.go_on();
            let said = asking.said().exits(4).json();
            assert_eq!((&said["refusal"], &said["again"]), (&Value::from("sale-in-doubt"), &Value::from(true)));
            drop(card);
            match fate {
                Fate::Dies => story.world.pcscd.restart().unwrap(),
                Fate::LosesTheReader => {
                    let gone = |status: &Value| status["reader"]["state"] == "unavailable";
                    story.cinema.await_status("the reader is gone", gone);
                    story.world.pcscd.plug(HERE, Some('A'));
                    story.world.pcscd.restart().unwrap();
                }
                Fate::Freezes => story.world.pcscd.thaw().unwrap(),
            }
            let _lying = story.lay();
            // Not done and refused, or done and told, or done now.
            let told = poll(DEADLINE, || {
                let said = story.cinema.redeem(&["--id", &id]).json();
                (said["outcome"] == "granted" || said["refusal"] == "card-changed").then_some(said)
            });
            sold += u64::from(told.expect("it is told")["outcome"] == "granted");
            assert_eq!(story.books(), Books { consumed: sold, cash: 100 * sold }, "{fate:?}, {moment:?}");
        }
    }
}

#[test]
fn a_reader_that_is_taken_away_is_missed_and_comes_back() {
    let mut story = Story::begin();
    story.world.pcscd.plug(HERE, None);
    story.world.pcscd.restart().unwrap();
    let gone = |status: &Value| status["reader"]["state"] == "unavailable";
    let status = story.cinema.await_status("the reader is gone", gone);
    println!("{}", status["reader"]);
    assert!(story.cinema.ask(&["status"]).exits(0).out.starts_with("PAS PRÊT"));
    assert_eq!(story.cinema.ask(&["redeem", "--json", "--wait", "1"]).exits(4).json()["again"], true);

    // Back, under another name: this terminal was told to use the other.
    story.world.pcscd.plug(HERE, Some('Q'));
    story.world.pcscd.restart().unwrap();
    let lying = story.lay();
    assert_eq!(story.cinema.ask(&["redeem", "--json", "--wait", "2"]).exits(4).json()["again"], true);
    assert_eq!(story.cinema.status()["reader"]["state"], "unavailable");
    drop(lying);
    story.world.pcscd.plug(HERE, Some('A'));
    story.world.pcscd.restart().unwrap();
    let lying = story.lay();
    assert_eq!(story.cinema.ask(&["redeem", "--json", "--wait", "30"]).exits(0).json()["left"], 499);
    drop(lying);

    // One that was not told takes whatever reader there is.
    story.cinema.stop();
    story.cinema.start_with(&[]);
    story.world.pcscd.plug(HERE, Some('Q'));
    story.world.pcscd.restart().unwrap();
    let _lying = story.lay();
    assert_eq!(story.cinema.ask(&["redeem", "--json", "--wait", "30"]).exits(0).json()["left"], 498);
    let status = story.cinema.status();
    let names = status["reader"]["names"].as_array().unwrap();
    assert!(names.contains(&Value::from("PASS reader Q 00 00")), "{status}");
    story.cinema.reader = story.world.pcscd.reader_name(HERE);
    assert_eq!(story.books(), Books { consumed: 2, cash: 200 });
}

#[test]
fn with_cards_in_two_readers_nothing_is_debited_until_one_is_taken_away() {
    let mut story = Story::begin();
    let other = story.world.card(&story.region);
    story.cinema.stop();
    story.cinema.start_with(&[]);
    let forgotten = story.lay();
    let entry = story.cinema.redeem(&[]).exits(0).json()["entry"].to_string();
    let lying = other.lay(&story.world, THERE);
    // Asking for what no card gives debits nothing, and tells which cards are seen.
    let seen = poll(DEADLINE, || {
        let said = story.cinema.redeem(&["--seats", "99"]);
        (said.text("refusal") == "several-cards").then_some(said)
    });
    assert_eq!(seen.expect("both are seen").exits(4).json()["again"], true);
    for (language, says) in [("fr", "plus d'un lecteur"), ("en", "more than one reader")] {
        let said = story.cinema.ask(&["redeem", "--wait", "5", "--lang", language]).exits(4);
        assert!(said.out.contains(says), "{}", said.out);
    }
    assert_eq!((story.card.seats_consumed(), other.seats_consumed()), (1, 0));
    // What names its card is done with that card.
    assert_eq!(story.cinema.undo(&[&entry]).exits(0).json()["returned_cents"], 100);
    assert_eq!(story.card.seats_consumed(), 0);

    drop(forgotten);
    let granted = poll(DEADLINE, || Some(story.cinema.redeem(&[])).filter(|said| said.code == Some(0)));
    assert_eq!(granted.expect("the other is served").text("card"), other.masked());
    assert_eq!((story.card.seats_consumed(), other.seats_consumed()), (0, 1));
    drop(lying);
    let books = agree_over(&story.region, &story.cinema, &[&story.card, &other]);
    assert_eq!(books, Books { consumed: 1, cash: 100 });
}
