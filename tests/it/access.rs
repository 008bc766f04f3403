//! Who may do what: every operation of the OpenAPI document is asked without a credential, with a key that lacks the
//! scope, and with exactly the scope.

use axum::http::Method;
use phoenix_server::domain::scope::{Role, Scope};
use prost::Message as _;
use serde_json::Value;

use crate::support::{Answer, Client, TestApp, both_engines};

struct Operation {
    method: Method,
    path: String,
    demand: Demand,
    admin_role: bool,
    no_keys: bool,
}

enum Demand {
    Public,
    Credential,
    Scope(Scope),
}

fn operations() -> Vec<Operation> {
    let document: Value = serde_json::to_value(phoenix_server::api::openapi()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let demand = match operation["security"].as_array().unwrap().first() {
                None => Demand::Public,
                Some(ways) => match ways["bearer"][0].as_str() {
                    None => Demand::Credential,
                    Some(scope) => Demand::Scope(scope.parse().unwrap()),
                },
            };
            operations.push(Operation {
                method: method.to_uppercase().parse().unwrap(),
                // An id that does not exist: permission is asked before existence.
                path: path
                    .replace("{project_identifier}", "nosuch")
                    .replace("{api_key_id}", "nosuch")
                    .replace("{destination_id}", "nosuch")
                    .replace("{config_identifier}", "nosuch"),
                demand,
                no_keys: operation["x-required-caller"]
                    .as_str()
                    .is_some_and(|c| c.starts_with("by login or admin secret")),
                admin_role: operation["x-required-role"] == "ADMIN",
            });
        }
    }
    assert!(operations.len() >= 20, "{} operations", operations.len());
    operations
}

async fn ask(client: &Client, operation: &Operation) -> Answer {
    // Not a body that any operation takes: permission is asked before the body is read.
    client.send(operation.method.clone(), &operation.path, Some("application/json"), b"[]".to_vec()).await
}

#[test]
fn the_document_tells_of_every_refusal_that_an_operation_may_meet() {
    let document: Value = serde_json::to_value(phoenix_server::api::openapi()).unwrap();
    let mut limited = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let tells = |status: &str| !operation["responses"][status].is_null();
            if !operation["security"].as_array().unwrap().is_empty() {
                assert!(tells("401") && tells("403"), "{method} {path}");
            }
            // The limits of keys hold for whatever a key may be sent to.
            if path.starts_with("/v1/") || path.starts_with("/api/") {
                let refusal = &operation["responses"]["429"];
                assert!(refusal["headers"]["Retry-After"].is_object(), "{method} {path}: {refusal}");
                limited += 1;
            }
        }
    }
    assert!(limited >= 25, "{limited}");
    assert!(document["paths"]["/healthz"]["get"]["responses"]["429"].is_null());
}

both_engines! {
    async fn every_operation_asks_for_its_scope_and_nothing_more(engine) {
        let app = TestApp::new(engine).await;
        let without_scopes = app.key(Role::Admin, Some(&[])).await;
        for operation in operations() {
            let name = format!("{} {}", operation.method, operation.path);
            let anonymous = ask(&app.anonymous(), &operation).await;
            let nobody = ask(&without_scopes, &operation).await;
            match operation.demand {
                Demand::Public => {
                    assert!(!anonymous.header("www-authenticate").contains("resource_metadata=\"\""), "{name}");
                    assert_ne!(anonymous.status, 403, "{name}");
                }
                Demand::Credential => {
                    assert_eq!(anonymous.status, 401, "{name}");
                    assert_ne!(nobody.status, 401, "{name}");
                }
                Demand::Scope(scope) => {
                    assert_eq!(anonymous.status, 401, "{name}");
                    assert!(anonymous.header("www-authenticate").starts_with("Bearer realm="), "{name}");
                    assert_eq!(nobody.status, 403, "{name}");
                    let challenge = nobody.header("www-authenticate");
                    assert!(challenge.contains("error=\"insufficient_scope\""), "{name}: {challenge}");
                    assert!(challenge.contains(&format!("scope=\"{scope}\"")), "{name}: {challenge}");
                    let others: Vec<Scope> =
                        Scope::ALL.iter().copied().filter(|s| *s != scope && *s != Scope::Admin).collect();
                    let every_other = ask(&app.key(Role::Admin, Some(&others)).await, &operation).await;
                    assert_eq!(every_other.status, 403, "{name}");
                    let exact = ask(&app.key(Role::Admin, Some(&[scope])).await, &operation).await;
                    let refused = matches!(exact.status.as_u16(), 401 | 403);
                    assert_eq!(refused, operation.no_keys, "{name}: {} {}", exact.status, exact.text());
                    if operation.admin_role {
                        let member = ask(&app.key(Role::Member, Some(&[scope])).await, &operation).await;
                        assert_eq!(member.status, 403, "{name}");
                    }
                }
            }
        }
    }

    async fn a_viewer_writes_nothing_by_any_door(engine) {
        let app = TestApp::new(engine).await;
        let viewer = app.key(Role::Viewer, None).await;
        assert_eq!(viewer.get("/v1/projects").await.status, 200);
        let refused = viewer.post("/v1/projects", &serde_json::json!({})).await.expect(403);
        assert_eq!(refused.detail(), "Viewers cannot perform this action.");
        viewer.export_bytes(Vec::new()).await.expect(403);
        let refused = viewer.graphql("mutation { createSystemApiKey(input: {name: \"x\"}) { jwt } }").await.expect(200);
        assert_eq!(refused.json()["data"], Value::Null);
        assert_eq!(refused.json()["errors"][0]["message"], "Only admin can perform this action");
    }

    async fn with_authentication_off_everything_is_open_but_keys(engine) {
        let app = TestApp::with(engine, |config| config.auth.enabled = false).await;
        let anyone = app.anonymous();
        assert_eq!(anyone.get("/v1/user").await.expect(200).json()["data"]["auth_method"], "ANONYMOUS");
        anyone.clone().bearer("whatever").get("/v1/projects").await.expect(200);
        let refused = anyone.get("/v1/system/api_keys").await.expect(403);
        assert!(refused.detail().starts_with("This action requires authentication to be enabled."));
        anyone.export("open", vec![crate::support::otlp::span(1, 1)]).await;
        assert_eq!(anyone.graphql("{ viewer { id } }").await.json()["data"]["viewer"], Value::Null);
    }

    async fn the_use_of_the_admin_secret_shows_in_the_access_log(engine) {
        let app = TestApp::new(engine).await;
        app.admin_secret().get("/v1/users").await.expect(200);
        app.app.recorder.flush().await;
        let log = app.admin_secret().get("/api/v1/access-logs").await.expect(200).json();
        let record = &log["data"][0];
        assert_eq!((&record["principal"]["type"], &record["path"]), (&"admin_secret".into(), &"/v1/users".into()), "{log}");
    }

    async fn a_key_that_is_bound_to_a_project_knows_no_other(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        for project in ["mine", "theirs"] {
            admin.export(project, vec![crate::support::otlp::span(1, 1)]).await;
        }
        let bound = app.bound_key(Role::Member, &["mine"]).await;
        let names = bound.get("/v1/projects").await.json()["data"].as_array().unwrap().len();
        assert_eq!(names, 1);
        bound.get("/v1/projects/mine/spans").await.expect(200);
        bound.get("/v1/projects/theirs").await.expect(404);
        bound.get("/v1/projects/theirs/spans").await.expect(404);
        bound.get("/v1/projects/theirs/traces").await.expect(404);
        let theirs = admin.get("/v1/projects/theirs/spans").await.json()["data"][0]["id"].as_str().unwrap().to_owned();
        let guessed = bound.graphql(&format!("{{ node(id: \"{theirs}\") {{ id }} }}")).await.json();
        assert_eq!(guessed["errors"][0]["extensions"]["code"], "NOT_FOUND", "{guessed}");
        let request = |project| crate::support::otlp::request(project, vec![crate::support::otlp::span(1, 2)]);
        bound.export_bytes(request("mine").encode_to_vec()).await.expect(200);
        bound.export_bytes(request("theirs").encode_to_vec()).await.expect(403);
        bound.post("/v1/projects", &serde_json::json!({"name": "new"})).await.expect(403);
        assert_eq!(admin.get("/v1/projects/theirs/spans").await.json()["data"].as_array().unwrap().len(), 1);
    }
}
