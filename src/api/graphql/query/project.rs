//! Projects.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result};

use super::{
    super::{
        connection::{Connection, Window},
        context::ContextExt as _,
        limits::page_cost,
        node::global_id,
        scalar::{DateTime, SortDir},
    },
    cost::SpanCostSummary,
    filter::{SpanFilterConditionAnalysis, ValidationResult},
    retention::ProjectTraceRetentionPolicy,
    series::{
        SpanCountTimeSeries, TimeBinConfig, TimeRange, TraceCountByStatusTimeSeries, TraceCountTimeSeries,
        TraceLatencyPercentileTimeSeries, TraceTokenCostTimeSeries, TraceTokenCountTimeSeries,
    },
    span::{Span, SpanSort},
    trace::{Trace, TraceColumn, TraceSort},
};
use crate::{
    domain::{
        self,
        cost::CostSum,
        filter::Subject,
        id::TraceId,
        page::{Cursor, Order},
        project::ProjectRef,
        span_filter::{SpanFilter, SpanSort as SpanOrder},
        trace::{TraceFilter, TraceSort as TraceOrder},
    },
    error::Error,
    service::{self, filters},
};

/// Cost of a series: it reads every trace of its range.
const SERIES_COST: usize = 60;

/// Pairs of colours that are told apart at a glance; the first is the lighter one.
const GRADIENTS: [(&str, &str); 12] = [
    ("#7dd3c0", "#1f6f8b"),
    ("#f6b26b", "#b4453a"),
    ("#b5a8f0", "#4b3fa3"),
    ("#9ad17b", "#2c6e49"),
    ("#f49ac1", "#8e2f6b"),
    ("#8ec5ff", "#2f55b0"),
    ("#f3d36b", "#a86a1d"),
    ("#c3cfd9", "#47586b"),
    ("#ff9e8a", "#a52a4a"),
    ("#8fe0e6", "#176d83"),
    ("#d6a2e8", "#6b2f93"),
    ("#cbd86a", "#5d7320"),
];

/// A project.
pub(in super::super) struct Project(domain::project::Project);

impl From<domain::project::Project> for Project {
    fn from(project: domain::project::Project) -> Self {
        Self(project)
    }
}

impl Project {
    async fn stats(&self, ctx: &Context<'_>) -> Result<domain::project::ProjectStats> {
        Ok(ctx.loaders()?.stats(self.0.id).await?)
    }

    fn gradient(&self) -> (&'static str, &'static str) {
        let place = usize::try_from(self.0.id.0).unwrap_or(0) % GRADIENTS.len();
        GRADIENTS[place]
    }
}

/// What traces belong to, and what access is granted on.
#[Object]
impl Project {
    /// The global id.
    pub(in super::super) async fn id(&self) -> ID {
        global_id("Project", self.0.id.0)
    }

    /// The name, unique among the living projects.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What people wrote about it.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// A light colour, always the same for the same project.
    async fn gradient_start_color(&self) -> &str {
        self.gradient().0
    }

    /// The dark colour that goes with it.
    async fn gradient_end_color(&self) -> &str {
        self.gradient().1
    }

    /// Start of the earliest span.
    async fn start_time(&self, ctx: &Context<'_>) -> Result<Option<DateTime>> {
        Ok(self.stats(ctx).await?.start.map(DateTime))
    }

    /// End of the latest span.
    async fn end_time(&self, ctx: &Context<'_>) -> Result<Option<DateTime>> {
        Ok(self.stats(ctx).await?.end.map(DateTime))
    }

    /// Whether any trace has arrived.
    async fn has_traces(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.stats(ctx).await?.trace_count > 0)
    }

    /// The number of spans.
    async fn record_count(&self, ctx: &Context<'_>) -> Result<i64> {
        Ok(self.stats(ctx).await?.span_count)
    }

    /// The number of traces.
    async fn trace_count(&self, ctx: &Context<'_>) -> Result<i64> {
        Ok(self.stats(ctx).await?.trace_count)
    }

    /// The tokens of prompts and completions.
    async fn token_count_total(&self, ctx: &Context<'_>) -> Result<f64> {
        let stats = self.stats(ctx).await?;
        Ok(count(stats.prompt_tokens.saturating_add(stats.completion_tokens)))
    }

    /// The tokens of prompts.
    async fn token_count_prompt(&self, ctx: &Context<'_>) -> Result<f64> {
        Ok(count(self.stats(ctx).await?.prompt_tokens))
    }

    /// The tokens of completions.
    async fn token_count_completion(&self, ctx: &Context<'_>) -> Result<f64> {
        Ok(count(self.stats(ctx).await?.completion_tokens))
    }

    /// What the calls of models cost.
    async fn cost_summary(&self, ctx: &Context<'_>) -> Result<SpanCostSummary> {
        let stats = self.stats(ctx).await?;
        let sum = CostSum {
            prompt_cost: stats.prompt_cost,
            completion_cost: stats.completion_cost,
            prompt_tokens: stats.prompt_tokens,
            completion_tokens: stats.completion_tokens,
        };
        Ok(sum.into())
    }

    /// The trace with this OpenTelemetry id.
    async fn trace(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "32 hexadecimal digits.")] trace_id: ID,
    ) -> Result<Option<Trace>> {
        let Some(id) = TraceId::from_hex(&trace_id) else { return Ok(None) };
        Ok(ctx.loaders()?.trace((self.0.id, id)).await?.map(Trace::from))
    }

    /// The spans, latest arrival first unless sorted otherwise.
    #[graphql(complexity = "page_cost(first, child_complexity)")]
    async fn spans(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many spans at most: 1 to 1000.")] first: i32,
        #[graphql(desc = "The cursor of the span before the page.")] after: Option<String>,
        #[graphql(desc = "The order; a cursor is good for the order that it came from.")] sort: Option<SpanSort>,
        #[graphql(desc = "What must hold for a span: `span_kind == 'LLM' and latency_ms > 500`.")]
        filter_condition: Option<String>,
        #[graphql(desc = "What must hold for the trace of a span: `error_count > 0`.")] trace_filter_condition: Option<
            String,
        >,
    ) -> Result<Connection<Span>> {
        let window = Window::read(first, after.as_deref())?;
        let (by, order) = match sort {
            None => (SpanOrder::Id, Order::Desc),
            Some(sort) => (SpanOrder::StartTime, sort.dir.into()),
        };
        let cx = ctx.cx()?;
        let request = window.request(order);
        let filter = SpanFilter {
            expression: filters::parse("filter_condition", filter_condition.as_deref(), Subject::Span)?,
            trace_expression: filters::parse(
                "trace_filter_condition",
                trace_filter_condition.as_deref(),
                Subject::Trace,
            )?,
            ..SpanFilter::default()
        };
        let page = service::spans::list_in(&cx, self.0.id, &filter, by, request).await?;
        let cursor = |span: &domain::span::Span| Cursor {
            key: match by {
                SpanOrder::Id => span.id.0,
                SpanOrder::StartTime => span.start.0,
            },
            id: span.id.0,
        };
        Ok(window.connection(page, cursor, Span::from))
    }

    /// The traces, latest start first unless sorted otherwise.
    #[graphql(complexity = "page_cost(first, child_complexity)")]
    async fn traces(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many traces at most: 1 to 1000.")] first: i32,
        #[graphql(desc = "The cursor of the trace before the page.")] after: Option<String>,
        #[graphql(desc = "The order; a cursor is good for the order that it came from.")] sort: Option<TraceSort>,
        #[graphql(desc = "What must hold for a trace: `error_count > 0 and num_spans > 3`.")] filter_condition: Option<
            String,
        >,
    ) -> Result<Connection<Trace>> {
        let window = Window::read(first, after.as_deref())?;
        let sort = sort.unwrap_or(TraceSort { col: TraceColumn::StartTime, dir: SortDir::Desc });
        let by = match sort.col {
            TraceColumn::StartTime => TraceOrder::StartTime,
            TraceColumn::LatencyMs => TraceOrder::Latency,
        };
        let cx = ctx.cx()?;
        let project = ProjectRef::Id(self.0.id);
        let request = window.request(sort.dir.into());
        let filter = TraceFilter {
            expression: filters::parse("filter_condition", filter_condition.as_deref(), Subject::Trace)?,
            ..TraceFilter::default()
        };
        let (_, page) = service::traces::list(&cx, &project, &filter, by, request).await?;
        let cursor = |trace: &domain::trace::Trace| Cursor {
            key: match by {
                TraceOrder::StartTime => trace.start.0,
                TraceOrder::Latency => trace.end.0 - trace.start.0,
            },
            id: trace.id.0,
        };
        Ok(window.connection(page, cursor, Trace::from))
    }

    /// The policy that says how long its traces are kept.
    async fn trace_retention_policy(&self, ctx: &Context<'_>) -> Result<ProjectTraceRetentionPolicy> {
        let policy = ctx.loaders()?.retention_policy(self.0.id).await?;
        Ok(policy.ok_or_else(|| Error::NotFound("Project not found".into()))?.into())
    }

    /// Whether a filter for spans can be used.
    #[expect(clippy::unused_async, reason = "fields are async to the schema")]
    async fn validate_span_filter_condition(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The filter.")] condition: String,
    ) -> Result<ValidationResult> {
        Ok(ValidationResult::new(&condition, filters::check(&ctx.cx()?, &condition, Subject::Span).as_ref()))
    }

    /// Whether a filter for traces can be used.
    #[expect(clippy::unused_async, reason = "fields are async to the schema")]
    async fn validate_trace_filter_condition(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The filter.")] condition: String,
    ) -> Result<ValidationResult> {
        Ok(ValidationResult::new(&condition, filters::check(&ctx.cx()?, &condition, Subject::Trace).as_ref()))
    }

    /// Whether a filter for sessions can be used.
    #[expect(clippy::unused_async, reason = "fields are async to the schema")]
    async fn validate_session_filter_condition(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The filter.")] condition: String,
    ) -> Result<ValidationResult> {
        Ok(ValidationResult::new(&condition, filters::check(&ctx.cx()?, &condition, Subject::Session).as_ref()))
    }

    /// What a filter for spans comes to.
    #[expect(clippy::unused_async, reason = "fields are async to the schema")]
    async fn analyze_span_filter_condition(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The filter.")] condition: String,
    ) -> Result<SpanFilterConditionAnalysis> {
        Ok(SpanFilterConditionAnalysis { selects_root_spans_only: filters::selects_roots_only(&ctx.cx()?, &condition) })
    }

    /// How many spans began, by status.
    #[graphql(complexity = "SERIES_COST")]
    async fn span_count_time_series(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What part of time; its start is required.")] time_range: TimeRange,
        #[graphql(desc = "How it is cut into bins; hours of UTC when null.")] time_bin_config: Option<TimeBinConfig>,
    ) -> Result<SpanCountTimeSeries> {
        let cx = ctx.cx()?;
        Ok(service::series::spans(&cx, self.0.id, time_range.frame(time_bin_config)).await?.into())
    }

    /// How many traces began.
    #[graphql(complexity = "SERIES_COST")]
    async fn trace_count_time_series(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What part of time; its start is required.")] time_range: TimeRange,
        #[graphql(desc = "How it is cut into bins; hours of UTC when null.")] time_bin_config: Option<TimeBinConfig>,
    ) -> Result<TraceCountTimeSeries> {
        let cx = ctx.cx()?;
        Ok(service::series::traces(&cx, self.0.id, time_range.frame(time_bin_config)).await?.into())
    }

    /// How many traces began, by whether a span of theirs failed.
    #[graphql(complexity = "SERIES_COST")]
    async fn trace_count_by_status_time_series(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What part of time; its start is required.")] time_range: TimeRange,
        #[graphql(desc = "How it is cut into bins; hours of UTC when null.")] time_bin_config: Option<TimeBinConfig>,
    ) -> Result<TraceCountByStatusTimeSeries> {
        let cx = ctx.cx()?;
        Ok(service::series::traces(&cx, self.0.id, time_range.frame(time_bin_config)).await?.into())
    }

    /// How long traces took.
    #[graphql(complexity = "SERIES_COST")]
    async fn trace_latency_ms_percentile_time_series(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What part of time; its start is required.")] time_range: TimeRange,
        #[graphql(desc = "How it is cut into bins; hours of UTC when null.")] time_bin_config: Option<TimeBinConfig>,
    ) -> Result<TraceLatencyPercentileTimeSeries> {
        let cx = ctx.cx()?;
        Ok(service::series::trace_latencies(&cx, self.0.id, time_range.frame(time_bin_config)).await?.into())
    }

    /// How many tokens traces took.
    #[graphql(complexity = "SERIES_COST")]
    async fn trace_token_count_time_series(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What part of time; its start is required.")] time_range: TimeRange,
        #[graphql(desc = "How it is cut into bins; hours of UTC when null.")] time_bin_config: Option<TimeBinConfig>,
    ) -> Result<TraceTokenCountTimeSeries> {
        let cx = ctx.cx()?;
        Ok(service::series::traces(&cx, self.0.id, time_range.frame(time_bin_config)).await?.into())
    }

    /// What traces cost.
    #[graphql(complexity = "SERIES_COST")]
    async fn trace_token_cost_time_series(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What part of time; its start is required.")] time_range: TimeRange,
        #[graphql(desc = "How it is cut into bins; hours of UTC when null.")] time_bin_config: Option<TimeBinConfig>,
    ) -> Result<TraceTokenCostTimeSeries> {
        let cx = ctx.cx()?;
        Ok(service::series::traces(&cx, self.0.id, time_range.frame(time_bin_config)).await?.into())
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When its name or description last changed.
    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }
}

/// Returns a count in the number type of the wire protocol.
#[expect(clippy::cast_precision_loss, reason = "exact up to 9e15 tokens")]
pub(super) fn count(n: i64) -> f64 {
    n as f64
}

/// What projects may be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(rename_items = "camelCase")]
pub(in super::super) enum ProjectColumn {
    /// The name.
    Name,
    /// End of the latest span; projects without spans count as the earliest.
    EndTime,
}

impl From<ProjectColumn> for service::projects::ListSort {
    fn from(column: ProjectColumn) -> Self {
        match column {
            ProjectColumn::Name => Self::Name,
            ProjectColumn::EndTime => Self::EndTime,
        }
    }
}

/// The order of a list of projects.
#[derive(Clone, Copy, Debug, InputObject)]
pub(in super::super) struct ProjectSort {
    /// By what.
    pub(in super::super) col: ProjectColumn,
    /// In which direction.
    pub(in super::super) dir: SortDir,
}

/// What projects may be filtered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(rename_items = "camelCase")]
pub(in super::super) enum ProjectFilterColumn {
    /// The name.
    Name,
}

/// What a list of projects is narrowed to.
#[derive(Clone, Debug, InputObject)]
pub(in super::super) struct ProjectFilter {
    /// By what.
    pub(in super::super) col: ProjectFilterColumn,
    /// Text that it must contain, in any case.
    pub(in super::super) value: String,
}

impl From<ProjectFilter> for service::projects::ListFilter {
    fn from(filter: ProjectFilter) -> Self {
        match filter.col {
            ProjectFilterColumn::Name => Self { name_contains: Some(filter.value) },
        }
    }
}
