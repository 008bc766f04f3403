//! Bodies that nobody read.
//!
//! A request that is refused early (no credential, wrong content type) leaves its body on the wire. Answering and
//! closing then resets the connection, and a client that is still sending may see the reset and not the answer; it
//! takes a refusal for a fault of the network and tries again. So what is left is read, within bounds, before the
//! answer goes out.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};

/// How much is read for nothing, at most.
const MAX_BYTES: usize = 1 << 20;
/// How long that may take.
const PATIENCE: Duration = Duration::from_millis(500);

/// A body that is read here or, if it was left unread, by [`Leftover::drain`].
struct Shared(Arc<Mutex<Body>>);

/// What is left of a body once its reader is gone.
#[derive(Debug)]
pub struct Leftover(Arc<Mutex<Body>>);

/// Splits a body into the one to be read and what may be left of it; `None` when there is nothing to read.
pub fn share(body: Body) -> (Body, Option<Leftover>) {
    if body.is_end_stream() {
        return (body, None);
    }
    let body = Arc::new(Mutex::new(body));
    (Body::new(Shared(Arc::clone(&body))), Some(Leftover(body)))
}

fn poll(body: &Mutex<Body>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
    Pin::new(&mut *body.lock().unwrap_or_else(PoisonError::into_inner)).poll_frame(cx)
}

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        poll(&self.0, cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
    }
}

impl Leftover {
    /// Reads what is left, within bounds.
    pub async fn drain(self) {
        let mut left = MAX_BYTES;
        let read = std::future::poll_fn(|cx| {
            loop {
                match ready!(poll(&self.0, cx)) {
                    Some(Ok(frame)) => match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                        Some(rest) => left = rest,
                        None => return Poll::Ready(()),
                    },
                    Some(Err(_)) | None => return Poll::Ready(()),
                }
            }
        });
        // Whoever takes longer than this keeps a reset instead of an answer.
        let _ = tokio::time::timeout(PATIENCE, read).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_left_is_read_and_nothing_is_shared_when_there_is_nothing() {
        assert!(share(Body::empty()).1.is_none());
        let (body, leftover) = share(Body::from("unread"));
        drop(body);
        let leftover = leftover.unwrap();
        let source = Arc::clone(&leftover.0);
        leftover.drain().await;
        assert!(source.lock().unwrap().is_end_stream());
    }
}
