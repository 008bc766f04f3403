//! What is remembered of requests: the access log and the usage of keys.
//!
//! A request that is over is counted in memory and put into a bounded queue, and neither waits for anything: some sums
//! under a lock that nobody holds for longer than that, and one send. One task writes what has gathered, once a second
//! or when there is much, in one transaction: one statement for the log and one for each table of sums. When the queue
//! is full a record is dropped, and a warning at most once a minute says how many; the sums are not affected. When the
//! database does not answer, both are kept, the log up to a bound, and written later. At stop the task writes what is
//! left: it ends when the last [`Recorder`] is gone.
//!
//! A crash loses the last second of both. No secret is written: see [`redact`].

mod counters;
pub mod geo;
mod redact;
mod writer;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use secrecy::SecretString;
use tokio::sync::{mpsc, oneshot};

use crate::{db::Db, domain::access::Access};
use counters::Counters;
use geo::Geography;

/// Records that may wait.
const QUEUE: usize = 10_000;

/// What is remembered.
#[derive(Debug, Default)]
pub struct Options {
    /// Whether there is an access log; the usage of keys is counted in any case.
    pub log: bool,
    /// Where addresses lie.
    pub geography: Option<Geography>,
    /// Texts that are never written, beside everything that looks like a key or a token.
    pub secrets: Vec<SecretString>,
}

enum Message {
    Record(Box<Access>),
    Flush(oneshot::Sender<()>),
}

#[derive(Debug, Default)]
struct Shared {
    counters: Counters,
    dropped: AtomicU64,
}

/// The way into both; cheap to clone.
#[derive(Clone, Debug)]
pub struct Recorder {
    queue: mpsc::Sender<Message>,
    shared: Arc<Shared>,
    log: bool,
}

impl Recorder {
    /// Starts the task. It ends, everything written, when the last recorder is gone.
    #[must_use]
    pub fn start(db: Db, options: Options) -> (Self, tokio::task::JoinHandle<()>) {
        let (queue, receiver) = mpsc::channel(QUEUE);
        let shared = Arc::new(Shared::default());
        let log = options.log;
        let writer = writer::Writer::new(db, options, Arc::clone(&shared));
        #[expect(
            clippy::disallowed_methods,
            reason = "the writer outlives every tracked task; its handle is awaited at stop"
        )]
        let task = tokio::spawn(writer.run(receiver));
        (Self { queue, shared, log }, task)
    }

    /// Remembers a request that is over. Never waits.
    pub fn record(&self, access: Access) {
        self.shared.counters.count(&access);
        if self.log && self.queue.try_send(Message::Record(Box::new(access))).is_err() {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns when everything that was remembered before is written, or could not be.
    pub async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.queue.send(Message::Flush(done)).await.is_ok() {
            let _ = wait.await;
        }
    }
}
