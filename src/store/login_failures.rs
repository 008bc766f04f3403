//! Failed logins, counted for an account from one address, and for an account from anywhere.
//!
//! The account is a keyed digest of the e-mail address that was tried: what people mistype, which may be a password, is
//! not kept.

use crate::{
    db::{Conn, on, sql},
    domain::time::UnixNanos,
    error::Result,
};

/// The address under which failures from anywhere are counted.
pub const ANYWHERE: &str = "";

/// Failures of one account.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Failures {
    /// From where, or [`ANYWHERE`].
    pub address: String,
    /// How many.
    pub failures: i64,
    /// When the last one was.
    pub last_at: UnixNanos,
}

/// Returns the failures of an account from one address and from anywhere, as far as they lie after `since`.
pub async fn find(conn: Conn<'_>, account: &[u8], address: &str, since: UnixNanos) -> Result<Vec<Failures>> {
    Ok(on!(conn, |c| sqlx::query_as(sql!(
        "SELECT address, failures, last_at
         FROM login_failures
         WHERE account = $1 AND (address = $2 OR address = '') AND last_at > $3"
    ))
    .bind(account)
    .bind(address)
    .bind(since)
    .fetch_all(c)
    .await)?)
}

/// Counts one more; what lies before `since` is forgotten.
pub async fn add(mut conn: Conn<'_>, account: &[u8], address: &str, now: UnixNanos, since: UnixNanos) -> Result<()> {
    for address in [ANYWHERE, address] {
        on!(&mut conn, |c| {
            sqlx::query(sql!(
            "INSERT INTO login_failures (account, address, failures, first_at, last_at)
             VALUES ($1, $2, 1, $3, $3)
             ON CONFLICT (account, address) DO UPDATE SET
                 failures = CASE WHEN login_failures.last_at <= $4 THEN 1 ELSE login_failures.failures + 1 END,
                 first_at = CASE WHEN login_failures.last_at <= $4 THEN excluded.first_at ELSE login_failures.first_at END,
                 last_at = excluded.last_at"
        ))
        .bind(account)
        .bind(address)
        .bind(now)
        .bind(since)
        .execute(&mut **c)
        .await
        .map(|_| ())
        })?;
    }
    Ok(())
}

/// Takes a place that one alone may have until it is as old as `since`; returns whether it was free. Several processes may
/// ask at once.
pub async fn claim(conn: Conn<'_>, account: &[u8], address: &str, now: UnixNanos, since: UnixNanos) -> Result<bool> {
    let done = on!(conn, |c| sqlx::query(sql!(
        "INSERT INTO login_failures (account, address, failures, first_at, last_at)
         VALUES ($1, $2, 1, $3, $3)
         ON CONFLICT (account, address) DO UPDATE SET first_at = excluded.first_at, last_at = excluded.last_at
         WHERE login_failures.last_at <= $4"
    ))
    .bind(account)
    .bind(address)
    .bind(now)
    .bind(since)
    .execute(c)
    .await
    .map(|done| done.rows_affected()))?;
    Ok(done > 0)
}

/// Forgets the failures of an account from one address: its owner has logged in from there.
pub async fn clear_from(conn: Conn<'_>, account: &[u8], address: &str) -> Result<()> {
    on!(conn, |c| sqlx::query(sql!("DELETE FROM login_failures WHERE account = $1 AND address = $2"))
        .bind(account)
        .bind(address)
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Forgets every failure of an account: its password is another now.
pub async fn clear(conn: Conn<'_>, account: &[u8]) -> Result<()> {
    on!(conn, |c| sqlx::query(sql!("DELETE FROM login_failures WHERE account = $1"))
        .bind(account)
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Removes what lies before `since`.
pub async fn delete_old(conn: Conn<'_>, since: UnixNanos) -> Result<()> {
    on!(conn, |c| sqlx::query(sql!("DELETE FROM login_failures WHERE last_at <= $1"))
        .bind(since)
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}
