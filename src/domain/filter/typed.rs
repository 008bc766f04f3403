//! The tree of a filter once every name and every type is known: what the store compiles and what tests evaluate.
//!
//! A filter speaks of one *subject* (a span, a trace or a session) and, within `any(...)` and its like, of elements of
//! collections. Places are numbered by nesting: 0 is the subject, 1 the element of the outermost loop, and so on.

pub use super::syntax::{Arith, Cmp};

/// What a filter selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Spans.
    Span,
    /// Traces.
    Trace,
    /// Sessions: conversations of several traces.
    Session,
}

/// A filter that was read and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// What it selects.
    pub subject: Subject,
    /// The annotations that it names, each once: the condition holds when it does for any choice of one annotation a
    /// name (or of none, where there is none).
    pub annotations: Vec<NamedAnnotation>,
    /// What must hold.
    pub condition: Cond,
}

/// Annotations of one name on one kind of target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedAnnotation {
    /// What is annotated; for a span, its trace can be meant too.
    pub target: Subject,
    /// Name of the annotation.
    pub name: String,
}

/// Whose value is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// How many loops stand around the element; 0 is the subject itself.
    pub depth: usize,
    /// Which row, seen from there.
    pub via: Via,
}

/// A way from an element to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The element itself.
    Itself,
    /// The parent of a span.
    Parent,
    /// The root span of a trace, or the earliest root span of a session.
    FirstRoot,
    /// The latest root span of a session.
    LastRoot,
}

/// An attribute of a span, by its path: the dotted key, cut at the dots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Whose.
    pub place: Place,
    /// At least one part.
    pub path: Vec<String>,
}

impl Attribute {
    /// Returns the key as it is sent when nothing is nested.
    #[must_use]
    pub fn key(&self) -> String {
        self.path.join(".")
    }
}

/// A condition: holds, does not, or is unknown because a value is missing (SQL's three values).
#[derive(Clone, Debug, PartialEq)]
pub enum Cond {
    /// Always the same.
    Const(bool),
    /// Never known: a value of something that does not exist.
    Unknown,
    /// Every one.
    All(Vec<Cond>),
    /// At least one.
    Any(Vec<Cond>),
    /// The contrary.
    Not(Box<Cond>),
    /// Two texts.
    Texts(Cmp, Text, Text),
    /// Two numbers.
    Numbers(Cmp, Number, Number),
    /// Two instants.
    Times(Cmp, Time, Time),
    /// Two conditions that are both true or both false.
    Same(Box<Cond>, Box<Cond>),
    /// A text that is one of these.
    TextIn(Text, Vec<String>),
    /// A number that is one of these.
    NumberIn(Number, Vec<f64>),
    /// The first text contains the second, in either case. An attribute that is a list or a map contains what one of
    /// its texts contains.
    Contains(Text, Text),
    /// An attribute read as a truth.
    Truth(Attribute),
    /// A value is missing. Never unknown.
    Missing(Operand),
    /// The chosen annotation is there. Never unknown.
    Annotated(usize),
    /// Some element, or every element, of a collection. Unknown counts as not fulfilled.
    Quantified {
        /// Whether every element is meant, or some.
        every: bool,
        /// Which elements.
        over: Loop,
        /// What must hold for them.
        each: Box<Cond>,
    },
}

/// A value that can be missing.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A text.
    Text(Text),
    /// A number.
    Number(Number),
    /// An instant.
    Time(Time),
    /// A condition.
    Cond(Box<Cond>),
    /// An attribute of any type; there also when only longer keys are (`llm` when there is `llm.model_name`).
    Attribute(Attribute),
    /// The parent of a span.
    Parent(Place),
}

/// A text.
#[derive(Clone, Debug, PartialEq)]
pub enum Text {
    /// As written.
    Literal(String),
    /// A column.
    Field(Place, TextField),
    /// An attribute, read as a text.
    Attribute(Attribute),
    /// A part of the chosen annotation.
    Annotation(usize, AnnotationText),
    /// One after the other.
    Joined(Box<Text>, Box<Text>),
}

/// A number; doubles throughout, so that both engines agree.
#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    /// As written.
    Literal(f64),
    /// A column, or something counted.
    Field(Place, NumberField),
    /// An attribute, read as a number.
    Attribute(Attribute),
    /// The score of the chosen annotation.
    Score(usize),
    /// The contrary sign.
    Negated(Box<Number>),
    /// Without its fraction, towards zero.
    Whole(Box<Number>),
    /// Two numbers; missing when a divisor is zero.
    Arithmetic(Arith, Box<Number>, Box<Number>),
    /// One number of many elements.
    Reduced(Reduction, Loop, Box<Number>),
}

/// An instant.
#[derive(Clone, Debug, PartialEq)]
pub enum Time {
    /// As written, in unix nanoseconds.
    Literal(i64),
    /// A column.
    Field(Place, TimeField),
    /// The earliest or latest of many elements.
    Reduced(Reduction, Loop, Box<Time>),
}

/// What is made of many elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// How many there are.
    Count,
    /// Their sum, zero when there are none.
    Sum,
    /// The least.
    Min,
    /// The greatest.
    Max,
}

/// The elements of a collection that fulfil every condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Loop {
    /// The collection.
    pub over: Collection,
    /// Depth of what it belongs to.
    pub of: usize,
    /// Depth of the element.
    pub depth: usize,
    /// What elements must fulfil to count.
    pub only: Vec<Cond>,
}

/// A collection of elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collection {
    /// The spans of a trace.
    SpansOfTrace,
    /// The spans of a session.
    SpansOfSession,
    /// The spans of a session that have no parent.
    RootsOfSession,
    /// The traces of a session.
    TracesOfSession,
    /// The spans whose parent is the span.
    Children,
    /// The other spans with the same parent.
    Siblings,
    /// What was said of the span.
    AnnotationsOfSpan,
    /// What was said of the trace itself.
    AnnotationsOfTrace,
    /// What was said of the spans of the trace.
    SpanAnnotationsOfTrace,
    /// What was said of the session itself.
    AnnotationsOfSession,
    /// What was said of the spans of the session.
    SpanAnnotationsOfSession,
}

/// A text that is a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextField {
    /// Name of a span or of an annotation.
    Name,
    /// OpenInference kind in upper case, `UNKNOWN` when it is none.
    SpanKind,
    /// `OK`, `ERROR` or `UNSET`.
    StatusCode,
    /// Text beside the status.
    StatusMessage,
    /// Hexadecimal.
    TraceId,
    /// Hexadecimal.
    SpanId,
    /// Hexadecimal; missing for a root.
    ParentId,
    /// Id of a session.
    SessionId,
    /// Label of an annotation.
    Label,
    /// Identifier of an annotation.
    Identifier,
    /// Explanation of an annotation.
    Explanation,
}

impl TextField {
    /// Whether it is compared without regard to case, being kept in upper case.
    #[must_use]
    pub const fn is_upper(self) -> bool {
        matches!(self, Self::SpanKind | Self::StatusCode)
    }

    /// Whether it is bytes shown as hexadecimal digits.
    #[must_use]
    pub const fn is_id(self) -> bool {
        matches!(self, Self::TraceId | Self::SpanId | Self::ParentId)
    }
}

/// A part of an annotation that is a text.
pub type AnnotationText = TextField;

/// A number that is a column, or counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberField {
    /// Milliseconds from start to end.
    Latency,
    /// Prompt tokens of a span; missing when it has none.
    PromptTokens,
    /// Completion tokens of a span; missing when it has none.
    CompletionTokens,
    /// Both, or the total that was sent when neither was; missing when nothing was.
    TotalTokens,
    /// Both; zero when there are none.
    TotalTokensOrZero,
    /// Prompt tokens of a span and all below it.
    SubtreePromptTokens,
    /// Completion tokens of a span and all below it.
    SubtreeCompletionTokens,
    /// Tokens of a span and all below it.
    SubtreeTotalTokens,
    /// Failed spans among a span and all below it.
    SubtreeErrors,
    /// Prompt tokens of a trace or a session.
    SumPromptTokens,
    /// Completion tokens of a trace or a session.
    SumCompletionTokens,
    /// Tokens of a trace or a session.
    SumTotalTokens,
    /// What the prompts cost, in US dollars; zero where nothing is priced.
    PromptCost,
    /// What the completions cost, in US dollars.
    CompletionCost,
    /// Both.
    TotalCost,
    /// Failed spans of a trace.
    ErrorCount,
    /// Spans of a trace.
    SpanCount,
    /// Spans of kind `LLM` of a trace or a session.
    LlmSpanCount,
    /// Spans of kind `TOOL` of a trace or a session.
    ToolSpanCount,
    /// Traces of a session.
    TraceCount,
    /// Traces of a session that hold a failed span.
    FailedTraceCount,
    /// Score of an annotation.
    Score,
}

/// An instant that is a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeField {
    /// Start.
    Start,
    /// End.
    End,
}

/// One value of a span, by the name that filters know it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A text.
    Text(TextField),
    /// A number.
    Number(NumberField),
    /// An instant.
    Time(TimeField),
    /// An attribute.
    Attribute(Vec<String>),
}
