//! The two engines. The only room that names a driver.
//!
//! `Db` is an enum and `on!` writes one expression into both match arms, so that the compiler types every statement
//! against both drivers. `sql!` marks a constant statement; a test prepares each of them on both migrated databases.

pub mod migrate;
mod postgres;
mod sqlite;
mod sqlite_functions;
#[cfg(test)]
pub mod testing;

use std::path::PathBuf;

use secrecy::SecretString;
use sqlx::{
    PgConnection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool, Transaction, pool::PoolConnection,
    postgres::PgListener,
};

use crate::error::Result;

/// Which database to open.
#[derive(Clone, Debug)]
pub enum Target {
    /// A SQLite file.
    SqliteFile(PathBuf),
    /// A SQLite database that is gone with the process.
    SqliteMemory,
    /// Postgres.
    Postgres {
        /// Connection URL, `postgres://…`.
        url: SecretString,
        /// Schema to keep the tables in; made if it is missing.
        schema: Option<String>,
    },
}

/// How to open it.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which database.
    pub target: Target,
    /// Connections for reading (SQLite) or in all (Postgres).
    pub pool_size: u32,
    /// Longest run of one statement (Postgres).
    pub statement_timeout: std::time::Duration,
    /// Whether every statement is logged.
    pub log_sql: bool,
}

/// An open database; cheap to clone.
#[derive(Clone, Debug)]
pub enum Db {
    /// SQLite: many readers, one writer.
    Sqlite {
        /// Readers.
        read: SqlitePool,
        /// The one writer; waiting for it is the queue.
        write: SqlitePool,
        /// Keeps a database that lives with the process; its files go with the last clone.
        scratch: Option<std::sync::Arc<sqlite::Scratch>>,
    },
    /// Postgres.
    Postgres(PgPool),
}

/// A borrowed connection: what every store function takes.
#[derive(Debug)]
pub enum Conn<'c> {
    /// SQLite.
    Sqlite(&'c mut SqliteConnection),
    /// Postgres.
    Postgres(&'c mut PgConnection),
}

/// A connection for reading.
#[derive(Debug)]
pub enum Reader {
    /// SQLite.
    Sqlite(PoolConnection<Sqlite>),
    /// Postgres.
    Postgres(PoolConnection<Postgres>),
}

/// A transaction for writing; dropped without [`Tx::commit`], it is rolled back.
#[derive(Debug)]
#[must_use = "a transaction does nothing until it is committed"]
pub enum Tx {
    /// SQLite, begun with `BEGIN IMMEDIATE`.
    Sqlite(Transaction<'static, Sqlite>),
    /// Postgres, read committed.
    Postgres(Transaction<'static, Postgres>),
}

impl Db {
    /// Opens the database without touching its schema.
    pub async fn open(options: &Options) -> Result<Self> {
        match &options.target {
            Target::SqliteFile(path) => sqlite::open(path, None, options).await,
            Target::SqliteMemory => {
                let scratch = sqlite::Scratch::new()?;
                let path = scratch.path();
                sqlite::open(&path, Some(scratch), options).await
            }
            Target::Postgres { url, schema } => postgres::open(url, schema.as_deref(), options).await,
        }
    }

    /// Takes a connection for reading.
    pub async fn read(&self) -> Result<Reader> {
        Ok(match self {
            Self::Sqlite { read, .. } => Reader::Sqlite(read.acquire().await?),
            Self::Postgres(pool) => Reader::Postgres(pool.acquire().await?),
        })
    }

    /// Begins a transaction for writing.
    pub async fn begin(&self) -> Result<Tx> {
        Ok(match self {
            Self::Sqlite { write, .. } => Tx::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }

    /// Returns the engine's name for people.
    #[must_use]
    pub const fn engine(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// Listens on a channel of `NOTIFY`; `None` on an engine that has no such thing.
    pub async fn listen(&self, channel: &str) -> Result<Option<Listener>> {
        let Self::Postgres(pool) = self else { return Ok(None) };
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(channel).await?;
        Ok(Some(Listener(listener)))
    }

    /// Closes every connection; on SQLite this also folds the write-ahead log into the file.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { read, write, .. } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// Writes a copy of a SQLite database into an empty file, as it is at one instant. Readers and the writer go on meanwhile.
pub async fn copy_into(db: &Db, file: &std::path::Path) -> Result<()> {
    let Db::Sqlite { write, .. } = db else {
        return Err(crate::error::Error::internal("Postgres has tools of its own for this"));
    };
    let path = file.to_str().ok_or_else(|| crate::error::Error::internal("the path is not UTF-8"))?;
    // On the connection of this process' writer, and without a transaction, which it could not be part of.
    let mut conn = write.acquire().await?;
    sqlx::query("VACUUM INTO $1").bind(path).execute(&mut *conn).await?;
    Ok(())
}

/// A connection that is told of what other processes did. It finds its way back after the connection was lost.
#[derive(Debug)]
pub struct Listener(PgListener);

impl Listener {
    /// Waits until there is something new; `false` when something may have been missed.
    pub async fn wait(&mut self) -> Result<bool> {
        Ok(self.0.try_recv().await?.is_some())
    }
}

impl Conn<'_> {
    /// Lends the connection for one call.
    pub fn reborrow(&mut self) -> Conn<'_> {
        match self {
            Self::Sqlite(c) => Conn::Sqlite(c),
            Self::Postgres(c) => Conn::Postgres(c),
        }
    }
}

impl Reader {
    /// Borrows the connection.
    pub fn conn(&mut self) -> Conn<'_> {
        match self {
            Self::Sqlite(c) => Conn::Sqlite(c),
            Self::Postgres(c) => Conn::Postgres(c),
        }
    }
}

impl Tx {
    /// Borrows the connection.
    pub fn conn(&mut self) -> Conn<'_> {
        match self {
            Self::Sqlite(c) => Conn::Sqlite(c),
            Self::Postgres(c) => Conn::Postgres(c),
        }
    }

    /// Makes everything done in it durable.
    pub async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

/// A constant statement of the store.
#[cfg(test)]
#[derive(Debug)]
pub struct Statement {
    /// The text.
    pub text: &'static str,
    /// Where it stands.
    pub at: &'static str,
    /// The one engine that it is for, if only one.
    pub only: Option<&'static str>,
}
#[cfg(test)]
inventory::collect!(Statement);

/// A constant statement; in tests it is registered, and one test prepares it on both engines.
macro_rules! sql {
    ($text:expr) => {
        $crate::db::sql!(@ None, $text)
    };
    (sqlite: $text:expr) => {
        $crate::db::sql!(@ Some("sqlite"), $text)
    };
    (postgres: $text:expr) => {
        $crate::db::sql!(@ Some("postgres"), $text)
    };
    (@ $only:expr, $text:expr) => {{
        #[cfg(test)]
        inventory::submit! {
            $crate::db::Statement { text: $text, at: concat!(file!(), ":", line!()), only: $only }
        }
        $text
    }};
}
pub(crate) use sql;

/// Runs one expression on whichever engine is connected; the compiler checks it on both.
macro_rules! on {
    ($conn:expr, |$c:ident| $body:expr) => {
        match $conn {
            $crate::db::Conn::Sqlite($c) => $body,
            $crate::db::Conn::Postgres($c) => $body,
        }
    };
}
pub(crate) use on;
