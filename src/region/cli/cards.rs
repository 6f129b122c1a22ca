//! The verbs about cards, and the list of entries.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::bench::read_entry;
use super::super::desk::{CardFile, Correction, Corrections};
use super::super::error::RegionError;
use super::super::holders::OrderId;
use super::super::holders::balance::rights;
use super::super::issue::CardTrouble;
use super::super::orphans::Orphan;
use super::super::replacement::{Fee, Replacement};
use super::super::store::EntryListing;
use super::args::{CardVerb, Entries};
use super::now;
use super::print::Printer;
use crate::domain::card::{Operation, Record, SignedRecord};
use crate::domain::catalogue::{Benefit, Catalogue, Code, Unit};
use crate::domain::entry::{Body, Entry};
use crate::domain::refusal::DenialReason;
use crate::domain::verdict::{Contest, Verdict};
use crate::domain::{CardNumber, Cents, Season, TerminalId};
use crate::reader::{BurstError, CardWorker, ConnectError, ReaderName};
use crate::wire::apdu::Transport;

/// How often a reader is looked at while a card is waited for.
const CARD_POLL: Duration = Duration::from_millis(200);

pub(super) fn card(verb: CardVerb, printer: &Printer) -> Result<(), RegionError> {
    match verb {
        CardVerb::Issue { data, reader, order, profile, replaces, fee_from, waive_fee, wait } => {
            let region = data.open()?;
            let wait = Duration::from_secs(u64::from(wait));
            let order = order.map(|order| OrderId::parse(&order)).transpose()?;
            let Some(old) = replaces else {
                let profile = Code::new(&profile)?;
                let number = with_card(&reader, wait, |card| match order {
                    Some(order) => region.issue_ordered(card, order, now()),
                    None => region.issue_card(card, &profile, now()),
                })?;
                return printer.done(
                    &json!({ "card_number": number.digits() }),
                    &format!("Carte {} faite.", grouped(number)),
                    &format!("Card {} made.", grouped(number)),
                );
            };
            let old = CardNumber::parse(&old)?;
            let fee = fee(fee_from, waive_fee);
            let made = with_card(&reader, wait, |card| region.replace_card(card, old, &fee, now()))?;
            print_replacement(&made, printer)
        }
        CardVerb::Deny { data, card, reason } => {
            let (card, reason) = (CardNumber::parse(&card)?, DenialReason::from(reason));
            let denial = data.open()?.deny_card(card, reason, now())?;
            let (code, at) = (denial.reason.code(), denial.denied_at);
            printer.done(
                &json!({ "card_number": card.digits(), "reason": code, "denied_at": at.to_string() }),
                &format!(
                    "Carte {} en opposition ({code}) depuis {at} ; les terminaux l'apprennent au prochain échange.",
                    grouped(card)
                ),
                &format!(
                    "Card {} denied ({code}) since {at}; the terminals learn so at their next exchange.",
                    grouped(card)
                ),
            )
        }
        CardVerb::Lost(declare) => super::life::declare(declare, DenialReason::Lost, printer),
        CardVerb::Stolen(declare) => super::life::declare(declare, DenialReason::Stolen, printer),
        CardVerb::Broken(declare) => super::life::declare(declare, DenialReason::Broken, printer),
        CardVerb::Found { data, card } => super::life::found(&data, &card, printer),
        CardVerb::Entitle { data, card, season, grant, opening } => {
            let card = CardNumber::parse(&card)?;
            let read = |texts: &[String]| texts.iter().map(|text| Correction::parse(text)).collect::<Result<_, _>>();
            let corrections = Corrections { granted: read(&grant)?, opening: read(&opening)? };
            let season = season.map(Season::new);
            let made = data.open()?.entitle_card(card, season, &corrections, now())?;
            let (serial, season) = (made.serial, made.season);
            printer.done(
                &json!({ "card_number": card.digits(), "season": season.get(), "serial": serial.get() }),
                &format!(
                    "Droits {serial} pour {season} : la carte {} les reçoit à son prochain passage.",
                    grouped(card)
                ),
                &format!("Rights {serial} for {season}: card {} takes them at its next tap.", grouped(card)),
            )
        }
        CardVerb::Show { data, card } => {
            let file = data.open()?.card_file(CardNumber::parse(&card)?)?;
            if printer.is_json() { printer.line(&card_json(&file).to_string()) } else { show_card(&file, printer) }
        }
    }
}

/// What is charged for a card in another's place.
pub(super) fn fee(from: Option<String>, waived: bool) -> Fee {
    match from {
        Some(benefit) => Fee::From(benefit),
        None if waived => Fee::Waived,
        None => Fee::MostLeft,
    }
}

/// All digits, as they are printed on the card: the desk needs them.
pub(super) fn grouped(card: CardNumber) -> String {
    let digits = card.digits();
    let groups: Vec<&str> = (0..4).filter_map(|group| digits.get(group * 4..group * 4 + 4)).collect();
    groups.join(" ")
}

fn print_replacement(made: &Replacement, printer: &Printer) -> Result<(), RegionError> {
    let (new, old, fee) = (grouped(made.card), grouped(made.replaces), made.fee);
    let (french, english) = match &made.fee_from {
        Some(code) => (format!("{fee} EUR de frais pris sur {code}"), format!("a fee of {fee} EUR taken from {code}")),
        None => ("sans frais".to_owned(), "without a fee".to_owned()),
    };
    printer.done(
        &json!({
            "card_number": made.card.digits(),
            "replaces": made.replaces.digits(),
            "fee_from": made.fee_from.as_ref().map(Code::as_str),
            "fee_cents": fee.get(),
        }),
        &format!("Carte {new} faite à la place de la carte {old}, {french}."),
        &format!("Card {new} made in the place of card {old}, {english}."),
    )
}

/// Does `make` with the card in the reader.
fn with_card<T>(
    reader: &str,
    wait: Duration,
    make: impl FnOnce(&mut dyn Transport) -> Result<T, RegionError>,
) -> Result<T, RegionError> {
    let no_reader = || CardTrouble::NoReader(reader.to_owned());
    let name = ReaderName::new(reader).ok_or_else(no_reader)?;
    let mut worker = CardWorker::new();
    let begun = Instant::now();
    let mut connection = loop {
        match worker.connect(&name) {
            Ok(connection) => break connection,
            // A card that was just put down is seen after a moment.
            Err(ConnectError::NoCard) if begun.elapsed() < wait => thread::sleep(CARD_POLL),
            Err(ConnectError::NoCard) => return Err(CardTrouble::NoCard.into()),
            Err(ConnectError::NoSuchReader) => return Err(no_reader().into()),
            Err(
                error @ (ConnectError::Unreadable
                | ConnectError::HeldByAnother
                | ConnectError::Unavailable(_)
                | ConnectError::Reader(_)),
            ) => return Err(CardTrouble::Reader(error.to_string()).into()),
        }
    };
    connection.burst(|transport| make(transport)).map_err(|error| match error {
        BurstError::CardGone | BurstError::SessionLost => CardTrouble::Gone,
        BurstError::HeldByAnother | BurstError::Unavailable(_) | BurstError::Reader(_) => {
            CardTrouble::Reader(error.to_string())
        }
    })?
}

pub(super) const fn operation_code(operation: Operation) -> &'static str {
    match operation {
        Operation::Debit => "debit",
        Operation::Reversal => "reversal",
    }
}

fn record_json(signed: &SignedRecord) -> Value {
    let Record { operation, slot, season, amount, link, consumed, counter, terminal, transaction, time, .. } =
        signed.record;
    json!({
        "counter": counter.get(),
        "operation": operation_code(operation),
        "slot": slot.get(),
        "season": season.get(),
        "amount": amount,
        "link": link,
        "consumed": consumed,
        "terminal": terminal.get(),
        "transaction": transaction.to_string(),
        "time": time.to_string(),
    })
}

fn card_json(file: &CardFile) -> Value {
    let rights: Vec<Value> = rights(file)
        .iter()
        .map(|line| {
            json!({
                "benefit": line.benefit.code.as_str(),
                "unit": line.benefit.unit.code(),
                "granted": line.granted,
                "opening": line.opening,
                "consumed": line.consumed,
                "left": line.left,
            })
        })
        .collect();
    let entitlements: Vec<Value> = file
        .entitlements
        .iter()
        .map(|made| json!({ "serial": made.serial.get(), "season": made.season.get(), "key_serial": made.key_serial.get() }))
        .collect();
    let denial =
        file.denial.map(|denial| json!({ "reason": denial.reason.code(), "denied_at": denial.denied_at.to_string() }));
    json!({
        "card_number": file.card.card.digits(),
        "issue": file.card.issue.get(),
        "profile": file.card.profile.as_str(),
        "issued_at": file.card.issued_at.map(|at| at.to_string()),
        "season": file.entitlements.last().map(|newest| newest.season.get()),
        "rights": rights,
        "entitlements": entitlements,
        "entitlement_on_card": file.card.holds.get(),
        "records": file.records.iter().map(record_json).collect::<Vec<_>>(),
        "taken_back": file.undone.iter().map(|undone| undone.counter.get()).collect::<Vec<_>>(),
        "denial": denial,
        "replaces": file.replaces.map(CardNumber::digits),
        "replaced_by": file.replaced_by.map(CardNumber::digits),
    })
}

fn show_card(file: &CardFile, printer: &Printer) -> Result<(), RegionError> {
    let (number, profile) = (grouped(file.card.card), &file.card.profile);
    printer.line(&format!("{} {number} ({profile})", printer.text("Carte", "Card")))?;
    if let Some(denial) = &file.denial {
        let (code, at) = (denial.reason.code(), denial.denied_at);
        let (french, english) = (format!("En opposition ({code}) depuis {at}"), format!("Denied ({code}) since {at}"));
        printer.line(printer.text(&french, &english))?;
    }
    if let Some(old) = file.replaces {
        printer.line(&format!(
            "{} {}",
            printer.text("À la place de la carte", "In the place of card"),
            grouped(old)
        ))?;
    }
    if let Some(new) = file.replaced_by {
        printer.line(&format!("{} {}", printer.text("Remplacée par la carte", "Replaced by card"), grouped(new)))?;
    }
    if let Some(newest) = file.entitlements.last() {
        let (season, serial, holds) = (newest.season, newest.serial, file.card.holds);
        let french = format!("Saison {season}, droits {serial} (sur la carte : {holds})");
        let english = format!("Season {season}, rights {serial} (on the card: {holds})");
        printer.line(printer.text(&french, &english))?;
    }
    for line in rights(file) {
        let label = line.benefit.label(printer.language());
        let (granted, left) = (amount_text(&line.benefit, line.granted), amount_text(&line.benefit, line.left));
        let french = format!("  {label} : reste {left} sur {granted}");
        let english = format!("  {label}: {left} left of {granted}");
        printer.line(printer.text(&french, &english))?;
    }
    for signed in &file.records {
        let Record { counter, operation, slot, season, amount, terminal, time, .. } = signed.record;
        let operation = operation_code(operation);
        printer.line(&format!("  {counter}\t{time}\t{operation}\t{season}/{slot}\t{amount}\tterminal {terminal}"))?;
    }
    Ok(())
}

pub(super) fn amount_text(benefit: &Benefit, amount: u32) -> String {
    match benefit.unit {
        Unit::Seat { .. } => amount.to_string(),
        Unit::Cent => format!("{} EUR", Cents::from_u32(amount)),
    }
}

pub(super) fn entries(arguments: &Entries, printer: &Printer) -> Result<(), RegionError> {
    let region = arguments.data.open()?;
    let terminal = arguments.terminal.map(TerminalId::new);
    let mut catalogues: BTreeMap<Season, Option<Catalogue>> = BTreeMap::new();
    let listed: Result<(), RegionError> = region.store().read(|tx| {
        tx.list_entries(terminal, |listing| {
            let entry = read_entry(&listing.entry.cose);
            let record = entry.as_ref().and_then(|entry| record(&entry.body));
            if let Some(season) = record.map(|record| record.season)
                && !catalogues.contains_key(&season)
            {
                catalogues.insert(season, tx.catalogue(season)?);
            }
            let catalogue = record.and_then(|record| catalogues.get(&record.season)?.as_ref());
            let benefit = catalogue.and_then(|catalogue| catalogue.benefit(record?.slot));
            let value = entry_json(&listing, entry.as_ref(), record, benefit);
            list(&value, printer)
        })
    });
    listed?;
    region.orphans(terminal, now())?.iter().try_for_each(|orphan| list(&orphan_json(orphan), printer))
}

fn list(value: &Value, printer: &Printer) -> Result<(), RegionError> {
    if printer.is_json() { printer.line(&value.to_string()) } else { printer.line(&entry_line(value)) }
}

/// A debit that only the card's record tells of: as an entry, with neither a place in the chain nor money collected, of which nobody knows.
fn orphan_json(orphan: &Orphan) -> Value {
    let record = &orphan.record;
    let benefit = orphan.catalogue.as_ref().and_then(|catalogue| catalogue.benefit(record.slot));
    json!({
        "terminal": record.terminal.get(),
        "sequence": null,
        "branch": null,
        "kind": "orphan",
        "time": record.time.to_string(),
        "card": record.card.masked(),
        "benefit": benefit.map(|benefit| benefit.code.as_str()),
        "season": record.season.get(),
        "amount": record.amount,
        "counter": record.counter.get(),
        "transaction": record.transaction.to_string(),
        "verdict": Verdict::Payable.code(),
        "payable_cents": orphan.payable.get(),
    })
}

fn record(body: &Body) -> Option<&Record> {
    match body {
        Body::Debit(debit) => Some(&debit.proof.record),
        Body::Reversal(reversal) => Some(&reversal.proof.record),
        Body::NotDone(_)
        | Body::Abandoned(_)
        | Body::UndoRequest(_)
        | Body::Refused(_)
        | Body::CardRead(_)
        | Body::Closing(_)
        | Body::Event(_) => None,
    }
}

/// What the entry says of the holder's money: collected, given back.
fn money(body: &Body) -> (Option<Cents>, Option<Cents>) {
    match body {
        Body::Debit(debit) => (Some(debit.collected), None),
        Body::Reversal(reversal) => (None, Some(reversal.returned)),
        Body::NotDone(not_done) => (None, Some(not_done.returned)),
        Body::Abandoned(abandoned) => (None, Some(abandoned.returned)),
        Body::UndoRequest(request) => (None, Some(request.returned)),
        Body::Refused(_) | Body::CardRead(_) | Body::Closing(_) | Body::Event(_) => (None, None),
    }
}

fn entry_json(
    listing: &EntryListing,
    entry: Option<&Entry>,
    record: Option<&Record>,
    benefit: Option<&Benefit>,
) -> Value {
    let stored = &listing.entry;
    let body = entry.map(|entry| &entry.body);
    let (collected, returned) = body.map_or((None, None), money);
    let verdict = listing.judged.map(|judged| judged.verdict);
    let payable = listing.judged.map_or(Cents::ZERO, |judged| judged.payable);
    json!({
        "terminal": stored.key.terminal.get(),
        "sequence": stored.key.place.sequence.get(),
        "branch": stored.key.place.branch,
        "kind": body.map_or("unreadable", Body::kind),
        "card": body.and_then(Body::card).map(CardNumber::masked),
        "benefit": benefit.map(|benefit| benefit.code.as_str()),
        "season": record.map(|record| record.season.get()),
        "amount": record.map(|record| record.amount),
        "counter": record.map(|record| record.counter.get()),
        "transaction": record.map(|record| record.transaction.to_string()),
        "payable_cents": payable.get(),
        "collected_cents": collected.map(Cents::get),
        "returned_cents": returned.map(Cents::get),
        "time": entry.map(|entry| entry.time.to_string()),
        "received_at": stored.received_at.to_string(),
        "verdict": verdict.map(Verdict::code),
        "reason": verdict.and_then(Verdict::contest).map(Contest::code),
        "verdict_version": listing.judged.map(|judged| judged.version),
    })
}

/// The same on one line for people.
fn entry_line(value: &Value) -> String {
    let field = |name: &str| match &value[name] {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let fields =
        ["terminal", "sequence", "time", "kind", "card", "benefit", "amount", "payable_cents", "verdict", "reason"];
    fields.map(field).join("\t")
}
