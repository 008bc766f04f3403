//! What to run, from the command line or the environment.

use std::{fmt, path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};

/// A server under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SubjectKind {
    /// phoenix-server.
    Ours,
    /// Arize Phoenix.
    Peer,
}

/// A database engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Engine {
    /// SQLite, in the server's working folder.
    Sqlite,
    /// Postgres, in a throw-away cluster.
    Postgres,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "Postgres",
        })
    }
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Durable ingest, peak memory and disk bytes per span.
    Ingest,
    /// First page of spans in a large project.
    Page,
    /// Authenticated trivial request.
    Access,
    /// What limits, usage and access log cost, and many keys.
    Platform,
    /// Logins by password, and ingest beside a flood of them.
    Login,
    /// Cold start and idle memory.
    Start,
    /// Acknowledged spans that are gone after SIGTERM and SIGKILL.
    Durability,
}

/// Starts phoenix-server and Arize Phoenix one after the other and prints how they compare.
#[derive(Clone, Debug, Parser)]
#[command(name = "peer")]
pub(crate) struct Settings {
    /// Fewer cells, shorter runs, a smaller database: for trying things out, not for publishing.
    #[arg(long, env = "PHOENIX_BENCH_QUICK", value_parser = clap::builder::BoolishValueParser::new())]
    pub(crate) quick: bool,
    /// Servers to run.
    #[arg(long, env = "PHOENIX_BENCH_SUBJECTS", value_delimiter = ',', default_values = ["ours", "peer"])]
    pub(crate) subjects: Vec<SubjectKind>,
    /// Databases to run them on.
    #[arg(long, env = "PHOENIX_BENCH_ENGINES", value_delimiter = ',', default_values = ["sqlite", "postgres"])]
    pub(crate) engines: Vec<Engine>,
    /// Scenarios to run.
    #[arg(
        long,
        env = "PHOENIX_BENCH_SCENARIOS",
        value_delimiter = ',',
        default_values = ["ingest", "page", "access", "platform", "login", "start", "durability"]
    )]
    pub(crate) scenarios: Vec<Scenario>,
    /// Binary of phoenix-server [default: the release binary in the target folder].
    #[arg(long, env = "PHOENIX_BENCH_BINARY")]
    pub(crate) binary: Option<PathBuf>,
    /// Command of the peer [default: installed from `PyPI` into a virtual environment in the target folder].
    #[arg(long, env = "PHOENIX_BENCH_PEER")]
    pub(crate) peer: Option<PathBuf>,
    /// Folder of Postgres' own programs [default: found].
    #[arg(long, env = "PHOENIX_BENCH_POSTGRES")]
    pub(crate) postgres: Option<PathBuf>,
    /// Folder for the report [default: `bench` in the target folder].
    #[arg(long, env = "PHOENIX_BENCH_OUT")]
    pub(crate) out: Option<PathBuf>,
    /// Given by `cargo bench`; means nothing here.
    #[arg(long, hide = true)]
    pub(crate) bench: bool,
    /// Be the bare handler at this address instead: the benchmark starts itself so.
    #[arg(long, hide = true)]
    pub(crate) bare_handler: Option<std::net::SocketAddr>,
}

impl Settings {
    /// Whether a scenario was asked for.
    pub(crate) fn wants(&self, scenario: Scenario) -> bool {
        self.scenarios.contains(&scenario)
    }

    /// Returns the cargo target folder that this program was built into.
    pub(crate) fn target_dir() -> anyhow::Result<PathBuf> {
        let program = std::env::current_exe()?;
        let found = program.ancestors().find(|dir| dir.join("CACHEDIR.TAG").exists());
        found.map(PathBuf::from).ok_or_else(|| anyhow::anyhow!("this program is not in a cargo target folder"))
    }

    /// How often a figure of ours is taken.
    pub(crate) fn repeats(&self) -> usize {
        if self.quick { 1 } else { 3 }
    }

    /// How long one ingest cell of a server that acknowledges durably lasts.
    pub(crate) fn ingest_time(&self) -> Duration {
        Duration::from_millis(if self.quick { 1_500 } else { 1_000 })
    }

    /// How long one series of trivial requests lasts.
    pub(crate) fn access_time(&self) -> Duration {
        Duration::from_millis(if self.quick { 1_500 } else { 3_000 })
    }

    /// Spans in the database of the page scenario.
    pub(crate) fn page_spans(&self) -> u64 {
        if self.quick { 10_000 } else { 100_000 }
    }

    /// Spans that are acknowledged before a server is stopped.
    pub(crate) fn durability_spans(&self) -> u64 {
        if self.quick { 2_048 } else { 8_192 }
    }

    /// How long one server may take on one engine, all in all.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_mins(if self.quick { 6 } else { 15 })
    }

    /// Cold starts on a fresh database.
    pub(crate) fn cold_starts(&self) -> usize {
        if self.quick { 1 } else { 3 }
    }
}
