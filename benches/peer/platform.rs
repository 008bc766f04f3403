//! What the key platform costs: the same request with all of it on and with all of it off, with one key and with a
//! hundred thousand, with metrics and without, and the verification of a key alone.

use std::{path::Path, sync::Arc, time::Instant};

use anyhow::{Context as _, Result};
use clap::Parser;
use http::{HeaderMap, StatusCode};
use phoenix_server::{
    app::App,
    auth::password::Passwords,
    config::Config,
    domain::{api_key::NewApiKey, scope::Role, time::Clock},
    service::bootstrap,
};
use rustix::process::Signal;
use serde_json::json;

use crate::{
    access::{PATH, Series, series_of},
    http::{Connection, Credential, text},
    postgres::Cluster,
    process::{free_port, own_cpu},
    report::{Book, Group, Side, Target, Unit},
    settings::{Engine, Settings, SubjectKind},
    stats::{Sample, real},
    subject::{Place, SECRET, Server, Subject},
};

/// Keys in the large database.
const KEYS: u64 = 100_000;
/// Of these, the ones that are used, each from a connection of its own.
const USED: usize = 8;
/// Times that one key is verified.
const VERIFICATIONS: u32 = 500_000;
/// Turns that the two sides take.
const TURNS: usize = 5;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    config: Config,
}

/// Measures all of it.
pub(crate) async fn run(
    subject: &Subject,
    root: &Path,
    cluster: Option<&Arc<Cluster>>,
    engine: Engine,
    settings: &Settings,
    book: &mut Book,
) -> Result<()> {
    let off = [
        ("PHOENIX_DISABLE_RATE_LIMIT", "true"),
        ("PHOENIX_ACCESS_LOG_RETENTION_DAYS", "0"),
        ("PHOENIX_API_KEY_USAGE", "false"),
    ];
    let on = [("PHOENIX_DISABLE_RATE_LIMIT", "false")];
    let bare_place = Place::fresh(root, "platform_off", cluster).await?;
    let bare = subject.start_with(&bare_place, &off).await?;
    let place = Place::fresh(root, "platform_on", cluster).await?;
    let full = subject.start_with(&place, &on).await?;

    let limited = limited_key(&full).await?;
    let (ours, other) =
        in_turn(settings, (&full, std::slice::from_ref(&limited)), (&bare, &[bare.credential()?])).await?;
    enter(book, engine, "limits, usage and access log on, against all off", Target::ShareOfBare(95.0), ours, other);

    let full_key = full.credential()?;
    let many_place = Place::fresh(root, "platform_many", cluster).await?;
    subject.start_with(&many_place, &on).await?.stop(Signal::TERM).await?;
    let used = add_keys(&many_place).await?;
    let many = subject.start_with(&many_place, &on).await?;
    let (ours, other) = in_turn(settings, (&many, &used), (&full, &[full_key])).await?;
    let what = format!("{USED} of {KEYS} keys, against one of two");
    enter(book, engine, &what, Target::ShareOfBare(97.0), ours, other);

    let counting_place = Place::fresh(root, "platform_counting", cluster).await?;
    let port = free_port()?.to_string();
    let counting = [on[0], ("PHOENIX_ENABLE_PROMETHEUS", "true"), ("PHOENIX_PROMETHEUS_PORT", &port)];
    let counting = subject.start_with(&counting_place, &counting).await?;
    let (ours, other) =
        in_turn(settings, (&counting, &[counting.credential()?]), (&full, &[full.credential()?])).await?;
    enter(book, engine, "metrics for Prometheus on, against off", Target::ShareOfBare(98.0), ours, other);

    for server in [counting, many, full, bare] {
        server.stop(Signal::TERM).await?;
    }
    let cost = verification(&many_place, &used).await?;
    let what = format!("verification of a key by cache hit, of {KEYS}: CPU");
    let sample = Sample::once(cost);
    book.set(Group::Platform, engine, what, Unit::Micros, Target::AtMost(2.0), SubjectKind::Ours, sample);
    Ok(())
}

fn enter(book: &mut Book, engine: Engine, what: &str, target: Target, ours: Vec<Series>, other: Vec<Series>) {
    for (side, got) in [(Side::Ours, ours), (Side::Other, other)] {
        let rates = Sample::of(got.iter().map(|s| s.rate).collect());
        let costs = Sample::of(got.iter().map(|s| s.cpu).collect());
        book.set(Group::Platform, engine, format!("{what}: rate"), Unit::RequestsPerSecond, target, side, rates);
        book.set(Group::Platform, engine, format!("{what}: CPU"), Unit::Micros, Target::None, side, costs);
    }
}

/// Measures two servers turn by turn, so that what else the machine does meets both.
async fn in_turn(
    settings: &Settings,
    ours: (&Server, &[Credential]),
    other: (&Server, &[Credential]),
) -> Result<(Vec<Series>, Vec<Series>)> {
    let time = settings.access_time() / 2;
    let mut got = (Vec::new(), Vec::new());
    for turn in 0..=TURNS {
        let one = series_of(&ours.0.process, ours.0.port, ours.1, time).await?;
        let two = series_of(&other.0.process, other.0.port, other.1, time).await?;
        // The first turn warms both up.
        if turn > 0 {
            got.0.push(one);
            got.1.push(two);
        }
    }
    Ok(got)
}

/// Makes a key with limits of its own, far above what is sent.
async fn limited_key(server: &Server) -> Result<Credential> {
    let limits = json!({ "ingestPerMinute": 100_000_000, "apiPerMinute": 100_000_000, "concurrent": 10_000 });
    let body = json!({ "name": "limited", "preset": "admin", "limits": limits }).to_string();
    let mut conn = Connection::open(server.port, Some(server.admin.clone())).await?;
    let (status, _, body) =
        conn.send(http::Method::POST, "/api/v1/api-keys", Some("application/json"), body.into()).await?;
    anyhow::ensure!(status == StatusCode::CREATED, "POST /api/v1/api-keys: {status} {}", text(&body));
    let answer: serde_json::Value = serde_json::from_slice(&body)?;
    Credential::bearer(answer["key"].as_str().context("no key in the answer")?)
}

fn config(place: &Place) -> Result<Config> {
    let home = place.home.to_str().context("a folder whose name is not UTF-8")?;
    let url = place.url();
    let mut config = Arguments::try_parse_from(["bench", "--working-dir", home, "--database-url", &url])?.config;
    config.auth.enabled = true;
    config.auth.secret = Some(SECRET.into());
    config.validate()?;
    Ok(config)
}

/// Fills the stopped server's database with keys; returns a few that are known.
async fn add_keys(place: &Place) -> Result<Vec<Credential>> {
    let db = phoenix_server::app::open_database(&config(place)?).await?;
    let clock = Clock::system();
    let deployment = bootstrap::run(&db, &Passwords::new(), &bootstrap::Seed::default(), clock.now()).await?;
    let mut known = Vec::new();
    for number in 0..USED {
        let key = NewApiKey::new(format!("known {number}"), Role::Admin);
        let token = bootstrap::add_system_key(&db, &deployment, &key, clock.now()).await?;
        known.push(Credential::bearer(token.expose())?);
    }
    let columns = "kind, environment, user_id, created_by, name, description, masked, role, scopes, bound_to_projects, \
                   plan, ingest_per_minute, api_per_minute, concurrent, created_at, expires_at";
    let copies = |numbers: &str, digest: &str| {
        format!(
            "INSERT INTO api_keys ({columns}, digest)
             SELECT {columns}, {digest} FROM {numbers}, (SELECT * FROM api_keys WHERE name = 'known 0') AS known"
        )
    };
    match &db {
        phoenix_server::db::Db::Sqlite { write, .. } => {
            let numbers = format!(
                "(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {KEYS}) SELECT i FROM n)"
            );
            sqlx::query(sqlx::AssertSqlSafe(copies(&numbers, "randomblob(32)"))).execute(write).await?;
        }
        phoenix_server::db::Db::Postgres(pool) => {
            let numbers = format!("GENERATE_SERIES(1, {KEYS}) AS i");
            let digest = "DECODE(MD5(i::text) || MD5((-i)::text), 'hex')";
            sqlx::query(sqlx::AssertSqlSafe(copies(&numbers, digest))).execute(pool).await?;
        }
    }
    db.close().await;
    Ok(known)
}

/// Returns what the verification of a known key costs, in microseconds of CPU.
async fn verification(place: &Place, keys: &[Credential]) -> Result<f64> {
    let app = App::start(&config(place)?, Clock::system()).await?;
    let authenticator = app.services.authenticator();
    let headers: Vec<HeaderMap> =
        keys.iter().map(|key| HeaderMap::from_iter([(http::header::AUTHORIZATION, key.value().clone())])).collect();
    for headers in &headers {
        anyhow::ensure!(authenticator.authenticate(headers).await?.caller.is_ok(), "a key of {PATH} is refused");
    }
    let (before, began) = (own_cpu()?, Instant::now());
    for number in 0..VERIFICATIONS {
        let headers = &headers[number as usize % headers.len()];
        let identity = authenticator.authenticate(headers).await?;
        anyhow::ensure!(identity.caller.is_ok(), "a key is refused after {:?}", began.elapsed());
    }
    let cost = (own_cpu()? - before) * 1e6 / real(u64::from(VERIFICATIONS));
    app.stop().await;
    Ok(cost)
}
