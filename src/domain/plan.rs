//! Plans, and what they allow.

use std::str::FromStr;

/// A plan: a name for a set of limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// For trying out.
    Free,
    /// For teams.
    Pro,
    /// Without limits.
    Enterprise,
}

impl Plan {
    /// Every plan.
    pub const ALL: [Self; 3] = [Self::Free, Self::Pro, Self::Enterprise];

    /// Returns the wire form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Pro => "pro",
            Self::Enterprise => "enterprise",
        }
    }

    /// Returns the limits of the plan.
    #[must_use]
    pub const fn limits(self) -> KeyLimits {
        match self {
            Self::Free => KeyLimits { ingest_per_minute: Some(100), api_per_minute: Some(60), concurrent: Some(5) },
            Self::Pro => KeyLimits { ingest_per_minute: Some(1_000), api_per_minute: Some(300), concurrent: Some(20) },
            Self::Enterprise => KeyLimits { ingest_per_minute: None, api_per_minute: None, concurrent: None },
        }
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|plan| plan.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a plan: free, pro or enterprise"))
    }
}

/// What a key may do in a time; `None` = any number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyLimits {
    /// Requests that send traces, a minute.
    pub ingest_per_minute: Option<u32>,
    /// Every other request, a minute.
    pub api_per_minute: Option<u32>,
    /// Requests under way at once.
    pub concurrent: Option<u32>,
}
