//! Traces.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Object, Result};

use super::{
    super::{
        connection::{Connection, Window},
        context::ContextExt as _,
        limits::page_cost,
        loader::TraceKey,
        node::global_id,
        scalar::{DateTime, SortDir},
    },
    annotation::{self, AnnotationFilter, AnnotationSummary, TraceAnnotation, TraceAnnotationSort},
    cost::SpanCostSummary,
    project::{Project, count},
    span::Span,
};
use crate::{
    domain::{
        self,
        annotation::Target,
        cost::CostSum,
        id::ProjectId,
        page::{Cursor, Order},
        span_filter::{SpanFilter, SpanSort},
    },
    error::Error,
    service,
};

/// A trace.
pub(in super::super) struct Trace(domain::trace::Trace);

impl From<domain::trace::Trace> for Trace {
    fn from(trace: domain::trace::Trace) -> Self {
        Self(trace)
    }
}

impl Trace {
    fn key(&self) -> TraceKey {
        (self.0.project_id, self.0.trace_id)
    }
}

/// Loads the project that a row belongs to.
pub(super) async fn project_of(ctx: &Context<'_>, id: ProjectId) -> Result<Project> {
    let project = ctx.loaders()?.project(id).await?;
    Ok(project.ok_or_else(|| Error::NotFound("Project not found".into()))?.into())
}

/// The spans that share a trace id within one project.
#[Object]
impl Trace {
    /// The global id.
    pub(in super::super) async fn id(&self) -> ID {
        global_id("Trace", self.0.id.0)
    }

    /// The OpenTelemetry id: 32 hexadecimal digits.
    async fn trace_id(&self) -> ID {
        self.0.trace_id.to_hex().into()
    }

    /// Start of the earliest span.
    async fn start_time(&self) -> DateTime {
        self.0.start.into()
    }

    /// End of the latest span.
    async fn end_time(&self) -> DateTime {
        self.0.end.into()
    }

    /// The milliseconds from the earliest start to the latest end.
    async fn latency_ms(&self) -> Option<f64> {
        Some(self.0.end.millis_since(self.0.start))
    }

    /// The project.
    async fn project(&self, ctx: &Context<'_>) -> Result<Project> {
        project_of(ctx, self.0.project_id).await
    }

    /// The global id of the project.
    async fn project_id(&self) -> ID {
        global_id("Project", self.0.project_id.0)
    }

    /// The global id of the session, if any span named one.
    async fn project_session_id(&self) -> Option<ID> {
        self.0.session_row_id.map(|id| global_id("ProjectSession", id))
    }

    /// The first span without a parent; while none has arrived, the earliest span.
    async fn root_span(&self, ctx: &Context<'_>) -> Result<Option<Span>> {
        Ok(ctx.loaders()?.root(self.key()).await?.map(Span::from))
    }

    /// The number of spans.
    async fn num_spans(&self) -> i64 {
        self.0.span_count
    }

    /// The number of spans with status `ERROR`.
    async fn error_count(&self) -> i64 {
        self.0.error_count
    }

    /// The tokens of prompts and completions of all spans.
    async fn token_count_total(&self) -> f64 {
        count(self.0.prompt_tokens.saturating_add(self.0.completion_tokens))
    }

    /// The tokens of the prompts of all spans.
    async fn token_count_prompt(&self) -> f64 {
        count(self.0.prompt_tokens)
    }

    /// The tokens of the completions of all spans.
    async fn token_count_completion(&self) -> f64 {
        count(self.0.completion_tokens)
    }

    /// What is said of the trace, but notes; by name unless sorted otherwise.
    #[graphql(complexity = "10 * child_complexity + 1")]
    async fn trace_annotations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order.")] sort: Option<TraceAnnotationSort>,
        #[graphql(desc = "Which ones.")] filter: Option<AnnotationFilter>,
    ) -> Result<Vec<TraceAnnotation>> {
        let by = sort.map(Into::into);
        let found = annotation::annotations(ctx, Target::Trace, self.0.id.0, by, filter.as_ref()).await?;
        Ok(found.into_iter().map(TraceAnnotation::from).collect())
    }

    /// What the annotations come to, by name.
    #[graphql(complexity = "10 * child_complexity + 1")]
    async fn trace_annotation_summaries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones.")] filter: Option<AnnotationFilter>,
    ) -> Result<Vec<AnnotationSummary>> {
        let found = annotation::annotations(ctx, Target::Trace, self.0.id.0, None, filter.as_ref()).await?;
        Ok(annotation::summaries(&found))
    }

    /// What the calls of models cost.
    async fn cost_summary(&self) -> SpanCostSummary {
        let trace = &self.0;
        CostSum {
            prompt_cost: trace.prompt_cost,
            completion_cost: trace.completion_cost,
            prompt_tokens: trace.prompt_tokens,
            completion_tokens: trace.completion_tokens,
        }
        .into()
    }

    /// The spans, earliest first.
    #[graphql(complexity = "page_cost(first, child_complexity)")]
    async fn spans(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many spans at most: 1 to 1000.")] first: i32,
        #[graphql(desc = "The cursor of the span before the page.")] after: Option<String>,
    ) -> Result<Connection<Span>> {
        let window = Window::read(first, after.as_deref())?;
        let cursor = |span: &Arc<domain::span::Span>| Cursor { key: span.start.0, id: span.id.0 };
        let page = if window.is_head() {
            // The heads of a list of traces are loaded together.
            let spans = ctx.loaders()?.first_spans(self.key(), window.first()).await?;
            window.cut(spans, cursor)
        } else {
            let cx = ctx.cx()?;
            let (project, trace) = self.key();
            let filter = SpanFilter { trace_ids: Some(vec![trace]), ..SpanFilter::default() };
            let request = window.request(Order::Asc);
            service::spans::list_in(&cx, project, &filter, SpanSort::StartTime, request).await?.map(Arc::new)
        };
        Ok(window.connection(page, cursor, Span::from))
    }
}

/// What traces are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(rename_items = "camelCase")]
pub(in super::super) enum TraceColumn {
    /// Start of the earliest span.
    StartTime,
    /// From the earliest start to the latest end.
    LatencyMs,
}

/// The order of a list of traces.
#[derive(Clone, Copy, Debug, InputObject)]
pub(in super::super) struct TraceSort {
    /// By what.
    pub(in super::super) col: TraceColumn,
    /// In which direction.
    pub(in super::super) dir: SortDir,
}
