//! Logins by password: how many a core bears, and what a flood of them leaves to ingest.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use http::{Method, StatusCode};
use tokio::task::JoinSet;

use crate::{
    http::{Connection, text},
    ingest::{Bound, Cell, Transport, send},
    report::{Book, Group, Side, Target, Unit},
    settings::{Engine, Settings, SubjectKind},
    stats::{Sample, real},
    subject::Server,
};

const RIGHT: &str = r#"{"email":"admin@localhost","password":"admin"}"#;
/// People who log in at once.
const CONCURRENCY: usize = 4;
/// Connections of a flood: more than ever get a turn.
const FLOOD: usize = 16;

/// Measures logins, and ingest with and without a flood of them.
pub(crate) async fn run(server: &Server, engine: Engine, settings: &Settings, book: &mut Book) -> Result<()> {
    let before = server.process.cpu()?;
    let began = Instant::now();
    let logins = log_in(server.port, settings.access_time()).await?;
    let elapsed = began.elapsed().as_secs_f64();
    let cpu = (server.process.cpu()? - before) / real(logins.max(1));
    for (what, value, unit) in [
        ("logins a second of one core", 1.0 / cpu, Unit::RequestsPerSecond),
        ("logins a second, 4 at once", real(logins) / elapsed, Unit::RequestsPerSecond),
    ] {
        book.set(Group::Login, engine, what, unit, Target::None, server.kind, Sample::once(value));
    }
    if server.kind == SubjectKind::Ours {
        beside_ingest(server, engine, settings, book).await?;
    }
    Ok(())
}

async fn log_in(port: u16, time: Duration) -> Result<u64> {
    let began = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..CONCURRENCY {
        workers.spawn(async move {
            let mut conn = Connection::open(port, None).await?;
            let mut logins = 0;
            while began.elapsed() < time {
                let (status, _, body) = ask(&mut conn, RIGHT.into()).await?;
                ensure!(status == StatusCode::NO_CONTENT, "login: {status} {}", text(&body));
                logins += 1;
            }
            anyhow::Ok(logins)
        });
    }
    let mut logins = 0;
    while let Some(done) = workers.join_next().await {
        logins += done??;
    }
    Ok(logins)
}

async fn ask(conn: &mut Connection, body: bytes::Bytes) -> Result<(StatusCode, http::HeaderMap, bytes::Bytes)> {
    conn.send(Method::POST, "/auth/login", Some("application/json"), body).await
}

/// Sends spans in turn without and with a flood, so that whatever else the machine does falls on both.
async fn beside_ingest(server: &Server, engine: Engine, settings: &Settings, book: &mut Book) -> Result<()> {
    let cell = Cell { transport: Transport::Http, batch: 100, concurrency: 2 };
    let (mut quiet, mut flooded, mut answered) = (Vec::new(), Vec::new(), 0);
    for round in 0..settings.repeats() {
        quiet.push(rate(server, cell, &format!("quiet-{round}"), settings).await?);
        let stop = Arc::new(AtomicBool::new(false));
        let mut flood = JoinSet::new();
        for sender in 0..FLOOD {
            let (port, stop) = (server.port, Arc::clone(&stop));
            flood.spawn(async move {
                let mut conn = Connection::open(port, None).await?;
                let mut answered: u64 = 0;
                while !stop.load(Ordering::Relaxed) {
                    // Somebody else each time: as dear as a right password, and no brake on guessing helps.
                    let email = format!("nobody-{round}-{sender}-{answered}@example.com");
                    let body = serde_json::json!({ "email": email, "password": "wrong-password" }).to_string();
                    let (status, ..) = ask(&mut conn, body.into()).await?;
                    // Wrong, or sent away after a while without a turn.
                    let expected = [StatusCode::UNAUTHORIZED, StatusCode::SERVICE_UNAVAILABLE];
                    ensure!(expected.contains(&status), "login: {status}");
                    answered += 1;
                }
                anyhow::Ok(answered)
            });
        }
        flooded.push(rate(server, cell, &format!("flooded-{round}"), settings).await?);
        stop.store(true, Ordering::Relaxed);
        while let Some(done) = flood.join_next().await {
            answered += done??;
        }
    }
    let what = "spans acknowledged a second";
    let note = format!("{cell}; {FLOOD} connections, {answered} logins answered");
    let set = |book: &mut Book, side: Side, sample| {
        book.set(Group::Flood, engine, what, Unit::SpansPerSecond, Target::ShareOfBare(80.0), side, sample);
    };
    set(book, server.kind.into(), Sample::of(flooded).note(note));
    set(book, Side::Other, Sample::of(quiet));
    Ok(())
}

async fn rate(server: &Server, cell: Cell, project: &str, settings: &Settings) -> Result<f64> {
    let sent = send(server, cell, project, Bound::Time(settings.ingest_time())).await?;
    Ok(real(sent.spans) / (sent.acked - sent.began).as_secs_f64())
}
