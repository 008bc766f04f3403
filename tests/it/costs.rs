//! Prices of models and what calls cost by them. The numbers of the first test are what the peer answers to the same.

use opentelemetry_proto::tonic::{common::v1::any_value::Value as Otlp, trace::v1::Span};
use phoenix_server::domain::scope::Role;
use serde_json::{Value, json};

use crate::support::{Client, TestApp, both_engines, otlp};

const COSTS: &str = "costSummary { prompt { cost tokens } completion { cost tokens } total { cost tokens } }";

/// A call of a model, with further attributes.
fn call(n: u64, model: &str, counts: &[(&str, i64)]) -> Span {
    let mut span = otlp::span(n, n);
    span.attributes = vec![otlp::text("openinference.span.kind", "LLM"), otlp::text("llm.model_name", model)];
    for (name, count) in counts {
        span.attributes.push(otlp::attribute(&format!("llm.token_count.{name}"), Otlp::IntValue(*count)));
    }
    span
}

async fn graphql(client: &Client, query: &str, variables: Value) -> Value {
    client.post("/graphql", &json!({ "query": query, "variables": variables })).await.expect(200).json()
}

/// Prices of one token in dollars, as the mutation takes them.
fn costs(prices: &[(&str, &str, f64)]) -> Value {
    let price = |(token_type, kind, each): &(&str, &str, f64)| json!({"tokenType": token_type, "kind": kind, "costPerMillionTokens": each * 1e6});
    prices.iter().map(price).collect()
}

const PLAIN: [(&str, &str, f64); 2] = [("input", "PROMPT", 1.0), ("output", "COMPLETION", 2.0)];

async fn create(client: &Client, input: Value) -> Value {
    let query = "mutation($input: CreateModelMutationInput!) { createModel(input: $input) { model {
        id name provider namePattern kind startTime tokenPrices { tokenType kind costPerMillionTokens costPerToken } } } }";
    graphql(client, query, json!({ "input": input })).await
}

async fn update(client: &Client, input: Value) -> Value {
    let query = "mutation($input: UpdateModelMutationInput!) { updateModel(input: $input) { model { id name } } }";
    graphql(client, query, json!({ "input": input })).await
}

async fn delete(client: &Client, id: &str) -> Value {
    graphql(client, "mutation($id: ID!) { deleteModel(input: {id: $id}) { model { name } } }", json!({ "id": id }))
        .await
}

/// What a span cost, as `[prompt, completion, total]` of `[cost, tokens]`, and its trace in total.
async fn span_cost(client: &Client, n: u64) -> (Value, Value) {
    let query = format!("query($id: String!) {{ getSpanByOtelId(spanId: $id) {{ {COSTS} trace {{ {COSTS} }} }} }}");
    let answer = graphql(client, &query, json!({ "id": format!("{n:016x}") })).await;
    let span = &answer["data"]["getSpanByOtelId"];
    let pair = |side: &Value| json!([side["cost"], side["tokens"]]);
    let sides = |of: &Value| match of {
        Value::Null => Value::Null,
        of => json!([pair(&of["prompt"]), pair(&of["completion"]), pair(&of["total"])]),
    };
    (sides(&span["costSummary"]), pair(&span["trace"]["costSummary"]["total"]))
}

fn message(answer: &Value) -> &str {
    answer["errors"][0]["message"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

both_engines! {
    async fn calls_cost_what_the_peer_says(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        create(&admin, json!({"name": "A", "namePattern": "^probe-a$", "costs": costs(&PLAIN)})).await;
        let all = costs(&[
            ("input", "PROMPT", 1.0), ("output", "COMPLETION", 2.0), ("cache_read", "PROMPT", 0.1),
            ("cache_write", "PROMPT", 3.0), ("audio", "PROMPT", 5.0), ("reasoning", "COMPLETION", 7.0),
            ("audio", "COMPLETION", 9.0),
        ]);
        let made = create(&admin, json!({"name": "D", "namePattern": "^probe-d$", "costs": all})).await;
        let prices = made["data"]["createModel"]["model"]["tokenPrices"].as_array().unwrap();
        assert!(prices.contains(&json!({
            "tokenType": "audio", "kind": "PROMPT", "costPerMillionTokens": 5_000_000.0, "costPerToken": 5.0
        })), "{made}");
        let details = [
            ("prompt", 10), ("completion", 10), ("prompt_details.cache_read", 2), ("prompt_details.cache_write", 1),
            ("prompt_details.audio", 3), ("completion_details.reasoning", 4), ("completion_details.audio", 1),
        ];
        let none = json!([null, null]);
        let cases = [
            (call(1, "probe-a", &[("prompt", 10), ("completion", 5), ("total", 15)]),
             json!([[10.0, 10.0], [10.0, 5.0], [20.0, 15.0]]), json!([20.0, 15.0])),
            (call(2, "probe-a", &[("prompt", 10), ("completion", 5), ("prompt_details.cache_read", 4)]),
             json!([[10.0, 10.0], [10.0, 5.0], [20.0, 15.0]]), json!([20.0, 15.0])),
            (call(3, "probe-d", &details),
             json!([[22.2, 10.0], [47.0, 10.0], [69.2, 20.0]]), json!([69.2, 20.0])),
            (call(4, "probe-a", &[("total", 15)]), json!([[15.0, 15.0], none, [15.0, 15.0]]), json!(null)),
            (call(5, "probe-a", &[("prompt", 0), ("completion", 0)]), json!(null), none.clone()),
            (call(6, "nobody", &[("prompt", 10), ("completion", 5)]),
             json!([[null, 10.0], [null, 5.0], [null, 15.0]]), json!([0.0, 15.0])),
            (call(7, "PROBE-A", &[("prompt", 10)]), json!([[null, 10.0], none, [null, 10.0]]), json!([0.0, 10.0])),
        ];
        admin.export("p", cases.iter().map(|(span, ..)| span.clone()).collect()).await;
        for (n, (_, expected, trace)) in (1..).zip(&cases) {
            let (cost, of_trace) = span_cost(&admin, n).await;
            assert_eq!(&cost, expected, "{n}");
            assert!(trace.is_null() || &of_trace == trace, "{n}: {of_trace}");
        }
        let mut chain = call(8, "probe-a", &[("prompt", 10)]);
        chain.attributes[0] = otlp::text("openinference.span.kind", "CHAIN");
        admin.export("p", vec![chain]).await;
        assert_eq!(span_cost(&admin, 8).await, (Value::Null, none));
        let query = "{ getSpanByOtelId(spanId: \"0000000000000003\") { costDetailSummaryEntries { tokenType isPrompt value { cost tokens } } } }";
        let entries = graphql(&admin, query, json!({})).await;
        let entries = entries["data"]["getSpanByOtelId"]["costDetailSummaryEntries"].as_array().unwrap().clone();
        assert_eq!(entries.len(), 7);
        assert!(entries.contains(&json!({"tokenType": "reasoning", "isPrompt": false, "value": {"cost": 28.0, "tokens": 4.0}})));
        let project = graphql(&admin, &format!("{{ getProjectByName(name: \"p\") {{ {COSTS} }} }}"), json!({})).await;
        let total = project["data"]["getProjectByName"]["costSummary"]["total"]["cost"].as_f64().unwrap();
        assert!((total - (20.0 + 20.0 + 69.2 + 15.0)).abs() < 1e-9, "{project}");
    }

    async fn what_is_sent_twice_costs_once_and_built_in_prices_are_there(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let span = || vec![call(1, "gpt-4o-2024-08-06", &[("prompt", 1_000_000), ("prompt_details.cache_read", 400_000)])];
        admin.export("p", span()).await;
        admin.export("p", span()).await;
        let (cost, trace) = span_cost(&admin, 1).await;
        assert_eq!(cost[2], json!([2.0, 1_000_000.0]));
        assert_eq!(trace, json!([2.0, 1_000_000.0]));
    }

    async fn built_in_prices_stay_and_own_ones_follow_the_rules(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let list = graphql(&admin, "{ generativeModels(first: 1000) { edges { node { id name kind } } } }", json!({})).await;
        let nodes = list["data"]["generativeModels"]["edges"].as_array().unwrap().clone();
        assert!(nodes.len() > 90);
        let built_in = nodes.iter().find(|n| n["node"]["name"] == "gpt-4o").unwrap()["node"].clone();
        assert_eq!(built_in["kind"], "BUILT_IN");
        let id = built_in["id"].as_str().unwrap();
        assert_eq!(message(&delete(&admin, id).await), "Cannot delete built-in model");
        let change = json!({"id": id, "name": "x", "namePattern": "x", "costs": costs(&PLAIN)});
        assert_eq!(message(&update(&admin, change).await), "Cannot update built-in model");
        let unknown = "R2VuZXJhdGl2ZU1vZGVsOjk5OTk5";
        assert_eq!(message(&delete(&admin, unknown).await), format!("Model \"{unknown}\" not found"));

        let model = |name: &str, pattern: &str| json!({"name": name, "namePattern": pattern, "costs": costs(&PLAIN)});
        let made = create(&admin, model("gpt-4o", "^x$")).await;
        assert_eq!(made["data"]["createModel"]["model"]["kind"], "CUSTOM", "{made}");
        let own = made["data"]["createModel"]["model"]["id"].as_str().unwrap().to_owned();
        assert_eq!(message(&create(&admin, model("gpt-4o", "^y$")).await), "Model with name 'gpt-4o' already exists");
        let twin = "Model 'gpt-4o' already uses name pattern '^x$' with no provider";
        assert_eq!(message(&create(&admin, model("b", "^x$")).await), twin);
        for (input, field, problem) in [
            (json!({"name": "c", "namePattern": "[", "costs": costs(&PLAIN)}), "namePattern", "Invalid regex: "),
            (json!({"name": "c", "namePattern": "", "costs": costs(&PLAIN)}), "namePattern", ""),
            (json!({"name": "", "namePattern": "c", "costs": costs(&PLAIN)}), "name", ""),
            (json!({"name": "c", "namePattern": "c", "costs": costs(&PLAIN[1..])}), "costs", "input cost is required"),
            (json!({"name": "c", "namePattern": "c", "costs": costs(&PLAIN[..1])}), "costs", "output cost is required"),
            (json!({"name": "c", "namePattern": "c", "costs": costs(&[PLAIN[0], PLAIN[0], PLAIN[1]])}), "costs", "There are two"),
            (json!({"name": "c", "namePattern": "c", "costs": costs(&[PLAIN[0], ("output", "COMPLETION", -1.0)])}),
             "costPerMillionTokens", "The cost of output must lie"),
        ] {
            let refused = create(&admin, input).await;
            assert_eq!(refused["errors"][0]["extensions"]["field"], field, "{refused}");
            assert!(message(&refused).starts_with(problem), "{refused}");
        }
        let change = json!({"id": own, "name": "renamed", "namePattern": "^x$", "costs": costs(&PLAIN)});
        assert_eq!(update(&admin, change).await["data"]["updateModel"]["model"]["name"], "renamed");
        let node = graphql(&admin, "query($id: ID!) { node(id: $id) { ... on GenerativeModel { name } } }", json!({"id": own})).await;
        assert_eq!(node["data"]["node"]["name"], "renamed");
        assert_eq!(delete(&admin, &own).await["data"]["deleteModel"]["model"]["name"], "renamed");
        let audit = admin.get("/api/v1/audit-logs?action=model").await.expect(200).json();
        let actions: Vec<&str> = audit["data"].as_array().unwrap().iter().map(|r| r["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["model.delete", "model.update", "model.create"]);
    }

    async fn who_may_not_write_and_who_is_bound_changes_no_prices(engine) {
        let app = TestApp::new(engine).await;
        app.admin_secret().post("/v1/projects", &json!({"name": "x"})).await.expect(200);
        let input = || json!({"name": "a", "namePattern": "a", "costs": costs(&PLAIN)});
        for client in [app.key(Role::Viewer, None).await, app.bound_key(Role::Member, &["x"]).await] {
            let refused = create(&client, input()).await;
            assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN", "{refused}");
            let read = graphql(&client, "{ generativeModels(first: 1) { edges { node { name } } } }", json!({})).await;
            assert_eq!(read["errors"], Value::Null);
        }
    }

    async fn a_change_of_prices_reaches_what_is_stored(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        let spans = |from: u64| {
            (from..from + 150)
                .map(|n| {
                    let mut span = call(n, "late", &[("prompt", 10), ("completion", 5)]);
                    span.trace_id = 7_u128.to_be_bytes().to_vec();
                    span.attributes.push(otlp::text("session.id", "s"));
                    span
                })
                .collect()
        };
        admin.export("p", spans(1)).await;
        admin.export("p", spans(1_000)).await;
        assert_eq!(span_cost(&admin, 1).await.1, json!([0.0, 4_500.0]));
        let made = create(&admin, json!({"name": "late", "namePattern": "^late$", "costs": costs(&PLAIN)})).await;
        let id = made["data"]["createModel"]["model"]["id"].as_str().unwrap().to_owned();
        app.app.recompute_costs().await.unwrap();
        assert_eq!(span_cost(&admin, 1_001).await, (json!([[10.0, 10.0], [10.0, 5.0], [20.0, 15.0]]), json!([6_000.0, 4_500.0])));
        let project = || async {
            let answer = graphql(&admin, &format!("{{ getProjectByName(name: \"p\") {{ {COSTS} }} }}"), json!({})).await;
            answer["data"]["getProjectByName"]["costSummary"]["total"]["cost"].clone()
        };
        assert_eq!(project().await, json!(6_000.0));
        // A price that counts only later changes nothing; one that is gone takes its costs along.
        let later = json!({"id": id, "name": "late", "namePattern": "^late$", "costs": costs(&PLAIN), "startTime": "2100-01-01T00:00:00Z"});
        update(&admin, later).await;
        app.app.recompute_costs().await.unwrap();
        assert_eq!(project().await, json!(0.0));
        assert_eq!(span_cost(&admin, 1).await.0[0], json!([null, 10.0]));
    }
}
