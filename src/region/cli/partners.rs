//! The verbs that change or show a partner, and the public list.

use std::io::Write as _;

use serde_json::json;

use super::super::api::partner_json::{PartnerFileJson, PartnerJson};
use super::super::error::RegionError;
use super::super::holders::orders::PAGE_MAX;
use super::super::partners::{PARTNERS_LISTED_MAX, account, activities};
use super::super::store::PartnerRow;
use super::args::Data;
use super::network::codes;
use super::now;
use super::print::{Printer, printed};
use super::settle_args::{OnePartner, PartnerChange};
use crate::domain::catalogue::Code;
use crate::domain::{PartnerId, TerminalId};

pub(super) fn change(verb: PartnerChange, printer: &Printer) -> Result<(), RegionError> {
    match verb {
        PartnerChange::SetActivities { of, activity } => {
            let activities = activities(&activity)?;
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
    let (region, id) = (of.data.open()?, PartnerId::new(of.id));
    let file = region.partner_file(id)?;
    let (line, bank) = (row_line(&file.row, printer), file.bank.as_ref().map(|bank| &bank.account));
    let bank = bank.map_or_else(
        || printer.text("inconnu : rien ne lui est versé", "not known: nothing is paid").to_owned(),
        |account| format!("{} ({})", account.iban.masked(), account.holder),
    );
    let terminals = file.terminals.iter().map(TerminalId::to_string).collect::<Vec<_>>().join(", ");
    if printer.is_json() {
        return printer.line(&json!(PartnerFileJson::new(file, &region.settlements_of(id, PAGE_MAX)?)).to_string());
    }
    printer.line(&line)?;
    printer.line(&format!("{} {terminals}", printer.text("Terminaux :", "Terminals:")))?;
    printer.line(&format!("{} {bank}", printer.text("Compte :", "Account:")))
}

pub(super) fn list(data: &Data, csv: bool, printer: &Printer) -> Result<(), RegionError> {
    let region = data.open()?;
    if csv {
        let list = region.public_list()?;
        return printed(std::io::stdout().lock().write_all(&list.csv));
    }
    for row in region.partners(PartnerId::new(0), PARTNERS_LISTED_MAX)? {
        let line = row_line(&row, printer);
        printer.done(&json!(PartnerJson::from(row)), &line, &line)?;
    }
    Ok(())
}

fn row_line(row: &PartnerRow, printer: &Printer) -> String {
    let state = match row.suspended_at {
        Some(_) => printer.text("suspendu", "suspended"),
        None => printer.text("actif", "active"),
    };
    let city = row.city.as_deref().unwrap_or("-");
    format!("{}\t{}\t{}\t{city}\t{state}", row.id, row.partner.name, codes(&row.partner.activities))
}
