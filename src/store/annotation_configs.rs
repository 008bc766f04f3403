//! Annotation configs and the projects that use them.

use sqlx::{QueryBuilder, types::Json};

use super::{direction, from_cursor, push_in};
use crate::{
    db::{Conn, on, sql},
    domain::{
        annotation_config::{AnnotationConfig, ConfigContent, ConfigKind, ConfigRef, NewConfig},
        id::{AnnotationConfigId, ProjectId},
        page::{Cursor, Page, PageRequest},
        project::Projects,
        time::UnixNanos,
    },
    error::{Error, Result},
};

#[derive(sqlx::FromRow)]
struct ConfigRow {
    id: AnnotationConfigId,
    name: String,
    kind: String,
    content: Json<ConfigContent>,
}

impl ConfigRow {
    fn into_config(self) -> Result<AnnotationConfig> {
        let kind = ConfigKind::parse(&self.kind);
        Ok(AnnotationConfig {
            kind: kind.ok_or_else(|| Error::internal(format!("annotation config {} has an unknown kind", self.id)))?,
            id: self.id,
            name: self.name,
            content: self.content.0,
        })
    }
}

fn taken<T>(done: sqlx::Result<T>) -> Result<T> {
    match done {
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
            Err(Error::Conflict("The name of the annotation configuration is already taken".into()))
        }
        done => Ok(done?),
    }
}

/// Adds a config; a name that is taken is a conflict.
pub async fn add(conn: Conn<'_>, new: &NewConfig, now: UnixNanos) -> Result<AnnotationConfigId> {
    taken(on!(conn, |c| sqlx::query_scalar(sql!(
        "INSERT INTO annotation_configs (name, kind, content, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $4)
         RETURNING id"
    ))
    .bind(&new.name)
    .bind(new.kind.as_str())
    .bind(Json(&new.content))
    .bind(now)
    .fetch_one(c)
    .await))
}

/// Puts another in the place of a config; a name that is taken is a conflict. Tells whether there was one.
pub async fn update(conn: Conn<'_>, id: AnnotationConfigId, new: &NewConfig, now: UnixNanos) -> Result<bool> {
    let rows = taken(on!(conn, |c| sqlx::query(sql!(
        "UPDATE annotation_configs
         SET name = $2, kind = $3, content = $4, updated_at = $5
         WHERE id = $1"
    ))
    .bind(id)
    .bind(&new.name)
    .bind(new.kind.as_str())
    .bind(Json(&new.content))
    .bind(now)
    .execute(c)
    .await
    .map(|r| r.rows_affected())))?;
    Ok(rows == 1)
}

/// Removes a config; no project uses it any more.
pub async fn delete(conn: Conn<'_>, id: AnnotationConfigId) -> Result<bool> {
    let rows = on!(conn, |c| sqlx::query(sql!("DELETE FROM annotation_configs WHERE id = $1"))
        .bind(id)
        .execute(c)
        .await
        .map(|r| r.rows_affected()))?;
    Ok(rows == 1)
}

/// Which configs are looked for. A caller that is bound to projects sees those that its projects use.
#[derive(Clone, Debug, Default)]
pub struct ConfigFilter<'a> {
    /// That this project uses.
    pub project: Option<ProjectId>,
    /// This one.
    pub config: Option<&'a ConfigRef>,
    /// One of these.
    pub ids: Option<&'a [AnnotationConfigId]>,
}

/// Lists configs by row id.
pub async fn list(
    conn: Conn<'_>,
    access: &Projects,
    filter: &ConfigFilter<'_>,
    page: PageRequest,
) -> Result<Page<AnnotationConfig>> {
    let rows: Vec<ConfigRow> = on!(conn, |c| {
        let mut query = QueryBuilder::new("SELECT id, name, kind, content FROM annotation_configs WHERE TRUE");
        if filter.project.is_some() || *access != Projects::All {
            query.push(" AND id IN (SELECT annotation_config_id FROM annotation_config_projects WHERE TRUE");
            super::push_projects(&mut query, "project_id", access);
            if let Some(project) = filter.project {
                query.push(" AND project_id = ").push_bind(project.0);
            }
            query.push(")");
        }
        match filter.config {
            None => {}
            Some(ConfigRef::Id(id)) => {
                query.push(" AND id = ").push_bind(id.0);
            }
            Some(ConfigRef::Name(name)) => {
                query.push(" AND name = ").push_bind(name.clone());
            }
        }
        if let Some(ids) = filter.ids {
            push_in(&mut query, "id", ids.iter().map(|id| id.0));
        }
        if let Some(from) = page.from {
            query.push(" AND id").push(from_cursor(page.order)).push_bind(from.id);
        }
        query.push(" ORDER BY id").push(direction(page.order)).push(" LIMIT ").push_bind(page.fetch());
        query.build_query_as().fetch_all(c).await
    })?;
    let page = page.page(rows, |row| Cursor { key: row.id.0, id: row.id.0 });
    Ok(Page { items: page.items.into_iter().map(ConfigRow::into_config).collect::<Result<_>>()?, next: page.next })
}

/// Has a project use configs beside those that it uses already; one that is gone meanwhile is not found.
pub async fn assign(mut conn: Conn<'_>, project: ProjectId, ids: &[AnnotationConfigId]) -> Result<()> {
    for id in ids {
        let done = on!(&mut conn, |c| sqlx::query(sql!(
            "INSERT INTO annotation_config_projects (project_id, annotation_config_id)
             VALUES ($1, $2)
             ON CONFLICT DO NOTHING"
        ))
        .bind(project)
        .bind(*id)
        .execute(&mut **c)
        .await
        .map(|_| ()));
        match done {
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                return Err(Error::NotFound("Annotation configuration not found".into()));
            }
            done => done?,
        }
    }
    Ok(())
}

/// Has a project use a config no longer; tells whether it did.
pub async fn unassign(conn: Conn<'_>, project: ProjectId, id: AnnotationConfigId) -> Result<bool> {
    let rows = on!(conn, |c| sqlx::query(sql!(
        "DELETE FROM annotation_config_projects WHERE project_id = $1 AND annotation_config_id = $2"
    ))
    .bind(project)
    .bind(id)
    .execute(c)
    .await
    .map(|r| r.rows_affected()))?;
    Ok(rows == 1)
}

/// Has a project use no config.
pub async fn unassign_all(conn: Conn<'_>, project: ProjectId) -> Result<()> {
    on!(conn, |c| sqlx::query(sql!("DELETE FROM annotation_config_projects WHERE project_id = $1"))
        .bind(project)
        .execute(c)
        .await
        .map(|_| ()))?;
    Ok(())
}
