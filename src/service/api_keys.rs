//! API keys.

use super::cx::Cx;
use crate::{
    auth::principal::Credential,
    domain::{
        api_key::{ApiKey, KeyKind, NewApiKey},
        id::ApiKeyId,
        scope::Admin,
        secret::{KeyPrefix, PlainToken},
        user::SYSTEM_USER,
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
    let key = store::api_keys::add(
        tx.conn(),
        KeyKind::System,
        SYSTEM_USER,
        created_by,
        &new,
        &digest,
        &token.masked(),
        now,
    )
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
    tx.commit().await?;
    let digest = digest.ok_or_else(|| Error::NotFound("System API key not found".into()))?;
    inner.authenticator.key_changed(&digest);
    tracing::info!(api_key.id = id.0, "system API key revoked");
    Ok(())
}
