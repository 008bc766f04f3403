//! API keys. Their plain text never comes here; look-ups go by digest.

use std::collections::HashMap;

use crate::{
    db::{Conn, on, sql},
    domain::{
        api_key::{ApiKey, KeyKind, KeyStatus, NewApiKey, PreviousSecret},
        id::{ApiKeyId, ProjectId, UserId},
        page::{Cursor, Page, PageRequest},
        plan::{KeyLimits, Plan},
        project::Projects,
        scope::ScopeSet,
        secret::HashedToken,
        time::UnixNanos,
    },
    error::{Error, Result},
};

macro_rules! columns {
    () => {
        "id, kind, environment, user_id, created_by, name, description, masked, digest, role, scopes, \
         bound_to_projects, plan, ingest_per_minute, api_per_minute, concurrent, created_at, expires_at, revoked_at, \
         (SELECT at FROM api_key_last_used WHERE key_id = api_keys.id) AS last_used_at, previous_digest, \
         previous_masked, previous_expires_at"
    };
}

#[derive(sqlx::FromRow)]
struct ApiKeyRow {
    id: ApiKeyId,
    kind: String,
    environment: String,
    user_id: UserId,
    created_by: Option<UserId>,
    name: String,
    description: Option<String>,
    masked: String,
    digest: Vec<u8>,
    role: String,
    scopes: Option<String>,
    bound_to_projects: bool,
    plan: Option<String>,
    ingest_per_minute: Option<i64>,
    api_per_minute: Option<i64>,
    concurrent: Option<i64>,
    created_at: UnixNanos,
    expires_at: Option<UnixNanos>,
    revoked_at: Option<UnixNanos>,
    last_used_at: Option<UnixNanos>,
    previous_digest: Option<Vec<u8>>,
    previous_masked: Option<String>,
    previous_expires_at: Option<UnixNanos>,
}

/// Text or number of the database that this version does not know.
fn unknown(error: String) -> Error {
    Error::internal(error)
}

fn limit(stored: Option<i64>) -> Option<u32> {
    stored.map(|n| u32::try_from(n).unwrap_or(u32::MAX))
}

impl ApiKeyRow {
    fn into_key(self, projects: Vec<ProjectId>) -> Result<ApiKey> {
        let previous = self.previous_masked.zip(self.previous_expires_at);
        Ok(ApiKey {
            id: self.id,
            kind: self.kind.parse().map_err(unknown)?,
            environment: self.environment.parse().map_err(unknown)?,
            user_id: self.user_id,
            created_by: self.created_by,
            name: self.name,
            description: self.description,
            masked: self.masked,
            role: self.role.parse().map_err(unknown)?,
            scopes: self.scopes.as_deref().map(ScopeSet::parse).transpose().map_err(unknown)?,
            projects: if self.bound_to_projects { Projects::Only(projects.into()) } else { Projects::All },
            plan: self.plan.as_deref().map(str::parse).transpose().map_err(unknown)?,
            limits: KeyLimits {
                ingest_per_minute: limit(self.ingest_per_minute),
                api_per_minute: limit(self.api_per_minute),
                concurrent: limit(self.concurrent),
            },
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
            last_used_at: self.last_used_at,
            previous: previous.map(|(masked, expires_at)| PreviousSecret { masked, expires_at }),
        })
    }

    fn digests(&self) -> Vec<HashedToken> {
        let stored = std::iter::once(&self.digest).chain(&self.previous_digest);
        stored.filter_map(|d| d.as_slice().try_into().ok()).map(HashedToken).collect()
    }
}

/// A new key as stored: everything but who may use it for what.
#[derive(Clone, Copy, Debug)]
pub struct Material<'a> {
    /// Whom it acts for.
    pub kind: KeyKind,
    /// Owner.
    pub user_id: UserId,
    /// Who makes it.
    pub created_by: Option<UserId>,
    /// Digest of its plain text.
    pub digest: &'a HashedToken,
    /// The form that lists show.
    pub masked: &'a str,
}

/// Adds a key and its list of projects.
pub async fn add(mut conn: Conn<'_>, material: Material<'_>, key: &NewApiKey, now: UnixNanos) -> Result<ApiKey> {
    let row: ApiKeyRow = on!(&mut conn, |c| {
        sqlx::query_as(sql!(concat!(
            "INSERT INTO api_keys
                 (kind, environment, user_id, created_by, name, description, masked, digest, role, scopes,
                  bound_to_projects, plan, ingest_per_minute, api_per_minute, concurrent, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
             RETURNING ",
            columns!()
        )))
        .bind(material.kind.as_str())
        .bind(key.environment.as_str())
        .bind(material.user_id)
        .bind(material.created_by)
        .bind(&key.name)
        .bind(&key.description)
        .bind(material.masked)
        .bind(material.digest.0.as_slice())
        .bind(key.role.as_str())
        .bind(key.scopes.map(ScopeSet::to_text))
        .bind(key.projects != Projects::All)
        .bind(key.plan.map(Plan::as_str))
        .bind(key.limits.ingest_per_minute.map(i64::from))
        .bind(key.limits.api_per_minute.map(i64::from))
        .bind(key.limits.concurrent.map(i64::from))
        .bind(now)
        .bind(key.expires_at)
        .fetch_one(&mut **c)
        .await
    })?;
    let projects = add_projects(&mut conn, row.id, &key.projects).await?;
    row.into_key(projects)
}

async fn add_projects(conn: &mut Conn<'_>, id: ApiKeyId, projects: &Projects) -> Result<Vec<ProjectId>> {
    let Projects::Only(ids) = projects else { return Ok(Vec::new()) };
    for project in ids.iter() {
        on!(&mut *conn, |c| sqlx::query(sql!(
            "INSERT INTO api_key_projects (api_key_id, project_id) VALUES ($1, $2)"
        ))
        .bind(id)
        .bind(*project)
        .execute(&mut **c)
        .await
        .map(|_| ()))?;
    }
    Ok(ids.to_vec())
}

/// Reads the projects that keys are bound to.
async fn complete(conn: &mut Conn<'_>, rows: Vec<ApiKeyRow>) -> Result<Vec<ApiKey>> {
    let bound: Vec<i64> = rows.iter().filter(|row| row.bound_to_projects).map(|row| row.id.0).collect();
    let mut projects: HashMap<ApiKeyId, Vec<ProjectId>> = HashMap::new();
    if !bound.is_empty() {
        let pairs: Vec<(ApiKeyId, ProjectId)> = on!(conn, |c| {
            let mut query = sqlx::QueryBuilder::new("SELECT api_key_id, project_id FROM api_key_projects WHERE TRUE");
            super::push_in(&mut query, "api_key_id", bound);
            query.push(" ORDER BY project_id");
            query.build_query_as().fetch_all(&mut **c).await
        })?;
        for (key, project) in pairs {
            projects.entry(key).or_default().push(project);
        }
    }
    rows.into_iter()
        .map(|row| {
            let projects = projects.remove(&row.id).unwrap_or_default();
            row.into_key(projects)
        })
        .collect()
}

/// Finds a key by the digest of its plain text, revoked and expired ones too; the flag says that it is the secret
/// before the last rotation.
pub async fn find_by_digest(mut conn: Conn<'_>, digest: &HashedToken) -> Result<Option<(ApiKey, Secret)>> {
    let row: Option<ApiKeyRow> = on!(&mut conn, |c| {
        sqlx::query_as(sql!(concat!("SELECT ", columns!(), " FROM api_keys WHERE digest = $1 OR previous_digest = $1")))
            .bind(digest.0.as_slice())
            .fetch_optional(&mut **c)
            .await
    })?;
    let Some(row) = row else { return Ok(None) };
    let secret = if row.digest == digest.0 { Secret::Current } else { Secret::Previous };
    let key = complete(&mut conn, vec![row]).await?.pop();
    Ok(key.map(|key| (key, secret)))
}

/// Which of its secrets a key was found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secret {
    /// The one that it has.
    Current,
    /// The one before the last rotation.
    Previous,
}

/// Finds a key, whatever its state.
pub async fn find(mut conn: Conn<'_>, id: ApiKeyId) -> Result<Option<ApiKey>> {
    let row = find_row(&mut conn, id).await?;
    Ok(complete(&mut conn, row.into_iter().collect()).await?.pop())
}

async fn find_row(conn: &mut Conn<'_>, id: ApiKeyId) -> Result<Option<ApiKeyRow>> {
    Ok(on!(conn, |c| {
        sqlx::query_as(sql!(concat!("SELECT ", columns!(), " FROM api_keys WHERE id = $1")))
            .bind(id)
            .fetch_optional(&mut **c)
            .await
    })?)
}

/// Finds a key and holds its row until the transaction ends; with it come the digests that caches know it by.
pub async fn lock(mut conn: Conn<'_>, id: ApiKeyId) -> Result<Option<(ApiKey, Vec<HashedToken>)>> {
    // SQLite has one writer and no row locks.
    if let Conn::Postgres(c) = &mut conn {
        sqlx::query(sql!(postgres: "SELECT id FROM api_keys WHERE id = $1 FOR UPDATE"))
            .bind(id)
            .fetch_optional(&mut **c)
            .await?;
    }
    let Some(row) = find_row(&mut conn, id).await? else { return Ok(None) };
    let digests = row.digests();
    let key = complete(&mut conn, vec![row]).await?.pop();
    Ok(key.map(|key| (key, digests)))
}

/// What a list of keys is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct KeyFilter {
    /// Keys of this kind.
    pub kind: Option<KeyKind>,
    /// Keys of this owner.
    pub owner: Option<UserId>,
    /// This key alone.
    pub itself: Option<ApiKeyId>,
    /// Keys in this state.
    pub status: Option<KeyStatus>,
}

/// Lists the keys that are bound to nothing but the caller's projects, newest first.
pub async fn list(
    mut conn: Conn<'_>,
    access: &Projects,
    filter: &KeyFilter,
    now: UnixNanos,
    page: PageRequest,
) -> Result<Page<ApiKey>> {
    let rows: Vec<ApiKeyRow> = on!(&mut conn, |c| {
        let mut query = sqlx::QueryBuilder::new(concat!("SELECT ", columns!(), " FROM api_keys WHERE TRUE"));
        if let Some(kind) = filter.kind {
            query.push(" AND kind = ").push_bind(kind.as_str());
        }
        if let Some(owner) = filter.owner {
            query.push(" AND user_id = ").push_bind(owner);
        }
        if let Some(id) = filter.itself {
            query.push(" AND id = ").push_bind(id);
        }
        match filter.status {
            None => {}
            Some(KeyStatus::Revoked) => {
                query.push(" AND revoked_at IS NOT NULL");
            }
            Some(KeyStatus::Expired) => {
                query.push(" AND revoked_at IS NULL AND expires_at <= ").push_bind(now);
            }
            Some(KeyStatus::Active) => {
                query.push(" AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ").push_bind(now).push(")");
            }
        }
        if let Projects::Only(ids) = access {
            query.push(
                " AND bound_to_projects
                 AND EXISTS (SELECT 1 FROM api_key_projects AS p WHERE p.api_key_id = api_keys.id)
                 AND NOT EXISTS
                     (SELECT 1 FROM api_key_projects AS p WHERE p.api_key_id = api_keys.id AND NOT (TRUE",
            );
            super::push_in(&mut query, "p.project_id", ids.iter().map(|id| id.0));
            query.push("))");
        }
        if let Some(from) = page.from {
            query.push(" AND id <= ").push_bind(from.id);
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(page.fetch());
        query.build_query_as().fetch_all(&mut **c).await
    })?;
    let page = page.page(rows, |row| Cursor { key: row.id.0, id: row.id.0 });
    Ok(Page { items: complete(&mut conn, page.items).await?, next: page.next })
}

/// Lists the living keys of users, newest first.
pub async fn list_of(mut conn: Conn<'_>, users: &[UserId], now: UnixNanos) -> Result<Vec<ApiKey>> {
    let rows: Vec<ApiKeyRow> = on!(&mut conn, |c| {
        let mut query = sqlx::QueryBuilder::new(concat!(
            "SELECT ",
            columns!(),
            " FROM api_keys
             WHERE kind = 'user' AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > "
        ));
        query.push_bind(now).push(")");
        super::push_in(&mut query, "user_id", users.iter().map(|id| id.0));
        query.push(" ORDER BY id DESC");
        query.build_query_as().fetch_all(&mut **c).await
    })?;
    complete(&mut conn, rows).await
}

/// Replaces what can be changed about a key: its texts, its bounds, its plan.
pub async fn update(mut conn: Conn<'_>, key: &ApiKey) -> Result<()> {
    on!(&mut conn, |c| sqlx::query(sql!(
        "UPDATE api_keys
         SET name = $2, description = $3, scopes = $4, bound_to_projects = $5, expires_at = $6, plan = $7,
             ingest_per_minute = $8, api_per_minute = $9, concurrent = $10
         WHERE id = $1"
    ))
    .bind(key.id)
    .bind(&key.name)
    .bind(&key.description)
    .bind(key.scopes.map(ScopeSet::to_text))
    .bind(key.projects != Projects::All)
    .bind(key.expires_at)
    .bind(key.plan.map(Plan::as_str))
    .bind(key.limits.ingest_per_minute.map(i64::from))
    .bind(key.limits.api_per_minute.map(i64::from))
    .bind(key.limits.concurrent.map(i64::from))
    .execute(&mut **c)
    .await
    .map(|_| ()))?;
    on!(&mut conn, |c| sqlx::query(sql!("DELETE FROM api_key_projects WHERE api_key_id = $1"))
        .bind(key.id)
        .execute(&mut **c)
        .await
        .map(|_| ()))?;
    add_projects(&mut conn, key.id, &key.projects).await?;
    Ok(())
}

/// Gives a key a new secret; the one that it had works until the given instant, the one before that no more.
pub async fn rotate(
    conn: Conn<'_>,
    id: ApiKeyId,
    digest: &HashedToken,
    masked: &str,
    previous_expires_at: UnixNanos,
) -> Result<()> {
    on!(conn, |c| sqlx::query(sql!(
        "UPDATE api_keys
         SET previous_digest = digest, previous_masked = masked, previous_expires_at = $4, digest = $2, masked = $3
         WHERE id = $1"
    ))
    .bind(id)
    .bind(digest.0.as_slice())
    .bind(masked)
    .bind(previous_expires_at)
    .execute(c)
    .await
    .map(|_| ()))?;
    Ok(())
}

/// Revokes a key for good, keeping its row.
pub async fn revoke(conn: Conn<'_>, id: ApiKeyId, now: UnixNanos) -> Result<()> {
    on!(conn, |c| sqlx::query(sql!("UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL"))
        .bind(id)
        .bind(now)
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}
