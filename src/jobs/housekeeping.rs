//! Removes what nobody can reach any more: expired sessions and reset tokens, and the rows of deleted projects, in slices.

use std::time::Duration;

use crate::{db::Db, domain::time::Clock, error::Result, store};

/// How often there is a look.
pub const INTERVAL: Duration = Duration::from_secs(15);
/// Rows that one transaction removes: few enough that ingest, which waits for the same writer, does not notice.
const SLICE: i64 = 500;

/// Looks once.
pub async fn run(db: &Db, clock: &Clock) -> Result<()> {
    let mut tx = db.begin().await?;
    let now = clock.now();
    store::sessions::delete_expired(tx.conn(), now).await?;
    store::password_reset::delete_expired(tx.conn(), now).await?;
    tx.commit().await?;
    let deleted = {
        let mut reader = db.read().await?;
        store::projects::list_deleted(reader.conn()).await?
    };
    for project in deleted {
        let mut spans = 0;
        loop {
            let mut tx = db.begin().await?;
            let removed = store::projects::purge_spans(tx.conn(), project, SLICE).await?;
            tx.commit().await?;
            spans += removed;
            if removed == 0 {
                break;
            }
            tokio::task::yield_now().await;
        }
        loop {
            let mut tx = db.begin().await?;
            let removed = store::projects::purge_traces(tx.conn(), project, SLICE).await?;
            tx.commit().await?;
            if removed == 0 {
                break;
            }
        }
        let mut tx = db.begin().await?;
        store::projects::purge_rest(tx.conn(), project).await?;
        tx.commit().await?;
        tracing::info!(project.id = project.0, spans, "deleted project purged");
    }
    Ok(())
}
