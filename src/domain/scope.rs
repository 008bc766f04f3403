//! Roles and scopes, and what a handler may demand of its caller.
//!
//! A scope is a value ([`Scope`]) where it is stored or shown, and a type (the markers) where it is demanded: a
//! service function that takes `&Cx<TracesRead>` cannot be called without the proof. Effective right = role AND
//! scopes AND projects.

use std::{fmt, str::FromStr};

use super::demand::Callers;

/// The role of a user or of a system key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The server itself; as the role of a key it has a member's rights.
    System,
    /// Everything, users and settings included.
    Admin,
    /// Reads and writes observed data.
    Member,
    /// Reads.
    Viewer,
}

impl Role {
    /// Every role, in the order of their row ids (1 to 4).
    pub const ALL: [Self; 4] = [Self::System, Self::Admin, Self::Member, Self::Viewer];

    /// Returns the wire form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "SYSTEM",
            Self::Admin => "ADMIN",
            Self::Member => "MEMBER",
            Self::Viewer => "VIEWER",
        }
    }

    /// Returns the scopes that the role holds.
    #[must_use]
    pub const fn scopes(self) -> ScopeSet {
        match self {
            Self::Admin => ScopeSet::ALL,
            Self::System | Self::Member => ScopeSet::ALL.without(Scope::Admin),
            Self::Viewer => ScopeSet::READ_ONLY,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| format!("`{text}` is not a role: ADMIN, MEMBER or VIEWER"))
    }
}

/// What a handler demands of its caller. Implemented by the markers of this module only.
pub trait Access: Send + Sync + 'static {
    /// The scope that the caller must hold, if any.
    const SCOPE: Option<Scope>;
    /// Whether any credential is needed.
    const SIGNED_IN: bool = true;
    /// Whether the role of ADMIN is needed beside the scope.
    const ADMIN_ROLE: bool = false;
    /// Whether a session that still has to change its password may pass.
    const DURING_PASSWORD_RESET: bool = false;
    /// By what kind of credential.
    const CALLERS: Callers = Callers::Any;
}

macro_rules! scopes {
    ($($(#[$doc:meta])* $marker:ident = $text:literal),* $(,)?) => {
        /// One right that a credential may carry (OAuth 2, RFC 6749 section 3.3).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Scope { $($(#[$doc])* $marker),* }

        impl Scope {
            /// Every scope.
            pub const ALL: &'static [Self] = &[$(Self::$marker),*];

            /// Returns the wire form.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$marker => $text),* }
            }
        }

        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub struct $marker;
            impl Access for $marker {
                const SCOPE: Option<Scope> = Some(Scope::$marker);
            }
        )*
    };
}

scopes! {
    /// Read traces, spans, sessions and annotations.
    TracesRead = "traces:read",
    /// Send traces; write annotations.
    TracesWrite = "traces:write",
    /// List and read projects.
    ProjectsRead = "projects:read",
    /// Create and modify projects.
    ProjectsWrite = "projects:write",
    /// Read datasets and examples.
    DatasetsRead = "datasets:read",
    /// Create and modify datasets.
    DatasetsWrite = "datasets:write",
    /// Read experiment results.
    ExperimentsRead = "experiments:read",
    /// Run experiments and evaluations.
    ExperimentsWrite = "experiments:write",
    /// Read prompts.
    PromptsRead = "prompts:read",
    /// Create and modify prompts.
    PromptsWrite = "prompts:write",
    /// Users, keys, secrets, settings; holds every other scope.
    Admin = "admin",
}

/// Anyone, credentials or not. Written out, never implied.
#[derive(Clone, Copy, Debug)]
pub struct Public;
impl Access for Public {
    const SCOPE: Option<Scope> = None;
    const SIGNED_IN: bool = false;
    const DURING_PASSWORD_RESET: bool = true;
}

/// Any valid credential, whatever its scopes.
#[derive(Clone, Copy, Debug)]
pub struct SignedIn;
impl Access for SignedIn {
    const SCOPE: Option<Scope> = None;
}

/// The caller's own account: open to a session that must still change its password.
#[derive(Clone, Copy, Debug)]
pub struct OwnAccount;
impl Access for OwnAccount {
    const SCOPE: Option<Scope> = None;
    const DURING_PASSWORD_RESET: bool = true;
}

/// Rename, describe and delete projects: `projects:write` in the hand of an ADMIN.
#[derive(Clone, Copy, Debug)]
pub struct ProjectsManage;
impl Access for ProjectsManage {
    const SCOPE: Option<Scope> = Some(Scope::ProjectsWrite);
    const ADMIN_ROLE: bool = true;
}

/// Change the caller's own account.
#[derive(Clone, Copy, Debug)]
pub struct OwnAccountWrite;
impl Access for OwnAccountWrite {
    const SCOPE: Option<Scope> = None;
    const DURING_PASSWORD_RESET: bool = true;
    const CALLERS: Callers = Callers::People("Only a logged-in user can change their account");
}

/// Make keys that act for the caller, at the peer's doors.
#[derive(Clone, Copy, Debug)]
pub struct OwnKeysCreate;
impl Access for OwnKeysCreate {
    const SCOPE: Option<Scope> = None;
    const CALLERS: Callers = Callers::People(NO_KEYS_BY_KEYS);
}

/// Make system keys, at the peer's doors.
#[derive(Clone, Copy, Debug)]
pub struct SystemKeysCreate;
impl Access for SystemKeysCreate {
    const SCOPE: Option<Scope> = Some(Scope::Admin);
    const CALLERS: Callers = Callers::NoKeys(NO_KEYS_BY_KEYS);
}

/// Make, change and rotate keys, at the documented doors.
#[derive(Clone, Copy, Debug)]
pub struct KeysWrite;
impl Access for KeysWrite {
    const SCOPE: Option<Scope> = None;
    const CALLERS: Callers = Callers::PeopleOrAdmin;
}

/// Revoke user keys, at the peer's doors.
#[derive(Clone, Copy, Debug)]
pub struct UserKeysRevoke;
impl Access for UserKeysRevoke {
    const SCOPE: Option<Scope> = None;
    const CALLERS: Callers =
        Callers::NoPlainSystemKeys("System API keys must be managed through the /system/api_keys endpoints.");
}

const NO_KEYS_BY_KEYS: &str = "API keys cannot create API keys";

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if matches!(text, "admin:*" | "admin:all") {
            return Ok(Self::Admin);
        }
        Self::ALL.iter().copied().find(|scope| scope.as_str() == text).ok_or_else(|| format!("`{text}` is not a scope"))
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ScopeSet(u16);

impl ScopeSet {
    /// No scope at all.
    pub const NONE: Self = Self(0);
    /// Every scope.
    pub const ALL: Self = Self(0b111_1111_1111);
    /// The preset `read-only`.
    pub const READ_ONLY: Self = Self::NONE
        .with(Scope::TracesRead)
        .with(Scope::ProjectsRead)
        .with(Scope::DatasetsRead)
        .with(Scope::ExperimentsRead)
        .with(Scope::PromptsRead);

    /// The preset `read-write`: everything but `admin`.
    pub const READ_WRITE: Self = Self::ALL.without(Scope::Admin);

    /// Returns the scopes of a preset: `read-only`, `read-write` or `admin`.
    pub fn preset(name: &str) -> Result<Self, String> {
        match name {
            "read-only" => Ok(Self::READ_ONLY),
            "read-write" => Ok(Self::READ_WRITE),
            "admin" => Ok(Self::NONE.with(Scope::Admin)),
            _ => Err(format!("`{name}` is not a preset: read-only, read-write or admin")),
        }
    }

    /// Returns the set with one more scope.
    #[must_use]
    pub const fn with(self, scope: Scope) -> Self {
        Self(self.0 | 1 << scope as u16)
    }

    /// Returns the set without a scope.
    #[must_use]
    pub const fn without(self, scope: Scope) -> Self {
        Self(self.0 & !(1 << scope as u16))
    }

    /// Whether the scope is held; `admin` holds every other.
    #[must_use]
    pub const fn holds(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u16 | 1 << Scope::Admin as u16) != 0
    }

    /// Returns a scope that is in this set and that the other does not hold.
    #[must_use]
    pub fn beyond(self, other: Self) -> Option<Scope> {
        self.iter().find(|scope| !other.holds(*scope))
    }

    /// Returns what both sets hold; `admin` on one side gives the other side's scopes.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        Self(self.closed().0 & other.closed().0)
    }

    /// Returns the scopes in their fixed order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.iter().copied().filter(move |s| self.0 & 1 << *s as u16 != 0)
    }

    /// Returns the space-separated form of RFC 6749.
    #[must_use]
    pub fn to_text(self) -> String {
        self.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ")
    }

    /// Reads the space-separated form.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.split_ascii_whitespace().map(str::parse).collect()
    }

    const fn closed(self) -> Self {
        if self.0 & 1 << Scope::Admin as u16 != 0 { Self::ALL } else { self }
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        scopes.into_iter().fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_set_is_every_scope() {
        assert_eq!(ScopeSet::ALL, Scope::ALL.iter().copied().collect());
        assert_eq!(ScopeSet::parse(&ScopeSet::ALL.to_text()), Ok(ScopeSet::ALL));
    }

    #[test]
    fn a_scope_never_widens_a_role() {
        let admin_key = ScopeSet::NONE.with(Scope::Admin);
        assert!(admin_key.holds(Scope::TracesWrite));
        assert!(!admin_key.meet(Role::Viewer.scopes()).holds(Scope::TracesWrite));
        assert!(!admin_key.meet(Role::Member.scopes()).holds(Scope::Admin));
        assert!(admin_key.meet(Role::Admin.scopes()).holds(Scope::Admin));
        assert_eq!(ScopeSet::NONE.meet(ScopeSet::ALL), ScopeSet::NONE);
    }
}
