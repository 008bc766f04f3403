//! Spans that are sent as JSON.

use serde_json::{Value, json};

use crate::support::{TestApp, both_engines};

fn span(trace: u64, id: u64) -> Value {
    json!({
        "name": "n",
        "context": {"trace_id": format!("{trace:032x}"), "span_id": format!("{id:016x}")},
        "span_kind": "LLM",
        "parent_id": null,
        "start_time": "2026-05-01T00:00:00.123456+02:00",
        "end_time": "2026-05-01T00:00:02+02:00",
        "status_code": "ERROR",
        "status_message": "it broke",
        "attributes": {
            "llm.token_count.prompt": 10, "input": {"value": "hi"}, "session.id": "s", "none": null, "list": [1, "x"],
            "openinference.span.kind": "TOOL", "llm": {"token_count.completion": 5},
        },
        "events": [{"name": "e", "timestamp": "2026-05-01T00:00:01Z", "attributes": {"a": 1, "b": {"c": [1]}}}],
    })
}

fn with(mut span: Value, field: &str, value: Value) -> Value {
    span[field] = value;
    span
}

const PATH: &str = "/v1/projects/made/spans";

both_engines! {
    async fn what_was_sent_reads_back(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let answer = admin.post(PATH, &json!({"data": [span(1, 1), with(span(1, 2), "parent_id", json!("0000000000000001"))]})).await;
        assert_eq!(answer.expect(202).json(), json!({"total_received": 2, "total_queued": 2}));
        // Committed with the answer: no waiting.
        let list = admin.get("/v1/projects/made/spans?order=asc").await.expect(200).json();
        let mut got = list["data"][0].clone();
        got["id"] = json!("");
        assert_eq!(got, json!({
            "id": "", "name": "n", "span_kind": "LLM", "parent_id": null, "status_code": "ERROR", "status_message": "it broke",
            "context": {"trace_id": format!("{:032x}", 1), "span_id": format!("{:016x}", 1)},
            "start_time": "2026-04-30T22:00:00.123456+00:00", "end_time": "2026-04-30T22:00:02+00:00",
            "attributes": {
                "llm.token_count.prompt": 10, "llm.token_count.completion": 5, "input.value": "hi", "session.id": "s",
                "list": [1, "x"],
            },
            "events": [{"name": "e", "timestamp": "2026-05-01T00:00:01+00:00", "attributes": {"a": 1, "b": {"c": [1]}}}],
        }));
        assert_eq!(list["data"][1]["parent_id"], "0000000000000001");
        let session = admin.get("/v1/sessions/s").await.expect(200).json();
        assert_eq!((&session["data"]["token_count_prompt"], &session["data"]["token_count_total"]), (&json!(20), &json!(30)));
    }

    async fn all_are_stored_or_none_and_the_reasons_are_told(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        admin.post(PATH, &json!({"data": [span(1, 1)]})).await.expect(202);
        let ids = |trace: &str, id: &str| json!({"trace_id": trace, "span_id": id});
        let bad = [
            with(span(2, 3), "context", ids("zz", "0000000000000003")),
            with(span(2, 3), "context", ids(&"0".repeat(32), "0000000000000003")),
            with(span(2, 3), "context", ids(&"1".repeat(32), "3")),
            with(span(2, 4), "parent_id", json!("qq")),
            with(span(2, 5), "start_time", json!("2026-06-01T00:00:00Z")),
            with(span(2, 6), "end_time", json!("1960-06-01T00:00:00Z")),
        ];
        let mut data = vec![span(1, 1), span(2, 2)];
        data.extend(bad.clone());
        let answer = admin.post(PATH, &json!({"data": data})).await.expect(400).json();
        assert_eq!(answer["error"], "Request contains invalid or duplicate spans");
        assert_eq!((&answer["total_received"], &answer["total_queued"]), (&json!(8), &json!(0)));
        assert_eq!((&answer["total_duplicates"], &answer["total_invalid"]), (&json!(1), &json!(6)));
        assert_eq!(answer["duplicate_spans"], json!([ids(&format!("{:032x}", 1), "0000000000000001")]));
        for (told, sent) in answer["invalid_spans"].as_array().unwrap().iter().zip(&bad) {
            assert_eq!(told["trace_id"], sent["context"]["trace_id"]);
            assert!(told["error"].as_str().unwrap().len() > 10, "{told}");
        }
        assert_eq!(admin.get(PATH).await.json()["data"].as_array().unwrap().len(), 1);
        // The same one twice in a request is one; in another project it is another.
        admin.post(PATH, &json!({"data": [span(3, 1), span(3, 1)]})).await.expect(202);
        admin.post("/v1/projects/other/spans", &json!({"data": [span(1, 1)]})).await.expect(202);
        assert_eq!(admin.get(PATH).await.json()["data"].as_array().unwrap().len(), 2);
        assert_eq!(admin.post(PATH, &json!({"data": []})).await.expect(202).json()["total_queued"], 0);
    }

    async fn bad_input_names_its_field(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        for (body, field) in [
            (json!({}), "body"),
            (json!({"data": "x"}), "data"),
            (json!({"data": [{"name": "x"}]}), "data[0]"),
            (json!({"data": [with(span(1, 1), "start_time", json!("2026-01-01T00:00:00"))]}), "data[0].start_time"),
            (json!({"data": [with(span(1, 1), "end_time", json!("x"))]}), "data[0].end_time"),
            (json!({"data": [with(span(1, 1), "end_time", json!(1e300))]}), "data[0].end_time"),
            (json!({"data": [with(span(1, 1), "attributes", Value::Null)]}), "data[0].attributes"),
            (json!({"data": [with(span(1, 1), "span_kind", Value::Null)]}), "data[0].span_kind"),
            (json!({"data": [with(span(1, 1), "events", json!([{"name": "e"}]))]}), "data[0].events[0]"),
            (json!({"data": [with(span(1, 1), "name", json!("a\0b"))]}), "body"),
        ] {
            let answer = admin.post(PATH, &body).await.expect(422).json();
            assert_eq!(answer["errors"][0]["field"], field, "{answer}");
        }
        let naive = json!({"data": [with(span(1, 1), "start_time", json!("2026-01-01T00:00:00"))]});
        assert!(admin.post(PATH, &naive).await.detail().contains("timezone-naive timestamp is not allowed"));
        let seconds = json!({"data": [with(with(span(1, 1), "start_time", json!(1_735_689_600)), "end_time", json!(1_735_689_601.5))]});
        admin.post(PATH, &seconds).await.expect(202);
        assert_eq!(admin.get(PATH).await.json()["data"][0]["end_time"], "2025-01-01T00:00:01.500000+00:00");
        let unknown = admin.post("/v1/projects/UHJvamVjdDo5OTk5/spans", &json!({"data": [span(1, 1)]})).await.expect(404);
        assert_eq!(unknown.detail(), "Project with ID UHJvamVjdDo5OTk5 not found");
        admin.post(&format!("/v1/projects/{}/spans", "x".repeat(1_025)), &json!({"data": [span(1, 1)]})).await.expect(422);
    }
}
