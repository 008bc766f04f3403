//! Migrations: the same numbers and names for both engines, applied under a lock.
//!
//! Postgres: sqlx takes an advisory lock. SQLite: a lock on a file beside the database, so that several processes that
//! start at once apply each migration once.

use std::fs::File;

use sqlx::migrate::{Migrate as _, Migrator};

use super::{Conn, Db, on, sql};
use crate::error::{Error, Result};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// Why a database was not migrated.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// It holds the tables of the peer.
    #[error(
        "this database belongs to Arize Phoenix (it has the table `alembic_version`); it was left untouched. Choose \
         another with PHOENIX_SQL_DATABASE_URL, or another schema with PHOENIX_SQL_DATABASE_SCHEMA"
    )]
    ForeignDatabase,
    /// A migration failed, or the database is newer than this binary.
    #[error("{0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The database did not answer.
    #[error("{0}")]
    Database(#[from] Error),
}

impl From<sqlx::Error> for MigrateError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Applies every pending migration.
pub async fn run(db: &Db) -> Result<(), MigrateError> {
    if is_foreign(db).await? {
        return Err(MigrateError::ForeignDatabase);
    }
    match db {
        Db::Sqlite { write, .. } => {
            let lock = lock_beside(write.connect_options().get_filename()).await?;
            SQLITE.run(write).await?;
            drop(lock);
        }
        Db::Postgres(pool) => POSTGRES.run(pool).await?,
    }
    Ok(())
}

/// Returns the numbers and names of the migrations that are not applied yet.
pub async fn pending(db: &Db) -> Result<Vec<(i64, String)>, MigrateError> {
    if is_foreign(db).await? {
        return Err(MigrateError::ForeignDatabase);
    }
    let (migrator, applied) = match db {
        Db::Sqlite { write, .. } => {
            let mut conn = write.acquire().await?;
            conn.ensure_migrations_table("_sqlx_migrations").await?;
            (&SQLITE, conn.list_applied_migrations("_sqlx_migrations").await?)
        }
        Db::Postgres(pool) => {
            let mut conn = pool.acquire().await?;
            conn.ensure_migrations_table("_sqlx_migrations").await?;
            (&POSTGRES, conn.list_applied_migrations("_sqlx_migrations").await?)
        }
    };
    let is_applied = |version| applied.iter().any(|a| a.version == version);
    Ok(migrator.iter().filter(|m| !is_applied(m.version)).map(|m| (m.version, m.description.to_string())).collect())
}

async fn is_foreign(db: &Db) -> Result<bool> {
    let mut reader = db.read().await?;
    let found: i64 = match reader.conn() {
        Conn::Sqlite(c) => {
            sqlx::query_scalar(sql!(sqlite: "SELECT COUNT(*) FROM sqlite_master WHERE name = 'alembic_version'"))
                .fetch_one(c)
                .await?
        }
        Conn::Postgres(c) => {
            sqlx::query_scalar(sql!(postgres:
                "SELECT COUNT(*) FROM pg_tables WHERE tablename = 'alembic_version' AND schemaname = current_schema()"))
            .fetch_one(c)
            .await?
        }
    };
    Ok(found > 0)
}

/// Whether the database answers.
pub async fn ping(db: &Db) -> Result<()> {
    let mut reader = db.read().await?;
    on!(reader.conn(), |c| sqlx::query(sql!("SELECT 1")).execute(c).await.map(|_| ()))?;
    Ok(())
}

async fn lock_beside(path: &std::path::Path) -> Result<File> {
    let path = path.with_extension("lock");
    tokio::task::spawn_blocking(move || {
        let file = File::create(path)?;
        file.lock()?;
        Ok(file)
    })
    .await
    .map_err(Error::internal)?
    .map_err(|e: std::io::Error| Error::internal(e))
}
