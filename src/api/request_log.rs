//! Request id, one log line a request, and the headers of every answer.
//!
//! What is logged of a request: method, path, status, time. Never a header, a query string or a body.

use std::{net::SocketAddr, time::Instant};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};
use tracing::Instrument as _;

use super::{API_VERSION, ApiState, SERVER_VERSION, graphql::RequestId};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const VERSION: HeaderName = HeaderName::from_static("x-phoenix-server-version");

/// Runs a request.
pub async fn around(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let span = tracing::error_span!("request", id = id.to_str().unwrap_or_default());
    if request.uri().path() == "/graphql"
        && let Ok(text) = id.to_str()
    {
        // GraphQL tells it within the answer, beside an error that it masks.
        let id = RequestId(text.into());
        request.extensions_mut().insert(id);
    }
    // Kept only for requests that will be logged: most are not.
    let logged = tracing::enabled!(tracing::Level::DEBUG);
    let line = logged.then(|| (request.method().clone(), request.uri().path().to_owned(), client(&request)));
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    let headers = response.headers_mut();
    headers.insert(VERSION, HeaderValue::from_static(API_VERSION));
    headers.insert(header::SERVER, HeaderValue::from_static(concat!("phoenix-server/", env!("CARGO_PKG_VERSION"))));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    headers.insert(REQUEST_ID, id);
    if status == StatusCode::UNAUTHORIZED {
        name_metadata(headers, state.public_url());
    }
    if let Some((method, path, client)) = line {
        let elapsed_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        span.in_scope(|| {
            tracing::debug!(
                http.method = %method, http.path = %path, http.status = status.as_u16(),
                client.address = client, elapsed_us, server.version = SERVER_VERSION, "request"
            );
        });
    }
    response
}

/// Takes over the id that a proxy gave, if it looks like one, or makes one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get(REQUEST_ID).filter(|v| {
        v.len() <= 64 && v.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    });
    given.cloned().unwrap_or_else(|| {
        let text = format!("{:016x}", rand::random::<u64>());
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("0"))
    })
}

/// Adds where the metadata of the protected resource lies (RFC 9728) to a challenge.
fn name_metadata(headers: &mut HeaderMap, public_url: &str) {
    let Some(challenge) = headers.get(header::WWW_AUTHENTICATE).and_then(|v| v.to_str().ok()) else { return };
    let text = format!("{challenge}, resource_metadata=\"{public_url}/.well-known/oauth-protected-resource\"");
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.insert(header::WWW_AUTHENTICATE, value);
    }
}

fn client(request: &Request) -> String {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map_or_else(String::new, |c| c.0.ip().to_string())
}
