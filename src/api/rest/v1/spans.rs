//! Spans: the short form, and OTLP's.

use std::collections::HashMap;

use axum::{
    http::{self, HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use prost::Message as _;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::{
        extract::{Path, Query},
        rest::{
            Routes,
            page::{self, ListBody},
            problem::Answer,
            route,
            v1::otlp_span::{OtlpSpan, to_traces_data},
        },
    },
    domain::{
        attributes,
        id::{GlobalId, SpanId, TraceId},
        page::{Cursor, Order, Page},
        project::ProjectRef,
        scope::{TracesRead, TracesWrite},
        span::{Span as DomainSpan, StatusCode, is_known_kind},
        span_filter::{AttributeValue, ParentFilter, SpanFilter, SpanSort},
        time::UnixNanos,
    },
    error::Error,
    service::{cx::Cx, spans},
};

/// Returns the routes of this file.
#[must_use]
pub fn routes() -> Routes {
    Routes::default().add(route!(get_spans)).add(route!(span_search)).add(route!(delete_span))
}

/// A span.
#[derive(Debug, Serialize, ToSchema)]
pub struct Span {
    id: String,
    name: String,
    context: SpanContext,
    span_kind: String,
    #[schema(required = true)]
    parent_id: Option<String>,
    #[schema(format = DateTime)]
    start_time: String,
    #[schema(format = DateTime)]
    end_time: String,
    status_code: &'static str,
    status_message: String,
    events: Vec<SpanEvent>,
    /// Attributes under dotted keys.
    // The last field, so that `write_page` can put the JSON in the place of the null.
    #[schema(value_type = serde_json::Map<String, serde_json::Value>)]
    #[serde(serialize_with = "null")]
    attributes: String,
}

fn null<S: serde::Serializer>(_: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_unit()
}

/// Ids of a span.
#[derive(Debug, Serialize, ToSchema)]
pub struct SpanContext {
    trace_id: String,
    span_id: String,
}

/// Something that happened during a span.
#[derive(Debug, Serialize, ToSchema)]
pub struct SpanEvent {
    name: String,
    #[schema(format = DateTime)]
    timestamp: String,
    attributes: serde_json::Map<String, serde_json::Value>,
}

/// Writes a page of spans. Attributes are most of it and are JSON already; to give them to the serializer would be to
/// read and write them once more.
fn write_page(page: Page<DomainSpan>) -> Result<Vec<u8>, Error> {
    let size: usize = page.items.iter().map(|s| s.attributes.len() + 768).sum();
    let mut body = Vec::with_capacity(size + 128);
    body.extend_from_slice(b"{\"data\":[");
    for (place, span) in page.items.into_iter().map(Span::from).enumerate() {
        if place > 0 {
            body.push(b',');
        }
        serde_json::to_writer(&mut body, &span).map_err(Error::internal)?;
        body.truncate(body.len() - b"null}".len());
        body.extend_from_slice(span.attributes.as_bytes());
        body.push(b'}');
    }
    body.extend_from_slice(b"],\"next_cursor\":");
    serde_json::to_writer(&mut body, &page.next.map(Cursor::encode)).map_err(Error::internal)?;
    body.push(b'}');
    Ok(body)
}

impl From<DomainSpan> for Span {
    fn from(span: DomainSpan) -> Self {
        let attributes = span.flat_attributes().into_owned();
        let event = |event: opentelemetry_proto::tonic::trace::v1::span::Event| SpanEvent {
            timestamp: UnixNanos(i64::try_from(event.time_unix_nano).unwrap_or(i64::MAX)).to_rfc3339(),
            attributes: attributes::plain(&event.attributes),
            name: event.name,
        };
        Self {
            id: GlobalId::encode("Span", span.id.0),
            context: SpanContext { trace_id: span.trace_id.to_hex(), span_id: span.span_id.to_hex() },
            span_kind: span.span_kind().to_owned(),
            parent_id: span.parent_span_id.map(SpanId::to_hex),
            start_time: span.start.to_rfc3339(),
            end_time: span.end.to_rfc3339(),
            status_code: span.status_code.as_str(),
            status_message: span.status_message,
            name: span.name,
            attributes,
            events: span.remainder.0.events.into_iter().map(event).collect(),
        }
    }
}

/// What spans are sorted by.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpanSortParam {
    /// Arrival.
    #[default]
    Id,
    /// Start.
    StartTime,
}

/// Direction of a list.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderParam {
    /// Smallest first.
    Asc,
    /// Largest first.
    #[default]
    Desc,
}

impl From<OrderParam> for Order {
    fn from(order: OrderParam) -> Self {
        match order {
            OrderParam::Asc => Self::Asc,
            OrderParam::Desc => Self::Desc,
        }
    }
}

/// Reads a parameter that means something even when it is empty.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

/// How to list spans.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListSpansQuery {
    /// Where the page begins, from the page before.
    cursor: Option<String>,
    /// Rows of the page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
    /// Sort key.
    #[param(inline)]
    sort: Option<SpanSortParam>,
    /// Direction.
    #[param(inline)]
    order: Option<OrderParam>,
    /// Started at or after.
    #[param(format = DateTime)]
    start_time: Option<String>,
    /// Started before.
    #[param(format = DateTime)]
    end_time: Option<String>,
    /// Of one of these traces.
    #[serde(default)]
    trace_id: Vec<String>,
    /// One of these spans.
    #[serde(default)]
    span_id: Vec<String>,
    /// With this parent; `null` asks for roots.
    #[serde(default, deserialize_with = "given")]
    parent_id: Option<String>,
    /// With one of these names.
    #[serde(default)]
    name: Vec<String>,
    /// Of one of these OpenInference kinds.
    #[serde(default)]
    span_kind: Vec<String>,
    /// With one of these statuses: OK, ERROR, UNSET.
    #[serde(default)]
    status_code: Vec<String>,
    /// With each of these attributes, `key:value`.
    #[serde(default)]
    attribute: Vec<String>,
}

/// How to list spans in OTLP form.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SearchSpansQuery {
    /// Where the page begins, from the page before.
    cursor: Option<String>,
    /// Rows of the page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
    /// Started at or after.
    #[param(format = DateTime)]
    start_time: Option<String>,
    /// Started before.
    #[param(format = DateTime)]
    end_time: Option<String>,
    /// Of one of these traces.
    #[serde(default)]
    trace_id: Vec<String>,
    /// One of these spans.
    #[serde(default)]
    span_id: Vec<String>,
    /// With this parent; `null` asks for roots.
    #[serde(default, deserialize_with = "given")]
    parent_id: Option<String>,
    /// With one of these names.
    #[serde(default)]
    name: Vec<String>,
    /// With one of these statuses: OK, ERROR, UNSET.
    #[serde(default)]
    status_code: Vec<String>,
    /// With each of these attributes, `key:value`.
    #[serde(default)]
    attribute: Vec<String>,
}

impl From<SearchSpansQuery> for ListSpansQuery {
    fn from(query: SearchSpansQuery) -> Self {
        Self {
            cursor: query.cursor,
            limit: query.limit,
            start_time: query.start_time,
            end_time: query.end_time,
            trace_id: query.trace_id,
            span_id: query.span_id,
            parent_id: query.parent_id,
            name: query.name,
            status_code: query.status_code,
            attribute: query.attribute,
            ..Self::default()
        }
    }
}

/// Reads an instant out of a query string.
pub fn instant(field: &'static str, text: Option<&str>) -> Result<Option<UnixNanos>, Error> {
    let Some(text) = text.filter(|t| !t.is_empty()) else { return Ok(None) };
    // A plus sign that was not encoded arrives as a blank.
    let read = UnixNanos::parse(text).or_else(|| UnixNanos::parse(&text.replace(' ', "+"))).or_else(|| {
        let seconds: i64 = text.parse().ok()?;
        seconds.checked_mul(1_000_000_000).map(UnixNanos)
    });
    read.map(Some).ok_or_else(|| Error::invalid(field, format!("{field}: Input should be a valid datetime")))
}

/// The most values of one list parameter.
const MAX_VALUES: usize = 1_000;

impl ListSpansQuery {
    fn filter(&self) -> Result<SpanFilter, Error> {
        let lists = [
            ("trace_id", &self.trace_id),
            ("span_id", &self.span_id),
            ("name", &self.name),
            ("span_kind", &self.span_kind),
            ("status_code", &self.status_code),
            ("attribute", &self.attribute),
        ];
        for (field, values) in lists {
            if values.len() > MAX_VALUES {
                return Err(Error::invalid(field, format!("At most {MAX_VALUES} values of {field} are taken")));
            }
        }
        let given = |values: &Vec<String>| (!values.is_empty()).then(|| values.clone());
        // An id that cannot exist matches nothing; it is no error, as in the peer.
        let parent = match self.parent_id.as_deref() {
            None => None,
            Some("null") => Some(ParentFilter::Root),
            Some(text) => Some(SpanId::from_hex(text).map_or(ParentFilter::Impossible, ParentFilter::Is)),
        };
        let upper = |values: &Vec<String>| values.iter().map(|v| v.to_uppercase()).collect::<Vec<_>>();
        let kinds = upper(&self.span_kind);
        let unknown: Vec<&String> = kinds.iter().filter(|k| !is_known_kind(k)).collect();
        if !unknown.is_empty() {
            return Err(Error::invalid("span_kind", format!("Invalid span_kind values: {}", quoted(&unknown))));
        }
        let codes = upper(&self.status_code);
        let unknown: Vec<&String> = codes.iter().filter(|c| StatusCode::parse(c).is_none()).collect();
        if !unknown.is_empty() {
            return Err(Error::invalid("status_code", format!("Invalid status_code values: {}", quoted(&unknown))));
        }
        Ok(SpanFilter {
            start: instant("start_time", self.start_time.as_deref())?,
            end: instant("end_time", self.end_time.as_deref())?,
            trace_ids: given(&self.trace_id).map(|ids| ids.iter().filter_map(|id| TraceId::from_hex(id)).collect()),
            span_ids: given(&self.span_id).map(|ids| ids.iter().filter_map(|id| SpanId::from_hex(id)).collect()),
            parent,
            names: given(&self.name),
            span_kinds: given(&kinds),
            status_codes: given(&codes).map(|codes| codes.iter().filter_map(|c| StatusCode::parse(c)).collect()),
            attributes: self
                .attribute
                .iter()
                .map(|pair| AttributeValue::parse_pair(pair).map_err(|e| Error::invalid("attribute", e)))
                .collect::<Result<_, _>>()?,
            ..SpanFilter::default()
        })
    }
}

fn quoted(values: &[&String]) -> String {
    let list: Vec<String> = values.iter().map(|v| format!("'{v}'")).collect();
    format!("[{}]", list.join(", "))
}

/// Lists the spans of a project
#[utoipa::path(
    get, path = "/v1/projects/{project_identifier}/spans", operation_id = "getSpans", tag = "spans",
    params(("project_identifier" = String, Path, description = "Global id or name"), ListSpansQuery),
    responses((status = 200, body = ListBody<Span>), (status = 404), (status = 422))
)]
async fn get_spans(
    cx: Cx<TracesRead>,
    Path(project): Path<String>,
    Query(query): Query<ListSpansQuery>,
) -> Answer<Response> {
    let order = query.order.unwrap_or_default().into();
    let page = page::request(query.cursor.as_deref(), query.limit, page::MAX_LIMIT, order)?;
    let sort = match query.sort.unwrap_or_default() {
        SpanSortParam::Id => SpanSort::Id,
        SpanSortParam::StartTime => SpanSort::StartTime,
    };
    let page = spans::list(&cx, &ProjectRef::parse(&project), &query.filter()?, sort, page).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], write_page(page)?).into_response())
}

/// Lists the spans of a project in OTLP form, newest arrival first
///
/// With `Accept: application/x-protobuf` the answer is an OTLP `TracesData` message that holds all that was sent,
/// resources and instrumentation scopes too; the next cursor is then in the header `x-next-cursor`.
#[utoipa::path(
    get, path = "/v1/projects/{project_identifier}/spans/otlpv1", operation_id = "spanSearch", tag = "spans",
    params(("project_identifier" = String, Path, description = "Global id or name"), SearchSpansQuery),
    responses((status = 200, body = ListBody<OtlpSpan>), (status = 404), (status = 422))
)]
async fn span_search(
    cx: Cx<TracesRead>,
    Path(project): Path<String>,
    Query(query): Query<SearchSpansQuery>,
    headers: HeaderMap,
) -> Answer<Response> {
    let query = ListSpansQuery::from(query);
    let page = page::request(query.cursor.as_deref(), query.limit, page::MAX_LIMIT, Order::Desc)?;
    let page = spans::list(&cx, &ProjectRef::parse(&project), &query.filter()?, SpanSort::Id, page).await?;
    if !wants_protobuf(&headers) {
        let spans: ListBody<OtlpSpan> =
            Page { items: page.items.iter().map(OtlpSpan::from).collect(), next: page.next }.into();
        return Ok(axum::Json(spans).into_response());
    }
    let origins = match page.items.first() {
        Some(span) => spans::origins(&cx, span.project_id, &page.items).await?,
        None => HashMap::new(),
    };
    let data = to_traces_data(&page.items, &origins).encode_to_vec();
    let mut response = ([(header::CONTENT_TYPE, PROTOBUF)], data).into_response();
    if let Some(next) = page.next.and_then(|c| HeaderValue::from_str(&c.encode()).ok()) {
        response.headers_mut().insert("x-next-cursor", next);
    }
    Ok(response)
}

const PROTOBUF: &str = "application/x-protobuf";

fn wants_protobuf(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|accept| accept.trim() == PROTOBUF)
}

/// Deletes a span
///
/// Its trace and the spans below it stay, unless it was the last of its trace. An OpenTelemetry id that several spans
/// have is refused with 409: only a global id says which.
#[utoipa::path(
    delete, path = "/v1/spans/{span_identifier}", operation_id = "deleteSpan", tag = "spans",
    params(("span_identifier" = String, Path, description = "Global id, or OpenTelemetry span id")),
    responses((status = 204), (status = 404), (status = 409))
)]
async fn delete_span(cx: Cx<TracesWrite>, Path(span): Path<String>) -> Answer<http::StatusCode> {
    spans::delete(&cx, &span).await?;
    Ok(http::StatusCode::NO_CONTENT)
}
