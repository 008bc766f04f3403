//! Certificates of the listeners, as the peer names them; this version does not terminate TLS and
//! refuses to pretend. Serves `app`.

use std::path::PathBuf;

use clap::ArgAction;
use secrecy::SecretString;

use super::{ConfigError, Optional, Secret, boolean, maybe_boolean, path, read_secret_file, value};

/// TLS of the HTTP and gRPC listeners.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "TLS")]
pub struct TlsConfig {
    /// Serves HTTPS and gRPC over TLS.
    #[arg(
        id = "tls_enabled",
        long = "tls-enabled",
        env = "PHOENIX_TLS_ENABLED",
        default_value = "false",
        value_parser = value(boolean),
        action = ArgAction::Set,
        value_name = "true|false"
    )]
    pub enabled: bool,

    /// Overrides `PHOENIX_TLS_ENABLED` for the HTTP listener.
    #[arg(
        id = "tls_enabled_for_http",
        long = "tls-enabled-for-http",
        env = "PHOENIX_TLS_ENABLED_FOR_HTTP",
        default_value = "",
        hide_default_value = true,
        value_parser = value(maybe_boolean),
        value_name = "true|false"
    )]
    pub enabled_for_http: Optional<bool>,

    /// Overrides `PHOENIX_TLS_ENABLED` for the gRPC listener.
    #[arg(
        id = "tls_enabled_for_grpc",
        long = "tls-enabled-for-grpc",
        env = "PHOENIX_TLS_ENABLED_FOR_GRPC",
        default_value = "",
        hide_default_value = true,
        value_parser = value(maybe_boolean),
        value_name = "true|false"
    )]
    pub enabled_for_grpc: Optional<bool>,

    /// Certificate chain of the server, PEM.
    #[arg(
        id = "tls_cert_file",
        value_name = "FILE",
        long = "tls-cert-file",
        env = "PHOENIX_TLS_CERT_FILE",
        default_value = "",
        hide_default_value = true,
        value_parser = value(path)
    )]
    pub cert_file: Optional<PathBuf>,

    /// Private key of the server, PEM; it may be encrypted.
    #[arg(
        id = "tls_key_file",
        value_name = "FILE",
        long = "tls-key-file",
        env = "PHOENIX_TLS_KEY_FILE",
        default_value = "",
        hide_default_value = true,
        value_parser = value(path)
    )]
    pub key_file: Optional<PathBuf>,

    /// Password of the private key.
    #[arg(
        id = "tls_key_file_password",
        value_name = "KEY_FILE_PASSWORD",
        long = "tls-key-file-password",
        env = "PHOENIX_TLS_KEY_FILE_PASSWORD",
        default_value = "",
        hide_default_value = true,
        hide_env_values = true,
        hide = true,
        value_parser = Secret
    )]
    pub key_file_password: Optional<SecretString>,

    /// File that holds `PHOENIX_TLS_KEY_FILE_PASSWORD`, the password of the private key.
    #[arg(
        id = "tls_key_file_password_file",
        value_name = "FILE",
        long = "tls-key-file-password-file",
        env = "PHOENIX_TLS_KEY_FILE_PASSWORD_FILE",
        default_value = "",
        hide_default_value = true,
        value_parser = value(path)
    )]
    pub key_file_password_file: Optional<PathBuf>,

    /// Certificates that client certificates are checked against, PEM.
    #[arg(
        id = "tls_ca_file",
        value_name = "FILE",
        long = "tls-ca-file",
        env = "PHOENIX_TLS_CA_FILE",
        default_value = "",
        hide_default_value = true,
        value_parser = value(path)
    )]
    pub ca_file: Optional<PathBuf>,

    /// Demands a certificate from every client.
    #[arg(
        id = "tls_verify_client",
        long = "tls-verify-client",
        env = "PHOENIX_TLS_VERIFY_CLIENT",
        default_value = "false",
        value_parser = value(boolean),
        action = ArgAction::Set,
        value_name = "true|false"
    )]
    pub verify_client: bool,
}

impl TlsConfig {
    /// Reports whether the HTTP listener is asked to speak TLS.
    #[must_use]
    pub fn for_http(&self) -> bool {
        self.enabled_for_http.unwrap_or(self.enabled)
    }

    /// Reports whether the gRPC listener is asked to speak TLS.
    #[must_use]
    pub fn for_grpc(&self) -> bool {
        self.enabled_for_grpc.unwrap_or(self.enabled)
    }

    /// Reads the password file.
    pub(super) fn validate(&mut self) -> Result<(), ConfigError> {
        read_secret_file(
            &mut self.key_file_password,
            &mut self.key_file_password_file,
            "PHOENIX_TLS_KEY_FILE_PASSWORD",
            "PHOENIX_TLS_KEY_FILE_PASSWORD_FILE",
        )
    }

    /// Refuses a configuration that asks for TLS, since serving plain text instead would go
    /// unnoticed.
    pub fn ensure_not_requested(&self) -> Result<(), ConfigError> {
        let variable = match (self.for_http(), self.for_grpc()) {
            (false, false) => return Ok(()),
            _ if self.enabled => "PHOENIX_TLS_ENABLED",
            (true, _) => "PHOENIX_TLS_ENABLED_FOR_HTTP",
            (false, true) => "PHOENIX_TLS_ENABLED_FOR_GRPC",
        };
        let problem = "this version does not terminate TLS; allowed: false, with a reverse proxy in front that does";
        Err(ConfigError::new(variable, problem))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{config, refusal};

    #[test]
    fn tls_stops_the_start_under_each_of_its_names() {
        for (flag, variable) in [
            ("--tls-enabled", "PHOENIX_TLS_ENABLED:"),
            ("--tls-enabled-for-http", "PHOENIX_TLS_ENABLED_FOR_HTTP:"),
            ("--tls-enabled-for-grpc", "PHOENIX_TLS_ENABLED_FOR_GRPC:"),
        ] {
            let err = config(&[flag, "True"]).validate().unwrap_err().to_string();
            assert!(err.starts_with(variable), "{err}");
        }
        let off = ["--tls-enabled", "true", "--tls-enabled-for-http", "false", "--tls-enabled-for-grpc", "false"];
        assert!(config(&off).validate().is_ok());
        assert!(config(&["--tls-enabled-for-http", " "]).validate().is_ok());
        assert!(refusal(&["--tls-enabled-for-http", "1"]).contains("PHOENIX_TLS_ENABLED_FOR_HTTP"));
    }
}
