//! Removing spans, slice by slice, with what was said of them and what they added to the roll-ups.
//!
//! A slice is a transaction of its own, so that ingest, which waits for the same writer, never waits for long.

use std::collections::BTreeMap;

use sqlx::{Database, QueryBuilder};

use super::{
    push_in, push_projects,
    roll_down::{
        Counted, Measured, delete_annotations, delete_traces, lock_traces, measure, settle_sessions, shrink_sessions,
        subtract, take_turn, update_trace,
    },
    span_batch::Sum,
};
use crate::{
    db::{Conn, on, sql},
    domain::{
        id::{ProjectId, ProjectSessionId, SpanId, SpanRowId, TraceId, TraceRowId},
        project::Projects,
        time::UnixNanos,
    },
    error::Result,
};

/// Which spans of a project are removed.
#[derive(Clone, Copy, Debug)]
pub enum Doomed<'a> {
    /// One span.
    Span(SpanRowId),
    /// Those of traces.
    Traces(&'a [TraceId]),
}

/// What one slice did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Spans that are gone.
    pub spans: u64,
    /// Traces of which nothing is left.
    pub traces: u64,
}

/// Returns up to `limit` of the doomed spans.
pub(super) async fn choose(conn: Conn<'_>, project: ProjectId, doomed: Doomed<'_>, limit: i64) -> Result<Vec<Counted>> {
    Ok(on!(conn, |c| {
        let mut query = QueryBuilder::new(
            "SELECT id, trace_id, span_id, parent_span_id, start_time_unix_nano, end_time_unix_nano, status_code,
                 span_kind, session_id, prompt_tokens, completion_tokens, prompt_cost, completion_cost,
                 origin_id
             FROM spans
             WHERE project_id = ",
        );
        query.push_bind(project.0);
        match doomed {
            Doomed::Span(id) => {
                query.push(" AND id = ").push_bind(id.0);
            }
            Doomed::Traces(ids) => push_in(&mut query, "trace_id", ids.iter().map(|id| id.0.to_vec())),
        }
        query.push(" LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })?)
}

/// Removes up to `limit` of the doomed spans, what was said of them, and what they added to the roll-ups; a trace or
/// session that nothing is left of goes too.
pub async fn remove(mut conn: Conn<'_>, project: ProjectId, doomed: Doomed<'_>, limit: i64) -> Result<Removed> {
    take_turn(conn.reborrow(), project).await?;
    let spans = choose(conn.reborrow(), project, doomed, limit).await?;
    // With fewer than might have been, none is left: times that were passed over until now are looked up.
    let whole = matches!(doomed, Doomed::Span(_)) || i64::try_from(spans.len()).is_ok_and(|found| found < limit);
    delete_spans(&mut conn, project, spans.iter().map(|s| s.id)).await?;
    let mut traces: BTreeMap<TraceId, Sum> = BTreeMap::new();
    if let Doomed::Traces(ids) = doomed {
        traces.extend(ids.iter().map(|id| (*id, Sum::EMPTY)));
    }
    let mut total = Sum::EMPTY;
    for span in &spans {
        total.add_stored(span);
        if let Some(id) = TraceId::from_slice(&span.trace_id) {
            traces.entry(id).or_insert(Sum::EMPTY).add_stored(span);
        }
    }
    let ids: Vec<TraceId> = traces.keys().copied().collect();
    let sessions = shrink_sessions(&mut conn, project, &spans, &ids).await?;
    let mut gone = Vec::new();
    for trace in lock_traces(&mut conn, &[project], &ids).await? {
        let Some(sum) = TraceId::from_slice(&trace.trace_id).and_then(|id| traces.get(&id)) else { continue };
        let left = trace.tally.less(sum);
        if left.span_count == 0 {
            gone.push(left.id);
        } else if whole {
            if let Some(measured) = measure(&mut conn, project, &trace.trace_id).await? {
                update_trace(&mut conn, &left, &measured).await?;
            } else {
                // Spans that were counted and are not there.
                total.add_tally(&left);
                gone.push(left.id);
            }
        } else {
            let as_it_was = Measured {
                start: left.start_time_unix_nano,
                end: left.end_time_unix_nano,
                root_span_id: trace.root_span_id,
            };
            update_trace(&mut conn, &left, &as_it_was).await?;
        }
    }
    delete_traces(&mut conn, &gone).await?;
    settle_sessions(&mut conn, &sessions).await?;
    let traces = i64::try_from(gone.len()).unwrap_or(i64::MAX);
    subtract(&mut conn, project, &total, traces).await?;
    Ok(Removed { spans: spans.len() as u64, traces: gone.len() as u64 })
}

/// Removes spans and what was said of them and of the documents that they retrieved.
pub(super) async fn delete_spans(
    conn: &mut Conn<'_>,
    project: ProjectId,
    ids: impl Iterator<Item = i64> + Clone,
) -> Result<()> {
    if ids.clone().next().is_none() {
        return Ok(());
    }
    on!(&mut *conn, |c| {
        let mut query = QueryBuilder::new("DELETE FROM spans WHERE project_id = ");
        query.push_bind(project.0);
        push_in(&mut query, "id", ids.clone());
        query.build().execute(&mut **c).await?;
    });
    delete_annotations(conn, &[1, 4], ids).await
}

/// Removes a session whose traces are gone, whatever spans of other traces name it.
pub async fn remove_session(mut conn: Conn<'_>, project: ProjectId, id: ProjectSessionId) -> Result<()> {
    take_turn(conn.reborrow(), project).await?;
    on!(&mut conn, |c| sqlx::query(sql!(
        "DELETE FROM project_sessions
         WHERE id = $1 AND project_id = $2 AND NOT EXISTS (SELECT 1 FROM traces WHERE project_session_id = $1)"
    ))
    .bind(id)
    .bind(project)
    .execute(&mut **c)
    .await
    .map(|_| ()))?;
    delete_annotations(&mut conn, &[3], std::iter::once(id.0)).await
}

/// Which traces of a project are removed together.
#[derive(Clone, Copy, Debug)]
pub enum Range {
    /// Those that started within the bounds: at or after the first, before the second.
    Started(UnixNanos, UnixNanos),
    /// The one that is named by start and row id, and those before it.
    UpTo(UnixNanos, i64),
    /// Those of a session.
    Session(ProjectSessionId),
}

/// A trace on the list of what is removed next.
#[derive(Clone, Copy, Debug)]
pub struct Next {
    /// Row id.
    pub id: TraceRowId,
    /// OpenTelemetry id.
    pub trace_id: TraceId,
    /// Start of the earliest span.
    pub start: UnixNanos,
    /// Spans.
    pub spans: i64,
}

/// Lists traces of a range, oldest first, that come after a place in that order.
pub async fn list_next(
    conn: Conn<'_>,
    project: ProjectId,
    range: Range,
    after: Option<(UnixNanos, TraceRowId)>,
    limit: i64,
) -> Result<Vec<Next>> {
    let rows: Vec<(TraceRowId, Vec<u8>, UnixNanos, i64)> = on!(conn, |c| {
        let mut query = QueryBuilder::new("SELECT id, trace_id, start_time_unix_nano, span_count FROM traces");
        push_range(&mut query, project, range);
        if let Some((start, id)) = after {
            query.push(" AND (start_time_unix_nano, id) > (").push_bind(start.0).push(", ").push_bind(id.0).push(")");
        }
        query.push(" ORDER BY start_time_unix_nano, id LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })?;
    Ok(rows
        .into_iter()
        .filter_map(|(id, trace_id, start, spans)| {
            Some(Next { id, trace_id: TraceId::from_slice(&trace_id)?, start, spans })
        })
        .collect())
}

/// Counts what a range holds.
pub async fn count(conn: Conn<'_>, project: ProjectId, range: Range) -> Result<Removed> {
    let (traces, spans): (i64, i64) = on!(conn, |c| {
        let mut query = QueryBuilder::new("SELECT COUNT(*), CAST(COALESCE(SUM(span_count), 0) AS BIGINT) FROM traces");
        push_range(&mut query, project, range);
        query.build_query_as().fetch_one(c).await
    })?;
    Ok(Removed { spans: spans.unsigned_abs(), traces: traces.unsigned_abs() })
}

fn push_range<DB: Database>(query: &mut QueryBuilder<DB>, project: ProjectId, range: Range)
where
    for<'a> i64: sqlx::Encode<'a, DB> + sqlx::Type<DB>,
{
    query.push(" WHERE project_id = ").push_bind(project.0);
    match range {
        Range::Started(from, to) => {
            query.push(" AND start_time_unix_nano >= ").push_bind(from.0);
            query.push(" AND start_time_unix_nano < ").push_bind(to.0);
        }
        Range::UpTo(start, id) => {
            query.push(" AND (start_time_unix_nano, id) <= (").push_bind(start.0).push(", ").push_bind(id).push(")");
        }
        Range::Session(id) => {
            query.push(" AND project_session_id = ").push_bind(id.0);
        }
    }
}

/// How a span is named.
#[derive(Clone, Copy, Debug)]
pub enum SpanRef {
    /// By row id.
    Row(SpanRowId),
    /// By OpenTelemetry id alone, which is unique by chance only.
    Otel(SpanId),
}

/// Finds a span of a living project; two, where the name fits several.
pub async fn locate(conn: Conn<'_>, access: &Projects, span: SpanRef) -> Result<Vec<(SpanRowId, ProjectId)>> {
    Ok(on!(conn, |c| {
        let mut query = QueryBuilder::new(
            "SELECT s.id, s.project_id
             FROM spans s
             JOIN projects p ON p.id = s.project_id AND p.deleted_at IS NULL
             WHERE ",
        );
        match span {
            SpanRef::Row(id) => query.push("s.id = ").push_bind(id.0),
            SpanRef::Otel(id) => query.push("s.span_id = ").push_bind(id.0.to_vec()),
        };
        push_projects(&mut query, "s.project_id", access);
        query.push(" LIMIT 2");
        query.build_query_as().fetch_all(c).await
    })?)
}

#[cfg(test)]
mod tests;
