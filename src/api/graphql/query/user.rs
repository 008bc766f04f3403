//! Users, roles, API keys.

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};

use super::{
    super::{context::ContextExt as _, node::global_id, scalar::DateTime},
    project::Project,
};
use crate::{
    domain::{
        self,
        api_key::KeyKind,
        id::SessionId,
        project::Projects,
        scope::{Role, Scope},
    },
    error::Error,
    service,
};

/// A user.
pub(in super::super) struct User(domain::user::User);

impl From<domain::user::User> for User {
    fn from(user: domain::user::User) -> Self {
        Self(user)
    }
}

/// A person who may log in, or the system itself.
#[Object]
impl User {
    /// The global id.
    pub(in super::super) async fn id(&self) -> ID {
        global_id("User", self.0.id.0)
    }

    /// Whether the password must be changed before anything else.
    async fn password_needs_reset(&self) -> bool {
        self.0.password_needs_reset
    }

    /// The e-mail address, unique and in lower case; null if the caller may not know it.
    async fn email(&self) -> Option<&str> {
        Some(self.0.email.as_str()).filter(|email| !email.is_empty())
    }

    /// The unique name.
    async fn username(&self) -> &str {
        &self.0.username
    }

    /// A picture; there is none for users who log in by password.
    async fn profile_picture_url(&self) -> Option<&str> {
        self.0.profile_picture_url.as_deref()
    }

    /// The living API keys that act for the user; one's own, or anyone's for administrators.
    #[graphql(complexity = "10 * child_complexity + 1")]
    async fn api_keys(&self, ctx: &Context<'_>) -> Result<Vec<UserApiKey>> {
        Ok(ctx.loaders()?.user_api_keys(self.0.id).await?.into_iter().map(UserApiKey::from).collect())
    }

    /// How many living API keys act for the user; one's own, or anyone's for administrators.
    async fn api_key_count(&self, ctx: &Context<'_>) -> Result<usize> {
        Ok(ctx.loaders()?.user_api_keys(self.0.id).await?.len())
    }

    /// The living login sessions, the one that was used last first; one's own, or anyone's for administrators.
    #[graphql(complexity = "10 * child_complexity + 1")]
    async fn sessions(&self, ctx: &Context<'_>) -> Result<Vec<LoginSession>> {
        let current = crate::service::sessions::current(&ctx.cx()?)?;
        let sessions = ctx.loaders()?.sessions(self.0.id).await?;
        Ok(sessions
            .into_iter()
            .map(|session| LoginSession { is_current: Some(session.id) == current, session })
            .collect())
    }

    /// Whether the user may log in and the user's keys work.
    async fn is_active(&self) -> bool {
        self.0.is_active
    }

    /// When the user last logged in.
    async fn last_login_at(&self) -> Option<DateTime> {
        self.0.last_login_at.map(DateTime)
    }

    /// When the account was created.
    pub(in super::super) async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// How the user proves who they are.
    async fn auth_method(&self) -> AuthMethod {
        self.0.auth_method.into()
    }

    /// The role.
    async fn role(&self) -> UserRole {
        UserRole(self.0.role)
    }

    /// Whether the account belongs to whoever hosts the server; never so when one hosts it oneself.
    async fn is_management_user(&self) -> bool {
        false
    }
}

/// A role.
pub(in super::super) struct UserRole(pub(in super::super) Role);

impl UserRole {
    /// Returns the row id: roles are numbered in their fixed order.
    pub(in super::super) fn row_id(&self) -> i64 {
        match self.0 {
            Role::System => 1,
            Role::Admin => 2,
            Role::Member => 3,
            Role::Viewer => 4,
        }
    }
}

/// What a user or a system key may do at most.
#[Object]
impl UserRole {
    /// The global id.
    pub(in super::super) async fn id(&self) -> ID {
        global_id("UserRole", self.row_id())
    }

    /// `SYSTEM`, `ADMIN`, `MEMBER` or `VIEWER`.
    pub(in super::super) async fn name(&self) -> &str {
        self.0.as_str()
    }
}

/// How a user proves who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::user::AuthMethod")]
pub(in super::super) enum AuthMethod {
    /// By a password kept here.
    Local,
    /// By a provider that speaks `OpenID` Connect.
    #[graphql(name = "OAUTH2")]
    OAuth2,
    /// By an LDAP directory.
    Ldap,
}

/// A login session.
pub(in super::super) struct LoginSession {
    session: domain::session::Session,
    is_current: bool,
}

impl LoginSession {
    /// The name of the type in global ids.
    pub(in super::super) const TYPE_NAME: &str = "LoginSession";

    /// Returns the row id.
    pub(in super::super) fn row_id(&self) -> SessionId {
        self.session.id
    }
}

/// A place where somebody is logged in.
#[Object]
impl LoginSession {
    /// The global id.
    async fn id(&self) -> ID {
        global_id(Self::TYPE_NAME, self.row_id().0)
    }

    /// When the login happened.
    async fn created_at(&self) -> DateTime {
        self.session.created_at.into()
    }

    /// When the session last got new tokens.
    async fn last_used_at(&self) -> DateTime {
        self.session.last_used_at.into()
    }

    /// When it ends unless it is used before.
    async fn expires_at(&self) -> DateTime {
        self.session.expires_at.into()
    }

    /// The address that it was last used from.
    async fn ip_address(&self) -> Option<&str> {
        self.session.address.as_deref()
    }

    /// What the client says it is.
    async fn user_agent(&self) -> Option<&str> {
        self.session.user_agent.as_deref()
    }

    /// Whether it is the session that asks.
    async fn is_current(&self) -> bool {
        self.is_current
    }
}

/// Whether a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::api_key::KeyStatus")]
pub(in super::super) enum ApiKeyStatus {
    /// It works.
    Active,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::api_key::Environment")]
pub(in super::super) enum ApiKeyEnvironment {
    /// Production.
    Live,
    /// Tests: a server may refuse such keys.
    Test,
}

/// A name for a set of limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::plan::Plan")]
pub(in super::super) enum ApiKeyPlan {
    /// 100 trace requests and 60 other requests a minute, 5 at once.
    Free,
    /// 1,000 trace requests and 300 other requests a minute, 20 at once.
    Pro,
    /// No limits.
    Enterprise,
}

/// What a key may do in a time; what is null is not limited by the key itself.
#[derive(SimpleObject)]
pub(in super::super) struct ApiKeyLimits {
    /// Requests that send traces, a minute.
    ingest_per_minute: Option<u32>,
    /// Every other request, a minute.
    api_per_minute: Option<u32>,
    /// Requests under way at once.
    concurrent: Option<u32>,
}

impl From<domain::plan::KeyLimits> for ApiKeyLimits {
    fn from(limits: domain::plan::KeyLimits) -> Self {
        let domain::plan::KeyLimits { ingest_per_minute, api_per_minute, concurrent } = limits;
        Self { ingest_per_minute, api_per_minute, concurrent }
    }
}

async fn projects_of(ctx: &Context<'_>, key: &domain::api_key::ApiKey) -> Result<Option<Vec<Project>>> {
    let Projects::Only(ids) = &key.projects else { return Ok(None) };
    let projects = ctx.loaders()?.projects(ids.to_vec()).await?;
    Ok(Some(projects.into_iter().map(Project::from).collect()))
}

/// A user key.
pub(in super::super) struct UserApiKey(domain::api_key::ApiKey);

impl From<domain::api_key::ApiKey> for UserApiKey {
    fn from(key: domain::api_key::ApiKey) -> Self {
        Self(key)
    }
}

/// An API key that acts for a user, and dies with the user.
#[Object]
impl UserApiKey {
    /// The name that people gave it.
    pub(in super::super) async fn name(&self) -> &str {
        &self.0.name
    }

    /// What people wrote about it.
    pub(in super::super) async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// When it was made.
    pub(in super::super) async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// The first instant at which it is refused.
    pub(in super::super) async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(DateTime)
    }

    /// The global id.
    pub(in super::super) async fn id(&self) -> ID {
        global_id(KeyKind::User.type_name(), self.0.id.0)
    }

    /// Whom it acts for.
    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        let user = ctx.loaders()?.user(self.0.user_id).await?;
        Ok(user.ok_or_else(|| Error::NotFound("User not found".into()))?.into())
    }

    /// The role of its owner.
    async fn role(&self, ctx: &Context<'_>) -> Result<UserRole> {
        let user = ctx.loaders()?.user(self.0.user_id).await?;
        Ok(UserRole(user.ok_or_else(|| Error::NotFound("User not found".into()))?.role))
    }

    /// The id on the documented wire, which the audit log shows: `key_` and sixteen hexadecimal digits.
    async fn key_id(&self) -> String {
        self.0.id.to_public()
    }

    /// Prefix, first and last characters of the secret.
    async fn masked_key(&self) -> &str {
        &self.0.masked
    }

    /// What the role is narrowed to; null when nothing narrows it.
    async fn scopes(&self) -> Option<Vec<&'static str>> {
        self.0.scopes.map(|scopes| scopes.iter().map(Scope::as_str).collect())
    }

    /// The living projects that it is bound to; null when it reaches every project.
    #[graphql(complexity = "10 * child_complexity + 1")]
    async fn projects(&self, ctx: &Context<'_>) -> Result<Option<Vec<Project>>> {
        projects_of(ctx, &self.0).await
    }

    /// Whether it works.
    #[expect(clippy::unused_async, reason = "fields are async to the schema")]
    async fn status(&self, ctx: &Context<'_>) -> Result<ApiKeyStatus> {
        Ok(service::api_keys::status(&ctx.cx()?, &self.0).into())
    }

    /// When it was last used.
    async fn last_used_at(&self) -> Option<DateTime> {
        self.0.last_used_at.map(DateTime)
    }

    /// What it is for.
    async fn environment(&self) -> ApiKeyEnvironment {
        self.0.environment.into()
    }

    /// The first instant at which the secret before the last rotation is refused.
    async fn previous_secret_expires_at(&self) -> Option<DateTime> {
        self.0.previous.as_ref().map(|previous| DateTime(previous.expires_at))
    }

    /// The plan of its own; null when it has that of the server.
    async fn plan(&self) -> Option<ApiKeyPlan> {
        self.0.plan.map(ApiKeyPlan::from)
    }

    /// The limits of its own, which go before those of the plan.
    async fn limits(&self) -> ApiKeyLimits {
        self.0.limits.into()
    }

    /// When it was revoked.
    async fn revoked_at(&self) -> Option<DateTime> {
        self.0.revoked_at.map(DateTime)
    }
}

/// A system key.
pub(in super::super) struct SystemApiKey(domain::api_key::ApiKey);

impl From<domain::api_key::ApiKey> for SystemApiKey {
    fn from(key: domain::api_key::ApiKey) -> Self {
        Self(key)
    }
}

/// An API key of the deployment, which survives whoever made it.
#[Object]
impl SystemApiKey {
    /// The name that people gave it.
    pub(in super::super) async fn name(&self) -> &str {
        &self.0.name
    }

    /// What people wrote about it.
    pub(in super::super) async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// When it was made.
    pub(in super::super) async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// The first instant at which it is refused.
    pub(in super::super) async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(DateTime)
    }

    /// The global id.
    pub(in super::super) async fn id(&self) -> ID {
        global_id(KeyKind::System.type_name(), self.0.id.0)
    }

    /// What it may do at most.
    async fn role(&self) -> UserRole {
        UserRole(self.0.role)
    }

    /// The id on the documented wire, which the audit log shows: `key_` and sixteen hexadecimal digits.
    async fn key_id(&self) -> String {
        self.0.id.to_public()
    }

    /// Prefix, first and last characters of the secret.
    async fn masked_key(&self) -> &str {
        &self.0.masked
    }

    /// What the role is narrowed to; null when nothing narrows it.
    async fn scopes(&self) -> Option<Vec<&'static str>> {
        self.0.scopes.map(|scopes| scopes.iter().map(Scope::as_str).collect())
    }

    /// The living projects that it is bound to; null when it reaches every project.
    #[graphql(complexity = "10 * child_complexity + 1")]
    async fn projects(&self, ctx: &Context<'_>) -> Result<Option<Vec<Project>>> {
        projects_of(ctx, &self.0).await
    }

    /// Whether it works.
    #[expect(clippy::unused_async, reason = "fields are async to the schema")]
    async fn status(&self, ctx: &Context<'_>) -> Result<ApiKeyStatus> {
        Ok(service::api_keys::status(&ctx.cx()?, &self.0).into())
    }

    /// When it was last used.
    async fn last_used_at(&self) -> Option<DateTime> {
        self.0.last_used_at.map(DateTime)
    }

    /// What it is for.
    async fn environment(&self) -> ApiKeyEnvironment {
        self.0.environment.into()
    }

    /// The first instant at which the secret before the last rotation is refused.
    async fn previous_secret_expires_at(&self) -> Option<DateTime> {
        self.0.previous.as_ref().map(|previous| DateTime(previous.expires_at))
    }

    /// The plan of its own; null when it has that of the server.
    async fn plan(&self) -> Option<ApiKeyPlan> {
        self.0.plan.map(ApiKeyPlan::from)
    }

    /// The limits of its own, which go before those of the plan.
    async fn limits(&self) -> ApiKeyLimits {
        self.0.limits.into()
    }

    /// When it was revoked.
    async fn revoked_at(&self) -> Option<DateTime> {
        self.0.revoked_at.map(DateTime)
    }
}
