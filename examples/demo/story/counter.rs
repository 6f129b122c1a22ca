//! At the counters, with the line and without it.

use serde_json::{Value, json};

use super::{BOOKS, CINEMA, Story};
use crate::failure::Failure;
use crate::programs::until;
use crate::stage::{Card, Sold, Stage, Terminal, benefit};
use crate::tell::ms;

impl Story {
    pub(super) fn seat_is_granted(&mut self) -> Result<Value, Failure> {
        self.stage.tell.step(
            "Inès takes a seat at the cinema and pays her euro",
            "First the money, then the card's signed debit, then the entry on disk, and only then ACCORDÉ.",
        );
        let (card, shown) = self.stage.present(&self.ines, &self.cinema)?;
        self.stage.tell.claim_that("her card has 5 seats", 5, &benefit(&shown["benefits"], CINEMA)["left"])?;
        let sold = self.sell_seat(4)?;
        self.stage.tell.claim_cents("collected", 100, &sold["collected_cents"])?;
        let repeated = "the same request sent again is told of the same sale, and debits nothing";
        self.stage.tell.claim_that(repeated, true, &sold["repeated"])?;
        let shown = self.stage.ask(&self.cinema, &["card"], 0)?;
        self.stage.tell.claim_that("the chip has recorded 1 change", 1, &shown["counter"])?;
        self.stage.take(card, &self.cinema)?;
        Ok(sold)
    }

    pub(super) fn book_is_paid_in_part(&mut self) -> Result<(), Failure> {
        self.stage.tell.step(
            "At the bookshop, a book of 23.50 EUR against the 8 EUR of her card",
            "The benefit covers what is left of it and the holder pays the difference; the cashier is told how much.",
        );
        let (card, _) = self.stage.present(&self.ines, &self.bookshop)?;
        let sold = self.sell(Shop::Bookshop, &["--price", "23,50"])?;
        self.stage.tell.claim_cents("debited", 800, &sold["debited"])?;
        self.stage.tell.claim_cents("due from her", 1550, &sold["due_cents"])?;
        self.stage.tell.claim_cents("left for books", 0, &sold["left"])?;
        self.stage.take(card, &self.bookshop)
    }

    /// The seat that empties the card.
    pub(super) fn line_goes_down(&mut self, first: &Value) -> Result<Value, Failure> {
        self.stage.tell.step(
            "The line to the region is cut; seats go on, and end at five, wherever they are asked for",
            "Terminals cannot hear of each other. Only the card goes from one to the next, so the card keeps the count, signed.",
        );
        self.stage.cut_region()?;
        self.stage.tell.fact("the region's server is killed");
        let report = self.stage.ask(&self.cinema, &["sync"], 74)?;
        self.stage.tell.claim_that("the cinema cannot exchange any more", true, &json!(report["error"].is_string()))?;
        let (card, _) = self.stage.present(&self.ines, &self.cinema)?;
        let mut sold = first.clone();
        for left in (0..4).rev() {
            sold = self.sell_seat(left)?;
        }
        self.stage.take(card, &self.cinema)?;

        let about = about(&self.stage.journal(&self.second)?, &self.ines);
        self.stage.tell.claim_that(
            "the second cinema has no entry about her card, and nobody to ask",
            0,
            &json!(about),
        )?;
        let (card, shown) = self.stage.present(&self.ines, &self.second)?;
        let refused = self.stage.refused(&self.second, &[])?;
        self.stage.tell.claim("the sixth seat is refused there", "nothing-left", &refused["refusal"])?;
        let after = self.stage.ask(&self.second, &["card"], 0)?;
        let untouched = "the chip has recorded no change for it";
        self.stage.tell.claim_that(untouched, shown["counter"].clone(), &after["counter"])?;
        self.stage.take(card, &self.second)?;
        Ok(sold)
    }

    pub(super) fn card_is_pulled_out(&mut self) -> Result<(), Failure> {
        self.stage.tell.step(
            "Théo pulls his card out in the middle of a debit, twice",
            "Nobody can know whether it was debited, so nothing is guessed: the card's signed records tell, when it is back.",
        );
        self.pulled_after_the_debit()?;
        self.pulled_before_the_debit()
    }

    /// The chip debited, and the answer was lost.
    fn pulled_after_the_debit(&mut self) -> Result<(), Failure> {
        let stage = &mut self.stage;
        stage.tell.fact("at the cinema, just after the chip has debited:");
        let (card, _) = stage.present_until(&self.theo, &self.cinema, &["--pull", "after:DEBIT"])?;
        let request = stage.request();
        let redeem = ["redeem", "--wait", "2", "--id", &request];
        // In doubt: neither granted nor refused, and worth asking again.
        let doubt = stage.verb(&self.cinema, &redeem, 4)?;
        card.end(0)?;
        stage.tell.screen(self.cinema.partner, &doubt.out);
        stage.gone(&self.cinema)?;
        let status = stage.ask(&self.cinema, &["status"], 0)?;
        stage.tell.claim_that("the terminal holds 1 sale in doubt, on disk", 1, &status["in_doubt"])?;

        stage.tell.fact("he puts it back, and the cashier asks again:");
        let (card, _) = stage.present(&self.theo, &self.cinema)?;
        settled(stage, &self.cinema)?;
        let again = stage.verb(&self.cinema, &redeem, 0)?;
        stage.tell.screen(self.cinema.partner, &again.out);
        let answer = stage.ask(&self.cinema, &redeem, 0)?;
        stage.same_sale(&answer)?;
        stage.tell.claim_that("1 seat debited, 4 left", json!([1, 4]), &json!([answer["debited"], answer["left"]]))?;
        stage.take(card, &self.cinema)?;
        chip_agrees(stage, &self.theo, &self.cinema, CINEMA, 1, 1)
    }

    /// The chip never had the command.
    fn pulled_before_the_debit(&mut self) -> Result<(), Failure> {
        let stage = &mut self.stage;
        stage.tell.fact(
            "at the bookshop, just before the chip is told to debit 5.00 EUR; the cashier's request goes on waiting:",
        );
        let (card, _) = stage.present_until(&self.theo, &self.bookshop, &["--pull", "before:DEBIT"])?;
        let request = stage.request();
        let redeem = ["redeem", "--price", "5,00", "--wait", "60", "--id", &request];
        let waiting = stage.begin_verb(&self.bookshop, &redeem)?;
        card.end(0)?;
        let doubt = until("the bookshop is in doubt", || {
            let shown = stage.verb(&self.bookshop, &["card"], 0)?;
            Ok(shown.out.starts_with("EN DOUTE").then_some(shown))
        })?;
        stage.tell.screen(self.bookshop.partner, &doubt.out);
        let (card, _) = stage.present(&self.theo, &self.bookshop)?;
        let done = waiting.end(0)?;
        stage.tell.screen(self.bookshop.partner, &done.out);
        let answer = stage.ask(&self.bookshop, &redeem, 0)?;
        stage.same_sale(&answer)?;
        stage.tell.claim_that(
            "5.00 EUR debited, nothing due, 3.00 EUR left",
            json!([500, 0, 300]),
            &json!([answer["debited"], answer["due_cents"], answer["left"]]),
        )?;
        settled(stage, &self.bookshop)?;
        stage.take(card, &self.bookshop)?;
        chip_agrees(stage, &self.theo, &self.cinema, BOOKS, 500, 2)
    }

    pub(super) fn seat_is_undone(&mut self, fifth: &Value) -> Result<(), Failure> {
        self.stage.tell.step(
            "Inès gives her fifth seat back, and takes it at the other cinema",
            "The seat goes back onto the chip and the euro into her hand; both sales stay in the journal for ever.",
        );
        let stage = &mut self.stage;
        let entry = fifth["entry"].to_string();
        let (card, _) = stage.present(&self.ines, &self.cinema)?;
        let request = stage.request();
        let undo = ["undo", &entry, "--id", &request];
        let ran = stage.verb(&self.cinema, &undo, 0)?;
        stage.tell.screen(self.cinema.partner, &ran.out);
        let undone = stage.ask(&self.cinema, &undo, 0)?;
        stage.tell.claim_that("it is the fifth sale that was undone", fifth["entry"].clone(), &undone["debit"])?;
        stage.tell.claim_cents("given back to her", 100, &undone["returned_cents"])?;
        stage.tell.fact(&format!("undone in {}", ms(ran.took)));
        stage.take(card, &self.cinema)?;

        let (card, shown) = self.stage.present(&self.ines, &self.second)?;
        let seen = "the second cinema sees the seat, which is back on the chip";
        self.stage.tell.claim_that(seen, 1, &benefit(&shown["benefits"], CINEMA)["left"])?;
        let sold = self.sell(Shop::Second, &[])?;
        self.stage.tell.claim_that("1 seat debited, 0 left", json!([1, 0]), &json!([sold["debited"], sold["left"]]))?;
        self.stage.take(card, &self.second)
    }

    /// A seat of the card on the cinema's reader, after which so many are left.
    fn sell_seat(&mut self, left: u32) -> Result<Value, Failure> {
        let sold = self.sell(Shop::Cinema, &[])?;
        let what = format!("1 seat debited, {left} left");
        self.stage.tell.claim_that(&what, json!([1, left]), &json!([sold["debited"], sold["left"]]))?;
        Ok(sold)
    }

    pub(super) fn sell(&mut self, shop: Shop, sale: &[&str]) -> Result<Value, Failure> {
        let terminal = match shop {
            Shop::Cinema => &self.cinema,
            Shop::Bookshop => &self.bookshop,
            Shop::Second => &self.second,
        };
        let Sold { answer, took } = self.stage.sell(terminal, sale)?;
        self.sales.push(took);
        self.stage.tell.fact(&format!("granted {} after the cashier's command", ms(took)));
        Ok(answer)
    }
}

/// Where something is sold.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shop {
    Cinema,
    Bookshop,
    Second,
}

/// How many entries of a journal are about a card.
fn about(journal: &[Value], card: &Card) -> usize {
    journal.iter().filter(|entry| entry["card"] == card.masked.as_str()).count()
}

/// Waits until the terminal is in doubt about nothing.
fn settled(stage: &Stage, terminal: &Terminal) -> Result<(), Failure> {
    until("the doubt is settled", || {
        let status = stage.ask(terminal, &["status"], 0)?;
        Ok((status["in_doubt"] == 0).then_some(()))
    })
}

/// The chip itself: so much consumed, in so many records.
fn chip_agrees(
    stage: &Stage,
    card: &Card,
    terminal: &Terminal,
    code: &str,
    consumed: u32,
    records: usize,
) -> Result<(), Failure> {
    let seen = stage.inspect(card, terminal)?;
    let recorded = seen["records"].as_array().map_or(0, Vec::len);
    let what =
        format!("the chip itself, read at the card bureau: {consumed} consumed of {code}, {records} record(s) in all");
    stage.tell.claim_that(
        &what,
        json!([consumed, records]),
        &json!([benefit(&seen["slots"], code)["consumed"], recorded]),
    )
}
