//! SQL and nothing but SQL: free functions over a borrowed connection, one file a table family.
//!
//! # Keys, and why they will not have to change
//!
//! - `spans` is keyed by `(project_id, start_time_unix_nano, trace_id, span_id)`. It makes a span that is sent twice
//!   one row; it holds the time, so Postgres can partition the table by range of it without another constraint; it
//!   holds project and trace, so a cluster can distribute by either; and rows arrive at its end, so that the index
//!   stays warm. The row id, which the wire protocol shows, is only indexed, and is handed out in blocks
//!   (`id_sequences`), so that stateless processes never wait for one another over it.
//! - `traces` and `project_sessions` are unique by `(project_id, their id)`. The same trace id in two projects is two
//!   traces: nothing of one project can be learned, moved or changed through another. (The peer files a span under
//!   the project that first used its trace id.)
//! - No foreign key leads to or from the observed tables: they would tie partitions and nodes together, and cost a
//!   look-up per row. A project is deleted by a mark; the writer never writes under a marked project, and a job
//!   removes the rows in slices.
//! - Roll-ups are added to, never recounted: traces and sessions in their rows, projects in `project_stats` with one
//!   row per writing process (`shard`), so that processes do not queue for one hot row.
//! - Resources and instrumentation scopes are stored once per project under an id made of their content.
//!
//! Every statement that several processes run at once sorts its rows by key first, and touches the tables in one
//! order: projects, origins, spans, sessions, traces, stats.

mod access_log_block;
pub mod access_logs;
pub mod alert_deliveries;
pub mod alert_destinations;
pub mod alerts;
pub mod annotation_configs;
pub mod annotation_targets;
pub mod annotations;
pub mod api_keys;
pub mod audit;
pub mod auth_changes;
pub mod deployment;
mod filter;
pub mod login_failures;
pub mod models;
pub mod password_reset;
pub mod pending_annotations;
pub mod project_sessions;
pub mod projects;
pub mod rate_leases;
pub mod relocation;
pub mod removal;
pub mod retention;
pub mod roll_down;
pub mod series;
pub mod sessions;
pub mod span_batch;
pub mod span_search;
pub mod storage;
pub mod traces;
pub mod usage;
pub mod users;

use sqlx::{Database, QueryBuilder};

use crate::domain::{page::Order, project::Projects};

/// Splits rows into runs of few sizes, so that few statement texts stay prepared; powers of two, since each further run
/// is a way to the database and back.
fn runs<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    const SIZES: [usize; 7] = [64, 32, 16, 8, 4, 2, 1];
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= rows.len())?;
        let (run, rest) = rows.split_at(size);
        rows = rest;
        Some(run)
    })
}

/// Adds `AND column IN (…)` for a caller that is bound to projects.
fn push_projects<DB: Database>(query: &mut QueryBuilder<DB>, column: &str, projects: &Projects)
where
    for<'a> i64: sqlx::Encode<'a, DB> + sqlx::Type<DB>,
{
    if let Projects::Only(ids) = projects {
        push_in(query, column, ids.iter().map(|id| id.0));
    }
}

/// Adds `AND column IN (…)`; an empty list matches nothing.
fn push_in<'v, DB: Database, V>(query: &mut QueryBuilder<DB>, column: &str, values: impl IntoIterator<Item = V>)
where
    V: 'v + sqlx::Encode<'v, DB> + sqlx::Type<DB>,
{
    let mut values = values.into_iter().peekable();
    if values.peek().is_none() {
        query.push(" AND FALSE");
        return;
    }
    query.push(" AND ").push(column).push(" IN (");
    let mut list = query.separated(", ");
    for value in values {
        list.push_bind(value);
    }
    query.push(")");
}

/// Returns a count as both engines hold it.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The comparison that keeps what lies at or after a cursor in the given direction.
const fn from_cursor(order: Order) -> &'static str {
    match order {
        Order::Asc => " >= ",
        Order::Desc => " <= ",
    }
}

const fn direction(order: Order) -> &'static str {
    match order {
        Order::Asc => " ASC",
        Order::Desc => " DESC",
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn runs_cover_every_row_in_order() {
        let rows: Vec<u32> = (0..151).collect();
        assert_eq!(super::runs(&rows).flatten().copied().collect::<Vec<_>>(), rows);
        assert_eq!(super::runs(&rows).map(<[u32]>::len).collect::<Vec<_>>(), [64, 64, 16, 4, 2, 1]);
    }
}
