//! Login sessions.

use crate::{
    db::{Conn, on, sql},
    domain::{
        id::{SessionId, UserId},
        session::{NewSession, Session},
        time::UnixNanos,
    },
    error::Result,
};

macro_rules! columns {
    () => {
        "id, user_id, access_jti, refresh_jti, spent_refresh_jti, created_at, last_used_at, expires_at, address, \
         user_agent"
    };
}

/// Adds a session.
pub async fn add(conn: Conn<'_>, session: &NewSession, now: UnixNanos) -> Result<SessionId> {
    Ok(on!(conn, |c| sqlx::query_scalar(sql!(
        "INSERT INTO sessions
             (user_id, access_jti, refresh_jti, created_at, last_used_at, expires_at, address, user_agent)
         VALUES ($1, $2, $3, $4, $4, $5, $6, $7)
         RETURNING id"
    ))
    .bind(session.user_id)
    .bind(&session.access_jti)
    .bind(&session.refresh_jti)
    .bind(now)
    .bind(session.expires_at)
    .bind(session.address.to_string())
    .bind(&session.user_agent)
    .fetch_one(c)
    .await)?)
}

/// Finds a session.
pub async fn find(conn: Conn<'_>, id: SessionId) -> Result<Option<Session>> {
    Ok(on!(conn, |c| sqlx::query_as(sql!(concat!("SELECT ", columns!(), " FROM sessions WHERE id = $1")))
        .bind(id)
        .fetch_optional(c)
        .await)?)
}

/// Lists the living sessions of users, the one that was used last first.
pub async fn list_of_users(conn: Conn<'_>, users: &[UserId], now: UnixNanos) -> Result<Vec<Session>> {
    Ok(on!(conn, |c| {
        let mut query = sqlx::QueryBuilder::new(concat!("SELECT ", columns!(), " FROM sessions WHERE expires_at > "));
        query.push_bind(now);
        super::push_in(&mut query, "user_id", users.iter().map(|id| id.0));
        query.push(" ORDER BY last_used_at DESC, id DESC");
        query.build_query_as().fetch_all(c).await
    })?)
}

/// Replaces the pair of tokens if the refresh token is still the valid one; returns whether it was. One statement, so
/// that of two requests with the same token one wins.
pub async fn rotate(
    conn: Conn<'_>,
    id: SessionId,
    spent_refresh_jti: &str,
    new: &NewSession,
    now: UnixNanos,
) -> Result<bool> {
    let rows = on!(conn, |c| sqlx::query(sql!(
        "UPDATE sessions
         SET access_jti = $3, refresh_jti = $4, spent_refresh_jti = $2, last_used_at = $5, expires_at = $6,
             address = $7, user_agent = $8
         WHERE id = $1 AND refresh_jti = $2 AND user_id = $9"
    ))
    .bind(id)
    .bind(spent_refresh_jti)
    .bind(&new.access_jti)
    .bind(&new.refresh_jti)
    .bind(now)
    .bind(new.expires_at)
    .bind(new.address.to_string())
    .bind(&new.user_agent)
    .bind(new.user_id)
    .execute(c)
    .await
    .map(|r| r.rows_affected()))?;
    Ok(rows == 1)
}

/// Ends one session; returns whether it was there.
pub async fn delete(conn: Conn<'_>, id: SessionId) -> Result<bool> {
    let rows = on!(conn, |c| sqlx::query(sql!("DELETE FROM sessions WHERE id = $1"))
        .bind(id)
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
