//! Applies annotations that came before what they are said of.

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::service::{Services, pending_annotations};

/// Starts it.
pub fn start(services: &Services, tracker: &TaskTracker, stop: &CancellationToken) {
    let services = services.clone();
    super::every(tracker, stop, "annotations that wait", pending_annotations::INTERVAL, move || {
        let services = services.clone();
        async move { pending_annotations::apply(&services).await }
    });
}
