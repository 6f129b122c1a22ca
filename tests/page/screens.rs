//! Each state of the page: looked at by axe (WCAG 2.2 AA), by day and by night, and whether all of it fits. With `PASS_SCREENS=DIRECTORY` each leaves
//! pictures there, of the smallest and the largest screen.

use std::fs;
use std::path::{Path, PathBuf};

use pass::virtual_card::{Effect, Fault};
use pass::wire::card::Instruction;
use serde_json::Value;

use crate::browser::{Browser, SMALL};
use crate::kit::{Card, HERE, Moment};
use crate::sales::Till;

const LARGE: (u32, u32) = (1920, 1080);

/// What axe is asked: the rules of WCAG 2.2 A and AA.
const AXE: &str = "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }).then((found) => done(found.violations.map(
    (rule) => `${rule.id}: ${rule.nodes.map((node) => `${node.html} ${node.any.map((check) => check.message).join(' ')}`).join('; ')}`)))";

/// What does not fit: text that is cut off, and what stands beyond the edge of the screen.
const CUT_OFF: &str = "return [...document.querySelectorAll('header *, main *, footer *')].filter((element) => {
    const box = element.getBoundingClientRect();
    // A long name of a partner ends in an ellipsis.
    if (element.closest('.scroll, svg, .unseen, .who') || !box.width) return false;
    const cut = (['BUTTON', 'P', 'H1', 'SPAN', 'STRONG', 'SMALL'].includes(element.tagName)) && getComputedStyle(element).display !== 'inline'
        && (element.scrollWidth > element.clientWidth + 1 || element.scrollHeight > element.clientHeight * 1.25 + 6);
    const full = element.matches('.centre, .options, .below') && element.scrollHeight > element.clientHeight + 2;
    return cut || full || box.right > innerWidth + 1 || box.bottom > innerHeight + 1 || box.left < -1 || box.top < -1;
}).map((element) => `${element.className || element.tagName}: ${element.textContent}`)";

/// Where scripts/setup puts axe.
fn axe() -> String {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory");
    let script = fs::read_to_string(target.join("tools/axe.min.js"));
    script.unwrap_or_else(|error| panic!("scripts/setup fetches axe into {}/tools: {error}", target.display()))
}

/// Looks at states, and keeps pictures of them where that is asked for.
pub(crate) struct Gallery {
    axe: String,
    pictures: Option<PathBuf>,
}

impl Gallery {
    pub(crate) fn open() -> Self {
        Self { axe: axe(), pictures: std::env::var_os("PASS_SCREENS").map(PathBuf::from) }
    }

    #[track_caller]
    pub(crate) fn look(&self, browser: &Browser, name: &str) {
        if browser.run("return Boolean(window.axe)") != true {
            browser.run(&self.axe);
        }
        for scheme in ["light", "dark"] {
            browser.run(&format!("document.documentElement.style.colorScheme = '{scheme}'"));
            let wrong = browser.run_async(AXE);
            assert_eq!(wrong, Value::Array(Vec::new()), "{name}, {scheme}: {wrong:#}");
            if let Some(pictures) = &self.pictures {
                for size in [SMALL.size, LARGE] {
                    browser.resize(size);
                    browser.picture(&pictures.join(format!("{name}-{scheme}-{}.png", size.0)));
                }
                browser.resize(SMALL.size);
            }
        }
        for size in [LARGE, SMALL.size] {
            browser.resize(size);
            let cut_off = browser.run(CUT_OFF);
            assert_eq!(cut_off, Value::Array(Vec::new()), "{name}, {size:?}: {cut_off:#}");
        }
    }
}

/// What is in the QR symbol on the screen: drawn from the path that the page has, and read by a reader that nobody here wrote.
fn scanned(browser: &Browser) -> String {
    let drawn = browser.run(
        "const svg = document.querySelector('.symbol'), { x, y, width: side } = svg.viewBox.baseVal, modules = 4;
        const canvas = Object.assign(document.createElement('canvas'), { width: side * modules, height: side * modules }), picture = canvas.getContext('2d');
        picture.fillStyle = '#fff'; picture.fillRect(0, 0, canvas.width, canvas.height);
        picture.scale(modules, modules); picture.translate(-x, -y);
        picture.fillStyle = '#000'; picture.fill(new Path2D(svg.querySelector('path').getAttribute('d')));
        const { data } = picture.getImageData(0, 0, canvas.width, canvas.height);
        return { side: canvas.width, greys: Array.from({ length: canvas.width ** 2 }, (_, at) => data[4 * at] < 128 ? '#' : '.').join('') }",
    );
    let side = usize::try_from(drawn["side"].as_u64().unwrap()).unwrap();
    let dots = drawn["greys"].as_str().unwrap().as_bytes();
    let grey = |x: usize, y: usize| if dots[y * side + x] == b'#' { 0 } else { 255 };
    let mut picture = rqrr::PreparedImage::prepare_from_greyscale(side, side, grey);
    let grids = picture.detect_grids();
    let [grid] = grids.as_slice() else { panic!("{} symbols", grids.len()) };
    grid.decode().expect("it can be read").1
}

#[test]
fn the_cinema_s_states_are_accessible_and_fit() {
    let (gallery, mut till) = (Gallery::open(), Till::cinema());
    let look = |till: &Till, name: &str| gallery.look(&till.browser, name);
    look(&till, "idle");
    let card = till.card();
    let lying = card.lay(&till.world, HERE);
    till.browser.shows("quoted");
    look(&till, "quoted");
    till.browser.keys("500");
    look(&till, "change");
    till.browser.touch("supplement").shows("supplement").keys("250");
    look(&till, "supplement");
    till.browser.keys("\u{e00c}").shows("quoted").keys("500").enter().shows("granted");
    look(&till, "granted");
    till.browser.enter().shows("rest");
    look(&till, "rest");
    till.browser.touch("balance").shows("balance");
    look(&till, "balance");
    till.browser.touch("journal").shows("journal").says("tbody", "vente");
    look(&till, "journal");
    drop(lying);
    let debit = till.entries("debit").remove(0)["entry"].to_string();
    till.browser.touch(&format!("receipt-{debit}")).shows("receipt").says(".paper", "ENCAISSÉ");
    look(&till, "receipt");
    let proven = till.counter.ask(&["verify", "--json", "--receipt", &scanned(&till.browser)]).exits(0).json();
    assert_eq!(proven["entry"].to_string(), debit, "what a telephone reads off the screen is the signed entry");
    till.browser.keys("\u{e00c}").touch("journal").shows("journal");
    till.browser.touch(&format!("undo-{debit}")).shows("undo");
    look(&till, "undo");
    till.browser.enter().shows("undoing");
    look(&till, "undoing");
    let lying = card.lay(&till.world, HERE);
    till.browser.shows("undone");
    look(&till, "undone");
    drop(lying);
    till.browser.enter().shows("idle");

    let torn = card.lay_faulty(&till.world, HERE, vec![Fault::next(Instruction::Debit, Effect::LeaveAfter)]);
    till.browser.shows("quoted").enter().says(".below", "Encaissé : 1,00 €");
    look(&till, "torn");
    torn.left();
    till.browser.touch("abandon").shows("abandon");
    look(&till, "abandon");
    till.browser.enter().shows("undone").enter().shows("idle");
    till.browser.touch("language").says(".figure", "Present the card");
    look(&till, "english");
    till.browser.touch("language").says(".figure", "Présentez la carte");

    till.browser.touch("journal").shows("journal");
    till.browser.touch("closing").shows("closing").keys("150");
    look(&till, "closing");
    till.browser.enter().says(".figure", "Journée clôturée");
    look(&till, "closed");
    till.browser.enter().shows("idle").touch("journal").shows("journal");
    till.browser.touch("closing").shows("closing").touch("closing-month").says(".figure", "Clôturer le mois ?");
    look(&till, "closing-month");
    // On the last day of a month it can be closed, and not before.
    let ends = ["n'est pas finie", "Mois clôturé"];
    till.browser.enter().says_one_of(".figure", &ends);
    look(&till, "closed-month");
    till.browser.enter().shows("idle");

    let stopped = card.lay_to_stop(&till.world, HERE, Instruction::Debit, Moment::Arrived);
    till.browser.shows("quoted").enter().shows("selling");
    stopped.reached();
    look(&till, "selling");
    till.counter.kill();
    till.browser.shows("down");
    look(&till, "down");
    till.browser.run("localStorage.clear()");
    till.counter.start_with_page();
    till.browser.shows("locked");
    look(&till, "locked");
}

#[test]
fn the_bookshop_s_states_are_accessible_and_fit() {
    let (gallery, till) = (Gallery::open(), Till::open("Librairie des Quais et du Vieux-Port (inventée)", "bookshop"));
    let browser = &till.browser;
    let card: Card = till.card();
    let lying = card.lay(&till.world, HERE);
    browser.shows("price").keys("2350");
    gallery.look(browser, "price");
    browser.enter().shows("quoted");
    gallery.look(browser, "quoted-book");
    browser.enter().shows("granted").enter().shows("rest").touch("again").shows("refused");
    gallery.look(browser, "refused");
    drop(lying);
    till.region.desk("card deny", &[&card.number, "--reason", "lost"]).exits(0);
    till.counter.sync();
    let lying = card.lay(&till.world, HERE);
    browser.says(".figure", "déclarée perdue");
    gallery.look(browser, "refused-lost");
    drop(lying);

    // Practice has its own cards, among them one with two benefits; the real ones are not looked at.
    let entries = till.counter.journal().len();
    browser.touch("training").says("footer", "FORMATION");
    gallery.look(browser, "training");
    browser.touch("practice-both").shows("choice");
    gallery.look(browser, "training-choice");
    browser.keys("1").shows("quoted").enter().shows("granted");
    browser.touch("practice-torn").shows("quoted").enter().shows("doubt");
    browser.touch("practice-torn").shows("granted");
    browser.touch("practice-lost").shows("refused");
    browser.touch("training").shows("idle");
    assert!(
        till.entries("debit").len() == 1 && till.counter.journal().len() - entries <= 1,
        "practice is nowhere in the books"
    );

    let add = "fetch('/v1/cashiers', { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': localStorage['pass.proof'] },
        body: JSON.stringify({ name: 'Camille', role: 'manager', pin: '4711' }) }).then(done, done)";
    browser.run_async(add);
    browser.reload();
    browser.says(".figure", "Qui est à la caisse ?");
    gallery.look(browser, "who");
    browser.touch("person-1").says(".figure", "Votre code").keys("47");
    gallery.look(browser, "pin");
}
