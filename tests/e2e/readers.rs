//! What goes wrong between the terminal and a card: pcscd dies, freezes; what lies there is no PASS; another program has the card.

use std::ffi::CString;
use std::time::{Duration, Instant};

use pass::virtual_card::applet::Applet;
use pass::wire::card::Instruction;
use pcsc::{Context, Protocols, Scope, ShareMode};
use serde_json::Value;

use crate::kit::{Books, HERE, Laid, Moment, Running, Story};

#[test]
fn pcscd_dies_and_comes_back() {
    let mut story = Story::begin();
    let lying = story.lay();
    assert_eq!(story.cinema.redeem(&[]).exits(0).json()["left"], 499);
    story.world.pcscd.kill().unwrap();
    let status = story.cinema.await_status("the reader is away", |status| status["reader"]["state"] == "unavailable");
    assert!(status["reader"]["reason"].as_str().is_some_and(|reason| reason.contains("pcscd")), "{status}");
    assert!(story.cinema.ask(&["status"]).exits(0).out.starts_with("PAS PRÊT"));
    let spoken = story.cinema.ask(&["card"]).exits(0).out;
    assert_eq!(
        spoken.trim_end(),
        "Lecteur indisponible : le service des lecteurs (pcscd) ne répond pas.\nAucune carte sur le lecteur."
    );
    let asked = Instant::now();
    assert_eq!(story.cinema.ask(&["redeem", "--json", "--wait", "1"]).exits(4).json()["again"], true);
    assert!(asked.elapsed() < Duration::from_secs(10));
    drop(lying);

    story.world.pcscd.restart().unwrap();
    let _lying = story.lay();
    assert_eq!(story.cinema.ask(&["redeem", "--json", "--wait", "30"]).exits(0).json()["left"], 498);
    assert_eq!(story.books(), Books { consumed: 2, cash: 200 });
}

#[test]
fn pcscd_freezes_and_nothing_hangs() {
    let story = Story::begin();
    let _lying = story.lay();
    assert_eq!(story.cinema.redeem(&[]).exits(0).json()["left"], 499);
    story.world.pcscd.freeze().unwrap();
    // In the middle of a sale, and beside it.
    for _ in 0..2 {
        let asked = story.cinema.begin(&["redeem", "--json", "--wait", "2"]);
        let answer = asked.said_within(Duration::from_secs(10)).exits(4).json();
        assert_eq!(answer["outcome"], "refused", "{answer}");
        assert_eq!(answer["again"], true, "{answer}");
    }
    let status = story.cinema.await_status("the reader is frozen", |status| status["reader"]["state"] == "frozen");
    assert!(status["reader"]["seconds"].is_u64());
    assert!(story.cinema.ask(&["status"]).exits(0).out.contains("ne répond plus"));
    story.world.pcscd.thaw().unwrap();
    story
        .cinema
        .await_status("the reader is back", |status| status["reader"]["state"] == "ready" && status["in_doubt"] == 0);
    let before = story.books();
    assert_eq!(before.cash, 100 * before.consumed);
    story.cinema.redeem(&[]).exits(0);
    let after = story.books();
    assert!(after.consumed <= before.consumed + 1 && after.cash == 100 * after.consumed);
}

/// A card or a driver that stands still in a command is as good as frozen: `verb` is answered, and nothing happens behind the client's back.
fn answered_though_it_stands_still(story: &Story, instruction: Instruction, verb: &str, refusal: &str) {
    let asked = story.cinema.begin(&[verb, "--json", "--wait", "1"]);
    let lying = story.card.lay_to_stop(&story.world, HERE, instruction, Moment::Arrived);
    lying.reached();
    let answer = asked.said_within(Duration::from_secs(10)).exits(4).json();
    assert_eq!((&answer["refusal"], &answer["again"]), (&Value::from(refusal), &Value::from(true)), "{instruction}");
    lying.go_on();
    story.cinema.await_status("it is settled", |status| status["card"]["genuine"] == true && status["in_doubt"] == 0);
}

#[test]
fn a_card_that_stands_still_is_not_waited_for_and_not_debited_behind_the_clients_back() {
    let story = Story::begin();
    answered_though_it_stands_still(&story, Instruction::Open, "redeem", "busy");
    let lying = story.lay();
    assert_eq!(story.books(), Books { consumed: 0, cash: 0 });
    drop(lying);

    // It was asked, and does it late: the next client is told, and pays nothing more.
    answered_though_it_stands_still(&story, Instruction::Debit, "redeem", "sale-in-doubt");
    let lying = story.lay();
    assert_eq!(story.books(), Books { consumed: 1, cash: 100 });
    assert_eq!(story.cinema.redeem(&[]).exits(0).json()["repeated"], true);
    assert_eq!(story.cinema.redeem(&[]).exits(0).json()["left"], 498);
    drop(lying);
    answered_though_it_stands_still(&story, Instruction::Open, "undo", "busy");
    let _lying = story.lay();
    assert_eq!(story.books(), Books { consumed: 2, cash: 200 });
}

/// A card of somebody else: it knows no application.
struct Foreign;

impl Applet for Foreign {
    fn atr(&self) -> Vec<u8> {
        vec![0x3B, 0x80, 0x01, 0x81]
    }

    fn power_on(&mut self) {}

    fn power_off(&mut self) {}

    fn transmit(&mut self, _: &[u8]) -> Option<Vec<u8>> {
        Some(vec![0x6A, 0x82])
    }
}

/// Something that is no card, or lies upside down: the reader cannot power it up.
struct Mute;

impl Applet for Mute {
    fn atr(&self) -> Vec<u8> {
        vec![0x3B; 40]
    }

    fn power_on(&mut self) {}

    fn power_off(&mut self) {}

    fn transmit(&mut self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

#[test]
fn what_is_no_pass_is_said_and_the_next_card_is_served() {
    let story = Story::begin();
    let lying = Laid::down(&story.world, HERE, Foreign);
    assert_eq!(story.cinema.redeem(&[]).exits(3).text("refusal"), "not-a-pass");
    let shown = story.cinema.card();
    assert_eq!((&shown["present"], &shown["refusal"]["refusal"]), (&Value::from(true), &Value::from("not-a-pass")));
    drop(lying);
    let lying = Laid::down(&story.world, HERE, Mute);
    assert_eq!(story.cinema.redeem(&[]).exits(3).text("refusal"), "card-unreadable");
    drop(lying);
    let _lying = story.lay();
    story.cinema.await_status("the next card is read", |status| status["card"]["genuine"] == true);
    assert_eq!(story.cinema.redeem(&[]).exits(0).json()["left"], 499);
    assert_eq!(story.books(), Books { consumed: 1, cash: 100 });
}

/// Says to a process of this test that it is the other program, and which reader's card it holds.
const HOLD: &str = "PASS_E2E_HOLD_READER";

#[test]
fn a_card_that_another_program_has_to_itself_is_waited_for() {
    if let Ok(reader) = std::env::var(HOLD) {
        return hold_to_oneself(&reader);
    }
    let story = Story::begin();
    let mut other = another_program(&story);
    // Nobody else is there to take it first.
    let mut story = story;
    story.cinema.stop();
    let _lying = story.lay();
    other.await_line(|line| line.contains("held").then_some(()));
    story.cinema.start();

    let asked = Instant::now();
    let busy = story.cinema.ask(&["redeem", "--json", "--wait", "2"]).exits(4).json();
    assert_eq!((&busy["refusal"], &busy["again"]), (&Value::from("busy"), &Value::from(true)));
    assert!(asked.elapsed() < Duration::from_secs(10));
    story.cinema.await_status("it says so", |status| status["card"]["refusal"]["refusal"] == "busy");
    let waiting = story.cinema.begin(&["redeem", "--json", "--wait", "20"]);
    other.kill();
    assert_eq!(waiting.said().exits(0).json()["left"], 499);
    assert_eq!(story.books(), Books { consumed: 1, cash: 100 });
}

/// Another program, which takes the next card of the counter's reader to itself.
pub(crate) fn another_program(story: &Story) -> Running {
    let other = std::env::current_exe().unwrap();
    let mut other = story.world.stage().command(other.to_str().unwrap());
    other.args(["--exact", "readers::a_card_that_another_program_has_to_itself_is_waited_for", "--nocapture"]);
    let mut other = Running::start(story.world.stage(), other.env(HOLD, &story.cinema.reader));
    other.await_line(|line| line.contains("waiting").then_some(()));
    other
}

/// The other program.
fn hold_to_oneself(reader: &str) {
    let reader = CString::new(reader).unwrap();
    let context = Context::establish(Scope::System).unwrap();
    println!("\nwaiting");
    let _card = loop {
        match context.connect(&reader, ShareMode::Exclusive, Protocols::ANY) {
            Ok(card) => break card,
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    println!("held");
    std::thread::sleep(Duration::from_secs(60));
}
