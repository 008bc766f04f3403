//! The SMTP server that mails leave through. Holds no texts of mails; serves `app`.

use std::path::PathBuf;

use clap::ArgAction;
use lettre::message::Mailbox;
use secrecy::SecretString;
use url::Host;

use super::{ConfigError, Optional, Secret, boolean, path, read_secret_file, shown, text, value, whole};

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
        value_parser = value(hostname)
    )]
    pub hostname: Optional<String>,

    /// Port of the SMTP server. Every connection is encrypted: by TLS from the first byte on port 465, else by
    /// STARTTLS, and by the other of the two where the first one fails.
    #[arg(
        id = "smtp_port",
        value_name = "PORT",
        long = "smtp-port",
        env = "PHOENIX_SMTP_PORT",
        default_value = "587",
        value_parser = value(|v| whole(v, 1..=u16::MAX))
    )]
    pub port: u16,

    /// User name at the SMTP server; needed when `PHOENIX_SMTP_HOSTNAME` is set.
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

    /// Password at the SMTP server; needed when `PHOENIX_SMTP_HOSTNAME` is set.
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

    /// Sender of mails: an address, or `Name <address>`.
    #[arg(
        id = "smtp_mail_from",
        value_name = "MAIL_FROM",
        long = "smtp-mail-from",
        env = "PHOENIX_SMTP_MAIL_FROM",
        default_value = DEFAULT_SENDER,
        value_parser = value(mail_from)
    )]
    pub mail_from: Mailbox,

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
    /// Reads the password file and checks that there are credentials for the server.
    pub(super) fn validate(&mut self) -> Result<(), ConfigError> {
        read_secret_file(
            &mut self.password,
            &mut self.password_file,
            "PHOENIX_SMTP_PASSWORD",
            "PHOENIX_SMTP_PASSWORD_FILE",
        )?;
        let missing = |variable, what| {
            let problem = format!("unset while PHOENIX_SMTP_HOSTNAME is set; allowed: the {what} at that server");
            Err(ConfigError::new(variable, problem))
        };
        match self {
            Self { hostname: Some(_), username: None, .. } => missing("PHOENIX_SMTP_USERNAME", "user name"),
            Self { hostname: Some(_), password: None, .. } => missing("PHOENIX_SMTP_PASSWORD", "password"),
            _ => Ok(()),
        }
    }
}

fn hostname(given: &str) -> Result<Option<String>, String> {
    if given.is_empty() {
        return Ok(None);
    }
    Host::parse(given).map_err(|_| {
        format!(
            "{} is not a host; allowed: a name or an address such as `smtp.example.com`, without a port",
            shown(given)
        )
    })?;
    Ok(Some(given.to_owned()))
}

fn mail_from(given: &str) -> Result<Mailbox, String> {
    let given = if given.is_empty() { DEFAULT_SENDER } else { given };
    given.parse().map_err(|_| {
        format!(
            "{} is not a sender; allowed: an address such as `phoenix@example.com`, or `Name <address>`",
            shown(given)
        )
    })
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{config, refusal};

    #[test]
    fn mail_is_off_by_default() {
        let mail = config(&[]).mail;
        assert_eq!((mail.hostname, mail.port, mail.validate_certs), (None, 587, true));
        let from = |given: &str| config(&["--smtp-mail-from", given]).mail.mail_from.to_string();
        assert_eq!(from(""), "noreply@arize.com");
        assert_eq!(from("Phoenix <p@example.com>"), "Phoenix <p@example.com>");
        assert!(refusal(&["--smtp-mail-from", "nobody"]).contains("PHOENIX_SMTP_MAIL_FROM"));
        assert!(refusal(&["--smtp-port", "0"]).contains("PHOENIX_SMTP_PORT"));
        for bad in ["smtp.example.com:587", "smtp://smtp.example.com", "a b"] {
            assert!(refusal(&["--smtp-hostname", bad]).contains("PHOENIX_SMTP_HOSTNAME"), "{bad}");
        }
    }

    #[test]
    fn a_server_needs_a_user_name_and_a_password() {
        let validated = |args: &[&str], password: Option<&str>| {
            let mut config = config(args);
            config.mail.password = password.map(Into::into);
            config.validate().map_err(|e| e.to_string())
        };
        let host = ["--smtp-hostname", "smtp.example.com"];
        let err = validated(&host, Some("x")).unwrap_err();
        assert!(err.starts_with("PHOENIX_SMTP_USERNAME: unset while PHOENIX_SMTP_HOSTNAME is set; allowed: "), "{err}");
        let both = [host[0], host[1], "--smtp-username", "ann"];
        let err = validated(&both, None).unwrap_err();
        assert!(err.starts_with("PHOENIX_SMTP_PASSWORD: unset while PHOENIX_SMTP_HOSTNAME is set; allowed: "), "{err}");
        assert!(validated(&both, Some("x")).is_ok() && validated(&[], Some("x")).is_ok());
    }
}
