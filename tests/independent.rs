//! The three programs against a card from another hand: `independent/card.py`, written in Python from the page that is the
//! card's contract and from nothing else.
//!
//! The card is strict: it leaves the reader at the first thing that the page does not allow, see `independent/watch.py`. What is
//! claimed here is told by the card's own memory and transcript, not by the programs. Needs Debian's `python3-cryptography`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "nothing happens to pcscd in these stories")]
#[path = "support/pcscd.rs"]
mod pcscd;
#[path = "independent/strict.rs"]
mod strict;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use pcscd::Pcscd;
use serde_json::Value;
use tempfile::TempDir;

/// Within this everything happens that happens at all. Only a failing test waits so long.
const DEADLINE: Duration = Duration::from_secs(30);

/// Debian's own, for which `python3-cryptography` is installed; another may come first on the path.
const PYTHON: &str = "/usr/bin/python3";

const REGION: &str = env!("CARGO_BIN_EXE_pass-region");
const TERMINAL: &str = env!("CARGO_BIN_EXE_pass-terminal");
const TOOL: &str = env!("CARGO_BIN_EXE_pass-card");

/// The terminal's, and some of the region's card bureau. A reader looks every 0.4 s whether its card is there and does not see one
/// that is replaced meanwhile, so that each card is made in a reader of its own.
const READERS: usize = 4;
const COUNTER: usize = 0;
const BUREAU: usize = 1;

/// What is asked before a change of the purse.
const QUOTE: [&str; 4] = ["SELECT", "READ-CERTIFICATE", "OPEN", "READ-ENTITLEMENT"];

const CINEMA: usize = 0;

/// The slot, the amount, the transaction id and the time of a DEBIT, with its header: all but the signature, in hexadecimal.
const DEBIT_DATA: std::ops::Range<usize> = 0..2 * (5 + 26);

#[test]
fn a_card_lives_its_life_on_t1() {
    life(&[]);
}

#[test]
fn a_card_lives_its_life_on_t0() {
    life(&["--t0"]);
}

#[test]
fn the_manners_of_a_card_are_its_own() {
    let world = World::new();
    let manners: [&[&str]; READERS - BUREAU] = [
        // Thinks for long, and says T=0 first though it would rather speak T=1.
        &["--both", "--delay", "50", "--historical", "8031C06477E30300"],
        // Its reader fetches the answers of T=0 by itself.
        &["--t0", "--direct", "--historical", ""],
        &["--t0", "--delay", "50"],
    ];
    let mut cards: Vec<_> = manners
        .into_iter()
        .enumerate()
        .map(|(index, options)| {
            let mut card = world.card(&format!("manners-{index}"), options);
            let number = world.issue(&mut card, BUREAU + index);
            card.forget();
            (card, number)
        })
        .collect();

    let terminal = world.terminal();
    for (card, number) in &mut cards {
        terminal.takes(card, &[]);
        granted(&terminal.redeem(), card);
        card.said(&[&QUOTE[..], &["DEBIT"]].concat());
        let inspected =
            succeeds(world.pcsc(TOOL).args(["inspect", "--json", "--reader"]).arg(world.pcscd.reader_name(COUNTER)));
        assert_eq!(inspected["card_number"], *number);
        card.pull();
        terminal.misses_the_card();
    }
}

/// A record says how many reversals the card has recorded, which OPEN does not tell: the signature tells the terminal.
#[test]
fn a_card_that_was_often_reversed_still_sells() {
    let world = World::new();
    let mut card = world.card("reversed", &[]);
    world.issue(&mut card, BUREAU);
    let terminal = world.terminal();
    card.forget();
    terminal.takes(&mut card, &[]);
    for reversals in 0..8 {
        granted(&terminal.redeem(), &card);
        let sale = card.conversation();
        assert_eq!(names(&sale), [&QUOTE[..], &["DEBIT"]].concat());
        assert_eq!(card.purse(), (2 * reversals + 1, 1, reversals));
        assert_eq!(terminal.verb(&["undo"])["outcome"], "undone");
        card.forget();
    }
    card.pull();
    assert_eq!(terminal.verb(&["verify"])["verified"], true);
}

/// A sale that was in doubt, turned out to be done, and was undone is no answer to the next sale.
#[test]
fn an_undone_sale_is_no_answer_to_the_next() {
    let world = World::new();
    let mut card = world.card("undone", &[]);
    world.issue(&mut card, BUREAU);
    let terminal = world.terminal();
    terminal.takes(&mut card, &["--pull", "after:DEBIT"]);
    let doubtful = terminal.verb(&["redeem", "--seats", "1", "--wait", "2"]);
    assert_eq!(doubtful["refusal"], "sale-in-doubt");
    terminal.takes(&mut card, &[]);
    assert_eq!(terminal.verb(&["card", "--wait", "10"])["counter"], 1);
    assert_eq!(terminal.verb(&["undo"])["outcome"], "undone");
    assert_eq!(card.purse(), (2, 0, 1));
    granted(&terminal.redeem(), &card);
    assert_eq!(card.purse(), (3, 1, 1), "what is granted is debited");
    card.pull();
}

/// From the blank card to the blocked one.
fn life(options: &[&str]) {
    let world = World::new();
    let mut card = world.card("life", options);

    let number = world.issue(&mut card, BUREAU);
    let number = number.as_str().expect("a number");
    let issuing = card.conversation();
    assert_eq!(names(&issuing)[..6], ["SELECT", "GENERATE-KEY", "STORE", "STORE", "SELECT", "PUT-ENTITLEMENT"]);
    assert_eq!(card.memory()["life"], "in use");

    let terminal = world.terminal();
    sales(&terminal, &mut card);
    doubts(&terminal, &mut card);
    news(&terminal, &mut card, number);
    denial(&terminal, &mut card, number);
    the_books_agree(&terminal, &card);
}

/// Two seats, of which one is given back.
fn sales(terminal: &Terminal<'_>, card: &mut Card) {
    let sale = [&QUOTE[..], &["DEBIT"]].concat();

    terminal.takes(card, &[]);
    granted(&terminal.redeem(), card);
    card.said(&sale);
    assert_eq!(card.purse(), (1, 1, 0));

    granted(&terminal.redeem(), card);
    card.said(&sale);
    assert_eq!(card.purse(), (2, 2, 0));

    assert_eq!(terminal.verb(&["undo"])["outcome"], "undone");
    card.said(&[&QUOTE[..], &["REVERSE"]].concat());
    assert_eq!(card.purse(), (3, 1, 1));
    card.pull();
    terminal.misses_the_card();
}

/// The card is pulled in the middle of DEBIT, before and after it has debited, and presented again.
fn doubts(terminal: &Terminal<'_>, card: &mut Card) {
    terminal.takes(card, &["--pull", "before:DEBIT"]);
    let redeeming = card.leaves(terminal.start_redeem());
    terminal.misses_the_card();
    let first = card.conversation();
    assert_eq!(names(&first), [&QUOTE[..], &["DEBIT"]].concat());
    assert_eq!(card.purse(), (3, 1, 1), "nothing was done");
    terminal.takes(card, &[]);
    granted(&answer(redeeming), card);
    let second = card.conversation();
    assert_eq!(names(&second), [&QUOTE[..], &["DEBIT"]].concat());
    assert_eq!(second[4].1[DEBIT_DATA], first[4].1[DEBIT_DATA], "repeated byte for byte");
    assert_eq!(card.purse(), (4, 2, 1));
    card.pull();
    terminal.misses_the_card();

    terminal.takes(card, &["--pull", "after:DEBIT"]);
    let redeeming = card.leaves(terminal.start_redeem());
    terminal.misses_the_card();
    card.said(&[&QUOTE[..], &["DEBIT"]].concat());
    assert_eq!(card.purse(), (5, 3, 1), "the seat is debited and nobody was told");
    terminal.takes(card, &[]);
    granted(&answer(redeeming), card);
    card.said(&[&QUOTE[..], &["READ-RECORD"]].concat());
    assert_eq!(card.purse(), (5, 3, 1), "and it is not debited twice");
    card.pull();
    terminal.misses_the_card();
}

/// A new entitlement and a new key of the region reach the card over the counter.
fn news(terminal: &Terminal<'_>, card: &mut Card, number: &str) {
    succeeds(terminal.world.region(&["card", "entitle", number, "--grant", "cinema=9"]));
    terminal.verb(&["sync"]);
    terminal.takes(card, &[]);
    granted(&terminal.redeem(), card);
    card.said(&[&QUOTE[..], &["PUT-ENTITLEMENT"], &QUOTE, &["DEBIT"]].concat());
    assert_eq!(card.purse(), (6, 4, 1), "the same season keeps what was consumed");
    assert_eq!(card.number_in("entitlement", 15..19), 2, "the serial");
    assert_eq!(card.number_in("entitlement", 19..23), 9, "seats granted");
    card.pull();
    terminal.misses_the_card();

    succeeds(terminal.world.region(&["key", "rotate"]));
    terminal.verb(&["sync"]);
    terminal.takes(card, &[]);
    granted(&terminal.redeem(), card);
    let rotation = card.conversation();
    let done: Vec<_> =
        names(&rotation).into_iter().filter(|name| name.starts_with("PUT") || *name == "DEBIT").collect();
    assert_eq!(done, ["PUT-KEY", "PUT-ENTITLEMENT", "DEBIT"]);
    assert_eq!(card.number_in("region_key", 1..5), 2, "the serial");
    assert_eq!(card.purse(), (7, 5, 1));
    card.pull();
    terminal.misses_the_card();
}

/// A card that was lost is blocked at the first counter that knows it.
fn denial(terminal: &Terminal<'_>, card: &mut Card, number: &str) {
    succeeds(terminal.world.region(&["card", "deny", number, "--reason", "lost"]));
    terminal.verb(&["sync"]);
    terminal.takes(card, &[]);
    let refused = terminal.redeem();
    assert_eq!((&refused["outcome"], &refused["refusal"]), (&"refused".into(), &"card-denied".into()));
    let blocking = card.conversation();
    assert_eq!(names(&blocking)[..5], [&QUOTE[..], &["BLOCK"]].concat());
    assert!(!names(&blocking).contains(&"DEBIT"));
    assert_eq!(card.memory()["blocked"], true);
    card.pull();
    terminal.misses_the_card();

    terminal.takes(card, &[]);
    assert_eq!(terminal.redeem()["refusal"], "card-denied");
    assert_eq!(terminal.verb(&["card", "--wait", "10"])["blocked"], true);
    let told = card.conversation();
    assert!(names(&told).iter().all(|name| QUOTE.contains(name)), "it says so by itself: {:?}", names(&told));
    card.pull();
    terminal.misses_the_card();
    assert_eq!(card.purse(), (7, 5, 1));
}

/// The card's records, the terminal's ledger and the region's entries tell the same.
fn the_books_agree(terminal: &Terminal<'_>, card: &Card) {
    terminal.verb(&["sync"]);
    assert_eq!(terminal.verb(&["verify"])["verified"], true);

    // Counter, operation and transaction of each record, newest first (operation at byte 8, counter at 24, transaction at 32).
    let records: Vec<(u64, &str, String)> = card.memory()["records"]
        .as_array()
        .expect("records")
        .iter()
        .map(|kept| {
            let record = kept["record"].as_str().expect("hexadecimal");
            let number = |range: std::ops::Range<usize>| u64::from_str_radix(&record[range], 16).expect("hexadecimal");
            let kind = if number(16..18) == 1 { "debit" } else { "reversal" };
            (number(48..56), kind, record[64..96].to_owned())
        })
        .collect();
    let said = run(terminal.world.region(&["entries"]));
    let mut entries: Vec<(u64, String, String)> = String::from_utf8(said.stdout)
        .expect("text")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .filter_map(|entry| {
            let text = |name: &str| entry[name].as_str().map(str::to_owned);
            Some((entry["counter"].as_u64()?, text("kind")?, text("transaction")?))
        })
        .collect();
    entries.sort_by_key(|(counter, ..)| std::cmp::Reverse(*counter));
    assert_eq!(records.len(), 7);
    assert!(
        records.iter().map(|(c, k, t)| (*c, *k, t.as_str())).eq(entries.iter().map(|(c, k, t)| (
            *c,
            k.as_str(),
            t.as_str()
        ))),
        "the card says {records:?}, the region {entries:?}"
    );
}

/// A region that is served, a partner, and a reader.
struct World {
    home: TempDir,
    pcscd: Pcscd,
    url: String,
    _region: Daemon,
}

impl World {
    fn new() -> Self {
        // Not where TMPDIR says: the path of a socket is short.
        let home = tempfile::Builder::new().prefix("pass-").tempdir_in("/tmp").expect("a directory");
        let directory = home.path().join("pcscd");
        fs::create_dir(&directory).expect("a directory");
        let pcscd = Pcscd::start(&directory, READERS).expect("pcscd starts");
        let data = home.path().join("region");
        succeeds(Command::new(REGION).args(["init", "--json", "--data"]).arg(&data));
        let output = home.path().join("region.out");
        let region = Daemon::start(
            Command::new(REGION).args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&data),
            &output,
        );
        let url = waits("the region listens", || {
            let said = fs::read_to_string(&output).expect("what it said");
            let (_, url) = said.split_once("http://")?;
            // The line must be whole.
            url.find(char::is_whitespace).map(|end| format!("http://{}", &url[..end]))
        });
        Self { home, pcscd, url, _region: region }
    }

    /// A program that finds the reader.
    fn pcsc(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.envs(self.pcscd.env());
        command
    }

    fn region(&self, arguments: &[&str]) -> Command {
        let mut command = self.pcsc(REGION);
        command.args(arguments).args(["--json", "--data"]).arg(self.home.path().join("region"));
        command
    }

    fn till(&self, arguments: &[&str]) -> Command {
        let mut command = self.pcsc(TERMINAL);
        command.args(arguments).args(["--json", "--data"]).arg(self.home.path().join("terminal"));
        command
    }

    /// Enrols the terminal of a cinema and lets it run.
    fn terminal(&self) -> Terminal<'_> {
        let partner = succeeds(self.region(&["partner", "add", "--name", "Le Rex", "--activity", "cinema"]));
        let partner = partner["partner_id"].to_string();
        let added = succeeds(self.region(&["terminal", "add", "--partner", &partner]));
        let code = added["code"].as_str().expect("a code");
        succeeds(self.till(&["enrol", "--region", &self.url, "--code", code]));
        let reader = self.pcscd.reader_name(COUNTER);
        let output = self.home.path().join("terminal.out");
        let daemon = Daemon::start(&mut self.till(&["run", "--reader", &reader]), &output);
        waits("the terminal runs", || {
            let status = run(self.till(&["status"]));
            (status.status.success() && json(&status)["running"] == true).then_some(())
        });
        Terminal { world: self, _daemon: daemon }
    }

    /// Makes the blank card in a reader of the bureau, and gives its number.
    fn issue(&self, card: &mut Card, reader: usize) -> Value {
        card.insert(self.pcscd.vpcd_port(reader), &[]);
        let issued =
            succeeds(self.region(&["card", "issue", "--wait", "20", "--reader", &self.pcscd.reader_name(reader)]));
        card.pull();
        issued["card_number"].clone()
    }

    /// A card that is in no reader yet, and blank.
    fn card(&self, name: &str, options: &[&str]) -> Card {
        let home = self.home.path();
        Card {
            options: options.iter().map(|&option| option.to_owned()).collect(),
            memory: home.join(format!("{name}.json")),
            log: home.join(format!("{name}.log")),
            output: home.join(format!("{name}.out")),
            heard: 0,
            inserted: None,
        }
    }
}

/// A terminal that runs.
struct Terminal<'w> {
    world: &'w World,
    _daemon: Daemon,
}

impl Terminal<'_> {
    /// What it answers, be it a refusal.
    fn verb(&self, arguments: &[&str]) -> Value {
        json(&run(self.world.till(arguments)))
    }

    fn start_redeem(&self) -> Child {
        let mut command = self.world.till(&["redeem", "--seats", "1", "--wait", "20"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    }

    /// One seat of the card that is in the reader.
    fn redeem(&self) -> Value {
        answer(self.start_redeem())
    }

    /// Puts the card into its reader, and again where it asks for that: on a busy machine the virtual reader now and then cannot
    /// power up a card, which then has heard no command.
    fn takes(&self, card: &mut Card, more: &[&str]) {
        for _ in 0..5 {
            card.insert(self.world.pcscd.vpcd_port(COUNTER), more);
            let sight = waits("the terminal sees the card", || {
                let mut status = self.verb(&["status"]);
                let sight = status["card"].take();
                (sight["genuine"] == true || !sight["refusal"].is_null()).then_some(sight)
            });
            if sight["refusal"]["refusal"] != "card-unreadable" {
                return;
            }
            println!("again: {sight}");
            card.pull();
            self.misses_the_card();
        }
        panic!("the card cannot be read: {}", card.transcript());
    }

    /// Waits until it has seen the card go.
    fn misses_the_card(&self) {
        waits("the terminal sees the card go", || (self.verb(&["status"])["card"]["present"] == false).then_some(()));
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("the terminal: {:?}", run(self.world.till(&["status"])));
            for file in ["terminal.out", "pcscd/pcscd.log"] {
                let said = fs::read_to_string(self.world.home.path().join(file)).unwrap_or_default();
                println!("{file}:\n{said}");
            }
        }
    }
}

/// A card from another hand.
struct Card {
    options: Vec<String>,
    memory: PathBuf,
    log: PathBuf,
    output: PathBuf,
    /// How much of the transcript was looked at.
    heard: usize,
    inserted: Option<Daemon>,
}

impl Card {
    /// Puts it into the reader of this port.
    fn insert(&mut self, port: u16, more: &[&str]) {
        let mut command = card_command(&self.memory, &self.log, port);
        command.args(&self.options).args(more);
        self.inserted = Some(Daemon::start(&mut command, &self.output));
    }

    /// Pulls it. It must not have left before by itself.
    fn pull(&mut self) {
        let mut daemon = self.inserted.take().expect("a card in the reader");
        let left = daemon.child.try_wait().expect("a child");
        assert!(left.is_none(), "the card left: {}{}", self.said_by_itself(), self.transcript());
    }

    /// Waits until it leaves by itself, as it was told to, in the middle of this sale; which goes on without it.
    fn leaves(&mut self, mut redeeming: Child) -> Child {
        let mut daemon = self.inserted.take().expect("a card in the reader");
        let status = waits("the card leaves, or the sale ends", || {
            if redeeming.try_wait().expect("a child").is_some() {
                return Some(None);
            }
            daemon.child.try_wait().expect("a child").map(Some)
        });
        match status {
            Some(status) => assert!(status.success(), "{status}: {}{}", self.said_by_itself(), self.transcript()),
            None => panic!("the sale ended first: {}\n{}", answer(redeeming), self.transcript()),
        }
        redeeming
    }

    fn said_by_itself(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }

    fn transcript(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The commands since this was asked last: name, and hexadecimal. What T=0 adds to a command is left out: GET RESPONSE, and the
    /// READ that is asked again with the right length.
    fn conversation(&mut self) -> Vec<(String, String)> {
        let transcript = self.transcript();
        let fresh = &transcript[self.heard..];
        self.heard = transcript.len();
        assert!(!fresh.lines().any(|line| line.starts_with('!')), "{transcript}");
        let mut heard = Vec::new();
        let mut lines = fresh.lines().peekable();
        while let Some(line) = lines.next() {
            let Some((name, bytes)) = line.strip_prefix("> ").and_then(|said| said.split_once(' ')) else { continue };
            let too_short = lines.peek().is_some_and(|answer| answer.starts_with("< 6C"));
            if name != "GET-RESPONSE" && !too_short {
                heard.push((name.to_owned(), bytes.to_owned()));
            }
        }
        heard
    }

    /// Looks away from what was said up to now.
    fn forget(&mut self) {
        self.conversation();
    }

    /// These were the commands, no other and in this order.
    fn said(&mut self, expected: &[&str]) {
        let heard = self.conversation();
        assert_eq!(names(&heard), expected, "{}", self.transcript());
    }

    fn memory(&self) -> Value {
        serde_json::from_slice(&fs::read(&self.memory).expect("the card's file")).expect("JSON")
    }

    /// The counter, the seats consumed, and how many reversals there were.
    fn purse(&self) -> (u64, u64, u64) {
        let memory = self.memory();
        let number = |value: &Value| value.as_u64().expect("a number");
        (number(&memory["atc"]), number(&memory["consumed"][CINEMA]), number(&memory["reversals"]))
    }

    /// The number in these bytes of an object that the card holds.
    fn number_in(&self, object: &str, bytes: std::ops::Range<usize>) -> u64 {
        let memory = self.memory();
        let object = memory[object].as_str().expect("hexadecimal");
        u64::from_str_radix(&object[2 * bytes.start..2 * bytes.end], 16).expect("hexadecimal")
    }
}

/// Puts the card with this memory and transcript into the reader of this port.
fn card_command(memory: &Path, log: &Path, port: u16) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/independent/card.py");
    let mut command = Command::new(PYTHON);
    command.arg("-B").arg(script).arg(memory).arg("--log").arg(log).arg("--vpcd").arg(format!("127.0.0.1:{port}"));
    command
}

/// The seat was granted.
fn granted(sold: &Value, card: &Card) {
    assert_eq!(sold["outcome"], "granted", "{sold}\n{}", card.transcript());
}

fn names(conversation: &[(String, String)]) -> Vec<&str> {
    conversation.iter().map(|(name, _)| name.as_str()).collect()
}

/// A program that runs until this is dropped.
struct Daemon {
    child: Child,
}

impl Daemon {
    /// What it says goes into `output`.
    fn start(command: &mut Command, output: &Path) -> Self {
        let said = File::options().create(true).append(true).open(output).expect("a file");
        let child = command
            .env("RUST_LOG", "debug")
            .stdin(Stdio::null())
            .stdout(said.try_clone().expect("a file"))
            .stderr(said)
            .spawn()
            .expect("it starts");
        Self { child }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It fails only when the program ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(mut command: Command) -> Output {
    command.stdin(Stdio::null()).output().expect("it runs")
}

fn answer(child: Child) -> Value {
    json(&child.wait_with_output().expect("it ends"))
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// The answer of a program that must succeed.
fn succeeds(mut command: impl std::borrow::BorrowMut<Command>) -> Value {
    let output = command.borrow_mut().stdin(Stdio::null()).output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    json(&output)
}

/// The answer of `ask` as soon as it has one.
fn waits<R>(what: &str, mut ask: impl FnMut() -> Option<R>) -> R {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
