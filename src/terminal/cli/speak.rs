//! What people read: an answer becomes a few short lines, the large facts first, in French or in English.
//!
//! Pure functions over the local API's JSON, because that is all that a client has. The sentences of refusals come with the answer; here is only what stands around them.

use std::io;

use super::local_time::{clock, day, same_day};
use crate::domain::Timestamp;
use crate::domain::refusal::Language;
use crate::domain::refusal::Language::{English, French};
use crate::terminal::config::ConfigError;
use crate::till::client::ClientError;
use crate::till::json::{
    Abandoned, Answer, Benefit, Card, Exchange, Granted, Journal, JournalEntry, Limit, Presented, Quoted, Reader,
    Refused, Served, Status, Sync, Undone,
};

/// Between the facts of one line.
const POINT: &str = " · ";

/// `15,50 €` in French, `€15.50` in English.
fn money(cents: u64, language: Language) -> String {
    let (euros, rest) = (cents / 100, cents % 100);
    match language {
        French => format!("{euros},{rest:02} €"),
        English => format!("€{euros}.{rest:02}"),
    }
}

/// `1 place`, `2 places`: in French the plural begins at two.
fn count(number: u64, one: &str, many: &str, language: Language) -> String {
    let singular = match language {
        French => number < 2,
        English => number == 1,
    };
    format!("{number} {}", if singular { one } else { many })
}

/// An amount in its unit: `4 places`, `8,00 €`, or the bare number when the unit is not known any more.
fn amount(number: u32, unit: Option<&str>, language: Language) -> String {
    match (unit, language) {
        (Some("cent"), _) => money(number.into(), language),
        (Some(_), French) => count(number.into(), "place", "places", language),
        (Some(_), English) => count(number.into(), "seat", "seats", language),
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

fn to_return(cents: u64, tender: &str, language: Language) -> String {
    match (cents, language) {
        (0, French) => "rien à rendre".to_owned(),
        (0, English) => "nothing to give back".to_owned(),
        (_, French) => format!("à rendre {} {}", money(cents, language), by(tender, language)),
        (_, English) => format!("give back {} {}", money(cents, language), by(tender, language)),
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
        to_collect(granted.collected_cents, language),
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
    lines.extend(refused.due_cents.map(|due| match language {
        French => format!("Sans le PASS, le titulaire paie {}.", money(due, language)),
        English => format!("Without the PASS the holder pays {}.", money(due, language)),
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
    let Undone { entry, debit, card, returned_cents, tender } = undone;
    let back = to_return(*returned_cents, tender, language);
    match language {
        French => format!("ANNULÉ - {back}{POINT}vente {debit} annulée par l'écriture {entry}{POINT}carte {card}"),
        English => format!("UNDONE - {back}{POINT}sale {debit} undone by entry {entry}{POINT}card {card}"),
    }
}

fn undo_requested(undone: &Undone, language: Language) -> String {
    let Undone { entry, debit, card, returned_cents, tender } = undone;
    let back = to_return(*returned_cents, tender, language);
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

/// What lies in the reader.
pub(super) fn card(card: &Card, language: Language) -> String {
    let Some(presented) = &card.presented else {
        return match (&card.in_doubt, language) {
            (None, French) => "Aucune carte sur le lecteur.".to_owned(),
            (None, English) => "No card on the reader.".to_owned(),
            (Some(doubt), French) => format!(
                "EN DOUTE - La carte {} doit être représentée{POINT}encaissé {}",
                doubt.card,
                money(doubt.collected_cents, language)
            ),
            (Some(doubt), English) => format!(
                "IN DOUBT - Card {} must be presented again{POINT}collected {}",
                doubt.card,
                money(doubt.collected_cents, language)
            ),
        };
    };
    let mut lines = Vec::new();
    match &presented.refusal {
        Some(reason) => lines.push(refused(&Refused { card: None, ..reason.clone() }, language)),
        None if presented.genuine.is_none() => lines.push(match language {
            French => "Lecture de la carte en cours.".to_owned(),
            English => "The card is being read.".to_owned(),
        }),
        None => {}
    }
    lines.extend(identity(presented, language));
    lines.extend(presented.benefits.iter().map(|line| benefit(line, language)));
    lines.extend(presented.served.as_ref().map(|served| match language {
        French => format!("Servie ici {} (écriture {}).", moment(&served.time, language), served.entry),
        English => format!("Served here {} (entry {}).", moment(&served.time, language), served.entry),
    }));
    lines.join("\n")
}

fn identity(presented: &Presented, language: Language) -> Option<String> {
    let number = presented.card.as_ref()?;
    let genuine = match (presented.genuine, language) {
        (Some(true), French) => format!("AUTHENTIQUE - carte {number}"),
        (Some(true), English) => format!("GENUINE - card {number}"),
        (_, French) => format!("Carte {number}"),
        (_, English) => format!("Card {number}"),
    };
    let season = match (&presented.season_label, language) {
        (Some(season), French) => format!("saison {season}"),
        (Some(season), English) => format!("season {season}"),
        (None, French) => "aucun droit ouvert".to_owned(),
        (None, English) => "no rights open".to_owned(),
    };
    Some(format!("{genuine}{POINT}{season}"))
}

fn benefit(line: &Benefit, language: Language) -> String {
    let Benefit { label, unit, granted, here, .. } = line;
    let whole = amount(*granted, Some(unit), language);
    let rest = match (line.left, language) {
        (0, French) => format!("{label} : épuisé (sur {whole})"),
        (0, English) => format!("{label}: used up (of {whole})"),
        (left, French) => {
            format!("{label} : reste {} sur {}", amount(left, Some(unit), language), bare(*granted, unit, language))
        }
        (left, English) => {
            format!("{label}: {} left of {}", amount(left, Some(unit), language), bare(*granted, unit, language))
        }
    };
    match (here, language) {
        (true, French) => format!("  {rest}{POINT}utilisable ici"),
        (true, English) => format!("  {rest}{POINT}can be used here"),
        (false, _) => format!("  {rest}"),
    }
}

/// The second of two amounts in one unit: seats are named once, euros twice.
fn bare(number: u32, unit: &str, language: Language) -> String {
    amount(number, (unit == "cent").then_some(unit), language)
}

/// How the terminal is.
pub(super) fn status(status: &Status, language: Language) -> String {
    let mut lines = vec![readiness(status, language)];
    if !status.running {
        lines.push(match language {
            French => "Le service ne tourne pas : ceci vient du journal du terminal.".to_owned(),
            English => "The service is not running: this comes from the terminal's ledger.".to_owned(),
        });
    }
    if status.running {
        lines.push(reader(&status.reader, language));
    }
    if status.in_doubt > 0 {
        lines.push(match language {
            French => {
                format!("En doute : {} - représentez la carte.", count(status.in_doubt, "vente", "ventes", language))
            }
            English => {
                format!("In doubt: {} - present the card again.", count(status.in_doubt, "sale", "sales", language))
            }
        });
    }
    lines.extend(exchange(status, language));
    lines.extend(status.certificate_not_after.as_ref().map(|until| {
        let until = instant(until, |time| day(time, language));
        match language {
            French => format!("Autorisation valable jusqu'au {until}."),
            English => format!("Authorised until {until}."),
        }
    }));
    lines.join("\n")
}

fn readiness(status: &Status, language: Language) -> String {
    let Status { terminal, partner_name, season_label, version, .. } = status;
    let ready = status.running && status.refusal.is_none() && matches!(status.reader, Reader::Ready { .. });
    let head = match (ready, language) {
        (true, French) => "PRÊT",
        (true, English) => "READY",
        (false, French) => "PAS PRÊT",
        (false, English) => "NOT READY",
    };
    let who = match language {
        French => {
            format!("terminal {terminal}{POINT}{partner_name}{POINT}saison {season_label}{POINT}version {version}")
        }
        English => {
            format!("terminal {terminal}{POINT}{partner_name}{POINT}season {season_label}{POINT}version {version}")
        }
    };
    match &status.refusal {
        Some(reason) => format!("{head} - {}\n{}\n{who}", reason.message, reason.next),
        None => format!("{head} - {who}"),
    }
}

fn reader(reader: &Reader, language: Language) -> String {
    match (reader, language) {
        (Reader::Ready { names }, French) => format!("Lecteur : {}", names.join(", ")),
        (Reader::Ready { names }, English) => format!("Reader: {}", names.join(", ")),
        (Reader::Unavailable { reason }, French) => format!("Lecteur indisponible : {reason}"),
        (Reader::Unavailable { reason }, English) => format!("Reader unavailable: {reason}"),
        (Reader::Frozen { seconds }, French) => format!("Le lecteur ne répond plus depuis {seconds} s."),
        (Reader::Frozen { seconds }, English) => format!("The reader has not answered for {seconds} s."),
    }
}

fn exchange(status: &Status, language: Language) -> Vec<String> {
    let Exchange { acknowledged, last, offline_hours, waiting_entries, waiting_cents, deny_list_hours, .. } =
        &status.exchange;
    let worth = money(waiting_cents.value, language);
    let mut lines = vec![match language {
        French => format!(
            "Journal : {}, reçu par la région jusqu'à l'écriture {acknowledged}{POINT}{} en attente ({worth})",
            count(status.entry, "écriture", "écritures", language),
            waiting_entries.value
        ),
        English => format!(
            "Ledger: {}, received by the region up to entry {acknowledged}{POINT}{} waiting ({worth})",
            count(status.entry, "entry", "entries", language),
            waiting_entries.value
        ),
    }];
    lines.push(match language {
        French => format!("Dernier échange avec la région {}", moment(last, language)),
        English => format!("Last exchange with the region {}", moment(last, language)),
    });
    lines.extend(status.exchange.next_attempt.as_ref().map(|next| match language {
        French => format!("Prochain échange {}", moment(next, language)),
        English => format!("Next exchange {}", moment(next, language)),
    }));
    lines.extend(status.exchange.last_error.as_ref().map(|error| match language {
        French => format!("Le dernier essai a échoué : {error}"),
        English => format!("The last attempt failed: {error}"),
    }));
    let hours = |hours: u64| format!("{hours} h");
    let cents = |cents: u64| money(cents, language);
    let measures: [(&Limit, &str, &str, &dyn Fn(u64) -> String); 4] = [
        (offline_hours, "sans échange avec la région depuis", "without the region for", &hours),
        (waiting_entries, "écritures en attente :", "entries waiting:", &|number: u64| number.to_string()),
        (waiting_cents, "valeur en attente :", "value waiting:", &cents),
        (deny_list_hours, "liste des cartes refusées ancienne de", "list of denied cards aged", &hours),
    ];
    lines.extend(measures.iter().filter_map(|(limit, fr, en, value)| {
        let (now, hard) = (value(limit.value), value(limit.hard));
        match (limit.level.as_str(), language) {
            ("within", _) => None,
            ("hard", French) => Some(format!("VENTES ARRÊTÉES - {fr} {now} (limite {hard}). Lancez l'échange.")),
            ("hard", English) => Some(format!("SALES STOPPED - {en} {now} (limit {hard}). Start the exchange.")),
            (_, French) => Some(format!("Attention : {fr} {now} ; les ventes s'arrêtent à {hard}.")),
            (_, English) => Some(format!("Warning: {en} {now}; sales stop at {hard}.")),
        }
    }));
    lines
}

/// The entries, one a line.
pub(super) fn journal(journal: &Journal, language: Language) -> String {
    if journal.entries.is_empty() {
        return match language {
            French => "Aucune écriture.".to_owned(),
            English => "No entries.".to_owned(),
        };
    }
    let lines: Vec<_> = journal.entries.iter().map(|entry| journal_entry(entry, language)).collect();
    lines.join("\n")
}

fn journal_entry(entry: &JournalEntry, language: Language) -> String {
    let time = instant(&entry.time, |time| format!("{} {}", day(time, language), clock(time)));
    let mut facts = vec![entry.entry.to_string(), time, kind(&entry.kind, language).to_owned()];
    facts.extend(entry.benefit.clone());
    facts.extend(entry.amount.map(|number| amount(number, entry.unit.as_deref(), language)));
    let sum = |cents: u64, fr: &str, en: &str| {
        (cents > 0).then(|| format!("{} {}", if language == French { fr } else { en }, money(cents, language)))
    };
    facts.extend(sum(entry.collected_cents, "encaissé", "collected"));
    facts.extend(sum(entry.returned_cents, "rendu", "returned"));
    facts.extend(entry.card.as_ref().map(|card| match language {
        French => format!("carte {card}"),
        English => format!("card {card}"),
    }));
    facts.extend(entry.related.map(|other| related(&entry.kind, other, language)));
    facts.extend(entry.detail.clone());
    facts.push(standing(entry, language));
    facts.join(POINT)
}

fn kind(code: &str, language: Language) -> &str {
    match (code, language) {
        ("debit", French) => "vente",
        ("debit", English) => "sale",
        ("reversal", French) => "annulation",
        ("reversal", English) => "undo",
        ("not-done", French) => "non débitée",
        ("not-done", English) => "not debited",
        ("abandoned", French) => "vente abandonnée",
        ("abandoned", English) => "sale given up",
        ("undo-request", French) => "annulation demandée",
        ("undo-request", English) => "undo requested",
        ("refused", French) => "carte refusée",
        ("refused", English) => "card refused",
        ("card-read", French) => "carte relue",
        ("card-read", English) => "card read",
        ("event", French) => "événement",
        ("event", English) => "event",
        (other, _) => other,
    }
}

/// A sale is taken back by the other entry; any other entry takes the other one back.
fn related(kind: &str, other: u64, language: Language) -> String {
    match (kind, language) {
        ("debit", French) => format!("annulée par {other}"),
        ("debit", English) => format!("undone by {other}"),
        (_, French) => format!("annule {other}"),
        (_, English) => format!("undoes {other}"),
    }
}

fn standing(entry: &JournalEntry, language: Language) -> String {
    match (entry.verdict.as_deref(), entry.acknowledged, language) {
        (Some("payable"), _, French) => "payable".to_owned(),
        (Some("payable"), _, English) => "payable".to_owned(),
        (Some("contested"), _, French) => format!("contestée ({})", entry.contest.as_deref().unwrap_or("?")),
        (Some("contested"), _, English) => format!("contested ({})", entry.contest.as_deref().unwrap_or("?")),
        (_, true, French) => "reçue par la région".to_owned(),
        (_, true, English) => "received by the region".to_owned(),
        (_, false, French) => "à envoyer".to_owned(),
        (_, false, English) => "to be sent".to_owned(),
    }
}

/// What an exchange brought.
pub(super) fn sync(report: &Sync, language: Language) -> String {
    let Sync { exchanges, acknowledged, waiting, error } = report;
    let waiting = match (waiting, language) {
        (0, French) => "rien en attente".to_owned(),
        (0, English) => "nothing waiting".to_owned(),
        (number, French) => format!("{} en attente", count(*number, "écriture", "écritures", language)),
        (number, English) => format!("{} waiting", count(*number, "entry", "entries", language)),
    };
    match (error, language) {
        (None, French) => format!(
            "ÉCHANGE FAIT - {}{POINT}reçu par la région jusqu'à l'écriture {acknowledged}{POINT}{waiting}",
            count((*exchanges).into(), "message", "messages", language)
        ),
        (None, English) => format!(
            "EXCHANGED - {}{POINT}received by the region up to entry {acknowledged}{POINT}{waiting}",
            count((*exchanges).into(), "message", "messages", language)
        ),
        (Some(error), French) => {
            format!("ÉCHANGE INTERROMPU - {waiting}\n{error}\nRien n'est perdu : le terminal réessaiera de lui-même.")
        }
        (Some(error), English) => {
            format!("EXCHANGE BROKEN OFF - {waiting}\n{error}\nNothing is lost: the terminal tries again by itself.")
        }
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
            format!("La configuration {} est fausse à la ligne {line} « {text} » : {why}.", path.display())
        }
        (ConfigError::Read { .. } | ConfigError::Line { .. }, English) => format!("{error}."),
    }
}

#[cfg(test)]
mod tests;
