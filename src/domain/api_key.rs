//! API keys.

use std::str::FromStr;

use super::{
    id::{ApiKeyId, UserId},
    plan::{KeyLimits, Plan},
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

impl FromStr for KeyKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::User, Self::System]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a kind of key: user or system"))
    }
}

/// What a user key is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Environment {
    /// Production.
    #[default]
    Live,
    /// Tests: a server may refuse such keys.
    Test,
}

impl Environment {
    /// Returns the wire form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

impl FromStr for Environment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Live, Self::Test]
            .into_iter()
            .find(|environment| environment.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not an environment: live or test"))
    }
}

/// Whether a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStatus {
    /// It works.
    Active,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl KeyStatus {
    /// Returns the wire form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl FromStr for KeyStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Active, Self::Expired, Self::Revoked]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a status: active, expired or revoked"))
    }
}

/// The id of a key on the documented wire: `key_` and a random text, which says nothing of how many keys there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKeyId(pub String);

impl PublicKeyId {
    const PREFIX: &str = "key_";

    /// Makes a new id.
    #[must_use]
    pub fn generate() -> Self {
        Self(super::secret::random_id())
    }

    /// Reads the wire form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let random = text.strip_prefix(Self::PREFIX)?;
        let is_id = (1..=64).contains(&random.len()) && random.bytes().all(|b| b.is_ascii_alphanumeric());
        is_id.then(|| Self(random.to_owned()))
    }
}

impl std::fmt::Display for PublicKeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.0)
    }
}

/// The secret before the last rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviousSecret {
    /// The form that lists show.
    pub masked: String,
    /// First instant at which it is refused.
    pub expires_at: UnixNanos,
}

/// An API key as stored: never its plain text.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Row id.
    pub id: ApiKeyId,
    /// Id on the documented wire.
    pub public_id: PublicKeyId,
    /// Whom it acts for.
    pub kind: KeyKind,
    /// What it is for.
    pub environment: Environment,
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
    /// Plan, if the key has one of its own.
    pub plan: Option<Plan>,
    /// Limits of its own, which go before those of the plan.
    pub limits: KeyLimits,
    /// When it was made.
    pub created_at: UnixNanos,
    /// First instant at which it is refused.
    pub expires_at: Option<UnixNanos>,
    /// When it was revoked.
    pub revoked_at: Option<UnixNanos>,
    /// When it was last used.
    pub last_used_at: Option<UnixNanos>,
    /// The secret before the last rotation.
    pub previous: Option<PreviousSecret>,
}

impl ApiKey {
    /// Whether the key works.
    #[must_use]
    pub fn status(&self, now: UnixNanos) -> KeyStatus {
        if self.revoked_at.is_some() {
            KeyStatus::Revoked
        } else if self.expires_at.is_some_and(|at| at <= now) {
            KeyStatus::Expired
        } else {
            KeyStatus::Active
        }
    }
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
    /// What it is for.
    pub environment: Environment,
    /// Plan of its own.
    pub plan: Option<Plan>,
    /// Limits of its own.
    pub limits: KeyLimits,
}

impl NewApiKey {
    /// Returns a key that nothing but its role narrows.
    #[must_use]
    pub fn new(name: impl Into<String>, role: Role) -> Self {
        Self {
            name: name.into(),
            description: None,
            expires_at: None,
            role,
            scopes: None,
            projects: Projects::All,
            environment: Environment::Live,
            plan: None,
            limits: KeyLimits::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_id_is_read_back_and_nothing_else_is() {
        let id = PublicKeyId::generate();
        assert_eq!(PublicKeyId::parse(&id.to_string()), Some(id));
        for bad in ["", "key_", "key_a-b", "abc", "KEY_abc", "key_a b"] {
            assert_eq!(PublicKeyId::parse(bad), None, "{bad}");
        }
    }
}
