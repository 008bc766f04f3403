//! Spans.

use std::collections::HashMap;

use super::{cx::Cx, projects, removal};
use crate::{
    domain::{
        id::{GlobalId, ProjectId, SpanId, SpanRowId, TraceId},
        page::{Page, PageRequest},
        project::ProjectRef,
        scope::{TracesRead, TracesWrite},
        span::{Origin, Span},
        span_filter::{SpanFilter, SpanSort},
    },
    error::{Error, Result},
    store::{
        self,
        removal::{Doomed, SpanRef},
    },
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

/// Returns the root span of each trace.
pub async fn roots(
    cx: &Cx<TracesRead>,
    traces: &[(ProjectId, TraceId)],
) -> Result<HashMap<(ProjectId, TraceId), Span>> {
    let mut reader = cx.read().await?;
    store::span_search::roots(reader.conn(), &cx.projects(), traces).await
}

/// Returns the resources and instrumentation scopes of spans of one project.
pub async fn origins(cx: &Cx<TracesRead>, project: ProjectId, spans: &[Span]) -> Result<HashMap<i64, Origin>> {
    let mut ids: Vec<i64> = spans.iter().map(|s| s.origin_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut reader = cx.read().await?;
    store::span_search::origins(reader.conn(), &cx.projects(), project, &ids).await
}

/// Returns spans of living projects by row id; those that the caller may not see are missing.
pub async fn by_ids(cx: &Cx<TracesRead>, ids: &[SpanRowId]) -> Result<HashMap<SpanRowId, Span>> {
    let mut reader = cx.read().await?;
    store::span_search::list_by_ids(reader.conn(), &cx.projects(), ids).await
}

/// Finds the first span of a living project that has this OpenTelemetry id.
pub async fn find_by_otel_id(cx: &Cx<TracesRead>, id: SpanId) -> Result<Option<Span>> {
    let mut reader = cx.read().await?;
    store::span_search::find_by_otel_id(reader.conn(), &cx.projects(), id).await
}

/// Returns the first spans of each of these traces, earliest first, in one statement for all of them.
pub async fn first_of_traces(
    cx: &Cx<TracesRead>,
    traces: &[(ProjectId, TraceId)],
    limit: u32,
) -> Result<HashMap<(ProjectId, TraceId), Vec<Span>>> {
    let mut reader = cx.read().await?;
    store::span_search::list_first(reader.conn(), &cx.projects(), traces, limit.into()).await
}

/// Counts the children of each of these spans; those without any are missing.
pub async fn child_counts_of(
    cx: &Cx<TracesRead>,
    spans: &[(ProjectId, TraceId, SpanId)],
) -> Result<HashMap<(ProjectId, TraceId, SpanId), i64>> {
    let mut reader = cx.read().await?;
    store::span_search::child_counts_of(reader.conn(), &cx.projects(), spans).await
}

/// The most spans whose trees are built in memory for one request.
const MAX_TREE_SPANS: i64 = 200_000;

/// Returns the trees of traces, in one statement for all of them.
pub async fn trees(
    cx: &Cx<TracesRead>,
    traces: &[(ProjectId, TraceId)],
) -> Result<HashMap<(ProjectId, TraceId), SpanTree>> {
    let mut reader = cx.read().await?;
    let spans = store::span_search::list_tree_spans(reader.conn(), &cx.projects(), traces, MAX_TREE_SPANS + 1).await?;
    if spans.values().map(Vec::len).sum::<usize>() > usize::try_from(MAX_TREE_SPANS).unwrap_or(usize::MAX) {
        return Err(Error::TooLarge("These traces have too many spans for sums over their trees".into()));
    }
    Ok(spans.into_iter().map(|(key, spans)| (key, SpanTree::new(spans))).collect())
}

/// What a span and all spans below it come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subtree {
    /// Prompt tokens.
    pub prompt_tokens: i64,
    /// Completion tokens.
    pub completion_tokens: i64,
    /// Spans with status `ERROR`.
    pub errors: i64,
}

/// The spans of one trace by parent, with their sums.
#[derive(Debug, Default)]
pub struct SpanTree {
    spans: Vec<store::span_search::TreeSpan>,
    children: HashMap<SpanId, Vec<usize>>,
    sums: HashMap<SpanId, Subtree>,
}

impl SpanTree {
    /// Builds the tree. Whoever sends spans chooses their parents: a circle ends where it began, in no sum but its own.
    #[must_use]
    pub fn new(spans: Vec<store::span_search::TreeSpan>) -> Self {
        let mut sums: HashMap<SpanId, Subtree> = HashMap::with_capacity(spans.len());
        let mut parents: HashMap<SpanId, SpanId> = HashMap::with_capacity(spans.len());
        let mut children: HashMap<SpanId, Vec<usize>> = HashMap::new();
        for (index, span) in spans.iter().enumerate() {
            let sum = sums.entry(span.span_id).or_default();
            add(
                sum,
                Subtree {
                    prompt_tokens: span.tokens.prompt.unwrap_or(0),
                    completion_tokens: span.tokens.completion.unwrap_or(0),
                    errors: i64::from(span.status_code == crate::domain::span::StatusCode::Error),
                },
            );
            if let Some(parent) = span.parent_span_id.filter(|p| *p != span.span_id) {
                parents.entry(span.span_id).or_insert(parent);
                children.entry(parent).or_default().push(index);
            }
        }
        // From the leaves up: a span is added to its parent once all of its own children are in it.
        let mut open: HashMap<SpanId, usize> = HashMap::new();
        for parent in parents.values() {
            *open.entry(*parent).or_default() += 1;
        }
        let mut ready: Vec<SpanId> = sums.keys().copied().filter(|id| !open.contains_key(id)).collect();
        while let Some(id) = ready.pop() {
            let (Some(parent), Some(sum)) = (parents.get(&id), sums.get(&id).copied()) else { continue };
            if let Some(above) = sums.get_mut(parent) {
                add(above, sum);
            }
            if let Some(left) = open.get_mut(parent) {
                *left -= 1;
                if *left == 0 {
                    ready.push(*parent);
                }
            }
        }
        Self { spans, children, sums }
    }

    /// Returns the sums over a span and everything below it.
    #[must_use]
    pub fn sums(&self, span: SpanId) -> Subtree {
        self.sums.get(&span).copied().unwrap_or_default()
    }

    /// Returns the spans below a span, down to a depth (1 = children only), earliest first.
    #[must_use]
    pub fn descendants(&self, span: SpanId, max_depth: u32) -> Vec<store::span_search::TreeSpan> {
        let mut seen = std::collections::HashSet::from([span]);
        let mut found = Vec::new();
        let mut level = vec![span];
        for _ in 0..max_depth {
            let mut below = Vec::new();
            for index in level.iter().filter_map(|id| self.children.get(id)).flatten() {
                let child = self.spans[*index];
                if child.span_id != span {
                    found.push(child);
                }
                if seen.insert(child.span_id) {
                    below.push(child.span_id);
                }
            }
            if below.is_empty() {
                break;
            }
            level = below;
        }
        found.sort_unstable_by_key(|s| (s.start, s.id));
        found
    }
}

fn add(sum: &mut Subtree, more: Subtree) {
    sum.prompt_tokens = sum.prompt_tokens.saturating_add(more.prompt_tokens);
    sum.completion_tokens = sum.completion_tokens.saturating_add(more.completion_tokens);
    sum.errors += more.errors;
}

/// One span of a trace as far as the shape of its tree needs it, for callers of this room.
pub type TreeSpan = store::span_search::TreeSpan;

/// Deletes a span and what was said of it; the spans below it stay.
pub async fn delete(cx: &Cx<TracesWrite>, identifier: &str) -> Result<()> {
    let row = GlobalId::decode_as(identifier, "Span").map(|id| SpanRef::Row(SpanRowId(id)));
    let mut found = match row.or_else(|| SpanId::from_hex(identifier).map(SpanRef::Otel)) {
        Some(span) => {
            let mut reader = cx.read().await?;
            store::removal::locate(reader.conn(), &cx.projects(), span).await?
        }
        None => Vec::new(),
    };
    let Some((id, project)) = found.pop() else {
        let kind = if row.is_some() { "relay ID" } else { "span_id" };
        return Err(Error::NotFound(format!("Span with {kind} '{identifier}' not found").into()));
    };
    if !found.is_empty() {
        let text = format!("Several spans have the span_id '{identifier}'; name it by its ID");
        return Err(Error::Conflict(text.into()));
    }
    let db = &cx.inner().db;
    removal::slice(db, project, Doomed::Span(id)).await?;
    removal::settle(db, project).await
}
