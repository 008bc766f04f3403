//! The real binary, as a process with sockets.

use std::{
    fs::File,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

use super::app::{ADMIN_SECRET, Engine, SECRET, postgres_url};

pub struct Process {
    pub child: Child,
    pub port: u16,
    pub grpc_port: u16,
    log: PathBuf,
}

/// A port that nobody else is given: below the range that the system hands out, and each once in this test program.
fn free_port() -> u16 {
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 16_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Two programs that run at once begin at different places.
    let start = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap();
    loop {
        let port = FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The binary with a clean environment: nothing but its variables.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phoenix-server"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

impl Process {
    /// Starts a server with authentication on and waits until it is ready.
    pub async fn start(engine: Engine, dir: &Path, schema: &str) -> Self {
        Self::start_with(engine, dir, schema, &[]).await
    }

    /// Starts it with further variables.
    pub async fn start_with(engine: Engine, dir: &Path, schema: &str, environment: &[(&str, &str)]) -> Self {
        Self::start_logging(engine, dir, schema, environment, None).await
    }

    /// Starts it with its log going somewhere else.
    pub async fn start_logging(
        engine: Engine,
        dir: &Path,
        schema: &str,
        environment: &[(&str, &str)],
        elsewhere: Option<Stdio>,
    ) -> Self {
        let (port, grpc_port) = (free_port(), free_port());
        let log = dir.join(format!("server-{port}.log"));
        let mut command = command(&["serve"]);
        command
            .env("PHOENIX_HOST", "127.0.0.1")
            .env("PHOENIX_PORT", port.to_string())
            .env("PHOENIX_GRPC_PORT", grpc_port.to_string())
            .env("PHOENIX_WORKING_DIR", dir)
            .env("PHOENIX_ENABLE_AUTH", "true")
            .env("PHOENIX_SECRET", SECRET)
            .env("PHOENIX_ADMIN_SECRET", ADMIN_SECRET)
            .envs(environment.iter().copied())
            .stdout(File::create(log.with_extension("out")).unwrap())
            .stderr(elsewhere.unwrap_or_else(|| File::create(&log).unwrap().into()));
        if engine == Engine::Postgres {
            command.env("PHOENIX_SQL_DATABASE_URL", postgres_url()).env("PHOENIX_SQL_DATABASE_SCHEMA", schema);
        }
        let mut process = Self { child: command.spawn().unwrap(), port, grpc_port, log };
        let deadline = Instant::now() + Duration::from_mins(1);
        // Over TLS an answer that asks for it is as good: the listeners open when all else is ready.
        let over_tls =
            environment.iter().any(|(name, value)| name.starts_with("PHOENIX_TLS_ENABLED") && *value == "true");
        let is_ready = |status: u16| status == 200 || over_tls && status == 400;
        while !reqwest::get(process.url("/readyz")).await.is_ok_and(|r| is_ready(r.status().as_u16())) {
            let ended = process.child.try_wait().unwrap();
            assert!(ended.is_none(), "ended with {ended:?}: {}", process.log());
            assert!(Instant::now() < deadline, "not ready in time: {}", process.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        process
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// What the server has said on its standard output.
    pub fn summary(&self) -> String {
        std::fs::read_to_string(self.log.with_extension("out")).unwrap()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Ends the process at once, as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the process to stop and returns whether it ended well.
    pub fn terminate(&mut self) -> bool {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap().success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
