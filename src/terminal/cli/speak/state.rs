//! How things are: the card on the reader, the terminal, its journal, an exchange.

use super::payments::payment_lines;
use super::{POINT, amount, count, how_paid, instant, moment, money, refused};
use crate::domain::refusal::Language;
use crate::domain::refusal::Language::{English, French};
use crate::domain::spoken::sentence;
use crate::domain::verdict::Contest;
use crate::terminal::local_time::{clock, day};
use crate::till::json::{
    Benefit, Card, Exchange, Journal, JournalEntry, Limit, Presented, Reader, Refused, Status, Sync,
};

/// What lies in the reader.
pub(in crate::terminal::cli) fn card(card: &Card, language: Language) -> String {
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
pub(in crate::terminal::cli) fn status(status: &Status, language: Language) -> String {
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
    lines.extend(payment_lines(&status.payments, &status.held, language));
    lines.extend(exchange(status, language));
    lines.extend(status.certificate_not_after.as_ref().map(|until| {
        let until = instant(until, |time| day(time, language));
        match language {
            French => format!("Autorisation valable jusqu'au {until}."),
            English => format!("Authorised until {until}."),
        }
    }));
    lines.extend(status.update.as_ref().map(|update| {
        let (version, by) = (&update.version, instant(&update.by, |time| day(time, language)));
        match (language, update.overdue) {
            (French, false) => format!("Mise à jour à faire avant le {by} : version {version}."),
            (French, true) => format!("Mise à jour en retard, due avant le {by} : version {version}."),
            (English, false) => format!("To be updated before {by}: version {version}."),
            (English, true) => format!("Update overdue, was to be made before {by}: version {version}."),
        }
    }));
    lines.join("\n")
}

fn readiness(status: &Status, language: Language) -> String {
    let Status { terminal, partner_name, season_label, version, .. } = status;
    let Exchange { offline_hours, waiting_entries, waiting_cents, deny_list_hours, .. } = &status.exchange;
    let limits = [offline_hours, waiting_entries, waiting_cents, deny_list_hours];
    let ready = status.running
        && status.refusal.is_none()
        && matches!(status.reader, Reader::Ready { .. })
        && limits.iter().all(|limit| limit.level != "hard");
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

/// How the reader is.
pub(in crate::terminal::cli) fn reader(reader: &Reader, language: Language) -> String {
    match (reader, language) {
        (Reader::Ready { names }, French) => format!("Lecteur : {}", names.join(", ")),
        (Reader::Ready { names }, English) => format!("Reader: {}", names.join(", ")),
        (Reader::Unavailable { reason }, French) => format!("Lecteur indisponible : {reason}."),
        (Reader::Unavailable { reason }, English) => format!("Reader unavailable: {reason}."),
        (Reader::Frozen { seconds }, French) => format!("Le lecteur ne répond plus depuis {seconds} s."),
        (Reader::Frozen { seconds }, English) => format!("The reader has not answered for {seconds} s."),
    }
}

fn exchange(status: &Status, language: Language) -> Vec<String> {
    let Exchange { acknowledged, last, waiting_entries, waiting_cents, .. } = &status.exchange;
    let worth = money(waiting_cents.value, language);
    let received = received(*acknowledged, language);
    let mut lines = vec![match language {
        French => format!(
            "Journal : {}{POINT}{received}{POINT}{} en attente ({worth})",
            count(status.entry, "écriture", "écritures", language),
            waiting_entries.value
        ),
        English => format!(
            "Ledger: {}{POINT}{received}{POINT}{} waiting ({worth})",
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
        French => format!("Le dernier essai a échoué : {error}."),
        English => format!("The last attempt failed: {error}."),
    }));
    lines.extend(warnings(&status.exchange, language));
    lines
}

pub(super) fn received(acknowledged: u64, language: Language) -> String {
    match (acknowledged, language) {
        (0, French) => "la région n'a encore rien reçu".to_owned(),
        (0, English) => "the region has received nothing yet".to_owned(),
        (entry, French) => format!("reçu par la région jusqu'à l'écriture {entry}"),
        (entry, English) => format!("received by the region up to entry {entry}"),
    }
}

/// One line for each limit of the region's policy that is reached.
fn warnings(exchange: &Exchange, language: Language) -> Vec<String> {
    let hours = |limit: &Limit| (format!("{} h", limit.value), format!("{} h", limit.hard));
    let number = |limit: &Limit| (limit.value.to_string(), limit.hard.to_string());
    let cents = |limit: &Limit| (money(limit.value, language), money(limit.hard, language));
    let Exchange { offline_hours, waiting_entries, waiting_cents, deny_list_hours, .. } = exchange;
    let measures = [
        (offline_hours, "sans échange avec la région depuis", "without the region for", hours(offline_hours)),
        (waiting_entries, "écritures en attente :", "entries waiting:", number(waiting_entries)),
        (waiting_cents, "valeur en attente :", "value waiting:", cents(waiting_cents)),
        (deny_list_hours, "liste des cartes refusées ancienne de", "list of denied cards aged", hours(deny_list_hours)),
    ];
    let warn =
        |(limit, fr, en, (now, hard)): (&Limit, &str, &str, (String, String))| match (limit.level.as_str(), language) {
            ("within", _) => None,
            ("hard", French) => Some(format!("VENTES ARRÊTÉES - {fr} {now} (limite {hard}). Lancez l'échange.")),
            ("hard", English) => Some(format!("SALES STOPPED - {en} {now} (limit {hard}). Start the exchange.")),
            (_, French) => Some(format!("Attention : {fr} {now} ; les ventes s'arrêtent à {hard}.")),
            (_, English) => Some(format!("Warning: {en} {now}; sales stop at {hard}.")),
        };
    measures.into_iter().filter_map(warn).collect()
}

/// The entries, one a line.
pub(in crate::terminal::cli) fn journal(journal: &Journal, language: Language) -> String {
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
    facts.extend(entry.label.clone().or_else(|| entry.benefit.clone()));
    facts.extend(entry.amount.map(|number| amount(number, entry.unit.as_deref(), language)));
    let sum = |cents: u64, fr: &str, en: &str| {
        (cents > 0).then(|| format!("{} {}", if language == French { fr } else { en }, money(cents, language)))
    };
    facts.extend(sum(entry.collected_cents, "encaissé", "collected"));
    facts.extend(sum(entry.returned_cents, "rendu", "returned"));
    let moved = entry.collected_cents + entry.returned_cents > 0;
    facts.extend(entry.tender.as_ref().filter(|_| moved).and_then(|code| how_paid(code, &entry.parts, language)));
    facts.extend(entry.card.as_ref().map(|card| match language {
        French => format!("carte {card}"),
        English => format!("card {card}"),
    }));
    facts.extend(entry.related.map(|other| related(&entry.kind, other, language)));
    facts.extend(entry.words.clone().or_else(|| entry.detail.clone()));
    facts.push(standing(entry, language));
    facts.join(POINT)
}

pub(super) fn kind(code: &str, language: Language) -> &str {
    match (code, language) {
        ("debit", French) => "vente",
        ("debit", English) => "sale",
        ("reversal", French) => "annulation",
        ("reversal", English) => "undo",
        ("not-done", French) => "vente non faite",
        ("not-done", English) => "sale not made",
        ("abandoned", French) => "vente abandonnée",
        ("abandoned", English) => "sale given up",
        ("undo-request", French) => "annulation demandée",
        ("undo-request", English) => "undo requested",
        ("refused", French) => "carte refusée",
        ("refused", English) => "card refused",
        ("card-read", French) => "carte relevée",
        ("card-read", English) => "card read",
        ("closing", French) => "clôture",
        ("closing", English) => "closing",
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
        (Some("contested"), _, French) => format!("contestée{}", reason(entry, language)),
        (Some("contested"), _, English) => format!("contested{}", reason(entry, language)),
        (_, true, French) => "reçue par la région".to_owned(),
        (_, true, English) => "received by the region".to_owned(),
        (_, false, French) => "à envoyer".to_owned(),
        (_, false, English) => "to be sent".to_owned(),
    }
}

/// Why an entry is contested. A newer daemon may know reasons that have no words here.
fn reason(entry: &JournalEntry, language: Language) -> String {
    let code = entry.contest.as_deref().unwrap_or_default();
    match Contest::from_code(code) {
        Some(reason) => format!(" ({code} : {})", reason.sentence(language).trim_end_matches('.')),
        None => format!(" ({code})"),
    }
}

/// What an exchange brought.
pub(in crate::terminal::cli) fn sync(report: &Sync, language: Language) -> String {
    let Sync { exchanges, acknowledged, waiting: number, error } = report;
    let waiting = waiting(*number, language);
    match (error, language) {
        (None, French) => format!(
            "ÉCHANGE FAIT - {}{POINT}{}{POINT}{waiting}",
            count((*exchanges).into(), "message", "messages", language),
            received(*acknowledged, language)
        ),
        (None, English) => format!(
            "EXCHANGED - {}{POINT}{}{POINT}{waiting}",
            count((*exchanges).into(), "message", "messages", language),
            received(*acknowledged, language)
        ),
        (Some(error), French) => {
            format!(
                "ÉCHANGE INTERROMPU - {waiting}\n{}\nRien n'est perdu : le terminal réessaiera de lui-même.",
                sentence(error)
            )
        }
        (Some(error), English) => {
            format!(
                "EXCHANGE BROKEN OFF - {waiting}\n{}\nNothing is lost: the terminal tries again by itself.",
                sentence(error)
            )
        }
    }
}

/// How many entries still wait for the region.
pub(super) fn waiting(number: u64, language: Language) -> String {
    match (number, language) {
        (0, French) => "rien en attente".to_owned(),
        (0, English) => "nothing waiting".to_owned(),
        (number, French) => format!("{} en attente", count(number, "écriture", "écritures", language)),
        (number, English) => format!("{} waiting", count(number, "entry", "entries", language)),
    }
}
