//! Annotations: written in batches, at once or when their target arrives; listed and deleted by project.

use std::time::Duration;

use phoenix_server::domain::{scope::Role, user::NewUser};
use serde_json::{Value, json};

use crate::support::{Client, TestApp, app::PASSWORD, both_engines, otlp};

const HOUR: Duration = Duration::from_hours(1);

fn span_id(id: u64) -> String {
    format!("{id:016x}")
}

fn trace_id(id: u64) -> String {
    format!("{}{id:016x}", "aa".repeat(8))
}

/// What is said of span 1, with other fields put over it.
fn said(over: &Value) -> Value {
    let mut said = json!({"span_id": span_id(1), "name": "quality", "annotator_kind": "LLM"});
    said.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
    said
}

async fn annotate(client: &Client, kind: &str, said: &[Value]) -> crate::support::Answer {
    client.post(&format!("/v1/{kind}_annotations?sync=true"), &json!({ "data": said })).await
}

async fn submit(client: &Client, kind: &str, said: &[Value]) {
    let answer = client.post(&format!("/v1/{kind}_annotations"), &json!({ "data": said })).await.expect(200);
    assert_eq!(answer.json(), json!({"data": []}));
}

async fn list(client: &Client, kind: &str, query: &str) -> Vec<Value> {
    let answer = client.get(&format!("/v1/projects/p/{kind}_annotations?{query}")).await.expect(200).json();
    answer["data"].as_array().unwrap().clone()
}

fn names(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|r| r["name"].as_str().unwrap()).collect()
}

/// Two spans of trace 1 in session `s`; the first retrieved two documents.
async fn sow(app: &TestApp) -> Client {
    let admin = app.admin_secret();
    let mut first = otlp::span(1, 1);
    first.attributes.extend([
        otlp::text("session.id", "s"),
        otlp::text("retrieval.documents.0.document.content", "one"),
        otlp::text("retrieval.documents.1.document.content", "two"),
    ]);
    admin.export("p", vec![first, otlp::span(1, 2)]).await;
    admin
}

both_engines! {
    async fn an_annotation_reads_back_in_the_peers_form_and_is_replaced_by_its_next(engine) {
        let app = TestApp::new(engine).await;
        let admin = sow(&app).await;
        let first = said(&json!({
            "result": {"label": "good", "score": 0.5, "explanation": "why"}, "metadata": {"a": {"b": [1, null]}},
        }));
        let made = annotate(&admin, "span", &[first]).await.expect(200).json();
        assert_eq!(made, json!({"data": [{"id": "U3BhbkFubm90YXRpb246MQ=="}]}));
        let rows = list(&admin, "span", &format!("span_ids={}", span_id(1))).await;
        assert_eq!(rows, [json!({
            "id": "U3BhbkFubm90YXRpb246MQ==",
            "created_at": "2026-06-01T12:00:00+00:00",
            "updated_at": "2026-06-01T12:00:00+00:00",
            "source": "API",
            "user_id": "VXNlcjox",
            "name": "quality",
            "annotator_kind": "LLM",
            "result": {"label": "good", "score": 0.5, "explanation": "why"},
            "metadata": {"a": {"b": [1, null]}},
            "identifier": "",
            "span_id": span_id(1),
        })]);
        app.clock.advance(HOUR);
        // Of two of the same name and identifier in one batch the last one counts; numbers may come as strings.
        let batch = [
            said(&json!({"result": {"label": "bad"}})),
            said(&json!({"identifier": "other"})),
            said(&json!({"annotator_kind": "HUMAN", "result": {"score": "2.5"}})),
        ];
        let again = annotate(&admin, "span", &batch).await.expect(200).json();
        assert_eq!(again["data"][0], again["data"][2]);
        assert_eq!(again["data"][0], made["data"][0]);
        let rows = list(&admin, "span", &format!("span_ids={}", span_id(1))).await;
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1]["result"], json!({"label": null, "score": 2.5, "explanation": null}));
        assert_eq!((&rows[1]["metadata"], &rows[1]["annotator_kind"]), (&json!({}), &json!("HUMAN")));
        assert_eq!(rows[1]["created_at"], "2026-06-01T12:00:00+00:00");
        assert_eq!(rows[1]["updated_at"], "2026-06-01T13:00:00+00:00");
        assert_eq!(annotate(&admin, "span", &[]).await.expect(200).json(), json!({"data": []}));
    }

    async fn traces_sessions_and_documents_are_annotated_too(engine) {
        let app = TestApp::new(engine).await;
        let admin = sow(&app).await;
        let of = |field: &str, id: &str| json!({"name": "n", "annotator_kind": "CODE", (field): id, "result": {"score": true}});
        let trace = annotate(&admin, "trace", &[of("trace_id", &trace_id(1))]).await.expect(200).json();
        assert_eq!(trace["data"][0]["id"], "VHJhY2VBbm5vdGF0aW9uOjE=");
        let session = annotate(&admin, "session", &[of("session_id", "s")]).await.expect(200).json();
        assert_eq!(session["data"][0]["id"], "UHJvamVjdFNlc3Npb25Bbm5vdGF0aW9uOjI=");
        let rows = list(&admin, "trace", &format!("trace_ids={}", trace_id(1).to_uppercase())).await;
        assert_eq!((&rows[0]["trace_id"], &rows[0]["result"]["score"]), (&json!(trace_id(1)), &json!(1.0)));
        let rows = list(&admin, "session", "session_ids=s").await;
        assert_eq!(rows[0]["session_id"], "s");
        let document = |position: Value| {
            let mut said = of("span_id", &span_id(1));
            said["document_position"] = position;
            said
        };
        let made = annotate(&admin, "document", &[document(json!(0)), document(json!(1.0))]).await.expect(200).json();
        assert_eq!(made["data"][0]["id"], "RG9jdW1lbnRBbm5vdGF0aW9uOjM=");
        assert_ne!(made["data"][0]["id"], made["data"][1]["id"]);
        for position in [2, -1] {
            let refused = annotate(&admin, "document", &[document(json!(position))]).await.expect(422);
            let at = span_id(1);
            assert_eq!(refused.detail(), format!("Document position {position} is out of bounds for span {at} (max: 1)"));
            assert_eq!(refused.json()["errors"][0]["field"], "data[0].document_position");
            admin.post("/v1/document_annotations", &json!({"data": [document(json!(position))]})).await.expect(422);
        }
        // What is said of documents is not said of their span.
        assert!(list(&admin, "span", &format!("span_ids={}", span_id(1))).await.is_empty());
    }

    async fn what_cannot_be_taken_is_refused_by_name(engine) {
        let app = TestApp::new(engine).await;
        let admin = sow(&app).await;
        let cases = [
            (json!({"annotator_kind": "llm"}), "data[0].annotator_kind"),
            (json!({"name": null}), "data[0].name"),
            (json!({"name": "x".repeat(1_025)}), "data[0].name"),
            (json!({"identifier": null}), "data[0].identifier"),
            (json!({"identifier": "x".repeat(1_025)}), "data[0].identifier"),
            (json!({"metadata": "x"}), "data[0].metadata"),
            (json!({"metadata": {"x": "x".repeat(1 << 20)}}), "data[0].metadata"),
            (json!({"result": {"label": 1}}), "data[0].result.label"),
            (json!({"result": {"label": "x".repeat(8_193)}}), "data[0].result.label"),
            (json!({"result": {"score": "much"}}), "data[0].result.score"),
            (json!({"result": {"score": "inf"}}), "data[0].result.score"),
            (json!({"result": {"explanation": "x".repeat((1 << 20) + 1)}}), "data[0].result.explanation"),
        ];
        for (over, field) in cases {
            for sync in ["true", "false"] {
                let path = format!("/v1/span_annotations?sync={sync}");
                let refused = admin.post(&path, &json!({"data": [said(&over)]})).await.expect(422);
                assert_eq!(refused.json()["errors"][0]["field"], field, "{}", refused.text());
            }
        }
        let many: Vec<Value> = (0..10_001).map(|_| said(&json!({}))).collect();
        let refused = annotate(&admin, "span", &many).await.expect(422);
        assert_eq!(refused.json()["errors"][0]["field"], "data");
        admin.post("/v1/span_annotations", &json!({})).await.expect(422);
        admin.post("/v1/span_annotations?sync=maybe", &json!({"data": []})).await.expect(422);
        for (kind, of) in [("span", "trace and span notes"), ("trace", "trace and span notes"), ("session", "session notes")] {
            let note = json!({"name": "note", "annotator_kind": "LLM", (format!("{kind}_id")): "x"});
            let refused = annotate(&admin, kind, &[note]).await.expect(400);
            let sentence = format!("The name 'note' is reserved for {of}. Use POST /v1/{kind}_notes instead.");
            assert_eq!(refused.detail(), sentence);
        }
    }

    async fn in_sync_all_must_be_there_or_nothing_is_written(engine) {
        let app = TestApp::new(engine).await;
        let admin = sow(&app).await;
        let batch = [said(&json!({})), said(&json!({"span_id": "zz"})), said(&json!({"span_id": span_id(9)}))];
        let refused = annotate(&admin, "span", &batch).await.expect(404);
        assert_eq!(refused.detail(), "Spans with IDs zz, 0000000000000009 do not exist.");
        let of = |field: &str| json!({"name": "n", "annotator_kind": "CODE", (field): "x"});
        let refused = annotate(&admin, "trace", &[of("trace_id")]).await.expect(404);
        assert_eq!(refused.detail(), "Traces with IDs x do not exist.");
        let refused = annotate(&admin, "session", &[of("session_id")]).await.expect(404);
        assert_eq!(refused.detail(), "Sessions with IDs x do not exist.");
        assert!(list(&admin, "span", &format!("span_ids={}", span_id(1))).await.is_empty());
    }

    async fn what_is_said_of_a_span_that_has_not_arrived_is_applied_when_it_does(engine) {
        let app = TestApp::new(engine).await;
        let admin = sow(&app).await;
        let late = |over: Value| {
            let mut late = json!({"span_id": span_id(7)});
            late.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
            said(&late)
        };
        submit(&admin, "span", &[
            said(&json!({})),
            late(json!({"result": {"label": "first"}})),
            late(json!({"result": {"label": "second"}})),
            late(json!({"name": "other", "result": {"label": "older"}})),
            late(json!({"name": "never", "span_id": "zz"})),
        ]).await;
        submit(&admin, "trace", &[json!({"name": "t", "annotator_kind": "CODE", "trace_id": trace_id(7)})]).await;
        submit(&admin, "session", &[json!({"name": "s", "annotator_kind": "CODE", "session_id": "late"})]).await;
        let document = |at| json!({"name": "d", "annotator_kind": "CODE", "span_id": span_id(7), "document_position": at});
        submit(&admin, "document", &[document(0), document(5)]).await;
        // What is there is annotated with the answer.
        assert_eq!(list(&admin, "span", &format!("span_ids={}", span_id(1))).await.len(), 1);
        app.clock.advance(Duration::from_secs(10));
        app.app.apply_annotations().await.unwrap();
        app.clock.advance(HOUR);
        let mut span = otlp::span(7, 7);
        span.attributes.extend([
            otlp::text("session.id", "late"),
            otlp::text("retrieval.documents.0.document.content", "one"),
        ]);
        admin.export("p", vec![span]).await;
        // Said later, and of a span that is there: what was said before it must not take its place.
        let newer = late(json!({"name": "other", "result": {"label": "newer"}}));
        annotate(&admin, "span", &[newer]).await.expect(200);
        app.clock.advance(HOUR);
        app.app.apply_annotations().await.unwrap();
        let rows = list(&admin, "span", &format!("span_ids={}", span_id(7))).await;
        let labels: Vec<_> = rows.iter().map(|r| (r["name"].as_str().unwrap(), r["result"]["label"].as_str().unwrap())).collect();
        assert_eq!(labels, [("quality", "second"), ("other", "newer")]);
        assert_eq!(rows[0]["created_at"], "2026-06-01T12:00:00+00:00");
        assert_eq!(names(&list(&admin, "trace", &format!("trace_ids={}", trace_id(7))).await), ["t"]);
        assert_eq!(names(&list(&admin, "session", "session_ids=late").await), ["s"]);
        // A day later nobody waits any more.
        submit(&admin, "span", &[late(json!({"span_id": span_id(8)}))]).await;
        app.clock.advance(25 * HOUR);
        app.app.apply_annotations().await.unwrap();
        admin.export("p", vec![otlp::span(8, 8)]).await;
        app.clock.advance(HOUR);
        app.app.apply_annotations().await.unwrap();
        assert!(list(&admin, "span", &format!("span_ids={}", span_id(8))).await.is_empty());
    }

    async fn what_waits_is_applied_where_its_sender_may_write_and_nowhere_else(engine) {
        let app = TestApp::new(engine).await;
        let admin = sow(&app).await;
        admin.post("/v1/projects", &json!({"name": "theirs"})).await.expect(200);
        let bound = app.bound_key(Role::Member, &["p"]).await;
        let other = app.bound_key(Role::Member, &["theirs"]).await;
        let late = |label: &str| {
            let said = json!({"span_id": span_id(7), "name": "n", "annotator_kind": "CODE", "result": {"label": label}});
            vec![said]
        };
        // Of a span that is there, but not for this caller.
        submit(&other, "span", &[said(&json!({"name": "foreign"}))]).await;
        submit(&bound, "span", &late("mine")).await;
        submit(&other, "span", &late("theirs")).await;
        admin.export("p", vec![otlp::span(7, 7)]).await;
        app.clock.advance(HOUR);
        app.app.apply_annotations().await.unwrap();
        assert!(list(&admin, "span", &format!("span_ids={}", span_id(1))).await.is_empty());
        let rows = list(&admin, "span", &format!("span_ids={}", span_id(7))).await;
        assert_eq!((rows.len(), &rows[0]["result"]["label"]), (1, &json!("mine")));
        // The same ids in two projects are two spans: each caller annotates its own.
        admin.export("theirs", vec![otlp::span(1, 1)]).await;
        annotate(&other, "span", &[said(&json!({"name": "theirs"}))]).await.expect(200);
        assert!(list(&admin, "span", &format!("span_ids={}", span_id(1))).await.is_empty());
        other.get(&format!("/v1/projects/p/span_annotations?span_ids={}", span_id(1))).await.expect(404);
    }

    async fn annotations_are_listed_by_every_filter_and_in_pages(engine) {
        let app = TestApp::new(engine).await;
        let admin = sow(&app).await;
        let batch: Vec<Value> = (0..5).map(|i| said(&json!({"name": format!("n{i}"), "identifier": format!("i{}", i % 2)}))).collect();
        annotate(&admin, "span", &batch).await.expect(200);
        annotate(&admin, "span", &[json!({"span_id": span_id(2), "name": "n9", "annotator_kind": "CODE"})]).await.expect(200);
        let one = span_id(1);
        let two = span_id(2);
        let cases: [(String, &[&str]); 9] = [
            (format!("span_ids={one}"), &["n4", "n3", "n2", "n1", "n0"]),
            (format!("span_ids={two}"), &["n9"]),
            (format!("span_ids={one}&span_ids={two}&limit=2"), &["n9", "n4"]),
            ("identifier=i1".to_owned(), &["n3", "n1"]),
            ("identifier=i1&identifier=i0&limit=100".to_owned(), &["n4", "n3", "n2", "n1", "n0"]),
            (format!("identifier=i1&span_ids={two}"), &[]),
            (format!("span_ids={one}&include_annotation_names=n1&include_annotation_names=n2"), &["n2", "n1"]),
            (format!("span_ids={one}&exclude_annotation_names=n1&exclude_annotation_names=n4"), &["n3", "n2", "n0"]),
            (format!("span_ids={one}&include_annotation_names=n1&exclude_annotation_names=n1"), &[]),
        ];
        for (query, expected) in cases {
            assert_eq!(names(&list(&admin, "span", &query).await), expected, "{query}");
        }
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/projects/p/span_annotations?span_ids={one}&limit=2{cursor}");
            let page = admin.get(&path).await.expect(200).json();
            seen.extend(page["data"].as_array().unwrap().clone());
            let Value::String(next) = &page["next_cursor"] else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(names(&seen), ["n4", "n3", "n2", "n1", "n0"]);
        for (kind, field) in [("span", "span_ids"), ("trace", "trace_ids"), ("session", "session_ids")] {
            let path = format!("/v1/projects/p/{kind}_annotations");
            let refused = admin.get(&path).await.expect(422);
            assert_eq!(refused.detail(), format!("At least one of {field} or identifier must be supplied"));
            let refused = admin.get(&format!("{path}?{field}=zz")).await.expect(404);
            assert_eq!(refused.detail(), format!("None of the supplied {field} exist in this project"));
            admin.get(&format!("{path}?{field}=")).await.expect(404);
            for bad in ["limit=0", "limit=10001", "cursor=xx", "identifier="] {
                admin.get(&format!("{path}?{field}=zz&{bad}")).await.expect(422);
            }
            admin.get(&format!("/v1/projects/nosuch/{kind}_annotations?identifier=x")).await.expect(404);
        }
    }

    async fn a_bulk_deletion_is_bounded_and_everybody_deletes_their_own(engine) {
        let app = TestApp::new(engine).await;
        let admin = sow(&app).await;
        let mut users = Vec::new();
        for name in ["ann", "bob"] {
            let email = format!("{name}@example.com");
            let user = NewUser { password_needs_reset: false, ..NewUser::local(Role::Member, name, &email, None) };
            app.add_user(user, PASSWORD).await;
            users.push(app.anonymous().login(&email, PASSWORD).await);
        }
        for (user, name) in users.iter().zip(["ann", "bob"]) {
            for kind in ["LLM", "CODE"] {
                annotate(user, "span", &[said(&json!({"name": format!("{name} {kind}"), "annotator_kind": kind, "identifier": name}))]).await.expect(200);
            }
            app.clock.advance(Duration::from_mins(1));
        }
        let path = "/v1/projects/p/span_annotations";
        let unbounded = users[0].delete(path).await.expect(422);
        assert!(unbounded.detail().starts_with("Delete is unbounded. Set delete_all=true"), "{}", unbounded.detail());
        for bad in ["name=", "identifier=", "annotator_kind=X", "start_time=x", "delete_all=maybe", "name=x&delete_all=false", "start_time=2026-06-01T00:00:00Z", "delete_all=true&name=", "delete_all=true&identifier=", "delete_all=true&annotator_kind=", "delete_all=true&start_time=", "delete_all=true&end_time="] {
            users[0].delete(&format!("{path}?{bad}")).await.expect(422);
        }
        let turned = "start_time=2026-06-02T00:00:00Z&end_time=2026-06-01T00:00:00Z";
        let refused = users[0].delete(&format!("{path}?{turned}")).await.expect(422);
        assert_eq!(refused.detail(), "`start_time` must be strictly earlier than `end_time`.");
        users[0].delete("/v1/projects/nosuch/span_annotations?delete_all=true").await.expect(404);
        let left = async || names(&list(&admin, "span", &format!("span_ids={}", span_id(1))).await).join(", ");
        // Of others they find nothing.
        users[0].delete(&format!("{path}?delete_all=true&identifier=bob")).await.expect(204);
        users[0].delete(&format!("{path}?delete_all=true&annotator_kind=LLM")).await.expect(204);
        assert_eq!(left().await, "bob CODE, bob LLM, ann CODE");
        users[0].delete(&format!("{path}?delete_all=true")).await.expect(204);
        assert_eq!(left().await, "bob CODE, bob LLM");
        // Before bob wrote, then just when he did.
        admin.delete(&format!("{path}?start_time=2026-06-01T12:00:00Z&end_time=2026-06-01T12:01:00Z")).await.expect(204);
        assert_eq!(left().await, "bob CODE, bob LLM");
        admin.delete(&format!("{path}?name=bob+LLM&start_time=2026-06-01T12:01:00Z&end_time=2026-06-01T12:01:01Z")).await.expect(204);
        assert_eq!(left().await, "bob CODE");
        let log = admin.get("/api/v1/audit-logs?action=project.annotations_delete").await.expect(200).json();
        let records = log["data"].as_array().unwrap();
        assert_eq!(records.len(), 3, "{log}");
        assert_eq!(records[0]["details"]["count"], 1);
        assert_eq!((&records[2]["details"]["annotatorKind"], &records[2]["details"]["onlyOwn"]), (&json!("LLM"), &json!(true)));
        let viewer = app.key(Role::Viewer, None).await;
        viewer.delete(&format!("{path}?delete_all=true")).await.expect(403);
        annotate(&viewer, "span", &[said(&json!({}))]).await.expect(403);
    }

    async fn more_rows_than_one_transaction_removes_are_all_gone(engine) {
        let app = TestApp::new(engine).await;
        let admin = sow(&app).await;
        let batch: Vec<Value> = (0..4_100).map(|i| said(&json!({"identifier": format!("{i}")}))).collect();
        annotate(&admin, "span", &batch).await.expect(200);
        admin.delete("/v1/projects/p/span_annotations?delete_all=true").await.expect(204);
        assert!(list(&admin, "span", &format!("span_ids={}", span_id(1))).await.is_empty());
        let log = admin.get("/api/v1/audit-logs?action=project.annotations_delete").await.expect(200).json();
        assert_eq!(log["data"][0]["details"]["count"], 4_100);
    }

    async fn without_authentication_nobody_is_named(engine) {
        let app = TestApp::with(engine, |config| config.auth.enabled = false).await;
        sow(&app).await;
        let anyone = app.anonymous();
        annotate(&anyone, "span", &[said(&json!({}))]).await.expect(200);
        assert_eq!(list(&anyone, "span", &format!("span_ids={}", span_id(1))).await[0]["user_id"], Value::Null);
        anyone.delete("/v1/projects/p/span_annotations?delete_all=true").await.expect(204);
        assert!(list(&anyone, "span", &format!("span_ids={}", span_id(1))).await.is_empty());
    }

    async fn graphql_reads_writes_changes_and_deletes_what_is_said(engine) {
        let app = TestApp::new(engine).await;
        let admin = sow(&app).await;
        let mut people = Vec::new();
        for name in ["ann", "bob"] {
            let email = format!("{name}@example.com");
            app.add_user(NewUser { password_needs_reset: false, ..NewUser::local(Role::Member, name, &email, None) }, PASSWORD).await;
            people.push(app.anonymous().login(&email, PASSWORD).await);
        }
        let (ann, bob) = (&people[0], &people[1]);
        let data = async |client: &Client, query: &str| {
            let answer = client.graphql(query).await.expect(200).json();
            assert_eq!(answer["errors"], Value::Null, "{query}: {answer}");
            answer["data"].clone()
        };
        let refused = async |client: &Client, query: &str| {
            let answer = client.graphql(query).await.expect(200).json();
            answer["errors"][0]["message"].as_str().unwrap_or_else(|| panic!("{query}: {answer}")).to_owned()
        };
        let span = format!("getSpanByOtelId(spanId: \"{}\")", span_id(1));
        let ids = data(ann, &format!("{{ {span} {{ id trace {{ id }} }} }}")).await;
        let id = ids["getSpanByOtelId"]["id"].as_str().unwrap().to_owned();
        let trace = ids["getSpanByOtelId"]["trace"]["id"].as_str().unwrap().to_owned();
        let create = |more: &str| format!("mutation {{ createSpanAnnotations(input: [{{spanId: \"{id}\", name: \"q\", annotatorKind: HUMAN, metadata: {{}}, source: APP, {more}}}]) {{ spanAnnotations {{ id label identifier user {{ username }} }} }} }}");
        let first = data(ann, &create("label: \"good\", score: 1")).await["createSpanAnnotations"]["spanAnnotations"][0].clone();
        assert_eq!((&first["label"], &first["identifier"], &first["user"]["username"]), (&json!("good"), &json!("px-app:VXNlcjoz"), &json!("ann")));
        // What one person says again replaces what they said, and not what another did.
        let again = data(ann, &create("label: \"better\", explanation: \"why\"")).await["createSpanAnnotations"]["spanAnnotations"][0].clone();
        assert_eq!(again["id"], first["id"]);
        let others = data(bob, &create("label: \"good\", score: 0.5")).await["createSpanAnnotations"]["spanAnnotations"][0].clone();
        assert_ne!(others["id"], first["id"]);
        let note = format!("mutation {{ createSpanNotes(input: [{{span: {{otelId: \"{}\"}}, note: \" hello \", annotatorKind: HUMAN, source: APP}}]) {{ spanAnnotations {{ id explanation }} }} }}", span_id(1));
        let note = data(ann, &note).await["createSpanNotes"]["spanAnnotations"][0].clone();
        assert_eq!(note["explanation"], "hello");
        let of_trace = format!("mutation {{ createTraceAnnotations(input: [{{traceId: \"{trace}\", name: \"t\", annotatorKind: CODE, metadata: [1], source: API}}]) {{ traceAnnotations {{ id metadata identifier trace {{ id }} }} }} }}");
        let of_trace = data(ann, &of_trace).await["createTraceAnnotations"]["traceAnnotations"][0].clone();
        assert_eq!((&of_trace["metadata"], &of_trace["identifier"], &of_trace["trace"]["id"]), (&json!([1]), &json!(""), &json!(trace)));

        let all = format!("{{ {span} {{
            spanAnnotations {{ label annotatorKind source spanId user {{ username email }} }}
            newest: spanAnnotations(sort: {{col: createdAt, dir: desc}}, filter: {{include: {{names: [\"q\"]}}, exclude: {{userIds: [\"VXNlcjoz\"]}}}}) {{ label }}
            spanNotes {{ explanation }}
            spanAnnotationSummaries {{ name count labels labelFractions {{ label fraction }} meanScore scoreCount labelCount }}
            trace {{ traceAnnotations {{ name }} traceAnnotationSummaries {{ count meanScore }} }} }} }}");
        let seen = data(bob, &all).await["getSpanByOtelId"].clone();
        assert_eq!(seen, json!({
            "spanAnnotations": [
                // Of others a member sees the name alone.
                {"label": "better", "annotatorKind": "HUMAN", "source": "APP", "spanId": id, "user": {"username": "ann", "email": null}},
                {"label": "good", "annotatorKind": "HUMAN", "source": "APP", "spanId": id, "user": {"username": "bob", "email": "bob@example.com"}},
            ],
            "newest": [{"label": "good"}],
            "spanNotes": [{"explanation": "hello"}],
            "spanAnnotationSummaries": [{
                "name": "q", "count": 2, "labels": ["better", "good"],
                "labelFractions": [{"label": "better", "fraction": 0.5}, {"label": "good", "fraction": 0.5}],
                "meanScore": 0.5, "scoreCount": 1, "labelCount": 2,
            }],
            "trace": {"traceAnnotations": [{"name": "t"}], "traceAnnotationSummaries": [{"count": 1, "meanScore": null}]},
        }));
        assert_eq!(data(&admin, &all).await["getSpanByOtelId"]["spanAnnotations"][0]["user"]["email"], "ann@example.com");

        let mine = first["id"].as_str().unwrap();
        let patch = |id: &str, more: &str| format!("mutation {{ patchSpanAnnotations(input: [{{annotationId: \"{id}\", {more}}}]) {{ spanAnnotations {{ name label score explanation identifier }} }} }}");
        let patched = data(ann, &patch(mine, "label: null, score: 2, name: \"\", identifier: null")).await;
        assert_eq!(patched["patchSpanAnnotations"]["spanAnnotations"][0], json!({"name": "q", "label": null, "score": 2.0, "explanation": "why", "identifier": ""}));
        let own_only = "At least one span annotation is not associated with the current user.";
        assert_eq!(refused(bob, &patch(mine, "label: \"x\"")).await, own_only);
        assert_eq!(refused(&admin, &patch(mine, "label: \"x\"")).await, own_only);
        assert_eq!(refused(ann, &patch("U3BhbkFubm90YXRpb246OTk5", "label: \"x\"")).await, "Could not find span annotations with IDs: {999}");
        assert_eq!(refused(ann, &patch("zz", "label: \"x\"")).await, "Invalid span annotation ID: zz");
        assert_eq!(refused(ann, &patch(mine, "name: \"note\"")).await, "The name 'note' is reserved for notes. Use the createSpanNotes mutation instead.");
        data(ann, &create("identifier: \"second\"")).await;
        assert!(refused(ann, &patch(mine, "identifier: \"second\"")).await.contains("already"));
        assert_eq!(refused(ann, "mutation { patchSpanAnnotations(input: []) { query { projectCount } } }").await, "No span annotations provided.");
        assert_eq!(refused(ann, "mutation { createSpanAnnotations(input: []) { query { projectCount } } }").await, "No span annotations provided.");
        let unknown = create("label: \"x\"").replace(&id, "U3Bhbjo5OTk=");
        assert_eq!(refused(ann, &unknown).await, "Could not find spans with IDs: ['U3Bhbjo5OTk=']");

        let delete = |what: &str, ids: &str| format!("mutation {{ {what}(input: {{annotationIds: [{ids}]}}) {{ query {{ projectCount }} }} }}");
        assert_eq!(refused(bob, &delete("deleteSpanAnnotations", &format!("\"{mine}\""))).await, own_only);
        let twice = format!("\"{mine}\", \"{mine}\"");
        assert!(refused(ann, &delete("deleteSpanAnnotations", &twice)).await.starts_with("Duplicate span annotation ID"));
        data(ann, &delete("deleteSpanAnnotations", &format!("\"{mine}\""))).await;
        data(&admin, &delete("deleteSpanAnnotations", &format!("\"{}\"", others["id"].as_str().unwrap()))).await;
        data(ann, &delete("deleteSpanNotes", &format!("\"{}\"", note["id"].as_str().unwrap()))).await;
        data(ann, &delete("deleteTraceAnnotations", &format!("\"{}\"", of_trace["id"].as_str().unwrap()))).await;
        let left = data(bob, &format!("{{ {span} {{ spanAnnotations {{ identifier }} spanNotes {{ id }} trace {{ traceAnnotations {{ id }} }} }} }}")).await;
        assert_eq!(left["getSpanByOtelId"], json!({"spanAnnotations": [{"identifier": "second"}], "spanNotes": [], "trace": {"traceAnnotations": []}}));
        let viewer = app.key(Role::Viewer, None).await;
        assert!(refused(&viewer, &create("label: \"x\"")).await.contains("Viewers"));
    }
}
