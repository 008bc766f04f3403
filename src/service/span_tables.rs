//! Spans as tables, for data frames.

use super::{cx::Cx, filters, projects, spans};
use crate::{
    domain::{
        filter::{
            Filter, Subject,
            typed::{Cond, Key, NumberField},
        },
        id::{ProjectId, TraceId},
        page::{Order, PageRequest},
        project::ProjectRef,
        scope::TracesRead,
        span::Span,
        span_filter::{SpanFilter, SpanSort},
        span_table::{self, Sums, Table, TableQuery},
        time::UnixNanos,
    },
    error::{Error, Result},
    store,
};

/// The most spans of one table.
pub const MAX_SPANS: u32 = 20_000;
/// The most bytes of attributes in one table.
const MAX_BYTES: usize = 128 << 20;
/// Spans of one statement.
const PAGE: u32 = 1_000;

/// Which spans a table is made of.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Started at or after.
    pub start: Option<UnixNanos>,
    /// Started before.
    pub end: Option<UnixNanos>,
    /// Whether only spans without a parent count, and whether one whose parent has not arrived is such.
    pub roots: Option<Orphans>,
    /// The most spans.
    pub limit: u64,
}

/// What a span is whose parent has not arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orphans {
    /// A root.
    AreRoots,
    /// No root.
    AreNone,
}

/// What one table is asked for: its filter, and its columns.
pub type Asked = (Option<String>, TableQuery);

/// Makes one table for each query.
pub async fn query(
    cx: &Cx<TracesRead>,
    project: &ProjectRef,
    selection: &Selection,
    queries: &[Asked],
) -> Result<Vec<Table>> {
    let mut filters = Vec::with_capacity(queries.len());
    for (index, (condition, _)) in queries.iter().enumerate() {
        let field = format!("queries.{index}.filter.condition");
        filters.push(filters::parse(field, condition.as_deref(), Subject::Span)?);
    }
    let project = projects::find(cx, project).await?.id;
    let mut tables = Vec::with_capacity(queries.len());
    let mut bytes = 0;
    for ((_, query), filter) in queries.iter().zip(filters) {
        let spans = read(cx, project, selection, filter, &mut bytes).await?;
        let sums = if needs_sums(query) { sums(cx, project, &spans).await? } else { Sums::new() };
        tables.push(span_table::table(query, &spans, &sums));
    }
    Ok(tables)
}

async fn read(
    cx: &Cx<TracesRead>,
    project: ProjectId,
    selection: &Selection,
    expression: Option<Filter>,
    bytes: &mut usize,
) -> Result<Vec<Span>> {
    let roots = selection.roots.map(|orphans| match orphans {
        Orphans::AreRoots => Filter::without_parent(),
        Orphans::AreNone => Filter::without_parent_id(),
    });
    let expression = match (expression, roots) {
        (Some(filter), Some(roots)) => Some(filter.and(roots)),
        (None, Some(roots)) => {
            Some(Filter { subject: Subject::Span, annotations: Vec::new(), condition: Cond::Const(true) }.and(roots))
        }
        (filter, None) => filter,
    };
    let filter = SpanFilter { start: selection.start, end: selection.end, expression, ..SpanFilter::default() };
    let mut found: Vec<Span> = Vec::new();
    let mut from = None;
    loop {
        let left = selection.limit.saturating_sub(found.len() as u64);
        let limit = u32::try_from(left).unwrap_or(PAGE).min(PAGE);
        if limit == 0 {
            return Ok(found);
        }
        let request = PageRequest { from, limit, order: Order::Desc };
        let mut reader = cx.read().await?;
        let page =
            store::span_search::list(reader.conn(), &cx.projects(), Some(project), &filter, SpanSort::Id, request)
                .await?;
        *bytes += page.items.iter().map(|s| s.attributes.len()).sum::<usize>();
        found.extend(page.items);
        if found.len() > MAX_SPANS as usize || *bytes > MAX_BYTES {
            let detail = format!("More than {MAX_SPANS} spans, or {} MiB; ask for fewer at a time", MAX_BYTES >> 20);
            return Err(Error::invalid("limit", detail));
        }
        match page.next {
            Some(next) => from = Some(next),
            None => return Ok(found),
        }
    }
}

fn needs_sums(query: &TableQuery) -> bool {
    let keys = query.select.iter().flatten().chain(&query.index).map(|(_, key)| key);
    keys.into_iter().any(|key| {
        matches!(
            key,
            Key::Number(
                NumberField::SubtreePromptTokens
                    | NumberField::SubtreeCompletionTokens
                    | NumberField::SubtreeTotalTokens
                    | NumberField::SubtreeErrors
            )
        )
    })
}

async fn sums(cx: &Cx<TracesRead>, project: ProjectId, spans: &[Span]) -> Result<Sums> {
    let mut traces: Vec<(ProjectId, TraceId)> = spans.iter().map(|s| (project, s.trace_id)).collect();
    traces.sort_unstable();
    traces.dedup();
    let mut sums = Sums::new();
    for some in traces.chunks(500) {
        let trees = spans::trees(cx, some).await?;
        for span in spans {
            if let Some(tree) = trees.get(&(project, span.trace_id)) {
                let sum = tree.sums(span.span_id);
                sums.insert(span.span_id, (sum.prompt_tokens, sum.completion_tokens, sum.errors));
            }
        }
    }
    Ok(sums)
}
