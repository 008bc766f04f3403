//! Head of the OpenAPI document and its security schemes.

use utoipa::{
    PartialSchema as _, ToSchema as _,
    openapi::{
        ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, RefOr, Schema,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::problem::{FieldError, ProblemDetails};
use crate::{api::API_VERSION, domain::demand::Demand};

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
    document
}

/// Returns every operation with what it demands, by path and method.
#[must_use]
pub fn operations() -> Vec<(String, Demand)> {
    super::routes().demands()
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
