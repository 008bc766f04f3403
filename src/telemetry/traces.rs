//! Traces of the server itself, sent by OTLP to a collector: one span a request, one a transaction of the writer.
//!
//! Spans go into a bounded list and one task sends them in batches; when the collector is slow, spans are dropped and
//! counted in a warning, and no request waits. A collector may be this very server: what it sends itself bears a mark, and a
//! request with the mark makes no span, nor does the transaction that holds nothing else. So nothing goes in a circle.
//!
//! Written on the protocol's own types, which the server has for taking spans in: the SDK would bring a thread, a second
//! HTTP client and its own idea of context for the two kinds of spans that are made here.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::Link, status::StatusCode},
};
use prost::Message as _;
use tokio::sync::mpsc;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use url::Url;

use crate::domain::time::UnixNanos;

/// Spans that may wait.
const WAITING: usize = 4_096;
/// Spans of one export.
const BATCH: usize = 512;
/// How long a span waits for company.
const INTERVAL: Duration = Duration::from_secs(2);
/// How long an export may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pauses before an export is tried again.
const BACKOFF: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(3)];
/// Carries the mark of what the server sends itself.
pub const MARK: HeaderName = HeaderName::from_static("x-phoenix-own-traces");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Where spans go.
#[derive(Clone, Debug)]
pub enum Collector {
    /// By HTTP, protobuf.
    Http(Url),
    /// By gRPC.
    Grpc(Url),
}

/// How to send.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to.
    pub collectors: Vec<Collector>,
    /// What each export carries, such as a credential.
    pub headers: HeaderMap,
    /// Names the deployment to itself.
    pub deployment: String,
    /// Version of this server.
    pub version: &'static str,
}

/// Why there can be no exporter.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// TLS cannot be set up.
    #[error("no HTTP client: {0}")]
    Http(#[from] reqwest::Error),
    /// The address cannot be used.
    #[error("no gRPC channel: {0}")]
    Grpc(#[from] tonic::transport::Error),
}

tokio::task_local! {
    static CURRENT: SpanContext;
}

/// What a span is known by to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanContext {
    trace_id: [u8; 16],
    span_id: [u8; 8],
}

impl SpanContext {
    /// Returns the span that the current work is part of.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|context| *context).ok()
    }

    /// Runs work as part of this span.
    pub fn around<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, work)
    }
}

/// A span under way.
#[derive(Debug)]
pub struct Active {
    tracer: Tracer,
    context: SpanContext,
    parent: Option<[u8; 8]>,
    at: UnixNanos,
    started: Instant,
}

impl Active {
    /// Returns what it is known by.
    #[must_use]
    pub fn context(&self) -> SpanContext {
        self.context
    }

    /// Ends it.
    pub fn end(self, done: Done) {
        let Done { name, kind, attributes, links, error } = done;
        let end = self.at.plus(self.started.elapsed());
        let nanos = |at: UnixNanos| u64::try_from(at.0).unwrap_or(0);
        let status = error.map(|message| Status { message, code: StatusCode::Error.into() });
        let link =
            |c: SpanContext| Link { trace_id: c.trace_id.to_vec(), span_id: c.span_id.to_vec(), ..Link::default() };
        self.tracer.send(Span {
            trace_id: self.context.trace_id.to_vec(),
            span_id: self.context.span_id.to_vec(),
            parent_span_id: self.parent.map(|p| p.to_vec()).unwrap_or_default(),
            name,
            kind: kind as i32,
            start_time_unix_nano: nanos(self.at),
            end_time_unix_nano: nanos(end),
            attributes,
            links: links.into_iter().map(link).collect(),
            status,
            ..Span::default()
        });
    }
}

/// Whom a span is about (OTLP `SpanKind`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The server itself.
    Internal = 1,
    /// A caller that waits.
    Server = 2,
}

/// What a span says once it is over.
#[derive(Debug)]
pub struct Done {
    /// Its name.
    pub name: String,
    /// Whom it is about.
    pub kind: Kind,
    /// What is known of it.
    pub attributes: Vec<KeyValue>,
    /// Spans that it worked for beside its parent.
    pub links: Vec<SpanContext>,
    /// What went wrong.
    pub error: Option<String>,
}

/// Returns an attribute.
#[must_use]
pub fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

/// Returns an attribute.
#[must_use]
pub fn number(key: &str, value: usize) -> KeyValue {
    attribute(key, Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// The way to the exporter; cheap to clone.
#[derive(Clone, Debug)]
pub struct Tracer {
    spans: mpsc::Sender<Span>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    mark: HeaderValue,
    dropped: AtomicU64,
}

impl Tracer {
    /// Starts the task that exports. It ends, everything tried once, when the last tracer is gone.
    pub fn start(options: Options) -> Result<(Self, tokio::task::JoinHandle<()>), SetupError> {
        let (spans, queue) = mpsc::channel(WAITING);
        let mark = HeaderValue::from_str(&options.deployment).unwrap_or(HeaderValue::from_static("own"));
        let shared = Arc::new(Shared { mark: mark.clone(), dropped: AtomicU64::new(0) });
        let mut headers = options.headers;
        headers.insert(MARK, mark);
        let ways = options.collectors.iter().map(|c| Way::new(c, &headers)).collect::<Result<Vec<_>, _>>()?;
        let exporter = Exporter { ways, version: options.version, shared: Arc::clone(&shared) };
        #[expect(clippy::disallowed_methods, reason = "it outlives every tracked task; its handle is awaited at stop")]
        let task = tokio::spawn(exporter.run(queue));
        Ok((Self { spans, shared }, task))
    }

    /// Begins the span of a request, unless it is an export of our own. A sender that traces is its parent.
    #[must_use]
    pub fn request(&self, headers: &HeaderMap, at: UnixNanos) -> Option<Active> {
        if headers.get(MARK).is_some_and(|mark| *mark == self.shared.mark) {
            return None;
        }
        let parent = headers.get(TRACEPARENT).and_then(|value| parent_of(value.as_bytes()));
        Some(self.begin(parent, at))
    }

    /// Begins a span below another.
    #[must_use]
    pub fn below(&self, parent: SpanContext, at: UnixNanos) -> Active {
        self.begin(Some(parent), at)
    }

    fn begin(&self, parent: Option<SpanContext>, at: UnixNanos) -> Active {
        let trace_id = parent.map_or_else(id::<16>, |p| p.trace_id);
        Active {
            tracer: self.clone(),
            context: SpanContext { trace_id, span_id: id::<8>() },
            parent: parent.map(|p| p.span_id),
            at,
            started: Instant::now(),
        }
    }

    fn send(&self, span: Span) {
        if self.spans.try_send(span).is_err() {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Returns an id; one of zeros would be none.
fn id<const N: usize>() -> [u8; N] {
    loop {
        let id = rand::random::<[u8; 16]>();
        if let Some(id) = id.first_chunk::<N>().filter(|id| **id != [0; N]) {
            return *id;
        }
    }
}

/// Reads a `traceparent` (W3C Trace Context); the sender's wish not to be sampled is none of ours.
fn parent_of(value: &[u8]) -> Option<SpanContext> {
    let text = std::str::from_utf8(value).ok()?;
    let mut parts = text.split('-');
    let version = parts.next().filter(|v| v.len() == 2 && *v != "ff")?;
    let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
    if flags.len() != 2 || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let (mut trace_id, mut span_id) = ([0; 16], [0; 8]);
    hex::decode_to_slice(trace, &mut trace_id).ok()?;
    hex::decode_to_slice(span, &mut span_id).ok()?;
    (trace_id != [0; 16] && span_id != [0; 8]).then_some(SpanContext { trace_id, span_id })
}

/// A collector, ready to be asked.
#[derive(Debug)]
enum Way {
    Http { client: reqwest::Client, url: Url, headers: HeaderMap },
    Grpc { client: Box<TraceServiceClient<Channel>>, headers: HeaderMap },
}

impl Way {
    fn new(collector: &Collector, headers: &HeaderMap) -> Result<Self, SetupError> {
        let headers = headers.clone();
        Ok(match collector {
            Collector::Http(url) => Self::Http {
                client: reqwest::Client::builder()
                    .timeout(PATIENCE)
                    // A collector that answers elsewhere is misconfigured; its credential must not go there.
                    .redirect(reqwest::redirect::Policy::none())
                    .build()?,
                url: traces_url(url),
                headers,
            },
            Collector::Grpc(url) => {
                let mut endpoint = Endpoint::from_shared(url.to_string())?.timeout(PATIENCE).connect_timeout(PATIENCE);
                if url.scheme() == "https" {
                    endpoint = endpoint.tls_config(ClientTlsConfig::new().with_native_roots().with_webpki_roots())?;
                }
                Self::Grpc { client: Box::new(TraceServiceClient::new(endpoint.connect_lazy())), headers }
            }
        })
    }

    /// Sends once; `Err` says what happened, and whether another try may help.
    async fn send(&self, request: &ExportTraceServiceRequest) -> Result<(), (String, bool)> {
        match self {
            Self::Http { client, url, headers } => {
                let sent = client
                    .post(url.clone())
                    .headers(headers.clone())
                    .header(http::header::CONTENT_TYPE, "application/x-protobuf")
                    .body(request.encode_to_vec())
                    .send()
                    .await;
                match sent {
                    Ok(response) if response.status().is_success() => Ok(()),
                    Ok(response) => {
                        let status = response.status();
                        Err((format!("HTTP {status}"), matches!(status.as_u16(), 429 | 502 | 503 | 504)))
                    }
                    // Without the address: it may hold a credential.
                    Err(error) => Err((error.without_url().to_string(), true)),
                }
            }
            Self::Grpc { client, headers } => {
                let metadata = tonic::metadata::MetadataMap::from_headers(headers.clone());
                let request = tonic::Request::from_parts(metadata, tonic::Extensions::default(), request.clone());
                match client.as_ref().clone().export(request).await {
                    Ok(_) => Ok(()),
                    Err(status) => {
                        let again = matches!(
                            status.code(),
                            tonic::Code::Unavailable | tonic::Code::ResourceExhausted | tonic::Code::DeadlineExceeded
                        );
                        Err((format!("gRPC {:?}", status.code()), again))
                    }
                }
            }
        }
    }
}

/// The address of a collector as it is meant: an origin alone is that of a server which takes all of OTLP.
fn traces_url(url: &Url) -> Url {
    let mut url = url.clone();
    if url.path() == "/" {
        url.set_path("/v1/traces");
    }
    url
}

struct Exporter {
    ways: Vec<Way>,
    version: &'static str,
    shared: Arc<Shared>,
}

impl Exporter {
    async fn run(self, mut queue: mpsc::Receiver<Span>) {
        let mut is_open = true;
        while is_open {
            let mut spans = Vec::new();
            let deadline = tokio::time::Instant::now() + INTERVAL;
            while spans.len() < BATCH {
                match tokio::time::timeout_at(deadline, queue.recv()).await {
                    Ok(Some(span)) => spans.push(span),
                    Ok(None) => {
                        is_open = false;
                        break;
                    }
                    Err(_) => break,
                }
            }
            if !spans.is_empty() {
                self.export(spans, is_open).await;
            }
            let dropped = self.shared.dropped.swap(0, Ordering::Relaxed);
            if dropped > 0 {
                tracing::warn!(dropped, "own spans dropped: the collector is too slow");
            }
        }
    }

    async fn export(&self, spans: Vec<Span>, may_wait: bool) {
        let number = spans.len();
        let request = ExportTraceServiceRequest { resource_spans: vec![self.resource_spans(spans)] };
        for way in &self.ways {
            let mut pauses = BACKOFF.iter().filter(|_| may_wait);
            while let Err((error, again)) = way.send(&request).await {
                let Some(pause) = pauses.next().filter(|_| again) else {
                    tracing::warn!(error, spans = number, "own spans not exported");
                    break;
                };
                tokio::time::sleep(*pause).await;
            }
        }
    }

    fn resource_spans(&self, spans: Vec<Span>) -> ResourceSpans {
        let name = env!("CARGO_PKG_NAME");
        let attributes = vec![
            text("service.name", name),
            text("service.version", self.version),
            // A collector that groups by projects shows the server as one.
            text("openinference.project.name", name),
        ];
        let scope =
            InstrumentationScope { name: name.to_owned(), version: self.version.to_owned(), ..Default::default() };
        ResourceSpans {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_spans: vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_as_the_standard_says() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(parent_of(good.as_bytes()).unwrap().span_id, [0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]);
        assert!(parent_of(format!("01{}-more", &good[2..]).as_bytes()).is_some(), "a version to come");
        for bad in [
            "",
            "00",
            &good[..54],
            &format!("{good}-x"),
            &format!("ff{}", &good[2..]),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-xbf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert!(parent_of(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_origin_alone_gets_the_path_of_otlp() {
        let url = |text: &str| traces_url(&text.parse().unwrap()).to_string();
        assert_eq!(url("http://c:4318"), "http://c:4318/v1/traces");
        assert_eq!(url("http://c:4318/x"), "http://c:4318/x");
    }
}
