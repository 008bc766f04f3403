//! Which listeners speak TLS, with which files, as the peer names them. Opens none of the files but
//! that of the password; serves `app`, which reads and re-reads them.

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

    /// Certificate of the server, PEM, followed by those between it and its authority. Read again when
    /// it changes, within a minute or on SIGHUP, like the other two files.
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

    /// Private key of the server, PEM: PKCS#8, PKCS#1 or SEC 1, plain or encrypted.
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

    /// Certificates that client certificates are checked against, PEM: authorities, or the client
    /// certificates themselves. Has an effect with `PHOENIX_TLS_VERIFY_CLIENT` alone.
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

    /// Demands a certificate that `PHOENIX_TLS_CA_FILE` vouches for from every client, HTTP and gRPC.
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

    /// Reads the password file and checks that TLS has what it needs.
    pub(super) fn validate(&mut self) -> Result<(), ConfigError> {
        read_secret_file(
            &mut self.key_file_password,
            &mut self.key_file_password_file,
            "PHOENIX_TLS_KEY_FILE_PASSWORD",
            "PHOENIX_TLS_KEY_FILE_PASSWORD_FILE",
        )?;
        let Some(asked) = self.asked_by() else { return Ok(()) };
        for (variable, file) in [("PHOENIX_TLS_CERT_FILE", &self.cert_file), ("PHOENIX_TLS_KEY_FILE", &self.key_file)] {
            if file.is_none() {
                let problem = format!("unset, but {asked}=true needs it; allowed: the path of a PEM file");
                return Err(ConfigError::new(variable, problem));
            }
        }
        if self.verify_client && self.ca_file.is_none() {
            let problem = "unset, but PHOENIX_TLS_VERIFY_CLIENT=true needs it; allowed: the path of a PEM file";
            return Err(ConfigError::new("PHOENIX_TLS_CA_FILE", problem));
        }
        Ok(())
    }

    /// Returns the variable that asks for TLS, if one does.
    fn asked_by(&self) -> Option<&'static str> {
        match (self.for_http(), self.for_grpc()) {
            (false, false) => None,
            _ if self.enabled => Some("PHOENIX_TLS_ENABLED"),
            (true, _) => Some("PHOENIX_TLS_ENABLED_FOR_HTTP"),
            (false, true) => Some("PHOENIX_TLS_ENABLED_FOR_GRPC"),
        }
    }

    /// Returns one line for each setting that has no effect.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.asked_by().is_none() {
            let set = [
                ("PHOENIX_TLS_CERT_FILE", self.cert_file.is_some()),
                ("PHOENIX_TLS_KEY_FILE", self.key_file.is_some()),
                ("PHOENIX_TLS_CA_FILE", self.ca_file.is_some()),
                ("PHOENIX_TLS_VERIFY_CLIENT", self.verify_client),
            ];
            let set: Vec<&str> = set.into_iter().filter_map(|(name, is_set)| is_set.then_some(name)).collect();
            if !set.is_empty() {
                lines.push(format!("{} set without effect: PHOENIX_TLS_ENABLED is not true", set.join(", ")));
            }
        } else if self.ca_file.is_some() && !self.verify_client {
            lines.push("PHOENIX_TLS_CA_FILE set without effect: PHOENIX_TLS_VERIFY_CLIENT is not true".to_owned());
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{config, refusal};

    #[test]
    fn tls_needs_a_certificate_and_a_key_under_each_of_its_names() {
        for (flag, variable) in [
            ("--tls-enabled", "PHOENIX_TLS_ENABLED"),
            ("--tls-enabled-for-http", "PHOENIX_TLS_ENABLED_FOR_HTTP"),
            ("--tls-enabled-for-grpc", "PHOENIX_TLS_ENABLED_FOR_GRPC"),
        ] {
            let err = config(&[flag, "True"]).validate().unwrap_err().to_string();
            assert!(err.starts_with(&format!("PHOENIX_TLS_CERT_FILE: unset, but {variable}=true")), "{err}");
            let err = config(&[flag, "true", "--tls-cert-file", "c"]).validate().unwrap_err();
            assert_eq!(err.variable(), "PHOENIX_TLS_KEY_FILE");
            let both = [flag, "true", "--tls-cert-file", "c", "--tls-key-file", "k"];
            assert!(config(&both).validate().is_ok());
            let verifying = config(&[&both[..], &["--tls-verify-client", "true"]].concat()).validate().unwrap_err();
            assert_eq!(verifying.variable(), "PHOENIX_TLS_CA_FILE");
        }
        let off = ["--tls-enabled", "true", "--tls-enabled-for-http", "false", "--tls-enabled-for-grpc", "false"];
        assert!(config(&off).validate().is_ok());
        assert!(config(&["--tls-enabled-for-http", " "]).validate().is_ok());
        assert!(refusal(&["--tls-enabled-for-http", "1"]).contains("PHOENIX_TLS_ENABLED_FOR_HTTP"));
    }

    #[test]
    fn what_has_no_effect_is_named() {
        let warnings = |args: &[&str]| config(args).tls.warnings().join("\n");
        assert_eq!(warnings(&[]), "");
        assert_eq!(
            warnings(&["--tls-cert-file", "c", "--tls-verify-client", "true"]),
            "PHOENIX_TLS_CERT_FILE, PHOENIX_TLS_VERIFY_CLIENT set without effect: PHOENIX_TLS_ENABLED is not true"
        );
        assert_eq!(
            warnings(&["--tls-enabled", "true", "--tls-cert-file", "c", "--tls-key-file", "k", "--tls-ca-file", "a"]),
            "PHOENIX_TLS_CA_FILE set without effect: PHOENIX_TLS_VERIFY_CLIENT is not true"
        );
    }
}
