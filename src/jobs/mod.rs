//! Interval tasks, jittered, stopped with the server.

pub mod access_log;
pub mod alerts;
pub mod annotations;
pub mod auth_changes;
pub mod costs;
pub mod housekeeping;
pub mod rate_leases;
pub mod retention;

use std::{future::Future, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::error::Result;

/// Runs `work` now and then at every interval, give or take a tenth, until the token is cancelled.
pub fn every<W, F>(tracker: &TaskTracker, stop: &CancellationToken, name: &'static str, interval: Duration, work: W)
where
    W: Fn() -> F + Send + 'static,
    F: Future<Output = Result<()>> + Send,
{
    let stop = stop.clone();
    tracker.spawn(async move {
        loop {
            let run = tokio::select! {
                run = work() => run,
                () = stop.cancelled() => return,
            };
            if let Err(error) = run {
                tracing::warn!(job = name, error = ?error, "job failed; it runs again");
            }
            let jitter = rand::random_range(0.9..1.1);
            tokio::select! {
                () = tokio::time::sleep(interval.mul_f64(jitter)) => {}
                () = stop.cancelled() => return,
            }
        }
    });
}
