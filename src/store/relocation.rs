//! Moving a trace from one project to another, slice by slice: its spans keep their row ids and what was said of them.
//!
//! The same trace id may be in use in both projects; what is moved then joins the trace that is there. Sessions are of
//! one project: a trace that is moved belongs to the session of the same name in its new project.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::QueryBuilder;

use super::{
    projects::{StatsDelta, add_stats},
    push_in,
    removal::{Doomed, choose, delete_spans},
    roll_down::{
        Counted, Measured, Tally, TraceTally, delete_traces, lock_traces, measure, settle_sessions, shrink_sessions,
        subtract, take_turn, update_trace,
    },
    span_batch::{Sum, upsert_sessions},
};
use crate::{
    db::{Conn, on, sql},
    domain::{
        id::{ProjectId, TraceId},
        time::UnixNanos,
    },
    error::{Error, Result},
};

/// Moves up to `limit` spans of a trace; returns whether more may be left. A span that its new project has already is
/// not there twice. A conflict means that ingest came first, and that it is to be tried again.
pub async fn relocate(conn: Conn<'_>, from: ProjectId, to: ProjectId, trace_id: TraceId, limit: i64) -> Result<bool> {
    match relocate_slice(conn, from, to, trace_id, limit).await {
        Err(Error::Internal(cause)) if is_unique_violation(cause.as_ref()) => {
            Err(Error::Conflict("Spans of the trace are arriving in its new project".into()))
        }
        outcome => outcome,
    }
}

fn is_unique_violation(cause: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let error = cause.downcast_ref::<sqlx::Error>().and_then(sqlx::Error::as_database_error);
    error.is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

async fn relocate_slice(
    mut conn: Conn<'_>,
    from: ProjectId,
    to: ProjectId,
    trace_id: TraceId,
    limit: i64,
) -> Result<bool> {
    hold_living(&mut conn, to).await?;
    for project in [from.min(to), from.max(to)] {
        take_turn(conn.reborrow(), project).await?;
    }
    let mut spans = choose(conn.reborrow(), from, Doomed::Traces(&[trace_id]), limit).await?;
    if spans.is_empty() {
        return Ok(false);
    }
    let more = i64::try_from(spans.len()).is_ok_and(|found| found >= limit);
    spans.sort_unstable_by_key(Counted::key);
    copy_origins(&mut conn, from, to, spans.iter().map(|s| s.origin_id).collect()).await?;
    let there: BTreeSet<i64> = there_already(&mut conn, to, &spans).await?;
    delete_spans(&mut conn, from, there.iter().copied()).await?;
    let mut total = sum(spans.iter());
    let twice = there.len();
    let (_, moved): (Vec<&Counted>, Vec<&Counted>) = spans.iter().partition(|s| there.contains(&s.id));
    move_spans(&mut conn, from, to, moved.iter().map(|s| s.id)).await?;
    let gained = sum(moved.iter().copied());

    // Sessions first, then traces, then statistics, each in the order of the projects: so does the writer.
    let name = session_of(&mut conn, from, trace_id).await?;
    let (left_sessions, joined) = if from < to {
        let left = shrink_sessions(&mut conn, from, &spans, &[trace_id]).await?;
        (left, join_sessions(&mut conn, to, &moved, name.as_deref()).await?)
    } else {
        let joined = join_sessions(&mut conn, to, &moved, name.as_deref()).await?;
        (shrink_sessions(&mut conn, from, &spans, &[trace_id]).await?, joined)
    };
    let session = name.as_ref().and_then(|name| joined.get(&(to, name.clone()))).copied();
    let mut rows = lock_traces(&mut conn, &[from, to], &[trace_id]).await?;
    let there = rows.iter().position(|row| row.project_id == to).map(|at| rows.swap_remove(at));
    let Some(here) = rows.pop() else { return Err(Error::internal("a span without its trace")) };
    let added = there.is_none() && !moved.is_empty();
    if let Some(there) = &there {
        grow(&mut conn, &there.tally, Some(there), &moved).await?;
        set_session(&mut conn, there.tally.id, there.project_session_id.or(session)).await?;
    } else if added {
        take_over(&mut conn, to, here.tally.id).await?;
        grow(&mut conn, &here.tally.none(), None, &moved).await?;
        set_session(&mut conn, here.tally.id, session).await?;
    }
    let gone = leave_trace(&mut conn, from, &here, there.as_ref(), &mut total, added, more).await?;
    let ids: BTreeSet<i64> = left_sessions.into_iter().chain(joined.into_values()).collect();
    settle_sessions(&mut conn, &ids.into_iter().collect::<Vec<_>>()).await?;
    let gain = StatsDelta {
        start: UnixNanos(gained.start),
        end: UnixNanos(gained.end),
        traces: i64::from(added),
        spans: gained.spans,
        errors: gained.errors,
        prompt_tokens: gained.prompt_tokens,
        completion_tokens: gained.completion_tokens,
        prompt_cost: gained.prompt_cost,
        completion_cost: gained.completion_cost,
    };
    if from < to {
        subtract(&mut conn, from, &total, i64::from(gone)).await?;
    }
    if gained.spans > 0 || added {
        add_stats(conn.reborrow(), to, super::roll_down::REMOVALS, &gain).await?;
    }
    if from > to {
        subtract(&mut conn, from, &total, i64::from(gone)).await?;
    }
    tracing::trace!(spans = spans.len(), twice, "moved");
    Ok(more)
}

fn sum<'a>(spans: impl Iterator<Item = &'a Counted>) -> Sum {
    let mut sum = Sum::EMPTY;
    spans.for_each(|span| sum.add_stored(span));
    sum
}

/// Makes sure that a project lives until the transaction is over.
async fn hold_living(conn: &mut Conn<'_>, project: ProjectId) -> Result<()> {
    let found: Option<i64> = match conn {
        // The one writer is the lock.
        Conn::Sqlite(c) => {
            sqlx::query_scalar(sql!(sqlite: "SELECT id FROM projects WHERE id = $1 AND deleted_at IS NULL"))
                .bind(project)
                .fetch_optional(&mut **c)
                .await?
        }
        Conn::Postgres(c) => {
            sqlx::query_scalar(sql!(postgres:
                "SELECT id FROM projects WHERE id = $1 AND deleted_at IS NULL FOR SHARE"
            ))
            .bind(project)
            .fetch_optional(&mut **c)
            .await?
        }
    };
    match found {
        Some(_) => Ok(()),
        None => Err(Error::NotFound("The destination project was deleted".into())),
    }
}

async fn copy_origins(conn: &mut Conn<'_>, from: ProjectId, to: ProjectId, ids: BTreeSet<i64>) -> Result<()> {
    on!(&mut *conn, |c| {
        let mut query = QueryBuilder::new("INSERT INTO span_origins (project_id, id, content) SELECT ");
        // Postgres takes a parameter in a list of results for a text.
        query.push("CAST(").push_bind(to.0).push(" AS BIGINT), id, content FROM span_origins WHERE project_id = ");
        query.push_bind(from.0);
        push_in(&mut query, "id", ids);
        query.push(" ORDER BY id ON CONFLICT DO NOTHING");
        query.build().execute(&mut **c).await?;
    });
    Ok(())
}

/// Returns those spans, by row id, that the other project has as well.
async fn there_already(conn: &mut Conn<'_>, to: ProjectId, spans: &[Counted]) -> Result<BTreeSet<i64>> {
    let ids: Vec<i64> = on!(&mut *conn, |c| {
        let mut query = QueryBuilder::new(
            "SELECT here.id
             FROM spans here
             JOIN spans there ON there.start_time_unix_nano = here.start_time_unix_nano
                 AND there.trace_id = here.trace_id
                 AND there.span_id = here.span_id
                 AND there.project_id = ",
        );
        query.push_bind(to.0).push(" WHERE TRUE");
        push_in(&mut query, "here.id", spans.iter().map(|s| s.id));
        query.build_query_scalar().fetch_all(&mut **c).await
    })?;
    Ok(ids.into_iter().collect())
}

async fn move_spans(
    conn: &mut Conn<'_>,
    from: ProjectId,
    to: ProjectId,
    ids: impl Iterator<Item = i64> + Clone,
) -> Result<()> {
    if ids.clone().next().is_none() {
        return Ok(());
    }
    on!(&mut *conn, |c| {
        let mut query = QueryBuilder::new("UPDATE spans SET project_id = ");
        query.push_bind(to.0).push(" WHERE project_id = ").push_bind(from.0);
        push_in(&mut query, "id", ids.clone());
        query.build().execute(&mut **c).await?;
        let mut query = QueryBuilder::new("UPDATE annotations SET project_id = ");
        query.push_bind(to.0).push(" WHERE target IN (1, 4)");
        push_in(&mut query, "target_id", ids);
        query.build().execute(&mut **c).await?;
    });
    Ok(())
}

/// Returns the name of the session that a trace belongs to.
async fn session_of(conn: &mut Conn<'_>, project: ProjectId, trace_id: TraceId) -> Result<Option<String>> {
    Ok(on!(&mut *conn, |c| sqlx::query_scalar(sql!(
        "SELECT s.session_id
         FROM traces t
         JOIN project_sessions s ON s.id = t.project_session_id
         WHERE t.project_id = $1 AND t.trace_id = $2"
    ))
    .bind(project)
    .bind(trace_id.0.as_slice())
    .fetch_optional(&mut **c)
    .await)?)
}

/// Adds moved spans to the sessions that they name, and makes sure that the one of their trace is there.
async fn join_sessions(
    conn: &mut Conn<'_>,
    to: ProjectId,
    moved: &[&Counted],
    of_trace: Option<&str>,
) -> Result<BTreeMap<(ProjectId, String), i64>> {
    let mut named: BTreeMap<(ProjectId, &str), Sum> = BTreeMap::new();
    for span in moved {
        if let Some(name) = span.session_id.as_deref() {
            named.entry((to, name)).or_insert(Sum::EMPTY).add_stored(span);
        }
    }
    if let Some(name) = of_trace.filter(|_| !moved.is_empty()) {
        let Sum { start, end, .. } = sum(moved.iter().copied());
        named.entry((to, name)).or_insert(Sum { start, end, ..Sum::EMPTY });
    }
    upsert_sessions(conn, named.into_iter().collect()).await
}

/// Adds moved spans to a trace of their new project; its row is that of the old project in the first slice.
async fn grow(conn: &mut Conn<'_>, trace: &Tally, was: Option<&TraceTally>, moved: &[&Counted]) -> Result<()> {
    let gained = sum(moved.iter().copied());
    let root = moved.iter().find(|span| span.parent_span_id.is_none()).map(|span| span.span_id.clone());
    let (mut start, mut end, mut root_span_id) = (gained.start, gained.end, root);
    if let Some(was) = was {
        start = start.min(was.tally.start_time_unix_nano);
        end = end.max(was.tally.end_time_unix_nano);
        root_span_id = was.root_span_id.clone().or(root_span_id);
    }
    update_trace(conn, &trace.more(&gained), &Measured { start, end, root_span_id }).await
}

/// Gives a trace's row, with its id and what was said of it, to its new project.
async fn take_over(conn: &mut Conn<'_>, to: ProjectId, id: i64) -> Result<()> {
    for statement in [
        sql!("UPDATE traces SET project_id = $2 WHERE id = $1"),
        sql!("UPDATE annotations SET project_id = $2 WHERE target = 2 AND target_id = $1"),
    ] {
        on!(&mut *conn, |c| sqlx::query(statement).bind(id).bind(to).execute(&mut **c).await.map(|_| ()))?;
    }
    Ok(())
}

async fn set_session(conn: &mut Conn<'_>, trace: i64, session: Option<i64>) -> Result<()> {
    on!(&mut *conn, |c| sqlx::query(sql!("UPDATE traces SET project_session_id = $2 WHERE id = $1"))
        .bind(trace)
        .bind(session)
        .execute(&mut **c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Leaves with the old project what has not been moved yet; returns whether that is nothing.
async fn leave_trace(
    conn: &mut Conn<'_>,
    from: ProjectId,
    here: &TraceTally,
    there: Option<&TraceTally>,
    total: &mut Sum,
    taken_over: bool,
    more: bool,
) -> Result<bool> {
    let left = here.tally.less(total);
    let as_it_was = Measured {
        start: left.start_time_unix_nano,
        end: left.end_time_unix_nano,
        root_span_id: here.root_span_id.clone(),
    };
    // While more is to come, times are passed over; what came in between is measured at the end.
    let measured = match left.span_count {
        0 => None,
        _ if more => Some(as_it_was),
        _ => measure(conn, from, &here.trace_id).await?,
    };
    if measured.is_none() {
        // Spans that were counted and are not there.
        total.add_tally(&left);
    }
    match (measured, taken_over) {
        (Some(measured), true) => {
            on!(&mut *conn, |c| sqlx::query(sql!(
                "INSERT INTO traces
                     (project_id, trace_id, project_session_id, root_span_id, start_time_unix_nano,
                      end_time_unix_nano, span_count, error_count, prompt_tokens, completion_tokens, prompt_cost,
                      completion_cost)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
            ))
            .bind(from)
            .bind(here.trace_id.as_slice())
            .bind(here.project_session_id)
            .bind(measured.root_span_id.as_deref())
            .bind(measured.start)
            .bind(measured.end)
            .bind(left.span_count)
            .bind(left.error_count)
            .bind(left.prompt_tokens)
            .bind(left.completion_tokens)
            .bind(left.prompt_cost)
            .bind(left.completion_cost)
            .execute(&mut **c)
            .await
            .map(|_| ()))?;
            Ok(false)
        }
        (Some(measured), false) => {
            update_trace(conn, &left, &measured).await?;
            Ok(false)
        }
        (None, true) => Ok(true),
        (None, false) => {
            if let Some(there) = there {
                pass_on_annotations(conn, here.tally.id, there).await?;
            }
            delete_traces(conn, &[here.tally.id]).await?;
            Ok(true)
        }
    }
}

/// Gives what was said of a trace to the one that it joins, but for what has been said of that already.
async fn pass_on_annotations(conn: &mut Conn<'_>, from: i64, there: &TraceTally) -> Result<()> {
    on!(&mut *conn, |c| sqlx::query(sql!(
        "UPDATE annotations
         SET target_id = $2, project_id = $3
         WHERE target = 2
             AND target_id = $1
             AND NOT EXISTS (
                 SELECT 1
                 FROM annotations said
                 WHERE said.target = 2
                     AND said.target_id = $2
                     AND said.name = annotations.name
                     AND said.identifier = annotations.identifier
             )"
    ))
    .bind(from)
    .bind(there.tally.id)
    .bind(there.project_id)
    .execute(&mut **c)
    .await
    .map(|_| ()))?;
    Ok(())
}
