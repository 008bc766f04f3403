//! The audit log.

use axum::{
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::api_keys::Instant;
use crate::{
    api::{
        extract::Query,
        rest::{Routes, ndjson, page, problem::Answer, route},
    },
    domain::{
        audit::{Record, RecordFilter},
        page::{Cursor, Order, PageRequest},
        scope::Admin,
    },
    service::{audit, cx::Cx},
};

/// Returns the routes of this file.
#[must_use]
pub fn routes() -> Routes {
    Routes::default().add(route!(list_audit_logs))
}

/// Who did something.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditActor {
    /// `user`, `api-key`, `admin-secret`, `command-line`, `server` or `anonymous`.
    #[serde(rename = "type")]
    kind: String,
    /// Global id of a user, id of a key, or the type itself.
    id: String,
    /// The name at that time.
    #[schema(required = true)]
    name: Option<String>,
}

/// To whom or what it was done.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditSubject {
    /// `user`, `api_key`, `session`, `project` or `alert_destination`.
    #[serde(rename = "type")]
    kind: String,
    #[schema(required = true)]
    id: Option<String>,
    /// The name at that time.
    #[schema(required = true)]
    name: Option<String>,
}

/// What somebody did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditLogBody {
    id: String,
    #[schema(format = DateTime)]
    timestamp: String,
    actor: AuditActor,
    /// Kind of subject, a dot, the verb: `api_key.create`.
    action: String,
    subject: AuditSubject,
    /// What else is worth knowing; never a secret.
    details: Value,
    /// The client's address.
    #[schema(required = true)]
    ip: Option<String>,
    #[schema(required = true)]
    request_id: Option<String>,
}

impl From<Record> for AuditLogBody {
    fn from(record: Record) -> Self {
        Self {
            id: record.id.to_string(),
            timestamp: record.created_at.to_rfc3339().replace("+00:00", "Z"),
            actor: AuditActor { kind: record.actor_type, id: record.actor_id, name: record.actor_name },
            action: record.action,
            subject: AuditSubject { kind: record.subject_type, id: record.subject_id, name: record.subject_name },
            details: serde_json::from_str(&record.details).unwrap_or_default(),
            ip: record.address,
            request_id: record.request_id,
        }
    }
}

/// A page of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditLogListBody {
    data: Vec<AuditLogBody>,
    /// Where the next page begins; null at the end.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// How to list the audit log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListAuditLogsQuery {
    /// Id or name of who did it.
    actor: Option<String>,
    /// An action such as `api_key.create`, or a kind of subject such as `api_key`.
    action: Option<String>,
    /// Id or name of whom or what it was done to.
    subject: Option<String>,
    /// First instant (RFC 3339).
    start: Option<String>,
    /// First instant that lies after (RFC 3339).
    end: Option<String>,
    /// Where the page begins, from the page before.
    cursor: Option<String>,
    /// Records of the page. While lines are streamed: of the whole answer, without a bound when not given.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
}

/// Lists what people and keys did to users, keys, sessions and projects, newest first
///
/// With `Accept: application/x-ndjson` one record a line, as many as there are.
#[utoipa::path(
    get, path = "/api/v1/audit-logs", operation_id = "listAuditLogs", tag = "audit_logs",
    params(ListAuditLogsQuery),
    responses((status = 200, body = AuditLogListBody), (status = 422))
)]
async fn list_audit_logs(
    cx: Cx<Admin>,
    headers: HeaderMap,
    Query(query): Query<ListAuditLogsQuery>,
) -> Answer<Response> {
    let page = page::request(query.cursor.as_deref(), query.limit, page::MAX_LIMIT, Order::Desc)?;
    let filter = RecordFilter {
        actor: query.actor,
        action: query.action,
        subject: query.subject,
        start: query.start.map(|t| Instant::Text(t).read("start")).transpose()?,
        end: query.end.map(|t| Instant::Text(t).read("end")).transpose()?,
    };
    if ndjson::is_asked_for(&headers) {
        // Who may not see the log must be told so by the status.
        audit::list(&cx, &filter, PageRequest { limit: 1, ..page }).await?;
        let list = move |page| {
            let (cx, filter) = (cx.clone(), filter.clone());
            async move { audit::list(&cx, &filter, page).await }
        };
        return Ok(ndjson::answer::<AuditLogBody, _, _, _>(page, query.limit, list));
    }
    let page = audit::list(&cx, &filter, page).await?.map(AuditLogBody::from);
    let body = AuditLogListBody { data: page.items, next_cursor: page.next.map(Cursor::encode) };
    Ok(axum::Json(body).into_response())
}
