//! Taking spans in.

use super::{cx::Cx, projects};
use crate::{
    domain::{
        project::{ProjectRef, Projects},
        scope::TracesWrite,
    },
    error::{Error, Result},
    ingest::{Batch, Reservation},
};

/// What was asked to be stored.
#[derive(Debug, Default)]
pub struct Export {
    /// Spans by project.
    pub batches: Vec<Batch>,
    /// What was refused while decoding.
    pub rejected: Rejected,
}

/// Spans that were not taken, and why (OTLP `ExportTracePartialSuccess`).
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    /// How many.
    pub spans: usize,
    /// The first few reasons, each once.
    pub reasons: Vec<String>,
}

impl Rejected {
    /// Different reasons that are told.
    const MAX_REASONS: usize = 5;

    /// Counts refused spans.
    pub fn add(&mut self, spans: usize, reason: impl Into<String>) {
        self.spans += spans;
        let reason = reason.into();
        if self.reasons.len() < Self::MAX_REASONS && !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    /// Returns the reasons as one sentence.
    #[must_use]
    pub fn message(&self) -> String {
        self.reasons.join("; ")
    }
}

/// Stores spans; returns when they are committed, with what was refused.
pub async fn export(cx: &Cx<TracesWrite>, export: Export, reservation: Reservation) -> Result<Rejected> {
    cx.services().refuse_when_full()?;
    let Export { batches, mut rejected } = export;
    let mut accepted = Vec::with_capacity(batches.len());
    let mut denied = None;
    for batch in batches {
        if let Err(reason) = projects::validate_name(&batch.project) {
            rejected.add(batch.spans.len(), reason);
        } else if may_write(cx, &batch.project).await? {
            accepted.push(batch);
        } else {
            let reason = format!("This credential is not bound to project {}", batch.project);
            rejected.add(batch.spans.len(), reason.clone());
            denied = Some(reason);
        }
    }
    cx.inner().ingest.count_rejected(rejected.spans);
    if let (true, Some(reason)) = (accepted.is_empty(), denied) {
        return Err(Error::forbidden(reason));
    }
    cx.inner().ingest.submit(accepted, reservation).await?;
    Ok(rejected)
}

async fn may_write(cx: &Cx<TracesWrite>, project: &str) -> Result<bool> {
    if cx.projects() == Projects::All {
        return Ok(true);
    }
    match projects::find(cx, &ProjectRef::Name(project.to_owned())).await {
        Ok(_) => Ok(true),
        Err(Error::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
