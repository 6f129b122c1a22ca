//! The card from another hand by itself, without pcscd: that it refuses what it must, in the order of the page, and that a
//! strict one does not let a terminal get away with what the page does not allow. Without this the other stories could
//! pass because nobody looks.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use tempfile::TempDir;

use super::{Daemon, card_command, waits};

const SELECT: &str = "00A4040009F0504153535245470100";
const GENERATE_KEY: &str = "80E0000000";

/// The other end of the wire: what vpcd is to the card.
struct Wire {
    home: TempDir,
    stream: TcpStream,
    card: Daemon,
}

impl Wire {
    fn new(options: &[&str]) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let mut command = card_command(&home.path().join("card.json"), &home.path().join("card.log"), port);
        let card = Daemon::start(command.args(options), &home.path().join("card.out"));
        let (stream, _) = listener.accept().expect("the card connects");
        let mut wire = Self { home, stream, card };
        wire.send(&[0x01]);
        wire
    }

    fn send(&mut self, payload: &[u8]) {
        let length = u16::try_from(payload.len()).expect("short");
        self.stream.write_all(&[&length.to_be_bytes(), payload].concat()).expect("the card listens");
    }

    /// The answer in hexadecimal; nothing when the card has left instead.
    fn exchange(&mut self, command: &str) -> Option<String> {
        let bytes = hex::decode(command).expect("hexadecimal");
        self.send(&bytes);
        let mut length = [0; 2];
        self.stream.read_exact(&mut length).ok()?;
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        self.stream.read_exact(&mut answer).expect("what it announced");
        Some(answer.iter().map(|byte| format!("{byte:02X}")).collect())
    }

    /// Why it left, having exited with the status that says so.
    fn complaint(mut self) -> String {
        let status = waits("the card leaves", || self.card.child.try_wait().expect("a child"));
        assert_eq!(status.code(), Some(3));
        let log = std::fs::read_to_string(self.home.path().join("card.log")).expect("a transcript");
        log.lines().last().and_then(|line| line.strip_prefix("! ")).expect("a complaint").to_owned()
    }
}

#[test]
fn a_strict_card_leaves_at_the_first_wrong_command() {
    let misdeeds: [(&[&str], &[&str], &str); 9] = [
        (&[], &[GENERATE_KEY], "GENERATE-KEY before SELECT"),
        (&[], &[SELECT, SELECT], "SELECT twice in a row"),
        (&[], &["00A4040009F05041535352454701"], "SELECT on T=1 has the Le 00"),
        (&[], &[SELECT, "80E0000041"], "GENERATE-KEY with Le 65"),
        (&[], &["00A4040009F0504153535245470200"], "SELECT had to be answered 6A82"),
        (&[], &[SELECT, "00B0810000"], "there is no command 00 B0 in this life of the card"),
        (&[], &[SELECT, "00C0000010"], "there is no command 00 C0 in this life of the card"),
        (&["--t0"], &["00C0000010"], "GET RESPONSE with nothing to fetch"),
        (
            &["--t0"],
            &["00A4040009F05041535352454701", GENERATE_KEY],
            "GENERATE-KEY before GET RESPONSE has fetched an answer",
        ),
    ];
    for (options, commands, complaint) in misdeeds {
        let mut wire = Wire::new(options);
        let (last, before) = commands.split_last().expect("a command");
        for command in before {
            assert!(wire.exchange(command).is_some(), "{commands:?}");
        }
        assert_eq!(wire.exchange(last), None, "{commands:?}");
        assert_eq!(wire.complaint(), complaint);
    }
}

#[test]
fn a_lenient_card_answers_in_the_order_of_the_page() {
    let mut wire = Wire::new(&["--lenient"]);
    let answers = [
        ("90E0000000", "6E00"),
        (GENERATE_KEY, "6D00"),
        ("00A4040009F0504153535245470200", "6A82"),
        ("00A4040109F0504153535245470100", "6A86"),
        ("00A40400", "6700"),
        (SELECT, "6F0E8409F050415353524547015301009000"),
        ("00A4040009F05041535352454701", "6F0E8409F050415353524547015301009000"),
        ("805400005A", "6D00"),
        ("80E00100", "6700"),
        ("80E0010000", "6A86"),
        ("80E20100021122", "6700"),
        ("80E20200021122", "6A86"),
    ];
    for (command, answer) in answers {
        assert_eq!(wire.exchange(command).as_deref(), Some(answer), "{command}");
    }
    let key = wire.exchange(GENERATE_KEY).expect("a key");
    assert!(key.starts_with("04") && key.ends_with("9000") && key.len() == 2 * 67, "{key}");
    // A certificate is stored only after the keys that it is held against; one of another version never.
    let certificate = |version: &str| format!("80E20100A3{version}{}", "00".repeat(162));
    assert_eq!(wire.exchange(&certificate("01")).as_deref(), Some("6982"));
    assert_eq!(wire.exchange(&certificate("02")).as_deref(), Some("6A80"));
}
