//! What is refused over REST while the database is full (507): requests of known callers that would make it grow. Reads,
//! deletes, changes of what is there and everything that secures a key go on. OTLP answers in its own words, and GraphQL
//! looks at the names of mutations.

use std::task::{Context, Poll};

use axum::{
    extract::Request,
    http::Method,
    response::{IntoResponse as _, Response},
};
use futures_util::future::{Either, Ready, ready};
use tower::{Layer, Service};

use super::rest::problem::Problem;
use crate::{auth::layer::Identified, service::Services};

/// Last segments of paths whose POST adds nothing to speak of: it reads, removes or secures.
const GO_ON: [&str; 7] = ["revoke", "rotate", "rotate-secret", "test", "search", "query", "delete"];

/// Layer that refuses what would make a full database grow.
#[derive(Clone, Debug)]
pub struct FullLayer(pub Services);

impl<S> Layer<S> for FullLayer {
    type Service = Full<S>;

    fn layer(&self, inner: S) -> Full<S> {
        Full { inner, services: self.0.clone() }
    }
}

/// Service of [`FullLayer`].
#[derive(Clone, Debug)]
pub struct Full<S> {
    inner: S,
    services: Services,
}

impl<S: Service<Request, Response = Response>> Service<Request> for Full<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // Nobody unknown is told how full the database is: they are asked for a credential first.
        let is_known = matches!(request.extensions().get(), Some(Identified::Caller(Ok(_))));
        if is_known
            && grows(request.method(), request.uri().path())
            && let Err(error) = self.services.refuse_when_full()
        {
            return Either::Right(ready(Ok(Problem(error).into_response())));
        }
        Either::Left(self.inner.call(request))
    }
}

/// Whether a request would make the database grow.
fn grows(method: &Method, path: &str) -> bool {
    let is_resource = path.starts_with("/v1/") || path.starts_with("/api/v1/");
    let last = path.rsplit('/').next().unwrap_or_default();
    is_resource
        && matches!(*method, Method::POST | Method::PUT)
        && !GO_ON.contains(&last)
        // OTLP, and the old way to ask for spans.
        && !matches!(path, "/v1/traces" | "/v1/spans")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_adds_rows_grows() {
        assert!(grows(&Method::POST, "/v1/projects") && grows(&Method::PUT, "/v1/projects/x"));
        assert!(grows(&Method::POST, "/api/v1/api-keys"));
        for (method, path) in [
            (Method::GET, "/v1/projects"),
            (Method::DELETE, "/v1/projects/x"),
            (Method::PATCH, "/v1/users/x"),
            (Method::POST, "/api/v1/api-keys/x/revoke"),
            (Method::POST, "/auth/login"),
            (Method::POST, "/graphql"),
            (Method::POST, "/v1/traces"),
        ] {
            assert!(!grows(&method, path), "{method} {path}");
        }
    }
}
