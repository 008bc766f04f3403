//! Alerts, and the questions whose answers raise and resolve them. Each question is one statement over all keys, with a
//! bound on its rows: what does not fit waits for the next look.

use crate::{
    db::{Conn, on, sql},
    domain::{
        alert::{Alert, AlertFilter, NewAlert, Resolution},
        id::{AlertId, ApiKeyId},
        page::{Cursor, Page, PageRequest},
        time::UnixNanos,
    },
    error::{Error, Result},
};

/// Rows that one question answers with.
pub const MAX_ROWS: i64 = 100;

macro_rules! columns {
    () => {
        "a.id, a.key_id, a.key_name, a.key_masked, a.kind, a.subject, a.message, a.details, a.raised_at, \
         a.resolved_at, a.resolution"
    };
}

/// The key works at $1.
macro_rules! lives {
    () => {
        "k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $1)"
    };
}

/// What is known of the requests of each key since the hour $2.
macro_rules! failures {
    () => {
        "(SELECT key_id, CAST(SUM(requests) AS BIGINT) AS requests,
              CAST(SUM(CASE WHEN status_class >= 4 THEN requests ELSE 0 END) AS BIGINT) AS errors
          FROM api_key_usage
          WHERE hour >= $2
          GROUP BY key_id) AS s"
    };
}

#[derive(sqlx::FromRow)]
struct AlertRow {
    id: AlertId,
    key_id: ApiKeyId,
    key_name: String,
    key_masked: String,
    kind: String,
    subject: String,
    message: String,
    details: String,
    raised_at: UnixNanos,
    resolved_at: Option<UnixNanos>,
    resolution: Option<String>,
}

impl AlertRow {
    fn into_alert(self) -> Result<Alert> {
        Ok(Alert {
            id: self.id,
            key: self.key_id,
            key_name: self.key_name,
            key_masked: self.key_masked,
            kind: self.kind.parse().map_err(|e: String| Error::internal(e))?,
            country: Some(self.subject).filter(|s| !s.is_empty()),
            message: self.message,
            details: self.details,
            raised_at: self.raised_at,
            resolved_at: self.resolved_at,
            resolution: self.resolution.map(|r| r.parse()).transpose().map_err(|e: String| Error::internal(e))?,
        })
    }
}

/// A key that gives reason for an alert, and up to two numbers behind it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Finding {
    /// The key.
    pub key_id: ApiKeyId,
    /// Its name.
    pub name: String,
    /// The form of its secret that lists show.
    pub masked: String,
    /// The country of a geography; else empty.
    pub subject: String,
    /// The first number.
    pub first: Option<i64>,
    /// The second.
    pub second: Option<i64>,
}

/// Tries to become the one process that looks, until the transaction ends.
pub async fn try_lock(conn: Conn<'_>) -> Result<bool> {
    // On SQLite there is one process.
    let Conn::Postgres(c) = conn else { return Ok(true) };
    // An advisory lock is of the whole database: the schema keeps two deployments in one apart.
    Ok(sqlx::query_scalar(sql!(
        postgres: "SELECT pg_try_advisory_xact_lock(hashtext('phoenix alerts'), hashtext(current_schema()::text))"
    ))
    .fetch_one(c)
    .await?)
}

/// Finds keys that were neither used nor made after `before`; the numbers are the last use and
/// the creation.
pub async fn find_unused(conn: Conn<'_>, now: UnixNanos, before: UnixNanos) -> Result<Vec<Finding>> {
    Ok(on!(conn, |c| sqlx::query_as(sql!(concat!(
        "SELECT k.id AS key_id, k.name, k.masked, '' AS subject, u.at AS first, k.created_at AS second
         FROM api_keys AS k
         LEFT JOIN api_key_last_used AS u ON u.key_id = k.id
         WHERE ",
        lives!(),
        " AND k.created_at <= $2 AND (u.at IS NULL OR u.at <= $2)
             AND NOT EXISTS (SELECT 1 FROM alerts AS a
                 WHERE a.key_id = k.id AND a.kind = 'unused' AND a.subject = '' AND a.resolved_at IS NULL)
         ORDER BY k.id
         LIMIT $3"
    )))
    .bind(now)
    .bind(before)
    .bind(MAX_ROWS)
    .fetch_all(c)
    .await)?)
}

/// Finds keys of whose requests since an hour more than `percent` of a hundred failed; the numbers are requests and
/// errors.
pub async fn find_failing(
    conn: Conn<'_>,
    now: UnixNanos,
    since: UnixNanos,
    min_requests: i64,
    percent: i64,
) -> Result<Vec<Finding>> {
    Ok(on!(conn, |c| sqlx::query_as(sql!(concat!(
        "SELECT k.id AS key_id, k.name, k.masked, '' AS subject, s.requests AS first, s.errors AS second
         FROM ",
        failures!(),
        " JOIN api_keys AS k ON k.id = s.key_id
         WHERE ",
        lives!(),
        " AND s.requests >= $4 AND s.errors * 100 > s.requests * $5
             AND NOT EXISTS (SELECT 1 FROM alerts AS a
                 WHERE a.key_id = k.id AND a.kind = 'error_rate' AND a.subject = '' AND a.resolved_at IS NULL)
         ORDER BY k.id
         LIMIT $3"
    )))
    .bind(now)
    .bind(since)
    .bind(MAX_ROWS)
    .bind(min_requests)
    .bind(percent)
    .fetch_all(c)
    .await)?)
}

/// Finds keys that were used from a country for the first time since an hour, and longer than `baseline` after their
/// first use; the first number is when. Of each key and country this is said once and never again.
pub async fn find_abroad(conn: Conn<'_>, now: UnixNanos, since: UnixNanos, baseline: i64) -> Result<Vec<Finding>> {
    Ok(on!(conn, |c| sqlx::query_as(sql!(concat!(
        "SELECT k.id AS key_id, k.name, k.masked, n.country AS subject, n.first_at AS first,
             CAST(NULL AS BIGINT) AS second
         FROM (SELECT key_id, country, MIN(hour) AS first_at
               FROM api_key_countries
               WHERE hour >= $2 AND country <> ''
               GROUP BY key_id, country) AS n
         JOIN api_keys AS k ON k.id = n.key_id
         WHERE ",
        lives!(),
        " AND NOT EXISTS (SELECT 1 FROM api_key_countries AS o
                 WHERE o.key_id = n.key_id AND o.country = n.country AND o.hour < $2)
             AND n.first_at >= $4 + (SELECT MIN(f.hour) FROM api_key_countries AS f WHERE f.key_id = n.key_id)
             AND NOT EXISTS (SELECT 1 FROM alerts AS a
                 WHERE a.key_id = k.id AND a.kind = 'unexpected_geography' AND a.subject = n.country)
         ORDER BY k.id, n.country
         LIMIT $3"
    )))
    .bind(now)
    .bind(since)
    .bind(MAX_ROWS)
    .bind(baseline)
    .fetch_all(c)
    .await)?)
}

/// Finds keys that expire by an instant; the first number is when.
pub async fn find_expiring(conn: Conn<'_>, now: UnixNanos, until: UnixNanos) -> Result<Vec<Finding>> {
    Ok(on!(conn, |c| sqlx::query_as(sql!(concat!(
        "SELECT k.id AS key_id, k.name, k.masked, '' AS subject, k.expires_at AS first, CAST(NULL AS BIGINT) AS second
         FROM api_keys AS k
         WHERE ",
        lives!(),
        " AND k.expires_at <= $2
             AND NOT EXISTS (SELECT 1 FROM alerts AS a
                 WHERE a.key_id = k.id AND a.kind = 'expiring' AND a.subject = '' AND a.resolved_at IS NULL)
         ORDER BY k.id
         LIMIT $3"
    )))
    .bind(now)
    .bind(until)
    .bind(MAX_ROWS)
    .fetch_all(c)
    .await)?)
}

/// An open alert that is over, and why.
type Over = (AlertId, String);

fn read(rows: Vec<Over>) -> Result<Vec<(AlertId, Resolution)>> {
    rows.into_iter().map(|(id, why)| Ok((id, why.parse().map_err(|e: String| Error::internal(e))?))).collect()
}

/// Finds open alerts of keys that work no more.
pub async fn find_dead(conn: Conn<'_>, now: UnixNanos) -> Result<Vec<(AlertId, Resolution)>> {
    let rows = on!(conn, |c| sqlx::query_as(sql!(concat!(
        "SELECT a.id, CASE WHEN k.id IS NULL OR k.revoked_at IS NOT NULL THEN 'revoked' ELSE 'expired' END
         FROM alerts AS a
         LEFT JOIN api_keys AS k ON k.id = a.key_id
         WHERE a.resolved_at IS NULL AND (k.id IS NULL OR NOT (",
        lives!(),
        "))
         ORDER BY a.id
         LIMIT $2"
    )))
    .bind(now)
    .bind(MAX_ROWS)
    .fetch_all(c)
    .await)?;
    read(rows)
}

/// Finds open alerts of keys that were used or made after `before`.
pub async fn find_used(conn: Conn<'_>, before: UnixNanos) -> Result<Vec<(AlertId, Resolution)>> {
    let rows = on!(conn, |c| sqlx::query_as(sql!(
        "SELECT a.id, 'recovered'
         FROM alerts AS a
         JOIN api_keys AS k ON k.id = a.key_id
         LEFT JOIN api_key_last_used AS u ON u.key_id = a.key_id
         WHERE a.resolved_at IS NULL AND a.kind = 'unused' AND (k.created_at > $1 OR u.at > $1)
         ORDER BY a.id
         LIMIT $2"
    ))
    .bind(before)
    .bind(MAX_ROWS)
    .fetch_all(c)
    .await)?;
    read(rows)
}

/// Finds open alerts of keys that do not fail any more, or are hardly used.
pub async fn find_healed(
    conn: Conn<'_>,
    since: UnixNanos,
    min_requests: i64,
    percent: i64,
) -> Result<Vec<(AlertId, Resolution)>> {
    let rows = on!(conn, |c| sqlx::query_as(sql!(concat!(
        "SELECT a.id, 'recovered'
         FROM alerts AS a
         LEFT JOIN ",
        failures!(),
        " ON s.key_id = a.key_id
         WHERE a.resolved_at IS NULL AND a.kind = 'error_rate'
             AND (s.key_id IS NULL OR s.requests < $3 OR s.errors * 100 <= s.requests * $4)
         ORDER BY a.id
         LIMIT $1"
    )))
    .bind(MAX_ROWS)
    .bind(since)
    .bind(min_requests)
    .bind(percent)
    .fetch_all(c)
    .await)?;
    read(rows)
}

/// Finds open alerts of countries that were raised by an instant.
pub async fn find_accustomed(conn: Conn<'_>, raised_by: UnixNanos) -> Result<Vec<(AlertId, Resolution)>> {
    let rows = on!(conn, |c| sqlx::query_as(sql!(
        "SELECT a.id, 'accustomed'
         FROM alerts AS a
         WHERE a.resolved_at IS NULL AND a.kind = 'unexpected_geography' AND a.raised_at <= $1
         ORDER BY a.id
         LIMIT $2"
    ))
    .bind(raised_by)
    .bind(MAX_ROWS)
    .fetch_all(c)
    .await)?;
    read(rows)
}

/// Finds open alerts of keys that were given more time than until an instant.
pub async fn find_prolonged(conn: Conn<'_>, until: UnixNanos) -> Result<Vec<(AlertId, Resolution)>> {
    let rows = on!(conn, |c| sqlx::query_as(sql!(
        "SELECT a.id, 'recovered'
         FROM alerts AS a
         JOIN api_keys AS k ON k.id = a.key_id
         WHERE a.resolved_at IS NULL AND a.kind = 'expiring' AND (k.expires_at IS NULL OR k.expires_at > $1)
         ORDER BY a.id
         LIMIT $2"
    ))
    .bind(until)
    .bind(MAX_ROWS)
    .fetch_all(c)
    .await)?;
    read(rows)
}

/// Adds an alert; `None` if the same is open already.
pub async fn add(conn: Conn<'_>, alert: &NewAlert, now: UnixNanos) -> Result<Option<Alert>> {
    let row: Option<AlertRow> = on!(conn, |c| sqlx::query_as(sql!(
        "INSERT INTO alerts (key_id, key_name, key_masked, kind, subject, message, details, raised_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (key_id, kind, subject) WHERE resolved_at IS NULL DO NOTHING
         RETURNING id, key_id, key_name, key_masked, kind, subject, message, details, raised_at, resolved_at,
             resolution"
    ))
    .bind(alert.key)
    .bind(&alert.key_name)
    .bind(&alert.key_masked)
    .bind(alert.kind.as_str())
    .bind(alert.country.as_deref().unwrap_or_default())
    .bind(&alert.message)
    .bind(&alert.details)
    .bind(now)
    .fetch_optional(c)
    .await)?;
    row.map(AlertRow::into_alert).transpose()
}

/// Ends an alert; `None` if it is over already.
pub async fn resolve(conn: Conn<'_>, id: AlertId, why: Resolution, now: UnixNanos) -> Result<Option<Alert>> {
    let row: Option<AlertRow> = on!(conn, |c| sqlx::query_as(sql!(
        "UPDATE alerts
         SET resolved_at = $2, resolution = $3
         WHERE id = $1 AND resolved_at IS NULL
         RETURNING id, key_id, key_name, key_masked, kind, subject, message, details, raised_at, resolved_at,
             resolution"
    ))
    .bind(id)
    .bind(now)
    .bind(why.as_str())
    .fetch_optional(c)
    .await)?;
    row.map(AlertRow::into_alert).transpose()
}

/// Lists alerts, the newest first.
pub async fn list(conn: Conn<'_>, filter: &AlertFilter, page: PageRequest) -> Result<Page<Alert>> {
    let rows: Vec<AlertRow> = on!(conn, |c| {
        let mut query = sqlx::QueryBuilder::new(concat!("SELECT ", columns!(), " FROM alerts AS a WHERE TRUE"));
        match filter.open {
            None => {}
            Some(true) => {
                query.push(" AND a.resolved_at IS NULL");
            }
            Some(false) => {
                query.push(" AND a.resolved_at IS NOT NULL");
            }
        }
        if let Some(kind) = filter.kind {
            query.push(" AND a.kind = ").push_bind(kind.as_str());
        }
        if let Some(key) = filter.key {
            query.push(" AND a.key_id = ").push_bind(key);
        }
        if let Some(from) = page.from {
            query.push(" AND a.id <= ").push_bind(from.id);
        }
        query.push(" ORDER BY a.id DESC LIMIT ").push_bind(page.fetch());
        query.build_query_as().fetch_all(c).await
    })?;
    let page = page.page(rows, |row| Cursor { key: row.id.0, id: row.id.0 });
    let items = page.items.into_iter().map(AlertRow::into_alert).collect::<Result<_>>()?;
    Ok(Page { items, next: page.next })
}

/// Removes up to `limit` alerts that were over before an instant; returns how many.
pub async fn delete_old(conn: Conn<'_>, before: UnixNanos, limit: i64) -> Result<u64> {
    Ok(on!(conn, |c| sqlx::query(sql!(
        "DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE resolved_at < $1 LIMIT $2)"
    ))
    .bind(before)
    .bind(limit)
    .execute(c)
    .await
    .map(|done| done.rows_affected()))?)
}
