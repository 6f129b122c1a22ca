//! What a daemon tells of itself, while it sells.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::kit::Story;
use crate::support::{DEADLINE, poll};

fn told(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    text
}

fn value(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

#[test]
fn a_daemon_counts_what_it_sells_and_tells_it_to_this_machine_alone() {
    let mut story = Story::begin();
    story.cinema.stop();
    story.cinema.start_with(&["--reader", &story.cinema.reader.clone(), "--metrics", "127.0.0.1:0"]);
    let address = poll(DEADLINE, || {
        let log = story.cinema.daemon().err();
        let (_, rest) = log.split_once("the metrics are told")?;
        Some(rest.lines().next()?.split_once("address=")?.1.trim().to_owned())
    });
    let address = address.expect("it says where");
    let _lying = story.lay();
    story.cinema.redeem(&[]).exits(0);
    story.cinema.ask(&["redeem", "--json", "--benefit", "leisure-books", "--wait", "10"]).exits(3);
    story.cinema.sync();
    let text = told(&address);
    assert_eq!(value(&text, "pass_terminal_sales_total{code=\"cinema\"}"), 1.0);
    assert!(value(&text, "pass_terminal_exchanges_total{code=\"done\"}") >= 1.0);
    assert!(value(&text, "pass_terminal_card_seconds_count") >= 2.0, "the card was read and debited");
    assert!(value(&text, "pass_terminal_ledger_commit_seconds_count") >= 2.0, "intent and entry");
    assert_eq!(value(&text, "pass_terminal_waiting_entries"), 0.0);
    assert_eq!((value(&text, "pass_terminal_selling"), value(&text, "pass_terminal_readers")), (1.0, 1.0));
    assert!(text.contains("pass_terminal_refusals_total{code="), "{text}");
    assert!(!text.contains(&story.card.number) && !text.contains("Phare"), "nobody is named");
    story.cinema.ask(&["run", "--metrics", "0.0.0.0:9470"]).exits(64);
}

#[test]
fn a_daemon_leaves_no_core_dump_and_tells_no_key() {
    let story = Story::begin();
    let _lying = story.lay();
    story.cinema.redeem(&[]).exits(0);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", story.cinema.daemon().id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");

    let said = [
        story.cinema.ask(&["status"]).exits(0).out,
        story.cinema.ask(&["status", "--json"]).exits(0).out,
        story.cinema.ask(&["doctor", "--json"]).out,
        story.cinema.ask(&["doctor"]).out,
        story.cinema.daemon().err(),
    ]
    .concat();
    for name in ["entry", "card"] {
        let key = std::fs::read(story.cinema.data.join(format!("keys/{name}.pk8"))).unwrap();
        // Of the whole file, the part that is secret: after the head of PKCS #8, in hexadecimal as programs would write it.
        for secret in key.windows(16).map(hex::encode) {
            assert!(!said.to_lowercase().contains(&secret), "a part of the {name} key is told");
        }
    }
}
