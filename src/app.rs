//! Composition root: configuration to database, services, routers, jobs; and the order of starting and stopping.

pub mod tls;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use axum::{body::Body, extract::ConnectInfo};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tokio_util::{either::Either, sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;

use crate::{
    api::{
        self, ApiOptions,
        client_address::{OverTls, TrustedProxies},
        origin::OriginOptions,
        otlp::http::BodyLimits,
    },
    auth::{
        authenticator::{Authenticator, TestKeys},
        cookie::CookieOptions,
        jwt::Tokens,
        password::Passwords,
    },
    config::{Config, DatabaseTarget, SqliteTarget},
    db::{self, Db},
    domain::{time::Clock, user::PasswordPolicy},
    ingest::{IngestHandle, Limits},
    jobs,
    mail::{Mailer, Site, SmtpOptions},
    service::{Services, Settings, bootstrap, welcome},
};
use tls::Tls;

/// A client has this long to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes that an HTTP/2 client may send on one stream before it must wait for leave.
const STREAM_WINDOW: u32 = 512 << 10;
/// Largest HTTP/2 frame that is taken, in bytes.
const MAX_FRAME: u32 = 256 << 10;
/// Requests that one HTTP/2 connection may have under way.
const MAX_STREAMS: u32 = 256;

/// Everything but the listeners.
#[derive(Debug)]
pub struct App {
    /// The ways in.
    pub router: api::App,
    /// The services behind them.
    pub services: Services,
    db: Db,
    mailer: Option<Mailer>,
    writer: tokio::task::JoinHandle<()>,
    jobs: TaskTracker,
    stop: CancellationToken,
}

/// Opens the configured database, migrated.
pub async fn open_database(config: &Config) -> Result<Db> {
    let db = Db::open(&database_options(config)?).await.map_err(explain).context("the database cannot be opened")?;
    if !config.database.disable_migrations {
        let announce = |(version, name): &db::migrate::Named| {
            if config.database.log_migrations {
                tracing::info!(version, name, "applying migration");
            }
        };
        db::migrate::run(&db, announce).await.context("the database cannot be migrated")?;
    }
    Ok(db)
}

/// Starts outgoing mail, if a server for it is configured.
fn mailer(config: &Config) -> Result<Option<Mailer>> {
    let mail = &config.mail;
    let (Some(hostname), Some(username), Some(password)) = (&mail.hostname, &mail.username, &mail.password) else {
        return Ok(None);
    };
    let url = config.http.ui_url();
    if config.http.root_url.is_none() {
        tracing::warn!("PHOENIX_ROOT_URL is unset: links in mails begin with {url}");
    }
    let options = SmtpOptions {
        hostname: hostname.clone(),
        port: mail.port,
        username: username.clone(),
        password: password.clone(),
        validate_certs: mail.validate_certs,
        greeting: url::Url::parse(&url).ok().and_then(|u| u.domain().map(str::to_owned)).filter(|d| d.contains('.')),
    };
    let mailer = Mailer::smtp(&options, mail.mail_from.clone()).map_err(explain);
    Ok(Some(mailer.context("PHOENIX_SMTP_HOSTNAME: TLS cannot be set up")?))
}

/// Returns an error with its cause, which the error itself keeps from callers of the API.
fn explain(error: crate::error::Error) -> anyhow::Error {
    match error {
        crate::error::Error::Internal(cause) => anyhow::anyhow!("{cause}"),
        other => other.into(),
    }
}

/// Returns how to open the configured database.
pub fn database_options(config: &Config) -> Result<db::Options> {
    let target = match config.database.target(config.http.working_dir())? {
        DatabaseTarget::Sqlite(SqliteTarget::Memory) => db::Target::SqliteMemory,
        DatabaseTarget::Sqlite(SqliteTarget::File(path)) => db::Target::SqliteFile(path),
        DatabaseTarget::Postgres(target) => db::Target::Postgres { url: target.url, schema: target.schema },
    };
    Ok(db::Options {
        target,
        pool_size: config.database.pool_size,
        statement_timeout: config.database.statement_timeout,
        log_sql: config.database.log_sql,
    })
}

impl App {
    /// Starts everything but the listeners.
    pub async fn start(config: &Config, clock: Clock) -> Result<Self> {
        Self::start_with(config, clock, mailer(config)?).await
    }

    /// Starts everything but the listeners, with mails going another way than the configured one.
    pub async fn start_with(config: &Config, clock: Clock, mailer: Option<Mailer>) -> Result<Self> {
        let db = open_database(config).await?;
        let passwords = Passwords::new();
        let auth = &config.auth;
        let seed = bootstrap::Seed {
            admin_password: auth.default_admin_initial_password.clone(),
            admins: auth.admins.iter().map(|a| (a.username.clone(), a.email.clone())).collect(),
        };
        let seeded = bootstrap::sow(&db, &passwords, &seed, clock.now())
            .await
            .map_err(explain)
            .context("the first rows cannot be written")?;
        let secret = auth.secret.as_ref().filter(|_| auth.enabled);
        let deployment = seeded.deployment;
        let tokens = secret.map(|s| Tokens::new(s.expose_secret().as_bytes(), &deployment.uuid));
        let admin_secret = auth.admin_secret.as_ref().filter(|_| auth.enabled);
        let system_user = bootstrap::system_user(&db).await.map_err(explain)?;
        let test_keys = if auth.refuse_test_keys { TestKeys::Refused } else { TestKeys::Accepted };
        let digest_key = deployment.digest_key;
        let (db_of, clock_of) = (db.clone(), clock.clone());
        let authenticator =
            Authenticator::new(db_of, clock_of, digest_key, tokens, admin_secret, system_user, test_keys);
        let follower = jobs::auth_changes::Follower::start(db.clone(), authenticator.clone()).await.map_err(explain)?;
        let limits = Limits { spans: config.ingest.max_spans_queue_size, bytes: config.ingest.max_queue_bytes };
        let (ingest, writer) = IngestHandle::start(db.clone(), clock.clone(), limits);
        let settings = Settings {
            access_token_expiry: auth.access_token_expiry,
            refresh_token_expiry: auth.refresh_token_expiry,
            password_reset_expiry: auth.password_reset_token_expiry,
            password_policy: PasswordPolicy { strong: auth.strong_password_policy },
            enforce_password_reset: auth.enforce_password_reset,
            basic_auth: !auth.disable_basic_auth,
            max_login_failures: (!auth.disable_brute_force_protection).then_some(auth.brute_force_max_attempts),
            limit_login_rate: !auth.disable_rate_limit,
            default_project: config.ingest.default_project_name.clone(),
            site: Site { url: config.http.ui_url(), contact: config.http.support_email.clone() },
        };
        let (db_of, clock_of) = (db.clone(), clock.clone());
        let services = Services::new(db_of, clock_of, authenticator, passwords, ingest, mailer.clone(), settings);
        welcome::greet_administrators(&services, seeded.new_admins);
        let options = ApiOptions {
            root_path: config.http.root_path.clone(),
            public_url: config.http.public_url(),
            trusted_proxies: TrustedProxies::new(&config.http.trusted_proxies),
            origins: OriginOptions {
                allowed: config.http.allowed_origins.clone(),
                trusted: auth.csrf_trusted_origins.clone(),
                root_url: config.http.root_url.as_ref().map(ToString::to_string),
            },
            cookies: CookieOptions {
                path: auth.cookies_path.clone(),
                secure: auth.use_secure_cookies || config.tls.for_http(),
            },
            body_limits: BodyLimits {
                compressed: config.http.max_request_body_bytes,
                decompressed: config.http.max_decompressed_body_bytes,
            },
            support_email: config.http.support_email.clone(),
        };
        let router = api::router(&services, options);
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        let (job_db, job_clock) = (db.clone(), clock);
        jobs::every(&tracker, &stop, "housekeeping", jobs::housekeeping::INTERVAL, move || {
            let (db, clock) = (job_db.clone(), job_clock.clone());
            async move { jobs::housekeeping::run(&db, &clock).await }
        });
        if services.auth_enabled() {
            tracker.spawn(follower.run(stop.clone()));
        }
        tracker.close();
        Ok(Self { router, services, db, mailer, writer, jobs: tracker, stop })
    }

    /// Stops: jobs first, then mail, then the writer once every queued span is committed, then the database.
    pub async fn stop(self) {
        let Self { router, services, db, mailer, writer, jobs, stop } = self;
        stop.cancel();
        jobs.wait().await;
        // What is queued there holds the services, too.
        if let Some(mailer) = mailer {
            mailer.close().await;
        }
        // The last ways to the writer: it ends when its queue is empty.
        drop(router);
        drop(services);
        if let Err(error) = writer.await {
            tracing::error!(error = %error, "the writer ended badly");
        }
        db.close().await;
    }
}

/// Serves connections of one listener until the token is cancelled, then lets those under way end.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    router: api::App,
    stop: CancellationToken,
    patience: Duration,
) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        // A batch of 512 spans is some 1.6 MB: with windows and frames of 16 and 64 kB it would come in a hundred pieces.
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(4 * STREAM_WINDOW)
        .max_frame_size(MAX_FRAME)
        .keep_alive_interval(Some(Duration::from_secs(30)));
    let builder = Arc::new(builder);
    let connections = GracefulShutdown::new();
    let tracker = TaskTracker::new();
    let cut = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: some will be given back.
                tracing::warn!(error = %error, "connection not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        // Small answers must not wait for the acknowledgement of the ones before.
        let _ = stream.set_nodelay(true);
        let over_tls = tls.as_ref().map(|_| OverTls);
        let router = router.clone().map_request(move |request: hyper::Request<hyper::body::Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo::<SocketAddr>(address));
            if let Some(over_tls) = over_tls {
                request.extensions_mut().insert(over_tls);
            }
            request
        });
        let (builder, watcher) = (Arc::clone(&builder), connections.watcher());
        let (tls, stop, cut) = (tls.clone(), stop.clone(), cut.clone());
        tracker.spawn(async move {
            let stream = match tls {
                None => Either::Left(stream),
                Some(tls) => {
                    let accepted = tokio::select! {
                        accepted = tls.accept(stream) => accepted,
                        () = stop.cancelled() => return,
                    };
                    match accepted {
                        Ok(stream) => Either::Right(Box::new(stream)),
                        Err(error) => {
                            tracing::debug!(client.address = %address.ip(), error = %error, "no TLS handshake");
                            return;
                        }
                    }
                }
            };
            let connection =
                builder.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(router));
            let ended = tokio::select! {
                ended = watcher.watch(connection) => ended,
                () = cut.cancelled() => return,
            };
            if let Err(error) = ended {
                tracing::debug!(error = %error, "connection ended badly");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(patience, connections.shutdown()).await.is_err() {
        tracing::warn!("some connections were still open when the time to stop was up");
        // Each holds a way to the writer, which the rest of the stop waits for.
        cut.cancel();
    }
}
