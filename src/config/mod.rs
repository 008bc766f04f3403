//! Settings: one clap `Args` struct a section, flattened into [`Config`], so that `--help`,
//! `.env.example` and the code are one text. The only reader of the environment; opens nothing but
//! secret files. Serves `cli` and `app`.
//!
//! Every field has a flag and a variable. An empty variable is an unset one, except for booleans
//! and numbers, where the peer stops too. Three kinds of parser: `value` for what may be shown,
//! `Secret` for what may come from a variable or a file but not from a flag, and
//! `read_secret_file` for the files.

mod alerts;
mod auth;
mod database;
mod http;
mod ingest;
mod mail;
mod telemetry;
mod tls;
mod usage;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fmt::{self, Write as _};
use std::io::Read as _;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args as _;
use clap::builder::TypedValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use secrecy::SecretString;
use url::Url;

pub use self::alerts::AlertsConfig;
pub use self::auth::{AdminSeed, AuthConfig};
pub use self::database::{DatabaseConfig, DatabaseTarget, PostgresTarget, SqliteTarget};
pub use self::http::HttpConfig;
pub use self::ingest::IngestConfig;
pub use self::mail::MailConfig;
pub use self::telemetry::{LogLevel, LoggingMode, TelemetryConfig};
pub use self::tls::TlsConfig;
pub use self::usage::UsageConfig;

/// An `Option` under a name that clap's derive does not know: an empty value reaches the parser and
/// becomes `None`.
pub type Optional<T> = Option<T>;

/// A `Vec` under a name that clap's derive does not know: one value holds all items.
pub type List<T> = Vec<T>;

/// Every setting of the server.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// Listeners, public address, request limits.
    #[command(flatten)]
    pub http: HttpConfig,
    /// Log format and levels, metrics, analytics.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
    /// Database, migrations, storage limits.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// Ingest queue and default project.
    #[command(flatten)]
    pub ingest: IngestConfig,
    /// Authentication, sessions and first accounts.
    #[command(flatten)]
    pub auth: AuthConfig,
    /// TLS of the listeners.
    #[command(flatten)]
    pub tls: TlsConfig,
    /// Outgoing mail.
    #[command(flatten)]
    pub mail: MailConfig,
    /// Plans, limits, access log.
    #[command(flatten)]
    pub usage: UsageConfig,
    /// When keys raise alerts.
    #[command(flatten)]
    pub alerts: AlertsConfig,
}

/// A setting that the server cannot start with. Displays as one line: the variable, what is wrong,
/// what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct ConfigError {
    variable: &'static str,
    problem: String,
}

impl ConfigError {
    pub(crate) fn new(variable: &'static str, problem: impl Into<String>) -> Self {
        Self { variable, problem: single_line(&problem.into()) }
    }

    /// Returns the name of the variable at fault.
    #[must_use]
    pub fn variable(&self) -> &'static str {
        self.variable
    }
}

impl Config {
    /// Reads the secret files and checks the rules that cross fields.
    pub fn validate(&mut self) -> Result<(), ConfigError> {
        self.auth.validate()?;
        self.database.validate()?;
        self.mail.validate()?;
        self.telemetry.validate()?;
        self.tls.validate()?;
        self.http.over_tls = self.tls.for_http();
        self.database.log_sql = self.telemetry.log_sql;
        Ok(())
    }

    /// Returns one line for each set of variables that has no effect, or another one than its
    /// author may think.
    pub fn warnings(env: impl Iterator<Item = (OsString, OsString)>) -> Vec<String> {
        let env: BTreeMap<String, String> = env
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().trim().to_owned()))
            .filter(|(name, _)| name.starts_with(PREFIX))
            .collect();
        let command = definitions();
        let fields: BTreeMap<&str, String> =
            command.get_arguments().filter_map(|arg| Some((arg.get_env()?.to_str()?, default_of(arg)))).collect();
        let mut lines = Vec::new();
        let mut unused: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut providers: BTreeSet<&str> = BTreeSet::new();
        for (name, value) in &env {
            let default = fields.get(name.as_str());
            let says_nothing = value.is_empty() || default.is_some_and(|default| default.eq_ignore_ascii_case(value));
            if let Some((reason, _)) = NOT_USED_YET.iter().find(|(_, names)| names.contains(&name.as_str())) {
                if !says_nothing {
                    unused.entry(reason).or_default().push(name);
                }
            } else if let Some((_, advice)) = DEPRECATED.iter().find(|(deprecated, _)| deprecated == name) {
                lines.push(format!("{name} is deprecated and has no effect: {advice}"));
            } else if let Some(provider) = provider_of(name) {
                providers.insert(provider);
            } else if default.is_none() && !is_client_variable(name) && !is_service_link(name, value) {
                let known =
                    fields.keys().copied().chain(NOT_USED_YET.iter().flat_map(|(_, names)| names.iter().copied()));
                lines.push(match nearest(name, known.chain(CLIENT_VARIABLES.iter().copied())) {
                    Some(near) => {
                        format!("{name} is unknown and has no effect; did you mean {near}?")
                    }
                    None => format!("{name} is unknown and has no effect"),
                });
            }
        }
        for (reason, names) in unused {
            lines.push(format!("{} set without effect: {reason}", names.join(", ")));
        }
        for provider in providers {
            lines.push(format!(
                "PHOENIX_OAUTH2_{provider}_* set without effect: this version does not log in with identity providers"
            ));
        }
        lines.extend(url_beside_parts(&env));
        lines
    }

    /// Returns the text of `.env.example`: every variable with its meaning and default, by section.
    #[must_use]
    pub fn env_example() -> String {
        let mut text =
            "# Every variable of phoenix-server, with its default; nothing behind `=` means unset.\n".to_owned();
        let command = definitions();
        let mut section = None;
        for arg in command.get_arguments() {
            let Some(name) = arg.get_env().and_then(OsStr::to_str) else {
                continue;
            };
            if arg.get_help_heading() != section {
                section = arg.get_help_heading();
                // Writing to a String cannot fail.
                let _ = write!(text, "\n# ---- {} ----\n", section.unwrap_or_default());
            }
            text.push('\n');
            let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string).unwrap_or_default();
            for line in wrapped(&help, 98) {
                let _ = writeln!(text, "# {line}");
            }
            let _ = writeln!(text, "# {name}={}", default_of(arg));
        }
        text
    }
}

/// Turns a clap error into one line that names the variable and what is allowed.
#[must_use]
pub fn one_line(err: &clap::Error) -> String {
    let text = err.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let end = ["\n\nUsage:", "\n\nFor more information"].iter().filter_map(|mark| text.find(mark)).min();
    let line = single_line(&text[..end.unwrap_or(text.len())]);
    // Errors of our own parsers name the variable; clap's own know the flag alone.
    let Some(ContextValue::String(shown)) = err.get(ContextKind::InvalidArg) else {
        return line;
    };
    // `Arg`'s own text cannot be compared with: it panics before the command is built.
    let flag = shown.split([' ', '=']).next().and_then(|flag| flag.strip_prefix("--"));
    let command = definitions();
    let arg = command.get_arguments().find(|arg| flag.is_some() && arg.get_long() == flag);
    match arg.and_then(clap::Arg::get_env).and_then(OsStr::to_str) {
        Some(name) if !line.contains(name) => format!("{name}: {line}"),
        _ => line,
    }
}

const PREFIX: &str = "PHOENIX_";

/// Variables that are read, or were by the peer, and change nothing in this version: the reason,
/// then the names.
const NOT_USED_YET: &[(&str, &[&str])] = &[
    (
        "this version reads from the primary database alone",
        &["PHOENIX_SQL_DATABASE_READ_REPLICA_URL", "PHOENIX_SQL_DATABASE_READ_REPLICA_URL_FILE"],
    ),
    ("this version builds indexes in its migrations' transactions", &["PHOENIX_MIGRATE_INDEX_CONCURRENTLY"]),
    ("this version logs in to databases with a password only", &["PHOENIX_POSTGRES_AZURE_SCOPE"]),
    (
        "this version exports no logs of its own",
        &[
            "PHOENIX_SERVER_INSTRUMENTATION_OTLP_LOG_COLLECTOR_HTTP_ENDPOINT",
            "PHOENIX_SERVER_INSTRUMENTATION_OTLP_LOG_COLLECTOR_GRPC_ENDPOINT",
        ],
    ),
    (
        "this server's web UI loads no analytics and nothing from other hosts",
        &[
            "PHOENIX_ALLOW_EXTERNAL_RESOURCES",
            "PHOENIX_TELEMETRY_ENABLED",
            "PHOENIX_FULLSTORY_ORG",
            "PHOENIX_SCARF_SH_PIXEL_ID",
        ],
    ),
    ("this version shows no management links", &["PHOENIX_MANAGEMENT_URL"]),
    ("unexpected errors are always masked", &["PHOENIX_MASK_INTERNAL_SERVER_ERRORS"]),
    ("the server's own URL is PHOENIX_ROOT_URL", &["PHOENIX_COLLECTOR_ENDPOINT"]),
    (
        "this server loads no Python",
        &[
            "PHOENIX_FASTAPI_MIDDLEWARE_PATHS",
            "PHOENIX_GQL_EXTENSION_PATHS",
            "PHOENIX_GRPC_INTERCEPTOR_PATHS",
            "PHOENIX_NOTEBOOK_ENV",
        ],
    ),
    (
        "this version is no OAuth2 authorization server",
        &[
            "PHOENIX_ENABLE_OAUTH2_AUTHORIZATION_SERVER",
            "PHOENIX_OAUTH2_GRANT_EXPIRY_DAYS",
            "PHOENIX_OAUTH2_CONSENT_ORIGIN_CHECK",
            "PHOENIX_OAUTH2_DYNAMIC_CLIENT_REGISTRATION",
            "PHOENIX_OAUTH2_ALLOWED_REDIRECT_HOSTS",
            "PHOENIX_OAUTH2_DCR_RATE_LIMIT_PER_HOUR",
        ],
    ),
    (
        "this version does not log in with LDAP",
        &[
            "PHOENIX_LDAP_HOST",
            "PHOENIX_LDAP_PORT",
            "PHOENIX_LDAP_TLS_MODE",
            "PHOENIX_LDAP_TLS_VERIFY",
            "PHOENIX_LDAP_TLS_CA_CERT_FILE",
            "PHOENIX_LDAP_TLS_CLIENT_CERT_FILE",
            "PHOENIX_LDAP_TLS_CLIENT_KEY_FILE",
            "PHOENIX_LDAP_BIND_DN",
            "PHOENIX_LDAP_BIND_PASSWORD",
            "PHOENIX_LDAP_USER_SEARCH_BASE_DNS",
            "PHOENIX_LDAP_USER_SEARCH_FILTER",
            "PHOENIX_LDAP_ATTR_EMAIL",
            "PHOENIX_LDAP_ATTR_UNIQUE_ID",
            "PHOENIX_LDAP_ATTR_DISPLAY_NAME",
            "PHOENIX_LDAP_ATTR_MEMBER_OF",
            "PHOENIX_LDAP_GROUP_SEARCH_BASE_DNS",
            "PHOENIX_LDAP_GROUP_SEARCH_FILTER",
            "PHOENIX_LDAP_GROUP_SEARCH_FILTER_USER_ATTR",
            "PHOENIX_LDAP_GROUP_ROLE_MAPPINGS",
            "PHOENIX_LDAP_ALLOW_SIGN_UP",
        ],
    ),
    (
        "this version has no MCP server, assistant, playground or sandbox",
        &[
            "PHOENIX_ENABLE_MCP_SERVER",
            "PHOENIX_ENABLE_MCP_CODE_MODE",
            "PHOENIX_DISABLE_AGENT_ASSISTANT",
            "PHOENIX_AGENTS_COLLECTOR_ENDPOINT",
            "PHOENIX_AGENTS_COLLECTOR_API_KEY",
            "PHOENIX_AGENTS_ASSISTANT_PROJECT_NAME",
            "PHOENIX_AGENTS_FORCE_TRACING",
            "PHOENIX_AGENTS_DISABLE_WEB_ACCESS",
            "PHOENIX_AGENTS_DISABLE_BASH",
            "PHOENIX_AGENTS_DISABLE_GITHUB",
            "PHOENIX_AGENTS_GITHUB_MCP_URL",
            "PHOENIX_AGENTS_ENABLE_MCP_CODE_MODE",
            "PHOENIX_SKILLS_PATHS",
            "PHOENIX_ALLOWED_PROVIDERS",
            "PHOENIX_ALLOWED_SANDBOX_PROVIDERS",
            "PHOENIX_WASM_BINARY_PATH",
        ],
    ),
];

/// Variables that the peer gave up.
const DEPRECATED: &[(&str, &str)] = &[
    ("PHOENIX_POSTGRES_AWS_IAM_TOKEN_LIFETIME_SECONDS", "the lifetime of a token is not a setting any more"),
    ("PHOENIX_ENABLE_WEBSOCKETS", "subscriptions do not use WebSockets any more"),
];

/// Variables of client libraries, which share an environment with the server often enough; no
/// concern of the server.
const CLIENT_VARIABLES: &[&str] = &[
    "PHOENIX_API_KEY",
    "PHOENIX_BASE_URL",
    "PHOENIX_CLIENT_HEADERS",
    "PHOENIX_DISCOVER_CONFIG",
    "PHOENIX_ENDPOINT",
    "PHOENIX_ENVIRONMENT",
    "PHOENIX_LOG_LEVEL",
    "PHOENIX_PROJECT",
];

/// Last parts of `PHOENIX_OAUTH2_<IDP>_…`, the longer of two alike first.
const PROVIDER_SETTINGS: &[&str] = &[
    "_CLIENT_ID",
    "_CLIENT_SECRET",
    "_OIDC_CONFIG_URL",
    "_DISPLAY_NAME",
    "_ALLOW_SIGN_UP",
    "_AUTO_LOGIN",
    "_USE_PKCE",
    "_TOKEN_ENDPOINT_AUTH_METHOD",
    "_CLIENT_ASSERTION_FILE_ENV_VAR",
    "_CLIENT_ASSERTION_FILE",
    "_SCOPES",
    "_EMAIL_ATTRIBUTE_PATH",
    "_GROUPS_ATTRIBUTE_PATH",
    "_ALLOWED_GROUPS",
    "_ROLE_ATTRIBUTE_PATH",
    "_ROLE_MAPPING",
    "_ROLE_ATTRIBUTE_STRICT",
    "_ROLE_RESYNC",
];

fn definitions() -> clap::Command {
    Config::augment_args(clap::Command::new("phoenix-server"))
}

fn default_of(arg: &clap::Arg) -> String {
    arg.get_default_values().first().map(|default| default.to_string_lossy().into_owned()).unwrap_or_default()
}

fn provider_of(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("PHOENIX_OAUTH2_")?;
    PROVIDER_SETTINGS.iter().find_map(|setting| rest.strip_suffix(setting)).filter(|provider| !provider.is_empty())
}

fn is_client_variable(name: &str) -> bool {
    CLIENT_VARIABLES.contains(&name) || name.starts_with("PHOENIX_TEST_")
}

/// Recognises what Kubernetes and Docker links write for a service whose name starts with
/// `phoenix`.
fn is_service_link(name: &str, value: &str) -> bool {
    let by_port = name.match_indices("_PORT_").any(|(at, mark)| {
        let rest = name[at + mark.len()..].trim_start_matches(|c: char| c.is_ascii_digit());
        ["_TCP", "_UDP", "_SCTP"].iter().any(|protocol| rest.starts_with(protocol))
    });
    by_port
        || name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || name.ends_with("_PORT") && value.contains("://")
}

fn url_beside_parts(env: &BTreeMap<String, String>) -> Option<String> {
    let set = |name: &&str| env.get(*name).is_some_and(|value| !value.is_empty());
    let url = ["PHOENIX_SQL_DATABASE_URL", "PHOENIX_SQL_DATABASE_URL_FILE"].into_iter().find(set)?;
    let parts: Vec<&str> = [
        "PHOENIX_POSTGRES_HOST",
        "PHOENIX_POSTGRES_USER",
        "PHOENIX_POSTGRES_PASSWORD",
        "PHOENIX_POSTGRES_PASSWORD_FILE",
        "PHOENIX_POSTGRES_DB",
    ]
    .into_iter()
    .filter(set)
    .collect();
    (!parts.is_empty()).then(|| format!("{} set without effect: {url} wins over them", parts.join(", ")))
}

fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|known| (distance(name, known), known))
        .filter(|(distance, _)| *distance <= 2)
        .min()
        .map(|(_, known)| known)
}

/// Levenshtein's distance.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, r) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(l != *r);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines().filter(|paragraph| !paragraph.trim().is_empty()) {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && line.len() + 1 + word.len() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// Joins lines and drops what could forge one in a log.
fn single_line(text: &str) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// A value parser of clap around a plain function. The function gets the value without whitespace
/// around it, and its error becomes one line that names the variable; clap's own way names the flag
/// alone, in several lines.
#[derive(Clone)]
struct Value<T>(fn(&str) -> Result<T, String>);

fn value<T>(read: fn(&str) -> Result<T, String>) -> Value<T> {
    Value(read)
}

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Value<T> {
    type Value = T;

    fn parse_ref(&self, cmd: &clap::Command, arg: Option<&clap::Arg>, value: &OsStr) -> Result<T, clap::Error> {
        self.parse_ref_(cmd, arg, value, ValueSource::CommandLine)
    }

    fn parse_ref_(
        &self,
        cmd: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
        source: ValueSource,
    ) -> Result<T, clap::Error> {
        utf8(value).and_then(|text| (self.0)(text.trim())).map_err(|problem| refused(cmd, arg, source, &problem))
    }
}

/// The value parser of secrets: never repeats one, and takes none from a flag, where `ps` shows it
/// to every user.
#[derive(Clone)]
struct Secret;

impl TypedValueParser for Secret {
    type Value = Optional<SecretString>;

    fn parse_ref(
        &self,
        cmd: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, clap::Error> {
        self.parse_ref_(cmd, arg, value, ValueSource::CommandLine)
    }

    fn parse_ref_(
        &self,
        cmd: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
        source: ValueSource,
    ) -> Result<Self::Value, clap::Error> {
        if source == ValueSource::CommandLine {
            let name = arg.and_then(clap::Arg::get_env).unwrap_or_default().to_string_lossy();
            let problem =
                format!("a flag would show the secret to every user of the machine; allowed: {name} or {name}_FILE");
            return Err(refused(cmd, arg, source, &problem));
        }
        utf8(value).and_then(|text| secret_text(text.trim())).map_err(|problem| refused(cmd, arg, source, &problem))
    }
}

fn utf8(value: &OsStr) -> Result<&str, String> {
    value.to_str().ok_or_else(|| "not UTF-8; allowed: text in UTF-8".to_owned())
}

fn refused(cmd: &clap::Command, arg: Option<&clap::Arg>, source: ValueSource, problem: &str) -> clap::Error {
    let name = arg.and_then(clap::Arg::get_env).map(OsStr::to_string_lossy).unwrap_or_default();
    let flag = arg.and_then(clap::Arg::get_long).unwrap_or_default();
    let place = if source == ValueSource::EnvVariable { name } else { Cow::Owned(format!("--{flag} ({name})")) };
    clap::Error::raw(ErrorKind::ValueValidation, format!("{place}: {}", single_line(problem))).with_cmd(cmd)
}

/// Quotes a value for an error, shortened and on one line.
fn shown(given: &str) -> String {
    let mut chars = given.chars();
    let start: String = chars.by_ref().take(60).flat_map(char::escape_debug).collect();
    let more = if chars.next().is_some() { "…" } else { "" };
    format!("`{start}{more}`")
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of every value parser")]
fn text(given: &str) -> Result<Option<String>, String> {
    Ok(Some(given.to_owned()).filter(|text| !text.is_empty()))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of every value parser")]
fn secret_text(given: &str) -> Result<Option<SecretString>, String> {
    Ok((!given.is_empty()).then(|| given.into()))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of every value parser")]
fn path(given: &str) -> Result<Option<PathBuf>, String> {
    Ok((!given.is_empty()).then(|| given.into()))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of every value parser")]
fn items(given: &str) -> Result<Vec<String>, String> {
    Ok(given.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
}

fn boolean(given: &str) -> Result<bool, String> {
    if given.eq_ignore_ascii_case("true") {
        Ok(true)
    } else if given.eq_ignore_ascii_case("false") {
        Ok(false)
    } else {
        Err(format!("{} is not a boolean; allowed: true or false", shown(given)))
    }
}

fn maybe_boolean(given: &str) -> Result<Option<bool>, String> {
    if given.is_empty() { Ok(None) } else { boolean(given).map(Some) }
}

fn whole<T: FromStr + PartialOrd + fmt::Display>(given: &str, range: RangeInclusive<T>) -> Result<T, String> {
    given.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
        format!(
            "{} is not allowed here; allowed: a whole number from {} to {}",
            shown(given),
            range.start(),
            range.end()
        )
    })
}

fn decimal(given: &str, allowed: &str, is_allowed: fn(f64) -> bool) -> Result<f64, String> {
    let number: Option<f64> = given.parse().ok();
    number
        .filter(|number| number.is_finite() && is_allowed(*number))
        .ok_or_else(|| format!("{} is not allowed here; allowed: {allowed}", shown(given)))
}

/// Ten thousand years: instants are nanoseconds in 64 bits, so callers still clamp, but no sum of
/// durations overflows.
const LONGEST_SECONDS: f64 = 315_576_000_000.0;

fn seconds(given: &str) -> Result<Duration, String> {
    let allowed = "a number of seconds, 0 or more, such as 30 or 0.5";
    decimal(given, allowed, |number| (0.0..=LONGEST_SECONDS).contains(&number)).map(Duration::from_secs_f64)
}

fn minutes(given: &str) -> Result<Duration, String> {
    let allowed = "a number of minutes above 0, such as 10 or 0.5";
    decimal(given, allowed, |number| number > 0.0 && number * 60.0 <= LONGEST_SECONDS)
        .map(|number| Duration::from_secs_f64(number * 60.0))
}

fn web_url(given: &str) -> Result<Option<Url>, String> {
    if given.is_empty() {
        return Ok(None);
    }
    match Url::parse(given) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(Some(url)),
        _ => Err(format!("{} is not a web address; allowed: a URL with `http://` or `https://`", shown(given))),
    }
}

const LARGEST_SECRET_FILE: u64 = 64 << 10;

/// Fills a secret from its file. The file may end in a newline, as files do.
fn read_secret_file(
    secret: &mut Optional<SecretString>,
    file: &mut Optional<PathBuf>,
    variable: &'static str,
    file_variable: &'static str,
) -> Result<(), ConfigError> {
    let Some(file) = file.take() else {
        return Ok(());
    };
    if secret.is_some() {
        return Err(ConfigError::new(variable, format!("set together with {file_variable}; allowed: one of the two")));
    }
    let mut text = String::new();
    // Bounded, since nothing says that the path is no device.
    std::fs::File::open(&file).and_then(|open| open.take(LARGEST_SECRET_FILE).read_to_string(&mut text)).map_err(
        |err| {
            let problem = format!("cannot read {}: {err}", shown(&file.to_string_lossy()));
            ConfigError::new(file_variable, problem)
        },
    )?;
    let text = text.trim();
    if text.is_empty() {
        let problem =
            format!("{} is empty; allowed: a file that holds the value of {variable}", shown(&file.to_string_lossy()));
        return Err(ConfigError::new(file_variable, problem));
    }
    *secret = Some(text.into());
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
