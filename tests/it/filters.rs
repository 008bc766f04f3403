//! The language of filters through every door that takes it. What filters mean is tested in the store, against an
//! evaluator; here it is whether they arrive, and what a caller reads when they cannot be used.

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value as Otlp},
    trace::v1::{Span, Status},
};
use serde_json::{Value, json};

use crate::support::{Client, TestApp, both_engines, otlp};

fn text(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(Otlp::StringValue(value.to_owned())) }),
        ..KeyValue::default()
    }
}

/// Two traces: one of a chain with a failed tool below it, one of a retriever with two documents.
fn spans() -> Vec<Span> {
    let mut root = otlp::span(1, 1);
    "root".clone_into(&mut root.name);
    root.attributes = vec![text("openinference.span.kind", "CHAIN"), text("input.value", "Hello World")];
    let mut tool = otlp::span(1, 2);
    "tool".clone_into(&mut tool.name);
    tool.parent_span_id.clone_from(&root.span_id);
    tool.attributes = vec![text("openinference.span.kind", "tool"), text("metadata", "{\"user\": {\"tier\": 3}}")];
    tool.status = Some(Status { code: 2, message: "boom".to_owned() });
    let mut retriever = otlp::span(2, 3);
    "search".clone_into(&mut retriever.name);
    retriever.attributes = vec![
        text("openinference.span.kind", "RETRIEVER"),
        text("retrieval.documents.0.document.content", "first"),
        text("retrieval.documents.1.document.content", "second"),
    ];
    vec![root, tool, retriever]
}

async fn spans_that(client: &Client, filter: &str) -> Vec<String> {
    let query = format!(
        "{{ getProjectByName(name: \"p\") {{ spans(first: 10, filterCondition: {}) {{ edges {{ node {{ name }} }} }} }} }}",
        json!(filter)
    );
    let answer = client.graphql(&query).await.json();
    let edges = answer["data"]["getProjectByName"]["spans"]["edges"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let mut names: Vec<String> = edges.iter().map(|e| e["node"]["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn encoded(filter: &str) -> String {
    url::form_urlencoded::byte_serialize(filter.as_bytes()).collect()
}

/// The parts of a `multipart/mixed` answer.
fn tables(body: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(body).unwrap();
    text.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).unwrap()).collect()
}

both_engines! {
    async fn spans_are_filtered_by_graphql(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        admin.export("p", spans()).await;
        for (filter, names) in [
            ("", vec!["root", "search", "tool"]),
            ("span_kind == 'TOOL' and status_code == 'ERROR'", vec!["tool"]),
            ("parent_id is None", vec!["root", "search"]),
            ("'hello' in input.value", vec!["root"]),
            ("metadata['user']['tier'] > 2", vec!["tool"]),
            ("attributes['retrieval']['documents'] is not None", vec!["search"]),
            ("'SECOND' in attributes['retrieval']['documents']", vec!["search"]),
            ("cumulative_error_count > 0", vec!["root", "tool"]),
            ("not annotations['quality']", vec!["root", "search", "tool"]),
        ] {
            assert_eq!(spans_that(&admin, filter).await, names, "{filter}");
        }
        let query = "{ getProjectByName(name: \"p\") { spans(first: 5, traceFilterCondition: \"error_count > 0\") {
            edges { node { name } } } traces(first: 5, filterCondition: \"num_spans == 1\") { edges { node { numSpans } } } } }";
        let answer = admin.graphql(query).await.json();
        let project = &answer["data"]["getProjectByName"];
        assert_eq!(project["spans"]["edges"].as_array().unwrap().len(), 2, "{answer}");
        assert_eq!(project["traces"]["edges"], json!([{"node": {"numSpans": 1}}]));
    }

    async fn a_filter_is_judged_before_it_is_used(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        admin.export("p", spans()).await;
        let query = "{ getProjectByName(name: \"p\") {
            good: validateSpanFilterCondition(condition: \"latency_ms > 5\") { isValid errorMessage warnings errorAt errorEnd }
            bad: validateSpanFilterCondition(condition: \"name = 'ä'\") { isValid errorMessage warnings errorAt errorEnd }
            trace: validateTraceFilterCondition(condition: \"name == 'x'\") { isValid }
            session: validateSessionFilterCondition(condition: \"'x' in any_input\") { isValid }
            roots: analyzeSpanFilterCondition(condition: \"parent_id is None and name == 'a'\") { selectsRootSpansOnly }
            broken: analyzeSpanFilterCondition(condition: \"==\") { selectsRootSpansOnly }
        } }";
        let answer = admin.graphql(query).await.json();
        let project = &answer["data"]["getProjectByName"];
        let good = json!({"isValid": true, "errorMessage": null, "warnings": [], "errorAt": null, "errorEnd": null});
        assert_eq!(project["good"], good, "{answer}");
        assert_eq!(project["bad"]["isValid"], false);
        assert_eq!((&project["bad"]["errorAt"], &project["bad"]["errorEnd"]), (&json!(6), &json!(7)));
        let message = project["bad"]["errorMessage"].as_str().unwrap();
        assert!(message.contains("write `==` at character 6\nname = 'ä'\n     ^"), "{message}");
        assert_eq!(project["trace"]["isValid"], false);
        assert_eq!(project["session"]["isValid"], true);
        assert_eq!(project["roots"]["selectsRootSpansOnly"], true);
        assert_eq!(project["broken"]["selectsRootSpansOnly"], false);
        let query = "{ getProjectByName(name: \"p\") { spans(first: 1, filterCondition: \"name ==\") { edges { cursor } } } }";
        let error = admin.graphql(query).await.json()["errors"][0].clone();
        assert_eq!(error["extensions"]["field"], "filterCondition", "{error}");
        assert!(error["message"].as_str().unwrap().contains("not finished at character 8"), "{error}");
    }

    async fn traces_are_filtered_by_rest(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        admin.export("p", spans()).await;
        for (filter, count) in [
            ("", 2),
            ("error_count > 0", 1),
            ("'world' in input", 1),
            ("any(s.span_kind == 'TOOL' and s.parent_span.name == 'root' for s in spans)", 1),
            ("len([s for s in spans]) > 2", 0),
            ("all(s.status_code != 'ERROR' for s in spans)", 1),
        ] {
            let path = format!("/v1/projects/p/traces?filter={}", encoded(filter));
            let answer = admin.get(&path).await.expect(200).json();
            assert_eq!(answer["data"].as_array().unwrap().len(), count, "{filter}: {answer}");
        }
        let path = format!("/v1/projects/p/traces?filter={}", encoded("error_count > 'x'"));
        let problem = admin.get(&path).await.expect(422).json();
        assert_eq!(problem["errors"][0]["field"], "filter");
        let detail = problem["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.ends_with("at character 1\nerror_count > 'x'\n^^^^^^^^^^^^^^^^^"), "{detail}");
        admin.get(&format!("/v1/projects/p/traces?filter={}", "(".repeat(2_000))).await.expect(422);
    }

    async fn spans_are_asked_for_as_tables(engine) {
        let app = TestApp::new(engine).await;
        let admin = app.admin_secret();
        admin.export("p", spans()).await;
        let body = json!({"limit": 10, "queries": [
            {"select": {"n": {"key": "name"}, "ms": {"key": "latency_ms"}, "tier": {"key": "metadata['user']['tier']"}},
             "filter": {"condition": "parent_id is not None"}, "index": {"key": "trace_id"}},
            {"explode": {"key": "retrieval.documents", "kwargs": {"text": "document.content"}}},
            {"select": {"name": {"key": "name"}}, "rename": {"name": "title"},
             "concat": {"key": "retrieval.documents", "kwargs": {"text": "document.content"}, "separator": "|"}},
            {},
        ]});
        let answer = admin.post("/v1/spans?project_name=p", &body).await.expect(200);
        let tables = tables(&answer.body);
        assert_eq!(tables.len(), 4);
        assert_eq!(tables[0]["data"][0]["1_n"], "tool");
        assert_eq!(tables[0]["data"][0]["3_tier"], 3);
        assert_eq!(tables[0]["schema"]["primaryKey"], json!(["0_trace_id"]));
        assert_eq!(tables[1]["data"][1]["1_document_position"], 1);
        assert_eq!(tables[1]["data"][1]["2_text"], "second");
        assert_eq!(tables[2]["data"], json!([{"0_context.span_id": "0000000000000003", "1_title": "search", "2_text": "first|second"}]));
        assert_eq!(tables[3]["data"].as_array().unwrap().len(), 3);
        for (body, field) in [
            (json!({"queries": [{"filter": {"condition": "name ="}}]}), "queries.0.filter.condition"),
            (json!({"queries": [{}, {"select": {"a": {"key": "1 +"}}}]}), "queries.1.select.a"),
            (json!({"queries": [{"select": {"a": 5}}]}), "queries.0.select.a"),
            (json!({"queries": [{"explode": {"key": "name"}}]}), "queries.0.explode.key"),
            (json!({"queries": [{}], "limit": -1}), "limit"),
            (json!({"queries": [{}], "start_time": "yesterday"}), "start_time"),
            (json!({"queries": vec![json!({}); 11]}), "queries"),
        ] {
            let problem = admin.post("/v1/spans?project_name=p", &body).await.expect(422).json();
            assert_eq!(problem["errors"][0]["field"], field, "{problem}");
        }
        admin.post("/v1/spans?project_name=nosuch", &json!({"queries": [{}]})).await.expect(404);
        let roots = json!({"queries": [{"select": {"n": {"key": "name"}}}], "root_spans_only": true, "project_name": "p"});
        assert_eq!(self::tables(&admin.post("/v1/spans", &roots).await.expect(200).body)[0]["data"].as_array().unwrap().len(), 2);
    }
}
