//! Traces.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::{
        extract::{Json, Path, Query, any_case_bool},
        rest::{
            Routes,
            page::{self, DataBody, ListBody},
            problem::Answer,
            route,
            v1::spans::{OrderParam, instant},
        },
    },
    domain::{
        filter::Subject,
        id::{GlobalId, TraceId},
        project::ProjectRef,
        scope::{TracesRead, TracesWrite},
        span::{Span, normalized_kind},
        trace::{Trace, TraceFilter, TraceSort},
    },
    error::Error,
    service::{cx::Cx, filters, traces},
};

/// Returns the routes of this file.
#[must_use]
pub fn routes() -> Routes {
    Routes::default()
        .add(route!(list_project_traces))
        .add(route!(delete_project_traces))
        .add(route!(delete_trace))
        .add(route!(transfer_traces))
}

/// A trace.
#[derive(Debug, Serialize, ToSchema)]
pub struct TraceData {
    id: String,
    trace_id: String,
    project_id: String,
    #[schema(format = DateTime)]
    start_time: String,
    #[schema(format = DateTime)]
    end_time: String,
    token_count_prompt: i64,
    token_count_completion: i64,
    token_count_total: i64,
    /// Spans, earliest first, if they were asked for.
    #[schema(required = true)]
    spans: Option<Vec<TraceSpanData>>,
}

impl TraceData {
    fn new(trace: &Trace, spans: Option<Vec<Span>>) -> Self {
        Self {
            id: GlobalId::encode("Trace", trace.id.0),
            trace_id: trace.trace_id.to_hex(),
            project_id: GlobalId::encode("Project", trace.project_id.0),
            start_time: trace.start.to_rfc3339(),
            end_time: trace.end.to_rfc3339(),
            token_count_prompt: trace.prompt_tokens,
            token_count_completion: trace.completion_tokens,
            token_count_total: trace.prompt_tokens.saturating_add(trace.completion_tokens),
            spans: spans.map(|spans| spans.into_iter().map(TraceSpanData::from).collect()),
        }
    }
}

/// A span within a trace, in short.
#[derive(Debug, Serialize, ToSchema)]
pub struct TraceSpanData {
    id: String,
    span_id: String,
    #[schema(required = true)]
    parent_id: Option<String>,
    name: String,
    span_kind: &'static str,
    status_code: &'static str,
    #[schema(format = DateTime)]
    start_time: String,
    #[schema(format = DateTime)]
    end_time: String,
}

impl From<Span> for TraceSpanData {
    fn from(span: Span) -> Self {
        Self {
            id: GlobalId::encode("Span", span.id.0),
            span_id: span.span_id.to_hex(),
            parent_id: span.parent_span_id.map(crate::domain::id::SpanId::to_hex),
            span_kind: normalized_kind(&span.sent_kind),
            name: span.name,
            status_code: span.status_code.as_str(),
            start_time: span.start.to_rfc3339(),
            end_time: span.end.to_rfc3339(),
        }
    }
}

/// What traces are sorted by.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TraceSortParam {
    /// Start.
    #[default]
    StartTime,
    /// Duration.
    LatencyMs,
}

/// How to list traces.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListTracesQuery {
    /// Started at or after.
    #[param(format = DateTime)]
    start_time: Option<String>,
    /// Started before.
    #[param(format = DateTime)]
    end_time: Option<String>,
    /// Sort key.
    #[param(inline)]
    sort: Option<TraceSortParam>,
    /// Direction.
    #[param(inline)]
    order: Option<OrderParam>,
    /// Rows of the page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
    /// Where the page begins, from the page before.
    cursor: Option<String>,
    /// Whether each trace brings its spans.
    #[param(default = false)]
    #[serde(default, deserialize_with = "any_case_bool")]
    include_spans: Option<bool>,
    /// Sessions, by global id or by the id that the application gave.
    #[serde(default)]
    session_identifier: Vec<String>,
    /// With (or without) a failed span.
    #[serde(default, deserialize_with = "any_case_bool")]
    error: Option<bool>,
    /// At least this long.
    min_latency_ms: Option<f64>,
    /// At most this long.
    max_latency_ms: Option<f64>,
    /// What must hold for a trace, in the language of filters: `error_count > 0 and 'timeout' in output`.
    filter: Option<String>,
}

impl ListTracesQuery {
    fn filter(&self) -> Result<TraceFilter, Error> {
        let mut filter = TraceFilter {
            start: instant("start_time", self.start_time.as_deref())?,
            end: instant("end_time", self.end_time.as_deref())?,
            error: self.error,
            min_duration: nanos("min_latency_ms", self.min_latency_ms)?,
            max_duration: nanos("max_latency_ms", self.max_latency_ms)?,
            expression: filters::parse("filter", self.filter.as_deref(), Subject::Trace)?,
            ..TraceFilter::default()
        };
        for session in &self.session_identifier {
            match GlobalId::decode_as(session, "ProjectSession") {
                Some(id) => filter.session_row_ids.push(id),
                None => filter.session_ids.push(session.clone()),
            }
        }
        Ok(filter)
    }
}

fn nanos(field: &'static str, millis: Option<f64>) -> Result<Option<i64>, Error> {
    match millis {
        None => Ok(None),
        #[expect(clippy::cast_possible_truncation, reason = "bounded by the comparison")]
        Some(ms) if (0.0..9e12).contains(&ms) => Ok(Some((ms * 1e6) as i64)),
        Some(_) => Err(Error::invalid(field, "Input should be a number of milliseconds, not negative")),
    }
}

/// Lists the traces of a project
#[utoipa::path(
    get, path = "/v1/projects/{project_identifier}/traces", operation_id = "listProjectTraces", tag = "traces",
    params(("project_identifier" = String, Path, description = "Global id or name"), ListTracesQuery),
    responses((status = 200, body = ListBody<TraceData>), (status = 404), (status = 422))
)]
async fn list_project_traces(
    cx: Cx<TracesRead>,
    Path(project): Path<String>,
    Query(query): Query<ListTracesQuery>,
) -> Answer<axum::Json<ListBody<TraceData>>> {
    let order = query.order.unwrap_or_default().into();
    let page = page::request(query.cursor.as_deref(), query.limit, page::MAX_LIMIT, order)?;
    let sort = match query.sort.unwrap_or_default() {
        TraceSortParam::StartTime => TraceSort::StartTime,
        TraceSortParam::LatencyMs => TraceSort::Latency,
    };
    let (project, page) = traces::list(&cx, &ProjectRef::parse(&project), &query.filter()?, sort, page).await?;
    let mut spans = None;
    if query.include_spans.unwrap_or_default() && !page.items.is_empty() {
        let ids: Vec<TraceId> = page.items.iter().map(|t| t.trace_id).collect();
        spans = Some(traces::spans_of(&cx, project.id, &ids).await?);
    }
    let page = page.map(|trace| {
        let spans = spans.as_mut().map(|by_trace| by_trace.remove(&trace.trace_id).unwrap_or_default());
        TraceData::new(&trace, spans)
    });
    Ok(axum::Json(page.into()))
}

/// Which traces of a project to delete.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeleteTracesQuery {
    /// Started at or after.
    #[param(format = DateTime)]
    start_time: String,
    /// Started before.
    #[param(format = DateTime)]
    end_time: String,
}

/// Deletes the traces of a project that started within a time range
///
/// They go oldest first, beside ingest; the answer comes when they are gone. A request that is cut off leaves whole
/// traces behind.
#[utoipa::path(
    delete, path = "/v1/projects/{project_identifier}/traces", operation_id = "deleteProjectTraces", tag = "traces",
    params(("project_identifier" = String, Path, description = "Global id or name"), DeleteTracesQuery),
    responses((status = 204), (status = 404), (status = 422))
)]
async fn delete_project_traces(
    cx: Cx<TracesWrite>,
    Path(project): Path<String>,
    Query(query): Query<DeleteTracesQuery>,
) -> Answer<StatusCode> {
    let given = |field, text| {
        let invalid = || Error::invalid(field, format!("{field}: Input should be a valid datetime"));
        instant(field, Some(text))?.ok_or_else(invalid)
    };
    let (start, end) = (given("start_time", &query.start_time)?, given("end_time", &query.end_time)?);
    traces::delete_started(&cx, &ProjectRef::parse(&project), start, end).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes a trace with its spans
///
/// An OpenTelemetry id that traces of several projects have is refused with 409: only a global id says which.
#[utoipa::path(
    delete, path = "/v1/traces/{trace_identifier}", operation_id = "deleteTrace", tag = "traces",
    params(("trace_identifier" = String, Path, description = "Global id, or OpenTelemetry trace id")),
    responses((status = 204), (status = 404), (status = 409))
)]
async fn delete_trace(cx: Cx<TracesWrite>, Path(trace): Path<String>) -> Answer<StatusCode> {
    traces::delete(&cx, &trace).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which traces to move, and where.
#[derive(Debug, Deserialize, ToSchema)]
pub struct TransferTracesRequestBody {
    /// Global ids or OpenTelemetry ids of traces of one project, 1000 at most.
    #[schema(min_items = 1, max_items = 1000)]
    trace_identifiers: Vec<String>,
    /// Global id or name.
    destination_project_identifier: String,
}

/// What was moved.
#[derive(Debug, Serialize, ToSchema)]
pub struct TransferTracesData {
    transferred_trace_count: usize,
    destination_project_id: String,
}

/// Moves traces to another project
///
/// Their spans and all that was said of them keep their ids; their sessions are those of the same name there.
#[utoipa::path(
    post, path = "/v1/traces/transfer", operation_id = "transferTraces", tag = "traces",
    request_body = TransferTracesRequestBody,
    responses((status = 200, body = DataBody<TransferTracesData>), (status = 404), (status = 409), (status = 422))
)]
async fn transfer_traces(
    cx: Cx<TracesWrite>,
    Json(body): Json<TransferTracesRequestBody>,
) -> Answer<axum::Json<DataBody<TransferTracesData>>> {
    let to = ProjectRef::parse(&body.destination_project_identifier);
    let (transferred_trace_count, project) = traces::transfer(&cx, &body.trace_identifiers, &to).await?;
    let destination_project_id = GlobalId::encode("Project", project.0);
    Ok(axum::Json(DataBody { data: TransferTracesData { transferred_trace_count, destination_project_id } }))
}
