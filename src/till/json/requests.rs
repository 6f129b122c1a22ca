//! What a client may ask for, and what of it is refused before the desk sees it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::catalogue::Code;
use crate::domain::entry::{Paying, Tender, Tenders};
use crate::domain::quote::QuoteRequest;
use crate::domain::{CardNumber, Cents, RequestId, Sequence, Timestamp};
use crate::machine::sale::Command;
use crate::till::JournalQuery;

/// How long a request waits for a card when it does not say.
pub const WAIT_DEFAULT: Duration = Duration::from_secs(30);
/// The longest that a request may wait for a card: ten minutes.
const WAIT_SECONDS_MAX: u32 = 600;
/// How many entries the journal gives when it is not said.
const JOURNAL_ENTRIES_DEFAULT: u32 = 20;
/// How many entries the journal gives at most.
const JOURNAL_ENTRIES_MAX: u32 = 1000;

/// A value that no request may have. Displays as `field: what is right`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {expected}")]
pub struct BadValue {
    /// The field.
    field: &'static str,
    /// What is right.
    expected: String,
}

impl BadValue {
    pub(super) fn new(field: &'static str, expected: impl ToString) -> Self {
        Self { field, expected: expected.to_string() }
    }
}

/// A client's own name for its request: 32 hexadecimal digits, or a UUID (RFC 9562, section 4).
///
/// # Errors
/// [`BadValue`] when it is neither.
pub fn request_id(text: &str) -> Result<RequestId, BadValue> {
    let hyphens = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    let as_uuid = text.len() == 36 && text.bytes().enumerate().all(|(at, byte)| (byte == b'-') == hyphens(at));
    let plain = if as_uuid { text.replace('-', "") } else { text.to_owned() };
    RequestId::parse(&plain).ok_or_else(|| BadValue::new("id", "32 hexadecimal digits, or a UUID"))
}

/// How long to wait for a card.
///
/// # Errors
/// [`BadValue`] over ten minutes.
pub fn wait(seconds: Option<u32>) -> Result<Duration, BadValue> {
    match seconds {
        None => Ok(WAIT_DEFAULT),
        Some(seconds) if seconds <= WAIT_SECONDS_MAX => Ok(Duration::from_secs(seconds.into())),
        Some(_) => Err(BadValue::new("wait_seconds", format!("at most {WAIT_SECONDS_MAX}"))),
    }
}

fn price(field: &'static str, cents: u64) -> Result<Cents, BadValue> {
    let refused = || BadValue::new(field, format!("at most {}", Cents::PRICE_MAX.get()));
    Cents::new(cents).filter(|cents| *cents <= Cents::PRICE_MAX).ok_or_else(refused)
}

/// A part of what is paid, or given back, by its own tender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The tender's code.
    #[schema(pattern = "^(cash|card|cheque|other|tpe)$")]
    pub tender: String,
    /// How much.
    #[schema(minimum = 1, maximum = 9_999_999)]
    pub amount_cents: u64,
}

impl From<(Tender, Cents)> for Part {
    fn from((tender, cents): (Tender, Cents)) -> Self {
        Self { tender: tender.code().to_owned(), amount_cents: cents.get() }
    }
}

impl Part {
    /// The parts of what was paid in parts.
    pub(super) fn of(tenders: Tenders) -> Vec<Self> {
        tenders.parts().into_iter().map(Self::from).collect()
    }
}

fn tender(field: &'static str, code: &str) -> Result<Tender, BadValue> {
    Tender::from_code(code).ok_or_else(|| BadValue::new(field, Tender::ALL.map(Tender::code).join(", ")))
}

/// How the holder pays: `parts`, and the rest by `paid`.
fn paying(paid: Option<&str>, parts: &[Part]) -> Result<Paying, BadValue> {
    let rest = paid.map_or(Ok(Tender::default()), |code| tender("paid", code))?;
    let parts = parts.iter().map(|part| Ok((tender("parts", &part.tender)?, price("parts", part.amount_cents)?)));
    let sensible = "amounts of at least 1, each tender once, neither `tpe` nor that of the rest";
    Paying::new(parts.collect::<Result<Vec<_>, _>>()?, rest).ok_or_else(|| BadValue::new("parts", sensible))
}

/// `POST /v1/redemptions`, and `POST /v1/quotes`, which asks the same without taking it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RedemptionRequest {
    /// The client's name for this request; the same name is the same request. Made up when it is missing.
    #[schema(pattern = "^([0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$")]
    pub id: Option<String>,
    /// The benefit's code; the only one that matches without it.
    pub benefit: Option<String>,
    /// The price of the purchase.
    #[schema(maximum = 9_999_999)]
    pub price_cents: Option<u64>,
    /// How many seats.
    pub seats: Option<u32>,
    /// Wholly the holder's: 3D glasses, a festival's surcharge.
    #[schema(maximum = 9_999_999)]
    pub supplement_cents: u64,
    /// How the holder paid: `cash` (the default), `card`, `cheque`, `other`, or `tpe`: it is then collected on the bank terminal. A quote does not need it.
    #[schema(pattern = "^(cash|card|cheque|other|tpe)$")]
    pub paid: Option<String>,
    /// What of it is paid otherwise, each part by its own tender, and is collected already: `paid` is then the rest's. On the bank terminal nothing but
    /// the rest is paid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 4)]
    pub parts: Vec<Part>,
    /// How long to wait for a card; 30 when it is missing, at most 600.
    #[schema(maximum = 600)]
    pub wait_seconds: Option<u32>,
}

impl RedemptionRequest {
    /// What it asks for.
    ///
    /// # Errors
    /// [`BadValue`], the first one.
    pub fn request(&self) -> Result<QuoteRequest, BadValue> {
        let benefit = self.benefit.clone().map(Code::new).transpose();
        Ok(QuoteRequest {
            benefit: benefit.map_err(|error| BadValue::new("benefit", error))?,
            price: self.price_cents.map(|cents| price("price_cents", cents)).transpose()?,
            seats: self.seats,
            supplement: price("supplement_cents", self.supplement_cents)?,
        })
    }

    /// The command to take it.
    ///
    /// # Errors
    /// [`BadValue`], the first one.
    pub fn command(&self) -> Result<Command, BadValue> {
        let tender = paying(self.paid.as_deref(), &self.parts)?;
        Ok(Command::Redeem { request: self.request()?, tender, confirmed: None })
    }
}

/// `POST /v1/quotes/confirm`: the money is collected, the quote is taken. The sale has the quote's `id`, so that a
/// quote can be sold once and its repeat is answered as the first time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// The `id` of the quote.
    #[schema(pattern = "^([0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$")]
    pub id: String,
    /// As in [`RedemptionRequest::paid`].
    #[serde(default)]
    #[schema(pattern = "^(cash|card|cheque|other|tpe)$")]
    pub paid: Option<String>,
    /// As in [`RedemptionRequest::parts`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 4)]
    pub parts: Vec<Part>,
    /// As in [`RedemptionRequest::wait_seconds`].
    #[serde(default)]
    #[schema(maximum = 600)]
    pub wait_seconds: Option<u32>,
}

impl Confirmation {
    /// How the holder pays.
    ///
    /// # Errors
    /// [`BadValue`] for a tender that is none, or parts that make no sense.
    pub fn tender(&self) -> Result<Paying, BadValue> {
        paying(self.paid.as_deref(), &self.parts)
    }
}

/// `POST /v1/undos`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UndoRequest {
    /// As in [`RedemptionRequest::id`].
    #[schema(pattern = "^([0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$")]
    pub id: Option<String>,
    /// The entry of the debit; the last one when it is missing.
    pub entry: Option<u64>,
    /// The card is not there: the region is asked to give the right back.
    pub without_card: bool,
    /// As in [`RedemptionRequest::wait_seconds`].
    #[schema(maximum = 600)]
    pub wait_seconds: Option<u32>,
}

impl UndoRequest {
    /// The command.
    pub fn command(&self) -> Command {
        Command::Undo { entry: self.entry.map(Sequence::new), without_card: self.without_card }
    }
}

/// `POST /v1/abandonments`: the sale in doubt of this card is given up; the money was given back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AbandonmentRequest {
    /// As in [`RedemptionRequest::id`].
    #[serde(default)]
    #[schema(pattern = "^([0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$")]
    pub id: Option<String>,
    /// The 16 digits of the card; the newest sale in doubt without it.
    #[serde(default)]
    pub card: Option<String>,
}

impl AbandonmentRequest {
    /// The command.
    ///
    /// # Errors
    /// [`BadValue`] when `card` is not a card number.
    pub fn command(&self) -> Result<Command, BadValue> {
        let card = self.card.as_deref().map(CardNumber::parse).transpose();
        Ok(Command::Abandon { card: card.map_err(|error| BadValue::new("card", error))? })
    }
}

/// The `lang` that every address may have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LanguageQuery {
    /// `fr` or `en`; without it `Accept-Language` decides, and then it is French.
    #[param(pattern = "^(fr|en)(-[A-Za-z]{2})?$")]
    pub lang: Option<String>,
}

/// `GET /v1/card`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CardQuery {
    /// How many seconds to wait for a card when there is none; 0 when it is missing, at most 600.
    #[param(maximum = 600)]
    pub wait: Option<u32>,
    /// As everywhere.
    #[param(pattern = "^(fr|en)(-[A-Za-z]{2})?$")]
    pub lang: Option<String>,
}

impl CardQuery {
    /// How long to wait.
    ///
    /// # Errors
    /// [`BadValue`] over ten minutes.
    pub fn wait(&self) -> Result<Duration, BadValue> {
        wait(Some(self.wait.unwrap_or(0))).map_err(|error| BadValue { field: "wait", ..error })
    }
}

/// `GET /v1/journal`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JournalParameters {
    /// Only entries before this one.
    pub before: Option<u64>,
    /// Only entries at or after this instant, as in `2026-11-22T10:00:00Z`.
    #[param(format = DateTime)]
    pub since: Option<String>,
    /// At most so many; 20 when it is missing, at most 1000.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u32>,
    /// As everywhere.
    #[param(pattern = "^(fr|en)(-[A-Za-z]{2})?$")]
    pub lang: Option<String>,
}

impl JournalParameters {
    /// What the desk is asked.
    ///
    /// # Errors
    /// [`BadValue`], the first one.
    pub fn query(&self) -> Result<JournalQuery, BadValue> {
        let instant = || BadValue::new("since", "an instant in UTC, as in 2026-11-22T10:00:00Z");
        let limit = self.limit.unwrap_or(JOURNAL_ENTRIES_DEFAULT);
        if !(1..=JOURNAL_ENTRIES_MAX).contains(&limit) {
            return Err(BadValue::new("limit", format!("1 to {JOURNAL_ENTRIES_MAX}")));
        }
        Ok(JournalQuery {
            before: self.before.map(Sequence::new),
            since: self.since.as_deref().map(|text| Timestamp::parse(text).ok_or_else(instant)).transpose()?,
            limit,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_hexadecimal_or_a_uuid() {
        let id = RequestId::new([0xab; 16]);
        for good in [&"ab".repeat(16), &"AB".repeat(16), "abababab-abab-abab-abab-abababababab"] {
            assert_eq!(request_id(good), Ok(id), "{good}");
        }
        for bad in ["", "ab", "abababababab-abab-abab-abababababab--", "ababababab-ab-abab-abab-abababababab", "é"] {
            assert!(request_id(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_redemption_is_read_field_by_field() {
        let read = |json: &str| serde_json::from_str::<RedemptionRequest>(json).unwrap().command();
        let request = QuoteRequest {
            benefit: Some(Code::new("cinema").unwrap()),
            price: Some(Cents::from_u32(2350)),
            seats: Some(2),
            supplement: Cents::from_u32(200),
        };
        assert_eq!(
            read(r#"{"benefit":"cinema","price_cents":2350,"seats":2,"supplement_cents":200,"paid":"card"}"#),
            Ok(Command::Redeem { request, tender: Tender::Card.into(), confirmed: None })
        );
        let least = Command::Redeem { request: QuoteRequest::default(), tender: Tender::Cash.into(), confirmed: None };
        assert_eq!(read("{}"), Ok(least));
        let parts = Paying::new([(Tender::Cash, Cents::from_u32(500))], Tender::Tpe).unwrap();
        let mixed = Command::Redeem { request: QuoteRequest::default(), tender: parts, confirmed: None };
        let json = r#"{"paid":"tpe","parts":[{"tender":"cash","amount_cents":500}]}"#;
        assert_eq!(read(json), Ok(mixed));
    }

    #[test]
    fn a_wrong_value_is_refused_with_its_field() {
        let table = [
            (r#"{"benefit":"Cinéma"}"#, "benefit: "),
            (r#"{"price_cents":10000000}"#, "price_cents: at most 9999999"),
            (r#"{"supplement_cents":10000000}"#, "supplement_cents: at most 9999999"),
            (r#"{"paid":"gold"}"#, "paid: cash, card, cheque, other"),
            (r#"{"parts":[{"tender":"gold","amount_cents":1}]}"#, "parts: cash, card"),
            (r#"{"parts":[{"tender":"card","amount_cents":0}]}"#, "parts: amounts of at least 1"),
            (r#"{"parts":[{"tender":"tpe","amount_cents":1}]}"#, "parts: amounts of at least 1"),
            (r#"{"parts":[{"tender":"cash","amount_cents":1}]}"#, "parts: amounts of at least 1"),
            (r#"{"parts":[{"tender":"card","amount_cents":10000000}]}"#, "parts: at most 9999999"),
        ];
        for (json, expected) in table {
            let error = serde_json::from_str::<RedemptionRequest>(json).unwrap().command().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        for json in [r#"{"price_cents":-1}"#, r#"{"price_cents":1.5}"#, r#"{"price":1}"#, r#"{"supplement_cents":"2"}"#]
        {
            assert!(serde_json::from_str::<RedemptionRequest>(json).is_err(), "{json}");
        }
        assert!(wait(Some(601)).is_err());
        assert!(JournalParameters { limit: Some(0), ..JournalParameters::default() }.query().is_err());
        assert!(JournalParameters { since: Some("hier".to_owned()), ..JournalParameters::default() }.query().is_err());
    }
}
