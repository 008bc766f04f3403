//! Making and revoking API keys.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::super::{
    context::ContextExt as _,
    node::read_id,
    query::{
        Query,
        user::{SystemApiKey, UserApiKey},
    },
    scalar::DateTime,
};
use crate::{
    domain::{api_key::KeyKind, id::ApiKeyId},
    error::Error,
    service::{self, api_keys::KeyRequest},
};

/// Changes to API keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct ApiKeyMutation;

/// What makes a new key.
#[derive(InputObject)]
pub(super) struct CreateApiKeyInput {
    /// A name for people.
    name: String,
    /// What people wrote about it.
    description: Option<String>,
    /// The first instant at which it is refused; must lie in the future.
    expires_at: Option<DateTime>,
}

/// A new system key.
#[derive(SimpleObject)]
pub(super) struct CreateSystemApiKeyMutationPayload {
    /// The key itself. It is shown here and nowhere else.
    jwt: String,
    /// The key as lists show it.
    api_key: SystemApiKey,
    /// The root of queries, to read on.
    query: Query,
}

/// A new user key.
#[derive(SimpleObject)]
pub(super) struct CreateUserApiKeyMutationPayload {
    /// The key itself. It is shown here and nowhere else.
    jwt: String,
    /// The key as lists show it.
    api_key: UserApiKey,
    /// The root of queries, to read on.
    query: Query,
}

impl CreateApiKeyInput {
    fn into_request(self) -> KeyRequest {
        KeyRequest {
            name: self.name,
            description: self.description,
            expires_at: self.expires_at.map(|at| at.0),
            ..KeyRequest::default()
        }
    }
}

/// Which key to revoke.
#[derive(InputObject)]
pub(super) struct DeleteApiKeyInput {
    /// The global id.
    id: ID,
}

/// The key that was revoked.
#[derive(SimpleObject)]
pub(super) struct DeleteApiKeyMutationPayload {
    /// The global id.
    api_key_id: ID,
    /// The root of queries, to read on.
    query: Query,
}

#[Object]
impl ApiKeyMutation {
    /// Makes a key that acts for the caller, who must be logged in.
    async fn create_user_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What makes the key.")] input: CreateApiKeyInput,
    ) -> Result<CreateUserApiKeyMutationPayload> {
        let cx = ctx.cx()?;
        let (key, token) = service::api_keys::create_user(&cx, input.into_request()).await?;
        Ok(CreateUserApiKeyMutationPayload { jwt: token.expose().to_owned(), api_key: key.into(), query: Query })
    }

    /// Revokes a user key, for good and at once: one's own, or anyone's for administrators.
    async fn delete_user_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which key.")] input: DeleteApiKeyInput,
    ) -> Result<DeleteApiKeyMutationPayload> {
        let cx = ctx.cx()?;
        service::api_keys::revoke_user(&cx, ApiKeyId(read_id(&input.id, KeyKind::User.type_name())?)).await?;
        Ok(DeleteApiKeyMutationPayload { api_key_id: input.id, query: Query })
    }

    /// Makes a system key with the rights of a member; for administrators.
    async fn create_system_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What makes the key.")] input: CreateApiKeyInput,
    ) -> Result<CreateSystemApiKeyMutationPayload> {
        let cx = ctx.cx()?;
        let (key, token) = service::api_keys::create_system(&cx, input.into_request()).await?;
        Ok(CreateSystemApiKeyMutationPayload { jwt: token.expose().to_owned(), api_key: key.into(), query: Query })
    }

    /// Revokes a system key, for good and at once; for administrators.
    async fn delete_system_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which key.")] input: DeleteApiKeyInput,
    ) -> Result<DeleteApiKeyMutationPayload> {
        // Before the id is read: who may not ask learns nothing about it.
        let cx = ctx.cx()?;
        let id = ApiKeyId(read_id(&input.id, KeyKind::System.type_name())?);
        service::api_keys::revoke_system(&cx, id).await.map_err(|error| match error {
            Error::NotFound(_) => Error::NotFound("API key not found".into()),
            other => other,
        })?;
        Ok(DeleteApiKeyMutationPayload { api_key_id: input.id, query: Query })
    }
}
