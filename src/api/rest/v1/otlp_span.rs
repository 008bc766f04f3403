//! A stored span in OTLP's own shape: the JSON of the wire contract, and protobuf with nothing left out.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{ResourceSpans, ScopeSpans, Span as Proto, Status, TracesData, span::Event},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{
    id::SpanId,
    span::{Origin, Span},
};

/// Returns the span as it was sent.
#[must_use]
pub fn to_proto(span: &Span) -> Proto {
    let rest = &span.remainder.0;
    Proto {
        trace_id: span.trace_id.0.to_vec(),
        span_id: span.span_id.0.to_vec(),
        parent_span_id: span.parent_span_id.map(|p| p.0.to_vec()).unwrap_or_default(),
        name: if rest.name.is_empty() { span.name.clone() } else { rest.name.clone() },
        kind: if rest.kind == 0 { span.otel_kind.into() } else { rest.kind },
        start_time_unix_nano: span.start.0.unsigned_abs(),
        end_time_unix_nano: span.end.0.unsigned_abs(),
        attributes: span.otlp_attributes(),
        status: rest.status.clone().or_else(|| {
            let status = Status { code: span.status_code.number().into(), message: span.status_message.clone() };
            (status != Status::default()).then_some(status)
        }),
        ..rest.clone()
    }
}

/// Returns spans with their resources and instrumentation scopes, grouped as OTLP groups them.
#[must_use]
pub fn to_traces_data(spans: &[Span], origins: &HashMap<i64, Origin>) -> TracesData {
    let mut resource_spans: Vec<(i64, ResourceSpans)> = Vec::new();
    for span in spans {
        let proto = to_proto(span);
        if let Some((_, group)) = resource_spans.iter_mut().find(|(id, _)| *id == span.origin_id) {
            if let Some(scope) = group.scope_spans.first_mut() {
                scope.spans.push(proto);
            }
            continue;
        }
        let origin = origins.get(&span.origin_id).cloned().unwrap_or_default();
        let group = ResourceSpans {
            resource: origin.resource,
            schema_url: origin.resource_schema_url,
            scope_spans: vec![ScopeSpans {
                scope: origin.instrumentation_scope,
                schema_url: origin.scope_schema_url,
                spans: vec![proto],
            }],
        };
        resource_spans.push((span.origin_id, group));
    }
    TracesData { resource_spans: resource_spans.into_iter().map(|(_, group)| group).collect() }
}

/// A span in OTLP form.
#[derive(Debug, Serialize, ToSchema)]
pub struct OtlpSpan {
    attributes: Vec<OtlpKeyValue>,
    dropped_attributes_count: Option<u32>,
    dropped_events_count: Option<u32>,
    dropped_links_count: Option<u32>,
    end_time_unix_nano: u64,
    events: Option<Vec<OtlpEvent>>,
    flags: Option<u32>,
    kind: &'static str,
    links: Option<Vec<OtlpLink>>,
    name: String,
    parent_span_id: Option<String>,
    span_id: String,
    start_time_unix_nano: u64,
    status: OtlpStatus,
    trace_id: String,
    trace_state: Option<String>,
}

/// Outcome of a span in OTLP form.
#[derive(Debug, Serialize, ToSchema)]
pub struct OtlpStatus {
    code: i32,
    message: Option<String>,
}

/// An event in OTLP form.
#[derive(Debug, Serialize, ToSchema)]
pub struct OtlpEvent {
    attributes: Vec<OtlpKeyValue>,
    dropped_attributes_count: Option<u32>,
    name: String,
    time_unix_nano: u64,
}

/// A link in OTLP form.
#[derive(Debug, Serialize, ToSchema)]
pub struct OtlpLink {
    attributes: Vec<OtlpKeyValue>,
    dropped_attributes_count: Option<u32>,
    flags: Option<u32>,
    span_id: String,
    trace_id: String,
    trace_state: Option<String>,
}

/// An attribute in OTLP form.
#[derive(Debug, Serialize, ToSchema)]
pub struct OtlpKeyValue {
    key: String,
    value: OtlpAnyValue,
}

/// A value in OTLP form: one member is set.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct OtlpAnyValue {
    array_value: Option<OtlpArrayValue>,
    bool_value: Option<bool>,
    /// Base64.
    bytes_value: Option<String>,
    #[schema(value_type = Option<f64>)]
    double_value: Option<Double>,
    int_value: Option<i64>,
    kvlist_value: Option<OtlpKeyValueList>,
    string_value: Option<String>,
}

/// A list in OTLP form.
#[derive(Debug, Serialize, ToSchema)]
pub struct OtlpArrayValue {
    #[schema(no_recursion)]
    values: Vec<OtlpAnyValue>,
}

/// A map in OTLP form.
#[derive(Debug, Serialize, ToSchema)]
pub struct OtlpKeyValueList {
    #[schema(no_recursion)]
    values: Vec<OtlpKeyValue>,
}

/// A double, which JSON can only hold by name when it is not finite (protobuf's JSON mapping).
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Double {
    /// A finite number.
    Finite(f64),
    /// `NaN`, `Infinity` or `-Infinity`.
    Named(&'static str),
}

impl From<f64> for Double {
    fn from(double: f64) -> Self {
        if double.is_finite() {
            Self::Finite(double)
        } else if double.is_nan() {
            Self::Named("NaN")
        } else if double > 0.0 {
            Self::Named("Infinity")
        } else {
            Self::Named("-Infinity")
        }
    }
}

impl From<AnyValue> for OtlpAnyValue {
    fn from(value: AnyValue) -> Self {
        let mut out = Self::default();
        match value.value {
            Some(Value::StringValue(s)) => out.string_value = Some(s),
            Some(Value::BoolValue(b)) => out.bool_value = Some(b),
            Some(Value::IntValue(i)) => out.int_value = Some(i),
            Some(Value::DoubleValue(d)) => out.double_value = Some(d.into()),
            Some(Value::BytesValue(b)) => out.bytes_value = Some(STANDARD.encode(b)),
            Some(Value::ArrayValue(a)) => {
                out.array_value = Some(OtlpArrayValue { values: a.values.into_iter().map(Self::from).collect() });
            }
            Some(Value::KvlistValue(l)) => out.kvlist_value = Some(OtlpKeyValueList { values: pairs(l.values) }),
            // A reference into the string table of a profile means nothing on a span.
            Some(_) | None => {}
        }
        out
    }
}

/// Returns attributes in OTLP form, maps opened into dotted keys as the wire contract has no form for them.
fn flat_pairs(attributes: Vec<KeyValue>) -> Vec<OtlpKeyValue> {
    fn open(key: String, value: AnyValue, out: &mut Vec<OtlpKeyValue>) {
        let is_map = |v: &AnyValue| matches!(v.value, Some(Value::KvlistValue(_)));
        match value.value {
            Some(Value::KvlistValue(list)) => {
                for entry in list.values {
                    open(format!("{key}.{}", entry.key), entry.value.unwrap_or_default(), out);
                }
            }
            Some(Value::ArrayValue(array)) if array.values.iter().any(is_map) => {
                for (index, value) in array.values.into_iter().enumerate() {
                    open(format!("{key}.{index}"), value, out);
                }
            }
            None => {}
            value => out.push(OtlpKeyValue { key, value: AnyValue { value }.into() }),
        }
    }
    let mut out = Vec::with_capacity(attributes.len());
    for attribute in attributes {
        open(attribute.key, attribute.value.unwrap_or_default(), &mut out);
    }
    out
}

fn pairs(attributes: Vec<KeyValue>) -> Vec<OtlpKeyValue> {
    attributes.into_iter().map(|a| OtlpKeyValue { key: a.key, value: a.value.unwrap_or_default().into() }).collect()
}

const KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];

impl From<&Span> for OtlpSpan {
    fn from(span: &Span) -> Self {
        let proto = to_proto(span);
        let some = |n: u32| (n > 0).then_some(n);
        let text = |t: String| (!t.is_empty()).then_some(t);
        let event = |e: Event| OtlpEvent {
            attributes: flat_pairs(e.attributes),
            dropped_attributes_count: some(e.dropped_attributes_count),
            name: e.name,
            time_unix_nano: e.time_unix_nano,
        };
        let status = proto.status.unwrap_or_default();
        let links = proto.links.into_iter().map(|l| OtlpLink {
            attributes: flat_pairs(l.attributes),
            dropped_attributes_count: some(l.dropped_attributes_count),
            flags: some(l.flags),
            span_id: hex::encode(l.span_id),
            trace_id: hex::encode(l.trace_id),
            trace_state: text(l.trace_state),
        });
        let links: Vec<OtlpLink> = links.collect();
        let events: Vec<OtlpEvent> = proto.events.into_iter().map(event).collect();
        Self {
            attributes: flat_pairs(proto.attributes),
            dropped_attributes_count: some(proto.dropped_attributes_count),
            dropped_events_count: some(proto.dropped_events_count),
            dropped_links_count: some(proto.dropped_links_count),
            end_time_unix_nano: proto.end_time_unix_nano,
            events: (!events.is_empty()).then_some(events),
            flags: some(proto.flags),
            kind: usize::try_from(proto.kind).ok().and_then(|k| KINDS.get(k)).copied().unwrap_or(KINDS[0]),
            links: (!links.is_empty()).then_some(links),
            name: proto.name,
            parent_span_id: span.parent_span_id.map(SpanId::to_hex),
            span_id: span.span_id.to_hex(),
            start_time_unix_nano: proto.start_time_unix_nano,
            status: OtlpStatus { code: status.code, message: text(status.message) },
            trace_id: span.trace_id.to_hex(),
            trace_state: text(proto.trace_state),
        }
    }
}
