//! The audit log: what was done, by whom, to whom, from where.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Client, TestApp, both_engines};

const LOG: &str = "/api/v1/audit-logs";

async fn log(client: &Client, query: &str) -> Vec<Value> {
    client.get(&format!("{LOG}{query}")).await.expect(200).json()["data"].as_array().unwrap().clone()
}

fn actions(records: &[Value]) -> Vec<&str> {
    records.iter().map(|r| r["action"].as_str().unwrap()).collect()
}

both_engines! {
    async fn every_change_of_a_key_is_on_record_without_its_secret(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin().await.header("x-request-id", "request-1");
        let made = admin.post("/api/v1/api-keys", &json!({"name": "k"})).await.expect(201).json();
        let path = format!("/api/v1/api-keys/{}", made["id"].as_str().unwrap());
        let body = json!({"name": "renamed", "scopes": ["traces:read"]}).to_string().into_bytes();
        admin.send(axum::http::Method::PATCH, &path, Some("application/json"), body).await.expect(200);
        let rotated = admin.post(&format!("{path}/rotate"), &json!({"gracePeriodSeconds": 60})).await.expect(201).json();
        admin.delete(&path).await.expect(204);
        admin.delete(&path).await.expect(204);
        let answer = admin.get(&format!("{LOG}?subject={}", made["id"].as_str().unwrap())).await.expect(200);
        for secret in [&made["key"], &rotated["key"]] {
            assert!(!answer.text().contains(secret.as_str().unwrap()));
        }
        let records = answer.json()["data"].as_array().unwrap().clone();
        assert_eq!(actions(&records), ["api_key.revoke", "api_key.rotate", "api_key.update", "api_key.create"]);
        assert_eq!(records[3]["actor"], json!({"type": "user", "id": "VXNlcjoy", "name": "admin"}));
        assert_eq!(records[3]["subject"], json!({"type": "api_key", "id": made["id"], "name": "k"}));
        assert_eq!(records[3]["timestamp"], "2026-06-01T12:00:00Z");
        assert_eq!((&records[3]["requestId"], &records[3]["ip"]), (&json!("request-1"), &json!("127.0.0.1")));
        assert_eq!(records[2]["details"], json!({"set": {"name": "renamed", "scopes": ["traces:read"]}}));
        assert_eq!(records[1]["details"]["previousExpiresAt"], "2026-06-01T12:01:00+00:00");
    }

    async fn people_sessions_and_projects_are_on_record_by_every_door(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let user = json!({"user": {
            "email": "ann@example.com", "username": "ann", "role": "MEMBER", "auth_method": "LOCAL", "password": "first-password-1"
        }, "send_welcome_email": false});
        admin.post("/v1/users", &user).await.expect(201);
        app.anonymous().post("/auth/login", &json!({"email": "ann@example.com", "password": "wrong"})).await.expect(401);
        app.anonymous().post("/auth/login", &json!({"email": "my-password", "password": "wrong"})).await.expect(401);
        let ann = app.anonymous().login("ann@example.com", "first-password-1").await;
        let change = crate::support::app::change_password("first-password-1", "second-password-2");
        assert_eq!(ann.graphql(&change).await.json()["errors"], Value::Null);
        let ann = app.anonymous().login("ann@example.com", "second-password-2").await;
        ann.get("/auth/logout").await.expect(302);
        let patch = "mutation { patchUser(input: {userId: \"VXNlcjoz\", newRole: VIEWER}) { user { id } } }";
        assert_eq!(admin.graphql(patch).await.json()["errors"], Value::Null);
        admin.post("/v1/projects", &json!({"name": "p"})).await.expect(200);
        admin.put("/v1/projects/p", &json!({"description": "d"})).await.expect(200);
        admin.delete("/v1/projects/p").await.expect(204);
        admin.delete("/v1/users/VXNlcjoz").await.expect(204);
        let records = log(&admin, "").await;
        assert_eq!(actions(&records), [
            "user.delete", "project.delete", "project.update", "project.create", "user.update", "session.end",
            "user.login", "user.password_changed", "user.login", "user.login_failed", "user.login_failed", "user.create",
        ]);
        assert_eq!(records[0]["actor"], json!({"type": "admin-secret", "id": "admin-secret", "name": null}));
        assert_eq!(records[0]["subject"], json!({"type": "user", "id": "VXNlcjoz", "name": "ann"}));
        assert_eq!(records[4]["details"], json!({"set": {"role": "VIEWER"}}));
        assert_eq!(records[5]["actor"]["name"], "ann");
        assert_eq!(records[7]["actor"]["name"], "ann");
        assert_eq!(records[9]["subject"]["name"], Value::Null);
        assert_eq!((&records[10]["actor"]["type"], &records[10]["subject"]["name"]), (&json!("anonymous"), &json!("ann")));
        let all = app.admin_secret().get(LOG).await.text();
        assert!(!all.contains("password-1") && !all.contains("my-password") && !all.contains("argon2"), "{all}");
    }

    async fn the_log_is_narrowed_by_actor_action_subject_and_time_and_read_in_pages(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        for i in 0..3 {
            admin.post("/v1/projects", &json!({"name": format!("p{i}")})).await.expect(200);
            app.clock.advance(Duration::from_mins(1));
        }
        app.key(phoenix_server::domain::scope::Role::Member, None).await;
        assert_eq!(actions(&log(&admin, "?actor=command-line").await), ["api_key.create"]);
        assert_eq!(log(&admin, "?action=project").await.len(), 3);
        assert_eq!(log(&admin, "?action=project.create&subject=p1").await.len(), 1);
        assert_eq!(log(&admin, "?action=proj").await.len(), 0);
        assert_eq!(log(&admin, "?start=2026-06-01T12:01:00Z&end=2026-06-01T12:02:00Z").await.len(), 1);
        let mut seen = Vec::new();
        let mut path = format!("{LOG}?action=project&limit=2");
        loop {
            let page = admin.get(&path).await.expect(200).json();
            seen.extend(page["data"].as_array().unwrap().iter().map(|r| r["subject"]["name"].as_str().unwrap().to_owned()));
            let Value::String(next) = &page["nextCursor"] else { break };
            path = format!("{LOG}?action=project&limit=2&cursor={next}");
        }
        assert_eq!(seen, ["p2", "p1", "p0"]);
        admin.get(&format!("{LOG}?start=soon")).await.expect(422);
    }

    async fn a_login_that_is_turned_away_is_on_record_once_in_a_window(engine) {
        let app = TestApp::with(engine, |config| config.auth.disable_rate_limit = true).await;
        let knock = async |email: &str, status| {
            app.anonymous().post("/auth/login", &json!({"email": email, "password": "wrong"})).await.expect(status);
        };
        let limited = async || log(&app.admin_secret(), "?action=user.login_limited").await;
        for _ in 0..5 {
            knock("admin@localhost", 401).await;
        }
        assert_eq!(limited().await, Vec::<Value>::new());
        for _ in 0..7 {
            knock("admin@localhost", 429).await;
        }
        let records = limited().await;
        assert_eq!(records.len(), 1);
        assert_eq!(records[0]["subject"], json!({"type": "user", "id": "VXNlcjoy", "name": "admin"}));
        assert_eq!((&records[0]["ip"], &records[0]["actor"]["type"]), (&json!("127.0.0.1"), &json!("anonymous")));
        assert_eq!(records[0]["details"], json!({"limit": "account", "retryAfterSeconds": 300}));
        // What another process has on record is not written again.
        let other = phoenix_server::app::App::start(&app.config, app.clock.clone()).await.unwrap();
        let elsewhere = Client::new(other.router.clone());
        elsewhere.post("/auth/login", &json!({"email": "admin@localhost", "password": "x"})).await.expect(429);
        assert_eq!(limited().await.len(), 1);
        // A name that may be a password is not kept; another account is another record; another window, too.
        for _ in 0..5 {
            knock("my-password", 401).await;
        }
        knock("my-password", 429).await;
        knock("my-password", 429).await;
        assert_eq!(limited().await[0]["subject"], json!({"type": "user", "id": null, "name": null}));
        app.clock.advance(Duration::from_mins(5));
        for _ in 0..5 {
            knock("admin@localhost", 401).await;
        }
        knock("admin@localhost", 429).await;
        assert_eq!(limited().await.len(), 3);
    }

    async fn an_address_that_is_turned_away_is_on_record_once_whomever_it_tries(engine) {
        let app = TestApp::new(engine).await;
        let mut turned_away = 0;
        for n in 0..20 {
            let body = json!({"email": format!("u{n}@example.com"), "password": "wrong"});
            turned_away += u32::from(app.anonymous().post("/auth/login", &body).await.status == 429);
        }
        assert!(turned_away >= 5, "{turned_away}");
        let records = log(&app.admin_secret(), "?action=user.login_limited").await;
        assert_eq!(records.len(), 1);
        assert_eq!((&records[0]["details"]["limit"], &records[0]["ip"]), (&json!("address"), &json!("127.0.0.1")));
    }

    async fn the_log_is_taken_along_as_lines(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        for i in 0..7 {
            admin.post("/v1/projects", &json!({"name": format!("p{i}")})).await.expect(200);
        }
        let lines = admin.clone().header("accept", "application/x-ndjson");
        let answer = lines.get(&format!("{LOG}?action=project")).await.expect(200);
        assert_eq!(answer.header("content-type"), "application/x-ndjson");
        let records: Vec<Value> = answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(records, log(&admin, "?action=project").await);
        assert_eq!(lines.get(&format!("{LOG}?limit=3")).await.expect(200).text().lines().count(), 3);
        lines.get(&format!("{LOG}?start=soon")).await.expect(422);
        let bound = app.bound_key(phoenix_server::domain::scope::Role::Admin, &["default"]).await;
        bound.header("accept", "application/x-ndjson").get(LOG).await.expect(403);
    }

    async fn the_log_is_kept_for_ever_unless_a_retention_is_set(engine) {
        for (days, left) in [(None, 3), (Some(2), 2)] {
            let app = TestApp::with(engine, |config| config.usage.audit_log_retention_days = days).await;
            for i in 0..3 {
                app.admin_secret().post("/v1/projects", &json!({"name": format!("p{i}")})).await.expect(200);
                app.clock.advance(Duration::from_hours(24));
            }
            app.app.remove_old_records().await.unwrap();
            assert_eq!(log(&app.admin_secret(), "").await.len(), left);
        }
    }

    async fn what_was_refused_is_not_on_record(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        admin.post("/v1/projects", &json!({"name": "default"})).await.expect(409);
        admin.delete("/v1/projects/default").await.expect(403);
        admin.delete("/v1/users/VXNlcjoy").await.expect(403);
        admin.post("/api/v1/api-keys", &json!({"name": ""})).await.expect(422);
        assert_eq!(log(&admin, "").await, Vec::<Value>::new());
    }
}
