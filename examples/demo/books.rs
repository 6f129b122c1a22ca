//! The books of both sides, added up from what the verbs write: a terminal's journal, and the region's entries of that terminal.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::failure::Failure;

/// What a side says of one terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Book {
    /// How many entries.
    pub(crate) entries: u64,
    /// What the region owes the partner, in cents.
    pub(crate) payable: u64,
    /// What the partner took from holders for sales that stand, in cents.
    pub(crate) collected: u64,
    /// What it gave back, in cents.
    pub(crate) returned: u64,
    /// What was consumed and not given back, by masked card and benefit.
    pub(crate) consumed: BTreeMap<(String, String), i64>,
}

/// What the region pays for a seat, in cents: from the catalogue that `pass-region init` takes.
pub(crate) fn seat_worth() -> Result<u64, Failure> {
    let not_understood = || Failure::not_understood("config/catalogue.toml", "no region-pays-cents for cinema");
    let catalogue: toml::Table = toml::from_str(include_str!("../../config/catalogue.toml"))
        .map_err(|error| Failure::not_understood("config/catalogue.toml", error))?;
    let benefits = catalogue.get("benefit").and_then(toml::Value::as_array).ok_or_else(not_understood)?;
    let cinema = benefits.iter().find(|benefit| benefit.get("code").and_then(toml::Value::as_str) == Some("cinema"));
    let pays = cinema.and_then(|cinema| cinema.get("region-pays-cents")).and_then(toml::Value::as_integer);
    pays.and_then(|pays| u64::try_from(pays).ok()).ok_or_else(not_understood)
}

impl Book {
    /// From the terminal's journal. The journal has amounts and verdicts; what a seat is worth is the catalogue's.
    pub(crate) fn of_journal(entries: &[Value], seat_worth: u64) -> Self {
        let mut book = Self::default();
        for entry in entries {
            let amount = cents(&entry["amount"]);
            let worth = if entry["unit"] == "seat" { amount * seat_worth } else { amount };
            book.add(entry, if entry["verdict"] == "payable" { worth } else { 0 });
        }
        book
    }

    /// From the region's entries of one terminal, by its own verdicts.
    pub(crate) fn of_region(entries: &[Value]) -> Self {
        let mut book = Self::default();
        for entry in entries {
            book.add(entry, cents(&entry["payable_cents"]));
        }
        book
    }

    fn add(&mut self, entry: &Value, payable: u64) {
        self.entries += 1;
        self.payable += payable;
        let sign = match entry["kind"].as_str() {
            Some("debit") => 1,
            Some("reversal") => -1,
            // Nothing here moves a purse; money of a sale that did not come about was neither kept nor owed.
            _ => return,
        };
        self.collected += cents(&entry["collected_cents"]);
        self.returned += cents(&entry["returned_cents"]);
        if let (Some(card), Some(benefit), Some(amount)) =
            (entry["card"].as_str(), entry["benefit"].as_str(), entry["amount"].as_i64())
        {
            *self.consumed.entry((card.to_owned(), benefit.to_owned())).or_default() += sign * amount;
        }
    }
}

fn cents(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}
