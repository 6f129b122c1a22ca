//! The daemon dies, as by a power cut, at every moment of a sale and of an undo. Whatever the moment: one debit for one payment, one
//! entry for one debit, and the three books agree.

use std::thread;
use std::time::Duration;

use pass::wire::card::Instruction;
use serde_json::Value;

use crate::kit::{Books, HERE, Moment, Running, Story};

/// What becomes of the card after the daemon died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// It does the rest of the command.
    GoesOn,
    /// It is pulled.
    Leaves,
}

/// When the daemon dies.
#[derive(Clone, Copy, Debug)]
struct Death {
    at: Instruction,
    moment: Moment,
    then: Then,
    /// How long after the moment.
    after: Duration,
}

const fn death(at: Instruction, moment: Moment, then: Then) -> Death {
    Death { at, moment, then, after: Duration::ZERO }
}

/// Before the purse is asked to change: nothing is done, whatever the card does next.
const BEFORE: [Death; 3] = [
    death(Instruction::Select, Moment::Arrived, Then::Leaves),
    death(Instruction::ReadBinary, Moment::Done, Then::GoesOn),
    death(Instruction::Open, Moment::Arrived, Then::GoesOn),
];

/// Around the change itself.
const fn around(change: Instruction) -> [Death; 4] {
    [
        death(change, Moment::Arrived, Then::Leaves),
        death(change, Moment::Arrived, Then::GoesOn),
        death(change, Moment::Done, Then::Leaves),
        death(change, Moment::Done, Then::GoesOn),
    ]
}

/// Between the answer and the entry, or the entry and the display: where exactly, the disk decides.
fn after(change: Instruction) -> impl Iterator<Item = Death> {
    [0, 2, 5, 12, 30]
        .map(Duration::from_millis)
        .map(move |after| Death { after, ..death(change, Moment::Answered, Then::GoesOn) })
        .into_iter()
}

impl Story {
    /// The verb is asked, the card comes, the daemon dies; it starts again, and the card comes back. What the verb said, and what the
    /// books say before anything else is asked.
    fn die(&mut self, verb: &[&str], death: Death) -> (Value, Books) {
        println!("{verb:?} {death:?}");
        let asking = self.cinema.begin(verb);
        self.cinema.await_client();
        let card = self.card.lay_to_stop(&self.world, HERE, death.at, death.moment);
        card.reached();
        thread::sleep(death.after);
        self.cinema.kill();
        match death.then {
            _ if death.moment == Moment::Answered => (),
            Then::GoesOn => card.go_on(),
            Then::Leaves => card.leave(),
        }
        drop(card);
        let said = self.said(asking);
        self.cinema.start();
        let _lying = self.card.lay(&self.world, HERE);
        (said, self.books())
    }

    /// What a verb said whose daemon died: granted, or that nobody knows. Never that it was refused.
    fn said(&self, asking: Running) -> Value {
        let said = asking.said();
        let answer = said.json();
        match answer["outcome"].as_str() {
            Some("granted" | "undone") => assert_eq!(said.code, Some(0)),
            Some("unknown") => assert_eq!(said.code, Some(4)),
            other => panic!("{other:?}: {answer}"),
        }
        answer
    }
}

/// Sells through these deaths. What the client was not told the next one is handed, and nobody pays or is debited twice.
fn sell_through(deaths: impl IntoIterator<Item = Death>) {
    let mut story = Story::begin();
    let mut sold = 0;
    for death in deaths {
        let (said, books) = story.die(&["redeem", "--json", "--wait", "20"], death);
        let debited = books.consumed - sold;
        assert_eq!(books.cash, 100 * books.consumed, "{death:?}");
        assert!(debited <= 1, "{death:?}: {books:?}");
        if death.moment != Moment::Arrived && death.at == Instruction::Debit {
            assert_eq!(debited, 1, "{death:?}");
        }
        if BEFORE.iter().any(|before| before.at == death.at) {
            assert_eq!(debited, 0, "{death:?}");
        }
        let granted = said["outcome"] == "granted";
        assert!(!granted || debited == 1, "granted and not debited: {death:?}");
        // The same request: it was done and is told, or it was never begun and is done now, or it is known that it was not done.
        let lying = story.card.lay(&story.world, HERE);
        let id = said["id"].as_str().unwrap();
        let again = story.cinema.redeem(&["--id", id]);
        let answer = again.json();
        match answer["outcome"].as_str() {
            Some("granted") if debited == 1 => assert_eq!(answer["repeated"], true, "{death:?}"),
            Some("granted") => sold += 1,
            Some("refused") if debited == 0 => assert_eq!(answer["refusal"], "card-changed", "{death:?}"),
            other => panic!("{death:?}: {other:?} {answer}"),
        }
        sold += debited;
        assert_eq!(story.books(), Books { consumed: sold, cash: 100 * sold }, "{death:?}");
        drop(lying);
    }
}

#[test]
fn the_daemon_dies_before_a_sale_is_begun() {
    sell_through(BEFORE);
}

#[test]
fn the_daemon_dies_while_the_card_is_debited() {
    sell_through(around(Instruction::Debit));
}

#[test]
fn the_daemon_dies_after_the_card_was_debited() {
    sell_through(after(Instruction::Debit));
}

#[test]
fn what_a_dead_daemon_debited_is_handed_out_at_the_next_sale() {
    let mut story = Story::begin();
    let (said, books) =
        story.die(&["redeem", "--json", "--wait", "20"], death(Instruction::Debit, Moment::Done, Then::Leaves));
    assert_eq!((said["outcome"].as_str(), books.consumed), (Some("unknown"), 1));
    let _lying = story.card.lay(&story.world, HERE);
    let next = story.cinema.redeem(&[]).exits(0).json();
    assert_eq!((&next["outcome"], &next["repeated"]), (&Value::from("granted"), &Value::from(true)));
    assert_eq!(story.books(), Books { consumed: 1, cash: 100 });
    let after = story.cinema.redeem(&[]).exits(0).json();
    assert_eq!((&after["repeated"], &after["left"]), (&Value::from(false), &Value::from(498)));
    assert_eq!(story.books(), Books { consumed: 2, cash: 200 });
}

#[test]
fn the_daemon_dies_before_it_is_asked_and_after_granted_was_shown() {
    let mut story = Story::begin();
    story.cinema.kill();
    let unheard = story.cinema.redeem(&[]).exits(69);
    assert!(unheard.out.is_empty() && unheard.err.contains("démarrez le service"), "{}", unheard.err);
    story.cinema.start();
    let _lying = story.card.lay(&story.world, HERE);
    for seats in 1..=3 {
        assert_eq!(story.cinema.redeem(&[]).exits(0).json()["repeated"], false);
        story.cinema.kill();
        story.cinema.start();
        assert_eq!(story.books(), Books { consumed: seats, cash: 100 * seats });
    }
}

/// Undoes through these deaths: the right and the money go back once.
fn undo_through(deaths: impl IntoIterator<Item = Death>) {
    let mut story = Story::begin();
    for death in deaths {
        let lying = story.card.lay(&story.world, HERE);
        let entry = story.cinema.redeem(&[]).exits(0).json()["entry"].to_string();
        drop(lying);
        let (said, books) = story.die(&["undo", "--json", "--wait", "20"], death);
        assert!(books.consumed <= 1 && books.cash == 100 * books.consumed, "{death:?}: {books:?}");
        assert!(said["outcome"] != "undone" || books.consumed == 0, "{death:?}");
        let lying = story.card.lay(&story.world, HERE);
        let id = said["id"].as_str().unwrap();
        let again = story.cinema.undo(&["--id", id, &entry]);
        let answer = again.json();
        match answer["outcome"].as_str() {
            Some("undone") => assert_eq!(answer["returned_cents"], 100, "{death:?}"),
            Some("refused") => {
                assert_eq!((&answer["refusal"], books.consumed), (&Value::from("card-changed"), 1), "{death:?}");
                story.cinema.undo(&[&entry]).exits(0);
            }
            other => panic!("{death:?}: {other:?} {answer}"),
        }
        assert_eq!(story.cinema.undo(&[&entry]).exits(3).text("refusal"), "nothing-to-undo");
        assert_eq!(story.books(), Books { consumed: 0, cash: 0 }, "{death:?}");
        drop(lying);
    }
}

#[test]
fn the_daemon_dies_while_the_card_takes_a_debit_back() {
    undo_through(BEFORE.into_iter().take(1).chain(around(Instruction::Reverse)));
}

#[test]
fn the_daemon_dies_after_the_card_took_a_debit_back() {
    undo_through(after(Instruction::Reverse));
}
