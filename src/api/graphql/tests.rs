//! What the schema promises and what it refuses, without a database.

use async_graphql::parser::parse_query;

use super::*;
use crate::{
    domain::{
        id::{SpanId, SpanRowId},
        page::{Cursor, Page},
        span::{StatusCode, TokenCounts},
        time::UnixNanos,
    },
    service::spans::{SpanTree, TreeSpan},
};

/// Runs a query without a caller: enough for whatever is refused before a resolver runs.
async fn errors_of(query: &str) -> Vec<String> {
    let response = schema().execute(query).await;
    response.errors.into_iter().map(|e| e.message).collect()
}

fn check(query: &str) -> Result<(), String> {
    limits::check_text(query).map_err(|e| e.message)?;
    let document = parse_query(query).map_err(|e| e.to_string())?;
    limits::check_document(&document).map_err(|e| e.message)
}

#[test]
fn the_schema_names_what_clients_ask_for() {
    let sdl = sdl();
    for line in [
        "type Project implements Node {",
        "type Span implements Node {",
        "type SystemApiKey implements ",
        "type SpanIOValue {",
        "type SpanConnection {",
        "interface Node {",
        "scalar DateTime",
        "createSystemApiKey(",
        "getSpanByOtelId(",
    ] {
        assert!(sdl.contains(line), "{line} is missing in:\n{sdl}");
    }
}

#[tokio::test]
async fn a_deep_query_is_refused() {
    let nested = |levels| {
        let (open, close) = ("trace{rootSpan{".repeat(levels), "}}".repeat(levels));
        format!("{{getSpanByOtelId(spanId:\"00\"){{{open}id{close}}}}}")
    };
    assert_eq!(errors_of(&nested(12)).await, ["Query is nested too deep."]);
    assert!(check(&"{a".repeat(2_000)).is_err());
    assert!(check(&format!("{{a(b:{})}}", "[".repeat(50_000))).is_err());
}

#[tokio::test]
async fn a_query_for_too_many_rows_is_refused() {
    let errors = errors_of("{projects(first:1000){edges{node{traces(first:1000){edges{node{id}}}}}}}").await;
    assert_eq!(errors, ["Query is too complex."]);
    let list = "query($n:Int!){node(id:\"\"){...on Project{spans(first:$n){edges{cursor node{id name spanKind}}}}}}";
    assert_eq!(check(list), Ok(()));
}

#[test]
fn too_many_aliases_are_refused() {
    let aliased = |n: usize| (0..n).map(|i| format!("a{i}:projectCount")).collect::<Vec<_>>().join(" ");
    assert_eq!(check(&format!("{{{}}}", aliased(50))), Ok(()));
    assert!(check(&format!("{{{}}}", aliased(51))).is_err_and(|e| e.starts_with("51 aliases")));
    // Written out, a fragment counts wherever it is spread.
    let spread = format!("{{...f ...f}} fragment f on Query{{{}}}", aliased(26));
    assert!(check(&spread).is_err_and(|e| e.starts_with("52 aliases")));
}

#[test]
fn fragments_that_double_are_refused_without_walking_them() {
    let doubling = |i| format!("fragment f{i} on Query{{...f{0} ...f{0}}}", i + 1);
    let fragments: Vec<String> = (0..60).map(doubling).collect();
    let query = format!("{{...f0}} {} fragment f60 on Query{{projectCount}}", fragments.join(" "));
    assert!(check(&query).is_err_and(|e| e.contains("at most")));
    assert!(check("{...a} fragment a on Query{...b} fragment b on Query{...a}").is_err_and(|e| e.contains("itself")));
}

#[test]
fn brackets_in_strings_and_comments_do_not_count() {
    let brackets = "{".repeat(500);
    assert_eq!(limits::check_text(&format!("{{a(b:\"\\\"{brackets}\")}}")).map_err(|e| e.message), Ok(()));
    assert_eq!(limits::check_text(&format!("{{a(b:\"\"\"x\\\"\"\"{brackets}\"\"\")}}")).map_err(|e| e.message), Ok(()));
    assert_eq!(limits::check_text(&format!("#{brackets}\n{{a}}")).map_err(|e| e.message), Ok(()));
    assert!(limits::check_text(&format!("{{a(b:\"x\\\\\"){brackets}}}")).is_err());
}

proptest::proptest! {
    #[test]
    fn any_text_is_scanned_without_panic(text in "[\"\\\\#{}é\n]{0,40}") {
        let _ = limits::check_text(&text);
    }
}

#[test]
fn a_body_is_one_json_operation() {
    let mut headers = HeaderMap::new();
    assert!(matches!(read_request(&headers, b"{}"), Err(Error::UnsupportedMediaType(_))));
    headers.insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json; charset=utf-8"));
    let request =
        read_request(&headers, br#"{"query":"{viewer{id}}","variables":{"a":1},"operationName":null}"#).unwrap();
    assert_eq!(request.query, "{viewer{id}}");
    assert!(matches!(read_request(&headers, b" [{\"query\":\"{a}\"}]"), Err(Error::Malformed(_))));
    assert!(matches!(read_request(&headers, &vec![b' '; MAX_REQUEST_BYTES + 1]), Err(Error::TooLarge(_))));
}

#[test]
fn a_page_begins_after_its_cursor() {
    use connection::Window;
    let cursor = |n: &i64| Cursor { key: *n, id: *n };
    let pages = |rows: Vec<i64>, first, after: Option<i64>| {
        let after = after.map(|n| cursor(&n).encode());
        let window = Window::read(first, after.as_deref()).unwrap();
        let page: Page<i64> = window.cut(rows, cursor);
        let connection = window.connection(page, cursor, |n| n);
        (connection.edges.iter().map(|e| e.node).collect::<Vec<_>>(), connection.has_next_page)
    };
    assert_eq!(pages(vec![1, 2, 3], 2, None), (vec![1, 2], true));
    assert_eq!(pages(vec![1, 2, 3], 3, None), (vec![1, 2, 3], false));
    assert_eq!(pages(vec![1, 2, 3, 4], 2, Some(1)), (vec![2, 3], true));
    assert_eq!(pages(vec![1, 2, 3], 2, Some(1)), (vec![2, 3], false));
    // The row of the cursor has gone meanwhile.
    assert_eq!(pages(vec![2, 3, 4], 2, Some(1)), (vec![2, 3], true));
    assert_eq!(pages(vec![2, 3], 2, Some(1)), (vec![2, 3], false));
    assert_eq!(pages(vec![1], 2, Some(1)), (vec![], false));
    assert!(Window::read(0, None).is_err());
    assert!(Window::read(1_001, None).is_err());
    assert!(Window::read(1, Some("x")).is_err());
}

#[test]
fn errors_are_told_by_code_and_never_by_cause() {
    let present = |error: Error| {
        let source: async_graphql::Error = error.into();
        let mut response = Response::from_errors(vec![source.into_server_error(async_graphql::Pos::default())]);
        error::present_all(&mut response, Some(&RequestId("r1".into())));
        serde_json::to_value(&response.errors[0]).unwrap()
    };
    let internal = present(Error::internal("secret: table users"));
    assert_eq!(internal["message"], "an unexpected error occurred");
    assert_eq!(internal["extensions"], serde_json::json!({"code": "INTERNAL", "requestId": "r1"}));
    assert!(!internal.to_string().contains("secret"));
    let invalid = present(Error::invalid("expires_at", "no"));
    assert_eq!(invalid["extensions"], serde_json::json!({"code": "BAD_USER_INPUT", "field": "expiresAt"}));
    let role = |text| present(Error::Forbidden(crate::error::Refusal::Role(text)))["message"].clone();
    assert_eq!(role("Only admin or system users can perform this action."), "Only admin can perform this action");
    assert_eq!(role("Viewers cannot perform this action."), "Viewers cannot perform this action");
}

#[tokio::test]
async fn without_a_session_no_field_resolves() {
    let mut response = schema().execute("{projects{edges{cursor}}}").await;
    error::present_all(&mut response, None);
    assert_eq!(response.errors.len(), 1);
    assert_eq!(response.errors[0].message, "an unexpected error occurred");
}

#[test]
fn a_failed_field_is_null_or_makes_null_what_is_around_it() {
    use async_graphql::{PathSegment, ServerError, Value, value};
    let answer = |query: &str, data: Value, paths: &[&[&str]]| {
        let mut response = Response::new(data);
        for path in paths {
            let mut error = ServerError::new("x", None);
            error.path = path
                .iter()
                .map(|s| s.parse().map_or_else(|_| PathSegment::Field((*s).to_owned()), PathSegment::Index))
                .collect();
            response.errors.push(error);
        }
        let types = FieldTypes::read(&sdl());
        nulls::propagate(&mut response, &types, &parse_query(query).unwrap(), None);
        response.data
    };
    // A field that may be null is.
    assert_eq!(
        answer("{v:viewer{id} projectCount}", value!({"projectCount": 1}), &[&["v"]]),
        value!({"projectCount": 1, "v": null})
    );
    // One that may not takes its object along, up to what may be null.
    let query = "query{t:getTraceByOtelId(traceId:\"0\"){...f} projectCount} \
                 fragment f on Trace{id spans(first:1){edges{node{n:numChildSpans parentId}}} rootSpan{trace{id}}}";
    let data = || value!({"t": {"id": 1, "spans": {"edges": [{"node": {"parentId": null}}]}, "rootSpan": {}}, "projectCount": 1});
    assert_eq!(
        answer(query, data(), &[&["t", "spans", "edges", "0", "node", "n"]]),
        value!({"t": null, "projectCount": 1})
    );
    assert_eq!(
        answer(query, data(), &[&["t", "rootSpan", "trace"]]),
        value!({"t": {"id": 1, "spans": {"edges": [{"node": {"parentId": null}}]}, "rootSpan": null}, "projectCount": 1})
    );
    assert_eq!(
        answer(query, data(), &[&["t", "rootSpan", "trace"], &["t", "spans", "edges", "0", "node", "n"]]),
        value!({"t": null, "projectCount": 1})
    );
    assert_eq!(answer("{projectCount viewer{id}}", value!({"viewer": null}), &[&["projectCount"]]), Value::Null);
    // Below an interface the fragment says which type it is.
    let node = "{node(id:\"\"){id ... on Trace{rootSpan{id}}}}";
    assert_eq!(
        answer(node, value!({"node": {"id": 1}}), &[&["node", "rootSpan"]]),
        value!({"node": {"id": 1, "rootSpan": null}})
    );
}

#[test]
fn sums_go_up_the_tree_and_stop_at_circles() {
    let id = |n: u8| SpanId([n; 8]);
    let span = |n: u8, parent: Option<u8>, prompt: i64| TreeSpan {
        id: SpanRowId(n.into()),
        span_id: id(n),
        parent_span_id: parent.map(id),
        start: UnixNanos(n.into()),
        status_code: if n == 4 { StatusCode::Error } else { StatusCode::Unset },
        tokens: TokenCounts { prompt: Some(prompt), completion: None },
    };
    // 1 > 2 > 4, 1 > 3; 5 and 6 are each other's parent; 7 is its own; 8's parent never came.
    let tree = SpanTree::new(vec![
        span(1, None, 1),
        span(2, Some(1), 10),
        span(3, Some(1), 100),
        span(4, Some(2), 1_000),
        span(5, Some(6), 1),
        span(6, Some(5), 1),
        span(7, Some(7), 5),
        span(8, Some(9), 3),
    ]);
    let prompt = |n| tree.sums(id(n)).prompt_tokens;
    assert_eq!([1, 2, 3, 4, 7, 8].map(prompt), [1_111, 1_010, 100, 1_000, 5, 3]);
    assert_eq!([1, 2, 3, 4].map(|n| tree.sums(id(n)).errors), [1, 1, 0, 1]);
    let below = |n, depth| tree.descendants(id(n), depth).iter().map(|s| s.id.0).collect::<Vec<_>>();
    assert_eq!(below(1, 1), [2, 3]);
    assert_eq!(below(1, 3), [2, 3, 4]);
    assert_eq!(below(5, 9), [6]);
    assert_eq!(below(7, 9), Vec::<i64>::new());
    assert_eq!(below(1, 0), Vec::<i64>::new());
}
