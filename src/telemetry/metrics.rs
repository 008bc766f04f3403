//! The names, units and registration of every metric, in one table ([`Metrics::new`]).
//!
//! What is counted on the way of a request is an atomic addition; what is only a state (queue, sizes, memory) is looked at
//! when somebody asks for the text. Metrics whose meaning is the peer's bear the peer's name, so that its dashboards and
//! alerts go on working; all others begin with `phoenix_`.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::Registry,
};

/// A gauge of a number that is not whole.
pub type FloatGauge = Gauge<f64, AtomicU64>;

/// Upper bounds of the classes of latencies, in seconds: what people set their alerts at.
const LATENCIES: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// What a request is counted under.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: Arc<str>,
    status: u16,
}

/// What the latency of a request is counted under; the status would multiply the series by ten for little.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: Arc<str>,
}

/// Requests over HTTP and gRPC. The number of series is bounded: methods and statuses are the known ones, routes are those
/// of the router, and every path that has none is one.
#[derive(Clone, Debug)]
pub struct HttpMetrics {
    requests: Family<RequestLabels, Counter>,
    latency: Family<RouteLabels, Histogram, fn() -> Histogram>,
    no_route: Arc<str>,
}

impl Default for HttpMetrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            latency: Family::new_with_constructor(|| Histogram::new(LATENCIES)),
            no_route: "other".into(),
        }
    }
}

impl HttpMetrics {
    /// Counts a request that is over.
    pub fn count(&self, method: &http::Method, route: Option<&Arc<str>>, status: u16, latency: Duration) {
        let method = known_method(method);
        let route = Arc::clone(route.unwrap_or(&self.no_route));
        let labels = RouteLabels { method, route: Arc::clone(&route) };
        self.latency.get_or_create(&labels).observe(latency.as_secs_f64());
        self.requests.get_or_create(&RequestLabels { method, route, status }).inc();
    }
}

/// A method that a client made up must not make a series of its own.
fn known_method(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// Spans on their way into the database.
#[derive(Clone, Debug)]
pub struct IngestMetrics {
    /// Spans that were committed.
    pub accepted: Counter,
    /// Spans of those that were there already.
    pub duplicates: Counter,
    /// Spans that were malformed or not the caller's to send.
    pub rejected: Counter,
    /// Spans whose transaction failed.
    pub failed: Counter,
    /// Requests that found no room in the queue.
    pub refused_requests: Counter,
    /// Spans of one transaction.
    pub batch_spans: Histogram,
    /// Requests that shared one transaction.
    pub batch_requests: Histogram,
    /// Time of one transaction.
    pub commit_seconds: Histogram,
    /// When a transaction last succeeded, in Unix seconds.
    pub last_success: Gauge,
    queue_spans: Gauge,
    queue_bytes: Gauge,
    queue_requests: Gauge,
}

impl Default for IngestMetrics {
    fn default() -> Self {
        Self {
            accepted: Counter::default(),
            duplicates: Counter::default(),
            rejected: Counter::default(),
            failed: Counter::default(),
            refused_requests: Counter::default(),
            batch_spans: Histogram::new(exponential_buckets(1.0, 4.0, 8)),
            batch_requests: Histogram::new(exponential_buckets(1.0, 2.0, 9)),
            commit_seconds: Histogram::new(LATENCIES),
            last_success: Gauge::default(),
            queue_spans: Gauge::default(),
            queue_bytes: Gauge::default(),
            queue_requests: Gauge::default(),
        }
    }
}

impl IngestMetrics {
    /// Notes what the queue holds.
    pub fn see_queue(&self, requests: usize, spans: usize, bytes: usize) {
        self.queue_requests.set(whole(requests));
        self.queue_spans.set(whole(spans));
        self.queue_bytes.set(whole(bytes));
    }
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CacheLabels {
    cache: &'static str,
    found: &'static str,
}

/// Looks into the caches of who calls.
#[derive(Clone, Debug)]
pub struct CacheMetrics {
    lookups: Family<CacheLabels, Counter>,
    keys: [Counter; 2],
    sessions: [Counter; 2],
    tokens: [Counter; 2],
}

/// Whether a cache knew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// It did.
    Hit,
    /// It did not.
    Miss,
}

impl From<bool> for Lookup {
    fn from(found: bool) -> Self {
        if found { Self::Hit } else { Self::Miss }
    }
}

impl Default for CacheMetrics {
    fn default() -> Self {
        let lookups = Family::default();
        // Taken out of the family once, so that a look costs one addition and no search.
        let pair =
            |cache| ["hit", "miss"].map(|found| Family::get_or_create_owned(&lookups, &CacheLabels { cache, found }));
        let (keys, sessions, tokens) = (pair("key"), pair("session"), pair("token"));
        Self { lookups, keys, sessions, tokens }
    }
}

impl CacheMetrics {
    /// Counts a look for an API key.
    pub fn key(&self, lookup: Lookup) {
        self.keys[lookup as usize].inc();
    }

    /// Counts a look for a login session.
    pub fn session(&self, lookup: Lookup) {
        self.sessions[lookup as usize].inc();
    }

    /// Counts a look for an access token whose signature was verified before.
    pub fn token(&self, lookup: Lookup) {
        self.tokens[lookup as usize].inc();
    }
}

/// How full the database is.
#[derive(Clone, Debug, Default)]
pub struct StorageMetrics {
    /// Its size in bytes.
    pub used_bytes: Gauge,
    /// Its size as a share of what it may take; 0 when that is not configured.
    pub used_ratio: FloatGauge,
    /// Whether writes are refused: 1 or 0.
    pub blocked: Gauge,
    /// Warnings that were mailed by this process.
    pub warnings: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
    api_version: &'static str,
    engine: &'static str,
}

/// Versions and engine, which the text tells beside the numbers.
#[derive(Clone, Copy, Debug)]
pub struct Build {
    /// Version of this server.
    pub version: &'static str,
    /// Version of the wire protocol.
    pub api_version: &'static str,
    /// Engine of the database.
    pub engine: &'static str,
}

/// Every metric of a process, ready to be written out; cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    http: HttpMetrics,
    memory: Gauge,
    open_files: Gauge,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Registers everything under its name.
    #[must_use]
    pub fn new(
        build: Build,
        started_at: i64,
        ingest: &IngestMetrics,
        caches: &CacheMetrics,
        storage: &StorageMetrics,
    ) -> Self {
        let (http, memory, open_files) = (HttpMetrics::default(), Gauge::default(), Gauge::default());
        let mut all = Registry::default();
        let Build { version, api_version, engine } = build;
        let start = Gauge::<i64>::default();
        start.set(started_at);
        all.register("phoenix_build", "Versions and engine", Info::new(BuildLabels { version, api_version, engine }));
        all.register("process_start_time_seconds", "Start of the process in Unix seconds", start);
        all.register("process_resident_memory_bytes", "Resident memory of the process", memory.clone());
        all.register("process_open_fds", "Open file descriptors of the process", open_files.clone());

        let (requests, latency) = (http.requests.clone(), http.latency.clone());
        all.register("phoenix_http_requests", "Requests over HTTP and gRPC, by HTTP status", requests);
        all.register(
            "phoenix_http_request_duration_seconds",
            "Time from the head of a request to the end of its answer",
            latency,
        );

        let i = ingest.clone();
        all.register("phoenix_span_queue_size", "Spans between the body of a request and the commit", i.queue_spans);
        all.register("phoenix_span_queue_bytes", "Bytes that requests hold until their commit", i.queue_bytes);
        all.register("phoenix_span_queue_requests", "Requests that wait for their commit", i.queue_requests);
        all.register(
            "phoenix_span_queue_rejections",
            "Requests refused because the queue was full",
            i.refused_requests,
        );
        all.register(
            "phoenix_spans_accepted",
            "Spans that were committed, those that were there before included",
            i.accepted,
        );
        all.register("phoenix_spans_duplicate", "Committed spans that were there before", i.duplicates);
        all.register("phoenix_spans_rejected", "Spans refused as malformed or not allowed", i.rejected);
        all.register("phoenix_span_ingestion_failed_spans", "Spans whose transaction failed", i.failed);
        all.register("phoenix_ingest_batch_spans", "Spans of one transaction", i.batch_spans);
        all.register("phoenix_ingest_batch_requests", "Requests that shared one transaction", i.batch_requests);
        all.register("phoenix_bulk_loader_span_insertion_time_seconds", "Time of one transaction", i.commit_seconds);
        all.register(
            "phoenix_span_ingestion_last_success_timestamp_seconds",
            "When spans were last committed, in Unix seconds",
            i.last_success,
        );

        all.register("phoenix_auth_cache_lookups", "Looks into the caches of who calls", caches.lookups.clone());

        let s = storage.clone();
        all.register("database_disk_usage_bytes", "Size of the database", s.used_bytes);
        all.register("database_disk_usage_ratio", "Size of the database as a share of its capacity", s.used_ratio);
        all.register("database_insertions_blocked", "Whether writes are refused for want of space", s.blocked);
        all.register("database_disk_usage_warning_emails_sent", "Warnings about space that were mailed", s.warnings);
        Self(Arc::new(Inner { registry: all, http, memory, open_files }))
    }

    /// Returns what counts requests.
    #[must_use]
    pub fn http(&self) -> &HttpMetrics {
        &self.0.http
    }

    /// Writes everything in the text format `OpenMetrics`.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.memory.set(resident_memory().unwrap_or(0));
        self.0.open_files.set(open_files().unwrap_or(0));
        let mut text = String::with_capacity(16 << 10);
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.0.registry);
        text
    }
}

/// Content type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Reads the resident memory; only Linux tells it in a file.
fn resident_memory() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

fn open_files() -> Option<i64> {
    i64::try_from(std::fs::read_dir("/proc/self/fd").ok()?.count()).ok()
}

/// Adds to a counter what is counted as a size.
pub fn add(counter: &Counter, number: usize) {
    counter.inc_by(number as u64);
}

/// Notes the size of a batch.
#[expect(clippy::cast_precision_loss, reason = "no batch holds 2^52 spans")]
pub fn observe(histogram: &Histogram, number: usize) {
    histogram.observe(number as f64);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> Metrics {
        let build = Build { version: "1", api_version: "2", engine: "SQLite" };
        Metrics::new(build, 1, &IngestMetrics::default(), &CacheMetrics::default(), &StorageMetrics::default())
    }

    #[test]
    fn requests_are_counted_by_known_names_alone() {
        let metrics = metrics();
        let route: Arc<str> = "/v1/projects/{project_identifier}".into();
        let latency = Duration::from_millis(3);
        metrics.http().count(&http::Method::GET, Some(&route), 200, latency);
        metrics.http().count(&http::Method::from_bytes(b"BREW").unwrap(), None, 405, latency);
        let text = metrics.text();
        let first =
            "phoenix_http_requests_total{method=\"GET\",route=\"/v1/projects/{project_identifier}\",status=\"200\"} 1";
        assert!(text.contains(first), "{text}");
        assert!(
            text.contains("phoenix_http_requests_total{method=\"other\",route=\"other\",status=\"405\"} 1"),
            "{text}"
        );
        assert!(text.contains("le=\"0.005\",method=\"GET\",route=\"/v1/projects/{project_identifier}\"} 1"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }

    #[test]
    fn a_process_tells_its_memory() {
        assert!(resident_memory().is_none_or(|bytes| bytes > 1 << 20));
        assert!(open_files().is_none_or(|files| files > 0));
    }
}
