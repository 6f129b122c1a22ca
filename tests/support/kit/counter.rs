//! A partner's counter: an enrolled terminal, its daemon, its cashier.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::line::Line;
use super::process::{self, Running, Said};
use super::{Card, PASS_CARD, PASS_TERMINAL, Region, Stage};
use crate::support::{DEADLINE, poll};

/// The benefit that cinemas redeem.
const SEATS: &str = "cinema";

/// How often `status` is asked while something is waited for.
const STATUS_PAUSE: Duration = Duration::from_millis(100);

/// A counter with a reader, a line of its own to the region, and a daemon that usually runs.
pub(crate) struct Counter {
    stage: Rc<Stage>,
    pub(crate) id: u32,
    pub(crate) data: PathBuf,
    pub(crate) line: Line,
    pub(crate) reader: String,
    daemon: Option<Running>,
    /// The port of its page, once it had one.
    page: Option<u16>,
    /// Its configuration, once it has one.
    config: Option<PathBuf>,
}

impl Counter {
    pub(super) fn enrolled(region: &Region, name: &str, activity: &str, reader: &str) -> Self {
        let (id, code) = region.terminal(name, activity);
        Self::with_code(region, id, &code, reader)
    }

    /// A new machine at the same counter, whose disk was lost: enrolled in the place of this one, and ready.
    #[track_caller]
    pub(crate) fn replaced(&self, region: &Region) -> Self {
        let (id, code) = region.replacement(self.id);
        let mut new = Self::with_code(region, id, &code, &self.reader);
        new.start();
        new
    }

    fn with_code(region: &Region, id: u32, code: &str, reader: &str) -> Self {
        let stage = Rc::clone(region.stage());
        let data = stage.place(&format!("terminal-{id}"));
        let line = Line::to(region.address());
        let counter = Self { stage, id, data, line, reader: reader.to_owned(), daemon: None, page: None, config: None };
        let enrolled = counter.ask(&["enrol", "--json", "--region", &counter.line.url(), "--code", code]).exits(0);
        assert_eq!(enrolled.json()["terminal_id"], id);
        assert_eq!(enrolled.json()["exchanged"], true);
        counter
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.stage.command(PASS_TERMINAL);
        command.args(arguments).arg("--data").arg(&self.data);
        command
    }

    /// What a verb says.
    #[track_caller]
    pub(crate) fn ask(&self, arguments: &[&str]) -> Said {
        process::run(&self.stage, &mut self.command(arguments))
    }

    /// The same of a verb that reads `typed`, for whoever has signed in.
    #[track_caller]
    pub(crate) fn ask_typing(&self, arguments: &[&str], typed: &str, session: Option<&str>) -> Said {
        let mut command = self.command(arguments);
        command.env("PASS_SESSION", session.unwrap_or_default());
        process::run_typing(&self.stage, &mut command, typed)
    }

    /// A verb that waits for something.
    pub(crate) fn begin(&self, arguments: &[&str]) -> Running {
        process::begin(&self.stage, &mut self.command(arguments))
    }

    /// `redeem --json`, over a card that lies there or comes within ten seconds.
    #[track_caller]
    pub(crate) fn redeem(&self, arguments: &[&str]) -> Said {
        self.ask(&[&["redeem", "--json", "--wait", "10"], arguments].concat())
    }

    /// `undo --json`, likewise.
    #[track_caller]
    pub(crate) fn undo(&self, arguments: &[&str]) -> Said {
        self.ask(&[&["undo", "--json", "--wait", "10"], arguments].concat())
    }

    /// From its next start on the daemon is configured so.
    pub(crate) fn configure(&mut self, text: &str) {
        let config = self.data.with_extension("toml");
        fs::write(&config, text).unwrap();
        self.config = Some(config);
    }

    /// Starts the daemon and waits until it answers.
    #[track_caller]
    pub(crate) fn start(&mut self) {
        let reader = self.reader.clone();
        self.start_with(&["--reader", &reader]);
    }

    /// Starts the daemon with these options and waits until it answers.
    #[track_caller]
    pub(crate) fn start_with(&mut self, options: &[&str]) {
        let ended = self.try_start(options);
        assert_eq!(ended, None, "the daemon runs");
    }

    /// Starts the daemon with its page, which stays where it was.
    #[track_caller]
    pub(crate) fn start_with_page(&mut self) {
        let (reader, address) = (self.reader.clone(), format!("127.0.0.1:{}", self.page.unwrap_or(0)));
        self.start_with(&["--reader", &reader, "--listen", &address]);
        let url = self.open_page();
        let port = url.split_once("127.0.0.1:").and_then(|(_, rest)| rest.split_once('/'));
        self.page = port.and_then(|(port, _)| port.parse().ok());
    }

    /// What opens its page, once.
    #[track_caller]
    pub(crate) fn open_page(&self) -> String {
        self.ask(&["page", "--json"]).exits(0).text("url")
    }

    /// Where its page and its API are.
    #[track_caller]
    pub(crate) fn page(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.page.expect("it has a page")))
    }

    /// A token for a till with this name.
    #[track_caller]
    pub(crate) fn till(&self, name: &str) -> String {
        self.ask(&["till", "add", "--json", name]).exits(0).text("token")
    }

    /// Waits until a client is connected to the daemon: a card that comes then finds it waiting.
    #[track_caller]
    pub(crate) fn await_client(&self) {
        // As proc_net(5) has them: the sixth field is the state, 03 being connected, and the eighth the path that it was bound to, which the daemon renames.
        let is_client = |line: &str| {
            let fields: Vec<_> = line.split_whitespace().collect();
            matches!(fields[..], [_, _, _, _, _, "03", _, path] if Path::new(path).starts_with(&self.data))
        };
        let sockets = || fs::read_to_string("/proc/net/unix").unwrap();
        poll(DEADLINE, || sockets().lines().any(is_client).then_some(())).expect("a client comes");
    }

    /// Starts the daemon and waits until it answers, or has ended: how it ended.
    #[track_caller]
    pub(crate) fn try_start(&mut self, options: &[&str]) -> Option<ExitStatus> {
        let mut command = self.stage.server(PASS_TERMINAL);
        command.arg("run").args(options).arg("--data").arg(&self.data);
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        let mut daemon = process::begin(&self.stage, &mut command);
        let socket = self.data.join("socket");
        let up = poll(DEADLINE, || match daemon.ended() {
            Some(ended) => Some(Err(ended)),
            None => UnixStream::connect(&socket).ok().map(|_| Ok(())),
        });
        match up.expect("it answers, or ends") {
            Ok(()) => {
                self.daemon = Some(daemon);
                None
            }
            Err(ended) => Some(ended),
        }
    }

    /// The daemon dies, as by a power cut.
    pub(crate) fn kill(&mut self) {
        self.daemon = None;
    }

    /// The daemon ends in good order.
    #[track_caller]
    pub(crate) fn stop(&mut self) {
        self.daemon.take().expect("it runs").stop().exits(0);
    }

    /// The daemon's process.
    #[track_caller]
    pub(crate) fn daemon(&self) -> &Running {
        self.daemon.as_ref().expect("it runs")
    }

    /// `status`.
    #[track_caller]
    pub(crate) fn status(&self) -> Value {
        self.ask(&["status", "--json"]).exits(0).json()
    }

    /// `card`, once a card lies there and was read.
    #[track_caller]
    pub(crate) fn card(&self) -> Value {
        self.ask(&["card", "--json", "--wait", "10"]).exits(0).json()
    }

    /// Exchanges with the region, which must succeed.
    #[track_caller]
    pub(crate) fn sync(&self) -> Value {
        self.ask(&["sync", "--json"]).exits(0).json()
    }

    /// The entries, newest first.
    #[track_caller]
    pub(crate) fn journal(&self) -> Vec<Value> {
        let mut journal: Vec<Value> = Vec::new();
        loop {
            let before = journal.last().map_or(i64::MAX.to_string(), |oldest| oldest["entry"].to_string());
            let page = self.ask(&["journal", "--json", "--limit", "1000", "--before", &before]).exits(0).json();
            match page["entries"].as_array().unwrap().as_slice() {
                [] => return journal,
                entries => journal.extend_from_slice(entries),
            }
        }
    }

    /// Waits until `status` is as `good` says.
    #[track_caller]
    pub(crate) fn await_status(&self, what: &str, good: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        poll(DEADLINE, || {
            last = self.status();
            if !good(&last) {
                thread::sleep(STATUS_PAUSE);
            }
            good(&last).then(|| last.clone())
        })
        .unwrap_or_else(|| panic!("{what}: {last}"))
    }

    /// What `pass-card inspect` sees of the card in the reader, with this terminal's keys.
    #[track_caller]
    pub(crate) fn inspect(&self) -> Value {
        let mut command = self.stage.command(PASS_CARD);
        command.args(["inspect", "--json", "--wait", "10", "--reader", &self.reader, "--data"]).arg(&self.data);
        process::run(&self.stage, &mut command).exits(0).json()
    }
}

/// What three books say about one card and one benefit, once they agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Books {
    /// Consumed on the card, in the benefit's unit.
    pub(crate) consumed: u64,
    /// What the partner keeps of holders' money, in cents.
    pub(crate) cash: u64,
}

/// Holds the card in the reader, the ledger, and the region after an exchange against each other. The card has only ever been at this
/// counter.
#[track_caller]
pub(crate) fn agree(region: &Region, counter: &Counter, card: &Card) -> Books {
    let books = agree_over(region, counter, &[card]);
    let seen = counter.inspect();
    assert_eq!(seen["genuine"], true, "{seen}");
    assert_eq!(amount_of(&seen["slots"], SEATS, "consumed"), books.consumed, "{seen}");
    books
}

/// Holds what these cards keep, wherever they are, against the ledger and the region after an exchange. They have only ever been at this
/// counter, and no others have.
#[track_caller]
pub(crate) fn agree_over(region: &Region, counter: &Counter, cards: &[&Card]) -> Books {
    let status = counter.await_status("no doubt is left", |status| status["in_doubt"] == 0);
    assert_eq!(status["refusal"], Value::Null);
    counter.sync();

    let mut consumed = 0;
    for card in cards {
        let on_card = card.seats_consumed();
        let shown = region.show(&card.number);
        assert_eq!(amount_of(&shown["rights"], SEATS, "consumed"), on_card, "card and region: {shown:#}");
        consumed += on_card;
    }
    let journal = counter.journal();
    let sum = |kind: &str, field: &str| -> u64 {
        let of_kind = journal.iter().filter(|entry| entry["kind"] == kind);
        of_kind.map(|entry| entry[field].as_u64().unwrap_or(0)).sum()
    };
    assert_eq!(consumed + sum("reversal", "amount"), sum("debit", "amount"), "cards and ledger: {journal:#?}");
    let cash = sum("debit", "collected_cents") - sum("reversal", "returned_cents");

    let entries = region.entries(counter.id);
    assert_eq!(entries.len(), journal.len(), "every entry arrived, once");
    for (theirs, ours) in entries.iter().zip(journal.iter().rev()) {
        assert_eq!(
            (&theirs["sequence"], &theirs["kind"], &theirs["branch"]),
            (&ours["entry"], &ours["kind"], &Value::from(0)),
            "{theirs}"
        );
        // A sale that was undone is not paid, and the region says why.
        let undone = theirs["kind"] == "debit" && ours["related"].is_u64();
        let expected = if undone { Value::from("taken-back") } else { Value::Null };
        assert_eq!(theirs["reason"], expected, "{theirs}");
    }
    let number = |field: &str| -> u64 { entries.iter().filter_map(|entry| entry[field].as_u64()).sum() };
    let not_done: u64 = sum("not-done", "returned_cents");
    assert_eq!(number("collected_cents"), cash + sum("reversal", "returned_cents"), "the region's view of the cash");
    assert_eq!(number("returned_cents"), sum("reversal", "returned_cents") + not_done);
    let payable_entries = entries.iter().filter(|entry| entry["payable_cents"].as_u64() > Some(0)).count() as u64;
    let standing = journal.iter().filter(|entry| entry["kind"] == "debit").count() as u64
        - journal.iter().filter(|entry| entry["kind"] == "reversal").count() as u64;
    assert_eq!(payable_entries, standing, "each sale that stands is paid once: {entries:#?}");

    assert_eq!(counter.ask(&["verify", "--json"]).exits(0).json()["verified"], true);
    Books { consumed, cash }
}

/// A field of the line of a benefit.
#[track_caller]
pub(crate) fn amount_of(lines: &Value, benefit: &str, field: &str) -> u64 {
    let lines = lines.as_array().unwrap();
    let line = lines.iter().find(|line| line["benefit"] == benefit).unwrap_or_else(|| panic!("{benefit}: {lines:?}"));
    line[field].as_u64().unwrap()
}
