//! Projects.

use std::collections::HashMap;

use serde_json::json;

use super::{
    audit::{self, Event},
    cx::Cx,
};
use crate::{
    db::Tx,
    domain::{
        audit::Action,
        id::ProjectId,
        page::{Page, PageRequest},
        project::{DEFAULT_PROJECT, MAX_NAME_BYTES, Project, ProjectRef, ProjectStats, Projects},
        scope::{Access, ProjectsManage, ProjectsRead, ProjectsWrite},
    },
    error::{Error, Result},
    store::{self, projects::ProjectFilter},
};

/// Lists projects.
pub async fn list(cx: &Cx<ProjectsRead>, filter: &ProjectFilter, page: PageRequest) -> Result<Page<Project>> {
    let mut reader = cx.read().await?;
    store::projects::list(reader.conn(), &cx.projects(), filter, page).await
}

/// Counts projects.
pub async fn count(cx: &Cx<ProjectsRead>) -> Result<i64> {
    let mut reader = cx.read().await?;
    store::projects::count(reader.conn(), &cx.projects()).await
}

/// Returns a project.
pub async fn get(cx: &Cx<ProjectsRead>, project: &ProjectRef) -> Result<Project> {
    find(cx, project).await
}

/// Returns the statistics of projects.
pub async fn stats(cx: &Cx<ProjectsRead>, ids: &[ProjectId]) -> Result<HashMap<ProjectId, ProjectStats>> {
    let mut reader = cx.read().await?;
    store::projects::stats(reader.conn(), &cx.projects(), ids).await
}

/// Finds a project for any purpose whose own scope has been proved.
pub(super) async fn find<S: Access>(cx: &Cx<S>, project: &ProjectRef) -> Result<Project> {
    let mut reader = cx.read().await?;
    let found = store::projects::find(reader.conn(), &cx.projects(), project).await?;
    found.ok_or_else(|| not_found(project))
}

/// Finds a project within a transaction.
pub(super) async fn find_in<S: Access>(cx: &Cx<S>, tx: &mut Tx, project: &ProjectRef) -> Result<Project> {
    let found = store::projects::find(tx.conn(), &cx.projects(), project).await?;
    found.ok_or_else(|| not_found(project))
}

pub(super) fn not_found(project: &ProjectRef) -> Error {
    Error::NotFound(match project {
        ProjectRef::Id(id) => {
            format!("Project with ID {} not found", crate::domain::id::GlobalId::encode("Project", id.0)).into()
        }
        ProjectRef::Name(name) => format!("Project with name {name} not found").into(),
    })
}

/// Checks the name of a new project.
pub fn validate_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("Project name cannot be empty");
    }
    if name.len() > MAX_NAME_BYTES {
        return Err("Project name cannot be longer than 1024 bytes");
    }
    if name.contains('\0') {
        return Err("Project name cannot contain a zero byte");
    }
    Ok(())
}

/// Returns what the audit log says of a new project.
pub(super) fn created(project: &Project) -> Event {
    let details = json!({ "description": project.description });
    Event { action: Action::ProjectCreate, subject: audit::project(project), details }
}

/// Creates a project. A caller that is bound to projects may not: the new one would not be among them.
pub async fn create(cx: &Cx<ProjectsWrite>, name: &str, description: Option<&str>) -> Result<Project> {
    validate_name(name).map_err(|e| Error::invalid("name", e))?;
    validate_description(description)?;
    if cx.projects() != Projects::All {
        return Err(Error::forbidden("A credential that is bound to projects cannot create projects"));
    }
    let mut tx = cx.begin().await?;
    let project = store::projects::add(tx.conn(), name, description, cx.now()).await?;
    audit::record(&mut tx, cx, created(&project)).await?;
    tx.commit().await?;
    Ok(project)
}

pub(super) fn validate_description(description: Option<&str>) -> Result<()> {
    match description {
        Some(text) if text.len() > 65_536 || text.contains('\0') => {
            Err(Error::invalid("description", "A description has at most 65536 bytes, none of them zero"))
        }
        _ => Ok(()),
    }
}

/// Changes a project's description; `None` leaves it.
pub async fn update(cx: &Cx<ProjectsManage>, project: &ProjectRef, description: Option<&str>) -> Result<Project> {
    validate_description(description)?;
    let found = find(cx, project).await?;
    let Some(description) = description else { return Ok(found) };
    let mut tx = cx.begin().await?;
    let updated = store::projects::update_description(tx.conn(), found.id, description, cx.now()).await?;
    let updated = updated.ok_or_else(|| not_found(project))?;
    let subject = audit::project(&updated);
    let event =
        Event { action: Action::ProjectUpdate, subject, details: json!({ "set": { "description": description } }) };
    audit::record(&mut tx, cx, event).await?;
    tx.commit().await?;
    Ok(updated)
}

/// Deletes a project: at once for every caller; its rows are removed by a job in slices.
pub async fn delete(cx: &Cx<ProjectsManage>, project: &ProjectRef) -> Result<()> {
    let found = find(cx, project).await?;
    if found.name == DEFAULT_PROJECT {
        return Err(Error::forbidden("The default project cannot be deleted"));
    }
    let mut tx = cx.begin().await?;
    if !store::projects::mark_deleted(tx.conn(), found.id, cx.now()).await? {
        return Err(not_found(project));
    }
    let event = Event { action: Action::ProjectDelete, subject: audit::project(&found), details: json!({}) };
    audit::record(&mut tx, cx, event).await?;
    tx.commit().await?;
    tracing::info!(project.id = found.id.0, "project deleted");
    Ok(())
}

/// Returns living projects by row id; those that the caller may not see are missing.
pub async fn by_ids(cx: &Cx<ProjectsRead>, ids: &[ProjectId]) -> Result<HashMap<ProjectId, Project>> {
    let mut reader = cx.read().await?;
    store::projects::list_by_ids(reader.conn(), &cx.projects(), ids).await
}

/// What a list of projects is narrowed to, for callers of this room.
pub type ListFilter = ProjectFilter;

/// The order of a list of projects, for callers of this room.
pub type ListSort = store::projects::ProjectSort;

/// Lists projects in an order of choice, each with the cursor of its place.
pub async fn list_sorted(
    cx: &Cx<ProjectsRead>,
    filter: &ProjectFilter,
    sort: ListSort,
    page: PageRequest,
) -> Result<Page<(Project, crate::domain::page::Cursor)>> {
    let mut reader = cx.read().await?;
    store::projects::list_sorted(reader.conn(), &cx.projects(), filter, sort, page).await
}
