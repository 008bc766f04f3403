//! Spans: as they come in ([`NewSpan`]), as they are stored and read back ([`Span`]).

use std::{borrow::Cow, sync::Arc};

use opentelemetry_proto::tonic::{
    common::v1::{InstrumentationScope, KeyValue},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span as OtlpSpan},
};
use prost::Message as _;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{
    cost::{Cost, TokenUse},
    id::{ProjectId, SpanId, SpanRowId, TraceId},
    packing::{pack, unpack},
    time::UnixNanos,
};

/// OpenInference span kind of a span that names none.
pub const UNKNOWN_KIND: &str = "UNKNOWN";

/// Attribute keys (OpenInference semantic conventions) that are promoted to columns.
pub mod keys {
    /// Span kind: `LLM`, `CHAIN`, `TOOL`, …
    pub const SPAN_KIND: &str = "openinference.span.kind";
    /// Conversation that the trace belongs to.
    pub const SESSION_ID: &str = "session.id";
    /// Model that answered.
    pub const MODEL_NAME: &str = "llm.model_name";
    /// Tokens of the prompt.
    pub const PROMPT_TOKENS: &str = "llm.token_count.prompt";
    /// Tokens of the completion.
    pub const COMPLETION_TOKENS: &str = "llm.token_count.completion";
    /// Input of the step.
    pub const INPUT_VALUE: &str = "input.value";
    /// Media type of the input.
    pub const INPUT_MIME_TYPE: &str = "input.mime_type";
    /// Output of the step.
    pub const OUTPUT_VALUE: &str = "output.value";
    /// Media type of the output.
    pub const OUTPUT_MIME_TYPE: &str = "output.mime_type";
    /// Resource attribute that names the project.
    pub const PROJECT_NAME: &str = "openinference.project.name";
}

/// Status of a span (OTLP `Status.StatusCode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StatusCode {
    /// Nothing was said.
    Unset,
    /// Success, said explicitly.
    Ok,
    /// Failure.
    Error,
}

impl StatusCode {
    /// Returns the status for an OTLP number; numbers to come are taken as unset.
    #[must_use]
    pub const fn from_number(number: i64) -> Self {
        match number {
            1 => Self::Ok,
            2 => Self::Error,
            _ => Self::Unset,
        }
    }

    /// Returns the OTLP number, which is also what is stored.
    #[must_use]
    pub const fn number(self) -> i16 {
        self as i16
    }

    /// Returns the wire form of REST and GraphQL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "UNSET",
            Self::Ok => "OK",
            Self::Error => "ERROR",
        }
    }

    /// Reads the wire form, in either case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Unset, Self::Ok, Self::Error].into_iter().find(|s| s.as_str().eq_ignore_ascii_case(text))
    }
}

/// What a span holds beside its columns and its attributes: events, links, trace state, flags, dropped counts, and the
/// attributes that JSON only approximates. An OTLP span with all other fields left empty; stored as protobuf.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remainder(pub OtlpSpan);

impl Remainder {
    /// Returns the stored form; `None` when there is nothing to store.
    #[must_use]
    pub fn encode(&self) -> Option<Vec<u8>> {
        (self.0 != OtlpSpan::default()).then(|| pack(&self.0.encode_to_vec()))
    }

    /// Reads the stored form. Bytes that this version cannot read give an empty remainder.
    #[must_use]
    pub fn decode(stored: Option<&[u8]>) -> Self {
        let plain = stored.and_then(unpack);
        Self(plain.and_then(|p| OtlpSpan::decode(p.as_slice()).ok()).unwrap_or_default())
    }
}

/// Where a span comes from: its resource and instrumentation scope, shared by many spans and stored once per project,
/// under an id made of the content.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Origin {
    /// The entity that produced the span.
    pub resource: Option<Resource>,
    /// Schema of the resource.
    pub resource_schema_url: String,
    /// The library that produced the span.
    pub instrumentation_scope: Option<InstrumentationScope>,
    /// Schema of the spans.
    pub scope_schema_url: String,
}

impl Origin {
    /// Returns the stored form.
    #[must_use]
    pub fn encode(&self) -> EncodedOrigin {
        let plain = ResourceSpans {
            resource: self.resource.clone(),
            schema_url: self.resource_schema_url.clone(),
            scope_spans: vec![ScopeSpans {
                scope: self.instrumentation_scope.clone(),
                spans: Vec::new(),
                schema_url: self.scope_schema_url.clone(),
            }],
        }
        .encode_to_vec();
        let digest: [u8; 32] = Sha256::digest(&plain).into();
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        EncodedOrigin { id: i64::from_be_bytes(id), content: pack(&plain) }
    }

    /// Reads the stored form.
    #[must_use]
    pub fn decode(stored: &[u8]) -> Self {
        let Some(read) = unpack(stored).and_then(|p| ResourceSpans::decode(p.as_slice()).ok()) else {
            return Self::default();
        };
        let scope = read.scope_spans.into_iter().next().unwrap_or_default();
        Self {
            resource: read.resource,
            resource_schema_url: read.schema_url,
            instrumentation_scope: scope.scope,
            scope_schema_url: scope.schema_url,
        }
    }
}

/// An [`Origin`] as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedOrigin {
    /// The first 64 bits of the SHA-256 of the content; unique within a project.
    pub id: i64,
    /// Packed protobuf.
    pub content: Vec<u8>,
}

/// The OpenInference kinds that have a name of their own.
pub const KINDS: [&str; 10] =
    ["CHAIN", "TOOL", "LLM", "RETRIEVER", "EMBEDDING", "AGENT", "RERANKER", "GUARDRAIL", "EVALUATOR", "PROMPT"];

/// Returns a kind in the one form that lists of traces show and filters compare: upper case, or `UNKNOWN`.
#[must_use]
pub fn normalized_kind(sent: &str) -> &'static str {
    KINDS.into_iter().find(|k| k.eq_ignore_ascii_case(sent)).unwrap_or(UNKNOWN_KIND)
}

/// Whether a text names a kind that filters know.
#[must_use]
pub fn is_known_kind(text: &str) -> bool {
    text == UNKNOWN_KIND || KINDS.contains(&text)
}

/// Token counts of one span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenCounts {
    /// Tokens of the prompt.
    pub prompt: Option<i64>,
    /// Tokens of the completion.
    pub completion: Option<i64>,
}

/// A span that is about to be stored; everything that costs time is already encoded.
#[derive(Clone, Debug)]
pub struct NewSpan {
    /// Trace.
    pub trace_id: TraceId,
    /// Id within the trace.
    pub span_id: SpanId,
    /// Parent, which may arrive later or never.
    pub parent_span_id: Option<SpanId>,
    /// Name.
    pub name: String,
    /// OTLP span kind (0 unspecified to 5 consumer).
    pub otel_kind: i16,
    /// OpenInference kind as it was sent, taken out of the attributes; empty when none was.
    pub span_kind: String,
    /// Start.
    pub start: UnixNanos,
    /// End.
    pub end: UnixNanos,
    /// Status.
    pub status_code: StatusCode,
    /// Text beside the status.
    pub status_message: String,
    /// JSON object, keys as they were sent; empty when it is packed.
    pub attributes: String,
    /// The same, [packed](super::packing::pack_attributes) for an engine that does not compress by itself.
    pub packed_attributes: Option<Vec<u8>>,
    /// Whether the JSON is in the flat form of REST answers already.
    pub flat_attributes: bool,
    /// See [`Remainder`].
    pub remainder: Option<Vec<u8>>,
    /// Conversation.
    pub session_id: Option<String>,
    /// Model.
    pub model_name: Option<String>,
    /// Tokens.
    pub tokens: TokenCounts,
    /// What its call of a model took, if it is one that named a model and took tokens.
    pub usage: Option<Box<ModelUsage>>,
    /// Resource and instrumentation scope.
    pub origin: Arc<EncodedOrigin>,
}

/// What a call of a model took, and whose model it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelUsage {
    /// Name of the provider.
    pub provider: Option<String>,
    /// Tokens.
    pub tokens: TokenUse,
}

impl NewSpan {
    /// Returns roughly how much memory the span holds, in bytes.
    #[must_use]
    pub fn weight(&self) -> usize {
        size_of::<Self>()
            + self.name.len()
            + self.status_message.len()
            + self.attributes.len()
            + self.packed_attributes.as_ref().map_or(0, Vec::len)
            + self.remainder.as_ref().map_or(0, Vec::len)
    }

    /// Packs the attributes, if that makes them smaller.
    pub fn pack(&mut self) {
        self.packed_attributes = super::packing::pack_attributes(&self.attributes);
        if self.packed_attributes.is_some() {
            self.attributes = String::new();
        }
    }

    /// Whether the span is a call of a model: only those count tokens, as an agent's or a chain's repeat them.
    #[must_use]
    pub fn counts_tokens(&self) -> bool {
        normalized_kind(&self.span_kind) == "LLM"
    }
}

/// A stored span.
#[derive(Clone, Debug)]
pub struct Span {
    /// Row id.
    pub id: SpanRowId,
    /// Project.
    pub project_id: ProjectId,
    /// Trace.
    pub trace_id: TraceId,
    /// Id within the trace.
    pub span_id: SpanId,
    /// Parent.
    pub parent_span_id: Option<SpanId>,
    /// Name.
    pub name: String,
    /// OTLP span kind.
    pub otel_kind: i16,
    /// OpenInference kind as it was sent; empty when none was.
    pub sent_kind: String,
    /// Start.
    pub start: UnixNanos,
    /// End.
    pub end: UnixNanos,
    /// Status.
    pub status_code: StatusCode,
    /// Text beside the status.
    pub status_message: String,
    /// JSON object, keys as they were sent, without the span kind.
    pub attributes: String,
    /// Whether the JSON is in the flat form of REST answers already.
    pub flat_attributes: bool,
    /// Everything else.
    pub remainder: Remainder,
    /// Tokens.
    pub tokens: TokenCounts,
    /// What its call of a model cost.
    pub cost: Cost,
    /// Id of the [`Origin`].
    pub origin_id: i64,
}

impl Span {
    /// Whether the span is a call of a model; see [`NewSpan::counts_tokens`].
    #[must_use]
    pub fn counts_tokens(&self) -> bool {
        normalized_kind(&self.sent_kind) == "LLM"
    }

    /// Returns the OpenInference kind as REST answers show it.
    #[must_use]
    pub fn span_kind(&self) -> &str {
        if self.sent_kind.is_empty() { UNKNOWN_KIND } else { &self.sent_kind }
    }

    /// Returns the attributes as they were sent, the span kind among them.
    #[must_use]
    pub fn attribute_map(&self) -> Map<String, Value> {
        // What the database gives as JSON is JSON; an attribute that is not an object was never written.
        let mut map: Map<String, Value> = serde_json::from_str(&self.attributes).unwrap_or_default();
        if !self.sent_kind.is_empty() {
            map.insert(keys::SPAN_KIND.to_owned(), Value::from(self.sent_kind.as_str()));
        }
        map
    }

    /// Returns the attributes in the flat form of REST answers, a JSON object, without the span kind.
    #[must_use]
    pub fn flat_attributes(&self) -> Cow<'_, str> {
        let inexact = &self.remainder.0.attributes;
        if inexact.is_empty() {
            if self.flat_attributes {
                return Cow::Borrowed(&self.attributes);
            }
            if let Some(flat) = super::attributes::flatten_text(&self.attributes) {
                return Cow::Owned(flat);
            }
        }
        let mut map = serde_json::from_str(&self.attributes).unwrap_or_default();
        super::attributes::restore(&mut map, inexact);
        Cow::Owned(Value::Object(super::attributes::flatten(map)).to_string())
    }

    /// Returns every attribute exactly, as OTLP key-value pairs.
    #[must_use]
    pub fn otlp_attributes(&self) -> Vec<KeyValue> {
        super::attributes::decode(self.attribute_map(), &self.remainder.0.attributes)
    }

    /// Returns how long the span took, in milliseconds.
    #[must_use]
    pub fn latency_ms(&self) -> f64 {
        self.end.millis_since(self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remainder_survives_both_forms() {
        assert_eq!(Remainder::default().encode(), None);
        for size in [1, 10_000] {
            let sent = Remainder(OtlpSpan { trace_state: "a=b".repeat(size), flags: 1, ..OtlpSpan::default() });
            let stored = sent.encode().unwrap();
            assert_eq!(Remainder::decode(Some(&stored)), sent);
        }
        assert_eq!(Remainder::decode(Some(&[9, 9, 9])), Remainder::default());
    }

    #[test]
    fn an_origin_has_the_id_of_its_content() {
        let one = Origin { resource_schema_url: "https://example.com/1".to_owned(), ..Origin::default() };
        assert_eq!(one.encode(), one.clone().encode());
        assert_ne!(one.encode().id, Origin::default().encode().id);
        assert_eq!(Origin::decode(&one.encode().content), one);
    }
}
