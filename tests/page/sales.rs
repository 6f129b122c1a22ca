//! Sales as cashiers make them: by keyboard alone, by touch alone, with change, a supplement, an undo.

use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::browser::{Browser, SMALL};
use crate::kit::{Books, Card, Counter, HERE, Region, World, agree_over, many_seats};
use crate::support::{DEADLINE, poll};

/// A counter with its page open before a cashier.
pub(crate) struct Till {
    pub(crate) browser: Browser,
    pub(crate) counter: Counter,
    pub(crate) region: Region,
    pub(crate) world: World,
}

impl Till {
    pub(crate) fn open(name: &str, activity: &str) -> Self {
        let world = World::new();
        let region = world.region_with(&many_seats());
        let counter = world.counter_with_page(&region, name, activity, HERE);
        let browser = Browser::start(&world, SMALL);
        browser.visit(&counter.open_page());
        browser.shows("idle");
        Self { browser, counter, region, world }
    }

    pub(crate) fn cinema() -> Self {
        Self::open("Cinéma Le Phare (inventé)", "cinema")
    }

    pub(crate) fn card(&self) -> Card {
        self.world.card(&self.region)
    }

    /// The entries of this kind.
    pub(crate) fn entries(&self, kind: &str) -> Vec<Value> {
        self.counter.journal().into_iter().filter(|entry| entry["kind"] == kind).collect()
    }
}

#[test]
fn a_seat_by_keyboard_alone() {
    let till = Till::cinema();
    let (browser, card) = (&till.browser, till.card());
    let lying = card.lay(&till.world, HERE);
    browser
        .shows("quoted")
        .says(".above", "Cinéma, 1 place")
        .says(".amount", "1,00 €")
        .says(".below", "Il restera 499 places");
    // Two euros are handed over: typed as on a bank terminal.
    browser.keys("200").says(".given", "À rendre 1,00 €");
    browser
        .enter()
        .shows("granted")
        .says(".figure", "Accordé")
        .says(".amount", "1,00 €")
        .says(".below", "Encaissé 1,00 €, reste 499 places");
    drop(lying);
    browser.enter().shows("idle");
    assert_eq!(agree_over(&till.region, &till.counter, &[&card]), Books { consumed: 1, cash: 100 });

    let _again = card.lay(&till.world, HERE);
    browser.shows("quoted").says(".warning", "Déjà servie ici");
    // The journal finds the sale by the end of the card's number, and Escape leads back to it.
    browser.keys("\u{e032}").shows("journal").keys(&card.number[12..]).says("tbody", "vente Cinéma 1 place");
    browser.keys("zzz").says(".none", "Rien ne correspond");
    browser
        .keys("\u{e00c}")
        .shows("quoted")
        .keys("\u{e033}")
        .shows("balance")
        .says(".benefits", "Cinéma")
        .says(".benefits", "499 places");
    browser.keys("\u{e00c}").shows("quoted");
}

#[test]
fn a_book_by_touch_alone_its_price_before_the_card() {
    let till = Till::open("Librairie des Quais (inventée)", "bookshop");
    let (browser, card) = (&till.browser, till.card());
    browser.touch("price").shows("price");
    for digit in ["2", "3", "5", "0"] {
        browser.touch(&format!("digit-{digit}"));
    }
    browser.says(".amount", "23,50 €").touch("primary").says(".below", "Présentez la carte");
    let lying = card.lay(&till.world, HERE);
    browser.shows("quoted").says(".amount", "15,50 €").says(".below", "Prix 23,50 €, le PASS prend 8,00 €");
    browser.touch("tender-card").touch("primary").shows("granted").says(".below", "Encaissé 15,50 €, reste 0,00 €");
    let debit = till.entries("debit").remove(0);
    assert_eq!((&debit["tender"], &debit["collected_cents"]), (&Value::from("card"), &Value::from(1550)));

    // Undone at once, with the card still there.
    browser.touch("undo").shows("undo").says(".figure", "Annuler et rendre 15,50 € ?");
    browser.touch("primary").shows("undone").says(".figure", "Rendez 15,50 €");
    browser.touch("primary").shows("rest").touch("again").shows("price").says(".below", "Livres loisirs reste 8,00 €");
    drop(lying);
    browser.shows("idle");
    assert_eq!(till.entries("reversal").len(), 1);
}

#[test]
fn a_double_tap_and_a_key_held_down_sell_once() {
    let till = Till::cinema();
    let (browser, card) = (&till.browser, till.card());
    let _lying = card.lay(&till.world, HERE);
    browser.shows("quoted");
    thread::sleep(Duration::from_millis(500));
    browser.touch_times("primary", 4);
    poll(DEADLINE, || ["granted", "rest"].contains(&browser.screen().as_str()).then_some(()))
        .expect("one of the taps sells");
    // Whoever goes on tapping leads to no second sale: the card was served and is to be taken away.
    thread::sleep(Duration::from_millis(500));
    if browser.screen() == "granted" {
        browser.touch_times("primary", 3);
    }
    browser.shows("rest").keys("\u{e007}\u{e007}\u{e007}");
    assert_eq!(browser.screen(), "rest");
    assert_eq!(till.entries("debit").len(), 1);
    browser.touch("again").shows("quoted").enter().shows("granted");
    assert_eq!(agree_over(&till.region, &till.counter, &[&card]), Books { consumed: 2, cash: 200 });
}

#[test]
fn a_supplement_is_added_and_one_seat_too_many_is_not() {
    let till = Till::cinema();
    let (browser, card) = (&till.browser, till.card());
    let lying = card.lay(&till.world, HERE);
    browser.shows("quoted").touch("supplement").shows("supplement");
    browser.keys("2,").keys("\u{e007}").shows("quoted").says(".amount", "3,00 €").says(".below", "Supplément 2,00 €");
    // The catalogue gives one seat a time.
    browser.touch("more").says(".count", "1 place");
    let fewer_or_more = "return [...document.querySelectorAll('.step')].map((step) => step.disabled)";
    poll(DEADLINE, || (browser.run(fewer_or_more) == serde_json::json!([true, true])).then_some(()))
        .expect("one seat is neither more nor less");
    browser.touch("note-500").says(".given", "À rendre 2,00 €");
    browser.touch("primary").shows("granted").says(".amount", "2,00 €");
    drop(lying);
    assert_eq!(agree_over(&till.region, &till.counter, &[&card]), Books { consumed: 1, cash: 300 });
}

#[test]
fn where_cashiers_sign_in_the_page_asks_who_it_is_first() {
    let till = Till::cinema();
    let (browser, card) = (&till.browser, till.card());
    let add = "fetch('/v1/cashiers', { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': localStorage['pass.proof'] },
        body: JSON.stringify({ name: 'Camille', role: 'manager', pin: '4711' }) }).then((answer) => answer.json()).then(done)";
    assert_eq!(browser.run_async(add)["outcome"], "changed");
    browser.reload();
    browser.says(".figure", "Qui est à la caisse ?");
    let _lying = card.lay(&till.world, HERE);
    browser
        .keys("1")
        .says(".above", "Camille")
        .keys("0000")
        .keys("\u{e007}")
        .says(".warning", "Ce code n'est pas le bon");
    browser.keys("4711").keys("\u{e007}").shows("quoted").says("header", "Camille");
    browser.enter().shows("granted");
    assert_eq!(till.entries("debit")[0]["cashier"], 1);
    browser.touch("cashier").says(".figure", "Qui est à la caisse ?");
    // Nothing is sold meanwhile.
    browser.keys("\u{e007}");
    assert_eq!(till.entries("debit").len(), 1);
}

#[test]
fn a_receipt_without_a_printer_is_shown_and_a_day_is_closed_with_what_was_counted() {
    let till = Till::cinema();
    let (browser, card) = (&till.browser, till.card());
    let lying = card.lay(&till.world, HERE);
    browser
        .shows("quoted")
        .enter()
        .shows("granted")
        .keys("\u{e035}")
        .shows("receipt")
        .says(".paper", "Cinéma Le Phare");
    browser.says(".paper", &card.masked());
    browser.keys("\u{e00c}").shows("granted").enter().shows("rest");
    drop(lying);
    // Once more from the journal, which is a duplicate and says so.
    browser.touch("journal").shows("journal").touch(&format!("receipt-{}", till.entries("debit")[0]["entry"]));
    browser.shows("receipt").says(".paper", "DUPLICATA").keys("\u{e00c}").shows("idle");
    browser.touch("journal").shows("journal").touch("closing").shows("closing");
    browser.keys("150").enter().says(".figure", "Journée clôturée").says(".amount", "1,00 €");
    browser
        .says(".below", "Attendu dans le tiroir : 1,00 €. Écart : 0,50 €.")
        .says(".below", "Total perpétuel : 1,00 €");
    browser.enter().shows("idle");
    assert_eq!(till.entries("closing").len(), 1);
}
