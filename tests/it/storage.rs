//! The guard of the disk: what goes on and what does not when the database is full, and who is told.

use phoenix_server::{config::Config, domain::scope::Role};
use prost::Message as _;
use serde_json::json;

use crate::support::{Engine, TestApp, both_engines, otlp};

/// Bytes to the unit of the configuration.
fn gib(bytes: f64) -> f64 {
    bytes / f64::from(1 << 30)
}

/// A database that may take this much.
fn capacity(bytes: f64, warning: Option<f64>, blocking: Option<f64>) -> impl FnOnce(&mut Config) {
    move |config| {
        config.database.allocated_storage_capacity_gib = Some(gib(bytes));
        config.database.usage_email_warning_threshold_percentage = warning;
        config.database.usage_insertion_blocking_threshold_percentage = blocking;
        config.http.support_email = Some("help@example.com".to_owned());
    }
}

both_engines! {
    async fn a_full_database_refuses_what_is_new_and_nothing_else(engine) {
        let app = TestApp::with(engine, capacity(1_000.0, None, Some(90.0))).await;
        let admin = app.admin_secret();
        let key = app.key(Role::Member, None).await;
        let sentence = "Database operations are disabled due to insufficient storage. Please delete old data or \
                        increase storage. Need help? Contact us at help@example.com";
        let answer = admin.post("/v1/projects", &json!({"name": "x"})).await.expect(507);
        assert_eq!(answer.detail(), sentence);
        key.export_bytes(otlp::request("p", vec![otlp::span(1, 1)]).encode_to_vec()).await.expect(507);
        let body = serde_json::to_value(otlp::request("p", vec![otlp::span(1, 1)])).unwrap();
        let answer = key.post("/v1/traces", &body).await.expect(507).json();
        assert_eq!((answer["code"].as_i64(), answer["message"].as_str()), (Some(8), Some(sentence)));
        let answer = admin.graphql("mutation { createSystemApiKey(input: {name: \"x\"}) { jwt } }").await.json();
        assert_eq!(answer["errors"][0]["extensions"]["code"], "INSUFFICIENT_STORAGE", "{answer}");
        assert_eq!(answer["errors"][0]["message"], sentence);

        // Whoever is not known is asked for a credential and learns nothing.
        app.anonymous().post("/v1/projects", &json!({"name": "x"})).await.expect(401);
        // Reads, logins and deletes go on.
        key.get("/v1/projects").await.expect(200);
        let person = app.admin().await;
        let keys = admin.get("/v1/system/api_keys").await.expect(200).json();
        let id = keys["data"][0]["id"].as_str().unwrap();
        admin.delete(&format!("/v1/system/api_keys/{id}")).await.expect(204);
        let status = person.graphql("{ serverStatus { insufficientStorage } dbStorageCapacityBytes }").await.json();
        assert_eq!(status["data"], json!({"serverStatus": {"insufficientStorage": true}, "dbStorageCapacityBytes": 1000.0}));
        let ready = app.anonymous().get("/readyz").await.expect(200).json();
        assert_eq!(ready["storage"]["status"], "full", "{ready}");
    }

    async fn a_database_with_room_says_so_and_tells_sizes_to_the_unbound(engine) {
        let app = TestApp::with(engine, capacity(1e12, Some(80.0), Some(95.0))).await;
        let admin = app.admin_secret();
        admin.post("/v1/projects", &json!({"name": "x"})).await.expect(200);
        let ready = app.anonymous().get("/readyz").await.expect(200).json();
        assert_eq!(ready, json!({"storage": {"status": "enough", "used_percent": 0.0}}));
        let query = "{ dbTableStats { tableName numBytes } }";
        let stats = admin.graphql(query).await.json()["data"]["dbTableStats"].clone();
        let names: Vec<&str> = stats.as_array().unwrap().iter().map(|s| s["tableName"].as_str().unwrap()).collect();
        match engine {
            Engine::Sqlite => assert_eq!(names, ["SQLite"]),
            Engine::Postgres => assert!(names.contains(&"spans") && names.contains(&"traces"), "{names:?}"),
        }
        let bound = app.bound_key(Role::Member, &["x"]).await;
        let refused = bound.graphql(query).await.json();
        assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN", "{refused}");
        let app = TestApp::new(engine).await;
        assert_eq!(app.anonymous().get("/readyz").await.expect(200).json(), json!({}));
    }

    async fn administrators_are_told_once_a_crossing(engine) {
        let app = TestApp::with_mail(engine, capacity(1_000.0, Some(80.0), None)).await;
        let subjects = |letters: Vec<phoenix_server::mail::Letter>| -> Vec<String> {
            letters.into_iter().map(|letter| format!("{}: {}", letter.address, letter.subject)).collect()
        };
        let told = ["admin@localhost: [Phoenix] Database Disk Space Usage Threshold Exceeded"];
        assert_eq!(subjects(app.mails().await), told);
        app.app.look_at_storage().await.unwrap();
        assert_eq!(subjects(app.mails().await), [""; 0]);
        // Spans are taken: only the warning is configured.
        app.admin_secret().export_bytes(otlp::request("p", vec![otlp::span(1, 1)]).encode_to_vec()).await.expect(200);
        assert_eq!(app.anonymous().get("/readyz").await.json()["storage"]["status"], "warning");
    }
}
