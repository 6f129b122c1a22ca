//! What the region says of an entry: payable, or contested with a reason. A verdict can change as more is known, so it has a
//! version; the newest counts.

use std::fmt;

use super::refusal::Language;

macro_rules! contests {
    ($($(#[$doc:meta])* $name:ident $number:literal $code:literal { $fr:literal; $en:literal; })*) => {
        /// Why an entry is not payable, or not yet.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Contest {
            $($(#[$doc])* $name,)*
        }

        impl Contest {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The stable number on the wire.
            pub const fn number(self) -> u8 {
                match self { $(Self::$name => $number,)* }
            }

            /// What is the matter, in one sentence.
            pub const fn sentence(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Self::$name, Language::French) => $fr, (Self::$name, Language::English) => $en,)*
                }
            }
        }
    };
}

contests! {
    /// The bytes cannot be read as an entry of a known version.
    Unreadable 1 "unreadable" {
        "Ses octets ne se lisent pas comme une écriture.";
        "Its bytes cannot be read as an entry.";
    }
    /// The region never made this card, or the certificate is another.
    UnknownCard 2 "unknown-card" {
        "La région n'a pas fait cette carte.";
        "The region never made this card.";
    }
    /// The card's signature does not hold over its record.
    CardProof 3 "card-proof" {
        "La signature de la carte ne vaut pas.";
        "The card's signature does not hold.";
    }
    /// The card's record names another terminal.
    OtherTerminal 4 "other-terminal" {
        "La carte a été débitée par un autre terminal.";
        "The card was debited by another terminal.";
    }
    /// The terminal's certificates did not have the slot, the season or the time.
    NotAllowed 5 "not-allowed" {
        "Le terminal n'avait pas le droit de débiter cet avantage à ce moment.";
        "The terminal was not allowed to debit this benefit at that time.";
    }
    /// The same (card, counter) was paid already.
    AlreadyPaid 6 "already-paid" {
        "Le même débit de la carte est déjà payé par une autre écriture.";
        "The same debit of the card is paid by another entry already.";
    }
    /// Two different records have this counter: the card was cloned.
    ClonedCounter 7 "cloned-counter" {
        "Deux débits différents portent le même numéro : la carte a été copiée.";
        "Two different debits have the same number: the card was copied.";
    }
    /// More than was granted.
    BeyondGrant 8 "beyond-grant" {
        "Plus a été débité qu'accordé.";
        "More was debited than was granted.";
    }
    /// A missing reversal may have taken the debit back: contested until the records are there.
    MissingReversal 9 "missing-reversal" {
        "Une annulation manque, qui pourrait être celle de ce débit ; elle est demandée.";
        "A reversal is missing that may be of this debit; it is asked for.";
    }
    /// The debit was taken back.
    TakenBack 10 "taken-back" {
        "Le débit a été annulé.";
        "The debit was taken back.";
    }
    /// The sale had been given up.
    Abandoned 11 "abandoned" {
        "La vente avait été abandonnée et l'argent rendu.";
        "The sale had been given up and the money returned.";
    }
    /// The card was denied, and the terminal had been served the denial.
    CardDenied 12 "card-denied" {
        "La carte était en opposition et le terminal le savait.";
        "The card was denied, and the terminal had been told.";
    }
    /// The terminal was suspended, and had been told so; or its keys were revoked before the entry came.
    TerminalSuspended 13 "terminal-suspended" {
        "Le terminal était suspendu et le savait.";
        "The terminal was suspended, and had been told.";
    }
    /// The terminal sold past the hard limits of its policy.
    OfflinePolicy 14 "offline-policy" {
        "Le terminal a vendu trop longtemps ou trop sans échange.";
        "The terminal sold too long or too much without an exchange.";
    }
    /// The terminal's chain forked and this branch is not settled.
    Forked 15 "forked" {
        "Le journal du terminal a bifurqué et cette branche n'est pas éclaircie.";
        "The terminal's chain forked, and this branch is not settled.";
    }
}

impl Contest {
    /// The reason with this number on the wire.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.number() == number)
    }

    /// The reason with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.code() == code)
    }
}

impl fmt::Display for Contest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// What the region says of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The region pays for it.
    Payable,
    /// The region does not pay for it, or not yet.
    Contested(Contest),
    /// Nothing is to be paid for an entry of this kind; it is on record.
    Recorded,
}

impl Verdict {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Payable => "payable",
            Self::Contested(_) => "contested",
            Self::Recorded => "recorded",
        }
    }

    /// The reason of a contested entry.
    pub const fn contest(self) -> Option<Contest> {
        match self {
            Self::Contested(reason) => Some(reason),
            Self::Payable | Self::Recorded => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_keep_their_numbers_and_codes() {
        for (index, reason) in Contest::ALL.iter().enumerate() {
            assert_eq!(usize::from(reason.number()), index + 1);
            assert_eq!(Contest::from_number(reason.number()), Some(*reason));
            assert_eq!(Contest::from_code(reason.code()), Some(*reason));
        }
    }
}
