//! API key material: what is shown once, and what is stored.
//!
//! `px_live_` (a user's), `px_test_` (a user's for tests) or `px_sys_` (the system's), then 32 characters of base62 (190
//! bits), then six base62 characters of CRC-32 over everything before. The checksum refuses a typo without a look-up and
//! lets secret scanners find leaks: `px_(live|test|sys)_[0-9A-Za-z]{38}`.
//!
//! Only a keyed digest is stored (HMAC-SHA-256 under a key that the deployment made for itself). No slow hash is
//! needed: nobody guesses 190 bits.

use std::fmt;

use hmac::{Hmac, Mac};
use rand::{Rng, distr::Alphanumeric};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

const RANDOM_LEN: usize = 32;
const CHECKSUM_LEN: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The kind of key that a prefix announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPrefix {
    /// A user's key.
    Live,
    /// A user's key for tests.
    Test,
    /// A system key.
    System,
}

impl KeyPrefix {
    /// Every prefix.
    pub const ALL: [Self; 3] = [Self::Live, Self::Test, Self::System];

    /// Returns the prefix, underscores included.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "px_live_",
            Self::Test => "px_test_",
            Self::System => "px_sys_",
        }
    }
}

/// An API key in the clear. Leaves the server in one answer and is never logged.
#[derive(Clone)]
pub struct PlainToken(SecretString);

impl PlainToken {
    /// Makes a new key.
    #[must_use]
    pub fn generate(prefix: KeyPrefix) -> Self {
        let mut text = prefix.as_str().to_owned();
        text.extend(rand::rng().sample_iter(Alphanumeric).take(RANDOM_LEN).map(char::from));
        text.push_str(&checksum(&text));
        Self(text.into())
    }

    /// Reads a presented key: prefix, alphabet, length and checksum must be right.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let prefix = KeyPrefix::ALL.into_iter().find(|p| text.starts_with(p.as_str()))?;
        let rest = &text[prefix.as_str().len()..];
        if rest.len() != RANDOM_LEN + CHECKSUM_LEN || !rest.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return None;
        }
        let (body, sum) = text.split_at(text.len() - CHECKSUM_LEN);
        (checksum(body) == sum).then(|| Self(text.into()))
    }

    /// Returns the kind of key that it is.
    #[must_use]
    pub fn prefix(&self) -> Option<KeyPrefix> {
        KeyPrefix::ALL.into_iter().find(|p| self.expose().starts_with(p.as_str()))
    }

    /// Whether the text announces itself as one of our keys.
    #[must_use]
    pub fn has_prefix(text: &str) -> bool {
        KeyPrefix::ALL.into_iter().any(|p| text.starts_with(p.as_str()))
    }

    /// Returns the keyed digest under which the key is stored.
    #[must_use]
    pub fn digest(&self, key: &DigestKey) -> HashedToken {
        HashedToken(key.mac(self.0.expose_secret().as_bytes()))
    }

    /// Returns the text, for the one answer that shows it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns the form that lists and logs may show: `px_live_ab12…wxyz`.
    #[must_use]
    pub fn masked(&self) -> String {
        let text = self.expose();
        let prefix = KeyPrefix::ALL.into_iter().find(|p| text.starts_with(p.as_str())).map_or(0, |p| p.as_str().len());
        format!("{}…{}", &text[..prefix + 4], &text[text.len() - 4..])
    }
}

impl fmt::Debug for PlainToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// The digest of a key: what is stored and looked up.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct HashedToken(pub [u8; 32]);

impl fmt::Debug for HashedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashedToken(…)")
    }
}

/// The deployment's own key for digests; made at the first start and kept in the database, so that API keys outlive a
/// change of `PHOENIX_SECRET`.
#[derive(Clone)]
pub struct DigestKey(Hmac<Sha256>);

impl DigestKey {
    /// Returns the digest key made of the stored bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(Hmac::new_from_slice(bytes).expect("HMAC takes a key of any length"))
    }

    /// Returns the HMAC-SHA-256 of a message.
    #[must_use]
    pub fn mac(&self, message: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(message);
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey(…)")
    }
}

/// Returns random bytes of the operating system's generator.
#[must_use]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill(&mut bytes[..]);
    bytes
}

/// Returns a random identifier of 22 base62 characters (131 bits), for token ids and random passwords.
#[must_use]
pub fn random_id() -> String {
    rand::rng().sample_iter(Alphanumeric).take(22).map(char::from).collect()
}

fn checksum(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut out = [0; CHECKSUM_LEN];
    for slot in out.iter_mut().rev() {
        *slot = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_and_a_typo_is_not() {
        for prefix in KeyPrefix::ALL {
            let token = PlainToken::generate(prefix);
            let text = token.expose().to_owned();
            assert!(PlainToken::parse(&text).is_some());
            for at in 0..text.len() {
                let mut typo = text.clone().into_bytes();
                typo[at] = if typo[at] == b'x' { b'y' } else { b'x' };
                assert!(PlainToken::parse(&String::from_utf8(typo).unwrap()).is_none(), "{at}");
            }
        }
    }

    #[test]
    fn a_key_does_not_print() {
        let token = PlainToken::generate(KeyPrefix::System);
        assert!(!format!("{token:?}").contains(token.expose()));
        assert_eq!(token.masked().chars().count(), "px_sys_".len() + 9);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "(px_(live|test|sys)_)?.{0,60}") {
            let _ = PlainToken::parse(&text);
        }
    }
}
