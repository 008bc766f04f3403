//! The caller's own account. The rest of user management builds on this file.

use secrecy::{ExposeSecret as _, SecretString};

use super::cx::Cx;
use crate::{
    domain::{scope::OwnAccount, user::User},
    error::{Error, Result},
    store,
};

/// Returns the user that the caller acts as; nobody when authentication is off.
pub fn viewer(cx: &Cx<OwnAccount>) -> Result<Option<User>> {
    let principal = cx.principal()?;
    Ok(principal.user.as_deref().cloned())
}

/// What people may change about their own account.
#[derive(Debug, Default)]
pub struct ViewerPatch {
    /// New name.
    pub username: Option<String>,
    /// New password, and the present one as proof.
    pub password: Option<(SecretString, Option<SecretString>)>,
}

/// Changes the caller's own account. A new password ends every session, this one included; the flag says so.
pub async fn patch_viewer(cx: &Cx<OwnAccount>, patch: ViewerPatch) -> Result<(User, bool)> {
    let inner = cx.inner();
    inner.authenticator.tokens()?;
    let principal = cx.principal()?;
    if !principal.is_session() {
        return Err(Error::forbidden("Only a logged-in user can change their account"));
    }
    let user = {
        let mut reader = cx.read().await?;
        store::users::find(reader.conn(), principal.user_id).await?
    };
    let user = user.ok_or_else(|| Error::NotFound("User not found".into()))?;
    let now = cx.now();
    let new_hash = match &patch.password {
        None => None,
        Some((new, current)) => {
            let current = current
                .clone()
                .ok_or_else(|| Error::invalid("currentPassword", "The current password is needed to change it"))?;
            if !inner.passwords.verify(current.clone(), user.password_hash.clone()).await? {
                return Err(Error::invalid("currentPassword", "The current password is not right"));
            }
            inner.settings.password_policy.check(new.expose_secret()).map_err(|e| Error::invalid("newPassword", e))?;
            if new.expose_secret() == current.expose_secret() {
                return Err(Error::invalid("newPassword", "The new password must differ from the current one"));
            }
            Some(inner.passwords.hash(new.clone()).await?)
        }
    };
    let mut tx = cx.begin().await?;
    if let Some(username) = &patch.username {
        let username = username.trim();
        if username.is_empty() || username.len() > 200 {
            return Err(Error::invalid("newUsername", "A name has 1 to 200 characters"));
        }
        store::users::update_username(tx.conn(), user.id, username, now).await?;
    }
    let mut ended = Vec::new();
    if let Some(hash) = &new_hash {
        store::users::update_password(tx.conn(), user.id, hash, false, now).await?;
        store::password_reset::delete_of_user(tx.conn(), user.id).await?;
        ended = store::sessions::delete_of_user(tx.conn(), user.id).await?;
    }
    let user = store::users::find(tx.conn(), user.id).await?.ok_or_else(|| Error::NotFound("User not found".into()))?;
    tx.commit().await?;
    inner.authenticator.sessions_changed(&ended);
    inner.authenticator.user_changed();
    Ok((user, new_hash.is_some()))
}

/// Returns any user by row id.
pub async fn get(cx: &Cx<crate::domain::scope::Admin>, id: crate::domain::id::UserId) -> Result<User> {
    let mut reader = cx.read().await?;
    store::users::find(reader.conn(), id).await?.ok_or_else(|| Error::NotFound("User not found".into()))
}
