//! The exchange of the night, and the books: everything is added up.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{BOOKS, CINEMA, Story};
use crate::books::{Book, seat_worth};
use crate::failure::Failure;
use crate::stage::{Terminal, benefit};
use crate::tell::euros;

impl Story {
    pub(super) fn everybody_exchanges(&mut self) -> Result<(), Failure> {
        self.stage.tell.step(
            "All three terminals exchange with the region",
            "What was sold off line reaches the region; its signed receipt and its verdicts come back.",
        );
        for terminal in self.terminals() {
            let ran = self.stage.verb(terminal, &["sync"], 0)?;
            self.stage.tell.screen(terminal.partner, &ran.out);
        }
        // What one brought can change what another's entries are worth: the second round has everybody's.
        for terminal in self.terminals() {
            let report = self.stage.ask(terminal, &["sync"], 0)?;
            let what = format!("{}: the region has every entry", terminal.partner);
            self.stage.tell.claim_that(&what, json!([0, null]), &json!([report["waiting"], report["error"]]))?;
        }
        Ok(())
    }

    pub(super) fn books_agree(&mut self) -> Result<(), Failure> {
        self.stage.tell.step(
            "The region's book and the partners' journals agree to the cent",
            "The partner is paid by the first and checks it with the second; neither has to trust the other.",
        );
        let worth = seat_worth()?;
        let paid =
            format!("the region pays {} a seat (config/catalogue.toml), and for books what was debited", euros(worth));
        self.stage.tell.fact(&paid);
        // Payable, and kept of the holders' money, as the story went: five seats, books for 8 and 5 EUR, two seats.
        let expected = [(5 * worth, 500), (800 + 500, 1550), (2 * worth, 200)];
        for (terminal, (payable, kept)) in self.terminals().into_iter().zip(expected) {
            let partner = terminal.partner;
            let region = Book::of_region(&self.region_entries(terminal)?);
            let journal = Book::of_journal(&self.stage.journal(terminal)?, worth);
            self.stage.tell.claim(
                &format!("{partner}: by the region's verdicts"),
                money(payable, kept),
                &json!(said(&region)),
            )?;
            self.stage.tell.claim(&format!("{partner}: by its own journal"), said(&region), &json!(said(&journal)))?;
        }
        let undone = self.region_entries(&self.cinema)?;
        let contested: Vec<_> = undone.iter().filter(|entry| entry["verdict"] == "contested").collect();
        let reasons: Vec<_> = contested.iter().map(|entry| entry["reason"].clone()).collect();
        self.stage.tell.claim_that(
            "what the region does not pay is the seat that was undone, and nothing else",
            json!(["taken-back"]),
            &json!(reasons),
        )
    }

    pub(super) fn chains_are_verified(&mut self) -> Result<(), Failure> {
        self.stage.tell.step(
            "Every ledger is verified, entry by entry, against the region's receipts",
            "Each entry is signed and names the hash of the one before: nothing can be altered, left out or slipped in unseen.",
        );
        for terminal in self.terminals() {
            let partner = terminal.partner;
            let ran = self.stage.verb(terminal, &["verify"], 0)?;
            self.stage.tell.screen(partner, &ran.out);
            let verified = self.stage.ask(terminal, &["verify"], 0)?;
            let what = format!("{partner}: chain and signatures hold, receipts too");
            self.stage.tell.claim_that(&what, true, &verified["verified"])?;
            let status = self.stage.ask(terminal, &["status"], 0)?;
            let received = self.region_entries(terminal)?;
            let newest = received.iter().filter_map(|entry| entry["sequence"].as_u64()).max();
            let head = &verified["head"];
            let what = format!(
                "{partner}: its newest entry, {head}, is acknowledged by the region and the newest in its book"
            );
            let expected = json!([head, verified["hash"], head, head, head]);
            let (entry, hash) = (&status["entry"], &status["entry_hash"]);
            let came = json!([entry, hash, status["exchange"]["acknowledged"], received.len(), newest]);
            self.stage.tell.claim_that(&what, expected, &came)?;
        }
        Ok(())
    }

    pub(super) fn consumption_agrees(&mut self) -> Result<(), Failure> {
        self.stage.tell.line(
            "\n    What each card consumed, by three books that were kept apart:\n\n\
             \x20                                         chip  terminals     region",
        );
        let mut ledgers: BTreeMap<(String, String), i64> = BTreeMap::new();
        for terminal in self.terminals() {
            for (of, amount) in Book::of_journal(&self.stage.journal(terminal)?, 0).consumed {
                *ledgers.entry(of).or_default() += amount;
            }
        }
        // Journals show the ends of a number alone: cards that have them in common are told of together.
        let mut rows: Vec<Consumed> = Vec::new();
        for (name, card) in [("Inès", &self.ines), ("Théo, lost", &self.theo), ("Théo, remade", &self.remade)] {
            let chip = self.stage.inspect(card, &self.cinema)?;
            let region = self.stage.region(&["card", "show"], &[&card.number])?.json()?;
            for code in [CINEMA, BOOKS] {
                let consumed = |lines| benefit(lines, code)["consumed"].as_i64().unwrap_or(-1);
                let (chip, region) = (consumed(&chip["slots"]), consumed(&region["rights"]));
                let of = (card.masked.clone(), code.to_owned());
                match rows.iter_mut().find(|row| row.of == of) {
                    Some(row) => {
                        row.names.push(name);
                        row.chip += chip;
                        row.region += region;
                    }
                    None => rows.push(Consumed { of, names: vec![name], chip, region }),
                }
            }
        }
        for Consumed { of, names, chip, region } in rows {
            let terminals = ledgers.get(&of).copied().unwrap_or(0);
            let unit = if of.1 == CINEMA { "seats" } else { "cents" };
            let what = format!("{}: {} ({unit})", names.join(" and "), of.1);
            self.stage.tell.line(&format!("    {what:<36} {chip:>6} {terminals:>10} {region:>10}"));
            if [terminals, region] != [chip; 2] {
                let came = format!("{terminals} and {region}");
                return Err(Failure::Claim { what, expected: format!("{chip} in both books"), came });
            }
        }
        self.stage.tell.line("");
        self.stage.tell.checked("all three are equal, row by row");
        Ok(())
    }

    pub(super) fn terminals(&self) -> [&Terminal; 3] {
        [&self.cinema, &self.bookshop, &self.second]
    }

    pub(super) fn region_entries(&self, terminal: &Terminal) -> Result<Vec<Value>, Failure> {
        self.stage.region(&["entries"], &["--terminal", &terminal.id.to_string()])?.json_lines()
    }
}

/// What was consumed with a card, or with cards that cannot be told apart, by two of the books.
struct Consumed {
    /// Masked number and benefit.
    of: (String, String),
    names: Vec<&'static str>,
    chip: i64,
    region: i64,
}

fn said(book: &Book) -> String {
    money(book.payable, book.collected.saturating_sub(book.returned))
}

fn money(payable: u64, kept: u64) -> String {
    format!("{} payable, {} of the holders' money kept", euros(payable), euros(kept))
}
