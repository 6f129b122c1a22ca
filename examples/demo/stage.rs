//! Who takes part: the region, the partners' terminals, the cards and the readers, each driven by the verbs of the real programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::failure::Failure;
use crate::mails::Mails;
use crate::pcscd::Pcscd;
use crate::programs::{Program, Programs, Ran, Running, until};
use crate::tell::Tell;

/// The card bureau's reader; those before it are the terminals'.
const BUREAU: usize = 3;
/// How long a verb waits for a card, in seconds. Only a failing demonstration waits so long.
const CARD_WAIT: &str = "60";

/// The region: its directory, and its server while it runs.
#[derive(Debug)]
pub(crate) struct Region {
    data: PathBuf,
    /// Where the terminals reach it.
    pub(crate) url: String,
    /// How it serves: where it sends mails.
    settings: PathBuf,
    server: Option<Running>,
}

/// A partner's terminal.
#[derive(Debug)]
pub(crate) struct Terminal {
    /// As the story calls the partner.
    pub(crate) partner: &'static str,
    /// Its id at the region.
    pub(crate) id: Value,
    /// The partner's id at the region.
    pub(crate) partner_id: Value,
    data: PathBuf,
    reader: usize,
    daemon: Option<Running>,
}

/// A card, wherever it is.
#[derive(Debug)]
pub(crate) struct Card {
    /// As the story calls the holder. Neither card nor terminal knows the name.
    pub(crate) holder: &'static str,
    /// Where mails reach the holder.
    pub(crate) mail: &'static str,
    /// The order that it is made for.
    pub(crate) order: String,
    /// All digits, which only the region's desk uses.
    pub(crate) number: String,
    /// What everybody else is shown.
    pub(crate) masked: String,
    file: PathBuf,
}

/// A sale that was granted.
#[derive(Debug)]
pub(crate) struct Sold {
    /// What the terminal says of it when it is asked again.
    pub(crate) answer: Value,
    /// From the cashier's command to the answer on the screen.
    pub(crate) took: Duration,
}

/// Everybody. Whoever is dropped first needs those after: the programs their readers, the readers their directory.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) tell: Tell,
    pub(crate) programs: Programs,
    pub(crate) region: Region,
    pub(crate) mails: Mails,
    requests: u32,
    readers: Pcscd,
    home: TempDir,
}

impl Stage {
    /// Sets up the readers, and nobody yet.
    pub(crate) fn new() -> Result<Self, Failure> {
        // Not where TMPDIR says: the path of a socket is short.
        let home = tempfile::Builder::new().prefix("pass-demo-").tempdir_in("/tmp");
        let home = home.map_err(Failure::system("a directory in /tmp"))?;
        let directory = home.path().join("pcscd");
        fs::create_dir(&directory).map_err(Failure::system("a directory for pcscd"))?;
        let readers =
            Pcscd::start_apart(&directory, BUREAU + 1).map_err(Failure::system("pcscd with virtual readers"))?;
        let programs = Programs::beside_this_one(home.path().join("logs"), readers.env())?;
        let mails = Mails::start(&programs)?;
        let settings = home.path().join("region.toml");
        fs::write(&settings, mails.settings()).map_err(Failure::system(format!("{}", settings.display())))?;
        let (data, url) = (home.path().join("region"), "http://127.0.0.1:0".to_owned());
        let region = Region { data, url, settings, server: None };
        Ok(Self { tell: Tell::default(), programs, region, mails, requests: 0, readers, home })
    }

    /// The directory of everything that is made here.
    pub(crate) fn home(&self) -> String {
        self.home.path().display().to_string()
    }

    // --- The region. ---

    /// What a verb of the region writes, as JSON.
    pub(crate) fn region(&self, verb: &[&str], more: &[&str]) -> Result<Ran, Failure> {
        self.region_ends(&[&["--json"], verb].concat(), more, 0)
    }

    /// What a verb of the region writes, which is to end with `exit`.
    pub(crate) fn region_ends(&self, verb: &[&str], more: &[&str], exit: i32) -> Result<Ran, Failure> {
        let data = self.region.data.to_string_lossy();
        self.programs.run(Program::Region, &[verb, &["--data", &data], more].concat(), exit)
    }

    /// Where the region is, for what no verb does.
    pub(crate) fn region_data(&self) -> &Path {
        &self.region.data
    }

    /// Lets the region answer: on a free port at first, and then always on that one.
    pub(crate) fn start_region(&mut self) -> Result<(), Failure> {
        let data = self.region.data.to_string_lossy().into_owned();
        let listen = self.region.url.trim_start_matches("http://").to_owned();
        let settings = self.region.settings.to_string_lossy().into_owned();
        let args = ["serve", "--data", &data, "--listen", &listen, "--config", &settings];
        // Somebody else may have the port for a moment.
        let (server, line) = until("the region listens", || {
            let server = self.programs.start(Program::Region, &args)?;
            Ok(server.line()?.map(|line| (server, line)))
        })?;
        let url = line.rsplit(' ').next().filter(|url| url.starts_with("http://"));
        self.region.url = url.ok_or_else(|| Failure::not_understood("the region's address", &line))?.to_owned();
        self.region.server = Some(server);
        Ok(())
    }

    /// The line to the region is cut, in the middle of whatever is under way.
    pub(crate) fn cut_region(&mut self) -> Result<(), Failure> {
        self.region.server.take().map_or(Ok(()), Running::kill)
    }

    // --- The terminals. ---

    /// A terminal that is yet to be enrolled, with the reader of that number.
    pub(crate) fn terminal(&self, partner: &'static str, directory: &str, reader: usize) -> Terminal {
        let data = self.home.path().join(directory);
        Terminal { partner, id: Value::Null, partner_id: Value::Null, data, reader, daemon: None }
    }

    /// Runs a verb of a terminal to its end, which is to be `exit`.
    pub(crate) fn verb(&self, terminal: &Terminal, verb: &[&str], exit: i32) -> Result<Ran, Failure> {
        self.begin_verb(terminal, verb)?.end(exit)
    }

    /// Begins a verb of a terminal.
    pub(crate) fn begin_verb(&self, terminal: &Terminal, verb: &[&str]) -> Result<Running, Failure> {
        let data = terminal.data.to_string_lossy();
        self.programs.start(Program::Terminal, &[verb, &["--data", &data]].concat())
    }

    /// The same, answered in JSON.
    pub(crate) fn ask(&self, terminal: &Terminal, verb: &[&str], exit: i32) -> Result<Value, Failure> {
        self.verb(terminal, &[verb, &["--json"]].concat(), exit)?.json()
    }

    /// Starts the terminal's daemon with its reader, and waits until it can sell.
    pub(crate) fn start_terminal(&self, terminal: &mut Terminal) -> Result<(), Failure> {
        let reader = self.readers.reader_name(terminal.reader);
        terminal.daemon = Some(self.begin_verb(terminal, &["run", "--reader", &reader])?);
        until("the terminal is ready", || {
            let status = self.ask(terminal, &["status"], 0)?;
            let ready =
                status["running"] == true && status["reader"]["state"] == "ready" && status["refusal"].is_null();
            Ok(ready.then_some(()))
        })
    }

    /// Tells the terminal's daemon to end.
    pub(crate) fn stop_terminal(&self, terminal: &mut Terminal) -> Result<(), Failure> {
        terminal.daemon.take().map_or(Ok(()), Running::stop)
    }

    /// A name for a request of the till, another one each time.
    pub(crate) fn request(&mut self) -> String {
        self.requests += 1;
        format!("{:032x}", self.requests)
    }

    /// A sale that is to be granted, of the card that lies in the reader. The cashier sees the answer; then the same request
    /// is made again, for programs: the terminal must tell of the same sale.
    pub(crate) fn sell(&mut self, terminal: &Terminal, sale: &[&str]) -> Result<Sold, Failure> {
        let request = self.request();
        let verb = [&["redeem"], sale, &["--id", &request]].concat();
        let ran = self.verb(terminal, &verb, 0)?;
        self.tell.screen(terminal.partner, &ran.out);
        let answer = self.ask(terminal, &verb, 0)?;
        self.same_sale(&answer)?;
        Ok(Sold { answer, took: ran.took })
    }

    /// Whether this answer tells of a sale that was made before.
    pub(crate) fn same_sale(&self, answer: &Value) -> Result<(), Failure> {
        let came = json!([answer["outcome"], answer["repeated"]]);
        if came == json!(["granted", true]) {
            return Ok(());
        }
        let what = "the same request again tells of the same sale, and debits nothing".to_owned();
        Err(Failure::Claim { what, expected: "granted, repeated".to_owned(), came: answer.to_string() })
    }

    /// A sale that is to be refused: what the cashier sees, then the same for programs.
    pub(crate) fn refused(&mut self, terminal: &Terminal, sale: &[&str]) -> Result<Value, Failure> {
        let verb = [&["redeem"], sale].concat();
        let ran = self.verb(terminal, &verb, 3)?;
        self.tell.screen(terminal.partner, &ran.out);
        self.ask(terminal, &verb, 3)
    }

    /// The terminal's whole journal, newest first.
    pub(crate) fn journal(&self, terminal: &Terminal) -> Result<Vec<Value>, Failure> {
        match self.ask(terminal, &["journal", "--limit", "1000"], 0)?["entries"].take() {
            Value::Array(entries) => Ok(entries),
            other => Err(Failure::not_understood("a journal", other)),
        }
    }

    // --- The cards. ---

    /// A file for a card that does not exist yet.
    pub(crate) fn blank(&self, holder: &'static str, mail: &'static str, file: &str) -> Card {
        let file = self.home.path().join(file);
        Card { holder, mail, order: String::new(), number: String::new(), masked: String::new(), file }
    }

    /// Puts a card into a reader; `plan` says when it leaves by itself.
    fn put(&self, card: &Card, reader: usize, plan: &[&str]) -> Result<Running, Failure> {
        let port = format!("127.0.0.1:{}", self.readers.vpcd_port(reader));
        let file = card.file.to_string_lossy();
        let args = [&["serve", &file, "--vpcd", &port, "--wait", CARD_WAIT], plan].concat();
        let running = self.programs.start(Program::Card, &args)?;
        match running.line()?.as_deref() {
            Some("ready") => Ok(running),
            other => Err(Failure::not_understood("the virtual card's \"ready\"", format!("{other:?}"))),
        }
    }

    /// Puts a card on a terminal's reader, and waits until the terminal has looked at it. The card, which leaves when it is
    /// dropped, and what the terminal shows.
    pub(crate) fn present(&self, card: &Card, terminal: &Terminal) -> Result<(Running, Value), Failure> {
        self.present_until(card, terminal, &[])
    }

    /// The same with a card that leaves by its plan.
    pub(crate) fn present_until(
        &self,
        card: &Card,
        terminal: &Terminal,
        plan: &[&str],
    ) -> Result<(Running, Value), Failure> {
        let running = self.put(card, terminal.reader, plan)?;
        let shown = until("the terminal has looked at the card", || {
            let shown = self.ask(terminal, &["card", "--wait", CARD_WAIT], 0)?;
            let looked = !shown["genuine"].is_null() || !shown["refusal"].is_null();
            Ok(looked.then_some(shown))
        })?;
        Ok((running, shown))
    }

    /// Takes the card away, and waits until the terminal has seen that.
    pub(crate) fn take(&self, card: Running, terminal: &Terminal) -> Result<(), Failure> {
        card.stop()?;
        self.gone(terminal)
    }

    /// Waits until no card lies on the terminal's reader.
    pub(crate) fn gone(&self, terminal: &Terminal) -> Result<(), Failure> {
        until("the card has left the reader", || {
            let shown = self.ask(terminal, &["card"], 0)?;
            Ok((shown["present"] == false).then_some(()))
        })
    }

    /// Makes a blank card at the bureau into the one that was ordered; how long that took.
    pub(crate) fn issue(&self, card: &mut Card) -> Result<Duration, Failure> {
        let blank = self.put(card, BUREAU, &[])?;
        let reader = self.readers.reader_name(BUREAU);
        let order = ["--reader", &reader, "--order", &card.order, "--wait", CARD_WAIT];
        let made = self.region(&["card", "issue"], &order)?;
        blank.stop()?;
        let number = made.json()?["card_number"].take();
        card.number = number.as_str().ok_or_else(|| Failure::not_understood("a card number", &number))?.to_owned();
        Ok(made.took)
    }

    /// What the chip says to an enrolled terminal's keys, in the bureau's reader.
    pub(crate) fn inspect(&self, card: &Card, terminal: &Terminal) -> Result<Value, Failure> {
        let inserted = self.put(card, BUREAU, &[])?;
        let reader = self.readers.reader_name(BUREAU);
        let data = terminal.data.to_string_lossy();
        let args = ["inspect", "--json", "--wait", CARD_WAIT, "--reader", &reader, "--data", &data];
        let seen = self.programs.run(Program::Card, &args, 0)?.json()?;
        inserted.stop()?;
        Ok(seen)
    }
}

/// The line of a benefit in a card's JSON, whoever wrote it.
pub(crate) fn benefit<'v>(lines: &'v Value, code: &str) -> &'v Value {
    let found = lines.as_array().and_then(|lines| lines.iter().find(|line| line["benefit"] == code));
    found.unwrap_or(&Value::Null)
}
