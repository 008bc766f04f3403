//! What annotations are said of: spans, traces and sessions, by the ids that applications gave them.

use std::collections::HashMap;

use sqlx::{Database, QueryBuilder};

use super::{push_in, push_projects};
use crate::{
    db::{Conn, on},
    domain::{
        annotation::{Target, TargetKey},
        id::{ProjectId, SpanId, TraceId},
        project::Projects,
    },
    error::Result,
};

/// The row of something that can be annotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TargetRow {
    /// Row id.
    pub id: i64,
    /// Project.
    pub project_id: ProjectId,
}

/// Table and column of the ids that applications gave.
const fn place(target: Target) -> (&'static str, &'static str) {
    match target {
        Target::Span | Target::Document => ("spans", "span_id"),
        Target::Trace => ("traces", "trace_id"),
        Target::Session => ("project_sessions", "session_id"),
    }
}

fn push_keys<DB: Database>(query: &mut QueryBuilder<DB>, column: &str, keys: &[&TargetKey])
where
    String: for<'x> sqlx::Encode<'x, DB> + sqlx::Type<DB>,
    Vec<u8>: for<'x> sqlx::Encode<'x, DB> + sqlx::Type<DB>,
{
    let text = |key: &&TargetKey| match key {
        TargetKey::Session(id) => Some(id.clone()),
        TargetKey::Span(_) | TargetKey::Trace(_) => None,
    };
    let bytes = |key: &&TargetKey| match key {
        TargetKey::Span(id) => Some(id.0.to_vec()),
        TargetKey::Trace(id) => Some(id.0.to_vec()),
        TargetKey::Session(_) => None,
    };
    if keys.iter().any(|key| matches!(key, TargetKey::Session(_))) {
        push_in(query, column, keys.iter().filter_map(text));
    } else {
        push_in(query, column, keys.iter().filter_map(bytes));
    }
}

/// Finds the first row with each of these ids, in a living project that the caller may see; in one project if it is
/// given.
pub async fn find_all(
    conn: Conn<'_>,
    access: &Projects,
    project: Option<ProjectId>,
    target: Target,
    keys: &[&TargetKey],
) -> Result<HashMap<TargetKey, i64>> {
    let (table, column) = place(target);
    macro_rules! ask {
        () => {{
            let mut query = QueryBuilder::new(format!(
                "SELECT {column}, MIN(id) FROM {table}
                 WHERE project_id IN (SELECT id FROM projects WHERE deleted_at IS NULL)"
            ));
            if let Some(project) = project {
                query.push(" AND project_id = ").push_bind(project.0);
            }
            push_projects(&mut query, "project_id", access);
            push_keys(&mut query, column, keys);
            query.push(" GROUP BY ").push(column);
            query
        }};
    }
    if target == Target::Session {
        let rows: Vec<(String, i64)> = on!(conn, |c| ask!().build_query_as().fetch_all(c).await)?;
        return Ok(rows.into_iter().map(|(key, id)| (TargetKey::Session(key), id)).collect());
    }
    let rows: Vec<(Vec<u8>, i64)> = on!(conn, |c| ask!().build_query_as().fetch_all(c).await)?;
    Ok(rows.into_iter().filter_map(|(key, id)| Some((key_of(target, &key)?, id))).collect())
}

fn key_of(target: Target, bytes: &[u8]) -> Option<TargetKey> {
    match target {
        Target::Span | Target::Document => SpanId::from_slice(bytes).map(TargetKey::Span),
        Target::Trace => TraceId::from_slice(bytes).map(TargetKey::Trace),
        Target::Session => None,
    }
}

/// Holds rows against their removal until the transaction ends, and returns those that are still there, with their
/// projects; only those of living projects that the caller may see.
pub async fn hold(
    mut conn: Conn<'_>,
    access: &Projects,
    target: Target,
    ids: &[i64],
) -> Result<HashMap<i64, ProjectId>> {
    let (table, _) = place(target);
    let locks = matches!(conn, Conn::Postgres(_));
    // On SQLite the one writer is the lock. On Postgres the writer's updates do not wait for this one, and the project is
    // held against the mark of deletion as the writer holds it.
    let rows: Vec<(i64, ProjectId)> = on!(&mut conn, |c| {
        let mut query = QueryBuilder::new(format!("SELECT id, project_id FROM {table} WHERE TRUE"));
        push_in(&mut query, "id", ids.iter().copied());
        push_projects(&mut query, "project_id", access);
        query.push(" ORDER BY id");
        if locks {
            query.push(" FOR KEY SHARE");
        }
        query.build_query_as().fetch_all(&mut **c).await
    })?;
    let projects: std::collections::BTreeSet<i64> = rows.iter().map(|(_, project)| project.0).collect();
    let living: Vec<ProjectId> = on!(conn, |c| {
        let mut query = QueryBuilder::new("SELECT id FROM projects WHERE deleted_at IS NULL");
        push_in(&mut query, "id", projects.iter().copied());
        query.push(" ORDER BY id");
        if locks {
            query.push(" FOR SHARE");
        }
        query.build_query_scalar().fetch_all(c).await
    })?;
    Ok(rows.into_iter().filter(|(_, project)| living.contains(project)).collect())
}

/// Returns the ids that applications gave to these rows.
pub async fn keys_of(
    conn: Conn<'_>,
    access: &Projects,
    target: Target,
    ids: &[i64],
) -> Result<HashMap<i64, TargetKey>> {
    let (table, column) = place(target);
    macro_rules! ask {
        () => {{
            let mut query = QueryBuilder::new(format!("SELECT id, {column} FROM {table} WHERE TRUE"));
            push_projects(&mut query, "project_id", access);
            push_in(&mut query, "id", ids.iter().copied());
            query
        }};
    }
    if target == Target::Session {
        let rows: Vec<(i64, String)> = on!(conn, |c| ask!().build_query_as().fetch_all(c).await)?;
        return Ok(rows.into_iter().map(|(id, key)| (id, TargetKey::Session(key))).collect());
    }
    let rows: Vec<(i64, Vec<u8>)> = on!(conn, |c| ask!().build_query_as().fetch_all(c).await)?;
    Ok(rows.into_iter().filter_map(|(id, key)| Some((id, key_of(target, &key)?))).collect())
}
