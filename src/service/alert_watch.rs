//! The watch over keys: looks once in a while which alerts are to be raised and which are over, and writes them together
//! with what destinations are to be told; and tells them.
//!
//! Acts for nobody: the server itself does this. One process of several on one database looks at a time; what is due
//! to be told is shared among them.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::Services;
use crate::{
    db::{Conn, Db, Tx},
    domain::{
        access::HOUR,
        alert::{
            Alert, AlertEvent, AlertKind, Delivery, Destination, NewAlert, Outcome, Resolution, Thresholds, pause_after,
        },
        id::AlertId,
        secret::random_id,
        time::UnixNanos,
    },
    error::Result,
    notify,
    store::{self, alert_deliveries::NewDelivery, alerts::Finding},
};

/// How far back a first use from a country is looked for: as long as no process may have looked.
const ABROAD_SINCE: Duration = Duration::from_hours(24);
/// How long alerts that are over are kept: as long as the sums that they speak of.
const ALERTS_KEPT: Duration = Duration::from_hours(24 * 396);
/// How long deliveries that are over are kept.
const DELIVERIES_KEPT: Duration = Duration::from_hours(24 * 30);
/// Rows that one transaction removes.
const SLICE: i64 = 500;
/// Deliveries that are under way at once.
const AT_ONCE: i64 = 16;
/// An attempt ends after this long at the latest: before another process may take the delivery.
const PATIENCE: Duration = Duration::from_secs(100);
/// Rounds of them before the job comes back.
const ROUNDS: usize = 32;

/// What a look has seen.
#[derive(Debug, Default)]
struct Seen {
    over: Vec<(AlertId, Resolution)>,
    new: Vec<NewAlert>,
}

/// Who has looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// This process.
    Here,
    /// Another one, which is not done yet.
    Elsewhere,
}

/// Looks once at every key, unless another process is doing so.
pub async fn look(services: &Services) -> Result<Looked> {
    let inner = &services.0;
    let rules = &inner.settings.alerts;
    let now = inner.clock.now();
    match &inner.db {
        Db::Postgres(_) => {
            let mut tx = inner.db.begin().await?;
            if !store::alerts::try_lock(tx.conn()).await? {
                return Ok(Looked::Elsewhere);
            }
            let seen = see(tx.conn(), rules, now).await?;
            write(tx, seen, now).await?;
        }
        Db::Sqlite { .. } => {
            // Nothing may be written while this reads: so it reads beside the one writer.
            let seen = {
                let mut reader = inner.db.read().await?;
                see(reader.conn(), rules, now).await?
            };
            if !seen.over.is_empty() || !seen.new.is_empty() {
                write(inner.db.begin().await?, seen, now).await?;
            }
        }
    }
    forget(&inner.db, now).await?;
    Ok(Looked::Here)
}

async fn forget(db: &Db, now: UnixNanos) -> Result<()> {
    let mut tx = db.begin().await?;
    store::alerts::delete_old(tx.conn(), now.minus(ALERTS_KEPT), SLICE).await?;
    store::alert_deliveries::delete_old(tx.conn(), now.minus(DELIVERIES_KEPT), SLICE).await?;
    tx.commit().await
}

/// Asks every question. What is turned off is asked with a bound that nothing reaches, so that what is open ends.
async fn see(mut conn: Conn<'_>, rules: &Thresholds, now: UnixNanos) -> Result<Seen> {
    let never = UnixNanos(i64::MIN);
    let unused_since = rules.unused.map_or(never, |after| now.minus(after));
    let window_start = UnixNanos(now.minus(rules.window).0.div_euclid(HOUR) * HOUR);
    let (requests, percent) = (i64::from(rules.min_requests), i64::from(rules.error_percent.unwrap_or(100)));
    let expiring_until = rules.expiring.map_or(never, |before| now.plus(before));
    let mut over = store::alerts::find_dead(conn.reborrow(), now).await?;
    over.extend(store::alerts::find_used(conn.reborrow(), unused_since).await?);
    over.extend(store::alerts::find_healed(conn.reborrow(), window_start, requests, percent).await?);
    over.extend(store::alerts::find_prolonged(conn.reborrow(), expiring_until).await?);
    let raised_by = rules.accustomed.map_or(now, |after| now.minus(after));
    over.extend(store::alerts::find_accustomed(conn.reborrow(), raised_by).await?);

    let mut new = Vec::new();
    if let Some(after) = rules.unused {
        let found = store::alerts::find_unused(conn.reborrow(), now, unused_since).await?;
        new.extend(found.into_iter().map(|finding| unused(finding, after)));
    }
    if rules.error_percent.is_some() {
        let found = store::alerts::find_failing(conn.reborrow(), now, window_start, requests, percent).await?;
        new.extend(found.into_iter().map(|finding| failing(finding, percent, window_start)));
    }
    if rules.expiring.is_some() {
        let found = store::alerts::find_expiring(conn.reborrow(), now, expiring_until).await?;
        new.extend(found.into_iter().map(expiring));
    }
    if let Some(baseline) = rules.accustomed {
        let since = UnixNanos(now.minus(ABROAD_SINCE).0.div_euclid(HOUR) * HOUR);
        let baseline = i64::try_from(baseline.as_nanos()).unwrap_or(i64::MAX);
        let found = store::alerts::find_abroad(conn, now, since, baseline).await?;
        new.extend(found.into_iter().map(abroad));
    }
    Ok(Seen { over, new })
}

/// Returns an instant for people.
fn words(at: UnixNanos) -> String {
    let text = at.to_rfc3339();
    format!("{} UTC", text.get(..16).unwrap_or(&text).replace('T', " "))
}

fn alert(finding: Finding, kind: AlertKind, message: String, details: &serde_json::Value) -> NewAlert {
    NewAlert {
        key: finding.key_id,
        key_name: finding.name,
        key_masked: finding.masked,
        kind,
        country: Some(finding.subject).filter(|s| !s.is_empty()),
        message,
        details: details.to_string(),
    }
}

fn unused(finding: Finding, after: Duration) -> NewAlert {
    let days = after.as_secs() / 86_400;
    let last = finding.first.map(UnixNanos);
    let message = if let Some(at) = last {
        format!("Not used for {days} days: last used on {}", words(at))
    } else {
        let made = finding.second.map(|at| format!(" on {}", words(UnixNanos(at)))).unwrap_or_default();
        format!("Never used since it was made{made}, more than {days} days ago")
    };
    alert(finding, AlertKind::Unused, message, &json!({ "days": days, "lastUsedAt": last.map(notify::instant) }))
}

fn failing(finding: Finding, percent: i64, since: UnixNanos) -> NewAlert {
    let (requests, errors) = (finding.first.unwrap_or_default().max(1), finding.second.unwrap_or_default());
    let tenths = errors.saturating_mul(1_000) / requests;
    let rate = format!("{}.{}", tenths / 10, tenths % 10);
    let message = format!(
        "{errors} of {requests} requests since {} failed ({rate} %); more than {percent} % is unusual",
        words(since)
    );
    let details =
        json!({ "requests": requests, "errors": errors, "thresholdPercent": percent, "since": notify::instant(since) });
    alert(finding, AlertKind::ErrorRate, message, &details)
}

fn expiring(finding: Finding) -> NewAlert {
    let at = UnixNanos(finding.first.unwrap_or_default());
    alert(
        finding,
        AlertKind::Expiring,
        format!("Expires on {}", words(at)),
        &json!({ "expiresAt": notify::instant(at) }),
    )
}

fn abroad(finding: Finding) -> NewAlert {
    let at = UnixNanos(finding.first.unwrap_or_default());
    let country = finding.subject.clone();
    let message = format!("Used from {country} for the first time, in the hour from {}", words(at));
    alert(
        finding,
        AlertKind::UnexpectedGeography,
        message,
        &json!({ "country": country, "firstSeenAt": notify::instant(at) }),
    )
}

/// Writes what was seen, and with it what destinations are to be told.
async fn write(mut tx: Tx, seen: Seen, now: UnixNanos) -> Result<()> {
    let destinations = store::alert_destinations::list(tx.conn()).await?;
    for (id, why) in seen.over {
        if let Some(alert) = store::alerts::resolve(tx.conn(), id, why, now).await? {
            tell(&mut tx, &destinations, AlertEvent::Resolved, &alert, now).await?;
        }
    }
    for new in seen.new {
        if let Some(alert) = store::alerts::add(tx.conn(), &new, now).await? {
            tell(&mut tx, &destinations, AlertEvent::Raised, &alert, now).await?;
        }
    }
    tx.commit().await
}

async fn tell(
    tx: &mut Tx,
    destinations: &[Destination],
    event: AlertEvent,
    alert: &Alert,
    now: UnixNanos,
) -> Result<()> {
    let payload = notify::payload(event.as_str(), now, &notify::alert_body(alert));
    for destination in destinations.iter().filter(|d| d.wants(event, alert.kind)) {
        let message_id = format!("msg_{}", random_id());
        let new = NewDelivery {
            destination: destination.id,
            alert: Some(alert.id),
            message_id: &message_id,
            event,
            payload: &payload,
        };
        store::alert_deliveries::add(tx.conn(), new, now).await?;
    }
    tracing::info!(api_key.id = alert.key.0, alert.kind = alert.kind.as_str(), event = event.as_str(), "alert");
    Ok(())
}

/// Tells destinations what is due.
pub async fn deliver(services: &Services) -> Result<()> {
    let inner = &services.0;
    let Some(courier) = &inner.courier else { return Ok(()) };
    for _ in 0..ROUNDS {
        let now = inner.clock.now();
        let is_due = {
            let mut reader = inner.db.read().await?;
            store::alert_deliveries::is_due(reader.conn(), now).await?
        };
        if !is_due {
            return Ok(());
        }
        let mut tx = inner.db.begin().await?;
        let taken = store::alert_deliveries::take(tx.conn(), now, AT_ONCE).await?;
        let destinations = store::alert_destinations::list(tx.conn()).await?;
        tx.commit().await?;
        let attempts = taken.iter().filter_map(|delivery| {
            let destination = destinations.iter().find(|d| d.id == delivery.destination)?;
            Some(async move {
                let failed = |error: String, is_final| Outcome { error: Some(error), is_final, ..Outcome::default() };
                let outcome = if destination.enabled {
                    let attempt = courier.carry(destination, delivery, now);
                    tokio::time::timeout(PATIENCE, attempt).await.unwrap_or_else(|_| {
                        failed(format!("Nothing came of it within {} seconds", PATIENCE.as_secs()), false)
                    })
                } else {
                    // Turned off while an attempt was under way.
                    failed("The destination was turned off".to_owned(), true)
                };
                finish(services, delivery, &outcome).await
            })
        });
        // One that fails does not keep the others from being written down.
        for done in join_all(attempts).await {
            done?;
        }
    }
    Ok(())
}

async fn finish(services: &Services, delivery: &Delivery, outcome: &Outcome) -> Result<()> {
    let inner = &services.0;
    let now = inner.clock.now();
    let may_go_on = !outcome.delivered && !outcome.is_final;
    let pause = may_go_on.then(|| pause_after(delivery.attempts, rand::random())).flatten();
    if let Some(error) = &outcome.error {
        tracing::warn!(
            delivery.id = delivery.id.0,
            destination.id = delivery.destination.0,
            attempts = delivery.attempts,
            retry_after_s = pause.map(|p| p.as_secs()),
            error,
            "alert not delivered"
        );
    }
    let mut tx = inner.db.begin().await?;
    store::alert_deliveries::finish(tx.conn(), delivery, outcome, pause.map(|p| now.plus(p)), now).await?;
    tx.commit().await
}
