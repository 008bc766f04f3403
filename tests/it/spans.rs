//! Reading spans and traces.

use phoenix_server::db::Db;
use serde_json::{Value, json};

use crate::support::{Client, TestApp, both_engines, otlp};

async fn ids(client: &Client, path: &str) -> Vec<String> {
    let answer = client.get(path).await.expect(200).json();
    let id = |s: &Value| s["context"]["span_id"].as_str().unwrap().trim_start_matches('0').to_owned();
    answer["data"].as_array().unwrap().iter().map(id).collect()
}

both_engines! {
    async fn a_span_reads_back_in_the_peers_form(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        admin.export("p", vec![otlp::full_span(1, 1)]).await;
        let span = &admin.get("/v1/projects/p/spans").await.expect(200).json()["data"][0];
        assert_eq!(span["name"], "füll\u{1F525}");
        assert_eq!(span["span_kind"], "AGENT");
        assert_eq!(span["parent_id"], "0909090909090909");
        assert_eq!(span["status_code"], "ERROR");
        assert_eq!(span["status_message"], "it broke");
        assert_eq!(span["start_time"], "2026-05-28T20:26:40.001000+00:00");
        let attributes = span["attributes"].as_object().unwrap();
        assert!(!attributes.contains_key("openinference.span.kind"));
        assert_eq!(span["attributes"]["map.deep.n"], -7);
        assert_eq!(span["attributes"]["list"], json!([1, "two", true]));
        assert_eq!(span["attributes"]["double"], json!(1.0));
        assert_eq!(span["events"][0]["name"], "exception");
        assert_eq!(span["events"][0]["attributes"]["exception.message"], "boom");
    }

    async fn large_attributes_are_stored_small_and_found_all_the_same(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let mut large = otlp::span(1, 1);
        large.attributes.push(otlp::text("output.value", &"the answer to a question of a customer ".repeat(2_000)));
        large.attributes.push(otlp::text("tenant", "acme"));
        let sent = serde_json::to_value(&large.attributes).unwrap();
        admin.export("p", vec![large, otlp::span(2, 2)]).await;
        assert_eq!(ids(&admin, "/v1/projects/p/spans?attribute=tenant:acme").await, ["1"]);
        assert_eq!(ids(&admin, "/v1/projects/p/spans?attribute=tenant:other").await, [""; 0]);
        let path = "/v1/projects/p/spans/otlpv1?attribute=tenant:acme";
        let read = admin.get(path).await.expect(200).json()["data"][0]["attributes"].clone();
        let sorted = |list: &Value| {
            let mut list = list.as_array().unwrap().clone();
            list.sort_by_key(|a| a["key"].to_string());
            list
        };
        assert_eq!(sorted(&read).len(), sorted(&sent).len());
        assert_eq!(read.to_string().matches("customer").count(), 2_000);
        let db = phoenix_server::app::open_database(&app.config).await.unwrap();
        if let Db::Sqlite { read, .. } = &db {
            let sql = "SELECT LENGTH(packed_attributes) + LENGTH(attributes) FROM spans ORDER BY id LIMIT 1";
            let size: i64 = sqlx::query_scalar(sql).fetch_one(read).await.unwrap();
            assert!(size < 1_000, "{size}");
        }
        db.close().await;
    }

    async fn pages_meet_without_gap_or_overlap_in_every_order(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        // Two and two share a start, so that ties are met.
        let spans = (1..=9).map(|i| {
            let mut span = otlp::span(i, i);
            span.start_time_unix_nano = otlp::START + i / 2;
            span.end_time_unix_nano = otlp::START + 10;
            span
        });
        admin.export("p", spans.collect()).await;
        for sort in ["id", "start_time"] {
            let mut orders = Vec::new();
            for order in ["asc", "desc"] {
                let mut seen = Vec::new();
                let first = format!("/v1/projects/p/spans?limit=2&sort={sort}&order={order}");
                let mut path = first.clone();
                loop {
                    seen.extend(ids(&admin, &path).await);
                    let Value::String(next) = &admin.get(&path).await.json()["next_cursor"] else { break };
                    path = format!("{first}&cursor={next}");
                }
                orders.push(seen);
            }
            orders[1].reverse();
            assert_eq!(orders[0], orders[1], "{sort}");
            assert_eq!(orders[0].len(), 9);
        }
        let mut traces = Vec::new();
        for sort in ["start_time", "latency_ms"] {
            let first = format!("/v1/projects/p/traces?limit=4&sort={sort}");
            let mut path = first.clone();
            let before = traces.len();
            loop {
                let page = admin.get(&path).await.expect(200).json();
                traces.extend(page["data"].as_array().unwrap().iter().map(|t| t["trace_id"].clone()));
                let Value::String(next) = &page["next_cursor"] else { break };
                path = format!("{first}&cursor={next}");
            }
            assert_eq!(traces.len() - before, 9);
        }
    }

    async fn every_filter_narrows_the_list(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let mut child = otlp::full_span(1, 2);
        child.parent_span_id = otlp::span(1, 1).span_id;
        child.attributes.extend([
            otlp::attribute("n", opentelemetry_proto::tonic::common::v1::any_value::Value::IntValue(5)),
            otlp::text("s", "5"),
            otlp::text("a.b", "x:y"),
        ]);
        let mut odd = otlp::span(2, 3);
        odd.attributes[0] = otlp::text("openinference.span.kind", "custom");
        admin.export("p", vec![otlp::span(1, 1), child, odd]).await;
        let trace = hex::encode(otlp::span(1, 1).trace_id);
        let cases: [(String, &[&str]); 16] = [
            (format!("trace_id={trace}"), &["2", "1"]),
            ("span_id=0000000000000002&span_id=0000000000000003".to_owned(), &["3", "2"]),
            ("parent_id=null".to_owned(), &["3", "1"]),
            ("parent_id=0000000000000001".to_owned(), &["2"]),
            ("parent_id=".to_owned(), &[]),
            ("name=span%201".to_owned(), &["1"]),
            ("span_kind=agent".to_owned(), &["2"]),
            ("span_kind=UNKNOWN".to_owned(), &["3"]),
            ("status_code=ERROR".to_owned(), &["2"]),
            ("attribute=n:5".to_owned(), &["2"]),
            ("attribute=s:5".to_owned(), &[]),
            ("attribute=s:%225%22".to_owned(), &["2"]),
            ("attribute=double:1.0&attribute=bool:false&attribute=a.b:x:y".to_owned(), &["2"]),
            ("attribute=openinference.span.kind:LLM".to_owned(), &["1"]),
            ("start_time=2026-05-28T20:26:40.002Z".to_owned(), &["3", "2"]),
            ("end_time=2026-05-28T20:26:40.002%2B00:00".to_owned(), &["1"]),
        ];
        for (query, expected) in cases {
            assert_eq!(ids(&admin, &format!("/v1/projects/p/spans?{query}")).await, expected, "{query}");
        }
        let traces = admin.get("/v1/projects/p/traces?include_spans=true&error=true").await.expect(200).json();
        assert_eq!(traces["data"].as_array().unwrap().len(), 1);
        let names: Vec<_> = traces["data"][0]["spans"].as_array().unwrap().iter().map(|s| &s["name"]).collect();
        assert_eq!(names, ["span 1", "füll\u{1F525}"]);
    }

    async fn graphql_shows_a_trace_as_a_tree(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let mut child = otlp::span(1, 2);
        child.parent_span_id = otlp::span(1, 1).span_id;
        admin.export("p", vec![otlp::span(1, 1), child]).await;
        let trace = hex::encode(otlp::span(1, 1).trace_id);
        let query = format!(
            "{{ getProjectByName(name: \"p\") {{ trace(traceId: \"{trace}\") {{ spans(first: 10) {{ edges {{ node {{
                 name parentId numChildSpans spanKind attributes input {{ value }} }} }} }} }} }} }}"
        );
        let answer = admin.graphql(&query).await.expect(200).json();
        let edges = &answer["data"]["getProjectByName"]["trace"]["spans"]["edges"];
        assert_eq!(edges[0]["node"]["numChildSpans"], 1, "{answer}");
        assert_eq!(edges[1]["node"]["parentId"], "0000000000000001");
        assert_eq!(edges[0]["node"]["input"]["value"], "hello");
        let attributes: Value = serde_json::from_str(edges[0]["node"]["attributes"].as_str().unwrap()).unwrap();
        assert_eq!(attributes["openinference"]["span"]["kind"], "LLM");
    }
}
