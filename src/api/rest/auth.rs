//! Login, refresh, logout: the cookies of the web UI, and the same tokens in a body.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    Routes,
    problem::{self, Answer},
    route,
};
use crate::{
    api::{
        ApiState,
        extract::{From, Json, Query, any_case_bool},
    },
    auth::cookie,
    domain::{scope::Public, session::Device},
    error::Error,
    service::{
        cx::Cx,
        login::{self, Extent, TokenPair},
    },
};

/// Returns the routes of this file.
#[must_use]
pub fn routes() -> Routes {
    Routes::default().add(route!(login)).add(route!(refresh)).add(route!(logout)).add(route!(token))
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
    responses((status = 204), (status = 401), (status = 422), (status = 429))
)]
async fn login(
    cx: Cx<Public>,
    State(state): State<ApiState>,
    From(device): From,
    Json(body): Json<LoginRequest>,
) -> Answer<Response> {
    let pair = login::with_password(&cx, &device, &body.email, body.password).await?;
    Ok(with_cookies(&state, &pair))
}

/// Exchanges the refresh cookie for a new pair of cookies
///
/// A refresh token can be used once; the access token that came with it is refused from then on. A refresh token that
/// comes a second time ends its session.
#[utoipa::path(post, path = "/auth/refresh", tag = "auth", responses((status = 204), (status = 401), (status = 429)))]
async fn refresh(
    cx: Cx<Public>,
    State(state): State<ApiState>,
    From(device): From,
    headers: HeaderMap,
) -> Answer<Response> {
    let pair = login::refresh(&cx, &device, cookie::find(&headers, cookie::REFRESH)).await?;
    Ok(with_cookies(&state, &pair))
}

/// Which sessions a logout ends.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LogoutQuery {
    /// Whether every session of the user ends, or only this one.
    #[serde(default, deserialize_with = "any_case_bool")]
    #[param(default = true)]
    everywhere: Option<bool>,
}

/// Ends every session of the user and goes to the login page
#[utoipa::path(get, path = "/auth/logout", tag = "auth", params(LogoutQuery), responses((status = 302)))]
async fn logout(
    cx: Cx<Public>,
    State(state): State<ApiState>,
    Query(query): Query<LogoutQuery>,
    headers: HeaderMap,
) -> Answer<Response> {
    let extent = if query.everywhere.unwrap_or(true) { Extent::Everywhere } else { Extent::ThisSession };
    login::logout(&cx, cookie::find(&headers, cookie::REFRESH), extent).await?;
    let page = if state.services().settings().basic_auth { "login" } else { "logout" };
    let location = format!("{}/{page}", state.root_path());
    let mut response = (StatusCode::FOUND, [(header::LOCATION, location)]).into_response();
    state.clear_cookies(response.headers_mut());
    Ok(response)
}

/// A token request (RFC 6749, sections 4.3.2 and 6).
#[derive(Debug, Deserialize, ToSchema)]
pub struct TokenRequest {
    /// `password` or `refresh_token`.
    #[serde(default)]
    grant_type: String,
    /// E-mail address, with `password`.
    #[serde(default)]
    username: String,
    /// Password, with `password`.
    #[serde(default)]
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// Refresh token, with `refresh_token`.
    #[serde(default)]
    refresh_token: String,
}

/// A pair of tokens (RFC 6749, section 5.1).
#[derive(Serialize, ToSchema)]
pub struct TokenResponse {
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Life of the access token, in seconds.
    expires_in: u64,
    refresh_token: String,
}

/// Why there are no tokens (RFC 6749, section 5.2).
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenError {
    /// `invalid_request`, `invalid_grant`, `unsupported_grant_type` or `temporarily_unavailable`.
    error: &'static str,
    error_description: String,
}

/// Gives tokens in a body, for scripts that log in
///
/// OAuth 2 in form: the grants are `password`, with `username` and `password`, and `refresh_token`. The access token
/// goes into `Authorization: Bearer`; the refresh token is good for one new pair and nothing else.
#[utoipa::path(
    post, path = "/auth/token", operation_id = "issueToken", tag = "auth",
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = TokenResponse), (status = 400, body = TokenError), (status = 429, body = TokenError))
)]
async fn token(cx: Cx<Public>, From(device): From, request: Request) -> Response {
    let mut response = match issue(&cx, &device, request).await {
        Ok(tokens) => axum::Json(tokens).into_response(),
        Err((status, error, cause)) => {
            let error_description = problem::detail(&cause);
            let mut response = (status, axum::Json(TokenError { error, error_description })).into_response();
            problem::add_headers(&cause, response.headers_mut());
            problem::leave_cause(&cause, &mut response);
            response.headers_mut().remove(header::WWW_AUTHENTICATE);
            response
        }
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

type Denial = (StatusCode, &'static str, Error);

async fn issue(cx: &Cx<Public>, device: &Device, request: Request) -> Result<TokenResponse, Denial> {
    const MAX_FORM_BYTES: usize = 16 << 10;
    let bad = |detail: &'static str| (StatusCode::BAD_REQUEST, "invalid_request", Error::Malformed(detail.into()));
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .eq_ignore_ascii_case("application/x-www-form-urlencoded")
    {
        return Err(bad("The body must be application/x-www-form-urlencoded"));
    }
    let body = axum::body::to_bytes(request.into_body(), MAX_FORM_BYTES).await;
    let body = body.map_err(|_| bad("The body is too large or broke off"))?;
    let form: TokenRequest = serde_html_form::from_bytes(&body).map_err(|_| bad("The body is not a token request"))?;
    let pair = match form.grant_type.as_str() {
        "password" => login::with_password(cx, device, &form.username, form.password).await,
        "refresh_token" => {
            let token = Some(form.refresh_token.as_str()).filter(|t| !t.is_empty());
            login::refresh(cx, device, token).await
        }
        "" => return Err(bad("grant_type is missing")),
        _ => {
            let error = Error::Malformed("grant_type is password or refresh_token".into());
            return Err((StatusCode::BAD_REQUEST, "unsupported_grant_type", error));
        }
    };
    let pair = pair.map_err(|error| match problem::status(&error) {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (StatusCode::BAD_REQUEST, "invalid_grant", error),
        StatusCode::UNPROCESSABLE_ENTITY => (StatusCode::BAD_REQUEST, "invalid_request", error),
        status => (status, "temporarily_unavailable", error),
    })?;
    Ok(TokenResponse {
        access_token: pair.access_token,
        token_type: "Bearer",
        expires_in: cx.services().settings().access_token_expiry.as_secs(),
        refresh_token: pair.refresh_token,
    })
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
