//! The access log: who asked what, and how it ended.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use phoenix_server::domain::{
    id::ApiKeyId,
    scope::{Role, Scope},
};
use serde_json::{Value, json};
use tonic::{Code, Request};

use crate::support::{
    Client, TestApp,
    app::{ADMIN_SECRET, SECRET, uuid},
    both_engines, otlp,
    process::Process,
};

/// A user key with its id and secret.
async fn user_key(owner: &Client, name: &str) -> (String, String) {
    let made = owner.post("/v1/user/api_keys", &json!({"data": {"name": name}})).await.expect(201).json();
    (made["data"]["id"].as_str().unwrap().to_owned(), made["data"]["key"].as_str().unwrap().to_owned())
}

/// The records of a query, once everything before is written.
async fn logs(app: &TestApp, query: &str) -> Vec<Value> {
    app.app.recorder.flush().await;
    let answer = app.admin_secret().get(&format!("/api/v1/access-logs{query}")).await.expect(200).json();
    answer["data"].as_array().unwrap().clone()
}

both_engines! {
    async fn every_request_of_a_known_caller_and_every_refusal_is_recorded(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin().await;
        let (id, secret) = user_key(&admin, "ci").await;
        let key = app.anonymous().bearer(&secret).header("user-agent", "tests/1").header("x-request-id", "abc-1");
        key.get("/v1/projects/default/spans?limit=1").await.expect(200);
        key.get("/v1/projects/nosuch").await.expect(404);
        app.anonymous().get("/v1/projects").await.expect(401);
        app.anonymous().get("/v1/nosuch").await.expect(404);
        app.anonymous().get("/healthz").await.expect(200);
        let narrow = app.key(Role::Member, Some(&[Scope::TracesWrite])).await;
        narrow.get("/v1/projects").await.expect(403);
        narrow.export("mine", vec![otlp::span(1, 1), otlp::span(1, 2)]).await;
        app.anonymous().post("/auth/login", &json!({"email": "a@example.com", "password": "x"})).await.expect(401);

        let all = logs(&app, "").await;
        let seen: Vec<String> = all
            .iter()
            .rev()
            .map(|r| format!("{} {} {} {}", r["principal"]["type"].as_str().unwrap(), r["method"].as_str().unwrap(), r["path"].as_str().unwrap(), r["status"]))
            .collect();
        let mut expected = vec![
            "anonymous GET /v1/projects 401",
            "anonymous POST /auth/login 401",
            "session POST /graphql 200",
            "session POST /v1/user/api_keys 201",
            "system_api_key GET /v1/projects 403",
            "system_api_key POST /v1/traces 200",
            "user_api_key GET /v1/projects/default/spans 200",
            "user_api_key GET /v1/projects/nosuch 404",
        ];
        let mut sorted = seen.clone();
        sorted.sort();
        expected.sort_unstable();
        assert_eq!(sorted, expected);

        let read = all.iter().find(|r| r["path"] == "/v1/projects/default/spans").unwrap();
        let mut shown = read.clone();
        assert!(shown["latencyMs"].as_f64().unwrap() > 0.0);
        assert!(shown["id"].as_str().unwrap().starts_with("log_"));
        assert!(shown["bytesOut"].as_i64().unwrap() > 10);
        for varying in ["latencyMs", "id", "bytesOut"] {
            shown[varying] = Value::Null;
        }
        assert_eq!(
            shown,
            json!({
                "id": null, "timestamp": "2026-06-01T12:00:00+00:00",
                "principal": {"type": "user_api_key", "userId": "VXNlcjoy", "keyId": ApiKeyId::parse(&id).unwrap().to_public(), "name": "ci"},
                "method": "GET", "path": "/v1/projects/default/spans", "route": "/v1/projects/{project_identifier}/spans",
                "status": 200, "latencyMs": null, "bytesIn": 0, "bytesOut": null, "ip": "127.0.0.1",
                "userAgent": "tests/1", "projectName": "default", "requestId": "abc-1", "error": null,
            })
        );
        let refused = all.iter().find(|r| r["status"] == 403).unwrap();
        assert_eq!(refused["error"], "The credential lacks the scope projects:read");
        let sent = all.iter().find(|r| r["path"] == "/v1/traces").unwrap();
        assert_eq!((&sent["projectName"], &sent["route"]), (&json!("mine"), &json!("/v1/traces")));
        assert!(sent["bytesIn"].as_i64().unwrap() > 100);
    }

    async fn a_known_key_that_is_refused_is_on_record_by_its_name_and_not_as_used(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin().await;
        let door = "/api/v1/api-keys";
        let make = async |name: &str| {
            let body = json!({"name": name, "expiresAt": "2026-06-01T12:00:30Z"});
            admin.post(door, &body).await.expect(201).json()
        };
        let (revoked, expired) = (make("revoked").await, make("expired").await);
        let bearer = |key: &Value| app.anonymous().bearer(key["key"].as_str().unwrap());
        for key in [&revoked, &expired] {
            bearer(key).get("/v1/projects").await.expect(200);
        }
        app.app.recorder.flush().await;
        let about = async |key: &Value| {
            let id = key["id"].as_str().unwrap();
            let shown = admin.get(&format!("{door}/{id}")).await.expect(200).json();
            let usage = admin.get(&format!("{door}/{id}/usage")).await.expect(200).json();
            (shown["lastUsedAt"].clone(), usage["totals"]["requests"].clone())
        };
        let before = [about(&revoked).await, about(&expired).await];
        assert_eq!(before, [(json!("2026-06-01T12:00:00Z"), json!(1)), (json!("2026-06-01T12:00:00Z"), json!(1))]);
        admin.delete(&format!("{door}/{}", revoked["id"].as_str().unwrap())).await.expect(204);
        app.clock.advance(Duration::from_secs(30));
        for key in [&revoked, &expired] {
            bearer(key).get("/v1/projects").await.expect(401);
            // It asks for no credential, and so nothing is refused.
            bearer(key).get("/v1/server").await.expect(200);
        }
        let unknown = format!("px_live_{}", "0".repeat(38));
        app.anonymous().bearer(&unknown).get("/v1/projects").await.expect(401);
        for (key, why) in [(&revoked, "Revoked token"), (&expired, "Expired token")] {
            let id = key["id"].as_str().unwrap();
            let of_key = logs(&app, &format!("?key={id}")).await;
            let seen: Vec<_> = of_key.iter().map(|r| (&r["path"], &r["status"], &r["error"])).collect();
            let path = json!("/v1/projects");
            assert_eq!(seen, [(&path, &json!(401), &json!(why)), (&path, &json!(200), &Value::Null)]);
            assert_eq!(
                of_key[0]["principal"],
                json!({"type": "user_api_key", "userId": "VXNlcjoy", "keyId": id, "name": key["name"]})
            );
            assert_eq!(admin.get(&format!("{door}/{id}/logs")).await.expect(200).json()["data"][0]["error"], why);
        }
        let unknown = logs(&app, "?status=401").await.iter().filter(|r| r["principal"]["type"] == "anonymous").count();
        assert_eq!(unknown, 1);
        assert_eq!([about(&revoked).await, about(&expired).await], before);
    }

    async fn the_log_is_narrowed_and_paged_and_streamed(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin().await;
        let (id, secret) = user_key(&admin, "ci").await;
        let key = app.anonymous().bearer(&secret);
        for n in 0..7 {
            key.get(if n < 5 { "/v1/projects" } else { "/v1/projects/nosuch" }).await;
            app.clock.advance(Duration::from_secs(1));
        }
        let count = async |query: &str| logs(&app, query).await.len();
        assert_eq!(count(&format!("?key={id}")).await, 7);
        assert_eq!(count(&format!("?key={id}&status=404")).await, 2);
        assert_eq!(count(&format!("?key={id}&status=2xx&method=get")).await, 5);
        assert_eq!(count("?route=/v1/projects/{project_identifier}").await, 2);
        assert_eq!(count("?route=/v1/projects&user=VXNlcjoy").await, 5);
        assert_eq!(count(&format!("?key={id}&start=2026-06-01T12:00:01Z&end=2026-06-01T12:00:03Z")).await, 2);
        assert_eq!(count("?key=nosuch").await, 0);
        for bad in ["status=9", "status=x", "start=soon", "limit=0", "cursor=x", "color=red"] {
            app.admin_secret().get(&format!("/api/v1/access-logs?{bad}")).await.expect(422);
        }
        let mut cursor = String::new();
        let mut seen = Vec::new();
        loop {
            let page = admin.get(&format!("/api/v1/api-keys/{id}/logs?limit=3{cursor}")).await.expect(200).json();
            seen.extend(page["data"].as_array().unwrap().iter().map(|r| r["timestamp"].as_str().unwrap().to_owned()));
            let Some(next) = page["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen.len(), 7);
        assert!(seen.is_sorted_by(|a, b| a > b), "{seen:?}");
        let streamed = admin.clone().header("accept", "application/x-ndjson").get(&format!("/api/v1/access-logs?key={id}")).await.expect(200);
        assert_eq!(streamed.header("content-type"), "application/x-ndjson");
        let lines: Vec<Value> = streamed.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 7);
        assert_eq!(lines[0]["timestamp"], seen[0].as_str());
        let some = admin.clone().header("accept", "application/x-ndjson").get(&format!("/api/v1/api-keys/{id}/logs?limit=2")).await.expect(200);
        assert_eq!(some.text().lines().count(), 2);
    }

    async fn an_export_that_is_compressed_ends_well(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        for _ in 0..20 {
            admin.get("/v1/projects").await.expect(200);
        }
        logs(&app, "").await;
        let zipped = admin.header("accept", "application/x-ndjson").header("accept-encoding", "gzip");
        let answer = zipped.get("/api/v1/access-logs").await.expect(200);
        assert_eq!(answer.header("content-encoding"), "gzip");
        let mut text = String::new();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(answer.body.as_slice()), &mut text).unwrap();
        assert!(text.lines().count() >= 20, "{text}");
    }

    async fn ndjson_goes_on_past_a_page(engine) {
        let app = TestApp::new(engine).await;
        let key = app.key(Role::Member, None).await;
        for _ in 0..1_203 {
            key.get("/v1/nosuch").await;
        }
        app.app.recorder.flush().await;
        let lines = app.admin_secret().header("accept", "text/html, application/x-ndjson;q=0.9");
        let all = lines.get("/api/v1/access-logs?status=404").await.expect(200).text();
        let ids: std::collections::HashSet<String> =
            all.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!((all.lines().count(), ids.len()), (1_203, 1_203));
        assert_eq!(lines.get("/api/v1/access-logs?status=404&limit=501").await.expect(200).text().lines().count(), 501);
    }

    async fn a_key_sees_itself_and_nobody_else_sees_it_but_its_owner_and_administrators(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin().await;
        let (id, secret) = user_key(&admin, "ci").await;
        let (other_id, _) = user_key(&admin, "other").await;
        let key = app.anonymous().bearer(&secret);
        key.get(&format!("/api/v1/api-keys/{id}/logs")).await.expect(200);
        // Not narrowed: it speaks for its owner, who is an administrator.
        key.get(&format!("/api/v1/api-keys/{other_id}/usage")).await.expect(200);
        let stranger = app.key(Role::Member, None).await;
        for of in ["logs", "usage"] {
            stranger.get(&format!("/api/v1/api-keys/{id}/{of}")).await.expect(404);
            admin.get(&format!("/api/v1/api-keys/nosuch/{of}")).await.expect(404);
            admin.get(&format!("/api/v1/api-keys/U3lzdGVtQXBpS2V5Ojk5/{of}")).await.expect(404);
        }
        stranger.get("/api/v1/access-logs").await.expect(403);
        let bound = app.bound_key(Role::Admin, &["default"]).await;
        bound.get("/api/v1/access-logs").await.expect(403);
        bound.get(&format!("/api/v1/api-keys/{id}/logs")).await.expect(404);
        admin.delete(&format!("/v1/user/api_keys/{id}")).await.expect(204);
        app.app.recorder.flush().await;
        assert!(!admin.get(&format!("/api/v1/api-keys/{id}/logs")).await.expect(200).json()["data"][0].is_null());
    }

    async fn no_secret_gets_into_the_log(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin().await;
        let (_, secret) = user_key(&admin, "ci").await;
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJ4In0.c2lnbmF0dXJl";
        for sent in [&secret, ADMIN_SECRET, SECRET, token] {
            let client = app
                .anonymous()
                .bearer(sent)
                .header("api_key", sent)
                .header("user-agent", &format!("agent/{sent}"))
                .header("x-request-id", &format!("id-{}", &sent[..30]))
                .header("x-project-name", sent)
                .header("cookie", &format!("a={sent}"));
            client.get(&format!("/v1/projects/{sent}?api_key={sent}")).await;
            client.get(&format!("/v1/projects?token={sent}")).await;
            client.get(&format!("/v1/{sent}/x")).await;
            client.delete(&format!("/v1/user/api_keys/{sent}")).await;
            client.export_bytes(vec![1, 2, 3]).await;
        }
        app.app.recorder.flush().await;
        let all = app.admin_secret().get("/api/v1/access-logs?limit=1000").await.expect(200).text();
        assert!(all.contains("agent/px_live_***") && all.contains("/v1/projects/px_live_***"), "{all}");
        let parts = [&secret["px_live_".len()..][..12], ADMIN_SECRET, SECRET, "eyJqdGkiOiJ4In0", "c2lnbmF0dXJl", "token="];
        for part in parts {
            assert!(!all.contains(part), "{part}: {all}");
        }
    }

    async fn what_is_older_than_the_retention_is_removed_and_with_none_nothing_is_kept(engine) {
        let app = TestApp::with(engine, |config| config.usage.access_log_retention_days = 2).await;
        let key = app.key(Role::Member, None).await;
        for _ in 0..3 {
            key.get("/v1/projects").await.expect(200);
            app.app.recorder.flush().await;
            app.clock.advance(Duration::from_hours(24));
        }
        app.app.remove_old_records().await.unwrap();
        assert_eq!(logs(&app, "?route=/v1/projects").await.len(), 2);

        let app = TestApp::with(engine, |config| config.usage.access_log_retention_days = 0).await;
        app.key(Role::Member, None).await.get("/v1/projects").await.expect(200);
        assert_eq!(logs(&app, "").await.len(), 0);
    }

    async fn with_authentication_off_there_is_nobody_to_remember(engine) {
        let app = TestApp::with(engine, |config| config.auth.enabled = false).await;
        app.anonymous().get("/v1/projects").await.expect(200);
        app.app.recorder.flush().await;
        let refused = app.anonymous().get("/api/v1/access-logs").await.expect(403);
        assert!(refused.detail().starts_with("This action requires authentication to be enabled."));
    }

    async fn grpc_is_recorded_and_what_waits_is_written_at_sigterm(engine) {
        let dir = tempfile::tempdir().unwrap();
        let schema = format!("log_{}", uuid());
        let mut process = Process::start(engine, dir.path(), &schema).await;
        let http = reqwest::Client::new();
        let made = http.post(process.url("/v1/system/api_keys")).bearer_auth(ADMIN_SECRET);
        let made: Value = made.json(&json!({"data": {"name": "grpc"}})).send().await.unwrap().json().await.unwrap();
        let (id, key) = (made["data"]["id"].as_str().unwrap(), made["data"]["key"].as_str().unwrap());
        let endpoint = format!("http://127.0.0.1:{}", process.grpc_port);
        let channel = tonic::transport::Endpoint::new(endpoint).unwrap().connect().await.unwrap();
        let mut client = TraceServiceClient::new(channel);
        let export = |key: &str, spans| {
            let mut request = Request::new(otlp::request("by grpc", spans));
            request.metadata_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
            request
        };
        client.export(export(key, vec![otlp::span(1, 1), otlp::span(1, 2), otlp::span(1, 3)])).await.unwrap();
        let fault = client.export(export("wrong", Vec::new())).await.unwrap_err();
        assert_eq!(fault.code(), Code::Unauthenticated);
        drop(client);
        assert!(process.terminate());

        let process = Process::start(engine, dir.path(), &schema).await;
        let get = |path: String| {
            let request = http.get(process.url(&path)).bearer_auth(ADMIN_SECRET);
            async move { request.send().await.unwrap().json::<Value>().await.unwrap() }
        };
        let log = get("/api/v1/access-logs".to_owned()).await;
        let of_grpc: Vec<&Value> =
            log["data"].as_array().unwrap().iter().filter(|r| r["path"].as_str().unwrap().starts_with("/opentelemetry")).collect();
        assert_eq!(of_grpc.len(), 2, "{log}");
        assert_eq!((&of_grpc[0]["status"], &of_grpc[0]["principal"]["type"]), (&json!(401), &json!("anonymous")));
        assert_eq!(of_grpc[0]["error"], "Invalid token");
        assert_eq!((&of_grpc[1]["status"], &of_grpc[1]["projectName"]), (&json!(200), &json!("by grpc")));
        assert_eq!(of_grpc[1]["route"], "/opentelemetry.proto.collector.trace.v1.TraceService/{method}");
        let usage = get(format!("/api/v1/api-keys/{id}/usage")).await;
        assert_eq!((&usage["totals"]["requests"], &usage["totals"]["spans"]), (&json!(1), &json!(3)));
    }
}
