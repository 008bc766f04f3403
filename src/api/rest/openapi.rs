//! Head of the OpenAPI document and its security schemes.

use axum::http::Method;
use utoipa::{
    PartialSchema as _, ToSchema as _,
    openapi::{
        ComponentsBuilder, ContentBuilder, HeaderBuilder, InfoBuilder, LicenseBuilder, Object, OpenApi, Ref, RefOr,
        Response, ResponseBuilder, Schema, Type,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::problem::{FieldError, ProblemDetails};
use crate::{
    api::{API_VERSION, metering::class_of},
    domain::demand::Demand,
};

/// Completes the document that the routes gave.
#[must_use]
pub fn finish(mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("phoenix-server REST API")
        .version(API_VERSION)
        .description(Some(
            "Traces, projects and keys of LLM applications. Speaks the wire protocol of Arize Phoenix; an independent \
             implementation.",
        ))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").build()))
        .build();
    let mut components = document.components.take().unwrap_or_else(|| ComponentsBuilder::new().build());
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An API key, an access token, or the admin secret"))
        .build();
    components.security_schemes.insert("bearer".to_owned(), SecurityScheme::Http(bearer).into());
    components.security_schemes.insert(
        "api_key".to_owned(),
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
            "api_key",
            "An API key; the headers api-key and x-api-key do as well",
        )))
        .into(),
    );
    components.security_schemes.insert(
        "cookie".to_owned(),
        SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
            crate::auth::cookie::ACCESS,
            "The cookie of a login",
        )))
        .into(),
    );
    let schemas: [(String, RefOr<Schema>); 2] =
        [(ProblemDetails::name().into(), ProblemDetails::schema()), (FieldError::name().into(), FieldError::schema())];
    components.schemas.extend(schemas);
    document.components = Some(components);
    add_refusals(&mut document);
    document
}

/// Returns every operation with what it demands, by path and method.
#[must_use]
pub fn operations() -> Vec<(String, Demand)> {
    super::routes().demands()
}

/// Adds what the layers before the handlers answer: 401 and 403 where a credential is demanded, 429 where the limits of
/// keys hold. What a handler says of these itself stays.
fn add_refusals(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let methods = [
            (Method::GET, &mut item.get),
            (Method::POST, &mut item.post),
            (Method::PUT, &mut item.put),
            (Method::PATCH, &mut item.patch),
            (Method::DELETE, &mut item.delete),
        ];
        for (method, operation) in methods {
            let Some(operation) = operation else { continue };
            let is_guarded = operation.security.as_ref().is_some_and(|ways| !ways.is_empty());
            let refusals = [
                ("401", "No valid credential", is_guarded),
                ("403", "The credential does not reach", is_guarded),
                ("429", "Too many requests of this credential", class_of(&method, path).is_some()),
            ];
            for (status, text, _) in refusals.into_iter().filter(|(_, _, applies)| *applies) {
                operation.responses.responses.entry(status.to_owned()).or_insert_with(|| refusal(status, text));
            }
        }
    }
}

fn refusal(status: &str, description: &str) -> RefOr<Response> {
    let header =
        |text: &str, kind| HeaderBuilder::new().description(Some(text)).schema(Some(Object::with_type(kind))).build();
    let schema = Ref::from_schema_name(ProblemDetails::name());
    let response = ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", ContentBuilder::new().schema(Some(schema)).build());
    let response = match status {
        "401" => response.header("WWW-Authenticate", header("The challenge (RFC 6750)", Type::String)),
        "429" => response.header("Retry-After", header("Seconds to wait", Type::Integer)),
        _ => response,
    };
    response.build().into()
}

/// Returns one line for each operation: method, path, and what it demands.
#[must_use]
pub fn access_table() -> String {
    let line = |(operation, demand): (String, Demand)| {
        let (method, path) = operation.split_once(' ').unwrap_or_default();
        format!("{method:<6} {path:<56} {}\n", demand.describe())
    };
    operations().into_iter().map(line).collect()
}
