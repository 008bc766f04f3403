//! What the server tells of itself: its metrics under their names, its own traces, and the size of its database.

use anyhow::{Context as _, Result};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::explain;
use crate::{
    api,
    config::Config,
    db::Db,
    domain::time::Clock,
    jobs,
    service::{Services, storage},
    telemetry::{
        metrics::{Build, Metrics},
        traces::{self, Tracer},
    },
};

/// Starts the export of the server's own spans, if there is a collector for them.
pub(super) fn tracer(config: &Config, deployment: &str) -> Result<Option<(Tracer, tokio::task::JoinHandle<()>)>> {
    let telemetry = &config.telemetry;
    let http = telemetry.trace_collector_http_endpoint.clone().map(traces::Collector::Http);
    let grpc = telemetry.trace_collector_grpc_endpoint.clone().map(traces::Collector::Grpc);
    let collectors: Vec<traces::Collector> = http.into_iter().chain(grpc).collect();
    if collectors.is_empty() {
        return Ok(None);
    }
    let headers = telemetry.collector_headers()?;
    let deployment = deployment.to_owned();
    let options = traces::Options { collectors, headers, deployment, version: api::SERVER_VERSION };
    Ok(Some(Tracer::start(options).context("the server's own traces cannot be exported")?))
}

/// Returns every metric under its name.
pub(super) fn metrics(services: &Services, db: &Db, clock: &Clock) -> Metrics {
    let build = Build { version: api::SERVER_VERSION, api_version: api::API_VERSION, engine: db.engine() };
    let started_at = clock.now().unix_seconds();
    Metrics::new(
        build,
        started_at,
        services.ingest().metrics(),
        services.authenticator().metrics(),
        services.storage().metrics(),
    )
}

/// Looks at the size of the database now and then, if anything follows from it or somebody may ask: on Postgres a look is
/// at every file. The first one is before the first request, since a full database takes nothing after a start, either.
pub(super) async fn watch_storage(
    config: &Config,
    services: &Services,
    tracker: &TaskTracker,
    stop: &CancellationToken,
) -> Result<()> {
    if config.database.storage_limits().capacity_bytes.is_some() {
        storage::look(services).await.map_err(explain)?;
    } else if !config.telemetry.enable_prometheus {
        return Ok(());
    }
    let watched = services.clone();
    jobs::every(tracker, stop, "storage", storage::INTERVAL, move || {
        let services = watched.clone();
        async move { storage::look(&services).await }
    });
    Ok(())
}
