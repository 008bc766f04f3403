//! What never gets into the access log, although a client may write it anywhere: into a path, its user agent, a request
//! id, the name of a project. Keys and tokens are known by their form, the secrets of the server by their text.

use std::{borrow::Cow, fmt};

use aho_corasick::AhoCorasick;
use secrecy::{ExposeSecret as _, SecretString};

use crate::domain::secret::KeyPrefix;

/// Stands for what was taken out.
const MASK: &str = "***";
/// How JSON Web Tokens begin: base64 of `{"`.
const TOKEN: &str = "eyJ";
/// A secret of the server that is shorter than this is no secret, and would tear holes into every record.
pub(super) const SHORTEST: usize = 8;

/// Takes secrets out of texts.
pub(super) struct Redactor {
    secrets: Vec<SecretString>,
    /// Finds in one pass whether there is anything to take out: nearly always there is not.
    suspicious: Option<AhoCorasick>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

/// How that begins which is known by its form.
fn beginnings() -> impl Iterator<Item = &'static str> {
    KeyPrefix::ALL.map(KeyPrefix::as_str).into_iter().chain([TOKEN])
}

impl Redactor {
    pub(super) fn new(mut secrets: Vec<SecretString>) -> Self {
        secrets.retain(|secret| secret.expose_secret().len() >= SHORTEST);
        let mut texts: Vec<&str> = beginnings().chain(["\0"]).collect();
        texts.extend(secrets.iter().map(SecretString::expose_secret));
        let suspicious = AhoCorasick::new(texts).ok();
        Self { secrets, suspicious }
    }

    /// Returns the text without secrets and zero characters, cut to a length in bytes.
    pub(super) fn clean<'t>(&self, text: &'t str, longest: usize) -> Cow<'t, str> {
        if text.len() <= longest && self.suspicious.as_ref().is_some_and(|s| !s.is_match(text)) {
            return Cow::Borrowed(text);
        }
        Cow::Owned(self.without_secrets(text, longest))
    }

    fn without_secrets(&self, text: &str, longest: usize) -> String {
        let mut clean = text.replace('\0', "");
        for secret in &self.secrets {
            if clean.contains(secret.expose_secret()) {
                clean = clean.replace(secret.expose_secret(), MASK);
            }
        }
        for start in beginnings() {
            clean = without(&clean, start);
        }
        clean.truncate(clean.floor_char_boundary(longest));
        clean
    }
}

/// Replaces what follows a beginning, as far as keys and tokens go.
fn without(text: &str, start: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(start) {
        let (before, after) = rest.split_at(at + start.len());
        clean.push_str(before);
        let end =
            after.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-' | '.')).unwrap_or(after.len());
        if end > 0 {
            clean.push_str(MASK);
        }
        rest = &after[end..];
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tokens_and_the_servers_own_secrets_are_taken_out() {
        let redactor = Redactor::new(vec!["the-admin-secret".into(), "x".into()]);
        for (text, clean) in [
            ("/v1/projects/x", "/v1/projects/x"),
            ("/v1/px_live_abcDEF123/spans", "/v1/px_live_***/spans"),
            ("a px_sys_1 b px_test_2", "a px_sys_*** b px_test_***"),
            ("Bearer eyJhbGciOi.eyJqdGki.c2ln, x", "Bearer eyJ***, x"),
            ("curl/the-admin-secret/1", "curl/***/1"),
            ("a\0b", "ab"),
            ("px_live_", "px_live_"),
        ] {
            assert_eq!(redactor.clean(text, 100), clean);
        }
        assert_eq!(redactor.clean("äöü", 3), "ä");
    }
}
