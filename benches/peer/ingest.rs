//! Durable ingest: spans per second from the first byte until all of them are readable.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use bytes::Bytes;
use http::StatusCode;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use phoenix_server::domain::time::Clock;
use prost::Message as _;
use rand::{SeedableRng as _, rngs::SmallRng};
use tokio::task::JoinSet;
use tonic::Code;

use crate::{
    grpc::TraceService,
    http::{Connection, text},
    payload::{Generator, Template},
    process::own_cpu,
    report::{Book, Group, Target, Unit},
    settings::{Engine, Settings, SubjectKind},
    stats::{Sample, millis, percentile, real},
    subject::{Server, export},
};

/// How a span travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// OTLP over HTTP, protobuf.
    Http,
    /// OTLP over gRPC.
    Grpc,
}

/// One way of sending: transport, spans in a request, requests at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Transport.
    pub(crate) transport: Transport,
    /// Spans in a request.
    pub(crate) batch: usize,
    /// Requests at once, each on a connection of its own.
    pub(crate) concurrency: usize,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match self.transport {
            Transport::Http => "HTTP",
            Transport::Grpc => "gRPC",
        };
        write!(f, "{transport}, batches of {}, {} at once", self.batch, self.concurrency)
    }
}

impl Cell {
    /// Returns the cells of a run.
    fn all(quick: bool) -> Vec<Self> {
        let cell = |transport, batch, concurrency| Self { transport, batch, concurrency };
        if quick {
            return vec![
                cell(Transport::Http, 1, 1),
                cell(Transport::Http, 1, 32),
                cell(Transport::Http, 50, 8),
                cell(Transport::Http, 512, 8),
                cell(Transport::Grpc, 50, 8),
            ];
        }
        let mut cells = Vec::new();
        for transport in [Transport::Http, Transport::Grpc] {
            for batch in [1, 50, 512] {
                cells.extend([1, 8, 32].map(|concurrency| cell(transport, batch, concurrency)));
            }
        }
        cells
    }

    /// Returns how much faster than the peer we want to be.
    fn target(&self) -> Target {
        Target::TimesPeer(if self.batch > 1 || self.concurrency >= 8 { 100.0 } else { 10.0 })
    }

    /// How much to send to the peer, which stores less than a hundred spans a second.
    fn peer_spans(&self, quick: bool) -> u64 {
        let spans = match self.batch {
            1 => 300,
            50 => 500,
            _ => 1_024,
        };
        if quick { spans / 3 } else { spans }
    }
}

/// When to stop sending.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    /// After a while.
    Time(Duration),
    /// After this many spans, rounded up to whole requests.
    Spans(u64),
}

/// What was sent, and acknowledged.
#[derive(Debug)]
pub(crate) struct Sent {
    /// Spans that were acknowledged.
    pub(crate) spans: u64,
    /// When the first byte went out.
    pub(crate) began: Instant,
    /// When the last acknowledgement came in.
    pub(crate) acked: Instant,
    /// How long each request took.
    pub(crate) latencies: Vec<Duration>,
    /// Bytes of a span on the wire.
    pub(crate) span_size: usize,
    /// Processor time that the sending took here, in seconds.
    pub(crate) generator: f64,
}

enum Sender {
    Http(Connection),
    Grpc(TraceService),
}

impl Sender {
    async fn open(server: &Server, transport: Transport) -> Result<Self> {
        Ok(match transport {
            Transport::Http => Self::Http(server.connect().await?),
            Transport::Grpc => Self::Grpc(TraceService::open(server.grpc_port, server.credential()?.value()).await?),
        })
    }

    /// Sends until the request is taken; a server may refuse when its queue is full.
    async fn export(&mut self, message: Bytes) -> Result<()> {
        loop {
            let answer = match self {
                Self::Http(conn) => match export(conn, message.clone()).await? {
                    (StatusCode::OK, body) => Some(body),
                    (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, _) => None,
                    (status, body) => anyhow::bail!("POST /v1/traces: {status} {}", text(&body)),
                },
                Self::Grpc(service) => match service.export(message.clone()).await {
                    Ok(body) => Some(body),
                    Err(status) if matches!(status.code(), Code::Unavailable | Code::ResourceExhausted) => None,
                    Err(status) => return Err(status.into()),
                },
            };
            if let Some(body) = answer {
                let rejected =
                    ExportTraceServiceResponse::decode(body)?.partial_success.map_or(0, |p| p.rejected_spans);
                ensure!(rejected == 0, "{rejected} spans were rejected");
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Sends spans of a project.
pub(crate) async fn send(server: &Server, cell: Cell, project: &str, bound: Bound) -> Result<Sent> {
    // Enough different requests that no cache sees the same text twice in a row; a few MB at most.
    let variants = (2_048 / cell.batch).clamp(4, 64);
    let mut generator = Generator::new(7);
    let templates: Arc<[Template]> =
        (0..variants).map(|_| Template::new(&mut generator, project, cell.batch)).collect::<Result<_>>()?;
    let span_size = templates.iter().map(Template::span_size).sum::<usize>() / variants;
    let mut senders = Vec::new();
    for _ in 0..cell.concurrency {
        senders.push(Sender::open(server, cell.transport).await?);
    }
    let tickets = Arc::new(AtomicU64::new(0));
    let mut workers = JoinSet::new();
    let cpu = own_cpu()?;
    let began = Instant::now();
    for mut sender in senders {
        let (tickets, templates) = (Arc::clone(&tickets), Arc::clone(&templates));
        let mut random = SmallRng::from_os_rng();
        workers.spawn(async move {
            let clock = Clock::system();
            let (mut spans, mut latencies) = (0, Vec::new());
            loop {
                let ticket = tickets.fetch_add(1, Ordering::Relaxed);
                let more = match bound {
                    Bound::Time(time) => began.elapsed() < time,
                    Bound::Spans(wanted) => ticket * (cell.batch as u64) < wanted,
                };
                if !more {
                    return anyhow::Ok((spans, latencies, Instant::now()));
                }
                let template = &templates[usize::try_from(ticket)? % templates.len()];
                let message = template.fill(&mut random, u64::try_from(clock.now().0)?);
                let sent = Instant::now();
                sender.export(message).await?;
                latencies.push(sent.elapsed());
                spans += template.spans();
            }
        });
    }
    let mut sent = Sent { spans: 0, began, acked: began, latencies: Vec::new(), span_size, generator: 0.0 };
    while let Some(done) = workers.join_next().await {
        let (spans, latencies, acked) = done??;
        sent.spans += spans;
        sent.latencies.extend(latencies);
        sent.acked = sent.acked.max(acked);
    }
    sent.generator = own_cpu()? - cpu;
    Ok(sent)
}

/// What the cells left behind.
#[derive(Debug)]
pub(crate) struct Ingested {
    /// Spans that the server now holds.
    pub(crate) spans: u64,
    /// Spans per second of batches under concurrency, which bare inserts are a yardstick for.
    pub(crate) bulk: Vec<(Cell, Sample)>,
}

/// Measures every cell.
pub(crate) async fn run(server: &Server, engine: Engine, settings: &Settings, book: &mut Book) -> Result<Ingested> {
    let warm_up = Cell { transport: Transport::Http, batch: 50, concurrency: 1 };
    let sent = send(server, warm_up, "warm-up", Bound::Spans(50)).await?;
    let mut bulk = Vec::new();
    let (mut total, _) = server.settle("warm-up", sent.spans, sent.acked).await?;
    for (number, cell) in Cell::all(settings.quick).into_iter().enumerate() {
        let (bound, repeats) = match server.kind {
            SubjectKind::Ours => (Bound::Time(settings.ingest_time()), settings.repeats()),
            SubjectKind::Peer => (Bound::Spans(cell.peer_spans(settings.quick)), 1),
        };
        let mut rates = Vec::new();
        let (mut spans, mut readable, mut generator, mut processor, mut seconds) = (0, 0, 0.0, 0.0, 0.0);
        let mut latencies = Vec::new();
        let mut span_size = 0;
        for repeat in 0..repeats {
            let project = format!("cell-{number}-{repeat}");
            let used = server.process.cpu()?;
            let sent = send(server, cell, &project, bound).await?;
            generator += sent.generator;
            seconds += (sent.acked - sent.began).as_secs_f64();
            let at_last_ack = server.process.cpu()?;
            let (count, all) = server.settle(&project, sent.spans, sent.acked).await?;
            // A server that still stores after its last answer is charged for that too; one that does not is not
            // charged for being read.
            processor += if all > sent.acked { server.process.cpu()? } else { at_last_ack } - used;
            rates.push(real(count) / (all - sent.began).as_secs_f64());
            spans += sent.spans;
            readable += count;
            latencies.extend(millis(&sent.latencies));
            span_size = sent.span_size;
        }
        total += readable;
        let mut note = format!(
            "{spans} spans of {span_size} B, {:.0} µs of server CPU each, answer p50 {:.1} ms, generator {:.0} % of a core",
            processor * 1e6 / real(spans.max(1)),
            percentile(&latencies, 50).unwrap_or_default(),
            100.0 * generator / seconds,
        );
        if readable < spans {
            note = format!("{} LOST; {note}", spans - readable);
        }
        if cell.batch > 1 && cell.concurrency > 1 {
            bulk.push((cell, Sample::of(rates.clone())));
        }
        let sample = Sample::of(rates).note(note);
        book.set(Group::Ingest, engine, cell, Unit::SpansPerSecond, cell.target(), server.kind, sample);
    }
    Ok(Ingested { spans: total, bulk })
}
