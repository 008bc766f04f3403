//! What the server tells about itself: log format and levels, metrics, its own traces, analytics of
//! the web UI. Serves `telemetry::init` and `app`.

use std::fmt;

use ::http::{HeaderMap, HeaderName, HeaderValue};
use clap::ArgAction;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret as _, SecretString};
use tracing_subscriber::EnvFilter;
use url::Url;

use super::{ConfigError, Optional, Secret, boolean, http, shown, text, value, web_url};

/// Logs, metrics and analytics.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Logging and telemetry")]
pub struct TelemetryConfig {
    /// Form of the log on standard error: `default` for people, `structured` for one JSON object a
    /// line.
    #[arg(
        long,
        env = "PHOENIX_LOGGING_MODE",
        default_value = "default",
        value_parser = value(logging_mode)
    )]
    pub logging_mode: LoggingMode,

    /// Least severe level that is logged: `debug`, `info`, `warning`, `error` or `critical`.
    #[arg(
        id = "logging_level",
        value_name = "LOGGING_LEVEL",
        long = "logging-level",
        env = "PHOENIX_LOGGING_LEVEL",
        default_value = "info",
        value_parser = value(|v| log_level(v, LogLevel::Info))
    )]
    pub level: LogLevel,

    /// Least severe level that is logged of the database driver.
    #[arg(
        id = "db_logging_level",
        value_name = "DB_LOGGING_LEVEL",
        long = "db-logging-level",
        env = "PHOENIX_DB_LOGGING_LEVEL",
        default_value = "warning",
        value_parser = value(|v| log_level(v, LogLevel::Warning))
    )]
    pub db_level: LogLevel,

    /// Logs every SQL statement.
    #[arg(
        long,
        env = "PHOENIX_LOG_SQL",
        default_value = "false",
        value_parser = value(boolean),
        action = ArgAction::Set,
        value_name = "true|false"
    )]
    pub log_sql: bool,

    /// Log filter in the syntax of tracing's `EnvFilter`, such as `info,phoenix_server=debug`;
    /// replaces both levels.
    #[arg(
        id = "log_filter",
        value_name = "LOG_FILTER",
        long = "log-filter",
        env = "RUST_LOG",
        default_value = "",
        hide_default_value = true,
        value_parser = value(filter)
    )]
    pub rust_log: Optional<String>,

    /// Serves Prometheus metrics at `/metrics` on a listener of their own, without credentials.
    #[arg(
        long,
        env = "PHOENIX_ENABLE_PROMETHEUS",
        default_value = "false",
        value_parser = value(boolean),
        action = ArgAction::Set,
        value_name = "true|false"
    )]
    pub enable_prometheus: bool,

    /// Port of the listener of Prometheus metrics; it binds the address of `PHOENIX_HOST`.
    #[arg(
        long,
        env = "PHOENIX_PROMETHEUS_PORT",
        default_value = "9090",
        value_parser = value(|v| http::port(if v.is_empty() { "9090" } else { v }))
    )]
    pub prometheus_port: u16,

    /// Lets the web UI load the analytics that the next two variables configure.
    #[arg(
        long,
        env = "PHOENIX_TELEMETRY_ENABLED",
        default_value = "true",
        value_parser = value(boolean),
        action = ArgAction::Set,
        value_name = "true|false"
    )]
    pub telemetry_enabled: bool,

    /// `FullStory` organisation that the web UI reports to.
    #[arg(
        long,
        env = "PHOENIX_FULLSTORY_ORG",
        default_value = "",
        hide_default_value = true,
        value_parser = value(text)
    )]
    pub fullstory_org: Optional<String>,

    /// Scarf pixel that the web UI loads; unset means none.
    #[arg(
        long,
        env = "PHOENIX_SCARF_SH_PIXEL_ID",
        default_value = "",
        hide_default_value = true,
        value_parser = value(text)
    )]
    pub scarf_sh_pixel_id: Optional<String>,

    /// OTLP/HTTP endpoint for the server's own traces; an origin alone stands for its `/v1/traces`.
    #[arg(
        id = "server_instrumentation_otlp_trace_collector_http_endpoint",
        value_name = "URL",
        long = "server-instrumentation-otlp-trace-collector-http-endpoint",
        env = "PHOENIX_SERVER_INSTRUMENTATION_OTLP_TRACE_COLLECTOR_HTTP_ENDPOINT",
        default_value = "",
        hide_default_value = true,
        hide_env_values = true,
        value_parser = value(web_url)
    )]
    pub trace_collector_http_endpoint: Optional<Url>,

    /// OTLP/gRPC endpoint for the server's own traces.
    #[arg(
        id = "server_instrumentation_otlp_trace_collector_grpc_endpoint",
        value_name = "URL",
        long = "server-instrumentation-otlp-trace-collector-grpc-endpoint",
        env = "PHOENIX_SERVER_INSTRUMENTATION_OTLP_TRACE_COLLECTOR_GRPC_ENDPOINT",
        default_value = "",
        hide_default_value = true,
        hide_env_values = true,
        value_parser = value(web_url)
    )]
    pub trace_collector_grpc_endpoint: Optional<Url>,

    /// Headers of what is sent to those endpoints, as `name=value` with percent-encoded values, comma-separated, such as
    /// `authorization=Bearer%20KEY`.
    #[arg(
        id = "server_instrumentation_otlp_headers",
        value_name = "HEADERS",
        long = "server-instrumentation-otlp-headers",
        env = "PHOENIX_SERVER_INSTRUMENTATION_OTLP_HEADERS",
        default_value = "",
        hide_default_value = true,
        hide_env_values = true,
        hide = true,
        value_parser = Secret
    )]
    pub trace_collector_headers: Optional<SecretString>,

    /// OTLP/HTTP endpoint for the server's own logs.
    #[arg(
        id = "server_instrumentation_otlp_log_collector_http_endpoint",
        value_name = "URL",
        long = "server-instrumentation-otlp-log-collector-http-endpoint",
        env = "PHOENIX_SERVER_INSTRUMENTATION_OTLP_LOG_COLLECTOR_HTTP_ENDPOINT",
        default_value = "",
        hide_default_value = true,
        hide_env_values = true,
        value_parser = value(text)
    )]
    pub log_collector_http_endpoint: Optional<String>,

    /// OTLP/gRPC endpoint for the server's own logs.
    #[arg(
        id = "server_instrumentation_otlp_log_collector_grpc_endpoint",
        value_name = "URL",
        long = "server-instrumentation-otlp-log-collector-grpc-endpoint",
        env = "PHOENIX_SERVER_INSTRUMENTATION_OTLP_LOG_COLLECTOR_GRPC_ENDPOINT",
        default_value = "",
        hide_default_value = true,
        hide_env_values = true,
        value_parser = value(text)
    )]
    pub log_collector_grpc_endpoint: Optional<String>,
}

const HEADERS: &str = "PHOENIX_SERVER_INSTRUMENTATION_OTLP_HEADERS";

impl TelemetryConfig {
    /// Checks what no parser of one value can.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        self.collector_headers().map(|_| ())
    }

    /// Returns the headers of what is sent to collectors.
    pub fn collector_headers(&self) -> Result<HeaderMap, ConfigError> {
        let mut headers = HeaderMap::new();
        let Some(given) = &self.trace_collector_headers else { return Ok(headers) };
        for pair in given.expose_secret().split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            // The value is never repeated: most likely it is a credential.
            let problem = || ConfigError::new(HEADERS, "not headers; allowed: `name=value` pairs, comma-separated");
            let (name, value) = pair.split_once('=').ok_or_else(problem)?;
            let value = percent_decode_str(value.trim()).decode_utf8().map_err(|_| problem())?;
            let name: HeaderName = name.trim().to_ascii_lowercase().parse().map_err(|_| problem())?;
            let mut value = HeaderValue::from_str(&value).map_err(|_| problem())?;
            value.set_sensitive(true);
            headers.append(name, value);
        }
        Ok(headers)
    }
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoggingMode {
    /// One line of text an event, for people.
    Default,
    /// One JSON object an event, for machines.
    Structured,
}

/// Severity under the peer's names, from the least to the most severe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Details for whoever looks into a fault.
    Debug,
    /// What the server does.
    Info,
    /// What an operator should look at.
    Warning,
    /// What failed.
    Error,
    /// What stops the server; the log has no such level of its own and writes `ERROR`.
    Critical,
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        })
    }
}

fn logging_mode(given: &str) -> Result<LoggingMode, String> {
    match given.to_ascii_lowercase().as_str() {
        "" | "default" => Ok(LoggingMode::Default),
        "structured" => Ok(LoggingMode::Structured),
        _ => Err(format!("{} is not a logging mode; allowed: `default` or `structured`", shown(given))),
    }
}

fn log_level(given: &str, default: LogLevel) -> Result<LogLevel, String> {
    match given.to_ascii_lowercase().as_str() {
        "" => Ok(default),
        "debug" => Ok(LogLevel::Debug),
        "info" => Ok(LogLevel::Info),
        "warning" | "warn" => Ok(LogLevel::Warning),
        "error" => Ok(LogLevel::Error),
        "critical" | "fatal" => Ok(LogLevel::Critical),
        _ => {
            Err(format!("{} is not a level; allowed: `debug`, `info`, `warning`, `error` or `critical`", shown(given)))
        }
    }
}

fn filter(given: &str) -> Result<Option<String>, String> {
    match EnvFilter::builder().parse(given) {
        Ok(_) => text(given),
        Err(err) => Err(format!(
            "{} is not a log filter ({err}); allowed: directives such as `info,phoenix_server=debug`",
            shown(given)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{config, refusal};

    #[test]
    fn levels_and_modes_come_in_any_case() {
        for (name, level) in [
            ("DEBUG", LogLevel::Debug),
            (" info ", LogLevel::Info),
            ("", LogLevel::Info),
            ("Warn", LogLevel::Warning),
            ("warning", LogLevel::Warning),
            ("error", LogLevel::Error),
            ("CRITICAL", LogLevel::Critical),
            ("fatal", LogLevel::Critical),
        ] {
            assert_eq!(config(&["--logging-level", name]).telemetry.level, level, "{name}");
        }
        assert_eq!(config(&["--db-logging-level", ""]).telemetry.db_level, LogLevel::Warning);
        assert_eq!(config(&["--logging-mode", " STRUCTURED"]).telemetry.logging_mode, LoggingMode::Structured);
        assert!(refusal(&["--logging-level", "trace"]).contains("PHOENIX_LOGGING_LEVEL"));
        assert!(refusal(&["--logging-mode", "x"]).contains("`default` or `structured`"));
    }

    #[test]
    fn headers_for_collectors_are_read_and_never_shown() {
        let mut read = config(&[]);
        read.telemetry.trace_collector_headers = Some("Authorization=Bearer%20k, x-a=b".into());
        let headers = read.telemetry.collector_headers().unwrap();
        assert_eq!((headers["authorization"].to_str().unwrap(), headers["x-a"].to_str().unwrap()), ("Bearer k", "b"));
        assert!(!format!("{read:?} {headers:?}").contains("Bearer"));
        for bad in ["hunter2", "a b=hunter2", "a=%0Ahunter2"] {
            read.telemetry.trace_collector_headers = Some(bad.into());
            let line = read.validate().unwrap_err().to_string();
            assert!(line.starts_with(HEADERS) && !line.contains("hunter2"), "{line}");
        }
    }

    #[test]
    fn a_log_filter_is_checked_at_start() {
        assert_eq!(config(&["--log-filter", "info,a=debug"]).telemetry.rust_log.as_deref(), Some("info,a=debug"));
        assert!(refusal(&["--log-filter", "a=b=c"]).contains("RUST_LOG"));
    }
}
