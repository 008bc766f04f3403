//! What alerts are told to.

use crate::{
    db::{Conn, on, sql},
    domain::{
        alert::{AlertEvent, AlertKind, Destination},
        id::DestinationId,
        time::UnixNanos,
    },
    error::{Error, Result},
};

#[derive(sqlx::FromRow)]
struct DestinationRow {
    id: DestinationId,
    kind: String,
    target: String,
    events: Option<String>,
    kinds: Option<String>,
    enabled: bool,
    salt: Vec<u8>,
    previous_salt: Option<Vec<u8>>,
    previous_until: Option<UnixNanos>,
    created_at: UnixNanos,
}

fn read<T: std::str::FromStr<Err = String>>(text: Option<String>) -> Result<Option<Vec<T>>> {
    text.map(|text| text.split_ascii_whitespace().map(|w| w.parse().map_err(Error::internal)).collect()).transpose()
}

fn events(events: Option<&[AlertEvent]>) -> Option<String> {
    events.map(|events| events.iter().map(|e| e.as_str()).collect::<Vec<_>>().join(" "))
}

fn kinds(kinds: Option<&[AlertKind]>) -> Option<String> {
    kinds.map(|kinds| kinds.iter().map(|k| k.as_str()).collect::<Vec<_>>().join(" "))
}

impl DestinationRow {
    fn into_destination(self) -> Result<Destination> {
        Ok(Destination {
            id: self.id,
            kind: self.kind.parse().map_err(|e: String| Error::internal(e))?,
            target: self.target,
            events: read(self.events)?,
            kinds: read(self.kinds)?,
            enabled: self.enabled,
            salt: self.salt,
            previous: self.previous_salt.zip(self.previous_until),
            created_at: self.created_at,
        })
    }
}

/// Adds a destination; the id of the given one is not used.
pub async fn add(conn: Conn<'_>, new: &Destination) -> Result<DestinationId> {
    Ok(on!(conn, |c| sqlx::query_scalar(sql!(
        "INSERT INTO alert_destinations (kind, target, events, kinds, enabled, salt, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         RETURNING id"
    ))
    .bind(new.kind.as_str())
    .bind(&new.target)
    .bind(events(new.events.as_deref()))
    .bind(kinds(new.kinds.as_deref()))
    .bind(new.enabled)
    .bind(&new.salt)
    .bind(new.created_at)
    .fetch_one(c)
    .await)?)
}

/// Replaces what can be changed about a destination.
pub async fn update(conn: Conn<'_>, destination: &Destination) -> Result<()> {
    let (previous_salt, previous_until) = destination.previous.clone().unzip();
    on!(conn, |c| sqlx::query(sql!(
        "UPDATE alert_destinations
         SET target = $2, events = $3, kinds = $4, salt = $5, previous_salt = $6, previous_until = $7,
             enabled = $8
         WHERE id = $1"
    ))
    .bind(destination.id)
    .bind(&destination.target)
    .bind(events(destination.events.as_deref()))
    .bind(kinds(destination.kinds.as_deref()))
    .bind(&destination.salt)
    .bind(previous_salt)
    .bind(previous_until)
    .bind(destination.enabled)
    .execute(c)
    .await
    .map(|_| ()))?;
    Ok(())
}

/// Removes a destination and everything that was told to it.
pub async fn delete(conn: Conn<'_>, id: DestinationId) -> Result<()> {
    on!(conn, |c| sqlx::query(sql!("DELETE FROM alert_destinations WHERE id = $1"))
        .bind(id)
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Lists every destination, the oldest first; there are few.
pub async fn list(conn: Conn<'_>) -> Result<Vec<Destination>> {
    let rows: Vec<DestinationRow> = on!(conn, |c| sqlx::query_as(sql!(
        "SELECT id, kind, target, events, kinds, enabled, salt, previous_salt, previous_until, created_at
         FROM alert_destinations
         ORDER BY id"
    ))
    .fetch_all(c)
    .await)?;
    rows.into_iter().map(DestinationRow::into_destination).collect()
}

/// Finds a destination.
pub async fn find(conn: Conn<'_>, id: DestinationId) -> Result<Option<Destination>> {
    let row: Option<DestinationRow> = on!(conn, |c| sqlx::query_as(sql!(
        "SELECT id, kind, target, events, kinds, enabled, salt, previous_salt, previous_until, created_at
         FROM alert_destinations
         WHERE id = $1"
    ))
    .bind(id)
    .fetch_optional(c)
    .await)?;
    row.map(DestinationRow::into_destination).transpose()
}

/// Holds all destinations against changes until the transaction ends.
pub async fn lock(conn: Conn<'_>) -> Result<()> {
    // SQLite has one writer.
    if let Conn::Postgres(c) = conn {
        sqlx::query(sql!(postgres: "LOCK TABLE alert_destinations IN SHARE ROW EXCLUSIVE MODE")).execute(c).await?;
    }
    Ok(())
}
