//! Keys from the command line, on the database directly: whoever may do that needs no proof. What changes is announced,
//! so that running servers learn of it within a second.

use std::time::Duration;

use super::{
    api_keys::{changes, renew, revoked},
    audit,
};
use crate::{
    db::{Db, Tx},
    domain::{
        api_key::{ApiKey, KeyKind, KeyStatus},
        auth_change::AuthChange,
        id::ApiKeyId,
        page::{Order, PageRequest},
        project::Projects,
        secret::{HashedToken, PlainToken},
        time::UnixNanos,
    },
    error::{Error, Result},
    store::{self, api_keys::KeyFilter, deployment::Deployment},
};

/// Lists keys, newest first.
pub async fn list(db: &Db, kind: Option<KeyKind>, status: Option<KeyStatus>, now: UnixNanos) -> Result<Vec<ApiKey>> {
    let filter = KeyFilter { kind, status, ..KeyFilter::default() };
    let all = PageRequest { from: None, limit: u32::MAX, order: Order::Desc };
    let mut reader = db.read().await?;
    Ok(store::api_keys::list(reader.conn(), &Projects::All, &filter, now, all).await?.items)
}

/// Whether some system key works.
pub async fn any_system_key(db: &Db, now: UnixNanos) -> Result<bool> {
    let filter = KeyFilter { kind: Some(KeyKind::System), status: Some(KeyStatus::Active), ..KeyFilter::default() };
    let first = PageRequest { from: None, limit: 1, order: Order::Desc };
    let mut reader = db.read().await?;
    Ok(!store::api_keys::list(reader.conn(), &Projects::All, &filter, now, first).await?.items.is_empty())
}

/// Gives a key a new secret; the one that it had works until the grace is over.
pub async fn rotate(db: &Db, deployment: &Deployment, id: &str, grace: Duration, now: UnixNanos) -> Result<PlainToken> {
    let mut tx = db.begin().await?;
    let (key, digests) = lock(&mut tx, id).await?;
    let (token, event) = renew(&mut tx, &key, grace, now, |token| token.digest(&deployment.digest_key)).await?;
    audit::record_offline(&mut tx, event, now).await?;
    announce(tx, &changes(digests), now).await?;
    Ok(token)
}

/// Revokes a key; doing it again changes nothing.
pub async fn revoke(db: &Db, id: &str, now: UnixNanos) -> Result<()> {
    let mut tx = db.begin().await?;
    let (key, digests) = lock(&mut tx, id).await?;
    if key.revoked_at.is_some() {
        return Ok(());
    }
    store::api_keys::revoke(tx.conn(), key.id, now).await?;
    audit::record_offline(&mut tx, revoked(&key), now).await?;
    announce(tx, &changes(digests), now).await
}

/// Finds a key by any id that some list shows, and holds it.
async fn lock(tx: &mut Tx, id: &str) -> Result<(ApiKey, Vec<HashedToken>)> {
    let id = ApiKeyId::parse(id).ok_or_else(|| Error::invalid("id", "Not the id of an API key"))?;
    let found = store::api_keys::lock(tx.conn(), id).await?;
    found.ok_or_else(|| Error::NotFound("API key not found".into()))
}

/// Commits, and tells running servers on the same database.
pub(super) async fn announce(mut tx: Tx, changes: &[AuthChange], now: UnixNanos) -> Result<()> {
    for change in changes {
        store::auth_changes::add(tx.conn(), change, now).await?;
    }
    tx.commit().await
}
