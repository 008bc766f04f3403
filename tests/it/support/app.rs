//! The application in process: the real router, a database of its own, a clock that is turned by hand.

use std::sync::atomic::{AtomicU32, Ordering};

use clap::Parser;
use phoenix_server::{
    app::App,
    auth::password::Passwords,
    config::Config,
    db::Db,
    domain::{
        api_key::NewApiKey,
        scope::{Role, Scope},
        time::{Clock, UnixNanos},
        user::NewUser,
    },
    mail::{Letter, Mailer, Outbox},
    service::{
        bootstrap,
        offline_users::{self, NewPassword, UserRef},
    },
    store::deployment::Deployment,
};
use secrecy::SecretString;
use tempfile::TempDir;

use super::client::Client;

pub const SECRET: &str = "a-secret-for-tests-of-36-characters0";
pub const ADMIN_SECRET: &str = "an-admin-secret-for-tests-of-40-chars-01";
/// A password that people of the tests have after they changed their first one.
pub const PASSWORD: &str = "correct-horse";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    config: Config,
}

pub struct TestApp {
    pub app: App,
    pub clock: Clock,
    pub config: Config,
    keys: AtomicU32,
    mail: Option<(Mailer, Outbox)>,
    _dir: TempDir,
}

impl TestApp {
    /// Authentication on.
    pub async fn new(engine: Engine) -> Self {
        Self::with(engine, |_| ()).await
    }

    /// With a change to the configuration.
    pub async fn with(engine: Engine, change: impl FnOnce(&mut Config)) -> Self {
        Self::start(engine, change, None).await
    }

    /// With mail on, kept in memory.
    pub async fn with_mail(engine: Engine, change: impl FnOnce(&mut Config)) -> Self {
        let mail = Mailer::memory("noreply@example.com".parse().unwrap());
        Self::start(engine, change, Some(mail)).await
    }

    async fn start(engine: Engine, change: impl FnOnce(&mut Config), mail: Option<(Mailer, Outbox)>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(engine, dir.path());
        change(&mut config);
        let clock = Clock::manual(UnixNanos::parse("2026-06-01T12:00:00Z").unwrap());
        let mailer = mail.as_ref().map(|(mailer, _)| mailer.clone());
        let app = App::start_with(&config, clock.clone(), mailer).await.unwrap();
        Self { app, clock, config, keys: AtomicU32::new(0), mail, _dir: dir }
    }

    /// The mails since the last look, once everything that was asked for is done.
    pub async fn mails(&self) -> Vec<Letter> {
        let (mailer, outbox) = self.mail.as_ref().unwrap();
        let (done, wait) = tokio::sync::oneshot::channel();
        mailer.queue(async move {
            let _ = done.send(());
            None
        });
        wait.await.unwrap();
        outbox.drain()
    }

    /// Nobody.
    pub fn anonymous(&self) -> Client {
        Client::new(self.app.router.clone())
    }

    /// The bearer of the admin secret.
    pub fn admin_secret(&self) -> Client {
        self.anonymous().bearer(ADMIN_SECRET)
    }

    /// A system key, made by the command line's own door: with a role, and narrowed to scopes if there are any.
    pub async fn key(&self, role: Role, scopes: Option<&[Scope]>) -> Client {
        self.anonymous().bearer(&self.key_text(role, scopes, &[]).await)
    }

    /// A system key that is bound to projects.
    pub async fn bound_key(&self, role: Role, projects: &[&str]) -> Client {
        self.anonymous().bearer(&self.key_text(role, None, projects).await)
    }

    async fn key_text(&self, role: Role, scopes: Option<&[Scope]>, projects: &[&str]) -> String {
        let (db, deployment) = self.database().await;
        let projects: Vec<String> = projects.iter().map(|&p| p.to_owned()).collect();
        let key = NewApiKey {
            scopes: scopes.map(|s| s.iter().copied().collect()),
            projects: bootstrap::projects_by_name(&db, &projects).await.unwrap(),
            ..NewApiKey::new(format!("test {}", self.keys.fetch_add(1, Ordering::Relaxed)), role)
        };
        let token = bootstrap::add_system_key(&db, &deployment, &key, self.clock.now()).await.unwrap();
        db.close().await;
        token.expose().to_owned()
    }

    /// Adds a user by the command line's own door.
    pub async fn add_user(&self, user: NewUser, password: &str) {
        let db = phoenix_server::app::open_database(&self.config).await.unwrap();
        let hash = Passwords::new().hash(password.into()).await.unwrap();
        let user = NewUser { password_hash: Some(hash), ..user };
        offline_users::add(&db, &user, self.clock.now()).await.unwrap();
        db.close().await;
    }

    /// Sets a password by the command line's own door.
    pub async fn set_password(&self, email: &str, password: &str) {
        let (db, deployment) = self.database().await;
        let user = UserRef::Email(email.to_owned());
        let password = NewPassword { text: password.into(), must_change: true };
        let now = self.clock.now();
        offline_users::set_password(&db, &Passwords::new(), &deployment, &user, password, now).await.unwrap();
        db.close().await;
    }

    /// The database of the application, opened once more, and the deployment.
    async fn database(&self) -> (Db, Deployment) {
        let db = phoenix_server::app::open_database(&self.config).await.unwrap();
        let seed = bootstrap::Seed::default();
        let deployment = bootstrap::run(&db, &Passwords::new(), &seed, self.clock.now()).await.unwrap();
        (db, deployment)
    }

    /// `admin@localhost`, logged in, first password changed.
    pub async fn admin(&self) -> Client {
        let first = self.anonymous().login("admin@localhost", "admin").await;
        let changed = first.graphql(&change_password("admin", PASSWORD)).await;
        assert_eq!(changed.json()["errors"], serde_json::Value::Null, "{}", changed.text());
        self.anonymous().login("admin@localhost", PASSWORD).await
    }
}

pub fn change_password(current: &str, new: &str) -> String {
    format!(
        "mutation {{ patchViewer(input: {{currentPassword: \"{current}\", newPassword: \"{new}\"}}) {{ user {{ id \
         passwordNeedsReset }} }} }}"
    )
}

/// The configuration of tests: every default but for database and secrets.
pub fn config(engine: Engine, dir: &std::path::Path) -> Config {
    let mut arguments = vec!["test".to_owned(), "--working-dir".to_owned(), dir.display().to_string()];
    if engine == Engine::Postgres {
        arguments.extend(["--database-url".to_owned(), postgres_url()]);
        arguments.extend(["--sql-database-schema".to_owned(), format!("it_{}", uuid())]);
    }
    let mut config = Arguments::try_parse_from(arguments).unwrap().config;
    config.auth.enabled = true;
    config.auth.secret = Some(SecretString::from(SECRET));
    config.auth.admin_secret = Some(SecretString::from(ADMIN_SECRET));
    config.validate().unwrap();
    config
}

pub fn postgres_url() -> String {
    let url = std::env::var("TEST_POSTGRES_URL");
    url.expect("TEST_POSTGRES_URL: run the tests with `make test`")
}

pub fn uuid() -> String {
    format!("{:032x}", rand::random::<u128>())
}
