//! OTLP to [`NewSpan`]: what can be stored, and what cannot with the reason why.
//!
//! Everything that a span holds is kept. Spans are refused one by one, so that one malformed span costs the others of
//! its request nothing.

use std::{collections::BTreeMap, sync::Arc};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value as Otlp},
};

use crate::{
    domain::{
        incoming,
        span::{NewSpan, Origin, keys},
    },
    ingest::Batch,
    service::ingest::{Export, Rejected},
};

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
                match incoming::read(span, &origin) {
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
    use crate::domain::span::Remainder;
    use opentelemetry_proto::tonic::{
        common::v1::AnyValue,
        trace::v1::{ResourceSpans, ScopeSpans, Span as OtlpSpan, Status, span::Event},
    };
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
