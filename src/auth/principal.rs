//! The caller: user, API key or system, with what it may do.

use std::sync::Arc;

use crate::domain::{
    api_key::{ApiKey, KeyKind},
    id::{ApiKeyId, SessionId, UserId},
    project::Projects,
    scope::{Role, ScopeSet},
    user::User,
};

/// By what the caller proved who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A login session's access token.
    Session(SessionId),
    /// An API key.
    ApiKey(ApiKeyId, KeyKind),
    /// `PHOENIX_ADMIN_SECRET`.
    AdminSecret,
    /// None was asked for: authentication is off.
    Open,
}

/// The caller.
#[derive(Clone, Debug)]
pub struct Principal {
    /// By what they proved who they are.
    pub credential: Credential,
    /// The user they act as; the system user for system keys and the admin secret.
    pub user_id: UserId,
    /// Role.
    pub role: Role,
    /// What they may do: the role's scopes, narrowed by the credential's.
    pub scopes: ScopeSet,
    /// Where they may do it.
    pub projects: Projects,
    /// Whether they must change their password before anything else.
    pub must_reset_password: bool,
    /// That user as last looked up, without the password's hash; nobody when authentication is off.
    pub user: Option<Arc<User>>,
    /// The key that they came with, as last looked up.
    pub key: Option<Arc<ApiKey>>,
}

impl Principal {
    /// Returns the caller of a server whose authentication is off.
    #[must_use]
    pub fn open() -> Self {
        Self {
            credential: Credential::Open,
            user_id: crate::domain::user::SYSTEM_USER,
            role: Role::Admin,
            scopes: ScopeSet::ALL,
            projects: Projects::All,
            must_reset_password: false,
            user: None,
            key: None,
        }
    }

    /// Returns the bearer of the admin secret: the system user with every right.
    #[must_use]
    pub fn admin_secret(system_user: Arc<User>) -> Self {
        Self { credential: Credential::AdminSecret, user: Some(system_user), ..Self::open() }
    }

    /// Whether the caller is a person in a login session.
    #[must_use]
    pub const fn is_session(&self) -> bool {
        matches!(self.credential, Credential::Session(_))
    }

    /// Whether both are the same caller, by whatever header they came.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.credential == other.credential && self.user_id == other.user_id
    }
}
