//! One function for each address: JSON in, the desk, JSON out.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};

use super::cashiers::{By, SessionHeader};
use super::input::{Asked, Failure, OrFailure, Posted, Speak};
use super::{Api, OpenQuote, Problems};
use crate::crypto;
use crate::domain::refusal::Language;
use crate::domain::{CashierId, RequestId};
use crate::machine::sale::{ClientRequest, Command, Outcome, View};
use crate::till::json::{
    self, AbandonmentRequest, Answered, Card, CardQuery, Confirmation, Export, Import, ImportRequest, Journal,
    JournalParameters, Labels, LanguageQuery, Problem, ProblemKind, RedemptionRequest, Status, Sync, UndoRequest,
};
use crate::till::{Desk, DeskGone};

/// A card that is being read is waited for this long, also by a client that does not wait for a card: reading takes
/// less than a second.
const READING_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) type Answer<T> = Result<Json<T>, Failure>;
pub(super) type SharedApi = State<Arc<Api>>;

/// Take it: the money is collected
///
/// Waits for a card, debits it, and answers when the entry is durable. The same `id` again is answered as the first time.
#[utoipa::path(post, path = "/v1/redemptions", tag = "sale", params(LanguageQuery, SessionHeader), request_body = RedemptionRequest,
    responses((status = 200, description = "What came of it", body = Answered), Problems))]
pub(super) async fn redeem(
    State(api): SharedApi,
    By(by): By,
    Posted(body, language): Posted<RedemptionRequest>,
) -> Answer<Answered> {
    let command = body.command().or_failure(language)?;
    let request = request(by, body.id.as_deref(), command, body.wait_seconds, language)?;
    answer(&api, request, language).await
}

/// What would it cost?
///
/// The same request as a redemption; nothing is debited.
#[utoipa::path(post, path = "/v1/quotes", tag = "sale", params(LanguageQuery, SessionHeader), request_body = RedemptionRequest,
    responses((status = 200, description = "What came of it", body = Answered), Problems))]
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

/// Take what was quoted
///
/// Debits what was quoted, from the card that was quoted and from no other. A quote can be confirmed once; its repeat is answered as the first time.
#[utoipa::path(post, path = "/v1/quotes/confirm", tag = "sale", params(LanguageQuery, SessionHeader), request_body = Confirmation,
    responses((status = 200, description = "What came of it", body = Answered), Problems,
        (status = 404, description = "Nothing is known under this id", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn confirm(
    State(api): SharedApi,
    By(by): By,
    Posted(body, language): Posted<Confirmation>,
) -> Answer<Answered> {
    let id = json::request_id(&body.id).or_failure(language)?;
    let tender = body.tender().or_failure(language)?;
    let wait = json::wait(body.wait_seconds).or_failure(language)?;
    // The quote stays kept after it was sold: its repeat carries the same id to the desk, which gives the first answer again.
    let OpenQuote { request, card, quote } = api.kept(id).ok_or(Failure::new(ProblemKind::QuoteUnknown, language))?;
    let command = Command::Redeem { request, tender, confirmed: Some((card, quote)) };
    answer(&api, ClientRequest { id, command, wait, cashier: by }, language).await
}

/// Take a debit back
///
/// With its card in the reader, or without it: then the region gives the right back.
#[utoipa::path(post, path = "/v1/undos", tag = "sale", params(LanguageQuery, SessionHeader), request_body = UndoRequest,
    responses((status = 200, description = "What came of it", body = Answered), Problems))]
pub(super) async fn undo(
    State(api): SharedApi,
    By(by): By,
    Posted(body, language): Posted<UndoRequest>,
) -> Answer<Answered> {
    let request = request(by, body.id.as_deref(), body.command(), body.wait_seconds, language)?;
    answer(&api, request, language).await
}

/// Give up a sale in doubt
///
/// The money was given back. A sale that turns out done is taken back at the card's return.
#[utoipa::path(post, path = "/v1/abandonments", tag = "sale", params(LanguageQuery, SessionHeader), request_body = AbandonmentRequest,
    responses((status = 200, description = "What came of it", body = Answered), Problems))]
pub(super) async fn abandon(
    State(api): SharedApi,
    By(by): By,
    Posted(body, language): Posted<AbandonmentRequest>,
) -> Answer<Answered> {
    let command = body.command().or_failure(language)?;
    let request = request(by, body.id.as_deref(), command, None, language)?;
    answer(&api, request, language).await
}

/// The card in the reader
///
/// Who the card is, what is left on it, what of that can be used here.
#[utoipa::path(get, path = "/v1/card", tag = "terminal", params(CardQuery),
    responses((status = 200, description = "What came of it", body = Card), Problems))]
pub(super) async fn card(State(api): SharedApi, Asked(query, language): Asked<CardQuery>) -> Answer<Card> {
    let wait = query.wait().or_failure(language)?;
    let view = card_within(&*api.desk, wait).await.or_failure(language)?;
    Ok(Json(Card::new(&view, language)))
}

/// How the terminal is
///
/// Reader, exchange with the region, what keeps it from selling.
#[utoipa::path(get, path = "/v1/status", tag = "terminal", params(LanguageQuery),
    responses((status = 200, description = "What came of it", body = Status), Problems))]
pub(super) async fn status(State(api): SharedApi, Speak(language): Speak) -> Answer<Status> {
    let status = api.desk.status().await.or_failure(language)?;
    Ok(Json(Status::new(&status, language)))
}

/// The entries, newest first
///
/// Cards are masked.
#[utoipa::path(get, path = "/v1/journal", tag = "terminal", params(JournalParameters),
    responses((status = 200, description = "What came of it", body = Journal), Problems))]
pub(super) async fn journal(
    State(api): SharedApi,
    Asked(query, language): Asked<JournalParameters>,
) -> Answer<Journal> {
    let query = query.query().or_failure(language)?;
    let lines = api.desk.journal(query).await.or_failure(language)?;
    Ok(Json(Journal::new(&lines, language)))
}

/// Exchange with the region now
///
/// Until there is nothing more to exchange.
#[utoipa::path(post, path = "/v1/exchanges", tag = "terminal", params(LanguageQuery),
    responses((status = 200, description = "What came of it", body = Sync), Problems))]
pub(super) async fn exchange(State(api): SharedApi, Speak(language): Speak) -> Answer<Sync> {
    let report = api.desk.sync().await.or_failure(language)?;
    Ok(Json(Sync::new(&report, language)))
}

/// Without a line: the request to the region
///
/// To be carried by hand.
#[utoipa::path(post, path = "/v1/exports", tag = "terminal", params(LanguageQuery),
    responses((status = 200, description = "What came of it", body = Export), Problems))]
pub(super) async fn export(State(api): SharedApi, Speak(language): Speak) -> Answer<Export> {
    let report = api.desk.export().await.or_failure(language)?;
    Ok(Json(Export::new(&report, language)))
}

/// Without a line: the answer of the region
///
/// As it was carried back.
#[utoipa::path(post, path = "/v1/imports", tag = "terminal", params(LanguageQuery), request_body = ImportRequest,
    responses((status = 200, description = "What came of it", body = Import), Problems))]
pub(super) async fn import(State(api): SharedApi, Posted(body, language): Posted<ImportRequest>) -> Answer<Import> {
    let message = body.message().or_failure(language)?;
    let report = api.desk.import(message).await.or_failure(language)?;
    Ok(Json(Import::new(&report, language)))
}

/// What became of a request
///
/// For a client that lost its answer: nothing is begun by asking. 404 means that nothing was debited under this id. An answer that says `sale-in-doubt` is ended
/// by the card: repeat the redemption with the same id.
#[utoipa::path(get, path = "/v1/requests/{id}", tag = "sale", params(LanguageQuery, ("id" = String, Path, description = "The request's id",
        pattern = "^([0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$")),
    responses((status = 200, description = "What it came to", body = Answered), Problems,
        (status = 404, description = "Nothing was begun under this id, or it came to nothing", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn request_of(
    State(api): SharedApi,
    Path(id): Path<String>,
    Speak(language): Speak,
) -> Answer<Answered> {
    let id = json::request_id(&id).or_failure(language)?;
    let known = api.desk.known(id).await.or_failure(language)?;
    let outcome = known.ok_or(Failure::new(ProblemKind::RequestUnknown, language))?;
    Ok(spoken(&api, id, &outcome, language))
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
    api.events.answered(id, &outcome, api.desk.view());
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
