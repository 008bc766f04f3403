//! Alerts about keys, as people read them. What raises them is [`alert_watch`](super::alert_watch).

use super::{cx::Cx, usage};
use crate::{
    domain::{
        alert::{Alert, AlertFilter},
        id::ApiKeyId,
        page::{Page, PageRequest},
        scope::{Admin, SignedIn},
    },
    error::Result,
    store,
};

/// Lists the alerts of all keys, newest first. They are of the whole deployment: a caller that is bound to projects does
/// not see them.
pub async fn list(cx: &Cx<Admin>, filter: &AlertFilter, page: PageRequest) -> Result<Page<Alert>> {
    cx.inner().authenticator.tokens()?;
    cx.refuse_bound("read alerts")?;
    let mut reader = cx.read().await?;
    store::alerts::list(reader.conn(), filter, page).await
}

/// Lists the alerts of a key, newest first, to who may see its usage.
pub async fn of_key(cx: &Cx<SignedIn>, key: ApiKeyId, filter: &AlertFilter, page: PageRequest) -> Result<Page<Alert>> {
    usage::see(cx, key).await?;
    let mut reader = cx.read().await?;
    store::alerts::list(reader.conn(), &AlertFilter { key: Some(key), ..*filter }, page).await
}
