//! The mails themselves: what is said to whom, as plain text and as HTML.
//!
//! Templates whose name ends in `.html` escape what is put into them; that is askama's rule, not a habit.

use std::{borrow::Cow, fmt, time::Duration};

use askama::Template;
use lettre::{
    Message,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
};

use crate::{
    domain::{
        id::UserId,
        secret::random_id,
        storage::{StorageLevel, StorageUse},
        user::{SYSTEM_USER, User},
    },
    error::{Error, Result},
};

/// The longest name that a mail repeats, in characters.
const MAX_NAME: usize = 100;

/// The server, as people know it.
#[derive(Clone, Debug)]
pub struct Site {
    /// Where its pages are, without a slash at the end.
    pub url: String,
    /// Address for questions.
    pub contact: Option<String>,
}

/// A link that sets a password: as good as a password while it lives, so it does not print.
#[derive(Clone)]
pub struct ResetLink {
    /// The link.
    pub url: String,
    /// How long it works.
    pub expires_in: Duration,
}

impl ResetLink {
    /// Says how long the link works: `15 minutes`.
    #[must_use]
    pub fn life(&self) -> String {
        let (number, unit) = match self.expires_in.as_secs() {
            seconds if seconds < 120 => (seconds.max(1), "second"),
            seconds if seconds < 2 * 3_600 => (seconds / 60, "minute"),
            seconds if seconds < 48 * 3_600 => (seconds / 3_600, "hour"),
            seconds => (seconds / 86_400, "day"),
        };
        if number == 1 { format!("{number} {unit}") } else { format!("{number} {unit}s") }
    }
}

impl fmt::Debug for ResetLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResetLink(…)")
    }
}

/// What a new user does first.
#[derive(Clone, Debug)]
pub enum FirstStep {
    /// Chooses a password by this link: nobody knows one.
    SetPassword(ResetLink),
    /// Signs in with a password that somebody tells them.
    UseGivenPassword,
    /// Signs in with an identity provider or a directory.
    UseOtherAccount,
}

#[derive(Template)]
#[template(path = "password_reset.html")]
struct PasswordResetHtml<'a> {
    name: &'a str,
    site: &'a Site,
    link: &'a ResetLink,
}

#[derive(Template)]
#[template(path = "password_reset.txt")]
struct PasswordResetText<'a> {
    name: &'a str,
    site: &'a Site,
    link: &'a ResetLink,
}

#[derive(Template)]
#[template(path = "welcome.html")]
struct WelcomeHtml<'a> {
    name: &'a str,
    address: &'a str,
    site: &'a Site,
    step: &'a FirstStep,
}

#[derive(Template)]
#[template(path = "welcome.txt")]
struct WelcomeText<'a> {
    name: &'a str,
    address: &'a str,
    site: &'a Site,
    step: &'a FirstStep,
}

#[derive(Template)]
#[template(path = "storage.html")]
struct StorageHtml<'a> {
    name: &'a str,
    site: &'a Site,
    taken: &'a str,
    capacity: &'a str,
    percent: i64,
    is_full: bool,
}

#[derive(Template)]
#[template(path = "storage.txt")]
struct StorageText<'a> {
    name: &'a str,
    site: &'a Site,
    taken: &'a str,
    capacity: &'a str,
    percent: i64,
    is_full: bool,
}

/// Says a size in the unit of the configuration.
#[expect(clippy::cast_precision_loss, reason = "told to a hundredth")]
fn gibibytes(bytes: u64) -> String {
    format!("{:.2} GiB", bytes as f64 / f64::from(1 << 30))
}

/// What a mail tells of an alert.
#[derive(Clone, Debug)]
pub struct AlertMail {
    message: String,
    key_name: String,
    key_masked: String,
    raised_at: String,
    resolved_at: Option<String>,
}

impl AlertMail {
    /// Reads the message that a webhook would get; a test is about no alert.
    pub fn read(payload: &str) -> Result<Self, serde_json::Error> {
        let payload: serde_json::Value = serde_json::from_str(payload)?;
        let data = &payload["data"];
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        Ok(Self {
            message: text(&data["message"]),
            key_name: one_line(&text(&data["key"]["name"])),
            key_masked: text(&data["key"]["maskedKey"]),
            raised_at: text(&data["raisedAt"]),
            resolved_at: data["resolvedAt"].as_str().map(str::to_owned),
        })
    }

    fn is_test(&self) -> bool {
        self.key_name.is_empty()
    }

    fn is_over(&self) -> bool {
        self.resolved_at.is_some()
    }

    fn subject(&self) -> String {
        match (self.is_test(), self.is_over()) {
            (true, _) => "[Phoenix] Test of alerts".to_owned(),
            (_, false) => format!("[Phoenix] Alert: API key {}", self.key_name),
            (_, true) => format!("[Phoenix] Resolved: API key {}", self.key_name),
        }
    }
}

#[derive(Template)]
#[template(path = "alert.html")]
struct AlertHtml<'a> {
    mail: &'a AlertMail,
    site: &'a Site,
}

#[derive(Template)]
#[template(path = "alert.txt")]
struct AlertText<'a> {
    mail: &'a AlertMail,
    site: &'a Site,
}

/// A mail to one user. Holds what nobody but its reader may see, so it does not print.
#[derive(Clone)]
pub struct Letter {
    /// Who gets it; what logs may name. The system user when it goes to an address that is no user's.
    pub user: UserId,
    /// Their name, on one line.
    pub name: String,
    /// Their address.
    pub address: String,
    /// Subject.
    pub subject: Cow<'static, str>,
    /// The plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letter").field("user", &self.user).field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl Letter {
    /// Writes the mail that carries a link to a new password.
    pub fn password_reset(user: &User, site: &Site, link: &ResetLink) -> Result<Self> {
        let name = &one_line(&user.username);
        let text = PasswordResetText { name, site, link }.render();
        let html = PasswordResetHtml { name, site, link }.render();
        Self::new(user, "[Phoenix] Password Reset Request", text, html)
    }

    /// Writes the mail that greets a new user.
    pub fn welcome(user: &User, site: &Site, step: &FirstStep) -> Result<Self> {
        let (name, address) = (&one_line(&user.username), user.email.as_str());
        let text = WelcomeText { name, address, site, step }.render();
        let html = WelcomeHtml { name, address, site, step }.render();
        Self::new(user, "[Phoenix] Welcome", text, html)
    }

    /// Writes the mail that tells an administrator how full the database is.
    pub fn storage(user: &User, site: &Site, state: &StorageUse) -> Result<Self> {
        let name = &one_line(&user.username);
        let taken = &gibibytes(state.used_bytes);
        let capacity = &gibibytes(state.capacity_bytes.unwrap_or(0));
        #[expect(clippy::cast_possible_truncation, reason = "a percentage")]
        let percent = state.used_percent.unwrap_or(0.0).round() as i64;
        let is_full = state.level == StorageLevel::Full;
        let text = StorageText { name, site, taken, capacity, percent, is_full }.render();
        let html = StorageHtml { name, site, taken, capacity, percent, is_full }.render();
        Self::new(user, "[Phoenix] Database Disk Space Usage Threshold Exceeded", text, html)
    }

    /// Writes the mail that tells an address of an alert.
    pub fn alert(address: &str, site: &Site, mail: &AlertMail) -> Result<Self> {
        let text = AlertText { mail, site }.render();
        let html = AlertHtml { mail, site }.render();
        Ok(Self {
            user: SYSTEM_USER,
            name: String::new(),
            address: address.to_owned(),
            subject: mail.subject().into(),
            text: text.map_err(Error::internal)?,
            html: html.map_err(Error::internal)?,
        })
    }

    fn new(
        user: &User,
        subject: &'static str,
        text: askama::Result<String>,
        html: askama::Result<String>,
    ) -> Result<Self> {
        Ok(Self {
            user: user.id,
            name: one_line(&user.username),
            address: user.email.clone(),
            subject: subject.into(),
            text: text.map_err(Error::internal)?,
            html: html.map_err(Error::internal)?,
        })
    }

    /// Puts the letter into an envelope; fails on an address that no mail can go to.
    pub(super) fn message(&self, from: &Mailbox) -> Result<Message> {
        let address = self.address.parse().map_err(Error::internal)?;
        let mut message = Message::builder()
            .from(from.clone())
            .to(Mailbox::new(Some(self.name.clone()).filter(|n| !n.is_empty()), address))
            .subject(&*self.subject)
            .message_id(Some(format!("<{}@{}>", random_id(), from.email.domain())))
            .multipart(MultiPart::alternative_plain_html(self.text.clone(), self.html.clone()))
            .map_err(Error::internal)?;
        // RFC 3834: nobody's absence note shall answer.
        let name = HeaderName::new_from_ascii_str("Auto-Submitted");
        message.headers_mut().insert_raw(HeaderValue::new(name, "auto-generated".to_owned()));
        Ok(message)
    }
}

/// Brings a name to one line of bounded length, so that it cannot pose as a sentence of the mail.
fn one_line(name: &str) -> String {
    let words: Vec<&str> =
        name.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(MAX_NAME).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::{scope::Role, time::UnixNanos, user::AuthMethod};

    pub(in crate::mail) fn user(name: &str, email: &str) -> User {
        User {
            id: UserId(7),
            role: Role::Member,
            username: name.to_owned(),
            email: email.to_owned(),
            auth_method: AuthMethod::Local,
            password_hash: None,
            password_needs_reset: true,
            is_active: true,
            last_login_at: None,
            oauth2_client_id: None,
            oauth2_user_id: None,
            profile_picture_url: None,
            created_at: UnixNanos(0),
            updated_at: UnixNanos(0),
        }
    }

    fn site(contact: Option<&str>) -> Site {
        Site { url: "https://phoenix.example/x".to_owned(), contact: contact.map(str::to_owned) }
    }

    fn link() -> ResetLink {
        let url = "https://phoenix.example/x/reset-password-with-token?token=a.b.c".to_owned();
        ResetLink { url, expires_in: Duration::from_mins(15) }
    }

    #[test]
    fn a_reset_mail_says_the_same_in_both_parts() {
        let letter = Letter::password_reset(&user("Ann", "ann@example.com"), &site(None), &link()).unwrap();
        assert_eq!(letter.subject, "[Phoenix] Password Reset Request");
        insta::assert_snapshot!(letter.text, @r"
        Hello Ann,

        somebody, most likely you, asked for a new password for your account on the
        Phoenix server at https://phoenix.example/x

        Choose a new password here:

        https://phoenix.example/x/reset-password-with-token?token=a.b.c

        The link works once, and for 15 minutes. Using it ends every session of
        the account.

        It was not you? Then leave this mail alone: your password stays as it is.
        ");
        let anchor = "<a id=\"reset-url\" href=\"https://phoenix.example/x/reset-password-with-token?token=a.b.c\"";
        assert!(letter.html.contains(anchor), "{}", letter.html);
        assert!(letter.html.contains("Hello Ann,") && letter.html.contains("for 15 minutes"), "{}", letter.html);
        assert!(letter.html.starts_with("<!doctype html>") && letter.html.ends_with("</html>"), "{}", letter.html);
        assert!(!format!("{letter:?} {:?}", link()).contains("a.b.c"));
    }

    #[test]
    fn a_welcome_mail_says_what_to_do_first_and_whom_to_ask() {
        let ann = user("Ann", "ann@example.com");
        let set = FirstStep::SetPassword(link());
        let letter = Letter::welcome(&ann, &site(Some("help@example.com")), &set).unwrap();
        assert_eq!(letter.subject, "[Phoenix] Welcome");
        insta::assert_snapshot!(letter.text, @r"
        Hello Ann,

        there is an account for you on the Phoenix server at https://phoenix.example/x
        You sign in as ann@example.com

        First choose a password here:

        https://phoenix.example/x/reset-password-with-token?token=a.b.c

        The link works once, and for 15 minutes. Later you get a new one from
        https://phoenix.example/x/forgot-password

        The way in: https://phoenix.example/x/login

        Questions? Write to help@example.com
        ");
        assert!(letter.html.contains("id=\"reset-url\"") && letter.html.contains("mailto:help@example.com"));
        let letter = Letter::welcome(&ann, &site(None), &FirstStep::UseGivenPassword).unwrap();
        insta::assert_snapshot!(letter.text, @r"
        Hello Ann,

        there is an account for you on the Phoenix server at https://phoenix.example/x
        You sign in as ann@example.com

        Use the password that you were given; you are asked for one of your own.

        The way in: https://phoenix.example/x/login

        Questions? Ask the person who looks after this server.
        ");
        assert!(!letter.html.contains("reset-url") && letter.html.contains("href=\"https://phoenix.example/x/login\""));
        let letter = Letter::welcome(&ann, &site(None), &FirstStep::UseOtherAccount).unwrap();
        for part in [&letter.text, &letter.html] {
            assert!(part.contains("with your organisation"), "{part}");
        }
    }

    #[test]
    fn what_came_from_people_is_escaped() {
        let mallory = user("<img src=x onerror=alert(1)>\"'&", "a&b<c>@example.com");
        let site = Site { url: "https://p.example".to_owned(), contact: Some("\"><script>@example.com".to_owned()) };
        let letters = [
            Letter::password_reset(&mallory, &site, &link()).unwrap(),
            Letter::welcome(&mallory, &site, &FirstStep::SetPassword(link())).unwrap(),
        ];
        for letter in letters {
            assert!(!letter.html.contains("<img") && !letter.html.contains("<script"), "{}", letter.html);
            assert!(!letter.html.contains("b<c>"), "{}", letter.html);
            assert!(letter.html.contains("&#60;img src=x onerror=alert(1)&#62;&#34;&#39;&#38;"), "{}", letter.html);
            assert!(letter.text.contains("<img src=x"), "plain text is plain");
        }
    }

    #[test]
    fn a_name_is_one_line_of_the_mail_and_of_its_head() {
        let name = format!("Ann\r\nBcc: all@example.com\n\nPay here: https://evil.example {}", "x".repeat(500));
        let letter = Letter::password_reset(&user(&name, "ann@example.com"), &site(None), &link()).unwrap();
        assert!(letter.text.starts_with("Hello Ann Bcc: all@example.com Pay here"), "{}", letter.text);
        assert_eq!(letter.name.chars().count(), MAX_NAME);
        let message = letter.message(&"Phoenix <noreply@example.com>".parse().unwrap()).unwrap();
        assert_eq!(message.envelope().to().len(), 1);
        let raw = String::from_utf8(message.formatted()).unwrap();
        let head = raw.split("\r\n\r\n").next().unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
        for line in [
            "Auto-Submitted: auto-generated",
            "Subject: [Phoenix] Password Reset Request",
            "MIME-Version: 1.0",
            "Content-Type: multipart/alternative;",
        ] {
            assert!(head.contains(line), "{line}\n{head}");
        }
        assert!(head.contains("@example.com>\r\n") && head.contains("Date: "), "{head}");
        assert!(
            raw.contains("Content-Type: text/plain; charset=utf-8")
                && raw.contains("Content-Type: text/html; charset=utf-8")
        );
    }

    #[test]
    fn an_address_that_is_none_is_an_error() {
        let from = "noreply@example.com".parse().unwrap();
        let to = |email: &str| {
            Letter::password_reset(&user("Ann", email), &site(None), &link()).unwrap().message(&from).is_ok()
        };
        assert!(to("ann@example.com") && to("admin@localhost"));
        for bad in ["", "ann", "a b@example.com", "ann@example.com\r\nRCPT TO:<x@example.com>"] {
            assert!(!to(bad), "{bad:?}");
        }
    }

    #[test]
    fn lives_are_said_in_words() {
        let life = |seconds| ResetLink { url: String::new(), expires_in: Duration::from_secs(seconds) }.life();
        assert_eq!(
            [0, 1, 60, 119, 120, 900, 7_199, 7_200, 86_400, 172_800].map(life),
            [
                "1 second",
                "1 second",
                "60 seconds",
                "119 seconds",
                "2 minutes",
                "15 minutes",
                "119 minutes",
                "2 hours",
                "24 hours",
                "2 days"
            ]
        );
    }
}
