//! What the journal says beside an entry: for programs, the same in every version; and for people, in their language.

use crate::domain::Cents;
use crate::domain::cashier::{Change, Role};
use crate::domain::closing::PeriodKind;
use crate::domain::entry::TechnicalEvent;
use crate::domain::money::euros;
use crate::domain::payment::{PaymentEnd, PaymentFact, Said, Way};
use crate::domain::refusal::Language;
use crate::domain::spoken::date;
use crate::till::Detail;

/// For programs: a code, or words that stay as they are.
pub(super) fn stable(detail: &Detail) -> String {
    match detail {
        Detail::GivenUp => "abandoned".to_owned(),
        Detail::Refused(refusal) => refusal.code().to_owned(),
        Detail::Records(count) => format!("{count} records"),
        Detail::Closed(period) => format!("{} {period}", period.kind().code()),
        Detail::Event(event) => stable_event(event),
    }
}

fn stable_event(event: &TechnicalEvent) -> String {
    match event {
        TechnicalEvent::Enrolled { replaces: None } => "enrolled".to_owned(),
        TechnicalEvent::Enrolled { replaces: Some(terminal) } => {
            format!("enrolled in the place of terminal {terminal}")
        }
        TechnicalEvent::Started { version } => format!("started, version {version}"),
        TechnicalEvent::Stopped => "stopped".to_owned(),
        TechnicalEvent::ClockStep { from, to } => format!("clock moved from {from} to {to}"),
        TechnicalEvent::Duplicate { entry, count } => format!("duplicate {count} of entry {entry}"),
        TechnicalEvent::Payment(fact) => stable_payment(fact),
        TechnicalEvent::KeysChanged(keys) => {
            format!("keys changed: from the next entry on, {}... signs", hex::encode(&keys.entry_key[..8]))
        }
        TechnicalEvent::CashierLocked { cashier, failures } => {
            format!("cashier {cashier} locked out after {failures} wrong PINs")
        }
        TechnicalEvent::CashierChanged { cashier, role, change } => {
            format!("cashier {cashier} ({}): {}", role.code(), change.code())
        }
        TechnicalEvent::Joined { other_sequence, .. } => {
            format!("restored copy joined to a branch of {other_sequence} entries")
        }
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
pub(super) fn words(detail: &Detail, language: Language) -> String {
    match (detail, language) {
        (Detail::Refused(refusal), _) => refusal.sentence(language).trim_end_matches('.').to_owned(),
        (Detail::Event(TechnicalEvent::Payment(fact)), _) => payment(fact, language),
        (_, Language::English) => stable(detail),
        (Detail::GivenUp, Language::French) => "abandonnée auparavant".to_owned(),
        (Detail::Records(count), Language::French) => format!("{count} enregistrements lus"),
        (Detail::Closed(period), Language::French) => {
            let kind = match period.kind() {
                PeriodKind::Day => "du jour",
                PeriodKind::Month => "du mois",
                PeriodKind::Year => "de l'année",
            };
            format!("{kind} {}", date(&period.to_string(), language))
        }
        (Detail::Event(event), Language::French) => french_event(event),
    }
}

fn french_event(event: &TechnicalEvent) -> String {
    match event {
        TechnicalEvent::Enrolled { replaces: None } => "inscription".to_owned(),
        TechnicalEvent::Enrolled { replaces: Some(terminal) } => {
            format!("inscription à la place du terminal {terminal}")
        }
        TechnicalEvent::Started { version } => format!("démarrage, version {version}"),
        TechnicalEvent::Stopped => "arrêt".to_owned(),
        TechnicalEvent::ClockStep { from, to } => format!("horloge passée de {from} à {to}"),
        TechnicalEvent::Duplicate { entry, count } => format!("duplicata n° {count} de l'écriture {entry}"),
        TechnicalEvent::Payment(fact) => payment(fact, Language::French),
        TechnicalEvent::KeysChanged(keys) => {
            format!("clés changées : dès l'écriture suivante signe {}...", hex::encode(&keys.entry_key[..8]))
        }
        TechnicalEvent::CashierLocked { cashier, failures } => {
            format!("caissier {cashier} bloqué après {failures} codes faux")
        }
        TechnicalEvent::CashierChanged { cashier, role, change } => {
            let role = match role {
                Role::Cashier => "caissier",
                Role::Manager => "responsable",
            };
            let change = match change {
                Change::Added => "ajouté",
                Change::Pin => "autre code",
                Change::Disabled => "désactivé",
                Change::Enabled => "réactivé",
            };
            format!("{role} {cashier} : {change}")
        }
        TechnicalEvent::Joined { other_sequence, .. } => {
            format!("copie remise en place, jointe à une branche de {other_sequence} écritures")
        }
    }
}

fn payment(fact: &PaymentFact, language: Language) -> String {
    let money = |cents: Cents| euros(cents.get(), language);
    let asked = money(fact.asked);
    match language {
        Language::French => {
            let way = match fact.way {
                Way::Charge => "encaissement sur le TPE",
                Way::Refund => "remboursement sur le TPE",
            };
            let end = match fact.end {
                PaymentEnd::Paid { amount, said: Said::ByTpe } => format!("{}, dit le TPE", money(amount)),
                PaymentEnd::Paid { amount, said: Said::ByCashier } => format!("{}, dit le caissier", money(amount)),
                PaymentEnd::NotPaid => "rien, dit le caissier".to_owned(),
                PaymentEnd::Unknown(_) => "on ne sait pas".to_owned(),
            };
            format!("{way} de {asked} : {end}")
        }
        Language::English => {
            let way = match fact.way {
                Way::Charge => "charged on the bank terminal",
                Way::Refund => "refunded on the bank terminal",
            };
            let end = match fact.end {
                PaymentEnd::Paid { amount, said: Said::ByTpe } => format!("{}, it says", money(amount)),
                PaymentEnd::Paid { amount, said: Said::ByCashier } => format!("{}, says the cashier", money(amount)),
                PaymentEnd::NotPaid => "nothing, says the cashier".to_owned(),
                PaymentEnd::Unknown(_) => "nobody knows".to_owned(),
            };
            format!("{asked} to be {way}: {end}")
        }
    }
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
            assert_eq!(words(&detail, Language::French), french);
            assert_eq!(words(&detail, Language::English), english);
        }
    }
}
