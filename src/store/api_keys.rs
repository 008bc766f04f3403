//! API keys. Their plain text never comes here; look-ups go by digest.

use crate::{
    db::{Conn, on, sql},
    domain::{
        api_key::{ApiKey, KeyKind, NewApiKey},
        id::{ApiKeyId, ProjectId, UserId},
        page::{Cursor, Page, PageRequest},
        project::Projects,
        scope::ScopeSet,
        secret::HashedToken,
        time::UnixNanos,
    },
    error::{Error, Result},
};

#[derive(sqlx::FromRow)]
struct ApiKeyRow {
    id: ApiKeyId,
    kind: String,
    user_id: UserId,
    created_by: Option<UserId>,
    name: String,
    description: Option<String>,
    masked: String,
    role: String,
    scopes: Option<String>,
    bound_to_projects: bool,
    created_at: UnixNanos,
    expires_at: Option<UnixNanos>,
    revoked_at: Option<UnixNanos>,
}

impl ApiKeyRow {
    fn into_key(self, projects: Vec<ProjectId>) -> Result<ApiKey> {
        Ok(ApiKey {
            id: self.id,
            kind: if self.kind == KeyKind::System.as_str() { KeyKind::System } else { KeyKind::User },
            user_id: self.user_id,
            created_by: self.created_by,
            name: self.name,
            description: self.description,
            masked: self.masked,
            role: self.role.parse().map_err(|e: String| Error::internal(e))?,
            scopes: self.scopes.as_deref().map(ScopeSet::parse).transpose().map_err(Error::internal)?,
            projects: if self.bound_to_projects { Projects::Only(projects.into()) } else { Projects::All },
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
        })
    }
}

/// Adds a key and its list of projects.
#[expect(clippy::too_many_arguments, reason = "one for each thing that the row holds")]
pub async fn add(
    mut conn: Conn<'_>,
    kind: KeyKind,
    user_id: UserId,
    created_by: Option<UserId>,
    key: &NewApiKey,
    digest: &HashedToken,
    masked: &str,
    now: UnixNanos,
) -> Result<ApiKey> {
    let bound = key.projects != Projects::All;
    let row: ApiKeyRow = on!(&mut conn, |c| {
        sqlx::query_as(sql!(
        "INSERT INTO api_keys
             (kind, user_id, created_by, name, description, masked, digest, role, scopes, bound_to_projects, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         RETURNING id, kind, user_id, created_by, name, description, masked, role, scopes, bound_to_projects, created_at, expires_at, revoked_at"
    ))
    .bind(kind.as_str())
    .bind(user_id)
    .bind(created_by)
    .bind(&key.name)
    .bind(&key.description)
    .bind(masked)
    .bind(digest.0.as_slice())
    .bind(key.role.as_str())
    .bind(key.scopes.map(ScopeSet::to_text))
    .bind(bound)
    .bind(now)
    .bind(key.expires_at)
    .fetch_one(&mut **c)
    .await
    })?;
    let mut projects = Vec::new();
    if let Projects::Only(ids) = &key.projects {
        for id in ids.iter() {
            on!(&mut conn, |c| sqlx::query(sql!(
                "INSERT INTO api_key_projects (api_key_id, project_id) VALUES ($1, $2)"
            ))
            .bind(row.id)
            .bind(*id)
            .execute(&mut **c)
            .await
            .map(|_| ()))?;
            projects.push(*id);
        }
    }
    row.into_key(projects)
}

/// Finds a key by the digest of its plain text, revoked and expired ones too.
pub async fn find_by_digest(mut conn: Conn<'_>, digest: &HashedToken) -> Result<Option<ApiKey>> {
    let row: Option<ApiKeyRow> = on!(&mut conn, |c| {
        sqlx::query_as(sql!(
        "SELECT id, kind, user_id, created_by, name, description, masked, role, scopes, bound_to_projects, created_at, expires_at, revoked_at
         FROM api_keys
         WHERE digest = $1"
    ))
    .bind(digest.0.as_slice())
    .fetch_optional(&mut **c)
    .await
    })?;
    let Some(row) = row else { return Ok(None) };
    let projects: Vec<ProjectId> = if row.bound_to_projects {
        on!(conn, |c| sqlx::query_scalar(sql!(
            "SELECT project_id FROM api_key_projects WHERE api_key_id = $1 ORDER BY project_id"
        ))
        .bind(row.id)
        .fetch_all(c)
        .await)?
    } else {
        Vec::new()
    };
    row.into_key(projects).map(Some)
}

/// Lists the keys of a kind that are neither revoked nor expired, newest first.
pub async fn list_active(conn: Conn<'_>, kind: KeyKind, now: UnixNanos) -> Result<Vec<ApiKey>> {
    let rows: Vec<ApiKeyRow> = on!(conn, |c| {
        sqlx::query_as(sql!(
        "SELECT id, kind, user_id, created_by, name, description, masked, role, scopes, bound_to_projects, created_at, expires_at, revoked_at
         FROM api_keys
         WHERE kind = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)
         ORDER BY id DESC"
    ))
    .bind(kind.as_str())
    .bind(now)
    .fetch_all(c)
    .await
    })?;
    // Lists show no projects; the keys' bindings are read where they are enforced.
    rows.into_iter().map(|row| row.into_key(Vec::new())).collect()
}

/// Revokes a key for good, keeping its row; returns its digest, or `None` when there is no such living key.
pub async fn revoke(conn: Conn<'_>, id: ApiKeyId, kind: KeyKind, now: UnixNanos) -> Result<Option<HashedToken>> {
    let digest: Option<Vec<u8>> = on!(conn, |c| sqlx::query_scalar(sql!(
        "UPDATE api_keys SET revoked_at = $3 WHERE id = $1 AND kind = $2 AND revoked_at IS NULL RETURNING digest"
    ))
    .bind(id)
    .bind(kind.as_str())
    .bind(now)
    .fetch_optional(c)
    .await)?;
    Ok(digest.and_then(|d| d.try_into().ok()).map(HashedToken))
}

/// Lists the keys of a user that are neither revoked nor expired, newest first.
pub async fn list_of_user(conn: Conn<'_>, user_id: UserId, now: UnixNanos) -> Result<Vec<ApiKey>> {
    let rows: Vec<ApiKeyRow> = on!(conn, |c| {
        sqlx::query_as(sql!(
        "SELECT id, kind, user_id, created_by, name, description, masked, role, scopes, bound_to_projects, created_at, expires_at, revoked_at
         FROM api_keys
         WHERE user_id = $1 AND kind = 'user' AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)
         ORDER BY id DESC"
    ))
    .bind(user_id)
    .bind(now)
    .fetch_all(c)
    .await
    })?;
    rows.into_iter().map(|row| row.into_key(Vec::new())).collect()
}

/// Lists the keys of users that are neither revoked nor expired, newest first.
pub async fn list_of(conn: Conn<'_>, users: &[UserId], now: UnixNanos) -> Result<Vec<ApiKey>> {
    let rows: Vec<ApiKeyRow> = on!(conn, |c| {
        let mut query = sqlx::QueryBuilder::new(
            "SELECT id, kind, user_id, created_by, name, description, masked, role, scopes, bound_to_projects, created_at,
                 expires_at, revoked_at
             FROM api_keys
             WHERE kind = 'user' AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ",
        );
        query.push_bind(now).push(")");
        super::push_in(&mut query, "user_id", users.iter().map(|id| id.0));
        query.push(" ORDER BY id DESC");
        query.build_query_as().fetch_all(c).await
    })?;
    rows.into_iter().map(|row| row.into_key(Vec::new())).collect()
}

/// Lists the user keys of everybody that are neither revoked nor expired, newest first.
pub async fn list_of_users(conn: Conn<'_>, now: UnixNanos, page: PageRequest) -> Result<Page<ApiKey>> {
    let from = page.from.map_or(i64::MAX, |c| c.id);
    let rows: Vec<ApiKeyRow> = on!(conn, |c| {
        sqlx::query_as(sql!(
        "SELECT id, kind, user_id, created_by, name, description, masked, role, scopes, bound_to_projects, created_at, expires_at, revoked_at
         FROM api_keys
         WHERE kind = 'user' AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1) AND id <= $2
         ORDER BY id DESC
         LIMIT $3"
    ))
    .bind(now)
    .bind(from)
    .bind(page.fetch())
    .fetch_all(c)
    .await
    })?;
    let page = page.page(rows, |row| Cursor { key: row.id.0, id: row.id.0 });
    let keys: Result<Vec<ApiKey>> = page.items.into_iter().map(|row| row.into_key(Vec::new())).collect();
    Ok(Page { items: keys?, next: page.next })
}

/// Returns the owner of a living user key.
pub async fn find_owner(conn: Conn<'_>, id: ApiKeyId) -> Result<Option<UserId>> {
    Ok(on!(conn, |c| sqlx::query_scalar(sql!(
        "SELECT user_id FROM api_keys WHERE id = $1 AND kind = 'user' AND revoked_at IS NULL"
    ))
    .bind(id)
    .fetch_optional(c)
    .await)?)
}
