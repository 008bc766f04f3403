//! A server as a process: how it starts, what it needs, what it leaves on disk, what it loses when it is stopped.

use std::time::Duration;

use anyhow::Result;
use rustix::process::Signal;

use crate::{
    ingest::{Bound, Cell, Transport, send},
    report::{Book, Group, Target, Unit},
    settings::{Engine, Settings, SubjectKind},
    stats::{Sample, real},
    subject::{Place, Server, Subject},
};

/// Cold starts, in milliseconds from exec to the first 200 on `/healthz`.
#[derive(Debug, Default)]
pub(crate) struct Starts {
    /// With an empty database.
    pub(crate) fresh: Vec<f64>,
    /// With one that holds spans.
    pub(crate) existing: Vec<f64>,
}

impl Starts {
    /// Enters what was gathered on the way.
    pub(crate) fn enter(self, kind: SubjectKind, engine: Engine, book: &mut Book) {
        for (what, values) in [("fresh", self.fresh), ("existing", self.existing)] {
            if !values.is_empty() {
                let what = format!("cold start, {what} database");
                let target = Target::TimesPeer(100.0);
                book.set(Group::Process, engine, what, Unit::Millis, target, kind, Sample::of(values));
            }
        }
    }
}

/// Resident memory five seconds after the start.
pub(crate) async fn idle_memory(server: &Server, engine: Engine, book: &mut Book) -> Result<()> {
    tokio::time::sleep(Duration::from_secs(5).saturating_sub(server.process.started.elapsed())).await;
    let sample = Sample::once(server.process.memory("VmRSS")?);
    let target = Target::TimesPeer(15.0);
    book.set(Group::Process, engine, "idle memory, 5 s after the start", Unit::Mebibytes, target, server.kind, sample);
    Ok(())
}

/// Largest resident memory so far.
pub(crate) fn peak_memory(server: &Server, engine: Engine, book: &mut Book) -> Result<()> {
    let sample = Sample::once(server.process.memory("VmHWM")?);
    let what = "peak memory, after the ingest";
    book.set(Group::Process, engine, what, Unit::Mebibytes, Target::AtMost(200.0), server.kind, sample);
    Ok(())
}

/// Bytes on disk for each span, beyond the empty database.
pub(crate) async fn disk(
    server: &Server,
    place: &Place,
    engine: Engine,
    spans: u64,
    empty: u64,
    book: &mut Book,
) -> Result<()> {
    let size = place.size().await?.saturating_sub(empty);
    let note = format!("{spans} spans, {:.0} MB", real(size) / 1e6);
    let sample = Sample::once(real(size) / real(spans.max(1))).note(note);
    book.set(Group::Disk, engine, "a span with all its indexes", Unit::Bytes, Target::None, server.kind, sample);
    Ok(())
}

/// Sends spans, stops the server right after the last acknowledgement, starts it again and counts what is there.
pub(crate) async fn durability(
    subject: &Subject,
    server: Server,
    place: &Place,
    signal: Signal,
    engine: Engine,
    settings: &Settings,
    book: &mut Book,
) -> Result<Server> {
    let name = if signal == Signal::KILL { "SIGKILL" } else { "SIGTERM" };
    let project = format!("durability-{name}");
    let cell = Cell { transport: Transport::Http, batch: 512, concurrency: 4 };
    let sent = send(&server, cell, &project, Bound::Spans(settings.durability_spans())).await?;
    let stopped = server.stop(signal).await?;
    let server = subject.start(place).await?;
    let stored = server.count(&mut server.connect().await?, &project).await?;
    let ended =
        stopped.map_or("had to be killed".to_owned(), |t| format!("ended after {:.0} ms", t.as_secs_f64() * 1e3));
    let note = format!("{stored} of {} there, {ended}", sent.spans);
    let missing = Sample::once(real(sent.spans.saturating_sub(stored))).note(note);
    book.set(Group::Durability, engine, name, Unit::Spans, Target::AtMost(0.0), server.kind, missing);
    Ok(server)
}
