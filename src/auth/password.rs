//! Passwords: Argon2id, off the async threads, a bounded number at once, behind everything else that wants to run.
//!
//! What was brought over from the peer is PBKDF2-HMAC-SHA256 of 10,000 rounds, here in PHC string form
//! (`$pbkdf2-sha256$i=10000,l=32$salt$hash`). It is verified, and replaced at the next login.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// The most hashes that run at once: each takes 19 MiB and one core for some 20 ms, fifty logins a second.
const MOST_AT_ONCE: usize = 4;
/// How long a login waits for its turn before it is sent away.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long nobody hashes after a hash, in times that the hash took, while there is other work.
const REST: u32 = 6;

/// Hashes and verifies passwords.
#[derive(Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    is_busy: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passwords").field("turns", &self.turns).finish_non_exhaustive()
    }
}

/// The hash that the password of nobody is compared with: the same work, and a random hash that nothing is known to
/// have. Made once for all, since making one takes as long as the rest of a start.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$RX+YFNoWY88FMmE6JuVkFg$jMJsHDuAcP1JEaxc1K5gmfFmqne5/7IIMuIFHvGYft4";

impl Passwords {
    /// Returns a hasher that has the machine to itself.
    #[must_use]
    pub fn new() -> Self {
        Self::beside(|| false)
    }

    /// Returns a hasher that rests between two hashes while there is other work.
    #[must_use]
    pub fn beside(is_busy: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { turns: Arc::new(Semaphore::new(at_once())), is_busy: Arc::new(is_busy) }
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
        let verified = self.run(move || verify(password.expose_secret().as_bytes(), hash.expose_secret()));
        Ok(verified.await?.is_ok() && known)
    }

    /// Whether a stored form should be replaced by that of [`Self::hash`].
    #[must_use]
    pub fn is_outdated(&self, hash: &SecretString) -> bool {
        !hash.expose_secret().starts_with("$argon2id$")
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(Error::Unavailable { detail: "Too many logins at once", retry_after: PATIENCE });
        };
        let (done, wait) = tokio::sync::oneshot::channel();
        let is_busy = Arc::clone(&self.is_busy);
        // A thread of its own, which costs a thousandth of the hash: it can give way for good.
        std::thread::Builder::new()
            .name("password".to_owned())
            .spawn(move || {
                give_way();
                let (began, was_busy) = (Instant::now(), is_busy());
                let result = work();
                let took = began.elapsed();
                // The answer does not wait; whoever comes next does.
                let _ = done.send(result);
                if was_busy || is_busy() {
                    std::thread::sleep(took * REST);
                }
                drop(turn);
            })
            .map_err(Error::internal)?;
        wait.await.map_err(Error::internal)
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns how many hashes run at once: one for every four cores. A core that hashes slows its neighbours down even if
/// they are not wanted for it: two cores are often one in two threads, and 19 MiB displace what the others had cached.
fn at_once() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() / 4).clamp(1, MOST_AT_ONCE)
}

/// Lets other threads of the machine go first, but not for ever: whoever logs in to a busy server waits a moment, and on
/// an idle one logs in as fast as ever.
fn give_way() {
    // On Linux a priority is a thread's. Where it is the whole process', nobody gives way.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, 10);
}

fn verify(password: &[u8], hash: &str) -> Result<(), argon2::password_hash::Error> {
    let stored = PasswordHash::new(hash)?;
    if stored.algorithm.as_str() == "pbkdf2-sha256" {
        let verified = pbkdf2::Pbkdf2::default().verify_password(password, &stored);
        if verified.is_err() {
            // A wrong password must take as long as anybody else's; a right one is hashed anew, which does.
            let _ = argon2()?.verify_password(password, &PasswordHash::new(NOBODY)?);
        }
        return verified;
    }
    argon2()?.verify_password(password, &stored)
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

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn few_hashes_run_at_once_however_many_are_asked_for() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let passwords = Passwords::new();
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let all = (0..40).map(|_| {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            passwords.run(move || {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(2));
                running.fetch_sub(1, Ordering::SeqCst);
            })
        });
        for done in futures_util::future::join_all(all).await {
            done.unwrap();
        }
        assert_eq!(most.load(Ordering::SeqCst), at_once());
    }

    #[tokio::test]
    async fn between_two_hashes_there_is_a_rest_while_there_is_other_work() {
        let took = Duration::from_millis(20);
        let two = async |passwords: Passwords| {
            let began = Instant::now();
            // As many at once as there are turns, and one more.
            let all = (0..=at_once()).map(|_| passwords.run(move || std::thread::sleep(took)));
            for done in futures_util::future::join_all(all).await {
                done.unwrap();
            }
            began.elapsed()
        };
        assert!(two(Passwords::beside(|| true)).await >= took * (2 + REST));
        let alone = Passwords::new();
        alone.run(|| ()).await.unwrap();
        assert!(Arc::clone(&alone.turns).acquire_owned().await.is_ok(), "nobody rests on an idle machine");
    }

    #[tokio::test]
    async fn the_form_of_the_peer_is_verified_and_outdated() {
        // hashlib.pbkdf2_hmac("sha256", b"correct", bytes(range(32)), 10_000)
        let stored = "$pbkdf2-sha256$i=10000,l=32$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8$KbvNoI2Tka/3mGD63KspRkrlBRg/b1GA/nllIwnM1jE";
        let passwords = Passwords::new();
        assert!(passwords.verify("correct".into(), Some(stored.into())).await.unwrap());
        assert!(!passwords.verify("wrong".into(), Some(stored.into())).await.unwrap());
        assert!(passwords.is_outdated(&stored.into()));
        assert!(!passwords.is_outdated(&NOBODY.into()));
    }
}
