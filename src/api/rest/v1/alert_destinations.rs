//! What alerts are told to. This API is documented in camelCase.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    alerts::instant,
    documented_api_keys::{given, in_camel_case},
};
use crate::{
    api::{
        extract::{Json, Path, Query},
        rest::{Routes, page, problem::Answer, route},
    },
    domain::{
        alert::{AlertEvent, AlertKind, Delivery, Destination, DestinationKind},
        change::Change,
        id::DestinationId,
        page::{Cursor, Order},
        scope::Admin,
    },
    error::Error,
    notify::SigningSecret,
    service::{
        alert_destinations::{self, DestinationPatch, NewDestination},
        cx::Cx,
    },
};

/// Returns the routes of this file.
#[must_use]
pub fn routes() -> Routes {
    Routes::default()
        .add(route!(list_alert_destinations))
        .add(route!(create_alert_destination))
        .add(route!(get_alert_destination))
        .add(route!(patch_alert_destination))
        .add(route!(delete_alert_destination))
        .add(route!(test_alert_destination))
        .add(route!(rotate_alert_destination_secret))
        .add(route!(list_alert_deliveries))
}

/// What alerts are told to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertDestinationBody {
    id: String,
    /// `webhook` or `email`.
    kind: &'static str,
    /// Where a webhook goes.
    #[schema(required = true)]
    url: Option<String>,
    /// Where a mail goes.
    #[schema(required = true)]
    address: Option<String>,
    /// `alert.raised`, `alert.resolved`; null = both.
    #[schema(required = true)]
    events: Option<Vec<&'static str>>,
    /// `unused`, `error_rate`, `unexpected_geography`, `expiring`; null = all.
    #[schema(required = true)]
    alert_kinds: Option<Vec<&'static str>>,
    /// Whether it is told anything.
    enabled: bool,
    #[schema(format = DateTime)]
    created_at: String,
    /// Until when the secret before the last rotation signs beside the present one.
    #[schema(required = true, format = DateTime)]
    previous_secret_expires_at: Option<String>,
}

impl From<Destination> for AlertDestinationBody {
    fn from(destination: Destination) -> Self {
        let (url, address) = match destination.kind {
            DestinationKind::Webhook => (Some(destination.target), None),
            DestinationKind::Email => (None, Some(destination.target)),
        };
        Self {
            id: destination.id.to_string(),
            kind: destination.kind.as_str(),
            url,
            address,
            events: destination.events.map(|events| events.into_iter().map(AlertEvent::as_str).collect()),
            alert_kinds: destination.kinds.map(|kinds| kinds.into_iter().map(AlertKind::as_str).collect()),
            enabled: destination.enabled,
            created_at: instant(destination.created_at),
            previous_secret_expires_at: destination.previous.map(|(_, until)| instant(until)),
        }
    }
}

/// A destination with the secret that signs its messages: shown here and never again.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlertDestinationWithSecretBody {
    /// `whsec_` and base64 (Standard Webhooks); null for mails, which are not signed.
    #[schema(required = true, format = Password)]
    secret: Option<String>,
    #[serde(flatten)]
    about: AlertDestinationBody,
}

impl From<(Destination, Option<SigningSecret>)> for AlertDestinationWithSecretBody {
    fn from((destination, secret): (Destination, Option<SigningSecret>)) -> Self {
        Self { secret: secret.map(|secret| secret.reveal()), about: destination.into() }
    }
}

/// All destinations.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlertDestinationListBody {
    data: Vec<AlertDestinationBody>,
}

/// What makes a destination.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateAlertDestinationBody {
    /// `webhook` or `email`.
    kind: String,
    /// Where a webhook goes: `http` or `https`.
    url: Option<String>,
    /// Where a mail goes.
    address: Option<String>,
    /// `alert.raised`, `alert.resolved`; without it both.
    events: Option<Vec<String>>,
    /// `unused`, `error_rate`, `unexpected_geography`, `expiring`; without it all.
    alert_kinds: Option<Vec<String>>,
    /// Whether it is told anything; without it true.
    enabled: Option<bool>,
}

/// What to change about a destination; what is missing stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PatchAlertDestinationBody {
    /// Where a webhook goes.
    url: Option<String>,
    /// Where a mail goes.
    address: Option<String>,
    /// `alert.raised`, `alert.resolved`; null = both.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    events: Change<Vec<String>>,
    /// `unused`, `error_rate`, `unexpected_geography`, `expiring`; null = all.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    alert_kinds: Change<Vec<String>>,
    /// Whether it is told anything. One that is turned off is not told later what happened meanwhile.
    enabled: Option<bool>,
}

fn words<T: std::str::FromStr<Err = String>>(field: &'static str, words: &[String]) -> Result<Vec<T>, Error> {
    words.iter().map(|word| word.parse()).collect::<Result<_, _>>().map_err(|e| Error::invalid(field, e))
}

impl CreateAlertDestinationBody {
    fn read(self) -> Result<NewDestination, Error> {
        Ok(NewDestination {
            kind: self.kind.parse().map_err(|e: String| Error::invalid("kind", e))?,
            url: self.url,
            address: self.address,
            events: self.events.map(|e| words("events", &e)).transpose()?,
            kinds: self.alert_kinds.map(|k| words("alertKinds", &k)).transpose()?,
            enabled: self.enabled.unwrap_or(true),
        })
    }
}

impl PatchAlertDestinationBody {
    fn read(self) -> Result<DestinationPatch, Error> {
        Ok(DestinationPatch {
            url: self.url,
            address: self.address,
            events: self.events.try_map(|e| words("events", &e))?,
            kinds: self.alert_kinds.try_map(|k| words("alertKinds", &k))?,
            enabled: self.enabled,
        })
    }
}

/// A message to a destination, and what came of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertDeliveryBody {
    id: String,
    /// The header `webhook-id`: the same at every attempt.
    message_id: String,
    /// `alert.raised`, `alert.resolved` or `alert.test`.
    event: &'static str,
    /// The alert; null for a test.
    #[schema(required = true)]
    alert_id: Option<String>,
    /// `pending`, `delivered` or `failed`.
    status: &'static str,
    attempts: u32,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(required = true, format = DateTime)]
    last_attempt_at: Option<String>,
    #[schema(required = true, format = DateTime)]
    next_attempt_at: Option<String>,
    #[schema(required = true, format = DateTime)]
    delivered_at: Option<String>,
    /// Status of the last answer.
    #[schema(required = true)]
    status_code: Option<u16>,
    /// Why the last attempt failed.
    #[schema(required = true)]
    error: Option<String>,
}

impl From<Delivery> for AlertDeliveryBody {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id.to_string(),
            status: delivery.state(),
            message_id: delivery.message_id,
            event: delivery.event.as_str(),
            alert_id: delivery.alert.map(|id| id.to_string()),
            attempts: delivery.attempts,
            created_at: instant(delivery.created_at),
            last_attempt_at: delivery.attempted_at.map(instant),
            next_attempt_at: delivery.next_attempt_at.map(instant),
            delivered_at: delivery.delivered_at.map(instant),
            status_code: delivery.status_code,
            error: delivery.error,
        }
    }
}

/// A page of deliveries.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertDeliveryListBody {
    data: Vec<AlertDeliveryBody>,
    /// Where the next page begins; null at the end.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// How to list deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListDeliveriesQuery {
    /// Where the page begins, from the page before.
    cursor: Option<String>,
    /// Rows of the page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
}

/// What is no id names no destination.
fn destination_id(text: &str) -> Result<DestinationId, Error> {
    let id = text.parse().ok().filter(|id| *id > 0);
    id.map(DestinationId).ok_or_else(|| Error::NotFound("Alert destination not found".into()))
}

/// Lists everything that alerts are told to, the oldest first
#[utoipa::path(
    get, path = "/api/v1/alert-destinations", operation_id = "listAlertDestinations", tag = "alerts",
    responses((status = 200, body = AlertDestinationListBody))
)]
async fn list_alert_destinations(cx: Cx<Admin>) -> Answer<axum::Json<AlertDestinationListBody>> {
    let data = alert_destinations::list(&cx).await?.into_iter().map(AlertDestinationBody::from).collect();
    Ok(axum::Json(AlertDestinationListBody { data }))
}

/// Adds a webhook or a mail address that alerts are told to
///
/// The field `secret` holds what the messages of a webhook are signed with: it is shown in this answer and never again.
#[utoipa::path(
    post, path = "/api/v1/alert-destinations", operation_id = "createAlertDestination", tag = "alerts",
    request_body = CreateAlertDestinationBody,
    responses((status = 201, body = AlertDestinationWithSecretBody), (status = 409), (status = 422))
)]
async fn create_alert_destination(
    cx: Cx<Admin>,
    Json(body): Json<CreateAlertDestinationBody>,
) -> Answer<(StatusCode, axum::Json<AlertDestinationWithSecretBody>)> {
    let created = alert_destinations::create(&cx, body.read()?).await.map_err(in_camel_case)?;
    Ok((StatusCode::CREATED, axum::Json(created.into())))
}

/// Returns a destination of alerts
#[utoipa::path(
    get, path = "/api/v1/alert-destinations/{destination_id}", operation_id = "getAlertDestination", tag = "alerts",
    params(("destination_id" = String, Path, description = "Id of the destination")),
    responses((status = 200, body = AlertDestinationBody), (status = 404))
)]
async fn get_alert_destination(cx: Cx<Admin>, Path(id): Path<String>) -> Answer<axum::Json<AlertDestinationBody>> {
    Ok(axum::Json(alert_destinations::get(&cx, destination_id(&id)?).await?.into()))
}

/// Changes a destination of alerts
#[utoipa::path(
    patch, path = "/api/v1/alert-destinations/{destination_id}", operation_id = "patchAlertDestination",
    tag = "alerts",
    params(("destination_id" = String, Path, description = "Id of the destination")),
    request_body = PatchAlertDestinationBody,
    responses((status = 200, body = AlertDestinationBody), (status = 404), (status = 409), (status = 422))
)]
async fn patch_alert_destination(
    cx: Cx<Admin>,
    Path(id): Path<String>,
    Json(body): Json<PatchAlertDestinationBody>,
) -> Answer<axum::Json<AlertDestinationBody>> {
    let id = destination_id(&id)?;
    Ok(axum::Json(alert_destinations::update(&cx, id, body.read()?).await.map_err(in_camel_case)?.into()))
}

/// Removes a destination of alerts, and what was told to it
#[utoipa::path(
    delete, path = "/api/v1/alert-destinations/{destination_id}", operation_id = "deleteAlertDestination",
    tag = "alerts",
    params(("destination_id" = String, Path, description = "Id of the destination")),
    responses((status = 204), (status = 404))
)]
async fn delete_alert_destination(cx: Cx<Admin>, Path(id): Path<String>) -> Answer<StatusCode> {
    alert_destinations::delete(&cx, destination_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells a destination of a test, once, and answers with what came of it
#[utoipa::path(
    post, path = "/api/v1/alert-destinations/{destination_id}/test", operation_id = "testAlertDestination",
    tag = "alerts",
    params(("destination_id" = String, Path, description = "Id of the destination")),
    responses((status = 200, body = AlertDeliveryBody), (status = 404))
)]
async fn test_alert_destination(cx: Cx<Admin>, Path(id): Path<String>) -> Answer<axum::Json<AlertDeliveryBody>> {
    Ok(axum::Json(alert_destinations::test(&cx, destination_id(&id)?).await?.into()))
}

/// Gives a webhook a new secret
///
/// The field `secret` holds it. For a day messages are signed with the one before, too, so that receivers can change over.
#[utoipa::path(
    post, path = "/api/v1/alert-destinations/{destination_id}/rotate-secret",
    operation_id = "rotateAlertDestinationSecret", tag = "alerts",
    params(("destination_id" = String, Path, description = "Id of the destination")),
    responses((status = 201, body = AlertDestinationWithSecretBody), (status = 404), (status = 409))
)]
async fn rotate_alert_destination_secret(
    cx: Cx<Admin>,
    Path(id): Path<String>,
) -> Answer<(StatusCode, axum::Json<AlertDestinationWithSecretBody>)> {
    let (destination, secret) = alert_destinations::rotate_secret(&cx, destination_id(&id)?).await?;
    Ok((StatusCode::CREATED, axum::Json((destination, Some(secret)).into())))
}

/// Lists what a destination was told, newest first
#[utoipa::path(
    get, path = "/api/v1/alert-destinations/{destination_id}/deliveries", operation_id = "listAlertDeliveries",
    tag = "alerts",
    params(("destination_id" = String, Path, description = "Id of the destination"), ListDeliveriesQuery),
    responses((status = 200, body = AlertDeliveryListBody), (status = 404), (status = 422))
)]
async fn list_alert_deliveries(
    cx: Cx<Admin>,
    Path(id): Path<String>,
    Query(query): Query<ListDeliveriesQuery>,
) -> Answer<axum::Json<AlertDeliveryListBody>> {
    let page = page::request(query.cursor.as_deref(), query.limit, page::MAX_LIMIT, Order::Desc)?;
    let page = alert_destinations::deliveries(&cx, destination_id(&id)?, page).await?.map(AlertDeliveryBody::from);
    Ok(axum::Json(AlertDeliveryListBody { data: page.items, next_cursor: page.next.map(Cursor::encode) }))
}
