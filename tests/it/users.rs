//! Users: what administrators do with accounts, and what reaches sessions and keys at once.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    Answer, Client, Engine, TestApp,
    app::{ADMIN_SECRET, PASSWORD, uuid},
    both_engines,
    process::Process,
};

const NEW: &str = "another-horse";

fn user(name: &str, role: &str) -> Value {
    json!({"user": {
        "email": format!("{name}@example.com"), "username": name, "role": role, "auth_method": "LOCAL",
        "password": PASSWORD,
    }})
}

/// Creates a user who need not change the first password, and returns their global id.
async fn create(admin: &Client, name: &str, role: &str) -> String {
    let made = admin.post("/v1/users", &user(name, role)).await.expect(201).json();
    made["data"]["id"].as_str().unwrap().to_owned()
}

async fn lax(engine: Engine) -> TestApp {
    TestApp::with(engine, |config| config.auth.enforce_password_reset = false).await
}

async fn patch(client: &Client, id: &str, body: Value) -> Answer {
    let body = body.to_string().into_bytes();
    client.send(axum::http::Method::PATCH, &format!("/v1/users/{id}"), Some("application/json"), body).await
}

async fn login(app: &TestApp, name: &str, password: &str) -> Answer {
    let body = json!({"email": format!("{name}@example.com"), "password": password});
    app.anonymous().post("/auth/login", &body).await
}

async fn key_of(session: &Client) -> String {
    let made = session.post("/v1/user/api_keys", &json!({"data": {"name": "k"}})).await.expect(201).json();
    made["data"]["key"].as_str().unwrap().to_owned()
}

both_engines! {
    async fn an_administrator_creates_lists_and_deletes_users(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin().await;
        let made = admin.post("/v1/users", &user("ann", "MEMBER")).await.expect(201).json();
        let ann = &made["data"];
        assert_eq!(ann["email"], "ann@example.com");
        assert_eq!((&ann["role"], &ann["auth_method"]), (&json!("MEMBER"), &json!("LOCAL")));
        assert_eq!((&ann["password_needs_reset"], &ann["active"]), (&json!(true), &json!(true)));
        assert!(ann.get("password").is_none() && !made.to_string().contains(PASSWORD));
        for (body, status, says) in [
            (user("ann", "MEMBER"), 409, "Username already exists"),
            (json!({"user": {"email": "ANN@example.com", "username": "other", "role": "VIEWER", "auth_method": "LOCAL"}}), 409, "Email already exists"),
            (user("sys", "SYSTEM"), 400, "Cannot create users with SYSTEM role"),
            (json!({"user": {"email": "nonsense", "username": "b", "role": "VIEWER", "auth_method": "LOCAL"}}), 422, "Invalid email address"),
            (json!({"user": {"email": "b@example.com", "username": "b", "role": "VIEWER", "auth_method": "LOCAL", "password": "abc"}}), 422, "Password must be"),
            (json!({"user": {"email": "b@example.com", "username": " ", "role": "VIEWER", "auth_method": "LOCAL"}}), 422, "username"),
            (json!({"user": {"email": "b@example.com", "username": "b", "role": "owner", "auth_method": "LOCAL"}}), 422, "role"),
            (json!({"user": {"email": "b@example.com", "username": "b", "role": "VIEWER", "auth_method": "OAUTH2", "password": "long-enough"}}), 422, "auth_method"),
        ] {
            let refused = admin.post("/v1/users", &body).await.expect(status);
            assert!(refused.detail().contains(says), "{body}: {}", refused.detail());
        }
        let page = admin.get("/v1/users?limit=1").await.expect(200).json();
        assert_eq!(page["data"][0]["email"], "admin@localhost");
        let next = page["next_cursor"].as_str().unwrap();
        let rest = admin.get(&format!("/v1/users?limit=5&cursor={next}")).await.expect(200).json();
        assert_eq!(rest["data"].as_array().unwrap().len(), 1);
        assert_eq!(rest["next_cursor"], Value::Null);
        let id = ann["id"].as_str().unwrap();
        admin.delete(&format!("/v1/users/{id}")).await.expect(204);
        admin.delete(&format!("/v1/users/{id}")).await.expect(404);
        admin.delete("/v1/users/nonsense").await.expect(422);
    }

    async fn a_new_user_changes_the_password_and_then_has_the_role(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin().await;
        create(&admin, "vic", "VIEWER").await;
        let first = app.anonymous().login("vic@example.com", PASSWORD).await;
        first.get("/v1/projects").await.expect(403);
        let changed = first.graphql(&crate::support::app::change_password(PASSWORD, NEW)).await.json();
        assert_eq!(changed["data"]["patchViewer"]["user"]["passwordNeedsReset"], false, "{changed}");
        let vic = app.anonymous().login("vic@example.com", NEW).await;
        vic.get("/v1/projects").await.expect(200);
        vic.post("/v1/projects", &json!({"name": "x"})).await.expect(403);
        vic.get("/v1/users").await.expect(403);
        let refused = vic.graphql("{ users { edges { node { id } } } }").await.json();
        assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN");
    }

    async fn a_user_with_keys_and_sessions_can_be_deleted_and_both_are_refused_at_once(engine) {
        let app = lax(engine).await;
        let admin = app.admin().await;
        let id = create(&admin, "ann", "MEMBER").await;
        let ann = app.anonymous().login("ann@example.com", PASSWORD).await;
        let key = app.anonymous().bearer(&key_of(&ann).await);
        key.get("/v1/projects").await.expect(200);
        admin.delete(&format!("/v1/users/{id}")).await.expect(204);
        ann.get("/v1/user").await.expect(401);
        key.get("/v1/projects").await.expect(401);
        login(&app, "ann", PASSWORD).await.expect(401);
    }

    async fn a_deactivated_user_is_refused_everywhere_and_comes_back_whole(engine) {
        let app = lax(engine).await;
        let admin = app.admin().await;
        let id = create(&admin, "ann", "MEMBER").await;
        let ann = app.anonymous().login("ann@example.com", PASSWORD).await;
        let key = app.anonymous().bearer(&key_of(&ann).await);
        key.export("hers", vec![crate::support::otlp::span(1, 1)]).await;
        assert_eq!(patch(&admin, &id, json!({"active": false})).await.expect(200).json()["data"]["active"], false);
        // Like any other session that was ended: whoever holds it learns nothing of the account.
        assert_eq!(ann.get("/v1/user").await.expect(401).detail(), "Invalid token");
        assert_eq!(ann.post("/auth/refresh", &json!({})).await.expect(401).detail(), "Invalid refresh token");
        let refused = key.get("/v1/projects").await.expect(401);
        assert_eq!(refused.detail(), "The user is deactivated");
        let wrong = login(&app, "ann", PASSWORD).await.expect(401);
        assert_eq!(wrong.detail(), "Invalid email and/or password");
        admin.get("/v1/projects/hers").await.expect(200);
        patch(&admin, &id, json!({"active": true})).await.expect(200);
        key.get("/v1/projects").await.expect(200);
        login(&app, "ann", PASSWORD).await.expect(204);
    }

    async fn a_new_role_reaches_keys_at_once_and_ends_sessions(engine) {
        let app = lax(engine).await;
        let admin = app.admin().await;
        let id = create(&admin, "ann", "MEMBER").await;
        let ann = app.anonymous().login("ann@example.com", PASSWORD).await;
        let key = app.anonymous().bearer(&key_of(&ann).await);
        key.post("/v1/projects", &json!({"name": "one"})).await.expect(200);
        let changed = admin
            .graphql(&format!(
                "mutation {{ patchUser(input: {{userId: \"{id}\", newRole: VIEWER}}) {{ user {{ role {{ name }} }} }} }}"
            ))
            .await
            .json();
        assert_eq!(changed["data"]["patchUser"]["user"]["role"]["name"], "VIEWER", "{changed}");
        key.post("/v1/projects", &json!({"name": "two"})).await.expect(403);
        key.get("/v1/projects").await.expect(200);
        ann.get("/v1/user").await.expect(401);
    }

    async fn a_password_set_by_an_administrator_must_be_changed_and_ends_sessions(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin().await;
        let id = create(&admin, "ann", "MEMBER").await;
        let ann = app.anonymous().login("ann@example.com", PASSWORD).await;
        patch(&admin, &id, json!({"password": "abc"})).await.expect(422);
        patch(&admin, &id, json!({"password": NEW})).await.expect(200);
        ann.get("/v1/user").await.expect(401);
        login(&app, "ann", PASSWORD).await.expect(401);
        let ann = app.anonymous().login("ann@example.com", NEW).await;
        ann.get("/v1/projects").await.expect(403);
    }

    async fn somebody_can_always_administer_the_server(engine) {
        let app = lax(engine).await;
        let secret = app.admin_secret();
        let users = secret.get("/v1/users").await.json();
        let default = users["data"][0]["id"].as_str().unwrap().to_owned();
        secret.delete(&format!("/v1/users/{default}")).await.expect(403);
        patch(&secret, &default, json!({"role": "VIEWER"})).await.expect(403);
        // Alone, it cannot be deactivated; beside another administrator it can, and then that one is the last.
        let alone = patch(&secret, &default, json!({"active": false})).await.expect(409);
        assert!(alone.detail().contains("last active administrator"), "{}", alone.detail());
        let bob = create(&secret, "bob", "ADMIN").await;
        patch(&secret, &default, json!({"active": false})).await.expect(200);
        for refused in [
            secret.delete(&format!("/v1/users/{bob}")).await,
            patch(&secret, &bob, json!({"role": "MEMBER"})).await,
            patch(&secret, &bob, json!({"active": false})).await,
        ] {
            refused.expect(409);
        }
        let session = app.anonymous().login("bob@example.com", PASSWORD).await;
        patch(&session, &bob, json!({"role": "MEMBER"})).await.expect(403);
        patch(&session, &bob, json!({"active": false})).await.expect(403);
        let system = "VXNlcjox";
        secret.delete(&format!("/v1/users/{system}")).await.expect(403);
        patch(&secret, system, json!({"role": "MEMBER"})).await.expect(404);
    }

    async fn two_administrators_cannot_take_the_right_from_each_other_at_once(engine) {
        let app = lax(engine).await;
        let secret = app.admin_secret();
        let users = secret.get("/v1/users").await.json();
        let default = users["data"][0]["id"].as_str().unwrap().to_owned();
        let (bob, eve) = (create(&secret, "bob", "ADMIN").await, create(&secret, "eve", "ADMIN").await);
        patch(&secret, &default, json!({"active": false})).await.expect(200);
        let demote = async |id: &str| patch(&secret, id, json!({"role": "VIEWER"})).await.status.as_u16();
        let (one, other) = tokio::join!(demote(&bob), demote(&eve));
        assert_eq!(one.min(other), 200);
        assert_eq!(one.max(other), 409);
    }

    async fn graphql_manages_users_by_the_peers_names(engine) {
        let app = lax(engine).await;
        let admin = app.admin().await;
        let made = admin
            .graphql(&format!(
                "mutation {{ createUser(input: {{email: \"Ann@Example.com\", username: \"ann\", password: \"{PASSWORD}\", \
                 role: MEMBER}}) {{ user {{ id email isActive role {{ name }} apiKeyCount sessions {{ id }} }} }} }}"
            ))
            .await
            .json();
        let ann = &made["data"]["createUser"]["user"];
        assert_eq!(ann["email"], "ann@example.com", "{made}");
        assert_eq!((&ann["isActive"], &ann["apiKeyCount"], &ann["sessions"]), (&json!(true), &json!(0), &json!([])));
        let session = app.anonymous().login("ann@example.com", PASSWORD).await;
        key_of(&session).await;
        let list = "{ users(first: 10) { edges { node { username apiKeyCount lastLoginAt apiKeys { name user { username } } } } pageInfo { hasNextPage } } userRoles { name } }";
        let listed = admin.graphql(list).await.json();
        let nodes = listed["data"]["users"]["edges"].as_array().unwrap();
        let names: Vec<_> = nodes.iter().map(|e| e["node"]["username"].as_str().unwrap()).collect();
        assert_eq!(names, ["admin", "ann"], "{listed}");
        assert_eq!(nodes[1]["node"]["apiKeys"][0]["user"]["username"], "ann");
        assert_ne!(nodes[1]["node"]["lastLoginAt"], Value::Null);
        let id = ann["id"].as_str().unwrap();
        let unknown = admin.graphql("mutation { deleteUsers(input: {userIds: [\"VXNlcjo5OTk=\"]}) { userIds } }").await.json();
        assert_eq!(unknown["errors"][0]["message"], "Some user IDs could not be found");
        let deleted = admin.graphql(&format!("mutation {{ deleteUsers(input: {{userIds: [\"{id}\"]}}) {{ userIds }} }}")).await.json();
        assert_eq!(deleted["data"]["deleteUsers"]["userIds"], json!([id]));
        session.get("/v1/user").await.expect(401);
    }

    async fn nobody_but_administrators_sees_the_keys_and_sessions_of_others(engine) {
        let app = lax(engine).await;
        let admin = app.admin().await;
        let (ann, bob) = (create(&admin, "ann", "MEMBER").await, create(&admin, "bob", "MEMBER").await);
        let session = app.anonymous().login("ann@example.com", PASSWORD).await;
        let bobs = app.anonymous().login("bob@example.com", PASSWORD).await;
        let bobs_key = bobs.post("/v1/user/api_keys", &json!({"data": {"name": "k"}})).await.expect(201).json();
        let bobs_key = bobs_key["data"]["id"].as_str().unwrap();
        let bobs_session = bobs.get("/v1/user/sessions").await.expect(200).json()["data"][0]["id"].as_str().unwrap().to_owned();
        for query in [
            format!("{{ node(id: \"{bob}\") {{ id }} }}"),
            format!("{{ node(id: \"{bobs_key}\") {{ id }} }}"),
            format!("mutation {{ endSessions(input: {{sessionIds: [\"{bobs_session}\"]}}) {{ sessionIds }} }}"),
            "{ userApiKeys { id } }".to_owned(),
        ] {
            let refused = session.graphql(&query).await.json();
            let code = refused["errors"][0]["extensions"]["code"].as_str().unwrap_or_default();
            assert!(matches!(code, "NOT_FOUND" | "FORBIDDEN"), "{query}: {refused}");
        }
        session.delete(&format!("/v1/user/sessions/{bobs_session}")).await.expect(404);
        bobs.get("/v1/user").await.expect(200);
        let own = session.graphql(&format!("{{ node(id: \"{ann}\") {{ ... on User {{ sessions {{ isCurrent }} }} }} }}")).await.json();
        assert_eq!(own["data"]["node"]["sessions"], json!([{"isCurrent": true}]));
        let seen = admin.graphql(&format!("{{ node(id: \"{bobs_key}\") {{ ... on UserApiKey {{ user {{ username }} }} }} }}")).await.json();
        assert_eq!(seen["data"]["node"]["user"]["username"], "bob");
    }

    async fn sessions_are_listed_with_their_device_and_ended_one_by_one(engine) {
        let app = lax(engine).await;
        let admin = app.admin().await;
        create(&admin, "ann", "MEMBER").await;
        let phone = app.anonymous().header("user-agent", "Phone/1.0").login("ann@example.com", PASSWORD).await;
        let laptop = app.anonymous().header("user-agent", "Laptop/2.0").login("ann@example.com", PASSWORD).await;
        let listed = laptop.get("/v1/user/sessions").await.expect(200).json();
        let sessions = listed["data"].as_array().unwrap();
        assert_eq!(sessions.len(), 2);
        let by_agent = |agent: &str| sessions.iter().find(|s| s["user_agent"] == agent).unwrap();
        assert_eq!(by_agent("Laptop/2.0")["is_current"], true);
        assert_eq!(by_agent("Phone/1.0")["is_current"], false);
        assert_eq!(by_agent("Phone/1.0")["ip_address"], "127.0.0.1");
        let id = by_agent("Phone/1.0")["id"].as_str().unwrap();
        laptop.delete(&format!("/v1/user/sessions/{id}")).await.expect(204);
        phone.get("/v1/user").await.expect(401);
        laptop.get("/v1/user").await.expect(200);
        let own = by_agent("Laptop/2.0")["id"].as_str().unwrap();
        let ended = laptop.graphql(&format!("mutation {{ endSessions(input: {{sessionIds: [\"{own}\"]}}) {{ sessionIds }} }}")).await;
        assert_eq!(ended.cookie("phoenix-access-token").as_deref(), Some("\"\""), "{}", ended.text());
        laptop.get("/v1/user").await.expect(401);
    }

    async fn a_session_of_the_default_password_sees_nothing_but_itself(engine) {
        let app = TestApp::new(engine).await;
        let session = app.anonymous().login("admin@localhost", "admin").await;
        session.get("/v1/user/sessions").await.expect(200);
        session.get("/v1/users").await.expect(403);
        let others = session.graphql("{ node(id: \"VXNlcjox\") { id } }").await.json();
        assert_eq!(others["errors"][0]["extensions"]["code"], "FORBIDDEN", "{others}");
    }

    async fn users_are_managed_by_anyone_when_authentication_is_off(engine) {
        let app = TestApp::with(engine, |config| config.auth.enabled = false).await;
        let id = create(&app.anonymous(), "ann", "MEMBER").await;
        app.anonymous().delete(&format!("/v1/users/{id}")).await.expect(204);
        let info = app.anonymous().get("/v1/server").await.expect(200).json();
        assert_eq!((&info["auth_enabled"], &info["login_methods"]), (&json!(false), &json!([])));
    }

    async fn what_to_know_before_login_is_public(engine) {
        let app = TestApp::with(engine, |config| config.auth.strong_password_policy = true).await;
        let info = app.anonymous().get("/v1/server").await.expect(200).json();
        assert_eq!(info["login_methods"], json!(["password"]));
        assert_eq!((&info["password_policy"], &info["password_reset_by_mail"]), (&json!("strong"), &json!(false)));
        assert_eq!(info["api_version"], "20.26.1");
    }
}

/// On one Postgres, a change in one process is a refusal in the others within a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_in_one_process_reaches_the_others_within_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let schema = format!("people_{}", uuid());
    let start = || Process::start(Engine::Postgres, dir.path(), &schema);
    let (one, other) = tokio::join!(start(), start());
    let client = reqwest::Client::new();
    let made: Value = client
        .post(one.url("/v1/users"))
        .bearer_auth(ADMIN_SECRET)
        .json(&json!({"user": {
            "email": "ann@example.com", "username": "ann", "role": "ADMIN", "auth_method": "LOCAL", "password": PASSWORD,
        }}))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let id = made["data"]["id"].as_str().unwrap();
    let token = async |form: &[(&str, &str)]| {
        let body = serde_html_form::to_string(form).unwrap();
        let request = client.post(other.url("/auth/token")).header("content-type", "application/x-www-form-urlencoded");
        request.body(body).send().await.unwrap().json::<Value>().await.unwrap()
    };
    let tokens = token(&[("grant_type", "password"), ("username", "ann@example.com"), ("password", PASSWORD)]).await;
    let access = tokens["access_token"].as_str().unwrap().to_owned();
    let status = async || {
        let answer = client.get(other.url("/v1/user")).bearer_auth(&access).send().await.unwrap();
        answer.status().as_u16()
    };
    assert_eq!(status().await, 200);
    let patched = client
        .patch(one.url(&format!("/v1/users/{id}")))
        .bearer_auth(ADMIN_SECRET)
        .json(&json!({"active": false}))
        .send()
        .await
        .unwrap();
    assert_eq!(patched.status(), 200);
    let changed = std::time::Instant::now();
    while status().await != 401 {
        assert!(changed.elapsed() < Duration::from_secs(1), "still accepted after {:?}", changed.elapsed());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
