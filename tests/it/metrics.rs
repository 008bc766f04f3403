//! The numbers for Prometheus, and what they say after requests.

use std::collections::BTreeSet;

use phoenix_server::domain::scope::Role;
use prost::Message as _;
use serde_json::json;

use crate::support::{Engine, TestApp, both_engines, client::Client, otlp};

/// Returns the value of a series, by its whole name with labels.
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in\n{text}")).parse().unwrap()
}

both_engines! {
    async fn requests_spans_and_caches_are_counted(engine) {
        let app = TestApp::with(engine, |config| config.telemetry.enable_prometheus = true).await;
        let numbers = Client::new(app.app.exposition.clone().unwrap());
        let key = app.key(Role::Member, None).await;
        key.export_bytes(otlp::request("p", vec![otlp::span(1, 1), otlp::span(1, 2)]).encode_to_vec()).await.expect(200);
        let mut bad = otlp::span(1, 3);
        bad.span_id = vec![0; 8];
        key.export_bytes(otlp::request("p", vec![otlp::span(1, 1), bad]).encode_to_vec()).await.expect(200);
        key.get("/v1/projects/p/spans").await.expect(200);
        key.get("/v1/projects/nosuch/spans").await.expect(404);
        app.anonymous().get("/v1/projects").await.expect(401);
        app.anonymous().get("/some/page").await;

        app.app.look_at_storage().await.unwrap();
        let answer = numbers.get("/metrics").await.expect(200);
        assert!(answer.header("content-type").starts_with("application/openmetrics-text; version=1.0.0"));
        let text = answer.text();
        let requests = |route, method, status| {
            value(&text, &format!("phoenix_http_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}"))
        };
        assert!((requests("/v1/traces", "POST", 200) - 2.0).abs() < 0.1);
        assert!((requests("/v1/projects/{project_identifier}/spans", "GET", 200) - 1.0).abs() < 0.1);
        assert!((requests("/v1/projects/{project_identifier}/spans", "GET", 404) - 1.0).abs() < 0.1);
        assert!((requests("/v1/projects", "GET", 401) - 1.0).abs() < 0.1);
        assert!(requests("other", "GET", 200) >= 1.0);
        for (series, expected) in [
            ("phoenix_http_request_duration_seconds_count{method=\"POST\",route=\"/v1/traces\"}", 2.0),
            ("phoenix_spans_accepted_total", 3.0),
            ("phoenix_spans_duplicate_total", 1.0),
            ("phoenix_spans_rejected_total", 1.0),
            ("phoenix_ingest_batch_spans_count", 2.0),
            ("phoenix_ingest_batch_spans_sum", 3.0),
            ("phoenix_bulk_loader_span_insertion_time_seconds_count", 2.0),
            ("phoenix_span_queue_size", 0.0),
            ("phoenix_span_queue_bytes", 0.0),
            ("phoenix_auth_cache_lookups_total{cache=\"key\",found=\"miss\"}", 1.0),
            ("phoenix_auth_cache_lookups_total{cache=\"key\",found=\"hit\"}", 3.0),
            ("database_insertions_blocked", 0.0),
        ] {
            assert!((value(&text, series) - expected).abs() < 0.1, "{series}\n{text}");
        }
        assert!(value(&text, "database_disk_usage_bytes") > 100_000.0);
        assert!(text.contains("phoenix_build_info{version=\""), "{text}");
        // No credential opens it, and there is nothing else on that listener.
        numbers.get("/v1/projects").await.expect(404);
        numbers.post("/metrics", &json!({})).await.expect(405);
    }

    async fn nothing_is_counted_when_nobody_may_ask(engine) {
        let app = TestApp::new(engine).await;
        assert!(app.app.exposition.is_none());
    }
}

/// The table of metrics in the guide for operators is what the server tells, no more and no less.
#[tokio::test]
async fn the_guide_lists_every_metric() {
    let app = TestApp::with(Engine::Sqlite, |config| config.telemetry.enable_prometheus = true).await;
    // What is told by labels appears with the first of them.
    app.anonymous().get("/healthz").await.expect(200);
    let text = Client::new(app.app.exposition.clone().unwrap()).get("/metrics").await.expect(200).text();
    let names = |line: &str| {
        let mut words = line.strip_prefix("# TYPE ")?.split(' ');
        let (name, kind) = (words.next()?, words.next()?);
        let suffix = match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        Some(format!("{name}{suffix}"))
    };
    let told: BTreeSet<String> = text.lines().filter_map(names).collect();
    let guide = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let listed: BTreeSet<String> = guide
        .lines()
        .skip_while(|line| !line.starts_with("## Metrics"))
        .take_while(|line| !line.starts_with("## Alerts"))
        .filter_map(|line| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned()))
        .collect();
    assert_eq!(listed, told);
}
