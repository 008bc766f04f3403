//! Traces: what the writer keeps about the spans that share a trace id within one project.

use super::{
    filter::Filter,
    id::{ProjectId, SpanId, TraceId, TraceRowId},
    time::UnixNanos,
};

/// A trace. All but the ids is rolled up from its spans as they are committed.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Row id.
    pub id: TraceRowId,
    /// Project.
    pub project_id: ProjectId,
    /// OpenTelemetry id.
    pub trace_id: TraceId,
    /// Row id of its session, if any span named one.
    pub session_row_id: Option<i64>,
    /// The first span without a parent, if one has arrived.
    pub root_span_id: Option<SpanId>,
    /// Start of the earliest span.
    pub start: UnixNanos,
    /// End of the latest span.
    pub end: UnixNanos,
    /// Number of spans.
    pub span_count: i64,
    /// Number of spans with status `ERROR`.
    pub error_count: i64,
    /// Prompt tokens of all spans.
    pub prompt_tokens: i64,
    /// Completion tokens of all spans.
    pub completion_tokens: i64,
    /// Cost of all prompts.
    pub prompt_cost: f64,
    /// Cost of all completions.
    pub completion_cost: f64,
}

/// How a list of traces is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TraceSort {
    /// By start.
    #[default]
    StartTime,
    /// By duration.
    Latency,
}

/// Typed predicates on traces.
#[derive(Clone, Debug, Default)]
pub struct TraceFilter {
    /// Started at or after.
    pub start: Option<UnixNanos>,
    /// Started before.
    pub end: Option<UnixNanos>,
    /// In one of these sessions, by their row ids.
    pub session_row_ids: Vec<i64>,
    /// In one of these sessions, by the ids that applications gave them.
    pub session_ids: Vec<String>,
    /// With (or without) a failed span.
    pub error: Option<bool>,
    /// At least this long, in nanoseconds.
    pub min_duration: Option<i64>,
    /// At most this long, in nanoseconds.
    pub max_duration: Option<i64>,
    /// That pass this filter for traces.
    pub expression: Option<Filter>,
}
