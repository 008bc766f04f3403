//! The one task that writes spans.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    ops::Range,
    time::{Duration, Instant},
};

use tokio::sync::mpsc::UnboundedReceiver;

use super::{Batch, Job, RETRY_AFTER, prices::Prices};
use crate::{
    db::Db,
    domain::{
        id::ProjectId,
        span::{EncodedOrigin, NewSpan},
        time::Clock,
    },
    error::{Error, Result},
    store::{self, span_batch::Row},
    telemetry::{
        metrics::{self, IngestMetrics},
        traces::{self, Active, Done, Kind, SpanContext, Tracer},
    },
};

/// A transaction takes no further request once it holds this many spans, or this many bytes: larger ones gain nothing.
const MAX_SPANS: usize = 2_000;
const MAX_BYTES: usize = 8 << 20;
/// With fewer spans than this at hand, a transaction waits for the requests that came with the last one to come again.
const FEW_SPANS: usize = 512;
/// How long it waits for the next of them: about what the answer needs to reach a client and its next request to come
/// back, and less than a commit costs.
const COMPANY_PATIENCE: Duration = Duration::from_millis(1);
/// Row ids are taken in blocks of this many.
const ID_BLOCK: i64 = 20_000;
/// Origins that are remembered as stored.
const KNOWN_ORIGINS: usize = 10_000;

/// What one transaction will hold.
#[derive(Default)]
struct Gathered {
    jobs: Vec<Job>,
    spans: usize,
    bytes: usize,
}

impl Gathered {
    fn add(&mut self, job: Job) {
        self.spans += job.spans;
        self.bytes += weight(&job);
        self.jobs.push(job);
    }
}

pub(super) struct Writer {
    db: Db,
    clock: Clock,
    shard: i16,
    ids: Range<i64>,
    known_origins: HashSet<(ProjectId, i64)>,
    /// Requests that came with the last transaction, or while it was committed.
    company: usize,
    prices: Prices,
    metrics: IngestMetrics,
    tracer: Option<Tracer>,
}

impl Writer {
    pub(super) fn new(db: Db, clock: Clock, prices: Prices, metrics: IngestMetrics, tracer: Option<Tracer>) -> Self {
        // On Postgres several processes write; each adds to statistics rows of its own.
        let shard = match db {
            Db::Sqlite { .. } => 0,
            Db::Postgres(_) => i16::from(crate::domain::secret::random_bytes::<1>()[0]),
        };
        Self { db, clock, shard, ids: 0..0, known_origins: HashSet::new(), company: 1, prices, metrics, tracer }
    }

    pub(super) async fn run(mut self, mut queue: UnboundedReceiver<Job>) {
        while let Some(first) = queue.recv().await {
            let mut gathered = Gathered::default();
            gathered.add(first);
            self.gather(&mut gathered, &mut queue).await;
            let requests = gathered.jobs.len();
            self.commit(gathered.jobs, gathered.spans).await;
            self.company = requests + queue.len();
        }
        tracing::debug!("every queued span is committed");
    }

    /// Takes what is queued. Of senders that wait for each answer before they send again, half would come too late for
    /// every commit; so when there are few spans, those that were there last time are waited for, as long as they come.
    async fn gather(&mut self, gathered: &mut Gathered, queue: &mut UnboundedReceiver<Job>) {
        while gathered.spans < MAX_SPANS && gathered.bytes < MAX_BYTES {
            if let Ok(job) = queue.try_recv() {
                gathered.add(job);
                continue;
            }
            if gathered.jobs.len() >= self.company || gathered.spans >= FEW_SPANS {
                return;
            }
            match tokio::time::timeout(COMPANY_PATIENCE, queue.recv()).await {
                Ok(Some(job)) => gathered.add(job),
                Ok(None) | Err(_) => return,
            }
        }
    }

    async fn commit(&mut self, jobs: Vec<Job>, spans: usize) {
        let started = Instant::now();
        let requests: Vec<SpanContext> = jobs.iter().filter_map(|job| job.trace).collect();
        let span = self.begin_span(&requests);
        let outcome = self.write(jobs.iter().flat_map(|job| &job.batches)).await;
        if let Some(span) = span {
            span.end(self.describe(&requests, spans, jobs.len(), &outcome));
        }
        match outcome {
            Ok(new) => {
                self.count(spans, new, jobs.len(), started);
                tracing::debug!(
                    spans,
                    new,
                    requests = jobs.len(),
                    elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
                    "committed"
                );
                for job in jobs {
                    // A sender that is gone has lost its answer, not its spans.
                    let _ = job.reply.send(Ok(()));
                }
            }
            Err(error) if jobs.len() > 1 && matches!(error, Error::Internal(_)) => {
                // Something in one of them cannot be stored: the others must not suffer for it.
                tracing::warn!(error = %cause(&error), "batch failed; its requests are tried one by one");
                for job in jobs {
                    let started = Instant::now();
                    let outcome = self.write(job.batches.iter()).await;
                    match &outcome {
                        Ok(new) => self.count(job.spans, *new, 1, started),
                        Err(_) => metrics::add(&self.metrics.failed, job.spans),
                    }
                    let _ = job.reply.send(outcome.map(|_| ()));
                }
            }
            Err(error) => {
                tracing::error!(error = %cause(&error), spans, "batch not stored");
                metrics::add(&self.metrics.failed, spans);
                let unavailable = matches!(error, Error::Unavailable { .. });
                for job in jobs {
                    let _ = job.reply.send(Err(if unavailable {
                        Error::Unavailable { detail: "The database is unreachable", retry_after: RETRY_AFTER }
                    } else {
                        Error::internal(cause(&error))
                    }));
                }
            }
        }
    }

    /// Begins the span of a transaction, below that of the first request which makes one.
    fn begin_span(&self, requests: &[SpanContext]) -> Option<Active> {
        Some(self.tracer.as_ref()?.below(*requests.first()?, self.clock.now()))
    }

    fn describe(&self, requests: &[SpanContext], spans: usize, jobs: usize, outcome: &Result<usize>) -> Done {
        let mut attributes = vec![
            traces::text("db.system.name", self.db.engine().to_lowercase()),
            traces::number("phoenix.spans", spans),
            traces::number("phoenix.requests", jobs),
        ];
        attributes.extend(outcome.as_ref().ok().map(|new| traces::number("phoenix.new_spans", *new)));
        Done {
            name: "commit spans".to_owned(),
            kind: Kind::Internal,
            attributes,
            // Some requests of many tell enough, and a span stays small.
            links: requests.iter().skip(1).take(32).copied().collect(),
            error: outcome.as_ref().err().map(cause),
        }
    }

    fn count(&self, spans: usize, new: usize, requests: usize, started: Instant) {
        let counted = &self.metrics;
        metrics::add(&counted.accepted, spans);
        metrics::add(&counted.duplicates, spans.saturating_sub(new));
        metrics::observe(&counted.batch_spans, spans);
        metrics::observe(&counted.batch_requests, requests);
        counted.commit_seconds.observe(started.elapsed().as_secs_f64());
        counted.last_success.set(self.clock.now().unix_seconds());
    }

    async fn write<'b>(&mut self, batches: impl Iterator<Item = &'b Batch> + Clone) -> Result<usize> {
        let total: usize = batches.clone().map(|b| b.spans.len()).sum();
        self.take_ids(total).await?;
        let prices = self.prices.table();
        let mut tx = self.db.begin().await?;
        let names: BTreeSet<&str> = batches.clone().map(|b| b.project.as_str()).collect();
        let projects = store::projects::find_or_add_all(tx.conn(), &names, self.clock.now()).await?;
        let mut rows: Vec<Row<'b>> = Vec::with_capacity(total);
        let mut origins: BTreeMap<(ProjectId, i64), &EncodedOrigin> = BTreeMap::new();
        for batch in batches {
            let project_id = *projects
                .get(&batch.project)
                .ok_or_else(|| Error::internal(format!("project {} is neither there nor made", batch.project)))?;
            for span in &batch.spans {
                let key = (project_id, span.origin.id);
                if !self.known_origins.contains(&key) {
                    origins.insert(key, &span.origin);
                }
                let id = self.ids.next().ok_or_else(|| Error::internal("row ids ran out within a batch"))?;
                rows.push(Row { id, project_id, span, cost: prices.cost(span) });
            }
        }
        if !origins.is_empty() {
            store::span_batch::insert_origins(tx.conn(), &origins).await?;
        }
        let new = store::span_batch::insert(tx.conn(), rows, self.shard).await?;
        tx.commit().await?;
        if self.known_origins.len() + origins.len() > KNOWN_ORIGINS {
            self.known_origins.clear();
        }
        self.known_origins.extend(origins.into_keys());
        Ok(new)
    }

    /// Makes sure that one contiguous range of row ids is at hand for a batch.
    async fn take_ids(&mut self, count: usize) -> Result<()> {
        let count = i64::try_from(count).map_err(Error::internal)?;
        if self.ids.end - self.ids.start < count {
            let mut tx = self.db.begin().await?;
            let block = store::deployment::take_span_ids(tx.conn(), count.max(ID_BLOCK)).await?;
            tx.commit().await?;
            self.ids = block;
        }
        Ok(())
    }
}

fn weight(job: &Job) -> usize {
    job.batches.iter().flat_map(|b| &b.spans).map(NewSpan::weight).sum()
}

/// Returns the text of an error and its causes, for the log.
fn cause(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
