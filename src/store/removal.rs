//! Removing spans, slice by slice, with what was said of them and what they added to the roll-ups.
//!
//! A slice is a transaction of its own, so that ingest, which waits for the same writer, never waits for long.

use std::collections::BTreeMap;

use sqlx::QueryBuilder;

use super::{
    push_in,
    roll_down::{
        Counted, Measured, delete_annotations, delete_traces, lock_traces, measure, settle_sessions, shrink_sessions,
        subtract, take_turn, update_trace,
    },
    span_batch::Sum,
};
use crate::{
    db::{Conn, on, sql},
    domain::{
        id::{ProjectId, SpanRowId, TraceId, TraceRowId},
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
                 span_kind, session_id, prompt_tokens, completion_tokens, origin_id
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
            match measure(&mut conn, project, &trace.trace_id).await? {
                Some(measured) => update_trace(&mut conn, &left, &measured).await?,
                None => {
                    // Spans that were counted and are not there.
                    total.add_tally(&left);
                    gone.push(left.id);
                }
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
pub async fn remove_session(mut conn: Conn<'_>, project: ProjectId, id: i64) -> Result<()> {
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
    delete_annotations(&mut conn, &[3], std::iter::once(id)).await
}

/// Which traces of a project are removed together.
#[derive(Clone, Copy, Debug)]
pub enum Range {
    /// Those that started within the bounds: at or after the first, before the second.
    Started(Option<UnixNanos>, UnixNanos),
    /// Those of a session.
    Session(i64),
}

/// A trace on the list of what is removed next.
#[derive(Clone, Copy, Debug)]
pub struct Next {
    /// Row id.
    pub id: TraceRowId,
    /// OpenTelemetry id.
    pub trace_id: TraceId,
    /// Spans.
    pub spans: i64,
}

/// Lists traces of a range, oldest first.
pub async fn list_next(conn: Conn<'_>, project: ProjectId, range: Range, limit: i64) -> Result<Vec<Next>> {
    let rows: Vec<(TraceRowId, Vec<u8>, i64)> = on!(conn, |c| {
        let mut query = QueryBuilder::new("SELECT id, trace_id, span_count FROM traces WHERE project_id = ");
        query.push_bind(project.0);
        match range {
            Range::Started(from, to) => {
                if let Some(from) = from {
                    query.push(" AND start_time_unix_nano >= ").push_bind(from.0);
                }
                query.push(" AND start_time_unix_nano < ").push_bind(to.0);
            }
            Range::Session(id) => {
                query.push(" AND project_session_id = ").push_bind(id);
            }
        }
        query.push(" ORDER BY start_time_unix_nano, id LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })?;
    Ok(rows
        .into_iter()
        .filter_map(|(id, trace_id, spans)| Some(Next { id, trace_id: TraceId::from_slice(&trace_id)?, spans }))
        .collect())
}

#[cfg(test)]
mod tests;
