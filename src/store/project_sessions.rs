//! Sessions of traces.

use std::collections::HashMap;

use sqlx::{Database, QueryBuilder};

use super::{direction, filter as language, from_cursor, push_in, push_projects};
use crate::{
    db::{Conn, on},
    domain::{
        filter::Filter,
        id::{ProjectId, ProjectSessionId, TraceId, TraceRowId},
        page::{Cursor, Page, PageRequest},
        project::Projects,
        project_session::{ProjectSession, SessionRef, SessionTrace},
        time::UnixNanos,
    },
    error::Result,
};

// What a session shows is that of its traces, whole, though only some of their spans may name it; so does the peer.
// Without a trace there is what the spans said that name it.
const SELECT: &str = "SELECT s.id, s.project_id, s.session_id,
         COALESCE(MIN(t.start_time_unix_nano), s.start_time_unix_nano) AS start,
         COALESCE(MAX(t.end_time_unix_nano), s.end_time_unix_nano) AS stop,
         COUNT(t.id) AS trace_count,
         CAST(COALESCE(SUM(CASE WHEN t.error_count > 0 THEN 1 ELSE 0 END), 0) AS BIGINT) AS error_trace_count,
         CAST(COALESCE(SUM(t.prompt_tokens), 0) AS BIGINT) AS prompt_tokens,
         CAST(COALESCE(SUM(t.completion_tokens), 0) AS BIGINT) AS completion_tokens
     FROM ";

const GROUP_BY: &str = " LEFT JOIN traces t ON t.project_session_id = s.id
     GROUP BY s.id, s.project_id, s.session_id, s.start_time_unix_nano, s.end_time_unix_nano";

#[derive(sqlx::FromRow)]
struct SessionRow {
    id: ProjectSessionId,
    project_id: ProjectId,
    session_id: String,
    start: UnixNanos,
    stop: UnixNanos,
    trace_count: i64,
    error_trace_count: i64,
    prompt_tokens: i64,
    completion_tokens: i64,
}

impl From<SessionRow> for ProjectSession {
    fn from(row: SessionRow) -> Self {
        Self {
            id: row.id,
            session_id: row.session_id,
            project_id: row.project_id,
            start: row.start,
            end: row.stop,
            trace_count: row.trace_count,
            error_trace_count: row.error_trace_count,
            prompt_tokens: row.prompt_tokens,
            completion_tokens: row.completion_tokens,
        }
    }
}

/// The order of a list of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionSort {
    /// By row id: first seen.
    Id,
    /// By start.
    StartTime,
}

/// Lists the sessions of a project.
pub async fn list(
    conn: Conn<'_>,
    access: &Projects,
    project: ProjectId,
    filter: Option<&Filter>,
    sort: SessionSort,
    page: PageRequest,
) -> Result<Page<ProjectSession>> {
    // The page is cut before traces are joined to it: its cost is that of its own sessions.
    let key = match sort {
        SessionSort::Id => "id",
        SessionSort::StartTime => "start_time_unix_nano",
    };
    let rows: Vec<SessionRow> = on!(conn, |c| {
        let mut query = QueryBuilder::new(SELECT);
        query.push("(SELECT * FROM project_sessions WHERE project_id = ").push_bind(project.0);
        push_projects(&mut query, "project_id", access);
        if let Some(expression) = filter {
            language::push(&mut query, expression);
        }
        if let Some(from) = page.from {
            query.push(" AND (").push(key).push(", id)").push(from_cursor(page.order));
            query.push("(").push_bind(from.key).push(", ").push_bind(from.id).push(")");
        }
        query.push(" ORDER BY ").push(key).push(direction(page.order)).push(", id").push(direction(page.order));
        query.push(" LIMIT ").push_bind(page.fetch()).push(") AS s").push(GROUP_BY);
        query.push(" ORDER BY s.").push(key).push(direction(page.order)).push(", s.id").push(direction(page.order));
        query.build_query_as().fetch_all(c).await
    })?;
    let cursor = |row: &SessionRow| Cursor {
        key: match sort {
            SessionSort::Id => row.id.0,
            SessionSort::StartTime => row.start.0,
        },
        id: row.id.0,
    };
    Ok(page.page(rows, cursor).map(ProjectSession::from))
}

/// Finds the sessions of living projects that an identifier names, the latest first; at most `limit`.
pub async fn find(conn: Conn<'_>, access: &Projects, session: &SessionRef, limit: i64) -> Result<Vec<ProjectSession>> {
    let rows: Vec<SessionRow> = on!(conn, |c| {
        let mut query = QueryBuilder::new(SELECT);
        query.push("project_sessions s JOIN projects p ON p.id = s.project_id AND p.deleted_at IS NULL");
        push_named(&mut query, session);
        push_projects(&mut query, "s.project_id", access);
        query.push(" LEFT JOIN traces t ON t.project_session_id = s.id WHERE p.id IS NOT NULL");
        query.push(" GROUP BY s.id, s.project_id, s.session_id, s.start_time_unix_nano, s.end_time_unix_nano");
        query.push(" ORDER BY s.id DESC LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })?;
    Ok(rows.into_iter().map(ProjectSession::from).collect())
}

fn push_named<'a, DB: Database>(query: &mut QueryBuilder<DB>, session: &'a SessionRef)
where
    i64: sqlx::Encode<'a, DB> + sqlx::Type<DB>,
    String: sqlx::Encode<'a, DB> + sqlx::Type<DB>,
{
    match session {
        SessionRef::Row(id) => query.push(" AND s.id = ").push_bind(id.0),
        SessionRef::Name(name) => query.push(" AND s.session_id = ").push_bind(name.clone()),
    };
}

/// Returns the traces of sessions, earliest first within each; at most `limit` in all.
pub async fn traces(
    conn: Conn<'_>,
    access: &Projects,
    ids: &[ProjectSessionId],
    limit: i64,
) -> Result<HashMap<ProjectSessionId, Vec<SessionTrace>>> {
    type Row = (ProjectSessionId, TraceRowId, Vec<u8>, UnixNanos, UnixNanos);
    let rows: Vec<Row> = on!(conn, |c| {
        let mut query = QueryBuilder::new(
            "SELECT project_session_id, id, trace_id, start_time_unix_nano, end_time_unix_nano FROM traces WHERE TRUE",
        );
        push_projects(&mut query, "project_id", access);
        push_in(&mut query, "project_session_id", ids.iter().map(|id| id.0));
        query.push(" ORDER BY start_time_unix_nano, id LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })?;
    let mut by_session: HashMap<ProjectSessionId, Vec<SessionTrace>> = HashMap::new();
    for (session, id, trace_id, start, end) in rows {
        let Some(trace_id) = TraceId::from_slice(&trace_id) else { continue };
        by_session.entry(session).or_default().push(SessionTrace { id, trace_id, start, end });
    }
    Ok(by_session)
}
