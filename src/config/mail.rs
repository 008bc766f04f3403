//! The SMTP server that mails leave through. Holds no texts of mails; serves `app`.

use std::path::PathBuf;

use clap::ArgAction;
use secrecy::SecretString;

use super::{ConfigError, Optional, Secret, boolean, path, read_secret_file, text, value, whole};

const DEFAULT_SENDER: &str = "noreply@arize.com";

/// Outgoing mail.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Mail")]
pub struct MailConfig {
    /// Host name of the SMTP server; unset means that no mail is sent.
    #[arg(
        id = "smtp_hostname",
        value_name = "HOSTNAME",
        long = "smtp-hostname",
        env = "PHOENIX_SMTP_HOSTNAME",
        default_value = "",
        hide_default_value = true,
        value_parser = value(text)
    )]
    pub hostname: Optional<String>,

    /// Port of the SMTP server.
    #[arg(
        id = "smtp_port",
        value_name = "PORT",
        long = "smtp-port",
        env = "PHOENIX_SMTP_PORT",
        default_value = "587",
        value_parser = value(|v| whole(v, 1..=u16::MAX))
    )]
    pub port: u16,

    /// User name at the SMTP server.
    #[arg(
        id = "smtp_username",
        value_name = "USERNAME",
        long = "smtp-username",
        env = "PHOENIX_SMTP_USERNAME",
        default_value = "",
        hide_default_value = true,
        value_parser = value(text)
    )]
    pub username: Optional<String>,

    /// Password at the SMTP server.
    #[arg(
        id = "smtp_password",
        value_name = "PASSWORD",
        long = "smtp-password",
        env = "PHOENIX_SMTP_PASSWORD",
        default_value = "",
        hide_default_value = true,
        hide_env_values = true,
        hide = true,
        value_parser = Secret
    )]
    pub password: Optional<SecretString>,

    /// File that holds `PHOENIX_SMTP_PASSWORD`, the password at the SMTP server.
    #[arg(
        id = "smtp_password_file",
        value_name = "FILE",
        long = "smtp-password-file",
        env = "PHOENIX_SMTP_PASSWORD_FILE",
        default_value = "",
        hide_default_value = true,
        value_parser = value(path)
    )]
    pub password_file: Optional<PathBuf>,

    /// Sender address of mails.
    #[arg(
        id = "smtp_mail_from",
        value_name = "MAIL_FROM",
        long = "smtp-mail-from",
        env = "PHOENIX_SMTP_MAIL_FROM",
        default_value = DEFAULT_SENDER,
        value_parser = value(mail_from)
    )]
    pub mail_from: String,

    /// Checks the certificate of the SMTP server.
    #[arg(
        id = "smtp_validate_certs",
        long = "smtp-validate-certs",
        env = "PHOENIX_SMTP_VALIDATE_CERTS",
        default_value = "true",
        value_parser = value(boolean),
        action = ArgAction::Set,
        value_name = "true|false"
    )]
    pub validate_certs: bool,
}

impl MailConfig {
    /// Reads the password file.
    pub(super) fn validate(&mut self) -> Result<(), ConfigError> {
        read_secret_file(
            &mut self.password,
            &mut self.password_file,
            "PHOENIX_SMTP_PASSWORD",
            "PHOENIX_SMTP_PASSWORD_FILE",
        )
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of every value parser")]
fn mail_from(given: &str) -> Result<String, String> {
    Ok(if given.is_empty() { DEFAULT_SENDER } else { given }.to_owned())
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{config, refusal};

    #[test]
    fn mail_is_off_by_default() {
        let mail = config(&[]).mail;
        assert_eq!((mail.hostname, mail.port, mail.validate_certs), (None, 587, true));
        assert_eq!(config(&["--smtp-mail-from", ""]).mail.mail_from, "noreply@arize.com");
        assert!(refusal(&["--smtp-port", "0"]).contains("PHOENIX_SMTP_PORT"));
    }
}
