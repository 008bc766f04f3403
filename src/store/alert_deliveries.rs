//! The outbox: what destinations are to be told, written with what it tells of, and what came of it.
//!
//! A process takes what is due by moving its next attempt into the future: no other takes it meanwhile, and if the
//! process is gone the attempt is made again then, under the same message id.

use std::time::Duration;

use crate::{
    db::{Conn, on, sql},
    domain::{
        alert::{AlertEvent, Delivery, Outcome},
        id::{AlertId, DeliveryId, DestinationId},
        page::{Cursor, Page, PageRequest},
        time::UnixNanos,
    },
    error::{Error, Result},
};

/// How long an attempt is its process's own; far longer than an attempt may take.
const LEASE: Duration = Duration::from_mins(2);

#[derive(sqlx::FromRow)]
struct DeliveryRow {
    id: DeliveryId,
    destination_id: DestinationId,
    alert_id: Option<AlertId>,
    message_id: String,
    event: String,
    payload: String,
    created_at: UnixNanos,
    attempts: i64,
    next_attempt_at: Option<UnixNanos>,
    attempted_at: Option<UnixNanos>,
    delivered_at: Option<UnixNanos>,
    status_code: Option<i64>,
    error: Option<String>,
}

impl DeliveryRow {
    fn into_delivery(self) -> Result<Delivery> {
        Ok(Delivery {
            id: self.id,
            destination: self.destination_id,
            alert: self.alert_id,
            message_id: self.message_id,
            event: self.event.parse().map_err(|e: String| Error::internal(e))?,
            payload: self.payload,
            created_at: self.created_at,
            attempts: u32::try_from(self.attempts).unwrap_or(u32::MAX),
            next_attempt_at: self.next_attempt_at,
            attempted_at: self.attempted_at,
            delivered_at: self.delivered_at,
            status_code: self.status_code.and_then(|s| u16::try_from(s).ok()),
            error: self.error,
        })
    }
}

/// A delivery to be written.
#[derive(Clone, Copy, Debug)]
pub struct NewDelivery<'a> {
    /// To whom.
    pub destination: DestinationId,
    /// About which alert.
    pub alert: Option<AlertId>,
    /// Names the message.
    pub message_id: &'a str,
    /// Of what.
    pub event: AlertEvent,
    /// The JSON text.
    pub payload: &'a str,
}

/// Adds a delivery that is due at once.
pub async fn add(conn: Conn<'_>, new: NewDelivery<'_>, now: UnixNanos) -> Result<()> {
    on!(conn, |c| sqlx::query(sql!(
        "INSERT INTO alert_deliveries
             (destination_id, alert_id, message_id, event, payload, created_at, attempts, next_attempt_at)
         VALUES ($1, $2, $3, $4, $5, $6, 0, $6)"
    ))
    .bind(new.destination)
    .bind(new.alert)
    .bind(new.message_id)
    .bind(new.event.as_str())
    .bind(new.payload)
    .bind(now)
    .execute(c)
    .await
    .map(|_| ()))?;
    Ok(())
}

/// Adds a delivery whose one attempt the caller makes itself.
pub async fn add_taken(conn: Conn<'_>, new: NewDelivery<'_>, now: UnixNanos) -> Result<Delivery> {
    let row: DeliveryRow = on!(conn, |c| sqlx::query_as(sql!(
        "INSERT INTO alert_deliveries
             (destination_id, alert_id, message_id, event, payload, created_at, attempts, attempted_at)
         VALUES ($1, $2, $3, $4, $5, $6, 1, $6)
         RETURNING id, destination_id, alert_id, message_id, event, payload, created_at, attempts, next_attempt_at,
             attempted_at, delivered_at, status_code, error"
    ))
    .bind(new.destination)
    .bind(new.alert)
    .bind(new.message_id)
    .bind(new.event.as_str())
    .bind(new.payload)
    .bind(now)
    .fetch_one(c)
    .await)?;
    row.into_delivery()
}

/// Whether a delivery is due.
pub async fn is_due(conn: Conn<'_>, now: UnixNanos) -> Result<bool> {
    let due: Option<DeliveryId> =
        on!(conn, |c| sqlx::query_scalar(sql!("SELECT id FROM alert_deliveries WHERE next_attempt_at <= $1 LIMIT 1"))
            .bind(now)
            .fetch_optional(c)
            .await)?;
    Ok(due.is_some())
}

/// Takes up to `limit` deliveries that are due; no other process gets them for now.
pub async fn take(conn: Conn<'_>, now: UnixNanos, limit: i64) -> Result<Vec<Delivery>> {
    let until = now.plus(LEASE);
    // Rows that another process is just taking are left to it: that is Postgres' to say, and there only are several.
    let rows: Vec<DeliveryRow> = match conn {
        Conn::Sqlite(c) => {
            sqlx::query_as(sql!(
                sqlite:
                "UPDATE alert_deliveries
                 SET attempts = attempts + 1, attempted_at = $1, next_attempt_at = $2
                 WHERE id IN (SELECT id FROM alert_deliveries
                     WHERE next_attempt_at <= $1
                     ORDER BY next_attempt_at, id
                     LIMIT $3)
                 RETURNING id, destination_id, alert_id, message_id, event, payload, created_at, attempts,
                     next_attempt_at, attempted_at, delivered_at, status_code, error"
            ))
            .bind(now)
            .bind(until)
            .bind(limit)
            .fetch_all(c)
            .await?
        }
        Conn::Postgres(c) => {
            sqlx::query_as(sql!(
                postgres:
                "UPDATE alert_deliveries
                 SET attempts = attempts + 1, attempted_at = $1, next_attempt_at = $2
                 WHERE id IN (SELECT id FROM alert_deliveries
                     WHERE next_attempt_at <= $1
                     ORDER BY next_attempt_at, id
                     LIMIT $3
                     FOR UPDATE SKIP LOCKED)
                 RETURNING id, destination_id, alert_id, message_id, event, payload, created_at, attempts,
                     next_attempt_at, attempted_at, delivered_at, status_code, error"
            ))
            .bind(now)
            .bind(until)
            .bind(limit)
            .fetch_all(c)
            .await?
        }
    };
    rows.into_iter().map(DeliveryRow::into_delivery).collect()
}

/// Writes down what came of an attempt, unless another one has begun since.
pub async fn finish(
    conn: Conn<'_>,
    delivery: &Delivery,
    outcome: &Outcome,
    next_attempt_at: Option<UnixNanos>,
    now: UnixNanos,
) -> Result<()> {
    on!(conn, |c| sqlx::query(sql!(
        "UPDATE alert_deliveries
         SET next_attempt_at = $3, delivered_at = $4, status_code = $5, error = $6
         WHERE id = $1 AND attempts = $2 AND delivered_at IS NULL"
    ))
    .bind(delivery.id)
    .bind(i64::from(delivery.attempts))
    .bind(next_attempt_at)
    .bind(outcome.delivered.then_some(now))
    .bind(outcome.status_code.map(i64::from))
    .bind(&outcome.error)
    .execute(c)
    .await
    .map(|_| ()))?;
    Ok(())
}

/// Lists what was told to a destination, the newest first.
pub async fn list(conn: Conn<'_>, destination: DestinationId, page: PageRequest) -> Result<Page<Delivery>> {
    let rows: Vec<DeliveryRow> = on!(conn, |c| {
        let mut query = sqlx::QueryBuilder::new(
            "SELECT id, destination_id, alert_id, message_id, event, payload, created_at, attempts, next_attempt_at,
                 attempted_at, delivered_at, status_code, error
             FROM alert_deliveries
             WHERE destination_id = ",
        );
        query.push_bind(destination);
        if let Some(from) = page.from {
            query.push(" AND id <= ").push_bind(from.id);
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(page.fetch());
        query.build_query_as().fetch_all(c).await
    })?;
    let page = page.page(rows, |row| Cursor { key: row.id.0, id: row.id.0 });
    let items = page.items.into_iter().map(DeliveryRow::into_delivery).collect::<Result<_>>()?;
    Ok(Page { items, next: page.next })
}

/// Ends what is still to be told to a destination, and says why.
pub async fn give_up(conn: Conn<'_>, destination: DestinationId, why: &str) -> Result<()> {
    on!(conn, |c| sqlx::query(sql!(
        "UPDATE alert_deliveries
         SET next_attempt_at = NULL, error = $2
         WHERE destination_id = $1 AND next_attempt_at IS NOT NULL"
    ))
    .bind(destination)
    .bind(why)
    .execute(c)
    .await
    .map(|_| ()))?;
    Ok(())
}

/// Finds a delivery.
pub async fn find(conn: Conn<'_>, id: DeliveryId) -> Result<Option<Delivery>> {
    let row: Option<DeliveryRow> = on!(conn, |c| sqlx::query_as(sql!(
        "SELECT id, destination_id, alert_id, message_id, event, payload, created_at, attempts, next_attempt_at,
             attempted_at, delivered_at, status_code, error
         FROM alert_deliveries
         WHERE id = $1"
    ))
    .bind(id)
    .fetch_optional(c)
    .await)?;
    row.map(DeliveryRow::into_delivery).transpose()
}

/// Removes up to `limit` deliveries that are over and older than an instant; returns how many.
pub async fn delete_old(conn: Conn<'_>, before: UnixNanos, limit: i64) -> Result<u64> {
    Ok(on!(conn, |c| sqlx::query(sql!(
        "DELETE FROM alert_deliveries
         WHERE id IN (SELECT id FROM alert_deliveries
             WHERE next_attempt_at IS NULL AND created_at < $1
             LIMIT $2)"
    ))
    .bind(before)
    .bind(limit)
    .execute(c)
    .await
    .map(|done| done.rows_affected()))?)
}
