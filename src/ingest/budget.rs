//! What the queue may hold: spans and bytes, counted from the first byte of a body to the commit.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Limits, RETRY_AFTER};
use crate::error::{Error, Result};

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
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, held: Mutex::default() }
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
        self.exchange(self.spans, self.bytes.saturating_add(bytes))
    }

    /// Exchanges the bytes of the body for those of the decoded spans.
    pub(super) fn become_spans(&mut self, spans: usize, bytes: usize) -> Result<()> {
        self.exchange(spans, bytes)
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> Arc<Budget> {
        Arc::new(Budget::new(Limits { spans: 10, bytes: 100 }))
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

    #[test]
    fn a_request_that_is_alone_may_be_larger_than_the_queue() {
        let budget = budget();
        let mut large = Reservation::new(Arc::clone(&budget));
        large.grow(1_000).unwrap();
        large.become_spans(1_000, 2_000).unwrap();
        assert!(Reservation::new(budget).grow(1).is_err());
    }
}
