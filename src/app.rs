//! Composition root: configuration to database, services, routers, jobs; and the order of starting and stopping.

mod own_telemetry;
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
        metering::Metering,
        origin::OriginOptions,
        otlp::http::BodyLimits,
    },
    auth::{
        authenticator::{Authenticator, TestKeys},
        cookie::CookieOptions,
        jwt::Tokens,
        key_limits::{DefaultLimits, KeyLimiter},
        password::Passwords,
    },
    config::{Config, DatabaseTarget, SqliteTarget},
    db::{self, Db},
    domain::{
        alert::Thresholds,
        plan::KeyLimits,
        time::{Clock, UnixNanos},
        user::PasswordPolicy,
    },
    ingest::{IngestHandle, Limits, prices::Prices},
    jobs,
    mail::{Mailer, Site, SmtpOptions},
    notify::{Courier, Networks},
    service::{
        Post, Services, Settings,
        alert_watch::{self, Looked},
        bootstrap, costs, models, offline_keys, pending_annotations, storage, welcome,
    },
    usage::{self, Recorder, geo::Geography},
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
    /// What answers on the listener of metrics, if there is to be one.
    pub exposition: Option<api::App>,
    /// The services behind them.
    pub services: Services,
    /// What is remembered of requests.
    pub recorder: Recorder,
    recorder_task: tokio::task::JoinHandle<()>,
    db: Db,
    mailer: Option<Mailer>,
    writer: tokio::task::JoinHandle<()>,
    exporter: Option<tokio::task::JoinHandle<()>>,
    jobs: TaskTracker,
    stop: CancellationToken,
    clock: Clock,
    retention: jobs::access_log::Retention,
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
pub(crate) fn explain(error: crate::error::Error) -> anyhow::Error {
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

/// Returns who shall be there after the first start: the same whichever command comes first.
#[must_use]
pub fn seed(config: &Config) -> bootstrap::Seed {
    bootstrap::Seed {
        admin_password: config.auth.default_admin_initial_password.clone(),
        admins: config.auth.admins.iter().map(|a| (a.username.clone(), a.email.clone())).collect(),
    }
}

/// Returns what is remembered of requests.
fn recording(config: &Config) -> Result<usage::Options> {
    let open = |path: &std::path::PathBuf| {
        Geography::open(path).with_context(|| format!("PHOENIX_GEOIP_DATABASE: {} cannot be read", path.display()))
    };
    Ok(usage::Options {
        usage: config.usage.api_key_usage,
        log: config.usage.access_log_retention_days > 0,
        geography: config.usage.geoip_database.as_ref().map(open).transpose()?,
        secrets: config.auth.secret.iter().chain(&config.auth.admin_secret).cloned().collect(),
    })
}

/// Returns what tells destinations of alerts, if there may be keys.
fn courier(config: &Config, deployment: &str, mailer: Option<Mailer>, site: Site) -> Result<Option<Courier>> {
    let Some(secret) = config.auth.secret.as_ref().filter(|_| config.auth.enabled) else { return Ok(None) };
    let private = config.alerts.alert_webhook_private_networks;
    let networks = if private { Networks::Any } else { Networks::Public };
    let courier = Courier::new(secret.clone(), deployment, networks, mailer, site).map_err(explain);
    Ok(Some(courier.context("TLS of webhooks cannot be set up")?))
}

/// Returns what the services need to know.
fn settings(config: &Config, site: Site) -> Settings {
    let auth = &config.auth;
    let thresholds = config.alerts.thresholds();
    Settings {
        access_token_expiry: auth.access_token_expiry,
        refresh_token_expiry: auth.refresh_token_expiry,
        password_reset_expiry: auth.password_reset_token_expiry,
        password_policy: PasswordPolicy { strong: auth.strong_password_policy },
        enforce_password_reset: auth.enforce_password_reset,
        basic_auth: !auth.disable_basic_auth,
        max_login_failures: (!auth.disable_brute_force_protection).then_some(auth.brute_force_max_attempts),
        limit_login_rate: !auth.disable_rate_limit,
        default_project: config.ingest.default_project_name.clone(),
        site,
        alerts: Thresholds {
            // Without counters every key would seem unused and healthy.
            unused: thresholds.unused.filter(|_| config.usage.api_key_usage),
            error_percent: thresholds.error_percent.filter(|_| config.usage.api_key_usage),
            // Without a database of countries nothing is unexpected.
            accustomed: config
                .usage
                .geoip_database
                .as_ref()
                .and(thresholds.accustomed)
                .filter(|_| config.usage.api_key_usage),
            ..thresholds
        },
        storage: config.database.storage_limits(),
    }
}

/// Returns how long what is remembered is kept.
fn retention(config: &Config) -> jobs::access_log::Retention {
    jobs::access_log::Retention {
        access_log: config.usage.access_log_retention(),
        audit_log: config.usage.audit_log_retention(),
    }
}

/// Returns what holds callers to their limits, if there may be any.
fn limiter(config: &Config, clock: &Clock) -> Option<KeyLimiter> {
    let keys = config.usage.limits();
    let people = if config.usage.rate_limit_sessions { keys } else { KeyLimits::default() };
    let limits = DefaultLimits { keys, people };
    (config.auth.enabled && !config.auth.disable_rate_limit).then(|| KeyLimiter::new(clock.clone(), limits))
}

/// Returns the bounds of the ingest queue.
fn queue(config: &Config) -> Limits {
    Limits { spans: config.ingest.max_spans_queue_size, bytes: config.ingest.max_queue_bytes }
}

/// Returns the prices of models, those of this version among them.
async fn prices(db: &Db, now: UnixNanos) -> Result<Prices> {
    let prices = Prices::default();
    models::sow(db, &prices, now).await.map_err(explain).context("the prices of models cannot be written")?;
    Ok(prices)
}

/// Starts what keeps limits small in memory and, on Postgres, true for all processes together.
fn share_limits(db: &Db, limiter: &KeyLimiter, tracker: &TaskTracker, stop: &CancellationToken) {
    if matches!(db, Db::Postgres(_)) {
        limiter.share(true);
        tracker.spawn(jobs::rate_leases::run(db.clone(), limiter.clone(), stop.clone()));
    }
    let limiter = limiter.clone();
    jobs::every(tracker, stop, "rate limits", Duration::from_mins(1), move || {
        limiter.forget_idle();
        async { Ok(()) }
    });
}

/// Returns how the API behaves.
fn api_options(config: &Config) -> ApiOptions {
    let auth = &config.auth;
    ApiOptions {
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
    }
}

/// Starts the jobs that remove what is over: rows of deleted projects, old records of requests, old traces.
fn remove_what_is_over(
    db: &Db,
    clock: &Clock,
    retention: jobs::access_log::Retention,
    tracker: &TaskTracker,
    stop: &CancellationToken,
) {
    let of = || (db.clone(), clock.clone());
    let own = of();
    jobs::every(tracker, stop, "housekeeping", jobs::housekeeping::INTERVAL, move || {
        let (db, clock) = own.clone();
        async move { jobs::housekeeping::run(&db, &clock).await }
    });
    let own = of();
    jobs::every(tracker, stop, "access log", jobs::access_log::INTERVAL, move || {
        let (db, clock) = own.clone();
        async move { jobs::access_log::run(&db, &clock, retention).await }
    });
    let own = of();
    jobs::every(tracker, stop, "retention", jobs::retention::INTERVAL, move || {
        let (db, clock) = own.clone();
        async move { jobs::retention::run(&db, &clock).await }
    });
}

impl App {
    /// Starts everything but the listeners.
    pub async fn start(config: &Config, clock: Clock) -> Result<Self> {
        Self::start_with(config, clock, mailer(config)?).await
    }

    /// Starts everything but the listeners, with mails going another way than the configured one.
    pub async fn start_with(config: &Config, clock: Clock, mailer: Option<Mailer>) -> Result<Self> {
        let db = open_database(config).await?;
        let auth = &config.auth;
        let seeded = bootstrap::sow(&db, &Passwords::new(), &seed(config), clock.now())
            .await
            .map_err(explain)
            .context("the first rows cannot be written")?;
        crate::service::retention::set_default_days(&db, config.database.default_retention_policy_days, clock.now())
            .await
            .map_err(explain)?;
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
        let prices = prices(&db, clock.now()).await?;
        let (own_traces, exporter) = own_telemetry::tracer(config, &deployment.uuid)?.unzip();
        let (ingest, writer) =
            IngestHandle::start(db.clone(), clock.clone(), queue(config), prices, own_traces.clone());
        let passwords = Passwords::beside(ingest.activity());
        let site = Site { url: config.http.ui_url(), contact: config.http.support_email.clone() };
        let settings = settings(config, site.clone());
        let post = Post { mailer: mailer.clone(), courier: courier(config, &deployment.uuid, mailer.clone(), site)? };
        let (db_of, clock_of) = (db.clone(), clock.clone());
        let services = Services::new(db_of, clock_of, authenticator, passwords, ingest, post, settings);
        welcome::greet_administrators(&services, seeded.new_admins);
        let options = api_options(config);
        let recording = recording(config)?;
        let records = services.auth_enabled() && (recording.usage || recording.log);
        let (recorder, recorder_task) = Recorder::start(db.clone(), recording);
        let limiter = limiter(config, &clock);
        let metrics = config.telemetry.enable_prometheus.then(|| own_telemetry::metrics(&services, &db, &clock));
        let exposition = metrics.clone().map(|metrics| api::exposition::app(metrics, services.clone()));
        let metering = Metering {
            recorder: records.then(|| recorder.clone()),
            metrics: metrics.as_ref().map(|metrics| metrics.http().clone()),
            tracer: own_traces,
            limiter: limiter.clone(),
            clock: clock.clone(),
        };
        let router = api::router(&services, options, metering);
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        let retention = retention(config);
        jobs::annotations::start(&services, &tracker, &stop);
        remove_what_is_over(&db, &clock, retention, &tracker, &stop);
        jobs::costs::start(&services, &tracker, &stop);
        own_telemetry::watch_storage(config, &services, &tracker, &stop).await?;
        if services.auth_enabled() {
            jobs::alerts::start(&services, &tracker, &stop);
        }
        if let Some(limiter) = limiter {
            share_limits(&db, &limiter, &tracker, &stop);
        }
        if services.auth_enabled() {
            tracker.spawn(follower.run(stop.clone()));
        }
        tracker.close();
        Ok(Self {
            router,
            exposition,
            services,
            recorder,
            recorder_task,
            clock,
            retention,
            db,
            mailer,
            writer,
            exporter,
            jobs: tracker,
            stop,
        })
    }

    /// Whether some system key works, which could do what the admin secret is for.
    pub async fn has_system_key(&self) -> crate::error::Result<bool> {
        offline_keys::any_system_key(&self.db, self.clock.now()).await
    }

    /// Removes old records of requests now, and not when their job next looks.
    pub async fn remove_old_records(&self) -> crate::error::Result<()> {
        jobs::access_log::run(&self.db, &self.clock, self.retention).await
    }

    /// Carries out the retention policies whose time has come now, and not when their job next looks.
    pub async fn remove_old_traces(&self) -> crate::error::Result<()> {
        jobs::retention::run(&self.db, &self.clock).await
    }

    /// Computes costs again after a change of prices, and does not wait for other processes.
    pub async fn recompute_costs(&self) -> crate::error::Result<()> {
        costs::recompute(&self.services, costs::When::Now).await
    }

    /// Looks at the size of the database now, and not when its job next does.
    pub async fn look_at_storage(&self) -> crate::error::Result<()> {
        storage::look(&self.services).await
    }

    /// Looks for alerts now, and not when their job next does.
    pub async fn look_for_alerts(&self) -> crate::error::Result<()> {
        while alert_watch::look(&self.services).await? == Looked::Elsewhere {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Applies annotations that wait now, and not when their job next looks.
    pub async fn apply_annotations(&self) -> crate::error::Result<()> {
        pending_annotations::apply(&self.services).await
    }

    /// Tells destinations of alerts now, and not when their job next does.
    pub async fn deliver_alerts(&self) -> crate::error::Result<()> {
        alert_watch::deliver(&self.services).await
    }

    /// Stops: jobs first, then mail, then the writer once every queued span is committed, then what is remembered of
    /// requests, then the database.
    pub async fn stop(self) {
        let Self {
            router,
            exposition,
            services,
            recorder,
            recorder_task,
            db,
            mailer,
            writer,
            exporter,
            jobs,
            stop,
            ..
        } = self;
        stop.cancel();
        jobs.wait().await;
        // What is queued there holds the services, too.
        if let Some(mailer) = mailer {
            mailer.close().await;
        }
        // The last ways to the writer: it ends when its queue is empty.
        drop((router, exposition));
        drop(services);
        if let Err(error) = writer.await {
            tracing::error!(error = %error, "the writer ended badly");
        }
        if let Some(exporter) = exporter
            && let Err(error) = exporter.await
        {
            tracing::error!(error = %error, "the exporter of own spans ended badly");
        }
        drop(recorder);
        if let Err(error) = recorder_task.await {
            tracing::error!(error = %error, "the writer of the access log ended badly");
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
