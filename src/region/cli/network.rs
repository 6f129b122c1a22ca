//! The verbs about partners and terminals.

use serde_json::{Value, json};

use super::super::desk::TerminalFile;
use super::super::error::RegionError;
use super::super::partners::activities;
use super::super::store::standing_code;
use super::args::{OneTerminal, PartnerVerb, TerminalVerb};
use super::now;
use super::partners;
use super::print::Printer;
use crate::domain::catalogue::Code;
use crate::domain::version::RequiredVersion;
use crate::domain::{PartnerId, TerminalId};
use crate::wire::exchange::TerminalStanding;

/// A code that somebody typed.
pub(super) fn codes(codes: &[Code]) -> String {
    codes.iter().map(Code::as_str).collect::<Vec<_>>().join(", ")
}

pub(super) fn partner(verb: PartnerVerb, printer: &Printer) -> Result<(), RegionError> {
    match verb {
        PartnerVerb::Add { data, name, activity } => {
            let activities = activities(&activity)?;
            let (region, now) = (data.open()?, now());
            let useless = region.activities_without_benefit(&activities, now)?;
            let id = region.add_partner(&name, activities, now)?;
            if !useless.is_empty() {
                let useless = codes(&useless);
                printer.note(
                    &format!("Aucun avantage du catalogue n'est pour : {useless}."),
                    &format!("No benefit of the catalogue is for: {useless}."),
                );
            }
            printer.done(
                &json!({ "partner_id": id.get() }),
                &format!("Partenaire {id} ajouté."),
                &format!("Partner {id} added."),
            )
        }
        PartnerVerb::List { data, csv } => partners::list(&data, csv, printer),
        PartnerVerb::Change(verb) => partners::change(verb, printer),
    }
}

pub(super) fn terminal(verb: TerminalVerb, printer: &Printer) -> Result<(), RegionError> {
    match verb {
        TerminalVerb::Add { data, partner, replaces, valid_hours, all_entitlements } => {
            let (partner, replaces) = (PartnerId::new(partner), replaces.map(TerminalId::new));
            let region = data.open()?;
            let code = region.add_terminal(partner, replaces, all_entitlements, valid_hours, now())?;
            let id = code.terminal;
            printer.done(
                &json!({ "terminal_id": id.get(), "code": code.to_string() }),
                &format!("Terminal {id} ajouté. Code d'inscription, valable {valid_hours} h, pour une seule machine :\n{code}"),
                &format!("Terminal {id} added. Enrolment code, good for {valid_hours} h, for one machine:\n{code}"),
            )
        }
        TerminalVerb::Suspend(one) => {
            let id = chosen(&one);
            one.data.open()?.suspend_terminal(id, now())?;
            printer.done(
                &json!({ "terminal_id": id.get(), "standing": standing_code(TerminalStanding::Suspended) }),
                &format!("Le terminal {id} est suspendu ; il l'apprend à son prochain échange."),
                &format!("Terminal {id} is suspended; it learns so at its next exchange."),
            )
        }
        TerminalVerb::Resume(one) => {
            let id = chosen(&one);
            one.data.open()?.resume_terminal(id, now())?;
            printer.done(
                &json!({ "terminal_id": id.get(), "standing": standing_code(TerminalStanding::Active) }),
                &format!("Le terminal {id} peut vendre ; il l'apprend à son prochain échange."),
                &format!("Terminal {id} may sell; it learns so at its next exchange."),
            )
        }
        TerminalVerb::Revoke(one) => {
            let id = chosen(&one);
            one.data.open()?.revoke_terminal(id, now())?;
            printer.done(
                &json!({ "terminal_id": id.get(), "standing": standing_code(TerminalStanding::Retired) }),
                &format!(
                    "Les clés du terminal {id} sont révoquées : ce qui arrive encore de lui est conservé et n'est plus payé ; \
                     une carte le refuse dès qu'elle a servi à un terminal certifié après la fin de ses certificats (45 jours au plus)."
                ),
                &format!(
                    "The keys of terminal {id} are revoked: what still comes of it is kept and not paid; \
                     a card refuses it once it was used at a terminal that was certified after its certificates ran out (45 days at most)."
                ),
            )
        }
        TerminalVerb::RequireVersion { data, version, by } => {
            // The day itself may pass.
            let required = RequiredVersion { version, by: by.ends_at() };
            data.open()?.require_version(required)?;
            printer.done(
                &json!({ "version": version.to_string(), "by": required.by.to_string() }),
                &format!(
                    "Chaque terminal apprend à son prochain échange qu'il lui faut la version {version} après le {by}."
                ),
                &format!("Each terminal learns at its next exchange that it needs version {version} after {by}."),
            )
        }
        TerminalVerb::Show(one) => show_terminal(&one.data.open()?.terminal(chosen(&one))?, printer),
        TerminalVerb::List { data, behind } => {
            let files = data.open()?.terminals()?;
            files.iter().filter(|file| !behind || file.is_behind).try_for_each(|file| list_terminal(file, printer))
        }
    }
}

/// The command line sees to it that one of the two is there.
fn chosen(one: &OneTerminal) -> TerminalId {
    TerminalId::new(one.id.or(one.terminal).unwrap_or_default())
}

/// What a terminal is, for a program.
fn terminal_json(file: &TerminalFile) -> Value {
    let TerminalFile { terminal, standing, last_heard, version, is_behind, entry_keys } = file;
    let key = |which: usize| entry_keys.map(|keys| hex::encode(keys[which].0));
    json!({
        "terminal_id": terminal.id.get(),
        "partner_id": terminal.partner.get(),
        "replaces": terminal.replaces.map(TerminalId::get),
        "state": state(file),
        "cause": standing.map(|standing| standing.cause.code()),
        "enrolled_at": terminal.keys.map(|keys| keys.enrolled_at.to_string()),
        "last_exchange": last_heard.map(|at| at.to_string()),
        "version": version,
        "behind": is_behind,
        "first_entry_key": key(0),
        "entry_key": key(1),
    })
}

/// How it stands; nothing before its enrolment.
fn standing(file: &TerminalFile) -> Option<TerminalStanding> {
    file.terminal.keys?;
    Some(file.standing.map_or(TerminalStanding::Active, |standing| standing.standing))
}

fn state(file: &TerminalFile) -> &'static str {
    standing(file).map_or("not-enrolled", standing_code)
}

fn state_in_french(file: &TerminalFile) -> &'static str {
    match standing(file) {
        None => "pas encore inscrit",
        Some(TerminalStanding::Active) => "actif",
        Some(TerminalStanding::Suspended) => "suspendu",
        Some(TerminalStanding::Retired) => "retiré",
    }
}

fn list_terminal(file: &TerminalFile, printer: &Printer) -> Result<(), RegionError> {
    let heard = file.last_heard.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let version = file.version.as_deref().unwrap_or("-");
    let state = printer.text(state_in_french(file), state(file));
    let line = format!("{}\t{}\t{state}\t{heard}\t{version}", file.terminal.id, file.terminal.partner);
    printer.done(&terminal_json(file), &line, &line)
}

fn show_terminal(file: &TerminalFile, printer: &Printer) -> Result<(), RegionError> {
    if printer.is_json() {
        return printer.line(&terminal_json(file).to_string());
    }
    let (id, partner) = (file.terminal.id, file.terminal.partner);
    let heard = file.last_heard.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let version = file.version.as_deref().unwrap_or("-");
    printer.line(printer.text(
        &format!("Terminal {id} du partenaire {partner} : {}, dernier échange {heard}", state_in_french(file)),
        &format!("Terminal {id} of partner {partner}: {}, newest exchange {heard}", state(file)),
    ))?;
    let (french, english) = if file.is_behind { (", trop ancienne", ", too old") } else { ("", "") };
    printer.line(printer.text(&format!("  version {version}{french}"), &format!("  version {version}{english}")))?;
    if let Some([first, now]) = &file.entry_keys {
        let (first, now) = (hex::encode(first.0), hex::encode(now.0));
        printer.line(printer.text(
            &format!("  première clé du journal  {first}\n  clé qui signe            {now}"),
            &format!("  first key of the ledger  {first}\n  key that signs           {now}"),
        ))?;
    }
    Ok(())
}
