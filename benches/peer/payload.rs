//! Export requests of realistic LLM spans of 2 to 4 kB, encoded once and given fresh ids and times for every request.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::Event},
};
use prost::{
    Message as _,
    encoding::{WireType, encode_key, encode_varint},
};
use rand::{Rng as _, SeedableRng as _, rngs::SmallRng, seq::IndexedRandom as _};

/// Spans of a trace: a chain with a retriever, two calls of a model and a tool below it.
const TRACE: [&str; 5] = ["CHAIN", "RETRIEVER", "LLM", "TOOL", "LLM"];
/// Stand-ins that are found again in an encoded span: bytes that neither text nor lengths make.
const TRACE_ID: [u8; 16] = [0xf1; 16];
const SPAN_ID: [u8; 8] = [0xf3; 8];
const PARENT_ID: [u8; 8] = [0xf5; 8];
const START: u64 = 0xf7f7_f7f7_f7f7_f7f7;
const END: u64 = 0xf9f9_f9f9_f9f9_f9f9;
const EVENT: u64 = 0xfbfb_fbfb_fbfb_fbfb;

const WORDS: &str = "the of and to in a is that for it as was with be by on not he his but at are this have from or had \
     an they which one you were all her she there would their we him been has when who will no more if out so up said \
     what its about than into them can only other time new some could these two may first then do model answer context \
     document retrieval embedding latency question customer account invoice refund policy shipping warehouse delivery \
     temperature summary passage citation therefore however because although information system request response error \
     value function argument parameter result database query table index search token prompt completion assistant user";

/// Makes spans; the same seed makes the same ones.
#[derive(Debug)]
pub(crate) struct Generator {
    random: SmallRng,
    words: Vec<&'static str>,
}

impl Generator {
    /// Starts with a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: SmallRng::seed_from_u64(seed), words: WORDS.split_whitespace().collect() }
    }

    /// Makes spans of whole traces, with stand-ins for ids and times.
    pub(crate) fn spans(&mut self, count: usize) -> Vec<Span> {
        let kinds = (0..TRACE.len()).cycle();
        kinds.take(count).map(|place| self.span(place)).collect()
    }

    fn span(&mut self, place: usize) -> Span {
        let kind = TRACE[place];
        let room = self.random.random_range(1_500..3_300);
        let mut attributes = vec![
            string("openinference.span.kind", kind),
            string("session.id", format!("session-{}", self.random.random_range(0..200))),
            string("user.id", format!("user-{}", self.random.random_range(0..50))),
            string("metadata", r#"{"tenant":"acme","release":"2026.4","region":"eu-west-1"}"#),
            string("input.mime_type", "text/plain"),
            string("output.mime_type", "text/plain"),
        ];
        let (name, mut parts) = match kind {
            "LLM" => {
                let (prompt, completion) = (self.random.random_range(200..900), self.random.random_range(20..400));
                attributes.extend([
                    string("llm.model_name", "gpt-4o-2024-11-20"),
                    string("llm.provider", "openai"),
                    string("llm.invocation_parameters", r#"{"temperature":0.2,"max_tokens":1024,"top_p":1}"#),
                    int("llm.token_count.prompt", prompt),
                    int("llm.token_count.completion", completion),
                    int("llm.token_count.total", prompt + completion),
                    string("llm.input_messages.0.message.role", "system"),
                    string("llm.input_messages.1.message.role", "user"),
                    string("llm.output_messages.0.message.role", "assistant"),
                ]);
                let texts = [
                    "llm.input_messages.0.message.content",
                    "llm.input_messages.1.message.content",
                    "llm.output_messages.0.message.content",
                    "input.value",
                    "output.value",
                ];
                ("ChatCompletion", texts.to_vec())
            }
            "RETRIEVER" => {
                for document in 0..3 {
                    let key = format!("retrieval.documents.{document}.document");
                    attributes
                        .push(string(&format!("{key}.id"), format!("doc-{}", self.random.random_range(0..9_999))));
                    attributes.push(double(&format!("{key}.score"), self.random.random_range(0.0..1.0)));
                }
                let texts = [
                    "input.value",
                    "retrieval.documents.0.document.content",
                    "retrieval.documents.1.document.content",
                    "retrieval.documents.2.document.content",
                ];
                ("VectorStoreRetriever", texts.to_vec())
            }
            "TOOL" => {
                attributes.push(string("tool.name", "search_orders"));
                attributes.push(string("tool.description", "Finds the orders of a customer by account and date"));
                ("search_orders", vec!["tool.parameters", "input.value", "output.value"])
            }
            _ => ("AnswerQuestion", vec!["input.value", "output.value"]),
        };
        let share = room / parts.len();
        attributes.extend(parts.drain(..).map(|key| string(key, self.text(share))));
        let failed = self.random.random_ratio(1, 20);
        let mut events = Vec::new();
        if kind == "LLM" {
            events.push(event("first_token", vec![double("latency_ms", self.random.random_range(80.0..900.0))]));
        }
        if failed {
            let message = string("exception.message", self.text(120));
            events.push(event("exception", vec![string("exception.type", "TimeoutError"), message]));
        }
        Span {
            trace_id: TRACE_ID.to_vec(),
            span_id: SPAN_ID.to_vec(),
            parent_span_id: if place == 0 { Vec::new() } else { PARENT_ID.to_vec() },
            name: name.to_owned(),
            kind: 1,
            start_time_unix_nano: START,
            end_time_unix_nano: END,
            attributes,
            events,
            status: Some(Status { code: if failed { 2 } else { 1 }, message: String::new() }),
            ..Span::default()
        }
    }

    fn text(&mut self, length: usize) -> String {
        let mut text = String::with_capacity(length + 16);
        while text.len() < length {
            text.push_str(self.words.choose(&mut self.random).copied().unwrap_or_default());
            text.push(' ');
        }
        text
    }
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn string(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

fn int(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn double(key: &str, value: f64) -> KeyValue {
    attribute(key, Value::DoubleValue(value))
}

fn event(name: &str, attributes: Vec<KeyValue>) -> Event {
    Event { name: name.to_owned(), time_unix_nano: EVENT, attributes, ..Event::default() }
}

/// Where the stand-ins of a span lie in a request.
#[derive(Clone, Debug)]
struct Slots {
    trace: usize,
    span: usize,
    parent: Option<usize>,
    start: usize,
    end: usize,
    events: Vec<usize>,
}

/// An encoded request, ready to be given ids and times.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    slots: Vec<Slots>,
}

impl Template {
    /// Encodes a request of `spans` spans for a project.
    pub(crate) fn new(generator: &mut Generator, project: &str, spans: usize) -> Result<Self> {
        let resource = Resource {
            attributes: vec![string("openinference.project.name", project), string("service.name", "checkout")],
            ..Resource::default()
        };
        let scope = InstrumentationScope {
            name: "openinference.instrumentation.openai".to_owned(),
            version: "0.1.30".to_owned(),
            ..InstrumentationScope::default()
        };
        let mut scope_spans = ScopeSpans { scope: Some(scope), ..ScopeSpans::default() }.encode_to_vec();
        let mut slots = Vec::with_capacity(spans);
        for span in generator.spans(spans) {
            let encoded = span.encode_to_vec();
            let field = field(2, &encoded);
            slots.push(find(&field, scope_spans.len())?);
            scope_spans.extend(field);
        }
        // Each message around the spans moves them on by its own header.
        let mut bytes = ResourceSpans { resource: Some(resource), ..ResourceSpans::default() }.encode_to_vec();
        let inner = field(2, &scope_spans);
        let mut shift = bytes.len() + inner.len() - scope_spans.len();
        bytes.extend(inner);
        let outer = field(1, &bytes);
        shift += outer.len() - bytes.len();
        for slot in &mut slots {
            let places = [&mut slot.trace, &mut slot.span, &mut slot.start, &mut slot.end];
            for place in places.into_iter().chain(&mut slot.parent).chain(&mut slot.events) {
                *place += shift;
            }
        }
        Ok(Self { bytes: outer, slots })
    }

    /// Returns the number of spans.
    pub(crate) fn spans(&self) -> u64 {
        self.slots.len() as u64
    }

    /// Returns the size of a span on the wire, in bytes, on average.
    pub(crate) fn span_size(&self) -> usize {
        self.bytes.len() / self.slots.len().max(1)
    }

    /// Returns the request with ids that were never used, for spans that end about `now` (unix nanoseconds).
    pub(crate) fn fill(&self, random: &mut SmallRng, now: u64) -> Bytes {
        let mut bytes = self.bytes.clone();
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        for trace in self.slots.chunks(TRACE.len()) {
            let trace_id: [u8; 16] = random.random();
            let root: [u8; 8] = random.random();
            for (place, slot) in (0_u64..).zip(trace) {
                let start = now - (10 - place) * 1_000_000;
                let span_id = if place == 0 { root } else { random.random() };
                put(slot.trace, &trace_id);
                put(slot.span, &span_id);
                if let Some(parent) = slot.parent {
                    put(parent, &root);
                }
                put(slot.start, &start.to_le_bytes());
                put(slot.end, &(start + 900_000).to_le_bytes());
                for event in &slot.events {
                    put(*event, &(start + 400_000).to_le_bytes());
                }
            }
        }
        bytes.into()
    }
}

/// Encodes a message as a field of another.
fn field(number: u32, message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.len() + 8);
    encode_key(number, WireType::LengthDelimited, &mut bytes);
    encode_varint(message.len() as u64, &mut bytes);
    bytes.extend_from_slice(message);
    bytes
}

/// Finds the stand-ins in an encoded span that lies at `offset`.
fn find(encoded: &[u8], offset: usize) -> Result<Slots> {
    let all = |pattern: &[u8]| -> Vec<usize> {
        let found = encoded.windows(pattern.len()).enumerate().filter(|(_, w)| *w == pattern);
        found.map(|(at, _)| at + offset).collect()
    };
    let one = |pattern: &[u8]| all(pattern).first().copied().context("an encoded span lacks a stand-in");
    Ok(Slots {
        trace: one(&TRACE_ID)?,
        span: one(&SPAN_ID)?,
        parent: one(&PARENT_ID).ok(),
        start: one(&START.to_le_bytes())?,
        end: one(&END.to_le_bytes())?,
        events: all(&EVENT.to_le_bytes()),
    })
}
