//! The access log, as administrators and the owners of keys read it.

use super::{cx::Cx, usage};
use crate::{
    domain::{
        access::{AccessFilter, AccessRecord},
        id::ApiKeyId,
        page::{Page, PageRequest},
        project::Projects,
        scope::{Admin, SignedIn},
    },
    error::{Error, Result},
    store,
};

/// Lists records of everybody, newest first.
pub async fn list(cx: &Cx<Admin>, filter: &AccessFilter, page: PageRequest) -> Result<Page<AccessRecord>> {
    cx.inner().authenticator.tokens()?;
    if cx.projects() != Projects::All {
        // The log names projects and callers of every project.
        return Err(Error::forbidden("A credential that is bound to projects does not see the access log"));
    }
    let mut reader = cx.read().await?;
    store::access_logs::list(reader.conn(), filter, page).await
}

/// Lists the records of a key, newest first: of one's own, or of anyone's for who holds the scope `admin`.
pub async fn list_of_key(
    cx: &Cx<SignedIn>,
    key: ApiKeyId,
    filter: &AccessFilter,
    page: PageRequest,
) -> Result<Page<AccessRecord>> {
    usage::see(cx, key).await?;
    let filter = AccessFilter { key: Some(key), ..filter.clone() };
    let mut reader = cx.read().await?;
    store::access_logs::list(reader.conn(), &filter, page).await
}
