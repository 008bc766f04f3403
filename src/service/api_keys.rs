//! API keys.

use std::collections::HashMap;

use super::cx::Cx;
use crate::{
    auth::principal::{Credential, Principal},
    domain::{
        api_key::{ApiKey, KeyKind, NewApiKey},
        auth_change::AuthChange,
        id::{ApiKeyId, UserId},
        page::{Page, PageRequest},
        scope::{Admin, Scope, SignedIn},
        secret::{KeyPrefix, PlainToken},
        user::{SYSTEM_USER, User},
    },
    error::{Error, Result},
    store,
};

/// The longest name or description of a key, in bytes.
const MAX_TEXT_BYTES: usize = 4_096;

/// Makes a system key; its plain text is in this answer and nowhere else. People and the admin secret may, keys may
/// not.
pub async fn create_system(cx: &Cx<Admin>, new: NewApiKey) -> Result<(ApiKey, PlainToken)> {
    let inner = cx.inner();
    inner.authenticator.tokens()?;
    let principal = cx.principal()?;
    if matches!(principal.credential, Credential::ApiKey(..)) {
        return Err(Error::forbidden("API keys cannot create API keys"));
    }
    validate(&new)?;
    let now = cx.now();
    if new.expires_at.is_some_and(|at| at <= now) {
        return Err(Error::invalid("expires_at", "Expiration time must be in the future"));
    }
    let token = PlainToken::generate(KeyPrefix::System);
    let digest = inner.authenticator.digest(&token);
    let created_by = principal.is_session().then_some(principal.user_id);
    let mut tx = cx.begin().await?;
    let key =
        store::api_keys::add(tx.conn(), KeyKind::System, SYSTEM_USER, created_by, &new, &digest, &token.masked(), now)
            .await?;
    tx.commit().await?;
    tracing::info!(api_key.id = key.id.0, "system API key created");
    Ok((key, token))
}

/// Checks the texts of a new key.
pub fn validate(new: &NewApiKey) -> Result<()> {
    if new.name.trim().is_empty() {
        return Err(Error::invalid("name", "Name cannot be empty"));
    }
    let too_long = |text: &str| text.len() > MAX_TEXT_BYTES;
    if too_long(&new.name) || new.name.contains('\0') {
        return Err(Error::invalid("name", "A name has at most 4096 bytes, none of them zero"));
    }
    if new.description.as_deref().is_some_and(|d| too_long(d) || d.contains('\0')) {
        return Err(Error::invalid("description", "A description has at most 4096 bytes, none of them zero"));
    }
    Ok(())
}

/// Lists the living system keys, newest first.
pub async fn list_system(cx: &Cx<Admin>) -> Result<Vec<ApiKey>> {
    cx.inner().authenticator.tokens()?;
    let mut reader = cx.read().await?;
    store::api_keys::list_active(reader.conn(), KeyKind::System, cx.now()).await
}

/// Revokes a system key; it is refused from this moment on.
pub async fn revoke_system(cx: &Cx<Admin>, id: ApiKeyId) -> Result<()> {
    let inner = cx.inner();
    inner.authenticator.tokens()?;
    let mut tx = cx.begin().await?;
    let digest = store::api_keys::revoke(tx.conn(), id, KeyKind::System, cx.now()).await?;
    let digest = digest.ok_or_else(|| Error::NotFound("System API key not found".into()))?;
    inner.commit(tx, &[AuthChange::Key(digest)]).await?;
    tracing::info!(api_key.id = id.0, "system API key revoked");
    Ok(())
}

/// Makes a key that acts for the caller. People may, keys may not.
pub async fn create_user(cx: &Cx<SignedIn>, mut new: NewApiKey) -> Result<(ApiKey, PlainToken)> {
    let inner = cx.inner();
    inner.authenticator.tokens()?;
    let principal = cx.principal()?;
    if !principal.is_session() {
        return Err(Error::forbidden("API keys cannot create API keys"));
    }
    validate(&new)?;
    let now = cx.now();
    if new.expires_at.is_some_and(|at| at <= now) {
        return Err(Error::invalid("expires_at", "Expiration time must be in the future"));
    }
    // Recorded for people who read the table; what counts is the owner's role at the time of each request.
    new.role = principal.role;
    let token = PlainToken::generate(KeyPrefix::Live);
    let digest = inner.authenticator.digest(&token);
    let (user, masked) = (principal.user_id, token.masked());
    let mut tx = cx.begin().await?;
    let key = store::api_keys::add(tx.conn(), KeyKind::User, user, Some(user), &new, &digest, &masked, now).await?;
    tx.commit().await?;
    tracing::info!(api_key.id = key.id.0, user.id = user.0, "API key created");
    Ok((key, token))
}

/// Lists the caller's own living keys, newest first. A key that is narrowed by scopes sees itself alone.
pub async fn list_own(cx: &Cx<SignedIn>) -> Result<Vec<ApiKey>> {
    cx.inner().authenticator.tokens()?;
    let principal = cx.principal()?;
    if principal.user_id == SYSTEM_USER {
        return Ok(Vec::new());
    }
    let mut reader = cx.read().await?;
    let mut keys = store::api_keys::list_of_user(reader.conn(), principal.user_id, cx.now()).await?;
    if let Some(itself) = narrowed_key(principal) {
        keys.retain(|key| key.id == itself);
    }
    Ok(keys)
}

/// Lists the living keys of users, newest first: one's own, or anyone's for who holds the scope `admin`.
pub async fn list_of(cx: &Cx<SignedIn>, users: &[UserId]) -> Result<Vec<ApiKey>> {
    let principal = cx.principal()?;
    if !principal.scopes.holds(Scope::Admin) {
        if users.iter().any(|id| *id != principal.user_id) {
            return Err(Error::forbidden("Only administrators see the keys of others"));
        }
        return list_own(cx).await;
    }
    let mut reader = cx.read().await?;
    store::api_keys::list_of(reader.conn(), users, cx.now()).await
}

/// Returns a living user key: one's own, or anyone's for who holds the scope `admin`.
pub async fn get_user_key(cx: &Cx<SignedIn>, id: ApiKeyId) -> Result<ApiKey> {
    let not_found = || Error::NotFound("API key not found".into());
    let owner = {
        let mut reader = cx.read().await?;
        store::api_keys::find_owner(reader.conn(), id).await?.ok_or_else(not_found)?
    };
    match list_of(cx, &[owner]).await {
        Ok(keys) => keys.into_iter().find(|key| key.id == id).ok_or_else(not_found),
        Err(Error::Forbidden(_)) => Err(not_found()),
        Err(error) => Err(error),
    }
}

/// Lists everybody's living user keys, newest first, with their owners.
pub async fn list_of_users(cx: &Cx<Admin>, page: PageRequest) -> Result<Page<(ApiKey, User)>> {
    cx.inner().authenticator.tokens()?;
    let mut reader = cx.read().await?;
    let page = store::api_keys::list_of_users(reader.conn(), cx.now(), page).await?;
    let ids: Vec<UserId> = page.items.iter().map(|key| key.user_id).collect();
    let users: HashMap<UserId, User> = if ids.is_empty() {
        HashMap::new()
    } else {
        store::users::list_by_ids(reader.conn(), &ids).await?.into_iter().map(|u| (u.id, u)).collect()
    };
    let owned = page.items.into_iter().filter_map(|key| users.get(&key.user_id).cloned().map(|user| (key, user)));
    Ok(Page { items: owned.collect(), next: page.next })
}

/// Revokes a user key: one's own, or anyone's with the scope `admin`. A key may revoke itself.
pub async fn revoke_user(cx: &Cx<SignedIn>, id: ApiKeyId) -> Result<()> {
    let inner = cx.inner();
    inner.authenticator.tokens()?;
    let principal = cx.principal()?;
    if matches!(principal.credential, Credential::ApiKey(_, KeyKind::System)) && !principal.scopes.holds(Scope::Admin) {
        return Err(Error::forbidden("System API keys must be managed through the /system/api_keys endpoints."));
    }
    let not_found = || Error::NotFound("API key not found".into());
    let mut tx = cx.begin().await?;
    let owner = store::api_keys::find_owner(tx.conn(), id).await?.ok_or_else(not_found)?;
    let own = owner == principal.user_id && narrowed_key(principal).is_none_or(|itself| itself == id);
    if !own && !principal.scopes.holds(Scope::Admin) {
        return Err(not_found());
    }
    let digest = store::api_keys::revoke(tx.conn(), id, KeyKind::User, cx.now()).await?.ok_or_else(not_found)?;
    inner.commit(tx, &[AuthChange::Key(digest)]).await?;
    tracing::info!(api_key.id = id.0, "API key revoked");
    Ok(())
}

/// Returns the caller's own key if scopes narrow it: it then speaks for itself alone, not for its owner's other keys.
fn narrowed_key(principal: &Principal) -> Option<ApiKeyId> {
    match principal.credential {
        Credential::ApiKey(id, _) if principal.scopes != principal.role.scopes() => Some(id),
        _ => None,
    }
}
