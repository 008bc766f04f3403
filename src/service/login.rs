//! Login, refresh, logout.

use secrecy::SecretString;

use super::cx::Cx;
use crate::{
    auth::{
        jwt::{TokenUse, Tokens},
        principal::Credential,
    },
    domain::{
        id::{SessionId, UserId},
        scope::Public,
        user::{MAX_PASSWORD_BYTES, normalize_email},
    },
    error::{CredentialFault, Error, Result},
    store,
};

/// A pair of tokens for cookies.
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

/// Logs a person in.
pub async fn with_password(cx: &Cx<Public>, email: &str, password: SecretString) -> Result<TokenPair> {
    use secrecy::ExposeSecret as _;
    let inner = cx.inner();
    inner.authenticator.tokens()?;
    if !inner.settings.basic_auth {
        return Err(Error::forbidden("Login by password is disabled"));
    }
    let email = normalize_email(email);
    if email.is_empty() || password.expose_secret().is_empty() {
        return Err(Error::LoginFailed("Email and password required"));
    }
    if email.len() > 320 || password.expose_secret().len() > MAX_PASSWORD_BYTES {
        return Err(WRONG);
    }
    let user = {
        let mut reader = cx.read().await?;
        store::users::find_by_email(reader.conn(), &email).await?
    };
    let hash = user.as_ref().and_then(|u| u.password_hash.clone());
    let right = inner.passwords.verify(password, hash).await?;
    let Some(user) = user.filter(|_| right) else {
        tracing::info!("login refused");
        return Err(WRONG);
    };
    let (access_jti, refresh_jti) = (Tokens::new_jti(TokenUse::Access), Tokens::new_jti(TokenUse::Refresh));
    let now = cx.now();
    let expires_at = now.plus(inner.settings.refresh_token_expiry);
    let mut tx = cx.begin().await?;
    let session = store::sessions::add(tx.conn(), user.id, &access_jti, &refresh_jti, now, expires_at).await?;
    tx.commit().await?;
    tracing::info!(user.id = user.id.0, session.id = session.0, "logged in");
    sign(cx, user.id, session, &access_jti, &refresh_jti)
}

/// Exchanges a refresh token for a new pair; the old pair is refused from then on.
pub async fn refresh(cx: &Cx<Public>, refresh_token: Option<&str>) -> Result<TokenPair> {
    let inner = cx.inner();
    let tokens = inner.authenticator.tokens()?;
    let refresh_token = refresh_token.ok_or(Error::LoginFailed("Missing refresh token"))?;
    let now = cx.now();
    let claims = tokens.verify(refresh_token, TokenUse::Refresh, now).map_err(|fault| match fault {
        CredentialFault::Expired => Error::LoginFailed("Expired refresh token"),
        _ => Error::LoginFailed("Invalid refresh token"),
    })?;
    let session = claims.session();
    let (access_jti, refresh_jti) = (Tokens::new_jti(TokenUse::Access), Tokens::new_jti(TokenUse::Refresh));
    let expires_at = now.plus(inner.settings.refresh_token_expiry);
    let mut tx = cx.begin().await?;
    let rotated =
        store::sessions::rotate(tx.conn(), session, &claims.jti, &access_jti, &refresh_jti, expires_at).await?;
    tx.commit().await?;
    if !rotated {
        return Err(Error::LoginFailed("Invalid refresh token"));
    }
    inner.authenticator.sessions_changed(&[session]);
    let user = claims.sub.parse().map_err(Error::internal)?;
    sign(cx, UserId(user), session, &access_jti, &refresh_jti)
}

/// Ends every session of the person who is logged in by access token, or else by the given refresh token. Whoever is
/// not logged in is logged out already.
pub async fn logout(cx: &Cx<Public>, refresh_token: Option<&str>) -> Result<()> {
    let inner = cx.inner();
    let Ok(tokens) = inner.authenticator.tokens() else { return Ok(()) };
    let by_access = cx.principal().ok().filter(|p| matches!(p.credential, Credential::Session(_))).map(|p| p.user_id);
    let user = match (by_access, refresh_token) {
        (Some(user), _) => user,
        (None, Some(token)) => {
            let Ok(claims) = tokens.verify(token, TokenUse::Refresh, cx.now()) else { return Ok(()) };
            let mut reader = cx.read().await?;
            match store::sessions::find(reader.conn(), claims.session()).await? {
                Some(session) if session.refresh_jti == claims.jti => session.user_id,
                _ => return Ok(()),
            }
        }
        (None, None) => return Ok(()),
    };
    end_sessions(cx, user).await
}

async fn end_sessions(cx: &Cx<Public>, user: UserId) -> Result<()> {
    let mut tx = cx.begin().await?;
    let ended = store::sessions::delete_of_user(tx.conn(), user).await?;
    tx.commit().await?;
    cx.inner().authenticator.sessions_changed(&ended);
    tracing::info!(user.id = user.0, sessions = ended.len(), "logged out");
    Ok(())
}

fn sign(cx: &Cx<Public>, user: UserId, session: SessionId, access_jti: &str, refresh_jti: &str) -> Result<TokenPair> {
    let inner = cx.inner();
    let tokens = inner.authenticator.tokens()?;
    let now = cx.now();
    Ok(TokenPair {
        access_token: tokens.sign(user, session, access_jti, now, now.plus(inner.settings.access_token_expiry))?,
        refresh_token: tokens.sign(user, session, refresh_jti, now, now.plus(inner.settings.refresh_token_expiry))?,
    })
}
