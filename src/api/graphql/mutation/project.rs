//! Changes to projects.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::super::{
    context::ContextExt as _,
    node::read_id,
    query::{Query, project::Project},
};
use crate::{
    domain::{id::ProjectId, project::ProjectRef},
    service,
};

/// Changes to projects.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProjectMutation;

/// What makes a new project.
#[derive(InputObject)]
pub(super) struct CreateProjectInput {
    /// A name that no living project has.
    name: String,
    /// What people wrote about it.
    description: Option<String>,
}

/// What to change about a project; what is null stays as it is.
#[derive(InputObject)]
pub(super) struct PatchProjectInput {
    /// The global id.
    id: ID,
    /// The new description.
    description: Option<String>,
}

/// The project as made or changed.
#[derive(SimpleObject)]
pub(super) struct ProjectMutationPayload {
    /// The project as made or changed.
    project: Project,
    /// The root of queries, to read on.
    query: Query,
}

fn reference(id: &ID) -> Result<ProjectRef, crate::error::Error> {
    Ok(ProjectRef::Id(ProjectId(read_id(id, "Project")?)))
}

#[Object]
impl ProjectMutation {
    /// Makes a project.
    async fn create_project(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What makes the project.")] input: CreateProjectInput,
    ) -> Result<ProjectMutationPayload> {
        let cx = ctx.cx()?;
        let project = service::projects::create(&cx, &input.name, input.description.as_deref()).await?;
        Ok(ProjectMutationPayload { project: project.into(), query: Query })
    }

    /// Changes a project; for administrators.
    async fn patch_project(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: PatchProjectInput,
    ) -> Result<ProjectMutationPayload> {
        let cx = ctx.cx()?;
        let project = service::projects::update(&cx, &reference(&input.id)?, input.description.as_deref()).await?;
        Ok(ProjectMutationPayload { project: project.into(), query: Query })
    }

    /// Deletes a project with everything in it; for administrators. The project `default` stays.
    async fn delete_project(&self, ctx: &Context<'_>, #[graphql(desc = "The global id.")] id: ID) -> Result<Query> {
        let cx = ctx.cx()?;
        service::projects::delete(&cx, &reference(&id)?).await?;
        Ok(Query)
    }
}
