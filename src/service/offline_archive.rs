//! Spans of a project as the command line reads them, on the database directly: whoever may do that needs no proof.

use std::collections::HashMap;

use crate::{
    db::Db,
    domain::{
        id::{ProjectId, SpanRowId},
        page::{Cursor, Order, PageRequest},
        project::{Project, ProjectRef, Projects},
        span::{Origin, Span},
        span_filter::{SpanFilter, SpanSort},
    },
    error::{Error, Result},
    store,
};

/// Finds a project, with the number of its spans.
pub async fn find_project(db: &Db, project: &ProjectRef) -> Result<(Project, u64)> {
    let mut reader = db.read().await?;
    let found = store::projects::find(reader.conn(), &Projects::All, project).await?;
    let project = found.ok_or_else(|| Error::NotFound("There is no such project".into()))?;
    let stats = store::projects::stats(reader.conn(), &Projects::All, &[project.id]).await?;
    let spans = stats.get(&project.id).map_or(0, |stats| stats.span_count);
    Ok((project, u64::try_from(spans).unwrap_or(0)))
}

/// Returns the next spans of a project in the order of their arrival, with the resources and instrumentation scopes that
/// they name.
pub async fn next_spans(
    db: &Db,
    project: ProjectId,
    filter: &SpanFilter,
    after: Option<SpanRowId>,
    limit: u32,
) -> Result<(Vec<Span>, HashMap<i64, Origin>)> {
    let mut reader = db.read().await?;
    let from = after.map(|id| Cursor { key: id.0 + 1, id: id.0 + 1 });
    let page = PageRequest { from, limit, order: Order::Asc };
    let all = &Projects::All;
    let spans = store::span_search::list(reader.conn(), all, Some(project), filter, SpanSort::Id, page).await?.items;
    let mut ids: Vec<i64> = spans.iter().map(|span| span.origin_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let origins = store::span_search::origins(reader.conn(), all, project, &ids).await?;
    Ok((spans, origins))
}
