//! Follows the prices of models, and computes costs of spans again after they changed.

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::service::{
    Services,
    costs::{self, When},
};

/// Starts it.
pub fn start(services: &Services, tracker: &TaskTracker, stop: &CancellationToken) {
    let services = services.clone();
    super::every(tracker, stop, "costs", costs::INTERVAL, move || {
        let services = services.clone();
        async move { costs::recompute(&services, When::Settled).await }
    });
}
