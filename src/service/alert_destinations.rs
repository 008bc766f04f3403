//! What alerts are told to: webhooks and mail addresses, kept by administrators.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    audit::{self, Event},
    cx::Cx,
};
use crate::{
    db::Tx,
    domain::{
        alert::{AlertEvent, AlertKind, Delivery, Destination, DestinationKind, Outcome},
        audit::{Action, Subject},
        change::Change,
        id::DestinationId,
        page::{Page, PageRequest},
        scope::Admin,
        secret::{random_bytes, random_id},
        user::check_email,
    },
    error::{Error, Result},
    notify::{self, Courier, SigningSecret},
    store::{self, alert_deliveries::NewDelivery},
};

/// Destinations that a deployment may have: each is told of each alert.
const MAX_DESTINATIONS: usize = 50;
/// How long the secret before a rotation signs beside the new one.
const OVERLAP: Duration = Duration::from_hours(24);
/// How long whoever tries a destination waits for what comes of it.
const TEST_PATIENCE: Duration = Duration::from_secs(30);

/// A destination to be made.
#[derive(Clone, Debug)]
pub struct NewDestination {
    /// How it is told.
    pub kind: DestinationKind,
    /// The URL of a webhook.
    pub url: Option<String>,
    /// The e-mail address.
    pub address: Option<String>,
    /// What it is told of; `None` = everything.
    pub events: Option<Vec<AlertEvent>>,
    /// Kinds of alerts that it is told of; `None` = all.
    pub kinds: Option<Vec<AlertKind>>,
    /// Whether it is told anything.
    pub enabled: bool,
}

/// What to change about a destination.
#[derive(Clone, Debug, Default)]
pub struct DestinationPatch {
    /// The URL of a webhook.
    pub url: Option<String>,
    /// The e-mail address.
    pub address: Option<String>,
    /// What it is told of.
    pub events: Change<Vec<AlertEvent>>,
    /// Kinds of alerts that it is told of.
    pub kinds: Change<Vec<AlertKind>>,
    /// Whether it is told anything.
    pub enabled: Option<bool>,
}

/// Lets through who may keep destinations, and returns what carries messages to them.
fn courier(cx: &Cx<Admin>) -> Result<&Courier> {
    cx.inner().authenticator.tokens()?;
    cx.refuse_bound("see or change where alerts go")?;
    cx.inner().courier.as_ref().ok_or_else(|| Error::internal("authentication is on, and there is no courier"))
}

fn not_found() -> Error {
    Error::NotFound("Alert destination not found".into())
}

/// Reads the target out of the field that belongs to the kind.
fn target(courier: &Courier, kind: DestinationKind, url: Option<&str>, address: Option<&str>) -> Result<String> {
    match (kind, url.map(str::trim), address.map(str::trim)) {
        (DestinationKind::Webhook, Some(url), None) => {
            courier.check_url(url).map_err(|e| Error::invalid("url", e))?;
            Ok(url.to_owned())
        }
        (DestinationKind::Email, None, Some(address)) => {
            check_email(address).map_err(|e| Error::invalid("address", e))?;
            Ok(address.to_owned())
        }
        (DestinationKind::Webhook, None, None) => Err(Error::invalid("url", "A webhook needs a URL")),
        (DestinationKind::Email, None, None) => Err(Error::invalid("address", "A mail needs an address")),
        (DestinationKind::Webhook, _, Some(_)) => Err(Error::invalid("address", "A webhook has no mail address")),
        (DestinationKind::Email, Some(_), _) => Err(Error::invalid("url", "A mail address has no URL")),
    }
}

/// What is told to nobody is better not a destination: an empty list is refused. Repeated words count once.
fn narrow<T: Copy + Ord>(field: &'static str, words: Option<Vec<T>>) -> Result<Option<Vec<T>>> {
    let Some(mut words) = words else { return Ok(None) };
    words.sort_unstable();
    words.dedup();
    if words.is_empty() {
        return Err(Error::invalid(field, "An empty list would be told nothing; leave it out for everything"));
    }
    Ok(Some(words))
}

fn narrow_events(events: Option<Vec<AlertEvent>>) -> Result<Option<Vec<AlertEvent>>> {
    let events = narrow("events", events)?;
    if events.as_ref().is_some_and(|events| events.contains(&AlertEvent::Test)) {
        return Err(Error::invalid("events", "A test is always told; choose of alert.raised and alert.resolved"));
    }
    Ok(events)
}

/// Lists all destinations, the oldest first.
pub async fn list(cx: &Cx<Admin>) -> Result<Vec<Destination>> {
    courier(cx)?;
    let mut reader = cx.read().await?;
    store::alert_destinations::list(reader.conn()).await
}

/// Returns a destination.
pub async fn get(cx: &Cx<Admin>, id: DestinationId) -> Result<Destination> {
    courier(cx)?;
    let mut reader = cx.read().await?;
    store::alert_destinations::find(reader.conn(), id).await?.ok_or_else(not_found)
}

/// Makes a destination; the secret that signs its messages is shown here and at a rotation. Mails are not signed.
pub async fn create(cx: &Cx<Admin>, new: NewDestination) -> Result<(Destination, Option<SigningSecret>)> {
    let courier = courier(cx)?;
    let target = target(courier, new.kind, new.url.as_deref(), new.address.as_deref())?;
    if new.kind == DestinationKind::Email && !courier.has_mail() {
        return Err(Error::invalid("kind", "This server sends no mail: PHOENIX_SMTP_HOSTNAME is not set"));
    }
    let mut destination = Destination {
        id: DestinationId(0),
        kind: new.kind,
        target,
        events: narrow_events(new.events)?,
        kinds: narrow("alert_kinds", new.kinds)?,
        enabled: new.enabled,
        salt: random_bytes::<32>().to_vec(),
        previous: None,
        created_at: cx.now(),
    };
    let mut tx = cx.begin().await?;
    store::alert_destinations::lock(tx.conn()).await?;
    let others = store::alert_destinations::list(tx.conn()).await?;
    if others.len() >= MAX_DESTINATIONS {
        return Err(Error::Conflict(format!("There are {MAX_DESTINATIONS} destinations already").into()));
    }
    if others.iter().any(|other| other.kind == destination.kind && other.target == destination.target) {
        return Err(Error::Conflict("Alerts go there already".into()));
    }
    destination.id = store::alert_destinations::add(tx.conn(), &destination).await?;
    record(&mut tx, cx, Action::DestinationCreate, &destination, told(&destination)).await?;
    tx.commit().await?;
    let secret = (new.kind == DestinationKind::Webhook).then(|| courier.signing_secret(&destination.salt));
    Ok((destination, secret))
}

/// Changes a destination.
pub async fn update(cx: &Cx<Admin>, id: DestinationId, patch: DestinationPatch) -> Result<Destination> {
    let courier = courier(cx)?;
    let mut tx = cx.begin().await?;
    let before = held(&mut tx, id).await?;
    let mut after = before.clone();
    if patch.url.is_some() || patch.address.is_some() {
        after.target = target(courier, before.kind, patch.url.as_deref(), patch.address.as_deref())?;
        let others = store::alert_destinations::list(tx.conn()).await?;
        if others.iter().any(|other| other.id != id && other.kind == after.kind && other.target == after.target) {
            return Err(Error::Conflict("Alerts go there already".into()));
        }
    }
    patch.events.apply(&mut after.events);
    after.events = narrow_events(after.events)?;
    patch.kinds.apply(&mut after.kinds);
    after.kinds = narrow("alert_kinds", after.kinds)?;
    after.enabled = patch.enabled.unwrap_or(before.enabled);
    store::alert_destinations::update(tx.conn(), &after).await?;
    if !after.enabled {
        store::alert_deliveries::give_up(tx.conn(), id, "The destination was turned off").await?;
    } else if after.target != before.target {
        // What was written for one place is not told to another.
        store::alert_deliveries::give_up(tx.conn(), id, "The destination was moved").await?;
    }
    let details = json!({ "before": told(&before), "after": told(&after) });
    record(&mut tx, cx, Action::DestinationUpdate, &after, details).await?;
    tx.commit().await?;
    Ok(after)
}

/// Gives a webhook a new secret; the one before signs beside it for a day.
pub async fn rotate_secret(cx: &Cx<Admin>, id: DestinationId) -> Result<(Destination, SigningSecret)> {
    let courier = courier(cx)?;
    let mut tx = cx.begin().await?;
    let mut destination = held(&mut tx, id).await?;
    if destination.kind != DestinationKind::Webhook {
        return Err(Error::Conflict("Mails are not signed: this destination has no secret".into()));
    }
    let until = cx.now().plus(OVERLAP);
    let before = std::mem::replace(&mut destination.salt, random_bytes::<32>().to_vec());
    destination.previous = Some((before, until));
    store::alert_destinations::update(tx.conn(), &destination).await?;
    let details = json!({ "previousSecretExpiresAt": until.to_rfc3339() });
    record(&mut tx, cx, Action::DestinationRotate, &destination, details).await?;
    tx.commit().await?;
    let secret = courier.signing_secret(&destination.salt);
    Ok((destination, secret))
}

/// Removes a destination and what was told to it.
pub async fn delete(cx: &Cx<Admin>, id: DestinationId) -> Result<()> {
    courier(cx)?;
    let mut tx = cx.begin().await?;
    let destination = held(&mut tx, id).await?;
    store::alert_destinations::delete(tx.conn(), id).await?;
    record(&mut tx, cx, Action::DestinationDelete, &destination, told(&destination)).await?;
    tx.commit().await
}

/// Tells a destination something that is no alert, once, and returns what came of it. One that is turned off can be
/// tried, too.
pub async fn test(cx: &Cx<Admin>, id: DestinationId) -> Result<Delivery> {
    let courier = courier(cx)?;
    let mut tx = cx.begin().await?;
    let destination = held(&mut tx, id).await?;
    let now = cx.now();
    let data = json!({ "destinationId": id.to_string(), "message": "A test of this destination" });
    let new = NewDelivery {
        destination: id,
        alert: None,
        message_id: &format!("msg_{}", random_id()),
        event: AlertEvent::Test,
        payload: &notify::payload(AlertEvent::Test.as_str(), now, &data),
    };
    let delivery = store::alert_deliveries::add_taken(tx.conn(), new, now).await?;
    let details = json!({ "messageId": delivery.message_id });
    record(&mut tx, cx, Action::DestinationTest, &destination, details).await?;
    tx.commit().await?;
    let attempt = tokio::time::timeout(TEST_PATIENCE, courier.carry(&destination, &delivery, now)).await;
    let outcome = attempt.unwrap_or_else(|_| Outcome {
        error: Some(format!("Nothing came of it within {} seconds", TEST_PATIENCE.as_secs())),
        ..Outcome::default()
    });
    let mut tx = cx.begin().await?;
    store::alert_deliveries::finish(tx.conn(), &delivery, &outcome, None, cx.now()).await?;
    // Removed meanwhile: then this tells of it for the last time.
    let written = store::alert_deliveries::find(tx.conn(), delivery.id).await?;
    tx.commit().await?;
    Ok(written.unwrap_or(delivery))
}

/// Lists what was told to a destination, the newest first.
pub async fn deliveries(cx: &Cx<Admin>, id: DestinationId, page: PageRequest) -> Result<Page<Delivery>> {
    courier(cx)?;
    let mut reader = cx.read().await?;
    store::alert_destinations::find(reader.conn(), id).await?.ok_or_else(not_found)?;
    store::alert_deliveries::list(reader.conn(), id, page).await
}

/// Finds a destination and holds it against changes.
async fn held(tx: &mut Tx, id: DestinationId) -> Result<Destination> {
    store::alert_destinations::lock(tx.conn()).await?;
    store::alert_destinations::find(tx.conn(), id).await?.ok_or_else(not_found)
}

/// What the audit log says of a destination. The path and the query of a webhook often hold a token: they are left out.
fn told(destination: &Destination) -> Value {
    json!({
        "kind": destination.kind.as_str(),
        "target": shown(destination),
        "events": destination.events.as_ref().map(|e| e.iter().map(|e| e.as_str()).collect::<Vec<_>>()),
        "alertKinds": destination.kinds.as_ref().map(|k| k.iter().map(|k| k.as_str()).collect::<Vec<_>>()),
        "enabled": destination.enabled,
    })
}

fn shown(destination: &Destination) -> String {
    match destination.kind {
        DestinationKind::Email => destination.target.clone(),
        DestinationKind::Webhook => url::Url::parse(&destination.target)
            .map_or_else(|_| "webhook".to_owned(), |url| url.origin().ascii_serialization()),
    }
}

async fn record(tx: &mut Tx, cx: &Cx<Admin>, action: Action, destination: &Destination, details: Value) -> Result<()> {
    let subject = Subject {
        kind: "alert_destination".to_owned(),
        id: Some(destination.id.to_string()),
        name: Some(shown(destination)),
    };
    audit::record(tx, cx, Event { action, subject, details }).await
}
