//! Users.

use secrecy::SecretString;

use super::{id::UserId, scope::Role, time::UnixNanos};

/// The system user, which keys of the deployment belong to.
pub const SYSTEM_USER: UserId = UserId(1);
/// The administrator that the first start creates.
pub const DEFAULT_ADMIN: UserId = UserId(2);
/// E-mail address of the system user.
pub const SYSTEM_EMAIL: &str = "system@localhost";
/// E-mail address of the administrator that the first start creates.
pub const ADMIN_EMAIL: &str = "admin@localhost";
/// The longest password that is hashed; anything longer is refused before any work is done.
pub const MAX_PASSWORD_BYTES: usize = 1_024;

/// How a user proves who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// By a password kept here.
    Local,
    /// By an OpenID Connect provider.
    OAuth2,
    /// By an LDAP directory.
    Ldap,
}

impl AuthMethod {
    /// Returns the wire form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "LOCAL",
            Self::OAuth2 => "OAUTH2",
            Self::Ldap => "LDAP",
        }
    }

    /// Reads the stored form.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "OAUTH2" => Self::OAuth2,
            "LDAP" => Self::Ldap,
            _ => Self::Local,
        }
    }
}

/// A user.
#[derive(Clone, Debug)]
pub struct User {
    /// Row id.
    pub id: UserId,
    /// Role.
    pub role: Role,
    /// Unique name.
    pub username: String,
    /// Unique e-mail address.
    pub email: String,
    /// How they log in.
    pub auth_method: AuthMethod,
    /// Hash of the password in PHC string form, if they have one.
    pub password_hash: Option<SecretString>,
    /// Whether the password must be changed before anything else.
    pub password_needs_reset: bool,
    /// Whether they may log in and their keys work; what they made stays either way.
    pub is_active: bool,
    /// When they last logged in.
    pub last_login_at: Option<UnixNanos>,
    /// Client id at the OpenID Connect provider.
    pub oauth2_client_id: Option<String>,
    /// Subject at the OpenID Connect provider.
    pub oauth2_user_id: Option<String>,
    /// A picture, from the OpenID Connect provider.
    pub profile_picture_url: Option<String>,
    /// When the account was created.
    pub created_at: UnixNanos,
    /// When it was last changed.
    pub updated_at: UnixNanos,
}

/// What makes a new user.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Role.
    pub role: Role,
    /// Unique name.
    pub username: String,
    /// Unique e-mail address, in lower case.
    pub email: String,
    /// How they log in.
    pub auth_method: AuthMethod,
    /// Hash of the password; `None` = nobody can log in with one.
    pub password_hash: Option<SecretString>,
    /// Whether the password must be changed at first login.
    pub password_needs_reset: bool,
    /// Client id at the OpenID Connect provider.
    pub oauth2_client_id: Option<String>,
    /// Subject at the OpenID Connect provider.
    pub oauth2_user_id: Option<String>,
}

impl NewUser {
    /// Returns a user who logs in by password and must change it first.
    #[must_use]
    pub fn local(role: Role, username: &str, email: &str, password_hash: Option<SecretString>) -> Self {
        Self {
            role,
            username: username.trim().to_owned(),
            email: normalize_email(email),
            auth_method: AuthMethod::Local,
            password_hash,
            password_needs_reset: true,
            oauth2_client_id: None,
            oauth2_user_id: None,
        }
    }
}

/// The longest name, in bytes.
const MAX_USERNAME_BYTES: usize = 200;
/// The longest e-mail address, in bytes (RFC 5321: 64 before the `@`, 255 after it).
pub const MAX_EMAIL_BYTES: usize = 320;

/// Checks a name; the error is the sentence for the caller.
pub fn check_username(username: &str) -> Result<(), &'static str> {
    let username = username.trim();
    if username.is_empty() || username.len() > MAX_USERNAME_BYTES || username.chars().any(char::is_control) {
        return Err("A username has 1 to 200 characters and no control characters");
    }
    Ok(())
}

/// Checks an e-mail address of a person, as the peer does: something, `@`, something with a dot in it, no blanks.
pub fn check_email(email: &str) -> Result<(), &'static str> {
    let email = email.trim();
    let well_formed = email.split_once('@').is_some_and(|(local, domain)| {
        let dotted = domain.split_once('.').is_some_and(|(name, rest)| !name.is_empty() && !rest.is_empty());
        !local.is_empty() && dotted && !domain.contains('@')
    });
    if !well_formed || email.len() > MAX_EMAIL_BYTES || email.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("Invalid email address");
    }
    Ok(())
}

/// What a password must be.
#[derive(Clone, Copy, Debug, Default)]
pub struct PasswordPolicy {
    /// `PHOENIX_ENABLE_STRONG_PASSWORD_POLICY`.
    pub strong: bool,
}

impl PasswordPolicy {
    /// Checks a new password; the error is the sentence for the caller.
    pub fn check(self, password: &str) -> Result<(), &'static str> {
        const SPECIAL: &str = "!@#$%^&*()_+";
        const WEAK_RULE: &str = "Password must be at least 4 characters long, ASCII, without whitespace";
        const STRONG_RULE: &str = "Password must be at least 12 characters long, at least one digit, at least one \
                                   lowercase letter, at least one uppercase letter, and at least one special character";
        if password.len() > MAX_PASSWORD_BYTES {
            return Err("Password must be at most 1024 characters long");
        }
        let printable = password.bytes().all(|b| b.is_ascii_graphic());
        if !self.strong {
            return if printable && password.len() >= 4 { Ok(()) } else { Err(WEAK_RULE) };
        }
        let has = |test: fn(char) -> bool| password.chars().any(test);
        let strong = printable
            && password.len() >= 12
            && has(|c| c.is_ascii_digit())
            && has(|c| c.is_ascii_lowercase())
            && has(|c| c.is_ascii_uppercase())
            && has(|c| SPECIAL.contains(c));
        if strong { Ok(()) } else { Err(STRONG_RULE) }
    }
}

/// Whether this is the administrator that the first start creates.
#[must_use]
pub fn is_default_admin(user: &User) -> bool {
    user.id == DEFAULT_ADMIN || user.email == ADMIN_EMAIL
}

/// Brings an e-mail address to the form it is stored and compared in.
#[must_use]
pub fn normalize_email(email: &str) -> String {
    email.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_checked() {
        for good in ["a@b.c", " Ann@Example.com ", "o'neil+x@mail.example.org"] {
            assert!(check_email(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "a@b", "@b.c", "a@.c", "a@b.", "a b@c.d", "a@b@c.d", "admin@localhost"] {
            assert!(check_email(bad).is_err(), "{bad}");
        }
        assert!(check_username("Ann Lee").is_ok());
        for bad in ["", "  ", "a\nb", &"x".repeat(201)] {
            assert!(check_username(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn policies_are_those_of_the_documents() {
        let weak = PasswordPolicy { strong: false };
        assert!(weak.check("abcd").is_ok());
        for bad in ["abc", "ab cd", "pässword", "abc\n"] {
            assert!(weak.check(bad).is_err(), "{bad}");
        }
        let strong = PasswordPolicy { strong: true };
        assert!(strong.check("Correct-Horse_9").is_ok());
        for bad in ["Correct-Horse-x", "correct_horse_9", "CORRECT_HORSE_9", "CorrectHorse99", "Short_9a"] {
            assert!(strong.check(bad).is_err(), "{bad}");
        }
        assert!(weak.check(&"a".repeat(MAX_PASSWORD_BYTES + 1)).is_err());
    }
}
