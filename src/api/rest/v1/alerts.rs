//! Alerts about keys. This API is documented in camelCase.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::documented_api_keys::{key_id, read};
use crate::{
    api::{
        extract::{Path, Query},
        rest::{Routes, page, problem::Answer, route},
    },
    domain::{
        alert::{Alert, AlertFilter, AlertKind, Resolution},
        id::ApiKeyId,
        page::{Cursor, Order, Page},
        scope::{Admin, SignedIn},
        time::UnixNanos,
    },
    error::Error,
    service::{alerts, cx::Cx},
};

/// Returns the routes of this file.
#[must_use]
pub fn routes() -> Routes {
    Routes::default().add(route!(list_alerts)).add(route!(list_api_key_alerts))
}

pub(super) fn instant(at: UnixNanos) -> String {
    at.to_rfc3339().replace("+00:00", "Z")
}

/// The key that an alert is about.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertKey {
    id: String,
    /// The name when the alert was raised.
    name: String,
    /// Prefix, first and last characters of the secret of then.
    masked_key: String,
}

/// An alert about a key.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertBody {
    id: String,
    /// `unused`, `error_rate`, `unexpected_geography` or `expiring`.
    kind: &'static str,
    /// `open` or `resolved`.
    status: &'static str,
    key: AlertKey,
    /// Why, in plain words.
    message: String,
    /// The numbers behind.
    details: Value,
    /// The unexpected country (ISO 3166-1 alpha-2).
    #[schema(required = true)]
    country: Option<String>,
    #[schema(format = DateTime)]
    raised_at: String,
    #[schema(required = true, format = DateTime)]
    resolved_at: Option<String>,
    /// `recovered`, `accustomed` (the country is no longer new), `revoked` or `expired`.
    #[schema(required = true)]
    resolution: Option<&'static str>,
}

impl From<Alert> for AlertBody {
    fn from(alert: Alert) -> Self {
        Self {
            id: alert.id.to_string(),
            kind: alert.kind.as_str(),
            status: if alert.resolved_at.is_none() { "open" } else { "resolved" },
            key: AlertKey { id: alert.key.to_public(), name: alert.key_name, masked_key: alert.key_masked },
            message: alert.message,
            details: serde_json::from_str(&alert.details).unwrap_or_default(),
            country: alert.country,
            raised_at: instant(alert.raised_at),
            resolved_at: alert.resolved_at.map(instant),
            resolution: alert.resolution.map(Resolution::as_str),
        }
    }
}

/// A page of alerts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertListBody {
    data: Vec<AlertBody>,
    /// Where the next page begins; null at the end.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

impl From<Page<Alert>> for AlertListBody {
    fn from(page: Page<Alert>) -> Self {
        let page = page.map(AlertBody::from);
        Self { data: page.items, next_cursor: page.next.map(Cursor::encode) }
    }
}

/// How to list alerts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListAlertsQuery {
    /// `open` or `resolved`.
    status: Option<String>,
    /// `unused`, `error_rate`, `unexpected_geography` or `expiring`.
    kind: Option<String>,
    /// Id of a key.
    key: Option<String>,
    /// Where the page begins, from the page before.
    cursor: Option<String>,
    /// Rows of the page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
}

/// How to list the alerts of a key.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListKeyAlertsQuery {
    /// `open` or `resolved`.
    status: Option<String>,
    /// `unused`, `error_rate`, `unexpected_geography` or `expiring`.
    kind: Option<String>,
    /// Where the page begins, from the page before.
    cursor: Option<String>,
    /// Rows of the page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
}

fn filter(status: Option<&str>, kind: Option<&str>, key: Option<&str>) -> Result<AlertFilter, Error> {
    let open = match status {
        None => None,
        Some("open") => Some(true),
        Some("resolved") => Some(false),
        Some(_) => return Err(Error::invalid("status", "Input should be open or resolved")),
    };
    let key = key.map(|id| ApiKeyId::parse(id).ok_or_else(|| Error::invalid("key", "Input should be the id of a key")));
    Ok(AlertFilter { open, kind: read::<AlertKind>("kind", kind)?, key: key.transpose()? })
}

/// Lists alerts about keys, newest first
#[utoipa::path(
    get, path = "/api/v1/alerts", operation_id = "listAlerts", tag = "alerts",
    params(ListAlertsQuery),
    responses((status = 200, body = AlertListBody), (status = 422))
)]
async fn list_alerts(cx: Cx<Admin>, Query(query): Query<ListAlertsQuery>) -> Answer<axum::Json<AlertListBody>> {
    let page = page::request(query.cursor.as_deref(), query.limit, page::MAX_LIMIT, Order::Desc)?;
    let filter = filter(query.status.as_deref(), query.kind.as_deref(), query.key.as_deref())?;
    Ok(axum::Json(alerts::list(&cx, &filter, page).await?.into()))
}

/// Lists the alerts about a key, newest first
///
/// One's own key, or anyone's with the scope `admin`.
#[utoipa::path(
    get, path = "/api/v1/api-keys/{api_key_id}/alerts", operation_id = "listApiKeyAlerts", tag = "alerts",
    params(("api_key_id" = String, Path, description = "Id of the key"), ListKeyAlertsQuery),
    responses((status = 200, body = AlertListBody), (status = 404), (status = 422))
)]
async fn list_api_key_alerts(
    cx: Cx<SignedIn>,
    Path(id): Path<String>,
    Query(query): Query<ListKeyAlertsQuery>,
) -> Answer<axum::Json<AlertListBody>> {
    let page = page::request(query.cursor.as_deref(), query.limit, page::MAX_LIMIT, Order::Desc)?;
    let filter = filter(query.status.as_deref(), query.kind.as_deref(), None)?;
    Ok(axum::Json(alerts::of_key(&cx, key_id(&id)?, &filter, page).await?.into()))
}
