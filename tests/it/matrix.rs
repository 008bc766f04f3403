//! The page of roles is true: every operation of the OpenAPI document, every root field of GraphQL and both ways of
//! OTLP, asked by every role with every kind of credential, answer as it says.

use axum::http::{Method, StatusCode};
use phoenix_server::{
    api::{self, graphql::demands::demands},
    domain::{
        scope::{Role, Scope},
        user::NewUser,
    },
};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};

use crate::support::{Answer, Client, Engine, TestApp, app::PASSWORD, both_engines};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Anonymous,
    Cookie,
    AccessToken,
    UserKey,
    SystemKey,
    AdminSecret,
}

/// A caller, and the column of the page that speaks of them.
struct Caller {
    column: &'static str,
    kind: Kind,
    client: Client,
    email: String,
}

/// How to ask for what a row is about.
enum Way {
    Rest(Method, String),
    GraphQl(String),
    OtlpHttp,
    OtlpGrpc,
}

struct Row {
    name: String,
    demands: String,
    cells: Vec<(String, String)>,
    way: Way,
}

impl Row {
    /// Whether the page lets a caller of this column and kind in.
    fn allows(&self, column: &str, kind: Kind) -> bool {
        let (_, cell) = self.cells.iter().find(|(name, _)| name == column).unwrap();
        match cell.as_str() {
            "yes" => true,
            "no" => false,
            "login" => matches!(kind, Kind::Cookie | Kind::AccessToken),
            "login, user key" => matches!(kind, Kind::Cookie | Kind::AccessToken | Kind::UserKey),
            other => panic!("{}: {other}", self.name),
        }
    }

    fn is_public(&self) -> bool {
        self.demands == "public"
    }
}

async fn rows() -> Vec<Row> {
    let page = api::roles::table().await.unwrap();
    let fields = demands().await.unwrap();
    let mut columns: Vec<String> = Vec::new();
    let mut rows = Vec::new();
    for line in page.lines().filter(|l| l.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if cells[0] == "Operation" {
            columns = cells.iter().map(|&c| c.to_owned()).collect();
        } else if cells[0].starts_with('`') {
            let name = cells[0].trim_matches('`').to_owned();
            let way = match name.split_once(' ').unwrap() {
                ("gRPC", _) => Way::OtlpGrpc,
                ("POST", "/v1/traces") => Way::OtlpHttp,
                ("query" | "mutation", _) => {
                    Way::GraphQl(fields.iter().find(|f| f.name == name).unwrap().document.clone())
                }
                (method, path) => {
                    // Ids of nothing: permission is asked before existence.
                    let segments = path.split('/').map(|s| if s.starts_with('{') { "nosuch" } else { s });
                    Way::Rest(method.parse().unwrap(), segments.collect::<Vec<_>>().join("/"))
                }
            };
            let cells = columns.iter().cloned().zip(cells.iter().map(|&c| c.to_owned())).skip(2).collect::<Vec<_>>();
            let demands = line.split('|').nth(2).unwrap().trim().to_owned();
            rows.push(Row { name, demands, cells, way });
        }
    }
    // What anybody may ask comes last: a logout ends every session of the person.
    rows.sort_by_key(Row::is_public);
    let rest = rows.iter().filter(|r| matches!(r.way, Way::Rest(..))).count();
    let document = serde_json::to_value(api::openapi()).unwrap();
    let described: usize = document["paths"].as_object().unwrap().values().map(|i| i.as_object().unwrap().len()).sum();
    assert_eq!(rest, described);
    assert!(rows.len() >= described + 30, "{}", rows.len());
    rows
}

/// Asks, and returns whether permission was refused and the answer itself.
async fn ask(client: &Client, row: &Row) -> (bool, Answer) {
    match &row.way {
        Way::Rest(method, path) => {
            // Not a body that any operation takes: permission is asked before the body is read.
            let answer = client.send(method.clone(), path, Some("application/json"), b"[]".to_vec()).await;
            // A login with wrong data is 401 too: refused for what it says, and not for who says it.
            (answer.status == 401 && !row.is_public() || answer.status == 403, answer)
        }
        Way::GraphQl(document) => {
            let mut document = document.clone();
            if row.name == "query node (User)" {
                // Everybody may see themselves, administrators others as well.
                let own = client.graphql("{ viewer { id } }").await;
                let own = own.json()["data"]["viewer"]["id"].as_str().map(str::to_owned);
                document = own.map_or(document, |id| format!("{{ node(id: \"{id}\") {{ __typename }} }}"));
            }
            let answer = client.graphql(&document).await;
            if answer.status != 200 {
                return (true, answer);
            }
            let errors = answer.json()["errors"].as_array().cloned().unwrap_or_default();
            let refused = errors
                .iter()
                .any(|e| matches!(e["extensions"]["code"].as_str(), Some("FORBIDDEN" | "UNAUTHENTICATED")));
            assert!(errors.iter().all(|e| e["extensions"]["code"] != "INTERNAL"), "{}: {}", row.name, answer.text());
            (refused, answer)
        }
        Way::OtlpHttp => {
            let answer = client.export_bytes(Vec::new()).await;
            (matches!(answer.status.as_u16(), 401 | 403), answer)
        }
        Way::OtlpGrpc => {
            let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
            let answer = client.send(Method::POST, path, Some("application/grpc"), vec![0; 5]).await;
            (matches!(answer.header("grpc-status"), "7" | "16"), answer)
        }
    }
}

/// Asserts that a refusal is the one that fits: who are you, or you may not.
fn check_refusal(row: &Row, kind: Kind, answer: &Answer) {
    let name = &row.name;
    match (&row.way, kind) {
        (Way::OtlpGrpc, Kind::Anonymous) => assert_eq!(answer.header("grpc-status"), "16", "{name}"),
        (Way::OtlpGrpc, _) => assert_eq!(answer.header("grpc-status"), "7", "{name}"),
        (_, Kind::Anonymous) => assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}"),
        (Way::GraphQl(_), _) => assert_eq!(answer.status, StatusCode::OK, "{name}: {}", answer.text()),
        _ => assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}: {}", answer.text()),
    }
}

async fn with_password(app: &TestApp, kind: Kind, email: &str) -> Client {
    if kind == Kind::Cookie {
        return app.anonymous().login(email, PASSWORD).await;
    }
    let form = format!("grant_type=password&username={email}&password={PASSWORD}").into_bytes();
    let media_type = Some("application/x-www-form-urlencoded");
    let answer = app.anonymous().send(Method::POST, "/auth/token", media_type, form).await.expect(200).json();
    app.anonymous().bearer(answer["access_token"].as_str().unwrap())
}

async fn everybody(app: &TestApp) -> Vec<Caller> {
    let mut callers = Vec::new();
    let mut add = |column, kind, client, email: &str| {
        callers.push(Caller { column, kind, client, email: email.to_owned() });
    };
    add("anonymous", Kind::Anonymous, app.anonymous(), "");
    add("admin secret", Kind::AdminSecret, app.admin_secret(), "");
    add("SYSTEM", Kind::SystemKey, app.key(Role::System, None).await, "");
    for role in [Role::Admin, Role::Member, Role::Viewer] {
        let email = format!("{role}@example.com").to_lowercase();
        let user = NewUser { password_needs_reset: false, ..NewUser::local(role, role.as_str(), &email, None) };
        app.add_user(user, PASSWORD).await;
        let cookie = with_password(app, Kind::Cookie, &email).await;
        let made = cookie.post("/v1/user/api_keys", &json!({"data": {"name": "k"}})).await.expect(201).json();
        let key = app.anonymous().bearer(made["data"]["key"].as_str().unwrap());
        add(role.as_str(), Kind::Cookie, cookie, &email);
        add(role.as_str(), Kind::AccessToken, with_password(app, Kind::AccessToken, &email).await, &email);
        add(role.as_str(), Kind::UserKey, key, "");
        add(role.as_str(), Kind::SystemKey, app.key(role, None).await, "");
    }
    let email = "new@example.com";
    app.add_user(NewUser::local(Role::Admin, "new", email, None), PASSWORD).await;
    add("new password first", Kind::Cookie, with_password(app, Kind::Cookie, email).await, email);
    callers
}

async fn unlimited(engine: Engine) -> TestApp {
    TestApp::with(engine, |config| config.auth.disable_rate_limit = true).await
}

both_engines! {
    async fn every_operation_answers_every_role_and_credential_as_the_page_says(engine) {
        let app = unlimited(engine).await;
        let callers = everybody(&app).await;
        assert_eq!(callers.len(), 16);
        let mut asked = 0;
        for row in rows().await {
            for caller in &callers {
                let logs_in = !caller.email.is_empty();
                // What the row before may have ended.
                let fresh = if row.is_public() && logs_in {
                    Some(with_password(&app, caller.kind, &caller.email).await)
                } else {
                    None
                };
                let (refused, answer) = ask(fresh.as_ref().unwrap_or(&caller.client), &row).await;
                let who = format!("{} by {} {:?}: {} {}", row.name, caller.column, caller.kind, answer.status, answer.text());
                assert_eq!(!refused, row.allows(caller.column, caller.kind), "{who}");
                if refused {
                    check_refusal(&row, caller.kind, &answer);
                }
                asked += 1;
            }
        }
        assert!(asked > 1_000, "{asked}");
    }

    async fn any_set_of_scopes_narrows_a_key_to_what_both_allow(engine) {
        let app = unlimited(engine).await;
        let rows = rows().await;
        let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        let role = prop_oneof![Just(Role::Admin), Just(Role::Member), Just(Role::Viewer), Just(Role::System)];
        let keys = (role, proptest::sample::subsequence(Scope::ALL.to_vec(), 0..=Scope::ALL.len()));
        for _ in 0..12 {
            let (role, scopes) = keys.new_tree(&mut runner).unwrap().current();
            let client = app.key(role, Some(&scopes)).await;
            let holds = |scope: Scope| scopes.contains(&scope) || scopes.contains(&Scope::Admin);
            for row in &rows {
                let scope: Option<Scope> = row.demands.split([' ', ',']).next().unwrap().parse().ok();
                let by_admin = row.demands.contains("scope admin");
                let expected = row.allows(role.as_str(), Kind::SystemKey)
                    && scope.is_none_or(holds)
                    && (!by_admin || scopes.contains(&Scope::Admin));
                // A narrowed key does not speak for the account: it sees no sessions.
                let whole = scopes.contains(&Scope::Admin) || role.scopes().iter().all(|s| scopes.contains(&s));
                let expected = expected && (whole || row.name != "GET /v1/user/sessions");
                let (refused, answer) = ask(&client, row).await;
                assert_eq!(!refused, expected, "{} by {role} with {scopes:?}: {} {}", row.name, answer.status, answer.text());
            }
        }
    }
}

#[test]
fn the_page_names_a_demand_for_every_root_field() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let fields = runtime.block_on(demands()).unwrap();
    let sdl: Value = json!(api::graphql::sdl());
    for field in fields {
        let name = field.name.split(' ').nth(1).unwrap().to_owned();
        assert!(sdl.as_str().unwrap().contains(&name));
        assert!(field.demand.signed_in, "{}", field.name);
    }
}
