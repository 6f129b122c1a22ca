//! Sales that are paid on the bank terminal, as a cashier sees them: what it says while it waits, what surely was not paid, and what nobody knows.
//!
//! The bank terminal is `pass-card tpe`, which counts the money it took: no story charges a holder twice, and none is granted without the money or the
//! cashier's word. Each state is looked at as in [`crate::screens`].

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::kit::{Books, Card, Counter, HERE, PASS_CARD, Running, agree_over};
use crate::sales::Till;
use crate::screens::Gallery;
use crate::support::{DEADLINE, poll};

/// How many seconds a person takes here: longer than a slow machine needs to see that the page waits.
const PERSON: &str = "10";

/// A bank terminal that takes no real money, until it is dropped.
struct BankTerminal {
    count: PathBuf,
    port: String,
    _program: Running,
}

impl BankTerminal {
    fn behaving(till: &Till, plan: &str) -> Self {
        let stage = till.world.stage();
        let count = stage.place("money.json");
        let mut command = stage.command(PASS_CARD);
        command
            .args(["tpe", "--listen", "127.0.0.1:0", "--person", PERSON, "--behaviour", plan, "--count"])
            .arg(&count);
        let mut program = Running::start(stage, &mut command);
        let port = program.await_line(|line| line.strip_prefix("ready 127.0.0.1:").map(str::to_owned));
        Self { count, port, _program: program }
    }

    /// What it has taken and given back so far, in cents.
    fn money(&self) -> (u64, u64) {
        let counted: Value = serde_json::from_slice(&fs::read(&self.count).unwrap()).unwrap();
        (counted["charged_cents"].as_u64().unwrap(), counted["refunded_cents"].as_u64().unwrap())
    }
}

/// A cinema with a bank terminal that behaves by this plan, and a card.
fn cinema(plan: &str) -> (Till, BankTerminal, Card) {
    let mut till = Till::cinema();
    let tpe = BankTerminal::behaving(&till, plan);
    till.counter.configure(&format!("[payment]\naddress = \"127.0.0.1\"\nport = {}\n", tpe.port));
    till.counter.stop();
    till.browser.shows("down");
    till.counter.start_with_page();
    till.browser.shows("idle");
    let card = till.card();
    (till, tpe, card)
}

/// The one debit: how it was paid, and what was collected for it.
#[track_caller]
fn debit(till: &Till) -> (String, Value) {
    let debits = till.entries("debit");
    let [debit] = debits.as_slice() else { panic!("{debits:#?}") };
    (debit["tender"].as_str().unwrap().to_owned(), debit["collected_cents"].clone())
}

/// The payments that need somebody.
fn open(counter: &Counter) -> Value {
    counter.ask(&["payment", "list", "--json"]).exits(0).json()
}

#[test]
fn a_seat_is_paid_on_the_bank_terminal() {
    let (till, tpe, card) = cinema("slow,approve");
    let (browser, gallery) = (&till.browser, Gallery::open());
    let lying = card.lay(&till.world, HERE);
    browser.shows("quoted").touch("tender-tpe").says(".primary", "Payer sur le TPE");
    gallery.look(browser, "quoted-tpe");
    browser.enter().shows("selling").says(".figure", "Paiement sur le TPE").says(".amount", "1,00 €");
    browser.says(".below", "touche rouge");
    assert_eq!(card.seats_consumed(), 0, "the euro first, then the right");
    browser.shows("granted").says(".below", "Encaissé 1,00 €, reste 499 places");
    gallery.look(browser, "granted-tpe");
    assert_eq!((tpe.money(), debit(&till)), ((100, 0), ("tpe".to_owned(), json!(100))));
    assert_eq!(agree_over(&till.region, &till.counter, &[&card]), Books { consumed: 1, cash: 100 });

    // Undone: the bank terminal gives back what it took, and the drawer nothing.
    browser.touch("undo").shows("undo").enter().shows("undone");
    browser.says(".figure", "Remboursement sur le TPE").says(".amount", "1,00 €");
    gallery.look(browser, "undone-tpe");
    drop(lying);
    poll(DEADLINE, || (tpe.money() == (100, 100)).then_some(())).expect("the bank terminal gives it back");
}

#[test]
fn after_the_red_button_the_cashier_takes_cash() {
    let (till, tpe, card) = cinema("red-button");
    let (browser, gallery) = (&till.browser, Gallery::open());
    let _lying = card.lay(&till.world, HERE);
    browser.shows("quoted").touch("tender-tpe").enter().shows("refused");
    browser.says(".figure", "Le TPE n'a pas pris d'argent").says(".below", "espèces").says(".amount", "1,00 €");
    gallery.look(browser, "payment-not-made");
    // On the bank terminal once more, and then in cash after all.
    browser
        .says(".primary", "Recommencer")
        .enter()
        .shows("quoted")
        .says("[data-key=tender-tpe][aria-pressed=true]", "TPE");
    browser
        .enter()
        .shows("refused")
        .touch("cash")
        .shows("quoted")
        .says("[data-key=tender-cash][aria-pressed=true]", "espèces");
    browser.touch("note-200").says(".given", "À rendre 1,00 €").enter().shows("granted").says(".amount", "1,00 €");
    assert_eq!((tpe.money(), debit(&till)), ((0, 0), ("cash".to_owned(), json!(100))));
    assert_eq!(open(&till.counter), json!({ "payments": [], "held": [] }));
    assert_eq!(agree_over(&till.region, &till.counter, &[&card]), Books { consumed: 1, cash: 100 });
}

#[test]
fn a_payment_whose_answer_is_lost_is_asked_about_and_never_made_twice() {
    let (till, tpe, card) = cinema("close-paid");
    let (browser, gallery) = (&till.browser, Gallery::open());
    let lying = card.lay(&till.world, HERE);
    browser.shows("quoted").touch("tender-tpe").enter().shows("refused");
    browser
        .says(".figure", "On ne sait pas si le TPE a pris l'argent")
        .says(".below", "ticket")
        .says(".amount", "1,00 €");
    gallery.look(browser, "payment-unknown");
    // Neither a key, nor a card that is taken away, nor a reload answers for the cashier.
    browser.enter();
    drop(lying);
    browser.reload();
    browser.says(".figure", "On ne sait pas si le TPE a pris l'argent");
    assert_eq!((tpe.money(), card.seats_consumed()), ((100, 0), 0));
    let _lying = card.lay(&till.world, HERE);
    browser.touch("paid").shows("granted").says(".below", "Encaissé 1,00 €, reste 499 places");
    assert_eq!((tpe.money(), debit(&till)), ((100, 0), ("tpe".to_owned(), json!(100))));
    assert_eq!(open(&till.counter), json!({ "payments": [], "held": [] }));
    assert_eq!(agree_over(&till.region, &till.counter, &[&card]), Books { consumed: 1, cash: 100 });
}

#[test]
fn a_daemon_that_dies_while_it_waits_asks_what_became_of_the_payment() {
    let (mut till, tpe, card) = cinema("silent,approve");
    let gallery = Gallery::open();
    let _lying = card.lay(&till.world, HERE);
    till.browser.shows("quoted").touch("tender-tpe").enter().says(".figure", "Paiement sur le TPE");
    till.browser.says(".below", "touche rouge");
    gallery.look(&till.browser, "paying");
    till.counter.kill();
    till.browser.shows("down").says(".below", "N'encaissez pas une seconde fois");
    till.counter.start_with_page();
    till.browser.says(".figure", "On ne sait pas si le TPE a pris l'argent");
    assert_eq!(open(&till.counter)["payments"][0]["doubt"], "restarted");
    // Not paid: the sale is free, and is paid once.
    till.browser.touch("not-paid").shows("quoted").enter().shows("granted");
    assert_eq!((tpe.money(), debit(&till)), ((100, 0), ("tpe".to_owned(), json!(100))));
    assert_eq!(open(&till.counter), json!({ "payments": [], "held": [] }));
    assert_eq!(agree_over(&till.region, &till.counter, &[&card]), Books { consumed: 1, cash: 100 });
}

#[test]
fn a_payment_that_nobody_knows_the_end_of_holds_up_its_own_sale_alone() {
    let (till, tpe, card) = cinema("close,approve");
    let (browser, gallery) = (&till.browser, Gallery::open());
    let lying = card.lay(&till.world, HERE);
    browser.shows("quoted").touch("tender-tpe").enter().says(".figure", "On ne sait pas si le TPE");
    browser.touch("later").shows("rest").says("footer", "TPE à vérifier");
    drop(lying);
    browser.shows("idle");
    gallery.look(browser, "payment-later");
    // Somebody else is served meanwhile, on the same bank terminal.
    let other = till.card();
    let lying = other.lay(&till.world, HERE);
    browser.shows("quoted").touch("tender-tpe").enter().shows("granted");
    drop(lying);
    browser.enter().shows("idle");
    // The question is still there, also for a page that is opened anew.
    browser.reload();
    browser.touch("unknown").says(".figure", "On ne sait pas si le TPE").says(".amount", "1,00 €");
    let _lying = card.lay(&till.world, HERE);
    browser.touch("not-paid").shows("quoted").enter().shows("granted");
    assert_eq!(tpe.money(), (200, 0));
    assert_eq!(open(&till.counter), json!({ "payments": [], "held": [] }));
    assert_eq!(agree_over(&till.region, &till.counter, &[&card, &other]), Books { consumed: 2, cash: 200 });
}

#[test]
fn a_card_that_is_taken_away_while_its_holder_pays_is_waited_for_or_the_money_goes_back() {
    let (till, tpe, card) = cinema("slow,approve");
    let (browser, gallery) = (&till.browser, Gallery::open());
    let lying = card.lay(&till.world, HERE);
    browser
        .shows("quoted")
        .touch("tender-tpe")
        .enter()
        .says(".figure", "Paiement sur le TPE")
        .says(".below", "touche rouge");
    drop(lying);
    // The payment ends all the same, and then the card is asked for.
    browser.says(".figure", "Représentez la carte").touch("giveUp").shows("doubt");
    browser.says(".below", "C'est payé sur le TPE").says(".below", &card.masked());
    gallery.look(browser, "payment-held");
    assert_eq!(open(&till.counter)["held"][0]["amount_cents"], 100);
    // Somebody else is served; the money is not forgotten, and goes back the way it came.
    let other = till.card();
    let lying = other.lay(&till.world, HERE);
    browser.shows("quoted").says("footer", "Payé, carte attendue").enter().shows("granted");
    drop(lying);
    browser.enter().shows("idle").touch("awaited").shows("doubt").touch("giveBack").shows("returned");
    browser.says(".figure", "Remboursé sur le TPE").says(".amount", "1,00 €");
    gallery.look(browser, "payment-returned");
    browser.enter().shows("idle");
    assert_eq!((tpe.money(), debit(&till)), ((100, 100), ("cash".to_owned(), json!(100))));
    assert_eq!(open(&till.counter), json!({ "payments": [], "held": [] }));
    assert_eq!(agree_over(&till.region, &till.counter, &[&card, &other]), Books { consumed: 1, cash: 100 });
}

#[test]
fn of_a_part_that_was_paid_the_rest_is_asked_for() {
    let (till, tpe, card) = cinema("partial,approve");
    let (browser, gallery) = (&till.browser, Gallery::open());
    let _lying = card.lay(&till.world, HERE);
    browser.shows("quoted").touch("tender-tpe").enter().says(".figure", "Le TPE n'a pris qu'une partie");
    browser.says(".amount", "Il manque").says(".amount", "0,50 €");
    gallery.look(browser, "payment-incomplete");
    assert_eq!((tpe.money(), card.seats_consumed()), ((50, 0), 0));
    browser.enter().shows("granted").says(".below", "Encaissé 1,00 €");
    assert_eq!((tpe.money(), debit(&till)), ((100, 0), ("tpe".to_owned(), json!(100))));
    assert_eq!(agree_over(&till.region, &till.counter, &[&card]), Books { consumed: 1, cash: 100 });
}

#[test]
fn money_that_the_bank_terminal_does_not_give_back_stays_in_sight() {
    let (till, tpe, card) = cinema("partial,refuse,approve");
    let (browser, gallery) = (&till.browser, Gallery::open());
    let _lying = card.lay(&till.world, HERE);
    browser.shows("quoted").touch("tender-tpe").enter().says(".figure", "Le TPE n'a pris qu'une partie");
    browser.touch("giveBack").says(".figure", "Pas remboursé");
    gallery.look(browser, "payment-not-returned");
    // Enter asks for no more money; and whatever is done first, what was taken is not forgotten.
    browser
        .enter()
        .touch("later")
        .shows("rest")
        .touch("awaited")
        .shows("doubt")
        .says(".below", "Le TPE n'a pris qu'une partie");
    browser.touch("giveBack").shows("returned").says(".amount", "0,50 €");
    assert_eq!((tpe.money(), card.seats_consumed()), ((50, 50), 0));
    assert_eq!(open(&till.counter), json!({ "payments": [], "held": [] }));
}

#[test]
fn a_part_is_paid_in_cash_and_the_rest_on_the_bank_terminal() {
    let (till, tpe, card) = cinema("red-button,approve");
    let (browser, gallery) = (&till.browser, Gallery::open());
    let lying = card.lay(&till.world, HERE);
    // A part that leaves nothing for the bank terminal is none.
    browser.shows("quoted").touch("tender-tpe").touch("cashPart").shows("cashPart");
    browser.touch("digit-1").touch("digit-00").says(".warning", "Il ne reste rien pour le TPE");
    browser.touch("erase").touch("erase").touch("erase").touch("digit-3").touch("digit-0");
    browser.says(".amount", "0,30 €").says(".below", "Reste à payer sur le TPE : 0,70 €");
    gallery.look(browser, "cash-part");
    browser.enter().shows("quoted").says(".below", "Espèces 0,30 €, TPE 0,70 €");
    gallery.look(browser, "quoted-parts");
    // The red button: the cash is not forgotten, and neither is the part.
    browser.says(".primary", "Encaissé, puis TPE").enter().shows("refused");
    browser.says(".amount", "0,70 €").says(".below", "Vous avez déjà 0,30 € en espèces");
    gallery.look(browser, "payment-not-made-parts");
    assert_eq!(card.seats_consumed(), 0, "the money first, then the right");
    browser.enter().shows("quoted").says(".below", "Espèces 0,30 €, TPE 0,70 €");
    browser.enter().shows("granted").says(".below", "Encaissé 1,00 €").says(".below", "Espèces 0,30 €, TPE 0,70 €");
    gallery.look(browser, "granted-parts");
    assert_eq!((tpe.money(), debit(&till)), ((70, 0), ("mixed".to_owned(), json!(100))));
    assert_eq!(agree_over(&till.region, &till.counter, &[&card]), Books { consumed: 1, cash: 100 });

    // Undone: each part goes back the way it came.
    browser.touch("undo").shows("undo").enter().shows("undone");
    browser.says(".figure", "Rendez 0,30 €").says(".below", "Et remboursement de 0,70 € sur le TPE.");
    gallery.look(browser, "undone-parts");
    drop(lying);
    poll(DEADLINE, || (tpe.money() == (70, 70)).then_some(())).expect("the bank terminal gives its part back");
}

#[test]
fn of_a_part_that_was_paid_the_rest_is_taken_in_cash() {
    let (till, tpe, card) = cinema("partial,refuse");
    let (browser, gallery) = (&till.browser, Gallery::open());
    let _lying = card.lay(&till.world, HERE);
    browser.shows("quoted").touch("tender-tpe").enter().says(".figure", "Le TPE n'a pris qu'une partie");
    // The bank terminal refuses the rest: what it has is still there, and what is missing too.
    browser.says(".amount", "0,50 €").enter().shows("selling").shows("refused");
    browser.says(".figure", "Le TPE n'a pris qu'une partie").says(".amount", "0,50 €");
    gallery.look(browser, "payment-incomplete-cash");
    browser.touch("restInCash").shows("granted").says(".below", "Espèces 0,50 €, TPE 0,50 €");
    assert_eq!((tpe.money(), debit(&till)), ((50, 0), ("mixed".to_owned(), json!(100))));
    assert_eq!(open(&till.counter), json!({ "payments": [], "held": [] }));
    assert_eq!(agree_over(&till.region, &till.counter, &[&card]), Books { consumed: 1, cash: 100 });
}

#[test]
fn money_of_a_sale_that_the_page_knows_nothing_of_is_in_sight_and_goes_back() {
    let (till, tpe, card) = cinema("partial,approve");
    let (browser, gallery) = (&till.browser, Gallery::open());
    let lying = card.lay(&till.world, HERE);
    // Somebody at the command line began it.
    till.counter.ask(&["redeem", "--json", "--paid", "tpe"]).exits(3);
    drop(lying);
    browser.shows("idle").says("footer", "À rendre sur le TPE : 0,50 €");
    browser
        .touch("held")
        .shows("refused")
        .says(".figure", "Le TPE garde de l'argent d'une vente")
        .says(".amount", "0,50 €");
    gallery.look(browser, "payment-held-elsewhere");
    // Enter takes no more of it.
    browser.enter().touch("giveBack").shows("returned").says(".amount", "0,50 €");
    assert_eq!((tpe.money(), card.seats_consumed()), ((50, 50), 0));
    assert_eq!(open(&till.counter), json!({ "payments": [], "held": [] }));
}
