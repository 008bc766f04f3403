//! Head of the OpenAPI document and its security schemes.

use utoipa::{
    PartialSchema as _, ToSchema as _,
    openapi::{
        ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, RefOr, Schema,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::problem::{FieldError, ProblemDetails};
use crate::api::API_VERSION;

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

/// Returns one line for each operation: method, path, and what it demands.
#[must_use]
pub fn access_table(document: &serde_json::Value) -> String {
    let mut lines = Vec::new();
    let paths = document["paths"].as_object().into_iter().flatten();
    for (path, item) in paths {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let scopes = operation["security"].as_array().and_then(|s| s.first()).map(|s| &s["bearer"]);
            let demand = match scopes {
                None => "public".to_owned(),
                Some(scopes) => match scopes[0].as_str() {
                    Some(scope) => scope.to_owned(),
                    None => "any credential".to_owned(),
                },
            };
            let role = operation["x-required-role"].as_str().map(|r| format!(" as {r}")).unwrap_or_default();
            lines.push(format!("{:<6} {path:<56} {demand}{role}\n", method.to_uppercase()));
        }
    }
    lines.sort();
    lines.concat()
}
