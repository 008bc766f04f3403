//! Projects.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::{
        extract::{Json, Path, Query, any_case_bool},
        rest::{
            Routes,
            page::{self, DataBody, ListBody},
            problem::Answer,
            route,
        },
    },
    domain::{
        id::GlobalId,
        page::Order,
        project::{Project as DomainProject, ProjectRef},
        scope::{ProjectsManage, ProjectsRead, ProjectsWrite},
    },
    service::{cx::Cx, projects, retention},
    store::projects::ProjectFilter,
};

/// Returns the routes of this file.
#[must_use]
pub fn routes() -> Routes {
    Routes::default()
        .add(route!(get_projects))
        .add(route!(create_project))
        .add(route!(get_project))
        .add(route!(update_project))
        .add(route!(delete_project))
        .add(route!(set_project_retention_policy))
}

/// A project.
#[derive(Debug, Serialize, ToSchema)]
pub struct Project {
    /// Unique name.
    #[schema(min_length = 1)]
    name: String,
    /// Free text.
    #[schema(required = true)]
    description: Option<String>,
    /// Global id.
    id: String,
}

impl From<DomainProject> for Project {
    fn from(project: DomainProject) -> Self {
        let id = GlobalId::encode("Project", project.id.0);
        Self { name: project.name, description: project.description, id }
    }
}

/// How to list projects.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListProjectsQuery {
    /// Where the page begins, from the page before.
    cursor: Option<String>,
    /// Rows of the page.
    #[param(minimum = 1, default = 100)]
    limit: Option<i64>,
    /// Whether projects of experiments are listed too.
    #[param(default = false)]
    #[serde(default, deserialize_with = "any_case_bool")]
    #[expect(dead_code, reason = "no project belongs to an experiment yet, so both answers are the same")]
    include_experiment_projects: Option<bool>,
    /// Whether projects of dataset evaluators are listed too.
    #[param(default = false)]
    #[serde(default, deserialize_with = "any_case_bool")]
    #[expect(dead_code, reason = "no project belongs to an evaluator yet, so both answers are the same")]
    include_dataset_evaluator_projects: Option<bool>,
    /// Text that the name contains, in any case.
    name_contains: Option<String>,
}

/// Projects may be asked for in larger pages: they are few and small.
const MAX_LIMIT: u32 = 1_000_000;

/// Lists projects, newest first
#[utoipa::path(
    get, path = "/v1/projects", operation_id = "getProjects", tag = "projects", params(ListProjectsQuery),
    responses((status = 200, body = ListBody<Project>), (status = 422))
)]
async fn get_projects(
    cx: Cx<ProjectsRead>,
    Query(query): Query<ListProjectsQuery>,
) -> Answer<axum::Json<ListBody<Project>>> {
    let page = page::request(query.cursor.as_deref(), query.limit, MAX_LIMIT, Order::Desc)?;
    let filter = ProjectFilter { name_contains: query.name_contains };
    Ok(axum::Json(projects::list(&cx, &filter, page).await?.map(Project::from).into()))
}

/// What makes a project.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CreateProjectRequestBody {
    /// Unique name.
    #[schema(min_length = 1)]
    name: String,
    /// Free text.
    description: Option<String>,
}

/// Creates a project
#[utoipa::path(
    post, path = "/v1/projects", operation_id = "createProject", tag = "projects",
    request_body = CreateProjectRequestBody,
    responses((status = 200, body = DataBody<Project>), (status = 409), (status = 422))
)]
async fn create_project(
    cx: Cx<ProjectsWrite>,
    Json(body): Json<CreateProjectRequestBody>,
) -> Answer<axum::Json<DataBody<Project>>> {
    let project = projects::create(&cx, &body.name, body.description.as_deref()).await?;
    Ok(axum::Json(DataBody { data: project.into() }))
}

/// Returns a project by global id or name
#[utoipa::path(
    get, path = "/v1/projects/{project_identifier}", operation_id = "getProject", tag = "projects",
    params(("project_identifier" = String, Path, description = "Global id or name")),
    responses((status = 200, body = DataBody<Project>), (status = 404))
)]
async fn get_project(cx: Cx<ProjectsRead>, Path(project): Path<String>) -> Answer<axum::Json<DataBody<Project>>> {
    let project = projects::get(&cx, &ProjectRef::parse(&project)).await?;
    Ok(axum::Json(DataBody { data: project.into() }))
}

/// What can be changed about a project.
#[derive(Debug, Deserialize, ToSchema)]
pub struct UpdateProjectRequestBody {
    /// Free text; null leaves it as it is.
    description: Option<String>,
}

/// Changes a project's description
#[utoipa::path(
    put, path = "/v1/projects/{project_identifier}", operation_id = "updateProject", tag = "projects",
    params(("project_identifier" = String, Path, description = "Global id or name")),
    request_body = UpdateProjectRequestBody,
    responses((status = 200, body = DataBody<Project>), (status = 404), (status = 422))
)]
async fn update_project(
    cx: Cx<ProjectsManage>,
    Path(project): Path<String>,
    Json(body): Json<UpdateProjectRequestBody>,
) -> Answer<axum::Json<DataBody<Project>>> {
    let project = projects::update(&cx, &ProjectRef::parse(&project), body.description.as_deref()).await?;
    Ok(axum::Json(DataBody { data: project.into() }))
}

/// Deletes a project and all that it holds
#[utoipa::path(
    delete, path = "/v1/projects/{project_identifier}", operation_id = "deleteProject", tag = "projects",
    params(("project_identifier" = String, Path, description = "Global id or name")),
    responses((status = 204), (status = 404))
)]
async fn delete_project(cx: Cx<ProjectsManage>, Path(project): Path<String>) -> Answer<StatusCode> {
    projects::delete(&cx, &ProjectRef::parse(&project)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which retention policy holds for a project.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SetProjectRetentionPolicyRequestBody {
    /// Global id; null, or the id of the default policy, for the default policy.
    #[schema(required = true)]
    #[serde(deserialize_with = "Option::deserialize")]
    policy_id: Option<String>,
}

/// The retention policy of a project.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProjectRetentionPolicyData {
    project_id: String,
    /// Null for the default policy.
    #[schema(required = true)]
    policy_id: Option<String>,
}

/// Puts a project under a retention policy
#[utoipa::path(
    patch, path = "/v1/projects/{project_identifier}/retention", operation_id = "setProjectRetentionPolicy",
    tag = "projects",
    params(("project_identifier" = String, Path, description = "Global id or name")),
    request_body = SetProjectRetentionPolicyRequestBody,
    responses((status = 200, body = DataBody<ProjectRetentionPolicyData>), (status = 404), (status = 422))
)]
async fn set_project_retention_policy(
    cx: Cx<ProjectsManage>,
    Path(project): Path<String>,
    Json(body): Json<SetProjectRetentionPolicyRequestBody>,
) -> Answer<axum::Json<DataBody<ProjectRetentionPolicyData>>> {
    let project = ProjectRef::parse(&project);
    let (project, policy) = retention::set_policy(&cx, &project, body.policy_id.as_deref()).await?;
    let data = ProjectRetentionPolicyData {
        project_id: GlobalId::encode("Project", project.0),
        policy_id: policy.map(|id| GlobalId::encode(retention::TYPE_NAME, id.0)),
    };
    Ok(axum::Json(DataBody { data }))
}
