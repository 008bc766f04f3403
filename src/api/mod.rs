//! Every way in: REST, GraphQL, OTLP and the web UI, behind one authentication layer.
//!
//! [`router`] is the one list of what surrounds a request, outermost first:
//! the client's address, prefix rewriting, request id and log line with the headers of every answer, what is
//! counted and remembered of it, panics caught, compression, pages of other origins refused or answered, the caller identified
//! and held to their limits, then the routes. Permission is asked by each handler's first argument.

pub mod client_address;
pub mod drain;
pub mod exposition;
pub mod extract;
pub mod full;
pub mod graphql;
pub mod metering;
pub mod origin;
pub mod otlp;
pub mod request_log;
pub mod rest;
pub mod roles;
pub mod ui;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{FromRef, Request, State},
    http::{HeaderMap, Method, StatusCode, Uri, header, uri::PathAndQuery},
    response::{IntoResponse, Response},
    routing,
};
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer, CompressionLevel,
        predicate::{DefaultPredicate, NotForContentType, Predicate as _},
    },
};

use crate::{
    auth::{cookie::CookieOptions, layer::IdentifyLayer},
    domain::scope::{OwnAccount, Public, SignedIn},
    error::Error,
    service::{Services, cx::Cx},
};
use client_address::TrustedProxies;
use full::FullLayer;
use metering::{AdmitLayer, MeterLayer, Metering, RouteLayer};
use origin::{OriginLayer, OriginOptions};
use otlp::http::BodyLimits;
use request_log::RequestLogLayer;
use rest::problem::Problem;

/// The version of the wire protocol, which clients compare with what they need.
pub const API_VERSION: &str = "20.26.1";
/// The version of this server.
pub const SERVER_VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the ways in need to know of the configuration.
#[derive(Clone, Debug)]
pub struct ApiOptions {
    /// Path below which the server is reachable: empty, or `/x`.
    pub root_path: String,
    /// Origin (and path) under which people reach the server, without a slash at the end.
    pub public_url: String,
    /// Proxies that are believed about where a request comes from.
    pub trusted_proxies: TrustedProxies,
    /// Whose pages may ask.
    pub origins: OriginOptions,
    /// How login cookies are written.
    pub cookies: CookieOptions,
    /// Bounds of OTLP bodies.
    pub body_limits: BodyLimits,
    /// Address for help, shown in the UI.
    pub support_email: Option<String>,
}

/// State of every handler; cheap to clone.
#[derive(Clone)]
pub struct ApiState(Arc<Inner>);

struct Inner {
    services: Services,
    options: ApiOptions,
    schema: graphql::ApiSchema,
    openapi: String,
    ui: ui::index::Pages,
}

impl ApiState {
    /// Returns the services.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.0.services
    }

    pub(crate) fn root_path(&self) -> &str {
        &self.0.options.root_path
    }

    pub(crate) fn public_url(&self) -> &str {
        &self.0.options.public_url
    }

    pub(crate) fn cookies(&self) -> &CookieOptions {
        &self.0.options.cookies
    }

    pub(crate) fn clear_cookies(&self, headers: &mut HeaderMap) {
        for cookie in self.cookies().clear() {
            headers.append(header::SET_COOKIE, cookie);
        }
    }

    pub(crate) fn body_limits(&self) -> BodyLimits {
        self.0.options.body_limits
    }

    pub(crate) fn pages(&self) -> &ui::index::Pages {
        &self.0.ui
    }
}

impl FromRef<ApiState> for Services {
    fn from_ref(state: &ApiState) -> Self {
        state.0.services.clone()
    }
}

impl FromRef<ApiState> for BodyLimits {
    fn from_ref(state: &ApiState) -> Self {
        state.0.options.body_limits
    }
}

/// A router with everything around it, ready to be served.
pub type App = tower::util::BoxCloneSyncService<Request, Response, std::convert::Infallible>;

/// Returns the OpenAPI document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    rest::openapi::finish(rest::routes().into_parts().1)
}

/// Puts every way in together. The same application serves HTTP and gRPC on whatever listener a request comes by.
#[must_use]
pub fn router(services: &Services, options: ApiOptions, metering: Metering) -> App {
    let (rest, document) = rest::routes().into_parts();
    let document = rest::openapi::finish(document);
    let ui = ui::index::Pages::new(&options, services);
    let (proxies, origins) = (options.trusted_proxies.clone(), options.origins.clone());
    let state = ApiState(Arc::new(Inner {
        openapi: document.to_json().unwrap_or_default(),
        schema: graphql::schema(),
        ui,
        services: services.clone(),
        options,
    }));
    let router = rest
        .merge(unlisted())
        .route_layer(RouteLayer)
        .fallback(ui::unknown_path)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(state.clone());
    let log = RequestLogLayer::new(state.public_url());
    // Around the router, not within it: there each layer would be boxed and cloned once more for every route.
    let around = ServiceBuilder::new()
        .map_response(|response: axum::http::Response<_>| response.map(Body::new))
        .map_request(move |mut request| {
            proxies.stamp(&mut request);
            rewrite(request, state.root_path())
        })
        .layer(log)
        .layer(MeterLayer(metering.clone()))
        .layer(CatchPanicLayer::custom(panic_answer))
        .layer(compression())
        .layer(OriginLayer::new(&origins))
        .option_layer(origin::cors(&origins))
        .layer(IdentifyLayer(services.authenticator().clone()))
        .layer(AdmitLayer(metering.limiter))
        .layer(FullLayer(services.clone()));
    App::new(around.service(router))
}

/// Routes whose wire is described elsewhere than in the OpenAPI document.
#[expect(clippy::disallowed_methods, reason = "the document describes REST; these speak OTLP, gRPC, GraphQL and HTML")]
fn unlisted() -> Router<ApiState> {
    Router::new()
        .route(otlp::grpc::PATH, routing::post(otlp::grpc::call).layer(axum::extract::DefaultBodyLimit::disable()))
        .route("/v1/traces", routing::post(otlp::http::export).layer(axum::extract::DefaultBodyLimit::disable()))
        .route("/graphql", routing::post(graphql_post).get(graphql_page))
        .route("/openapi.json", routing::get(openapi_json))
}

async fn openapi_json(State(state): State<ApiState>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], state.0.openapi.clone()).into_response()
}

async fn graphql_post(_: Cx<OwnAccount>, State(state): State<ApiState>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let limit = graphql::MAX_REQUEST_BYTES;
    let bytes = axum::body::to_bytes(body, limit)
        .await
        .map_err(|_| Error::TooLarge(format!("A GraphQL request has at most {limit} bytes").into()))?;
    extract::refuse_zero_characters(&bytes)?;
    let query = graphql::read_request(&parts.headers, &bytes)?;
    let executed = graphql::execute(&state.0.schema, &state.0.services, &parts.extensions, query).await?;
    let mut response = axum::Json(executed.response).into_response();
    if executed.logged_out {
        state.clear_cookies(response.headers_mut());
    }
    Ok(response)
}

/// The explorer page; scripts use it to ask whether a session is valid.
async fn graphql_page(_: Cx<Public>, State(state): State<ApiState>, request: Request) -> Response {
    let mut response = state.pages().page(ui::index::Page::Graphiql);
    if let Err(error) = state.services().authorize_request::<SignedIn>(request.extensions()) {
        // The page all the same: in a browser whose access cookie has expired it renews the session by itself.
        *response.status_mut() = rest::problem::status(&error);
        rest::problem::add_headers(&error, response.headers_mut());
    }
    response
}

async fn method_not_allowed() -> Response {
    StatusCode::METHOD_NOT_ALLOWED.into_response()
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that the layer calls")]
fn panic_answer(cause: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let text = cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| cause.downcast_ref::<&str>().copied())
        .unwrap_or("panic without a text");
    Problem(Error::internal(format!("panic: {text}"))).into_response()
}

fn compression() -> CompressionLayer<impl tower_http::compression::Predicate> {
    // The fastest level: the last few per cent of size would cost more time than most answers take.
    let predicate = DefaultPredicate::new().and(NotForContentType::const_new("application/x-protobuf"));
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(predicate)
}

/// Takes the prefix off that a proxy may or may not have taken off already, and folds `/api/v1` into `/v1`.
fn rewrite(mut request: Request<Body>, root_path: &str) -> Request<Body> {
    /// Documented resources that live under `/api/v1` alone.
    const OWN: [&str; 5] = ["/api-keys", "/access-logs", "/audit-logs", "/alerts", "/alert-destinations"];
    let path = request.uri().path();
    let below = path.strip_prefix(root_path).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let mut rest = below.unwrap_or(path);
    if let Some(aliased) = rest.strip_prefix("/api")
        && let Some(resource) = aliased.strip_prefix("/v1").filter(|r| r.starts_with('/'))
        && !OWN.iter().any(|own| resource.starts_with(own))
    {
        rest = aliased;
    }
    if rest.len() != path.len() {
        let rest = if rest.is_empty() { "/" } else { rest };
        let target = match request.uri().query() {
            Some(query) => format!("{rest}?{query}"),
            None => rest.to_owned(),
        };
        if let Ok(target) = PathAndQuery::try_from(target) {
            let mut parts = request.uri().clone().into_parts();
            parts.path_and_query = Some(target);
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.uri_mut() = uri;
            }
        }
    }
    request
}

/// Whether the path belongs to an API, where what is unknown is not found, and not a page of the UI.
pub(crate) fn is_api_path(path: &str) -> bool {
    ["/v1", "/api", "/auth", "/oauth2", "/.well-known", "/graphql", "/opentelemetry.proto."].iter().any(|prefix| {
        path == *prefix || path.strip_prefix(prefix).is_some_and(|r| r.starts_with('/') || prefix.ends_with('.'))
    })
}

pub(crate) const fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}
