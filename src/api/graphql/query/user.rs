//! Users, roles, API keys.

use async_graphql::{Enum, ID, Object};

use super::super::{node::global_id, scalar::DateTime};
use crate::domain::{self, api_key::KeyKind, scope::Role};

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

    /// The e-mail address, unique and in lower case.
    async fn email(&self) -> Option<&str> {
        Some(&self.0.email)
    }

    /// The unique name.
    async fn username(&self) -> &str {
        &self.0.username
    }

    /// A picture; there is none for users who log in by password.
    async fn profile_picture_url(&self) -> Option<&str> {
        None
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
}
