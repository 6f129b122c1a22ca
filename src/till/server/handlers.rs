//! One function for each address: JSON in, the desk, JSON out.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;

use super::cashiers::By;
use super::input::{Asked, Failure, OrFailure, Posted, Speak};
use super::{Api, OpenQuote};
use crate::crypto;
use crate::domain::refusal::Language;
use crate::domain::{CashierId, RequestId};
use crate::machine::sale::{ClientRequest, Command, Outcome, View};
use crate::till::json::{
    self, AbandonmentRequest, Answered, Card, CardQuery, Confirmation, Export, Import, ImportRequest, Journal,
    JournalParameters, Labels, ProblemKind, RedemptionRequest, Status, Sync, UndoRequest,
};
use crate::till::{Desk, DeskGone};

/// A card that is being read is waited for this long, also by a client that does not wait for a card: reading takes
/// less than a second.
const READING_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) type Answer<T> = Result<Json<T>, Failure>;
pub(super) type SharedApi = State<Arc<Api>>;

pub(super) async fn redeem(
    State(api): SharedApi,
    By(by): By,
    Posted(body, language): Posted<RedemptionRequest>,
) -> Answer<Answered> {
    let command = body.command().or_failure(language)?;
    let request = request(by, body.id.as_deref(), command, body.wait_seconds, language)?;
    answer(&api, request, language).await
}

pub(super) async fn quote(
    State(api): SharedApi,
    By(by): By,
    Posted(body, language): Posted<RedemptionRequest>,
) -> Answer<Answered> {
    let asked = body.request().or_failure(language)?;
    let request = request(by, body.id.as_deref(), Command::Quote(asked.clone()), body.wait_seconds, language)?;
    let id = request.id;
    let outcome = api.desk.ask(request).await.or_failure(language)?;
    if let Outcome::Quoted(card, quote) = &outcome {
        api.keep(id, OpenQuote { request: asked, card: *card, quote: quote.clone() });
    }
    Ok(spoken(&api, id, &outcome, language))
}

/// The quote stays kept after it was sold: its repeat carries the same id to the desk, which gives the first answer
/// again.
pub(super) async fn confirm(
    State(api): SharedApi,
    By(by): By,
    Posted(body, language): Posted<Confirmation>,
) -> Answer<Answered> {
    let id = json::request_id(&body.id).or_failure(language)?;
    let tender = body.tender().or_failure(language)?;
    let wait = json::wait(body.wait_seconds).or_failure(language)?;
    let OpenQuote { request, card, quote } = api.kept(id).ok_or(Failure::new(ProblemKind::QuoteUnknown, language))?;
    let command = Command::Redeem { request, tender, confirmed: Some((card, quote)) };
    answer(&api, ClientRequest { id, command, wait, cashier: by }, language).await
}

pub(super) async fn undo(
    State(api): SharedApi,
    By(by): By,
    Posted(body, language): Posted<UndoRequest>,
) -> Answer<Answered> {
    let request = request(by, body.id.as_deref(), body.command(), body.wait_seconds, language)?;
    answer(&api, request, language).await
}

pub(super) async fn abandon(
    State(api): SharedApi,
    By(by): By,
    Posted(body, language): Posted<AbandonmentRequest>,
) -> Answer<Answered> {
    let command = body.command().or_failure(language)?;
    let request = request(by, body.id.as_deref(), command, None, language)?;
    answer(&api, request, language).await
}

pub(super) async fn card(State(api): SharedApi, Asked(query, language): Asked<CardQuery>) -> Answer<Card> {
    let wait = query.wait().or_failure(language)?;
    let view = card_within(&*api.desk, wait).await.or_failure(language)?;
    Ok(Json(Card::new(&view, language)))
}

pub(super) async fn status(State(api): SharedApi, Speak(language): Speak) -> Answer<Status> {
    let status = api.desk.status().await.or_failure(language)?;
    Ok(Json(Status::new(&status, language)))
}

pub(super) async fn journal(
    State(api): SharedApi,
    Asked(query, language): Asked<JournalParameters>,
) -> Answer<Journal> {
    let query = query.query().or_failure(language)?;
    let lines = api.desk.journal(query).await.or_failure(language)?;
    Ok(Json(Journal::new(&lines)))
}

pub(super) async fn exchange(State(api): SharedApi, Speak(language): Speak) -> Answer<Sync> {
    let report = api.desk.sync().await.or_failure(language)?;
    Ok(Json(Sync::new(&report)))
}

pub(super) async fn export(State(api): SharedApi, Speak(language): Speak) -> Answer<Export> {
    let report = api.desk.export().await.or_failure(language)?;
    Ok(Json(Export::new(&report, language)))
}

pub(super) async fn import(State(api): SharedApi, Posted(body, language): Posted<ImportRequest>) -> Answer<Import> {
    let message = body.message().or_failure(language)?;
    let report = api.desk.import(message).await.or_failure(language)?;
    Ok(Json(Import::new(&report, language)))
}

pub(super) async fn not_found(Speak(language): Speak) -> Failure {
    Failure::new(ProblemKind::NotFound, language)
}

pub(super) async fn method_not_allowed(Speak(language): Speak) -> Failure {
    Failure::new(ProblemKind::MethodNotAllowed, language)
}

/// A request under the client's id, or under one of its own.
fn request(
    cashier: Option<CashierId>,
    id: Option<&str>,
    command: Command,
    wait_seconds: Option<u32>,
    language: Language,
) -> Result<ClientRequest, Failure> {
    let id = match id {
        Some(id) => json::request_id(id).or_failure(language)?,
        None => crypto::random().map(RequestId::new).map_err(|_| Failure::new(ProblemKind::NoRandomness, language))?,
    };
    let wait = json::wait(wait_seconds).or_failure(language)?;
    Ok(ClientRequest { id, command, wait, cashier })
}

async fn answer(api: &Api, request: ClientRequest, language: Language) -> Answer<Answered> {
    let id = request.id;
    let outcome = api.desk.ask(request).await.or_failure(language)?;
    Ok(spoken(api, id, &outcome, language))
}

fn spoken(api: &Api, id: RequestId, outcome: &Outcome, language: Language) -> Json<Answered> {
    Json(Answered::new(id, outcome, Labels::new(&api.desk.view(), language)))
}

/// What the cashier sees, once a card lies there and was read, or when the wait is over.
async fn card_within(desk: &dyn Desk, wait: Duration) -> Result<View, DeskGone> {
    let start = tokio::time::Instant::now();
    let mut view = desk.view();
    loop {
        let patience = match view {
            View::Idle | View::InDoubt { .. } => wait,
            View::Reading => wait.max(READING_TIMEOUT),
            View::Ready(_) | View::TurnedAway(..) => return Ok(view),
        };
        match tokio::time::timeout_at(start + patience, desk.view_after(view.clone())).await {
            Ok(next) => view = next?,
            Err(_) => return Ok(view),
        }
    }
}
