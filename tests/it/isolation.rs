//! Two projects and two keys, one bound to each: by no operation of the OpenAPI document and by no field of the GraphQL
//! schema does one see, change or even notice what is of the other. An operation, a mutation or an argument that is new
//! fails here until it is said how it is asked.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use prost::Message as _;
use serde_json::{Value, json};

use crate::support::{Answer, Client, TestApp, both_engines, otlp};

const DOOR: &str = "/api/v1/api-keys";

/// What there is of one project, as the administrator sees it.
struct Realm {
    name: &'static str,
    project: String,
    trace: String,
    span: String,
    key_id: String,
    key_node: String,
    key: Client,
    /// Whatever must never be shown to another: names, ids, texts.
    marks: Vec<String>,
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("{field}: {value}"))
}

async fn realm(app: &TestApp, name: &'static str, trace: u64) -> Realm {
    let admin = app.admin_secret();
    let mut spans = vec![otlp::full_span(trace, trace * 10), otlp::span(trace, trace * 10 + 1)];
    for span in &mut spans {
        span.name = format!("work in {name}");
    }
    admin.export(name, spans).await;
    let project = text(&admin.get(&format!("/v1/projects/{name}")).await.expect(200).json()["data"], "id").to_owned();
    let mut marks = vec![name.to_owned(), project.clone()];
    for list in ["spans", "traces"] {
        let rows = admin.get(&format!("/v1/projects/{name}/{list}")).await.expect(200).json();
        marks.extend(rows["data"].as_array().unwrap().iter().map(|row| text(row, "id").to_owned()));
    }
    let (trace, span) = (format!("{}{trace:016x}", "aa".repeat(8)), format!("{:016x}", trace * 10));
    marks.extend([trace.clone(), span.clone()]);
    let body = json!({"name": format!("key of {name}"), "preset": "admin", "projects": [name]});
    let made = admin.post(DOOR, &body).await.expect(201).json();
    let (key_id, key) = (text(&made, "id").to_owned(), app.anonymous().bearer(text(&made, "key")));
    marks.push(key_id.clone());
    let keys = admin.graphql("{ systemApiKeys { id keyId } }").await.json()["data"]["systemApiKeys"].clone();
    let node = keys.as_array().unwrap().iter().find(|k| k["keyId"] == key_id.as_str()).unwrap();
    let key_node = text(node, "id").to_owned();
    marks.push(key_node.clone());
    assert!(marks.len() >= 9, "{marks:?}");
    Realm { name, project, trace, span, key_id, key_node, key, marks }
}

/// All that the administrator sees of a realm but when its key was used.
async fn snapshot(app: &TestApp, realm: &Realm) -> Vec<Value> {
    let admin = app.admin_secret();
    let mut seen = Vec::new();
    for list in ["", "/spans", "/traces"] {
        seen.push(admin.get(&format!("/v1/projects/{}{list}", realm.name)).await.expect(200).json());
    }
    let mut key = admin.get(&format!("{DOOR}/{}", realm.key_id)).await.expect(200).json();
    key["lastUsedAt"] = Value::Null;
    seen.push(key);
    seen
}

/// How an operation is asked for what a name and ids stand for: path and body, with `{project}`, `{key}` and `{name}` to
/// be filled in.
fn cases(method: &str, path: &str) -> Vec<(String, Option<Value>)> {
    let at = |path: &str| vec![(path.to_owned(), None)];
    let with = |path: &str, body: Value| vec![(path.to_owned(), Some(body))];
    match (method, path) {
        ("GET" | "DELETE", path) if path.starts_with("/v1/projects/{project_identifier}") => {
            at(&path.replace("{project_identifier}", "{project}"))
        }
        ("PUT", "/v1/projects/{project_identifier}") => with("/v1/projects/{project}", json!({"description": "taken"})),
        ("POST", "/v1/projects") => with(path, json!({"name": "{name}"})),
        ("GET" | "DELETE", path) if path.contains("{api_key_id}") => at(&path.replace("{api_key_id}", "{key}")),
        ("PATCH", "/api/v1/api-keys/{api_key_id}") => with("/api/v1/api-keys/{key}", json!({"name": "taken"})),
        ("POST", "/api/v1/api-keys/{api_key_id}/rotate" | "/api/v1/api-keys/{api_key_id}/revoke") => {
            with(&path.replace("{api_key_id}", "{key}"), json!({}))
        }
        ("POST", "/api/v1/api-keys") => vec![
            (path.to_owned(), Some(json!({"name": "k", "kind": "system", "projects": ["{name}"]}))),
            (path.to_owned(), Some(json!({"name": "k", "kind": "system", "projects": ["{project}"]}))),
        ],
        // The peer's door takes no projects: what is made there is bound as its maker is, and a key makes none.
        ("POST", "/v1/system/api_keys" | "/v1/user/api_keys") => with(path, json!({"data": {"name": "k"}})),
        ("GET", "/api/v1/alerts") => vec![(path.to_owned(), None), ("/api/v1/alerts?key={key}".to_owned(), None)],
        // Of the whole server: a credential that is bound to projects has no part in them.
        (_, path) if path.starts_with("/api/v1/alert-destinations") => {
            let path = path.replace("{destination_id}", "{name}");
            with(&path, json!({"kind": "webhook", "url": "https://example.com/{name}"}))
        }
        ("GET", "/api/v1/access-logs") => at("/api/v1/access-logs?key={key}"),
        ("GET", "/api/v1/audit-logs") => at("/api/v1/audit-logs?subject={name}"),
        ("GET", "/v1/projects") => {
            vec![(path.to_owned(), None), (format!("{path}?include_experiment_projects=true"), None)]
        }
        (
            "GET",
            "/.well-known/oauth-protected-resource"
            | "/api/v1/api-keys"
            | "/arize_phoenix_version"
            | "/auth/logout"
            | "/healthz"
            | "/readyz"
            | "/v1/server"
            | "/v1/system/api_keys"
            | "/v1/user"
            | "/v1/user/api_keys"
            | "/v1/user/sessions"
            | "/v1/users"
            | "/v1/users/api_keys",
        ) => at(path),
        // Of accounts, not of projects: asked for a user that there is not.
        ("DELETE" | "PATCH", path) if path.starts_with("/v1/user") => {
            with(&path.replace("{user_id}", "VXNlcjo5OTk=").replace("{session_id}", "TG9naW5TZXNzaW9uOjk5"), json!({}))
        }
        (
            "POST",
            "/auth/login"
            | "/auth/password-reset"
            | "/auth/password-reset-email"
            | "/auth/refresh"
            | "/auth/token"
            | "/v1/users",
        ) => with(path, json!({})),
        _ => panic!("{method} {path}: how is it asked for what is of another project?"),
    }
}

fn filled(text: &str, realm: &Realm) -> String {
    text.replace("{project}", &realm.project).replace("{key}", &realm.key_id).replace("{name}", realm.name)
}

async fn ask(client: &Client, method: &str, path: &str, body: Option<&str>) -> Answer {
    let bytes = body.map(|b| b.as_bytes().to_vec()).unwrap_or_default();
    client.send(Method::from_bytes(method.as_bytes()).unwrap(), path, body.map(|_| "application/json"), bytes).await
}

/// Fails if an answer tells of another what the request did not say itself.
fn tells_nothing(answer: &Answer, asked: &str, other: &Realm) {
    let said = format!("{:?} {}", answer.headers, answer.text());
    for mark in &other.marks {
        let echoed = asked.contains(mark.as_str()) && !answer.status.is_success();
        assert!(echoed || !said.contains(mark.as_str()), "{asked} tells {mark}: {} {said}", answer.status);
    }
}

async fn by_rest(mine: &Realm, other: &Realm, nobody: &Realm) {
    let document = serde_json::to_value(phoenix_server::api::openapi()).unwrap();
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().map(|m| m.to_uppercase()) {
            for (path, body) in cases(&method, path) {
                let body = body.map(|b| b.to_string());
                let mut answers = Vec::new();
                for realm in [other, nobody] {
                    let (path, body) = (filled(&path, realm), body.as_deref().map(|b| filled(b, realm)));
                    assert!(!path.contains('{'), "{path}: how is it filled in?");
                    let answer = ask(&mine.key, &method, &path, body.as_deref()).await;
                    tells_nothing(&answer, &format!("{method} {path} {body:?}"), other);
                    asked += 1;
                    // What both are told must be the same but for what they asked.
                    let said = [&realm.project, &realm.key_id, realm.name]
                        .into_iter()
                        .fold(answer.text(), |said, own| said.replace(own, "…"));
                    answers.push((answer.status, said));
                }
                let is_aimed = [Some(path.as_str()), body.as_deref()]
                    .into_iter()
                    .flatten()
                    .any(|t| ["{name}", "{project}", "{key}"].iter().any(|hole| t.contains(hole)));
                if is_aimed {
                    assert_eq!(answers[0], answers[1], "{method} {path}: another's differs from nobody's");
                    assert!(!answers[0].0.is_success(), "{method} {path}: {:?}", answers[0]);
                }
            }
        }
    }
    assert!(asked >= 80, "{asked}");
}

/// The schema as its introspection tells it.
struct Schema(BTreeMap<String, Value>);

impl Schema {
    async fn of(client: &Client) -> Self {
        let query =
            "{ __schema { types { kind name possibleTypes { name } fields { name args { name defaultValue type {
            ...T } } type { ...T } } } } }
            fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";
        let answer = client.graphql(query).await.expect(200).json();
        let types = answer["data"]["__schema"]["types"].as_array().unwrap_or_else(|| panic!("{answer}"));
        Self(types.iter().map(|t| (text(t, "name").to_owned(), t.clone())).collect())
    }

    fn fields(&self, name: &str) -> Vec<&Value> {
        self.0[name]["fields"].as_array().into_iter().flatten().collect()
    }

    fn kind(&self, name: &str) -> &str {
        self.0[name]["kind"].as_str().unwrap()
    }
}

/// The name of a type without its lists and its demands of a value.
fn named(mut of: &Value) -> &str {
    while of["name"].is_null() {
        of = &of["ofType"];
    }
    of["name"].as_str().unwrap()
}

struct Walk<'a> {
    schema: &'a Schema,
    target: &'a Realm,
    node: &'a str,
    seen: &'a mut BTreeSet<String>,
}

impl Walk<'_> {
    /// Selects a field with its arguments and all that hangs on it.
    fn field(&mut self, owner: &str, field: &Value, above: &mut Vec<String>) -> Option<String> {
        let (name, result) = (text(field, "name"), named(&field["type"]).to_owned());
        let mut given = Vec::new();
        for argument in field["args"].as_array().unwrap() {
            let is_needed = argument["type"]["kind"] == "NON_NULL" && argument["defaultValue"].is_null();
            let value = match (owner, name, text(argument, "name")) {
                ("Query", "node", "id") => json!(self.node).to_string(),
                (_, _, "traceId") => json!(self.target.trace).to_string(),
                (_, _, "spanId") => json!(self.target.span).to_string(),
                (_, "getProjectByName", "name") => json!(self.target.name).to_string(),
                (_, _, "first") => "5".to_owned(),
                // The days of the spans that tests send.
                (_, _, "timeRange") => "{start: \"2026-05-28T00:00:00Z\", end: \"2026-05-30T00:00:00Z\"}".to_owned(),
                _ if !is_needed => continue,
                (.., argument) => panic!("{owner}.{name}({argument}): how is it filled in?"),
            };
            given.push(format!("{}: {value}", text(argument, "name")));
        }
        let selection = match self.schema.kind(&result) {
            "OBJECT" | "INTERFACE" | "UNION" => self.selection(&result, above)?,
            _ => String::new(),
        };
        self.seen.insert(format!("{owner}.{name}"));
        let arguments = if given.is_empty() { String::new() } else { format!("({})", given.join(", ")) };
        Some(format!("{name}{arguments}{selection}"))
    }

    fn selection(&mut self, name: &str, above: &mut Vec<String>) -> Option<String> {
        if above.iter().any(|one| one == name) || above.len() > 4 {
            return None;
        }
        above.push(name.to_owned());
        let mut parts = vec!["__typename".to_owned()];
        if let Some(possible) = self.schema.0[name]["possibleTypes"].as_array() {
            for one in possible {
                if let Some(selection) = self.selection(text(one, "name"), above) {
                    parts.push(format!("... on {} {selection}", text(one, "name")));
                }
            }
        } else {
            for field in self.schema.fields(name) {
                parts.extend(self.field(name, field, above));
            }
        }
        above.pop();
        Some(format!(" {{ {} }}", parts.join(" ")))
    }
}

/// Asks every query, in one document each, for what is of `target`.
async fn by_queries(
    schema: &Schema,
    client: &Client,
    target: &Realm,
    mut look: impl FnMut(&str, &Answer),
) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    for field in schema.fields("Query") {
        let nodes = if field["name"] == "node" { target.marks.as_slice() } else { &target.marks[..1] };
        for node in nodes {
            let mut walk = Walk { schema, target, node, seen: &mut seen };
            let query = walk.field("Query", field, &mut vec!["Query".to_owned()]).unwrap();
            let answer = client.graphql(&format!("{{ {query} }}")).await.expect(200);
            let refused = answer.json()["errors"].to_string();
            assert!(!refused.contains("complex") && !refused.contains("deep"), "{query}: {refused}");
            look(&query, &answer);
        }
    }
    seen
}

/// How a mutation is aimed at what is of another; `None` when it knows nothing of projects or keys of others.
fn aimed(mutation: &str, other: &Realm) -> Option<String> {
    let Realm { name, project, key_id, key_node, .. } = other;
    Some(match mutation {
        "createProject" => format!("createProject(input: {{name: \"{name}\"}}) {{ project {{ id name }} }}"),
        "patchProject" => {
            format!("patchProject(input: {{id: \"{project}\", description: \"taken\"}}) {{ project {{ id name }} }}")
        }
        "deleteProject" => format!("deleteProject(id: \"{project}\") {{ projectCount }}"),
        "createSystemApiKey" => format!("createSystemApiKey(input: {{name: \"k\", projects: [\"{name}\"]}}) {{ jwt }}"),
        "createUserApiKey" => format!("createUserApiKey(input: {{name: \"k\", projects: [\"{name}\"]}}) {{ jwt }}"),
        "patchApiKey" => format!("patchApiKey(input: {{id: \"{key_id}\", name: \"taken\"}}) {{ apiKey {{ name }} }}"),
        "rotateApiKey" => format!("rotateApiKey(input: {{id: \"{key_node}\"}}) {{ jwt apiKey {{ name }} }}"),
        "deleteSystemApiKey" => format!("deleteSystemApiKey(input: {{id: \"{key_node}\"}}) {{ apiKeyId }}"),
        "deleteUserApiKey" => {
            format!("deleteUserApiKey(input: {{id: \"{}\"}}) {{ apiKeyId }}", key_node.replace("U3lzdGVt", "VXNlcl9f"))
        }
        // Accounts and prices are of no project: who is bound changes none.
        "patchViewer" | "createUser" | "patchUser" | "deleteUsers" | "endSessions" | "createModel" | "updateModel"
        | "deleteModel" => return None,
        _ => panic!("{mutation}: how is it aimed at what is of another project?"),
    })
}

both_engines! {
    async fn of_two_projects_two_keys_see_one_each_by_every_operation_and_every_field(engine) {
        let app = TestApp::new(engine).await;
        let red = realm(&app, "red-team", 0xED1).await;
        let blue = realm(&app, "blue-team", 0xB1E).await;
        let wide = app.admin_secret().post(DOOR, &json!({"name": "reaches both"})).await.expect(201).json();
        let schema = Schema::of(&app.admin_secret()).await;
        for (mine, other) in [(&red, &blue), (&blue, &red)] {
            let before = snapshot(&app, other).await;
            // Ids as they are made, of nothing that there is.
            let nobody = Realm {
                name: "none-team",
                project: "UHJvamVjdDo5OTk5".to_owned(),
                trace: "bb".repeat(16),
                span: "cc".repeat(8),
                key_id: phoenix_server::domain::id::ApiKeyId(9_999).to_public(),
                key_node: "U3lzdGVtQXBpS2V5Ojk5OTk=".to_owned(),
                key: app.anonymous(),
                marks: Vec::new(),
            };
            by_rest(mine, other, &nobody).await;
            let beyond = Realm { key_id: text(&wide, "id").to_owned(), marks: vec!["reaches both".to_owned()], key: app.anonymous(), ..copy(other) };
            by_rest(mine, &beyond, &nobody).await;

            by_queries(&schema, &mine.key, other, |query, answer| tells_nothing_in_data(query, answer, other)).await;
            let mut own = String::new();
            let seen = by_queries(&schema, &mine.key, mine, |query, answer| {
                tells_nothing_in_data(query, answer, other);
                own.push_str(&answer.text());
            }).await;
            // What is one's own is seen, each mark of it: the walk looks where there is something.
            for mark in &mine.marks {
                assert!(own.contains(mark.as_str()), "{mark} is not seen");
            }
            let reachable: BTreeSet<String> = reachable(&schema);
            let missed: Vec<_> = reachable.difference(&seen).collect();
            assert!(missed.is_empty(), "not asked: {missed:?}");

            for mutation in schema.fields("Mutation") {
                let Some(mutation) = aimed(text(mutation, "name"), other) else { continue };
                let answer = mine.key.graphql(&format!("mutation {{ {mutation} }}")).await.expect(200);
                let said = answer.json();
                assert!(said["errors"][0]["message"].is_string() && said["data"].is_null(), "{mutation}: {said}");
                tells_nothing_in_data(&mutation, &answer, other);
            }
            let spans = otlp::request(other.name, vec![otlp::span(9, 9)]).encode_to_vec();
            mine.key.export_bytes(spans).await.expect(403);
            assert_eq!(snapshot(&app, other).await, before);
        }
    }
}

fn copy(realm: &Realm) -> Realm {
    Realm {
        name: realm.name,
        project: realm.project.clone(),
        trace: realm.trace.clone(),
        span: realm.span.clone(),
        key_id: realm.key_id.clone(),
        key_node: realm.key_node.clone(),
        key: realm.key.clone(),
        marks: realm.marks.clone(),
    }
}

/// GraphQL answers 200: what was asked may be named in errors, and in data nothing of another at all.
fn tells_nothing_in_data(query: &str, answer: &Answer, other: &Realm) {
    let said = answer.json();
    for mark in &other.marks {
        assert!(!said["data"].to_string().contains(mark.as_str()), "{query} tells {mark}: {said}");
        let echoed = query.contains(mark.as_str());
        assert!(echoed || !said["errors"].to_string().contains(mark.as_str()), "{query} tells {mark}: {said}");
    }
}

/// Every field of every object that queries lead to.
fn reachable(schema: &Schema) -> BTreeSet<String> {
    let (mut fields, mut types, mut next) = (BTreeSet::new(), BTreeSet::new(), vec!["Query".to_owned()]);
    while let Some(name) = next.pop() {
        if !types.insert(name.clone()) {
            continue;
        }
        let possible = schema.0[&name]["possibleTypes"].as_array().into_iter().flatten();
        next.extend(possible.map(|one| text(one, "name").to_owned()));
        if schema.kind(&name) != "OBJECT" {
            continue;
        }
        for field in schema.fields(&name) {
            fields.insert(format!("{name}.{}", text(field, "name")));
            next.push(named(&field["type"]).to_owned());
        }
    }
    fields
}
