//! Spans.

use std::sync::{Arc, OnceLock};

use async_graphql::{Context, Enum, ID, InputObject, Json, Object, Result, SimpleObject};
use serde_json::{Map, Value};

use super::{
    super::{
        connection::{Connection, Window},
        context::ContextExt as _,
        limits::page_cost,
        loader::TraceKey,
        node::global_id,
        scalar::{DateTime, SortDir},
    },
    annotation::{self, AnnotationFilter, AnnotationSummary, SpanAnnotation, SpanAnnotationSort},
    cost::{SpanCostDetailSummaryEntry, SpanCostSummary},
    project::{Project, count},
    trace::{Trace, project_of},
};
use crate::{
    domain::{
        self,
        annotation::Target,
        attributes,
        page::Cursor,
        scope::TracesRead,
        span::{StatusCode, keys},
        time::UnixNanos,
    },
    error::Error,
    service::{self, spans::Subtree},
};

/// The most characters of a truncated value.
const TRUNCATED_CHARS: usize = 100;
/// The deepest level of descendants.
const MAX_LEVELS: u32 = 1_000;

/// A span, with its attributes once a field has read them.
pub(in super::super) struct Span(Arc<domain::span::Span>, OnceLock<Map<String, Value>>);

impl From<domain::span::Span> for Span {
    fn from(span: domain::span::Span) -> Self {
        Self(Arc::new(span), OnceLock::new())
    }
}

impl From<Arc<domain::span::Span>> for Span {
    fn from(span: Arc<domain::span::Span>) -> Self {
        Self(span, OnceLock::new())
    }
}

impl Span {
    fn trace_key(&self) -> TraceKey {
        (self.0.project_id, self.0.trace_id)
    }

    fn attribute_map(&self) -> &Map<String, Value> {
        self.1.get_or_init(|| self.0.attribute_map())
    }

    /// Returns the attributes whose keys begin with a word, nested.
    fn nested(&self, word: &str) -> Option<Value> {
        let belongs = |key: &str| key == word || key.strip_prefix(word).is_some_and(|rest| rest.starts_with('.'));
        let part = self.attribute_map().iter().filter(|(key, _)| belongs(key));
        let part = part.map(|(key, value)| (key.clone(), value.clone())).collect();
        attributes::unflatten(part).remove(word)
    }

    async fn subtree(&self, ctx: &Context<'_>) -> Result<Subtree> {
        Ok(ctx.loaders()?.tree(self.trace_key()).await?.sums(self.0.span_id))
    }

    fn io(&self, value: &str, mime_type: &str) -> Option<SpanIoValue> {
        let attributes = self.attribute_map();
        let value = text_of(attributes.get(value)?)?;
        let mime_type = attributes.get(mime_type).and_then(Value::as_str);
        let json = mime_type.is_some_and(|m| m.eq_ignore_ascii_case("application/json"));
        Some(SpanIoValue { mime_type: if json { MimeType::Json } else { MimeType::Text }, value })
    }
}

/// Returns a value as text: strings as they are, everything else as JSON.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// One step of a trace.
#[Object]
impl Span {
    /// The global id.
    pub(in super::super) async fn id(&self) -> ID {
        global_id("Span", self.0.id.0)
    }

    /// The name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The status that the span was sent with.
    async fn status_code(&self) -> SpanStatusCode {
        self.0.status_code.into()
    }

    /// The text beside the status.
    async fn status_message(&self) -> &str {
        &self.0.status_message
    }

    /// When it began.
    async fn start_time(&self) -> DateTime {
        self.0.start.into()
    }

    /// When it ended.
    async fn end_time(&self) -> Option<DateTime> {
        Some(self.0.end.into())
    }

    /// The milliseconds from start to end.
    async fn latency_ms(&self) -> Option<f64> {
        Some(self.0.latency_ms())
    }

    /// The OpenTelemetry id of the parent, which need not have arrived.
    async fn parent_id(&self) -> Option<ID> {
        self.0.parent_span_id.map(|id| id.to_hex().into())
    }

    /// What kind of step it is, as OpenInference has it.
    async fn span_kind(&self) -> SpanKind {
        SpanKind::read(self.0.span_kind())
    }

    /// The OpenTelemetry id: 16 hexadecimal digits.
    async fn span_id(&self) -> ID {
        self.0.span_id.to_hex().into()
    }

    /// The trace.
    async fn trace(&self, ctx: &Context<'_>) -> Result<Trace> {
        let trace = ctx.loaders()?.trace(self.trace_key()).await?;
        Ok(trace.ok_or_else(|| Error::NotFound("Trace not found".into()))?.into())
    }

    /// The OpenTelemetry ids.
    async fn context(&self) -> SpanContext {
        SpanContext { trace_id: self.0.trace_id.to_hex().into(), span_id: self.0.span_id.to_hex().into() }
    }

    /// Every attribute, nested, as JSON text.
    async fn attributes(&self) -> String {
        Value::Object(attributes::unflatten(self.attribute_map().clone())).to_string()
    }

    /// The attribute `metadata`, as JSON text.
    async fn metadata(&self) -> Option<String> {
        text_of(&self.nested("metadata")?)
    }

    /// The attribute `user.id`.
    async fn user_id(&self) -> Option<String> {
        text_of(self.attribute_map().get("user.id")?)
    }

    /// The number of documents that the step found, or put in order.
    async fn num_documents(&self) -> Option<usize> {
        let list = if self.0.span_kind().eq_ignore_ascii_case("RERANKER") {
            self.nested("reranker").and_then(|mut v| v.get_mut("output_documents").map(Value::take))
        } else {
            self.nested("retrieval").and_then(|mut v| v.get_mut("documents").map(Value::take))
        };
        Some(list.as_ref().and_then(Value::as_array).map_or(0, Vec::len))
    }

    /// The tokens of prompt and completion; null when neither was counted.
    async fn token_count_total(&self) -> Option<i64> {
        let tokens = self.0.tokens;
        match (tokens.prompt, tokens.completion) {
            (None, None) => None,
            (prompt, completion) => Some(prompt.unwrap_or(0).saturating_add(completion.unwrap_or(0))),
        }
    }

    /// The tokens of the prompt.
    async fn token_count_prompt(&self) -> Option<i64> {
        self.0.tokens.prompt
    }

    /// The tokens of the completion.
    async fn token_count_completion(&self) -> Option<i64> {
        self.0.tokens.completion
    }

    /// What the call of a model cost; null when it was none or took no tokens.
    #[expect(clippy::unused_async, reason = "fields are async to the schema")]
    async fn cost_summary(&self, ctx: &Context<'_>) -> Result<Option<SpanCostSummary>> {
        let cx = ctx.cx::<TracesRead>()?;
        let entries = service::models::details(cx.services(), &self.0);
        Ok(SpanCostSummary::of_span(self.0.cost, &entries))
    }

    /// What each type of token cost.
    #[expect(clippy::unused_async, reason = "fields are async to the schema")]
    async fn cost_detail_summary_entries(&self, ctx: &Context<'_>) -> Result<Vec<SpanCostDetailSummaryEntry>> {
        let cx = ctx.cx::<TracesRead>()?;
        let entries = service::models::details(cx.services(), &self.0);
        Ok(entries.into_iter().map(SpanCostDetailSummaryEntry::from).collect())
    }

    /// What went into the step.
    async fn input(&self) -> Option<SpanIoValue> {
        self.io(keys::INPUT_VALUE, keys::INPUT_MIME_TYPE)
    }

    /// What came out of the step.
    async fn output(&self) -> Option<SpanIoValue> {
        self.io(keys::OUTPUT_VALUE, keys::OUTPUT_MIME_TYPE)
    }

    /// What happened during the step.
    async fn events(&self) -> Vec<SpanEvent> {
        self.0.remainder.0.events.iter().map(SpanEvent::from).collect()
    }

    /// The tokens of this span and all below it.
    async fn cumulative_token_count_total(&self, ctx: &Context<'_>) -> Result<Option<f64>> {
        let sums = self.subtree(ctx).await?;
        Ok(Some(count(sums.prompt_tokens.saturating_add(sums.completion_tokens))))
    }

    /// The tokens of the prompts of this span and all below it.
    async fn cumulative_token_count_prompt(&self, ctx: &Context<'_>) -> Result<Option<f64>> {
        Ok(Some(count(self.subtree(ctx).await?.prompt_tokens)))
    }

    /// The tokens of the completions of this span and all below it.
    async fn cumulative_token_count_completion(&self, ctx: &Context<'_>) -> Result<Option<f64>> {
        Ok(Some(count(self.subtree(ctx).await?.completion_tokens)))
    }

    /// `ERROR` if this span or any below it failed, else the span's own status.
    async fn propagated_status_code(&self, ctx: &Context<'_>) -> Result<SpanStatusCode> {
        let failed = self.subtree(ctx).await?.errors > 0;
        Ok(if failed { SpanStatusCode::Error } else { self.0.status_code.into() })
    }

    /// The number of spans whose parent is this one.
    async fn num_child_spans(&self, ctx: &Context<'_>) -> Result<i64> {
        Ok(ctx.loaders()?.child_count(&self.0).await?)
    }

    /// The spans below this one, earliest first.
    #[graphql(complexity = "page_cost(first, child_complexity)")]
    async fn descendants(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many levels down at most.", default = 3)] max_depth: Option<i32>,
        #[graphql(desc = "How many spans at most: 1 to 1000.", default = 50)] first: Option<i32>,
        #[graphql(desc = "The cursor of the span before the page.")] after: Option<String>,
    ) -> Result<Connection<Span>> {
        let window = Window::read(first.unwrap_or(50), after.as_deref())?;
        let levels = max_depth.map_or(Some(MAX_LEVELS), |n| u32::try_from(n).ok().filter(|n| *n <= MAX_LEVELS));
        let levels = levels.ok_or_else(|| Error::invalid("maxDepth", "`maxDepth` must lie between 0 and 1000"))?;
        let loaders = ctx.loaders()?;
        let below = loaders.tree(self.trace_key()).await?.descendants(self.0.span_id, levels);
        let page = window.cut(below, |s| Cursor { key: s.start.0, id: s.id.0 });
        let spans = loaders.spans(page.items.iter().map(|s| s.id).collect()).await?;
        // A span that was deleted between the two look-ups is left out.
        let items = page.items.iter().filter_map(|s| spans.get(&s.id).cloned()).collect();
        let page = domain::page::Page { items, next: page.next };
        Ok(window.connection(page, |s| Cursor { key: s.start.0, id: s.id.0 }, Span::from))
    }

    /// What is said of the span, but notes; by name unless sorted otherwise.
    #[graphql(complexity = "10 * child_complexity + 1")]
    async fn span_annotations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order.")] sort: Option<SpanAnnotationSort>,
        #[graphql(desc = "Which ones.")] filter: Option<AnnotationFilter>,
    ) -> Result<Vec<SpanAnnotation>> {
        let by = sort.map(Into::into);
        let found = annotation::annotations(ctx, Target::Span, self.0.id.0, by, filter.as_ref()).await?;
        Ok(found.into_iter().map(SpanAnnotation::from).collect())
    }

    /// What people wrote beside the span, oldest first.
    #[graphql(complexity = "10 * child_complexity + 1")]
    async fn span_notes(&self, ctx: &Context<'_>) -> Result<Vec<SpanAnnotation>> {
        annotation::notes(ctx, self.0.id.0).await
    }

    /// What the annotations come to, by name.
    #[graphql(complexity = "10 * child_complexity + 1")]
    async fn span_annotation_summaries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones.")] filter: Option<AnnotationFilter>,
    ) -> Result<Vec<AnnotationSummary>> {
        let found = annotation::annotations(ctx, Target::Span, self.0.id.0, None, filter.as_ref()).await?;
        Ok(annotation::summaries(&found))
    }

    /// The project.
    async fn project(&self, ctx: &Context<'_>) -> Result<Project> {
        project_of(ctx, self.0.project_id).await
    }
}

/// The OpenTelemetry ids of a span.
#[derive(SimpleObject)]
pub(in super::super) struct SpanContext {
    /// 32 hexadecimal digits.
    trace_id: ID,
    /// 16 hexadecimal digits.
    span_id: ID,
}

/// What went into a step or came out of it.
pub(in super::super) struct SpanIoValue {
    mime_type: MimeType,
    value: String,
}

/// What went into a step or came out of it.
#[Object(name = "SpanIOValue")]
impl SpanIoValue {
    /// How the value is to be read.
    async fn mime_type(&self) -> MimeType {
        self.mime_type
    }

    /// The beginning of the value, for lists.
    async fn truncated_value(&self) -> String {
        match self.value.char_indices().nth(TRUNCATED_CHARS) {
            None => self.value.clone(),
            Some(_) => self.value.chars().take(TRUNCATED_CHARS - 1).chain(['…']).collect(),
        }
    }

    /// The whole value.
    async fn value(&self) -> &str {
        &self.value
    }
}

/// How a value is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(rename_items = "lowercase")]
pub(in super::super) enum MimeType {
    /// As plain text.
    Text,
    /// As JSON.
    Json,
}

/// Something that happened at one instant of a span.
#[derive(SimpleObject)]
pub(in super::super) struct SpanEvent {
    /// The name; `exception` for errors.
    name: String,
    /// The message of the exception; empty for other events.
    message: String,
    /// When it happened.
    timestamp: DateTime,
    /// Every attribute of the event.
    attributes: Json<Value>,
}

impl From<&opentelemetry_proto::tonic::trace::v1::span::Event> for SpanEvent {
    fn from(event: &opentelemetry_proto::tonic::trace::v1::span::Event) -> Self {
        let attributes = attributes::plain(&event.attributes);
        let at = UnixNanos(i64::try_from(event.time_unix_nano).unwrap_or(i64::MAX));
        Self {
            name: event.name.clone(),
            message: attributes.get("exception.message").and_then(text_of).unwrap_or_default(),
            timestamp: at.into(),
            attributes: Json(Value::Object(attributes)),
        }
    }
}

/// The status of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "StatusCode")]
pub(in super::super) enum SpanStatusCode {
    /// Success, said explicitly.
    Ok,
    /// Failure.
    Error,
    /// Nothing was said.
    Unset,
}

/// What kind of step a span is, as OpenInference has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(rename_items = "lowercase")]
pub(in super::super) enum SpanKind {
    /// A step that joins others.
    Chain,
    /// The use of a tool.
    Tool,
    /// A call of a language model.
    Llm,
    /// The making of a prompt from a template.
    Prompt,
    /// A search for documents.
    Retriever,
    /// The making of vectors.
    Embedding,
    /// A run of an agent.
    Agent,
    /// The putting in order of documents.
    Reranker,
    /// A judgement on another step.
    Evaluator,
    /// A check that may stop what follows.
    Guardrail,
    /// A choice between ways to go on.
    Decision,
    /// Any other kind, or none.
    Unknown,
}

impl SpanKind {
    fn read(kind: &str) -> Self {
        match kind.to_ascii_uppercase().as_str() {
            "CHAIN" => Self::Chain,
            "TOOL" => Self::Tool,
            "LLM" => Self::Llm,
            "PROMPT" => Self::Prompt,
            "RETRIEVER" => Self::Retriever,
            "EMBEDDING" => Self::Embedding,
            "AGENT" => Self::Agent,
            "RERANKER" => Self::Reranker,
            "EVALUATOR" => Self::Evaluator,
            "GUARDRAIL" => Self::Guardrail,
            "DECISION" => Self::Decision,
            _ => Self::Unknown,
        }
    }
}

/// What spans are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(rename_items = "camelCase")]
pub(in super::super) enum SpanColumn {
    /// The start.
    StartTime,
}

/// The order of a list of spans.
#[derive(Clone, Copy, Debug, InputObject)]
pub(in super::super) struct SpanSort {
    /// By what; the start unless said otherwise.
    pub(in super::super) col: Option<SpanColumn>,
    /// In which direction.
    pub(in super::super) dir: SortDir,
}
