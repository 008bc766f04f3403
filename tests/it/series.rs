//! What goes on in a project over time. The empty bins are as the peer answers them.

use opentelemetry_proto::tonic::{
    common::v1::any_value::Value as Otlp,
    trace::v1::{Span, Status},
};
use phoenix_server::domain::scope::Role;
use serde_json::{Value, json};

use crate::support::{Client, TestApp, both_engines, otlp};

const MINUTE: u64 = 60_000_000_000;
/// 2026-05-28T20:00:00Z, a little before the spans of other tests.
const BASE: u64 = 1_779_998_400_000_000_000;

/// A trace of one span that began so many minutes after the base.
fn trace(n: u64, minutes: u64, milliseconds: u64, failed: bool) -> Span {
    let mut span = otlp::span(n, n);
    span.start_time_unix_nano = BASE + minutes * MINUTE;
    span.end_time_unix_nano = span.start_time_unix_nano + milliseconds * 1_000_000;
    span.status = failed.then(|| Status { code: 2, ..Status::default() });
    span.attributes.push(otlp::text("llm.model_name", "gpt-4o"));
    span.attributes.push(otlp::attribute("llm.token_count.prompt", Otlp::IntValue(400_000)));
    span
}

async fn series(client: &Client, field: &str, range: &str, bins: &str, selection: &str) -> Value {
    let query = format!(
        "{{ getProjectByName(name: \"p\") {{ {field}(timeRange: {range}, timeBinConfig: {bins}) {{ data {{ timestamp {selection} }} }} }} }}"
    );
    let answer = client.graphql(&query).await.expect(200).json();
    if answer["errors"] != Value::Null {
        return answer;
    }
    answer["data"]["getProjectByName"][field]["data"].clone()
}

const RANGE: &str = "{start: \"2026-05-28T19:30:00Z\", end: \"2026-05-28T22:30:00Z\"}";
const HOURS: &str = "{scale: HOUR, utcOffsetMinutes: 0}";

both_engines! {
    async fn traces_spans_latencies_tokens_and_costs_come_in_bins(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let mut traces: Vec<Span> = (1..=10).map(|n| trace(n, n, n * 10, n > 8)).collect();
        // One in the last, partial bin, and one just after the range.
        traces.push(trace(20, 149, 5, false));
        traces.push(trace(21, 150, 5, false));
        admin.export("p", traces).await;
        let by = |field: &'static str, selection: &'static str| series(&admin, field, RANGE, HOURS, selection);
        let hour = |n: usize| format!("2026-05-28T{}:00:00+00:00", 19 + n);
        assert_eq!(by("traceCountByStatusTimeSeries", "okCount errorCount totalCount").await, json!([
            {"timestamp": hour(0), "okCount": 0, "errorCount": 0, "totalCount": 0},
            {"timestamp": hour(1), "okCount": 8, "errorCount": 2, "totalCount": 10},
            {"timestamp": hour(2), "okCount": 0, "errorCount": 0, "totalCount": 0},
            {"timestamp": hour(3), "okCount": 1, "errorCount": 0, "totalCount": 1},
        ]));
        let counts = by("traceCountTimeSeries", "value").await;
        assert_eq!(counts[0]["value"], Value::Null);
        assert_eq!(counts[1]["value"], 10.0);
        let spans = by("spanCountTimeSeries", "okCount errorCount unsetCount totalCount").await;
        assert_eq!(spans[1], json!({"timestamp": hour(1), "okCount": 0, "errorCount": 2, "unsetCount": 8, "totalCount": 10}));
        assert_eq!(spans[2]["totalCount"], Value::Null);
        let latencies = by("traceLatencyMsPercentileTimeSeries", "p50 p75 p90 p95 p99 p999 max").await;
        assert_eq!(latencies[1], json!({
            "timestamp": hour(1), "p50": 50.0, "p75": 80.0, "p90": 90.0, "p95": 100.0, "p99": 100.0, "p999": 100.0, "max": 100.0
        }));
        assert_eq!(latencies[0]["p50"], Value::Null);
        let tokens = by("traceTokenCountTimeSeries", "promptTokenCount completionTokenCount totalTokenCount").await;
        assert_eq!(tokens[1], json!({
            "timestamp": hour(1), "promptTokenCount": 4_000_000.0, "completionTokenCount": null, "totalTokenCount": 4_000_000.0
        }));
        let costs = by("traceTokenCostTimeSeries", "promptCost completionCost totalCost").await;
        assert_eq!(costs[1], json!({"timestamp": hour(1), "promptCost": 10.0, "completionCost": null, "totalCost": 10.0}));
        assert_eq!(costs[0]["totalCost"], Value::Null);
        // A day of a clock that is 90 minutes ahead.
        let days = "{scale: DAY, utcOffsetMinutes: 90}";
        let days = series(&admin, "traceCountTimeSeries", RANGE, days, "value").await;
        assert_eq!(days, json!([
            {"timestamp": "2026-05-27T22:30:00+00:00", "value": 11.0},
        ]));
    }

    async fn what_cannot_be_cut_is_refused_and_foreign_projects_are_not_there(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        admin.export("p", vec![trace(1, 1, 1, false)]).await;
        admin.post("/v1/projects", &json!({"name": "other"})).await.expect(200);
        for (range, bins, problem) in [
            ("{end: \"2026-05-28T22:30:00Z\"}", HOURS, "Start time is required"),
            ("{start: \"2020-01-01T00:00:00Z\"}", "{scale: MINUTE}", "the time range has more than 2000 bins; choose longer ones"),
            (RANGE, "{scale: HOUR, utcOffsetMinutes: 100000}", "utcOffsetMinutes must lie between -1080 and 1080"),
        ] {
            let refused = series(&admin, "traceCountTimeSeries", range, bins, "value").await;
            assert_eq!(refused["errors"][0]["message"], problem, "{refused}");
            assert_eq!(refused["errors"][0]["extensions"]["field"], "timeRange");
        }
        let bound = app.bound_key(Role::Member, &["other"]).await;
        let unseen = bound.graphql("{ getProjectByName(name: \"p\") { id } }").await.json();
        assert_eq!(unseen["data"]["getProjectByName"], Value::Null);
    }
}
