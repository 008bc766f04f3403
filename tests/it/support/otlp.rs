//! Spans to send.

use axum::http::Method;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value},
    resource::v1::Resource,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span, Status,
        span::{Event, Link},
    },
};
use prost::Message as _;

use super::{Answer, Client};

pub const START: u64 = 1_780_000_000_000_000_000;

pub fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

pub fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

/// A span with ids made of two numbers.
pub fn span(trace: u64, id: u64) -> Span {
    Span {
        trace_id: [[0xAA; 8], trace.to_be_bytes()].concat(),
        span_id: id.to_be_bytes().to_vec(),
        name: format!("span {id}"),
        kind: 1,
        start_time_unix_nano: START + id * 1_000_000,
        end_time_unix_nano: START + id * 1_000_000 + 5_000_000,
        attributes: vec![text("openinference.span.kind", "LLM"), text("input.value", "hello")],
        ..Span::default()
    }
}

/// A span that uses every field and every type of value that OTLP has.
pub fn full_span(trace: u64, id: u64) -> Span {
    let any = |value| AnyValue { value: Some(value) };
    let list = vec![any(Value::IntValue(1)), any(Value::StringValue("two".to_owned())), any(Value::BoolValue(true))];
    let nested = KeyValueList {
        values: vec![
            text("k", "v"),
            attribute("deep", Value::KvlistValue(KeyValueList { values: vec![attribute("n", Value::IntValue(-7))] })),
        ],
    };
    let attributes = vec![
        text("openinference.span.kind", "AGENT"),
        text("zero", "a\0b"),
        attribute("bool", Value::BoolValue(false)),
        attribute("int", Value::IntValue(i64::MIN)),
        attribute("double", Value::DoubleValue(1.0)),
        attribute("large", Value::DoubleValue(1e300)),
        attribute("infinite", Value::DoubleValue(f64::INFINITY)),
        attribute("bytes", Value::BytesValue(vec![0, 255, 1])),
        attribute("list", Value::ArrayValue(ArrayValue { values: list })),
        attribute("empty_list", Value::ArrayValue(ArrayValue { values: Vec::new() })),
        attribute("map", Value::KvlistValue(nested)),
    ];
    Span {
        trace_state: "vendor=1".to_owned(),
        parent_span_id: vec![9; 8],
        flags: 0x0000_0301,
        name: "füll\u{1F525}".to_owned(),
        kind: 3,
        attributes: attributes.clone(),
        dropped_attributes_count: 1,
        events: vec![Event {
            time_unix_nano: START + 1,
            name: "exception".to_owned(),
            attributes: vec![text("exception.message", "boom"), attribute("blob", Value::BytesValue(vec![7]))],
            dropped_attributes_count: 2,
        }],
        dropped_events_count: 3,
        links: vec![Link {
            trace_id: vec![3; 16],
            span_id: vec![4; 8],
            trace_state: "l=1".to_owned(),
            attributes,
            dropped_attributes_count: 4,
            flags: 1,
        }],
        dropped_links_count: 5,
        status: Some(Status { code: 2, message: "it broke".to_owned() }),
        ..span(trace, id)
    }
}

/// A request with one resource and one scope.
pub fn request(project: &str, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let resource = Resource {
        attributes: vec![text("openinference.project.name", project), text("service.name", "it")],
        ..Resource::default()
    };
    let scope =
        InstrumentationScope { name: "lib".to_owned(), version: "1".to_owned(), ..InstrumentationScope::default() };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![ScopeSpans { scope: Some(scope), spans, schema_url: "https://example.com/s".to_owned() }],
            schema_url: "https://example.com/r".to_owned(),
        }],
    }
}

impl Client {
    /// Sends bytes as OTLP protobuf.
    pub async fn export_bytes(&self, body: Vec<u8>) -> Answer {
        self.send(Method::POST, "/v1/traces", Some("application/x-protobuf"), body).await
    }

    /// Sends spans to a project; all must be taken.
    pub async fn export(&self, project: &str, spans: Vec<Span>) {
        let answer = self.export_bytes(request(project, spans).encode_to_vec()).await.expect(200);
        let response = ExportTraceServiceResponse::decode(answer.body.as_slice()).unwrap();
        assert_eq!(response.partial_success, None);
    }
}
