//! Notes to spans, traces and sessions.

use serde_json::{Value, json};

use crate::support::{TestApp, both_engines, otlp};

both_engines! {
    async fn a_note_is_added_and_one_with_an_identifier_is_replaced(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let mut span = otlp::span(1, 1);
        span.attributes.push(otlp::text("session.id", "s"));
        admin.export("p", vec![span]).await;
        let trace = format!("{}{:016x}", "aa".repeat(8), 1);
        let unknown = [
            ("span", "Span with ID nosuch not found"),
            ("trace", "Trace with ID nosuch not found"),
            ("session", "Session with session_id nosuch not found"),
        ];
        for ((kind, sentence), id) in unknown.into_iter().zip(["0000000000000001", &trace, "s"]) {
            let path = format!("/v1/{kind}_notes");
            let field = format!("{kind}_id");
            let body = |over: Value| {
                let mut data = json!({(field.as_str()): id, "note": " hello "});
                data.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
                json!({ "data": data })
            };
            let first = admin.post(&path, &body(json!({}))).await.expect(200).json();
            let second = admin.post(&path, &body(json!({"identifier": ""}))).await.expect(200).json();
            assert_ne!(first, second);
            let third = admin.post(&path, &body(json!({"identifier": "i"}))).await.expect(200).json();
            assert_eq!(admin.post(&path, &body(json!({"identifier": "i", "note": "again"}))).await.expect(200).json(), third);
            let list = format!("/v1/projects/p/{kind}_annotations?{kind}_ids={id}");
            let rows = admin.get(&list).await.expect(200).json();
            let said = |at: usize| (rows["data"][at]["identifier"].as_str().unwrap(), rows["data"][at]["result"]["explanation"].as_str().unwrap());
            assert_eq!(said(0), ("i", "again"));
            assert!(said(1).0.starts_with(&format!("px-{kind}-note:")), "{rows}");
            assert_eq!((said(1).1, &rows["data"][1]["annotator_kind"], &rows["data"][1]["name"]), ("hello", &json!("HUMAN"), &json!("note")));
            assert_eq!(rows["data"].as_array().unwrap().len(), 3);
            for bad in [json!({"note": ""}), json!({"note": "  "}), json!({(field.as_str()): ""}), json!({"identifier": null}), json!({"note": "x".repeat((1 << 20) + 1)}), json!({"identifier": "x".repeat(1_025)})] {
                let refused = admin.post(&path, &body(bad)).await.expect(422);
                assert!(refused.json()["errors"][0]["field"].is_string(), "{}", refused.text());
            }
            assert_eq!(admin.post(&path, &body(json!({(field.as_str()): "nosuch"}))).await.expect(404).detail(), sentence);
        }
    }
}
