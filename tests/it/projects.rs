//! Projects.

use phoenix_server::domain::scope::Role;
use serde_json::{Value, json};

use crate::support::{TestApp, both_engines, otlp};

both_engines! {
    async fn a_project_is_created_changed_and_deleted(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let made = admin.post("/v1/projects", &json!({"name": "p", "description": "d"})).await.expect(200).json();
        let id = made["data"]["id"].as_str().unwrap().to_owned();
        assert_eq!(made["data"], json!({"name": "p", "description": "d", "id": id}));
        admin.post("/v1/projects", &json!({"name": "p"})).await.expect(409);
        let changed = admin.put("/v1/projects/p", &json!({"description": "e"})).await.expect(200).json();
        assert_eq!(changed["data"]["description"], "e");
        let kept = admin.put(&format!("/v1/projects/{id}"), &json!({})).await.expect(200).json();
        assert_eq!(kept["data"]["description"], "e");
        admin.export("p", vec![otlp::span(1, 1)]).await;
        admin.delete("/v1/projects/p").await.expect(204);
        assert_eq!(admin.delete("/v1/projects/p").await.expect(404).detail(), "Project with name p not found");
        admin.get(&format!("/v1/projects/{id}/spans")).await.expect(404);
        // The name is free again, and nothing of the old project shows.
        admin.export("p", vec![otlp::span(1, 2)]).await;
        assert_eq!(admin.get("/v1/projects/p/spans").await.json()["data"].as_array().unwrap().len(), 1);
        let refused = admin.delete("/v1/projects/default").await.expect(403);
        assert_eq!(refused.detail(), "The default project cannot be deleted");
        let member = app.key(Role::Member, None).await;
        member.delete("/v1/projects/nosuch").await.expect(403);
    }

    async fn what_a_deleted_project_held_is_removed(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        admin.export("p", (1..=1_200).map(|i| otlp::span(i / 3, i)).collect()).await;
        admin.delete("/v1/projects/p").await.expect(204);
        let db = phoenix_server::app::open_database(&app.config).await.unwrap();
        phoenix_server::jobs::housekeeping::run(&db, &app.clock).await.unwrap();
        let mut reader = db.read().await.unwrap();
        assert!(phoenix_server::store::projects::list_deleted(reader.conn()).await.unwrap().is_empty());
    }

    async fn projects_are_listed_newest_first_in_pages(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        for i in 0..5 {
            admin.post("/v1/projects", &json!({"name": format!("p{i}")})).await.expect(200);
        }
        let mut names = Vec::new();
        let mut path = "/v1/projects?limit=2".to_owned();
        loop {
            let page = admin.get(&path).await.expect(200).json();
            names.extend(page["data"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap().to_owned()));
            let Value::String(next) = &page["next_cursor"] else { break };
            path = format!("/v1/projects?limit=2&cursor={next}");
        }
        assert_eq!(names, ["p4", "p3", "p2", "p1", "p0", "default"]);
        let found = admin.get("/v1/projects?name_contains=P1").await.json();
        assert_eq!(found["data"].as_array().unwrap().len(), 1);
        assert_eq!(admin.get("/v1/projects?name_contains=%25").await.json()["data"], json!([]));
        assert_eq!(admin.get("/v1/projects/UHJvamVjdDox").await.json()["data"]["name"], "default");
        assert_eq!(admin.get("/api/v1/projects/default").await.json()["data"]["id"], "UHJvamVjdDox");
    }

    async fn bad_parameters_are_named(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        for (query, field) in [
            ("limit=0", "limit"),
            ("limit=abc", "limit"),
            ("cursor=zzz", "cursor"),
            ("nosuch=1", "nosuch"),
        ] {
            let refused = admin.get(&format!("/v1/projects?{query}")).await.expect(422);
            assert!(refused.text().contains(field), "{query}: {}", refused.text());
        }
        for body in [json!({}), json!({"name": ""}), json!({"name": 1}), json!({"name": "x".repeat(2_000)}), json!([])] {
            admin.post("/v1/projects", &body).await.expect(422);
        }
    }
}
