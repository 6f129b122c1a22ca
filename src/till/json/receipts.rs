//! Receipts in JSON.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::Cents;
use crate::domain::catalogue::Unit;
use crate::domain::receipt::{self, Copy, Debited, Deed, short_code};
use crate::domain::refusal::Language;
use crate::till::{NoReceipt, Paper, ReceiptView};

use super::requests::{BadValue, Part};

/// `POST /v1/receipts/{entry}/print`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PrintRequest {
    /// `printer` (the default), or `client` for a page that prints it itself.
    #[schema(pattern = "^(printer|client)$")]
    pub to: Option<String>,
}

impl PrintRequest {
    /// Where it goes.
    ///
    /// # Errors
    /// [`BadValue`].
    pub fn paper(&self) -> Result<Paper, BadValue> {
        match self.to.as_deref() {
            None | Some("printer") => Ok(Paper::Printer),
            Some("client") => Ok(Paper::Client),
            Some(_) => Err(BadValue::new("to", "printer, client")),
        }
    }
}

/// What came of a request for a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum ReceiptOutcome {
    /// Here it is.
    Receipt(Box<Receipt>),
    /// There is none.
    Refused(NoReceiptReason),
}

/// Why there is no receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NoReceiptReason {
    /// The reason's code.
    pub refusal: String,
    /// What is the matter and what to do, for people.
    pub message: String,
}

/// A receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// `sale`, `undo` or `undo-request`.
    pub kind: String,
    /// The entry.
    pub entry: u64,
    /// When.
    pub time: String,
    /// The partner's name.
    pub partner: String,
    /// The terminal's id.
    pub terminal: u32,
    /// The number of the cashier, where cashiers sign in.
    pub cashier: Option<u16>,
    /// Their name.
    pub cashier_name: Option<String>,
    /// The card, masked.
    pub card: String,
    /// The benefit's code.
    pub benefit: Option<String>,
    /// Its name for people.
    pub label: Option<String>,
    /// Debited, or taken back, in the unit.
    pub amount: Option<u32>,
    /// `seat` or `cent`.
    pub unit: Option<String>,
    /// What is left on the card, of a sale.
    pub left: Option<u32>,
    /// The price, where one was given.
    pub price_cents: Option<u64>,
    /// The supplement.
    pub supplement_cents: u64,
    /// Collected from the holder (a sale), else 0.
    pub collected_cents: u64,
    /// Given back to the holder (an undo), else 0.
    pub returned_cents: u64,
    /// The tender's code, or `mixed`.
    pub tender: String,
    /// Each part of it, where it is in parts: `tender` is then `mixed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// The debit that is taken back.
    pub related: Option<u64>,
    /// Eight characters to compare by eye.
    pub signature: String,
    /// The signed entry as the QR symbol has it: `pass-terminal verify --receipt` checks it off line.
    pub code: String,
    /// That symbol, to be drawn below the text; missing where the code has no room in one.
    pub symbol: Option<ReceiptSymbol>,
    /// Which duplicate this is; 0 for the original, and for one that is only looked at.
    pub duplicate: u32,
    /// Whether one was handed out before, or is now.
    pub handed_out: bool,
    /// The receipt as text for paper, its lines broken and centred.
    pub text: String,
}

/// A QR symbol, to be drawn in dark on white, with four modules of white around it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptSymbol {
    /// How many modules a side has.
    pub side: u16,
    /// The dark modules as the `d` of an SVG path: one unit is a module, and the upper left corner is 0,0.
    pub path: String,
}

impl ReceiptSymbol {
    fn new(symbol: &receipt::Symbol) -> Self {
        let rows = symbol.dark.chunks(symbol.side.into()).enumerate();
        Self { side: symbol.side, path: rows.flat_map(|(y, row)| bars(y, row)).collect() }
    }
}

/// The dark modules of a row, those that touch as one bar.
fn bars(y: usize, row: &[bool]) -> impl Iterator<Item = String> {
    let mut x = 0;
    row.chunk_by(|left, right| left == right).filter_map(move |run| {
        let (from, length) = (x, run.len());
        x += length;
        run.first()?.then(|| format!("M{from} {y}h{length}v1h-{length}z"))
    })
}

impl Receipt {
    /// The receipt, as JSON.
    pub fn new(view: &ReceiptView, language: Language) -> Self {
        let receipt = &view.receipt;
        let debited = receipt.debited.as_ref();
        let (collected, returned) = match receipt.deed {
            Deed::Sale => (receipt.money, Cents::ZERO),
            Deed::Undo | Deed::UndoRequest => (Cents::ZERO, receipt.money),
        };
        let name = receipt.cashier.as_ref().and_then(|(_, name)| name.as_ref());
        Self {
            kind: match receipt.deed {
                Deed::Sale => "sale",
                Deed::Undo => "undo",
                Deed::UndoRequest => "undo-request",
            }
            .to_owned(),
            entry: receipt.entry.get(),
            time: receipt.time.to_string(),
            partner: receipt.partner.clone(),
            terminal: receipt.terminal.get(),
            cashier: receipt.cashier.as_ref().map(|(cashier, _)| cashier.get()),
            cashier_name: name.map(ToString::to_string),
            card: receipt.card.clone(),
            benefit: debited.map(|debited| debited.benefit.to_string()),
            label: debited
                .and_then(|debited| debited.label.as_ref())
                .map(|label| label.in_language(language).to_owned()),
            amount: debited.map(|debited| debited.amount),
            unit: debited.and_then(|debited| debited.unit).map(|unit| Unit::code(unit).to_owned()),
            left: debited.and_then(|Debited { left, .. }| *left),
            price_cents: receipt.price.map(Cents::get),
            supplement_cents: receipt.supplement.get(),
            collected_cents: collected.get(),
            returned_cents: returned.get(),
            tender: receipt.tender.code().to_owned(),
            parts: Part::of(receipt.tender),
            related: receipt.related.map(|entry| entry.get()),
            signature: short_code(&receipt.hash),
            code: receipt.code.clone(),
            symbol: view.symbol.as_ref().map(ReceiptSymbol::new),
            duplicate: match receipt.copy {
                Copy::Original => 0,
                Copy::Duplicate(number) => number,
            },
            handed_out: view.duplicates.is_some(),
            text: view.text.clone(),
        }
    }
}

impl ReceiptOutcome {
    /// The outcome, spoken.
    pub fn new(outcome: &Result<ReceiptView, NoReceipt>, language: Language) -> Self {
        match outcome {
            Ok(view) => Self::Receipt(Box::new(Receipt::new(view, language))),
            Err(why) => {
                let (refusal, message) = (why.code().to_owned(), why.sentence(language));
                Self::Refused(NoReceiptReason { refusal, message })
            }
        }
    }
}
