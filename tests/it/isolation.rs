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
    /// Global ids of a span, of its trace, and of what is said of them.
    said: Said,
    /// Global id of the one session.
    session: String,
    key_id: String,
    key_node: String,
    key: Client,
    /// Whatever must never be shown to another: names, ids, texts.
    marks: Vec<String>,
}

#[derive(Clone, Default)]
struct Said {
    span: String,
    trace: String,
    of_span: String,
    of_trace: String,
}

impl Said {
    /// The annotation that a mutation may be aimed at, and the field that answers.
    fn by(&self, mutation: &str) -> (&str, &'static str) {
        if mutation.contains("Span") {
            (&self.of_span, "spanAnnotations")
        } else {
            (&self.of_trace, "traceAnnotations")
        }
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("{field}: {value}"))
}

async fn realm(app: &TestApp, name: &'static str, trace: u64) -> Realm {
    let admin = app.admin_secret();
    let mut spans = vec![otlp::full_span(trace, trace * 10), otlp::span(trace, trace * 10 + 1)];
    for span in &mut spans {
        span.name = format!("work in {name}");
        span.attributes.push(otlp::text("session.id", &format!("talk in {name}")));
    }
    admin.export(name, spans).await;
    let project = text(&admin.get(&format!("/v1/projects/{name}")).await.expect(200).json()["data"], "id").to_owned();
    let mut marks = vec![name.to_owned(), project.clone()];
    let mut about = Said::default();
    for list in ["spans", "traces"] {
        let rows = admin.get(&format!("/v1/projects/{name}/{list}")).await.expect(200).json();
        let row = text(&rows["data"][0], "id").to_owned();
        if list == "spans" {
            about.span = row;
        } else {
            about.trace = row;
        }
        marks.extend(rows["data"].as_array().unwrap().iter().map(|row| text(row, "id").to_owned()));
    }
    let sessions = admin.get(&format!("/v1/projects/{name}/sessions")).await.expect(200).json();
    let session = text(&sessions["data"][0], "id").to_owned();
    let (trace, span) = (format!("{}{trace:016x}", "aa".repeat(8)), format!("{:016x}", trace * 10));
    marks.extend([trace.clone(), span.clone()]);
    let talk = format!("talk in {name}");
    for (kind, id) in [("span", &span), ("trace", &trace), ("session", &talk)] {
        let said = json!({
            "name": format!("judgement in {name}"), "identifier": format!("by {name}"), "annotator_kind": "HUMAN",
            (format!("{kind}_id")): id, "result": {"label": format!("label of {name}")},
        });
        let path = format!("/v1/{kind}_annotations?sync=true");
        let made = admin.post(&path, &json!({"data": [said]})).await.expect(200).json();
        let made = text(&made["data"][0], "id").to_owned();
        match kind {
            "span" => about.of_span = made,
            "trace" => about.of_trace = made,
            _ => {}
        }
        let note = json!({"data": {(format!("{kind}_id")): id, "note": format!("note of {name}")}});
        admin.post(&format!("/v1/{kind}_notes"), &note).await.expect(200);
    }
    marks.extend([about.of_span.clone(), about.of_trace.clone()]);
    let config = format!("config of {name}");
    admin.post("/v1/annotation_configs", &json!({"type": "FREEFORM", "name": config})).await.expect(200);
    let path = format!("/v1/projects/{name}/annotation_configs/{}", config.replace(' ', "%20"));
    admin.send(Method::PUT, &path, None, Vec::new()).await.expect(200);
    let policy = format!(
        "mutation {{ createProjectTraceRetentionPolicy(input: {{name: \"policy of {name}\", cronExpression: \"0 0 * * *\",
             rule: {{maxDays: {{maxDays: 0}}}}, addProjects: [\"{project}\"]}}) {{ node {{ id }} }} }}"
    );
    let policy = admin.graphql(&policy).await.expect(200).json();
    marks.push(text(&policy["data"]["createProjectTraceRetentionPolicy"]["node"], "id").to_owned());
    let body = json!({"name": format!("key of {name}"), "preset": "admin", "projects": [name]});
    let made = admin.post(DOOR, &body).await.expect(201).json();
    let (key_id, key) = (text(&made, "id").to_owned(), app.anonymous().bearer(text(&made, "key")));
    marks.push(key_id.clone());
    let keys = admin.graphql("{ systemApiKeys { id keyId } }").await.json()["data"]["systemApiKeys"].clone();
    let node = keys.as_array().unwrap().iter().find(|k| k["keyId"] == key_id.as_str()).unwrap();
    let key_node = text(node, "id").to_owned();
    marks.push(key_node.clone());
    assert!(marks.len() >= 9, "{marks:?}");
    Realm { name, project, trace, span, session, said: about, key_id, key_node, key, marks }
}

/// All that the administrator sees of a realm but when its key was used.
async fn snapshot(app: &TestApp, realm: &Realm) -> Vec<Value> {
    let admin = app.admin_secret();
    let mut seen = Vec::new();
    for list in ["", "/spans", "/traces", "/sessions"] {
        seen.push(admin.get(&format!("/v1/projects/{}{list}", realm.name)).await.expect(200).json());
    }
    let mut key = admin.get(&format!("{DOOR}/{}", realm.key_id)).await.expect(200).json();
    key["lastUsedAt"] = Value::Null;
    seen.push(key);
    for kind in ["span", "trace", "session"] {
        let path = format!("/v1/projects/{0}/{kind}_annotations?identifier=by+{0}", realm.name);
        seen.push(admin.get(&path).await.expect(200).json());
    }
    seen.push(admin.get(&format!("/v1/projects/{}/annotation_configs", realm.name)).await.expect(200).json());
    seen
}

type Case = (String, Option<Value>);

fn at(path: &str) -> Vec<Case> {
    vec![(path.to_owned(), None)]
}

fn with(path: &str, body: Value) -> Vec<Case> {
    vec![(path.to_owned(), Some(body))]
}

/// [`cases`] of annotations and of their configs.
fn annotation_cases(method: &str, path: &str) -> Option<Vec<Case>> {
    let of_each = |kind: &str| match kind {
        "session" => "talk in {name}",
        "trace" => "{trace}",
        _ => "{span}",
    };
    Some(match (method, path) {
        ("GET", path) if path.ends_with("_annotations") => {
            let kind = path.rsplit('/').next().unwrap().trim_end_matches("_annotations");
            let path = path.replace("{project_identifier}", "{project}");
            at(&format!("{path}?{kind}_ids={}", of_each(kind).replace(' ', "+")))
        }
        ("DELETE", path) if path.ends_with("_annotations") => {
            at(&format!("{}?delete_all=true", path.replace("{project_identifier}", "{project}")))
        }
        // Without `sync` it would be kept for whoever may yet come.
        ("POST", path) if path.ends_with("_annotations") => {
            let kind = path.trim_start_matches("/v1/").trim_end_matches("_annotations");
            let id = if kind == "document" { "span_id".to_owned() } else { format!("{kind}_id") };
            let said = json!({"name": "n", "annotator_kind": "CODE", "document_position": 0, (id): of_each(kind)});
            with(&format!("{path}?sync=true"), json!({"data": [said]}))
        }
        ("POST", path) if path.ends_with("_notes") => {
            let kind = path.trim_start_matches("/v1/").trim_end_matches("_notes");
            with(path, json!({"data": {(format!("{kind}_id")): of_each(kind), "note": "taken"}}))
        }
        ("GET", "/v1/annotation_configs") => at(path),
        ("POST", "/v1/annotation_configs") => with(path, json!({"type": "FREEFORM", "name": "config of {name}"})),
        (_, path) if path.contains("{config_identifier}") => {
            let path = path.replace("{project_identifier}", "{project}");
            with(
                &path.replace("{config_identifier}", "config%20of%20{name}"),
                json!({"type": "FREEFORM", "name": "taken"}),
            )
        }
        ("PUT", "/v1/projects/{project_identifier}/annotation_configs") => {
            with("/v1/projects/{project}/annotation_configs", json!({"annotation_config_ids": []}))
        }
        _ => return None,
    })
}

/// How an operation is asked for what a name and ids stand for: path and body, with `{project}`, `{key}`, `{span}`,
/// `{trace}` and `{name}` to be filled in.
fn cases(method: &str, path: &str) -> Vec<Case> {
    if let Some(cases) = annotation_cases(method, path) {
        return cases;
    }
    match (method, path) {
        ("DELETE", "/v1/projects/{project_identifier}/traces") => {
            at("/v1/projects/{project}/traces?start_time=2020-01-01T00:00:00Z&end_time=2100-01-01T00:00:00Z")
        }
        ("POST", "/v1/projects/{project_identifier}/spans") => vec![
            ("/v1/projects/{project}/spans".to_owned(), Some(json!({"data": [sent_span()]}))),
            ("/v1/projects/{name}/spans".to_owned(), Some(json!({"data": [sent_span()]}))),
        ],
        ("DELETE", "/v1/traces/{trace_identifier}") => at("/v1/traces/{trace}"),
        ("DELETE", "/v1/spans/{span_identifier}") => at("/v1/spans/{span}"),
        ("POST", "/v1/traces/transfer") => vec![
            (
                path.to_owned(),
                Some(json!({"trace_identifiers": ["{trace}"], "destination_project_identifier": "{mine}"})),
            ),
            (
                path.to_owned(),
                Some(json!({"trace_identifiers": ["{trace}"], "destination_project_identifier": "{name}"})),
            ),
        ],
        ("GET" | "DELETE", "/v1/sessions/{session_identifier}") => {
            vec![("/v1/sessions/{session}".to_owned(), None), ("/v1/sessions/talk%20in%20{name}".to_owned(), None)]
        }
        // What is not there is passed over, and so is what is another's: see the snapshots.
        ("POST", "/v1/sessions/delete") => vec![
            (path.to_owned(), Some(json!({"session_identifiers": ["{session}"]}))),
            (path.to_owned(), Some(json!({"session_identifiers": ["talk in {name}"]}))),
        ],
        ("GET" | "DELETE", path) if path.starts_with("/v1/projects/{project_identifier}") => {
            at(&path.replace("{project_identifier}", "{project}"))
        }
        ("PATCH", "/v1/projects/{project_identifier}/retention") => {
            with("/v1/projects/{project}/retention", json!({"policy_id": null}))
        }
        ("PUT", "/v1/projects/{project_identifier}") => with("/v1/projects/{project}", json!({"description": "taken"})),
        ("POST", "/v1/projects") => with(path, json!({"name": "{name}"})),
        ("POST", "/v1/spans") => vec![
            (format!("{path}?project_name={{name}}"), Some(json!({"queries": [{}]}))),
            (format!("{path}?project_name={{project}}"), Some(json!({"queries": [{}]}))),
            (path.to_owned(), Some(json!({"queries": [{}], "project_name": "{name}"}))),
        ],
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

/// A span that could be stored, if its project were one's own.
fn sent_span() -> Value {
    json!({
        "name": "n", "context": {"trace_id": "dd".repeat(16), "span_id": "dd".repeat(8)}, "span_kind": "LLM",
        "start_time": "2026-01-01T00:00:00Z", "end_time": "2026-01-01T00:00:01Z", "status_code": "OK",
    })
}

fn filled(text: &str, realm: &Realm, mine: &Realm) -> String {
    text.replace("{project}", &realm.project)
        .replace("{key}", &realm.key_id)
        .replace("{name}", realm.name)
        .replace("{trace}", &realm.trace)
        .replace("{span}", &realm.span)
        .replace("{session}", &realm.session)
        .replace("{mine}", mine.name)
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
                    let (path, body) = (filled(&path, realm, mine), body.as_deref().map(|b| filled(b, realm, mine)));
                    assert!(!path.contains('{'), "{path}: how is it filled in?");
                    let answer = ask(&mine.key, &method, &path, body.as_deref()).await;
                    tells_nothing(&answer, &format!("{method} {path} {body:?}"), other);
                    asked += 1;
                    // What both are told must be the same but for what they asked.
                    let said = [&realm.project, &realm.key_id, realm.name, &realm.trace, &realm.span, &realm.session]
                        .into_iter()
                        .fold(answer.text(), |said, own| said.replace(own, "…"));
                    answers.push((answer.status, said));
                }
                let is_aimed = [Some(path.as_str()), body.as_deref()].into_iter().flatten().any(|t| {
                    ["{name}", "{project}", "{key}", "{trace}", "{span}", "{session}"]
                        .iter()
                        .any(|hole| t.contains(hole))
                });
                if is_aimed {
                    assert_eq!(answers[0], answers[1], "{method} {path}: another's differs from nobody's");
                    let passes_over = path == "/v1/sessions/delete";
                    assert!(passes_over || !answers[0].0.is_success(), "{method} {path}: {:?}", answers[0]);
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
        // A series costs the server what many fields do: it is asked of projects themselves, not of all that lead to one.
        if result.ends_with("TimeSeries") && above.len() > 3 {
            return None;
        }
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
                (_, _, "condition" | "filterCondition") => "\"1 == 1\"".to_owned(),
                (_, _, "traceFilterCondition") => "\"any(s.name != '' for s in spans)\"".to_owned(),
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
    let Realm { name, project, key_id, key_node, said: about, .. } = other;
    let said = "name: \"n\", annotatorKind: CODE, metadata: {}, source: API";
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
        "createSpanAnnotations" => {
            format!(
                "createSpanAnnotations(input: [{{spanId: \"{}\", {said}}}]) {{ spanAnnotations {{ id }} }}",
                about.span
            )
        }
        "createTraceAnnotations" => format!(
            "createTraceAnnotations(input: [{{traceId: \"{}\", {said}}}]) {{ traceAnnotations {{ id }} }}",
            about.trace
        ),
        "createSpanNotes" => format!(
            "createSpanNotes(input: [{{span: {{id: \"{}\"}}, note: \"n\", annotatorKind: CODE, source: API}}]) \
             {{ spanAnnotations {{ id }} }}",
            about.span
        ),
        "patchSpanAnnotations" | "patchTraceAnnotations" => {
            let (id, field) = about.by(mutation);
            format!("{mutation}(input: [{{annotationId: \"{id}\", label: \"taken\"}}]) {{ {field} {{ label }} }}")
        }
        "deleteSpanAnnotations" | "deleteSpanNotes" | "deleteTraceAnnotations" => {
            let (id, field) = about.by(mutation);
            format!("{mutation}(input: {{annotationIds: [\"{id}\"]}}) {{ {field} {{ label }} }}")
        }
        "createProjectTraceRetentionPolicy" => format!(
            "createProjectTraceRetentionPolicy(input: {{name: \"k\", cronExpression: \"0 0 * * *\",
                 rule: {{maxCount: {{maxCount: 1}}}}, addProjects: [\"{project}\"]}}) {{ node {{ id name }} }}"
        ),
        "patchProjectTraceRetentionPolicy" => format!(
            "patchProjectTraceRetentionPolicy(input: {{id: \"UHJvamVjdFRyYWNlUmV0ZW50aW9uUG9saWN5OjE=\",
                 addProjects: [\"{project}\"]}}) {{ node {{ id name }} }}"
        ),
        "deleteProjectTraceRetentionPolicy" => "deleteProjectTraceRetentionPolicy(
                 input: {id: \"UHJvamVjdFRyYWNlUmV0ZW50aW9uUG9saWN5OjE=\"}) { node { id name } }"
            .to_owned(),
        // People and prices are of no project: who is bound changes none (`costs`).
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
                said: Said::default(),
                session: "UHJvamVjdFNlc3Npb246OTk5OQ==".to_owned(),
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
        said: realm.said.clone(),
        session: realm.session.clone(),
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
