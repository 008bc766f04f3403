//! Traces.

use sqlx::QueryBuilder;

use super::{direction, filter as language, from_cursor, push_in, push_projects};
use crate::{
    db::{Conn, on},
    domain::{
        id::{ProjectId, SpanId, TraceId, TraceRowId},
        page::{Cursor, Page, PageRequest},
        project::Projects,
        time::UnixNanos,
        trace::{Trace, TraceFilter, TraceSort},
    },
    error::Result,
};

const SELECT: &str = "SELECT id, project_id, trace_id, project_session_id, root_span_id, start_time_unix_nano, \
     end_time_unix_nano, span_count, error_count, prompt_tokens, completion_tokens, prompt_cost, completion_cost FROM traces";

#[derive(sqlx::FromRow)]
struct TraceRow {
    id: TraceRowId,
    project_id: ProjectId,
    trace_id: Vec<u8>,
    project_session_id: Option<i64>,
    root_span_id: Option<Vec<u8>>,
    start_time_unix_nano: UnixNanos,
    end_time_unix_nano: UnixNanos,
    span_count: i64,
    error_count: i64,
    prompt_tokens: i64,
    completion_tokens: i64,
    prompt_cost: f64,
    completion_cost: f64,
}

impl From<TraceRow> for Trace {
    fn from(row: TraceRow) -> Self {
        Self {
            id: row.id,
            project_id: row.project_id,
            // Written from an id of this length.
            trace_id: TraceId::from_slice(&row.trace_id).unwrap_or(TraceId([0; 16])),
            session_row_id: row.project_session_id,
            root_span_id: row.root_span_id.as_deref().and_then(SpanId::from_slice),
            start: row.start_time_unix_nano,
            end: row.end_time_unix_nano,
            span_count: row.span_count,
            error_count: row.error_count,
            prompt_tokens: row.prompt_tokens,
            completion_tokens: row.completion_tokens,
            prompt_cost: row.prompt_cost,
            completion_cost: row.completion_cost,
        }
    }
}

/// Lists the traces of a project.
pub async fn list(
    conn: Conn<'_>,
    access: &Projects,
    project: ProjectId,
    filter: &TraceFilter,
    sort: TraceSort,
    page: PageRequest,
) -> Result<Page<Trace>> {
    const DURATION: &str = "(end_time_unix_nano - start_time_unix_nano)";
    let key = match sort {
        TraceSort::StartTime => "start_time_unix_nano",
        TraceSort::Latency => DURATION,
    };
    let rows: Vec<TraceRow> = on!(conn, |c| {
        let mut query = QueryBuilder::new(SELECT);
        query.push(" WHERE project_id = ").push_bind(project.0);
        push_projects(&mut query, "project_id", access);
        if let Some(start) = filter.start {
            query.push(" AND start_time_unix_nano >= ").push_bind(start.0);
        }
        if let Some(end) = filter.end {
            query.push(" AND start_time_unix_nano < ").push_bind(end.0);
        }
        if !filter.session_row_ids.is_empty() || !filter.session_ids.is_empty() {
            query.push(" AND project_session_id IN (SELECT id FROM project_sessions WHERE project_id = ");
            query.push_bind(project.0).push(" AND (FALSE");
            for id in &filter.session_row_ids {
                query.push(" OR id = ").push_bind(*id);
            }
            for id in &filter.session_ids {
                query.push(" OR session_id = ").push_bind(id.clone());
            }
            query.push("))");
        }
        match filter.error {
            None => {}
            Some(true) => {
                query.push(" AND error_count > 0");
            }
            Some(false) => {
                query.push(" AND error_count = 0");
            }
        }
        if let Some(min) = filter.min_duration {
            query.push(" AND ").push(DURATION).push(" >= ").push_bind(min);
        }
        if let Some(max) = filter.max_duration {
            query.push(" AND ").push(DURATION).push(" <= ").push_bind(max);
        }
        if let Some(expression) = &filter.expression {
            language::push(&mut query, expression);
        }
        if let Some(from) = page.from {
            query.push(" AND (").push(key).push(", id)").push(from_cursor(page.order));
            query.push("(").push_bind(from.key).push(", ").push_bind(from.id).push(")");
        }
        query.push(" ORDER BY ").push(key).push(direction(page.order));
        query.push(", id").push(direction(page.order));
        query.push(" LIMIT ").push_bind(page.fetch());
        query.build_query_as().fetch_all(c).await
    })?;
    let cursor = |row: &TraceRow| {
        let (start, end) = (row.start_time_unix_nano.0, row.end_time_unix_nano.0);
        let key = match sort {
            TraceSort::StartTime => start,
            TraceSort::Latency => end - start,
        };
        Cursor { key, id: row.id.0 }
    };
    Ok(page.page(rows, cursor).map(Trace::from))
}

/// How a trace is named.
#[derive(Clone, Copy, Debug)]
pub enum TraceRef {
    /// By row id.
    Row(TraceRowId),
    /// By OpenTelemetry id within a project.
    Otel(ProjectId, TraceId),
}

/// Finds a trace.
pub async fn find(conn: Conn<'_>, access: &Projects, trace: TraceRef) -> Result<Option<Trace>> {
    let row: Option<TraceRow> = on!(conn, |c| {
        let mut query = QueryBuilder::new(SELECT);
        match trace {
            TraceRef::Row(id) => query.push(" WHERE id = ").push_bind(id.0),
            TraceRef::Otel(project, id) => query
                .push(" WHERE project_id = ")
                .push_bind(project.0)
                .push(" AND trace_id = ")
                .push_bind(id.0.to_vec()),
        };
        push_projects(&mut query, "project_id", access);
        query.build_query_as().fetch_optional(c).await
    })?;
    Ok(row.map(Trace::from))
}

/// Finds traces by their OpenTelemetry ids, in whichever living project: the unique key is asked for each.
pub async fn list_by_otel_ids(conn: Conn<'_>, access: &Projects, ids: &[TraceId]) -> Result<Vec<Trace>> {
    let rows: Vec<TraceRow> = on!(conn, |c| {
        let mut query = QueryBuilder::new(SELECT);
        query.push(" WHERE project_id IN (SELECT id FROM projects WHERE deleted_at IS NULL)");
        push_in(&mut query, "trace_id", ids.iter().map(|id| id.0.to_vec()));
        push_projects(&mut query, "project_id", access);
        query.build_query_as().fetch_all(c).await
    })?;
    Ok(rows.into_iter().map(Trace::from).collect())
}
