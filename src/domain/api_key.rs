//! API keys.

use std::str::FromStr;

use super::{
    id::{ApiKeyId, GlobalId, UserId},
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

/// The id of a key on the documented wire: `key_` and sixteen hexadecimal digits, made of the row id by a permutation of
/// all 64-bit numbers. It says nothing to the eye of how many keys there are, and needs neither a column nor a look-up,
/// so that whatever knows a row id, such as a log, can show it. It hides nothing from who reads this file, nor need it:
/// the peer's global ids show the row id as it is.
mod public {
    const ODD: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93];

    /// Returns the number by which multiplication with an odd number is undone, modulo 2^64 (Newton's iteration).
    const fn inverse(odd: u64) -> u64 {
        let mut x = odd;
        let mut round = 0;
        while round < 6 {
            x = x.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(x)));
            round += 1;
        }
        x
    }

    pub(super) const fn mix(id: u64) -> u64 {
        let x = (id ^ id >> 32).wrapping_mul(ODD[0]);
        let x = (x ^ x >> 32).wrapping_mul(ODD[1]);
        x ^ x >> 32
    }

    pub(super) const fn unmix(x: u64) -> u64 {
        let x = (x ^ x >> 32).wrapping_mul(inverse(ODD[1]));
        let x = (x ^ x >> 32).wrapping_mul(inverse(ODD[0]));
        x ^ x >> 32
    }
}

impl ApiKeyId {
    const PREFIX: &str = "key_";

    /// Returns the form of the documented wire.
    #[must_use]
    pub fn to_public(self) -> String {
        format!("{}{:016x}", Self::PREFIX, public::mix(self.0.cast_unsigned()))
    }

    /// Reads the form of the documented wire, or the global id of either kind of key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let global = |kind: KeyKind| GlobalId::decode_as(text, kind.type_name());
        let Some(digits) = text.strip_prefix(Self::PREFIX) else {
            return [KeyKind::User, KeyKind::System].into_iter().find_map(global).map(Self);
        };
        let mut mixed = [0; 8];
        hex::decode_to_slice(digits, &mut mixed).ok()?;
        let id = Self(public::unmix(u64::from_be_bytes(mixed)).cast_signed());
        // One id has one form.
        (id.to_public() == text).then_some(id)
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
    fn an_id_is_read_back_from_both_its_forms_and_from_nothing_else() {
        for id in [ApiKeyId(1), ApiKeyId(2), ApiKeyId(i64::MAX), ApiKeyId(-1)] {
            assert_eq!(ApiKeyId::parse(&id.to_public()), Some(id));
        }
        assert_ne!(ApiKeyId(1).to_public()[..12], ApiKeyId(2).to_public()[..12]);
        assert_eq!(ApiKeyId::parse(&GlobalId::encode("SystemApiKey", 7)), Some(ApiKeyId(7)));
        assert_eq!(ApiKeyId::parse(&GlobalId::encode("User", 7)), None);
        let upper = ApiKeyId(1).to_public().to_uppercase().replace("KEY_", "key_");
        for bad in ["", "key_", "key_1", "1", "abc", "key_zzzzzzzzzzzzzzzz", &upper] {
            assert_eq!(ApiKeyId::parse(bad), None, "{bad}");
        }
    }
}
