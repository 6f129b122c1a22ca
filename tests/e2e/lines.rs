//! The line to the region: down, lost in the middle, the region gone and back somewhere else. Entries arrive once.

use serde_json::Value;

use crate::kit::{Books, Story};

#[test]
fn what_was_sold_without_the_region_arrives_once_when_it_is_back() {
    let mut story = Story::begin();
    story.region.kill();
    let _lying = story.lay();
    for left in [499, 498] {
        assert_eq!(story.cinema.redeem(&[]).exits(0).json()["left"], left);
    }
    story.cinema.undo(&[]).exits(0);
    let failed = story.cinema.ask(&["sync", "--json"]).exits(74).json();
    assert!(failed["error"].is_string() && failed["waiting"].as_u64() >= Some(3), "{failed}");
    let spoken = story.cinema.ask(&["sync"]).exits(74);
    assert!(spoken.out.contains("Rien n'est perdu"), "{}", spoken.out);
    let status = story.cinema.status();
    assert!(status["exchange"]["last_error"].is_string() && status["exchange"]["next_attempt"].is_string(), "{status}");

    story.region.start();
    assert_eq!(story.books(), Books { consumed: 1, cash: 100 });
}

#[test]
fn an_answer_that_is_lost_is_asked_for_again_and_nothing_is_doubled() {
    let story = Story::begin();
    let _lying = story.lay();
    for seats in 1..=3 {
        story.cinema.redeem(&[]).exits(0);
        story.cinema.line.lose_answers(2);
        let lost_before = story.cinema.line.lost();
        let failed = story.cinema.ask(&["sync", "--json"]).exits(74).json();
        assert!(failed["error"].is_string(), "{failed}");
        assert!(story.cinema.line.lost() > lost_before, "the region answered");
        story.cinema.line.lose_answers(0);
        let entries = story.region.entries(story.cinema.id);
        assert_eq!(entries.last().unwrap()["kind"], "debit", "the region has it, and the terminal does not know");
        assert_eq!(story.cinema.journal()[0]["acknowledged"], Value::from(false));
        assert_eq!(story.books(), Books { consumed: seats, cash: 100 * seats });
    }
}

#[test]
fn a_line_that_is_cut_and_mended_needs_nobody() {
    let story = Story::begin();
    let _lying = story.lay();
    story.cinema.line.cut();
    story.cinema.redeem(&[]).exits(0);
    story.cinema.ask(&["sync"]).exits(74);
    story.cinema.line.mend();
    // By itself, after its pause.
    story.cinema.await_status("the sale is acknowledged", |status| status["exchange"]["waiting_entries"]["value"] == 0);
    assert_eq!(story.books(), Books { consumed: 1, cash: 100 });
}
