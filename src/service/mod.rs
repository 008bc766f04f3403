//! Use cases. Every public function takes a proof of permission, `&Cx<Scope>`; there is no other door to the database.

pub mod access_logs;
pub mod alert_destinations;
pub mod alert_watch;
pub mod alerts;
pub mod annotation_configs;
mod annotation_rules;
pub mod annotations;
pub mod api_keys;
pub mod audit;
pub mod bootstrap;
pub mod costs;
pub mod cx;
pub mod filters;
pub mod ingest;
pub mod login;
pub mod models;
pub mod offline_archive;
pub mod offline_keys;
pub mod offline_users;
pub mod password_reset;
pub mod pending_annotations;
pub mod project_sessions;
pub mod projects;
pub mod provision;
pub mod removal;
pub mod retention;
pub mod series;
pub mod sessions;
pub mod span_tables;
pub mod spans;
pub mod storage;
pub mod traces;
pub mod usage;
pub mod users;
pub mod welcome;

use std::{net::IpAddr, sync::Arc, time::Duration};

use crate::{
    auth::{authenticator::Authenticator, password::Passwords, rate_limit::RateLimiter},
    db::{Db, Tx},
    domain::{alert::Thresholds, auth_change::AuthChange, storage::StorageLimits, time::Clock, user::PasswordPolicy},
    error::{Error, Result},
    ingest::IngestHandle,
    mail::{Mailer, Site},
    notify::Courier,
    store,
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
    /// Failed logins that an account bears from one address within five minutes; `None` = any number.
    pub max_login_failures: Option<u32>,
    /// Whether the login routes count the requests of each client address.
    pub limit_login_rate: bool,
    /// Project of spans that name none.
    pub default_project: String,
    /// The server as mails name it: never taken from a request.
    pub site: Site,
    /// When keys raise alerts.
    pub alerts: Thresholds,
    /// What the database may take.
    pub storage: StorageLimits,
}

/// The ways out of the server.
#[derive(Debug, Default)]
pub struct Post {
    /// Sends mails to users, if mail is on.
    pub mailer: Option<Mailer>,
    /// Tells destinations of alerts, if authentication is on.
    pub courier: Option<Courier>,
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
    courier: Option<Courier>,
    settings: Settings,
    guesses: Option<RateLimiter>,
    refreshes: Option<RateLimiter>,
    refused_logins: login::RefusedLogins,
    storage: storage::Storage,
}

impl Inner {
    /// Commits a change of who may call, tells the other processes, and forgets here what is no longer true.
    async fn commit(&self, mut tx: Tx, changes: &[AuthChange]) -> Result<()> {
        for change in changes {
            store::auth_changes::add(tx.conn(), change, self.clock.now()).await?;
        }
        tx.commit().await?;
        for change in changes {
            self.authenticator.apply(change);
        }
        Ok(())
    }

    /// Counts a request that carries a secret which could be guessed.
    fn admit_guess(&self, address: IpAddr) -> Result<()> {
        admit(self.guesses.as_ref(), address, &self.clock)
    }

    /// Counts a request that carries a secret which nobody guesses.
    fn admit_refresh(&self, address: IpAddr) -> Result<()> {
        admit(self.refreshes.as_ref(), address, &self.clock)
    }
}

fn admit(limiter: Option<&RateLimiter>, address: IpAddr, clock: &Clock) -> Result<()> {
    let Some(limiter) = limiter else { return Ok(()) };
    let detail = "Too Many Requests";
    limiter.admit(address, clock.now()).map_err(|retry_after| Error::TooManyRequests { detail, retry_after })
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
        post: Post,
        settings: Settings,
    ) -> Self {
        // The peer's: twelve at once, then one each five seconds. A refresh comes from every open browser behind an
        // address, and its secret cannot be guessed: ten times as many.
        let limiter = |interval, burst| settings.limit_login_rate.then(|| RateLimiter::new(interval, burst));
        let guesses = limiter(Duration::from_secs(5), 12);
        let refreshes = limiter(Duration::from_millis(500), 120);
        let Post { mailer, courier } = post;
        let storage = storage::Storage::new(settings.storage);
        Self(Arc::new(Inner {
            db,
            clock,
            authenticator,
            passwords,
            ingest,
            mailer,
            courier,
            settings,
            guesses,
            refreshes,
            refused_logins: login::RefusedLogins::default(),
            storage,
        }))
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
    pub async fn ping(&self) -> Result<()> {
        crate::db::migrate::ping(&self.0.db).await
    }
}
