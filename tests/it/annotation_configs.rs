//! Annotation configs, and the projects that use them.

use axum::http::Method;
use phoenix_server::domain::scope::{Role, Scope};
use serde_json::{Value, json};

use crate::support::{Answer, Client, TestApp, both_engines};

const CONFIGS: &str = "/v1/annotation_configs";

fn categorical(name: &str) -> Value {
    let values = json!([{"label": "good", "score": 1}, {"label": "bad"}]);
    json!({"name": name, "type": "CATEGORICAL", "optimization_direction": "MAXIMIZE", "values": values})
}

async fn make(client: &Client, body: &Value) -> Value {
    client.post(CONFIGS, body).await.expect(200).json()["data"].clone()
}

async fn put(client: &Client, path: &str) -> Answer {
    client.send(Method::PUT, path, None, Vec::new()).await
}

async fn names(client: &Client, path: &str) -> Vec<String> {
    let rows = client.get(path).await.expect(200).json();
    rows["data"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap().to_owned()).collect()
}

both_engines! {
    async fn each_type_reads_back_in_the_peers_form(engine) {
        let app = TestApp::new(engine).await;
        let member = app.key(Role::Member, None).await;
        assert_eq!(make(&member, &categorical("c")).await, json!({
            "name": "c", "type": "CATEGORICAL", "description": null, "optimization_direction": "MAXIMIZE",
            "values": [{"label": "good", "score": 1.0}, {"label": "bad", "score": null}],
            "id": "Q2F0ZWdvcmljYWxBbm5vdGF0aW9uQ29uZmlnOjE=",
        }));
        let number = json!({"name": "k", "type": "CONTINUOUS", "description": "d", "optimization_direction": "NONE", "lower_bound": 0, "upper_bound": "1"});
        assert_eq!(make(&member, &number).await, json!({
            "name": "k", "type": "CONTINUOUS", "description": "d", "optimization_direction": "NONE",
            "lower_bound": 0.0, "upper_bound": 1.0, "id": "Q29udGludW91c0Fubm90YXRpb25Db25maWc6Mg==",
        }));
        let free = json!({"name": "f", "type": "FREEFORM"});
        let made = make(&member, &free).await;
        assert_eq!(made, json!({
            "name": "f", "type": "FREEFORM", "description": null, "optimization_direction": null, "threshold": null,
            "lower_bound": null, "upper_bound": null, "id": "RnJlZWZvcm1Bbm5vdGF0aW9uQ29uZmlnOjM=",
        }));
        for by in ["f", "RnJlZWZvcm1Bbm5vdGF0aW9uQ29uZmlnOjM="] {
            assert_eq!(member.get(&format!("{CONFIGS}/{by}")).await.expect(200).json()["data"], made);
        }
        member.get(&format!("{CONFIGS}/UHJvamVjdDox")).await.expect(404);
        assert_eq!(names(&member, CONFIGS).await, ["f", "k", "c"]);
        let page = member.get(&format!("{CONFIGS}?limit=2")).await.expect(200).json();
        let next = page["next_cursor"].as_str().unwrap();
        assert_eq!(names(&member, &format!("{CONFIGS}?limit=2&cursor={next}")).await, ["c"]);
        assert_eq!(member.get(&format!("{CONFIGS}?cursor=xx")).await.expect(400).detail(), "Invalid cursor: xx");
        member.get(&format!("{CONFIGS}?limit=0")).await.expect(422);
    }

    async fn what_cannot_be_a_config_is_refused(engine) {
        let app = TestApp::new(engine).await;
        let member = app.key(Role::Member, None).await;
        make(&member, &categorical("c")).await;
        let over = |field: &str, value: Value| {
            let mut body = categorical("new");
            body[field] = value;
            body
        };
        let bounds = json!({"name": "n", "type": "CONTINUOUS", "optimization_direction": "NONE", "lower_bound": 1, "upper_bound": 1});
        let cases = [
            (categorical("c"), 409, "already taken"),
            (categorical("note"), 409, "reserved"),
            (over("values", json!([])), 400, "Values must be non-empty"),
            (over("values", json!([{"label": ""}])), 400, "Label must be non-empty"),
            (over("values", json!([{"label": "a"}, {"label": "a"}])), 400, "duplicate label: \"a\""),
            (bounds, 400, "Lower bound must be strictly less than upper bound"),
            (over("optimization_direction", json!("UP")), 422, "UP"),
            (over("values", json!([{"label": "a", "score": "x"}])), 422, "number"),
            (over("type", json!("X")), 422, "X"),
            (over("name", json!("x".repeat(1_025))), 422, "name"),
            (over("description", json!("x".repeat(65_537))), 422, "description"),
            (json!({"name": "n", "type": "CATEGORICAL", "values": [{"label": "a"}]}), 422, "optimization_direction"),
            (json!({"name": "n"}), 422, "type"),
            (json!([]), 422, ""),
        ];
        let id = member.get(&format!("{CONFIGS}/c")).await.json()["data"]["id"].as_str().unwrap().to_owned();
        for (body, status, part) in cases {
            let refused = member.post(CONFIGS, &body).await;
            assert_eq!(refused.status, status, "{body}: {}", refused.text());
            assert!(refused.detail().contains(part), "{body}: {}", refused.detail());
            if body["name"] != "c" {
                member.put(&format!("{CONFIGS}/{id}"), &body).await.expect(status);
            }
        }
    }

    async fn a_config_changes_its_type_and_keeps_its_number(engine) {
        let app = TestApp::new(engine).await;
        let member = app.key(Role::Member, None).await;
        let old = make(&member, &categorical("c")).await["id"].as_str().unwrap().to_owned();
        make(&member, &categorical("other")).await;
        let path = format!("{CONFIGS}/{old}");
        let changed = member.put(&path, &json!({"name": "free", "type": "FREEFORM"})).await.expect(200).json();
        assert_eq!(changed["data"]["id"], "RnJlZWZvcm1Bbm5vdGF0aW9uQ29uZmlnOjE=");
        assert_eq!(member.get(&path).await.expect(200).json(), changed);
        member.put(&path, &categorical("other")).await.expect(409);
        let refused = member.put(&format!("{CONFIGS}/UHJvamVjdDox"), &categorical("x")).await.expect(400);
        assert_eq!(refused.detail(), "Invalid annotation configuration ID");
        member.put(&format!("{CONFIGS}/c"), &categorical("x")).await.expect(422);
        let refused = member.delete(&format!("{CONFIGS}/free")).await.expect(422);
        assert_eq!(refused.detail(), "Invalid annotation configuration ID format: free");
        member.delete(&format!("{CONFIGS}/UHJvamVjdDox")).await.expect(400);
        assert_eq!(member.delete(&path).await.expect(200).json(), changed);
        assert_eq!(member.delete(&path).await.expect(404).detail(), "Annotation configuration not found");
        member.put(&path, &categorical("x")).await.expect(404);
        let log = app.admin_secret().get("/api/v1/audit-logs?action=annotation_config").await.expect(200).json();
        let actions: Vec<_> = log["data"].as_array().unwrap().iter().map(|r| r["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["annotation_config.delete", "annotation_config.update", "annotation_config.create", "annotation_config.create"]);
        assert_eq!(log["data"][1]["details"]["before"]["name"], "c");
    }

    async fn a_project_uses_configs_until_they_are_deleted(engine) {
        let app = TestApp::new(engine).await;
        let member = app.key(Role::Member, None).await;
        member.post("/v1/projects", &json!({"name": "p"})).await.expect(200);
        let mut ids = Vec::new();
        for name in ["a", "b", "c"] {
            ids.push(make(&member, &categorical(name)).await["id"].clone());
        }
        let of = "/v1/projects/p/annotation_configs";
        assert_eq!(names(&member, of).await, [""; 0]);
        assert_eq!(put(&member, &format!("{of}/a")).await.expect(200).json()["data"]["name"], "a");
        put(&member, &format!("{of}/{}", ids[0].as_str().unwrap())).await.expect(200);
        put(&member, &format!("{of}/b")).await.expect(200);
        assert_eq!(names(&member, of).await, ["b", "a"]);
        let page = member.get(&format!("{of}?limit=1")).await.expect(200).json();
        assert!(page["next_cursor"].is_string());
        member.delete(&format!("{of}/a")).await.expect(204);
        member.delete(&format!("{of}/a")).await.expect(204);
        assert_eq!(names(&member, of).await, ["b"]);
        let set = json!({"annotation_config_ids": [ids[0], ids[2], ids[0]]});
        let answer = member.put(of, &set).await.expect(200).json();
        assert_eq!((&answer["data"][0]["name"], &answer["data"][1]["name"], &answer["next_cursor"]), (&json!("c"), &json!("a"), &Value::Null));
        for (ids, sentence) in [
            (json!(["a"]), "Invalid annotation configuration ID: a"),
            (json!(["UHJvamVjdDox"]), "Invalid annotation configuration ID: UHJvamVjdDox"),
            (json!(["Q2F0ZWdvcmljYWxBbm5vdGF0aW9uQ29uZmlnOjk5", ids[0]]), "One or more annotation configurations were not found"),
        ] {
            let refused = member.put(of, &json!({"annotation_config_ids": ids})).await.expect(422);
            assert_eq!(refused.detail(), sentence);
        }
        assert_eq!(names(&member, of).await, ["c", "a"]);
        put(&member, &format!("{of}/nosuch")).await.expect(404);
        put(&member, "/v1/projects/nosuch/annotation_configs/a").await.expect(404);
        member.get("/v1/projects/nosuch/annotation_configs").await.expect(404);
        member.delete(&format!("{CONFIGS}/{}", ids[2].as_str().unwrap())).await.expect(200);
        assert_eq!(names(&member, of).await, ["a"]);
        let log = app.admin_secret().get("/api/v1/audit-logs?action=project.annotation_configs").await.expect(200).json();
        assert_eq!(log["data"].as_array().unwrap().len(), 4, "{log}");
        assert_eq!(log["data"][0]["details"]["annotationConfigs"], json!({"before": ["b"], "after": ["c", "a"]}));
        // Another project of that name, later, uses none of them.
        app.admin_secret().delete("/v1/projects/p").await.expect(204);
        member.post("/v1/projects", &json!({"name": "p"})).await.expect(200);
        assert_eq!(names(&member, of).await, [""; 0]);
    }

    async fn a_bound_credential_sees_what_its_projects_use_and_changes_none(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        for name in ["mine", "theirs"] {
            admin.post("/v1/projects", &json!({ "name": name })).await.expect(200);
            make(&admin, &categorical(&format!("of {name}"))).await;
            put(&admin, &format!("/v1/projects/{name}/annotation_configs/of%20{name}")).await.expect(200);
        }
        let bound = app.bound_key(Role::Admin, &["mine"]).await;
        assert_eq!(names(&bound, CONFIGS).await, ["of mine"]);
        bound.get(&format!("{CONFIGS}/of%20mine")).await.expect(200);
        bound.get(&format!("{CONFIGS}/of%20theirs")).await.expect(404);
        put(&bound, "/v1/projects/mine/annotation_configs/of%20theirs").await.expect(404);
        let theirs = admin.get(&format!("{CONFIGS}/of%20theirs")).await.json()["data"]["id"].clone();
        let refused = bound.put("/v1/projects/mine/annotation_configs", &json!({"annotation_config_ids": [theirs]})).await.expect(422);
        assert_eq!(refused.detail(), "One or more annotation configurations were not found");
        bound.post(CONFIGS, &categorical("new")).await.expect(403);
        bound.put(&format!("{CONFIGS}/Q2F0ZWdvcmljYWxBbm5vdGF0aW9uQ29uZmlnOjE="), &categorical("new")).await.expect(403);
        bound.delete(&format!("{CONFIGS}/Q2F0ZWdvcmljYWxBbm5vdGF0aW9uQ29uZmlnOjE=")).await.expect(403);
        bound.delete("/v1/projects/mine/annotation_configs/of%20mine").await.expect(204);
        let viewer = app.key(Role::Viewer, None).await;
        assert_eq!(names(&viewer, CONFIGS).await.len(), 2);
        viewer.post(CONFIGS, &categorical("new")).await.expect(403);
        app.key(Role::Admin, Some(&[Scope::TracesWrite])).await.get(CONFIGS).await.expect(403);
    }
}
