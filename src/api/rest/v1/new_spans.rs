//! Spans that are sent as JSON, in the form in which lists of spans show them.

use std::sync::Arc;

use axum::{
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value as Otlp},
    trace::v1::{Span as OtlpSpan, Status, span::Event},
};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Number, Value};
use utoipa::ToSchema;

use crate::{
    api::{
        extract::{Json, Path},
        metering::Stored,
        rest::{Routes, problem::Answer, route},
    },
    domain::{
        attributes,
        id::{SpanId, TraceId},
        incoming,
        project::ProjectRef,
        scope::TracesWrite,
        span::{self, EncodedOrigin, NewSpan, Origin, StatusCode as SpanStatus},
        time::UnixNanos,
    },
    error::{Error, Result},
    service::{
        cx::Cx,
        ingest::{self, BadSpan, Created},
    },
};

/// Returns the routes of this file.
#[must_use]
pub fn routes() -> Routes {
    Routes::default().add(route!(create_spans))
}

/// Spans to be stored.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CreateSpansRequestBody {
    data: Vec<NewSpanData>,
}

/// A span to be stored.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewSpanData {
    /// Not used: a span is known by its context.
    #[serde(default, rename = "id")]
    _id: String,
    name: String,
    context: NewSpanContext,
    /// `LLM`, `CHAIN`, `TOOL`, …; it stands for the attribute `openinference.span.kind`, which is passed over.
    span_kind: String,
    /// OpenTelemetry id of the parent; null for a root.
    #[serde(default)]
    parent_id: Option<String>,
    /// With an offset.
    #[schema(value_type = String, format = DateTime)]
    start_time: Instant,
    /// With an offset.
    #[schema(value_type = String, format = DateTime)]
    end_time: Instant,
    /// `OK`, `ERROR` or `UNSET`; anything else is unset.
    status_code: String,
    #[serde(default)]
    status_message: String,
    /// Attributes, nested or under dotted keys.
    #[serde(default)]
    attributes: Map<String, Value>,
    #[serde(default)]
    events: Vec<NewSpanEvent>,
}

/// Ids of a span.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewSpanContext {
    /// 32 hexadecimal digits, not all zero.
    trace_id: String,
    /// 16 hexadecimal digits, not all zero.
    span_id: String,
}

/// Something that happened during a span.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewSpanEvent {
    name: String,
    /// With an offset.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Instant,
    #[serde(default)]
    attributes: Map<String, Value>,
}

/// An instant that says its offset, or is seconds since the unix epoch.
#[derive(Clone, Copy, Debug)]
struct Instant(UnixNanos);

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Text(String),
            Seconds(Number),
        }
        let invalid = || D::Error::custom("Input should be a valid datetime");
        match Form::deserialize(deserializer).map_err(|_| invalid())? {
            Form::Text(text) if UnixNanos::parse_aware(&text).is_some() => UnixNanos::parse_aware(&text),
            Form::Text(text) if UnixNanos::parse(&text).is_some() => {
                return Err(D::Error::custom(
                    "timezone-naive timestamp is not allowed; all timestamps must be timezone-aware (e.g., use UTC).",
                ));
            }
            Form::Text(_) => None,
            Form::Seconds(seconds) => match seconds.as_i64() {
                Some(whole) => whole.checked_mul(1_000_000_000).map(UnixNanos),
                #[expect(clippy::cast_possible_truncation, reason = "bounded by the comparison")]
                None => {
                    seconds.as_f64().filter(|s| (-9e9..9e9).contains(s)).map(|s| UnixNanos((s * 1e6) as i64 * 1_000))
                }
            },
        }
        .map(Self)
        .ok_or_else(invalid)
    }
}

impl NewSpanData {
    /// Reads the span as if it had come by OTLP.
    fn read(self, origin: &Arc<EncodedOrigin>) -> Result<NewSpan, BadSpan> {
        let NewSpanContext { trace_id, span_id } = self.context;
        let ids = (trace_id.clone(), span_id.clone());
        let bad =
            move |error: &str| BadSpan { trace_id: ids.0.clone(), span_id: ids.1.clone(), error: error.to_owned() };
        let trace =
            TraceId::from_hex(&trace_id).ok_or_else(|| bad("trace_id must be 32 hexadecimal digits, not all zero"))?;
        let span =
            SpanId::from_hex(&span_id).ok_or_else(|| bad("span_id must be 16 hexadecimal digits, not all zero"))?;
        let parent = match self.parent_id.as_deref() {
            None | Some("") => None,
            Some(text) => {
                Some(SpanId::from_hex(text).ok_or_else(|| bad("parent_id must be null or 16 hexadecimal digits"))?)
            }
        };
        let nanos = |instant: Instant, text| u64::try_from(instant.0.0).map_err(|_| bad(text));
        let (start, end) = (
            nanos(self.start_time, "start_time must not be before 1970")?,
            nanos(self.end_time, "end_time must not be before 1970")?,
        );
        if end < start {
            return Err(bad("end_time must not be before start_time"));
        }
        let mut events = Vec::with_capacity(self.events.len());
        for event in self.events {
            events.push(Event {
                time_unix_nano: nanos(event.timestamp, "timestamp of an event must not be before 1970")?,
                name: event.name,
                attributes: attributes::decode(event.attributes, &[]),
                dropped_attributes_count: 0,
            });
        }
        let mut flat = attributes::flatten(self.attributes);
        flat.remove(span::keys::SPAN_KIND);
        let mut pairs = attributes::decode(flat, &[]);
        if !self.span_kind.is_empty() {
            let value = AnyValue { value: Some(Otlp::StringValue(self.span_kind)) };
            pairs.push(KeyValue { key: span::keys::SPAN_KIND.to_owned(), value: Some(value), ..KeyValue::default() });
        }
        let status = SpanStatus::parse(&self.status_code).unwrap_or(SpanStatus::Unset);
        let otlp = OtlpSpan {
            trace_id: trace.0.to_vec(),
            span_id: span.0.to_vec(),
            parent_span_id: parent.map(|id| id.0.to_vec()).unwrap_or_default(),
            name: self.name,
            start_time_unix_nano: start,
            end_time_unix_nano: end,
            attributes: pairs,
            events,
            status: Some(Status { code: status.number().into(), message: self.status_message }),
            ..OtlpSpan::default()
        };
        incoming::read(otlp, origin).map_err(bad)
    }
}

/// What became of the spans.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreateSpansResponseBody {
    /// Spans in the request.
    total_received: usize,
    /// Spans that are stored now.
    total_queued: usize,
}

/// Why nothing was stored.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusedSpans {
    error: &'static str,
    total_received: usize,
    total_queued: usize,
    total_duplicates: usize,
    total_invalid: usize,
    duplicate_spans: Vec<DuplicateSpan>,
    invalid_spans: Vec<InvalidSpan>,
}

/// A span that is there already.
#[derive(Debug, Serialize, ToSchema)]
pub struct DuplicateSpan {
    span_id: String,
    trace_id: String,
}

/// A span that cannot be stored.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvalidSpan {
    span_id: String,
    trace_id: String,
    /// What is wrong with it.
    error: String,
}

/// Stores spans
///
/// All of them or none: when one cannot be stored, or is there already, the answer is 400 and says which. On 202 they
/// are committed. A project that is named and not there is made.
#[utoipa::path(
    post, path = "/v1/projects/{project_identifier}/spans", operation_id = "createSpans", tag = "spans",
    params(("project_identifier" = String, Path, description = "Global id or name")),
    request_body = CreateSpansRequestBody,
    responses(
        (status = 202, body = CreateSpansResponseBody), (status = 400, body = RefusedSpans), (status = 404),
        (status = 422), (status = 503),
    )
)]
async fn create_spans(
    cx: Cx<TracesWrite>,
    Path(project): Path<String>,
    Json(body): Json<CreateSpansRequestBody>,
) -> Answer<Response> {
    let total_received = body.data.len();
    let turn = cx.services().ingest().turn_to_decode().await?;
    let read = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let origin = Arc::new(Origin::default().encode());
        body.data.into_iter().map(|span| span.read(&origin)).collect::<Vec<_>>()
    });
    let read = read.await.map_err(Error::internal)?;
    match ingest::create(&cx, &ProjectRef::parse(&project), read).await? {
        Created::Stored { project } => {
            let body = CreateSpansResponseBody { total_received, total_queued: total_received };
            let mut response = (StatusCode::ACCEPTED, axum::Json(body)).into_response();
            response.extensions_mut().insert(Stored { spans: total_received, project: Some(project) });
            Ok(response)
        }
        Created::Refused { duplicates, invalid } => {
            let body = RefusedSpans {
                error: "Request contains invalid or duplicate spans",
                total_received,
                total_queued: 0,
                total_duplicates: duplicates.len(),
                total_invalid: invalid.len(),
                duplicate_spans: duplicates
                    .into_iter()
                    .map(|(trace, span)| DuplicateSpan { span_id: span.to_hex(), trace_id: trace.to_hex() })
                    .collect(),
                invalid_spans: invalid
                    .into_iter()
                    .map(|bad| InvalidSpan { span_id: bad.span_id, trace_id: bad.trace_id, error: bad.error })
                    .collect(),
            };
            Ok((StatusCode::BAD_REQUEST, axum::Json(body)).into_response())
        }
    }
}
