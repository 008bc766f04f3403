//! The root of every mutation.

mod api_key;
mod model;
mod project;
mod user;

use async_graphql::MergedObject;

use self::{api_key::ApiKeyMutation, model::ModelMutation, project::ProjectMutation, user::UserMutation};

/// Everything that can be changed.
#[derive(MergedObject)]
pub struct Mutation(UserMutation, ApiKeyMutation, ProjectMutation, ModelMutation);

impl Mutation {
    /// Puts the parts together.
    pub(super) const fn new() -> Self {
        Self(UserMutation, ApiKeyMutation, ProjectMutation, ModelMutation)
    }
}
