//! Errors, as problem details (RFC 9457): the request itself was wrong, or the terminal is stopping. A refusal is not a
//! problem, it is an answer.

use serde::{Deserialize, Serialize};

use crate::domain::refusal::Language;

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident $code:literal $status:literal { $fr:literal; $en:literal; })*) => {
        /// What can be the matter with a request.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ProblemKind {
            $($(#[$doc])* $name,)*
        }

        impl ProblemKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// What is the matter, in one sentence.
            pub const fn title(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Self::$name, Language::French) => $fr, (Self::$name, Language::English) => $en,)*
                }
            }
        }
    };
}

problems! {
    /// No JSON, an unknown field, a value out of its range.
    BadRequest "bad-request" 400 {
        "La demande n'est pas comprise.";
        "The request is not understood.";
    }
    /// No such address.
    NotFound "not-found" 404 {
        "Cette adresse n'existe pas.";
        "There is no such address.";
    }
    /// No such quote: sold long ago, or forgotten.
    QuoteUnknown "quote-unknown" 404 {
        "Ce devis n'est pas, ou n'est plus, connu : refaites-le avec le même id.";
        "This quote is not known, or no longer: quote again with the same id.";
    }
    /// The address knows other methods.
    MethodNotAllowed "method-not-allowed" 405 {
        "Cette adresse ne connaît pas cette méthode.";
        "This address does not know this method.";
    }
    /// The request took too long to arrive.
    BodyTooSlow "body-too-slow" 408 {
        "La demande a mis trop longtemps à arriver.";
        "The request took too long to arrive.";
    }
    /// The request is too large.
    BodyTooLarge "body-too-large" 413 {
        "La demande est trop longue.";
        "The request is too large.";
    }
    /// The system gave no random bytes for an id.
    NoRandomness "no-randomness" 500 {
        "Le système ne donne pas de nombres aléatoires.";
        "The system gives no random numbers.";
    }
    /// The part of the daemon that should have answered has ended. Of a sale that was asked for nothing is known.
    TerminalStopping "terminal-stopping" 503 {
        "Le terminal s'arrête.";
        "The terminal is stopping.";
    }
}

/// What is sent as `application/problem+json`. Its `type` is always `about:blank`, so it is left out (RFC 9457, 4.2.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The stable code.
    pub code: String,
    /// What is the matter, for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Where exactly, for a programmer, in English.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(kind: ProblemKind, detail: Option<String>, language: Language) -> Self {
        Self { code: kind.code().to_owned(), title: kind.title(language).to_owned(), status: kind.status(), detail }
    }

    /// Whether it is of this kind.
    pub fn is(&self, kind: ProblemKind) -> bool {
        self.code == kind.code()
    }
}
