//! A cashier's screen: Debian's Chromium without a window, driven over WebDriver. Its methods read as what a person does and sees.
//!
//! What is waited for is waited for with a deadline. A person's hand is slower than the page's guard against double taps, so a key or a touch waits until the
//! screen is old enough; what is faster on purpose says so.

#![allow(dead_code, reason = "every program uses another part of it")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use fantoccini::actions::{InputSource as _, PointerAction, TouchActions};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::wd::{Capabilities, WindowHandle};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::kit::{Running, World};
use crate::support::{DEADLINE, poll};

/// How a screen is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    /// In pixels.
    pub(crate) size: (u32, u32),
    /// Whether the machine is set to dark colours.
    pub(crate) dark: bool,
}

/// The smallest screen that the page is made for, by day.
pub(crate) const SMALL: Screen = Screen { size: (1024, 600), dark: false };

/// A browser. Dropping it ends it.
pub(crate) struct Browser {
    client: Option<Client>,
    runtime: Runtime,
    _driver: Running,
}

impl Browser {
    /// A browser with nothing in it.
    pub(crate) fn start(world: &World, screen: Screen) -> Self {
        let stage = world.stage();
        let profile = stage.place(&format!("browser-{}x{}-{}", screen.size.0, screen.size.1, std::process::id()));
        // What they keep, they keep in the world's directory, and it goes with it.
        let mut driver = Running::start(
            stage,
            Command::new("chromedriver").arg("--port=0").env("HOME", stage.place("")).env("TMPDIR", stage.place("")),
        );
        let port: u16 =
            driver.await_line(|line| line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok());
        let options = [
            "--headless=new".to_owned(),
            // Tests are run by root in a container too, where Chromium has no sandbox to make.
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-gpu".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-breakpad".to_owned(),
            "--disable-crash-reporter".to_owned(),
            "--disable-background-networking".to_owned(),
            "--hide-scrollbars".to_owned(),
            format!("--blink-settings=preferredColorScheme={}", u8::from(!screen.dark)),
            format!("--user-data-dir={}", profile.display()),
        ];
        // Half a minute, as it is otherwise, is short for axe on a machine that is busy.
        let timeouts = json!({ "script": 180_000 });
        let capabilities = json!({ "goog:chromeOptions": { "args": options }, "timeouts": timeouts });
        let Value::Object(capabilities) = capabilities else { unreachable!("written above") };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let mut builder = ClientBuilder::new(HttpConnector::new());
            builder.capabilities(capabilities as Capabilities);
            builder.connect(&format!("http://127.0.0.1:{port}")).await
        });
        let browser =
            Self { client: Some(client.expect("Chromium starts: see scripts/setup")), runtime, _driver: driver };
        browser.resize(screen.size);
        browser
    }

    fn client(&self) -> &Client {
        self.client.as_ref().expect("it runs")
    }

    /// The page itself is so large from now on, whatever stands around it.
    pub(crate) fn resize(&self, (width, height): (u32, u32)) {
        self.runtime.block_on(self.client().set_window_size(width, height)).unwrap();
        let inner = self.run("return [innerWidth, innerHeight]");
        let around = |at: usize, wanted: u32| {
            wanted + wanted.saturating_sub(u32::try_from(inner[at].as_u64().unwrap()).unwrap())
        };
        self.runtime.block_on(self.client().set_window_size(around(0, width), around(1, height))).unwrap();
    }

    pub(crate) fn visit(&self, address: &str) {
        self.runtime.block_on(self.client().goto(address)).unwrap();
    }

    /// Another tab, from now on the one that is looked at; what it was before, for [`Browser::close_tab`].
    pub(crate) fn new_tab(&self) -> WindowHandle {
        self.runtime.block_on(async {
            let before = self.client().window().await.unwrap();
            let tab = self.client().new_window(true).await.unwrap();
            self.client().switch_to_window(tab.handle).await.unwrap();
            before
        })
    }

    /// Closes that tab; this one is looked at on.
    pub(crate) fn close_tab(&self, tab: WindowHandle) {
        self.runtime.block_on(async {
            let this = self.client().window().await.unwrap();
            self.client().switch_to_window(tab).await.unwrap();
            self.client().close_window().await.unwrap();
            self.client().switch_to_window(this).await.unwrap();
        });
    }

    /// The page is loaded anew.
    pub(crate) fn reload(&self) {
        self.runtime.block_on(self.client().refresh()).unwrap();
    }

    /// What a script in the page answers.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.runtime.block_on(self.client().execute(script, Vec::new())).unwrap()
    }

    /// What a promise of a script in the page comes to: `done` is called with it.
    pub(crate) fn run_async(&self, script: &str) -> Value {
        let script = format!("const done = arguments[arguments.length - 1]; {script}");
        self.runtime.block_on(self.client().execute_async(&script, Vec::new())).unwrap()
    }

    /// The screen that is shown: the stage of the sale, a place, or how the line is.
    pub(crate) fn screen(&self) -> String {
        self.run("return document.getElementById('main')?.dataset.screen ?? ''").as_str().unwrap_or_default().to_owned()
    }

    /// Waits for a screen.
    #[track_caller]
    pub(crate) fn shows(&self, screen: &str) -> &Self {
        self.shows_within(DEADLINE, screen)
    }

    /// Waits so long for a screen.
    #[track_caller]
    pub(crate) fn shows_within(&self, patience: Duration, screen: &str) -> &Self {
        let seen = poll(patience, || (self.screen() == screen).then_some(()));
        assert!(seen.is_some(), "{screen} is shown; what is shown: {}: {}", self.screen(), self.text("#main"));
        self
    }

    /// The text of what `css` finds, its spaces as one writes them.
    pub(crate) fn text(&self, css: &str) -> String {
        let script = format!("return document.querySelector({css:?})?.innerText ?? ''");
        let text = self.run(&script);
        text.as_str().unwrap_or_default().replace(['\u{a0}', '\u{202f}'], " ").replace('’', "'")
    }

    /// Waits until the text of what `css` finds has these words.
    #[track_caller]
    pub(crate) fn says(&self, css: &str, words: &str) -> &Self {
        self.says_one_of(css, &[words])
    }

    /// Waits until the text of what `css` finds has one of these.
    #[track_caller]
    pub(crate) fn says_one_of(&self, css: &str, words: &[&str]) -> &Self {
        let said = || {
            let text = self.text(css);
            words.iter().any(|words| text.contains(words)).then_some(())
        };
        assert!(poll(DEADLINE, said).is_some(), "{css} says {words:?}; it says: {}", self.text(css));
        self
    }

    fn settled(&self) {
        std::thread::sleep(Duration::from_millis(450));
    }

    /// Strikes keys, as on the keyboard of a till, once the screen was seen.
    pub(crate) fn keys(&self, keys: &str) -> &Self {
        self.settled();
        self.keys_at_once(keys)
    }

    /// Strikes keys at once.
    pub(crate) fn keys_at_once(&self, keys: &str) -> &Self {
        // Whatever has the keyboard may be painted anew between the two: then no key was struck.
        let strike = || {
            self.runtime.block_on(async {
                let element = self.client().active_element().await?;
                element.send_keys(keys).await
            })
        };
        let struck = poll(DEADLINE, || match strike() {
            Err(error) if error.is_element_not_interactable() || error.is_stale_element_reference() => None,
            other => Some(other),
        });
        struck.expect("something has the keyboard").unwrap();
        self
    }

    /// Enter.
    pub(crate) fn enter(&self) -> &Self {
        self.keys(&Key::Enter.to_string())
    }

    fn find(&self, key: &str) -> Element {
        let css = format!("[data-key={key:?}]");
        let found = poll(DEADLINE, || self.runtime.block_on(self.client().find(Locator::Css(&css))).ok());
        found.unwrap_or_else(|| panic!("there is a {key}; there is: {}", self.text("body")))
    }

    /// Touches a button with a finger, once the screen was seen.
    pub(crate) fn touch(&self, key: &str) -> &Self {
        self.settled();
        self.touch_times(key, 1)
    }

    /// Touches a button so many times, as fast as a finger can.
    pub(crate) fn touch_times(&self, key: &str, times: usize) -> &Self {
        let element = self.find(key);
        let mut finger = TouchActions::new("finger".to_owned()).then(PointerAction::MoveToElement {
            element,
            duration: None,
            x: 0.0,
            y: 0.0,
        });
        for _ in 0..times {
            finger = finger
                .then(PointerAction::Down { button: 0 })
                .then(PointerAction::Pause { duration: Duration::from_millis(30) })
                .then(PointerAction::Up { button: 0 })
                .then(PointerAction::Pause { duration: Duration::from_millis(60) });
        }
        self.runtime.block_on(self.client().perform_actions(finger)).unwrap();
        self
    }

    /// A picture of what is shown.
    pub(crate) fn picture(&self, file: &Path) {
        let picture = self.runtime.block_on(self.client().screenshot()).unwrap();
        std::fs::create_dir_all(file.parent().expect("a directory")).unwrap();
        std::fs::write(file, picture).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            // Where the driver is gone the browser is too.
            let _ended = self.runtime.block_on(async { tokio::time::timeout(DEADLINE, client.close()).await });
        }
    }
}
