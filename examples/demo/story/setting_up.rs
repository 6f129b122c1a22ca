//! Steps 1 and 2: the region and its partners.

use serde_json::json;

use super::Story;
use crate::failure::Failure;
use crate::stage::{Stage, Terminal};
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
        let made = made.json()?;
        stage.tell.claim_that("its key number 1 signs cards and terminals", 1, &made["key_serial"])?;
        // A pupil of a lycée in this season.
        self.birth_year = made["season"].as_u64().unwrap_or_default().saturating_sub(16).to_string();
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
    terminal.partner_id = partner["partner_id"].clone();
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
