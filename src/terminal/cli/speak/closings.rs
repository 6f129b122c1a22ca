//! Closings, as people read them.

use super::{amount, count, money, tender};
use crate::domain::Timestamp;
use crate::domain::refusal::Language;
use crate::domain::refusal::Language::{English, French};
use crate::domain::spoken::date;
use crate::terminal::local_time::{clock, day};
use crate::till::json::{BenefitLine, Closing, ClosingOutcome, Closings};

fn kind(code: &str, language: Language) -> &'static str {
    match (code, language) {
        ("month", French) => "DU MOIS",
        ("year", French) => "DE L'ANNÉE",
        (_, French) => "DE LA JOURNÉE",
        ("month", English) => "THE MONTH",
        ("year", English) => "THE YEAR",
        (_, English) => "THE DAY",
    }
}

/// `-1,50 €`.
fn signed(cents: i64, language: Language) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}", money(cents.unsigned_abs(), language))
}

fn when(time: &str, language: Language) -> String {
    Timestamp::parse(time).map_or_else(|| time.to_owned(), |time| format!("{} {}", day(time, language), clock(time)))
}

/// `  Cinéma : 3 places en 3 débits, 1 place rendue par 1 annulation`.
fn benefit(line: &BenefitLine, language: Language) -> String {
    let name = line.label.as_ref().unwrap_or(&line.benefit);
    let amount = |number| amount(number, line.unit.as_deref(), language);
    let count = |number, one, many| count(number, one, many, language);
    let (debited, given_back) = (amount(line.debited), amount(line.given_back));
    let taken_back = (line.undone > 0).then(|| match language {
        French => format!(", rendu {given_back} par {}", count(line.undone, "annulation", "annulations")),
        English => format!(", {given_back} given back by {}", count(line.undone, "undo", "undos")),
    });
    match language {
        French => {
            let debits = count(line.debits, "débit", "débits");
            format!("  {name} : {debited} en {debits}{}", taken_back.unwrap_or_default())
        }
        English => {
            let debits = count(line.debits, "debit", "debits");
            format!("  {name}: {debited} in {debits}{}", taken_back.unwrap_or_default())
        }
    }
}

pub(in crate::terminal::cli) fn closing(closing: &Closing, language: Language) -> String {
    let (euros, cash) = (|cents| money(cents, language), &closing.cash);
    let mut lines = Vec::new();
    if closing.duplicate > 0 {
        lines.push(match language {
            French => format!("DUPLICATA n° {}", closing.duplicate),
            English => format!("DUPLICATE no. {}", closing.duplicate),
        });
    }
    let what = kind(&closing.period, language);
    lines.push(match language {
        French => {
            let of = date(&closing.of, language);
            format!("CLÔTURE {what} {of} - n° {} · écriture {}", closing.number, closing.entry)
        }
        English => format!("CLOSING OF {what} {} - no. {} · entry {}", closing.of, closing.number, closing.entry),
    });
    let (from, to, opened, time) =
        (closing.from, closing.to, when(&closing.opened, language), when(&closing.time, language));
    lines.push(match language {
        French => format!("{} écritures, de {from} à {to} · ouverte {opened} · clôturée {time}", closing.entries),
        English => format!("{} entries, {from} to {to} · opened {opened} · closed {time}", closing.entries),
    });
    lines.extend(closing.benefits.iter().map(|line| benefit(line, language)));
    for line in &closing.tenders {
        let (how, taken, back) =
            (tender(&line.tender, language), euros(line.collected_cents), euros(line.returned_cents));
        lines.push(match language {
            French => format!(
                "  {how} : encaissé {taken} ({}), rendu {back} ({})",
                count(line.sales, "vente", "ventes", language),
                count(line.undone, "annulation", "annulations", language)
            ),
            English => format!(
                "  {how}: collected {taken} ({}), returned {back} ({})",
                count(line.sales, "sale", "sales", language),
                count(line.undone, "undo", "undos", language)
            ),
        });
    }
    let (expected, float) = (signed(cash.expected_cents, language), euros(cash.float_cents));
    lines.push(match (cash.counted_cents.zip(cash.difference_cents), language) {
        (Some((counted, difference)), French) => format!(
            "Espèces : attendu {expected} (fonds {float}), compté {}, écart {}",
            euros(counted),
            signed(difference, language)
        ),
        (Some((counted, difference)), English) => format!(
            "Cash: expected {expected} (float {float}), counted {}, difference {}",
            euros(counted),
            signed(difference, language)
        ),
        (None, French) => format!("Espèces : attendu {expected} (fonds {float}), non comptées"),
        (None, English) => format!("Cash: expected {expected} (float {float}), not counted"),
    });
    if closing.in_doubt > 0 {
        lines.push(match language {
            French => format!("Ventes en doute : {}", closing.in_doubt),
            English => format!("Sales in doubt: {}", closing.in_doubt),
        });
    }
    for unknown in &closing.unknown_payments {
        let (payment, asked) = (&unknown.payment, euros(unknown.asked_cents));
        lines.push(match language {
            French => format!("Paiement inconnu sur le TPE : {asked} ({payment})"),
            English => format!("Unknown payment on the bank terminal: {asked} ({payment})"),
        });
    }
    let (absolute, net) = (euros(closing.perpetual_absolute_cents), euros(closing.perpetual_net_cents));
    lines.push(match language {
        French => format!("Grand total perpétuel : {absolute} en valeur absolue, {net} net"),
        English => format!("Perpetual total: {absolute} absolute, {net} net"),
    });
    lines.join("\n")
}

pub(in crate::terminal::cli) fn closing_outcome(outcome: &ClosingOutcome, language: Language) -> String {
    match outcome {
        ClosingOutcome::Closed(closed) => closing(closed, language),
        ClosingOutcome::Refused(why) => why.message.clone(),
    }
}

pub(in crate::terminal::cli) fn closings(list: &Closings, language: Language) -> String {
    if list.closings.is_empty() {
        return match language {
            French => "Aucune clôture.".to_owned(),
            English => "No closing.".to_owned(),
        };
    }
    let line = |closing: &Closing| {
        let (taken, back) = (money(closing.collected_cents, language), money(closing.returned_cents, language));
        let (entry, of, number) = (closing.entry, date(&closing.of, language), closing.number);
        match language {
            French => format!("{entry:>8}  {of:<10} n° {number:<5} encaissé {taken} · rendu {back}"),
            English => format!("{entry:>8}  {of:<10} no. {number:<5} collected {taken} · returned {back}"),
        }
    };
    list.closings.iter().map(line).collect::<Vec<_>>().join("\n")
}
