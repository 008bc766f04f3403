//! The hot insert: a batch of spans and everything that is rolled up from it, in one transaction.
//!
//! The one file with a statement per engine. SQLite takes rows as `VALUES` in runs of a few fixed sizes (their texts
//! stay prepared); Postgres takes one array per column through `UNNEST`, one constant text that keeps `ON CONFLICT`.
//! `COPY` cannot say `ON CONFLICT`, and a staging table eats its gain.

use std::collections::{BTreeMap, HashSet};

use sqlx::{PgConnection, Postgres, QueryBuilder, SqliteConnection};

use super::{
    projects::{StatsDelta, add_stats},
    runs,
};
use crate::{
    db::{Conn, on, sql},
    domain::{
        cost::Cost,
        id::{ProjectId, TraceId},
        span::{EncodedOrigin, NewSpan, StatusCode},
    },
    error::Result,
};

/// A span, the project it goes to, and the row id it gets.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Row id, out of a block that this process took.
    pub id: i64,
    /// Project.
    pub project_id: ProjectId,
    /// The span.
    pub span: &'a NewSpan,
    /// What its call of a model cost.
    pub cost: Cost,
}

/// Inserts spans that are not there yet and adds the new ones to the roll-ups; returns how many were new.
///
/// `shard` names this process's rows of the project statistics.
pub async fn insert(mut conn: Conn<'_>, mut rows: Vec<Row<'_>>, shard: i16) -> Result<usize> {
    // By key: two processes that insert overlapping batches then wait for each other instead of deadlocking.
    rows.sort_unstable_by_key(|r| (r.project_id, r.span.start, r.span.trace_id, r.span.span_id));
    let inserted = match &mut conn {
        Conn::Sqlite(c) => insert_sqlite(c, &rows).await?,
        Conn::Postgres(c) => insert_postgres(c, &rows).await?,
    };
    if inserted < rows.len() as u64 {
        let new = new_ids(&mut conn, &rows).await?;
        rows.retain(|r| new.contains(&r.id));
    }
    if !rows.is_empty() {
        roll_up(conn, &rows, shard).await?;
    }
    Ok(rows.len())
}

async fn insert_sqlite(conn: &mut SqliteConnection, rows: &[Row<'_>]) -> Result<u64> {
    let mut inserted = 0;
    for run in runs(rows) {
        let mut query = QueryBuilder::new(
            "INSERT INTO spans
                 (id, project_id, start_time_unix_nano, end_time_unix_nano, trace_id, span_id, parent_span_id, name,
                  otel_kind, span_kind, status_code, status_message, session_id, model_name, prompt_tokens,
                  completion_tokens, origin_id, remainder, flat_attributes, attributes, packed_attributes, cost_model_id,
                  prompt_cost, completion_cost) ",
        );
        query.push_values(run, |mut values, Row { id, project_id, span, cost }| {
            values
                .push_bind(*id)
                .push_bind(*project_id)
                .push_bind(span.start)
                .push_bind(span.end)
                .push_bind(span.trace_id.0.as_slice())
                .push_bind(span.span_id.0.as_slice())
                .push_bind(span.parent_span_id.as_ref().map(|p| p.0.as_slice()))
                .push_bind(span.name.as_str())
                .push_bind(span.otel_kind)
                .push_bind(span.span_kind.as_str())
                .push_bind(span.status_code.number())
                .push_bind(span.status_message.as_str())
                .push_bind(span.session_id.as_deref())
                .push_bind(span.model_name.as_deref())
                .push_bind(span.tokens.prompt)
                .push_bind(span.tokens.completion)
                .push_bind(span.origin.id)
                .push_bind(span.remainder.as_deref())
                .push_bind(span.flat_attributes)
                .push_bind(span.attributes.as_str())
                .push_bind(span.packed_attributes.as_deref())
                .push_bind(cost.model_id)
                .push_bind(cost.prompt)
                .push_bind(cost.completion);
        });
        query.push(" ON CONFLICT DO NOTHING");
        inserted += query.build().execute(&mut *conn).await?.rows_affected();
    }
    Ok(inserted)
}

async fn insert_postgres(conn: &mut PgConnection, rows: &[Row<'_>]) -> Result<u64> {
    let spans = || rows.iter().map(|r| r.span);
    let done = sqlx::query(sql!(postgres:
        "INSERT INTO spans
             (id, project_id, start_time_unix_nano, end_time_unix_nano, trace_id, span_id, parent_span_id, name,
              otel_kind, span_kind, status_code, status_message, session_id, model_name, prompt_tokens,
              completion_tokens, origin_id, remainder, flat_attributes, attributes, cost_model_id, prompt_cost,
              completion_cost)
         SELECT t.a, t.b, t.c, t.d, t.e, t.f, t.g, t.h, t.i, t.j, t.k, t.l, t.m, t.n, t.o, t.p, t.q, t.r, t.s, t.t::jsonb,
                t.u, t.v, t.w
         FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bytea[], $7::bytea[],
                     $8::text[], $9::smallint[], $10::text[], $11::smallint[], $12::text[], $13::text[], $14::text[],
                     $15::bigint[], $16::bigint[], $17::bigint[], $18::bytea[], $19::bool[], $20::text[],
                     $21::bigint[], $22::float8[], $23::float8[])
             AS t (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w)
         ON CONFLICT DO NOTHING"
    ))
    .bind(rows.iter().map(|r| r.id).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.project_id.0).collect::<Vec<_>>())
    .bind(spans().map(|s| s.start.0).collect::<Vec<_>>())
    .bind(spans().map(|s| s.end.0).collect::<Vec<_>>())
    .bind(spans().map(|s| s.trace_id.0.as_slice()).collect::<Vec<_>>())
    .bind(spans().map(|s| s.span_id.0.as_slice()).collect::<Vec<_>>())
    .bind(spans().map(|s| s.parent_span_id.as_ref().map(|p| p.0.as_slice())).collect::<Vec<_>>())
    .bind(spans().map(|s| s.name.as_str()).collect::<Vec<_>>())
    .bind(spans().map(|s| s.otel_kind).collect::<Vec<_>>())
    .bind(spans().map(|s| s.span_kind.as_str()).collect::<Vec<_>>())
    .bind(spans().map(|s| s.status_code.number()).collect::<Vec<_>>())
    .bind(spans().map(|s| s.status_message.as_str()).collect::<Vec<_>>())
    .bind(spans().map(|s| s.session_id.as_deref()).collect::<Vec<_>>())
    .bind(spans().map(|s| s.model_name.as_deref()).collect::<Vec<_>>())
    .bind(spans().map(|s| s.tokens.prompt).collect::<Vec<_>>())
    .bind(spans().map(|s| s.tokens.completion).collect::<Vec<_>>())
    .bind(spans().map(|s| s.origin.id).collect::<Vec<_>>())
    .bind(spans().map(|s| s.remainder.as_deref()).collect::<Vec<_>>())
    .bind(spans().map(|s| s.flat_attributes).collect::<Vec<_>>())
    .bind(spans().map(|s| s.attributes.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.cost.model_id).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.cost.prompt).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.cost.completion).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Returns which of the row ids were taken: those of spans that were new.
async fn new_ids(conn: &mut Conn<'_>, rows: &[Row<'_>]) -> Result<HashSet<i64>> {
    let first = rows.iter().map(|r| r.id).min();
    let last = rows.iter().map(|r| r.id).max();
    let ids: Vec<i64> = on!(conn, |c| sqlx::query_scalar(sql!("SELECT id FROM spans WHERE id BETWEEN $1 AND $2"))
        .bind(first)
        .bind(last)
        .fetch_all(&mut **c)
        .await)?;
    Ok(ids.into_iter().collect())
}

/// Stores resources and instrumentation scopes that are not there yet.
pub async fn insert_origins(mut conn: Conn<'_>, origins: &BTreeMap<(ProjectId, i64), &EncodedOrigin>) -> Result<()> {
    for ((project_id, id), origin) in origins {
        on!(&mut conn, |c| sqlx::query(sql!(
            "INSERT INTO span_origins (project_id, id, content) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
        ))
        .bind(*project_id)
        .bind(*id)
        .bind(origin.content.as_slice())
        .execute(&mut **c)
        .await
        .map(|_| ()))?;
    }
    Ok(())
}

/// What spans add up to, whatever they are grouped by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sum {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) spans: i64,
    pub(super) errors: i64,
    pub(super) prompt_tokens: i64,
    pub(super) completion_tokens: i64,
    pub(super) prompt_cost: f64,
    pub(super) completion_cost: f64,
}

impl Sum {
    pub(super) const EMPTY: Self = Self {
        start: i64::MAX,
        end: i64::MIN,
        spans: 0,
        errors: 0,
        prompt_tokens: 0,
        completion_tokens: 0,
        prompt_cost: 0.0,
        completion_cost: 0.0,
    };

    fn add(&mut self, span: &NewSpan, cost: &Cost) {
        self.start = self.start.min(span.start.0);
        self.end = self.end.max(span.end.0);
        self.spans += 1;
        self.errors += i64::from(span.status_code == StatusCode::Error);
        self.prompt_cost += cost.prompt.unwrap_or(0.0);
        self.completion_cost += cost.completion.unwrap_or(0.0);
        if span.counts_tokens() {
            self.prompt_tokens = self.prompt_tokens.saturating_add(span.tokens.prompt.unwrap_or(0));
            self.completion_tokens = self.completion_tokens.saturating_add(span.tokens.completion.unwrap_or(0));
        }
    }
}

struct TraceSum<'a> {
    sum: Sum,
    root_span_id: Option<&'a [u8]>,
    session: Option<&'a str>,
}

async fn roll_up(mut conn: Conn<'_>, rows: &[Row<'_>], shard: i16) -> Result<()> {
    let mut projects: BTreeMap<ProjectId, Sum> = BTreeMap::new();
    let mut sessions: BTreeMap<(ProjectId, &str), Sum> = BTreeMap::new();
    let mut traces: BTreeMap<(ProjectId, TraceId), TraceSum<'_>> = BTreeMap::new();
    for Row { project_id, span, cost, .. } in rows {
        projects.entry(*project_id).or_insert(Sum::EMPTY).add(span, cost);
        let trace = traces.entry((*project_id, span.trace_id)).or_insert(TraceSum {
            sum: Sum::EMPTY,
            root_span_id: None,
            session: None,
        });
        trace.sum.add(span, cost);
        if span.parent_span_id.is_none() && trace.root_span_id.is_none() {
            trace.root_span_id = Some(&span.span_id.0);
        }
        if let Some(session) = span.session_id.as_deref() {
            trace.session.get_or_insert(session);
            sessions.entry((*project_id, session)).or_insert(Sum::EMPTY).add(span, cost);
        }
    }
    let session_ids = upsert_sessions(&mut conn, sessions.into_iter().collect()).await?;
    let new_traces = upsert_traces(&mut conn, traces.into_iter().collect(), &session_ids).await?;
    for (project_id, sum) in projects {
        let delta = StatsDelta {
            start: crate::domain::time::UnixNanos(sum.start),
            end: crate::domain::time::UnixNanos(sum.end),
            traces: new_traces.get(&project_id).copied().unwrap_or(0),
            spans: sum.spans,
            errors: sum.errors,
            prompt_tokens: sum.prompt_tokens,
            completion_tokens: sum.completion_tokens,
            prompt_cost: sum.prompt_cost,
            completion_cost: sum.completion_cost,
        };
        add_stats(conn.reborrow(), project_id, shard, &delta).await?;
    }
    Ok(())
}

type SessionKey<'a> = (ProjectId, &'a str);

/// Adds to sessions, sorted by key; returns their row ids.
pub(super) async fn upsert_sessions(
    conn: &mut Conn<'_>,
    sessions: Vec<(SessionKey<'_>, Sum)>,
) -> Result<BTreeMap<(ProjectId, String), i64>> {
    let mut ids = BTreeMap::new();
    for run in runs(&sessions) {
        let rows: Vec<(ProjectId, String, i64)> = on!(&mut *conn, |c| {
            let mut query = QueryBuilder::new(
                "INSERT INTO project_sessions
                     (project_id, session_id, start_time_unix_nano, end_time_unix_nano, span_count, error_count,
                      prompt_tokens, completion_tokens, prompt_cost, completion_cost) ",
            );
            query.push_values(run, |mut values, ((project_id, session_id), sum)| {
                values
                    .push_bind(*project_id)
                    .push_bind(*session_id)
                    .push_bind(sum.start)
                    .push_bind(sum.end)
                    .push_bind(sum.spans)
                    .push_bind(sum.errors)
                    .push_bind(sum.prompt_tokens)
                    .push_bind(sum.completion_tokens)
                    .push_bind(sum.prompt_cost)
                    .push_bind(sum.completion_cost);
            });
            query.push(
                " ON CONFLICT (project_id, session_id) DO UPDATE SET
                     start_time_unix_nano = CASE WHEN excluded.start_time_unix_nano < project_sessions.start_time_unix_nano
                         THEN excluded.start_time_unix_nano ELSE project_sessions.start_time_unix_nano END,
                     end_time_unix_nano = CASE WHEN excluded.end_time_unix_nano > project_sessions.end_time_unix_nano
                         THEN excluded.end_time_unix_nano ELSE project_sessions.end_time_unix_nano END,
                     span_count = project_sessions.span_count + excluded.span_count,
                     error_count = project_sessions.error_count + excluded.error_count,
                     prompt_tokens = project_sessions.prompt_tokens + excluded.prompt_tokens,
                     completion_tokens = project_sessions.completion_tokens + excluded.completion_tokens,
                     prompt_cost = project_sessions.prompt_cost + excluded.prompt_cost,
                     completion_cost = project_sessions.completion_cost + excluded.completion_cost
                 RETURNING project_id, session_id, id",
            );
            query.build_query_as().fetch_all(&mut **c).await
        })?;
        ids.extend(rows.into_iter().map(|(project_id, session_id, id)| ((project_id, session_id), id)));
    }
    Ok(ids)
}

/// How a trace takes in what a batch adds to it.
const MERGE_TRACE: &str = " ON CONFLICT (project_id, trace_id) DO UPDATE SET
     project_session_id = COALESCE(traces.project_session_id, excluded.project_session_id),
     root_span_id = COALESCE(traces.root_span_id, excluded.root_span_id),
     start_time_unix_nano = CASE WHEN excluded.start_time_unix_nano < traces.start_time_unix_nano
         THEN excluded.start_time_unix_nano ELSE traces.start_time_unix_nano END,
     end_time_unix_nano = CASE WHEN excluded.end_time_unix_nano > traces.end_time_unix_nano
         THEN excluded.end_time_unix_nano ELSE traces.end_time_unix_nano END,
     span_count = traces.span_count + excluded.span_count,
     error_count = traces.error_count + excluded.error_count,
     prompt_tokens = traces.prompt_tokens + excluded.prompt_tokens,
     completion_tokens = traces.completion_tokens + excluded.completion_tokens,
     prompt_cost = traces.prompt_cost + excluded.prompt_cost,
     completion_cost = traces.completion_cost + excluded.completion_cost
 RETURNING project_id, trace_id, span_count";

type TraceKey = (ProjectId, TraceId);

/// Adds to traces; returns how many of each project were new.
async fn upsert_traces(
    conn: &mut Conn<'_>,
    traces: Vec<(TraceKey, TraceSum<'_>)>,
    session_ids: &BTreeMap<(ProjectId, String), i64>,
) -> Result<BTreeMap<ProjectId, i64>> {
    let added: BTreeMap<TraceKey, i64> = traces.iter().map(|(key, t)| (*key, t.sum.spans)).collect();
    let session = |project_id: ProjectId, trace: &TraceSum<'_>| {
        trace.session.and_then(|s| session_ids.get(&(project_id, s.to_owned())).copied())
    };
    let mut merged: Vec<(ProjectId, Vec<u8>, i64)> = Vec::with_capacity(traces.len());
    match conn {
        Conn::Sqlite(c) => {
            for run in runs(&traces) {
                let mut query = QueryBuilder::new(
                    "INSERT INTO traces
                         (project_id, trace_id, project_session_id, root_span_id, start_time_unix_nano,
                          end_time_unix_nano, span_count, error_count, prompt_tokens, completion_tokens, prompt_cost,
                          completion_cost) ",
                );
                query.push_values(run, |mut values, ((project_id, trace_id), trace)| {
                    values
                        .push_bind(*project_id)
                        .push_bind(trace_id.0.as_slice())
                        .push_bind(session(*project_id, trace))
                        .push_bind(trace.root_span_id)
                        .push_bind(trace.sum.start)
                        .push_bind(trace.sum.end)
                        .push_bind(trace.sum.spans)
                        .push_bind(trace.sum.errors)
                        .push_bind(trace.sum.prompt_tokens)
                        .push_bind(trace.sum.completion_tokens)
                        .push_bind(trace.sum.prompt_cost)
                        .push_bind(trace.sum.completion_cost);
                });
                query.push(MERGE_TRACE);
                merged.extend(query.build_query_as::<(ProjectId, Vec<u8>, i64)>().fetch_all(&mut **c).await?);
            }
        }
        // One statement, whatever the number of rows: each round trip would hold up everyone who waits for the commit.
        Conn::Postgres(c) => {
            let mut query = QueryBuilder::<Postgres>::new(
                "INSERT INTO traces
                     (project_id, trace_id, project_session_id, root_span_id, start_time_unix_nano,
                      end_time_unix_nano, span_count, error_count, prompt_tokens, completion_tokens, prompt_cost,
                      completion_cost)
                 SELECT * FROM UNNEST($1::bigint[], $2::bytea[], $3::bigint[], $4::bytea[], $5::bigint[], $6::bigint[],
                                      $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::float8[], $12::float8[])",
            );
            query.push(MERGE_TRACE);
            let column = |of: fn(&Sum) -> i64| traces.iter().map(|(_, t)| of(&t.sum)).collect::<Vec<_>>();
            merged = query
                .build_query_as()
                .bind(traces.iter().map(|((p, _), _)| p.0).collect::<Vec<_>>())
                .bind(traces.iter().map(|((_, t), _)| t.0.as_slice()).collect::<Vec<_>>())
                .bind(traces.iter().map(|((p, _), t)| session(*p, t)).collect::<Vec<_>>())
                .bind(traces.iter().map(|(_, t)| t.root_span_id).collect::<Vec<_>>())
                .bind(column(|s| s.start))
                .bind(column(|s| s.end))
                .bind(column(|s| s.spans))
                .bind(column(|s| s.errors))
                .bind(column(|s| s.prompt_tokens))
                .bind(column(|s| s.completion_tokens))
                .bind(traces.iter().map(|(_, t)| t.sum.prompt_cost).collect::<Vec<_>>())
                .bind(traces.iter().map(|(_, t)| t.sum.completion_cost).collect::<Vec<_>>())
                .fetch_all(&mut **c)
                .await?;
        }
    }
    let mut new = BTreeMap::new();
    for (project_id, trace_id, span_count) in merged {
        let Some(trace_id) = TraceId::from_slice(&trace_id) else { continue };
        // It has no more spans than this batch gave it: nothing was there before.
        if added.get(&(project_id, trace_id)) == Some(&span_count) {
            *new.entry(project_id).or_insert(0) += 1;
        }
    }
    Ok(new)
}
