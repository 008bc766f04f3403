//! What a resolver knows of its request: the caller, the services behind a proof, the loaders.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use async_graphql::Context;
use http::Extensions;

use super::loader::Loaders;
use crate::{
    auth::layer::Identified,
    domain::{client_address::ClientAddress, demand::Demand, request_id::RequestId, scope::Access},
    error::{CredentialFault, Error, Result},
    service::{Services, cx::Cx},
};

/// The services and the caller of one request.
#[derive(Clone, Debug)]
pub(super) struct Session {
    door: Door,
    caller: Extensions,
}

/// Where proofs come from.
#[derive(Clone, Debug)]
enum Door {
    /// From the services, for the caller.
    Services(Services),
    /// From nowhere: what is asked for is noted.
    Probe(Probe),
}

/// The first proof that a field asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Probe(Arc<OnceLock<Demand>>);

impl Probe {
    /// Returns what the first proof demands, if any was asked for.
    pub(super) fn seen(&self) -> Option<Demand> {
        self.0.get().copied()
    }
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
        Self { door: Door::Services(services), caller }
    }

    /// Makes a session that gives no proof and notes the first that is asked for.
    pub(super) fn probe(probe: Probe) -> Self {
        Self { door: Door::Probe(probe), caller: Extensions::new() }
    }

    /// Gives the proof that a service function asks for, or says why not.
    pub(super) fn cx<S: Access>(&self) -> Result<Cx<S>> {
        match &self.door {
            Door::Services(services) => services.authorize_request(&self.caller),
            Door::Probe(probe) => {
                let _ = probe.0.set(Demand::of::<S>());
                Err(Error::Unauthenticated(CredentialFault::Missing))
            }
        }
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
