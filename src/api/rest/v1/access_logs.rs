//! The access log. This API is documented in camelCase.

use axum::{
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::{
        extract::{Path, Query},
        rest::{Routes, ndjson, page, problem::Answer, route},
    },
    domain::{
        access::{AccessFilter, AccessRecord},
        id::{ApiKeyId, GlobalId, UserId},
        page::{Cursor, Order, Page, PageRequest},
        scope::{Admin, SignedIn},
        time::UnixNanos,
    },
    error::{Error, Result},
    service::{access_logs, cx::Cx},
};

/// Returns the routes of this file.
#[must_use]
pub fn routes() -> Routes {
    Routes::default().add(route!(list_access_logs)).add(route!(list_api_key_logs))
}

/// One request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessLog {
    /// Id of the record.
    id: String,
    /// When the request came.
    #[schema(format = DateTime)]
    timestamp: String,
    /// Who sent it.
    principal: AccessPrincipal,
    /// Method.
    method: String,
    /// Path, without the query.
    path: String,
    /// Template of the route that took it; null when none did.
    route: Option<String>,
    /// HTTP status; for gRPC the one that its status stands for; 499 when the client went away.
    status: i64,
    /// Milliseconds from its head to the end of the answer.
    latency_ms: f64,
    /// Bytes of the body that were read.
    bytes_in: i64,
    /// Bytes of the answer's body.
    bytes_out: i64,
    /// From where.
    ip: String,
    /// What the client said it was.
    user_agent: Option<String>,
    /// Project that it was about, if known.
    project_name: Option<String>,
    /// The answer's `x-request-id`.
    request_id: String,
    /// Why it was refused or failed.
    error: Option<String>,
}

/// Who sent a request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessPrincipal {
    /// `session`, `user_api_key`, `system_api_key`, `admin_secret`, or `anonymous` for a refused request of nobody known.
    #[serde(rename = "type")]
    kind: String,
    /// User that it acted as.
    user_id: Option<String>,
    /// Key that it came with.
    key_id: Option<String>,
    /// Name of that key.
    name: Option<String>,
}

impl From<AccessRecord> for AccessLog {
    fn from(record: AccessRecord) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a latency of 285 years still has microseconds")]
        let latency_ms = record.latency_us as f64 / 1e3;
        Self {
            id: format!("log_{}", record.id),
            timestamp: record.at.to_rfc3339(),
            principal: AccessPrincipal {
                kind: record.principal,
                user_id: record.user_id.map(|id| GlobalId::encode("User", id.0)),
                key_id: record.key_id.map(ApiKeyId::to_public),
                name: record.key_name,
            },
            method: record.method,
            path: record.path,
            route: record.route,
            status: record.status,
            latency_ms,
            bytes_in: record.bytes_in,
            bytes_out: record.bytes_out,
            ip: record.address,
            user_agent: record.user_agent,
            project_name: record.project_name,
            request_id: record.request_id,
            error: record.error,
        }
    }
}

/// A page of the access log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessLogPage {
    /// The records.
    data: Vec<AccessLog>,
    /// Where the next page begins; null at the end.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

impl From<Page<AccessRecord>> for AccessLogPage {
    fn from(page: Page<AccessRecord>) -> Self {
        let page = page.map(AccessLog::from);
        Self { data: page.items, next_cursor: page.next.map(Cursor::encode) }
    }
}

/// What the log is narrowed to.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AccessLogQuery {
    /// Id of a key.
    key: Option<String>,
    /// Id of a user.
    user: Option<String>,
    /// A status, such as `404`, or a class of them, such as `4xx`.
    status: Option<String>,
    /// Method.
    method: Option<String>,
    /// Template of a route, such as `/v1/projects/{project_identifier}/spans`.
    route: Option<String>,
    /// At or after.
    #[param(value_type = Option<String>, format = DateTime)]
    start: Option<String>,
    /// Before.
    #[param(value_type = Option<String>, format = DateTime)]
    end: Option<String>,
    /// Where the page begins, from the page before.
    cursor: Option<String>,
    /// Records of the page. While lines are streamed: of the whole answer, without a bound when not given.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
}

/// What the log of a key is narrowed to.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ApiKeyLogQuery {
    /// A status, such as `404`, or a class of them, such as `4xx`.
    status: Option<String>,
    /// Method.
    method: Option<String>,
    /// Template of a route.
    route: Option<String>,
    /// At or after.
    #[param(value_type = Option<String>, format = DateTime)]
    start: Option<String>,
    /// Before.
    #[param(value_type = Option<String>, format = DateTime)]
    end: Option<String>,
    /// Where the page begins, from the page before.
    cursor: Option<String>,
    /// Records of the page. While lines are streamed: of the whole answer, without a bound when not given.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
}

impl AccessLogQuery {
    fn filter(&self) -> Result<AccessFilter> {
        Ok(AccessFilter {
            // A key or user that does not exist has no records.
            key: self.key.as_deref().map(|text| ApiKeyId::parse(text).unwrap_or(ApiKeyId(0))),
            user: self.user.as_deref().map(|text| UserId(GlobalId::decode_as(text, "User").unwrap_or(0))),
            status: self.status.as_deref().map(status_range).transpose()?,
            method: self.method.as_deref().map(str::to_ascii_uppercase),
            route: self.route.clone(),
            start: instant("start", self.start.as_deref())?,
            end: instant("end", self.end.as_deref())?,
        })
    }

    fn page(&self) -> Result<PageRequest> {
        page::request(self.cursor.as_deref(), self.limit, page::MAX_LIMIT, Order::Desc)
    }
}

impl From<ApiKeyLogQuery> for AccessLogQuery {
    fn from(query: ApiKeyLogQuery) -> Self {
        let ApiKeyLogQuery { status, method, route, start, end, cursor, limit } = query;
        Self { key: None, user: None, status, method, route, start, end, cursor, limit }
    }
}

/// Reads `404` or `4xx`.
fn status_range(text: &str) -> Result<(u16, u16)> {
    let class = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX")).and_then(|c| c.parse::<u16>().ok());
    let range = match class {
        Some(class) if (1..=5).contains(&class) => Some((class * 100, class * 100 + 99)),
        Some(_) => None,
        None => text.parse().ok().filter(|status| (100..=599).contains(status)).map(|status| (status, status)),
    };
    range.ok_or_else(|| Error::invalid("status", "Input should be a status such as 404, or a class such as 4xx"))
}

/// Reads an instant of a query string.
pub(super) fn instant(field: &'static str, text: Option<&str>) -> Result<Option<UnixNanos>> {
    let read = |text| {
        UnixNanos::parse(text).ok_or_else(|| Error::invalid(field, "Input should be a valid datetime (RFC 3339)"))
    };
    text.filter(|text| !text.is_empty()).map(read).transpose()
}

/// Lists the access log, newest first
///
/// One record for each request of a known caller and for each that was refused. With `Accept: application/x-ndjson` one
/// record a line, as many as there are.
#[utoipa::path(
    get, path = "/api/v1/access-logs", tag = "access_logs",
    params(AccessLogQuery),
    responses((status = 200, body = AccessLogPage), (status = 422))
)]
async fn list_access_logs(cx: Cx<Admin>, headers: HeaderMap, Query(query): Query<AccessLogQuery>) -> Answer<Response> {
    let (filter, page) = (query.filter()?, query.page()?);
    if ndjson::is_asked_for(&headers) {
        let list = move |page| {
            let (cx, filter) = (cx.clone(), filter.clone());
            async move { access_logs::list(&cx, &filter, page).await }
        };
        return Ok(ndjson::answer::<AccessLog, _, _, _>(page, query.limit, list));
    }
    Ok(axum::Json(AccessLogPage::from(access_logs::list(&cx, &filter, page).await?)).into_response())
}

/// Lists the access log of a key, newest first
///
/// Of one's own key, or of any with the scope `admin`.
#[utoipa::path(
    get, path = "/api/v1/api-keys/{api_key_id}/logs", operation_id = "list_api_key_logs", tag = "access_logs",
    params(("api_key_id" = String, Path, description = "Id of the key"), ApiKeyLogQuery),
    responses((status = 200, body = AccessLogPage), (status = 404), (status = 422))
)]
async fn list_api_key_logs(
    cx: Cx<SignedIn>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Query(query): Query<ApiKeyLogQuery>,
) -> Answer<Response> {
    let key = super::usage::key_id(&id)?;
    let query = AccessLogQuery::from(query);
    let (filter, page) = (query.filter()?, query.page()?);
    if ndjson::is_asked_for(&headers) {
        // Who may not see the key must be told so by the status.
        access_logs::list_of_key(&cx, key, &filter, PageRequest { limit: 1, ..page }).await?;
        let list = move |page| {
            let (cx, filter) = (cx.clone(), filter.clone());
            async move { access_logs::list_of_key(&cx, key, &filter, page).await }
        };
        return Ok(ndjson::answer::<AccessLog, _, _, _>(page, query.limit, list));
    }
    Ok(axum::Json(AccessLogPage::from(access_logs::list_of_key(&cx, key, &filter, page).await?)).into_response())
}
