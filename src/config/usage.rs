//! How much callers may ask, and what is remembered of what they did. Holds no limits of one
//! request (`http`); serves `app`, which hands the values to `auth`, `usage` and `jobs`.

use std::path::PathBuf;
use std::time::Duration;

use clap::ArgAction;

use super::{Optional, boolean, path, value, whole};
use crate::domain::plan::{KeyLimits, Plan};

/// Plans, limits, access log.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Limits and access log")]
pub struct UsageConfig {
    /// Plan of API keys: `free` (100 trace requests and 60 other requests a minute, 5 at once), `pro`
    /// (1,000, 300, 20) or `enterprise` (no limits).
    #[arg(
        long,
        env = "PHOENIX_DEFAULT_PLAN",
        default_value = "enterprise",
        value_name = "free|pro|enterprise",
        value_parser = value(plan)
    )]
    pub default_plan: Plan,

    /// Trace requests (OTLP over HTTP and gRPC) a minute of one API key, instead of the plan's; on
    /// Postgres over all servers of a database.
    #[arg(
        long,
        env = "PHOENIX_RATE_LIMIT_INGEST_PER_MINUTE",
        default_value = "",
        hide_default_value = true,
        value_parser = value(limit)
    )]
    pub rate_limit_ingest_per_minute: Optional<u32>,

    /// Other requests a minute of one API key, instead of the plan's; on Postgres over all servers of
    /// a database.
    #[arg(
        long,
        env = "PHOENIX_RATE_LIMIT_API_PER_MINUTE",
        default_value = "",
        hide_default_value = true,
        value_parser = value(limit)
    )]
    pub rate_limit_api_per_minute: Optional<u32>,

    /// Requests of one API key at once, instead of the plan's; counted by each server for itself.
    #[arg(
        long,
        env = "PHOENIX_RATE_LIMIT_CONCURRENT",
        default_value = "",
        hide_default_value = true,
        value_parser = value(limit)
    )]
    pub rate_limit_concurrent: Optional<u32>,

    /// Holds each user's login sessions, and the admin secret, to the same limits as an API key.
    #[arg(
        id = "rate_limit_sessions",
        long = "rate-limit-sessions",
        env = "PHOENIX_RATE_LIMIT_SESSIONS",
        default_value = "false",
        value_parser = value(boolean),
        action = ArgAction::Set,
        value_name = "true|false"
    )]
    pub rate_limit_sessions: bool,

    /// Counts what each API key is used for; without it there is no usage, no last use, and no alert that needs them.
    #[arg(
        id = "api_key_usage",
        long = "api-key-usage",
        env = "PHOENIX_API_KEY_USAGE",
        default_value = "true",
        value_parser = value(boolean),
        action = ArgAction::Set,
        value_name = "true|false"
    )]
    pub api_key_usage: bool,

    /// Days that the access log is kept; with 0 there is none, and what was kept is removed.
    #[arg(
        long,
        env = "PHOENIX_ACCESS_LOG_RETENTION_DAYS",
        default_value = "30",
        value_parser = value(|v| whole(v, 0..=36_500_u32))
    )]
    pub access_log_retention_days: u32,

    /// Days that the audit log is kept; when unset, for ever.
    #[arg(
        long,
        env = "PHOENIX_AUDIT_LOG_RETENTION_DAYS",
        default_value = "",
        hide_default_value = true,
        value_parser = value(days)
    )]
    pub audit_log_retention_days: Optional<u32>,

    /// Database of countries in MaxMind's format (such as GeoLite2-Country.mmdb), for the geography of
    /// API keys. Read at start; nothing is asked of other hosts.
    #[arg(
        long,
        env = "PHOENIX_GEOIP_DATABASE",
        default_value = "",
        hide_default_value = true,
        value_parser = value(path)
    )]
    pub geoip_database: Optional<PathBuf>,
}

impl UsageConfig {
    /// Returns the limits of an API key that has none of its own.
    #[must_use]
    pub fn limits(&self) -> KeyLimits {
        let plan = self.default_plan.limits();
        KeyLimits {
            ingest_per_minute: self.rate_limit_ingest_per_minute.or(plan.ingest_per_minute),
            api_per_minute: self.rate_limit_api_per_minute.or(plan.api_per_minute),
            concurrent: self.rate_limit_concurrent.or(plan.concurrent),
        }
    }

    /// Returns how long the access log is kept; zero when there is none.
    #[must_use]
    pub fn access_log_retention(&self) -> Duration {
        Duration::from_hours(24) * self.access_log_retention_days
    }

    /// Returns how long the audit log is kept, unless for ever.
    #[must_use]
    pub fn audit_log_retention(&self) -> Option<Duration> {
        self.audit_log_retention_days.map(|days| Duration::from_hours(24) * days)
    }
}

fn days(given: &str) -> Result<Option<u32>, String> {
    if given.is_empty() { Ok(None) } else { whole(given, 1..=36_500).map(Some) }
}

fn plan(given: &str) -> Result<Plan, String> {
    let name = if given.is_empty() { "enterprise".to_owned() } else { given.to_ascii_lowercase() };
    name.parse()
}

fn limit(given: &str) -> Result<Option<u32>, String> {
    if given.is_empty() { Ok(None) } else { whole(given, 1..=1_000_000_000).map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{config, refusal};

    #[test]
    fn nothing_is_limited_unless_asked_for() {
        let usage = config(&[]).usage;
        assert_eq!(usage.limits(), KeyLimits::default());
        assert_eq!(usage.access_log_retention(), Duration::from_hours(720));
        let usage = config(&["--default-plan", "Pro", "--rate-limit-concurrent", "7"]).usage;
        let pro = Plan::Pro.limits();
        assert_eq!(usage.limits(), KeyLimits { concurrent: Some(7), ..pro });
        assert_eq!(usage.audit_log_retention(), None);
        let usage = config(&["--audit-log-retention-days", "2"]).usage;
        assert_eq!(usage.audit_log_retention(), Some(Duration::from_hours(48)));
        for bad in [
            "--audit-log-retention-days=0",
            "--default-plan=gold",
            "--rate-limit-api-per-minute=0",
            "--access-log-retention-days=-1",
        ] {
            let line = refusal(&[bad]);
            assert!(line.contains("PHOENIX_") && line.contains("allowed"), "{line}");
        }
    }
}
