//! Which names a filter knows, and what they stand for.

use super::typed::{Collection, NumberField, Subject, TextField, TimeField};

/// The type of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entity {
    Span,
    Trace,
    Session,
    Annotation,
    /// What a part of a span cost. Costs are kept by prompt and completion alone, so there are never any.
    Cost,
}

impl From<Subject> for Entity {
    fn from(subject: Subject) -> Self {
        match subject {
            Subject::Span => Self::Span,
            Subject::Trace => Self::Trace,
            Subject::Session => Self::Session,
        }
    }
}

impl Entity {
    pub(super) const fn noun(self) -> &'static str {
        match self {
            Self::Span => "a span",
            Self::Trace => "a trace",
            Self::Session => "a session",
            Self::Annotation => "an annotation",
            Self::Cost => "a cost",
        }
    }
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Text(TextField),
    Number(NumberField),
    Time(TimeField),
    /// An attribute of the root span.
    RootAttribute(&'static str),
    /// An attribute of the latest root span.
    LastRootAttribute(&'static str),
    /// `'text' in name` searches this attribute of every root span.
    Search(&'static str),
    NoNumber,
    NoText,
    NoTruth,
}

use Meaning::{LastRootAttribute, NoNumber, NoText, NoTruth, Number, RootAttribute, Search, Text, Time};

/// The names of the subject of a filter. Of a span, every other name is an attribute.
pub(super) const SPAN: &[(&str, Meaning)] = &[
    ("name", Text(TextField::Name)),
    ("span_kind", Text(TextField::SpanKind)),
    ("status_code", Text(TextField::StatusCode)),
    ("status_message", Text(TextField::StatusMessage)),
    ("trace_id", Text(TextField::TraceId)),
    ("span_id", Text(TextField::SpanId)),
    ("parent_id", Text(TextField::ParentId)),
    ("parent_span_id", Text(TextField::ParentId)),
    ("context.trace_id", Text(TextField::TraceId)),
    ("context.span_id", Text(TextField::SpanId)),
    ("start_time", Time(TimeField::Start)),
    ("end_time", Time(TimeField::End)),
    ("latency_ms", Number(NumberField::Latency)),
    ("llm.token_count.prompt", Number(NumberField::PromptTokens)),
    ("llm.token_count.completion", Number(NumberField::CompletionTokens)),
    ("llm.token_count.total", Number(NumberField::TotalTokens)),
    ("cumulative_token_count.prompt", Number(NumberField::SubtreePromptTokens)),
    ("cumulative_token_count.completion", Number(NumberField::SubtreeCompletionTokens)),
    ("cumulative_token_count.total", Number(NumberField::SubtreeTotalTokens)),
    ("cumulative_llm_token_count_prompt", Number(NumberField::SubtreePromptTokens)),
    ("cumulative_llm_token_count_completion", Number(NumberField::SubtreeCompletionTokens)),
    ("cumulative_llm_token_count_total", Number(NumberField::SubtreeTotalTokens)),
    ("cumulative_error_count", Number(NumberField::SubtreeErrors)),
    ("total_cost", Number(NumberField::TotalCost)),
    ("prompt_cost", Number(NumberField::PromptCost)),
    ("completion_cost", Number(NumberField::CompletionCost)),
];

const TRACE: &[(&str, Meaning)] = &[
    ("trace_id", Text(TextField::TraceId)),
    ("input", RootAttribute("input.value")),
    ("output", RootAttribute("output.value")),
    ("start_time", Time(TimeField::Start)),
    ("end_time", Time(TimeField::End)),
    ("latency_ms", Number(NumberField::Latency)),
    ("error_count", Number(NumberField::ErrorCount)),
    ("num_spans", Number(NumberField::SpanCount)),
    ("llm_span_count", Number(NumberField::LlmSpanCount)),
    ("tool_span_count", Number(NumberField::ToolSpanCount)),
    ("token_count_prompt", Number(NumberField::SumPromptTokens)),
    ("token_count_completion", Number(NumberField::SumCompletionTokens)),
    ("token_count_total", Number(NumberField::SumTotalTokens)),
    ("total_cost", Number(NumberField::TotalCost)),
    ("prompt_cost", Number(NumberField::PromptCost)),
    ("completion_cost", Number(NumberField::CompletionCost)),
    ("user.id", RootAttribute("user.id")),
];

const SESSION: &[(&str, Meaning)] = &[
    ("session_id", Text(TextField::SessionId)),
    ("first_input", RootAttribute("input.value")),
    ("last_output", LastRootAttribute("output.value")),
    ("any_input", Search("input.value")),
    ("any_output", Search("output.value")),
    ("start_time", Time(TimeField::Start)),
    ("end_time", Time(TimeField::End)),
    ("duration_ms", Number(NumberField::Latency)),
    ("num_traces", Number(NumberField::TraceCount)),
    ("num_traces_with_error", Number(NumberField::FailedTraceCount)),
    ("llm_span_count", Number(NumberField::LlmSpanCount)),
    ("tool_span_count", Number(NumberField::ToolSpanCount)),
    ("token_count_prompt", Number(NumberField::SumPromptTokens)),
    ("token_count_completion", Number(NumberField::SumCompletionTokens)),
    ("token_count_total", Number(NumberField::SumTotalTokens)),
    ("total_cost", Number(NumberField::TotalCost)),
    ("prompt_cost", Number(NumberField::PromptCost)),
    ("completion_cost", Number(NumberField::CompletionCost)),
    ("user.id", RootAttribute("user.id")),
];

const SPAN_ELEMENT: &[(&str, Meaning)] = &[
    ("name", Text(TextField::Name)),
    ("span_kind", Text(TextField::SpanKind)),
    ("status_code", Text(TextField::StatusCode)),
    ("status_message", Text(TextField::StatusMessage)),
    ("span_id", Text(TextField::SpanId)),
    ("parent_id", Text(TextField::ParentId)),
    ("start_time", Time(TimeField::Start)),
    ("end_time", Time(TimeField::End)),
    ("latency_ms", Number(NumberField::Latency)),
    ("llm_token_count_prompt", Number(NumberField::PromptTokens)),
    ("llm_token_count_completion", Number(NumberField::CompletionTokens)),
    ("llm_token_count_total", Number(NumberField::TotalTokensOrZero)),
    ("cumulative_llm_token_count_prompt", Number(NumberField::SubtreePromptTokens)),
    ("cumulative_llm_token_count_completion", Number(NumberField::SubtreeCompletionTokens)),
    ("cumulative_llm_token_count_total", Number(NumberField::SubtreeTotalTokens)),
    ("cumulative_error_count", Number(NumberField::SubtreeErrors)),
];

const TRACE_ELEMENT: &[(&str, Meaning)] = &[
    ("trace_id", Text(TextField::TraceId)),
    ("start_time", Time(TimeField::Start)),
    ("end_time", Time(TimeField::End)),
    ("latency_ms", Number(NumberField::Latency)),
    ("error_count", Number(NumberField::ErrorCount)),
    ("num_spans", Number(NumberField::SpanCount)),
];

const ANNOTATION: &[(&str, Meaning)] = &[
    ("name", Text(TextField::Name)),
    ("label", Text(TextField::Label)),
    ("score", Number(NumberField::Score)),
    ("explanation", Text(TextField::Explanation)),
    ("identifier", Text(TextField::Identifier)),
];

const COST: &[(&str, Meaning)] = &[
    ("cost", NoNumber),
    ("cost_per_token", NoNumber),
    ("tokens", NoNumber),
    ("token_type", NoText),
    ("is_prompt", NoTruth),
];

/// Returns the names of a subject (at depth 0) or of an element.
pub(super) fn names(entity: Entity, depth: usize) -> &'static [(&'static str, Meaning)] {
    match (entity, depth) {
        (Entity::Span, 0) => SPAN,
        (Entity::Trace, 0) => TRACE,
        (Entity::Session, _) => SESSION,
        (Entity::Span, _) => SPAN_ELEMENT,
        (Entity::Trace, _) => TRACE_ELEMENT,
        (Entity::Annotation, _) => ANNOTATION,
        (Entity::Cost, _) => COST,
    }
}

pub(super) fn meaning(entity: Entity, depth: usize, name: &str) -> Option<Meaning> {
    names(entity, depth).iter().find(|(known, _)| *known == name).map(|(_, meaning)| *meaning)
}

/// Returns the collections of a subject or of an element: name, elements, and where they are found (nowhere, for what is
/// not kept).
pub(super) fn collections(entity: Entity, depth: usize) -> &'static [(&'static str, Entity, Option<Collection>)] {
    match (entity, depth) {
        (Entity::Span, 0) => &[("cost_details", Entity::Cost, None)],
        (Entity::Span, _) => &[
            ("annotations", Entity::Annotation, Some(Collection::AnnotationsOfSpan)),
            ("children", Entity::Span, Some(Collection::Children)),
            ("cost_details", Entity::Cost, None),
            ("siblings", Entity::Span, Some(Collection::Siblings)),
        ],
        (Entity::Trace, 0) => &[
            ("spans", Entity::Span, Some(Collection::SpansOfTrace)),
            ("span_annotations", Entity::Annotation, Some(Collection::SpanAnnotationsOfTrace)),
            ("span_cost_details", Entity::Cost, None),
            ("trace_annotations", Entity::Annotation, Some(Collection::AnnotationsOfTrace)),
        ],
        (Entity::Trace, _) => &[
            ("spans", Entity::Span, Some(Collection::SpansOfTrace)),
            ("annotations", Entity::Annotation, Some(Collection::AnnotationsOfTrace)),
        ],
        (Entity::Session, _) => &[
            ("session_annotations", Entity::Annotation, Some(Collection::AnnotationsOfSession)),
            ("spans", Entity::Span, Some(Collection::SpansOfSession)),
            ("span_annotations", Entity::Annotation, Some(Collection::SpanAnnotationsOfSession)),
            ("span_cost_details", Entity::Cost, None),
            ("traces", Entity::Trace, Some(Collection::TracesOfSession)),
        ],
        (Entity::Annotation | Entity::Cost, _) => &[],
    }
}

/// Returns what `name[...]` picks annotations of, for a subject.
pub(super) fn annotated(subject: Subject, name: &str) -> Option<Subject> {
    match (subject, name) {
        (Subject::Span, "annotations" | "evals") => Some(Subject::Span),
        (Subject::Span | Subject::Trace, "trace_annotations") => Some(Subject::Trace),
        (Subject::Session, "session_annotations") => Some(Subject::Session),
        _ => None,
    }
}

/// Lists names for a sentence.
pub(super) fn list<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    match names.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => format!("`{only}`"),
        Some((last, rest)) => format!("`{}` and `{last}`", rest.join("`, `")),
    }
}
