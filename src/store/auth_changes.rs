//! What changed about users, sessions and keys, for the caches of other processes on the same database.
//!
//! A change is written in the transaction that makes it. On Postgres it is also told by `NOTIFY`, which arrives after
//! the commit and at once; reading the table finds what a lost connection missed.

use crate::{
    db::{Conn, on, sql},
    domain::{auth_change::AuthChange, time::UnixNanos},
    error::Result,
};

/// The channel of `NOTIFY`; the schema goes with the payload, since channels are the database's.
pub const CHANNEL: &str = "phoenix_auth_changes";

/// A change as another process reads it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Row {
    /// Row id.
    pub id: i64,
    /// Text form of the [`AuthChange`].
    pub what: String,
}

/// Tells other processes of a change, once the transaction is committed.
pub async fn add(mut conn: Conn<'_>, change: &AuthChange, now: UnixNanos) -> Result<()> {
    let what = change.to_string();
    let id: i64 = on!(&mut conn, |c| sqlx::query_scalar(sql!(
        "INSERT INTO auth_changes (what, created_at) VALUES ($1, $2) RETURNING id"
    ))
    .bind(&what)
    .bind(now)
    .fetch_one(&mut **c)
    .await)?;
    if let Conn::Postgres(c) = conn {
        // The id alone: the row is read like any other, and the payload cannot be forged into a change.
        sqlx::query(sql!(postgres: "SELECT pg_notify('phoenix_auth_changes', current_schema() || ':' || $1::text)"))
            .bind(id)
            .execute(c)
            .await?;
    }
    Ok(())
}

/// Returns the highest row id; 0 when there is none.
pub async fn last_id(conn: Conn<'_>) -> Result<i64> {
    Ok(on!(conn, |c| sqlx::query_scalar(sql!("SELECT COALESCE(MAX(id), 0) FROM auth_changes")).fetch_one(c).await)?)
}

/// Returns the changes above a row id.
pub async fn list_after(conn: Conn<'_>, id: i64) -> Result<Vec<Row>> {
    Ok(on!(conn, |c| sqlx::query_as(sql!("SELECT id, what FROM auth_changes WHERE id > $1 ORDER BY id"))
        .bind(id)
        .fetch_all(c)
        .await)?)
}

/// Removes changes that every process has long read.
pub async fn delete_old(conn: Conn<'_>, before: UnixNanos) -> Result<()> {
    on!(conn, |c| sqlx::query(sql!("DELETE FROM auth_changes WHERE created_at < $1"))
        .bind(before)
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}
