//! What goes wrong at a counter, and what the page says of it: cards that are pulled out, a daemon that dies in mid-sale, no line, refusals.

use std::time::Duration;

use pass::virtual_card::{Effect, Fault};
use pass::wire::card::Instruction;

use crate::kit::{Books, HERE, Moment, agree_over};
use crate::sales::Till;
use crate::support::{DEADLINE, poll};

#[test]
fn a_card_that_is_pulled_out_and_comes_back_is_debited_once() {
    let till = Till::cinema();
    let (browser, card) = (&till.browser, till.card());
    for effect in [Effect::LeaveAfter, Effect::LeaveBefore] {
        let torn = card.lay_faulty(&till.world, HERE, vec![Fault::next(Instruction::Debit, effect)]);
        browser
            .shows("quoted")
            .enter()
            .says(".figure", "Représentez la carte")
            .says(".below", &card.masked())
            .says(".below", "Encaissé : 1,00 €");
        torn.left();
        let back = card.lay(&till.world, HERE);
        browser.shows("granted").says(".figure", "ccordé");
        drop(back);
        browser.enter().shows("idle");
    }
    assert_eq!(agree_over(&till.region, &till.counter, &[&card]), Books { consumed: 2, cash: 200 });
}

#[test]
fn a_card_that_leaves_before_it_was_confirmed_is_no_sale_and_leaves_no_trace() {
    let till = Till::cinema();
    let (browser, card) = (&till.browser, till.card());
    let lying = card.lay(&till.world, HERE);
    browser.shows("quoted");
    drop(lying);
    browser.shows("idle");
    assert_eq!(till.entries("debit").len(), 0);
}

#[test]
fn money_goes_back_for_a_sale_in_doubt_that_is_given_up() {
    let till = Till::cinema();
    let (browser, card) = (&till.browser, till.card());
    let torn = card.lay_faulty(&till.world, HERE, vec![Fault::next(Instruction::Debit, Effect::LeaveBefore)]);
    browser.shows("quoted").enter().says(".below", "Encaissé : 1,00 €");
    torn.left();
    browser
        .touch("abandon")
        .shows("abandon")
        .says(".figure", "Rendez 1,00 €")
        .enter()
        .shows("undone")
        .says(".below", "abandonnée");
    browser.enter().shows("idle");
    let _back = card.lay(&till.world, HERE);
    browser.shows("quoted");
    assert_eq!((card.seats_consumed(), till.entries("debit").len()), (0, 0));
}

#[test]
fn a_daemon_that_dies_in_mid_sale_is_noticed_and_the_same_sale_is_found_again() {
    let mut till = Till::cinema();
    let card = till.card();
    for moment in [Moment::Done, Moment::Arrived] {
        let stopped = card.lay_to_stop(&till.world, HERE, Instruction::Debit, moment);
        till.browser.shows("quoted").enter().shows("selling");
        stopped.reached();
        till.counter.kill();
        till.browser
            .shows_within(Duration::from_secs(7), "down")
            .says(".figure", "Terminal injoignable")
            .says(".below", "N'encaissez pas");
        stopped.leave();
        drop(stopped);
        till.counter.start_with_page();
        // Without a reload: the page asks what became of the sale that it had named.
        till.browser.says(".figure", "Représentez la carte");
        let back = card.lay(&till.world, HERE);
        till.browser.shows("granted");
        drop(back);
        till.browser.enter().shows("idle");
    }
    assert_eq!(agree_over(&till.region, &till.counter, &[&card]), Books { consumed: 2, cash: 200 });
}

#[test]
fn a_page_that_is_reloaded_in_mid_sale_finds_it_again() {
    let till = Till::cinema();
    let (browser, card) = (&till.browser, till.card());
    let stopped = card.lay_to_stop(&till.world, HERE, Instruction::Debit, Moment::Arrived);
    browser.shows("quoted").enter().shows("selling");
    stopped.reached();
    browser.reload();
    stopped.go_on();
    browser.shows("granted");
    assert_eq!(agree_over(&till.region, &till.counter, &[&card]), Books { consumed: 1, cash: 100 });
}

#[test]
fn a_restart_between_two_sales_needs_no_reload() {
    let mut till = Till::cinema();
    let card = till.card();
    till.counter.stop();
    till.browser.shows_within(Duration::from_secs(5), "down");
    till.counter.start_with_page();
    till.browser.shows("idle");
    let _lying = card.lay(&till.world, HERE);
    till.browser.shows("quoted").enter().shows("granted");
}

#[test]
fn off_line_it_sells_on_and_says_what_waits() {
    let mut till = Till::cinema();
    let card = till.card();
    till.region.kill();
    let _lying = card.lay(&till.world, HERE);
    till.browser.shows("quoted").enter().shows("granted").says("footer", "en attente, 4,00 €");
    till.region.start();
    till.browser.touch("exchange").says("footer", "tout est transmis");
}

#[test]
fn each_refusal_says_what_and_what_next() {
    let till = Till::open("Librairie des Quais (inventée)", "bookshop");
    let (browser, card) = (&till.browser, till.card());
    let lying = card.lay(&till.world, HERE);
    browser.shows("price").keys("800").keys("\u{e007}").shows("quoted").says(".figure", "Rien à encaisser");
    browser.enter().shows("granted").enter().shows("rest").touch("again");
    browser.shows("refused").says(".figure", "Il ne reste rien de cet avantage").says(".below", "plein tarif");
    drop(lying);

    till.region.desk("card deny", &[&card.number, "--reason", "lost"]).exits(0);
    till.counter.sync();
    let lying = card.lay(&till.world, HERE);
    browser.says(".figure", "déclarée perdue").says(".below", "69269 Lyon").says(".below", "0810 559 559");
    drop(lying);
    // It stays long enough to be read, and goes by itself.
    browser.shows("refused");
    assert!(poll(DEADLINE, || (browser.screen() == "idle").then_some(())).is_some());
}

#[test]
fn of_two_tabs_one_is_the_till() {
    let till = Till::cinema();
    let (browser, card) = (&till.browser, till.card());
    let first = browser.new_tab();
    browser.visit(&format!("http://{}/", till.counter.page()));
    browser.shows("elsewhere").says(".figure", "déjà ouverte");
    browser.close_tab(first);
    browser.shows("idle");
    // Somebody who goes away and comes back ten times leaves nothing behind that would hold the next sale up.
    for _ in 0..10 {
        browser.visit("about:blank");
        browser.visit(&format!("http://{}/", till.counter.page()));
        browser.shows("idle");
    }
    let _lying = card.lay(&till.world, HERE);
    browser.shows("quoted").enter().shows("granted");
}
