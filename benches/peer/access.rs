//! An authenticated trivial request, with each kind of credential.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use http::StatusCode;
use tokio::task::JoinSet;

use crate::{
    http::{Connection, Credential},
    process::Process,
    report::{Book, Group, Target, Unit},
    settings::{Engine, Settings, SubjectKind},
    stats::{Sample, millis, percentile, real},
    subject::Server,
};

/// The smallest authenticated request that both know.
pub(crate) const PATH: &str = "/v1/user";
const CONCURRENCY: usize = 8;

/// What a series of requests came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Series {
    /// Requests a second.
    pub(crate) rate: f64,
    /// Processor time of the server, in microseconds a request.
    pub(crate) cpu: f64,
    /// Median latency in milliseconds.
    pub(crate) p50: f64,
}

/// Sends the same request over and over, on eight connections.
pub(crate) async fn series(
    process: &Process,
    port: u16,
    credential: Option<&Credential>,
    time: Duration,
) -> Result<Series> {
    series_of(process, port, &credential.map_or_else(Vec::new, |c| vec![c.clone()]), time).await
}

/// The same with several credentials, each on connections of its own; without any, nobody asks.
pub(crate) async fn series_of(
    process: &Process,
    port: u16,
    credentials: &[Credential],
    time: Duration,
) -> Result<Series> {
    let mut conns = Vec::new();
    for number in 0..CONCURRENCY {
        let credential = credentials.get(number % credentials.len().max(1));
        let mut conn = Connection::open(port, credential.cloned()).await?;
        // The first request of a connection is not measured.
        conn.get_ok(PATH).await?;
        conns.push(conn);
    }
    let before = process.cpu()?;
    let began = Instant::now();
    let mut workers = JoinSet::new();
    for mut conn in conns {
        workers.spawn(async move {
            let mut latencies = Vec::new();
            while began.elapsed() < time {
                let sent = Instant::now();
                let (status, _) = conn.get(PATH).await?;
                ensure!(status == StatusCode::OK, "GET {PATH}: {status}");
                latencies.push(sent.elapsed());
            }
            Ok(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(done) = workers.join_next().await {
        latencies.extend(done??);
    }
    let elapsed = began.elapsed().as_secs_f64();
    let requests = real(latencies.len() as u64);
    Ok(Series {
        rate: requests / elapsed,
        cpu: (process.cpu()? - before) * 1e6 / requests,
        p50: percentile(&millis(&latencies), 50).unwrap_or_default(),
    })
}

/// Measures each credential.
pub(crate) async fn run(server: &Server, engine: Engine, settings: &Settings, book: &mut Book) -> Result<()> {
    let mut credentials = vec![
        ("system key, Authorization: Bearer", server.credential()?),
        ("access token, cookie", server.log_in().await?),
        ("admin secret, Authorization: Bearer", server.admin.clone()),
    ];
    if server.kind == SubjectKind::Ours {
        credentials.push(("access token, Authorization: Bearer", server.access_token().await?));
        credentials.push(("system key, api_key header", Credential::new("api_key", &server.key)?));
    }
    for (name, credential) in credentials {
        let got = series(&server.process, server.port, Some(&credential), settings.access_time()).await?;
        let figures = [
            ("CPU a request", got.cpu, Unit::Micros, Target::TimesPeer(150.0)),
            ("requests a second", got.rate, Unit::RequestsPerSecond, Target::None),
            ("p50", got.p50, Unit::Millis, Target::None),
        ];
        for (figure, value, unit, target) in figures {
            let what = format!("{name}: {figure}");
            book.set(Group::Access, engine, what, unit, target, server.kind, Sample::once(value));
        }
    }
    Ok(())
}
