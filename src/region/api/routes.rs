//! What each address does: who may, what is asked of [`Region`](crate::region::Region), what is answered.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::Api;
use super::access::{Caller, Input, act, serve_anybody};
use super::json::{
    AddedEstablishment, BalanceJson, BalanceQuery, DeclarationJson, DeclaredJson, EstablishmentPage,
    EstablishmentQuery, HolderJson, MoveJson, NewEstablishment, NewOrderJson, OrderJson, OrderPage, OrderQuery,
    PlacedOrder, Problem, RefusalJson, RevalidatedJson, RevalidationJson, outcome_code,
};
use crate::domain::catalogue::Code;
use crate::domain::ids::NotACardNumber;
use crate::domain::refusal::DenialReason;
use crate::domain::{CardNumber, Season};
use crate::region::error::RegionError;
use crate::region::holders::life::{DeclarationKind, RefusalReason, Stage};
use crate::region::holders::operators::Role;
use crate::region::holders::orders::{NewOrder, PAGE_MAX};
use crate::region::holders::persons::Move;
use crate::region::holders::revalidation::{LINES_AT_ONCE, LineTrouble, Outcome, Wish};
use crate::region::holders::{EstablishmentId, EstablishmentKind, HolderTrouble, OrderId, holder_reference};
use crate::region::replacement::Fee;
use crate::region::server::problem;
use crate::region::store::OrderFilter;

/// The desk itself.
const DESK: &[Role] = &[Role::Desk];
/// The desk, and an establishment for its own.
const OWN: &[Role] = &[Role::Desk, Role::Establishment];
/// Who may read of orders and holders.
const READERS: &[Role] = &[Role::Desk, Role::Establishment, Role::Auditor];
/// Who may see what was consumed where: an establishment has no business there.
const ACCOUNTS: &[Role] = &[Role::Desk, Role::Auditor];

/// A query that cannot be read.
pub(super) fn bad_query() -> Response {
    problem(StatusCode::BAD_REQUEST, "malformed", "The query is not what is expected.")
}

fn one_of<T>(found: Option<T>, what: &'static str, known: Vec<&'static str>) -> Result<T, RegionError> {
    Ok(found.ok_or(HolderTrouble::NotACode { what, known })?)
}

/// Whether a page was filled, so that there may be another.
pub(super) fn is_full(length: usize, limit: u32) -> bool {
    u32::try_from(length).is_ok_and(|length| length >= limit)
}

/// Lists the establishments.
#[utoipa::path(get, path = "/v1/desk/establishments", params(EstablishmentQuery), responses((status = 200, description = "Done.", body = EstablishmentPage), (status = "default", description = "Refused, with the reason.", body = Problem)), security(("token" = [])))]
pub(super) async fn establishments(
    State(api): State<Arc<Api>>,
    caller: Caller,
    query: Result<Query<EstablishmentQuery>, QueryRejection>,
) -> Response {
    let Ok(Query(query)) = query else { return bad_query() };
    act(api, caller, READERS, StatusCode::OK, move |asked| {
        let limit = query.limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
        let rows = asked.region.establishments(EstablishmentId::new(query.after.unwrap_or(0)), limit)?;
        let next = rows.last().filter(|_| is_full(rows.len(), limit)).map(|row| row.id.get());
        Ok(EstablishmentPage { establishments: rows.into_iter().map(Into::into).collect(), next })
    })
    .await
}

/// Adds an establishment.
#[utoipa::path(post, path = "/v1/desk/establishments", request_body = NewEstablishment, responses((status = 201, description = "Done.", body = AddedEstablishment), (status = "default", description = "Refused, with the reason.", body = Problem)), security(("token" = [])))]
pub(super) async fn add_establishment(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Input(new): Input<NewEstablishment>,
) -> Response {
    act(api, caller, DESK, StatusCode::CREATED, move |asked| {
        let known = EstablishmentKind::ALL.iter().map(|kind| kind.code()).collect();
        let kind = one_of(EstablishmentKind::of_code(&new.kind), "kind", known)?;
        let id = asked.region.add_establishment(&new.name, kind, &new.city, asked.now)?;
        Ok(AddedEstablishment { establishment: id.get() })
    })
    .await
}

/// Lists orders.
#[utoipa::path(get, path = "/v1/desk/orders", params(OrderQuery), responses((status = 200, description = "Done.", body = OrderPage), (status = "default", description = "Refused, with the reason.", body = Problem)), security(("token" = [])))]
pub(super) async fn orders(
    State(api): State<Arc<Api>>,
    caller: Caller,
    query: Result<Query<OrderQuery>, QueryRejection>,
) -> Response {
    let Ok(Query(query)) = query else { return bad_query() };
    act(api, caller, READERS, StatusCode::OK, move |asked| {
        let known = || Stage::ALL.iter().map(|stage| stage.code()).collect();
        let stage = query.stage.map(|code| one_of(Stage::of_code(&code), "stage", known())).transpose()?;
        let after = query.after.map(|id| OrderId::parse(&id)).transpose()?;
        let limit = query.limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
        let establishment = query.establishment.map(EstablishmentId::new);
        let filter = OrderFilter { stage, establishment, after, limit };
        let orders = asked.region.orders(&filter, &asked.acting, asked.now)?;
        let next = orders.last().filter(|_| is_full(orders.len(), limit)).map(|last| last.view.order.id.to_string());
        Ok(OrderPage { orders: orders.into_iter().map(|order| OrderJson::listed(order, asked.role)).collect(), next })
    })
    .await
}

/// Orders a card for somebody.
#[utoipa::path(post, path = "/v1/desk/orders", request_body = NewOrderJson, responses((status = 201, description = "Done.", body = PlacedOrder), (status = "default", description = "Refused, with the reason.", body = Problem)), security(("token" = [])))]
pub(super) async fn place_order(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Input(new): Input<NewOrderJson>,
) -> Response {
    act(api, caller, DESK, StatusCode::CREATED, move |asked| {
        let order = NewOrder {
            person: new.person.into(),
            profile: Code::new(&new.profile)?,
            establishment: EstablishmentId::new(new.establishment),
            namesake: new.namesake,
        };
        let id = asked.region.place_order(&order, &asked.acting, asked.now)?;
        Ok(PlacedOrder { order: id.to_string(), holder: id.holder.to_string() })
    })
    .await
}

/// Shows an order.
#[utoipa::path(get, path = "/v1/desk/orders/{order}", params(("order" = String, Path)), responses((status = 200, description = "Done.", body = OrderJson), (status = "default", description = "Refused, with the reason.", body = Problem)), security(("token" = [])))]
pub(super) async fn order(State(api): State<Arc<Api>>, caller: Caller, Path(order): Path<String>) -> Response {
    act(api, caller, READERS, StatusCode::OK, move |asked| {
        let order = asked.region.order(OrderId::parse(&order)?, &asked.acting, asked.now)?;
        Ok(OrderJson::listed(order, asked.role))
    })
    .await
}

/// The establishment validates an order.
#[utoipa::path(post, path = "/v1/desk/orders/{order}/validation", params(("order" = String, Path)), responses((status = 200, description = "Done.", body = OrderJson), (status = "default", description = "Refused, with the reason.", body = Problem)), security(("token" = [])))]
pub(super) async fn validate(State(api): State<Arc<Api>>, caller: Caller, Path(order): Path<String>) -> Response {
    act(api, caller, OWN, StatusCode::OK, move |asked| {
        let order = asked.region.validate_order(OrderId::parse(&order)?, &asked.acting, asked.now)?;
        Ok(OrderJson::of_row(&order, asked.role))
    })
    .await
}

/// The establishment refuses an order.
#[utoipa::path(post, path = "/v1/desk/orders/{order}/refusal", params(("order" = String, Path)), request_body = RefusalJson, responses((status = 200, description = "Done.", body = OrderJson), (status = "default", description = "Refused, with the reason.", body = Problem)), security(("token" = [])))]
pub(super) async fn refuse(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(order): Path<String>,
    Input(refusal): Input<RefusalJson>,
) -> Response {
    act(api, caller, OWN, StatusCode::OK, move |asked| {
        let known = RefusalReason::ALL.iter().map(|reason| reason.code()).collect();
        let reason = one_of(RefusalReason::of_code(&refusal.reason), "reason", known)?;
        let order = asked.region.refuse_order(OrderId::parse(&order)?, reason, &asked.acting, asked.now)?;
        Ok(OrderJson::of_row(&order, asked.role))
    })
    .await
}

/// The card of an order was put in the post.
#[utoipa::path(post, path = "/v1/desk/orders/{order}/sending", params(("order" = String, Path)), responses((status = 200, description = "Done.", body = OrderJson), (status = "default", description = "Refused, with the reason.", body = Problem)), security(("token" = [])))]
pub(super) async fn send(State(api): State<Arc<Api>>, caller: Caller, Path(order): Path<String>) -> Response {
    act(api, caller, DESK, StatusCode::OK, move |asked| {
        let order = asked.region.order_sent(OrderId::parse(&order)?, &asked.acting, asked.now)?;
        Ok(OrderJson::of_row(&order, asked.role))
    })
    .await
}

/// Shows a holder and the orders.
#[utoipa::path(get, path = "/v1/desk/holders/{holder}", params(("holder" = String, Path)), responses((status = 200, description = "Done.", body = HolderJson), (status = "default", description = "Refused, with the reason.", body = Problem)), security(("token" = [])))]
pub(super) async fn holder(State(api): State<Arc<Api>>, caller: Caller, Path(holder): Path<String>) -> Response {
    act(api, caller, READERS, StatusCode::OK, move |asked| {
        let file = asked.region.holder_file(holder_reference(&holder)?, &asked.acting, asked.now)?;
        Ok(HolderJson::of(file, asked.role))
    })
    .await
}

/// Changes address, mail address or establishment.
#[utoipa::path(put, path = "/v1/desk/holders/{holder}/address", params(("holder" = String, Path)), request_body = MoveJson, responses((status = 200, description = "Done."), (status = "default", description = "Refused, with the reason.", body = Problem)), security(("token" = [])))]
pub(super) async fn relocate(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(holder): Path<String>,
    Input(to): Input<MoveJson>,
) -> Response {
    act(api, caller, DESK, StatusCode::OK, move |asked| {
        let establishment = to.establishment.map(EstablishmentId::new);
        let to = Move { address: to.address.map(Into::into), mail: to.mail, establishment };
        asked.region.move_holder(holder_reference(&holder)?, &to, &asked.acting, asked.now)
    })
    .await
}

/// The studies of a holder have ended.
#[utoipa::path(post, path = "/v1/desk/holders/{holder}/end", params(("holder" = String, Path)), responses((status = 200, description = "Done."), (status = "default", description = "Refused, with the reason.", body = Problem)), security(("token" = [])))]
pub(super) async fn end(State(api): State<Arc<Api>>, caller: Caller, Path(holder): Path<String>) -> Response {
    act(api, caller, OWN, StatusCode::OK, move |asked| {
        asked.region.end_studies(holder_reference(&holder)?, &asked.acting, asked.now)
    })
    .await
}

/// Sends the holder a new secret.
#[utoipa::path(post, path = "/v1/desk/holders/{holder}/secret", params(("holder" = String, Path)), responses((status = 200, description = "Done."), (status = "default", description = "Refused, with the reason.", body = Problem)), security(("token" = [])))]
pub(super) async fn secret(State(api): State<Arc<Api>>, caller: Caller, Path(holder): Path<String>) -> Response {
    act(api, caller, DESK, StatusCode::OK, move |asked| {
        asked.region.renew_secret(holder_reference(&holder)?, &asked.acting, asked.now)
    })
    .await
}

/// Erases name, address and mails of a holder.
#[utoipa::path(delete, path = "/v1/desk/holders/{holder}/person", params(("holder" = String, Path)), responses((status = 200, description = "Done."), (status = "default", description = "Refused, with the reason.", body = Problem)), security(("token" = [])))]
pub(super) async fn erase(State(api): State<Arc<Api>>, caller: Caller, Path(holder): Path<String>) -> Response {
    act(api, caller, DESK, StatusCode::OK, move |asked| {
        asked.region.erase_holder(holder_reference(&holder)?, &asked.acting, asked.now)
    })
    .await
}

/// Shows what a holder has left.
#[utoipa::path(get, path = "/v1/desk/holders/{holder}/balance", params(("holder" = String, Path)), responses((status = 200, description = "Done.", body = BalanceJson), (status = "default", description = "Refused, with the reason.", body = Problem)), security(("token" = [])))]
pub(super) async fn balance(State(api): State<Arc<Api>>, caller: Caller, Path(holder): Path<String>) -> Response {
    act(api, caller, ACCOUNTS, StatusCode::OK, move |asked| {
        let balance = asked.region.balance(holder_reference(&holder)?, &asked.acting)?;
        Ok(BalanceJson::from(&balance))
    })
    .await
}

/// A card was lost, stolen, broken or found.
#[utoipa::path(post, path = "/v1/desk/declarations", request_body = DeclarationJson, responses((status = 200, description = "Done.", body = DeclaredJson), (status = "default", description = "Refused, with the reason.", body = Problem)), security(("token" = [])))]
pub(super) async fn declare(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Input(declaration): Input<DeclarationJson>,
) -> Response {
    act(api, caller, DESK, StatusCode::OK, move |asked| {
        let card = CardNumber::parse(&declaration.card_number)?;
        let known = DeclarationKind::ALL.iter().map(|kind| kind.code()).collect();
        let reason = match one_of(DeclarationKind::of_code(&declaration.kind), "kind", known)? {
            DeclarationKind::Lost => DenialReason::Lost,
            DeclarationKind::Stolen => DenialReason::Stolen,
            DeclarationKind::Broken => DenialReason::Broken,
            DeclarationKind::Found => {
                let denied = asked.region.found_card(card, asked.now)?.denied;
                return Ok(DeclaredJson { denied, order: None, not_ordered: None });
            }
        };
        let fee = match (declaration.fee_from, declaration.waive_fee) {
            (_, true) => Fee::Waived,
            (Some(benefit), false) => Fee::From(benefit),
            (None, false) => Fee::MostLeft,
        };
        Ok(asked.region.declare_card(card, reason, &fee, &asked.acting, asked.now)?.into())
    })
    .await
}

/// Revalidates cards for a season.
#[utoipa::path(post, path = "/v1/desk/revalidations", request_body = RevalidationJson, responses((status = 200, description = "Done.", body = RevalidatedJson), (status = "default", description = "Refused, with the reason.", body = Problem)), security(("token" = [])))]
pub(super) async fn revalidate(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Input(list): Input<RevalidationJson>,
) -> Response {
    act(api, caller, OWN, StatusCode::OK, move |asked| {
        if list.cards.len() > LINES_AT_ONCE {
            return Err(HolderTrouble::List(format!("at most {LINES_AT_ONCE} cards at once")).into());
        }
        // What cannot be read keeps its place among what is done.
        let read = list.cards.iter().zip(1..).map(|(card, line)| {
            let number = CardNumber::parse(&card.card_number).map_err(|error| match error {
                NotACardNumber::Digits => LineTrouble::Digits,
                NotACardNumber::CheckDigit => LineTrouble::CheckDigit,
            })?;
            let profile = card.profile.as_ref().map(Code::new).transpose().map_err(|_| LineTrouble::Profile)?;
            Ok(Wish { line, card: number, profile })
        });
        let read: Vec<Result<Wish, LineTrouble>> = read.collect();
        let wishes: Vec<Wish> = read.iter().filter_map(|wish| wish.clone().ok()).collect();
        let done = asked.region.revalidate(&wishes, Season::new(list.season), &asked.acting, asked.now)?;
        let mut done = done.into_iter();
        let outcomes = read.into_iter().filter_map(|wish| match wish {
            Ok(_) => done.next(),
            Err(trouble) => Some(Outcome::Bad(trouble)),
        });
        Ok(RevalidatedJson { outcomes: outcomes.map(outcome_code).collect() })
    })
    .await
}

/// Shows a holder, who knows the secret of the card, what is left.
#[utoipa::path(post, path = "/v1/holder/balance", request_body = BalanceQuery, responses((status = 200, description = "Done.", body = BalanceJson), (status = "default", description = "Refused, with the reason.", body = Problem)))]
pub(super) async fn own_balance(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Input(query): Input<BalanceQuery>,
) -> Response {
    serve_anybody(api, caller, move |region| {
        let card = CardNumber::parse(&query.card_number)?;
        Ok(region.balance_with_secret(card, &query.secret)?.as_ref().map(BalanceJson::from))
    })
    .await
}
