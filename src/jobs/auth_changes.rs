//! Keeps the caches of who calls true to what other processes on the same database change: on Postgres told by
//! `NOTIFY`, and on both engines by a look once a second, which also finds what the command line did and what was
//! missed while the connection was down.

use std::{collections::BTreeSet, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    auth::authenticator::Authenticator,
    db::{Db, Listener},
    domain::auth_change::AuthChange,
    error::Result,
    store::auth_changes::{self, CHANNEL},
};

/// How often there is a look.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long to wait before the listening connection is made again.
const RECONNECT: Duration = Duration::from_secs(5);
/// Row ids are given before the commit: a lower one may become visible after a higher one, but not this much lower.
const OVERLAP: i64 = 256;

/// Follows the changes of a database.
#[derive(Debug)]
pub struct Follower {
    db: Db,
    authenticator: Authenticator,
    seen: BTreeSet<i64>,
    last: i64,
}

impl Follower {
    /// Begins after what there is now; to be called before the first credential is looked up.
    pub async fn start(db: Db, authenticator: Authenticator) -> Result<Self> {
        let mut reader = db.read().await?;
        let last = auth_changes::last_id(reader.conn()).await?;
        let seen = auth_changes::list_after(reader.conn(), last - OVERLAP).await?.iter().map(|row| row.id).collect();
        drop(reader);
        Ok(Self { db, authenticator, seen, last })
    }

    /// Follows until the token is cancelled.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut listener: Option<Listener> = None;
        let mut connect_at = tokio::time::Instant::now();
        loop {
            if listener.is_none() && connect_at <= tokio::time::Instant::now() {
                connect_at += RECONNECT;
                match self.db.listen(CHANNEL).await {
                    Ok(found) => listener = found,
                    Err(error) => tracing::warn!(error = ?error, "not told of changes by other processes; looking"),
                }
            }
            let told = async {
                match &mut listener {
                    Some(listener) => listener.wait().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                told = told => if told.is_err() { listener = None },
                () = tokio::time::sleep(INTERVAL) => {}
                () = stop.cancelled() => return,
            }
            if let Err(error) = self.look().await {
                tracing::warn!(error = ?error, "changes by other processes could not be read; looking again");
            }
        }
    }

    async fn look(&mut self) -> Result<()> {
        let rows = {
            let mut reader = self.db.read().await?;
            auth_changes::list_after(reader.conn(), self.last - OVERLAP).await?
        };
        for row in rows {
            if self.seen.insert(row.id) {
                // What this version cannot read may be anything.
                self.authenticator.apply(&row.what.parse().unwrap_or(AuthChange::User));
                self.last = self.last.max(row.id);
            }
        }
        self.seen = self.seen.split_off(&(self.last - OVERLAP));
        Ok(())
    }
}
