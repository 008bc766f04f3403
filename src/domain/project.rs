//! Projects: the unit that traces belong to and that access is granted on.

use super::{id::ProjectId, time::UnixNanos};

/// The name of the project that always exists and cannot be deleted.
pub const DEFAULT_PROJECT: &str = "default";

/// The longest project name that is taken, in bytes.
pub const MAX_NAME_BYTES: usize = 1_024;

/// A project.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Project {
    /// Row id.
    pub id: ProjectId,
    /// Unique among the living projects.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// When it was created.
    pub created_at: UnixNanos,
    /// When its name or description last changed.
    pub updated_at: UnixNanos,
}

/// What the ingest writer keeps about a project.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProjectStats {
    /// Start of the earliest span.
    pub start: Option<UnixNanos>,
    /// End of the latest span.
    pub end: Option<UnixNanos>,
    /// Number of traces.
    pub trace_count: i64,
    /// Number of spans.
    pub span_count: i64,
    /// Number of spans with status `ERROR`.
    pub error_count: i64,
    /// Prompt tokens.
    pub prompt_tokens: i64,
    /// Completion tokens.
    pub completion_tokens: i64,
    /// Cost of prompts.
    pub prompt_cost: f64,
    /// Cost of completions.
    pub completion_cost: f64,
}

/// A project as a caller names it: by global id or by name.
#[derive(Clone, Debug)]
pub enum ProjectRef {
    /// By row id, out of a global id.
    Id(ProjectId),
    /// By name.
    Name(String),
}

impl ProjectRef {
    /// Reads a path segment: a global id of type `Project`, or else a name.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match super::id::GlobalId::decode_as(text, "Project") {
            Some(id) => Self::Id(ProjectId(id)),
            None => Self::Name(text.to_owned()),
        }
    }
}

/// Which projects a caller may touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Projects {
    /// Every project.
    #[default]
    All,
    /// Only these, sorted.
    Only(std::sync::Arc<[ProjectId]>),
}

impl Projects {
    /// Whether the project is among them.
    #[must_use]
    pub fn contains(&self, id: ProjectId) -> bool {
        match self {
            Self::All => true,
            Self::Only(ids) => ids.contains(&id),
        }
    }

    /// Whether every project here is among the others. What has no project left is within no narrower bound: it once
    /// had others.
    #[must_use]
    pub fn within(&self, others: &Self) -> bool {
        match (self, others) {
            (_, Self::All) => true,
            (Self::All, Self::Only(_)) => false,
            (Self::Only(ids), others) => !ids.is_empty() && ids.iter().all(|id| others.contains(*id)),
        }
    }
}
