//! The lines of a receipt, in French, on paper of any width: what counts stands first and large.

use super::pc858::printable;
use crate::domain::catalogue::Unit;
use crate::domain::entry::{Tender, Tenders};
use crate::domain::money;
use crate::domain::receipt::{Copy, Debited, Deed, Receipt, short_code};
use crate::domain::refusal::Language;
use crate::domain::{Cents, Date};

/// How many characters a line has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Width(u8);

impl Width {
    /// 58 mm paper, 32; 80 mm paper, 42 or 48.
    pub const ALL: [Self; 3] = [Self(32), Self(42), Self(48)];

    /// One of those that there are.
    pub fn new(characters: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|width| width.0 == characters)
    }

    /// The characters.
    pub fn get(self) -> usize {
        self.0.into()
    }
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As it is.
    Plain,
    /// In the middle.
    Centred,
    /// In the middle, and twice as large: half as many characters.
    Large,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How it looks.
    pub style: Style,
    /// What it says; no longer than its width.
    pub text: String,
}

/// The lines of `receipt`; the code follows after the last one.
pub fn lines(receipt: &Receipt, width: Width) -> Vec<Line> {
    let mut paper = Paper { width: width.get(), lines: Vec::new() };
    if let Copy::Duplicate(number) = receipt.copy {
        paper.large("DUPLICATA");
        paper.centred(&format!("Duplicata n° {number}"));
    }
    paper.centred(&receipt.partner);
    paper.centred("PASS'Région");
    paper.rule();
    paper.large(match receipt.deed {
        Deed::Sale => "VENTE",
        Deed::Undo | Deed::UndoRequest => "ANNULATION",
    });
    if let Some(debited) = &receipt.debited {
        of_benefit(&mut paper, receipt.deed, debited);
    }
    if let Some(price) = receipt.price {
        paper.pair("Prix", &euros(price));
    }
    if !receipt.supplement.is_zero() {
        paper.pair("Supplément", &euros(receipt.supplement));
    }
    let money = match receipt.deed {
        Deed::Sale => "ENCAISSÉ",
        Deed::Undo | Deed::UndoRequest => "RENDU",
    };
    paper.pair(money, &euros(receipt.money));
    match receipt.tender {
        Tenders::One(one) => paper.pair("Paiement", tender(one)),
        Tenders::Parts(parts) => {
            paper.pair("Paiement", "réparti");
            parts.iter().for_each(|(part, cents)| paper.pair(&format!("- {}", tender(part)), &euros(cents)));
        }
    }
    if receipt.deed == Deed::UndoRequest {
        paper.wrapped("Le droit sera rendu à la carte par la Région.");
    }
    paper.rule();
    paper.pair("Carte", &receipt.card);
    let (date, hour, minute) = Date::and_clock(receipt.time);
    let date = format!("{:02}/{:02}/{}", date.day(), date.month(), date.year());
    paper.pair("Date", &format!("{date} {hour:02}:{minute:02}"));
    paper.pair("Terminal", &receipt.terminal.to_string());
    if let Some((number, name)) = &receipt.cashier {
        let name = name.as_ref().map_or_else(String::new, |name| format!("{name} "));
        paper.pair("Caissier", &format!("{name}({number})"));
    }
    if let Some(related) = receipt.related {
        paper.pair("Annule l'écriture", &related.to_string());
    }
    paper.pair("Écriture", &receipt.entry.to_string());
    paper.pair("Signature", &short_code(&receipt.hash));
    paper.lines
}

fn of_benefit(paper: &mut Paper, deed: Deed, debited: &Debited) {
    let label = debited.label.as_ref().map_or_else(|| debited.benefit.to_string(), |label| label.french.clone());
    paper.centred(&label);
    let what = if deed == Deed::Sale { "Débité" } else { "Repris" };
    paper.pair(what, &amount(debited.amount, debited.unit));
    if let Some(left) = debited.left {
        paper.pair("Reste sur la carte", &amount(left, debited.unit));
    }
}

fn amount(amount: u32, unit: Option<Unit>) -> String {
    match unit {
        Some(Unit::Seat { .. }) if amount < 2 => format!("{amount} place"),
        Some(Unit::Seat { .. }) => format!("{amount} places"),
        Some(Unit::Cent) => euros(Cents::from_u32(amount)),
        None => amount.to_string(),
    }
}

fn euros(cents: Cents) -> String {
    money::euros(cents.get(), Language::French)
}

const fn tender(tender: Tender) -> &'static str {
    match tender {
        Tender::Cash => "espèces",
        Tender::Card => "carte bancaire",
        Tender::Cheque => "chèque",
        Tender::Other => "autre",
        Tender::Tpe => "carte bancaire (TPE)",
    }
}

struct Paper {
    width: usize,
    lines: Vec<Line>,
}

impl Paper {
    fn push(&mut self, style: Style, text: &str) {
        self.lines.push(Line { style, text: text.to_owned() });
    }

    fn large(&mut self, text: &str) {
        let width = self.width / 2;
        fold(text, width).iter().for_each(|line| self.push(Style::Large, line));
    }

    fn centred(&mut self, text: &str) {
        fold(text, self.width).iter().for_each(|line| self.push(Style::Centred, line));
    }

    fn wrapped(&mut self, text: &str) {
        fold(text, self.width).iter().for_each(|line| self.push(Style::Plain, line));
    }

    fn rule(&mut self) {
        let rule = "-".repeat(self.width);
        self.push(Style::Plain, &rule);
    }

    /// A name at the left, a value at the right; on two lines where they do not fit on one.
    fn pair(&mut self, name: &str, value: &str) {
        let value = &printable(value);
        let taken = name.chars().count() + value.chars().count();
        if taken < self.width {
            let gap = " ".repeat(self.width - taken);
            self.push(Style::Plain, &format!("{name}{gap}{value}"));
            return;
        }
        self.push(Style::Plain, name);
        for line in fold(value, self.width) {
            let gap = " ".repeat(self.width - line.chars().count());
            self.push(Style::Plain, &format!("{gap}{line}"));
        }
    }
}

/// `text` in lines of at most `width` characters, broken between words where there are any.
fn fold(text: &str, width: usize) -> Vec<String> {
    let (text, mut lines) = (printable(text), vec![String::new()]);
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let line = lines.last_mut().map(|line| (line.chars().count(), line));
            let Some((used, line)) = line else { return lines };
            let gap = usize::from(used > 0);
            if used + gap + word.len() <= width {
                if gap > 0 {
                    line.push(' ');
                }
                line.extend(word);
                break;
            }
            if used == 0 {
                line.extend(word.drain(..width));
            }
            lines.push(String::new());
        }
    }
    lines
}

/// The lines as text, for a screen or a log of a printer that has no styles.
pub fn plain_text(lines: &[Line], width: Width) -> String {
    let as_text = |line: &Line| match line.style {
        Style::Plain => line.text.clone(),
        Style::Centred | Style::Large => {
            let gap = width.get().saturating_sub(line.text.chars().count()) / 2;
            format!("{}{}", " ".repeat(gap), line.text)
        }
    };
    lines.iter().map(as_text).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::cashier::CashierName;
    use crate::domain::catalogue::Code;
    use crate::domain::spoken::Spoken;
    use crate::domain::{CashierId, EntryHash, Sequence, TerminalId, Timestamp};

    pub(in crate::printer) fn receipt() -> Receipt {
        Receipt {
            deed: Deed::Sale,
            copy: Copy::Original,
            entry: Sequence::new(1234),
            time: Timestamp::parse("2026-11-22T19:41:07Z").unwrap(),
            partner: "Cinéma Le Phare des Hauts-Plateaux du Cœur de l'Ardèche".to_owned(),
            terminal: TerminalId::new(17),
            cashier: Some((CashierId::new(2), CashierName::new("Zoé").ok())),
            card: "9250 .... .... 6187".to_owned(),
            debited: Some(Debited {
                benefit: Code::new("cinema").unwrap(),
                label: Some(Spoken::new("Cinéma : à l'affiche", "Cinema")),
                amount: 1,
                unit: Some(Unit::Seat { contribution: Cents::from_u32(100), region_pays: Cents::from_u32(400) }),
                left: Some(4),
            }),
            price: None,
            supplement: Cents::from_u32(150),
            money: Cents::from_u32(250),
            tender: Tender::Cash.into(),
            related: None,
            hash: EntryHash::new([0x5a; 32]),
            code: "PASS1:AE".to_owned(),
        }
    }

    #[test]
    fn every_line_fits_on_every_paper() {
        for width in Width::ALL {
            let duplicate = Receipt { copy: Copy::Duplicate(2), ..receipt() };
            for receipt in [receipt(), duplicate, Receipt { deed: Deed::UndoRequest, ..receipt() }] {
                let lines = lines(&receipt, width);
                for line in &lines {
                    let most = if line.style == Style::Large { width.get() / 2 } else { width.get() };
                    assert!(line.text.chars().count() <= most, "{width:?}: {line:?}");
                }
            }
        }
    }

    #[test]
    fn a_receipt_says_what_the_holder_has_to_know() {
        let text = plain_text(&lines(&receipt(), Width::ALL[1]), Width::ALL[1]);
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        for expected in [
            "Débité                             1 place",
            "Reste sur la carte                4 places",
            "ENCAISSÉ                            2,50 €",
            "Supplément                          1,50 €",
            "Carte                  9250 .... .... 6187",
            "Date                      22/11/2026 20:41",
            "Caissier                           Zoé (2)",
            "Écriture                              1234",
            "Signature                        B9D5-MPJT",
        ] {
            assert!(lines.contains(&expected), "{expected}:\n{text}");
        }
        assert!(!text.contains("DUPLICATA"));
        let parts = [(Tender::Cash, Cents::from_u32(50)), (Tender::Tpe, Cents::from_u32(200))];
        let parts = crate::domain::entry::Parts::new(parts).unwrap();
        let mixed = Receipt { tender: Tenders::Parts(parts), ..receipt() };
        let text = plain_text(&super::lines(&mixed, Width::ALL[1]), Width::ALL[1]);
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        for expected in [
            "Paiement                           réparti",
            "- espèces                           0,50 €",
            "- carte bancaire (TPE)              2,00 €",
        ] {
            assert!(lines.contains(&expected), "{expected}:\n{text}");
        }
        let duplicate = Receipt { copy: Copy::Duplicate(3), ..receipt() };
        let text = plain_text(&super::lines(&duplicate, Width::ALL[0]), Width::ALL[0]);
        assert!(text.contains("Duplicata n° 3"), "{text}");
    }
}
