//! The exchange through something that cuts, delays, repeats, changes and answers what it likes. Whatever it does: the entries stay
//! until the region's own signature says that it has them, `sync` and `status` say in one sentence what is the matter, the next good
//! exchange brings everything, and the region has nothing twice.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::kit::{Books, Proxy, Story, Trouble};
use crate::support::{DEADLINE, poll};

/// A story whose line goes through a proxy.
struct Spoilt {
    story: Story,
    proxy: Proxy,
    sold: u64,
}

impl Spoilt {
    fn begin() -> Self {
        let story = Story::begin();
        let proxy = Proxy::before(&story.region);
        // A connection that was made before leads past the proxy, for as long as it lasts.
        story.cinema.line.cut();
        story.cinema.ask(&["sync"]).exits(74);
        story.cinema.line.mend();
        let through = poll(DEADLINE, || {
            let said = story.cinema.ask(&["sync"]);
            (said.code == Some(0) && proxy.requests() > 0).then_some(())
        });
        through.expect("the proxy is on the way");
        Self { story, proxy, sold: 0 }
    }

    fn sell(&mut self) {
        self.story.cinema.redeem(&[]).exits(0);
        self.sold += 1;
    }

    /// Sells, exchanges in vain, says why, exchanges.
    #[track_caller]
    fn in_vain(&mut self, trouble: Trouble, says: &str) {
        // In this order: the daemon may exchange at any moment of its own.
        self.proxy.trouble(trouble.clone());
        self.sell();
        let said = self.story.cinema.ask(&["sync", "--json", "--lang", "en"]).exits(74).json();
        let error = said["error"].as_str().unwrap_or_default();
        assert!(error.contains(says), "{trouble:?}: {said}");
        assert!(!error.contains('\n') && error.len() < 300, "{trouble:?}: one sentence: {error}");
        assert!(said["waiting"].as_u64() >= Some(1), "{trouble:?}: the entry stays: {said}");
        let status = self.story.cinema.ask(&["status", "--json", "--lang", "en"]).exits(0).json();
        assert_eq!(
            (&status["exchange"]["last_error"], &status["refusal"]),
            (&said["error"], &Value::Null),
            "{trouble:?}"
        );
        assert_eq!(self.story.cinema.journal()[0]["acknowledged"], false, "{trouble:?}");
        self.good();
    }

    /// Sells, and exchanges whatever the proxy does.
    #[track_caller]
    fn all_the_same(&mut self, trouble: Trouble) {
        self.sell();
        self.proxy.trouble(trouble);
        self.story.cinema.sync();
        self.good();
    }

    #[track_caller]
    fn good(&mut self) {
        self.proxy.mend();
        assert_eq!(self.story.cinema.sync()["waiting"], 0);
        assert_eq!(self.story.cinema.status()["exchange"]["last_error"], Value::Null);
    }

    /// Everything is at the region, once.
    #[track_caller]
    fn ends_well(self) {
        let sold = self.sold;
        assert_eq!(self.story.books(), Books { consumed: sold, cash: 100 * sold });
    }
}

#[test]
fn a_line_that_is_cut_at_any_stage_loses_nothing() {
    let mut spoilt = Spoilt::begin();
    let _lying = spoilt.story.lay();
    for trouble in
        [Trouble::CutAtOnce, Trouble::CutInRequest, Trouble::CutBeforeAnswer, Trouble::CutInHead, Trouble::CutInBody]
    {
        spoilt.in_vain(trouble, "the region does not answer: ");
    }
    spoilt.ends_well();
}

#[test]
fn a_message_that_comes_twice_and_an_answer_that_comes_late_change_nothing() {
    let mut spoilt = Spoilt::begin();
    let _lying = spoilt.story.lay();
    spoilt.all_the_same(Trouble::TwiceFirst);
    spoilt.all_the_same(Trouble::TwiceSecond);
    spoilt.in_vain(Trouble::OldAnswer, "is not to this request");
    // The counter does not wait for a slow line.
    let slow = Duration::from_secs(8);
    spoilt.proxy.trouble(Trouble::Delay(slow));
    let (asked, requests) = (Instant::now(), spoilt.proxy.requests());
    let syncing = spoilt.story.cinema.begin(&["sync", "--json"]);
    spoilt.story.cinema.await_status("it is under way", |_| spoilt.proxy.requests() > requests);
    spoilt.sell();
    assert_eq!(spoilt.story.cinema.status()["refusal"], Value::Null);
    assert!(asked.elapsed() < slow, "a sale does not wait for the line");
    syncing.said().exits(0);
    assert!(asked.elapsed() >= slow);
    spoilt.good();
    spoilt.ends_well();
}

#[test]
fn one_changed_bit_is_found_wherever_it_is() {
    let mut spoilt = Spoilt::begin();
    let _lying = spoilt.story.lay();
    for place in [0, 3, 17, 250, 333, 500, 702, 907, 998] {
        spoilt.in_vain(Trouble::RequestBit(place), "the region refuses (HTTP 4");
        spoilt.in_vain(Trouble::AnswerBit(place), "the region's answer is not to be believed: ");
    }
    // The region key's certificate travels with an answer unsigned, and a terminal that has it already does not look at it.
    for place in [40, 60, 80, 101, 120] {
        spoilt.sell();
        spoilt.proxy.trouble(Trouble::AnswerBit(place));
        let said = spoilt.story.cinema.ask(&["sync", "--json"]);
        assert!(matches!(said.code, Some(0 | 74)), "{}", said.out);
        spoilt.good();
    }
    spoilt.ends_well();
}

/// An answer of some server.
fn answer(status: &str, content_type: &str, body: &str) -> Trouble {
    let length = body.len();
    Trouble::Instead(format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ))
}

#[test]
fn what_is_no_answer_of_the_region_is_said_to_be_none() {
    let mut spoilt = Spoilt::begin();
    let _lying = spoilt.story.lay();
    let portal = "<html><body>Bienvenue ! Acceptez les conditions du réseau.</body></html>";
    let problem = r#"{"title":"Busy","detail":"Too many requests at once: send it again."}"#;
    let (html, cose, json) = ("text/html", "application/cose", "application/problem+json");
    for (trouble, says) in [
        (answer("200 OK", html, portal), "something else than the region answers (HTTP 200)"),
        (answer("200 OK", cose, portal), "not to be believed"),
        (answer("200 OK", cose, ""), "not to be believed"),
        (answer("200 OK", html, ""), "something else than the region answers (HTTP 200)"),
        (answer("204 No Content", cose, ""), "something else than the region answers (HTTP 204)"),
        (answer("403 Forbidden", html, portal), "something else than the region answers (HTTP 403)"),
        (answer("500 Internal Server Error", html, ""), "something else than the region answers (HTTP 500)"),
        (answer("502 Bad Gateway", html, portal), "something else than the region answers (HTTP 502)"),
        (answer("503 Service Unavailable", json, problem), "the region refuses (HTTP 503): Too many requests at once"),
        (answer("500 Internal Server Error", json, "{}"), "something else than the region answers (HTTP 500)"),
        (Trouble::Instead("SSH-2.0-OpenSSH_9.2\r\n\r\n".to_owned()), "the region does not answer: "),
        (Trouble::Huge(9 * 1024 * 1024), "the region's answer is longer than 8388608 bytes"),
        (Trouble::Endless, "the region's answer is longer than 8388608 bytes"),
    ] {
        spoilt.in_vain(trouble, says);
    }
    spoilt.ends_well();
}

#[test]
fn messages_go_nowhere_else_than_to_the_region() {
    let mut spoilt = Spoilt::begin();
    let _lying = spoilt.story.lay();
    // Where it leads to the region would answer: following it would succeed.
    let elsewhere = format!("http://{}/v1/exchanges", spoilt.proxy.region());
    for status in [301, 302, 303, 307, 308] {
        let redirect = format!(
            "HTTP/1.1 {status} Elsewhere\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        let says = format!("something else than the region answers (HTTP {status})");
        spoilt.in_vain(Trouble::Instead(redirect), &says);
    }
    spoilt.ends_well();
}
