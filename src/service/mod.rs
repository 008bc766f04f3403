//! Use cases. Every public function takes a proof of permission, `&Cx<Scope>`; there is no other door to the database.

pub mod api_keys;
pub mod bootstrap;
pub mod cx;
pub mod ingest;
pub mod login;
pub mod password_reset;
pub mod projects;
pub mod spans;
pub mod traces;
pub mod users;
pub mod welcome;

use std::{sync::Arc, time::Duration};

use crate::{
    auth::{authenticator::Authenticator, password::Passwords},
    db::Db,
    domain::{time::Clock, user::PasswordPolicy},
    ingest::IngestHandle,
    mail::{Mailer, Site},
};

/// What the services need to know of the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Life of an access token.
    pub access_token_expiry: Duration,
    /// Life of a refresh token.
    pub refresh_token_expiry: Duration,
    /// Life of the link in a password reset mail.
    pub password_reset_expiry: Duration,
    /// What a password must be.
    pub password_policy: PasswordPolicy,
    /// Whether a session that must change its password is held to that by the API.
    pub enforce_password_reset: bool,
    /// Whether people may log in with a password.
    pub basic_auth: bool,
    /// Project of spans that name none.
    pub default_project: String,
    /// The server as mails name it: never taken from a request.
    pub site: Site,
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
    mailer: Option<Mailer>,
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
        mailer: Option<Mailer>,
        settings: Settings,
    ) -> Self {
        Self(Arc::new(Inner { db, clock, authenticator, passwords, ingest, mailer, settings }))
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

    /// Whether mails can be sent.
    #[must_use]
    pub fn mail_enabled(&self) -> bool {
        self.0.mailer.is_some()
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
