//! Spans and traces that are deleted or moved, and what is then counted.

use serde_json::{Value, json};

use crate::support::{Client, TestApp, both_engines, otlp};

async fn rows(client: &Client, path: &str) -> Vec<Value> {
    client.get(path).await.expect(200).json()["data"].as_array().unwrap().clone()
}

async fn stats(client: &Client, project: &str) -> Value {
    let query = format!(
        "{{ getProjectByName(name: \"{project}\") {{ traceCount recordCount tokenCountTotal startTime endTime }} }}"
    );
    client.graphql(&query).await.expect(200).json()["data"]["getProjectByName"].clone()
}

fn trace_id(number: u64) -> String {
    format!("{}{number:016x}", "aa".repeat(8))
}

both_engines! {
    async fn a_deleted_span_is_no_longer_counted(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        admin.export("p", vec![otlp::span(1, 1), otlp::span(1, 2), otlp::span(2, 3)]).await;
        admin.delete("/v1/spans/0000000000000001").await.expect(204);
        let trace = rows(&admin, "/v1/projects/p/traces?order=asc").await[0].clone();
        assert_eq!(trace["start_time"], "2026-05-28T20:26:40.002000+00:00");
        let counted = stats(&admin, "p").await;
        assert_eq!((&counted["traceCount"], &counted["recordCount"]), (&json!(2), &json!(2)));
        assert_eq!(counted["startTime"], "2026-05-28T20:26:40.002000+00:00");
        let id = rows(&admin, "/v1/projects/p/spans?span_id=0000000000000002").await[0]["id"].as_str().unwrap().to_owned();
        admin.delete(&format!("/v1/spans/{id}")).await.expect(204);
        assert_eq!(stats(&admin, "p").await["traceCount"], 1);
        for (path, detail) in [
            (format!("/v1/spans/{id}"), format!("Span with relay ID '{id}' not found")),
            ("/v1/spans/0000000000000001".to_owned(), "Span with span_id '0000000000000001' not found".to_owned()),
            ("/v1/spans/zz".to_owned(), "Span with span_id 'zz' not found".to_owned()),
        ] {
            assert_eq!(admin.delete(&path).await.expect(404).detail(), detail);
        }
        admin.export("q", vec![otlp::span(2, 3)]).await;
        admin.delete("/v1/spans/0000000000000003").await.expect(409);
    }

    async fn a_deleted_trace_takes_its_spans_along(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        // More than one slice holds.
        admin.export("p", (0..1_300).map(|n| otlp::span(1, n + 10)).collect()).await;
        admin.export("p", vec![otlp::span(2, 1)]).await;
        admin.delete(&format!("/v1/traces/{}", trace_id(1))).await.expect(204);
        assert_eq!(rows(&admin, "/v1/projects/p/spans").await.len(), 1);
        let counted = stats(&admin, "p").await;
        assert_eq!((&counted["traceCount"], &counted["recordCount"]), (&json!(1), &json!(1)));
        let id = rows(&admin, "/v1/projects/p/traces").await[0]["id"].as_str().unwrap().to_owned();
        admin.delete(&format!("/v1/traces/{id}")).await.expect(204);
        assert_eq!(stats(&admin, "p").await["endTime"], Value::Null);
        for (name, kind) in [(id.as_str(), "relay ID"), (&trace_id(1), "trace_id"), ("zz", "trace_id")] {
            let answer = admin.delete(&format!("/v1/traces/{name}")).await.expect(404);
            assert_eq!(answer.detail(), format!("Trace with {kind} '{name}' not found"));
        }
    }

    async fn traces_of_a_time_range_are_deleted_beside_ingest(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        for hundred in 0..10 {
            admin.export("p", (1..=100).map(|n| otlp::span(hundred * 100 + n, hundred * 100 + n)).collect()).await;
        }
        let path = "/v1/projects/p/traces?start_time=2026-05-28T20:26:40.501Z&end_time=2026-05-28T20:26:41.001Z";
        let sender = async {
            for n in 0..40 {
                let mut late = otlp::span(5_000 + n, 5_000 + n);
                late.attributes.push(otlp::text("session.id", "live"));
                admin.export("p", vec![late]).await;
            }
        };
        let (deleted, ()) = tokio::join!(admin.delete(path), sender);
        deleted.expect(204);
        let counted = stats(&admin, "p").await;
        assert_eq!((&counted["traceCount"], &counted["recordCount"]), (&json!(540), &json!(540)));
        for (query, detail) in [
            ("", None),
            ("?start_time=2026-01-01T00:00:00Z", None),
            ("?start_time=x&end_time=2026-01-01T00:00:00Z", Some("start_time: Input should be a valid datetime")),
            ("?start_time=&end_time=2026-01-01T00:00:00Z", Some("start_time: Input should be a valid datetime")),
            ("?start_time=2026-01-01T00:00:00Z&end_time=2026-01-01T00:00:00Z", Some("`start_time` must be strictly earlier than `end_time`.")),
        ] {
            let answer = admin.delete(&format!("/v1/projects/p/traces{query}")).await.expect(422);
            assert!(detail.is_none_or(|detail| answer.detail() == detail), "{query}: {}", answer.detail());
        }
        let all = "start_time=2020-01-01T00:00:00&end_time=2100-01-01T00:00:00";
        admin.delete(&format!("/v1/projects/none/traces?{all}")).await.expect(404);
        admin.delete(&format!("/v1/projects/p/traces?{all}")).await.expect(204);
        assert!(rows(&admin, "/v1/projects/p/sessions").await.is_empty());
        assert_eq!(stats(&admin, "p").await["recordCount"], 0);
    }

    async fn traces_move_with_all_that_is_theirs(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        admin.post("/v1/projects", &json!({"name": "to"})).await.expect(200);
        let mut spans: Vec<_> = (1..=3).flat_map(|t| [otlp::span(t, t * 10), otlp::span(t, t * 10 + 1)]).collect();
        for span in &mut spans {
            span.attributes.push(otlp::text("session.id", "s"));
        }
        admin.export("from", spans).await;
        let before = rows(&admin, "/v1/projects/from/spans?trace_id=".to_owned().as_str()).await;
        assert!(before.is_empty());
        let moved = rows(&admin, &format!("/v1/projects/from/spans?trace_id={}", trace_id(1))).await;
        let ids: Vec<String> = rows(&admin, "/v1/projects/from/traces?order=asc").await.iter().map(|t| t["id"].as_str().unwrap().to_owned()).collect();
        let transfer = async |traces: Value, to: &str| {
            admin.post("/v1/traces/transfer", &json!({"trace_identifiers": traces, "destination_project_identifier": to})).await
        };
        let answer = transfer(json!([ids[0], trace_id(1), trace_id(2)]), "to").await.expect(200).json();
        assert_eq!(answer["data"]["transferred_trace_count"], 2);
        let to = answer["data"]["destination_project_id"].as_str().unwrap().to_owned();
        assert_eq!(rows(&admin, &format!("/v1/projects/to/spans?trace_id={}", trace_id(1))).await, moved);
        let there: Vec<String> = rows(&admin, "/v1/projects/to/traces?order=asc").await.iter().map(|t| t["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(there, ids[..2]);
        for (project, traces, spans) in [("from", 1, 2), ("to", 2, 4)] {
            let counted = stats(&admin, project).await;
            assert_eq!((&counted["traceCount"], &counted["recordCount"]), (&json!(traces), &json!(spans)));
            let sessions = rows(&admin, &format!("/v1/projects/{project}/sessions")).await;
            assert_eq!(sessions[0]["traces"].as_array().unwrap().len(), traces);
        }
        // Again, and where they are already: nothing is lost.
        assert_eq!(transfer(json!([ids[0]]), &to).await.expect(200).json()["data"]["transferred_trace_count"], 1);
        for (traces, to, status, detail) in [
            (json!([]), "to", 422, "trace_identifiers: List should have at least 1 item"),
            (json!(vec!["x"; 1_001]), "to", 422, "trace_identifiers: List should have at most 1000 items"),
            (json!([ids[2], trace_id(9)]), "to", 404, "One or more traces not found"),
            (json!(["zz"]), "to", 404, "One or more traces not found"),
            (json!([ids[2]]), "none", 404, "Project with name none not found"),
            (json!([ids[0], ids[2]]), "default", 422, "Cannot transfer traces from multiple projects"),
        ] {
            assert_eq!(transfer(traces, to).await.expect(status).detail(), detail);
        }
    }
}
