//! Spans.

use std::collections::HashMap;

use super::{cx::Cx, projects};
use crate::{
    domain::{
        id::{ProjectId, SpanId, SpanRowId, TraceId},
        page::{Page, PageRequest},
        project::ProjectRef,
        scope::TracesRead,
        span::{Origin, Span},
        span_filter::{SpanFilter, SpanSort},
    },
    error::{Error, Result},
    store,
};

/// Lists the spans of a project.
pub async fn list(
    cx: &Cx<TracesRead>,
    project: &ProjectRef,
    filter: &SpanFilter,
    sort: SpanSort,
    page: PageRequest,
) -> Result<Page<Span>> {
    let project = projects::find(cx, project).await?;
    list_in(cx, project.id, filter, sort, page).await
}

/// Lists the spans of a project that is known by row id.
pub async fn list_in(
    cx: &Cx<TracesRead>,
    project: ProjectId,
    filter: &SpanFilter,
    sort: SpanSort,
    page: PageRequest,
) -> Result<Page<Span>> {
    let mut reader = cx.read().await?;
    store::span_search::list(reader.conn(), &cx.projects(), Some(project), filter, sort, page).await
}

/// Returns a span by row id.
pub async fn get(cx: &Cx<TracesRead>, id: SpanRowId) -> Result<Span> {
    let mut reader = cx.read().await?;
    let found = store::span_search::find(reader.conn(), &cx.projects(), id).await?;
    found.ok_or_else(|| Error::NotFound("Span not found".into()))
}

/// Returns the root span of each trace.
pub async fn roots(
    cx: &Cx<TracesRead>,
    traces: &[(ProjectId, TraceId)],
) -> Result<HashMap<(ProjectId, TraceId), Span>> {
    let mut reader = cx.read().await?;
    store::span_search::roots(reader.conn(), &cx.projects(), traces).await
}

/// Counts the children of each span of a trace.
pub async fn child_counts(cx: &Cx<TracesRead>, project: ProjectId, trace: TraceId) -> Result<HashMap<SpanId, i64>> {
    let mut reader = cx.read().await?;
    store::span_search::child_counts(reader.conn(), &cx.projects(), trace, project).await
}

/// Returns the resources and instrumentation scopes of spans of one project.
pub async fn origins(cx: &Cx<TracesRead>, project: ProjectId, spans: &[Span]) -> Result<HashMap<i64, Origin>> {
    let mut ids: Vec<i64> = spans.iter().map(|s| s.origin_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut reader = cx.read().await?;
    store::span_search::origins(reader.conn(), &cx.projects(), project, &ids).await
}
