//! Use cases. Every public function takes a proof of permission, `&Cx<Scope>`; there is no other door to the database.

pub mod api_keys;
pub mod bootstrap;
pub mod cx;
pub mod ingest;
pub mod login;
pub mod projects;
pub mod spans;
pub mod traces;
pub mod users;

use std::{sync::Arc, time::Duration};

use crate::{
    auth::{authenticator::Authenticator, password::Passwords},
    db::Db,
    domain::{time::Clock, user::PasswordPolicy},
    ingest::IngestHandle,
};

/// What the services need to know of the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Life of an access token.
    pub access_token_expiry: Duration,
    /// Life of a refresh token.
    pub refresh_token_expiry: Duration,
    /// What a password must be.
    pub password_policy: PasswordPolicy,
    /// Whether a session that must change its password is held to that by the API.
    pub enforce_password_reset: bool,
    /// Whether people may log in with a password.
    pub basic_auth: bool,
    /// Project of spans that name none.
    pub default_project: String,
}

/// Everything that use cases work with; cheap to clone.
#[derive(Clone, Debug)]
pub struct Services(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    clock: Clock,
    authenticator: Authenticator,
    passwords: Passwords,
    ingest: IngestHandle,
    settings: Settings,
}

impl Services {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        db: Db,
        clock: Clock,
        authenticator: Authenticator,
        passwords: Passwords,
        ingest: IngestHandle,
        settings: Settings,
    ) -> Self {
        Self(Arc::new(Inner { db, clock, authenticator, passwords, ingest, settings }))
    }

    /// Returns the settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Whether authentication is on.
    #[must_use]
    pub fn auth_enabled(&self) -> bool {
        self.0.authenticator.is_enabled()
    }

    /// Returns the way to the writer, for reserving memory before a body is read.
    #[must_use]
    pub fn ingest(&self) -> &IngestHandle {
        &self.0.ingest
    }

    /// Returns what names the caller of a request.
    #[must_use]
    pub fn authenticator(&self) -> &Authenticator {
        &self.0.authenticator
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> crate::error::Result<()> {
        crate::db::migrate::ping(&self.0.db).await
    }
}
