//! The documented door to API keys: `/api/v1/api-keys`.

use std::time::Duration;

use axum::http::Method;
use phoenix_server::domain::scope::{Role, Scope};
use prost::Message as _;
use serde_json::{Value, json};

use crate::support::{
    Answer, Client, TestApp,
    app::{PASSWORD, change_password},
    both_engines, otlp,
};

const DOOR: &str = "/api/v1/api-keys";

async fn patch(client: &Client, id: &str, body: &Value) -> Answer {
    let bytes = body.to_string().into_bytes();
    client.send(Method::PATCH, &format!("{DOOR}/{id}"), Some("application/json"), bytes).await
}

async fn create(client: &Client, body: &Value) -> Value {
    client.post(DOOR, body).await.expect(201).json()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("{field}: {value}"))
}

fn bearer(app: &TestApp, key: &Value) -> Client {
    app.anonymous().bearer(text(key, "key"))
}

/// A person with a changed password, logged in.
async fn person(app: &TestApp, name: &str, role: &str) -> Client {
    let email = format!("{name}@example.com");
    let user = json!({"user": {
        "email": email, "username": name, "role": role, "auth_method": "LOCAL", "password": "first-password-1"
    }, "send_welcome_email": false});
    app.admin_secret().post("/v1/users", &user).await.expect(201);
    let first = app.anonymous().login(&email, "first-password-1").await;
    first.graphql(&change_password("first-password-1", PASSWORD)).await.expect(200);
    app.anonymous().login(&email, PASSWORD).await
}

both_engines! {
    async fn the_documented_request_works_as_written(engine) {
        let app = TestApp::new(engine).await;
        let body = json!({
            "name": "CI/CD Pipeline",
            "description": "Automated testing and deployment",
            "expiresAt": "2026-12-31T23:59:59Z",
            "scopes": ["traces:write", "projects:read"]
        });
        let existing = app.key(Role::Admin, None).await;
        let made = create(&existing, &body).await;
        assert!(text(&made, "id").starts_with("key_"));
        assert!(text(&made, "key").starts_with("px_sys_"));
        assert_eq!(made["name"], "CI/CD Pipeline");
        assert_eq!(made["description"], "Automated testing and deployment");
        assert_eq!(made["createdAt"], "2026-06-01T12:00:00Z");
        assert_eq!(made["expiresAt"], "2026-12-31T23:59:59Z");
        assert_eq!(made["scopes"], json!(["traces:write", "projects:read"]));
        assert_eq!((&made["status"], &made["kind"], &made["role"]), (&json!("active"), &json!("system"), &json!("MEMBER")));
        assert_eq!((&made["projects"], &made["plan"], &made["lastUsedAt"]), (&Value::Null, &Value::Null, &Value::Null));
        let masked = text(&made, "maskedKey");
        assert!(masked.starts_with("px_sys_") && masked.contains('…') && masked.len() < 25, "{masked}");
        let shown = app.admin_secret().get(&format!("{DOOR}/{}", text(&made, "id"))).await.expect(200);
        assert!(!shown.text().contains(text(&made, "key")));
        assert_eq!(shown.json()["maskedKey"], made["maskedKey"]);
    }

    async fn the_three_documented_keys_do_what_the_documents_say(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin().await;
        admin.export("p", vec![otlp::span(1, 1)]).await;
        let of = |name: &'static str, scopes: Value| json!({"name": name, "scopes": scopes});
        let analytics = create(&admin, &of(
            "Read-Only Analytics",
            json!(["traces:read", "projects:read", "datasets:read", "experiments:read"]),
        )).await;
        let pipeline = create(&admin, &of("CI/CD Pipeline", json!([
            "datasets:read", "datasets:write", "experiments:read", "experiments:write", "projects:read"
        ]))).await;
        let application = create(&admin, &of("Application Instrumentation", json!(["traces:write"]))).await;
        let spans = |id| otlp::request("p", vec![otlp::span(1, id)]).encode_to_vec();

        let analytics = bearer(&app, &analytics);
        analytics.get("/v1/projects").await.expect(200);
        analytics.get("/api/v1/projects/p/spans").await.expect(200);
        let refused = analytics.export_bytes(spans(2)).await.expect(403);
        assert!(refused.header("www-authenticate").contains("scope=\"traces:write\""));
        analytics.post("/v1/projects", &json!({"name": "x"})).await.expect(403);

        let pipeline = bearer(&app, &pipeline);
        pipeline.get("/v1/projects/p").await.expect(200);
        pipeline.get("/v1/projects/p/spans").await.expect(403);
        pipeline.export_bytes(spans(3)).await.expect(403);

        let application = app.anonymous().header("api_key", text(&application, "key"));
        application.export_bytes(spans(4)).await.expect(200);
        application.get("/v1/projects").await.expect(403);
        application.get("/v1/projects/p/spans").await.expect(403);
        for client in [&analytics, &pipeline, &application] {
            client.post(DOOR, &json!({"name": "x"})).await.expect(403);
            client.get("/api/v1/audit-logs").await.expect(403);
        }
    }

    async fn presets_are_scopes_by_another_name(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let scopes_of = |made: Value| made["scopes"].as_array().unwrap().len();
        assert_eq!(scopes_of(create(&admin, &json!({"name": "r", "preset": "read-only"})).await), 5);
        assert_eq!(scopes_of(create(&admin, &json!({"name": "w", "preset": "read-write"})).await), 10);
        let made = create(&admin, &json!({"name": "a", "preset": "admin"})).await;
        assert_eq!((&made["scopes"], &made["role"]), (&json!(["admin"]), &json!("ADMIN")));
        bearer(&app, &made).get("/v1/users").await.expect(200);
        for (body, field) in [
            (json!({"name": "x", "preset": "root"}), "preset"),
            (json!({"name": "x", "preset": "admin", "scopes": ["admin"]}), "preset"),
            (json!({"name": "x", "scopes": []}), "scopes"),
            (json!({"name": "x", "scopes": ["traces:eat"]}), "scopes"),
            (json!({"name": "x", "role": "VIEWER", "scopes": ["traces:write"]}), "scopes"),
            (json!({"name": "x", "role": "SYSTEM"}), "role"),
            (json!({"name": "x", "role": "KING"}), "role"),
            (json!({"name": "x", "projects": []}), "projects"),
            (json!({"name": "x", "environment": "test"}), "environment"),
            (json!({"name": "x", "kind": "house"}), "kind"),
            (json!({"name": "x", "plan": "gold"}), "plan"),
            (json!({"name": "x", "limits": {"apiPerMinute": 0}}), "limits.apiPerMinute"),
            (json!({"name": "x", "expiresAt": "2024-12-31T23:59:59Z"}), "expiresAt"),
            (json!({"name": "x", "expiresAt": "soon"}), "expiresAt"),
            (json!({"name": "x", "expires_at": "2026-12-31T23:59:59Z"}), "expires_at"),
            (json!({"name": " "}), "name"),
        ] {
            let refused = admin.post(DOOR, &body).await.expect(422);
            assert_eq!(refused.json()["errors"][0]["field"], field, "{body}: {}", refused.text());
        }
        assert_eq!(create(&admin, &json!({"name": "x", "scopes": ["admin:*"]})).await["scopes"], json!(["admin"]));
    }

    async fn a_person_makes_keys_of_their_own_and_administrators_system_keys_too(engine) {
        let app = TestApp::new(engine).await;
        let member = person(&app, "mel", "MEMBER").await;
        let own = create(&member, &json!({"name": "mine"})).await;
        assert!(text(&own, "key").starts_with("px_live_"));
        assert_eq!((&own["kind"], &own["role"]), (&json!("user"), &json!("MEMBER")));
        assert_eq!(own["owner"]["username"], "mel");
        member.post(DOOR, &json!({"name": "x", "kind": "system"})).await.expect(403);
        let refused = member.post(DOOR, &json!({"name": "x", "scopes": ["admin"]})).await.expect(403);
        assert!(refused.detail().contains("admin"), "{}", refused.detail());
        member.post(DOOR, &json!({"name": "x", "plan": "enterprise"})).await.expect(403);
        member.post(DOOR, &json!({"name": "x", "role": "VIEWER"})).await.expect(422);
        let admin = app.admin().await;
        assert_eq!(create(&admin, &json!({"name": "u"})).await["kind"], "user");
        let system = create(&admin, &json!({"name": "s", "kind": "system", "role": "VIEWER", "plan": "pro",
            "limits": {"ingestPerMinute": 7}})).await;
        assert_eq!((&system["role"], &system["plan"]), (&json!("VIEWER"), &json!("pro")));
        assert_eq!(system["limits"], json!({"ingestPerMinute": 7, "apiPerMinute": null, "concurrent": null}));
        assert_eq!(system["createdBy"]["username"], "admin");
        let refused = app.admin_secret().post(DOOR, &json!({"name": "x", "kind": "user"})).await.expect(403);
        assert!(refused.detail().contains("admin secret"), "{}", refused.detail());
    }

    async fn keys_make_keys_only_with_the_scope_admin_and_never_wider_ones(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        for project in ["mine", "theirs"] {
            admin.post("/v1/projects", &json!({"name": project})).await.expect(200);
        }
        let refused = app.key(Role::Admin, Some(&[Scope::TracesWrite])).await.post(DOOR, &json!({"name": "x"})).await.expect(403);
        assert!(refused.header("www-authenticate").contains("scope=\"admin\""), "{}", refused.text());
        app.key(Role::Member, None).await.post(DOOR, &json!({"name": "x"})).await.expect(403);
        let bound = bearer(&app, &create(&admin, &json!({"name": "b", "preset": "admin", "projects": ["mine"]})).await);
        let child = create(&bound, &json!({"name": "child"})).await;
        assert_eq!(child["projects"].as_array().unwrap().len(), 1);
        assert_eq!(child["projects"][0]["name"], "mine");
        let refused = bound.post(DOOR, &json!({"name": "x", "projects": ["theirs"]})).await.expect(422);
        assert_eq!(refused.detail(), "There is no project theirs");
        // Neither sees it keys that reach further, nor can it leave its bounds by way of a user.
        let wide = create(&admin, &json!({"name": "wide"})).await;
        bound.get(&format!("{DOOR}/{}", text(&wide, "id"))).await.expect(404);
        patch(&bound, text(&child, "id"), &json!({"projects": ["theirs"]})).await.expect(422);
        let kept = patch(&bound, text(&child, "id"), &json!({"projects": null})).await.expect(200).json();
        assert_eq!(kept["projects"][0]["name"], "mine");
        bound.get("/api/v1/audit-logs").await.expect(403);
        let user = json!({"user": {"email": "x@example.com", "username": "x", "role": "ADMIN", "auth_method": "LOCAL"}});
        bound.post("/v1/users", &user).await.expect(403);
        // At the peer's doors no key makes keys.
        bound.post("/v1/system/api_keys", &json!({"data": {"name": "x"}})).await.expect(403);
    }

    async fn a_key_of_an_administrator_makes_system_keys_and_keys_of_its_owner(engine) {
        let app = TestApp::new(engine).await;
        let own = bearer(&app, &create(&app.admin().await, &json!({"name": "mine", "preset": "admin"})).await);
        assert_eq!(create(&own, &json!({"name": "s"})).await["kind"], "system");
        let child = create(&own, &json!({"name": "u", "kind": "user"})).await;
        assert_eq!((&child["kind"], &child["owner"]["username"]), (&json!("user"), &json!("admin")));
    }

    async fn projects_are_found_by_name_or_global_id(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let made = admin.post("/v1/projects", &json!({"name": "p"})).await.expect(200).json();
        let id = made["data"]["id"].as_str().unwrap();
        let key = create(&admin, &json!({"name": "k", "projects": ["default", id, "p"]})).await;
        assert_eq!(key["projects"], json!([{"id": "UHJvamVjdDox", "name": "default"}, {"id": id, "name": "p"}]));
        let refused = admin.post(DOOR, &json!({"name": "k", "projects": ["default", "nosuch"]})).await.expect(422);
        assert_eq!(refused.detail(), "There is no project nosuch");
        assert_eq!(refused.json()["errors"][0]["field"], "projects");
    }

    async fn test_keys_are_told_by_their_prefix_and_refused_where_nobody_wants_them(engine) {
        let app = TestApp::new(engine).await;
        let made = create(&app.admin().await, &json!({"name": "t", "environment": "test"})).await;
        assert!(text(&made, "key").starts_with("px_test_"));
        assert_eq!(made["environment"], "test");
        bearer(&app, &made).get("/v1/projects").await.expect(200);
        let strict = TestApp::with(engine, |config| config.auth.refuse_test_keys = true).await;
        let made = create(&strict.admin().await, &json!({"name": "t", "environment": "test"})).await;
        let refused = bearer(&strict, &made).get("/v1/projects").await.expect(401);
        assert_eq!(refused.detail(), "Test keys are refused by this server");
        assert!(refused.header("www-authenticate").contains("Test keys are refused"));
    }

    async fn keys_are_listed_in_pages_by_state_kind_and_owner(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin().await;
        let member = person(&app, "mel", "MEMBER").await;
        create(&member, &json!({"name": "m"})).await;
        let gone = create(&admin, &json!({"name": "gone"})).await;
        admin.delete(&format!("{DOOR}/{}", text(&gone, "id"))).await.expect(204);
        create(&admin, &json!({"name": "short", "kind": "system", "expiresAt": "2026-06-01T12:00:10Z"})).await;
        app.clock.advance(Duration::from_secs(10));
        create(&admin, &json!({"name": "s", "kind": "system"})).await;
        let names = |client: Client, query: &'static str| async move {
            let list = client.get(&format!("{DOOR}{query}")).await.expect(200).json();
            let names = list["data"].as_array().unwrap().iter().map(|k| text(k, "name").to_owned());
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(admin.clone(), "").await, "s short gone m");
        assert_eq!(names(admin.clone(), "?status=active").await, "s m");
        assert_eq!(names(admin.clone(), "?status=expired").await, "short");
        assert_eq!(names(admin.clone(), "?status=revoked").await, "gone");
        assert_eq!(names(admin.clone(), "?kind=system").await, "s short");
        for owner in ["?owner=mel", "?owner=Mel@example.com", "?owner=VXNlcjoz"] {
            assert_eq!(names(admin.clone(), owner).await, "m", "{owner}");
        }
        assert_eq!(names(admin.clone(), "?owner=nobody").await, "");
        assert_eq!(names(member.clone(), "").await, "m");
        assert_eq!(names(member.clone(), "?owner=admin").await, "");
        assert_eq!(names(member.clone(), "?kind=system").await, "");
        let mut pages = Vec::new();
        let mut path = format!("{DOOR}?limit=3");
        loop {
            let page = admin.get(&path).await.expect(200).json();
            pages.extend(page["data"].as_array().unwrap().iter().map(|k| text(k, "name").to_owned()));
            let Value::String(next) = &page["nextCursor"] else { break };
            path = format!("{DOOR}?limit=3&cursor={next}");
        }
        assert_eq!(pages, ["s", "short", "gone", "m"]);
        admin.get(&format!("{DOOR}?status=odd")).await.expect(422);
    }

    async fn what_one_may_not_see_is_not_found(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin().await;
        let (mel, ann) = (person(&app, "mel", "MEMBER").await, person(&app, "ann", "MEMBER").await);
        let of_mel = create(&mel, &json!({"name": "m"})).await;
        let system = create(&admin, &json!({"name": "s", "kind": "system"})).await;
        for key in [&of_mel, &system] {
            let path = format!("{DOOR}/{}", text(key, "id"));
            assert_eq!(ann.get(&path).await.expect(404).detail(), "API key not found");
            patch(&ann, text(key, "id"), &json!({"name": "x"})).await.expect(404);
            ann.post(&format!("{path}/rotate"), &json!({})).await.expect(404);
            ann.post(&format!("{path}/revoke"), &json!({})).await.expect(404);
            ann.delete(&path).await.expect(404);
            admin.get(&path).await.expect(200);
        }
        for wrong in ["key_nosuch", "nosuch", "key_", "1"] {
            admin.get(&format!("{DOOR}/{wrong}")).await.expect(404);
        }
        // A narrowed key sees itself, may end itself, and cannot change itself.
        let narrow = create(&mel, &json!({"name": "n", "scopes": ["traces:read"]})).await;
        let (client, path) = (bearer(&app, &narrow), format!("{DOOR}/{}", text(&narrow, "id")));
        client.get(&path).await.expect(200);
        assert_eq!(client.get(DOOR).await.expect(200).json()["data"].as_array().unwrap().len(), 1);
        client.get(&format!("{DOOR}/{}", text(&of_mel, "id"))).await.expect(404);
        patch(&client, text(&narrow, "id"), &json!({"scopes": null})).await.expect(403);
        client.post(&format!("{path}/rotate"), &json!({})).await.expect(403);
        client.delete(&path).await.expect(204);
        client.get(&path).await.expect(401);
    }

    async fn a_change_reaches_the_key_at_once_and_never_widens_it(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin().await;
        let mel = person(&app, "mel", "MEMBER").await;
        let key = create(&mel, &json!({"name": "k", "description": "d", "scopes": ["projects:read"]})).await;
        let (client, id) = (bearer(&app, &key), text(&key, "id"));
        client.get("/v1/projects/default/spans").await.expect(403);
        let changed = patch(&mel, id, &json!({
            "name": "renamed", "description": null, "scopes": ["projects:read", "traces:read"],
            "projects": ["default"], "expiresAt": "2026-06-02T12:00:00Z"
        })).await.expect(200).json();
        assert_eq!((&changed["name"], &changed["description"]), (&json!("renamed"), &Value::Null));
        assert_eq!(changed["expiresAt"], "2026-06-02T12:00:00Z");
        assert_eq!(changed["id"], key["id"]);
        client.get("/v1/projects/default/spans").await.expect(200);
        patch(&mel, id, &json!({"scopes": ["admin"]})).await.expect(403);
        patch(&mel, id, &json!({"plan": "enterprise"})).await.expect(403);
        patch(&mel, id, &json!({"limits": {"concurrent": 9}})).await.expect(403);
        patch(&mel, id, &json!({"name": ""})).await.expect(422);
        patch(&mel, id, &json!({"expiresAt": "2026-01-01T00:00:00Z"})).await.expect(422);
        let planned = patch(&admin, id, &json!({"plan": "free", "limits": {"concurrent": 9}})).await.expect(200).json();
        assert_eq!((&planned["plan"], &planned["limits"]["concurrent"]), (&json!("free"), &json!(9)));
        let refused = patch(&admin, id, &json!({"scopes": ["admin"]})).await.expect(422);
        assert_eq!(refused.detail(), "The role MEMBER does not hold the scope admin");
        let opened = patch(&mel, id, &json!({"scopes": null, "projects": null, "expiresAt": null})).await.expect(200).json();
        assert_eq!((&opened["scopes"], &opened["projects"], &opened["expiresAt"]), (&Value::Null, &Value::Null, &Value::Null));
        mel.delete(&format!("{DOOR}/{id}")).await.expect(204);
        patch(&mel, id, &json!({"name": "late"})).await.expect(409);
    }

    async fn lowering_a_role_lowers_its_keys_at_once(engine) {
        let app = TestApp::new(engine).await;
        let mel = person(&app, "mel", "MEMBER").await;
        let client = bearer(&app, &create(&mel, &json!({"name": "k"})).await);
        client.post("/v1/projects", &json!({"name": "one"})).await.expect(200);
        let lowered = "mutation { patchUser(input: {userId: \"VXNlcjoz\", newRole: VIEWER}) { user { id } } }";
        assert_eq!(app.admin_secret().graphql(lowered).await.json()["errors"], Value::Null);
        client.post("/v1/projects", &json!({"name": "two"})).await.expect(403);
        assert_eq!(client.get(DOOR).await.expect(200).json()["data"][0]["role"], "VIEWER");
    }

    async fn a_rotated_key_keeps_its_id_and_its_old_secret_dies_by_itself(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let first = create(&admin, &json!({"name": "k", "scopes": ["projects:read"]})).await;
        let path = format!("{DOOR}/{}", text(&first, "id"));
        let old = bearer(&app, &first);
        old.get("/v1/projects").await.expect(200);
        let second = admin.post(&format!("{path}/rotate"), &json!({"gracePeriodSeconds": 3600})).await.expect(201).json();
        assert_eq!((&second["id"], &second["scopes"]), (&first["id"], &first["scopes"]));
        assert_ne!(second["key"], first["key"]);
        assert_eq!(
            second["previousSecret"],
            json!({"maskedKey": first["maskedKey"], "expiresAt": "2026-06-01T13:00:00Z"})
        );
        assert_eq!(admin.get(&path).await.expect(200).json()["maskedKey"], second["maskedKey"]);
        let new = bearer(&app, &second);
        new.get("/v1/projects").await.expect(200);
        new.get("/v1/projects/default/spans").await.expect(403);
        app.clock.advance(Duration::from_secs(3599));
        old.get("/v1/projects").await.expect(200);
        app.clock.advance(Duration::from_secs(1));
        assert_eq!(old.get("/v1/projects").await.expect(401).detail(), "Expired token");
        new.get("/v1/projects").await.expect(200);
        // Two rotations within a grace: the secret before the last alone lives on. Without a grace none does.
        let third = admin.post(&format!("{path}/rotate"), &json!({"gracePeriodSeconds": 3600})).await.expect(201).json();
        let fourth = admin.post(&format!("{path}/rotate"), &json!({"gracePeriodSeconds": 60})).await.expect(201).json();
        new.get("/v1/projects").await.expect(401);
        bearer(&app, &third).get("/v1/projects").await.expect(200);
        let fifth = admin.send(Method::POST, &format!("{path}/rotate"), None, Vec::new()).await.expect(201).json();
        bearer(&app, &fourth).get("/v1/projects").await.expect(401);
        bearer(&app, &fifth).get("/v1/projects").await.expect(200);
        for bad in [json!({"gracePeriodSeconds": 2_592_001}), json!({"gracePeriodSeconds": -1}), json!({"grace": 1})] {
            admin.post(&format!("{path}/rotate"), &bad).await.expect(422);
        }
        // Revocation takes both secrets.
        let sixth = admin.post(&format!("{path}/rotate"), &json!({"gracePeriodSeconds": 60})).await.expect(201).json();
        admin.post(&format!("{path}/revoke"), &json!({})).await.expect(204);
        for secret in [&fifth, &sixth] {
            assert_eq!(bearer(&app, secret).get("/v1/projects").await.expect(401).detail(), "Revoked token");
        }
        admin.post(&format!("{path}/rotate"), &json!({})).await.expect(409);
    }

    async fn rotations_at_once_leave_two_secrets_that_work(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let first = create(&admin, &json!({"name": "k"})).await;
        let path = format!("{DOOR}/{}/rotate", text(&first, "id"));
        let rotate = || async {
            let made = admin.post(&path, &json!({"gracePeriodSeconds": 60})).await.expect(201).json();
            // Used at once, so that it is remembered while others rotate.
            bearer(&app, &made).get("/v1/projects").await;
            made
        };
        let (a, b, c, d) = tokio::join!(rotate(), rotate(), rotate(), rotate());
        let mut working = 0;
        for secret in [&first, &a, &b, &c, &d] {
            let status = bearer(&app, secret).get("/v1/projects").await.status.as_u16();
            working += i32::from(status == 200);
        }
        assert_eq!(working, 2);
    }

    async fn a_key_whose_projects_are_gone_reaches_none_and_shows_to_no_bound_key(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        for project in ["gone", "kept"] {
            admin.export(project, vec![otlp::span(1, 1)]).await;
        }
        let key = create(&admin, &json!({"name": "of gone", "projects": ["gone"]})).await;
        let bound = bearer(&app, &create(&admin, &json!({"name": "b", "preset": "admin", "projects": ["kept"]})).await);
        admin.delete("/v1/projects/gone").await.expect(204);
        let db = phoenix_server::app::open_database(&app.config).await.unwrap();
        phoenix_server::jobs::housekeeping::run(&db, &app.clock).await.unwrap();
        assert_eq!(bearer(&app, &key).get("/v1/projects").await.expect(200).json()["data"], json!([]));
        bearer(&app, &key).get("/v1/projects/kept").await.expect(404);
        let shown = admin.get(&format!("{DOOR}/{}", text(&key, "id"))).await.expect(200).json();
        assert_eq!(shown["projects"], json!([]));
        bound.get(&format!("{DOOR}/{}", text(&key, "id"))).await.expect(404);
        assert_eq!(bound.get(DOOR).await.expect(200).json()["data"].as_array().unwrap().len(), 1);
    }

    async fn a_revoked_key_stays_in_the_list_and_can_be_revoked_again(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin().await;
        let key = create(&admin, &json!({"name": "k"})).await;
        let path = format!("{DOOR}/{}", text(&key, "id"));
        admin.delete(&path).await.expect(204);
        assert_eq!(bearer(&app, &key).get("/v1/projects").await.expect(401).detail(), "Revoked token");
        admin.delete(&path).await.expect(204);
        admin.post(&format!("{path}/revoke"), &json!({})).await.expect(204);
        let shown = admin.get(&path).await.expect(200).json();
        assert_eq!((&shown["status"], &shown["revokedAt"]), (&json!("revoked"), &json!("2026-06-01T12:00:00Z")));
    }

    async fn refusals_say_why(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin().await;
        let short = create(&admin, &json!({"name": "k", "expiresAt": "2026-06-01T12:00:10Z"})).await;
        app.clock.advance(Duration::from_secs(10));
        let why = |answer: Answer| answer.expect(401).header("www-authenticate").to_owned();
        assert!(why(bearer(&app, &short).get("/v1/projects").await).contains("Expired token"));
        let typo = format!("{}x", text(&short, "key"));
        assert!(why(app.anonymous().bearer(&typo).get("/v1/projects").await).contains("Invalid token"));
        admin.post(&format!("{DOOR}/{}/rotate", text(&short, "id")), &json!({})).await.expect(409);
        // It lives again with a later time.
        patch(&admin, text(&short, "id"), &json!({"expiresAt": "2026-07-01T00:00:00Z"})).await.expect(200);
        bearer(&app, &short).get("/v1/projects").await.expect(200);
    }

    async fn the_peers_doors_speak_of_the_same_keys(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin().await;
        let made = admin.post("/v1/user/api_keys", &json!({"data": {"name": "peer"}})).await.expect(201).json();
        let global = made["data"]["id"].as_str().unwrap();
        let shown = admin.get(&format!("{DOOR}/{global}")).await.expect(200).json();
        assert_eq!((&shown["name"], &shown["kind"]), (&json!("peer"), &json!("user")));
        let documented = create(&admin, &json!({"name": "doc", "kind": "system"})).await;
        let listed = admin.get("/v1/system/api_keys").await.expect(200).json();
        assert_eq!(listed["data"][0]["name"], "doc");
        let keys = listed["data"][0].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys, ["id", "name", "created_at"]);
        admin.delete(&format!("{DOOR}/{}", text(&documented, "id"))).await.expect(204);
        assert_eq!(admin.get("/v1/system/api_keys").await.json()["data"], json!([]));
    }

    async fn graphql_shows_makes_changes_and_rotates_the_same_keys(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin().await;
        let ask = |client: Client, query: String| async move {
            let answer = client.graphql(&query).await.expect(200).json();
            assert_eq!(answer["errors"], Value::Null, "{query}: {answer}");
            answer["data"].clone()
        };
        let fields = "id keyId name maskedKey scopes projects { id name } role { name } status lastUsedAt environment
            previousSecretExpiresAt revokedAt plan limits { ingestPerMinute apiPerMinute concurrent }";
        let made = ask(admin.clone(), format!("mutation {{ createSystemApiKey(input: {{name: \"s\", role: VIEWER,
            scopes: [\"traces:read\"], projects: [\"default\"], plan: PRO, limits: {{concurrent: 7}}}}) {{ jwt apiKey {{ {fields} }} }} }}")).await;
        let system = &made["createSystemApiKey"];
        assert!(text(system, "jwt").starts_with("px_sys_"));
        let key = &system["apiKey"];
        assert_eq!((&key["scopes"], &key["status"]), (&json!(["traces:read"]), &json!("ACTIVE")));
        assert_eq!(key["projects"], json!([{"id": "UHJvamVjdDox", "name": "default"}]));
        assert_eq!((&key["role"]["name"], &key["environment"]), (&json!("VIEWER"), &json!("LIVE")));
        assert_eq!((&key["lastUsedAt"], &key["previousSecretExpiresAt"]), (&Value::Null, &Value::Null));
        let limits = json!({"ingestPerMinute": null, "apiPerMinute": null, "concurrent": 7});
        assert_eq!((&key["plan"], &key["limits"], &key["revokedAt"]), (&json!("PRO"), &limits, &Value::Null));
        let listed = ask(admin.clone(), format!("{{ systemApiKeys {{ {fields} }} }}")).await;
        assert_eq!(listed["systemApiKeys"][0], *key);
        let made = ask(admin.clone(), format!("mutation {{ createUserApiKey(input: {{name: \"t\", environment: TEST}})
            {{ jwt apiKey {{ {fields} }} }} }}")).await;
        let own = &made["createUserApiKey"];
        assert!(text(own, "jwt").starts_with("px_test_"));
        assert_eq!((&own["apiKey"]["role"]["name"], &own["apiKey"]["projects"]), (&json!("ADMIN"), &Value::Null));
        for id in [text(key, "id"), text(key, "keyId")] {
            let rotated = ask(admin.clone(), format!("mutation {{ rotateApiKey(input: {{id: \"{id}\",
                gracePeriodSeconds: 60}}) {{ jwt apiKey {{ __typename name ... on SystemApiKey {{ id
                previousSecretExpiresAt }} }} }} }}")).await;
            let about = &rotated["rotateApiKey"]["apiKey"];
            assert_eq!((&about["__typename"], &about["id"]), (&json!("SystemApiKey"), &key["id"]));
            assert_eq!(about["previousSecretExpiresAt"], "2026-06-01T12:01:00+00:00");
        }
        let id = text(key, "id");
        let patched = ask(admin.clone(), format!("mutation {{ patchApiKey(input: {{id: \"{id}\", name: \"n\",
            scopes: null, projects: null, plan: FREE, limits: null}}) {{ apiKey {{ name ... on SystemApiKey {{ scopes
            projects {{ id }} plan limits {{ concurrent }} }} }} }} }}")).await;
        assert_eq!(
            patched["patchApiKey"]["apiKey"],
            json!({"name": "n", "scopes": null, "projects": null, "plan": "FREE", "limits": {"concurrent": null}})
        );
        let viewed = ask(admin.clone(), format!("{{ node(id: \"{id}\") {{ ... on SystemApiKey {{ name }} }}
            viewer {{ apiKeys {{ name maskedKey }} }} }}")).await;
        assert_eq!((&viewed["node"]["name"], &viewed["viewer"]["apiKeys"][0]["name"]), (&json!("n"), &json!("t")));
        for (input, field) in [
            ("name: \"x\", scopes: [\"nosuch\"]", "scopes"),
            ("name: \"x\", projects: [\"nosuch\"]", "projects"),
            ("name: \"x\", limits: {concurrent: 0}", "limits.concurrent"),
        ] {
            let refused = admin.graphql(&format!("mutation {{ createSystemApiKey(input: {{{input}}}) {{ jwt }} }}")).await.json();
            assert_eq!(refused["errors"][0]["extensions"]["field"], field, "{refused}");
        }
        let mel = person(&app, "mel", "MEMBER").await;
        let refused = mel.graphql("mutation { createUserApiKey(input: {name: \"x\", plan: PRO}) { jwt } }").await.json();
        assert_eq!(refused["errors"][0]["message"], "Plans and limits of keys are set by administrators");
        let refused = mel.graphql(&format!("mutation {{ rotateApiKey(input: {{id: \"{id}\"}}) {{ jwt }} }}")).await.json();
        assert_eq!(refused["errors"][0]["message"], "API key not found");
    }

    async fn without_authentication_there_are_no_keys(engine) {
        let app = TestApp::with(engine, |config| config.auth.enabled = false).await;
        let refused = app.anonymous().get(DOOR).await.expect(403);
        assert!(refused.detail().starts_with("This action requires authentication to be enabled."));
        app.anonymous().post(DOOR, &json!({"name": "x"})).await.expect(403);
    }
}
