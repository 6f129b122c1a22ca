//! The verbs that change or show a partner, and the public list.

use std::io::Write as _;

use serde_json::json;

use super::super::error::RegionError;
use super::super::partners::{PARTNERS_LISTED_MAX, PartnerFile, account};
use super::super::store::PartnerRow;
use super::args::Data;
use super::network::{code, codes};
use super::now;
use super::print::{Printer, printed};
use super::settle_args::{OnePartner, PartnerChange};
use crate::domain::catalogue::Code;
use crate::domain::refusal::Language;
use crate::domain::{PartnerId, TerminalId};

pub(super) fn change(verb: PartnerChange, printer: &Printer) -> Result<(), RegionError> {
    match verb {
        PartnerChange::SetActivities { of, activity } => {
            let mut activities = activity.iter().map(|text| code(text)).collect::<Result<Vec<_>, _>>()?;
            activities.sort();
            activities.dedup();
            let (region, id) = (of.data.open()?, PartnerId::new(of.id));
            region.set_activities(id, &activities)?;
            let listed = codes(&activities);
            printer.done(
                &json!({ "partner_id": id.get(), "activities": activities.iter().map(Code::as_str).collect::<Vec<_>>() }),
                &format!("Partenaire {id} : {listed} ; les certificats suivent au prochain échange."),
                &format!("Partner {id}: {listed}; the certificates follow with the next exchange."),
            )
        }
        PartnerChange::SetCity { of, city } => {
            let id = PartnerId::new(of.id);
            of.data.open()?.set_city(id, city.as_deref())?;
            let said = city.as_deref().unwrap_or("-");
            printer.done(
                &json!({ "partner_id": id.get(), "city": city }),
                &format!("Partenaire {id}, ville : {said}."),
                &format!("Partner {id}, city: {said}."),
            )
        }
        PartnerChange::SetBank { of, account: typed } => {
            let account = account(&typed.holder, &typed.iban, typed.bic.as_deref())?;
            let (id, iban) = (PartnerId::new(of.id), account.iban.masked());
            let version = of.data.open()?.set_bank(id, &account, now())?;
            printer.done(
                &json!({ "partner_id": id.get(), "iban": iban, "version": version }),
                &format!("Le partenaire {id} est payé sur le compte {iban} dès le prochain règlement."),
                &format!("Partner {id} is paid to the account {iban} from the next settlement on."),
            )
        }
        PartnerChange::Suspend(of) => {
            let id = PartnerId::new(of.id);
            of.data.open()?.suspend_partner(id, now())?;
            printer.done(
                &json!({ "partner_id": id.get(), "suspended": true }),
                &format!("Le partenaire {id} est suspendu ; ses terminaux l'apprennent à leur prochain échange."),
                &format!("Partner {id} is suspended; its terminals learn so with their next exchange."),
            )
        }
        PartnerChange::Resume(of) => {
            let id = PartnerId::new(of.id);
            of.data.open()?.resume_partner(id, now())?;
            printer.done(
                &json!({ "partner_id": id.get(), "suspended": false }),
                &format!("Le partenaire {id} peut vendre ; ses terminaux l'apprennent à leur prochain échange."),
                &format!("Partner {id} may sell; its terminals learn so with their next exchange."),
            )
        }
        PartnerChange::Show(of) => show(&of, printer),
    }
}

fn show(of: &OnePartner, printer: &Printer) -> Result<(), RegionError> {
    let PartnerFile { row, terminals, bank } = of.data.open()?.partner_file(PartnerId::new(of.id))?;
    let bank = bank.map(|row| (row.account.iban.masked(), row.account.holder));
    if printer.is_json() {
        let mut value = row_json(&row);
        value["terminals"] = terminals.iter().map(|terminal| terminal.get()).collect();
        value["iban"] = json!(bank.as_ref().map(|(iban, _)| iban));
        value["account_holder"] = json!(bank.as_ref().map(|(_, holder)| holder));
        return printer.line(&value.to_string());
    }
    printer.line(printer.text(&row_line(&row, Language::French), &row_line(&row, Language::English)))?;
    let terminals = terminals.iter().map(TerminalId::to_string).collect::<Vec<_>>().join(", ");
    printer.line(&format!("{} {terminals}", printer.text("Terminaux :", "Terminals:")))?;
    let bank = bank.map_or_else(
        || printer.text("inconnu : rien ne lui est versé", "not known: nothing is paid").to_owned(),
        |(iban, holder)| format!("{iban} ({holder})"),
    );
    printer.line(&format!("{} {bank}", printer.text("Compte :", "Account:")))
}

pub(super) fn list(data: &Data, csv: bool, printer: &Printer) -> Result<(), RegionError> {
    let region = data.open()?;
    if csv {
        let list = region.public_list()?;
        return printed(std::io::stdout().lock().write_all(&list.csv));
    }
    for row in region.partners(PartnerId::new(0), PARTNERS_LISTED_MAX)? {
        printer.done(&row_json(&row), &row_line(&row, Language::French), &row_line(&row, Language::English))?;
    }
    Ok(())
}

fn row_json(row: &PartnerRow) -> serde_json::Value {
    let activities: Vec<&str> = row.partner.activities.iter().map(Code::as_str).collect();
    json!({
        "partner_id": row.id.get(),
        "name": row.partner.name,
        "activities": activities,
        "city": row.city,
        "suspended_at": row.suspended_at.map(|at| at.to_string()),
    })
}

fn row_line(row: &PartnerRow, language: Language) -> String {
    let state = match (row.suspended_at.is_some(), language) {
        (false, Language::French) => "actif",
        (true, Language::French) => "suspendu",
        (false, Language::English) => "active",
        (true, Language::English) => "suspended",
    };
    let city = row.city.as_deref().unwrap_or("-");
    format!("{}\t{}\t{}\t{city}\t{state}", row.id, row.partner.name, codes(&row.partner.activities))
}
