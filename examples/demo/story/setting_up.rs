//! Steps 1 to 3: the region, its partners, its cards.

use serde_json::json;

use super::{BOOKS, CINEMA, Story};
use crate::failure::Failure;
use crate::stage::{Card, Stage, Terminal, benefit};
use crate::tell::ms;

impl Story {
    pub(super) fn region_is_set_up(&mut self) -> Result<(), Failure> {
        let stage = &mut self.stage;
        stage.tell.step(
            "The region is set up",
            "It holds the keys that make cards and terminals believable, and the book of what it owes to partners.",
        );
        let made = stage.region(&["init"], &[])?;
        stage.tell.fact(&format!("keys, store and catalogue made in {}", ms(made.took)));
        stage.tell.claim_that("its key number 1 signs cards and terminals", 1, &made.json()?["key_serial"])?;
        stage.start_region()?;
        stage.tell.fact(&format!("it listens on {}", stage.region.url));
        Ok(())
    }

    pub(super) fn partners_are_enrolled(&mut self) -> Result<(), Failure> {
        self.stage.tell.step(
            "Two cinemas and a bookshop join, each with a code that works once",
            "A terminal makes its keys itself; the code, typed by hand and never sent, lets terminal and region believe each other.",
        );
        let names = ["Cinéma des Quais", "Librairie de la Place", "Cinéma du Pont"];
        let activities = ["cinema", "bookshop", "cinema"];
        let mut code = String::new();
        let terminals = [&mut self.cinema, &mut self.bookshop, &mut self.second];
        for ((terminal, name), activity) in terminals.into_iter().zip(names).zip(activities) {
            code = enrol(&self.stage, terminal, name, activity)?;
        }
        let late = self.stage.terminal("nobody", "nobody", 0);
        // EX_DATAERR: the region's answer is a conflict, and the terminal says what that means.
        let spent = self.stage.verb(&late, &["enrol", "--region", &self.stage.region.url, "--code", &code], 65)?;
        let conflict = json!(spent.errors.contains("déjà servi à une autre machine"));
        self.stage.tell.claim_that("a spent code, typed at another machine, is refused", true, &conflict)?;
        for terminal in [&mut self.cinema, &mut self.bookshop, &mut self.second] {
            self.stage.start_terminal(terminal)?;
            let synced = self.stage.ask(terminal, &["sync"], 0)?;
            let ready = format!("{}: ready to sell, and the region has all of its entries", terminal.partner);
            self.stage.tell.claim_that(&ready, 0, &synced["waiting"])?;
        }
        Ok(())
    }

    pub(super) fn cards_are_issued(&mut self) -> Result<(), Failure> {
        self.stage.tell.step(
            "Two blank chips become the cards of Inès and Théo",
            "Each chip makes its own key, which never leaves it: from now on it signs every change of its purse.",
        );
        issue(&self.stage, &mut self.ines, &self.cinema)?;
        issue(&self.stage, &mut self.theo, &self.cinema)?;
        // Screens and journals show the ends of a number: the story needs two that can be told apart there.
        while self.theo.masked == self.ines.masked {
            self.theo = self.stage.blank("Théo", &format!("theo-{}.card", self.theo.number));
            issue(&self.stage, &mut self.theo, &self.cinema)?;
        }
        Ok(())
    }
}

/// Adds a partner and enrols its terminal; gives the code, which is spent.
fn enrol(stage: &Stage, terminal: &mut Terminal, name: &str, activity: &str) -> Result<String, Failure> {
    let partner = stage.region(&["partner", "add"], &["--name", name, "--activity", activity])?.json()?;
    let id = partner["partner_id"].to_string();
    let added = stage.region(&["terminal", "add"], &["--partner", &id])?.json()?;
    let code = added["code"].as_str().ok_or_else(|| Failure::not_understood("a code", &added))?.to_owned();
    let enrol = ["enrol", "--region", &stage.region.url, "--code", &code, "--json"];
    let ran = stage.verb(terminal, &enrol, 0)?;
    let enrolled = ran.json()?;
    terminal.id = added["terminal_id"].clone();
    let shown: String = code.chars().take(4).collect();
    stage.tell.fact(&format!(
        "{name} ({}): code {shown}-…, enrolled as terminal {} in {}",
        terminal.partner,
        terminal.id,
        ms(ran.took)
    ));
    let expected = json!([terminal.id, partner["partner_id"], true]);
    let came = json!([enrolled["terminal_id"], enrolled["partner_id"], enrolled["exchanged"]]);
    if expected != came {
        let what = format!("{name} is enrolled and has exchanged");
        return Err(Failure::Claim { what, expected: expected.to_string(), came: enrolled.to_string() });
    }
    Ok(code)
}

fn issue(stage: &Stage, card: &mut Card, terminal: &Terminal) -> Result<(), Failure> {
    let took = stage.issue(card)?;
    let seen = stage.inspect(card, terminal)?;
    let masked = seen["card"].as_str().unwrap_or_default();
    masked.clone_into(&mut card.masked);
    let holder = card.holder;
    stage.tell.fact(&format!("{holder}'s card: {masked}, made in {}", ms(took)));
    stage.tell.claim_that(
        &format!("{holder}'s card proves to a terminal that it is genuine"),
        true,
        &seen["genuine"],
    )?;
    let granted = json!([benefit(&seen["slots"], CINEMA)["left"], benefit(&seen["slots"], BOOKS)["left"]]);
    stage.tell.claim_that(&format!("{holder}'s card has 5 seats, and 8.00 EUR for books"), json!([5, 800]), &granted)
}
