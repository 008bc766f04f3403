//! A throw-away Postgres cluster with the settings that `initdb` gives it.

use std::{
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};

use crate::process::{Process, clean_command, free_port, run_as};

/// A running cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    server: Process,
    port: u16,
    /// What the server says it is.
    pub(crate) version: String,
}

impl Cluster {
    /// Makes a cluster below `dir` and starts it.
    pub(crate) async fn start(programs: Option<&Path>, dir: &Path) -> Result<Self> {
        let programs = find(programs)?;
        let home = dir.join("postgres");
        std::fs::create_dir(&home)?;
        let user = unprivileged()?;
        if let Some((uid, gid)) = user {
            // Postgres refuses to run as root; its user must get through to its folder.
            std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755))?;
            chown(&home, Some(uid), Some(gid))?;
        }
        let data = home.join("data");
        let mut initdb = clean_command(programs.join("initdb"), &home);
        initdb.arg("--pgdata").arg(&data).args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
        ]);
        run_as(&mut initdb, user);
        let made = initdb.output().context("cannot run initdb")?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));

        let port = free_port()?;
        let mut serve = clean_command(programs.join("postgres"), &home);
        serve.arg("-D").arg(&data).args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k"]).arg(&home);
        run_as(&mut serve, user);
        let server = Process::start(serve, &dir.join("postgres.log"))?;
        let mut cluster = Self { server, port, version: String::new() };
        for _ in 0..200 {
            cluster.server.check().context("postgres")?;
            if let Ok(mut conn) = cluster.connect("postgres").await {
                cluster.version = sqlx::query_scalar("SHOW server_version").fetch_one(&mut conn).await?;
                return Ok(cluster);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("Postgres does not answer")
    }

    /// Connects to a database.
    pub(crate) async fn connect(&self, database: &str) -> Result<PgConnection> {
        let options = PgConnectOptions::new_without_pgpass();
        let options = options.host("127.0.0.1").port(self.port).username("postgres").database(database);
        Ok(PgConnection::connect_with(&options).await?)
    }

    /// Makes an empty database.
    pub(crate) async fn create(&self, database: &str) -> Result<()> {
        let mut conn = self.connect("postgres").await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {database}"))).execute(&mut conn).await?;
        Ok(())
    }

    /// Returns the size of a database in bytes.
    pub(crate) async fn size(&self, database: &str) -> Result<u64> {
        let mut conn = self.connect("postgres").await?;
        sqlx::raw_sql("CHECKPOINT").execute(&mut conn).await?;
        let size: i64 = sqlx::query_scalar("SELECT pg_database_size($1)").bind(database).fetch_one(&mut conn).await?;
        Ok(u64::try_from(size)?)
    }

    /// Returns the address of a database as servers take it.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgresql://postgres:postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Stops the cluster.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.server.signal(Signal::INT)?;
        self.server.wait(Duration::from_secs(30)).await?;
        Ok(())
    }
}

fn find(given: Option<&Path>) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = given.into_iter().map(PathBuf::from).collect();
    if folders.is_empty() {
        let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let mut installed: Vec<PathBuf> = installed.map(|version| version.path().join("bin")).collect();
        installed.sort();
        folders.extend(installed.into_iter().rev().chain(std::env::split_paths(&path)));
    }
    let complete = |dir: &PathBuf| dir.join("initdb").is_file() && dir.join("postgres").is_file();
    folders.into_iter().find(complete).context("no Postgres found: set PHOENIX_BENCH_POSTGRES to the folder of initdb")
}

/// Returns user and group for Postgres when this process is root.
fn unprivileged() -> Result<Option<(u32, u32)>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd")?;
    let ids = |name: &str| {
        let fields: Vec<&str> = users.lines().find(|l| l.starts_with(&format!("{name}:")))?.split(':').collect();
        Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
    };
    Ok(Some(ids("postgres").or_else(|| ids("nobody")).context("no user to run Postgres as")?))
}
