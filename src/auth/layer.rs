//! The tower layer that names the caller of every request: HTTP and gRPC alike, since metadata are headers.
//!
//! It refuses nothing. It leaves a [`Caller`] in the extensions, and `Services::authorize` is where that becomes a proof
//! or a refusal.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Request;
use tower::{Layer, Service};

use super::{
    authenticator::{Authenticator, Caller, Identity},
    principal::Principal,
};
use crate::error::Error;

/// What the layer leaves in the extensions of a request.
#[derive(Clone, Debug)]
pub enum Identified {
    /// The caller, or why there is none.
    Caller(Caller),
    /// It could not be found out (the database did not answer); the request must not go on.
    Failed(Arc<Error>),
}

/// Whose credential a refused one would be, beside [`Identified`]: for the access log alone, never for a decision.
#[derive(Clone, Debug)]
pub struct RefusedKey(pub Arc<Principal>);

/// Layer that leaves [`Identified`] in every request.
#[derive(Clone, Debug)]
pub struct IdentifyLayer(pub Authenticator);

impl<S> Layer<S> for IdentifyLayer {
    type Service = Identify<S>;

    fn layer(&self, inner: S) -> Identify<S> {
        Identify { inner, authenticator: self.0.clone() }
    }
}

/// Service that leaves [`Identified`] in every request.
#[derive(Clone, Debug)]
pub struct Identify<S> {
    inner: S,
    authenticator: Authenticator,
}

impl<S, B> Service<Request<B>> for Identify<S>
where
    S: Service<Request<B>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The clone is kept for the next call; the one that was polled ready takes this one.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        let authenticator = self.authenticator.clone();
        Box::pin(async move {
            let identified = match authenticator.authenticate(request.headers()).await {
                Ok(Identity { caller, refused }) => {
                    if let Some(refused) = refused {
                        request.extensions_mut().insert(RefusedKey(refused));
                    }
                    Identified::Caller(caller)
                }
                Err(error) => Identified::Failed(Arc::new(error)),
            };
            request.extensions_mut().insert(identified);
            inner.call(request).await
        })
    }
}
