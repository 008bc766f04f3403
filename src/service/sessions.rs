//! Login sessions as people see them: where one is logged in, and how to end that.

use serde_json::json;

use super::{
    audit::{self, Event},
    cx::Cx,
};
use crate::{
    auth::principal::Credential,
    domain::{
        audit::{Action, Subject},
        auth_change::AuthChange,
        id::{GlobalId, SessionId, UserId},
        project::Projects,
        scope::{OwnAccount, Scope},
        session::Session,
        user::User,
    },
    error::{Error, Result},
    store,
};

/// Lists the living sessions of users: one's own, or anyone's for who holds the scope `admin`.
pub async fn list_of_users(cx: &Cx<OwnAccount>, users: &[UserId]) -> Result<Vec<Session>> {
    if !users.iter().all(|id| may_see(cx, *id)) {
        return Err(Error::forbidden("Only administrators see the sessions of others"));
    }
    let mut reader = cx.read().await?;
    store::sessions::list_of_users(reader.conn(), users, cx.now()).await
}

/// Returns the session that the caller is in, if any.
pub fn current(cx: &Cx<OwnAccount>) -> Result<Option<SessionId>> {
    Ok(match cx.principal()?.credential {
        Credential::Session(id) => Some(id),
        _ => None,
    })
}

/// Ends sessions: one's own, or anyone's for who holds the scope `admin`. All of them, or none when one is not there.
pub async fn end(cx: &Cx<OwnAccount>, ids: &[SessionId]) -> Result<()> {
    let mut tx = cx.begin().await?;
    for id in ids {
        let not_found = || Error::NotFound("Session not found".into());
        let session = store::sessions::find(tx.conn(), *id).await?.ok_or_else(not_found)?;
        if !may_see(cx, session.user_id) {
            return Err(not_found());
        }
        store::sessions::delete(tx.conn(), *id).await?;
        let owner = store::users::find(tx.conn(), session.user_id).await?;
        audit::record(&mut tx, cx, ended(session.id, owner.as_ref(), "ended")).await?;
    }
    cx.inner().commit(tx, &[AuthChange::Sessions(ids.to_vec())]).await?;
    tracing::info!(sessions = ids.len(), "sessions ended");
    Ok(())
}

/// Returns what the audit log says of a session that ended.
pub(super) fn ended(session: SessionId, owner: Option<&User>, reason: &str) -> Event {
    let subject = Subject {
        kind: "session".to_owned(),
        id: Some(GlobalId::encode("LoginSession", session.0)),
        name: owner.map(|user| user.username.clone()),
    };
    Event { action: Action::SessionEnd, subject, details: json!({ "reason": reason }) }
}

/// A key that is narrowed by scopes or projects speaks for these alone, not for its owner's account.
fn may_see(cx: &Cx<OwnAccount>, user: UserId) -> bool {
    cx.principal().is_ok_and(|p| {
        let everything = p.scopes.holds(Scope::Admin) && !p.must_reset_password;
        p.projects == Projects::All && (everything || p.user_id == user && p.scopes == p.role.scopes())
    })
}
