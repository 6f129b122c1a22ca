//! Receipts, as people read them.

use crate::domain::refusal::Language;
use crate::domain::refusal::Language::{English, French};
use crate::till::json::ReceiptOutcome;

pub(in crate::terminal::cli) fn receipt(outcome: &ReceiptOutcome, _: Language) -> String {
    match outcome {
        // A receipt is in the language of the counter.
        ReceiptOutcome::Receipt(receipt) => format!("{}\n\n{}", receipt.text, receipt.code),
        ReceiptOutcome::Refused(why) => why.message.clone(),
    }
}

pub(in crate::terminal::cli) fn receipt_queued(outcome: &ReceiptOutcome, language: Language) -> String {
    match (outcome, language) {
        (ReceiptOutcome::Refused(why), _) => why.message.clone(),
        (ReceiptOutcome::Receipt(receipt), French) if receipt.duplicate > 0 => {
            format!("À l'imprimante : duplicata n° {} de l'écriture {}.", receipt.duplicate, receipt.entry)
        }
        (ReceiptOutcome::Receipt(receipt), French) => {
            format!("À l'imprimante : reçu de l'écriture {}.", receipt.entry)
        }
        (ReceiptOutcome::Receipt(receipt), English) if receipt.duplicate > 0 => {
            format!("To the printer: duplicate no. {} of entry {}.", receipt.duplicate, receipt.entry)
        }
        (ReceiptOutcome::Receipt(receipt), English) => format!("To the printer: receipt of entry {}.", receipt.entry),
    }
}
