//! `close` and `closings`.

use std::io::Write;
use std::time::Duration;

use super::args;
use super::client_verbs::{ANSWER_TIMEOUT, Daemon, write};
use super::speak;
use super::{DaemonVerbs, Exit, Failure, Setup};
use crate::domain::Sequence;
use crate::domain::refusal::Language;
use crate::till::ClosingQuery;
use crate::till::client::ClientError;
use crate::till::json::{ClosingOutcome, ClosingRequest, Closings};

/// How long a closing may take: what was added since the last one is verified first, and the first time that is everything.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(15 * 60);

pub(super) fn close(
    setup: &Setup,
    verbs: &dyn DaemonVerbs,
    args: args::Close,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let body = ClosingRequest {
        period: Some(args.period.code().to_owned()),
        cash_counted_cents: args.cash_counted.map(|cents| cents.get()),
        float_cents: args.float.map(|cents| cents.get()),
    };
    let daemon = Daemon::of(setup)?;
    let outcome = match daemon.post("/v1/closings", &body, CLOSING_TIMEOUT) {
        Err(error @ ClientError::NoDaemon { .. }) => {
            let order = body.order().map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
            let closed = verbs.close_without_daemon(setup, order)?.ok_or_else(|| daemon.failure(&error))?;
            ClosingOutcome::new(&closed, setup.language)
        }
        other => other.map_err(|error| daemon.failure(&error))?,
    };
    write(setup, out, &outcome, speak::closing_outcome)?;
    Ok(exit(&outcome))
}

fn exit(outcome: &ClosingOutcome) -> Exit {
    match outcome {
        ClosingOutcome::Closed(_) => Exit::Done,
        ClosingOutcome::Refused(why) if why.refusal == "ledger-damaged" => Exit::Data,
        ClosingOutcome::Refused(why) if why.refusal == "ledger-unavailable" => Exit::Io,
        ClosingOutcome::Refused(_) => Exit::Refused,
    }
}

pub(super) fn closings(
    setup: &Setup,
    verbs: &dyn DaemonVerbs,
    verb: args::Closings,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    match verb {
        args::Closings::List { period, limit } => {
            let listed = list(setup, verbs, ClosingQuery { kind: period, before: None, limit })?;
            write(setup, out, &listed, speak::closings)?;
            Ok(Exit::Done)
        }
        args::Closings::Show { entry, duplicate } => show(setup, verbs, entry, duplicate, out),
    }
}

fn list(setup: &Setup, verbs: &dyn DaemonVerbs, query: ClosingQuery) -> Result<Closings, Failure> {
    let mut pairs = vec![("limit", query.limit.to_string())];
    pairs.extend(query.kind.map(|kind| ("period", kind.code().to_owned())));
    pairs.extend(query.before.map(|before| ("before", before.to_string())));
    let daemon = Daemon::of(setup)?;
    match daemon.get("/v1/closings", &pairs, ANSWER_TIMEOUT) {
        Err(error @ ClientError::NoDaemon { .. }) => {
            let found = verbs.closings_without_daemon(setup, query)?.ok_or_else(|| daemon.failure(&error))?;
            Ok(Closings::new(&found, setup.language))
        }
        other => other.map_err(|error| daemon.failure(&error)),
    }
}

fn show(
    setup: &Setup,
    verbs: &dyn DaemonVerbs,
    entry: Option<u64>,
    duplicate: bool,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    // The one of an entry is the newest before the next.
    let before = entry.map(|entry| Sequence::new(entry.saturating_add(1)));
    let found = list(setup, verbs, ClosingQuery { kind: None, before, limit: 1 })?;
    let shown = found.closings.into_iter().find(|shown| entry.is_none_or(|entry| shown.entry == entry));
    let Some(shown) = shown else {
        let message = match setup.language {
            Language::French => "Cette écriture n'est pas une clôture : voyez « pass-terminal closings list ».",
            Language::English => "This entry is no closing: see “pass-terminal closings list”.",
        };
        return Err(Failure::new(Exit::Data, message));
    };
    if !duplicate {
        write(setup, out, &shown, speak::closing)?;
        return Ok(Exit::Done);
    }
    let daemon = Daemon::of(setup)?;
    let outcome = daemon.post(&format!("/v1/closings/{}/duplicate", shown.entry), &(), ANSWER_TIMEOUT);
    let outcome: ClosingOutcome = outcome.map_err(|error| daemon.failure(&error))?;
    write(setup, out, &outcome, speak::closing_outcome)?;
    Ok(exit(&outcome))
}
