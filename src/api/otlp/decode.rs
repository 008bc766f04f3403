//! OTLP to [`NewSpan`]: what can be stored, and what cannot with the reason why.
//!
//! Everything that a span holds is kept. Spans are refused one by one, so that one malformed span costs the others of
//! its request nothing.

use std::{collections::BTreeMap, sync::Arc};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value as Otlp},
    trace::v1::Span as OtlpSpan,
};

use crate::{
    domain::{
        attributes,
        cost::{self, TokenUse},
        id::{SpanId, TraceId},
        span::{EncodedOrigin, ModelUsage, NewSpan, Origin, Remainder, StatusCode, TokenCounts, keys, normalized_kind},
        time::UnixNanos,
    },
    ingest::Batch,
    service::ingest::{Export, Rejected},
};

/// The longest session id that makes a session; a longer one stays an attribute.
const MAX_SESSION_ID_BYTES: usize = 1_024;
/// The longest name of a provider that prices may be for.
const MAX_PROVIDER_BYTES: usize = 256;

/// Decodes a request. The project is the one given, or else that of each resource, or else the default.
#[must_use]
pub fn decode(request: ExportTraceServiceRequest, project: Option<&str>, default_project: &str) -> Export {
    let mut rejected = Rejected::default();
    let mut batches: BTreeMap<String, Vec<NewSpan>> = BTreeMap::new();
    for resource_spans in request.resource_spans {
        let of_resource = resource_spans.resource.as_ref().and_then(|r| text_of(&r.attributes, keys::PROJECT_NAME));
        let project = project.or(of_resource).filter(|p| !p.is_empty()).unwrap_or(default_project).to_owned();
        let spans = batches.entry(project).or_default();
        for scope_spans in resource_spans.scope_spans {
            if scope_spans.spans.is_empty() {
                continue;
            }
            let origin = Origin {
                resource: resource_spans.resource.clone(),
                resource_schema_url: resource_spans.schema_url.clone(),
                instrumentation_scope: scope_spans.scope,
                scope_schema_url: scope_spans.schema_url,
            };
            let origin = Arc::new(origin.encode());
            for span in scope_spans.spans {
                match decode_span(span, &origin) {
                    Ok(span) => spans.push(span),
                    Err(reason) => rejected.add(1, reason),
                }
            }
        }
    }
    let batches = batches
        .into_iter()
        .filter(|(_, spans)| !spans.is_empty())
        .map(|(project, spans)| Batch { project, spans })
        .collect();
    Export { batches, rejected }
}

fn decode_span(span: OtlpSpan, origin: &Arc<EncodedOrigin>) -> Result<NewSpan, &'static str> {
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

fn text_of<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let value = attributes.iter().find(|a| a.key == key)?.value.as_ref()?;
    match &value.value {
        Some(Otlp::StringValue(text)) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Status, span::Event};
    use proptest::prelude::*;
    use prost::Message as _;

    fn span() -> OtlpSpan {
        OtlpSpan {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            name: "n".to_owned(),
            start_time_unix_nano: 1,
            end_time_unix_nano: 2,
            ..OtlpSpan::default()
        }
    }

    fn request(spans: Vec<OtlpSpan>) -> ExportTraceServiceRequest {
        let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
        ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }
    }

    fn text(key: &str, value: &str) -> KeyValue {
        let value = AnyValue { value: Some(Otlp::StringValue(value.to_owned())) };
        KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
    }

    #[test]
    fn malformed_spans_are_refused_one_by_one_with_their_reason() {
        let bad = vec![
            OtlpSpan { trace_id: vec![0; 16], ..span() },
            OtlpSpan { trace_id: vec![1; 15], ..span() },
            OtlpSpan { span_id: Vec::new(), ..span() },
            OtlpSpan { parent_span_id: vec![1; 7], ..span() },
            OtlpSpan { end_time_unix_nano: 0, ..span() },
            OtlpSpan { end_time_unix_nano: u64::MAX, ..span() },
        ];
        let refused = bad.len();
        let export = decode(request([bad, vec![span()]].concat()), None, "default");
        assert_eq!(export.rejected.spans, refused);
        assert_eq!(export.batches.len(), 1);
        assert_eq!(export.batches[0].spans.len(), 1);
        assert!(export.rejected.message().contains("trace_id must be 16 bytes"));
    }

    #[test]
    fn the_project_is_named_by_header_resource_or_default() {
        let mut named = request(vec![span()]);
        named.resource_spans[0]
            .resource
            .get_or_insert_default()
            .attributes
            .push(text(keys::PROJECT_NAME, "of resource"));
        assert_eq!(decode(named.clone(), None, "d").batches[0].project, "of resource");
        assert_eq!(decode(named, Some("of header"), "d").batches[0].project, "of header");
        assert_eq!(decode(request(vec![span()]), None, "d").batches[0].project, "d");
    }

    #[test]
    fn facts_are_lifted_to_columns() {
        let attributes = vec![
            text(keys::SPAN_KIND, "LLM"),
            text(keys::SESSION_ID, "s"),
            text(keys::PROMPT_TOKENS, "5"),
            text(keys::MODEL_NAME, "m"),
        ];
        let export = decode(request(vec![OtlpSpan { attributes, ..span() }]), None, "d");
        let got = &export.batches[0].spans[0];
        assert_eq!(
            (got.span_kind.as_str(), got.session_id.as_deref(), got.model_name.as_deref()),
            ("LLM", Some("s"), Some("m"))
        );
        assert_eq!(got.tokens.prompt, Some(5));
        assert!(!got.attributes.contains("openinference"));
    }

    #[test]
    fn texts_with_zero_bytes_are_kept_exactly() {
        let status = Status { code: 2, message: "m\0".to_owned() };
        let sent = OtlpSpan { name: "n\0".to_owned(), status: Some(status.clone()), ..span() };
        let export = decode(request(vec![sent]), None, "d");
        let got = &export.batches[0].spans[0];
        assert!(!got.name.contains('\0') && !got.status_message.contains('\0'));
        let kept = Remainder::decode(got.remainder.as_deref()).0;
        assert_eq!((kept.name.as_str(), kept.status), ("n\0", Some(status)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(request) = ExportTraceServiceRequest::decode(bytes.as_slice()) {
                let _ = decode(request, None, "d");
            }
        }

        #[test]
        fn a_damaged_request_is_decoded_or_refused_without_panic(
            at in 0usize..200, byte: u8, cut in 0usize..200, name in ".{0,20}"
        ) {
            let event = Event { name: name.clone(), ..Event::default() };
            let sent = OtlpSpan { name, events: vec![event], attributes: vec![text("k", "v")], ..span() };
            let mut bytes = request(vec![sent]).encode_to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(bytes.len() - cut % bytes.len());
            if let Ok(request) = ExportTraceServiceRequest::decode(bytes.as_slice()) {
                let _ = decode(request, None, "d");
            }
        }

        #[test]
        fn any_text_is_refused_as_json_without_panic(text in "[\\[\\]{}\":,a-zA-Z0-9]{0,200}") {
            let _ = serde_json::from_str::<ExportTraceServiceRequest>(&text);
        }
    }
}
