//! Sums and quantiles of traces and spans by bins of time.
//!
//! Each bin is a range of the index on project and start, so a statement reads what lies within the asked range and
//! nothing else; what is deleted or arrives late is in the next answer as it is.

use sqlx::{Database, QueryBuilder};

use super::push_projects;
use crate::{
    db::{Conn, on},
    domain::{
        id::ProjectId,
        project::Projects,
        series::{Bin, QUANTILES, SpanCounts, TraceSums},
    },
    error::Result,
};

/// Bins of one statement; each takes three of its binds.
const CHUNK: usize = 500;

/// Begins a statement with its bins as a table `b (n, lo, hi)`.
fn with_bins<DB: Database>(query: &mut QueryBuilder<DB>, first: usize, bins: &[Bin])
where
    for<'a> i64: sqlx::Encode<'a, DB> + sqlx::Type<DB>,
{
    query.push("WITH b (n, lo, hi) AS (");
    query.push_values(bins.iter().enumerate(), |mut values, (at, bin)| {
        values.push_bind(i64::try_from(first + at).unwrap_or(i64::MAX)).push_bind(bin.start.0).push_bind(bin.end.0);
    });
    query.push(") ");
}

/// Joins a table to the bins that its rows began in.
fn joined<DB: Database>(query: &mut QueryBuilder<DB>, table: &'static str, access: &Projects, project: ProjectId)
where
    for<'a> i64: sqlx::Encode<'a, DB> + sqlx::Type<DB>,
{
    query
        .push(" FROM b JOIN ")
        .push(table)
        .push(" AS r ON r.start_time_unix_nano >= b.lo AND r.start_time_unix_nano < b.hi WHERE r.project_id = ");
    query.push_bind(project.0);
    push_projects(query, "r.project_id", access);
}

fn place<T>(found: &mut [T], n: i64, value: T) {
    if let Some(slot) = usize::try_from(n).ok().and_then(|n| found.get_mut(n)) {
        *slot = value;
    }
}

#[derive(sqlx::FromRow)]
struct SumRow {
    n: i64,
    traces: i64,
    failed: i64,
    prompt_tokens: i64,
    completion_tokens: i64,
    prompt_cost: f64,
    completion_cost: f64,
}

/// Returns the sums of the traces that began within each bin.
pub async fn traces(mut conn: Conn<'_>, access: &Projects, project: ProjectId, bins: &[Bin]) -> Result<Vec<TraceSums>> {
    let mut found = vec![TraceSums::default(); bins.len()];
    for (chunk, some) in bins.chunks(CHUNK).enumerate() {
        let rows: Vec<SumRow> = on!(&mut conn, |c| {
            let mut query = QueryBuilder::new("");
            with_bins(&mut query, chunk * CHUNK, some);
            // SUM of a bigint is numeric on Postgres.
            query.push(
                "SELECT b.n, COUNT(*) AS traces,
                     COUNT(CASE WHEN r.error_count > 0 THEN 1 END) AS failed,
                     CAST(SUM(r.prompt_tokens) AS BIGINT) AS prompt_tokens,
                     CAST(SUM(r.completion_tokens) AS BIGINT) AS completion_tokens,
                     SUM(r.prompt_cost) AS prompt_cost, SUM(r.completion_cost) AS completion_cost",
            );
            joined(&mut query, "traces", access, project);
            query.push(" GROUP BY b.n");
            query.build_query_as().persistent(false).fetch_all(&mut **c).await
        })?;
        for row in rows {
            let sums = TraceSums {
                traces: row.traces,
                failed: row.failed,
                prompt_tokens: row.prompt_tokens,
                completion_tokens: row.completion_tokens,
                prompt_cost: row.prompt_cost,
                completion_cost: row.completion_cost,
            };
            place(&mut found, row.n, sums);
        }
    }
    Ok(found)
}

/// Returns the counts of the spans that began within each bin.
pub async fn spans(mut conn: Conn<'_>, access: &Projects, project: ProjectId, bins: &[Bin]) -> Result<Vec<SpanCounts>> {
    let mut found = vec![SpanCounts::default(); bins.len()];
    for (chunk, some) in bins.chunks(CHUNK).enumerate() {
        let rows: Vec<(i64, i64, i64, i64)> = on!(&mut conn, |c| {
            let mut query = QueryBuilder::new("");
            with_bins(&mut query, chunk * CHUNK, some);
            query.push(
                "SELECT b.n, COUNT(CASE WHEN r.status_code = 1 THEN 1 END),
                     COUNT(CASE WHEN r.status_code = 2 THEN 1 END),
                     COUNT(CASE WHEN r.status_code = 0 THEN 1 END)",
            );
            joined(&mut query, "spans", access, project);
            query.push(" GROUP BY b.n");
            query.build_query_as().persistent(false).fetch_all(&mut **c).await
        })?;
        for (n, ok, error, unset) in rows {
            place(&mut found, n, SpanCounts { ok, error, unset });
        }
    }
    Ok(found)
}

/// A bin and its [`QUANTILES`].
type QuantileRow = (i64, i64, i64, i64, i64, i64, i64, i64);

/// Returns the [`QUANTILES`] of how long the traces took that began within each bin, in nanoseconds; nothing where there
/// are none. Each is the duration of a trace that is there: the first that no smaller share lies below.
pub async fn trace_latencies(
    mut conn: Conn<'_>,
    access: &Projects,
    project: ProjectId,
    bins: &[Bin],
) -> Result<Vec<Option<[i64; QUANTILES.len()]>>> {
    let mut found = vec![None; bins.len()];
    for (chunk, some) in bins.chunks(CHUNK).enumerate() {
        let rows: Vec<QuantileRow> = on!(&mut conn, |c| {
            let mut query = QueryBuilder::new("");
            with_bins(&mut query, chunk * CHUNK, some);
            query.push("SELECT n");
            for quantile in QUANTILES {
                query.push(", MIN(CASE WHEN rank * 1000 >= ").push(quantile);
                query.push(" * total THEN duration END)");
            }
            query.push(
                " FROM (
                     SELECT n, duration, ROW_NUMBER() OVER (PARTITION BY n ORDER BY duration) AS rank,
                         COUNT(*) OVER (PARTITION BY n) AS total
                     FROM (SELECT b.n, r.end_time_unix_nano - r.start_time_unix_nano AS duration",
            );
            joined(&mut query, "traces", access, project);
            query.push(") AS d) AS ranked GROUP BY n");
            query.build_query_as().persistent(false).fetch_all(&mut **c).await
        })?;
        for (n, a, b, c, d, e, f, g) in rows {
            place(&mut found, n, Some([a, b, c, d, e, f, g]));
        }
    }
    Ok(found)
}
