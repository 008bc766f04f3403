//! System keys and user keys by every door.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Client, TestApp, both_engines};

async fn create(client: &Client, body: Value) -> (String, String) {
    let made = client.post("/v1/system/api_keys", &json!({ "data": body })).await.expect(201).json();
    (made["data"]["id"].as_str().unwrap().to_owned(), made["data"]["key"].as_str().unwrap().to_owned())
}

both_engines! {
    async fn the_documented_mutation_mints_a_key_with_the_admin_secret(engine) {
        let app = TestApp::new(engine).await;
        let query = "mutation { createSystemApiKey(input:{name:\"system-api-key\"}){jwt apiKey{name description createdAt expiresAt}} }";
        let answer = app.admin_secret().graphql(query).await.expect(200).json();
        let made = &answer["data"]["createSystemApiKey"];
        assert_eq!(
            made["apiKey"],
            json!({"name": "system-api-key", "description": null, "createdAt": "2026-06-01T12:00:00+00:00", "expiresAt": null})
        );
        let key = app.anonymous().bearer(made["jwt"].as_str().unwrap());
        assert_eq!(key.get("/v1/user").await.expect(200).json()["data"]["email"], "system@localhost");
        let listed = app.admin_secret().graphql("{ systemApiKeys { id name } }").await.json();
        assert_eq!(listed["data"]["systemApiKeys"][0]["name"], "system-api-key");
    }

    async fn a_key_is_shown_once_listed_masked_of_its_secret_and_refused_once_revoked(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin().await;
        let (id, secret) = create(&admin, json!({"name": "k", "description": "d"})).await;
        let list = admin.get("/v1/system/api_keys").await.expect(200);
        assert!(!list.text().contains(&secret));
        assert_eq!(list.json()["data"][0]["id"], id.as_str());
        let key = app.anonymous().bearer(&secret);
        key.get("/v1/projects").await.expect(200);
        admin.delete(&format!("/v1/system/api_keys/{id}")).await.expect(204);
        let refused = key.get("/v1/projects").await.expect(401);
        assert_eq!(refused.detail(), "Revoked token");
        assert_eq!(admin.delete(&format!("/v1/system/api_keys/{id}")).await.expect(404).detail(), "System API key not found");
        assert_eq!(admin.get("/v1/system/api_keys").await.json()["data"], json!([]));
        for wrong in ["VXNlckFwaUtleTox", "zzz", "1"] {
            let refused = admin.delete(&format!("/v1/system/api_keys/{wrong}")).await.expect(422);
            assert_eq!(refused.detail(), format!("Invalid SystemApiKey GlobalID format: {wrong}"));
        }
    }

    async fn a_key_expires_to_the_second(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let (_, secret) = create(&admin, json!({"name": "k", "expires_at": "2026-06-01T12:00:10"})).await;
        let key = app.anonymous().bearer(&secret);
        app.clock.advance(Duration::from_millis(9_999));
        key.get("/v1/projects").await.expect(200);
        app.clock.advance(Duration::from_millis(1));
        assert_eq!(key.get("/v1/projects").await.expect(401).detail(), "Expired token");
        assert_eq!(admin.get("/v1/system/api_keys").await.json()["data"], json!([]));
        let past = json!({"data": {"name": "k", "expires_at": "2026-06-01T12:00:00Z"}});
        assert_eq!(
            admin.post("/v1/system/api_keys", &past).await.expect(422).detail(),
            "Expiration time must be in the future"
        );
    }

    async fn keys_do_not_make_keys(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin().await;
        let own = admin.post("/v1/user/api_keys", &json!({"data": {"name": "mine"}})).await.expect(201).json();
        let key = app.anonymous().bearer(own["data"]["key"].as_str().unwrap());
        assert!(own["data"]["key"].as_str().unwrap().starts_with("px_live_"));
        let refused = key.post("/v1/system/api_keys", &json!({"data": {"name": "x"}})).await.expect(403);
        assert_eq!(refused.detail(), "API keys cannot create API keys");
        key.post("/v1/user/api_keys", &json!({"data": {"name": "x"}})).await.expect(403);
        let refused = app.admin_secret().post("/v1/user/api_keys", &json!({"data": {"name": "x"}})).await.expect(403);
        assert_eq!(refused.detail(), "API keys cannot create API keys");
        assert_eq!(key.get("/v1/users/api_keys").await.json()["data"][0]["user"]["email"], "admin@localhost");
        key.delete(&format!("/v1/user/api_keys/{}", own["data"]["id"].as_str().unwrap())).await.expect(204);
        key.get("/v1/user").await.expect(401);
    }

    async fn a_user_key_acts_with_the_rights_of_its_user_and_needs_a_name(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin().await;
        for name in ["", "   "] {
            let refused = admin.post("/v1/user/api_keys", &json!({"data": {"name": name}})).await.expect(422);
            assert_eq!(refused.detail(), "Name cannot be empty");
        }
        let own = admin.post("/v1/user/api_keys", &json!({"data": {"name": "mine"}})).await.expect(201).json();
        let key = app.anonymous().bearer(own["data"]["key"].as_str().unwrap());
        assert_eq!(key.get("/v1/user").await.json()["data"]["username"], "admin");
        key.get("/v1/system/api_keys").await.expect(200);
    }
}
