//! From decoded spans to committed rows.
//!
//! Requests wait in one bounded queue; one task takes what has gathered and commits it as one transaction, so that the
//! more requests there are, the fewer commits each costs. A request is answered after the commit that holds it. When
//! the queue is full, a request is refused and nothing of it is kept.

mod budget;
pub mod prices;
mod writer;

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

pub use budget::Reservation;
use prices::Prices;

use crate::{
    db::Db,
    domain::{span::NewSpan, time::Clock},
    error::{Error, Result},
    telemetry::{
        metrics::{self, IngestMetrics},
        traces::{SpanContext, Tracer},
    },
};

/// How long a sender is asked to wait when the queue is full.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Bounds of the queue.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Spans that may wait.
    pub spans: usize,
    /// Bytes that requests may hold, from the first byte of a body to the commit.
    pub bytes: usize,
}

/// The spans of a request that go to one project.
#[derive(Debug)]
pub struct Batch {
    /// Name of the project; made on first use.
    pub project: String,
    /// The spans.
    pub spans: Vec<NewSpan>,
}

struct Job {
    batches: Vec<Batch>,
    spans: usize,
    /// The span of the request, if it makes one.
    trace: Option<SpanContext>,
    /// Held until the job is done.
    _reservation: Reservation,
    reply: oneshot::Sender<Result<()>>,
}

/// The way to the writer; cheap to clone.
#[derive(Clone, Debug)]
pub struct IngestHandle {
    jobs: mpsc::UnboundedSender<Job>,
    budget: Arc<budget::Budget>,
    decoders: Arc<Semaphore>,
    readers: Arc<Semaphore>,
    packs: bool,
    metrics: IngestMetrics,
    prices: Prices,
}

/// Messages of unknown size that are read at once.
const READERS: usize = 8;
/// How long one waits for its turn to be read.
const READER_PATIENCE: Duration = Duration::from_secs(5);

impl IngestHandle {
    /// Starts the writer. It ends, everything committed, when the last handle is gone.
    #[must_use]
    pub fn start(
        db: Db,
        clock: Clock,
        limits: Limits,
        prices: Prices,
        tracer: Option<Tracer>,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        // The channel itself is unbounded; the budget bounds what is in it.
        let (jobs, queue) = mpsc::unbounded_channel();
        let packs = matches!(db, Db::Sqlite { .. });
        let metrics = IngestMetrics::default();
        let writer = writer::Writer::new(db, clock, prices.clone(), metrics.clone(), tracer);
        #[expect(
            clippy::disallowed_methods,
            reason = "the writer outlives every tracked task; its handle is awaited at stop"
        )]
        let task = tokio::spawn(writer.run(queue));
        let decoders = std::thread::available_parallelism().map_or(2, usize::from);
        let budget = Arc::new(budget::Budget::new(limits, metrics.clone()));
        let (decoders, readers) = (Arc::new(Semaphore::new(decoders)), Arc::new(Semaphore::new(READERS)));
        (Self { jobs, budget, decoders, readers, packs, metrics, prices }, task)
    }

    /// Returns the prices that costs of spans are computed by.
    #[must_use]
    pub fn prices(&self) -> &Prices {
        &self.prices
    }

    /// Returns what is counted here.
    #[must_use]
    pub fn metrics(&self) -> &IngestMetrics {
        &self.metrics
    }

    /// Notes for the metrics what the queue holds now.
    pub fn look_at_queue(&self) {
        self.budget.look();
    }

    /// Counts spans that were refused before they came here.
    pub fn count_rejected(&self, spans: usize) {
        metrics::add(&self.metrics.rejected, spans);
    }

    /// Returns what tells whether spans are on their way, from the first byte of a request to the commit. It does not keep
    /// the writer going.
    pub fn activity(&self) -> impl Fn() -> bool + Send + Sync + use<> {
        let budget = Arc::clone(&self.budget);
        move || budget.is_in_use()
    }

    /// Whether attributes should come [packed](NewSpan::pack): SQLite stores what it is given, and Postgres compresses
    /// rows of this size by itself and has indexes for the JSON that it can see.
    #[must_use]
    pub const fn packs(&self) -> bool {
        self.packs
    }

    /// Waits for a turn to read a message that does not say how large it is, before memory is reserved for it.
    pub async fn turn_to_read(&self) -> Result<OwnedSemaphorePermit> {
        let turn = Arc::clone(&self.readers).acquire_owned();
        match tokio::time::timeout(READER_PATIENCE, turn).await {
            Ok(turn) => turn.map_err(Error::internal),
            Err(_) => Err(Error::Unavailable {
                detail: "Server is at capacity and cannot process more requests",
                retry_after: RETRY_AFTER,
            }),
        }
    }

    /// Waits for a turn to decode a body that is not small. A request being decoded holds several times its size, so
    /// only as many are at it as there are cores to do it.
    pub async fn turn_to_decode(&self) -> Result<OwnedSemaphorePermit> {
        Arc::clone(&self.decoders).acquire_owned().await.map_err(Error::internal)
    }

    /// Reserves memory for a request before its body is read.
    #[must_use]
    pub fn reserve(&self) -> Reservation {
        Reservation::new(Arc::clone(&self.budget))
    }

    /// Stores spans; returns when they are committed.
    pub async fn submit(&self, batches: Vec<Batch>, mut reservation: Reservation) -> Result<()> {
        let spans = batches.iter().map(|b| b.spans.len()).sum();
        if spans == 0 {
            return Ok(());
        }
        let bytes = batches.iter().flat_map(|b| &b.spans).map(NewSpan::weight).sum();
        reservation.become_spans(spans, bytes)?;
        let (reply, done) = oneshot::channel();
        let trace = SpanContext::current();
        let job = Job { batches, spans, trace, _reservation: reservation, reply };
        let gone = || Error::Unavailable { detail: "The server is stopping", retry_after: RETRY_AFTER };
        self.jobs.send(job).map_err(|_| gone())?;
        done.await.map_err(|_| gone())?
    }
}
