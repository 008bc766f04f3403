//! Carries out retention policies at their times.

use std::time::Duration;

use crate::{db::Db, domain::time::Clock, error::Result, service::retention};

/// How often there is a look.
pub const INTERVAL: Duration = Duration::from_mins(1);

/// Looks once.
pub async fn run(db: &Db, clock: &Clock) -> Result<()> {
    retention::run_due(db, clock).await.map(|_| ())
}
