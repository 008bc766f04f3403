//! phoenix-server beside Arize Phoenix: a load generator that starts both, one after the other, and prints a table.
//!
//! `cargo bench --bench peer -- --help` tells the options; `make bench` runs everything. Both servers run with
//! authentication on, as separate processes on loopback, on databases of their own, with the settings they come with.
//! The generator runs on the same machine; its own share of the processor is in the notes of the table.

mod access;
mod bare_handler;
mod bare_insert;
mod grpc;
mod http;
mod ingest;
mod lifecycle;
mod login;
mod page;
mod payload;
mod platform;
mod postgres;
mod process;
mod report;
mod settings;
mod stats;
mod subject;

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, Result};
use clap::Parser as _;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::{
    postgres::Cluster,
    report::Book,
    settings::{Engine, Scenario, Settings, SubjectKind},
    subject::{PEER_VERSION, Place, Subject},
};

#[tokio::main]
async fn main() -> Result<()> {
    let settings = Settings::parse();
    if let Some(address) = settings.bare_handler {
        let body = std::env::var_os(bare_handler::BODY).unwrap_or_default();
        return bare_handler::serve(address, serde_json::from_slice(body.as_encoded_bytes())?).await;
    }
    tokio::select! {
        done = run(&settings) => done,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
    }
}

async fn run(settings: &Settings) -> Result<()> {
    let subjects = settings.subjects.iter().map(|kind| Subject::find(*kind, settings)).collect::<Result<Vec<_>>>()?;
    let mut machine = report::machine()?;
    machine.push(("ours".to_owned(), concat!("phoenix-server ", env!("CARGO_PKG_VERSION")).to_owned()));
    machine.push(("peer".to_owned(), format!("Arize Phoenix {PEER_VERSION}")));
    let mut book = Book::default();
    for engine in &settings.engines {
        let root = TempDir::with_prefix("phoenix-bench-")?;
        let cluster = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(Arc::new(Cluster::start(settings.postgres.as_deref(), root.path()).await?)),
        };
        if let Some(cluster) = &cluster {
            machine.push(("Postgres".to_owned(), format!("{}, as initdb sets it up", cluster.version)));
        }
        for subject in &subjects {
            eprintln!("{:?} on {engine}", subject.kind);
            // One that fails or hangs does not take the figures of the others with it.
            let measuring = measure(subject, *engine, root.path(), cluster.as_ref(), settings, &mut book);
            let done = tokio::time::timeout(settings.patience(), measuring).await;
            if let Err(error) = done.unwrap_or_else(|_| Err(anyhow::anyhow!("took too long"))) {
                eprintln!("{error:#}");
                book.failures.push(format!("{:?} on {engine}: {error:#}", subject.kind));
            }
        }
        if let Some(cluster) = cluster {
            Arc::into_inner(cluster).context("a server still holds the cluster")?.stop().await?;
        }
        root.close()?;
    }
    let out = match &settings.out {
        Some(given) => given.clone(),
        None => Settings::target_dir()?.join("bench"),
    };
    book.publish(&machine, settings, &out)
}

/// Measures one server on one engine.
async fn measure(
    subject: &Subject,
    engine: Engine,
    root: &Path,
    cluster: Option<&Arc<Cluster>>,
    settings: &Settings,
    book: &mut Book,
) -> Result<()> {
    let name = |what: &str| format!("{what}_{:?}", subject.kind).to_lowercase();
    let mut starts = lifecycle::Starts::default();
    if settings.wants(Scenario::Page) {
        let place = Place::fresh(root, &name("page"), cluster).await?;
        let (fresh, filled) = page::run(subject, &place, engine, settings, book).await?;
        starts.fresh.push(fresh);
        starts.existing.push(filled);
    }

    if settings.wants(Scenario::Platform) && subject.kind == SubjectKind::Ours {
        platform::run(subject, root, cluster, engine, settings, book).await?;
    }

    let place = Place::fresh(root, &name("load"), cluster).await?;
    let mut server = subject.start(&place).await?;
    starts.fresh.push(server.cold_start.as_secs_f64() * 1e3);
    if settings.wants(Scenario::Start) {
        lifecycle::idle_memory(&server, engine, book).await?;
    }
    if settings.wants(Scenario::Access) {
        access::run(&server, engine, settings, book).await?;
        if subject.kind == SubjectKind::Ours {
            bare_handler::run(&server, engine, settings, book).await?;
        }
    }
    if settings.wants(Scenario::Login) {
        login::run(&server, engine, settings, book).await?;
    }
    if settings.wants(Scenario::Ingest) {
        let empty = place.size().await?;
        let ingested = ingest::run(&server, engine, settings, book).await?;
        lifecycle::peak_memory(&server, engine, book)?;
        lifecycle::disk(&server, &place, engine, ingested.spans, empty, book).await?;
        if subject.kind == SubjectKind::Ours {
            let place = Place::fresh(root, "bare", cluster).await?;
            if let Err(error) = bare_insert::run(&place, engine, ingested.bulk, settings, book).await {
                book.failures.push(format!("bare inserts on {engine}: {error:#}"));
            }
        }
    }
    if settings.wants(Scenario::Durability) {
        for signal in [Signal::TERM, Signal::KILL] {
            server = lifecycle::durability(subject, server, &place, signal, engine, settings, book).await?;
            starts.existing.push(server.cold_start.as_secs_f64() * 1e3);
        }
    }
    server.stop(Signal::TERM).await?;

    if settings.wants(Scenario::Start) {
        for number in starts.fresh.len()..settings.cold_starts() {
            let place = Place::fresh(root, &name(&format!("start{number}")), cluster).await?;
            let server = subject.start(&place).await?;
            starts.fresh.push(server.cold_start.as_secs_f64() * 1e3);
            server.stop(Signal::TERM).await?;
        }
        starts.enter(subject.kind, engine, book);
    }
    Ok(())
}
