//! From an OTLP span, whichever way it came, to the [`NewSpan`] that is stored. Everything that it holds is kept.

use std::sync::Arc;

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value as Otlp},
    trace::v1::Span as OtlpSpan,
};

use super::{
    attributes,
    cost::{self, TokenUse},
    id::{SpanId, TraceId},
    span::{EncodedOrigin, ModelUsage, NewSpan, Remainder, StatusCode, TokenCounts, keys, normalized_kind},
    time::UnixNanos,
};

/// The longest session id that makes a session; a longer one stays an attribute.
const MAX_SESSION_ID_BYTES: usize = 1_024;
/// The longest name of a provider that prices may be for.
const MAX_PROVIDER_BYTES: usize = 256;

/// Reads a span; one that cannot be stored is refused with the reason.
pub fn read(span: OtlpSpan, origin: &Arc<EncodedOrigin>) -> Result<NewSpan, &'static str> {
    let trace_id = TraceId::from_slice(&span.trace_id).ok_or("trace_id must be 16 bytes, not all zero")?;
    let span_id = SpanId::from_slice(&span.span_id).ok_or("span_id must be 8 bytes, not all zero")?;
    let parent_span_id = match span.parent_span_id.as_slice() {
        [] | [0, 0, 0, 0, 0, 0, 0, 0] => None,
        bytes => Some(SpanId::from_slice(bytes).ok_or("parent_span_id must be empty or 8 bytes")?),
    };
    let nanos = |nanos: u64| i64::try_from(nanos).map(UnixNanos);
    let start = nanos(span.start_time_unix_nano).map_err(|_| "start_time_unix_nano is beyond the year 2262")?;
    let end = nanos(span.end_time_unix_nano).map_err(|_| "end_time_unix_nano is beyond the year 2262")?;
    if end < start {
        return Err("end_time_unix_nano is before start_time_unix_nano");
    }
    let status = span.status.unwrap_or_default();
    let mut facts = Facts::default();
    let mut kept = span.attributes;
    facts.take(&mut kept);
    let encoded = attributes::encode(kept);
    // Columns cannot hold a zero byte on Postgres; the exact text then goes to the remainder.
    let name = storable(&span.name);
    let status_message = storable(&status.message);
    let status_code = StatusCode::from_number(status.code.into());
    let inexact_status = status_message.is_some() || i32::from(status_code.number()) != status.code;
    let remainder = Remainder(OtlpSpan {
        trace_state: span.trace_state,
        flags: span.flags,
        attributes: encoded.inexact,
        dropped_attributes_count: span.dropped_attributes_count,
        events: span.events,
        dropped_events_count: span.dropped_events_count,
        links: span.links,
        dropped_links_count: span.dropped_links_count,
        name: if name.is_some() { span.name.clone() } else { String::new() },
        kind: if i16::try_from(span.kind).is_err() { span.kind } else { 0 },
        status: inexact_status.then(|| status.clone()),
        ..OtlpSpan::default()
    });
    let takes_tokens = facts.usage.tokens != TokenUse::default();
    let is_call = facts.model_name.is_some() && normalized_kind(&facts.span_kind) == "LLM";
    let usage = (is_call && takes_tokens).then(|| Box::new(facts.usage));
    Ok(NewSpan {
        trace_id,
        span_id,
        parent_span_id,
        name: name.unwrap_or(span.name),
        otel_kind: i16::try_from(span.kind).unwrap_or(0),
        span_kind: facts.span_kind,
        start,
        end,
        status_code,
        status_message: status_message.unwrap_or(status.message),
        attributes: encoded.json,
        packed_attributes: None,
        flat_attributes: encoded.flat,
        remainder: remainder.encode(),
        session_id: facts.session_id,
        model_name: facts.model_name,
        tokens: facts.tokens,
        usage,
        origin: Arc::clone(origin),
    })
}

/// Returns a form of the text without zero bytes, if it has any.
fn storable(text: &str) -> Option<String> {
    text.contains('\0').then(|| text.replace('\0', "\u{fffd}"))
}

/// What is promoted from attributes to columns.
#[derive(Default)]
struct Facts {
    span_kind: String,
    session_id: Option<String>,
    model_name: Option<String>,
    tokens: TokenCounts,
    usage: ModelUsage,
}

impl Facts {
    /// Reads the attributes and takes the span kind out of them.
    fn take(&mut self, attributes: &mut Vec<KeyValue>) {
        let mut kind_at = None;
        for (at, attribute) in attributes.iter().enumerate() {
            let Some(value) = attribute.value.as_ref() else { continue };
            if attribute.key.starts_with("llm.token_count.") {
                self.usage.tokens.see(&attribute.key, || cost::count(value));
            }
            match attribute.key.as_str() {
                keys::SPAN_KIND => {
                    if let Some(text) = column_text(value, MAX_SESSION_ID_BYTES) {
                        self.span_kind = text;
                        kind_at = Some(at);
                    }
                }
                keys::SESSION_ID => self.session_id = column_text(value, MAX_SESSION_ID_BYTES),
                keys::MODEL_NAME => self.model_name = column_text(value, MAX_SESSION_ID_BYTES),
                keys::PROMPT_TOKENS => self.tokens.prompt = cost::count(value),
                keys::COMPLETION_TOKENS => self.tokens.completion = cost::count(value),
                cost::PROVIDER => self.usage.provider = column_text(value, MAX_PROVIDER_BYTES),
                _ => {}
            }
        }
        if let Some(at) = kind_at {
            attributes.remove(at);
        }
    }
}

/// Returns a text that fits a column: not empty, bounded, without zero bytes.
fn column_text(value: &AnyValue, max: usize) -> Option<String> {
    match &value.value {
        Some(Otlp::StringValue(s)) if !s.is_empty() && s.len() <= max && !s.contains('\0') => Some(s.clone()),
        Some(Otlp::IntValue(i)) => Some(i.to_string()).filter(|_| max > 0),
        _ => None,
    }
}
