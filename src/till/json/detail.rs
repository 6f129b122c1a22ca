//! What the journal says beside an entry: for programs, the same in every version; and for people, in their language.

use crate::domain::Cents;
use crate::domain::cashier::{Change, Role};
use crate::domain::closing::PeriodKind;
use crate::domain::entry::TechnicalEvent;
use crate::domain::money::euros;
use crate::domain::payment::{PaymentEnd, PaymentFact, Said, Way};
use crate::domain::refusal::Language;
use crate::domain::spoken::{Spoken, date};
use crate::till::Detail;

/// For programs: a code, or the English words, which stay as they are.
pub(super) fn stable(detail: &Detail) -> String {
    match detail {
        Detail::Refused(refusal) => refusal.code().to_owned(),
        Detail::Event(TechnicalEvent::Payment(fact)) => stable_payment(fact),
        Detail::GivenUp | Detail::Records(_) | Detail::Closed(_) | Detail::Event(_) => spoken(detail).english,
    }
}

fn stable_payment(fact: &PaymentFact) -> String {
    let PaymentFact { payment, way, asked, .. } = fact;
    let end = match fact.end {
        PaymentEnd::Paid { amount, said: Said::ByTpe } => format!("{amount} by the bank terminal"),
        PaymentEnd::Paid { amount, said: Said::ByCashier } => format!("{amount}, says the cashier"),
        PaymentEnd::NotPaid => "nothing, says the cashier".to_owned(),
        PaymentEnd::Unknown(doubt) => format!("unknown ({})", doubt.code()),
    };
    format!("payment {payment}: {} of {asked}: {end}", way.code())
}

/// For people.
pub(super) fn spoken(detail: &Detail) -> Spoken {
    match detail {
        Detail::GivenUp => Spoken::new("abandonnée auparavant", "abandoned"),
        Detail::Refused(refusal) => {
            let [french, english] = Language::ALL.map(|language| refusal.sentence(language).trim_end_matches('.'));
            Spoken::new(french, english)
        }
        Detail::Records(count) => Spoken::new(format!("{count} enregistrements lus"), format!("{count} records")),
        Detail::Closed(period) => {
            let kind = match period.kind() {
                PeriodKind::Day => "du jour",
                PeriodKind::Month => "du mois",
                PeriodKind::Year => "de l'année",
            };
            let french = format!("{kind} {}", date(period, Language::French));
            Spoken::new(french, format!("{} {period}", period.kind().code()))
        }
        Detail::Event(event) => of_event(event),
    }
}

fn of_event(event: &TechnicalEvent) -> Spoken {
    match event {
        TechnicalEvent::Enrolled { replaces: None } => Spoken::new("inscription", "enrolled"),
        TechnicalEvent::Enrolled { replaces: Some(terminal) } => Spoken::new(
            format!("inscription à la place du terminal {terminal}"),
            format!("enrolled in the place of terminal {terminal}"),
        ),
        TechnicalEvent::Started { version } => {
            Spoken::new(format!("démarrage, version {version}"), format!("started, version {version}"))
        }
        TechnicalEvent::Stopped => Spoken::new("arrêt", "stopped"),
        TechnicalEvent::ClockStep { from, to } => {
            Spoken::new(format!("horloge passée de {from} à {to}"), format!("clock moved from {from} to {to}"))
        }
        TechnicalEvent::Duplicate { entry, count } => Spoken::new(
            format!("duplicata n° {count} de l'écriture {entry}"),
            format!("duplicate {count} of entry {entry}"),
        ),
        TechnicalEvent::Payment(fact) => of_payment(fact),
        TechnicalEvent::KeysChanged(keys) => {
            let key = hex::encode(&keys.entry_key[..8]);
            Spoken::new(
                format!("clés changées : dès l'écriture suivante signe {key}..."),
                format!("keys changed: from the next entry on, {key}... signs"),
            )
        }
        TechnicalEvent::CashierLocked { cashier, failures } => Spoken::new(
            format!("caissier {cashier} bloqué après {failures} codes faux"),
            format!("cashier {cashier} locked out after {failures} wrong PINs"),
        ),
        TechnicalEvent::CashierChanged { cashier, role, change } => {
            let french_role = match role {
                Role::Cashier => "caissier",
                Role::Manager => "responsable",
            };
            let french_change = match change {
                Change::Added => "ajouté",
                Change::Pin => "autre code",
                Change::Disabled => "désactivé",
                Change::Enabled => "réactivé",
            };
            Spoken::new(
                format!("{french_role} {cashier} : {french_change}"),
                format!("cashier {cashier} ({}): {}", role.code(), change.code()),
            )
        }
        TechnicalEvent::Joined { other_sequence, .. } => Spoken::new(
            format!("copie remise en place, jointe à une branche de {other_sequence} écritures"),
            format!("restored copy joined to a branch of {other_sequence} entries"),
        ),
    }
}

fn of_payment(fact: &PaymentFact) -> Spoken {
    let money = |cents: Cents| Language::ALL.map(|language| euros(cents.get(), language));
    let (french_way, english_way) = match fact.way {
        Way::Charge => ("encaissement", "charged"),
        Way::Refund => ("remboursement", "refunded"),
    };
    let (french_end, english_end) = match fact.end {
        PaymentEnd::Paid { amount, said } => {
            let [french, english] = money(amount);
            match said {
                Said::ByTpe => (format!("{french}, dit le TPE"), format!("{english}, it says")),
                Said::ByCashier => (format!("{french}, dit le caissier"), format!("{english}, says the cashier")),
            }
        }
        PaymentEnd::NotPaid => ("rien, dit le caissier".to_owned(), "nothing, says the cashier".to_owned()),
        PaymentEnd::Unknown(_) => ("on ne sait pas".to_owned(), "nobody knows".to_owned()),
    };
    let [french, english] = money(fact.asked);
    Spoken::new(
        format!("{french_way} sur le TPE de {french} : {french_end}"),
        format!("{english} to be {english_way} on the bank terminal: {english_end}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::closing::Period;
    use crate::domain::payment::Doubt;
    use crate::domain::refusal::Refusal;
    use crate::domain::{CashierId, Date, PaymentId, RequestId, Sequence, Timestamp};

    fn paid(way: Way, end: PaymentEnd) -> Detail {
        let (payment, request) = (PaymentId::new([1; 16]), RequestId::new([2; 16]));
        Detail::Event(TechnicalEvent::Payment(PaymentFact { payment, request, way, asked: Cents::from_u32(600), end }))
    }

    #[test]
    fn each_detail_is_said_in_both_languages_and_stays_as_it_is_for_programs() {
        let cashier = CashierId::new(2);
        let by = |said| PaymentEnd::Paid { amount: Cents::from_u32(400), said };
        let table = [
            (Detail::GivenUp, "abandoned", "abandonnée auparavant", "abandoned"),
            (
                Detail::Refused(Refusal::NothingLeft),
                "nothing-left",
                "Il ne reste rien de cet avantage sur la carte",
                "Nothing is left of this benefit on the card",
            ),
            (Detail::Records(3), "3 records", "3 enregistrements lus", "3 records"),
            (
                Detail::Closed(Period::Day(Date::at(Timestamp::new(1_795_392_000)))),
                "day 2026-11-23",
                "du jour 23/11/2026",
                "day 2026-11-23",
            ),
            (Detail::Event(TechnicalEvent::Stopped), "stopped", "arrêt", "stopped"),
            (
                Detail::Event(TechnicalEvent::Duplicate { entry: Sequence::new(7), count: 2 }),
                "duplicate 2 of entry 7",
                "duplicata n° 2 de l'écriture 7",
                "duplicate 2 of entry 7",
            ),
            (
                Detail::Event(TechnicalEvent::CashierChanged { cashier, role: Role::Manager, change: Change::Added }),
                "cashier 2 (manager): added",
                "responsable 2 : ajouté",
                "cashier 2 (manager): added",
            ),
            (
                paid(Way::Charge, by(Said::ByTpe)),
                "payment 01010101010101010101010101010101: charge of 6.00: 4.00 by the bank terminal",
                "encaissement sur le TPE de 6,00 € : 4,00 €, dit le TPE",
                "€6.00 to be charged on the bank terminal: €4.00, it says",
            ),
            (
                paid(Way::Refund, PaymentEnd::Unknown(Doubt::NoAnswer)),
                "payment 01010101010101010101010101010101: refund of 6.00: unknown (no-answer)",
                "remboursement sur le TPE de 6,00 € : on ne sait pas",
                "€6.00 to be refunded on the bank terminal: nobody knows",
            ),
        ];
        for (detail, stable, french, english) in table {
            assert_eq!(super::stable(&detail), stable);
            assert_eq!(spoken(&detail), Spoken::new(french, english));
        }
    }
}
