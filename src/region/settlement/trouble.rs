//! Why a settlement, or a file of one, was not made.

/// Why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettlementTrouble {
    /// Not a day, as `2026-11-30`.
    NotADay(String),
    /// Its last day is not over.
    NotOver(String),
    /// A settlement has closed this day already.
    NotLater {
        /// What was asked for.
        until: String,
        /// The last day of the newest settlement.
        newest: String,
    },
    /// One was begun and not finished.
    Unfinished {
        /// Which.
        number: u32,
        /// Its last day.
        until: String,
    },
    /// None has this number.
    None(u32),
    /// What the evidence gives is not what was closed.
    Differs(u32),
    /// The region has not said which account it pays from.
    NoPayer,
    /// No partner is paid anything, so there is nothing to tell the bank.
    NothingToPay(u32),
    /// The partner has no part in the settlement.
    NotInIt {
        /// Who.
        partner: u32,
        /// In which.
        number: u32,
    },
    /// No entry stands there.
    NoEntry {
        /// The terminal.
        terminal: u32,
        /// The sequence.
        sequence: u64,
    },
}

impl SettlementTrouble {
    pub(in crate::region) fn french(&self) -> String {
        match self {
            Self::NotADay(text) => format!("« {text} » n'est pas un jour : écrivez-le comme 2026-11-30."),
            Self::NotOver(until) => {
                format!("Le {until} n'est pas fini, à l'heure de Paris : arrêtez les comptes à un jour passé.")
            }
            Self::NotLater { until, newest } => {
                format!("Les comptes sont déjà arrêtés au {newest} : prenez un jour après, pas le {until}.")
            }
            Self::Unfinished { number, until } => format!(
                "Le règlement {number} n'est pas achevé : terminez-le avec « pass-region settle close --until {until} »."
            ),
            Self::None(number) => format!("Il n'y a pas de règlement {number} : voyez « pass-region settle list »."),
            Self::Differs(number) => format!(
                "Le règlement {number}, refait depuis les preuves, n'est pas celui qui a été arrêté : la base a été altérée, ne payez rien."
            ),
            Self::NoPayer => {
                "Le compte qui paie n'est pas connu : donnez-le avec « pass-region settle payer ».".to_owned()
            }
            Self::NothingToPay(number) => {
                format!("Le règlement {number} ne verse rien à personne : il n'y a pas de fichier pour la banque.")
            }
            Self::NotInIt { partner, number } => {
                format!("Le partenaire {partner} n'a rien dans le règlement {number} : vérifiez son numéro.")
            }
            Self::NoEntry { terminal, sequence } => {
                format!("La région n'a pas reçu d'écriture {sequence} du terminal {terminal} : vérifiez les numéros.")
            }
        }
    }

    pub(in crate::region) fn english(&self) -> String {
        match self {
            Self::NotADay(text) => format!("\"{text}\" is not a day: write it as 2026-11-30."),
            Self::NotOver(until) => {
                format!("{until} is not over in Paris: close the accounts at a day that has passed.")
            }
            Self::NotLater { until, newest } => {
                format!("The accounts are closed until {newest} already: take a later day than {until}.")
            }
            Self::Unfinished { number, until } => format!(
                "Settlement {number} is not finished: finish it with \"pass-region settle close --until {until}\"."
            ),
            Self::None(number) => format!("There is no settlement {number}: see \"pass-region settle list\"."),
            Self::Differs(number) => format!(
                "Settlement {number}, made again from the evidence, is not the one that was closed: the store was altered, pay nothing."
            ),
            Self::NoPayer => {
                "The account that pays is not known: give it with \"pass-region settle payer\".".to_owned()
            }
            Self::NothingToPay(number) => {
                format!("Settlement {number} pays nobody anything: there is no file for the bank.")
            }
            Self::NotInIt { partner, number } => {
                format!("Partner {partner} has no part in settlement {number}: check the id.")
            }
            Self::NoEntry { terminal, sequence } => {
                format!("The region has no entry {sequence} of terminal {terminal}: check the numbers.")
            }
        }
    }
}
