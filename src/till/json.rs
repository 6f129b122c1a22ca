//! The local JSON: every request, every answer, every error. Nothing else defines it, and the domain knows nothing of
//! it.
//!
//! - Names are `snake_case`; amounts are whole cents in fields that end in `_cents`; instants are UTC in RFC 3339;
//!   codes are the stable codes of the domain.
//! - A request with a field that is not known is refused: a misspelt `supplement_cents` must not become a sale without
//!   it.
//! - An answer may get more fields in later versions: a client passes over those that it does not know.
//! - A card's number is always masked in an answer; only [`AbandonmentRequest`] carries all of its digits.

mod answers;
mod carried;
mod cashiers;
mod closings;
mod detail;
mod payments;
mod problem;
mod receipts;
mod requests;
mod state;
mod tills;

pub use answers::{Abandoned, Answer, Answered, FoundCard, Granted, Labels, Quoted, Refused, Served, Undone};
pub use carried::{Export, Exported, Import, ImportRequest, Imported, Reason as NotCarriedReason};
pub use cashiers::{
    CashierChange, CashierChanged, CashierLine, CashierList, NewCashier, NewPin, NotDone as CashierNotDone, Session,
    SignIn, Signed, cashier_id,
};
pub use closings::{BenefitLine, Closing, ClosingOutcome, ClosingParameters, ClosingRequest, Closings};
pub use payments::{Held, Payment, PaymentOutcome, PaymentReason, PaymentWord, Payments, Usable, payment_id};
pub use problem::{Problem, ProblemKind};
pub use receipts::{NoReceiptReason, PrintRequest, Receipt, ReceiptOutcome};
pub use requests::{
    AbandonmentRequest, BadValue, CardQuery, Confirmation, JournalParameters, LanguageQuery, Part, RedemptionRequest,
    UndoRequest, WAIT_DEFAULT, request_id, wait,
};
pub use state::{
    Benefit, Card, Exchange, InDoubt, Journal, JournalEntry, Limit, Presented, Reader, Reason, Status, Sync,
};
pub use tills::{Invitation, NewTill, OpenedPage, PageCode, Till, Tills};

use crate::domain::refusal::Language;

/// The language with this code (`fr` or `en`, also as the beginning of a longer tag as in `fr-FR`).
pub fn language(tag: &str) -> Option<Language> {
    match tag.split('-').next().map(str::to_ascii_lowercase).as_deref() {
        Some("fr") => Some(Language::French),
        Some("en") => Some(Language::English),
        _ => None,
    }
}

/// The code of a language, as [`language`] reads it.
pub const fn language_code(language: Language) -> &'static str {
    match language {
        Language::French => "fr",
        Language::English => "en",
    }
}

/// The language that an `Accept-Language` header prefers (RFC 9110, 12.5.4) of those that there are; French when it
/// names none.
pub fn accepted_language(header: &str) -> Language {
    let mut best = (0.0, Language::French);
    for range in header.split(',') {
        let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
        let weight = parameters.trim().strip_prefix("q=").map_or(Some(1.0_f32), |q| q.parse().ok());
        if let (Some(language), Some(weight)) = (language(tag.trim()), weight)
            && weight > best.0
        {
            best = (weight, language);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_chooses_between_french_and_english() {
        use Language::{English, French};
        let table = [
            ("", French),
            ("en", English),
            ("en-GB,fr;q=0.8", English),
            ("fr-FR, en;q=0.9", French),
            ("de, en;q=0.5, fr;q=0.7", French),
            ("de", French),
            ("en;q=0", French),
            ("en;q=x", French),
            ("*", French),
        ];
        for (header, expected) in table {
            assert_eq!(accepted_language(header), expected, "{header}");
        }
    }
}
