//! The region: its directory, its server, its desk.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::process::{self, Running, Said};
use super::{PASS_REGION, Stage};

/// A region that was made, and a server that usually runs.
pub(crate) struct Region {
    stage: Rc<Stage>,
    pub(crate) data: PathBuf,
    server: Option<Running>,
    /// Where it listens, or listened last.
    address: Arc<Mutex<SocketAddr>>,
}

impl Region {
    pub(super) fn found(stage: &Rc<Stage>, catalogue: Option<&Path>) -> Self {
        let data = stage.place("region");
        let mut init = stage.command(PASS_REGION);
        init.args(["init", "--json", "--data"]).arg(&data);
        if let Some(catalogue) = catalogue {
            init.arg("--catalogue").arg(catalogue);
        }
        process::run(stage, &mut init).exits(0);
        let address = Arc::new(Mutex::new(SocketAddr::from(([127, 0, 0, 1], 9))));
        let mut region = Self { stage: Rc::clone(stage), data, server: None, address };
        region.start();
        region
    }

    pub(super) fn stage(&self) -> &Rc<Stage> {
        &self.stage
    }

    /// Where it listens: a line follows it when it moves.
    pub(crate) fn address(&self) -> Arc<Mutex<SocketAddr>> {
        Arc::clone(&self.address)
    }

    /// Listens, on a free port.
    pub(crate) fn start(&mut self) {
        let mut serve = self.stage.server(PASS_REGION);
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&self.data);
        let mut server = Running::start(&self.stage, &mut serve);
        let address =
            server.await_line(|line| line.split_once("http://").and_then(|(_, address)| address.parse().ok()));
        *self.address.lock().unwrap() = address;
        self.server = Some(server);
    }

    /// The server's process.
    #[track_caller]
    pub(crate) fn server(&self) -> &Running {
        self.server.as_ref().expect("it runs")
    }

    /// Its server dies.
    pub(crate) fn kill(&mut self) {
        self.server = None;
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = self.stage.command(PASS_REGION);
        command.args(verb.split(' ')).arg("--data").arg(&self.data);
        command
    }

    /// What a verb of the desk (`"card deny"`) says.
    #[track_caller]
    pub(crate) fn desk(&self, verb: &str, arguments: &[&str]) -> Said {
        process::run(&self.stage, self.command(verb).arg("--json").args(arguments))
    }

    /// Adds a partner and a terminal of it; the enrolment code.
    #[track_caller]
    pub(crate) fn terminal(&self, name: &str, activity: &str) -> (u32, String) {
        let partner = self.desk("partner add", &["--name", name, "--activity", activity]).exits(0);
        let partner = partner.json()["partner_id"].to_string();
        let added = self.desk("terminal add", &["--partner", &partner]).exits(0);
        let id = added.json()["terminal_id"].as_u64().unwrap();
        (id.try_into().unwrap(), added.text("code"))
    }

    /// Adds a terminal in the place of one whose disk was lost; the enrolment code.
    #[track_caller]
    pub(crate) fn replacement(&self, lost: u32) -> (u32, String) {
        let terminals = self.desk("terminal list", &[]).exits(0).lines();
        let partner = terminals.iter().find(|line| line["terminal_id"] == lost).expect("it is listed");
        let arguments = ["--partner", &partner["partner_id"].to_string(), "--replaces", &lost.to_string()];
        let added = self.desk("terminal add", &arguments).exits(0);
        (added.json()["terminal_id"].as_u64().unwrap().try_into().unwrap(), added.text("code"))
    }

    /// Makes a card of the blank one in the reader; its number.
    #[track_caller]
    pub(crate) fn issue(&self, reader: &str, profile: &str) -> String {
        let made = self.desk("card issue", &["--reader", reader, "--profile", profile, "--wait", "20"]).exits(0);
        made.text("card_number")
    }

    /// What it knows of a card.
    #[track_caller]
    pub(crate) fn show(&self, card: &str) -> Value {
        self.desk("card show", &[card]).exits(0).json()
    }

    /// The entries that it has of a terminal, oldest first.
    #[track_caller]
    pub(crate) fn entries(&self, terminal: u32) -> Vec<Value> {
        self.desk("entries", &["--terminal", &terminal.to_string()]).exits(0).lines()
    }
}
