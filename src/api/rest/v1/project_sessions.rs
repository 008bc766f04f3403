//! Sessions of traces.

use std::collections::HashMap;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::{
        extract::{Json, Path, Query},
        rest::{
            Routes,
            page::{self, DataBody, ListBody},
            problem::Answer,
            route,
        },
    },
    domain::{
        filter::Subject,
        id::{GlobalId, ProjectSessionId},
        page::Order,
        project::ProjectRef,
        project_session::{ProjectSession, SessionRef, SessionTrace},
        scope::{TracesRead, TracesWrite},
    },
    service::{
        cx::Cx,
        filters,
        project_sessions::{self, ListSort},
    },
};

/// Returns the routes of this file.
#[must_use]
pub fn routes() -> Routes {
    Routes::default()
        .add(route!(list_project_sessions))
        .add(route!(get_session))
        .add(route!(delete_session))
        .add(route!(delete_sessions))
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionData {
    id: String,
    /// The name that the application gave it.
    session_id: String,
    project_id: String,
    #[schema(format = DateTime)]
    start_time: String,
    #[schema(format = DateTime)]
    end_time: String,
    /// Its traces, earliest first.
    traces: Vec<SessionTraceData>,
    token_count_prompt: i64,
    token_count_completion: i64,
    token_count_total: i64,
}

/// A trace within its session, in short.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionTraceData {
    id: String,
    trace_id: String,
    #[schema(format = DateTime)]
    start_time: String,
    #[schema(format = DateTime)]
    end_time: String,
}

impl From<SessionTrace> for SessionTraceData {
    fn from(trace: SessionTrace) -> Self {
        Self {
            id: GlobalId::encode("Trace", trace.id.0),
            trace_id: trace.trace_id.to_hex(),
            start_time: trace.start.to_rfc3339(),
            end_time: trace.end.to_rfc3339(),
        }
    }
}

impl SessionData {
    fn new(session: ProjectSession, traces: &mut HashMap<ProjectSessionId, Vec<SessionTrace>>) -> Self {
        let traces = traces.remove(&session.id).unwrap_or_default();
        Self {
            id: GlobalId::encode("ProjectSession", session.id.0),
            session_id: session.session_id,
            project_id: GlobalId::encode("Project", session.project_id.0),
            start_time: session.start.to_rfc3339(),
            end_time: session.end.to_rfc3339(),
            traces: traces.into_iter().map(SessionTraceData::from).collect(),
            token_count_prompt: session.prompt_tokens,
            token_count_completion: session.completion_tokens,
            token_count_total: session.prompt_tokens.saturating_add(session.completion_tokens),
        }
    }
}

/// Direction of a list of sessions.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionOrderParam {
    /// First seen first.
    #[default]
    Asc,
    /// Last seen first.
    Desc,
}

/// How to list sessions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListSessionsQuery {
    /// Where the page begins, from the page before.
    cursor: Option<String>,
    /// Rows of the page; of more than 1000, 1000 are returned.
    #[param(minimum = 1, default = 100)]
    limit: Option<i64>,
    /// Direction.
    #[param(inline)]
    order: Option<SessionOrderParam>,
    /// What must hold for a session, in the language of filters: `num_traces > 1 and total_cost > 0.5`.
    filter: Option<String>,
}

/// Lists the sessions of a project
#[utoipa::path(
    get, path = "/v1/projects/{project_identifier}/sessions", operation_id = "listProjectSessions", tag = "sessions",
    params(("project_identifier" = String, Path, description = "Global id or name"), ListSessionsQuery),
    responses((status = 200, body = ListBody<SessionData>), (status = 404), (status = 422))
)]
async fn list_project_sessions(
    cx: Cx<TracesRead>,
    Path(project): Path<String>,
    Query(query): Query<ListSessionsQuery>,
) -> Answer<axum::Json<ListBody<SessionData>>> {
    let filter = filters::parse("filter", query.filter.as_deref(), Subject::Session)?;
    let order = match query.order.unwrap_or_default() {
        SessionOrderParam::Asc => Order::Asc,
        SessionOrderParam::Desc => Order::Desc,
    };
    let limit = query.limit.map(|limit| limit.min(page::MAX_LIMIT.into()));
    let page = page::request(query.cursor.as_deref(), limit, page::MAX_LIMIT, order)?;
    let page = project_sessions::list(&cx, &ProjectRef::parse(&project), filter.as_ref(), ListSort::Id, page).await?;
    let ids: Vec<ProjectSessionId> = page.items.iter().map(|session| session.id).collect();
    let mut traces = project_sessions::traces_of(&cx, &ids).await?;
    Ok(axum::Json(page.map(|session| SessionData::new(session, &mut traces)).into()))
}

/// Returns a session by global id or by the id that the application gave it
#[utoipa::path(
    get, path = "/v1/sessions/{session_identifier}", operation_id = "getSession", tag = "sessions",
    params(("session_identifier" = String, Path, description = "Global id, or the application's")),
    responses((status = 200, body = DataBody<SessionData>), (status = 404))
)]
async fn get_session(cx: Cx<TracesRead>, Path(session): Path<String>) -> Answer<axum::Json<DataBody<SessionData>>> {
    let session = project_sessions::get(&cx, &SessionRef::parse(&session)).await?;
    let mut traces = project_sessions::traces_of(&cx, &[session.id]).await?;
    Ok(axum::Json(DataBody { data: SessionData::new(session, &mut traces) }))
}

/// Deletes a session with its traces
///
/// An id of the application's that sessions of several projects have is refused with 409: only a global id says which.
#[utoipa::path(
    delete, path = "/v1/sessions/{session_identifier}", operation_id = "deleteSession", tag = "sessions",
    params(("session_identifier" = String, Path, description = "Global id, or the application's")),
    responses((status = 204), (status = 404), (status = 409))
)]
async fn delete_session(cx: Cx<TracesWrite>, Path(session): Path<String>) -> Answer<StatusCode> {
    project_sessions::delete(&cx, &SessionRef::parse(&session)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which sessions to delete.
#[derive(Debug, Deserialize, ToSchema)]
pub struct DeleteSessionsRequestBody {
    /// Either global ids or ids of the application's, 1000 at most.
    #[schema(min_items = 1, max_items = 1000)]
    session_identifiers: Vec<String>,
}

/// Deletes sessions with their traces
///
/// Identifiers that name nothing are passed over.
#[utoipa::path(
    post, path = "/v1/sessions/delete", operation_id = "deleteSessions", tag = "sessions",
    request_body = DeleteSessionsRequestBody,
    responses((status = 204), (status = 409), (status = 422))
)]
async fn delete_sessions(cx: Cx<TracesWrite>, Json(body): Json<DeleteSessionsRequestBody>) -> Answer<StatusCode> {
    project_sessions::delete_all(&cx, &body.session_identifiers).await?;
    Ok(StatusCode::NO_CONTENT)
}
