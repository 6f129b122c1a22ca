//! What the integration tests share: a pcscd of their own, and cards that are put into its readers.

#![allow(dead_code, reason = "every test file uses another part of it")]

pub(crate) mod pcscd;

use std::any::type_name_of_val;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use pass::virtual_card::applet::Applet;
use pass::virtual_card::vpcd::{Left, Remover, VpcdSlot};
use pcscd::{Pcscd, SOCKET_VARIABLE};

/// Within this everything happens that happens at all. Only a failing test waits so long.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A story that hangs is ended after this.
const STORY_MAX: Duration = Duration::from_secs(180);

const DIRECTORY_VARIABLE: &str = "PASS_TEST_PCSCD_DIRECTORY";

/// Runs `story`, which must be the whole body of a `#[test]` function and written as a closure in it, against a pcscd of its own.
///
/// libpcsclite looks at the environment once in a process, so each story needs a process: the test program starts itself anew for
/// this one test, with the variable set, and the story runs there, pcscd being its child. Both are in one process group, which
/// is ended as a whole should the story hang, as one that calls a frozen pcscd may.
pub(crate) fn with_pcscd(readers: usize, story: impl FnOnce(&mut Pcscd)) {
    if let Some(directory) = std::env::var_os(DIRECTORY_VARIABLE) {
        story(&mut Pcscd::start(Path::new(&directory), readers).expect("pcscd starts"));
        return;
    }
    let path = type_name_of_val(&story);
    let test =
        path.split_once("::").and_then(|(_, path)| path.strip_suffix("::{{closure}}")).expect("a closure's name");
    // Not where TMPDIR says: the path of a socket is short.
    let home = tempfile::Builder::new().prefix("pass-").tempdir_in("/tmp").expect("a directory");
    let output = home.path().join("output");
    let said = File::create(&output).expect("a file");

    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", test, "--nocapture", "--include-ignored"])
        .env(DIRECTORY_VARIABLE, fs::canonicalize(home.path()).expect("a directory"))
        .env(SOCKET_VARIABLE, Pcscd::socket(home.path()))
        .stdout(said.try_clone().expect("a file"))
        .stderr(said)
        .process_group(0)
        .spawn()
        .expect("this program starts anew");
    let group = format!("-{}", child.id());
    let ended = poll(STORY_MAX, || child.try_wait().expect("a child"));
    if ended.is_none() {
        Command::new("sh").args(["-c", "kill -s KILL -- $0", &group]).status().expect("a shell");
        child.wait().expect("a child");
    }
    let said = fs::read_to_string(&output).expect("what the story said");
    print!("{said}");
    let ended = ended.expect("the story ends in time");
    assert!(ended.success() && said.contains("1 passed"), "{test} fails: {ended}");
}

/// The answer of `ask` as soon as it has one; `None` when it has none for so long.
pub(crate) fn poll<R>(patience: Duration, mut ask: impl FnMut() -> Option<R>) -> Option<R> {
    let begun = Instant::now();
    loop {
        match ask() {
            None if begun.elapsed() < patience => thread::sleep(Duration::from_millis(10)),
            answer => return answer,
        }
    }
}

/// A card in a virtual reader. Dropping it pulls the card.
pub(crate) struct InsertedCard {
    remover: Remover,
    served: Option<JoinHandle<Left>>,
}

impl InsertedCard {
    /// Puts a card into the virtual reader of this port.
    pub(crate) fn insert(port: u16, mut applet: impl Applet + Send + 'static) -> Self {
        let slot = VpcdSlot::connect(("127.0.0.1", port)).expect("the virtual reader listens");
        let remover = slot.remover().expect("a second handle");
        let served = thread::spawn(move || slot.serve(&mut applet).expect("the virtual reader speaks as it should"));
        Self { remover, served: Some(served) }
    }

    /// Pulls the card.
    pub(crate) fn pull(mut self) -> Left {
        self.remover.remove();
        self.served.take().expect("pulled once").join().expect("the card's thread ends well")
    }

    /// Waits until the card is out of the reader without having been pulled, and says how that came.
    pub(crate) fn left(mut self) -> Left {
        let served = self.served.take().expect("asked once");
        poll(DEADLINE, || served.is_finished().then_some(())).expect("the card leaves");
        served.join().expect("the card's thread ends well")
    }
}

impl Drop for InsertedCard {
    fn drop(&mut self) {
        self.remover.remove();
    }
}
