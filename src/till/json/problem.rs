//! Errors, as problem details (RFC 9457): the request itself was wrong, or the terminal is stopping. A refusal is not a
//! problem, it is an answer.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    /// A till without a token, or with one that is not, or no longer, good; a page that is not opened.
    NotIntroduced "not-introduced" 401 {
        "Ce programme ou cette page n'est pas relié au terminal.";
        "This program or page is not connected to the terminal.";
    }
    /// It comes from another site's page, or without the page's own proof.
    Foreign "foreign" 403 {
        "La demande vient d'une autre page que celle du terminal.";
        "The request comes from another page than the terminal's own.";
    }
    /// The code of a page was used, is too old, or never was.
    CodeRefused "code-refused" 403 {
        "Ce code d'ouverture a déjà servi ou n'est plus valable : demandez-en un autre au terminal.";
        "This opening code was used or is no longer good: ask the terminal for another.";
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
    /// Nothing was begun under this name, or what was begun came to nothing.
    RequestUnknown "request-unknown" 404 {
        "Rien n'a été fait sous ce nom.";
        "Nothing was done under this name.";
    }
    /// There is no payment with this name.
    NoSuchPayment "no-such-payment" 404 {
        "Il n'y a pas de paiement de ce nom : la liste des paiements dit ceux qui attendent.";
        "There is no payment with this name: the list of payments says which wait.";
    }
    /// That entry is no closing.
    NoSuchClosing "no-such-closing" 404 {
        "Cette écriture n'est pas une clôture : le journal dit lesquelles en sont.";
        "This entry is no closing: the journal says which are.";
    }
    /// There is no till with this name.
    TillUnknown "till-unknown" 404 {
        "Il n'y a pas de caisse de ce nom.";
        "There is no till with this name.";
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
    /// Another till has that name, or there are as many as can be.
    TillRefused "till-refused" 409 {
        "Ce nom est déjà pris, n'est pas un nom, ou il y a déjà trop de caisses.";
        "The name is taken, or is no name, or there are too many tills already.";
    }
    /// The daemon was started without an address for the page.
    PageOff "page-off" 409 {
        "Le terminal tourne sans page : relancez-le avec --listen.";
        "The terminal runs without a page: start it with --listen.";
    }
    /// The request is too large.
    BodyTooLarge "body-too-large" 413 {
        "La demande est trop longue.";
        "The request is too large.";
    }
    /// The body is of another media type than JSON.
    NotJson "not-json" 415 {
        "La demande doit être en JSON (Content-Type: application/json).";
        "The request must be JSON (Content-Type: application/json).";
    }
    /// The request is for a name that is not this terminal's.
    WrongHost "wrong-host" 421 {
        "Cette adresse n'est pas celle du terminal.";
        "This is not the terminal's address.";
    }
    /// Too many wrong codes in a minute.
    TooManyAttempts "too-many-attempts" 429 {
        "Trop d'essais : attendez une minute.";
        "Too many attempts: wait a minute.";
    }
    /// The system gave no random bytes for an id.
    NoRandomness "no-randomness" 500 {
        "Le système ne donne pas de nombres aléatoires.";
        "The system gives no random numbers.";
    }
    /// The list of tills cannot be written or read.
    TillsUnavailable "tills-unavailable" 500 {
        "La liste des caisses ne peut pas être écrite ou lue.";
        "The list of tills cannot be written or read.";
    }
    /// As many clients hear events as can be.
    TooManyStreams "too-many-streams" 503 {
        "Trop de clients écoutent déjà le terminal.";
        "Too many clients listen to the terminal already.";
    }
    /// The part of the daemon that should have answered has ended. Of a sale that was asked for nothing is known.
    TerminalStopping "terminal-stopping" 503 {
        "Le terminal s'arrête.";
        "The terminal is stopping.";
    }
}

/// What is sent as `application/problem+json`. Its `type` is always `about:blank`, so it is left out (RFC 9457, 4.2.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
