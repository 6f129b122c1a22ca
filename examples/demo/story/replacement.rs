//! A card is lost: denied, blocked, made anew for 5 EUR of a benefit, with what was consumed (R5, R6, R9); and what the holder has left (R8).

use serde_json::json;

use super::counter::Shop;
use super::orders::{make, send, told};
use super::{BOOKS, CINEMA, Story};
use crate::failure::Failure;
use crate::stage::benefit;
use crate::tell::euros;

/// Where a found card goes (R9).
const FOUND_CARDS_ADDRESS: &str = "Région Auvergne Rhône-Alpes, DJSSH - Service Jeunesse, 1 esplanade François Mitterrand, CS 20033, 69269 Lyon Cedex 02";
/// What pays for Théo's new card.
const SCHOOL_BOOKS: &str = "school-books";

impl Story {
    pub(super) fn lost_card_is_blocked(&mut self) -> Result<(), Failure> {
        self.stage.tell.step(
            "The line is back; Théo has lost his card, and somebody presents it",
            "The region's signed block goes onto the chip itself: from then on no terminal, however long off line, can debit it.",
        );
        let stage = &mut self.stage;
        stage.start_region()?;
        let fee = ["--fee-from", SCHOOL_BOOKS];
        let denied = stage.region(&["card", "lost"], &[&[self.theo.number.as_str()][..], &fee].concat())?.json()?;
        denied["order"].as_str().unwrap_or_default().clone_into(&mut self.remade.order);
        let what = "declared lost, it is denied, and another is ordered, paid from his school books";
        stage.tell.claim_that(what, true, &json!(denied["denied_at"].is_string() && denied["order"].is_string()))?;
        told(stage, &self.theo, "Votre carte PASS’Région est en opposition")?;
        let synced = stage.ask(&self.second, &["sync"], 0)?;
        stage.tell.claim_that("the second cinema exchanges, and knows", 0, &synced["waiting"])?;
        let (card, _) = stage.present(&self.theo, &self.second)?;
        let refused = stage.refused(&self.second, &[])?;
        stage.take(card, &self.second)?;
        stage.tell.claim("the card is refused", "card-denied", &refused["refusal"])?;
        stage.tell.claim_that(
            "the cashier is told where a found card goes",
            FOUND_CARDS_ADDRESS,
            &refused["found_card"]["address"],
        )?;
        let seen = stage.inspect(&self.theo, &self.cinema)?;
        stage.tell.claim("the chip itself, read at the card bureau", "blocked", &seen["status"])
    }

    pub(super) fn card_is_remade(&mut self) -> Result<(), Failure> {
        self.stage.tell.step(
            "Théo's new card: the fee is taken, what he had consumed is carried over, and it sells",
            "A lost card is no way to a second grant. The entries of the old card, however late, are charged to the new one.",
        );
        make(&self.stage, &mut self.remade, &self.cinema)?;
        send(&mut self.stage, &[&self.remade])?;
        let file = self.stage.region(&["card", "show"], &[&self.remade.number])?.json()?;
        let charged = |code| benefit(&file["rights"], code)["opening"].clone();
        let tell = &self.stage.tell;
        tell.claim_cents("charged for the new card, of his school books", 500, &charged(SCHOOL_BOOKS))?;
        tell.claim("carried over, seats", 1, &charged(CINEMA))?;
        tell.claim_cents("carried over, books", 500, &charged(BOOKS))?;
        let (card, shown) = self.stage.present(&self.remade, &self.second)?;
        let left = [CINEMA, BOOKS].map(|code| benefit(&shown["benefits"], code)["left"].clone());
        self.stage.tell.claim_that("his new card has 4 seats left", 4, &left[0])?;
        let sold = self.sell(Shop::Second, &[])?;
        self.stage.tell.claim_that("1 seat debited, 3 left", json!([1, 3]), &json!([sold["debited"], sold["left"]]))?;
        self.stage.take(card, &self.second)?;
        let synced = self.stage.ask(&self.second, &["sync"], 0)?;
        self.stage.tell.claim_that("the second cinema exchanges, and the region knows", 0, &synced["waiting"])
    }

    pub(super) fn balance_is_asked_for(&mut self) -> Result<(), Failure> {
        self.stage.tell.step(
            "Théo asks the region what he has left",
            "With the number on his card and the secret of his first mail: whoever finds a card knows only one of them.",
        );
        let ask = |secret: &str| {
            let who = json!({ "card_number": self.remade.number, "secret": secret });
            self.stage.post("/v1/holder/balance", None, &who)
        };
        let tell = &self.stage.tell;
        let (refused, _) = ask("0000-0000-0000-0000-0000")?;
        tell.claim("with a wrong secret, HTTP says", 403, &json!(refused))?;
        let (_, balance) = ask(&self.secret)?;
        let left = |code| benefit(&balance["rights"], code)["left"].clone();
        tell.claim("seats left", 3, &left(CINEMA))?;
        tell.claim_cents("left for books", 300, &left(BOOKS))?;
        tell.claim_cents("left for school books", 9500, &left(SCHOOL_BOOKS))?;
        let movements = balance["movements"].as_array().map(Vec::as_slice).unwrap_or_default();
        for movement in movements {
            let amount = movement["amount"].as_u64().unwrap_or_default();
            let what = if movement["benefit"] == CINEMA { format!("{amount} seat") } else { euros(amount) };
            let [time, partner, card] = ["time", "partner", "card"].map(|of| movement[of].as_str().unwrap_or_default());
            tell.fact(&format!("{time}  {what} at {partner}, with card {card}"));
        }
        tell.claim_that("three movements, with both cards, at three partners", 3, &json!(movements.len()))?;
        tell.claim_that("it says until when it is known", true, &json!(balance["known_until"].is_string()))
    }
}
