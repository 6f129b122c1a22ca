//! The desk over the network, for establishments, the PASS office, the partner desk and auditors, with operators' tokens; and the balance, for holders. JSON, described in
//! `docs/region-api.json`, which is made from the code ([`description`]).
//!
//! What always holds: a request does what the verbs of [`holders`](super::holders) do, no more; roles are looked at on every one, and an establishment's
//! operator sees its own holders alone. Bodies, time and the number of requests, at once and a minute, are bounded; these requests have their own room and take none from
//! the terminals. No name and no card number stands in an address, which others may log.
//!
//! A holder looks the balance up with the card's number and a secret of 80 bits that the first mail brought: the number alone is printed on the card, for every
//! finder to read, and a password that people choose could be tried out.

mod access;
pub(in crate::region) mod json;
pub(in crate::region) mod partner_json;
mod partners;
mod routes;

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post, put};
use tokio::sync::Semaphore;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use super::Region;
use super::limits::Limits;
use super::public;
use super::server::Clock;
use super::settings::ApiSettings;

/// Requests that are dealt with at once.
const REQUESTS_MAX: usize = 32;

struct Api {
    region: Arc<Region>,
    clock: Clock,
    settings: ApiSettings,
    tokens: Limits,
    addresses: Limits,
    room: Semaphore,
}

/// The routes.
pub fn router(region: Arc<Region>, clock: Clock, settings: &ApiSettings) -> Router {
    let api = Arc::new(Api {
        region,
        clock,
        settings: settings.clone(),
        tokens: Limits::new(settings.token_requests_per_minute),
        addresses: Limits::new(settings.address_requests_per_minute),
        room: Semaphore::new(REQUESTS_MAX),
    });
    Router::new()
        .route("/v1/desk/establishments", get(routes::establishments).post(routes::add_establishment))
        .route("/v1/desk/orders", get(routes::orders).post(routes::place_order))
        .route("/v1/desk/orders/{order}", get(routes::order))
        .route("/v1/desk/orders/{order}/validation", post(routes::validate))
        .route("/v1/desk/orders/{order}/refusal", post(routes::refuse))
        .route("/v1/desk/orders/{order}/sending", post(routes::send))
        .route("/v1/desk/holders/{holder}", get(routes::holder))
        .route("/v1/desk/holders/{holder}/address", put(routes::relocate))
        .route("/v1/desk/holders/{holder}/end", post(routes::end))
        .route("/v1/desk/holders/{holder}/secret", post(routes::secret))
        .route("/v1/desk/holders/{holder}/person", delete(routes::erase))
        .route("/v1/desk/holders/{holder}/balance", get(routes::balance))
        .route("/v1/desk/partners", get(partners::list).post(partners::add))
        .route("/v1/desk/partners/{partner}", get(partners::show))
        .route("/v1/desk/partners/{partner}/activities", put(partners::set_activities))
        .route("/v1/desk/partners/{partner}/city", put(partners::set_city))
        .route("/v1/desk/partners/{partner}/suspension", post(partners::suspend).delete(partners::resume))
        .route("/v1/desk/declarations", post(routes::declare))
        .route("/v1/desk/revalidations", post(routes::revalidate))
        .route("/v1/holder/balance", post(routes::own_balance))
        .with_state(api)
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "PASS'Région: the region's desk",
        description = "Orders, holders, declarations, revalidation, balance; partners; the public list of partners. What goes wrong is a problem of RFC 9457."
    ),
    paths(
        routes::establishments,
        routes::add_establishment,
        routes::orders,
        routes::place_order,
        routes::order,
        routes::validate,
        routes::refuse,
        routes::send,
        routes::holder,
        routes::relocate,
        routes::end,
        routes::secret,
        routes::erase,
        routes::balance,
        partners::list,
        partners::add,
        partners::show,
        partners::set_activities,
        partners::set_city,
        partners::suspend,
        partners::resume,
        routes::declare,
        routes::revalidate,
        routes::own_balance,
        public::answer,
    )
)]
struct Description;

/// The OpenAPI description of the routes, as `docs/region-api.json` has it.
pub fn description() -> String {
    let mut description = Description::openapi();
    let scheme =
        HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("The token of an operator.")).build();
    let components = description.components.get_or_insert_default();
    components.add_security_scheme("token", SecurityScheme::Http(scheme));
    let mut text = description.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made anew with `PASS_DESCRIBE=1 cargo test --lib the_description`.
    #[test]
    fn the_description_is_what_the_code_makes() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/region-api.json");
        if std::env::var_os("PASS_DESCRIBE").is_some() {
            std::fs::write(path, description()).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == description(), "docs/region-api.json is not what the code makes");
        assert!(committed.contains("\"openapi\": \"3.1"));
    }
}
