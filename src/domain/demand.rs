//! What an operation demands of its caller, as a value: the markers of [`scope`](super::scope) say it as types, and
//! documents and tables show it.

use super::scope::{Access, Scope};

/// By what kind of credential an operation may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callers {
    /// By any.
    Any,
    /// By login session alone; the sentence is for everybody else.
    People(&'static str),
    /// By login session, or by the admin secret: by no key. The sentence is for keys.
    NoKeys(&'static str),
    /// By login session, or by anything that holds the scope `admin`.
    PeopleOrAdmin,
    /// By any but a system key without the scope `admin`, which has no user to speak for. The sentence is for such keys.
    NoPlainSystemKeys(&'static str),
}

impl Callers {
    /// Returns the rule as documents show it; nothing where there is none.
    #[must_use]
    pub const fn describe(self) -> Option<&'static str> {
        match self {
            Self::Any => None,
            Self::People(_) => Some("by login"),
            Self::NoKeys(_) => Some("by login or admin secret"),
            Self::PeopleOrAdmin => Some("by login, or with the scope admin"),
            Self::NoPlainSystemKeys(_) => Some("by no system key without the scope admin"),
        }
    }
}

/// What an operation demands of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Whether any credential is needed.
    pub signed_in: bool,
    /// The scope that the caller must hold, if any.
    pub scope: Option<Scope>,
    /// Whether the role of ADMIN is needed beside the scope.
    pub admin_role: bool,
    /// Whether a session that still has to change its password may pass.
    pub during_password_reset: bool,
    /// By what kind of credential.
    pub callers: Callers,
}

impl Demand {
    /// Returns what a marker demands.
    #[must_use]
    pub const fn of<S: Access>() -> Self {
        Self {
            signed_in: S::SIGNED_IN,
            scope: S::SCOPE,
            admin_role: S::ADMIN_ROLE,
            during_password_reset: S::DURING_PASSWORD_RESET,
            callers: S::CALLERS,
        }
    }

    /// Returns the one line that tables show.
    #[must_use]
    pub fn describe(self) -> String {
        let what = match (self.signed_in, self.scope) {
            (false, _) => "public",
            (true, None) => "any credential",
            (true, Some(scope)) => scope.as_str(),
        };
        let role = if self.admin_role { " as ADMIN" } else { "" };
        match (self.callers.describe(), self.scope) {
            (None, _) => format!("{what}{role}"),
            (Some(callers), None) => callers.to_owned(),
            (Some(callers), Some(_)) => format!("{what}{role}, {callers}"),
        }
    }
}
