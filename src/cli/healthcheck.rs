//! Ask a running server on this machine whether it is alive: for container health checks, without any other program.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::config::Config;

pub(super) async fn run(config: Config) -> Result<()> {
    let host = match config.http.host.as_str() {
        "0.0.0.0" | "" => "127.0.0.1",
        "::" | "[::]" => "::1",
        other => other,
    };
    let port = config.http.port;
    let answer = tokio::time::timeout(Duration::from_secs(5), ask(host, port))
        .await
        .context("no answer within five seconds")?
        .with_context(|| format!("no answer from {host}:{port}"))?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "not healthy: {}", answer.lines().next().unwrap_or_default());
    Ok(())
}

async fn ask(host: &str, port: u16) -> Result<String> {
    let mut stream = TcpStream::connect((host, port)).await?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.take(4_096).read_to_string(&mut answer).await?;
    Ok(answer)
}
