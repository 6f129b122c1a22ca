//! The verbs about partners and terminals.

use serde_json::json;

use super::super::desk::TerminalFile;
use super::super::error::RegionError;
use super::super::store::standing_code;
use super::args::{OneTerminal, PartnerVerb, TerminalVerb};
use super::now;
use super::partners;
use super::print::Printer;
use crate::domain::catalogue::Code;
use crate::domain::{PartnerId, TerminalId};
use crate::wire::exchange::TerminalStanding;

/// A code that somebody typed.
pub(super) fn code(text: &str) -> Result<Code, RegionError> {
    Code::new(text).map_err(|_| RegionError::NotACode(text.to_owned()))
}

pub(super) fn codes(codes: &[Code]) -> String {
    codes.iter().map(Code::as_str).collect::<Vec<_>>().join(", ")
}

pub(super) fn partner(verb: PartnerVerb, printer: &Printer) -> Result<(), RegionError> {
    match verb {
        PartnerVerb::Add { data, name, activity } => {
            let mut activities = activity.iter().map(|text| code(text)).collect::<Result<Vec<_>, _>>()?;
            activities.sort();
            activities.dedup();
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
        TerminalVerb::List { data } => {
            data.open()?.terminals()?.iter().try_for_each(|file| list_terminal(file, printer))
        }
    }
}

/// The command line sees to it that one of the two is there.
fn chosen(one: &OneTerminal) -> TerminalId {
    TerminalId::new(one.id.or(one.terminal).unwrap_or_default())
}

fn list_terminal(file: &TerminalFile, printer: &Printer) -> Result<(), RegionError> {
    let TerminalFile { terminal, standing, last_heard } = file;
    let (is, cause) = standing.map_or((TerminalStanding::Active, None), |s| (s.standing, Some(s.cause.code())));
    let state = if terminal.keys.is_some() { standing_code(is) } else { "not-enrolled" };
    let heard = last_heard.map(|at| at.to_string());
    let value = json!({
        "terminal_id": terminal.id.get(),
        "partner_id": terminal.partner.get(),
        "replaces": terminal.replaces.map(TerminalId::get),
        "state": state,
        "cause": cause,
        "enrolled_at": terminal.keys.map(|keys| keys.enrolled_at.to_string()),
        "last_exchange": heard,
    });
    let heard = heard.as_deref().unwrap_or("-");
    let line = format!("{}\t{}\t{state}\t{heard}", terminal.id, terminal.partner);
    printer.done(&value, &line, &line)
}
