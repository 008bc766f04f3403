//! Removes what nobody can reach any more: expired sessions and reset tokens, failed logins that no longer count, and the
//! rows of deleted projects, in slices.

use std::time::Duration;

use crate::{db::Db, domain::time::Clock, error::Result, service::login::FAILURE_WINDOW, store};

/// How often there is a look.
pub const INTERVAL: Duration = Duration::from_secs(15);
/// Rows that one transaction removes: few enough that ingest, which waits for the same writer, does not notice.
const SLICE: i64 = 500;

/// How long changes are kept for other processes, which look once a second.
const CHANGES_KEPT: Duration = Duration::from_mins(10);

/// Looks once.
pub async fn run(db: &Db, clock: &Clock) -> Result<()> {
    let mut tx = db.begin().await?;
    let now = clock.now();
    store::sessions::delete_expired(tx.conn(), now).await?;
    store::password_reset::delete_expired(tx.conn(), now).await?;
    store::login_failures::delete_old(tx.conn(), now.minus(FAILURE_WINDOW)).await?;
    store::auth_changes::delete_old(tx.conn(), now.minus(CHANGES_KEPT)).await?;
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
        loop {
            let mut tx = db.begin().await?;
            let removed = store::projects::purge_annotations(tx.conn(), project, SLICE).await?;
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
