//! The root of every mutation.

mod annotation;
mod api_key;
mod model;
mod project;
mod retention;
mod user;

use async_graphql::MergedObject;

use self::{
    annotation::AnnotationMutation, api_key::ApiKeyMutation, model::ModelMutation, project::ProjectMutation,
    retention::RetentionMutation, user::UserMutation,
};

/// Everything that can be changed.
#[derive(MergedObject)]
pub struct Mutation(
    UserMutation,
    ApiKeyMutation,
    ProjectMutation,
    AnnotationMutation,
    RetentionMutation,
    ModelMutation,
);

impl Mutation {
    /// Puts the parts together.
    pub(super) const fn new() -> Self {
        Self(UserMutation, ApiKeyMutation, ProjectMutation, AnnotationMutation, RetentionMutation, ModelMutation)
    }
}
