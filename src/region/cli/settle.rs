//! The verbs about settlements, and why an entry was paid.

use std::fs::{self, File, OpenOptions};
use std::io::BufWriter;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::super::Region;
use super::super::error::RegionError;
use super::super::keys::make_private_directory;
use super::super::partners::account;
use super::super::settlement::days::Day;
use super::super::settlement::trouble::SettlementTrouble;
use super::super::settlement::why::{Story, sentence};
use super::super::settlement::{SettlementFile, sheets};
use super::super::store::{PartnerSettlement, SealRow, SettlementRow};
use super::now;
use super::print::Printer;
use super::settle_args::{EntryVerb, SettleVerb, day};
use crate::domain::refusal::Language;
use crate::domain::verdict::{Contest, Verdict};
use crate::domain::{Balance, Cents, Sequence, TerminalId};

pub(super) fn settle(verb: SettleVerb, printer: &Printer) -> Result<(), RegionError> {
    match verb {
        SettleVerb::Close { data, until } => {
            let until = day(&until)?;
            let file = data.open()?.close_settlement(until, now())?;
            let (number, seal) = (file.settlement.number, file.sealed()?);
            printer.done(
                &summary(&file.settlement, file.seal.as_ref()),
                &format!(
                    "Règlement {number} arrêté au {} : {} lignes, {} EUR ; versé : {} EUR.",
                    until.french(),
                    seal.lines,
                    seal.cents,
                    seal.paid
                ),
                &format!(
                    "Settlement {number} closed until {until}: {} lines, {} EUR; paid: {} EUR.",
                    seal.lines, seal.cents, seal.paid
                ),
            )
        }
        SettleVerb::List { data } => {
            for (row, seal) in data.open()?.settlements()? {
                let (lines, cents, paid) = seal.map_or(("-".to_owned(), "-".to_owned(), "-".to_owned()), |seal| {
                    (seal.lines.to_string(), seal.cents.to_string(), seal.paid.to_string())
                });
                let line = format!("{}\t{}\t{lines}\t{cents}\t{paid}", row.number, row.until);
                printer.done(&summary(&row, seal.as_ref()), &line, &line)?;
            }
            Ok(())
        }
        SettleVerb::Show(of) => show(&of.data.open()?.settlement(of.number)?, printer),
        SettleVerb::Verify(of) => {
            let file = of.data.open()?.verify_settlement(of.number)?;
            let (number, hash) = (of.number, hex::encode(file.sealed()?.entries_sha256));
            printer.done(
                &summary(&file.settlement, file.seal.as_ref()),
                &format!("Le règlement {number}, refait depuis les preuves, est le même à l'octet près ({hash})."),
                &format!("Settlement {number}, made again from the evidence, is the same to the byte ({hash})."),
            )
        }
        SettleVerb::Export { of, to, execute } => {
            let execute = execute.as_deref().map(day).transpose()?;
            let region = of.data.open()?;
            let files = export(&region, &region.settlement(of.number)?, &to, execute)?;
            let (count, place) = (files.len(), to.display());
            let files: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
            printer.done(
                &json!({ "settlement": of.number, "files": files }),
                &format!("{count} fichiers sont dans {place}."),
                &format!("{count} files are in {place}."),
            )
        }
        SettleVerb::Payer { data, account: typed } => {
            let account = account(&typed.holder, &typed.iban, typed.bic.as_deref())?;
            let iban = account.iban.masked();
            let version = data.open()?.set_payer(&account, now())?;
            printer.done(
                &json!({ "iban": iban, "version": version }),
                &format!("La région paie désormais depuis le compte {iban}."),
                &format!("The region pays from the account {iban} from now on."),
            )
        }
    }
}

fn summary(row: &SettlementRow, seal: Option<&SealRow>) -> Value {
    json!({
        "settlement": row.number,
        "until": row.until,
        "begun_at": row.begun_at.to_string(),
        "closed_at": seal.map(|seal| seal.sealed_at.to_string()),
        "lines": seal.map(|seal| seal.lines),
        "cents": seal.map(|seal| seal.cents.get()),
        "paid_cents": seal.map(|seal| seal.paid.get()),
        "entries_sha256": seal.map(|seal| hex::encode(seal.entries_sha256)),
    })
}

fn show(file: &SettlementFile, printer: &Printer) -> Result<(), RegionError> {
    if printer.is_json() {
        let mut value = summary(&file.settlement, file.seal.as_ref());
        value["partners"] = file.partners.iter().map(|of| partner_json(file, of)).collect();
        return printer.line(&value.to_string());
    }
    file.sealed()?;
    for of in &file.partners {
        let PartnerSettlement { partner, name, carried, lines, paid, .. } = of;
        let rest = of.rest();
        let french = format!("{partner}\t{name}\treport {carried}\tpériode {lines}\tversé {paid}\treste {rest}");
        let english = format!("{partner}\t{name}\tcarried {carried}\tperiod {lines}\tpaid {paid}\trest {rest}");
        printer.line(printer.text(&french, &english))?;
        for total in file.totals.iter().filter(|total| total.partner == *partner) {
            let benefit = file.name(total.season, total.slot);
            let label = match printer.language() {
                Language::French => benefit.french,
                Language::English => benefit.english,
            };
            printer.line(&format!("  {label} {}\t{}\t{}", total.season, total.sales, total.cents))?;
        }
    }
    Ok(())
}

fn partner_json(file: &SettlementFile, of: &PartnerSettlement) -> Value {
    let totals = file.totals.iter().filter(|total| total.partner == of.partner);
    let benefits = totals.map(|total| {
        json!({
            "benefit": file.name(total.season, total.slot).code,
            "season": total.season.get(),
            "sales": total.sales,
            "amount": total.amount,
            "cents": total.cents.get(),
            "corrected_cents": total.corrected.get(),
        })
    });
    json!({
        "partner_id": of.partner.get(),
        "name": of.name,
        "carried_cents": of.carried.get(),
        "lines_cents": of.lines.get(),
        "paid_cents": of.paid.get(),
        "rest_cents": of.rest().get(),
        "benefits": benefits.collect::<Vec<_>>(),
    })
}

/// Writes every file of a settlement; where they are. They name accounts, so they are for their owner alone.
fn export(
    region: &Region,
    file: &SettlementFile,
    to: &Path,
    execute: Option<Day>,
) -> Result<Vec<PathBuf>, RegionError> {
    file.sealed()?;
    let number = file.settlement.number;
    make_private_directory(to).map_err(|error| RegionError::CannotCreate { path: to.to_owned(), error })?;
    let path = |what: &str| to.join(format!("reglement-{number:04}-{what}"));
    let mut written = Vec::new();
    let mut write = |path: PathBuf, content: &dyn Fn(BufWriter<File>) -> Result<(), RegionError>| {
        in_file(&path, content)?;
        written.push(path);
        Ok::<(), RegionError>(())
    };
    write(path("avantages.csv"), &|out| sheets::write_totals(file, out))?;
    write(path("versements.csv"), &|out| region.write_payments(file, out))?;
    write(path("ecritures.csv"), &|out| region.write_entries(file, out))?;
    for of in &file.partners {
        let statement = path(&format!("releve-partenaire-{}.html", of.partner));
        write(statement, &|out| region.write_statement(file, of.partner, out))?;
    }
    if !file.sealed()?.paid.is_zero() {
        write(path("virements.xml"), &|out| region.write_credit_transfer(file, execute, out))?;
    }
    Ok(written)
}

/// Writes a file beside its place, then puts it there: what is there is whole.
fn in_file(path: &Path, content: impl FnOnce(BufWriter<File>) -> Result<(), RegionError>) -> Result<(), RegionError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let beside = PathBuf::from(beside);
    let failed = |error| RegionError::Io { path: path.to_owned(), error };
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside);
    let done = content(BufWriter::new(opened.map_err(failed)?)).map_err(|error| match error {
        RegionError::Io { error, .. } => failed(error),
        other => other,
    });
    if done.is_err() {
        // What was begun is of no use; where it stays, it is in nobody's way.
        let _ = fs::remove_file(&beside);
        return done;
    }
    fs::rename(&beside, path).map_err(failed)
}

pub(super) fn entry(verb: EntryVerb, printer: &Printer) -> Result<(), RegionError> {
    let EntryVerb::Show { data, terminal, sequence } = verb;
    if sequence == 0 {
        return Err(SettlementTrouble::NoEntry { terminal, sequence }.into());
    }
    let stories = data.open()?.entry_stories(TerminalId::new(terminal), Sequence::new(sequence))?;
    for story in &stories {
        if printer.is_json() {
            printer.line(&story_json(story).to_string())?;
        } else {
            tell(story, printer)?;
        }
    }
    Ok(())
}

fn story_json(story: &Story) -> Value {
    let place = story.entry.key.place;
    let versions = story.versions.iter().map(|row| {
        json!({
            "version": row.judged.version,
            "verdict": row.judged.verdict.code(),
            "reason": row.judged.verdict.contest().map(Contest::code),
            "because": sentence(row.judged.verdict, Language::English),
            "payable_cents": row.judged.payable.get(),
            "judged_at": row.judged_at.to_string(),
        })
    });
    let settled = story.settled.iter().map(|(settlement, line)| {
        json!({
            "settlement": settlement.number,
            "until": settlement.until,
            "verdict_version": line.change.version,
            "before_cents": line.change.before.get(),
            "after_cents": line.change.after.get(),
            "cents": Balance::change(line.change.before, line.change.after).get(),
        })
    });
    json!({
        "terminal": story.entry.key.terminal.get(),
        "sequence": place.sequence.get(),
        "branch": place.branch,
        "hash": story.hash.to_string(),
        "received_at": story.entry.received_at.to_string(),
        "verdicts": versions.collect::<Vec<_>>(),
        "settled": settled.collect::<Vec<_>>(),
    })
}

fn tell(story: &Story, printer: &Printer) -> Result<(), RegionError> {
    let (terminal, place) = (story.entry.key.terminal, story.entry.key.place);
    let (sequence, received_at) = (place.sequence, story.entry.received_at);
    let french =
        format!("Écriture {sequence} du terminal {terminal}, branche {}, reçue le {received_at}", place.branch);
    let english =
        format!("Entry {sequence} of terminal {terminal}, branch {}, received at {received_at}", place.branch);
    printer.line(printer.text(&french, &english))?;
    printer.line(&format!("  {} {}", printer.text("empreinte", "hash"), story.hash))?;
    for row in &story.versions {
        let (version, at, verdict) = (row.judged.version, row.judged_at, row.judged.verdict);
        let reason = verdict.contest().map_or_else(|| verdict.code(), Contest::code);
        let worth = match verdict {
            Verdict::Payable => format!(" {} EUR.", row.judged.payable),
            Verdict::Contested(_) | Verdict::Recorded => String::new(),
        };
        let because = sentence(verdict, printer.language());
        printer.line(&format!("  {at}  v{version}  {reason}: {because}{worth}"))?;
    }
    for (settlement, line) in &story.settled {
        let (number, until) = (settlement.number, &settlement.until);
        let cents = Balance::change(line.change.before, line.change.after);
        let first = line.change.before == Cents::ZERO;
        let french = if first { "payée" } else { "corrigée" };
        let english = if first { "paid" } else { "corrected" };
        let french = format!("  {french} au règlement {number} (au {until}) : {cents} EUR");
        let english = format!("  {english} in settlement {number} (until {until}): {cents} EUR");
        printer.line(printer.text(&french, &english))?;
    }
    if story.settled.is_empty() {
        printer.line(&format!("  {}", printer.text("dans aucun règlement", "in no settlement")))?;
    }
    Ok(())
}
