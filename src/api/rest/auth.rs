//! Login, refresh, logout: the cookies of the web UI.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Routes, problem::Answer, route};
use crate::{
    api::{ApiState, extract::Json},
    auth::cookie,
    domain::scope::Public,
    service::{
        cx::Cx,
        login::{self, TokenPair},
    },
};

/// Returns the routes of this file.
#[must_use]
pub fn routes() -> Routes {
    Routes::default().add(route!(login)).add(route!(refresh)).add(route!(logout))
}

/// What a login needs.
#[derive(Debug, Deserialize, ToSchema)]
pub struct LoginRequest {
    /// E-mail address; blanks around it and its case do not matter.
    #[serde(default)]
    email: String,
    /// Password.
    #[serde(default)]
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// Logs in by e-mail address and password
///
/// Answers with two cookies: `phoenix-access-token` and `phoenix-refresh-token`.
#[utoipa::path(
    post, path = "/auth/login", tag = "auth", request_body = LoginRequest,
    responses((status = 204), (status = 401), (status = 422))
)]
async fn login(cx: Cx<Public>, State(state): State<ApiState>, Json(body): Json<LoginRequest>) -> Answer<Response> {
    let pair = login::with_password(&cx, &body.email, body.password).await?;
    Ok(with_cookies(&state, &pair))
}

/// Exchanges the refresh cookie for a new pair of cookies
///
/// A refresh token can be used once; the access token that came with it is refused from then on.
#[utoipa::path(post, path = "/auth/refresh", tag = "auth", responses((status = 204), (status = 401)))]
async fn refresh(cx: Cx<Public>, State(state): State<ApiState>, headers: HeaderMap) -> Answer<Response> {
    let pair = login::refresh(&cx, cookie::find(&headers, cookie::REFRESH)).await?;
    Ok(with_cookies(&state, &pair))
}

/// Ends every session of the user and goes to the login page
#[utoipa::path(get, path = "/auth/logout", tag = "auth", responses((status = 302)))]
async fn logout(cx: Cx<Public>, State(state): State<ApiState>, headers: HeaderMap) -> Answer<Response> {
    login::logout(&cx, cookie::find(&headers, cookie::REFRESH)).await?;
    let location = format!("{}/login", state.root_path());
    let mut response = (StatusCode::FOUND, [(header::LOCATION, location)]).into_response();
    state.clear_cookies(response.headers_mut());
    Ok(response)
}

fn with_cookies(state: &ApiState, pair: &TokenPair) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let settings = state.services().settings();
    let cookies = state.cookies();
    let headers = response.headers_mut();
    headers.append(header::SET_COOKIE, cookies.set(cookie::ACCESS, &pair.access_token, settings.access_token_expiry));
    headers
        .append(header::SET_COOKIE, cookies.set(cookie::REFRESH, &pair.refresh_token, settings.refresh_token_expiry));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}
