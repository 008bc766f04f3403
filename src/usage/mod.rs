//! What is remembered of requests: the access log and the usage of keys.
//!
//! A request that is over is counted in memory and put into a bounded list, and neither waits for anything: some sums and
//! one more record, each under a lock that nobody holds for longer than that. No request wakes the task that writes: it
//! looks once a second, or is told when there is much, and writes all in one transaction, the records as one block. When
//! the list is full, or many requests of nobody known were refused within a second, a record is dropped, and a warning
//! at most once a minute says how many; the sums are not affected. When the database does not answer, both are kept,
//! the log up to a bound, and written later. At stop the task writes what is left: it ends when the last [`Recorder`]
//! is gone.
//!
//! A crash loses the last second of both. No secret is written: see the module `redact`.

mod counters;
pub mod geo;
mod redact;
mod writer;

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use secrecy::SecretString;
use tokio::sync::{mpsc, oneshot};

use crate::{
    db::Db,
    domain::{access::Access, time::UnixNanos},
};
use counters::Counters;
use geo::Geography;

/// Records that may wait to be written.
const MOST_WAITING: usize = 10_000;
/// Records that are written at once, and not when the second is over.
const MANY_WAITING: usize = 4_000;
/// Refused requests of nobody known that are written in a second.
const STRANGERS_A_SECOND: u64 = 200;

/// What is remembered.
#[derive(Debug, Default)]
pub struct Options {
    /// Whether the usage of keys is counted.
    pub usage: bool,
    /// Whether there is an access log.
    pub log: bool,
    /// Where addresses lie.
    pub geography: Option<Geography>,
    /// Texts that are never written, beside everything that looks like a key or a token.
    pub secrets: Vec<SecretString>,
}

enum Message {
    /// Much is waiting.
    Write,
    /// Write what is waiting, and say when it is done.
    Flush(oneshot::Sender<()>),
}

#[derive(Debug)]
struct Shared {
    counters: Counters,
    waiting: Mutex<Vec<Access>>,
    dropped: AtomicU64,
    strangers: Strangers,
}

impl Shared {
    /// Takes what is waiting.
    fn take(&self) -> Vec<Access> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds a record; returns how many are waiting now, or nothing when there was no room.
    fn add(&self, access: Access) -> Option<usize> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MOST_WAITING {
            return None;
        }
        waiting.push(access);
        Some(waiting.len())
    }
}

/// Refused requests of nobody known, as many as a second may bring into the log. They cost their sender nothing: without
/// a bound anyone could fill the database.
#[derive(Debug, Default)]
struct Strangers {
    second: AtomicI64,
    seen: AtomicU64,
}

impl Strangers {
    /// Whether one more has room. Two threads that meet at the turn of a second may let a few more in.
    fn admit(&self, at: UnixNanos) -> bool {
        let second = at.unix_seconds();
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.seen.store(0, Ordering::Relaxed);
        }
        self.seen.fetch_add(1, Ordering::Relaxed) < STRANGERS_A_SECOND
    }
}

/// The way into both; cheap to clone.
#[derive(Clone, Debug)]
pub struct Recorder {
    messages: mpsc::Sender<Message>,
    shared: Arc<Shared>,
    usage: bool,
    log: bool,
}

impl Recorder {
    /// Starts the task. It ends, everything written, when the last recorder is gone.
    #[must_use]
    pub fn start(db: Db, options: Options) -> (Self, tokio::task::JoinHandle<()>) {
        let (messages, receiver) = mpsc::channel(16);
        let shared = Arc::new(Shared {
            counters: Counters::new(options.geography.is_some()),
            waiting: Mutex::default(),
            dropped: AtomicU64::new(0),
            strangers: Strangers::default(),
        });
        let (usage, log) = (options.usage, options.log);
        let writer = writer::Writer::new(db, options, Arc::clone(&shared));
        #[expect(
            clippy::disallowed_methods,
            reason = "the writer outlives every tracked task; its handle is awaited at stop"
        )]
        let task = tokio::spawn(writer.run(receiver));
        (Self { messages, shared, usage, log }, task)
    }

    /// Remembers a request that is over. Never waits.
    pub fn record(&self, access: Access) {
        let is_admitted = access.actor.is_admitted();
        if is_admitted && self.usage {
            self.shared.counters.count(&access);
        }
        if !self.log {
            return;
        }
        let has_room = is_admitted || self.shared.strangers.admit(access.at);
        match has_room.then(|| self.shared.add(access)).flatten() {
            // When as many messages wait, one more would tell nothing new.
            Some(MANY_WAITING) => drop(self.messages.try_send(Message::Write)),
            Some(_) => {}
            None => drop(self.shared.dropped.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// Returns when everything that was remembered before is written, or could not be.
    pub async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.messages.send(Message::Flush(done)).await.is_ok() {
            let _ = wait.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        db::{on, testing::db_test},
        domain::{
            access::{AccessFilter, Actor},
            api_key::KeyKind,
            id::{ApiKeyId, UserId},
            page::{Order, PageRequest},
        },
        store,
    };

    fn access(actor: Actor) -> Access {
        Access {
            at: UnixNanos(7_200_000_000_000),
            actor,
            method: "GET".to_owned(),
            path: "/v1/projects".to_owned(),
            route: None,
            status: 200,
            latency: Duration::from_micros(1),
            bytes_in: 1,
            bytes_out: 2,
            address: [192, 0, 2, 1].into(),
            user_agent: None,
            project: None,
            spans: 3,
            request_id: String::new(),
            error: None,
        }
    }

    async fn written(db: &Db) -> (usize, i64) {
        let mut reader = db.read().await.unwrap();
        let page = PageRequest { from: None, limit: 50_000, order: Order::Desc };
        let records = store::access_logs::list(reader.conn(), &AccessFilter::default(), page).await.unwrap();
        let (start, end) = (UnixNanos(0), UnixNanos(i64::MAX));
        let sums = store::usage::sums(reader.conn(), ApiKeyId(1), start, end, 1).await.unwrap();
        (records.items.len(), sums.iter().map(|row| row.sums.requests).sum())
    }

    const KEY: Actor = Actor::Key(ApiKeyId(1), KeyKind::User, UserId(2));

    db_test! {
        async fn what_does_not_fit_is_dropped_but_counted_and_all_is_written_at_the_end(db: Db) {
            let (recorder, task) = Recorder::start(db.clone(), Options { usage: true, log: true, ..Options::default() });
            // Nothing gives way to the task in between.
            for _ in 0..MOST_WAITING + 50 {
                recorder.record(access(KEY));
            }
            assert_eq!(recorder.shared.dropped.load(Ordering::Relaxed), 50);
            drop(recorder);
            task.await.unwrap();
            assert_eq!(written(&db).await, (MOST_WAITING, 10_050));
        }
    }

    db_test! {
        async fn what_could_not_be_written_is_written_later(db: Db) {
            let (recorder, _task) = Recorder::start(db.clone(), Options { usage: true, log: true, ..Options::default() });
            let rename = async |from: &str, to: &str| {
                let mut tx = db.begin().await.unwrap();
                let text = format!("ALTER TABLE {from} RENAME TO {to}");
                let renamed = on!(tx.conn(), |c| sqlx::query(sqlx::AssertSqlSafe(text)).execute(c).await.map(|_| ()));
                renamed.unwrap();
                tx.commit().await.unwrap();
            };
            rename("api_key_usage", "elsewhere").await;
            recorder.record(access(KEY));
            recorder.flush().await;
            recorder.record(access(KEY));
            recorder.flush().await;
            rename("elsewhere", "api_key_usage").await;
            recorder.flush().await;
            assert_eq!(written(&db).await, (2, 2));
        }
    }

    db_test! {
        async fn strangers_cannot_fill_the_log(db: Db) {
            let (recorder, _task) = Recorder::start(db.clone(), Options { usage: true, log: true, ..Options::default() });
            for _ in 0..300 {
                recorder.record(access(Actor::Anonymous));
            }
            recorder.record(Access { at: UnixNanos(7_201_000_000_000), ..access(Actor::Anonymous) });
            recorder.flush().await;
            assert_eq!(written(&db).await, (201, 0));
            // Nor can they with a key that is refused; and it is not used by that.
            for _ in 0..300 {
                recorder.record(access(Actor::RefusedKey(ApiKeyId(1), KeyKind::User, UserId(2))));
            }
            recorder.flush().await;
            assert_eq!(written(&db).await, (401, 0));
        }
    }
}
