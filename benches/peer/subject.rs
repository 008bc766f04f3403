//! The servers under test: how each is started, and what is asked of both in the same words.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use http::{Method, StatusCode, header};
use rustix::process::Signal;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::json;
use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};

use crate::{
    http::{Connection, Credential, text},
    postgres::Cluster,
    process::{Process, clean_command, free_port},
    settings::{Settings, SubjectKind},
};

/// The version of the peer that is compared with.
pub(crate) const PEER_VERSION: &str = "20.26.1";

/// `PHOENIX_SECRET` of every server.
pub(crate) const SECRET: &str = "bench-signing-secret-0123456789-abcdef";
const ADMIN_SECRET: &str = "bench-admin-secret-0123456789-abcdef";
/// How long a server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(90);

/// Where a server keeps its data.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Its working folder.
    pub(crate) home: PathBuf,
    /// Cluster and name of its database, on Postgres.
    pub(crate) postgres: Option<(Arc<Cluster>, String)>,
}

impl Place {
    /// Makes a fresh place named `name`.
    pub(crate) async fn fresh(root: &Path, name: &str, cluster: Option<&Arc<Cluster>>) -> Result<Self> {
        let home = root.join(name);
        std::fs::create_dir(&home)?;
        let postgres = match cluster {
            Some(cluster) => {
                cluster.create(name).await?;
                Some((Arc::clone(cluster), name.to_owned()))
            }
            None => None,
        };
        Ok(Self { home, postgres })
    }

    /// Returns the address of the database as servers take it.
    pub(crate) fn url(&self) -> String {
        match &self.postgres {
            Some((cluster, name)) => cluster.url(name),
            None => format!("sqlite:///{}", self.home.join("phoenix.db").display()),
        }
    }

    /// Connects to the SQLite file.
    pub(crate) async fn sqlite(&self) -> Result<sqlx::SqliteConnection> {
        let options = SqliteConnectOptions::new().filename(self.home.join("phoenix.db"));
        Ok(options.disable_statement_logging().connect().await?)
    }

    /// Returns how many bytes the database takes on disk once everything is in its place; a server may be using it.
    pub(crate) async fn size(&self) -> Result<u64> {
        if let Some((cluster, name)) = &self.postgres {
            return cluster.size(name).await;
        }
        let mut conn = self.sqlite().await?;
        let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut conn).await?;
        let page: i64 = sqlx::query_scalar("PRAGMA page_size").fetch_one(&mut conn).await?;
        conn.close().await?;
        Ok(u64::try_from(pages * page)?)
    }
}

/// How to start a server.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// Which one.
    pub(crate) kind: SubjectKind,
    program: PathBuf,
}

impl Subject {
    /// Finds the program of a server; installs the peer when no place was given.
    pub(crate) fn find(kind: SubjectKind, settings: &Settings) -> Result<Self> {
        let program = match kind {
            SubjectKind::Ours => match &settings.binary {
                Some(given) => given.clone(),
                None => Settings::target_dir()?.join("release/phoenix-server"),
            },
            SubjectKind::Peer => match &settings.peer {
                Some(given) => given.clone(),
                None => install_peer(&Settings::target_dir()?.join("bench"))?,
            },
        };
        ensure!(program.is_file(), "{} is not there", program.display());
        Ok(Self { kind, program: program.canonicalize()? })
    }

    /// Starts the server and waits for its first 200 on `/healthz`.
    pub(crate) async fn start(&self, place: &Place) -> Result<Server> {
        self.start_with(place, &[]).await
    }

    /// Starts the server with further variables.
    pub(crate) async fn start_with(&self, place: &Place, variables: &[(&str, &str)]) -> Result<Server> {
        let (port, grpc_port) = (free_port()?, free_port()?);
        let mut command = clean_command(&self.program, &place.home);
        command.arg("serve").envs([
            ("PHOENIX_HOST", "127.0.0.1"),
            ("PHOENIX_PORT", &port.to_string()),
            ("PHOENIX_GRPC_PORT", &grpc_port.to_string()),
            ("PHOENIX_ENABLE_AUTH", "true"),
            ("PHOENIX_SECRET", SECRET),
            ("PHOENIX_ADMIN_SECRET", ADMIN_SECRET),
            ("PHOENIX_ACCESS_TOKEN_EXPIRY_MINUTES", "120"),
            ("PHOENIX_DISABLE_RATE_LIMIT", "true"),
            // The peer knows no enforcement; without this the session of the first administrator could do nothing.
            ("PHOENIX_ENFORCE_PASSWORD_RESET", "false"),
            ("PHOENIX_TELEMETRY_ENABLED", "false"),
            ("PHOENIX_ALLOW_EXTERNAL_RESOURCES", "false"),
        ]);
        command.envs(variables.iter().copied());
        command.env("PHOENIX_WORKING_DIR", &place.home);
        command.env("PHOENIX_SQL_DATABASE_URL", place.url());
        let mut process = Process::start(command, &place.home.join("server.log"))?;
        let cold_start = loop {
            process.check().with_context(|| format!("{:?}", self.kind))?;
            if let Ok(mut conn) = Connection::open(port, None).await
                && let Ok((StatusCode::OK, _)) = conn.get("/healthz").await
            {
                break process.started.elapsed();
            }
            ensure!(process.started.elapsed() < PATIENCE, "{:?} does not start", self.kind);
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        let admin = Credential::bearer(ADMIN_SECRET)?;
        let key = mint_key(&mut Connection::open(port, Some(admin.clone())).await?).await?;
        Ok(Server { kind: self.kind, process, port, grpc_port, cold_start, admin, key })
    }
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    /// Which one.
    pub(crate) kind: SubjectKind,
    /// Its process.
    pub(crate) process: Process,
    /// Port of HTTP.
    pub(crate) port: u16,
    /// Port of OTLP/gRPC.
    pub(crate) grpc_port: u16,
    /// From exec to the first 200 on `/healthz`.
    pub(crate) cold_start: Duration,
    /// `PHOENIX_ADMIN_SECRET`.
    pub(crate) admin: Credential,
    /// A system key.
    pub(crate) key: String,
}

#[derive(Deserialize)]
struct Page {
    data: Vec<IgnoredAny>,
    next_cursor: Option<String>,
}

impl Server {
    /// Returns the credential of the system key.
    pub(crate) fn credential(&self) -> Result<Credential> {
        Credential::bearer(&self.key)
    }

    /// Opens a connection with the system key.
    pub(crate) async fn connect(&self) -> Result<Connection> {
        Connection::open(self.port, Some(self.credential()?)).await
    }

    /// Logs the first administrator in; returns the cookie of the access token.
    pub(crate) async fn log_in(&self) -> Result<Credential> {
        let body = json!({ "email": "admin@localhost", "password": "admin" }).to_string();
        let mut conn = Connection::open(self.port, None).await?;
        let (status, headers, body) =
            conn.send(Method::POST, "/auth/login", Some("application/json"), body.into()).await?;
        ensure!(status == StatusCode::NO_CONTENT, "login: {status} {}", text(&body));
        let cookies = headers.get_all(header::SET_COOKIE).iter().filter_map(|c| c.to_str().ok());
        let cookie = cookies.filter_map(|c| c.split(';').next()).find(|c| c.starts_with("phoenix-access-token="));
        Credential::new("cookie", cookie.context("login set no access cookie")?)
    }

    /// Logs the first administrator in; returns the access token as a bearer of ours takes it.
    pub(crate) async fn access_token(&self) -> Result<Credential> {
        let form = "grant_type=password&username=admin@localhost&password=admin";
        let mut conn = Connection::open(self.port, None).await?;
        let media_type = Some("application/x-www-form-urlencoded");
        let (status, _, body) = conn.send(Method::POST, "/auth/token", media_type, form.into()).await?;
        ensure!(status == StatusCode::OK, "token: {status} {}", text(&body));
        let answer: serde_json::Value = serde_json::from_slice(&body)?;
        Credential::bearer(answer["access_token"].as_str().context("no access_token in the answer")?)
    }

    /// Counts the spans of a project through the wire.
    ///
    /// The peer is asked for its own count, which costs it little: reading every span again and again would slow the
    /// storing that is being waited for. Ours is read page by page.
    pub(crate) async fn count(&self, conn: &mut Connection, project: &str) -> Result<u64> {
        if self.kind == SubjectKind::Peer {
            let query = "query($name: String!) { getProjectByName(name: $name) { recordCount } }";
            let data = conn.graphql(query, json!({ "name": project })).await?;
            return Ok(data["getProjectByName"]["recordCount"].as_u64().unwrap_or(0));
        }
        let mut count = 0;
        let mut cursor = String::new();
        loop {
            let path = format!("/v1/projects/{project}/spans?limit=1000{cursor}");
            let (status, body) = conn.get(&path).await?;
            if status == StatusCode::NOT_FOUND {
                return Ok(count);
            }
            ensure!(status == StatusCode::OK, "GET {path}: {status} {}", text(&body));
            let page: Page = serde_json::from_slice(&body)?;
            count += page.data.len() as u64;
            let Some(next) = page.next_cursor else { return Ok(count) };
            let next: String = next.chars().map(|c| if c == '=' { "%3D".to_owned() } else { c.to_string() }).collect();
            cursor = format!("&cursor={}", next.replace('+', "%2B"));
        }
    }

    /// Waits until a project holds `expected` spans, or gains none any more. Returns the count, and since when it was
    /// seen; `acked` when the first look already showed everything.
    pub(crate) async fn settle(&self, project: &str, expected: u64, acked: Instant) -> Result<(u64, Instant)> {
        let mut conn = self.connect().await?;
        let (mut last, mut seen) = (0, acked);
        for look in 0_u32.. {
            let count = self.count(&mut conn, project).await?;
            if count >= expected {
                return Ok((count, if look == 0 { acked } else { Instant::now() }));
            }
            if count > last {
                (last, seen) = (count, Instant::now());
            }
            if seen.elapsed() > Duration::from_secs(20) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok((last, seen))
    }

    /// Stops the server with a signal; returns how long it took, `None` when it had to be killed.
    pub(crate) async fn stop(mut self, signal: Signal) -> Result<Option<Duration>> {
        let began = Instant::now();
        self.process.signal(signal)?;
        let ended = self.process.wait(PATIENCE).await?;
        Ok((ended || signal == Signal::KILL).then(|| began.elapsed()))
    }
}

async fn mint_key(conn: &mut Connection) -> Result<String> {
    let mutation = "mutation { createSystemApiKey(input: { name: \"bench\" }) { jwt apiKey { name } } }";
    for _ in 0..50 {
        // `/healthz` may answer before the rest of a server does.
        if conn.get("/readyz").await?.0 == StatusCode::OK {
            let data = conn.graphql(mutation, json!({})).await?;
            let key = data["createSystemApiKey"]["jwt"].as_str().context("no key in the answer")?;
            return Ok(key.to_owned());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bail!("/readyz never answered 200")
}

/// Installs the peer into a virtual environment, once.
fn install_peer(dir: &Path) -> Result<PathBuf> {
    let home = dir.join(format!("arize-phoenix-{PEER_VERSION}"));
    let program = home.join("bin/phoenix");
    if !program.is_file() {
        eprintln!("installing Arize Phoenix {PEER_VERSION} into {}", home.display());
        std::fs::create_dir_all(dir)?;
        run(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
        let package = format!("arize-phoenix[pg]=={PEER_VERSION}");
        run(Command::new(home.join("bin/pip")).args(["install", "--quiet", &package]))?;
    }
    Ok(program)
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

/// Sends an export request over HTTP; returns status and body.
pub(crate) async fn export(conn: &mut Connection, message: Bytes) -> Result<(StatusCode, Bytes)> {
    let (status, _, body) = conn.send(Method::POST, "/v1/traces", Some("application/x-protobuf"), message).await?;
    Ok((status, body))
}
