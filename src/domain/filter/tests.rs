//! What is taken and what is refused: asked of the peer, expression by expression.

use proptest::prelude::*;

use super::*;

fn refused(text: &str, subject: Subject) -> FilterError {
    match parse(text, subject) {
        Err(error) => error,
        Ok(_) => panic!("{subject:?} takes {text}"),
    }
}

#[test]
fn spans_are_filtered_by_what_the_clients_send() {
    for text in [
        "",
        "  ",
        "# nothing",
        "span_kind == 'LLM'",
        "1 < latency_ms < 5",
        "'a' not in name",
        "name in ('a', 'b')",
        "name in []",
        "parent_id is None",
        "None is parent_id",
        "parent_id != None",
        "parent_span_id is None",
        "attributes['llm']['model_name'] == 'x'",
        "attributes['a'][0] == 1.5",
        "attributes['a'] is True",
        "attributes.a == 'x'",
        "metadata['x']['y'] == 1",
        "metadata.x == 1",
        "'x' in input.value",
        "llm.token_count.total > 5",
        "cumulative_token_count.total > 3",
        "foo.bar.baz > 3",
        "context.span_id == 'a'",
        "status_code in ['OK']",
        "start_time > '2024-01-01T00:00:00+00:00'",
        "start_time in ['2024-01-01T00:00:00Z']",
        "start_time == end_time",
        "annotations['q'].score < 0.5",
        "annotations['q']",
        "not evals['q']",
        "evals[\"x\"].label in ['a', 'b']",
        "evals['x'].label == evals['y'].label",
        "trace_annotations['q'].label == 'x'",
        "str(attributes['a']) == 'x'",
        "float('1') == 1",
        "int(latency_ms) % 2 == 1",
        "-latency_ms < 1",
        "name + 'x' == 'yx'",
        "attributes['a'] + 1 > 5",
        "(name == 'a'\nand span_kind == 'b')",
        "name == 'a' 'b'",
        "latency_ms > 0x10",
        "latency_ms > 5and name == 'a'",
        "True and name == 'a'",
        "1 == 1",
        "(name == 'a') == (name == 'b')",
        "any(c.cost > 1 for c in cost_details)",
        "len([c for c in cost_details]) == 0",
        "total_cost == 0",
        "attributes['a'] in [1, 2]",
        "latency_ms / 0 is None",
    ] {
        if let Err(error) = parse(text, Subject::Span) {
            panic!("{}", error.report(text));
        }
    }
}

#[test]
fn what_has_no_meaning_is_refused_where_it_stands() {
    let spans = [
        ("span_kind", 0..9),
        ("latency_ms > '5'", 0..16),
        ("name.startswith('a')", 0..20),
        ("name == 1", 0..9),
        ("latency_ms // 2 > 1", 11..13),
        ("name in 'abc'", 8..13),
        ("name in ['a', 1]", 14..15),
        ("name in ['a', None]", 14..18),
        ("parent_id is 'a'", 13..16),
        ("attributes[0] == 'x'", 11..12),
        ("start_time > '2024-01-01'", 13..25),
        ("start_time > 'bla'", 13..18),
        ("annotations['q'].foo == 1", 0..20),
        ("len(name) > 3", 4..8),
        ("abs(latency_ms) > 3", 0..3),
        ("name == ['a']", 8..13),
        ("not name", 4..8),
        ("latency_ms + None > 1", 13..17),
        ("attributes['a'].b == 1", 0..17),
        ("name is True", 0..12),
        ("float(name) == 1", 6..10),
        ("name = 'a'", 5..6),
        ("1 in [1, 2]", 0..11),
        ("latency_ms > None", 0..17),
        ("start_time > attributes['x']", 0..28),
        ("(name == 'a'", 0..1),
        ("attributes == 1", 0..10),
        ("any(s.name == 'x' for s in spans)", 27..32),
        ("name == 'a' name", 12..16),
        ("x['a'] == 1", 0..6),
    ];
    for (text, at) in spans {
        let error = refused(text, Subject::Span);
        assert_eq!(error.at, at, "{}", error.report(text));
    }
    for text in [
        "name == 'x'",
        "input.value == 'x'",
        "foo == 1",
        "any(latency_ms > 1 for s in spans)",
        "any(s for s in spans)",
        "len(s for s in spans) > 1",
        "len(spans) > 1",
        "any(s.foo == 1 for s in spans)",
        "sum(s.name for s in spans) > 1",
        "any(any(s.name == 'x' for s in spans) for s in spans)",
        "annotations['q'].score > 1",
        "any(trace_annotations['q'] for s in spans)",
        "any(s.name == 'x' for s in spans for t in spans)",
    ] {
        refused(text, Subject::Trace);
    }
    for text in ["any_input == 'a'", "any_input is None", "session_id in any_input", "latency_ms > 1"] {
        refused(text, Subject::Session);
    }
}

#[test]
fn traces_and_sessions_are_filtered_by_what_they_hold() {
    for text in [
        "'a' in input",
        "attributes['a.b'] == 'x'",
        "user.id == 'x'",
        "any(s.name == 'x' for s in spans if s.latency_ms > 3)",
        "len([s for s in spans if s.status_code == 'error']) / num_spans > 0.5",
        "trace_annotations['q'].label == 'x'",
        "max(s.start_time for s in spans) > '2024-01-01T00:00:00Z'",
        "any(s.parent_span is None for s in spans)",
        "any(any(c.name == s.name for c in s.children) for s in spans)",
        "sum(1 for s in spans) > 3",
        "any([s.name == 'x' for s in spans])",
        "any(a.score > 0.5 for a in span_annotations) == True",
    ] {
        parse(text, Subject::Trace).unwrap_or_else(|e| panic!("{}", e.report(text)));
    }
    for text in [
        "'a' in any_input",
        "'a' not in any_output",
        "num_traces > 3",
        "session_annotations['q']",
        "any(any(s.name == 'x' for s in t.spans) for t in traces)",
        "duration_ms > 5 and first_input is not None",
    ] {
        parse(text, Subject::Session).unwrap_or_else(|e| panic!("{}", e.report(text)));
    }
}

#[test]
fn filters_for_root_spans_are_told_apart() {
    let roots_only = |text| parse(text, Subject::Span).unwrap().unwrap().selects_roots_only();
    assert!(roots_only("parent_id is None"));
    assert!(roots_only("name == 'a' and parent_span_id == None"));
    assert!(!roots_only("parent_id is None or name == 'a'"));
    assert!(!roots_only("parent_id is not None"));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,60}|[a-z'\"\\[\\]().=<> 0-9\\\\eE_+-]{0,60}") {
        for subject in [Subject::Span, Subject::Trace, Subject::Session] {
            if let Err(error) = parse(&text, subject) {
                prop_assert!(error.at.start <= error.at.end && error.at.end <= text.len());
                prop_assert!(text.get(error.at.clone()).is_some(), "{:?} cuts a character", error.at);
                let _ = error.report(&text);
            }
        }
    }
}
