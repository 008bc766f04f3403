//! Login, refresh, logout.
//!
//! Two brakes on guessing. One for each client address, in memory, on everything here. One for each account, in the
//! database, so that a restart or another process does not lift it: five failures from one address, or a hundred from
//! anywhere, within five minutes. The second is so much higher because it would else let anybody lock anybody out; and
//! it does not hold for an address from which the owner is logged in.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use secrecy::{ExposeSecret as _, SecretString};

use serde_json::json;

use super::{
    audit::{self, Event},
    cx::Cx,
    sessions::ended,
};
use crate::{
    auth::{
        jwt::{TokenUse, Tokens},
        principal::Credential,
        rate_limit::network,
    },
    domain::{
        audit::{Action, Subject},
        auth_change::AuthChange,
        id::{GlobalId, SessionId, UserId},
        scope::Public,
        session::{Device, NewSession, Session},
        time::UnixNanos,
        user::{MAX_EMAIL_BYTES, MAX_PASSWORD_BYTES, User, normalize_email},
    },
    error::{CredentialFault, Error, Result},
    store::{self, login_failures::ANYWHERE},
};

/// How long failed logins count.
pub const FAILURE_WINDOW: Duration = Duration::from_mins(5);
/// How many times more failures from anywhere an account bears than failures from one address.
const ANYWHERE_FACTOR: i64 = 20;
/// A spent refresh token that comes again from the same device within this time is an answer lost on the way, or a
/// second tab; afterwards, or from elsewhere, it is theft.
const REPLAY_GRACE: Duration = Duration::from_secs(10);

/// A pair of tokens.
#[derive(Clone)]
pub struct TokenPair {
    /// Access token.
    pub access_token: String,
    /// Refresh token.
    pub refresh_token: String,
}

impl std::fmt::Debug for TokenPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenPair(…)")
    }
}

const WRONG: Error = Error::LoginFailed("Invalid email and/or password");
const SPENT: Error = Error::LoginFailed("Invalid refresh token");

/// Lets a client address knock at a route that takes secrets, or says when it may.
pub fn admit(cx: &Cx<Public>, device: &Device) -> Result<()> {
    cx.inner().admit_guess(device.address)
}

/// Logs a person in.
pub async fn with_password(cx: &Cx<Public>, device: &Device, email: &str, password: SecretString) -> Result<TokenPair> {
    let inner = cx.inner();
    inner.authenticator.tokens()?;
    if !inner.settings.basic_auth {
        return Err(Error::forbidden("Login by password is disabled"));
    }
    if let Err(refusal) = admit(cx, device) {
        return Err(record_refusal(cx, Brake::Address(device), refusal).await);
    }
    let email = normalize_email(email);
    if email.is_empty() || password.expose_secret().is_empty() {
        return Err(Error::LoginFailed("Email and password required"));
    }
    if email.len() > MAX_EMAIL_BYTES || email.contains('\0') || password.expose_secret().len() > MAX_PASSWORD_BYTES {
        return Err(WRONG);
    }
    let account = inner.authenticator.account_digest(&email);
    let user = {
        let mut reader = cx.read().await?;
        store::users::find_by_email(reader.conn(), &email).await?
    };
    if let Some((refusal, from_anywhere)) = refuse_guessing(cx, device, &account, user.as_ref()).await? {
        let device = (!from_anywhere).then_some(device);
        let brake = Brake::Account { email: &email, user: user.as_ref(), digest: &account, device };
        return Err(record_refusal(cx, brake, refusal).await);
    }
    // Who may not log in costs the same time as who may.
    let hash = user.as_ref().filter(|u| u.is_active).and_then(|u| u.password_hash.clone());
    let right = inner.passwords.verify(password.clone(), hash.clone()).await?;
    let known = user.clone();
    let Some(user) = user.filter(|_| right) else {
        tracing::info!(client.address = %device.address, "login refused");
        let now = cx.now();
        let mut tx = cx.begin().await?;
        if inner.settings.max_login_failures.is_some() {
            let address = device.address.to_string();
            store::login_failures::add(tx.conn(), &account, &address, now, now.minus(FAILURE_WINDOW)).await?;
        }
        audit::record(&mut tx, cx, failed(known.as_ref(), &email)).await?;
        tx.commit().await?;
        return Err(WRONG);
    };
    // A stored form of an older kind is replaced while the password is at hand.
    let stronger = match hash {
        Some(old) if inner.passwords.is_outdated(&old) => Some((old, inner.passwords.hash(password).await?)),
        _ => None,
    };
    let now = cx.now();
    let new = new_pair(cx, user.id, device);
    let mut tx = cx.begin().await?;
    if let Some((old, new)) = &stronger {
        store::users::rehash_password(tx.conn(), user.id, old, new).await?;
    }
    store::login_failures::clear_from(tx.conn(), &account, &device.address.to_string()).await?;
    store::users::update_last_login(tx.conn(), user.id, now).await?;
    let session = store::sessions::add(tx.conn(), &new, now).await?;
    let details = json!({ "session": GlobalId::encode("LoginSession", session.0), "userAgent": device.user_agent });
    let event = Event { action: Action::UserLogin, subject: audit::user(&user), details };
    audit::record_as(&mut tx, audit::user_actor(&user), cx.origin(), event, now).await?;
    tx.commit().await?;
    tracing::info!(user.id = user.id.0, session.id = session.0, client.address = %device.address, "logged in");
    sign(cx, session, &new)
}

/// Returns what the audit log says of a login that failed. What was typed is kept when it looks like an address: else it
/// may be a password in the wrong field.
fn failed(user: Option<&User>, email: &str) -> Event {
    let details = json!({ "deactivated": user.is_some_and(|u| !u.is_active) });
    Event { action: Action::UserLoginFailed, subject: account_of(user, email), details }
}

fn account_of(user: Option<&User>, email: &str) -> Subject {
    match user {
        Some(user) => audit::user(user),
        None => Subject { kind: "user".to_owned(), id: None, name: email.contains('@').then(|| email.to_owned()) },
    }
}

/// Which brake turned a login away.
enum Brake<'a> {
    /// That of the client's address.
    Address(&'a Device),
    /// That of the account, from one device or from anywhere.
    Account { email: &'a str, user: Option<&'a User>, digest: &'a [u8], device: Option<&'a Device> },
}

/// The refusals of logins that this process knows to be on record, and since when: who knocks on does not reach the
/// database.
#[derive(Debug, Default)]
pub(super) struct RefusedLogins(Mutex<HashMap<[u8; 32], UnixNanos>>);

/// Refusals that are remembered before more are left to the database.
const MAX_REFUSED_LOGINS: usize = 10_000;

impl RefusedLogins {
    /// Whether a refusal may not be on record yet.
    fn is_news(&self, digest: [u8; 32], now: UnixNanos) -> bool {
        let since = now.minus(FAILURE_WINDOW);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(&digest).is_some_and(|at| *at > since) {
            return false;
        }
        if known.len() >= MAX_REFUSED_LOGINS {
            known.retain(|_, at| *at > since);
        }
        if known.len() < MAX_REFUSED_LOGINS {
            known.insert(digest, now);
        }
        true
    }
}

/// Writes down that a login was turned away, once in a window for each account and address, and returns the refusal.
/// What cannot be written down is refused all the same.
async fn record_refusal(cx: &Cx<Public>, brake: Brake<'_>, refusal: Error) -> Error {
    let (of, address, subject, limit) = match brake {
        Brake::Address(device) => {
            let nobody = Subject { kind: "user".to_owned(), id: None, name: None };
            (&b""[..], network(device.address).to_string(), nobody, "address")
        }
        Brake::Account { email, user, digest, device } => {
            let address = device.map_or_else(|| ANYWHERE.to_owned(), |device| device.address.to_string());
            (digest, address, account_of(user, email), "account")
        }
    };
    let authenticator = &cx.inner().authenticator;
    let now = cx.now();
    if !cx.inner().refused_logins.is_news(authenticator.refusal_digest(&[of, address.as_bytes()].concat()), now) {
        return refusal;
    }
    let retry_after = match &refusal {
        Error::TooManyRequests { retry_after, .. } => retry_after.as_secs(),
        _ => 0,
    };
    let details = json!({ "limit": limit, "retryAfterSeconds": retry_after });
    let event = Event { action: Action::UserLoginLimited, subject, details };
    let write = async || -> Result<()> {
        let mut tx = cx.begin().await?;
        let place = authenticator.refusal_digest(of);
        if store::login_failures::claim(tx.conn(), &place, &address, now, now.minus(FAILURE_WINDOW)).await? {
            audit::record(&mut tx, cx, event).await?;
        }
        tx.commit().await
    };
    if let Err(error) = write().await {
        tracing::warn!(error = ?error, "the refusal of a login is not on record");
    }
    refusal
}

/// Returns why a login is turned away, if it is, and whether because of failures from anywhere.
async fn refuse_guessing(
    cx: &Cx<Public>,
    device: &Device,
    account: &[u8],
    user: Option<&User>,
) -> Result<Option<(Error, bool)>> {
    let Some(max) = cx.inner().settings.max_login_failures else { return Ok(None) };
    let now = cx.now();
    let address = device.address.to_string();
    let mut reader = cx.read().await?;
    let counted = store::login_failures::find(reader.conn(), account, &address, now.minus(FAILURE_WINDOW)).await?;
    for failures in counted {
        let from_anywhere = failures.address == ANYWHERE;
        let bearable = i64::from(max) * if from_anywhere { ANYWHERE_FACTOR } else { 1 };
        if failures.failures < bearable {
            continue;
        }
        if let (true, Some(user)) = (from_anywhere, user) {
            let sessions = store::sessions::list_of_users(reader.conn(), &[user.id], now).await?;
            if sessions.iter().any(|s| s.address.as_deref() == Some(&address)) {
                continue;
            }
        }
        let refusal = Error::TooManyRequests {
            detail: "Too many failed login attempts. Please try again later.",
            retry_after: failures.last_at.plus(FAILURE_WINDOW).since(now),
        };
        return Ok(Some((refusal, from_anywhere)));
    }
    Ok(None)
}

/// Exchanges a refresh token for a new pair; the old pair is refused from then on.
pub async fn refresh(cx: &Cx<Public>, device: &Device, refresh_token: Option<&str>) -> Result<TokenPair> {
    let inner = cx.inner();
    let tokens = inner.authenticator.tokens()?;
    inner.admit_refresh(device.address)?;
    let refresh_token = refresh_token.ok_or(Error::LoginFailed("Missing refresh token"))?;
    let now = cx.now();
    let claims = tokens.verify(refresh_token, TokenUse::Refresh, now).map_err(|fault| match fault {
        CredentialFault::Expired => Error::LoginFailed("Expired refresh token"),
        _ => SPENT,
    })?;
    let (session, user) = (claims.session(), UserId(claims.sub.parse().map_err(Error::internal)?));
    let new = new_pair(cx, user, device);
    let mut tx = cx.begin().await?;
    let active = store::users::find(tx.conn(), user).await?.is_some_and(|u| u.is_active);
    if active && store::sessions::rotate(tx.conn(), session, &claims.jti, &new, now).await? {
        inner.commit(tx, &[AuthChange::Sessions(vec![session])]).await?;
        return sign(cx, session, &new);
    }
    let Some(found) = store::sessions::find(tx.conn(), session).await?.filter(|s| s.user_id == user) else {
        return Err(SPENT);
    };
    if active && may_be_lost_answer(&found, &claims.jti, device, now.since(found.last_used_at)) {
        return Err(SPENT);
    }
    // The token was good once and is not any more: somebody else has it (RFC 9700, section 4.14.2).
    store::sessions::delete(tx.conn(), session).await?;
    let owner = store::users::find(tx.conn(), user).await?;
    audit::record(&mut tx, cx, ended(session, owner.as_ref(), "a spent refresh token was used again")).await?;
    inner.commit(tx, &[AuthChange::Sessions(vec![session])]).await?;
    tracing::warn!(
        user.id = user.0, session.id = session.0, client.address = %device.address,
        "a spent refresh token was used again; its session is ended"
    );
    Err(SPENT)
}

fn may_be_lost_answer(session: &Session, jti: &str, device: &Device, age: Duration) -> bool {
    session.spent_refresh_jti.as_deref() == Some(jti) && session.is_of(device) && age <= REPLAY_GRACE
}

/// Which sessions a logout ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The one that asks.
    ThisSession,
    /// Every session of the person.
    Everywhere,
}

/// Ends the session of the person who is logged in by access token, or else by the given refresh token; or all of
/// theirs. Whoever is not logged in is logged out already.
pub async fn logout(cx: &Cx<Public>, refresh_token: Option<&str>, extent: Extent) -> Result<()> {
    let inner = cx.inner();
    let Ok(tokens) = inner.authenticator.tokens() else { return Ok(()) };
    let by_access = cx.principal().ok().and_then(|p| match p.credential {
        Credential::Session(id) => Some((id, p.user_id)),
        _ => None,
    });
    let (session, user) = match (by_access, refresh_token) {
        (Some(found), _) => found,
        (None, Some(token)) => {
            let Ok(claims) = tokens.verify(token, TokenUse::Refresh, cx.now()) else { return Ok(()) };
            let mut reader = cx.read().await?;
            match store::sessions::find(reader.conn(), claims.session()).await? {
                Some(session) if session.refresh_jti == claims.jti => (session.id, session.user_id),
                _ => return Ok(()),
            }
        }
        (None, None) => return Ok(()),
    };
    let mut tx = cx.begin().await?;
    let gone = match extent {
        Extent::Everywhere => store::sessions::delete_of_user(tx.conn(), user).await?,
        Extent::ThisSession => {
            store::sessions::delete(tx.conn(), session).await?;
            vec![session]
        }
    };
    if let Some(owner) = store::users::find(tx.conn(), user).await? {
        for session in &gone {
            let (actor, event) = (audit::user_actor(&owner), ended(*session, Some(&owner), "logged out"));
            audit::record_as(&mut tx, actor, cx.origin(), event, cx.now()).await?;
        }
    }
    tracing::info!(user.id = user.0, sessions = gone.len(), "logged out");
    inner.commit(tx, &[AuthChange::Sessions(gone)]).await
}

fn new_pair(cx: &Cx<Public>, user_id: UserId, device: &Device) -> NewSession {
    NewSession {
        user_id,
        access_jti: Tokens::new_jti(TokenUse::Access),
        refresh_jti: Tokens::new_jti(TokenUse::Refresh),
        expires_at: cx.now().plus(cx.inner().settings.refresh_token_expiry),
        address: device.address,
        user_agent: device.user_agent.clone(),
    }
}

fn sign(cx: &Cx<Public>, session: SessionId, new: &NewSession) -> Result<TokenPair> {
    let inner = cx.inner();
    let tokens = inner.authenticator.tokens()?;
    let now = cx.now();
    let access_expires_at = now.plus(inner.settings.access_token_expiry);
    Ok(TokenPair {
        access_token: tokens.sign(new.user_id, session, &new.access_jti, now, access_expires_at)?,
        refresh_token: tokens.sign(new.user_id, session, &new.refresh_jti, now, new.expires_at)?,
    })
}
