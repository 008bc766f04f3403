//! Merges the blocks of the access log once their hour is over, and removes what it, the audit log and the usage of keys
//! need not keep any longer; both in slices.

use std::time::Duration;

use crate::{
    db::Db,
    domain::{
        access::HOUR,
        time::{Clock, UnixNanos},
    },
    error::Result,
    store,
};

/// How often there is a look.
pub const INTERVAL: Duration = Duration::from_mins(1);
/// Rows that one transaction removes: few enough that ingest, which waits for the same writer, does not notice.
const SLICE: i64 = 500;
/// Blocks of the log that one transaction removes.
const BLOCKS: i64 = 50;
/// After the end of an hour nothing of it is written any more; a long request's record is, and stays by itself.
const SETTLED: Duration = Duration::from_mins(2);
/// How long sums are kept: a year and a month, so that two years can be compared month by month.
const USAGE_KEPT: Duration = Duration::from_hours(24 * 396);
/// How long an account of a rate limit is kept that has long paid.
const LEASES_KEPT: Duration = Duration::from_hours(1);

/// How long records are kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Those of the access log; zero keeps none.
    pub access_log: Duration,
    /// Those of the audit log; for ever when not given.
    pub audit_log: Option<Duration>,
}

/// Looks once.
pub async fn run(db: &Db, clock: &Clock, retention: Retention) -> Result<()> {
    let now = clock.now();
    while let Some(kept) = retention.audit_log {
        let mut tx = db.begin().await?;
        let removed = store::audit::delete_old(tx.conn(), now.minus(kept), SLICE).await?;
        tx.commit().await?;
        if removed == 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    loop {
        let mut tx = db.begin().await?;
        let removed = store::access_logs::delete_old(tx.conn(), now.minus(retention.access_log), BLOCKS).await?;
        tx.commit().await?;
        if removed == 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    let settled = UnixNanos(now.minus(SETTLED).0.div_euclid(HOUR) * HOUR);
    loop {
        let mut tx = db.begin().await?;
        let merged = store::access_logs::merge(tx.conn(), settled).await?;
        tx.commit().await?;
        if merged == 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    loop {
        let mut tx = db.begin().await?;
        let removed = store::usage::delete_old(tx.conn(), now.minus(USAGE_KEPT), SLICE).await?;
        tx.commit().await?;
        if removed == 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    let mut tx = db.begin().await?;
    store::rate_leases::delete_old(tx.conn(), now.minus(LEASES_KEPT)).await?;
    tx.commit().await
}
