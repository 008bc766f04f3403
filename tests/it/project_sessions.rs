//! Sessions of traces: read, listed, deleted.

use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};

use crate::support::{Client, TestApp, both_engines, otlp};

/// A trace of two spans, of which the root alone names the session.
fn trace(number: u64, session: &str) -> Vec<Span> {
    let mut root = otlp::span(number, number * 10);
    root.attributes.push(otlp::text("session.id", session));
    let mut child = otlp::span(number, number * 10 + 1);
    child.parent_span_id.clone_from(&root.span_id);
    child.end_time_unix_nano += 1_000_000_000;
    vec![root, child]
}

async fn names(client: &Client, path: &str) -> Vec<String> {
    let answer = client.get(path).await.expect(200).json();
    answer["data"].as_array().unwrap().iter().map(|s| s["session_id"].as_str().unwrap().to_owned()).collect()
}

both_engines! {
    async fn a_session_is_what_its_traces_make_it(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        admin.export("p", [trace(1, "a"), trace(2, "b"), trace(3, "a")].concat()).await;
        let answer = admin.get("/v1/projects/p/sessions?limit=1").await.expect(200).json();
        let session = &answer["data"][0];
        assert_eq!(session["session_id"], "a");
        assert_eq!(session["start_time"], "2026-05-28T20:26:40.010000+00:00");
        // The last to end is a span that does not name the session.
        assert_eq!(session["end_time"], "2026-05-28T20:26:41.036000+00:00");
        let traces: Vec<&str> = session["traces"].as_array().unwrap().iter().map(|t| &t["trace_id"].as_str().unwrap()[16..]).collect();
        assert_eq!(traces, ["0000000000000001", "0000000000000003"]);
        assert_eq!(admin.get("/v1/sessions/a").await.expect(200).json()["data"], *session);
        let id = session["id"].as_str().unwrap();
        assert_eq!(admin.get(&format!("/v1/sessions/{id}")).await.expect(200).json()["data"], *session);
        let next = answer["next_cursor"].as_str().unwrap();
        assert_eq!(names(&admin, &format!("/v1/projects/p/sessions?cursor={next}")).await, ["b"]);
        assert_eq!(names(&admin, "/v1/projects/p/sessions?order=desc&limit=5000&filter=").await, ["b", "a"]);
        let by = |filter: &str| {
            let filter = percent_encoding::utf8_percent_encode(filter, percent_encoding::NON_ALPHANUMERIC);
            format!("/v1/projects/p/sessions?filter={filter}")
        };
        let filtered = async |filter: &str| names(&admin, &by(filter)).await;
        assert_eq!(filtered("num_traces > 1").await, ["a"]);
        assert_eq!(filtered("session_id == 'b' or num_traces > 5").await, ["b"]);
        assert_eq!(filtered("session_id in ['b', 'a'] and total_cost == 0").await, ["a", "b"]);
        let refused = admin.get(&by("num_traces >")).await.expect(422).detail();
        assert!(refused.contains("num_traces >"), "{refused}");
    }

    async fn what_is_not_there_or_not_meant_is_told_as_the_peer_tells_it(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        admin.export("p", trace(1, "a")).await;
        let gone = "UHJvamVjdFNlc3Npb246OTk5";
        for (path, status, detail) in [
            ("/v1/projects/none/sessions".to_owned(), 404, "Project with name none not found".to_owned()),
            ("/v1/projects/p/sessions?limit=0".to_owned(), 422, "Input should be between 1 and 1000".to_owned()),
            ("/v1/projects/p/sessions?cursor=x".to_owned(), 422, "Invalid cursor".to_owned()),
            ("/v1/sessions/zz".to_owned(), 404, "Session with session_id zz not found".to_owned()),
            (format!("/v1/sessions/{gone}"), 404, format!("Session with ID {gone} not found")),
        ] {
            assert_eq!(admin.get(&path).await.expect(status).detail(), detail);
        }
        admin.get("/v1/projects/p/sessions?order=up").await.expect(422);
        assert_eq!(admin.delete("/v1/sessions/zz").await.expect(404).detail(), "Session with session_id 'zz' not found");
        assert_eq!(admin.delete(&format!("/v1/sessions/{gone}")).await.expect(404).detail(), format!("Session with ID '{gone}' not found"));
        let delete = async |ids: Value| admin.post("/v1/sessions/delete", &json!({"session_identifiers": ids})).await;
        assert_eq!(delete(json!([])).await.expect(422).detail(), "Session identifier list must not be empty.");
        assert_eq!(
            delete(json!(["a", gone])).await.expect(422).detail(),
            "All identifiers must be the same type: either all GlobalIDs or all session_id strings."
        );
        delete(json!(["zz"])).await.expect(204);
        delete(json!([gone])).await.expect(204);
        delete(json!(vec!["a"; 1_001])).await.expect(422);
        assert_eq!(names(&admin, "/v1/projects/p/sessions").await, ["a"]);
    }

    async fn a_deleted_session_takes_its_traces_along(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        admin.export("p", (1..=6).flat_map(|n| trace(n, ["a", "b", "c"][usize::try_from(n).unwrap() % 3])).collect()).await;
        admin.export("p", vec![otlp::span(9, 90)]).await;
        admin.delete("/v1/sessions/a").await.expect(204);
        admin.delete("/v1/sessions/a").await.expect(404);
        assert_eq!(names(&admin, "/v1/projects/p/sessions").await, ["b", "c"]);
        assert_eq!(admin.get("/v1/projects/p/traces").await.json()["data"].as_array().unwrap().len(), 5);
        assert_eq!(admin.get("/v1/projects/p/spans").await.json()["data"].as_array().unwrap().len(), 9);
        admin.post("/v1/sessions/delete", &json!({"session_identifiers": ["b", "c", "zz"]})).await.expect(204);
        assert_eq!(admin.get("/v1/projects/p/spans").await.json()["data"].as_array().unwrap().len(), 1);
        // A name that two projects know says too little to delete by.
        admin.export("p", trace(1, "same")).await;
        admin.export("q", trace(1, "same")).await;
        admin.delete("/v1/sessions/same").await.expect(409);
        app.bound_key(phoenix_server::domain::scope::Role::Member, &["p"]).await.delete("/v1/sessions/same").await.expect(204);
        admin.get("/v1/sessions/same").await.expect(200);
        admin.delete("/v1/sessions/same").await.expect(204);
    }
}
