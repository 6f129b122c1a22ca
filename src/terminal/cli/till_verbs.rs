//! The verbs that let pages and tills in: `page` and `till`, over the Unix socket.

use std::io::Write;

use super::args::TillVerb;
use super::client_verbs::{ANSWER_TIMEOUT, Daemon};
use super::{Exit, Failure, Setup};
use crate::domain::refusal::Language;
use crate::till::client::ClientError;
use crate::till::json::{Invitation, NewTill, Till, Tills};

/// Characters of a name that stand for themselves in an address; with another one no till was ever added.
fn is_plain(name: &str) -> bool {
    name.chars().all(|character| character.is_ascii_alphanumeric() || "-_.".contains(character))
}

pub(super) fn page(setup: &Setup, out: &mut dyn Write) -> Result<Exit, Failure> {
    let daemon = Daemon::of(setup)?;
    let invitation: Result<Invitation, ClientError> = daemon.post("/v1/pages", &serde_json::json!({}), ANSWER_TIMEOUT);
    let invitation = invitation.map_err(|error| daemon.failure(&error))?;
    if setup.json {
        return json(out, &invitation);
    }
    // Alone on its line, so that a script can hand it to a browser.
    writeln!(out, "{}", invitation.url)?;
    Ok(Exit::Done)
}

pub(super) fn till(setup: &Setup, verb: TillVerb, out: &mut dyn Write) -> Result<Exit, Failure> {
    let daemon = Daemon::of(setup)?;
    let failure = |error: ClientError| daemon.failure(&error);
    match verb {
        TillVerb::Add { name } => {
            let added: Till = daemon.post("/v1/tills", &NewTill { name }, ANSWER_TIMEOUT).map_err(failure)?;
            if setup.json {
                return json(out, &added);
            }
            // Alone on its line, as the page's address.
            writeln!(out, "{}", added.token.unwrap_or_default())?;
        }
        TillVerb::List => {
            let tills: Tills = daemon.get("/v1/tills", &[], ANSWER_TIMEOUT).map_err(failure)?;
            if setup.json {
                return json(out, &tills);
            }
            for till in tills.tills {
                writeln!(out, "{}\t{}", till.kind, till.name)?;
            }
        }
        TillVerb::Remove { name } => {
            if !is_plain(&name) {
                let (french, english) = ("Aucune caisse n'a ce nom.", "No till has this name.");
                let message = match setup.language {
                    Language::French => french,
                    Language::English => english,
                };
                return Err(Failure::new(Exit::Usage, message));
            }
            let left: Tills = daemon.delete(&format!("/v1/tills/{name}"), ANSWER_TIMEOUT).map_err(failure)?;
            if setup.json {
                return json(out, &left);
            }
        }
    }
    Ok(Exit::Done)
}

fn json(out: &mut dyn Write, answer: &impl serde::Serialize) -> Result<Exit, Failure> {
    let line = serde_json::to_string(answer).map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    writeln!(out, "{line}")?;
    Ok(Exit::Done)
}
