//! Sessions of traces.

use std::collections::HashMap;

use super::{cx::Cx, projects, removal};
use crate::{
    domain::{
        filter::Filter,
        id::{GlobalId, ProjectSessionId},
        page::{Page, PageRequest},
        project::ProjectRef,
        project_session::{ProjectSession, SessionRef, SessionTrace},
        scope::{TracesRead, TracesWrite},
    },
    error::{Error, Result},
    store::{self, removal::Range},
};

/// The most traces that an answer about sessions carries along, in all.
const MAX_TRACES_ALONG: i64 = 50_000;
/// The most sessions that one request deletes.
const MAX_DELETED: usize = 1_000;

/// The order of a list of sessions, for callers of this room.
pub type ListSort = store::project_sessions::SessionSort;

/// Lists the sessions of a project.
pub async fn list(
    cx: &Cx<TracesRead>,
    project: &ProjectRef,
    filter: Option<&Filter>,
    sort: ListSort,
    page: PageRequest,
) -> Result<Page<ProjectSession>> {
    let project = projects::find(cx, project).await?;
    let mut reader = cx.read().await?;
    store::project_sessions::list(reader.conn(), &cx.projects(), project.id, filter, sort, page).await
}

/// Returns a session; of several with the same name, the one that was first seen last.
pub async fn get(cx: &Cx<TracesRead>, session: &SessionRef) -> Result<ProjectSession> {
    let mut reader = cx.read().await?;
    let found = store::project_sessions::find(reader.conn(), &cx.projects(), session, 1).await?;
    found.into_iter().next().ok_or_else(|| not_found(session, ""))
}

fn not_found(session: &SessionRef, quote: &str) -> Error {
    Error::NotFound(
        match session {
            SessionRef::Row(id) => {
                let id = GlobalId::encode("ProjectSession", id.0);
                format!("Session with ID {quote}{id}{quote} not found")
            }
            SessionRef::Name(name) => format!("Session with session_id {quote}{name}{quote} not found"),
        }
        .into(),
    )
}

/// Returns the traces of sessions, earliest first within each.
pub async fn traces_of(
    cx: &Cx<TracesRead>,
    ids: &[ProjectSessionId],
) -> Result<HashMap<ProjectSessionId, Vec<SessionTrace>>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let mut reader = cx.read().await?;
    store::project_sessions::traces(reader.conn(), &cx.projects(), ids, MAX_TRACES_ALONG).await
}

/// Deletes a session with its traces.
pub async fn delete(cx: &Cx<TracesWrite>, session: &SessionRef) -> Result<()> {
    let found = find_one(cx, session).await?.ok_or_else(|| not_found(session, "'"))?;
    delete_found(cx, &found).await
}

/// Deletes sessions with their traces, all named in one way; those that there are not are passed over.
pub async fn delete_all(cx: &Cx<TracesWrite>, identifiers: &[String]) -> Result<()> {
    const FIELD: &str = "session_identifiers";
    if identifiers.is_empty() {
        return Err(Error::invalid(FIELD, "Session identifier list must not be empty."));
    }
    if identifiers.len() > MAX_DELETED {
        return Err(Error::invalid(FIELD, format!("At most {MAX_DELETED} session identifiers are taken")));
    }
    let sessions: Vec<SessionRef> = identifiers.iter().map(|text| SessionRef::parse(text)).collect();
    let by_row = sessions.iter().filter(|session| matches!(session, SessionRef::Row(_))).count();
    if by_row != 0 && by_row != sessions.len() {
        let text = "All identifiers must be the same type: either all GlobalIDs or all session_id strings.";
        return Err(Error::invalid(FIELD, text));
    }
    let mut found = Vec::new();
    for session in &sessions {
        found.extend(find_one(cx, session).await?);
    }
    for session in &found {
        delete_found(cx, session).await?;
    }
    Ok(())
}

/// Finds the one session that is meant; among several the caller has to say which.
async fn find_one(cx: &Cx<TracesWrite>, session: &SessionRef) -> Result<Option<ProjectSession>> {
    let mut reader = cx.read().await?;
    let mut found = store::project_sessions::find(reader.conn(), &cx.projects(), session, 2).await?;
    if let (2, SessionRef::Name(name)) = (found.len(), session) {
        let text = format!("Several projects have a session with session_id '{name}'; name it by its ID");
        return Err(Error::Conflict(text.into()));
    }
    Ok(found.pop())
}

async fn delete_found(cx: &Cx<TracesWrite>, session: &ProjectSession) -> Result<()> {
    let db = &cx.inner().db;
    let removed = removal::range(db, session.project_id, Range::Session(session.id), |_| ()).await?;
    let mut tx = cx.begin().await?;
    store::removal::remove_session(tx.conn(), session.project_id, session.id).await?;
    tx.commit().await?;
    tracing::info!(session.id = session.id.0, traces = removed.traces, spans = removed.spans, "session deleted");
    Ok(())
}
