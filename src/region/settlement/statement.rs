//! The statement of a settlement for a partner: one HTML page, French first, that needs nothing from anywhere and prints on A4. It has every line with
//! its terminal and entry number, and neither a card nor a holder.

use std::fmt::Display;
use std::io::{self, Write};

use quick_xml::escape::escape;

use crate::domain::{Balance, PartnerId};
use crate::region::Region;
use crate::region::error::RegionError;
use crate::region::store::PartnerSettlement;

use super::days::Day;
use super::sheets::unwritten;
use super::trouble::SettlementTrouble;
use super::{BenefitName, Line, SettlementFile, credit_transfer, csv};

const STYLE: &str = include_str!("statement.css");

impl Region {
    /// Writes the statement of `partner`.
    ///
    /// # Errors
    /// [`SettlementTrouble::NotInIt`], [`SettlementTrouble::Unfinished`], the store's, what writing says.
    pub fn write_statement(
        &self,
        file: &SettlementFile,
        partner: PartnerId,
        out: impl Write,
    ) -> Result<(), RegionError> {
        file.sealed()?;
        let number = file.settlement.number;
        let of = file.partners.iter().find(|of| of.partner == partner);
        let of = of.ok_or(SettlementTrouble::NotInIt { partner: partner.get(), number })?;
        let paid_to = self.paid_to(of)?.map(|account| account.iban.masked());
        let (city, payer) = self.store().read(|tx| {
            let city = tx.partner_row(partner)?.and_then(|row| row.city);
            let payer = tx.payer_at(file.settlement.begun_at)?.map(|row| row.account.holder);
            Ok::<_, RegionError>((city, payer))
        })?;
        let mut page = Page { file, of, out };
        page.head(city.as_deref(), payer.as_deref()).map_err(unwritten)?;
        page.totals().map_err(unwritten)?;
        page.account(paid_to.as_deref()).map_err(unwritten)?;
        page.lines_begin().map_err(unwritten)?;
        self.settlement_lines(file, Some(partner), |line| page.line(line).map_err(unwritten))?;
        page.end().map_err(unwritten)
    }
}

struct Page<'f, W> {
    file: &'f SettlementFile,
    of: &'f PartnerSettlement,
    out: W,
}

/// `1 234,50 €`, with a minus sign and not a hyphen.
fn money(cents: Balance) -> String {
    let text = csv::euros(cents);
    let (euros, decimals) = text.split_once(',').unwrap_or((&text, "00"));
    format!("{},{decimals}\u{a0}€", grouped(euros))
}

fn count(number: i64) -> String {
    grouped(&number.to_string())
}

fn grouped(number: &str) -> String {
    match number.strip_prefix('-') {
        Some(digits) => format!("\u{2212}{}", thousands(digits)),
        None => thousands(number),
    }
}

/// Digits in groups of three, as French writes them.
fn thousands(digits: &str) -> String {
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

fn cell(cents: Balance) -> String {
    let less = if cents < Balance::ZERO { " less" } else { "" };
    format!("<td class=\"n{less}\">{}</td>", money(cents))
}

/// Seats are counted, euros have their column already.
fn amount(name: &BenefitName, amount: i64) -> String {
    match name.unit.as_str() {
        "seat" if amount.abs() < 2 => format!("{}\u{a0}place", count(amount)),
        "seat" => format!("{}\u{a0}places", count(amount)),
        "cent" => money(Balance::new(amount)),
        _ => count(amount),
    }
}

fn both(french: impl Display, english: impl Display) -> String {
    format!("{french} <span lang=\"en\">{english}</span>")
}

impl<W: Write> Page<'_, W> {
    fn head(&mut self, city: Option<&str>, payer: Option<&str>) -> io::Result<()> {
        let SettlementFile { settlement, seal, .. } = self.file;
        let number = settlement.number;
        let until = Day::parse(&settlement.until).map_or_else(|| settlement.until.clone(), Day::french);
        let period = match self.file.begins_after() {
            Some(before) => both(
                format!("Écritures reçues après le {} et jusqu'au {until} inclus", before.french()),
                format!("Entries received after {before}, up to and including {}", settlement.until),
            ),
            None => both(
                format!("Écritures reçues jusqu'au {until} inclus"),
                format!("Entries received up to and including {}", settlement.until),
            ),
        };
        let closed = seal.map_or_else(String::new, |seal| {
            let day = Day::of(seal.sealed_at);
            both(format!("Arrêté le {}", day.french()), format!("Closed on {day}"))
        });
        let name = escape(&self.of.name);
        let city = city.map_or_else(String::new, |city| format!("<p>{}</p>", escape(city)));
        let payer = escape(payer.unwrap_or("PASS'Région"));
        write!(
            self.out,
            "<!doctype html>\n<html lang=\"fr\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <title>Relevé {number} — {name}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<div>\n\
             <h1>Relevé de règlement n°&nbsp;{number} <span lang=\"en\">Settlement statement</span></h1>\n\
             <p>{payer}</p>\n<p>{period}</p>\n<p>{closed}</p>\n</div>\n\
             <div class=\"partner\">\n<p><strong>{name}</strong></p>\n{city}\n<p>{}</p>\n</div>\n</header>\n<main>\n",
            both(format!("Partenaire n°&nbsp;{}", self.of.partner), "Partner"),
        )
    }

    fn totals(&mut self) -> io::Result<()> {
        write!(
            self.out,
            "<h2>{}</h2>\n<table>\n<thead><tr><th>{}</th><th>{}</th><th class=\"n\">{}</th><th class=\"n\">{}</th>\
             <th class=\"n\">{}</th><th class=\"n\">{}</th></tr></thead>\n<tbody>\n",
            both("Par avantage", "By benefit"),
            both("Avantage", "Benefit"),
            both("Saison", "Season"),
            both("Ventes", "Sales"),
            both("Quantité", "Quantity"),
            both("dont régularisations", "of which corrections"),
            both("Montant", "Amount"),
        )?;
        for total in self.file.totals.iter().filter(|total| total.partner == self.of.partner) {
            let name = self.file.name(total.season, total.slot);
            writeln!(
                self.out,
                "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>{}{}</tr>",
                escape(&name.french),
                total.season,
                count(total.sales),
                amount(&name, total.amount),
                cell(total.corrected),
                cell(total.cents),
            )?;
        }
        writeln!(
            self.out,
            "<tr class=\"sum\"><td colspan=\"5\">{}</td>{}</tr>\n</tbody>\n</table>",
            both("Total de la période", "Total of the period"),
            cell(self.of.lines)
        )
    }

    fn account(&mut self, paid_to: Option<&str>) -> io::Result<()> {
        let PartnerSettlement { carried, lines, paid, partner, .. } = *self.of;
        let reference = credit_transfer::reference(self.file.settlement.number, partner);
        let payment = match paid_to {
            Some(iban) => both(
                format!(
                    "Versé sur le compte <span class=\"whole\">{iban}</span>, référence <code class=\"whole\">{reference}</code>"
                ),
                "Paid by transfer, with this reference",
            ),
            None => both("Rien n'est versé", "Nothing is paid"),
        };
        let rest = self.of.rest();
        let why = match rest.get() {
            0 => both("Reste à reporter", "Carried over to the next settlement"),
            less if less < 0 => both(
                "Trop-perçu, déduit du prochain règlement ; rien n'est à rembourser",
                "Overpaid: taken off the next settlement; nothing is to be paid back",
            ),
            _ => both(
                "Reporté au prochain règlement (il manque un compte bancaire, ou le plafond d'un virement est atteint)",
                "Carried over to the next settlement (no bank account, or above what one transfer may bring)",
            ),
        };
        write!(
            self.out,
            "<h2>{}</h2>\n<table>\n<tbody>\n<tr><td>{}</td>{}</tr>\n<tr><td>{}</td>{}</tr>\n\
             <tr class=\"paid\"><td>{payment}</td>{}</tr>\n<tr><td>{why}</td>{}</tr>\n</tbody>\n</table>\n",
            both("Décompte", "Account"),
            both("Report du règlement précédent", "Carried over from the settlement before"),
            cell(carried),
            both("Total de la période", "Total of the period"),
            cell(lines),
            cell(paid.into()),
            cell(rest),
        )
    }

    fn lines_begin(&mut self) -> io::Result<()> {
        write!(
            self.out,
            "<h2>{}</h2>\n<table>\n<thead><tr><th>{}</th><th class=\"n\">{}</th><th class=\"n\">{}</th><th>{}</th>\
             <th class=\"n\">{}</th><th class=\"n\">{}</th></tr></thead>\n<tbody>\n",
            both("Détail des écritures", "Every entry"),
            both("Jour", "Day"),
            both("Terminal", "Terminal"),
            both("Écriture", "Entry"),
            both("Avantage", "Benefit"),
            both("Quantité", "Quantity"),
            both("Montant", "Amount"),
        )
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        let name = self.file.name(line.season, line.slot);
        let tag = if line.correction { " <span class=\"tag\">régularisation</span>" } else { "" };
        let place = line.change.place;
        let branch = if place.branch == 0 { String::new() } else { format!("/{}", place.branch) };
        writeln!(
            self.out,
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}{branch}</td><td>{}{tag}</td><td class=\"n\">{}</td>{}</tr>",
            Day::of(line.sold_at).french(),
            line.terminal,
            place.sequence,
            escape(&name.french),
            amount(&name, line.amount()),
            cell(line.cents()),
        )
    }

    fn end(&mut self) -> io::Result<()> {
        let hash = self.file.seal.map(|seal| hex::encode(seal.entries_sha256)).unwrap_or_default();
        write!(
            self.out,
            "</tbody>\n</table>\n</main>\n<footer>\n<p>Chaque ligne est une écriture signée par votre terminal : son numéro est celui de son \
             journal (<code>pass-terminal journal</code>). Une régularisation corrige une écriture reçue dans une période antérieure.</p>\n\
             <p lang=\"en\">Each line is an entry that your terminal has signed: its number is that of its journal. A correction changes \
             an entry that came in an earlier period.</p>\n\
             <p>Empreinte du règlement <span lang=\"en\">Hash of the settlement</span> : <code>{hash}</code></p>\n\
             </footer>\n</body>\n</html>\n"
        )?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_french_writes_them() {
        let table = [
            (0, "0,00\u{a0}€"),
            (-2350, "\u{2212}23,50\u{a0}€"),
            (123_456_789, "1\u{202f}234\u{202f}567,89\u{a0}€"),
            (100_000, "1\u{202f}000,00\u{a0}€"),
        ];
        for (cents, text) in table {
            assert_eq!(money(Balance::new(cents)), text);
        }
    }
}
