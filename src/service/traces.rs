//! Traces.

use std::collections::HashMap;

use super::{cx::Cx, projects};
use crate::{
    domain::{
        id::{ProjectId, TraceId},
        page::{Order, Page, PageRequest},
        project::{Project, ProjectRef},
        scope::TracesRead,
        span::Span,
        span_filter::{SpanFilter, SpanSort},
        trace::{Trace, TraceFilter, TraceSort},
    },
    error::{Error, Result},
    store::{self, traces::TraceRef},
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
async fn living(cx: &Cx<TracesRead>, traces: Vec<Trace>) -> Result<Vec<Trace>> {
    let projects: Vec<ProjectId> = traces.iter().map(|t| t.project_id).collect();
    let mut reader = cx.read().await?;
    let living = store::projects::list_by_ids(reader.conn(), &cx.projects(), &projects).await?;
    Ok(traces.into_iter().filter(|t| living.contains_key(&t.project_id)).collect())
}
