//! Request id, one log line a request, and the headers of every answer.
//!
//! What is logged of a request: method, path, status, address of the client, time. Never a header, a query string or a
//! body.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
};
use tower::{Layer, Service};

use super::{API_VERSION, client_address::OverTls, drain};
use crate::domain::{client_address::ClientAddress, request_id::RequestId};

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const VERSION: HeaderName = HeaderName::from_static("x-phoenix-server-version");

/// The cause of an internal error, left in the extensions of an answer: here it is logged, beside the request's id.
#[derive(Clone, Debug)]
pub struct Cause(pub Arc<str>);

/// Layer that gives a request its id and an answer its headers. A service of its own, not a function between boxed
/// ones: every request passes it.
#[derive(Clone, Debug)]
pub struct RequestLogLayer {
    challenge_suffix: Arc<str>,
}

impl RequestLogLayer {
    /// Returns the layer of a server that is reachable under this address.
    #[must_use]
    pub fn new(public_url: &str) -> Self {
        let metadata = format!(", resource_metadata=\"{public_url}/.well-known/oauth-protected-resource\"");
        Self { challenge_suffix: metadata.into() }
    }
}

impl<S> Layer<S> for RequestLogLayer {
    type Service = RequestLog<S>;

    fn layer(&self, inner: S) -> RequestLog<S> {
        RequestLog { inner, challenge_suffix: Arc::clone(&self.challenge_suffix) }
    }
}

/// Service of [`RequestLogLayer`].
#[derive(Clone, Debug)]
pub struct RequestLog<S> {
    inner: S,
    challenge_suffix: Arc<str>,
}

impl<S, B> Service<Request> for RequestLog<S>
where
    S: Service<Request, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let started = Instant::now();
        let id = request_id(request.headers());
        if let Ok(text) = id.to_str() {
            // GraphQL tells it within the answer, beside an error that it masks; the audit log keeps it.
            let id = RequestId(text.into());
            request.extensions_mut().insert(id);
        }
        // What lies within finds it where a proxy would have put it.
        request.headers_mut().insert(REQUEST_ID, id.clone());
        // Kept only for requests that will be logged: most are not.
        let logged = tracing::enabled!(tracing::Level::DEBUG);
        let line = logged.then(|| (request.method().clone(), request.uri().path().to_owned(), client(&request)));
        let suffix = Arc::clone(&self.challenge_suffix);
        let over_tls = request.extensions().get::<OverTls>().is_some();
        let (parts, body) = request.into_parts();
        let (body, leftover) = drain::share(body);
        let answer = self.inner.call(Request::from_parts(parts, body));
        Box::pin(async move {
            let mut response = answer.await?;
            let status = response.status();
            if let Some(leftover) = leftover
                && (status.is_client_error() || status.is_server_error())
            {
                leftover.drain().await;
            }
            let id_text = id.to_str().unwrap_or_default();
            if let Some(Cause(cause)) = response.extensions().get() {
                tracing::error!(request.id = id_text, error = %cause, "internal error");
            }
            if let Some((method, path, client)) = line {
                let elapsed_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
                tracing::debug!(
                    request.id = id_text, http.method = %method, http.path = %path, http.status = status.as_u16(),
                    client.address = client, elapsed_us, "request"
                );
            }
            let headers = response.headers_mut();
            headers.insert(VERSION, HeaderValue::from_static(API_VERSION));
            headers.insert(header::SERVER, HeaderValue::from_static(SERVER));
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
            headers.insert(REQUEST_ID, id);
            if over_tls {
                headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
            }
            if status == StatusCode::UNAUTHORIZED {
                name_metadata(headers, &suffix);
            }
            Ok(response)
        })
    }
}

/// Our own name and version, beside the version of the API.
const SERVER: &str = concat!("phoenix-server/", env!("CARGO_PKG_VERSION"));

/// A year of HTTPS alone for this host; its subdomains are not ours to decide on.
const HSTS: &str = "max-age=31536000";

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
fn name_metadata(headers: &mut HeaderMap, suffix: &str) {
    let Some(challenge) = headers.get(header::WWW_AUTHENTICATE).and_then(|v| v.to_str().ok()) else { return };
    if let Ok(value) = HeaderValue::from_str(&format!("{challenge}{suffix}")) {
        headers.insert(header::WWW_AUTHENTICATE, value);
    }
}

fn client(request: &Request) -> String {
    request.extensions().get::<ClientAddress>().map_or_else(String::new, ToString::to_string)
}
