//! Taking spans in.

use std::collections::HashSet;

use super::{cx::Cx, projects};
use crate::{
    domain::{
        id::{SpanId, TraceId},
        project::{ProjectRef, Projects},
        scope::TracesWrite,
        span::NewSpan,
    },
    error::{Error, Result},
    ingest::{Batch, Reservation},
    store,
};

/// What was asked to be stored.
#[derive(Debug, Default)]
pub struct Export {
    /// Spans by project.
    pub batches: Vec<Batch>,
    /// What was refused while decoding.
    pub rejected: Rejected,
}

impl Export {
    /// Packs what an engine that does not compress by itself should not store at its full size. It costs processor time
    /// for every span: it belongs beside the decoding, not into the writer's queue.
    pub fn pack(&mut self) {
        for span in self.batches.iter_mut().flat_map(|batch| &mut batch.spans) {
            span.pack();
        }
    }
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

/// A span that cannot be stored, as its sender named it.
#[derive(Debug)]
pub struct BadSpan {
    /// The trace id, whatever it is.
    pub trace_id: String,
    /// The span id, whatever it is.
    pub span_id: String,
    /// What is wrong.
    pub error: String,
}

/// What became of spans that are stored together or not at all.
#[derive(Debug)]
pub enum Created {
    /// They are committed.
    Stored {
        /// Name of their project.
        project: String,
    },
    /// None is stored.
    Refused {
        /// Those that the project has already.
        duplicates: Vec<(TraceId, SpanId)>,
        /// Those that cannot be stored.
        invalid: Vec<BadSpan>,
    },
}

/// Spans that are looked up at once.
const LOOKED_UP: usize = 500;

/// Stores spans, if every one of them can be and none is there already; returns when they are committed.
///
/// A span that comes twice in one request is stored once, as in the peer. A project is made by its name, unless the
/// caller is bound to others.
pub async fn create(
    cx: &Cx<TracesWrite>,
    project: &ProjectRef,
    spans: Vec<Result<NewSpan, BadSpan>>,
) -> Result<Created> {
    let (name, known) = match (projects::find(cx, project).await, project) {
        (Ok(found), _) => (found.name, Some(found.id)),
        (Err(Error::NotFound(_)), ProjectRef::Name(name)) if cx.projects() == Projects::All => {
            projects::validate_name(name).map_err(|e| Error::invalid("project_identifier", e))?;
            (name.clone(), None)
        }
        (Err(error), _) => return Err(error),
    };
    let (mut good, mut invalid) = (Vec::with_capacity(spans.len()), Vec::new());
    for span in spans {
        match span {
            Ok(span) => good.push(span),
            Err(bad) => invalid.push(bad),
        }
    }
    let mut keys = HashSet::with_capacity(good.len());
    good.retain(|span| keys.insert((span.trace_id, span.span_id)));
    let mut duplicates = Vec::new();
    if let Some(project) = known {
        for run in good.chunks(LOOKED_UP) {
            let ids: Vec<SpanId> = run.iter().map(|span| span.span_id).collect();
            let mut reader = cx.read().await?;
            let there = store::span_search::keys(reader.conn(), &cx.projects(), project, &ids).await?;
            duplicates.extend(run.iter().map(|s| (s.trace_id, s.span_id)).filter(|key| there.contains(key)));
        }
    }
    if !duplicates.is_empty() || !invalid.is_empty() {
        return Ok(Created::Refused { duplicates, invalid });
    }
    let ingest = &cx.inner().ingest;
    let mut export =
        Export { batches: vec![Batch { project: name.clone(), spans: good }], rejected: Rejected::default() };
    if ingest.packs() {
        export.pack();
    }
    ingest.submit(export.batches, ingest.reserve()).await?;
    Ok(Created::Stored { project: name })
}
