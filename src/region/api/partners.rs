//! What the partner desk does over the network: who the partners are, what they may debit, whether they may, and what they were paid. The account that a partner is paid
//! to is changed by the verb alone, on the machine: whoever steals a token of this desk is not paid.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::access::{Asked, Caller, Input, act};
use super::json::Problem;
use super::partner_json::{PartnerFileJson, PartnerJson};
use super::routes::{bad_query, is_full};
use crate::domain::PartnerId;
use crate::domain::catalogue::Code;
use crate::region::error::RegionError;
use crate::region::holders::operators::Role;
use crate::region::holders::orders::PAGE_MAX;
use crate::region::partners::activities;

/// Who may change partners.
const DESK: &[Role] = &[Role::Desk, Role::PartnerDesk];
/// Who may read of them.
const READERS: &[Role] = &[Role::Desk, Role::PartnerDesk, Role::Auditor];

/// Which page of the partners.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PartnerQuery {
    /// The last partner of the page before.
    after: Option<u32>,
    /// At most so many, up to 200.
    limit: Option<u32>,
}

/// A partner that is to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPartner {
    name: String,
    /// What it offers: codes of the catalogue.
    activities: Vec<String>,
}

/// A partner that was added.
#[derive(Serialize, ToSchema)]
pub(super) struct AddedPartner {
    partner_id: u32,
    /// Those of its activities that no benefit of the present and coming catalogues is for.
    without_benefit: Vec<String>,
}

/// What a partner offers from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ActivitiesJson {
    /// Codes of the catalogue.
    activities: Vec<String>,
}

/// Where people find a partner.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CityJson {
    /// Nothing when nobody is to be told.
    city: Option<String>,
}

/// A page of the partners.
#[derive(Serialize, ToSchema)]
pub(super) struct PartnerPage {
    partners: Vec<PartnerJson>,
    /// Ask for what comes after this one; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u32>,
}

/// The partner that an address names; none has the number 0, which stands for what is no number.
pub(super) struct Of(PartnerId);

impl<S: Send + Sync> FromRequestParts<S> for Of {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let id = Path::<u32>::from_request_parts(parts, state).await;
        Ok(Self(PartnerId::new(id.map_or(0, |Path(id)| id))))
    }
}

/// The partner as it is now.
fn shown(asked: &Asked<'_>, id: PartnerId) -> Result<PartnerFileJson, RegionError> {
    let file = PartnerFileJson::new(asked.region.partner_file(id)?, &asked.region.settlements_of(id, PAGE_MAX)?);
    Ok(if asked.role == Role::Auditor { file.without_names() } else { file })
}

/// What was done to whom, and as whom: the store keeps what a partner is, not who made it so.
fn logged(asked: &Asked<'_>, partner: PartnerId, done: &'static str) {
    tracing::info!(operator = asked.acting.by, partner = partner.get(), done, "a partner was changed");
}

/// Changes a partner, says so in the log, and shows it.
async fn change(
    api: Arc<Api>,
    caller: Caller,
    id: PartnerId,
    done: &'static str,
    work: impl FnOnce(&Asked<'_>) -> Result<(), RegionError> + Send + 'static,
) -> Response {
    act(api, caller, DESK, StatusCode::OK, move |asked| {
        work(asked)?;
        logged(asked, id, done);
        shown(asked, id)
    })
    .await
}

/// Lists the partners, suspended ones too.
#[utoipa::path(get, path = "/v1/desk/partners", operation_id = "desk_partners", params(PartnerQuery), responses((status = 200, description = "Done.", body = PartnerPage), (status = "default", description = "Refused, with the reason.", body = Problem)), security(("token" = [])))]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    query: Result<Query<PartnerQuery>, QueryRejection>,
) -> Response {
    let Ok(Query(query)) = query else { return bad_query() };
    act(api, caller, READERS, StatusCode::OK, move |asked| {
        let limit = query.limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
        let rows = asked.region.partners(PartnerId::new(query.after.unwrap_or(0)), limit)?;
        let next = rows.last().filter(|_| is_full(rows.len(), limit)).map(|row| row.id.get());
        Ok(PartnerPage { partners: rows.into_iter().map(Into::into).collect(), next })
    })
    .await
}

/// Adds a partner.
#[utoipa::path(post, path = "/v1/desk/partners", operation_id = "add_partner", request_body = NewPartner, responses((status = 201, description = "Done.", body = AddedPartner), (status = "default", description = "Refused, with the reason.", body = Problem)), security(("token" = [])))]
pub(super) async fn add(State(api): State<Arc<Api>>, caller: Caller, Input(new): Input<NewPartner>) -> Response {
    act(api, caller, DESK, StatusCode::CREATED, move |asked| {
        let activities = activities(&new.activities)?;
        let useless = asked.region.activities_without_benefit(&activities, asked.now)?;
        let id = asked.region.add_partner(&new.name, activities, asked.now)?;
        logged(asked, id, "added");
        Ok(AddedPartner { partner_id: id.get(), without_benefit: useless.iter().map(Code::to_string).collect() })
    })
    .await
}

/// Shows a partner, its terminals and what it was paid.
#[utoipa::path(get, path = "/v1/desk/partners/{partner}", operation_id = "desk_partner", params(("partner" = u32, Path)), responses((status = 200, description = "Done.", body = PartnerFileJson), (status = "default", description = "Refused, with the reason.", body = Problem)), security(("token" = [])))]
pub(super) async fn show(State(api): State<Arc<Api>>, caller: Caller, Of(id): Of) -> Response {
    act(api, caller, READERS, StatusCode::OK, move |asked| shown(asked, id)).await
}

/// Changes what a partner offers. The certificates of its terminals follow with each one's next exchange.
#[utoipa::path(put, path = "/v1/desk/partners/{partner}/activities", operation_id = "set_activities", params(("partner" = u32, Path)), request_body = ActivitiesJson, responses((status = 200, description = "Done.", body = PartnerFileJson), (status = "default", description = "Refused, with the reason.", body = Problem)), security(("token" = [])))]
pub(super) async fn set_activities(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Of(id): Of,
    Input(to): Input<ActivitiesJson>,
) -> Response {
    change(api, caller, id, "activities", move |asked| asked.region.set_activities(id, &activities(&to.activities)?))
        .await
}

/// Changes where people find a partner.
#[utoipa::path(put, path = "/v1/desk/partners/{partner}/city", operation_id = "set_city", params(("partner" = u32, Path)), request_body = CityJson, responses((status = 200, description = "Done.", body = PartnerFileJson), (status = "default", description = "Refused, with the reason.", body = Problem)), security(("token" = [])))]
pub(super) async fn set_city(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Of(id): Of,
    Input(to): Input<CityJson>,
) -> Response {
    change(api, caller, id, "city", move |asked| asked.region.set_city(id, to.city.as_deref())).await
}

/// Suspends a partner and all its terminals, which learn so with their next exchange. What is payable is paid.
#[utoipa::path(post, path = "/v1/desk/partners/{partner}/suspension", operation_id = "suspend_partner", params(("partner" = u32, Path)), responses((status = 200, description = "Done.", body = PartnerFileJson), (status = "default", description = "Refused, with the reason.", body = Problem)), security(("token" = [])))]
pub(super) async fn suspend(State(api): State<Arc<Api>>, caller: Caller, Of(id): Of) -> Response {
    change(api, caller, id, "suspended", move |asked| asked.region.suspend_partner(id, asked.now)).await
}

/// Lets a partner sell again, with those of its terminals that were suspended with it.
#[utoipa::path(delete, path = "/v1/desk/partners/{partner}/suspension", operation_id = "resume_partner", params(("partner" = u32, Path)), responses((status = 200, description = "Done.", body = PartnerFileJson), (status = "default", description = "Refused, with the reason.", body = Problem)), security(("token" = [])))]
pub(super) async fn resume(State(api): State<Arc<Api>>, caller: Caller, Of(id): Of) -> Response {
    change(api, caller, id, "resumed", move |asked| asked.region.resume_partner(id, asked.now)).await
}
