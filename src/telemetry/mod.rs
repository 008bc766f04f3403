//! The log: one tracing subscriber that writes to standard error, as text or as JSON lines. Holds
//! no metrics (`metrics`) and decides no level itself: `config::TelemetryConfig` says them. Serves
//! `cli`.

pub mod metrics;
pub mod traces;

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::config::{LogLevel, LoggingMode, TelemetryConfig};

/// Why the log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The filter of `RUST_LOG` does not parse.
    #[error("RUST_LOG: {0}")]
    Filter(#[from] ParseError),
    /// The process has a subscriber already.
    #[error("the log is set up already: {0}")]
    Twice(#[from] TryInitError),
}

/// Sets up the log of this process; works once.
pub fn init(config: &TelemetryConfig) -> Result<(), InitError> {
    let filter = EnvFilter::builder().parse(directives(config))?;
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    match config.logging_mode {
        LoggingMode::Default => {
            let ansi = std::io::stderr().is_terminal();
            registry.with(layer.compact().with_ansi(ansi)).try_init()?;
        }
        LoggingMode::Structured => {
            registry.with(layer.json().flatten_event(true).with_span_list(false)).try_init()?;
        }
    }
    Ok(())
}

/// Returns the filter in the syntax of `EnvFilter`.
fn directives(config: &TelemetryConfig) -> String {
    if let Some(filter) = &config.rust_log {
        return filter.clone();
    }
    // Below INFO, other crates (h2, hyper, rustls) write many lines a request.
    let others = tracing_level(config.level.max(LogLevel::Info));
    let own = tracing_level(config.level);
    let driver = tracing_level(config.db_level);
    let mut filter = format!("{others},{}={own},sqlx={driver}", env!("CARGO_CRATE_NAME"));
    if config.log_sql {
        // sqlx writes statements at DEBUG.
        filter.push_str(",sqlx::query=debug");
    }
    filter
}

fn tracing_level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warning => "warn",
        LogLevel::Error | LogLevel::Critical => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::config;

    fn filter_of(args: &[&str]) -> String {
        let filter = directives(&config(args).telemetry);
        assert!(EnvFilter::builder().parse(&filter).is_ok(), "{filter}");
        filter
    }

    #[test]
    fn the_peers_levels_become_a_filter() {
        assert_eq!(filter_of(&[]), "info,phoenix_server=info,sqlx=warn");
        assert_eq!(filter_of(&["--logging-level", "debug"]), "info,phoenix_server=debug,sqlx=warn");
        assert_eq!(filter_of(&["--logging-level", "critical"]), "error,phoenix_server=error,sqlx=warn");
        assert_eq!(
            filter_of(&["--db-logging-level", "info", "--log-sql", "true"]),
            "info,phoenix_server=info,sqlx=info,sqlx::query=debug"
        );
    }

    #[test]
    fn rust_log_replaces_the_levels() {
        assert_eq!(filter_of(&["--log-filter", "trace", "--logging-level", "error"]), "trace");
    }
}
