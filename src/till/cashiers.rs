//! What the local API needs of the terminal about cashiers: who there is, who has signed in, who changes that.
//!
//! A client that has signed somebody in gets a session, and every later request that carries it is that cashier's. A session lives in the
//! daemon's memory alone: after a restart one signs in again.

use crate::domain::CashierId;
use crate::domain::cashier::{Cashier, CashierName, Cashiers, Pin, Role};
use crate::domain::refusal::{Language, Refusal};

use super::desk::{BoxFuture, DeskGone};

/// Names a session: 16 random bytes. Whoever has it is that cashier, so it prints as nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionToken([u8; 16]);

impl SessionToken {
    /// Wraps random bytes.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Reads what [`SessionToken::text`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        crate::domain::RequestId::parse(text).map(|bytes| Self(*bytes.as_bytes()))
    }

    /// 32 hexadecimal digits, for the client that signed in.
    pub fn text(&self) -> String {
        crate::domain::RequestId::new(self.0).to_string()
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl std::fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionToken(secret)")
    }
}

/// Somebody has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// What later requests carry.
    pub session: SessionToken,
    /// Who.
    pub cashier: Cashier,
}

/// A change of the list of cashiers.
#[derive(Clone, Debug)]
pub enum CashierOrder {
    /// Somebody new.
    Add {
        /// As screens and receipts show it.
        name: CashierName,
        /// What they may do.
        role: Role,
        /// Their PIN.
        pin: Pin,
    },
    /// Another PIN; also for oneself.
    SetPin {
        /// Whose.
        cashier: CashierId,
        /// The new one.
        pin: Pin,
    },
    /// May not sign in any more.
    Disable(CashierId),
    /// May sign in again.
    Enable(CashierId),
}

/// Why nobody was signed in, or the list was not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CashierRefused {
    /// The PIN is wrong; for how many seconds none is looked at now.
    WrongPin {
        /// 0 for the first wrong ones.
        locked_seconds: u32,
    },
    /// Wrong PINs keep this cashier out for so many seconds.
    LockedOut {
        /// From now.
        seconds: u32,
    },
    /// There is no such cashier, or one who may not sign in any more.
    Unknown,
    /// Nobody has signed in, or not somebody who may.
    NotAllowed(Refusal),
    /// The first cashier must be a manager.
    FirstIsManager,
    /// The last manager cannot be disabled.
    LastManager,
    /// All numbers are given.
    Full,
    /// The ledger cannot be written or read, or the system has no memory or randomness for a PIN.
    Unavailable(String),
}

impl CashierRefused {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::WrongPin { .. } => "wrong-pin",
            Self::LockedOut { .. } => "locked-out",
            Self::Unknown => "unknown-cashier",
            Self::NotAllowed(refusal) => refusal.code(),
            Self::FirstIsManager => "first-is-manager",
            Self::LastManager => "last-manager",
            Self::Full => "no-more-cashiers",
            Self::Unavailable(_) => "ledger-unavailable",
        }
    }

    /// For how many seconds no PIN of this cashier is looked at.
    pub const fn locked_seconds(&self) -> u32 {
        match self {
            Self::WrongPin { locked_seconds: seconds } | Self::LockedOut { seconds } => *seconds,
            Self::Unknown
            | Self::NotAllowed(_)
            | Self::FirstIsManager
            | Self::LastManager
            | Self::Full
            | Self::Unavailable(_) => 0,
        }
    }

    /// What is the matter and what to do, in one sentence.
    pub fn sentence(&self, language: Language) -> String {
        let (french, english) = match self {
            Self::WrongPin { locked_seconds: 0 } => {
                ("Ce code n'est pas le bon : recommencez.".to_owned(), "This is not the PIN: try again.".to_owned())
            }
            Self::WrongPin { locked_seconds: seconds } | Self::LockedOut { seconds } => (
                format!("Trop de codes faux : attendez {seconds} s, ou demandez un nouveau code à un responsable."),
                format!("Too many wrong PINs: wait {seconds} s, or ask a manager for a new PIN."),
            ),
            Self::Unknown => (
                "Ce caissier n'existe pas ou est désactivé : choisissez-en un dans la liste.".to_owned(),
                "There is no such cashier, or a disabled one: choose one of the list.".to_owned(),
            ),
            Self::NotAllowed(refusal) => {
                return format!("{} {}", refusal.sentence(language), refusal.next_step(language));
            }
            Self::FirstIsManager => (
                "Le premier caissier doit être un responsable : ajoutez-le avec ce rôle.".to_owned(),
                "The first cashier must be a manager: add them with that role.".to_owned(),
            ),
            Self::LastManager => (
                "Le dernier responsable ne peut pas être désactivé : ajoutez-en d'abord un autre.".to_owned(),
                "The last manager cannot be disabled: add another one first.".to_owned(),
            ),
            Self::Full => (
                "Il n'y a plus de numéro de caissier libre sur ce terminal.".to_owned(),
                "This terminal has no more numbers for cashiers.".to_owned(),
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

/// An answer that will come, with what may keep the terminal from doing it.
pub type CashierAnswer<'a, T> = BoxFuture<'a, Result<Result<T, CashierRefused>, DeskGone>>;

/// What the terminal does for the local API about cashiers.
pub trait CashierDesk: Send + Sync + 'static {
    /// Signs somebody in with their PIN. Attempts are looked at one after the other, however many come.
    fn sign_in(&self, cashier: CashierId, pin: Pin) -> CashierAnswer<'_, SignedIn>;

    /// Signs somebody in for a client that has signed them in itself: a till that is trusted with it. Who is trusted is the
    /// caller's to know.
    fn vouch(&self, cashier: CashierId) -> CashierAnswer<'_, SignedIn>;

    /// Ends a session; one that is not there has ended.
    fn sign_out(&self, session: SessionToken);

    /// Whose session it is, if it goes on; asking keeps it alive.
    fn who(&self, session: SessionToken) -> Option<CashierId>;

    /// The list.
    fn cashiers(&self) -> BoxFuture<'_, Result<Cashiers, DeskGone>>;

    /// Changes the list, for whoever `by` is, and says whom the change was about.
    fn change_cashiers(&self, by: Option<CashierId>, order: CashierOrder) -> CashierAnswer<'_, CashierId>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_read_as_it_is_written_and_prints_as_nothing() {
        let token = SessionToken::new(*b"0123456789abcdef");
        assert_eq!(SessionToken::parse(&token.text()), Some(token));
        assert_eq!(SessionToken::parse("0"), None);
        assert!(!format!("{token:?}").contains(&token.text()));
    }

    #[test]
    fn every_refusal_is_a_sentence() {
        let all = [
            CashierRefused::WrongPin { locked_seconds: 0 },
            CashierRefused::WrongPin { locked_seconds: 30 },
            CashierRefused::LockedOut { seconds: 30 },
            CashierRefused::Unknown,
            CashierRefused::NotAllowed(Refusal::ManagerNeeded),
            CashierRefused::FirstIsManager,
            CashierRefused::LastManager,
            CashierRefused::Full,
            CashierRefused::Unavailable("full".to_owned()),
        ];
        for refused in all {
            for language in [Language::French, Language::English] {
                let sentence = refused.sentence(language);
                assert!(sentence.len() > 20 && sentence.ends_with('.'), "{sentence}");
                assert_eq!(sentence.contains("30"), refused.locked_seconds() > 0, "{sentence}");
            }
        }
    }
}
