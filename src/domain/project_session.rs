//! Sessions: conversations, named by the application, that traces of a project belong to. (The login sessions of people
//! are in [`session`](super::session).)

use super::{
    id::{ProjectId, ProjectSessionId, TraceId, TraceRowId},
    time::UnixNanos,
};

/// A session, as its traces make it.
#[derive(Clone, Debug)]
pub struct ProjectSession {
    /// Row id.
    pub id: ProjectSessionId,
    /// The name that the application gave it; unique within a project.
    pub session_id: String,
    /// Project.
    pub project_id: ProjectId,
    /// Start of the earliest trace.
    pub start: UnixNanos,
    /// End of the latest trace.
    pub end: UnixNanos,
    /// Number of traces.
    pub trace_count: i64,
    /// Number of traces with a failed span.
    pub error_trace_count: i64,
    /// Prompt tokens of all traces.
    pub prompt_tokens: i64,
    /// Completion tokens of all traces.
    pub completion_tokens: i64,
}

/// A trace within its session, in short.
#[derive(Clone, Debug)]
pub struct SessionTrace {
    /// Row id.
    pub id: TraceRowId,
    /// OpenTelemetry id.
    pub trace_id: TraceId,
    /// Start.
    pub start: UnixNanos,
    /// End.
    pub end: UnixNanos,
}

/// How a session is named.
#[derive(Clone, Debug)]
pub enum SessionRef {
    /// By row id, out of a global id.
    Row(ProjectSessionId),
    /// By the name that the application gave it, which several projects may know.
    Name(String),
}

impl SessionRef {
    /// Reads an identifier: a global id of type `ProjectSession`, or else a name.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match super::id::GlobalId::decode_as(text, "ProjectSession") {
            Some(id) => Self::Row(ProjectSessionId(id)),
            None => Self::Name(text.to_owned()),
        }
    }
}
