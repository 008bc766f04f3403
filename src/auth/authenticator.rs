//! From a credential to the caller it names, through caches in this process.
//!
//! A hit costs one HMAC and a look into a map or two: no database, and no signature verified a second time. What changes
//! is dropped from the caches: in this process after its commit, in others on the same database by `jobs::auth_changes`,
//! and at the latest when an entry has lived for ten seconds. A look-up that overlaps with a change does not fill them
//! with what it read before.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::HeaderMap;
use moka::sync::Cache;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::{
    bearer::{self, Offered},
    cookie,
    jwt::{Claims, TokenUse, Tokens},
    principal::{Credential, Principal},
};
use crate::{
    db::Db,
    domain::{
        api_key::{ApiKey, KeyKind},
        auth_change::AuthChange,
        id::SessionId,
        scope::{Role, ScopeSet},
        secret::{DigestKey, HashedToken, KeyPrefix, PlainToken},
        time::{Clock, UnixNanos},
        user::User,
    },
    error::{CredentialFault, Error, Result},
    store::{self, api_keys::Secret},
    telemetry::metrics::CacheMetrics,
};

/// How long an entry is believed.
const CACHE_TIME: Duration = Duration::from_secs(10);
/// How many keys and sessions are remembered.
const CACHE_ENTRIES: u64 = 100_000;

/// The outcome of looking at a request's credential: who calls, or why that cannot be said.
pub type Caller = Result<Arc<Principal>, CredentialFault>;

/// [`Caller`], and what the access log says of one who is refused.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Who calls, or why that cannot be said.
    pub caller: Caller,
    /// Whose credential it would be if it still worked: it gives no right to anything.
    pub refused: Option<Arc<Principal>>,
}

impl From<Caller> for Identity {
    fn from(caller: Caller) -> Self {
        Self { caller, refused: None }
    }
}

impl From<CredentialFault> for Identity {
    fn from(fault: CredentialFault) -> Self {
        Self::from(Err(fault))
    }
}

#[derive(Clone, Debug)]
struct KnownKey {
    principal: Arc<Principal>,
    expires_at: Option<UnixNanos>,
    fault: Option<CredentialFault>,
}

#[derive(Clone, Debug)]
struct KnownSession {
    principal: Arc<Principal>,
    access_jti: Arc<str>,
    fault: Option<CredentialFault>,
}

#[derive(Debug)]
struct AdminSecret {
    digest: [u8; 32],
    principal: Arc<Principal>,
}

/// Whether keys for tests are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TestKeys {
    /// Like any other key.
    #[default]
    Accepted,
    /// None, whatever they may do.
    Refused,
}

/// Names the caller of a request.
#[derive(Clone, Debug)]
pub struct Authenticator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    clock: Clock,
    open: Option<Arc<Principal>>,
    digest_key: DigestKey,
    admin_secret: Option<AdminSecret>,
    tokens: Option<Tokens>,
    test_keys: TestKeys,
    keys: Cache<HashedToken, KnownKey>,
    sessions: Cache<SessionId, KnownSession>,
    /// What tokens say whose signature was verified. That never changes; whether it still counts is looked at each time.
    claims: Cache<HashedToken, Arc<Claims>>,
    changes: AtomicU64,
    metrics: CacheMetrics,
}

impl Authenticator {
    /// Returns the authenticator; without a signer of tokens authentication is off.
    #[must_use]
    pub fn new(
        db: Db,
        clock: Clock,
        digest_key: DigestKey,
        tokens: Option<Tokens>,
        admin_secret: Option<&SecretString>,
        system_user: User,
        test_keys: TestKeys,
    ) -> Self {
        fn cache<K: std::hash::Hash + Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static>() -> Cache<K, V> {
            Cache::builder().max_capacity(CACHE_ENTRIES).time_to_live(CACHE_TIME).build()
        }
        Self(Arc::new(Inner {
            db,
            clock,
            open: tokens.is_none().then(|| Arc::new(Principal::open())),
            admin_secret: admin_secret.map(|s| AdminSecret {
                digest: digest_key.mac(s.expose_secret().as_bytes()),
                principal: Arc::new(Principal::admin_secret(Arc::new(system_user))),
            }),
            digest_key,
            tokens,
            test_keys,
            keys: cache(),
            sessions: cache(),
            claims: cache(),
            changes: AtomicU64::new(0),
            metrics: CacheMetrics::default(),
        }))
    }

    /// Returns how often the caches knew.
    #[must_use]
    pub fn metrics(&self) -> &CacheMetrics {
        &self.0.metrics
    }

    /// Whether callers must prove who they are.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.0.open.is_none()
    }

    /// Returns the signer of tokens, if authentication is on.
    pub fn tokens(&self) -> Result<&Tokens> {
        self.0.tokens.as_ref().ok_or_else(|| {
            Error::forbidden(
                "This action requires authentication to be enabled. Set the PHOENIX_ENABLE_AUTH environment variable to true.",
            )
        })
    }

    /// Returns the digest under which a key is stored.
    #[must_use]
    pub fn digest(&self, token: &PlainToken) -> HashedToken {
        token.digest(&self.0.digest_key)
    }

    /// Returns the digest under which the id of a token is stored.
    #[must_use]
    pub fn digest_of_jti(&self, jti: &str) -> HashedToken {
        self.digest_of_text(jti)
    }

    /// Names the caller by the headers of a request. The outer error is a failure to find out.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Identity> {
        if let Some(open) = &self.0.open {
            return Ok(Ok(Arc::clone(open)).into());
        }
        Ok(match bearer::offered(headers) {
            Offered::Unusable => CredentialFault::Invalid.into(),
            Offered::One(token) => self.resolve(token).await?,
            Offered::Two(one, other) => {
                let (one, other) = (self.resolve(one).await?, self.resolve(other).await?);
                match (&one.caller, &other.caller) {
                    (Ok(a), Ok(b)) if a.is_same(b) => one,
                    (Err(_), _) => one,
                    _ => CredentialFault::Conflicting.into(),
                }
            }
            Offered::Nothing => match cookie::find(headers, cookie::ACCESS) {
                Some(token) => self.resolve_session(token, self.digest_of_text(token)).await?.into(),
                None => CredentialFault::Missing.into(),
            },
        })
    }

    async fn resolve(&self, token: &str) -> Result<Identity> {
        if PlainToken::has_prefix(token) {
            return match PlainToken::parse(token) {
                Some(token) => self.resolve_key(&token).await,
                None => Ok(CredentialFault::Invalid.into()),
            };
        }
        // Compared as digests under a key of ours: neither length nor content shows in the time it takes.
        let digest = self.digest_of_text(token);
        if let Some(admin_secret) = &self.0.admin_secret
            && bool::from(digest.0.ct_eq(&admin_secret.digest))
        {
            return Ok(Ok(Arc::clone(&admin_secret.principal)).into());
        }
        Ok(self.resolve_session(token, digest).await?.into())
    }

    fn digest_of_text(&self, text: &str) -> HashedToken {
        HashedToken(self.0.digest_key.mac(text.as_bytes()))
    }

    async fn resolve_key(&self, token: &PlainToken) -> Result<Identity> {
        if self.0.test_keys == TestKeys::Refused && token.prefix() == Some(KeyPrefix::Test) {
            return Ok(CredentialFault::TestKey.into());
        }
        let digest = self.digest(token);
        let known = self.0.keys.get(&digest);
        self.0.metrics.key(known.is_some().into());
        let known = match known {
            Some(known) => known,
            None => match self.load_key(&digest).await? {
                Some(known) => known,
                None => return Ok(CredentialFault::Invalid.into()),
            },
        };
        let expired = known.expires_at.is_some_and(|at| at <= self.0.clock.now());
        Ok(match known.fault.or(expired.then_some(CredentialFault::Expired)) {
            Some(fault) => Identity { caller: Err(fault), refused: Some(known.principal) },
            None => Ok(known.principal).into(),
        })
    }

    async fn load_key(&self, digest: &HashedToken) -> Result<Option<KnownKey>> {
        let before = self.0.changes.load(Ordering::Acquire);
        let mut reader = self.0.db.read().await?;
        let found = store::api_keys::find_by_digest(reader.conn(), digest).await?;
        let Some((key, secret)) = found else { return Ok(None) };
        let Some(user) = store::users::find(reader.conn(), key.user_id).await? else { return Ok(None) };
        let role = match key.kind {
            KeyKind::System => key.role,
            KeyKind::User => user.role,
        };
        let secret_expires_at = match secret {
            Secret::Current => None,
            Secret::Previous => key.previous.as_ref().map(|p| p.expires_at),
        };
        let known = KnownKey {
            expires_at: key.expires_at.into_iter().chain(secret_expires_at).min(),
            fault: key.revoked_at.map(|_| CredentialFault::Revoked).or_else(|| fault_of(&user)),
            principal: Arc::new(principal_of(key, role, user)),
        };
        self.remember(&self.0.keys, *digest, &known, before);
        Ok(Some(known))
    }

    async fn resolve_session(&self, token: &str, digest: HashedToken) -> Result<Caller> {
        let Some(tokens) = &self.0.tokens else { return Ok(Err(CredentialFault::Invalid)) };
        let now = self.0.clock.now();
        let claims = self.0.claims.get(&digest).filter(|claims| claims.exp > now.unix_seconds());
        self.0.metrics.token(claims.is_some().into());
        let claims = match claims {
            Some(claims) => claims,
            None => match tokens.verify(token, TokenUse::Access, now) {
                Ok(claims) => {
                    let claims = Arc::new(claims);
                    self.0.claims.insert(digest, Arc::clone(&claims));
                    claims
                }
                Err(fault) => return Ok(Err(fault)),
            },
        };
        let known = self.0.sessions.get(&claims.session());
        self.0.metrics.session(known.is_some().into());
        let known = match known {
            Some(known) => known,
            None => match self.load_session(claims.session()).await? {
                Some(known) => known,
                None => return Ok(Err(CredentialFault::Invalid)),
            },
        };
        if !bool::from(known.access_jti.as_bytes().ct_eq(claims.jti.as_bytes())) {
            return Ok(Err(CredentialFault::Invalid));
        }
        Ok(known.fault.map_or(Ok(known.principal), Err))
    }

    async fn load_session(&self, id: SessionId) -> Result<Option<KnownSession>> {
        let before = self.0.changes.load(Ordering::Acquire);
        let mut reader = self.0.db.read().await?;
        let Some(session) = store::sessions::find(reader.conn(), id).await? else { return Ok(None) };
        let Some(user) = store::users::find(reader.conn(), session.user_id).await? else { return Ok(None) };
        let known = KnownSession {
            access_jti: session.access_jti.into(),
            fault: fault_of(&user),
            principal: Arc::new(Principal {
                credential: Credential::Session(id),
                user_id: user.id,
                role: user.role,
                scopes: user.role.scopes(),
                projects: crate::domain::project::Projects::All,
                must_reset_password: user.password_needs_reset,
                user: Some(snapshot(user)),
                key: None,
            }),
        };
        self.remember(&self.0.sessions, id, &known, before);
        Ok(Some(known))
    }

    /// Fills a cache unless something changed since `before`; looks twice, so that no change slips in between.
    fn remember<K, V>(&self, cache: &Cache<K, V>, key: K, value: &V, before: u64)
    where
        K: std::hash::Hash + Eq + Send + Sync + Copy + 'static,
        V: Clone + Send + Sync + 'static,
    {
        if self.0.changes.load(Ordering::Acquire) == before {
            cache.insert(key, value.clone());
            if self.0.changes.load(Ordering::Acquire) != before {
                cache.invalidate(&key);
            }
        }
    }

    /// Forgets what a change made untrue; to be called after its commit.
    pub fn apply(&self, change: &AuthChange) {
        self.0.changes.fetch_add(1, Ordering::AcqRel);
        match change {
            AuthChange::User => {
                self.0.keys.invalidate_all();
                self.0.sessions.invalidate_all();
            }
            AuthChange::Key(digest) => self.0.keys.invalidate(digest),
            AuthChange::Sessions(ids) => ids.iter().for_each(|id| self.0.sessions.invalidate(id)),
        }
    }

    /// Returns the digest under which is kept that a refusal of logins is on record.
    #[must_use]
    pub fn refusal_digest(&self, of: &[u8]) -> [u8; 32] {
        self.0.digest_key.mac(&[b"login refused: ".as_slice(), of].concat())
    }

    /// Returns the digest under which failed logins of an e-mail address are counted.
    #[must_use]
    pub fn account_digest(&self, email: &str) -> [u8; 32] {
        self.0.digest_key.mac(email.as_bytes())
    }
}

/// Returns why a user's credentials are refused, if they are.
fn fault_of(user: &User) -> Option<CredentialFault> {
    (!user.is_active).then_some(CredentialFault::Deactivated)
}

fn principal_of(key: ApiKey, role: Role, user: User) -> Principal {
    Principal {
        credential: Credential::ApiKey(key.id, key.kind),
        user_id: key.user_id,
        role,
        scopes: key.scopes.unwrap_or(ScopeSet::ALL).meet(role.scopes()),
        projects: key.projects.clone(),
        must_reset_password: false,
        user: Some(snapshot(user)),
        key: Some(Arc::new(key)),
    }
}

/// Returns what is remembered of a user: all but the hash of the password.
fn snapshot(mut user: User) -> Arc<User> {
    user.password_hash = None;
    Arc::new(user)
}
