//! Making and revoking API keys.

use std::time::Duration;

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result, SimpleObject};

use super::{
    super::{
        context::ContextExt as _,
        node::{ApiKey, read_id},
        query::{
            Query,
            user::{ApiKeyEnvironment, ApiKeyPlan, SystemApiKey, UserApiKey},
        },
        scalar::DateTime,
    },
    user::UserRoleInput,
};
use crate::{
    domain::{
        self,
        api_key::{Environment, KeyKind},
        change::Change,
        id::ApiKeyId,
        plan::{KeyLimits, Plan},
        scope::{Role, Scope, ScopeSet},
    },
    error::Error,
    service::{
        self,
        api_keys::{KeyPatch, KeyRequest},
    },
};

/// Changes to API keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct ApiKeyMutation;

/// What a key may do in a time; what is missing is not limited by the key itself.
#[derive(InputObject)]
pub(super) struct ApiKeyLimitsInput {
    /// Requests that send traces, a minute; at least 1.
    ingest_per_minute: Option<u32>,
    /// Every other request, a minute; at least 1.
    api_per_minute: Option<u32>,
    /// Requests under way at once; at least 1.
    concurrent: Option<u32>,
}

impl From<ApiKeyLimitsInput> for KeyLimits {
    fn from(input: ApiKeyLimitsInput) -> Self {
        let ApiKeyLimitsInput { ingest_per_minute, api_per_minute, concurrent } = input;
        Self { ingest_per_minute, api_per_minute, concurrent }
    }
}

/// What makes a new key.
#[derive(InputObject)]
pub(super) struct CreateApiKeyInput {
    /// A name for people.
    name: String,
    /// What people wrote about it.
    description: Option<String>,
    /// The first instant at which it is refused; must lie in the future.
    expires_at: Option<DateTime>,
    /// What the role is narrowed to, such as `traces:write`.
    scopes: Option<Vec<String>>,
    /// The projects that it is bound to, each by name or global id.
    projects: Option<Vec<String>>,
    /// The role; `ADMIN` if the scopes say `admin`, else `MEMBER`, when none is given.
    role: Option<UserRoleInput>,
    /// The plan of its own; set by administrators.
    plan: Option<ApiKeyPlan>,
    /// The limits of its own; set by administrators.
    limits: Option<ApiKeyLimitsInput>,
}

/// What to change about a key; what is missing stays, what is null is taken away.
#[derive(InputObject)]
pub(super) struct PatchApiKeyInput {
    /// The global id, or the id of the documented wire.
    id: ID,
    /// The new name.
    name: Option<String>,
    /// What people write about it.
    description: MaybeUndefined<String>,
    /// The first instant at which it is refused; must lie in the future.
    expires_at: MaybeUndefined<DateTime>,
    /// What the role is narrowed to.
    scopes: MaybeUndefined<Vec<String>>,
    /// The projects that it is bound to, each by name or global id.
    projects: MaybeUndefined<Vec<String>>,
    /// The plan of its own; set by administrators.
    plan: MaybeUndefined<ApiKeyPlan>,
    /// All limits of its own; set by administrators.
    limits: MaybeUndefined<ApiKeyLimitsInput>,
}

/// The key as changed.
#[derive(SimpleObject)]
pub(super) struct PatchApiKeyMutationPayload {
    /// The key as changed.
    api_key: ApiKey,
    /// The root of queries, to read on.
    query: Query,
}

/// Which key gets a new secret.
#[derive(InputObject)]
pub(super) struct RotateApiKeyInput {
    /// The global id, or the id of the documented wire.
    id: ID,
    /// Seconds that the present secret works on, beside the new one; at most 30 days.
    #[graphql(default = 0)]
    grace_period_seconds: i32,
}

/// A key with a new secret.
#[derive(SimpleObject)]
pub(super) struct RotateApiKeyMutationPayload {
    /// The new secret. It is shown here and nowhere else.
    jwt: String,
    /// The key as lists show it.
    api_key: ApiKey,
    /// The root of queries, to read on.
    query: Query,
}

impl From<domain::api_key::ApiKey> for ApiKey {
    fn from(key: domain::api_key::ApiKey) -> Self {
        match key.kind {
            KeyKind::System => Self::SystemApiKey(key.into()),
            KeyKind::User => Self::UserApiKey(key.into()),
        }
    }
}

fn key_id(id: &ID) -> Result<ApiKeyId, Error> {
    ApiKeyId::parse(id).ok_or_else(|| Error::invalid("id", "Not the id of an API key"))
}

fn read_scopes(scopes: &[String]) -> Result<ScopeSet, Error> {
    scopes.iter().map(|s| s.parse::<Scope>()).collect::<Result<_, _>>().map_err(|e| Error::invalid("scopes", e))
}

fn change<T>(value: MaybeUndefined<T>) -> Change<T> {
    match value {
        MaybeUndefined::Undefined => Change::Keep,
        MaybeUndefined::Null => Change::Clear,
        MaybeUndefined::Value(value) => Change::Set(value),
    }
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

/// What makes a new user key.
#[derive(InputObject)]
pub(super) struct CreateUserApiKeyInput {
    /// A name for people.
    name: String,
    /// What people wrote about it.
    description: Option<String>,
    /// The first instant at which it is refused; must lie in the future.
    expires_at: Option<DateTime>,
    /// What the role is narrowed to, such as `traces:write`.
    scopes: Option<Vec<String>>,
    /// The projects that it is bound to, each by name or global id.
    projects: Option<Vec<String>>,
    /// What it is for.
    environment: Option<ApiKeyEnvironment>,
    /// The plan of its own; set by administrators.
    plan: Option<ApiKeyPlan>,
    /// The limits of its own; set by administrators.
    limits: Option<ApiKeyLimitsInput>,
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
    fn into_request(self) -> Result<KeyRequest, Error> {
        Ok(KeyRequest {
            name: self.name,
            description: self.description,
            expires_at: self.expires_at.map(|at| at.0),
            scopes: self.scopes.as_deref().map(read_scopes).transpose()?,
            projects: self.projects,
            role: self.role.map(Role::from),
            plan: self.plan.map(Plan::from),
            limits: self.limits.map(KeyLimits::from).unwrap_or_default(),
            ..KeyRequest::default()
        })
    }
}

impl CreateUserApiKeyInput {
    fn into_request(self) -> Result<KeyRequest, Error> {
        Ok(KeyRequest {
            name: self.name,
            description: self.description,
            expires_at: self.expires_at.map(|at| at.0),
            scopes: self.scopes.as_deref().map(read_scopes).transpose()?,
            projects: self.projects,
            environment: self.environment.map(Environment::from),
            plan: self.plan.map(Plan::from),
            limits: self.limits.map(KeyLimits::from).unwrap_or_default(),
            ..KeyRequest::default()
        })
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
        #[graphql(desc = "What makes the key.")] input: CreateUserApiKeyInput,
    ) -> Result<CreateUserApiKeyMutationPayload> {
        let cx = ctx.cx()?;
        let (key, token) = service::api_keys::create_user(&cx, input.into_request()?).await?;
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

    /// Makes a system key, with the rights of a member unless a role is given; for administrators.
    async fn create_system_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What makes the key.")] input: CreateApiKeyInput,
    ) -> Result<CreateSystemApiKeyMutationPayload> {
        let cx = ctx.cx()?;
        let (key, token) = service::api_keys::create_system(&cx, input.into_request()?).await?;
        Ok(CreateSystemApiKeyMutationPayload { jwt: token.expose().to_owned(), api_key: key.into(), query: Query })
    }

    /// Gives a key a new secret: one's own, or anyone's for administrators. The one before works on for the grace period.
    async fn rotate_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which key.")] input: RotateApiKeyInput,
    ) -> Result<RotateApiKeyMutationPayload> {
        let cx = ctx.cx()?;
        let seconds = u64::try_from(input.grace_period_seconds)
            .map_err(|_| Error::invalid("gracePeriodSeconds", "A grace period is not negative"))?;
        let key = key_id(&input.id)?;
        let (details, token) = service::api_keys::rotate(&cx, key, Duration::from_secs(seconds)).await?;
        let (jwt, api_key) = (token.expose().to_owned(), details.key.into());
        Ok(RotateApiKeyMutationPayload { jwt, api_key, query: Query })
    }

    /// Changes a key: one's own, or anyone's for administrators. It never gets wider than the caller is.
    async fn patch_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: PatchApiKeyInput,
    ) -> Result<PatchApiKeyMutationPayload> {
        let cx = ctx.cx()?;
        let patch = KeyPatch {
            name: input.name,
            description: change(input.description),
            expires_at: change(input.expires_at).try_map(|at| Ok::<_, Error>(at.0))?,
            scopes: change(input.scopes).try_map(|s| read_scopes(&s))?,
            projects: change(input.projects),
            plan: change(input.plan).try_map(|plan| Ok::<_, Error>(plan.into()))?,
            limits: change(input.limits).try_map(|limits| Ok::<_, Error>(limits.into()))?,
        };
        let details = service::api_keys::update(&cx, key_id(&input.id)?, patch).await?;
        Ok(PatchApiKeyMutationPayload { api_key: details.key.into(), query: Query })
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
