//! Who may log in and how: secrets, first accounts, lifetimes, cookies, brakes on guessing. Holds
//! no identity providers yet; serves `app`, which hands the values to `auth` and `service`.

use std::path::PathBuf;
use std::time::Duration;

use clap::ArgAction;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{
    ConfigError, List, Optional, Secret, boolean, items, minutes, path, read_secret_file, shown, value, whole,
};

/// Authentication, sessions and first accounts.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Authentication")]
#[expect(clippy::struct_excessive_bools, reason = "one for each variable that the peer spells as a boolean")]
pub struct AuthConfig {
    /// Demands a login or an API key for everything but the public paths; needs `PHOENIX_SECRET`.
    #[arg(
        id = "enable_auth",
        long = "enable-auth",
        env = "PHOENIX_ENABLE_AUTH",
        default_value = "false",
        value_parser = value(boolean),
        action = ArgAction::Set,
        value_name = "true|false"
    )]
    pub enabled: bool,

    /// Key that signs every token: at least 32 ASCII characters without whitespace, with a digit
    /// and a lower-case letter.
    #[arg(
        long,
        env = "PHOENIX_SECRET",
        default_value = "",
        hide_default_value = true,
        hide_env_values = true,
        hide = true,
        value_parser = Secret
    )]
    pub secret: Optional<SecretString>,

    /// File that holds `PHOENIX_SECRET`, the key that signs every token: at least 32 ASCII
    /// characters without whitespace, with a digit and a lower-case letter.
    #[arg(
        long,
        env = "PHOENIX_SECRET_FILE",
        default_value = "",
        hide_default_value = true,
        value_parser = value(path)
    )]
    pub secret_file: Optional<PathBuf>,

    /// Bearer token that acts as the first system user, under the rules of `PHOENIX_SECRET` and
    /// different from it.
    #[arg(
        long,
        env = "PHOENIX_ADMIN_SECRET",
        default_value = "",
        hide_default_value = true,
        hide_env_values = true,
        hide = true,
        value_parser = Secret
    )]
    pub admin_secret: Optional<SecretString>,

    /// File that holds `PHOENIX_ADMIN_SECRET`, a bearer token that acts as the first system user,
    /// under the rules of `PHOENIX_SECRET` and different from it.
    #[arg(
        long,
        env = "PHOENIX_ADMIN_SECRET_FILE",
        default_value = "",
        hide_default_value = true,
        value_parser = value(path)
    )]
    pub admin_secret_file: Optional<PathBuf>,

    /// Password of the first administrator, used once when the database is new; unset means
    /// `admin`.
    #[arg(
        long,
        env = "PHOENIX_DEFAULT_ADMIN_INITIAL_PASSWORD",
        default_value = "",
        hide_default_value = true,
        hide_env_values = true,
        hide = true,
        value_parser = Secret
    )]
    pub default_admin_initial_password: Optional<SecretString>,

    /// File that holds `PHOENIX_DEFAULT_ADMIN_INITIAL_PASSWORD`, the password of the first
    /// administrator, used once when the database is new; unset means `admin`.
    #[arg(
        long,
        env = "PHOENIX_DEFAULT_ADMIN_INITIAL_PASSWORD_FILE",
        default_value = "",
        hide_default_value = true,
        value_parser = value(path)
    )]
    pub default_admin_initial_password_file: Optional<PathBuf>,

    /// Further administrators to create at start if they do not exist, as `name=email;name=email`.
    #[arg(
        long,
        env = "PHOENIX_ADMINS",
        default_value = "",
        hide_default_value = true,
        value_parser = value(admins)
    )]
    pub admins: List<AdminSeed>,

    /// Refuses passwords, which leaves identity providers as the only way to log in.
    #[arg(
        long,
        env = "PHOENIX_DISABLE_BASIC_AUTH",
        default_value = "false",
        value_parser = value(boolean),
        action = ArgAction::Set,
        value_name = "true|false"
    )]
    pub disable_basic_auth: bool,

    /// Demands new passwords of 12 characters or more with a digit, a lower-case and an upper-case
    /// letter and one of `!@#$%^&*()_+`.
    #[arg(
        id = "enable_strong_password_policy",
        long = "enable-strong-password-policy",
        env = "PHOENIX_ENABLE_STRONG_PASSWORD_POLICY",
        default_value = "false",
        value_parser = value(boolean),
        action = ArgAction::Set,
        value_name = "true|false"
    )]
    pub strong_password_policy: bool,

    /// Minutes that an access token lives; decimals are allowed.
    #[arg(
        long = "access-token-expiry-minutes",
        env = "PHOENIX_ACCESS_TOKEN_EXPIRY_MINUTES",
        default_value = "10",
        value_parser = value(minutes)
    )]
    pub access_token_expiry: Duration,

    /// Minutes that a refresh token lives, which is how long a login lasts; decimals are allowed.
    #[arg(
        long = "refresh-token-expiry-minutes",
        env = "PHOENIX_REFRESH_TOKEN_EXPIRY_MINUTES",
        default_value = "10080",
        value_parser = value(minutes)
    )]
    pub refresh_token_expiry: Duration,

    /// Minutes that the link in a password reset mail works; decimals are allowed.
    #[arg(
        long = "password-reset-token-expiry-minutes",
        env = "PHOENIX_PASSWORD_RESET_TOKEN_EXPIRY_MINUTES",
        default_value = "15",
        value_parser = value(minutes)
    )]
    pub password_reset_token_expiry: Duration,

    /// Marks cookies `Secure`, so that browsers send them over HTTPS alone; always so when the HTTP
    /// listener itself speaks TLS.
    #[arg(
        long,
        env = "PHOENIX_USE_SECURE_COOKIES",
        default_value = "false",
        value_parser = value(boolean),
        action = ArgAction::Set,
        value_name = "true|false"
    )]
    pub use_secure_cookies: bool,

    /// `Path` attribute of the login cookies.
    #[arg(
        long,
        env = "PHOENIX_COOKIES_PATH",
        default_value = "/",
        value_parser = value(cookies_path)
    )]
    pub cookies_path: String,

    /// Origins that requests may come from, the server's own included, comma-separated URLs whose
    /// host names are compared: every other `Origin` or `Referer` is refused, for reading too. Unset
    /// means that only changes made by cookie alone must come from this server's own pages or from
    /// `PHOENIX_ALLOWED_ORIGINS`.
    #[arg(
        long,
        env = "PHOENIX_CSRF_TRUSTED_ORIGINS",
        default_value = "",
        hide_default_value = true,
        value_parser = value(origins)
    )]
    pub csrf_trusted_origins: List<String>,

    /// Lifts every rate limit: of the login and token requests of an address, and those of API keys.
    #[arg(
        long,
        env = "PHOENIX_DISABLE_RATE_LIMIT",
        default_value = "false",
        value_parser = value(boolean),
        action = ArgAction::Set,
        value_name = "true|false"
    )]
    pub disable_rate_limit: bool,

    /// Lifts the block of an account after too many failed logins.
    #[arg(
        id = "disable_brute_force_login_protection",
        long = "disable-brute-force-login-protection",
        env = "PHOENIX_DISABLE_BRUTE_FORCE_LOGIN_PROTECTION",
        default_value = "false",
        value_parser = value(boolean),
        action = ArgAction::Set,
        value_name = "true|false"
    )]
    pub disable_brute_force_protection: bool,

    /// Failed logins after which an account is blocked for 300 seconds.
    #[arg(
        id = "brute_force_login_protection_max_attempts",
        value_name = "MAX_ATTEMPTS",
        long = "brute-force-login-protection-max-attempts",
        env = "PHOENIX_BRUTE_FORCE_LOGIN_PROTECTION_MAX_ATTEMPTS",
        default_value = "5",
        value_parser = value(|v| whole(v, 1..=u32::MAX))
    )]
    pub brute_force_max_attempts: u32,

    /// Allows a session whose password must be reset nothing but to reset it and to log out;
    /// `false` is the peer's laxness.
    #[arg(
        long,
        env = "PHOENIX_ENFORCE_PASSWORD_RESET",
        default_value = "true",
        value_parser = value(boolean),
        action = ArgAction::Set,
        value_name = "true|false"
    )]
    pub enforce_password_reset: bool,

    /// Refuses keys for tests (`px_test_`), as a production server may want.
    #[arg(
        long,
        env = "PHOENIX_REFUSE_TEST_KEYS",
        default_value = "false",
        value_parser = value(boolean),
        action = ArgAction::Set,
        value_name = "true|false"
    )]
    pub refuse_test_keys: bool,
}

/// An administrator to create at start, from `PHOENIX_ADMINS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminSeed {
    /// Name shown to other users.
    pub username: String,
    /// Mail address in lower case, which is also the login name.
    pub email: String,
}

impl AuthConfig {
    /// Reads the secret files and checks what one value alone cannot tell.
    pub(super) fn validate(&mut self) -> Result<(), ConfigError> {
        read_secret_file(&mut self.secret, &mut self.secret_file, "PHOENIX_SECRET", "PHOENIX_SECRET_FILE")?;
        read_secret_file(
            &mut self.admin_secret,
            &mut self.admin_secret_file,
            "PHOENIX_ADMIN_SECRET",
            "PHOENIX_ADMIN_SECRET_FILE",
        )?;
        read_secret_file(
            &mut self.default_admin_initial_password,
            &mut self.default_admin_initial_password_file,
            "PHOENIX_DEFAULT_ADMIN_INITIAL_PASSWORD",
            "PHOENIX_DEFAULT_ADMIN_INITIAL_PASSWORD_FILE",
        )?;
        if let Some(secret) = &self.secret {
            strong_enough("PHOENIX_SECRET", secret)?;
        }
        if let Some(admin_secret) = &self.admin_secret {
            strong_enough("PHOENIX_ADMIN_SECRET", admin_secret)?;
            match &self.secret {
                None => {
                    return Err(ConfigError::new(
                        "PHOENIX_ADMIN_SECRET",
                        "set without PHOENIX_SECRET; allowed: both, or neither",
                    ));
                }
                Some(secret) if secret.expose_secret() == admin_secret.expose_secret() => {
                    let problem = "the same as PHOENIX_SECRET; allowed: a secret of its own";
                    return Err(ConfigError::new("PHOENIX_ADMIN_SECRET", problem));
                }
                Some(_) => {}
            }
        }
        if !self.enabled {
            return Ok(());
        }
        if self.secret.is_none() {
            let problem = format!("unset, but PHOENIX_ENABLE_AUTH=true needs it; allowed: {SECRET_RULE}");
            return Err(ConfigError::new("PHOENIX_SECRET", problem));
        }
        if self.disable_basic_auth {
            let problem = "true leaves no way to log in, as this version supports no identity provider; allowed: false";
            return Err(ConfigError::new("PHOENIX_DISABLE_BASIC_AUTH", problem));
        }
        Ok(())
    }
}

const SECRET_RULE: &str = "at least 32 ASCII characters without whitespace, with a digit and a lower-case letter";

fn strong_enough(variable: &'static str, secret: &SecretString) -> Result<(), ConfigError> {
    let secret = secret.expose_secret();
    let fault = if !secret.is_ascii() {
        "has characters other than ASCII"
    } else if secret.contains(char::is_whitespace) {
        "has whitespace"
    } else if secret.len() < 32 {
        "too short"
    } else if !secret.contains(|c: char| c.is_ascii_digit()) {
        "has no digit"
    } else if !secret.contains(|c: char| c.is_ascii_lowercase()) {
        "has no lower-case letter"
    } else {
        return Ok(());
    };
    Err(ConfigError::new(variable, format!("{fault}; allowed: {SECRET_RULE}")))
}

fn admins(given: &str) -> Result<Vec<AdminSeed>, String> {
    let mut seeds: Vec<AdminSeed> = Vec::new();
    for item in given.split(';').map(str::trim).filter(|item| !item.is_empty()) {
        // The name may hold `=`, an address cannot.
        let (username, email) = item
            .rsplit_once('=')
            .map(|(username, email)| (username.trim(), email.trim().to_lowercase()))
            .filter(|(username, email)| !username.is_empty() && is_email(email))
            .ok_or_else(|| format!("{} is not an administrator; allowed: `name=email;name=email`", shown(item)))?;
        if seeds.iter().any(|seed| seed.email == email || seed.username == username) {
            return Err(format!(
                "{} repeats a name or an address; allowed: each name and each address once",
                shown(item)
            ));
        }
        seeds.push(AdminSeed { username: username.to_owned(), email });
    }
    Ok(seeds)
}

/// The peer's rule for the addresses of users: one `@`, a dot behind it, no whitespace.
fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| {
        let dotted = host.rsplit_once('.').is_some_and(|(head, tail)| !head.is_empty() && !tail.is_empty());
        !name.is_empty() && dotted && !host.contains('@') && !text.contains(char::is_whitespace)
    })
}

fn cookies_path(given: &str) -> Result<String, String> {
    let odd = |c: char| c == ';' || c == ',' || c.is_whitespace() || c.is_control() || !c.is_ascii();
    match given {
        "" => Ok("/".to_owned()),
        path if path.starts_with('/') && !path.contains(odd) => Ok(path.to_owned()),
        other => Err(format!("{} is not a cookie path; allowed: a path that starts with `/`", shown(other))),
    }
}

fn origins(given: &str) -> Result<Vec<String>, String> {
    let origins = items(given)?;
    match origins
        .iter()
        .find(|origin| !Url::parse(origin).is_ok_and(|url| url.host_str().is_some_and(|host| !host.is_empty())))
    {
        Some(bad) => Err(format!(
            "{} has no host name; allowed: comma-separated URLs such as `https://phoenix.example`",
            shown(bad)
        )),
        None => Ok(origins),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{config, refusal};

    const GOOD: &str = "a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4";
    const OTHER: &str = "z1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4";

    fn validated(args: &[&str], secret: Option<&str>, admin_secret: Option<&str>) -> Result<AuthConfig, String> {
        let mut auth = config(args).auth;
        auth.secret = secret.map(SecretString::from);
        auth.admin_secret = admin_secret.map(SecretString::from);
        auth.validate().map_err(|err| err.to_string())?;
        Ok(auth)
    }

    #[test]
    fn auth_needs_a_secret() {
        let err = validated(&["--enable-auth", "true"], None, None).unwrap_err();
        assert!(err.starts_with("PHOENIX_SECRET: unset, but PHOENIX_ENABLE_AUTH=true"), "{err}");
        assert!(validated(&["--enable-auth", "TRUE"], Some(GOOD), Some(OTHER)).is_ok());
        assert!(validated(&[], None, None).is_ok());
    }

    #[test]
    fn a_weak_secret_is_refused_even_without_auth_and_is_not_told() {
        let (long, short) = ("x".repeat(31), GOOD.to_uppercase());
        let non_ascii = format!("{GOOD}é");
        let spaced = format!("{GOOD} x");
        let digitless = "a".repeat(32);
        let faults = [
            ("hunter2", "too short"),
            (&long, "too short"),
            (&digitless, "no digit"),
            (&short, "no lower-case"),
            (&non_ascii, "ASCII"),
            (&spaced, "whitespace"),
        ];
        for (secret, fault) in faults {
            let err = validated(&[], Some(secret), None).unwrap_err();
            assert!(err.starts_with("PHOENIX_SECRET: ") && err.contains(fault) && !err.contains(secret), "{err}");
            let err = validated(&[], Some(GOOD), Some(secret)).unwrap_err();
            assert!(err.starts_with("PHOENIX_ADMIN_SECRET: ") && err.contains(fault), "{err}");
        }
    }

    #[test]
    fn the_admin_secret_stands_beside_another_secret() {
        assert!(validated(&[], None, Some(GOOD)).unwrap_err().contains("without PHOENIX_SECRET"));
        assert!(validated(&[], Some(GOOD), Some(GOOD)).unwrap_err().contains("the same as PHOENIX_SECRET"));
    }

    #[test]
    fn basic_auth_is_the_only_way_in() {
        let err = validated(&["--enable-auth", "true", "--disable-basic-auth", "true"], Some(GOOD), None).unwrap_err();
        assert!(err.starts_with("PHOENIX_DISABLE_BASIC_AUTH: "), "{err}");
        assert!(validated(&["--disable-basic-auth", "true"], None, None).is_ok());
    }

    #[test]
    fn admins_are_names_and_addresses() {
        let seed = |username: &str, email: &str| AdminSeed { username: username.to_owned(), email: email.to_owned() };
        assert_eq!(admins("a=a@b.c; ;b = B@b.C ;").unwrap(), [seed("a", "a@b.c"), seed("b", "b@b.c")]);
        assert_eq!(admins("Doe, J.=x=j@b.co").unwrap(), [seed("Doe, J.=x", "j@b.co")]);
        assert!(admins("").unwrap().is_empty());
        for bad in [
            "x",
            "a=nope",
            "q=admin@localhost",
            "=a@b.c",
            "a=a@b.c;b=A@b.c",
            "a=a@b.c;a=b@b.c",
            "a=a b@c.d",
            "a=a@b@c.d",
        ] {
            assert!(admins(bad).is_err(), "{bad}");
        }
        assert!(refusal(&["--admins", "x"]).contains("PHOENIX_ADMINS"));
    }

    #[test]
    fn lifetimes_are_minutes_with_decimals() {
        let auth = config(&["--access-token-expiry-minutes", " 0.5 "]).auth;
        assert_eq!(auth.access_token_expiry, Duration::from_secs(30));
        assert_eq!(auth.refresh_token_expiry, Duration::from_hours(168));
        assert_eq!(auth.password_reset_token_expiry, Duration::from_mins(15));
        for bad in ["0", "nan", "inf", "x", "", "1e300"] {
            let line = refusal(&["--access-token-expiry-minutes", bad]);
            assert!(line.contains("PHOENIX_ACCESS_TOKEN_EXPIRY_MINUTES") && line.contains("allowed"), "{line}");
        }
    }

    #[test]
    fn trusted_origins_have_hosts() {
        let auth = config(&["--csrf-trusted-origins", "http://a,, https://b.c:8/x ,"]).auth;
        assert_eq!(auth.csrf_trusted_origins, ["http://a", "https://b.c:8/x"]);
        for bad in ["*", "a.b", "localhost", "localhost:6006", "http://a,b"] {
            assert!(refusal(&["--csrf-trusted-origins", bad]).contains("host name"), "{bad}");
        }
    }

    #[test]
    fn cookie_paths_cannot_carry_attributes() {
        assert_eq!(config(&["--cookies-path", ""]).auth.cookies_path, "/");
        assert_eq!(config(&["--cookies-path", "/x/"]).auth.cookies_path, "/x/");
        assert!(cookies_path("x").is_err());
        assert!(cookies_path("/; Domain=evil").is_err());
    }
}
