//! How long traces are kept.

use axum::http::Method;
use phoenix_server::domain::scope::Role;
use prost::Message as _;
use serde_json::{Value, json};

use crate::support::{
    Client, TestApp,
    app::{ADMIN_SECRET, uuid},
    both_engines, otlp,
    process::Process,
    shell::Shell,
};

const FIELDS: &str = "id name cronExpression rule { __typename
     ... on TraceRetentionRuleMaxDays { maxDays } ... on TraceRetentionRuleMaxCount { maxCount }
     ... on TraceRetentionRuleMaxDaysOrCount { maxDays maxCount } }
     projects { edges { node { name } } }";

async fn graphql(client: &Client, query: &str) -> Value {
    client.graphql(&query.replace("FIELDS", FIELDS)).await.expect(200).json()
}

async fn create(client: &Client, name: &str, cron: &str, rule: &str) -> Value {
    let query = format!(
        "mutation {{ createProjectTraceRetentionPolicy(input: {{name: \"{name}\", cronExpression: \"{cron}\", rule: {rule}}})
             {{ node {{ FIELDS }} }} }}"
    );
    let answer = graphql(client, &query).await;
    if answer["errors"].is_null() {
        answer["data"]["createProjectTraceRetentionPolicy"]["node"].clone()
    } else {
        answer
    }
}

async fn patch(client: &Client, id: &str, what: &str) -> Value {
    let query = format!(
        "mutation {{ patchProjectTraceRetentionPolicy(input: {{id: \"{id}\", {what}}}) {{ node {{ FIELDS }} }} }}"
    );
    graphql(client, &query).await
}

async fn put_under(client: &Client, project: &str, body: &Value) -> crate::support::Answer {
    let path = format!("/v1/projects/{project}/retention");
    client.send(Method::PATCH, &path, Some("application/json"), body.to_string().into_bytes()).await
}

async fn traces(client: &Client, project: &str) -> usize {
    client.get(&format!("/v1/projects/{project}/traces")).await.expect(200).json()["data"].as_array().unwrap().len()
}

const DEFAULT: &str = "UHJvamVjdFRyYWNlUmV0ZW50aW9uUG9saWN5OjA=";
const GONE: &str = "UHJvamVjdFRyYWNlUmV0ZW50aW9uUG9saWN5Ojk5OQ==";

both_engines! {
    async fn policies_are_made_changed_and_deleted(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let default = graphql(&admin, "{ defaultProjectTraceRetentionPolicy { FIELDS } }").await;
        assert_eq!(default["data"]["defaultProjectTraceRetentionPolicy"], json!({
            "id": DEFAULT, "name": "Default", "cronExpression": "0 0 * * 0",
            "rule": {"__typename": "TraceRetentionRuleMaxDays", "maxDays": 0.0},
            "projects": {"edges": [{"node": {"name": "default"}}]},
        }));
        let made = create(&admin, "weekly", "0 1 * * 2", "{maxDaysOrCount: {maxDays: 1.5, maxCount: 10}}").await;
        assert_eq!(made["id"], "UHJvamVjdFRyYWNlUmV0ZW50aW9uUG9saWN5OjE=");
        assert_eq!(made["rule"], json!({"__typename": "TraceRetentionRuleMaxDaysOrCount", "maxDays": 1.5, "maxCount": 10}));
        let id = made["id"].as_str().unwrap();
        let project = admin.get("/v1/projects/default").await.json()["data"]["id"].as_str().unwrap().to_owned();
        let changed = patch(&admin, id, &format!("name: \"often\", cronExpression: \"0 * * * *\", rule: {{maxCount: {{maxCount: 5}}}}, addProjects: [\"{project}\"]")).await;
        let node = &changed["data"]["patchProjectTraceRetentionPolicy"]["node"];
        assert_eq!((&node["name"], &node["cronExpression"]), (&json!("often"), &json!("0 * * * *")));
        assert_eq!(node["projects"]["edges"][0]["node"]["name"], "default");
        let of_project = graphql(&admin, "{ getProjectByName(name: \"default\") { traceRetentionPolicy { name } } }").await;
        assert_eq!(of_project["data"]["getProjectByName"]["traceRetentionPolicy"]["name"], "often");
        let list = graphql(&admin, "{ projectTraceRetentionPolicies(first: 1) { edges { node { name } } pageInfo { hasNextPage endCursor } } }").await;
        let list = &list["data"]["projectTraceRetentionPolicies"];
        assert_eq!((&list["edges"][0]["node"]["name"], &list["pageInfo"]["hasNextPage"]), (&json!("Default"), &json!(true)));
        let taken = patch(&admin, id, &format!("removeProjects: [\"{project}\"]")).await;
        assert_eq!(taken["data"]["patchProjectTraceRetentionPolicy"]["node"]["projects"]["edges"], json!([]));
        put_under(&admin, "default", &json!({"policy_id": id})).await.expect(200);
        let delete = |id: &str| format!("mutation {{ deleteProjectTraceRetentionPolicy(input: {{id: \"{id}\"}}) {{ node {{ name }} query {{ projectCount }} }} }}");
        assert_eq!(graphql(&admin, &delete(id)).await["data"]["deleteProjectTraceRetentionPolicy"]["node"]["name"], "often");
        let of_project = graphql(&admin, "{ getProjectByName(name: \"default\") { traceRetentionPolicy { name } } }").await;
        assert_eq!(of_project["data"]["getProjectByName"]["traceRetentionPolicy"]["name"], "Default");
        for (answer, message) in [
            (graphql(&admin, &delete(id)).await, format!("ProjectTraceRetentionPolicy with ID={id} not found")),
            (graphql(&admin, &delete(DEFAULT)).await, "Cannot delete the default project trace retention policy.".to_owned()),
            (patch(&admin, DEFAULT, "name: \"x\"").await, "Cannot change the name of the default project trace retention policy".to_owned()),
            (patch(&admin, GONE, "name: \"x\"").await, format!("ProjectTraceRetentionPolicy with ID={GONE} not found")),
            (create(&admin, "", "0 0 * * 0", "{maxCount: {maxCount: 1}}").await, "Name cannot be empty".to_owned()),
            (create(&admin, "n", "0 0 * * 0", "{maxCount: {maxCount: -1}}").await, "maxCount must not be negative".to_owned()),
            (create(&admin, "n", "0 0 * * 0", "{maxDays: {maxDays: -1}}").await, "maxDays must be a number, not negative".to_owned()),
        ] {
            assert_eq!(answer["errors"][0]["message"], message, "{answer}");
        }
        for bad in ["*/5 * * * *", "@daily", ""] {
            let answer = create(&admin, "n", bad, "{maxCount: {maxCount: 1}}").await;
            assert!(answer["errors"][0]["message"].as_str().unwrap().contains("cron expression"), "{answer}");
        }
        let audit = admin.get("/api/v1/audit-logs?action=retention_policy").await.expect(200).json();
        let actions: Vec<&str> = audit["data"].as_array().unwrap().iter().map(|r| r["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["retention_policy.delete", "retention_policy.update", "retention_policy.update", "retention_policy.create"]);
        let member = app.key(Role::Member, None).await;
        assert_eq!(create(&member, "n", "0 0 * * 0", "{maxCount: {maxCount: 1}}").await["errors"][0]["extensions"]["code"], "FORBIDDEN");
    }

    async fn a_project_is_put_under_a_policy_as_in_the_peer(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let made = create(&admin, "n", "0 0 * * 0", "{maxCount: {maxCount: 1}}").await;
        let id = made["id"].as_str().unwrap();
        let answer = put_under(&admin, "default", &json!({"policy_id": id})).await.expect(200).json();
        assert_eq!(answer, json!({"data": {"project_id": "UHJvamVjdDox", "policy_id": id}}));
        for default in [Value::Null, json!(DEFAULT)] {
            let answer = put_under(&admin, "default", &json!({"policy_id": default})).await.expect(200).json();
            assert_eq!(answer["data"]["policy_id"], Value::Null);
        }
        for (project, policy, status, detail) in [
            ("default", json!(GONE), 404, format!("Retention policy with ID {GONE} not found")),
            ("default", json!("U3Bhbjox"), 422, "Invalid retention policy ID: U3Bhbjox".to_owned()),
            ("default", json!(""), 422, "Invalid retention policy ID: ".to_owned()),
            ("nope", Value::Null, 404, "Project with name nope not found".to_owned()),
        ] {
            assert_eq!(put_under(&admin, project, &json!({"policy_id": policy})).await.expect(status).detail(), detail);
        }
        put_under(&admin, "default", &json!({})).await.expect(422);
        put_under(&admin, "default", &json!({"policy_id": 1})).await.expect(422);
        put_under(&app.key(Role::Member, None).await, "default", &json!({"policy_id": null})).await.expect(403);
    }

    async fn old_traces_go_at_the_hour_of_their_policy(engine) {
        let app = TestApp::with(engine, |config| config.database.default_retention_policy_days = 3).await;
        let admin = app.admin_secret();
        // The clock stands at noon of Monday, the first of June.
        let day = |days: u64| {
            let start = 1_780_315_200_000_000_000 - days * 86_400_000_000_000;
            let mut span = otlp::span(days, days + 1);
            (span.start_time_unix_nano, span.end_time_unix_nano) = (start, start + 1_000);
            span.attributes.push(otlp::text("session.id", &format!("day {days}")));
            span
        };
        for project in ["by-default", "by-count", "for-ever"] {
            admin.export(project, (0..10).map(day).collect()).await;
        }
        let count = create(&admin, "count", "0 13 * * *", "{maxDaysOrCount: {maxDays: 8, maxCount: 5}}").await;
        put_under(&admin, "by-count", &json!({"policy_id": count["id"]})).await.expect(200);
        let ever = create(&admin, "ever", "0 * * * *", "{maxDaysOrCount: {maxDays: 0, maxCount: 0}}").await;
        put_under(&admin, "for-ever", &json!({"policy_id": ever["id"]})).await.expect(200);
        let left = async || [traces(&admin, "by-default").await, traces(&admin, "by-count").await, traces(&admin, "for-ever").await];
        // A policy that has just been made does not run for the hours that are over.
        app.app.remove_old_traces().await.unwrap();
        assert_eq!(left().await, [10, 10, 10]);
        app.clock.advance(std::time::Duration::from_secs(3_601));
        app.app.remove_old_traces().await.unwrap();
        assert_eq!(left().await, [10, 5, 10]);
        assert_eq!(admin.get("/v1/projects/by-count/sessions").await.json()["data"].as_array().unwrap().len(), 5);
        admin.export("by-count", vec![day(11)]).await;
        app.app.remove_old_traces().await.unwrap();
        assert_eq!(left().await, [10, 6, 10]);
        // Sunday, six days on.
        app.clock.advance(std::time::Duration::from_hours(24 * 6));
        app.app.remove_old_traces().await.unwrap();
        assert_eq!(left().await, [0, 2, 10]);
    }
}

both_engines! {
    async fn the_command_line_says_what_would_go_and_removes_it(engine) {
        let dir = tempfile::tempdir().unwrap();
        let schema = format!("retention_{}", uuid());
        let process = Process::start_with(engine, dir.path(), &schema, &[("PHOENIX_DEFAULT_RETENTION_POLICY_DAYS", "4")]).await;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let spans: Vec<_> = (0..3_u64)
            .map(|age| {
                let mut span = otlp::span(age, age + 1);
                span.start_time_unix_nano = u64::try_from(now.as_nanos()).unwrap() - age * 3 * 86_400_000_000_000;
                span.end_time_unix_nano = span.start_time_unix_nano + 1;
                span
            })
            .collect();
        let sent = reqwest::Client::new()
            .post(process.url("/v1/traces"))
            .bearer_auth(ADMIN_SECRET)
            .header("content-type", "application/x-protobuf")
            .body(otlp::request("p", spans).encode_to_vec());
        assert_eq!(sent.send().await.unwrap().status(), 200);
        let shell = Shell::new(engine, dir.path(), &schema);
        let of_p = |text: String| text.lines().find(|line| line.starts_with("p\t")).unwrap_or_default().to_owned();
        let foreseen = of_p(shell.run(&["retention", "--dry-run"]));
        assert_eq!(foreseen, "p\tDefault: keeps 4 days\twould remove 1 traces, 1 spans");
        assert_eq!(of_p(shell.run(&["retention"])), "p\tDefault: keeps 4 days\tremoved 1 traces, 1 spans");
        assert_eq!(of_p(shell.run(&["retention"])), "p\tDefault: keeps 4 days\tremoved 0 traces, 0 spans");
    }
}
