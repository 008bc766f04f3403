//! Which pages of which origins may ask: CORS, and the defence against forged requests (CSRF).
//!
//! Three rules, in this order:
//! 1. A preflight of an origin that is not allowed is answered with 400. What CORS answers otherwise comes from
//!    tower-http.
//! 2. With trusted origins configured, every `Origin` and every `Referer` must be one of their hosts, whatever the
//!    request: the rule of the wire protocol.
//! 3. A request that changes something and carries no credential but what a browser adds by itself must come from a
//!    page of this server, or from an origin that is trusted or allowed. `Sec-Fetch-Site` says so, or else `Origin`;
//!    who sends neither is no browser. Logging in is such a change, since it can be forged to make somebody use the
//!    account of another.
//!
//! `SameSite` cookies alone would leave every other port and subdomain of this server's site.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::future::{Either, Ready, ready};
use tower::{Layer, Service};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, Any, CorsLayer};
use url::Url;

use super::{
    client_address::{hosts, is_https},
    rest::problem::{self, Problem},
};
use crate::{
    auth::{
        bearer::{self, Offered},
        cookie,
    },
    error::{CredentialFault, Error},
};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// How long a browser may remember that an origin is allowed.
const PREFLIGHT_AGE: Duration = Duration::from_mins(10);
/// What pages of other origins may read beside the headers that every page may.
const EXPOSED: [HeaderName; 9] = [
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("x-phoenix-server-version"),
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
];

/// The origins that are configured.
#[derive(Clone, Debug, Default)]
pub struct OriginOptions {
    /// Origins whose pages may call with credentials, or `*`: every page, without.
    pub allowed: Vec<String>,
    /// Origins that requests must come from; empty means any.
    pub trusted: Vec<String>,
    /// The server's own address, if it was told.
    pub root_url: Option<String>,
}

/// Returns what answers pages of other origins, if any may ask.
#[must_use]
pub fn cors(options: &OriginOptions) -> Option<CorsLayer> {
    if options.allowed.is_empty() {
        return None;
    }
    let layer = CorsLayer::new()
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(EXPOSED)
        .max_age(PREFLIGHT_AGE);
    if allows_all(options) {
        // Without credentials: with them every page would act as whoever looks at it.
        return Some(layer.allow_origin(Any));
    }
    let allowed = options.allowed.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    Some(layer.allow_origin(AllowOrigin::list(allowed)).allow_credentials(true))
}

fn allows_all(options: &OriginOptions) -> bool {
    options.allowed.iter().any(|origin| origin == "*")
}

/// Layer that refuses what comes from the wrong page.
#[derive(Clone, Debug)]
pub struct OriginLayer(Arc<Rules>);

#[derive(Debug)]
struct Rules {
    allowed: Vec<String>,
    allows_all: bool,
    trusted_hosts: Vec<String>,
    own: Option<url::Origin>,
}

impl OriginLayer {
    /// Returns the layer.
    #[must_use]
    pub fn new(options: &OriginOptions) -> Self {
        Self(Arc::new(Rules {
            allowed: options.allowed.clone(),
            allows_all: allows_all(options),
            trusted_hosts: options.trusted.iter().filter_map(|origin| host_of(origin)).collect(),
            own: options.root_url.as_deref().and_then(|url| Url::parse(url).ok()).map(|url| url.origin()),
        }))
    }
}

impl<S> Layer<S> for OriginLayer {
    type Service = OriginCheck<S>;

    fn layer(&self, inner: S) -> OriginCheck<S> {
        OriginCheck { inner, rules: Arc::clone(&self.0) }
    }
}

/// Service of [`OriginLayer`].
#[derive(Clone, Debug)]
pub struct OriginCheck<S> {
    inner: S,
    rules: Arc<Rules>,
}

impl<S> Service<Request> for OriginCheck<S>
where
    S: Service<Request, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Either<Ready<Result<Response, S::Error>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match self.rules.check(&request) {
            Ok(()) => Either::Right(self.inner.call(request)),
            Err(refused) => Either::Left(ready(Ok(refused.into_response()))),
        }
    }
}

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq)]
enum Refused {
    Preflight,
    UntrustedOrigin,
    UntrustedReferer,
    Forged(String),
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let untrusted = |detail: &str| {
            let mut response = problem::answer(StatusCode::UNAUTHORIZED, detail.to_owned());
            problem::add_headers(&Error::Unauthenticated(CredentialFault::Missing), response.headers_mut());
            response
        };
        match self {
            Self::Preflight => Problem(Error::Malformed("Disallowed CORS origin".into())).into_response(),
            Self::UntrustedOrigin => untrusted("untrusted origin"),
            Self::UntrustedReferer => untrusted("untrusted referer"),
            Self::Forged(from) => Problem(Error::forbidden(format!(
                "The request came from a page of {from}, which is not this server's own. If it is, behind a proxy: \
                 set PHOENIX_ROOT_URL to the address in the browser. If pages of another origin may act for those \
                 who are signed in: list it in PHOENIX_ALLOWED_ORIGINS."
            )))
            .into_response(),
        }
    }
}

impl Rules {
    fn check(&self, request: &Request) -> Result<(), Refused> {
        let headers = request.headers();
        let origin = text(headers, &header::ORIGIN);
        if !self.allowed.is_empty()
            && let Some(origin) = origin
            && request.method() == Method::OPTIONS
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        {
            return if self.allows_all || self.is_allowed(origin) { Ok(()) } else { Err(Refused::Preflight) };
        }
        if !self.trusted_hosts.is_empty() && !is_exempt(request.uri().path()) {
            if origin.is_some_and(|origin| !self.is_trusted(origin)) {
                return Err(Refused::UntrustedOrigin);
            }
            if text(headers, &header::REFERER).is_some_and(|referer| !self.is_trusted(referer)) {
                return Err(Refused::UntrustedReferer);
            }
        }
        if !acts_by_browser(request) {
            return Ok(());
        }
        let listed = |origin: &str| self.is_allowed(origin) || self.is_trusted(origin);
        let passes = match (text(headers, &SEC_FETCH_SITE), origin) {
            (Some("same-origin" | "none"), _) | (None, None) => true,
            (Some("same-site" | "cross-site"), origin) => origin.is_some_and(listed),
            (_, Some(origin)) => listed(origin) || self.is_own(origin, request),
            (Some(_), None) => false,
        };
        if passes {
            return Ok(());
        }
        let named = origin.and_then(|origin| Url::parse(origin).ok()).map(|url| url.origin().ascii_serialization());
        Err(Refused::Forged(named.filter(|origin| origin != "null").unwrap_or_else(|| "another origin".to_owned())))
    }

    fn is_allowed(&self, origin: &str) -> bool {
        self.allowed.iter().any(|allowed| allowed == origin)
    }

    fn is_trusted(&self, url: &str) -> bool {
        host_of(url).is_some_and(|host| self.trusted_hosts.contains(&host))
    }

    /// Whether a page of this origin was served by this server, under the name that the request was sent to.
    fn is_own(&self, origin: &str, request: &Request) -> bool {
        let Ok(url) = Url::parse(origin) else { return false };
        let (scheme, origin) = (url.scheme(), url.origin());
        if self.own.as_ref() == Some(&origin) {
            return true;
        }
        if is_https(request) && scheme != "https" {
            return false;
        }
        // A proxy that ends TLS need not say so: where the scheme is not known, the page's own is taken.
        let is_at = |host: &str| Url::parse(&format!("{scheme}://{host}")).is_ok_and(|url| url.origin() == origin);
        origin.is_tuple() && hosts(request).into_iter().any(is_at)
    }
}

/// Whether the request changes something and proves who sends it, if at all, only by what a browser adds by itself.
fn acts_by_browser(request: &Request) -> bool {
    let (headers, path) = (request.headers(), request.uri().path());
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
    let has_cookie = || [cookie::ACCESS, cookie::REFRESH].iter().any(|name| cookie::find(headers, name).is_some());
    let changes = if is_safe { path == "/auth/logout" } else { path.starts_with("/auth/") || has_cookie() };
    changes && bearer::offered(headers) == Offered::Nothing
}

/// Paths that pages of any origin use, by protocols that defend themselves.
fn is_exempt(path: &str) -> bool {
    matches!(path, "/oauth2/register" | "/oauth2/token" | "/oauth2/revoke" | "/mcp")
        || path.starts_with("/.well-known/")
        || path.starts_with("/mcp/")
}

/// Returns the value of a header; one that is no text is a text that nothing equals.
fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("null")).filter(|value| !value.is_empty())
}

fn host_of(url: &str) -> Option<String> {
    Url::parse(url).ok()?.host_str().map(str::to_ascii_lowercase)
}
