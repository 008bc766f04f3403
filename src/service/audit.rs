//! The audit log: records are written in the transaction of the change that they tell of, so that neither is without
//! the other; administrators read them.

use serde_json::Value;

use super::cx::Cx;
use crate::{
    auth::principal::{Credential, Principal},
    db::Tx,
    domain::{
        api_key::ApiKey,
        audit::{Action, Actor, ActorKind, NewRecord, Origin, Record, RecordFilter, Subject},
        id::GlobalId,
        page::{Page, PageRequest},
        project::Project,
        scope::{Access, Admin},
        time::UnixNanos,
        user::User,
    },
    error::Result,
    store,
};

/// What happened, as services tell it.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// What was done.
    pub(super) action: Action,
    /// To whom or what.
    pub(super) subject: Subject,
    /// What else is worth knowing; never a secret.
    pub(super) details: Value,
}

/// Writes down what the caller did, in the transaction that does it.
pub(super) async fn record<S: Access>(tx: &mut Tx, cx: &Cx<S>, event: Event) -> Result<()> {
    let actor = cx.principal().map_or_else(|_| Actor::only(ActorKind::Anonymous), |p| actor_of(p));
    record_as(tx, actor, cx.origin(), event, cx.now()).await
}

/// Writes down what somebody did who is not the caller of a request.
pub(super) async fn record_as(tx: &mut Tx, actor: Actor, origin: &Origin, event: Event, now: UnixNanos) -> Result<()> {
    let record = NewRecord {
        actor,
        action: event.action,
        subject: event.subject,
        details: event.details.to_string(),
        origin: origin.clone(),
    };
    store::audit::add(tx.conn(), &record, now).await
}

/// Writes down what was done by the command line.
pub(super) async fn record_offline(tx: &mut Tx, event: Event, now: UnixNanos) -> Result<()> {
    record_as(tx, Actor::only(ActorKind::CommandLine), &Origin::default(), event, now).await
}

fn actor_of(principal: &Principal) -> Actor {
    match (principal.credential, &principal.key, &principal.user) {
        (Credential::ApiKey(..), Some(key), _) => {
            Actor { kind: ActorKind::ApiKey, id: key.id.to_public(), name: Some(key.name.clone()) }
        }
        (Credential::Session(_), _, Some(user)) => user_actor(user),
        (Credential::AdminSecret, ..) => Actor::only(ActorKind::AdminSecret),
        _ => Actor::only(ActorKind::Anonymous),
    }
}

/// Returns a user as an actor.
pub(super) fn user_actor(user: &User) -> Actor {
    Actor { kind: ActorKind::User, id: GlobalId::encode("User", user.id.0), name: Some(user.username.clone()) }
}

/// Returns a user as a subject.
pub(super) fn user(user: &User) -> Subject {
    Subject {
        kind: "user".to_owned(),
        id: Some(GlobalId::encode("User", user.id.0)),
        name: Some(user.username.clone()),
    }
}

/// Returns a key as a subject.
pub(super) fn api_key(key: &ApiKey) -> Subject {
    Subject { kind: "api_key".to_owned(), id: Some(key.id.to_public()), name: Some(key.name.clone()) }
}

/// Returns a project as a subject.
pub(super) fn project(project: &Project) -> Subject {
    Subject {
        kind: "project".to_owned(),
        id: Some(GlobalId::encode("Project", project.id.0)),
        name: Some(project.name.clone()),
    }
}

/// Lists records, newest first. The log is of the whole deployment: a caller that is bound to projects does not see it.
pub async fn list(cx: &Cx<Admin>, filter: &RecordFilter, page: PageRequest) -> Result<Page<Record>> {
    cx.refuse_bound("read the audit log")?;
    let mut reader = cx.read().await?;
    store::audit::list(reader.conn(), filter, page).await
}
