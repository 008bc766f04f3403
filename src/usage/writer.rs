//! The task that writes.

use std::{
    borrow::Cow,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior},
};

use super::{
    Message, Options, Shared,
    geo::Geography,
    redact::{Redactor, SHORTEST},
};
use crate::{
    db::Db,
    domain::{
        access::{Access, KeyUsage},
        project::ProjectRef,
    },
    error::Result,
    store,
};

/// How often what has gathered is written.
const INTERVAL: Duration = Duration::from_secs(1);
/// Records that are kept while the database does not answer.
const KEPT: usize = 10_000;
/// How often dropped records are told of, at most.
const WARN_INTERVAL: Duration = Duration::from_mins(1);

const LONGEST_METHOD: usize = 16;
const LONGEST_TEXT: usize = 512;
const LONGEST_REQUEST_ID: usize = 64;

pub(super) struct Writer {
    db: Db,
    geography: Option<Geography>,
    redactor: Redactor,
    shared: Arc<Shared>,
    pending: Vec<Access>,
    warned_at: Option<Instant>,
    failed: bool,
}

impl Writer {
    pub(super) fn new(db: Db, options: Options, shared: Arc<Shared>) -> Self {
        Self {
            db,
            geography: options.geography,
            redactor: Redactor::new(options.secrets),
            shared,
            pending: Vec::new(),
            warned_at: None,
            failed: false,
        }
    }

    pub(super) async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = messages.recv() => match message {
                    // After a failure the next attempt waits for its time.
                    Some(Message::Write) if self.failed => {}
                    Some(Message::Write) => self.write().await,
                    Some(Message::Flush(done)) => {
                        self.write().await;
                        let _ = done.send(());
                    }
                    None => break,
                },
                _ = ticks.tick() => self.write().await,
            }
            self.warn();
        }
        self.write().await;
        if self.failed {
            tracing::error!(records = self.pending.len(), "access log and usage could not be written before the stop");
        }
    }

    fn take(&mut self, access: Access) {
        if self.pending.len() < KEPT {
            self.pending.push(self.clean(access));
        } else {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn clean(&self, mut access: Access) -> Access {
        let clean = |text: &mut String, longest| {
            if let Cow::Owned(clean) = self.redactor.clean(text, longest) {
                *text = clean;
            }
        };
        // What is shorter than any secret, and nearly every method is, holds none.
        if access.method.len() >= SHORTEST {
            clean(&mut access.method, LONGEST_METHOD);
        }
        clean(&mut access.path, LONGEST_TEXT);
        clean(&mut access.request_id, LONGEST_REQUEST_ID);
        for text in access.user_agent.iter_mut().chain(&mut access.error) {
            clean(text, LONGEST_TEXT);
        }
        if let Some(ProjectRef::Name(name)) = &mut access.project {
            clean(name, LONGEST_TEXT);
        }
        access
    }

    /// Writes what has gathered, or keeps it.
    async fn write(&mut self) {
        for access in self.shared.take() {
            self.take(access);
        }
        let counted = self.shared.counters.take();
        if self.pending.is_empty() && counted.is_empty() {
            return;
        }
        let clean = |text: &str| self.redactor.clean(text, LONGEST_TEXT).into_owned();
        let usage: Vec<KeyUsage> =
            counted.iter().map(|(key, counted)| counted.rows(*key, self.geography.as_ref(), clean)).collect();
        match self.store(&usage).await {
            Ok(()) => {
                self.pending.clear();
                self.failed = false;
            }
            Err(error) => {
                tracing::warn!(error = ?error, "access log and usage not written; it is tried again");
                self.shared.counters.put_back(counted);
                self.failed = true;
            }
        }
    }

    async fn store(&self, usage: &[KeyUsage]) -> Result<()> {
        let mut tx = self.db.begin().await?;
        store::access_logs::add(tx.conn(), &self.pending).await?;
        store::usage::add(tx.conn(), usage).await?;
        tx.commit().await
    }

    fn warn(&mut self) {
        if self.warned_at.is_some_and(|at| at.elapsed() < WARN_INTERVAL) {
            return;
        }
        let dropped = self.shared.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(dropped, "records of the access log were dropped: too many waited");
            self.warned_at = Some(Instant::now());
        }
    }
}
