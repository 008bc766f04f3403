//! Retention policies, the projects that they hold for, and what they would remove.

use sqlx::QueryBuilder;

use super::{push_in, push_projects};
use crate::{
    db::{Conn, on, sql},
    domain::{
        id::{ProjectId, RetentionPolicyId},
        page::{Cursor, Page, PageRequest},
        project::Projects,
        retention::{Cron, DEFAULT_POLICY, RetentionPolicy, Rule},
        time::UnixNanos,
    },
    error::{Error, Result},
    store::removal::Range,
};

#[derive(sqlx::FromRow)]
struct PolicyRow {
    id: RetentionPolicyId,
    name: String,
    cron_expression: String,
    max_days: Option<f64>,
    max_count: Option<i64>,
    last_run_at: UnixNanos,
}

impl TryFrom<PolicyRow> for RetentionPolicy {
    type Error = Error;

    fn try_from(row: PolicyRow) -> Result<Self> {
        // Written from an expression that could be read.
        let cron: Cron = row.cron_expression.parse().map_err(Error::internal)?;
        let rule = Rule::from_parts(row.max_days, row.max_count);
        Ok(Self { id: row.id, name: row.name, cron, rule, last_run_at: row.last_run_at })
    }
}

const SELECT: &str =
    "SELECT id, name, cron_expression, max_days, max_count, last_run_at FROM retention_policies WHERE TRUE";

/// Adds what keeps a caller that is bound to projects to the policies of these.
fn push_visible<DB: sqlx::Database>(query: &mut QueryBuilder<DB>, access: &Projects)
where
    for<'a> i64: sqlx::Encode<'a, DB> + sqlx::Type<DB>,
{
    if *access != Projects::All {
        query.push(" AND (id = ").push_bind(DEFAULT_POLICY.0);
        query.push(" OR id IN (SELECT retention_policy_id FROM projects WHERE deleted_at IS NULL");
        push_projects(query, "id", access);
        query.push("))");
    }
}

/// Lists policies, oldest first: the default one comes before all others.
pub async fn list(conn: Conn<'_>, access: &Projects, page: PageRequest) -> Result<Page<RetentionPolicy>> {
    let rows: Vec<PolicyRow> = on!(conn, |c| {
        let mut query = QueryBuilder::new(SELECT);
        push_visible(&mut query, access);
        if let Some(from) = page.from {
            query.push(" AND id").push(super::from_cursor(page.order)).push_bind(from.key);
        }
        query.push(" ORDER BY id").push(super::direction(page.order)).push(" LIMIT ").push_bind(page.fetch());
        query.build_query_as().fetch_all(c).await
    })?;
    let page = page.page(rows, |row| Cursor { key: row.id.0, id: row.id.0 });
    let items = page.items.into_iter().map(RetentionPolicy::try_from).collect::<Result<_>>()?;
    Ok(Page { items, next: page.next })
}

/// Finds a policy.
pub async fn find(conn: Conn<'_>, access: &Projects, id: RetentionPolicyId) -> Result<Option<RetentionPolicy>> {
    let row: Option<PolicyRow> = on!(conn, |c| {
        let mut query = QueryBuilder::new(SELECT);
        query.push(" AND id = ").push_bind(id.0);
        push_visible(&mut query, access);
        query.build_query_as().fetch_optional(c).await
    })?;
    row.map(RetentionPolicy::try_from).transpose()
}

/// Returns the policy that holds for each of these projects.
pub async fn list_of_projects(
    conn: Conn<'_>,
    access: &Projects,
    ids: &[ProjectId],
) -> Result<Vec<(ProjectId, RetentionPolicy)>> {
    #[derive(sqlx::FromRow)]
    struct Held {
        project_id: ProjectId,
        #[sqlx(flatten)]
        policy: PolicyRow,
    }
    let rows: Vec<Held> = on!(conn, |c| {
        let mut query = QueryBuilder::new(
            "SELECT p.id AS project_id, r.id, r.name, r.cron_expression, r.max_days, r.max_count, r.last_run_at
             FROM projects p
             JOIN retention_policies r ON r.id = COALESCE(p.retention_policy_id, 0)
             WHERE p.deleted_at IS NULL",
        );
        push_projects(&mut query, "p.id", access);
        push_in(&mut query, "p.id", ids.iter().map(|id| id.0));
        query.build_query_as().fetch_all(c).await
    })?;
    rows.into_iter().map(|row| Ok((row.project_id, row.policy.try_into()?))).collect()
}

/// Lists the ids of living projects that a policy holds for.
pub async fn list_projects(conn: Conn<'_>, access: &Projects, id: RetentionPolicyId) -> Result<Vec<ProjectId>> {
    Ok(on!(conn, |c| {
        let mut query = QueryBuilder::new(
            "SELECT id FROM projects WHERE deleted_at IS NULL AND COALESCE(retention_policy_id, 0) = ",
        );
        query.push_bind(id.0);
        push_projects(&mut query, "id", access);
        query.push(" ORDER BY id");
        query.build_query_scalar().fetch_all(c).await
    })?)
}

/// Adds a policy.
pub async fn add(conn: Conn<'_>, name: &str, cron: &Cron, rule: Rule, now: UnixNanos) -> Result<RetentionPolicyId> {
    let (max_days, max_count) = rule.parts();
    Ok(on!(conn, |c| sqlx::query_scalar(sql!(
        "INSERT INTO retention_policies
             (name, cron_expression, max_days, max_count, last_run_at, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $5, $5)
         RETURNING id"
    ))
    .bind(name)
    .bind(cron.as_str())
    .bind(max_days)
    .bind(max_count)
    .bind(now)
    .fetch_one(c)
    .await)?)
}

/// Replaces a policy; returns whether it is there.
pub async fn update(conn: Conn<'_>, policy: &RetentionPolicy, now: UnixNanos) -> Result<bool> {
    let (max_days, max_count) = policy.rule.parts();
    let rows = on!(conn, |c| sqlx::query(sql!(
        "UPDATE retention_policies
         SET name = $2, cron_expression = $3, max_days = $4, max_count = $5, last_run_at = $6, updated_at = $7
         WHERE id = $1"
    ))
    .bind(policy.id)
    .bind(&policy.name)
    .bind(policy.cron.as_str())
    .bind(max_days)
    .bind(max_count)
    .bind(policy.last_run_at)
    .bind(now)
    .execute(c)
    .await
    .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Sets the days of the default policy, unless somebody has changed it by hand.
pub async fn set_default_days(conn: Conn<'_>, days: u32, now: UnixNanos) -> Result<()> {
    on!(conn, |c| sqlx::query(sql!(
        "UPDATE retention_policies
         SET max_days = $1, last_run_at = $2
         WHERE id = 0 AND updated_at = 0 AND max_days <> $1"
    ))
    .bind(f64::from(days))
    .bind(now)
    .execute(c)
    .await
    .map(|_| ()))?;
    Ok(())
}

/// Notes that a policy was carried out.
pub async fn set_last_run(conn: Conn<'_>, id: RetentionPolicyId, at: UnixNanos) -> Result<()> {
    on!(conn, |c| sqlx::query(sql!("UPDATE retention_policies SET last_run_at = $2 WHERE id = $1"))
        .bind(id)
        .bind(at)
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Removes a policy; its projects are then held by the default one. Returns whether it was there.
pub async fn delete(conn: Conn<'_>, id: RetentionPolicyId) -> Result<bool> {
    let rows = on!(conn, |c| sqlx::query(sql!("DELETE FROM retention_policies WHERE id = $1 AND id <> 0"))
        .bind(id)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Puts a project under a policy; `None` is the default one.
pub async fn assign(
    conn: Conn<'_>,
    access: &Projects,
    project: ProjectId,
    policy: Option<RetentionPolicyId>,
) -> Result<bool> {
    let rows = on!(conn, |c| {
        let mut query = QueryBuilder::new("UPDATE projects SET retention_policy_id = ");
        query.push_bind(policy.map(|id| id.0)).push(" WHERE deleted_at IS NULL AND id = ").push_bind(project.0);
        push_projects(&mut query, "id", access);
        query.build().execute(c).await.map(|done| done.rows_affected())
    })?;
    Ok(rows == 1)
}

/// Waits for nobody: whether this process may carry out policies until the end of the transaction.
pub async fn take_turn(conn: Conn<'_>) -> Result<bool> {
    match conn {
        // One process alone writes to a file.
        Conn::Sqlite(_) => Ok(true),
        // An advisory lock is of the whole database: the schema keeps two deployments in one apart.
        Conn::Postgres(c) => Ok(sqlx::query_scalar(sql!(postgres:
            "SELECT pg_try_advisory_xact_lock(hashtext('phoenix retention'), hashtext(current_schema()::text))"
        ))
        .fetch_one(c)
        .await?),
    }
}

/// Returns what a rule removes of a project now, if anything.
pub async fn range(conn: Conn<'_>, project: ProjectId, rule: Rule, now: UnixNanos) -> Result<Option<Range>> {
    let mut last: Option<(UnixNanos, i64)> = rule.kept_from(now).map(|from| (from, 0));
    if let Some(count) = rule.kept_count() {
        let beyond: Option<(UnixNanos, i64)> = on!(conn, |c| sqlx::query_as(sql!(
            "SELECT start_time_unix_nano, id
             FROM traces
             WHERE project_id = $1
             ORDER BY start_time_unix_nano DESC, id DESC
             LIMIT 1 OFFSET $2"
        ))
        .bind(project)
        .bind(count)
        .fetch_optional(c)
        .await)?;
        last = last.max(beyond);
    }
    Ok(last.map(|(start, id)| Range::UpTo(start, id)))
}

/// How many pages one transaction gives back.
const PAGES: i64 = 256;

/// Gives unused pages of a SQLite file back to the system; returns whether more are left. Postgres sees to it by itself.
pub async fn give_back(conn: Conn<'_>) -> Result<bool> {
    let Conn::Sqlite(c) = conn else { return Ok(false) };
    let incremental: i64 = sqlx::query_scalar(sql!(sqlite: "PRAGMA auto_vacuum")).fetch_one(&mut *c).await?;
    let pages: i64 = sqlx::query_scalar(sql!(sqlite: "PRAGMA freelist_count")).fetch_one(&mut *c).await?;
    // Two is incremental; a file that was made without can give nothing back.
    if incremental != 2 || pages == 0 {
        return Ok(false);
    }
    sqlx::query(sql!(sqlite: "PRAGMA incremental_vacuum(256)")).fetch_all(c).await?;
    Ok(pages > PAGES)
}
