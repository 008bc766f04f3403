//! Annotations: what people and evaluators say of spans, traces, sessions and retrieved documents.

use serde_json::Value;

use super::{
    id::{AnnotationId, GlobalId, ProjectId, SpanId, TraceId, UserId},
    time::UnixNanos,
};

/// The name under which notes are kept; no other annotation may have it, but of documents.
pub const NOTE: &str = "note";

/// The longest session id, in bytes, which is also what spans may bring.
const MAX_SESSION_ID_BYTES: usize = 1_024;

/// What is annotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// A span.
    Span = 1,
    /// A trace.
    Trace = 2,
    /// A session.
    Session = 3,
    /// A document that a span retrieved.
    Document = 4,
}

impl Target {
    /// Every target.
    pub const ALL: [Self; 4] = [Self::Span, Self::Trace, Self::Session, Self::Document];

    /// Returns the number that is stored.
    #[must_use]
    pub const fn number(self) -> i16 {
        self as i16
    }

    /// Returns the target for a stored number.
    #[must_use]
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.number() == number)
    }

    /// Returns the name of the GraphQL type, which is part of the global id.
    #[must_use]
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::Span => "SpanAnnotation",
            Self::Trace => "TraceAnnotation",
            Self::Session => "ProjectSessionAnnotation",
            Self::Document => "DocumentAnnotation",
        }
    }

    /// Returns the word for one thing that is annotated.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Span | Self::Document => "span",
            Self::Trace => "trace",
            Self::Session => "session",
        }
    }

    /// Returns the word for the things that are annotated, as a sentence begins with it.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Span | Self::Document => "Spans",
            Self::Trace => "Traces",
            Self::Session => "Sessions",
        }
    }

    /// Returns the global id of an annotation of such a thing.
    #[must_use]
    pub fn global_id(self, id: AnnotationId) -> String {
        GlobalId::encode(self.type_name(), id.0)
    }
}

/// What is annotated, by the id that its application gave it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TargetKey {
    /// A span, or one with documents.
    Span(SpanId),
    /// A trace.
    Trace(TraceId),
    /// A session.
    Session(String),
}

impl TargetKey {
    /// Reads an id; `None` when nothing can have it.
    #[must_use]
    pub fn parse(target: Target, text: &str) -> Option<Self> {
        match target {
            Target::Span | Target::Document => SpanId::from_hex(text).map(Self::Span),
            Target::Trace => TraceId::from_hex(text).map(Self::Trace),
            Target::Session => {
                (!text.is_empty() && text.len() <= MAX_SESSION_ID_BYTES).then(|| Self::Session(text.to_owned()))
            }
        }
    }
}

impl std::fmt::Display for TargetKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Span(id) => id.fmt(f),
            Self::Trace(id) => id.fmt(f),
            Self::Session(id) => id.fmt(f),
        }
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $word:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$each])* $word),* }

        impl $name {
            /// Every word.
            pub const ALL: &'static [Self] = &[$(Self::$word),*];

            /// Returns the wire form, which is also what is stored.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$word => $text),* }
            }

            /// Reads the wire form.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text)
            }
        }
    };
}
pub(crate) use words;

words! {
    /// Who judged.
    AnnotatorKind {
        /// A language model.
        Llm = "LLM",
        /// A program.
        Code = "CODE",
        /// A person.
        Human = "HUMAN",
    }
}

words! {
    /// By which way an annotation came.
    AnnotationSource {
        /// By the API.
        Api = "API",
        /// By the web application.
        App = "APP",
    }
}

/// What is said.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// What is judged; with `identifier` and the target it is unique.
    pub name: String,
    /// Tells several annotations of one name apart; empty if there is one only.
    pub identifier: String,
    /// Who judged.
    pub annotator_kind: AnnotatorKind,
    /// By which way it came.
    pub source: AnnotationSource,
    /// The judgement in a word.
    pub label: Option<String>,
    /// The judgement as a number.
    pub score: Option<f64>,
    /// Why, or the text of a note.
    pub explanation: Option<String>,
    /// Whatever else is known: a JSON object, or null for none.
    pub metadata: Value,
    /// Which of the documents that a span retrieved; 0 for everything else.
    pub document_position: i32,
}

/// An annotation as stored.
#[derive(Clone, Debug)]
pub struct Annotation {
    /// Row id.
    pub id: AnnotationId,
    /// What is annotated.
    pub target: Target,
    /// Project.
    pub project_id: ProjectId,
    /// Row id of the span, trace or session.
    pub target_id: i64,
    /// What is said.
    pub judgement: Judgement,
    /// Who said it, if anyone who is known and not deleted since.
    pub user_id: Option<UserId>,
    /// When it was first said.
    pub created_at: UnixNanos,
    /// When it was last said.
    pub updated_at: UnixNanos,
}

/// What a list of annotations is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct AnnotationFilter {
    /// Of these spans, traces or sessions, by row id.
    pub target_ids: Option<Vec<i64>>,
    /// With one of these identifiers.
    pub identifiers: Option<Vec<String>>,
    /// With one of these names.
    pub include_names: Option<Vec<String>>,
    /// With none of these names.
    pub exclude_names: Vec<String>,
}

/// Which annotations of a project are deleted together.
#[derive(Clone, Debug, Default)]
pub struct DeleteFilter {
    /// With this name.
    pub name: Option<String>,
    /// With this identifier.
    pub identifier: Option<String>,
    /// By this kind of annotator.
    pub annotator_kind: Option<AnnotatorKind>,
    /// First said at or after.
    pub start: Option<UnixNanos>,
    /// First said before.
    pub end: Option<UnixNanos>,
    /// Said by this user.
    pub user_id: Option<UserId>,
}
