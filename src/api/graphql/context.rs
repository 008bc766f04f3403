//! What a resolver knows of its request: the caller, the services behind a proof, the loaders.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_graphql::Context;
use http::Extensions;

use super::loader::Loaders;
use crate::{
    auth::layer::Identified,
    domain::{client_address::ClientAddress, request_id::RequestId, scope::Access},
    error::{Error, Result},
    service::{Services, cx::Cx},
};

/// The services and the caller of one request.
#[derive(Clone, Debug)]
pub(super) struct Session {
    services: Services,
    caller: Extensions,
}

impl Session {
    /// Keeps of the request's extensions what names the caller and the request.
    pub(super) fn new(services: Services, extensions: &Extensions) -> Self {
        let mut caller = Extensions::new();
        if let Some(identified) = extensions.get::<Identified>() {
            caller.insert(identified.clone());
        }
        if let Some(address) = extensions.get::<ClientAddress>() {
            caller.insert(*address);
        }
        if let Some(id) = extensions.get::<RequestId>() {
            caller.insert(id.clone());
        }
        Self { services, caller }
    }

    /// Gives the proof that a service function asks for, or says why not.
    pub(super) fn cx<S: Access>(&self) -> Result<Cx<S>> {
        self.services.authorize_request(&self.caller)
    }
}

/// Whether a mutation ended the caller's own session.
#[derive(Clone, Debug, Default)]
pub(super) struct LoggedOut(Arc<AtomicBool>);

impl LoggedOut {
    /// Notes that the session ended.
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the session ended.
    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What resolvers ask of their context.
pub(super) trait ContextExt {
    /// Gives the proof that a service function asks for; the scope is inferred from that function.
    fn cx<S: Access>(&self) -> Result<Cx<S>>;

    /// Returns the loaders of the request.
    fn loaders(&self) -> Result<&Loaders>;

    /// Notes that the caller's session ended.
    fn log_out(&self);
}

impl ContextExt for Context<'_> {
    fn cx<S: Access>(&self) -> Result<Cx<S>> {
        self.data_opt::<Session>().ok_or_else(|| Error::internal("request without a session"))?.cx()
    }

    fn loaders(&self) -> Result<&Loaders> {
        self.data_opt().ok_or_else(|| Error::internal("request without loaders"))
    }

    fn log_out(&self) {
        if let Some(flag) = self.data_opt::<LoggedOut>() {
            flag.set();
        }
    }
}
