//! Projects and their statistics.

use std::collections::{BTreeSet, HashMap};

use sqlx::QueryBuilder;

use super::{push_in, push_projects};
use crate::{
    db::{Conn, on, sql},
    domain::{
        id::ProjectId,
        page::{Cursor, Page, PageRequest},
        project::{Project, ProjectRef, ProjectStats, Projects},
        time::UnixNanos,
    },
    error::{Error, Result},
};

/// Finds a living project that the caller may see.
pub async fn find(conn: Conn<'_>, access: &Projects, project: &ProjectRef) -> Result<Option<Project>> {
    let found: Option<Project> = match project {
        ProjectRef::Id(id) => on!(conn, |c| sqlx::query_as(sql!(
            "SELECT id, name, description, created_at, updated_at
             FROM projects
             WHERE id = $1 AND deleted_at IS NULL"
        ))
        .bind(*id)
        .fetch_optional(c)
        .await)?,
        ProjectRef::Name(name) => on!(conn, |c| sqlx::query_as(sql!(
            "SELECT id, name, description, created_at, updated_at
             FROM projects
             WHERE name = $1 AND deleted_at IS NULL"
        ))
        .bind(name)
        .fetch_optional(c)
        .await)?,
    };
    Ok(found.filter(|p| access.contains(p.id)))
}

/// What a list of projects is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct ProjectFilter {
    /// Text that the name contains, in any case.
    pub name_contains: Option<String>,
}

/// Lists living projects by row id.
pub async fn list(
    conn: Conn<'_>,
    access: &Projects,
    filter: &ProjectFilter,
    page: PageRequest,
) -> Result<Page<Project>> {
    let rows: Vec<Project> = on!(conn, |c| {
        let mut query = QueryBuilder::new(
            "SELECT id, name, description, created_at, updated_at FROM projects WHERE deleted_at IS NULL",
        );
        push_projects(&mut query, "id", access);
        if let Some(text) = filter.name_contains.as_ref().filter(|t| !t.is_empty()) {
            query.push(" AND LOWER(name) LIKE LOWER(").push_bind(like_pattern(text)).push(") ESCAPE '\\'");
        }
        if let Some(from) = page.from {
            query.push(" AND id").push(super::from_cursor(page.order)).push_bind(from.key);
        }
        query.push(" ORDER BY id").push(super::direction(page.order));
        query.push(" LIMIT ").push_bind(page.fetch());
        query.build_query_as().fetch_all(c).await
    })?;
    Ok(page.page(rows, |p| Cursor { key: p.id.0, id: p.id.0 }))
}

/// Returns a `LIKE` pattern that finds the text literally.
fn like_pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// Counts living projects.
pub async fn count(conn: Conn<'_>, access: &Projects) -> Result<i64> {
    Ok(on!(conn, |c| {
        let mut query = QueryBuilder::new("SELECT COUNT(*) FROM projects WHERE deleted_at IS NULL");
        push_projects(&mut query, "id", access);
        query.build_query_scalar().fetch_one(c).await
    })?)
}

/// Adds a project; a name that is taken is a conflict.
pub async fn add(conn: Conn<'_>, name: &str, description: Option<&str>, now: UnixNanos) -> Result<Project> {
    let added: Option<Project> = on!(conn, |c| sqlx::query_as(sql!(
        "INSERT INTO projects (name, description, created_at, updated_at)
         VALUES ($1, $2, $3, $3)
         ON CONFLICT (name) WHERE deleted_at IS NULL DO NOTHING
         RETURNING id, name, description, created_at, updated_at"
    ))
    .bind(name)
    .bind(description)
    .bind(now)
    .fetch_optional(c)
    .await)?;
    added.ok_or_else(|| Error::Conflict(format!("Project with name {name} already exists").into()))
}

/// Replaces a project's description.
pub async fn update_description(conn: Conn<'_>, id: ProjectId, text: &str, now: UnixNanos) -> Result<Option<Project>> {
    Ok(on!(conn, |c| sqlx::query_as(sql!(
        "UPDATE projects
         SET description = $2, updated_at = $3
         WHERE id = $1 AND deleted_at IS NULL
         RETURNING id, name, description, created_at, updated_at"
    ))
    .bind(id)
    .bind(text)
    .bind(now)
    .fetch_optional(c)
    .await)?)
}

/// Marks a project as deleted; from the commit on its name is free and nothing is written under it.
pub async fn mark_deleted(conn: Conn<'_>, id: ProjectId, now: UnixNanos) -> Result<bool> {
    let rows =
        on!(conn, |c| sqlx::query(sql!("UPDATE projects SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL"))
            .bind(id)
            .bind(now)
            .execute(c)
            .await
            .map(|r| r.rows_affected()))?;
    Ok(rows == 1)
}

/// Holds a living project against its deletion until the transaction ends; tells whether it is there.
pub async fn hold(conn: Conn<'_>, id: ProjectId) -> Result<bool> {
    match conn {
        Conn::Sqlite(c) => {
            let found: Option<ProjectId> =
                sqlx::query_scalar(sql!(sqlite: "SELECT id FROM projects WHERE id = $1 AND deleted_at IS NULL"))
                    .bind(id)
                    .fetch_optional(c)
                    .await?;
            Ok(found.is_some())
        }
        // SQLite has no row locks and needs none. Two who change what belongs to the project wait for each other.
        Conn::Postgres(c) => {
            let found: Option<ProjectId> = sqlx::query_scalar(sql!(postgres:
                "SELECT id FROM projects WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE"
            ))
            .bind(id)
            .fetch_optional(c)
            .await?;
            Ok(found.is_some())
        }
    }
}

/// Returns the projects that are marked as deleted and still have rows.
pub async fn list_deleted(conn: Conn<'_>) -> Result<Vec<ProjectId>> {
    Ok(on!(conn, |c| sqlx::query_scalar(sql!("SELECT id FROM projects WHERE deleted_at IS NOT NULL ORDER BY id"))
        .fetch_all(c)
        .await)?)
}

/// Returns the ids of projects by name, adding those that are missing.
///
/// Within a transaction that writes under them: on Postgres the rows are locked against the mark of deletion, on SQLite
/// the one writer is the lock.
pub async fn find_or_add_all(
    mut conn: Conn<'_>,
    names: &BTreeSet<&str>,
    now: UnixNanos,
) -> Result<HashMap<String, ProjectId>> {
    let mut found = lock_by_name(&mut conn, names).await?;
    let missing: Vec<&str> = names.iter().copied().filter(|n| !found.contains_key(*n)).collect();
    if missing.is_empty() {
        return Ok(found);
    }
    for name in missing {
        on!(&mut conn, |c| sqlx::query(sql!(
            "INSERT INTO projects (name, created_at, updated_at)
             VALUES ($1, $2, $2)
             ON CONFLICT (name) WHERE deleted_at IS NULL DO NOTHING"
        ))
        .bind(name)
        .bind(now)
        .execute(&mut **c)
        .await
        .map(|_| ()))?;
    }
    found.extend(lock_by_name(&mut conn, names).await?);
    Ok(found)
}

async fn lock_by_name(conn: &mut Conn<'_>, names: &BTreeSet<&str>) -> Result<HashMap<String, ProjectId>> {
    let rows: Vec<(String, ProjectId)> = match conn {
        Conn::Sqlite(c) => {
            let mut query = QueryBuilder::new("SELECT name, id FROM projects WHERE deleted_at IS NULL");
            push_in(&mut query, "name", names.iter().map(|n| (*n).to_owned()));
            query.build_query_as().fetch_all(&mut **c).await?
        }
        // SQLite has no row locks and needs none.
        Conn::Postgres(c) => {
            let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
            sqlx::query_as(sql!(postgres:
                "SELECT name, id FROM projects WHERE deleted_at IS NULL AND name = ANY($1) ORDER BY id FOR SHARE"
            ))
            .bind(names)
            .fetch_all(&mut **c)
            .await?
        }
    };
    Ok(rows.into_iter().collect())
}

/// What a batch adds to a project's statistics.
#[derive(Clone, Copy, Debug)]
pub struct StatsDelta {
    /// Start of the earliest span.
    pub start: UnixNanos,
    /// End of the latest span.
    pub end: UnixNanos,
    /// Traces that are new.
    pub traces: i64,
    /// Spans.
    pub spans: i64,
    /// Failed spans.
    pub errors: i64,
    /// Prompt tokens.
    pub prompt_tokens: i64,
    /// Completion tokens.
    pub completion_tokens: i64,
    /// Cost of prompts.
    pub prompt_cost: f64,
    /// Cost of completions.
    pub completion_cost: f64,
}

/// Adds to a project's statistics, in this process's shard.
pub async fn add_stats(conn: Conn<'_>, id: ProjectId, shard: i16, delta: &StatsDelta) -> Result<()> {
    on!(conn, |c| {
        sqlx::query(sql!(
        "INSERT INTO project_stats
             (project_id, shard, start_time_unix_nano, end_time_unix_nano, trace_count, span_count, error_count, prompt_tokens,
              completion_tokens, prompt_cost, completion_cost)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (project_id, shard) DO UPDATE SET
             start_time_unix_nano = CASE WHEN excluded.start_time_unix_nano < project_stats.start_time_unix_nano
                 THEN excluded.start_time_unix_nano ELSE project_stats.start_time_unix_nano END,
             end_time_unix_nano = CASE WHEN excluded.end_time_unix_nano > project_stats.end_time_unix_nano
                 THEN excluded.end_time_unix_nano ELSE project_stats.end_time_unix_nano END,
             trace_count = project_stats.trace_count + excluded.trace_count,
             span_count = project_stats.span_count + excluded.span_count,
             error_count = project_stats.error_count + excluded.error_count,
             prompt_tokens = project_stats.prompt_tokens + excluded.prompt_tokens,
             completion_tokens = project_stats.completion_tokens + excluded.completion_tokens,
             prompt_cost = project_stats.prompt_cost + excluded.prompt_cost,
             completion_cost = project_stats.completion_cost + excluded.completion_cost"
    ))
    .bind(id)
    .bind(shard)
    .bind(delta.start)
    .bind(delta.end)
    .bind(delta.traces)
    .bind(delta.spans)
    .bind(delta.errors)
    .bind(delta.prompt_tokens)
    .bind(delta.completion_tokens)
    .bind(delta.prompt_cost)
    .bind(delta.completion_cost)
    .execute(c)
    .await
    .map(|_| ())
    })?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct StatsRow {
    project_id: ProjectId,
    start: Option<UnixNanos>,
    stop: Option<UnixNanos>,
    trace_count: i64,
    span_count: i64,
    error_count: i64,
    prompt_tokens: i64,
    completion_tokens: i64,
    prompt_cost: f64,
    completion_cost: f64,
}

/// Returns the statistics of projects; those without spans are missing.
pub async fn stats(conn: Conn<'_>, access: &Projects, ids: &[ProjectId]) -> Result<HashMap<ProjectId, ProjectStats>> {
    let rows: Vec<StatsRow> = on!(conn, |c| {
        // SUM of a bigint is numeric on Postgres.
        let mut query = QueryBuilder::new(
            "SELECT project_id, MIN(start_time_unix_nano) AS start, MAX(end_time_unix_nano) AS stop,
                 CAST(SUM(trace_count) AS BIGINT) AS trace_count,
                 CAST(SUM(span_count) AS BIGINT) AS span_count,
                 CAST(SUM(error_count) AS BIGINT) AS error_count,
                 CAST(SUM(prompt_tokens) AS BIGINT) AS prompt_tokens,
                 CAST(SUM(completion_tokens) AS BIGINT) AS completion_tokens,
                 SUM(prompt_cost) AS prompt_cost, SUM(completion_cost) AS completion_cost
             FROM project_stats
             WHERE TRUE",
        );
        push_projects(&mut query, "project_id", access);
        push_in(&mut query, "project_id", ids.iter().map(|id| id.0));
        query.push(" GROUP BY project_id");
        query.build_query_as().fetch_all(c).await
    })?;
    let stats = |r: StatsRow| ProjectStats {
        start: r.start,
        end: r.stop,
        trace_count: r.trace_count,
        span_count: r.span_count,
        error_count: r.error_count,
        prompt_tokens: r.prompt_tokens,
        completion_tokens: r.completion_tokens,
        prompt_cost: r.prompt_cost,
        completion_cost: r.completion_cost,
    };
    Ok(rows.into_iter().map(|r| (r.project_id, stats(r))).collect())
}

/// Removes up to `limit` spans of a deleted project; returns how many there were.
pub async fn purge_spans(conn: Conn<'_>, id: ProjectId, limit: i64) -> Result<u64> {
    let rows = on!(conn, |c| sqlx::query(sql!(
        "DELETE FROM spans
         WHERE project_id = $1 AND id IN (SELECT id FROM spans WHERE project_id = $1 ORDER BY id LIMIT $2)"
    ))
    .bind(id)
    .bind(limit)
    .execute(c)
    .await
    .map(|r| r.rows_affected()))?;
    Ok(rows)
}

/// Removes up to `limit` traces of a deleted project; returns how many there were.
pub async fn purge_traces(conn: Conn<'_>, id: ProjectId, limit: i64) -> Result<u64> {
    let rows = on!(conn, |c| sqlx::query(sql!(
        "DELETE FROM traces
         WHERE id IN (SELECT id FROM traces WHERE project_id = $1 LIMIT $2)"
    ))
    .bind(id)
    .bind(limit)
    .execute(c)
    .await
    .map(|r| r.rows_affected()))?;
    Ok(rows)
}

/// Removes what is left of a deleted project once its spans and traces are gone.
pub async fn purge_rest(mut conn: Conn<'_>, id: ProjectId) -> Result<()> {
    for statement in [
        sql!("DELETE FROM project_sessions WHERE project_id = $1"),
        sql!("DELETE FROM span_origins WHERE project_id = $1"),
        sql!("DELETE FROM project_stats WHERE project_id = $1"),
        sql!("DELETE FROM projects WHERE id = $1 AND deleted_at IS NOT NULL"),
    ] {
        on!(&mut conn, |c| sqlx::query(statement).bind(id).execute(&mut **c).await.map(|_| ()))?;
    }
    Ok(())
}

/// Returns living projects by row id, as far as the caller may see them.
pub async fn list_by_ids(conn: Conn<'_>, access: &Projects, ids: &[ProjectId]) -> Result<HashMap<ProjectId, Project>> {
    let rows: Vec<Project> = on!(conn, |c| {
        let mut query = QueryBuilder::new(
            "SELECT id, name, description, created_at, updated_at FROM projects WHERE deleted_at IS NULL",
        );
        push_projects(&mut query, "id", access);
        push_in(&mut query, "id", ids.iter().map(|id| id.0));
        query.build_query_as().fetch_all(c).await
    })?;
    Ok(rows.into_iter().map(|p| (p.id, p)).collect())
}

/// How a list of projects is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectSort {
    /// By name.
    Name,
    /// By the end of the latest span; projects without spans come before all others.
    EndTime,
}

#[derive(sqlx::FromRow)]
struct SortedRow {
    #[sqlx(flatten)]
    project: Project,
    sort_key: i64,
}

/// Lists living projects in an order of choice, each with the cursor of its place.
pub async fn list_sorted(
    conn: Conn<'_>,
    access: &Projects,
    filter: &ProjectFilter,
    sort: ProjectSort,
    page: PageRequest,
) -> Result<Page<(Project, Cursor)>> {
    // A name is no number: its cursors hold the row alone, and the name is looked up.
    let (sort_key, order_by) = match sort {
        ProjectSort::Name => ("0", "name"),
        ProjectSort::EndTime => (
            "COALESCE((SELECT MAX(end_time_unix_nano) FROM project_stats WHERE project_id = projects.id), 0)",
            "sort_key",
        ),
    };
    let rows: Vec<SortedRow> = on!(conn, |c| {
        let mut query = QueryBuilder::new(format!(
            "SELECT id, name, description, created_at, updated_at, sort_key
             FROM (
                 SELECT id, name, description, created_at, updated_at, CAST({sort_key} AS BIGINT) AS sort_key
                 FROM projects
                 WHERE deleted_at IS NULL"
        ));
        push_projects(&mut query, "id", access);
        if let Some(text) = filter.name_contains.as_ref().filter(|t| !t.is_empty()) {
            query.push(" AND LOWER(name) LIKE LOWER(").push_bind(like_pattern(text)).push(") ESCAPE '\\'");
        }
        query.push(") AS keyed WHERE TRUE");
        if let Some(from) = page.from {
            query.push(" AND (").push(order_by).push(", id)").push(super::from_cursor(page.order));
            match sort {
                ProjectSort::Name => query.push("((SELECT name FROM projects WHERE id = ").push_bind(from.id).push(")"),
                ProjectSort::EndTime => query.push("(").push_bind(from.key),
            };
            query.push(", ").push_bind(from.id).push(")");
        }
        query.push(" ORDER BY ").push(order_by).push(super::direction(page.order));
        query.push(", id").push(super::direction(page.order));
        query.push(" LIMIT ").push_bind(page.fetch());
        query.build_query_as().fetch_all(c).await
    })?;
    let cursor = |row: &SortedRow| Cursor { key: row.sort_key, id: row.project.id.0 };
    Ok(page.page(rows, cursor).map(|row| {
        let cursor = cursor(&row);
        (row.project, cursor)
    }))
}
