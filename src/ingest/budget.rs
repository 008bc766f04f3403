//! What the queue may hold: spans and bytes, counted from the first byte of a body to the commit.
//!
//! Before its body is read, a request waits a little for room: its bytes then stay with the sender, where they cost
//! nothing. What cannot wait, or has waited enough, is refused.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::{Limits, RETRY_AFTER};
use crate::{
    error::{Error, Result},
    telemetry::metrics::IngestMetrics,
};

/// How long a request waits for room before it is refused.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, Default)]
struct Held {
    requests: usize,
    spans: usize,
    bytes: usize,
}

#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    held: Mutex<Held>,
    released: Notify,
    metrics: IngestMetrics,
}

impl Budget {
    pub(super) fn new(limits: Limits, metrics: IngestMetrics) -> Self {
        Self { limits, held: Mutex::default(), released: Notify::new(), metrics }
    }

    /// Notes for the metrics what is held now.
    pub(super) fn look(&self) {
        let held = self.change(|held| *held);
        self.metrics.see_queue(held.requests, held.spans, held.bytes);
    }

    /// Whether any request is under way.
    pub(super) fn is_in_use(&self) -> bool {
        self.change(|held| held.requests > 0)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Held) -> T) -> T {
        change(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The share of one request; given back when it is dropped.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<Budget>,
    spans: usize,
    bytes: usize,
}

impl Reservation {
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        budget.change(|held| held.requests += 1);
        Self { budget, spans: 0, bytes: 0 }
    }

    /// Takes more bytes. A request that is alone may take what it needs: its own limits bound it, and a batch larger
    /// than the queue must not wait for ever.
    pub fn grow(&mut self, bytes: usize) -> Result<()> {
        let grown = self.exchange(self.spans, self.bytes.saturating_add(bytes));
        self.count_refusal(grown)
    }

    /// Takes more bytes as [`Self::grow`] does, but waits for room.
    pub async fn wait_for(&mut self, bytes: usize) -> Result<()> {
        let budget = Arc::clone(&self.budget);
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            // Made before the look, so that no release between the two is missed.
            let mut released = std::pin::pin!(budget.released.notified());
            released.as_mut().enable();
            match self.exchange(self.spans, self.bytes.saturating_add(bytes)) {
                Err(error) if tokio::time::timeout_at(deadline, released).await.is_err() => {
                    return self.count_refusal(Err(error));
                }
                Err(_) => {}
                Ok(()) => return Ok(()),
            }
        }
    }

    /// Exchanges the bytes of the body for those of the decoded spans.
    pub(super) fn become_spans(&mut self, spans: usize, bytes: usize) -> Result<()> {
        let exchanged = self.exchange(spans, bytes);
        self.count_refusal(exchanged)
    }

    fn count_refusal(&self, outcome: Result<()>) -> Result<()> {
        if outcome.is_err() {
            self.budget.metrics.refused_requests.inc();
        }
        outcome
    }

    fn exchange(&mut self, spans: usize, bytes: usize) -> Result<()> {
        let (had_spans, had_bytes) = (self.spans, self.bytes);
        let limits = self.budget.limits;
        let fits = self.budget.change(|held| {
            let others_spans = held.spans - had_spans;
            let others_bytes = held.bytes - had_bytes;
            let alone = others_spans == 0 && others_bytes == 0;
            let fits = others_spans.saturating_add(spans) <= limits.spans
                && others_bytes.saturating_add(bytes) <= limits.bytes;
            if alone || fits || (spans <= had_spans && bytes <= had_bytes) {
                held.spans = others_spans + spans;
                held.bytes = others_bytes.saturating_add(bytes);
                return true;
            }
            false
        });
        if !fits {
            return Err(Error::Unavailable {
                detail: "Server is at capacity and cannot process more requests",
                retry_after: RETRY_AFTER,
            });
        }
        (self.spans, self.bytes) = (spans, bytes);
        if bytes < had_bytes || spans < had_spans {
            self.budget.released.notify_waiters();
        }
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let (spans, bytes) = (self.spans, self.bytes);
        self.budget.change(|held| {
            held.requests -= 1;
            held.spans -= spans;
            held.bytes -= bytes;
        });
        self.budget.released.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> Arc<Budget> {
        Arc::new(Budget::new(Limits { spans: 10, bytes: 100 }, IngestMetrics::default()))
    }

    #[test]
    fn what_is_over_the_limit_is_refused_and_what_is_dropped_is_given_back() {
        let budget = budget();
        let mut one = Reservation::new(Arc::clone(&budget));
        one.grow(60).unwrap();
        let mut two = Reservation::new(Arc::clone(&budget));
        two.grow(40).unwrap();
        assert!(two.grow(1).is_err());
        assert!(one.become_spans(5, 61).is_err());
        one.become_spans(5, 60).unwrap();
        drop(two);
        one.grow(40).unwrap();
        drop(one);
        assert_eq!(budget.change(|held| (held.requests, held.spans, held.bytes)), (0, 0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_for_room_but_not_for_ever() {
        let budget = budget();
        let mut one = Reservation::new(Arc::clone(&budget));
        one.grow(80).unwrap();
        let mut two = Reservation::new(Arc::clone(&budget));
        assert!(two.wait_for(30).await.is_err());
        let release = async {
            tokio::time::sleep(PATIENCE / 2).await;
            drop(one);
        };
        let (waited, ()) = tokio::join!(two.wait_for(30), release);
        waited.unwrap();
    }

    #[test]
    fn a_request_that_is_alone_may_be_larger_than_the_queue() {
        let budget = budget();
        let mut large = Reservation::new(Arc::clone(&budget));
        large.grow(1_000).unwrap();
        large.become_spans(1_000, 2_000).unwrap();
        assert!(Reservation::new(budget).grow(1).is_err());
    }
}
