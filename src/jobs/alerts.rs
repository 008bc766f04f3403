//! Alerts: looks for them, and tells destinations of them.

use std::time::Duration;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::service::{Services, alert_watch};

/// How often there is a look at the keys.
const LOOK: Duration = Duration::from_mins(1);
/// How often there is a look at what is to be told.
const DELIVER: Duration = Duration::from_secs(2);

/// Starts both. An attempt that a stop cuts off is made again by the next process, under the same id.
pub fn start(services: &Services, tracker: &TaskTracker, stop: &CancellationToken) {
    let (looking, delivering) = (services.clone(), services.clone());
    super::every(tracker, stop, "alerts", LOOK, move || {
        let services = looking.clone();
        async move { alert_watch::look(&services).await.map(|_| ()) }
    });
    super::every(tracker, stop, "alert deliveries", DELIVER, move || {
        let services = delivering.clone();
        async move { alert_watch::deliver(&services).await }
    });
}
