//! What people read: an answer becomes a few short lines, the large facts first, in French or in English.
//!
//! Pure functions over the local API's JSON, because that is all that a client has. The sentences of refusals come with
//! the answer; here is only what stands around them.

mod cashiers;
mod closings;
mod files;
mod payments;
mod receipts;
mod state;

use std::io;

pub(super) use self::cashiers::{cashier_changed, cashiers, no_place_for_session, signed, signed_out};
pub(super) use self::closings::{closing, closing_outcome, closings};
pub(super) use self::files::{exported, imported, no_message, not_read, not_written};
pub(super) use self::payments::{payment_outcome, payments, sale_to_repeat};
pub(super) use self::receipts::{receipt, receipt_queued};
pub(super) use self::state::{card, journal, reader, status, sync};
use crate::domain::Timestamp;
use crate::domain::money::euros as money;
use crate::domain::refusal::Language;
use crate::domain::refusal::Language::{English, French};
use crate::terminal::config::ConfigError;
use crate::terminal::local_time::{clock, day, same_day};
use crate::till::client::ClientError;
use crate::till::json::{Abandoned, Answer, Granted, Part, Quoted, Refused, Served, Undone};

/// Between the facts of one line.
const POINT: &str = " · ";

/// `1 place`, `2 places`: in French the plural begins at two.
fn count(number: u64, one: &str, many: &str, language: Language) -> String {
    let singular = match language {
        French => number < 2,
        English => number == 1,
    };
    format!("{number} {}", if singular { one } else { many })
}

/// An amount in its unit: `4 places`, `8,00 €`, or the bare number when the unit is not known any more.
fn amount(number: impl Into<u64>, unit: Option<&str>, language: Language) -> String {
    let number = number.into();
    match (unit, language) {
        (Some("cent"), _) => money(number, language),
        (Some(_), French) => count(number, "place", "places", language),
        (Some(_), English) => count(number, "seat", "seats", language),
        (None, _) => number.to_string(),
    }
}

fn left(number: u32, unit: Option<&str>, language: Language) -> String {
    match (number, language) {
        (0, French) => "il ne reste rien".to_owned(),
        (0, English) => "nothing left".to_owned(),
        (_, French) => format!("reste {}", amount(number, unit, language)),
        (_, English) => format!("{} left", amount(number, unit, language)),
    }
}

fn to_collect(cents: u64, language: Language) -> String {
    match (cents, language) {
        (0, French) => "rien à encaisser".to_owned(),
        (0, English) => "nothing to collect".to_owned(),
        (_, French) => format!("à encaisser {}", money(cents, language)),
        (_, English) => format!("collect {}", money(cents, language)),
    }
}

fn to_return(undone: &Undone, language: Language) -> String {
    let back = |cents, tender: &str| format!("{} {}", money(cents, language), by(tender, language));
    let how = match undone.parts.as_slice() {
        [] => back(undone.returned_cents, &undone.tender),
        parts => {
            let parts: Vec<_> = parts.iter().map(|part| back(part.amount_cents, &part.tender)).collect();
            parts.join(match language {
                French => " et ",
                English => " and ",
            })
        }
    };
    match (undone.returned_cents, language) {
        (0, French) => "rien à rendre".to_owned(),
        (0, English) => "nothing to give back".to_owned(),
        (_, French) => format!("à rendre {how}"),
        (_, English) => format!("give back {how}"),
    }
}

/// What the cashier is to collect; or has already, where the bank terminal took it or parts of it were said to be there.
fn money_of(granted: &Granted, language: Language) -> String {
    let Granted { collected_cents, tender, parts, .. } = granted;
    let is_there = *collected_cents > 0 && (tender == "tpe" || !parts.is_empty());
    let Some(how) = how_paid(tender, parts, language).filter(|_| is_there) else {
        return to_collect(*collected_cents, language);
    };
    let all = money(*collected_cents, language);
    match language {
        French => format!("encaissé {all} ({how})"),
        English => format!("collected {all} ({how})"),
    }
}

/// How it was paid, unless all of it in cash: the tender, or each part.
fn how_paid(code: &str, parts: &[Part], language: Language) -> Option<String> {
    let part = |part: &Part| format!("{} {}", tender(&part.tender, language), money(part.amount_cents, language));
    match (parts, code) {
        ([], "cash") => None,
        ([], code) => Some(tender(code, language).to_owned()),
        (parts, _) => Some(parts.iter().map(part).collect::<Vec<_>>().join(" + ")),
    }
}

/// A tender's name.
fn tender(code: &str, language: Language) -> &'static str {
    match (code, language) {
        ("cash", French) => "espèces",
        ("card", French) => "carte bancaire",
        ("cheque", French) => "chèque",
        ("tpe", French) => "TPE",
        (_, French) => "autre",
        ("cash", English) => "cash",
        ("card", English) => "bank card",
        ("cheque", English) => "cheque",
        ("tpe", English) => "bank terminal",
        (_, English) => "other",
    }
}

fn by(tender: &str, language: Language) -> &'static str {
    match (tender, language) {
        ("cash", French) => "en espèces",
        ("cash", English) => "in cash",
        ("card", French) => "sur la carte bancaire",
        ("card", English) => "to the bank card",
        ("cheque", French) => "(payé par chèque)",
        ("cheque", English) => "(paid by cheque)",
        ("tpe", French) => "sur le TPE",
        ("tpe", English) => "on the bank terminal",
        (_, French) => "(autre paiement)",
        (_, English) => "(other payment)",
    }
}

/// An instant of the API; what is not one is shown as it stands.
fn instant(text: &str, speak: impl Fn(Timestamp) -> String) -> String {
    Timestamp::parse(text).map_or_else(|| text.to_owned(), speak)
}

fn moment(text: &str, language: Language) -> String {
    instant(text, |time| match language {
        French => format!("le {} à {}", day(time, language), clock(time)),
        English => format!("on {} at {}", day(time, language), clock(time)),
    })
}

/// What came of a request.
pub(super) fn answer(answer: &Answer, language: Language) -> String {
    match answer {
        Answer::Granted(granted) => self::granted(granted, language),
        Answer::Refused(refused) => self::refused(refused, language),
        Answer::Quoted(quoted) => self::quoted(quoted, language),
        Answer::Undone(undone) => self::undone(undone, language),
        Answer::UndoRequested(undone) => undo_requested(undone, language),
        Answer::Abandoned(abandoned) => self::abandoned(abandoned, language),
    }
}

fn granted(granted: &Granted, language: Language) -> String {
    let benefit = granted.label.as_deref().unwrap_or(&granted.benefit);
    let unit = granted.unit.as_deref();
    let debited = amount(granted.debited, unit, language);
    let facts = [
        money_of(granted, language),
        left(granted.left, unit, language),
        match language {
            French => format!("écriture {}", granted.entry),
            English => format!("entry {}", granted.entry),
        },
        match language {
            French => format!("carte {}", granted.card),
            English => format!("card {}", granted.card),
        },
    ]
    .join(POINT);
    let at = moment(&granted.time, language);
    let mut lines = vec![match (granted.repeated, language) {
        (false, French) => format!("ACCORDÉ - {benefit} : {debited}{POINT}{facts}"),
        (false, English) => format!("GRANTED - {benefit}: {debited}{POINT}{facts}"),
        (true, French) => format!("DÉJÀ ACCORDÉ - {benefit} : {debited}{POINT}{facts}"),
        (true, English) => format!("ALREADY GRANTED - {benefit}: {debited}{POINT}{facts}"),
    }];
    match (granted.repeated, language) {
        (true, French) => lines.push(format!("C'est la vente faite {at} : rien n'a été débité de plus.")),
        (true, English) => lines.push(format!("This is the sale made {at}: nothing more was debited.")),
        (false, _) => lines.extend(served_today(granted, language)),
    }
    lines.join("\n")
}

/// Decision 17: the cashier is told that the card was served before on the same day.
fn served_today(granted: &Granted, language: Language) -> Option<String> {
    let Served { entry, time } = granted.served_before.as_ref()?;
    let before = Timestamp::parse(time)?;
    if !same_day(before, Timestamp::parse(&granted.time)?) {
        return None;
    }
    Some(match language {
        French => format!("Attention : carte déjà servie aujourd'hui à {} (écriture {entry}).", clock(before)),
        English => format!("Mind: this card was already served today at {} (entry {entry}).", clock(before)),
    })
}

fn refused(refused: &Refused, language: Language) -> String {
    let headline = match (refused.refusal.as_str(), refused.again, language) {
        ("sale-in-doubt", _, French) => "EN DOUTE",
        ("sale-in-doubt", _, English) => "IN DOUBT",
        (_, true, French) => "À REFAIRE",
        (_, true, English) => "TRY AGAIN",
        (_, false, French) => "REFUSÉ",
        (_, false, English) => "REFUSED",
    };
    let mut lines = vec![format!("{headline} - {}", refused.message), refused.next.clone()];
    // Of a payment, what is still to be collected.
    let of_payment = refused.refusal.starts_with("payment-");
    lines.extend(refused.due_cents.map(|due| match (of_payment, language) {
        (true, French) => format!("Reste à encaisser : {}.", money(due, language)),
        (true, English) => format!("Still to collect: {}.", money(due, language)),
        (false, French) => format!("Sans le PASS, le titulaire paie {}.", money(due, language)),
        (false, English) => format!("Without the PASS the holder pays {}.", money(due, language)),
    }));
    if !refused.choices.is_empty() {
        let choices: Vec<_> = refused.choices.iter().map(|code| format!("--benefit {code}")).collect();
        lines.push(choices.join(match language {
            French => " ou ",
            English => " or ",
        }));
    }
    lines.extend(refused.found_card.as_ref().map(|found| match language {
        French => format!("Carte trouvée : {} - téléphone {}.", found.address, found.phone),
        English => format!("Found card: {} - telephone {}.", found.address, found.phone),
    }));
    lines.extend(refused.card.as_ref().map(|card| match language {
        French => format!("Carte {card}"),
        English => format!("Card {card}"),
    }));
    lines.join("\n")
}

fn quoted(quoted: &Quoted, language: Language) -> String {
    let benefit = quoted.label.as_deref().unwrap_or(&quoted.benefit);
    let debited = amount(quoted.amount, Some(&quoted.unit), language);
    let due = to_collect(quoted.due_cents, language);
    let after = amount(quoted.left, Some(&quoted.unit), language);
    match language {
        French => {
            format!("DEVIS - {benefit} : {debited}{POINT}{due}{POINT}resterait {after}{POINT}carte {}", quoted.card)
        }
        English => {
            format!("QUOTE - {benefit}: {debited}{POINT}{due}{POINT}would leave {after}{POINT}card {}", quoted.card)
        }
    }
}

fn undone(undone: &Undone, language: Language) -> String {
    let Undone { entry, debit, card, .. } = undone;
    let back = to_return(undone, language);
    match language {
        French => format!("ANNULÉ - {back}{POINT}vente {debit} annulée par l'écriture {entry}{POINT}carte {card}"),
        English => format!("UNDONE - {back}{POINT}sale {debit} undone by entry {entry}{POINT}card {card}"),
    }
}

fn undo_requested(undone: &Undone, language: Language) -> String {
    let Undone { entry, debit, card, .. } = undone;
    let back = to_return(undone, language);
    match language {
        French => format!(
            "ANNULATION DEMANDÉE - {back}{POINT}vente {debit}{POINT}écriture {entry}{POINT}carte {card}\n\
             La carte n'a pas été modifiée : la région rendra le droit."
        ),
        English => format!(
            "UNDO REQUESTED - {back}{POINT}sale {debit}{POINT}entry {entry}{POINT}card {card}\n\
             The card was not changed: the region gives the right back."
        ),
    }
}

fn abandoned(abandoned: &Abandoned, language: Language) -> String {
    let Abandoned { entry, card } = abandoned;
    match language {
        French => format!(
            "VENTE ABANDONNÉE - écriture {entry}{POINT}carte {card}\n\
             L'argent est rendu au titulaire. Si la carte avait été débitée, son droit lui reviendra."
        ),
        English => format!(
            "SALE GIVEN UP - entry {entry}{POINT}card {card}\n\
             The holder has the money back. If the card was debited, its right will be given back."
        ),
    }
}

/// The answer did not come: nobody knows what became of the request.
pub(super) fn lost(id: &str, language: Language) -> String {
    match language {
        French => format!(
            "EN DOUTE - La liaison avec le terminal est coupée : on ne sait pas si la carte a été débitée.\n\
             Représentez la carte et relancez la même commande avec --id {id} : rien ne sera débité deux fois."
        ),
        English => format!(
            "IN DOUBT - The connection to the terminal was lost: it is not known whether the card was debited.\n\
             Present the card again and run the same command with --id {id}: nothing is debited twice."
        ),
    }
}

/// Why the daemon gave no answer, in one sentence.
pub(super) fn client_error(error: &ClientError, language: Language) -> String {
    match (error, language) {
        (ClientError::NoDaemon { path, error }, _) if error.kind() == io::ErrorKind::PermissionDenied => match language
        {
            French => format!(
                "Vous n'avez pas le droit de parler au terminal par {} : demandez à l'installateur.",
                path.display()
            ),
            English => {
                format!("You may not speak to the terminal through {}: ask whoever installs it.", path.display())
            }
        },
        (ClientError::NoDaemon { path, .. }, French) => {
            format!("Le terminal ne répond pas sur {} : démarrez le service pass-terminal.", path.display())
        }
        (ClientError::NoDaemon { path, .. }, English) => {
            format!("The terminal does not answer on {}: start the pass-terminal service.", path.display())
        }
        (ClientError::Lost { why }, French) => format!("La liaison avec le terminal est coupée ({why})."),
        (ClientError::Lost { why }, English) => format!("The connection to the terminal was lost ({why})."),
        (ClientError::Problem(problem), _) => match &problem.detail {
            Some(detail) => format!("{} ({detail})", problem.title),
            None => problem.title.clone(),
        },
        (ClientError::Request { why }, French) => format!("La demande ne peut pas être écrite ({why})."),
        (ClientError::Request { why }, English) => format!("The request cannot be written ({why})."),
    }
}

/// Why there are no settings, in one sentence.
pub(super) fn config_error(error: &ConfigError, language: Language) -> String {
    match (error, language) {
        (ConfigError::NoData, French) => {
            "Il manque le dossier du terminal : donnez --data DIR, ou --config FILE où la clé data le nomme.".to_owned()
        }
        (ConfigError::NoData, English) => {
            "The terminal's directory is missing: give --data DIR, or --config FILE whose key data names it.".to_owned()
        }
        (ConfigError::Read { path, error }, French) => {
            format!("La configuration {} ne peut pas être lue : {error}.", path.display())
        }
        (ConfigError::Line { path, line, text, why }, French) => {
            format!("La configuration {} est fausse à la ligne {line} « {text} » : {}.", path.display(), in_french(why))
        }
        (ConfigError::Override { name, why }, French) => format!("Le réglage {name} est faux : {}.", in_french(why)),
        (ConfigError::Read { .. } | ConfigError::Line { .. } | ConfigError::Override { .. }, English) => {
            format!("{error}.")
        }
    }
}

/// What the parser of the file finds, in French where it is what is got wrong most: a key that does not exist.
fn in_french(why: &str) -> String {
    let unknown = why.strip_prefix("unknown field `").and_then(|rest| rest.split_once("`, expected "));
    let Some((key, there)) = unknown else { return why.to_owned() };
    let there = there.trim_start_matches("one of ").replace('`', "");
    format!("la clé {key} n'existe pas, ou pas ici ; les clés sont {there}")
}

#[cfg(test)]
mod tests;
