//! Where the server listens and what it believes of the network around it: addresses, public URL,
//! sizes, proxies. Holds no limits of the ingest queue and no cookies; serves `app`, which hands
//! the values to `api`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::ArgAction;
use ipnet::{IpNet, Ipv4Net};
use url::Url;

use super::{ConfigError, List, Optional, boolean, items, path, seconds, shown, text, value, web_url, whole};

const ANY_ADDRESS: &str = "0.0.0.0";

/// Listeners, public address, request limits.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Network and process")]
pub struct HttpConfig {
    /// Address that the HTTP listener binds; `::` is every address, IPv6 and IPv4.
    #[arg(
        long,
        env = "PHOENIX_HOST",
        default_value = ANY_ADDRESS,
        value_parser = value(|v| Ok(or(v, ANY_ADDRESS)))
    )]
    pub host: String,

    /// Port of the HTTP listener: REST, GraphQL, OTLP over HTTP and the web UI.
    #[arg(
        long,
        env = "PHOENIX_PORT",
        default_value = "6006",
        value_parser = value(|v| port(or(v, "6006").as_str()))
    )]
    pub port: u16,

    /// Address that the OTLP/gRPC listener binds; unset means the same as `PHOENIX_HOST`.
    #[arg(
        long,
        env = "PHOENIX_GRPC_HOST",
        default_value = "",
        hide_default_value = true,
        value_parser = value(text)
    )]
    pub grpc_host: Optional<String>,

    /// Port of the OTLP/gRPC listener.
    #[arg(
        long,
        env = "PHOENIX_GRPC_PORT",
        default_value = "4317",
        value_parser = value(|v| port(or(v, "4317").as_str()))
    )]
    pub grpc_port: u16,

    /// Path below which a reverse proxy serves this server, such as `/phoenix`; it starts with `/`
    /// and does not end with one.
    #[arg(
        id = "host_root_path",
        value_name = "HOST_ROOT_PATH",
        long = "host-root-path",
        env = "PHOENIX_HOST_ROOT_PATH",
        default_value = "",
        hide_default_value = true,
        value_parser = value(root_path)
    )]
    pub root_path: String,

    /// URL under which users reach this server; links in mails and the token issuer are built on
    /// it. Unset means `http://` or `https://`, `PHOENIX_HOST`, `PHOENIX_PORT` and `PHOENIX_HOST_ROOT_PATH`.
    #[arg(
        long,
        env = "PHOENIX_ROOT_URL",
        default_value = "",
        hide_default_value = true,
        value_parser = value(web_url)
    )]
    pub root_url: Optional<Url>,

    /// Directory for `phoenix-server.db` and other data; unset means `.phoenix` in the home directory.
    #[arg(
        long,
        env = "PHOENIX_WORKING_DIR",
        default_value = "",
        hide_default_value = true,
        value_parser = value(path)
    )]
    pub working_dir: Optional<PathBuf>,

    /// Origins whose pages may call this server with credentials (CORS), comma-separated, such as
    /// `https://app.example`; `*` lets every page call without cookies.
    #[arg(
        long,
        env = "PHOENIX_ALLOWED_ORIGINS",
        default_value = "",
        hide_default_value = true,
        value_parser = value(cors_origins)
    )]
    pub allowed_origins: List<String>,

    /// Networks of the reverse proxies whose `Forwarded` and `X-Forwarded-*` headers are believed,
    /// comma-separated, such as `10.0.0.0/8, ::1`; from everyone else they are ignored.
    #[arg(
        long,
        env = "PHOENIX_TRUSTED_PROXIES",
        default_value = "",
        hide_default_value = true,
        value_parser = value(networks)
    )]
    pub trusted_proxies: List<IpNet>,

    /// Largest request body, in bytes as sent, before decompression.
    #[arg(
        long,
        env = "PHOENIX_MAX_REQUEST_BODY_BYTES",
        default_value = "67108864",
        value_parser = value(|v| whole(v, 1..=usize::MAX))
    )]
    pub max_request_body_bytes: usize,

    /// Largest request body, in bytes after decompression.
    #[arg(
        long,
        env = "PHOENIX_MAX_DECOMPRESSED_BODY_BYTES",
        default_value = "134217728",
        value_parser = value(|v| whole(v, 1..=usize::MAX))
    )]
    pub max_decompressed_body_bytes: usize,

    /// Seconds that running requests and the ingest queue get to finish after a stop signal.
    #[arg(
        long = "shutdown-timeout-seconds",
        env = "PHOENIX_SHUTDOWN_TIMEOUT_SECONDS",
        default_value = "30",
        value_parser = value(seconds)
    )]
    pub shutdown_timeout: Duration,

    /// Mail address that users are told to write to when storage runs out.
    #[arg(
        long,
        env = "PHOENIX_SUPPORT_EMAIL",
        default_value = "",
        hide_default_value = true,
        value_parser = value(email)
    )]
    pub support_email: Optional<String>,

    /// Link to the page where management users administer this deployment.
    #[arg(
        long,
        env = "PHOENIX_MANAGEMENT_URL",
        default_value = "",
        hide_default_value = true,
        value_parser = value(web_url)
    )]
    pub management_url: Optional<Url>,

    /// Answers an unexpected GraphQL error with a general text instead of its cause.
    #[arg(
        long,
        env = "PHOENIX_MASK_INTERNAL_SERVER_ERRORS",
        default_value = "true",
        value_parser = value(boolean),
        action = ArgAction::Set,
        value_name = "true|false"
    )]
    pub mask_internal_server_errors: bool,

    /// Lets the web UI load fonts and other resources from other hosts.
    #[arg(
        long,
        env = "PHOENIX_ALLOW_EXTERNAL_RESOURCES",
        default_value = "true",
        value_parser = value(boolean),
        action = ArgAction::Set,
        value_name = "true|false"
    )]
    pub allow_external_resources: bool,

    /// Collector address of clients on the same host; kept because the peer derives its public URL
    /// from it.
    #[arg(
        long,
        env = "PHOENIX_COLLECTOR_ENDPOINT",
        default_value = "",
        hide_default_value = true,
        hide_env_values = true,
        value_parser = value(text)
    )]
    pub collector_endpoint: Optional<String>,

    /// Name of the notebook environment that started the process.
    #[arg(
        long,
        env = "PHOENIX_NOTEBOOK_ENV",
        default_value = "",
        hide_default_value = true,
        value_parser = value(text)
    )]
    pub notebook_env: Optional<String>,

    /// Python middleware classes of the peer, comma-separated `file:Class`.
    #[arg(
        long,
        env = "PHOENIX_FASTAPI_MIDDLEWARE_PATHS",
        default_value = "",
        hide_default_value = true,
        value_parser = value(items)
    )]
    pub fastapi_middleware_paths: List<String>,

    /// Python GraphQL extension classes of the peer, comma-separated `file:Class`.
    #[arg(
        long,
        env = "PHOENIX_GQL_EXTENSION_PATHS",
        default_value = "",
        hide_default_value = true,
        value_parser = value(items)
    )]
    pub gql_extension_paths: List<String>,

    /// Python gRPC interceptor classes of the peer, comma-separated `file:Class`.
    #[arg(
        long,
        env = "PHOENIX_GRPC_INTERCEPTOR_PATHS",
        default_value = "",
        hide_default_value = true,
        value_parser = value(items)
    )]
    pub grpc_interceptor_paths: List<String>,

    /// Whether the HTTP listener speaks TLS; filled in from the TLS settings.
    #[arg(skip)]
    pub(super) over_tls: bool,
}

impl HttpConfig {
    /// Returns the address that the OTLP/gRPC listener binds.
    #[must_use]
    pub fn grpc_bind_host(&self) -> &str {
        self.grpc_host.as_deref().unwrap_or(&self.host)
    }

    /// Returns the URL under which users reach this server, without a slash at its end.
    #[must_use]
    pub fn public_url(&self) -> String {
        if let Some(url) = &self.root_url {
            return url.as_str().trim_end_matches('/').to_owned();
        }
        let host = match self.host.parse::<IpAddr>() {
            Ok(address) if address.is_unspecified() => "127.0.0.1".to_owned(),
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            _ => self.host.clone(),
        };
        let scheme = if self.over_tls { "https" } else { "http" };
        format!("{scheme}://{host}:{}{}", self.port, self.root_path)
    }

    /// Returns the URL of the web UI without a slash at the end: the public URL, which need not say the root path.
    #[must_use]
    pub fn ui_url(&self) -> String {
        let url = self.public_url();
        if url.ends_with(&self.root_path) { url } else { url + &self.root_path }
    }

    /// Returns the absolute data directory, which may not exist yet.
    pub fn working_dir(&self) -> Result<PathBuf, ConfigError> {
        self.working_dir_or(std::env::home_dir())
    }

    fn working_dir_or(&self, home: Option<PathBuf>) -> Result<PathBuf, ConfigError> {
        let dir = match (&self.working_dir, home) {
            (Some(dir), _) => dir.clone(),
            (None, Some(home)) if home.is_absolute() => home.join(".phoenix"),
            (None, _) => {
                let problem = "unset, and this process has no home directory to default to; set it to a directory";
                return Err(ConfigError::new("PHOENIX_WORKING_DIR", problem));
            }
        };
        std::path::absolute(&dir)
            .map_err(|err| ConfigError::new("PHOENIX_WORKING_DIR", format!("cannot resolve {}: {err}", dir.display())))
    }
}

fn or(given: &str, default: &str) -> String {
    if given.is_empty() { default } else { given }.to_owned()
}

/// Reads a port number, with a hint when Kubernetes wrote the value.
pub(super) fn port(given: &str) -> Result<u16, String> {
    if ["tcp://", "udp://", "sctp://"].iter().any(|scheme| given.starts_with(scheme)) {
        return Err(format!(
            "{} is what Kubernetes writes into this variable for a service of the same name; allowed: a port number from 0 to \
             65535, set in the deployment, or `enableServiceLinks: false`",
            shown(given)
        ));
    }
    whole(given, 0..=u16::MAX)
}

fn networks(given: &str) -> Result<Vec<IpNet>, String> {
    items(given)?.iter().map(|item| network(item)).collect()
}

fn network(given: &str) -> Result<IpNet, String> {
    let network = given.parse().or_else(|_| given.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
        format!("{} is not a network; allowed: CIDR such as `10.0.0.0/8` or `fd00::/8`, or one address", shown(given))
    })?;
    // `::ffff:10.0.0.0/104` and `10.0.0.0/8` are one network, and addresses are compared in the latter form.
    let mapped = match network {
        IpNet::V6(v6) => v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96)),
        IpNet::V4(_) => None,
    };
    Ok(mapped.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok()).map_or(network, IpNet::V4))
}

/// Reads origins in the form that browsers send: no path, no default port, lower case.
fn cors_origins(given: &str) -> Result<Vec<String>, String> {
    let mut origins = items(given)?;
    for item in &mut origins {
        let url = Url::parse(item).ok().filter(|url| url.host_str().is_some_and(|host| !host.is_empty()));
        match url.map(|url| url.origin()) {
            _ if item == "*" => {}
            Some(origin) if origin.is_tuple() => *item = origin.ascii_serialization(),
            // Such as a browser extension, whose scheme has no ports.
            Some(_) => *item = item.trim_end_matches('/').to_ascii_lowercase(),
            None => {
                return Err(format!(
                    "{} is not an origin; allowed: comma-separated origins such as `https://app.example`, or `*`",
                    shown(item)
                ));
            }
        }
    }
    Ok(origins)
}

fn root_path(given: &str) -> Result<String, String> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '\\' | '"' | '<' | '>');
    if given.is_empty() {
        return Ok(String::new());
    }
    if !given.starts_with('/') || given.ends_with('/') || given.contains("//") || given.contains(odd) {
        return Err(format!(
            "{} is not a root path; allowed: a path such as `/phoenix` that starts with `/` and does not end with `/`",
            shown(given)
        ));
    }
    Ok(given.to_owned())
}

fn email(given: &str) -> Result<Option<String>, String> {
    if given.is_empty() {
        return Ok(None);
    }
    match given.split_once('@') {
        Some((name, host))
            if !name.is_empty() && !host.is_empty() && !host.contains('@') && !given.contains(char::is_whitespace) =>
        {
            Ok(Some(given.to_owned()))
        }
        _ => Err(format!("{} is not a mail address; allowed: one address such as `help@example.com`", shown(given))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{config, refusal};

    #[test]
    fn a_port_from_kubernetes_is_refused_with_a_hint() {
        let line = refusal(&["--port", "tcp://10.0.0.1:6006"]);
        assert!(line.contains("PHOENIX_PORT") && line.contains("Kubernetes") && line.contains("65535"), "{line}");
        assert!(refusal(&["--port", "65536"]).contains("`65536`"));
        assert_eq!(config(&["--port", " 6007 "]).http.port, 6007);
        assert_eq!(config(&["--port", ""]).http.port, 6006);
    }

    #[test]
    fn a_root_path_starts_with_a_slash_and_does_not_end_with_one() {
        for good in ["", "/x", "/x/y", "/a-b.c_d~e"] {
            assert_eq!(root_path(good).as_deref(), Ok(good));
        }
        for bad in ["/", "x", "/x/", "//x", "/x?y", "/x y", "/x\"y"] {
            assert!(root_path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_public_url_follows_the_listener_unless_it_is_set() {
        let public = |args: &[&str]| config(args).http.public_url();
        assert_eq!(public(&[]), "http://127.0.0.1:6006");
        assert_eq!(public(&["--host", "::"]), "http://127.0.0.1:6006");
        assert_eq!(public(&["--host", "::1", "--host-root-path", "/a"]), "http://[::1]:6006/a");
        assert_eq!(public(&["--root-url", "https://phoenix.example/x/"]), "https://phoenix.example/x");
        let ui = |args: &[&str]| config(args).http.ui_url();
        assert_eq!(ui(&[]), "http://127.0.0.1:6006");
        assert_eq!(ui(&["--host-root-path", "/a"]), "http://127.0.0.1:6006/a");
        assert_eq!(ui(&["--root-url", "https://x/a", "--host-root-path", "/a"]), "https://x/a");
        assert_eq!(ui(&["--root-url", "https://x", "--host-root-path", "/a"]), "https://x/a");
        assert!(refusal(&["--root-url", "ftp://x"]).contains("http"));
        assert!(refusal(&["--root-url", "x"]).starts_with("--root-url (PHOENIX_ROOT_URL): "));
    }

    #[test]
    fn without_a_home_only_the_default_directory_is_missing() {
        let unset = config(&[]).http;
        let err = unset.working_dir_or(None).unwrap_err().to_string();
        assert!(err.starts_with("PHOENIX_WORKING_DIR: "), "{err}");
        assert_eq!(unset.working_dir_or(Some("/home/u".into())).unwrap(), PathBuf::from("/home/u/.phoenix"));
        let set = config(&["--working-dir", "/data"]).http;
        assert_eq!(set.working_dir_or(None).unwrap(), PathBuf::from("/data"));
        assert!(config(&["--working-dir", "data"]).http.working_dir_or(None).unwrap().is_absolute());
    }

    #[test]
    fn a_network_is_written_with_or_without_a_prefix() {
        let holds = |given: &str, address: &str| network(given).unwrap().contains(&address.parse::<IpAddr>().unwrap());
        assert!(holds("10.1.2.3/8", "10.255.0.1"));
        assert!(!holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("192.0.2.7", "192.0.2.7"));
        assert!(!holds("192.0.2.7", "192.0.2.6"));
        assert!(holds("fd00::/8", "fd12::1"));
        assert!(!holds("::/0", "1.2.3.4"));
        assert!(holds("::ffff:10.0.0.0/104", "10.3.0.1"));
        assert!(holds("::ffff:192.0.2.7", "192.0.2.7"));
        for bad in ["10.0.0.0/33", "::/129", "host", "10.0.0/8", "1.2.3.4/", "1.2.3.4/x"] {
            assert!(network(bad).is_err(), "{bad}");
        }
        assert_eq!(config(&["--trusted-proxies", "10.0.0.0/8,, ::1 ,"]).http.trusted_proxies.len(), 2);
        assert!(refusal(&["--trusted-proxies", "proxy"]).contains("PHOENIX_TRUSTED_PROXIES"));
    }

    #[test]
    fn empty_items_of_a_list_do_not_count() {
        let http = config(&["--allowed-origins", "http://a,,http://b, "]).http;
        assert_eq!(http.allowed_origins, ["http://a", "http://b"]);
        assert!(config(&["--allowed-origins", " , "]).http.allowed_origins.is_empty());
    }

    #[test]
    fn an_allowed_origin_is_written_as_browsers_do() {
        let given = "HTTPS://App.Example:443/,http://localhost:5173/x,*,chrome-extension://abc/";
        let written = ["https://app.example", "http://localhost:5173", "*", "chrome-extension://abc"];
        assert_eq!(config(&["--allowed-origins", given]).http.allowed_origins, written);
        assert!(refusal(&["--allowed-origins", "app.example"]).contains("PHOENIX_ALLOWED_ORIGINS"));
    }

    #[test]
    fn own_additions_have_their_defaults() {
        let http = config(&[]).http;
        assert_eq!(http.max_request_body_bytes, 64 << 20);
        assert_eq!(http.max_decompressed_body_bytes, 128 << 20);
        assert_eq!(http.shutdown_timeout, Duration::from_secs(30));
        assert_eq!(http.grpc_bind_host(), "0.0.0.0");
        assert_eq!(config(&["--grpc-host", "::1"]).http.grpc_bind_host(), "::1");
        assert!(http.mask_internal_server_errors);
        assert!(refusal(&["--max-request-body-bytes", "0"]).contains("from 1"));
        assert!(refusal(&["--support-email", "nope"]).contains("PHOENIX_SUPPORT_EMAIL"));
    }
}
