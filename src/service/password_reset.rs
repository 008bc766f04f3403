//! Reset of a forgotten password by a link in a mail.
//!
//! The link's address comes from the configuration alone; a request has no say in it. Whether there is such a user is
//! looked up after the answer, so that neither the answer nor the time it takes tells.

use secrecy::{ExposeSecret as _, SecretString};

use super::{Services, audit, cx::Cx, users::password_changed};
use crate::{
    auth::jwt::{TokenUse, Tokens},
    domain::{
        auth_change::AuthChange,
        scope::{Public, Role},
        session::Device,
        user::{AuthMethod, MAX_EMAIL_BYTES, User, normalize_email},
    },
    error::{Error, Result},
    mail::{Letter, ResetLink},
    store,
};

/// Unknown, spent, expired, or of a user who has changed since: nobody learns which.
const INVALID: Error = Error::LoginFailed("Invalid token");

/// Asks for a reset mail. Done when the request is noted; whether a mail follows is not told.
pub fn request(cx: &Cx<Public>, device: &Device, email: &str) -> Result<()> {
    let inner = cx.inner();
    demand_passwords(cx.services())?;
    inner.admit_guess(device.address)?;
    let email = normalize_email(email);
    if email.is_empty() {
        return Err(Error::invalid("email", "Email required"));
    }
    let mailer = inner.mailer.as_ref().ok_or(Error::Unavailable {
        detail: "SMTP server not configured",
        // Not before somebody has restarted the server with other settings.
        retry_after: std::time::Duration::from_hours(1),
    })?;
    let services = cx.services().clone();
    mailer.queue(async move {
        answer(&services, &email).await.unwrap_or_else(|error| {
            tracing::error!(error = ?error, "reset mail not written");
            None
        })
    });
    Ok(())
}

/// Sets the password of the user that a reset token was made for. The token is spent and every session ends.
pub async fn redeem(cx: &Cx<Public>, device: &Device, token: &SecretString, password: SecretString) -> Result<()> {
    let inner = cx.inner();
    demand_passwords(cx.services())?;
    inner.admit_guess(device.address)?;
    if password.expose_secret().is_empty() {
        return Err(Error::invalid("password", "Password required"));
    }
    let now = cx.now();
    let claims = inner
        .authenticator
        .tokens()?
        .verify(token.expose_secret(), TokenUse::PasswordReset, now)
        .map_err(|_| INVALID)?;
    inner.settings.password_policy.check(password.expose_secret()).map_err(|e| Error::invalid("password", e))?;
    // Hashed before the transaction: on SQLite nobody else writes meanwhile.
    let hash = inner.passwords.hash(password).await?;
    let digest = inner.authenticator.digest_of_jti(&claims.jti);
    let mut tx = cx.begin().await?;
    let (id, made_at) = store::password_reset::take(tx.conn(), &digest, now).await?.ok_or(INVALID)?;
    let user = store::users::find(tx.conn(), id).await?;
    let user = user.filter(|u| may_reset(u) && u.updated_at <= made_at && u.id.to_string() == claims.sub);
    let user = user.ok_or(INVALID)?;
    store::users::update_password(tx.conn(), user.id, &hash, false, now).await?;
    store::login_failures::clear(tx.conn(), &inner.authenticator.account_digest(&user.email)).await?;
    let ended = store::sessions::delete_of_user(tx.conn(), user.id).await?;
    // The token came by mail to this user: that is who they are.
    let event = password_changed(&user, ended.len());
    audit::record_as(&mut tx, audit::user_actor(&user), cx.origin(), event, now).await?;
    tracing::info!(user.id = user.id.0, sessions = ended.len(), "password reset by mail");
    inner.commit(tx, &[AuthChange::User, AuthChange::Sessions(ended)]).await
}

/// Makes a link for a user, in place of the last one; none if they had their share of mails for now.
pub(super) async fn issue(services: &Services, user: &User) -> Result<Option<ResetLink>> {
    let inner = &services.0;
    let tokens = inner.authenticator.tokens()?;
    let jti = Tokens::new_jti(TokenUse::PasswordReset);
    let expires_in = inner.settings.password_reset_expiry;
    let now = inner.clock.now();
    let expires_at = now.plus(expires_in);
    let token = tokens.sign_reset(user.id, &jti, now, expires_at)?;
    let mut tx = inner.db.begin().await?;
    let digest = inner.authenticator.digest_of_jti(&jti);
    let is_granted = store::password_reset::replace(tx.conn(), user.id, &digest, now, expires_at).await?;
    tx.commit().await?;
    if !is_granted {
        tracing::info!(user.id = user.id.0, "no mail: the user had three within the hour");
        return Ok(None);
    }
    // A JWT is made of characters that a query takes as they are.
    let url = format!("{}/reset-password-with-token?token={token}", inner.settings.site.url);
    Ok(Some(ResetLink { url, expires_in }))
}

/// Whether a user's password is kept here, so that a mail may lead to a new one.
pub(super) fn may_reset(user: &User) -> bool {
    user.role != Role::System && user.auth_method == AuthMethod::Local && user.is_active
}

async fn answer(services: &Services, email: &str) -> Result<Option<Letter>> {
    if email.len() > MAX_EMAIL_BYTES {
        return Ok(None);
    }
    let user = {
        let mut reader = services.0.db.read().await?;
        store::users::find_by_email(reader.conn(), email).await?
    };
    let Some(user) = user.filter(may_reset) else { return Ok(None) };
    let Some(link) = issue(services, &user).await? else { return Ok(None) };
    Letter::password_reset(&user, &services.settings().site, &link).map(Some)
}

fn demand_passwords(services: &Services) -> Result<()> {
    services.authenticator().tokens()?;
    if services.settings().basic_auth { Ok(()) } else { Err(Error::forbidden("Login by password is disabled")) }
}
