//! Taking out of the roll-ups what the hot insert added: the locks, the sums and the times, for those who remove spans
//! or move them.
//!
//! Whoever removes from a project waits for their turn; beside them ingest goes on. Rows are locked in its own order
//! (spans, sessions, traces, stats), so that neither can wait for the other in a circle.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::QueryBuilder;

use super::{
    projects::{StatsDelta, add_stats},
    push_in,
    span_batch::Sum,
};
use crate::{
    db::{Conn, on, sql},
    domain::{
        id::{ProjectId, TraceId},
        span::{StatusCode, normalized_kind},
        time::UnixNanos,
    },
    error::Result,
};

/// The row of a project's statistics that removals count in, below zero: no writer ever waits for it.
pub(super) const REMOVALS: i16 = -1;

/// Names, with a project, the lock of those who remove. Any number will do that nobody else uses.
const TURNS: i32 = 0x0072_656d;

/// Latest traces of a project among which its last end is looked for. Only a trace that started before all of these and
/// is still the last to end would be missed.
const LATEST: i64 = 10_000;

/// What of a span matters to the roll-ups.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Counted {
    pub(super) id: i64,
    pub(super) trace_id: Vec<u8>,
    pub(super) span_id: Vec<u8>,
    pub(super) parent_span_id: Option<Vec<u8>>,
    start_time_unix_nano: i64,
    end_time_unix_nano: i64,
    status_code: i16,
    span_kind: String,
    pub(super) session_id: Option<String>,
    prompt_tokens: Option<i64>,
    completion_tokens: Option<i64>,
    prompt_cost: Option<f64>,
    completion_cost: Option<f64>,
    pub(super) origin_id: i64,
}

impl Counted {
    /// The order in which the writer inserts the spans of one trace.
    pub(super) fn key(&self) -> (i64, Vec<u8>) {
        (self.start_time_unix_nano, self.span_id.clone())
    }
}

impl Sum {
    /// Adds a stored span.
    pub(super) fn add_stored(&mut self, span: &Counted) {
        self.start = self.start.min(span.start_time_unix_nano);
        self.end = self.end.max(span.end_time_unix_nano);
        self.spans += 1;
        self.errors += i64::from(span.status_code == StatusCode::Error.number());
        if normalized_kind(&span.span_kind) == "LLM" {
            self.prompt_tokens = self.prompt_tokens.saturating_add(span.prompt_tokens.unwrap_or(0));
            self.completion_tokens = self.completion_tokens.saturating_add(span.completion_tokens.unwrap_or(0));
        }
        self.prompt_cost += span.prompt_cost.unwrap_or(0.0);
        self.completion_cost += span.completion_cost.unwrap_or(0.0);
    }

    /// Adds all that a trace counts.
    pub(super) fn add_tally(&mut self, tally: &Tally) {
        self.spans += tally.span_count;
        self.errors += tally.error_count;
        self.prompt_tokens = self.prompt_tokens.saturating_add(tally.prompt_tokens);
        self.completion_tokens = self.completion_tokens.saturating_add(tally.completion_tokens);
        self.prompt_cost += tally.prompt_cost;
        self.completion_cost += tally.completion_cost;
    }
}

/// A trace or a session as it is locked.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(super) struct Tally {
    pub(super) id: i64,
    pub(super) span_count: i64,
    pub(super) error_count: i64,
    pub(super) prompt_tokens: i64,
    pub(super) completion_tokens: i64,
    pub(super) prompt_cost: f64,
    pub(super) completion_cost: f64,
    pub(super) start_time_unix_nano: i64,
    pub(super) end_time_unix_nano: i64,
}

/// Takes a cost off a sum of costs. What is left of nothing but rounding is nothing.
fn cost_less(sum: f64, cost: f64) -> f64 {
    let left = sum - cost;
    if left < sum * 1e-12 { 0.0 } else { left }
}

impl Tally {
    /// Takes spans off. Never below zero: a session that was deleted as a whole may have come back smaller.
    pub(super) fn less(&self, sum: &Sum) -> Self {
        Self {
            span_count: (self.span_count - sum.spans).max(0),
            error_count: (self.error_count - sum.errors).max(0),
            prompt_tokens: (self.prompt_tokens - sum.prompt_tokens).max(0),
            completion_tokens: (self.completion_tokens - sum.completion_tokens).max(0),
            prompt_cost: cost_less(self.prompt_cost, sum.prompt_cost),
            completion_cost: cost_less(self.completion_cost, sum.completion_cost),
            ..self.clone()
        }
    }
}

impl Tally {
    /// Adds spans.
    pub(super) fn more(&self, sum: &Sum) -> Self {
        Self {
            span_count: self.span_count + sum.spans,
            error_count: self.error_count + sum.errors,
            prompt_tokens: self.prompt_tokens.saturating_add(sum.prompt_tokens),
            completion_tokens: self.completion_tokens.saturating_add(sum.completion_tokens),
            prompt_cost: self.prompt_cost + sum.prompt_cost,
            completion_cost: self.completion_cost + sum.completion_cost,
            ..self.clone()
        }
    }

    /// Returns the same row without any span.
    pub(super) fn none(&self) -> Self {
        Self {
            span_count: 0,
            error_count: 0,
            prompt_tokens: 0,
            completion_tokens: 0,
            prompt_cost: 0.0,
            completion_cost: 0.0,
            ..self.clone()
        }
    }
}

#[derive(Debug, sqlx::FromRow)]
pub(super) struct TraceTally {
    pub(super) project_id: ProjectId,
    pub(super) trace_id: Vec<u8>,
    pub(super) project_session_id: Option<i64>,
    pub(super) root_span_id: Option<Vec<u8>>,
    #[sqlx(flatten)]
    pub(super) tally: Tally,
}

#[derive(Debug, sqlx::FromRow)]
struct SessionTally {
    session_id: String,
    #[sqlx(flatten)]
    tally: Tally,
}

/// Waits for the turn to remove from a project; it lasts until the end of the transaction.
pub(super) async fn take_turn(conn: Conn<'_>, project: ProjectId) -> Result<()> {
    match conn {
        // The one writer is the lock.
        Conn::Sqlite(_) => {}
        Conn::Postgres(c) => {
            // Projects that share the low bits of their ids share their turns.
            let low = i32::try_from(project.0 & 0x7fff_ffff).unwrap_or(0);
            sqlx::query(sql!(postgres: "SELECT pg_advisory_xact_lock($1, $2)"))
                .bind(TURNS)
                .bind(low)
                .execute(c)
                .await?;
        }
    }
    Ok(())
}

/// The end of a query that reads rows to change them. SQLite has no row locks and needs none.
pub(super) const fn for_update(conn: &Conn<'_>) -> &'static str {
    match conn {
        Conn::Sqlite(_) => "",
        Conn::Postgres(_) => " FOR UPDATE",
    }
}

/// Removes what was said of spans (1), traces (2), sessions (3) or documents (4).
pub(super) async fn delete_annotations(
    conn: &mut Conn<'_>,
    targets: &[i16],
    ids: impl Iterator<Item = i64>,
) -> Result<()> {
    on!(&mut *conn, |c| {
        let mut query = QueryBuilder::new("DELETE FROM annotations WHERE TRUE");
        push_in(&mut query, "target", targets.iter().copied());
        push_in(&mut query, "target_id", ids);
        query.build().execute(&mut **c).await?;
    });
    Ok(())
}

/// Takes spans off the sessions that they name, and locks those that their traces belong to; returns them all.
pub(super) async fn shrink_sessions(
    conn: &mut Conn<'_>,
    project: ProjectId,
    spans: &[Counted],
    traces: &[TraceId],
) -> Result<Vec<i64>> {
    let mut named: BTreeMap<String, Sum> = BTreeMap::new();
    for span in spans {
        if let Some(session) = &span.session_id {
            named.entry(session.clone()).or_insert(Sum::EMPTY).add_stored(span);
        }
    }
    for session in sessions_of(conn, project, traces).await? {
        named.entry(session).or_insert(Sum::EMPTY);
    }
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let end = for_update(conn);
    let rows: Vec<SessionTally> = on!(&mut *conn, |c| {
        let mut query = QueryBuilder::new(
            "SELECT session_id, id, span_count, error_count, prompt_tokens, completion_tokens, prompt_cost,
                 completion_cost, start_time_unix_nano, end_time_unix_nano
             FROM project_sessions
             WHERE project_id = ",
        );
        query.push_bind(project.0);
        push_in(&mut query, "session_id", named.keys().cloned());
        query.push(" ORDER BY session_id").push(end);
        query.build_query_as().fetch_all(&mut **c).await
    })?;
    for row in &rows {
        let Some(sum) = named.get(&row.session_id).filter(|sum| sum.spans > 0) else { continue };
        let left = row.tally.less(sum);
        on!(&mut *conn, |c| sqlx::query(sql!(
            "UPDATE project_sessions
             SET span_count = $2, error_count = $3, prompt_tokens = $4, completion_tokens = $5, prompt_cost = $6,
                 completion_cost = $7
             WHERE id = $1"
        ))
        .bind(left.id)
        .bind(left.span_count)
        .bind(left.error_count)
        .bind(left.prompt_tokens)
        .bind(left.completion_tokens)
        .bind(left.prompt_cost)
        .bind(left.completion_cost)
        .execute(&mut **c)
        .await
        .map(|_| ()))?;
    }
    Ok(rows.iter().map(|row| row.tally.id).collect())
}

async fn sessions_of(conn: &mut Conn<'_>, project: ProjectId, traces: &[TraceId]) -> Result<BTreeSet<String>> {
    let rows: Vec<String> = on!(&mut *conn, |c| {
        let mut query = QueryBuilder::new(
            "SELECT DISTINCT s.session_id
             FROM traces t
             JOIN project_sessions s ON s.id = t.project_session_id
             WHERE t.project_id = ",
        );
        query.push_bind(project.0);
        push_in(&mut query, "t.trace_id", traces.iter().map(|id| id.0.to_vec()));
        query.build_query_scalar().fetch_all(&mut **c).await
    })?;
    Ok(rows.into_iter().collect())
}

/// Sets the times of sessions by the traces that they still have; one without traces that no span names any more goes.
pub(super) async fn settle_sessions(conn: &mut Conn<'_>, ids: &[i64]) -> Result<()> {
    for id in ids {
        let (start, end): (Option<i64>, Option<i64>) = on!(&mut *conn, |c| sqlx::query_as(sql!(
            "SELECT MIN(start_time_unix_nano), MAX(end_time_unix_nano) FROM traces WHERE project_session_id = $1"
        ))
        .bind(*id)
        .fetch_one(&mut **c)
        .await)?;
        if let (Some(start), Some(end)) = (start, end) {
            on!(&mut *conn, |c| sqlx::query(sql!(
                "UPDATE project_sessions SET start_time_unix_nano = $2, end_time_unix_nano = $3 WHERE id = $1"
            ))
            .bind(*id)
            .bind(start)
            .bind(end)
            .execute(&mut **c)
            .await
            .map(|_| ()))?;
            continue;
        }
        let gone =
            on!(&mut *conn, |c| sqlx::query(sql!("DELETE FROM project_sessions WHERE id = $1 AND span_count = 0"))
                .bind(*id)
                .execute(&mut **c)
                .await
                .map(|done| done.rows_affected()))?;
        if gone > 0 {
            delete_annotations(conn, &[3], std::iter::once(*id)).await?;
        }
    }
    Ok(())
}

/// Locks traces of projects, in the order in which the writer takes them.
pub(super) async fn lock_traces(
    conn: &mut Conn<'_>,
    projects: &[ProjectId],
    ids: &[TraceId],
) -> Result<Vec<TraceTally>> {
    let end = for_update(conn);
    Ok(on!(&mut *conn, |c| {
        let mut query = QueryBuilder::new(
            "SELECT id, project_id, trace_id, project_session_id, root_span_id, span_count, error_count,
                 prompt_tokens, completion_tokens, prompt_cost, completion_cost, start_time_unix_nano,
                 end_time_unix_nano
             FROM traces
             WHERE TRUE",
        );
        push_in(&mut query, "project_id", projects.iter().map(|id| id.0));
        push_in(&mut query, "trace_id", ids.iter().map(|id| id.0.to_vec()));
        query.push(" ORDER BY project_id, trace_id").push(end);
        query.build_query_as().fetch_all(&mut **c).await
    })?)
}

/// What the spans that a trace still has say of it.
pub(super) struct Measured {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) root_span_id: Option<Vec<u8>>,
}

/// Looks up when a trace begins and ends and what its root is; `None` when it has no span.
pub(super) async fn measure(conn: &mut Conn<'_>, project: ProjectId, trace_id: &[u8]) -> Result<Option<Measured>> {
    let (start, end): (Option<i64>, Option<i64>) = on!(&mut *conn, |c| {
        sqlx::query_as(sql!(
        "SELECT MIN(start_time_unix_nano), MAX(end_time_unix_nano) FROM spans WHERE project_id = $1 AND trace_id = $2"
    ))
    .bind(project)
    .bind(trace_id)
    .fetch_one(&mut **c)
    .await
    })?;
    let (Some(start), Some(end)) = (start, end) else { return Ok(None) };
    let root_span_id: Option<Vec<u8>> = on!(&mut *conn, |c| sqlx::query_scalar(sql!(
        "SELECT span_id
         FROM spans
         WHERE project_id = $1 AND trace_id = $2 AND parent_span_id IS NULL
         ORDER BY start_time_unix_nano, id
         LIMIT 1"
    ))
    .bind(project)
    .bind(trace_id)
    .fetch_optional(&mut **c)
    .await)?;
    Ok(Some(Measured { start, end, root_span_id }))
}

pub(super) async fn update_trace(conn: &mut Conn<'_>, left: &Tally, measured: &Measured) -> Result<()> {
    on!(&mut *conn, |c| sqlx::query(sql!(
        "UPDATE traces
         SET span_count = $2, error_count = $3, prompt_tokens = $4, completion_tokens = $5,
             start_time_unix_nano = $6, end_time_unix_nano = $7, root_span_id = $8, prompt_cost = $9,
             completion_cost = $10
         WHERE id = $1"
    ))
    .bind(left.id)
    .bind(left.span_count)
    .bind(left.error_count)
    .bind(left.prompt_tokens)
    .bind(left.completion_tokens)
    .bind(measured.start)
    .bind(measured.end)
    .bind(measured.root_span_id.as_deref())
    .bind(left.prompt_cost)
    .bind(left.completion_cost)
    .execute(&mut **c)
    .await
    .map(|_| ()))?;
    Ok(())
}

/// Removes traces and what was said of them.
pub(super) async fn delete_traces(conn: &mut Conn<'_>, ids: &[i64]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    on!(&mut *conn, |c| {
        let mut query = QueryBuilder::new("DELETE FROM traces WHERE TRUE");
        push_in(&mut query, "id", ids.iter().copied());
        query.build().execute(&mut **c).await?;
    });
    delete_annotations(conn, &[2], ids.iter().copied()).await
}

/// Takes spans and traces off a project's statistics.
pub(super) async fn subtract(conn: &mut Conn<'_>, project: ProjectId, sum: &Sum, traces: i64) -> Result<()> {
    if sum.spans == 0 && traces == 0 {
        return Ok(());
    }
    let delta = StatsDelta {
        // Neither is earlier or later than anything: times are settled by themselves.
        start: UnixNanos(i64::MAX),
        end: UnixNanos(i64::MIN),
        traces: -traces,
        spans: -sum.spans,
        errors: -sum.errors,
        prompt_tokens: -sum.prompt_tokens,
        completion_tokens: -sum.completion_tokens,
        prompt_cost: -sum.prompt_cost,
        completion_cost: -sum.completion_cost,
    };
    add_stats(conn.reborrow(), project, REMOVALS, &delta).await
}

#[derive(sqlx::FromRow)]
struct Shard {
    shard: i16,
    trace_count: i64,
    span_count: i64,
    error_count: i64,
    prompt_tokens: i64,
    completion_tokens: i64,
}

/// Sets a project's first start and last end by the traces that are left; to be called once a removal is over.
pub async fn settle(mut conn: Conn<'_>, project: ProjectId) -> Result<()> {
    take_turn(conn.reborrow(), project).await?;
    let end = for_update(&conn);
    let shards: Vec<Shard> = on!(&mut conn, |c| {
        let mut query = QueryBuilder::new(
            "SELECT shard, trace_count, span_count, error_count, prompt_tokens, completion_tokens
             FROM project_stats
             WHERE project_id = ",
        );
        query.push_bind(project.0).push(" ORDER BY shard").push(end);
        query.build_query_as().fetch_all(&mut **c).await
    })?;
    // A row that another process adds now is not among them, and brings its own times along.
    let ids = || shards.iter().map(|s| s.shard);
    let empty = [
        shards.iter().map(|s| s.trace_count).sum::<i64>(),
        shards.iter().map(|s| s.span_count).sum(),
        shards.iter().map(|s| s.error_count).sum(),
        shards.iter().map(|s| s.prompt_tokens).sum(),
        shards.iter().map(|s| s.completion_tokens).sum(),
    ] == [0; 5];
    if empty {
        on!(&mut conn, |c| {
            let mut query = QueryBuilder::new("DELETE FROM project_stats WHERE project_id = ");
            query.push_bind(project.0);
            push_in(&mut query, "shard", ids());
            query.build().execute(&mut **c).await?;
        });
        return Ok(());
    }
    let (start, end): (Option<i64>, Option<i64>) = on!(&mut conn, |c| sqlx::query_as(sql!(
        "SELECT (SELECT MIN(start_time_unix_nano) FROM traces WHERE project_id = $1),
                (SELECT MAX(latest.end_time_unix_nano)
                 FROM (
                     SELECT end_time_unix_nano
                     FROM traces
                     WHERE project_id = $1
                     ORDER BY start_time_unix_nano DESC, id DESC
                     LIMIT $2
                 ) AS latest)"
    ))
    .bind(project)
    .bind(LATEST)
    .fetch_one(&mut **c)
    .await)?;
    let (Some(start), Some(end)) = (start, end) else { return Ok(()) };
    on!(&mut conn, |c| {
        let mut query = QueryBuilder::new("UPDATE project_stats SET start_time_unix_nano = ");
        query.push_bind(start).push(", end_time_unix_nano = ").push_bind(end);
        query.push(" WHERE project_id = ").push_bind(project.0);
        push_in(&mut query, "shard", ids());
        query.build().execute(&mut **c).await?;
    });
    Ok(())
}
