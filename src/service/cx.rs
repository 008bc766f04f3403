//! `Cx<S>`: the proof that a caller may do `S`, and the only door to the services.

use std::{marker::PhantomData, sync::Arc};

use http::Extensions;

use super::{Inner, Services};
use crate::{
    auth::{
        layer::Identified,
        principal::{Credential, Principal},
    },
    db::{Reader, Tx},
    domain::{
        api_key::KeyKind,
        audit::Origin,
        client_address::ClientAddress,
        demand::{Callers, Demand},
        project::Projects,
        request_id::RequestId,
        scope::{Access, Role, Scope},
        time::UnixNanos,
    },
    error::{CredentialFault, Error, Refusal, Result},
};

/// The proof. Its fields are private and [`Services::authorize`] is its one constructor.
#[derive(Clone, Debug)]
pub struct Cx<S: Access> {
    services: Services,
    caller: Result<Arc<Principal>, CredentialFault>,
    origin: Origin,
    access: PhantomData<S>,
}

impl Services {
    /// Gives the proof, or says why not.
    pub fn authorize<S: Access>(&self, caller: Result<Arc<Principal>, CredentialFault>) -> Result<Cx<S>> {
        if S::SIGNED_IN {
            let principal = caller.as_ref().map_err(|fault| Error::Unauthenticated(*fault))?;
            check(Demand::of::<S>(), principal, self.settings().enforce_password_reset)?;
        }
        Ok(Cx { services: self.clone(), caller, origin: Origin::default(), access: PhantomData })
    }

    /// Gives the proof for a request that went through the identifying layer.
    pub fn authorize_request<S: Access>(&self, extensions: &Extensions) -> Result<Cx<S>> {
        let mut cx = self.authorize_identified::<S>(extensions)?;
        cx.origin = Origin {
            address: extensions.get::<ClientAddress>().copied(),
            request_id: extensions.get::<RequestId>().map(|id| Arc::clone(&id.0)),
        };
        Ok(cx)
    }

    fn authorize_identified<S: Access>(&self, extensions: &Extensions) -> Result<Cx<S>> {
        match extensions.get::<Identified>() {
            Some(Identified::Caller(caller)) => self.authorize(caller.clone()),
            Some(Identified::Failed(_)) if !S::SIGNED_IN => self.authorize(Err(CredentialFault::Missing)),
            Some(Identified::Failed(error)) => Err(match error.as_ref() {
                Error::Unavailable { detail, retry_after } => Error::Unavailable { detail, retry_after: *retry_after },
                other => Error::internal(format!("credential not looked up: {other:?}")),
            }),
            // Without the layer nobody is known: deny.
            None => self.authorize(Err(CredentialFault::Missing)),
        }
    }
}

/// Says why a caller may not do what is demanded, if so.
pub fn check(demand: Demand, principal: &Principal, enforce_password_reset: bool) -> Result<()> {
    if principal.must_reset_password && enforce_password_reset && !demand.during_password_reset {
        return Err(Error::Forbidden(Refusal::PasswordReset));
    }
    if let Some(scope) = demand.scope {
        check_scope(scope, principal)?;
    }
    if demand.admin_role && principal.role != Role::Admin {
        return Err(Error::Forbidden(Refusal::Role(ONLY_ADMINS)));
    }
    let is_admin = || check_scope(Scope::Admin, principal);
    match (demand.callers, principal.credential) {
        // With authentication off there are no credentials to tell apart.
        (_, Credential::Open | Credential::Session(_)) | (Callers::Any, _) => Ok(()),
        (Callers::People(rule), _) | (Callers::NoKeys(rule), Credential::ApiKey(..)) => Err(Error::forbidden(rule)),
        (Callers::PeopleOrAdmin, _) => is_admin(),
        (Callers::NoPlainSystemKeys(rule), Credential::ApiKey(_, KeyKind::System)) => {
            is_admin().map_err(|_| Error::forbidden(rule))
        }
        (Callers::NoKeys(_) | Callers::NoPlainSystemKeys(_), _) => Ok(()),
    }
}

const ONLY_ADMINS: &str = "Only admin or system users can perform this action.";

fn check_scope(scope: Scope, principal: &Principal) -> Result<()> {
    if principal.scopes.holds(scope) {
        return Ok(());
    }
    // The role is the harder bound: say so when no scope would help.
    Err(Error::Forbidden(if principal.role.scopes().holds(scope) {
        Refusal::Scope(scope)
    } else if scope == Scope::Admin {
        Refusal::Role(ONLY_ADMINS)
    } else {
        Refusal::Role("Viewers cannot perform this action.")
    }))
}

impl<S: Access> Cx<S> {
    /// Returns the caller. Only a [`Public`](crate::domain::scope::Public) proof can be without.
    pub fn principal(&self) -> Result<&Arc<Principal>> {
        self.caller.as_ref().map_err(|fault| Error::Unauthenticated(*fault))
    }

    /// Returns the projects that the caller may touch; none when there is no caller.
    #[must_use]
    pub fn projects(&self) -> Projects {
        self.caller.as_ref().map_or_else(|_| Projects::Only(Arc::from([])), |p| p.projects.clone())
    }

    /// Returns the services, for public facts.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// Returns where the request came from.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Gives the proof of another permission to the same caller, or says why not.
    pub(super) fn prove<T: Access>(&self) -> Result<Cx<T>> {
        let mut cx = self.services.authorize::<T>(self.caller.clone())?;
        cx.origin = self.origin.clone();
        Ok(cx)
    }

    /// Refuses a caller that is bound to projects what reaches beyond them.
    pub(super) fn refuse_bound(&self, what: &'static str) -> Result<()> {
        if self.projects() == Projects::All {
            return Ok(());
        }
        Err(Error::forbidden(format!("A credential that is bound to projects cannot {what}")))
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.services.0
    }

    pub(super) fn now(&self) -> UnixNanos {
        self.inner().clock.now()
    }

    pub(super) async fn read(&self) -> Result<Reader> {
        self.inner().db.read().await
    }

    pub(super) async fn begin(&self) -> Result<Tx> {
        self.inner().db.begin().await
    }
}
