//! The description of the API, OpenAPI 3.1: out of the routes and the types themselves, so that there is nothing to keep in step.

use std::collections::BTreeMap;

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, OpenApi as _};

use crate::till::json::{Problem, ProblemKind};

#[derive(utoipa::OpenApi)]
#[openapi(
    components(schemas(Problem)),
    tags(
        (name = "sale", description = "Quotes, redemptions, undos"),
        (name = "cashiers", description = "Signing in and out, and who may"),
        (name = "closings", description = "Days, months and years that are closed"),
        (name = "receipts", description = "Receipts and their duplicates"),
        (name = "terminal", description = "The card in the reader, the terminal, its journal, its exchange with the region"),
    ),
    security(("token" = []))
)]
struct Base;

/// The description before the routes add themselves.
pub(super) fn base() -> OpenApi {
    let mut base = Base::openapi();
    base.info = InfoBuilder::new()
        .title("PASS'Région terminal: local API")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "What a till asks the terminal on the same machine, over loopback with a token (`pass-terminal till add NAME`) or over the Unix socket without \
             one. A refusal is an answer (200, `outcome` is `refused`); a problem (RFC 9457) means that the request itself was wrong. Amounts are whole cents. \
             An answer may get more fields in later versions.",
        ))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build();
    let token =
        HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("Of `pass-terminal till add NAME`")).build();
    if let Some(components) = base.components.as_mut() {
        components.add_security_scheme("token", SecurityScheme::Http(token));
    }
    base
}

/// The problems that any address can answer with.
pub(super) struct Problems;

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        use ProblemKind::{
            BadRequest, BodyTooLarge, BodyTooSlow, Foreign, MethodNotAllowed, NoRandomness, NotIntroduced, NotJson,
            TerminalStopping, WrongHost,
        };
        let everywhere = [
            BadRequest,
            NotIntroduced,
            Foreign,
            MethodNotAllowed,
            BodyTooSlow,
            BodyTooLarge,
            NotJson,
            WrongHost,
            NoRandomness,
            TerminalStopping,
        ];
        everywhere.into_iter().map(|kind| (kind.status().to_string(), RefOr::T(problem(kind)))).collect()
    }
}

fn problem(kind: ProblemKind) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let title = kind.title(crate::domain::refusal::Language::English);
    ResponseBuilder::new().description(title).content("application/problem+json", content).build()
}
