//! Which database, reached how, and how full it may get. Turns every form of URL that people bring
//! into the one that the driver reads; opens nothing. Serves `app`, for `db`.

use std::path::PathBuf;
use std::time::Duration;

use clap::ArgAction;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};
use url::form_urlencoded;

use crate::domain::storage::StorageLimits;

use super::{
    ConfigError, Optional, Secret, boolean, decimal, http, path, read_secret_file, seconds, secret_text, shown, text,
    value, whole,
};

const URL: &str = "PHOENIX_SQL_DATABASE_URL";
const REPLICA_URL: &str = "PHOENIX_SQL_DATABASE_READ_REPLICA_URL";
const AZURE_SCOPE: &str = "https://ossrdbms-aad.database.windows.net/.default";

/// Database, migrations, storage limits.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Database")]
#[expect(clippy::struct_excessive_bools, reason = "one for each variable that the peer spells as a boolean")]
pub struct DatabaseConfig {
    /// Database: `sqlite:///relative.db`, `sqlite:////absolute.db`, `sqlite:///:memory:` or
    /// `postgresql://user:password@host:5432/database`; unset means `phoenix-server.db` in
    /// `PHOENIX_WORKING_DIR`. Other users of the machine can read flags: give a URL with a password
    /// as a variable or a file.
    #[arg(
        id = "database_url",
        long = "database-url",
        env = "PHOENIX_SQL_DATABASE_URL",
        default_value = "",
        hide_default_value = true,
        hide_env_values = true,
        value_name = "URL",
        value_parser = value(secret_text)
    )]
    pub url: Optional<SecretString>,

    /// File that holds `PHOENIX_SQL_DATABASE_URL`.
    #[arg(
        id = "database_url_file",
        value_name = "FILE",
        long = "database-url-file",
        env = "PHOENIX_SQL_DATABASE_URL_FILE",
        default_value = "",
        hide_default_value = true,
        value_parser = value(path)
    )]
    pub url_file: Optional<PathBuf>,

    /// Postgres replica that answers reads.
    #[arg(
        id = "sql_database_read_replica_url",
        value_name = "READ_REPLICA_URL",
        long = "sql-database-read-replica-url",
        env = "PHOENIX_SQL_DATABASE_READ_REPLICA_URL",
        default_value = "",
        hide_default_value = true,
        hide_env_values = true,
        hide = true,
        value_parser = Secret
    )]
    pub read_replica_url: Optional<SecretString>,

    /// File that holds `PHOENIX_SQL_DATABASE_READ_REPLICA_URL`, the Postgres replica that answers
    /// reads.
    #[arg(
        id = "sql_database_read_replica_url_file",
        value_name = "FILE",
        long = "sql-database-read-replica-url-file",
        env = "PHOENIX_SQL_DATABASE_READ_REPLICA_URL_FILE",
        default_value = "",
        hide_default_value = true,
        value_parser = value(path)
    )]
    pub read_replica_url_file: Optional<PathBuf>,

    /// Postgres schema that holds the tables; unset means the server's search path. `SQLite`
    /// ignores it.
    #[arg(
        id = "sql_database_schema",
        value_name = "SCHEMA",
        long = "sql-database-schema",
        env = "PHOENIX_SQL_DATABASE_SCHEMA",
        default_value = "",
        hide_default_value = true,
        value_parser = value(schema)
    )]
    pub schema: Optional<String>,

    /// Postgres host, as an alternative to `PHOENIX_SQL_DATABASE_URL`; needs
    /// `PHOENIX_POSTGRES_USER` and `PHOENIX_POSTGRES_PASSWORD`.
    #[arg(
        long,
        env = "PHOENIX_POSTGRES_HOST",
        default_value = "",
        hide_default_value = true,
        value_parser = value(text)
    )]
    pub postgres_host: Optional<String>,

    /// Postgres port; unset means 5432.
    // Text, since Kubernetes writes `tcp://…` here for a service of an unlucky name, and that must not
    // stop a start on SQLite.
    #[arg(
        long,
        env = "PHOENIX_POSTGRES_PORT",
        default_value = "",
        hide_default_value = true,
        value_parser = value(text)
    )]
    pub postgres_port: Optional<String>,

    /// Postgres user.
    #[arg(
        long,
        env = "PHOENIX_POSTGRES_USER",
        default_value = "",
        hide_default_value = true,
        value_parser = value(text)
    )]
    pub postgres_user: Optional<String>,

    /// Postgres password, as it is: without percent-encoding.
    #[arg(
        long,
        env = "PHOENIX_POSTGRES_PASSWORD",
        default_value = "",
        hide_default_value = true,
        hide_env_values = true,
        hide = true,
        value_parser = Secret
    )]
    pub postgres_password: Optional<SecretString>,

    /// File that holds `PHOENIX_POSTGRES_PASSWORD`, the Postgres password as it is: without
    /// percent-encoding.
    #[arg(
        long,
        env = "PHOENIX_POSTGRES_PASSWORD_FILE",
        default_value = "",
        hide_default_value = true,
        value_parser = value(path)
    )]
    pub postgres_password_file: Optional<PathBuf>,

    /// Postgres database; unset means the one named like the user.
    #[arg(
        long,
        env = "PHOENIX_POSTGRES_DB",
        default_value = "",
        hide_default_value = true,
        value_parser = value(text)
    )]
    pub postgres_db: Optional<String>,

    /// Logs in to Amazon RDS with IAM tokens instead of a password.
    #[arg(
        long,
        env = "PHOENIX_POSTGRES_USE_AWS_IAM_AUTH",
        default_value = "false",
        value_parser = value(boolean),
        action = ArgAction::Set,
        value_name = "true|false"
    )]
    pub postgres_use_aws_iam_auth: bool,

    /// Logs in to Azure Database for Postgres with a managed identity instead of a password.
    #[arg(
        long,
        env = "PHOENIX_POSTGRES_USE_AZURE_MANAGED_IDENTITY",
        default_value = "false",
        value_parser = value(boolean),
        action = ArgAction::Set,
        value_name = "true|false"
    )]
    pub postgres_use_azure_managed_identity: bool,

    /// Scope of the managed identity's token.
    #[arg(
        long,
        env = "PHOENIX_POSTGRES_AZURE_SCOPE",
        default_value = AZURE_SCOPE,
        value_parser = value(azure_scope)
    )]
    pub postgres_azure_scope: String,

    /// Connections that the pool may hold.
    #[arg(
        id = "database_pool_size",
        value_name = "DATABASE_POOL_SIZE",
        long = "database-pool-size",
        env = "PHOENIX_DATABASE_POOL_SIZE",
        default_value = "8",
        value_parser = value(|v| whole::<u32>(v, 1..=10_000))
    )]
    pub pool_size: u32,

    /// Seconds after which a statement is given up; 0 means never.
    #[arg(
        long = "statement-timeout-seconds",
        env = "PHOENIX_STATEMENT_TIMEOUT_SECONDS",
        default_value = "60",
        value_parser = value(seconds)
    )]
    pub statement_timeout: Duration,

    /// Starts without applying pending migrations; the schema must fit already.
    #[arg(
        id = "dangerously_disable_migrations",
        long = "dangerously-disable-migrations",
        env = "PHOENIX_DANGEROUSLY_DISABLE_MIGRATIONS",
        default_value = "false",
        value_parser = value(boolean),
        action = ArgAction::Set,
        value_name = "true|false"
    )]
    pub disable_migrations: bool,

    /// Lets migrations build indexes with `CREATE INDEX CONCURRENTLY`.
    #[arg(
        long,
        env = "PHOENIX_MIGRATE_INDEX_CONCURRENTLY",
        default_value = "false",
        value_parser = value(boolean),
        action = ArgAction::Set,
        value_name = "true|false"
    )]
    pub migrate_index_concurrently: bool,

    /// Logs each migration that is applied.
    #[arg(
        long,
        env = "PHOENIX_LOG_MIGRATIONS",
        default_value = "true",
        value_parser = value(boolean),
        action = ArgAction::Set,
        value_name = "true|false"
    )]
    pub log_migrations: bool,

    /// Whether every statement is logged: `TelemetryConfig::log_sql`, copied by `Config::validate`.
    #[arg(skip)]
    pub log_sql: bool,

    /// Storage that the database may fill, in GiB; the two thresholds are shares of it.
    #[arg(
        id = "database_allocated_storage_capacity_gibibytes",
        value_name = "GIBIBYTES",
        long = "database-allocated-storage-capacity-gibibytes",
        env = "PHOENIX_DATABASE_ALLOCATED_STORAGE_CAPACITY_GIBIBYTES",
        default_value = "",
        hide_default_value = true,
        value_parser = value(capacity)
    )]
    pub allocated_storage_capacity_gib: Optional<f64>,

    /// Percentage of the allocated storage at which administrators get a mail.
    #[arg(
        id = "database_usage_email_warning_threshold_percentage",
        value_name = "PERCENTAGE",
        long = "database-usage-email-warning-threshold-percentage",
        env = "PHOENIX_DATABASE_USAGE_EMAIL_WARNING_THRESHOLD_PERCENTAGE",
        default_value = "",
        hide_default_value = true,
        value_parser = value(percentage)
    )]
    pub usage_email_warning_threshold_percentage: Optional<f64>,

    /// Percentage of the allocated storage at which writes are refused with 507.
    #[arg(
        id = "database_usage_insertion_blocking_threshold_percentage",
        value_name = "PERCENTAGE",
        long = "database-usage-insertion-blocking-threshold-percentage",
        env = "PHOENIX_DATABASE_USAGE_INSERTION_BLOCKING_THRESHOLD_PERCENTAGE",
        default_value = "",
        hide_default_value = true,
        value_parser = value(percentage)
    )]
    pub usage_insertion_blocking_threshold_percentage: Optional<f64>,

    /// Days that the default retention policy keeps traces; 0 means forever. Once somebody has changed that
    /// policy, this has no effect.
    #[arg(
        long,
        env = "PHOENIX_DEFAULT_RETENTION_POLICY_DAYS",
        default_value = "0",
        value_parser = value(|v| whole(v, 0..=u32::MAX))
    )]
    pub default_retention_policy_days: u32,
}

/// A database to open.
#[derive(Debug, Clone)]
pub enum DatabaseTarget {
    /// `SQLite`, in this process.
    Sqlite(SqliteTarget),
    /// A Postgres server.
    Postgres(PostgresTarget),
}

/// Where a `SQLite` database lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SqliteTarget {
    /// In memory, gone with the process.
    Memory,
    /// In this file, which may not exist yet.
    File(PathBuf),
}

/// How a Postgres database is reached.
#[derive(Debug, Clone)]
pub struct PostgresTarget {
    /// URL for the driver, `postgres://…`, with credentials.
    pub url: SecretString,
    /// Host, port and database without credentials, for the log.
    pub label: String,
    /// Schema that holds the tables: a valid identifier, case kept, to be quoted.
    pub schema: Option<String>,
}

impl DatabaseConfig {
    /// Returns the database to open; the directory counts only when nothing else names one.
    pub fn target(&self, working_dir: Result<PathBuf, ConfigError>) -> Result<DatabaseTarget, ConfigError> {
        if let Some(url) = &self.url {
            return self.target_of(URL, url);
        }
        match self.postgres_parts()? {
            Some(parts) => Ok(DatabaseTarget::Postgres(parts.into_target(self.schema.clone()))),
            None => Ok(DatabaseTarget::Sqlite(SqliteTarget::File(working_dir?.join("phoenix-server.db")))),
        }
    }

    /// Returns what the database may take.
    #[must_use]
    pub fn storage_limits(&self) -> StorageLimits {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of bytes")]
        let bytes = |gibibytes: f64| (gibibytes * f64::from(1 << 30)) as u64;
        StorageLimits {
            capacity_bytes: self.allocated_storage_capacity_gib.map(bytes),
            warning_percent: self.usage_email_warning_threshold_percentage,
            blocking_percent: self.usage_insertion_blocking_threshold_percentage,
        }
    }

    /// Returns the replica that answers reads, if there is one.
    pub fn read_replica(&self) -> Result<Option<PostgresTarget>, ConfigError> {
        let Some(url) = &self.read_replica_url else {
            return Ok(None);
        };
        match self.target_of(REPLICA_URL, url)? {
            DatabaseTarget::Postgres(target) => Ok(Some(target)),
            DatabaseTarget::Sqlite(_) => Err(ConfigError::new(REPLICA_URL, "not a replica; allowed: `postgresql://…`")),
        }
    }

    /// Reads the secret files and checks every URL.
    pub(super) fn validate(&mut self) -> Result<(), ConfigError> {
        read_secret_file(&mut self.url, &mut self.url_file, URL, "PHOENIX_SQL_DATABASE_URL_FILE")?;
        read_secret_file(
            &mut self.read_replica_url,
            &mut self.read_replica_url_file,
            REPLICA_URL,
            "PHOENIX_SQL_DATABASE_READ_REPLICA_URL_FILE",
        )?;
        read_secret_file(
            &mut self.postgres_password,
            &mut self.postgres_password_file,
            "PHOENIX_POSTGRES_PASSWORD",
            "PHOENIX_POSTGRES_PASSWORD_FILE",
        )?;
        for (asked, variable) in [
            (self.postgres_use_aws_iam_auth, "PHOENIX_POSTGRES_USE_AWS_IAM_AUTH"),
            (self.postgres_use_azure_managed_identity, "PHOENIX_POSTGRES_USE_AZURE_MANAGED_IDENTITY"),
        ] {
            if asked {
                return Err(ConfigError::new(variable, "this version logs in with a password only; allowed: false"));
            }
        }
        self.target(Ok(PathBuf::new()))?;
        self.read_replica()?;
        Ok(())
    }

    fn target_of(&self, variable: &'static str, url: &SecretString) -> Result<DatabaseTarget, ConfigError> {
        let problem = |problem: String| ConfigError::new(variable, problem);
        match read_url(url.expose_secret()).map_err(problem)? {
            UrlForm::Sqlite(target) => Ok(DatabaseTarget::Sqlite(target)),
            UrlForm::Postgres(parts) => Ok(DatabaseTarget::Postgres(parts.into_target(self.schema.clone()))),
        }
    }

    fn postgres_parts(&self) -> Result<Option<PostgresParts>, ConfigError> {
        let missing = |variable: &'static str| {
            let problem = "unset, but other PHOENIX_POSTGRES_* variables are set; allowed: all of PHOENIX_POSTGRES_HOST, \
                           PHOENIX_POSTGRES_USER and PHOENIX_POSTGRES_PASSWORD, or none";
            ConfigError::new(variable, problem)
        };
        let any = self.postgres_host.is_some()
            || self.postgres_user.is_some()
            || self.postgres_password.is_some()
            || self.postgres_db.is_some();
        if !any {
            return Ok(None);
        }
        // A start on an empty SQLite file, as the peer does here, looks like lost data.
        let host = self.postgres_host.as_deref().ok_or_else(|| missing("PHOENIX_POSTGRES_HOST"))?;
        let user = self.postgres_user.clone().ok_or_else(|| missing("PHOENIX_POSTGRES_USER"))?;
        let password = self.postgres_password.as_ref().ok_or_else(|| missing("PHOENIX_POSTGRES_PASSWORD"))?;
        let port = match &self.postgres_port {
            Some(port) => Some(http::port(port).map_err(|problem| ConfigError::new("PHOENIX_POSTGRES_PORT", problem))?),
            None => None,
        };
        let (host, port_in_host) =
            split_port(host).map_err(|problem| ConfigError::new("PHOENIX_POSTGRES_HOST", problem))?;
        Ok(Some(PostgresParts {
            user: Some(user),
            password: Some(password.expose_secret().to_owned()),
            host: Some(host.to_owned()),
            port: port.or(port_in_host),
            database: self.postgres_db.clone(),
            options: Vec::new(),
        }))
    }
}

const BRACKETS: &str = "the brackets around the host are not closed; allowed: `[::1]` or `[::1]:5432`";
const FORMS: &str = "`sqlite:///file.db`, `sqlite:///:memory:` or `postgresql://user:password@host:5432/database`";

/// What is left of a percent-encoded part: what RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Parameters of the peer's drivers that say nothing to ours and may go without harm.
const IGNORED_PARAMETERS: &[&str] = &[
    "async_fallback",
    "channel_binding",
    "command_timeout",
    "connect_timeout",
    "gssencmode",
    "max_cacheable_statement_size",
    "max_cached_statement_lifetime",
    "prepared_statement_cache_size",
    "prepared_statement_name_func",
    "statement_cache_size",
    "target_session_attrs",
    "timeout",
];

enum UrlForm {
    Sqlite(SqliteTarget),
    Postgres(PostgresParts),
}

/// Reads a URL in `SQLAlchemy`'s form; its errors never repeat the URL, which may hold a password.
fn read_url(url: &str) -> Result<UrlForm, String> {
    let (scheme, rest) = url.split_once(':').ok_or_else(|| format!("not a database URL; allowed: {FORMS}"))?;
    // SQLAlchemy names the driver behind the engine: `postgresql+asyncpg`.
    let engine = scheme.split_once('+').map_or(scheme, |(engine, _)| engine);
    match engine.to_ascii_lowercase().as_str() {
        "sqlite" => read_sqlite(rest).map(UrlForm::Sqlite),
        "postgresql" | "postgres" => match rest.strip_prefix("//") {
            Some(rest) => read_postgres(rest).map(UrlForm::Postgres),
            None => Err(format!("no `//` behind the scheme; allowed: {FORMS}")),
        },
        other if rest.starts_with("//") && other.chars().all(|c| c.is_ascii_alphanumeric()) => {
            Err(format!("{} is not a supported engine; allowed: {FORMS}", shown(other)))
        }
        _ => Err(format!("not a database URL; allowed: {FORMS}")),
    }
}

fn read_sqlite(rest: &str) -> Result<SqliteTarget, String> {
    let (file, query) = rest.split_once('?').unwrap_or((rest, ""));
    let file = file.strip_prefix("///").or_else(|| file.strip_prefix("//")).unwrap_or(file);
    let file = percent_decode_str(file).decode_utf8_lossy();
    let mut in_memory = file == ":memory:";
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        match (&*key, &*value) {
            ("mode", "memory") => in_memory = true,
            ("mode", "rwc") | ("cache" | "timeout" | "check_same_thread" | "uri", _) => {}
            _ => {
                return Err(format!("the SQLite parameter {} is not supported; allowed: no parameters", shown(&key)));
            }
        }
    }
    if in_memory {
        Ok(SqliteTarget::Memory)
    } else if file.is_empty() || file.starts_with("file:") || file.ends_with('/') {
        Err("names no file; allowed: `sqlite:///relative.db`, `sqlite:////absolute.db` or `sqlite:///:memory:`"
            .to_owned())
    } else {
        Ok(SqliteTarget::File(PathBuf::from(&*file)))
    }
}

#[derive(Default)]
struct PostgresParts {
    user: Option<String>,
    password: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    database: Option<String>,
    options: Vec<(String, String)>,
}

/// Reads what follows `postgresql://`. By hand, since `SQLAlchemy` accepts passwords with a bare `/`,
/// `?` or `#`, which RFC 3986 cuts off.
fn read_postgres(rest: &str) -> Result<PostgresParts, String> {
    let mut parts = PostgresParts::default();
    let (userinfo, rest) = split_userinfo(rest);
    if let Some(userinfo) = userinfo {
        let (user, password) = match userinfo.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (userinfo, None),
        };
        parts.user = Some(decoded(user)).filter(|user| !user.is_empty());
        parts.password = password.map(decoded);
    }
    let (location, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = location.split_once('/').unwrap_or((location, ""));
    let (host, port) = split_port(authority)?;
    parts.host = Some(decoded(host)).filter(|host| !host.is_empty());
    parts.port = port;
    parts.database = Some(decoded(database)).filter(|database| !database.is_empty());
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = value.into_owned();
        match &*key {
            "user" => parts.user = Some(value),
            "password" => parts.password = Some(value),
            "host" => {
                let (host, port) = split_port(&value)?;
                parts.host = Some(host.to_owned());
                parts.port = port.or(parts.port);
            }
            "port" => parts.port = Some(whole(&value, 0..=u16::MAX)?),
            "database" | "dbname" => parts.database = Some(value),
            "ssl" | "sslmode" | "ssl-mode" => parts.options.push(("sslmode".to_owned(), ssl_mode(&value)?.to_owned())),
            "sslrootcert" | "sslcert" | "sslkey" | "application_name" | "options" => {
                parts.options.push((key.into_owned(), value));
            }
            ignored if IGNORED_PARAMETERS.contains(&ignored) => {}
            // Dropping a misspelt `sslmode` would drop the encryption it asks for.
            unknown => {
                return Err(format!(
                    "the parameter {} is unknown; allowed: user, password, host, port, dbname, sslmode, sslrootcert, sslcert, \
                     sslkey, application_name, options",
                    shown(unknown)
                ));
            }
        }
    }
    Ok(parts)
}

/// Splits off `user:password` as `SQLAlchemy` does: the user ends at `:`, the password at the next
/// `@`.
fn split_userinfo(rest: &str) -> (Option<&str>, &str) {
    let stop = rest.find([':', '/', '?']).unwrap_or(rest.len());
    let (head, tail) = rest.split_at(stop);
    if let Some(at) = head.rfind('@') {
        return (Some(&rest[..at]), &rest[at + 1..]);
    }
    match tail.strip_prefix(':').and_then(|password| password.find('@').map(|at| (&password[..at], stop + 1 + at))) {
        Some((password, at)) if !is_port_and_query(password) => (Some(&rest[..at]), &rest[at + 1..]),
        _ => (None, rest),
    }
}

/// Tells `5432/phoenix?user=me` of `//host:5432/phoenix?user=me@corp` from a password.
fn is_port_and_query(text: &str) -> bool {
    let text = text.trim_start_matches(|c: char| c.is_ascii_digit());
    (text.starts_with('/') || text.starts_with('?'))
        && text.split_once('?').is_some_and(|(_, query)| query.contains('='))
}

/// Splits `host:port`; an IPv6 address may come with or without brackets.
fn split_port(text: &str) -> Result<(&str, Option<u16>), String> {
    let (host, port) = if let Some(bracketed) = text.strip_prefix('[') {
        match bracketed.split_once(']') {
            Some((host, "")) => (host, None),
            Some((host, tail)) => match tail.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None => return Err(BRACKETS.to_owned()),
            },
            None => return Err(BRACKETS.to_owned()),
        }
    } else if text.starts_with('/') || text.matches(':').count() > 1 && text.parse::<std::net::Ipv6Addr>().is_ok() {
        (text, None)
    } else {
        text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)))
    };
    match port {
        None | Some("") => Ok((host, None)),
        // Not repeated: behind an unencoded password it may be a piece of it.
        Some(port) => match port.parse() {
            Ok(port) => Ok((host, Some(port))),
            Err(_) => Err("the port behind the host is not a number; allowed: 0 to 65535, and `@` or `:` in a name or password as \
                           `%40` or `%3A`"
                .to_owned()),
        },
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn ssl_mode(given: &str) -> Result<&'static str, String> {
    match given.to_ascii_lowercase().as_str() {
        "disable" | "false" => Ok("disable"),
        "allow" => Ok("allow"),
        "prefer" => Ok("prefer"),
        "require" | "true" => Ok("require"),
        "verify-ca" => Ok("verify-ca"),
        "verify-full" => Ok("verify-full"),
        _ => Err(format!(
            "{} is not an sslmode; allowed: disable, allow, prefer, require, verify-ca, verify-full",
            shown(given)
        )),
    }
}

impl PostgresParts {
    fn into_target(self, schema: Option<String>) -> PostgresTarget {
        let encoded = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
        let mut query = form_urlencoded::Serializer::new(String::new());
        let mut url = "postgres://".to_owned();
        let plain = |host: &&String| host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
        if let Some(host) = self.host.as_ref().filter(plain) {
            if let Some(user) = &self.user {
                url.push_str(&encoded(user));
                if let Some(password) = &self.password {
                    url.push(':');
                    url.push_str(&encoded(password));
                }
                url.push('@');
            } else if let Some(password) = &self.password {
                query.append_pair("password", password);
            }
            url.push_str(host);
            if let Some(port) = self.port {
                url.push(':');
                url.push_str(&port.to_string());
            }
        } else {
            // sqlx takes the brackets of an IPv6 address for a part of it, and a URL has no place for
            // a socket's path.
            let port = self.port.map(|port| port.to_string());
            for (key, part) in
                [("host", &self.host), ("port", &port), ("user", &self.user), ("password", &self.password)]
            {
                if let Some(part) = part {
                    query.append_pair(key, part);
                }
            }
        }
        url.push('/');
        if let Some(database) = &self.database {
            url.push_str(&encoded(database));
        }
        query.extend_pairs(&self.options);
        let query = query.finish();
        if !query.is_empty() {
            url.push('?');
            url.push_str(&query);
        }
        let host = match self.host.as_deref() {
            Some(host) if host.contains(':') => format!("[{host}]"),
            Some(host) => host.to_owned(),
            None => "localhost".to_owned(),
        };
        let label = format!(
            "{host}:{}/{}",
            self.port.unwrap_or(5432),
            self.database.as_deref().or(self.user.as_deref()).unwrap_or_default(),
        );
        PostgresTarget { url: url.into(), label, schema }
    }
}

fn schema(given: &str) -> Result<Option<String>, String> {
    let mut rest = given.chars();
    let valid = rest.next().is_none_or(|first| first.is_ascii_alphabetic() || first == '_')
        && rest.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && given.len() <= 63;
    if !valid {
        return Err(format!(
            "{} is not a schema name; allowed: at most 63 of a-z, A-Z, 0-9 and `_`, not starting with a digit",
            shown(given)
        ));
    }
    text(given)
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of every value parser")]
fn azure_scope(given: &str) -> Result<String, String> {
    Ok(if given.is_empty() { AZURE_SCOPE } else { given }.to_owned())
}

fn capacity(given: &str) -> Result<Option<f64>, String> {
    match given {
        "" => Ok(None),
        given => decimal(given, "a number above 0", |number| number > 0.0).map(Some),
    }
}

fn percentage(given: &str) -> Result<Option<f64>, String> {
    match given {
        "" => Ok(None),
        given => decimal(given, "a percentage from 0 to 100", |number| (0.0..=100.0).contains(&number)).map(Some),
    }
}

#[cfg(test)]
mod tests;
