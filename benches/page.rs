//! What the page adds to a sale: from the terminal knowing the card to the figure painted, and from the confirmation to "granted" painted, against the same sale
//! by a program on the Unix socket. Both in one run, turn by turn, over a real pcscd and a real Chromium.
//!
//! Painted means: the frame after the change is on its way to the screen. When pcscd looks for cards is no merit of either side, so both begin when the terminal
//! tells of the card.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a measurement fails by panicking")]

#[path = "../tests/support/browser.rs"]
mod browser;
#[path = "../tests/support/kit/mod.rs"]
mod kit;
#[path = "../tests/support/mod.rs"]
mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use browser::{Browser, SMALL};
use kit::{Card, Counter, HERE, Laid, World, many_seats};
use serde_json::{Value, json};
use support::{DEADLINE, poll};

const SALES: usize = 25;
/// What the page may add at the median, in milliseconds.
const AIM_MS: f64 = 20.0;

/// Notes when each screen was painted, in milliseconds since 1970.
const PAINTED: &str = "window.painted = {}; const main = document.getElementById('main');
    new MutationObserver(() => { const screen = main.dataset.screen; requestAnimationFrame(() => { const after = new MessageChannel();
        after.port1.onmessage = () => { painted[screen] = performance.timeOrigin + performance.now(); }; after.port2.postMessage(0); }); })
        .observe(main, { attributes: true, attributeFilter: ['data-screen'] });";

fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() * 1000.0
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How long this browser takes to paint one changed word: what no page can do without.
fn one_word(browser: &Browser) -> f64 {
    let script = "const word = document.querySelector('.who'); const took = [];
        const once = () => { const at = performance.now(); word.textContent = `word ${took.length}`; requestAnimationFrame(() => {
            const after = new MessageChannel(); after.port2.postMessage(0);
            after.port1.onmessage = () => { took.push(performance.now() - at); took.length < 30 ? setTimeout(once, 37) : done(took.sort((a, b) => a - b)[15]); }; }); };
        once();";
    browser.run_async(script).as_f64().unwrap()
}

/// The events of the terminal, over its Unix socket.
struct Events(BufReader<UnixStream>);

impl Events {
    fn listen(socket: &Path) -> Self {
        let mut stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        Self(BufReader::new(stream))
    }

    /// When it is told of a card that can be served.
    fn card(&mut self) -> f64 {
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream goes on");
            if let Some(data) = line.strip_prefix("data: ")
                && let Ok(event) = serde_json::from_str::<Value>(data)
                && event["genuine"] == true
                && event["refusal"] == Value::Null
            {
                return now_ms();
            }
        }
    }
}

/// `POST target` over the Unix socket, as a program does it.
fn post(socket: &Path, target: &str, body: &Value) -> Value {
    let body = body.to_string();
    let mut stream = UnixStream::connect(socket).unwrap();
    let head = format!("POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn lay(world: &World, card: &Card) -> (Events, Laid) {
    away();
    let events = Events::listen(&world.stage().place("terminal-1").join("socket"));
    (events, card.lay(world, HERE))
}

/// The card of the turn before has been away for long enough to be seen to be.
fn away() {
    std::thread::sleep(Duration::from_millis(900));
}

/// A sale by a program: how long quote and confirmation took.
fn by_program(world: &World, counter: &Counter, card: &Card, number: usize) -> [f64; 2] {
    let socket = counter.data.join("socket");
    let (mut events, _lying) = lay(world, card);
    let known = events.card();
    let id = format!("{number:032x}");
    assert_eq!(post(&socket, "/v1/quotes", &json!({ "id": id, "wait_seconds": 2 }))["outcome"], "quoted");
    let quoted = now_ms();
    let confirmed = now_ms();
    assert_eq!(post(&socket, "/v1/quotes/confirm", &json!({ "id": id, "wait_seconds": 2 }))["outcome"], "granted");
    [quoted - known, now_ms() - confirmed]
}

/// The same with the page.
fn by_page(world: &World, browser: &Browser, card: &Card) -> [f64; 2] {
    browser.shows("idle");
    browser.run("painted = {}");
    let (mut events, _lying) = lay(world, card);
    let known = events.card();
    let painted = |screen: &str| {
        // Whoever asks the browser all the time is in the page's way.
        std::thread::sleep(Duration::from_millis(400));
        let when = poll(DEADLINE, || browser.run(&format!("return painted.{screen} ?? null")).as_f64());
        when.unwrap_or_else(|| panic!("{screen} is painted; what is shown: {}", browser.text("#main")))
    };
    let quoted = painted("quoted");
    // Past the guard against double taps, as a person is.
    std::thread::sleep(Duration::from_millis(600));
    let struck = "const at = performance.timeOrigin + performance.now();
        document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true })); return at;";
    let confirmed = browser.run(struck).as_f64().unwrap();
    let granted = painted("granted");
    [quoted - known, granted - confirmed]
}

fn main() {
    let world = World::new();
    let region = world.region_with(&many_seats());
    let card = world.card(&region);
    let counter = world.counter_with_page(&region, "Cinéma Le Phare (inventé)", "cinema", HERE);
    let browser = Browser::start(&world, SMALL);
    let mut sides = [[Vec::new(), Vec::new()], [Vec::new(), Vec::new()]];
    for number in 0..=SALES {
        // Nobody else asks while the program sells: the page is closed.
        browser.visit("about:blank");
        let program = by_program(&world, &counter, &card, number);
        browser.visit(&counter.open_page());
        browser.run(PAINTED);
        let page = by_page(&world, &browser, &card);
        // The first turn finds caches cold.
        if number > 0 {
            for (side, took) in sides.iter_mut().zip([program, page]) {
                side[0].push(took[0]);
                side[1].push(took[1]);
            }
        }
    }
    let word = one_word(&browser);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("\nThe page against a program on the socket, {SALES} sales each, medians in ms (load {})", load.trim());
    println!("  of which one changed word, in this browser on this machine, takes {word:.1} to be painted");
    let [[program_quote, program_sale], [page_quote, page_sale]] = &mut sides;
    for (name, program, page) in [
        ("card known -> figure painted", program_quote, page_quote),
        ("confirmed -> \"granted\" painted", program_sale, page_sale),
    ] {
        let (program, page) = (median(program), median(page));
        let verdict = if page - program <= AIM_MS { "met" } else { "MISSED" };
        println!(
            "  {name:<34} program {program:>7.1}  page {page:>7.1}  the page adds {:>6.1}  aim at most {AIM_MS} {verdict}",
            page - program
        );
    }
}
