//! The yardstick for requests: axum, one handler, one small JSON answer, nothing else. Runs in a process of its own.

use std::{
    net::SocketAddr,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use axum::{Json, routing::get};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    access::{PATH, series},
    http::Connection,
    process::{Process, free_port},
    report::{Book, Group, Side, Target, Unit},
    settings::{Engine, Settings},
    stats::Sample,
    subject::Server,
};

/// Names the environment variable with the JSON to answer.
pub(crate) const BODY: &str = "PHOENIX_BENCH_BARE_BODY";

/// Is the bare handler.
pub(crate) async fn serve(address: SocketAddr, body: Value) -> Result<()> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    Ok(axum::serve(listener, get(move || std::future::ready(Json(body.clone())))).await?)
}

/// Measures ours and the bare handler in turn.
pub(crate) async fn run(server: &Server, engine: Engine, settings: &Settings, book: &mut Book) -> Result<()> {
    let body = server.connect().await?.get_ok(PATH).await?;
    let port = free_port()?;
    let scratch = TempDir::new()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--bare-handler", &format!("127.0.0.1:{port}")]).env(BODY, String::from_utf8(body.to_vec())?);
    let mut process = Process::start(command, &scratch.path().join("log"))?;
    while Connection::open(port, None).await.is_err() {
        process.check()?;
        ensure!(process.started.elapsed() < Duration::from_secs(10), "the bare handler does not start");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    let key = server.credential()?;
    let time = settings.access_time() / 2;
    let warm_until = Instant::now() + time / 4;
    while Instant::now() < warm_until {
        series(&process, port, None, time / 8).await?;
        series(&server.process, server.port, Some(&key), time / 8).await?;
    }
    for _ in 0..3 {
        bare.push(series(&process, port, None, time).await?);
        ours.push(series(&server.process, server.port, Some(&key), time).await?);
    }
    for (side, got) in [(Side::Ours, ours), (Side::Other, bare)] {
        let rates = Sample::of(got.iter().map(|s| s.rate).collect());
        let costs = Sample::of(got.iter().map(|s| s.cpu).collect());
        let what = "GET /v1/user with a system key, against a bare axum handler";
        let share = Target::ShareOfBare(70.0);
        book.set(Group::Hardware, engine, format!("{what}: rate"), Unit::RequestsPerSecond, share, side, rates);
        book.set(Group::Hardware, engine, format!("{what}: CPU"), Unit::Micros, Target::None, side, costs);
    }
    Ok(())
}
