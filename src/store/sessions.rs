//! Login sessions.

use crate::{
    db::{Conn, on, sql},
    domain::{
        id::{SessionId, UserId},
        session::Session,
        time::UnixNanos,
    },
    error::Result,
};

/// Adds a session.
pub async fn add(
    conn: Conn<'_>,
    user_id: UserId,
    access_jti: &str,
    refresh_jti: &str,
    now: UnixNanos,
    expires_at: UnixNanos,
) -> Result<SessionId> {
    Ok(on!(conn, |c| sqlx::query_scalar(sql!(
        "INSERT INTO sessions (user_id, access_jti, refresh_jti, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5)
         RETURNING id"
    ))
    .bind(user_id)
    .bind(access_jti)
    .bind(refresh_jti)
    .bind(now)
    .bind(expires_at)
    .fetch_one(c)
    .await)?)
}

/// Finds a session.
pub async fn find(conn: Conn<'_>, id: SessionId) -> Result<Option<Session>> {
    Ok(on!(conn, |c| sqlx::query_as(sql!(
        "SELECT id, user_id, access_jti, refresh_jti, created_at, expires_at FROM sessions WHERE id = $1"
    ))
    .bind(id)
    .fetch_optional(c)
    .await)?)
}

/// Replaces the pair of tokens if the refresh token is still the valid one; returns whether it was. One statement, so
/// that of two requests with the same token one wins.
pub async fn rotate(
    conn: Conn<'_>,
    id: SessionId,
    spent_refresh_jti: &str,
    access_jti: &str,
    refresh_jti: &str,
    expires_at: UnixNanos,
) -> Result<bool> {
    let rows = on!(conn, |c| sqlx::query(sql!(
        "UPDATE sessions
         SET access_jti = $3, refresh_jti = $4, expires_at = $5
         WHERE id = $1 AND refresh_jti = $2"
    ))
    .bind(id)
    .bind(spent_refresh_jti)
    .bind(access_jti)
    .bind(refresh_jti)
    .bind(expires_at)
    .execute(c)
    .await
    .map(|r| r.rows_affected()))?;
    Ok(rows == 1)
}

/// Ends every session of a user; returns their ids.
pub async fn delete_of_user(conn: Conn<'_>, user_id: UserId) -> Result<Vec<SessionId>> {
    Ok(on!(conn, |c| sqlx::query_scalar(sql!("DELETE FROM sessions WHERE user_id = $1 RETURNING id"))
        .bind(user_id)
        .fetch_all(c)
        .await)?)
}

/// Removes sessions whose refresh token has expired.
pub async fn delete_expired(conn: Conn<'_>, now: UnixNanos) -> Result<u64> {
    Ok(on!(conn, |c| sqlx::query(sql!("DELETE FROM sessions WHERE expires_at <= $1"))
        .bind(now)
        .execute(c)
        .await
        .map(|r| r.rows_affected()))?)
}
