//! Postgres: pool, schema, statement timeout.

use std::{str::FromStr as _, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{
    ConnectOptions as _, Connection as _, Executor as _, PgConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{Db, Options};
use crate::error::{Error, Result};

pub(super) async fn open(url: &SecretString, schema: Option<&str>, options: &Options) -> Result<Db> {
    let mut connect = PgConnectOptions::from_str(url.expose_secret())
        .map_err(Error::internal)?
        .application_name("phoenix-server")
        .statement_cache_capacity(256);
    if !options.log_sql {
        connect = connect.disable_statement_logging();
    }
    if let Some(schema) = schema {
        let mut conn = PgConnection::connect_with(&connect).await?;
        // Two processes that start at once may both find it missing; the loser's error is no error.
        let made = conn.execute(sqlx::AssertSqlSafe(format!("CREATE SCHEMA IF NOT EXISTS {}", quoted(schema)))).await;
        if let Err(error) = made
            && error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref() != Some("23505")
        {
            return Err(error.into());
        }
        conn.close().await?;
    }
    // Set by statements, not by start-up parameters: connection poolers refuse those that they do not know.
    let mut settings = format!("SET statement_timeout = {}", options.statement_timeout.as_millis());
    if let Some(schema) = schema {
        settings.push_str("; SET search_path TO ");
        settings.push_str(&quoted(schema));
    }
    let pool = PgPoolOptions::new()
        .max_connections(options.pool_size.max(2))
        .acquire_timeout(Duration::from_secs(30))
        .idle_timeout(Duration::from_mins(10))
        .after_connect(move |conn, _| {
            let settings = settings.clone();
            Box::pin(async move { conn.execute(sqlx::AssertSqlSafe(settings)).await.map(|_| ()) })
        })
        .connect_with(connect)
        .await?;
    Ok(Db::Postgres(pool))
}

fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}
