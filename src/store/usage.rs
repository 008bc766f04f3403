//! What keys were used for: sums by hour, countries, and the last use.
//!
//! Several processes add to the same rows: every statement sorts its rows by key first, and one flush touches the tables
//! in the order of this file.

use std::sync::Arc;

use sqlx::QueryBuilder;

use crate::{
    db::{Conn, on, sql},
    domain::{
        access::{HOUR, KeyUsage, LastUsed, Sums, UsageRow},
        api_key::KeyKind,
        id::{ApiKeyId, UserId},
        time::UnixNanos,
    },
    error::Result,
};

/// Rows that one statement takes.
const MAX_ROWS: usize = 1_000;

/// Adds what keys were used for.
pub async fn add(mut conn: Conn<'_>, usage: &[KeyUsage]) -> Result<()> {
    let mut rows: Vec<_> = usage.iter().flat_map(|u| u.rows.iter().map(|row| (u.key, row))).collect();
    rows.sort_by(|(a, x), (b, y)| (a, x.start, &x.route, x.status_class).cmp(&(b, y.start, &y.route, y.status_class)));
    for rows in rows.chunks(MAX_ROWS) {
        on!(&mut conn, |c| {
            let mut query = QueryBuilder::new(
                "INSERT INTO api_key_usage
                     (key_id, hour, route, status_class, requests, latency_us, bytes_in, bytes_out, spans) ",
            );
            query.push_values(rows, |mut values, (key, row)| {
                values
                    .push_bind(*key)
                    .push_bind(row.start)
                    .push_bind(&*row.route)
                    .push_bind(row.status_class)
                    .push_bind(row.sums.requests)
                    .push_bind(row.sums.latency_us)
                    .push_bind(row.sums.bytes_in)
                    .push_bind(row.sums.bytes_out)
                    .push_bind(row.sums.spans);
            });
            query.push(
                " ON CONFLICT (key_id, hour, route, status_class) DO UPDATE SET
                     requests = api_key_usage.requests + excluded.requests,
                     latency_us = api_key_usage.latency_us + excluded.latency_us,
                     bytes_in = api_key_usage.bytes_in + excluded.bytes_in,
                     bytes_out = api_key_usage.bytes_out + excluded.bytes_out,
                     spans = api_key_usage.spans + excluded.spans",
            );
            query.build().persistent(false).execute(&mut **c).await.map(|_| ())
        })?;
    }
    let mut countries: Vec<_> = usage.iter().flat_map(|u| u.countries.iter().map(|row| (u.key, row))).collect();
    countries.sort_by(|(a, x), (b, y)| (a, x.start, &x.country).cmp(&(b, y.start, &y.country)));
    for rows in countries.chunks(MAX_ROWS) {
        on!(&mut conn, |c| {
            let mut query = QueryBuilder::new("INSERT INTO api_key_countries (key_id, hour, country, requests) ");
            query.push_values(rows, |mut values, (key, row)| {
                values.push_bind(*key).push_bind(row.start).push_bind(row.country.as_str()).push_bind(row.requests);
            });
            query.push(
                " ON CONFLICT (key_id, hour, country) DO UPDATE SET
                     requests = api_key_countries.requests + excluded.requests",
            );
            query.build().persistent(false).execute(&mut **c).await.map(|_| ())
        })?;
    }
    let mut last: Vec<_> = usage.iter().map(|u| (u.key, &u.last)).collect();
    last.sort_by_key(|(key, _)| *key);
    for rows in last.chunks(MAX_ROWS) {
        on!(&mut conn, |c| {
            let mut query =
                QueryBuilder::new("INSERT INTO api_key_last_used (key_id, at, address, user_agent, country) ");
            query.push_values(rows, |mut values, (key, last)| {
                values
                    .push_bind(*key)
                    .push_bind(last.at)
                    .push_bind(last.address.as_str())
                    .push_bind(last.user_agent.as_deref())
                    .push_bind(last.country.as_deref());
            });
            // Another process may have seen a later one.
            query.push(
                " ON CONFLICT (key_id) DO UPDATE SET
                     at = excluded.at, address = excluded.address, user_agent = excluded.user_agent,
                     country = excluded.country
                 WHERE api_key_last_used.at <= excluded.at",
            );
            query.build().persistent(false).execute(&mut **c).await.map(|_| ())
        })?;
    }
    Ok(())
}

#[derive(sqlx::FromRow)]
struct SumRow {
    start: UnixNanos,
    route: String,
    status_class: i64,
    requests: i64,
    latency_us: i64,
    bytes_in: i64,
    bytes_out: i64,
    spans: i64,
}

/// Returns the sums of a key from the hour of one instant to the hour before another, by intervals of `hours`.
pub async fn sums(
    conn: Conn<'_>,
    key: ApiKeyId,
    start: UnixNanos,
    end: UnixNanos,
    hours: i64,
) -> Result<Vec<UsageRow>> {
    let rows: Vec<SumRow> = on!(conn, |c| sqlx::query_as(sql!(
        "SELECT (hour / $4) * $4 AS start, route, status_class,
             CAST(SUM(requests) AS BIGINT) AS requests, CAST(SUM(latency_us) AS BIGINT) AS latency_us,
             CAST(SUM(bytes_in) AS BIGINT) AS bytes_in, CAST(SUM(bytes_out) AS BIGINT) AS bytes_out,
             CAST(SUM(spans) AS BIGINT) AS spans
         FROM api_key_usage
         WHERE key_id = $1 AND hour >= $2 AND hour < $3
         GROUP BY (hour / $4) * $4, route, status_class
         ORDER BY 1, 2, 3"
    ))
    .bind(key)
    .bind(start)
    .bind(end)
    .bind(hours * HOUR)
    .fetch_all(c)
    .await)?;
    let read = |row: SumRow| UsageRow {
        start: row.start,
        route: Arc::from(row.route),
        status_class: row.status_class,
        sums: Sums {
            requests: row.requests,
            latency_us: row.latency_us,
            bytes_in: row.bytes_in,
            bytes_out: row.bytes_out,
            spans: row.spans,
        },
    };
    Ok(rows.into_iter().map(read).collect())
}

/// Returns how many requests of a key came from each country over the same time, the most first.
pub async fn countries(conn: Conn<'_>, key: ApiKeyId, start: UnixNanos, end: UnixNanos) -> Result<Vec<(String, i64)>> {
    Ok(on!(conn, |c| sqlx::query_as(sql!(
        "SELECT country, CAST(SUM(requests) AS BIGINT) AS requests
         FROM api_key_countries
         WHERE key_id = $1 AND hour >= $2 AND hour < $3
         GROUP BY country
         ORDER BY 2 DESC, 1"
    ))
    .bind(key)
    .bind(start)
    .bind(end)
    .fetch_all(c)
    .await)?)
}

/// Returns the last use of a key.
pub async fn find_last(conn: Conn<'_>, key: ApiKeyId) -> Result<Option<LastUsed>> {
    Ok(on!(conn, |c| sqlx::query_as(sql!(
        "SELECT at, address, user_agent, country FROM api_key_last_used WHERE key_id = $1"
    ))
    .bind(key)
    .fetch_optional(c)
    .await)?)
}

/// Returns kind and owner of a key, revoked and expired ones too: their records stay.
pub async fn find_owner(conn: Conn<'_>, key: ApiKeyId) -> Result<Option<(KeyKind, UserId)>> {
    let row: Option<(String, UserId)> =
        on!(conn, |c| sqlx::query_as(sql!("SELECT kind, user_id FROM api_keys WHERE id = $1"))
            .bind(key)
            .fetch_optional(c)
            .await)?;
    let kind = |text: &str| if text == KeyKind::System.as_str() { KeyKind::System } else { KeyKind::User };
    Ok(row.map(|(text, user)| (kind(&text), user)))
}

/// Removes up to `limit` sums from before an instant, and the last uses from then of keys that are no more; returns how many rows.
pub async fn delete_old(mut conn: Conn<'_>, before: UnixNanos, limit: i64) -> Result<u64> {
    let mut removed = 0;
    removed += on!(&mut conn, |c| sqlx::query(sql!(
        "DELETE FROM api_key_usage
         WHERE (key_id, hour, route, status_class) IN (
             SELECT key_id, hour, route, status_class FROM api_key_usage WHERE hour < $1 LIMIT $2)"
    ))
    .bind(before)
    .bind(limit)
    .execute(&mut **c)
    .await
    .map(|done| done.rows_affected()))?;
    removed += on!(&mut conn, |c| sqlx::query(sql!(
        "DELETE FROM api_key_countries
         WHERE (key_id, hour, country) IN (
             SELECT key_id, hour, country FROM api_key_countries WHERE hour < $1 LIMIT $2)"
    ))
    .bind(before)
    .bind(limit)
    .execute(&mut **c)
    .await
    .map(|done| done.rows_affected()))?;
    removed += on!(&mut conn, |c| sqlx::query(sql!(
        "DELETE FROM api_key_last_used WHERE at < $1 AND key_id NOT IN (SELECT id FROM api_keys)"
    ))
    .bind(before)
    .execute(&mut **c)
    .await
    .map(|done| done.rows_affected()))?;
    Ok(removed)
}
