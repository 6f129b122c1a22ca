//! What the local API needs of the terminal about receipts.

use crate::domain::receipt::{Receipt, Symbol};
use crate::domain::refusal::Language;
use crate::domain::{CashierId, Sequence};

use super::desk::{BoxFuture, DeskGone};

/// Why there is no receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoReceipt {
    /// There is no such entry, or nobody takes a receipt of it.
    NotThere,
    /// No printer is set up.
    NoPrinter,
    /// The ledger cannot be written or read.
    Unavailable(String),
}

impl NoReceipt {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotThere => "no-receipt",
            Self::NoPrinter => "no-printer",
            Self::Unavailable(_) => "ledger-unavailable",
        }
    }

    /// What is the matter and what to do, in one sentence.
    pub fn sentence(&self, language: Language) -> String {
        let (french, english) = match self {
            Self::NotThere => (
                "Il n'y a pas de reçu pour cette écriture : seules les ventes et les annulations en ont un.".to_owned(),
                "There is no receipt of this entry: only sales and undos have one.".to_owned(),
            ),
            Self::NoPrinter => (
                "Aucune imprimante n'est configurée : voyez [printer] dans la configuration.".to_owned(),
                "No printer is set up: see [printer] in the configuration.".to_owned(),
            ),
            Self::Unavailable(why) => (
                format!("Le journal ne peut pas être écrit ou lu, rien n'a changé : {why}."),
                format!("The ledger cannot be written or read, nothing has changed: {why}."),
            ),
        };
        match language {
            Language::French => french,
            Language::English => english,
        }
    }
}

/// Where a receipt goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paper {
    /// To the terminal's printer.
    Printer,
    /// To whoever asks: a page that prints it itself.
    Client,
}

/// A receipt, and how it looks on paper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptView {
    /// The receipt.
    pub receipt: Receipt,
    /// How many duplicates were handed out; nothing before the original was.
    pub duplicates: Option<u32>,
    /// Its lines, in the middle where they stand there, for paper of fixed width.
    pub text: String,
    /// Its code as a symbol, where it has room in one.
    pub symbol: Option<Symbol>,
}

/// An answer that will come, with what may keep the terminal from giving it.
pub type ReceiptAnswer<'a, T> = BoxFuture<'a, Result<Result<T, NoReceipt>, DeskGone>>;

/// What the terminal does for the local API about receipts.
pub trait ReceiptDesk: Send + Sync + 'static {
    /// The receipt of an entry, to be looked at: nothing is handed out, and nothing goes on record.
    fn receipt(&self, entry: Sequence) -> ReceiptAnswer<'_, ReceiptView>;

    /// The receipt of an entry is handed out: the first time as the original, then as a duplicate, which goes on record. To the printer it is
    /// put into a queue.
    fn hand_out(&self, by: Option<CashierId>, entry: Sequence, paper: Paper) -> ReceiptAnswer<'_, ReceiptView>;
}
