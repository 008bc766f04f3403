//! Passwords: Argon2id, off the async threads, a bounded number at once.

use std::{sync::Arc, time::Duration};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// How many hashes run at once: each takes 19 MiB and one core for some 20 ms, and ingest must not starve.
const AT_ONCE: usize = 2;
/// How long a login waits for its turn before it is sent away.
const PATIENCE: Duration = Duration::from_secs(5);

/// Hashes and verifies passwords.
#[derive(Clone, Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
}

/// The hash that the password of nobody is compared with: the same work, and a random hash that nothing is known to
/// have. Made once for all, since making one takes as long as the rest of a start.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$RX+YFNoWY88FMmE6JuVkFg$jMJsHDuAcP1JEaxc1K5gmfFmqne5/7IIMuIFHvGYft4";

impl Passwords {
    /// Returns a hasher.
    #[must_use]
    pub fn new() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Returns the hash of a password in PHC string form.
    pub async fn hash(&self, password: SecretString) -> Result<SecretString> {
        let hashed = self.run(move || {
            argon2()?.hash_password(password.expose_secret().as_bytes()).map(|h| SecretString::from(h.to_string()))
        });
        hashed.await?.map_err(|e| Error::internal(e.to_string()))
    }

    /// Whether the password has this hash. Without a hash (there is no such user, or none with a password) the answer
    /// takes as long and is no.
    pub async fn verify(&self, password: SecretString, hash: Option<SecretString>) -> Result<bool> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| SecretString::from(NOBODY));
        let verified = self.run(move || {
            let hash = PasswordHash::new(hash.expose_secret())?;
            argon2()?.verify_password(password.expose_secret().as_bytes(), &hash)
        });
        Ok(verified.await?.is_ok() && known)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(Error::Unavailable { detail: "Too many logins at once", retry_after: PATIENCE });
        };
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        });
        done.await.map_err(Error::internal)
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

/// OWASP's first choice for Argon2id: 19 MiB, two passes, one lane.
fn argon2() -> Result<Argon2<'static>, argon2::password_hash::Error> {
    let params =
        Params::new(19 * 1_024, 2, 1, None).map_err(|_| argon2::password_hash::Error::ParamInvalid { name: "m" })?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_verified_and_nobody_is_refused() {
        let passwords = Passwords::new();
        let hash = passwords.hash("correct".into()).await.unwrap();
        assert!(hash.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(passwords.verify("correct".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("wrong".into(), Some(hash)).await.unwrap());
        assert!(PasswordHash::new(NOBODY).is_ok());
        assert!(!passwords.verify("correct".into(), None).await.unwrap());
        assert!(!passwords.verify("correct".into(), Some("not a hash".into())).await.unwrap());
    }
}
