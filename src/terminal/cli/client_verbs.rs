//! The verbs that ask the daemon, over the local API.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::{self, Runtime};

use super::args;
use super::payment_verbs::PAYMENT_TIMEOUT;
use super::secret;
use super::speak;
use super::{DaemonVerbs, Exit, Failure, Setup};
use crate::crypto;
use crate::domain::entry::Tender;
use crate::domain::refusal::Language;
use crate::domain::{CardNumber, RequestId};
use crate::till::client::{Client, ClientError};
use crate::till::json::{
    AbandonmentRequest, Answer, Answered, Card, Journal, JournalParameters, Part, Problem, ProblemKind,
    RedemptionRequest, Status, Sync, UndoRequest, language_code,
};

/// How long the daemon may take beyond the wait for a card: a write to a slow disk, a card that is read again.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an exchange with the region may take: a thin line with a season of entitlements to fetch.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// The daemon, as a verb asks it.
pub(super) struct Daemon<'a> {
    setup: &'a Setup,
    client: Client,
    runtime: Runtime,
}

impl<'a> Daemon<'a> {
    pub(super) fn of(setup: &'a Setup) -> Result<Self, Failure> {
        let no_runtime = |error: io::Error| Failure::new(Exit::Internal, error.to_string());
        let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(no_runtime)?;
        let client = Client::new(&setup.settings.socket()).with_session(secret::session());
        Ok(Self { setup, client, runtime })
    }

    pub(super) fn get<A: DeserializeOwned>(
        &self,
        address: &str,
        pairs: &[(&str, String)],
        timeout: Duration,
    ) -> Result<A, ClientError> {
        self.runtime.block_on(self.client.get(&self.target(address, pairs), timeout))
    }

    pub(super) fn post<A: DeserializeOwned>(
        &self,
        address: &str,
        body: &impl Serialize,
        timeout: Duration,
    ) -> Result<A, ClientError> {
        self.runtime.block_on(self.client.post(&self.target(address, &[]), body, timeout))
    }

    pub(super) fn delete<A: DeserializeOwned>(&self, address: &str, timeout: Duration) -> Result<A, ClientError> {
        self.runtime.block_on(self.client.delete(&self.target(address, &[]), timeout))
    }

    /// `address` with its query. No value here has a character that would have to be escaped.
    fn target(&self, address: &str, pairs: &[(&str, String)]) -> String {
        let language = [("lang", language_code(self.setup.language).to_owned())];
        let query: Vec<_> = language.iter().chain(pairs).map(|(key, value)| format!("{key}={value}")).collect();
        format!("{address}?{}", query.join("&"))
    }

    /// Why there is no answer, spoken.
    pub(super) fn failure(&self, error: &ClientError) -> Failure {
        let exit = match error {
            ClientError::NoDaemon { .. } => Exit::NoDaemon,
            ClientError::Lost { .. } => Exit::Io,
            ClientError::Problem(problem) => problem_exit(problem),
            ClientError::Request { .. } => Exit::Internal,
        };
        Failure::new(exit, speak::client_error(error, self.setup.language))
    }
}

pub(super) fn redeem(setup: &Setup, args: args::Redeem, out: &mut dyn Write) -> Result<Exit, Failure> {
    let wait = wait(setup, args.wait);
    let id = id(setup, args.id)?;
    let body = RedemptionRequest {
        id: Some(id.to_string()),
        benefit: args.benefit.map(|benefit| benefit.to_string()),
        price_cents: args.price.map(|price| price.get()),
        seats: args.seats,
        supplement_cents: args.supplement.get(),
        paid: Some(args.paid.code().to_owned()),
        parts: args.part.into_iter().map(Part::from).collect(),
        wait_seconds: Some(wait),
    };
    // On the bank terminal a person pays.
    let patience = if args.paid == Tender::Tpe { PAYMENT_TIMEOUT } else { Duration::ZERO };
    change(setup, id, "/v1/redemptions", &body, patience + Duration::from_secs(wait.into()), out)
}

pub(super) fn undo(setup: &Setup, args: args::Undo, out: &mut dyn Write) -> Result<Exit, Failure> {
    let wait = wait(setup, args.wait);
    let id = id(setup, args.id)?;
    let body = UndoRequest {
        id: Some(id.to_string()),
        entry: args.entry,
        without_card: args.without_card,
        wait_seconds: Some(wait),
    };
    change(setup, id, "/v1/undos", &body, Duration::from_secs(wait.into()), out)
}

pub(super) fn abandon(setup: &Setup, card: Option<CardNumber>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let id = id(setup, None)?;
    let body = AbandonmentRequest { id: Some(id.to_string()), card: card.map(CardNumber::digits) };
    change(setup, id, "/v1/abandonments", &body, Duration::ZERO, out)
}

pub(super) fn card(setup: &Setup, wait: u32, out: &mut dyn Write) -> Result<Exit, Failure> {
    let timeout = ANSWER_TIMEOUT + Duration::from_secs(wait.into());
    let daemon = Daemon::of(setup)?;
    let card = daemon.get("/v1/card", &[("wait", wait.to_string())], timeout);
    let card: Card = card.map_err(|error| daemon.failure(&error))?;
    // Where no card can be seen, that there is none is not the news.
    let unusable = if card.presented.is_none() && !setup.json {
        let status: Option<Status> = daemon.get("/v1/status", &[], ANSWER_TIMEOUT).ok();
        status.map(|status| status.reader).filter(|reader| !reader.is_usable())
    } else {
        None
    };
    write(setup, out, &card, |card, language| {
        let said = speak::card(card, language);
        unusable.as_ref().map_or_else(|| said.clone(), |reader| format!("{}\n{said}", speak::reader(reader, language)))
    })?;
    Ok(Exit::Done)
}

pub(super) fn sync(setup: &Setup, out: &mut dyn Write) -> Result<Exit, Failure> {
    let daemon = Daemon::of(setup)?;
    let report = daemon.post("/v1/exchanges", &(), EXCHANGE_TIMEOUT);
    let report: Sync = report.map_err(|error| daemon.failure(&error))?;
    write(setup, out, &report, speak::sync)?;
    Ok(if report.error.is_none() { Exit::Done } else { Exit::Io })
}

pub(super) fn status(setup: &Setup, verbs: &dyn DaemonVerbs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let daemon = Daemon::of(setup)?;
    let status = match daemon.get("/v1/status", &[], ANSWER_TIMEOUT) {
        Err(error @ ClientError::NoDaemon { .. }) => {
            let status = verbs.status_without_daemon(setup)?.ok_or_else(|| daemon.failure(&error))?;
            Status { running: false, ..Status::new(&status, setup.language) }
        }
        other => other.map_err(|error| daemon.failure(&error))?,
    };
    write(setup, out, &status, speak::status)?;
    Ok(Exit::Done)
}

pub(super) fn journal(
    setup: &Setup,
    verbs: &dyn DaemonVerbs,
    args: args::Journal,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let parameters = JournalParameters {
        limit: Some(args.limit),
        before: args.before,
        since: args.since.map(|since| since.to_string()),
        ..JournalParameters::default()
    };
    let mut pairs = vec![("limit", args.limit.to_string())];
    pairs.extend(args.before.map(|before| ("before", before.to_string())));
    pairs.extend(parameters.since.clone().map(|since| ("since", since)));
    let daemon = Daemon::of(setup)?;
    let journal = match daemon.get("/v1/journal", &pairs, ANSWER_TIMEOUT) {
        Err(error @ ClientError::NoDaemon { .. }) => {
            let query = parameters.query().map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
            let lines = verbs.journal_without_daemon(setup, query)?.ok_or_else(|| daemon.failure(&error))?;
            Journal::new(&lines, setup.language)
        }
        other => other.map_err(|error| daemon.failure(&error))?,
    };
    write(setup, out, &journal, speak::journal)?;
    Ok(Exit::Done)
}

/// Asks for a change of a purse. When the answer is lost, nobody knows what became of it, and that is the answer.
fn change(
    setup: &Setup,
    id: RequestId,
    address: &str,
    body: &impl Serialize,
    wait: Duration,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let timeout = ANSWER_TIMEOUT + wait;
    let daemon = Daemon::of(setup)?;
    match daemon.post::<Answered>(address, body, timeout) {
        Ok(answered) => {
            write(setup, out, &answered, |answered, language| {
                let said = speak::answer(&answered.answer, language);
                match &answered.answer {
                    Answer::Refused(refused) if refused.refusal.starts_with("payment-") => {
                        format!("{said}\n{}", speak::sale_to_repeat(&answered.id, language))
                    }
                    Answer::Granted(_)
                    | Answer::Refused(_)
                    | Answer::Quoted(_)
                    | Answer::Undone(_)
                    | Answer::UndoRequested(_)
                    | Answer::Abandoned(_) => said,
                }
            })?;
            Ok(exit(&answered.answer))
        }
        Err(error) if outcome_unknown(&error) => {
            let unknown = Unknown { outcome: "unknown", id: id.to_string() };
            write(setup, out, &unknown, |unknown, language| speak::lost(&unknown.id, language))?;
            Ok(Exit::Again)
        }
        Err(error) => Err(daemon.failure(&error)),
    }
}

/// What a program is told when the answer is lost.
#[derive(Serialize)]
struct Unknown {
    outcome: &'static str,
    id: String,
}

fn outcome_unknown(error: &ClientError) -> bool {
    match error {
        ClientError::Lost { .. } => true,
        ClientError::Problem(problem) => problem.is(ProblemKind::TerminalStopping),
        ClientError::NoDaemon { .. } | ClientError::Request { .. } => false,
    }
}

const fn exit(answer: &Answer) -> Exit {
    match answer {
        Answer::Granted(_)
        | Answer::Quoted(_)
        | Answer::Undone(_)
        | Answer::UndoRequested(_)
        | Answer::Abandoned(_) => Exit::Done,
        Answer::Refused(refused) if refused.again => Exit::Again,
        Answer::Refused(_) => Exit::Refused,
    }
}

fn problem_exit(problem: &Problem) -> Exit {
    if problem.is(ProblemKind::TerminalStopping) {
        Exit::NoDaemon
    } else if (400..500).contains(&problem.status) {
        Exit::Usage
    } else {
        Exit::Internal
    }
}

fn wait(setup: &Setup, asked: Option<u32>) -> u32 {
    asked.unwrap_or_else(|| u32::try_from(setup.settings.card_wait.as_secs()).unwrap_or(u32::MAX))
}

fn id(setup: &Setup, asked: Option<RequestId>) -> Result<RequestId, Failure> {
    let made = asked.map_or_else(|| crypto::random().map(RequestId::new), Ok);
    made.map_err(|_| Failure::new(Exit::Internal, ProblemKind::NoRandomness.title(setup.language)))
}

/// Writes a result as JSON, or as `spoken` says it.
pub(super) fn write<T: Serialize>(
    setup: &Setup,
    out: &mut dyn Write,
    result: &T,
    spoken: impl Fn(&T, Language) -> String,
) -> Result<(), Failure> {
    if setup.json {
        let json = serde_json::to_string(result).map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
        writeln!(out, "{json}")?;
    } else {
        writeln!(out, "{}", spoken(result, setup.language))?;
    }
    out.flush()?;
    Ok(())
}
