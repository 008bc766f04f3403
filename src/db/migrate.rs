//! Migrations: the same numbers and names for both engines, applied under a lock.
//!
//! Several processes may start at once: each migration is applied once. Postgres: an advisory lock for each schema, held
//! by a connection of its own, without the pool's time limit on statements (sqlx's own lock is one for the whole
//! database, and taken after its table was made). SQLite: a lock on a file beside the database.

use std::fs::File;

use sqlx::{
    Connection as _, PgConnection, PgPool,
    migrate::{Migrate, Migrator},
};

use super::{Conn, Db, on, sql};
use crate::error::{Error, Result};

fn migrations(db: &Db) -> Migrator {
    let mut migrator = match db {
        Db::Sqlite { .. } => sqlx::migrate!("migrations/sqlite"),
        Db::Postgres(_) => sqlx::migrate!("migrations/postgres"),
    };
    // The lock is ours.
    migrator.set_locking(false);
    migrator
}

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

/// Number and name of a migration.
pub type Named = (i64, String);

/// Applies every pending migration; `announce` is told of each before the first is applied.
pub async fn run(db: &Db, announce: impl Fn(&Named)) -> Result<(), MigrateError> {
    if is_foreign(db).await? {
        return Err(MigrateError::ForeignDatabase);
    }
    let migrator = migrations(db);
    match db {
        Db::Sqlite { write, .. } => {
            let lock = lock_beside(write.connect_options().get_filename()).await?;
            let mut conn = write.acquire().await?;
            missing(&migrator, &mut *conn).await?.iter().for_each(announce);
            migrator.run(&mut *conn).await?;
            drop(lock);
        }
        Db::Postgres(pool) => {
            let mut conn = locked(pool).await?;
            missing(&migrator, &mut conn).await?.iter().for_each(announce);
            migrator.run(&mut conn).await?;
            // The lock goes with its session.
            conn.close().await?;
        }
    }
    Ok(())
}

/// Returns the migrations that are not applied yet.
pub async fn pending(db: &Db) -> Result<Vec<Named>, MigrateError> {
    if is_foreign(db).await? {
        return Err(MigrateError::ForeignDatabase);
    }
    let migrator = migrations(db);
    match db {
        Db::Sqlite { write, .. } => {
            let lock = lock_beside(write.connect_options().get_filename()).await?;
            let found = missing(&migrator, &mut *write.acquire().await?).await?;
            drop(lock);
            Ok(found)
        }
        Db::Postgres(pool) => {
            let mut conn = locked(pool).await?;
            let found = missing(&migrator, &mut conn).await?;
            conn.close().await?;
            Ok(found)
        }
    }
}

async fn missing(migrator: &Migrator, conn: &mut impl Migrate) -> Result<Vec<Named>, MigrateError> {
    conn.ensure_migrations_table(&migrator.table_name).await?;
    let applied = conn.list_applied_migrations(&migrator.table_name).await?;
    let is_applied = |version| applied.iter().any(|a| a.version == version);
    Ok(migrator.iter().filter(|m| !is_applied(m.version)).map(|m| (m.version, m.description.to_string())).collect())
}

/// Returns a connection that holds the lock of its schema until it is closed.
async fn locked(pool: &PgPool) -> Result<PgConnection, MigrateError> {
    let mut conn = pool.acquire().await?.detach();
    sqlx::query(sql!(postgres: "SET statement_timeout = 0")).execute(&mut conn).await?;
    sqlx::query(
        sql!(postgres: "SELECT pg_advisory_lock(hashtextextended(current_database() || '.' || current_schema(), 0))"),
    )
    .execute(&mut conn)
    .await?;
    Ok(conn)
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
