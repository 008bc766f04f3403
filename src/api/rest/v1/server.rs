//! What a client needs to know before it logs in.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::{
        API_VERSION, ApiState, SERVER_VERSION,
        rest::{Routes, page, route},
    },
    domain::scope::Public,
    service::cx::Cx,
};

/// Returns the routes of this file.
#[must_use]
pub fn routes() -> Routes {
    Routes::default().add(route!(get_server))
}

/// The server, as anyone may know it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServerInfo {
    /// Version of the API, as clients compare it.
    api_version: &'static str,
    /// Version of this server.
    version: &'static str,
    /// Whether callers must say who they are.
    auth_enabled: bool,
    /// How people may log in: `password`; empty when authentication is off.
    login_methods: Vec<&'static str>,
    /// Whether a forgotten password can be reset by a mail.
    password_reset_by_mail: bool,
    #[schema(inline)]
    password_policy: PasswordRules,
    limits: ServerLimits,
}

/// Rules of passwords.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PasswordRules {
    /// At least four characters, without whitespace.
    Default,
    /// At least twelve, of every kind.
    Strong,
}

/// Bounds that callers should know.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServerLimits {
    /// Most rows of a page.
    page_size: u32,
    /// Most bytes of an export request as it comes over the wire.
    export_bytes: usize,
    /// Most bytes of an export request after decompression.
    export_decompressed_bytes: usize,
}

/// Tells whether and how to log in, versions and limits
#[utoipa::path(
    get, path = "/v1/server", operation_id = "getServer", tag = "health",
    responses((status = 200, body = ServerInfo))
)]
async fn get_server(cx: Cx<Public>, State(state): State<ApiState>) -> axum::Json<ServerInfo> {
    let (services, limits) = (cx.services(), state.body_limits());
    let settings = services.settings();
    let by_password = services.auth_enabled() && settings.basic_auth;
    axum::Json(ServerInfo {
        api_version: API_VERSION,
        version: SERVER_VERSION,
        auth_enabled: services.auth_enabled(),
        login_methods: if by_password { vec!["password"] } else { Vec::new() },
        password_reset_by_mail: by_password && services.mail_enabled(),
        password_policy: if settings.password_policy.strong { PasswordRules::Strong } else { PasswordRules::Default },
        limits: ServerLimits {
            page_size: page::MAX_LIMIT,
            export_bytes: limits.compressed,
            export_decompressed_bytes: limits.decompressed,
        },
    })
}
