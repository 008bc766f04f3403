//! API keys.

use super::{
    id::{ApiKeyId, UserId},
    project::Projects,
    scope::{Role, ScopeSet},
    time::UnixNanos,
};

/// Whom a key acts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// A user; the key dies with the user and never exceeds them.
    User,
    /// The deployment; survives whoever made it.
    System,
}

impl KeyKind {
    /// Returns the stored form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::System => "system",
        }
    }

    /// Returns the GraphQL type name, which global ids carry.
    #[must_use]
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::User => "UserApiKey",
            Self::System => "SystemApiKey",
        }
    }
}

/// An API key as stored: never its plain text.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Row id.
    pub id: ApiKeyId,
    /// Whom it acts for.
    pub kind: KeyKind,
    /// Owner; the system user for system keys.
    pub user_id: UserId,
    /// Who made it, if that user still exists.
    pub created_by: Option<UserId>,
    /// Name for people.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// The form that lists show.
    pub masked: String,
    /// Role; for user keys the owner's.
    pub role: Role,
    /// Scopes that narrow the role; `None` = no narrowing.
    pub scopes: Option<ScopeSet>,
    /// Projects that it is bound to.
    pub projects: Projects,
    /// When it was made.
    pub created_at: UnixNanos,
    /// First instant at which it is refused.
    pub expires_at: Option<UnixNanos>,
    /// When it was revoked.
    pub revoked_at: Option<UnixNanos>,
}

/// What makes a new key.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// Name for people.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// First instant at which it is refused.
    pub expires_at: Option<UnixNanos>,
    /// Role of a system key.
    pub role: Role,
    /// Scopes that narrow the role.
    pub scopes: Option<ScopeSet>,
    /// Projects that it is bound to.
    pub projects: Projects,
}
