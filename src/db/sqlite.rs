//! SQLite: pragmas, one writer, several readers.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sqlx::{
    ConnectOptions as _,
    sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{Db, Options, sqlite_functions};
use crate::error::{Error, Result};

/// The files of a database that is gone with the process. SQLite's own `:memory:` gives each connection a database of
/// its own, and its shared cache blocks readers behind the writer; a file in a private folder does neither.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> Result<Arc<Self>> {
        let dir = std::env::temp_dir().join(format!("phoenix-server-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&dir).map_err(Error::internal)?;
        Ok(Arc::new(Self(dir)))
    }

    pub(super) fn path(&self) -> PathBuf {
        self.0.join("memory.db")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's care for its temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) async fn open(path: &Path, scratch: Option<Arc<Scratch>>, options: &Options) -> Result<Db> {
    if let Some(dir) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
        std::fs::create_dir_all(dir).map_err(Error::internal)?;
    }
    let mut connect = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // Under group commit the extra fsync costs nothing that can be measured, and an acknowledged span must
        // survive a power cut.
        .synchronous(SqliteSynchronous::Full)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .foreign_keys(true)
        // Of several processes that start at once on a slow disk, the last waits for all others' migrations.
        .busy_timeout(Duration::from_secs(30))
        // A page holds several packed spans, and an entry of an index by random id dirties no more than a small one.
        .page_size(4_096)
        .pragma("temp_store", "memory")
        .pragma("journal_size_limit", "67108864")
        .optimize_on_close(true, Some(400));
    if !options.log_sql {
        connect = connect.disable_statement_logging();
    }
    let writer = connect.clone().pragma("cache_size", "-16384").pragma("wal_autocheckpoint", "8000");
    let write = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(30))
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(|conn, _| Box::pin(sqlite_functions::register(conn)))
        .connect_with(writer)
        .await?;
    // Opened after the writer: the file and its journal mode are there.
    // What a reader does not keep lies in the system's cache all the same.
    let reader = connect.pragma("cache_size", "-2048").pragma("query_only", "on");
    let read = SqlitePoolOptions::new()
        .max_connections(options.pool_size.max(1))
        .acquire_timeout(Duration::from_secs(30))
        .test_before_acquire(false)
        .after_connect(|conn, _| Box::pin(sqlite_functions::register(conn)))
        .connect_with(reader)
        .await?;
    Ok(Db::Sqlite { read, write, scratch })
}
