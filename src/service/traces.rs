//! Traces.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{cx::Cx, projects, removal};
use crate::{
    domain::{
        id::{GlobalId, ProjectId, TraceId, TraceRowId},
        page::{Order, Page, PageRequest},
        project::{Project, ProjectRef},
        scope::{Access, TracesRead, TracesWrite},
        span::Span,
        span_filter::{SpanFilter, SpanSort},
        time::UnixNanos,
        trace::{Trace, TraceFilter, TraceSort},
    },
    error::{Error, Result},
    store::{self, removal::Range, traces::TraceRef},
};

/// The most spans that a list of traces carries along, in all.
const MAX_SPANS_ALONG: u32 = 50_000;

/// Lists the traces of a project.
pub async fn list(
    cx: &Cx<TracesRead>,
    project: &ProjectRef,
    filter: &TraceFilter,
    sort: TraceSort,
    page: PageRequest,
) -> Result<(Project, Page<Trace>)> {
    let project = projects::find(cx, project).await?;
    let mut reader = cx.read().await?;
    let page = store::traces::list(reader.conn(), &cx.projects(), project.id, filter, sort, page).await?;
    Ok((project, page))
}

/// Returns a trace.
pub async fn get(cx: &Cx<TracesRead>, trace: TraceRef) -> Result<Trace> {
    let mut reader = cx.read().await?;
    let found = store::traces::find(reader.conn(), &cx.projects(), trace).await?;
    found.ok_or_else(|| Error::NotFound("Trace not found".into()))
}

/// Returns the traces with these OpenTelemetry ids, in whichever project.
pub async fn by_otel_ids(cx: &Cx<TracesRead>, ids: &[TraceId]) -> Result<Vec<Trace>> {
    let mut reader = cx.read().await?;
    store::traces::list_by_otel_ids(reader.conn(), &cx.projects(), ids).await
}

/// Returns the spans of traces of one project, earliest first within each.
pub async fn spans_of(
    cx: &Cx<TracesRead>,
    project: ProjectId,
    traces: &[TraceId],
) -> Result<HashMap<TraceId, Vec<Span>>> {
    let filter = SpanFilter { trace_ids: Some(traces.to_vec()), ..SpanFilter::default() };
    let page = PageRequest { from: None, limit: MAX_SPANS_ALONG, order: Order::Asc };
    let mut reader = cx.read().await?;
    let spans =
        store::span_search::list(reader.conn(), &cx.projects(), Some(project), &filter, SpanSort::StartTime, page)
            .await?;
    let mut by_trace: HashMap<TraceId, Vec<Span>> = HashMap::new();
    for span in spans.items {
        by_trace.entry(span.trace_id).or_default().push(span);
    }
    Ok(by_trace)
}

/// Returns a trace of a living project by row id.
pub async fn get_living(cx: &Cx<TracesRead>, id: crate::domain::id::TraceRowId) -> Result<Trace> {
    let trace = get(cx, TraceRef::Row(id)).await?;
    living(cx, vec![trace]).await?.pop().ok_or_else(|| Error::NotFound("Trace not found".into()))
}

/// Finds the first trace of a living project that has this OpenTelemetry id.
pub async fn find_by_otel_id(cx: &Cx<TracesRead>, id: TraceId) -> Result<Option<Trace>> {
    let found = by_otel_ids(cx, &[id]).await?;
    Ok(living(cx, found).await?.into_iter().min_by_key(|t| t.id))
}

/// Keeps the traces whose project is not marked as deleted.
async fn living<S: Access>(cx: &Cx<S>, traces: Vec<Trace>) -> Result<Vec<Trace>> {
    let projects: Vec<ProjectId> = traces.iter().map(|t| t.project_id).collect();
    let mut reader = cx.read().await?;
    let living = store::projects::list_by_ids(reader.conn(), &cx.projects(), &projects).await?;
    Ok(traces.into_iter().filter(|t| living.contains_key(&t.project_id)).collect())
}

/// Finds what an identifier names, a global id or an OpenTelemetry id: every such trace of a living project.
async fn find_named<S: Access>(cx: &Cx<S>, identifier: &str) -> Result<Vec<Trace>> {
    let mut reader = cx.read().await?;
    let found = match (GlobalId::decode_as(identifier, "Trace"), TraceId::from_hex(identifier)) {
        (Some(id), _) => {
            let trace = TraceRef::Row(TraceRowId(id));
            store::traces::find(reader.conn(), &cx.projects(), trace).await?.into_iter().collect()
        }
        (None, Some(id)) => store::traces::list_by_otel_ids(reader.conn(), &cx.projects(), &[id]).await?,
        (None, None) => Vec::new(),
    };
    drop(reader);
    living(cx, found).await
}

fn ambiguous(identifier: &str) -> Error {
    Error::Conflict(format!("Several projects have a trace with trace_id '{identifier}'; name it by its ID").into())
}

/// Deletes a trace with its spans and what was said of them.
pub async fn delete(cx: &Cx<TracesWrite>, identifier: &str) -> Result<()> {
    let mut found = find_named(cx, identifier).await?;
    let Some(trace) = found.pop() else {
        let kind = if GlobalId::decode_as(identifier, "Trace").is_some() { "relay ID" } else { "trace_id" };
        return Err(Error::NotFound(format!("Trace with {kind} '{identifier}' not found").into()));
    };
    if !found.is_empty() {
        return Err(ambiguous(identifier));
    }
    let db = &cx.inner().db;
    let removed = removal::traces(db, trace.project_id, &[trace.trace_id]).await?;
    removal::settle(db, trace.project_id).await?;
    tracing::info!(project.id = trace.project_id.0, trace.id = %trace.trace_id, spans = removed.spans, "trace deleted");
    Ok(())
}

/// Deletes the traces of a project that started within bounds: at or after the first, before the second.
pub async fn delete_started(
    cx: &Cx<TracesWrite>,
    project: &ProjectRef,
    start: UnixNanos,
    end: UnixNanos,
) -> Result<()> {
    if start >= end {
        return Err(Error::invalid("start_time", "`start_time` must be strictly earlier than `end_time`."));
    }
    let project = projects::find(cx, project).await?;
    let removed = removal::range(&cx.inner().db, project.id, Range::Started(start, end), |_| ()).await?;
    tracing::info!(project.id = project.id.0, traces = removed.traces, spans = removed.spans, "traces deleted");
    Ok(())
}

/// The most traces that one request moves.
const MAX_MOVED: usize = 1_000;

/// Moves traces of one project to another; returns how many, and where they are now.
pub async fn transfer(cx: &Cx<TracesWrite>, identifiers: &[String], to: &ProjectRef) -> Result<(usize, ProjectId)> {
    const FIELD: &str = "trace_identifiers";
    if identifiers.is_empty() {
        return Err(Error::invalid(FIELD, "trace_identifiers: List should have at least 1 item"));
    }
    if identifiers.len() > MAX_MOVED {
        return Err(Error::invalid(FIELD, format!("trace_identifiers: List should have at most {MAX_MOVED} items")));
    }
    let to = projects::find(cx, to).await?.id;
    let mut chosen: BTreeMap<TraceRowId, Trace> = BTreeMap::new();
    for identifier in identifiers {
        let mut found = find_named(cx, identifier).await?;
        // One that arrived earlier by the same id is not meant.
        if found.len() > 1 {
            found.retain(|trace| trace.project_id != to);
        }
        let trace = found.pop().ok_or_else(|| Error::NotFound("One or more traces not found".into()))?;
        if !found.is_empty() {
            return Err(ambiguous(identifier));
        }
        chosen.insert(trace.id, trace);
    }
    let from: BTreeSet<ProjectId> = chosen.values().map(|trace| trace.project_id).collect();
    if from.len() > 1 {
        return Err(Error::invalid(FIELD, "Cannot transfer traces from multiple projects"));
    }
    for trace in chosen.values().filter(|trace| trace.project_id != to) {
        removal::relocate(&cx.inner().db, trace.project_id, to, trace.trace_id).await?;
    }
    for project in from.iter().chain([&to]) {
        removal::settle(&cx.inner().db, *project).await?;
    }
    tracing::info!(project.id = to.0, traces = chosen.len(), "traces transferred");
    Ok((chosen.len(), to))
}
