//! The exchange by file: a message goes out or comes in, in hexadecimal, because the file is the client's to write and to read. The daemon may not see
//! the stick.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::BadValue;
use crate::domain::refusal::Language;
use crate::till::{CARRIED_BYTES_MAX, ExportReport, ImportReport, NotCarried};

/// `POST /v1/exports`: the next request to the region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Export {
    /// To be carried to the region.
    Exported(Exported),
    /// There is none.
    NotCarried(Reason),
}

/// The next request to the region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Exported {
    /// The whole signed message, in hexadecimal; nothing where it went to a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Where it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// How many entries it carries.
    pub entries: u64,
    /// What the region owes for these.
    pub owed_cents: u64,
    /// How many sales and undos in doubt it tells of.
    pub in_doubt: u64,
    /// How many entries had no room in it.
    pub left: u64,
}

/// `POST /v1/imports`: the region's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportRequest {
    /// The whole signed message, in hexadecimal.
    pub message: String,
}

/// What came of an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Import {
    /// The answer is taken.
    Imported(Imported),
    /// It is not.
    NotCarried(Reason),
}

/// What an answer brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Imported {
    /// `newest`; `overtaken` by a later exchange; or the same `again`.
    pub news: String,
    /// The newest entry that the region has acknowledged.
    pub acknowledged: u64,
    /// How many entries still wait.
    pub waiting: u64,
    /// Whether another file there and back would bring or take more.
    pub more: bool,
}

/// Why nothing was exported or imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reason {
    /// The stable code.
    pub reason: String,
    /// What is the matter and what to do, for people.
    pub message: String,
}

impl Reason {
    fn new(why: &NotCarried, language: Language) -> Self {
        Self { reason: why.code().to_owned(), message: why.sentence(language) }
    }
}

impl Export {
    /// What came of it, with the message in it.
    pub fn new(report: &Result<ExportReport, NotCarried>, language: Language) -> Self {
        match report {
            Ok(report) => Self::Exported(Exported {
                message: Some(hex::encode(&report.message)),
                file: None,
                entries: report.entries,
                owed_cents: report.owed.get(),
                in_doubt: report.in_doubt,
                left: report.left,
            }),
            Err(why) => Self::NotCarried(Reason::new(why, language)),
        }
    }
}

impl Import {
    /// What came of it.
    pub fn new(report: &Result<ImportReport, NotCarried>, language: Language) -> Self {
        match report {
            Ok(ImportReport { news, acknowledged, waiting, more }) => Self::Imported(Imported {
                news: news.code().to_owned(),
                acknowledged: acknowledged.get(),
                waiting: *waiting,
                more: *more,
            }),
            Err(why) => Self::NotCarried(Reason::new(why, language)),
        }
    }
}

impl ImportRequest {
    /// A request with this message.
    pub fn of(message: &[u8]) -> Self {
        Self { message: hex::encode(message) }
    }

    /// The message.
    ///
    /// # Errors
    /// [`BadValue`] when it is not hexadecimal, or larger than any message.
    pub fn message(&self) -> Result<Vec<u8>, BadValue> {
        let digits = Some(&self.message).filter(|digits| digits.len() <= 2 * CARRIED_BYTES_MAX);
        let message = digits.and_then(|digits| hex::decode(digits).ok());
        message.ok_or_else(|| BadValue::new("message", "at most 8 MiB in hexadecimal"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_goes_through_hexadecimal_unchanged_and_nothing_else_does() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(ImportRequest::of(&bytes).message(), Ok(bytes));
        assert_eq!(ImportRequest::of(&[]).message(), Ok(Vec::new()));
        for bad in ["0", "0g", "+1", " 1", "é"] {
            assert!(ImportRequest { message: bad.to_owned() }.message().is_err(), "{bad}");
        }
    }
}
