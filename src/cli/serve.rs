//! Bind the listeners, wait for the signal, drain, stop.

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::future::OptionFuture;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::{
    api::{API_VERSION, SERVER_VERSION},
    app::{self, App, tls::Tls},
    config::{Config, DatabaseTarget, LoggingMode, SqliteTarget},
    domain::time::Clock,
    telemetry,
};

pub(super) async fn run(config: Config, warnings: &[String]) -> Result<()> {
    telemetry::init(&config.telemetry)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    if config.auth.enabled && !config.auth.enforce_password_reset {
        tracing::warn!("PHOENIX_ENFORCE_PASSWORD_RESET=false: a session with a default password may do everything");
    }
    // Listened for from the start: whoever sees the server answer may stop it.
    let signals = Signals::listen()?;
    for warning in config.tls.warnings() {
        tracing::warn!("{warning}");
    }
    let tls = Tls::load(&config.tls)?;
    // Bound first: a port that is taken must stop the start before the database is touched.
    let http = bind("PHOENIX_PORT", &config.http.host, config.http.port).await?;
    let grpc = bind("PHOENIX_GRPC_PORT", config.http.grpc_bind_host(), config.http.grpc_port).await?;
    let metrics = if config.telemetry.enable_prometheus {
        Some(bind("PHOENIX_PROMETHEUS_PORT", &config.http.host, config.telemetry.prometheus_port).await?)
    } else {
        None
    };
    let app = App::start(&config, Clock::system()).await?;
    let stop = CancellationToken::new();
    let patience = config.http.shutdown_timeout;
    let servers = [(http, config.tls.for_http()), (grpc, config.tls.for_grpc())].map(|(listener, over_tls)| {
        let tls = tls.clone().filter(|_| over_tls);
        app::serve(listener, tls, app.router.clone(), stop.clone(), patience)
    });
    let metrics = metrics.zip(app.exposition.clone()).map(|(listener, exposition)| {
        // Nobody waits for numbers: what is under way at a stop is cut at once.
        app::serve(listener, None, exposition, stop.clone(), Duration::ZERO)
    });
    let certificates = {
        let stop = stop.clone();
        async move {
            if let Some(tls) = tls {
                tls.watch(stop).await;
            }
        }
    };
    let advice = advice(&config, &app).await?;
    if let Some(advice) = advice {
        tracing::warn!("{advice}");
    }
    summarize(&config, advice);
    let [http, grpc] = servers;
    let signal = async {
        let received = signals.recv().await;
        tracing::info!(signal = received, "stopping: no new connections, queued spans are committed");
        stop.cancel();
    };
    tokio::join!(http, grpc, OptionFuture::from(metrics), certificates, signal);
    app.stop().await;
    tracing::info!("stopped");
    Ok(())
}

async fn bind(variable: &str, host: &str, port: u16) -> Result<TcpListener> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    TcpListener::bind((host, port)).await.with_context(|| format!("{variable}: cannot listen on {host}:{port}"))
}

/// The signals that ask the server to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn recv(mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Returns what to do about an admin secret that a system key can replace: one secret that may do everything, never
/// expires and is in the environment of the process.
async fn advice(config: &Config, app: &App) -> Result<Option<&'static str>> {
    if !config.auth.enabled || config.auth.admin_secret.is_none() {
        return Ok(None);
    }
    let has_key = app.has_system_key().await.map_err(app::explain)?;
    Ok(has_key.then_some(
        "PHOENIX_ADMIN_SECRET is set although there are system keys: remove it, keys can be narrowed and revoked",
    ))
}

fn summarize(config: &Config, advice: Option<&str>) {
    let host = |host: &str| match host {
        "0.0.0.0" | "::" | "" => "localhost".to_owned(),
        other if other.contains(':') => format!("[{other}]"),
        other => other.to_owned(),
    };
    let root = &config.http.root_path;
    let scheme = |over_tls| if over_tls { "https" } else { "http" };
    let (http, grpc) = (scheme(config.tls.for_http()), scheme(config.tls.for_grpc()));
    let ui = format!("{http}://{}:{}{root}", host(&config.http.host), config.http.port);
    let grpc = format!("{grpc}://{}:{}", host(config.http.grpc_bind_host()), config.http.grpc_port);
    let database = match config.database.target(config.http.working_dir()) {
        Ok(DatabaseTarget::Sqlite(SqliteTarget::File(path))) => format!("SQLite, {}", path.display()),
        Ok(DatabaseTarget::Sqlite(SqliteTarget::Memory)) => "SQLite, gone when the server stops".to_owned(),
        Ok(DatabaseTarget::Postgres(target)) => format!("PostgreSQL, {}", target.label),
        Err(_) => String::new(),
    };
    let auth = if config.auth.enabled {
        "on: sign in as admin@localhost; send traces with an API key"
    } else {
        "off: everyone may do everything (PHOENIX_ENABLE_AUTH=true turns it on)"
    };
    if config.telemetry.logging_mode == LoggingMode::Structured {
        tracing::info!(
            version = SERVER_VERSION,
            api.version = API_VERSION,
            url = ui,
            otlp.grpc = grpc,
            database,
            auth = config.auth.enabled,
            "ready"
        );
        return;
    }
    println!(
        "\nphoenix-server {SERVER_VERSION}, speaking Arize Phoenix {API_VERSION}\n\n  \
         UI and REST  {ui}\n  OTLP/HTTP    {ui}/v1/traces\n  OTLP/gRPC    {grpc}\n  Database     {database}\n  \
         Auth         {auth}"
    );
    if config.telemetry.enable_prometheus {
        println!("  Metrics      http://{}:{}/metrics", host(&config.http.host), config.telemetry.prometheus_port);
    }
    if let Some(advice) = advice {
        println!("  Advice       {advice}");
    }
    println!();
}
