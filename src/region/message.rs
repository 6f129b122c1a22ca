//! Why a message of a terminal is not answered: one flat list, each with an HTTP status, a stable type and one sentence
//! (RFC 9457 makes the body of it). Nothing in it helps somebody who guesses.

use super::error::RegionError;
use super::store::StoreError;
use crate::crypto::CryptoError;

/// Why there is no answer.
#[derive(Debug)]
pub enum Refused {
    /// Not a message of this kind.
    Malformed,
    /// Too many bytes, entries, cards or doubts.
    TooLarge,
    /// A protocol of other days.
    Protocol(u8),
    /// No terminal of this id is enrolled, or its signature does not hold: which of the two is nobody's business.
    NotAuthentic,
    /// The enrolment code is none, was used, or belongs to another terminal; or it was typed wrong.
    CodeRefused,
    /// The code's time is over.
    CodeExpired,
    /// The terminal was enrolled with other keys.
    CodeUsed,
    /// The region itself could not.
    Failed(RegionError),
}

impl Refused {
    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed | Self::Protocol(_) => 400,
            Self::NotAuthentic | Self::CodeRefused => 403,
            Self::CodeUsed => 409,
            Self::CodeExpired => 410,
            Self::TooLarge => 413,
            Self::Failed(RegionError::Store(StoreError::Busy)) => 503,
            Self::Failed(_) => 500,
        }
    }

    /// The stable type, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too-large",
            Self::Protocol(_) => "protocol",
            Self::NotAuthentic => "not-authentic",
            Self::CodeRefused => "code-refused",
            Self::CodeExpired => "code-expired",
            Self::CodeUsed => "code-used",
            Self::Failed(_) => "failed",
        }
    }

    /// What is the matter and what to do, in one sentence.
    pub fn sentence(&self) -> String {
        match self {
            Self::Malformed => "This is not a message that this address takes.".to_owned(),
            Self::TooLarge => "The message is larger than a request may be: send it in parts.".to_owned(),
            Self::Protocol(version) => {
                format!("Protocol version {version} is not spoken here: bring terminal and region to the same release.")
            }
            Self::NotAuthentic => "No enrolled terminal has signed this message: enrol the terminal.".to_owned(),
            Self::CodeRefused => {
                "The enrolment code does not fit: compare it with what you were given, or ask the region for another."
                    .to_owned()
            }
            Self::CodeExpired => "The enrolment code's time is over: ask the region for another.".to_owned(),
            Self::CodeUsed => {
                "The enrolment code was used by another machine already: ask the region for another.".to_owned()
            }
            Self::Failed(_) => "The region could not deal with the message: send it again later.".to_owned(),
        }
    }
}

impl From<RegionError> for Refused {
    fn from(error: RegionError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<CryptoError> for Refused {
    fn from(error: CryptoError) -> Self {
        Self::Failed(error.into())
    }
}
