//! Liveness, readiness, version, and where to authenticate.

use axum::{extract::State, http::header, response::IntoResponse};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Routes, problem::Answer, route};
use crate::{
    api::{API_VERSION, ApiState},
    domain::scope::Public,
    service::cx::Cx,
};

/// Returns the routes of this file.
#[must_use]
pub fn routes() -> Routes {
    Routes::default()
        .add(route!(healthz))
        .add(route!(readyz))
        .add(route!(arize_phoenix_version))
        .add(route!(oauth_protected_resource))
}

/// Whether the process runs.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, body = String)))]
async fn healthz(_: Cx<Public>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], "OK")
}

/// Body of the readiness answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ready {
    /// How full the database is; only when its capacity is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    storage: Option<StorageState>,
}

/// How full the database was at the last look, once a minute.
#[derive(Debug, Serialize, ToSchema)]
pub struct StorageState {
    /// `enough`, `warning`, or `full`: then what is new is refused with 507.
    status: &'static str,
    /// Its size as per cent of the capacity.
    used_percent: f64,
}

/// Whether the server can do its work: the database answers.
#[utoipa::path(get, path = "/readyz", tag = "health", responses((status = 200, body = Ready), (status = 503)))]
async fn readyz(cx: Cx<Public>) -> Answer<axum::Json<Ready>> {
    cx.services().ping().await.map_err(|error| {
        tracing::warn!(error = %error, "not ready");
        crate::error::Error::Unavailable {
            detail: "database unreachable",
            retry_after: std::time::Duration::from_secs(1),
        }
    })?;
    let usage = cx.services().storage().usage();
    let storage = usage.used_percent.map(|percent| StorageState {
        status: usage.level.as_str(),
        // Everybody may ask: a rough number will do.
        used_percent: percent.round(),
    });
    Ok(axum::Json(Ready { storage }))
}

/// The version of the API, as clients compare it.
#[utoipa::path(get, path = "/arize_phoenix_version", tag = "health", responses((status = 200, body = String)))]
async fn arize_phoenix_version(_: Cx<Public>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], API_VERSION)
}

/// Metadata of the protected resource (RFC 9728).
#[derive(Debug, Serialize, ToSchema)]
pub struct ProtectedResource {
    resource: String,
    resource_name: &'static str,
    authorization_servers: Vec<String>,
    bearer_methods_supported: [&'static str; 1],
}

/// What a client needs to know to send credentials (RFC 9728).
#[utoipa::path(
    get, path = "/.well-known/oauth-protected-resource", tag = "health",
    responses((status = 200, body = ProtectedResource))
)]
async fn oauth_protected_resource(_: Cx<Public>, State(state): State<ApiState>) -> axum::Json<ProtectedResource> {
    axum::Json(ProtectedResource {
        resource: state.public_url().to_owned(),
        resource_name: "Arize Phoenix",
        // This version has no authorization server of its own: keys and sessions are made here.
        authorization_servers: Vec::new(),
        bearer_methods_supported: ["header"],
    })
}
