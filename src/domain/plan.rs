//! Plans, and the limits that come with them.

use std::{fmt, str::FromStr};

/// A plan: a name for a set of limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// 100 trace requests and 60 other requests a minute, 5 at once.
    Free,
    /// 1,000 trace requests and 300 other requests a minute, 20 at once.
    Pro,
    /// No limits.
    Enterprise,
}

/// What one caller may ask of the server; `None` is without limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyLimits {
    /// Trace requests a minute.
    pub ingest_per_minute: Option<u32>,
    /// Other requests a minute.
    pub api_per_minute: Option<u32>,
    /// Requests at once.
    pub concurrent: Option<u32>,
}

impl Plan {
    /// Returns the form that is stored and configured.
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

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Free, Self::Pro, Self::Enterprise]
            .into_iter()
            .find(|plan| plan.as_str() == text)
            .ok_or_else(|| format!("unknown plan {text}; allowed: free, pro, enterprise"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_survive_their_text() {
        for plan in [Plan::Free, Plan::Pro, Plan::Enterprise] {
            assert_eq!(plan.to_string().parse(), Ok(plan));
        }
        assert!("gold".parse::<Plan>().is_err());
        assert_eq!(Plan::Enterprise.limits(), KeyLimits::default());
    }
}
