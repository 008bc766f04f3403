//! The numbers for Prometheus, on a listener of their own: they name every route and say how much goes on, which is for the
//! operators of the server and not for its callers. Whoever reaches the port may read; there is no credential to it.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use tower::service_fn;

use super::App;
use crate::{
    service::Services,
    telemetry::metrics::{CONTENT_TYPE, Metrics},
};

/// Returns what answers on that listener: `GET /metrics`, and `GET /` as the peer does.
#[must_use]
pub fn app(metrics: Metrics, services: Services) -> App {
    App::new(service_fn(move |request: Request| {
        let answer = answer(&metrics, &services, &request);
        async move { Ok(answer) }
    }))
}

fn answer(metrics: &Metrics, services: &Services, request: &Request) -> Response {
    if !matches!(request.uri().path(), "/metrics" | "/") {
        return StatusCode::NOT_FOUND.into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response();
    }
    services.ingest().look_at_queue();
    let mut response = Response::new(Body::from(metrics.text()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    response
}
