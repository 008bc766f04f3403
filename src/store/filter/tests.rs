//! Both engines and the evaluator in memory answer thousands of generated filters alike.

use std::sync::Arc;

use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use serde_json::{Map, Value, json};
use sqlx::QueryBuilder;

use super::push;
use crate::{
    db::{Conn, Db, on, testing::db_test},
    domain::{
        filter::{
            self, Filter, Subject,
            eval::{AnnotationRow, GroupRow, SpanRow, World},
        },
        id::{ProjectId, SpanId, TraceId},
        span::{NewSpan, Origin, StatusCode, TokenCounts},
        time::UnixNanos,
    },
    store::span_batch::{self, Row},
};

const START: i64 = 1_704_067_200_000_000_000;
const PROJECT: ProjectId = ProjectId(1);

/// What is taken for attributes: each kind of value under a few keys, so that filters meet all of them.
fn values() -> Vec<Value> {
    vec![
        json!(1),
        json!(0),
        json!(-3),
        json!(1.0),
        json!(2.5),
        json!(true),
        json!(false),
        json!(null),
        json!("1"),
        json!("1.0"),
        json!("true"),
        json!("False"),
        json!("abc"),
        json!("ABC"),
        json!(""),
        json!("5 apples"),
        json!("1e3"),
        json!(" 7 "),
        json!("07"),
        json!("1e999"),
        json!("-0.5"),
        json!("ÄÖü straße"),
        json!("100% _x"),
        json!(["x", "Y", 3]),
        json!([]),
        json!({"b": 1, "c": {"d": "deep"}}),
        json!([{"k": "v"}, {"k": [1.5]}]),
        json!(9_007_199_254_740_993_i64),
        json!("it's \"quoted\""),
        json!("line\nbreak"),
        json!("\\"),
    ]
}

const KEYS: [&str; 16] = [
    "a",
    "b",
    "a.b",
    "a.b.c",
    "b.0",
    "llm.model_name",
    "input.value",
    "output.value",
    "metadata",
    "metadata.a",
    "user.id",
    "llm.token_count.total",
    "tag.tags",
    "we\"ird",
    "ü.$x[0]",
    "session.id",
];

const METADATA: [&str; 6] = [
    "{\"a\": 1, \"b\": {\"c\": [true, \"x\"]}}",
    " {\"a\": \"1\"}",
    "{\"a\": null, \"n\": 1e99}",
    "{broken",
    "[1]",
    "plain",
];

fn spans(rng: &mut StdRng) -> Vec<NewSpan> {
    let origin = Arc::new(Origin::default().encode());
    let mut spans = Vec::new();
    for n in 0..70_u8 {
        let trace = n % 9 + 1;
        let mut attributes = Map::new();
        for key in KEYS {
            if rng.random_bool(0.35) {
                let mut value = values().choose(rng).unwrap().clone();
                if key == "metadata" && rng.random_bool(0.7) {
                    value = json!(METADATA.choose(rng).unwrap());
                }
                if matches!(key, "llm.model_name" | "session.id") {
                    value = json!(["gpt-4", "claude", "s1"].choose(rng).unwrap());
                }
                attributes.insert(key.to_owned(), value);
            }
        }
        let text = |key: &str| attributes.get(key).and_then(Value::as_str).map(str::to_owned);
        let parent = match rng.random_range(0..4) {
            0 => None,
            // Earlier ones, later ones, itself, and ones that never come.
            _ => Some(SpanId([0, 0, 0, 0, 0, 0, trace, rng.random_range(1..10)])),
        };
        spans.push(NewSpan {
            trace_id: TraceId([trace; 16]),
            span_id: SpanId([0, 0, 0, 0, 0, 0, trace, n / 9 + 1]),
            parent_span_id: parent,
            name: (*["root", "llm", "Tool call", "ret", "ä%_'\"", ""].choose(rng).unwrap()).to_owned(),
            otel_kind: 1,
            span_kind: (*["LLM", "llm", "TOOL", "CHAIN", "WEIRD", ""].choose(rng).unwrap()).to_owned(),
            start: UnixNanos(START + i64::from(rng.random_range(0..5_u8)) * 1_000_000_000 + i64::from(n)),
            end: UnixNanos(START + 5_000_000_000 + i64::from(rng.random_range(0..3_u8)) * 500_000),
            status_code: *[StatusCode::Ok, StatusCode::Error, StatusCode::Unset].choose(rng).unwrap(),
            status_message: (*["", "boom", "Boom!"].choose(rng).unwrap()).to_owned(),
            session_id: text("session.id"),
            model_name: text("llm.model_name"),
            flat_attributes: false,
            attributes: Value::Object(attributes).to_string(),
            remainder: None,
            tokens: TokenCounts {
                prompt: rng.random_bool(0.5).then(|| i64::from(rng.random_range(0..20_u8))),
                completion: rng.random_bool(0.4).then(|| i64::from(rng.random_range(0..9_u8))),
            },
            origin: origin.clone(),
        });
    }
    spans
}

/// Fills a database and returns what is in it.
async fn world(db: &Db) -> World {
    let mut rng = StdRng::seed_from_u64(7);
    let new = spans(&mut rng);
    let mut tx = db.begin().await.unwrap();
    let rows = new.iter().enumerate();
    let rows: Vec<Row<'_>> =
        rows.map(|(at, span)| Row { id: i64::try_from(at).unwrap() + 1, project_id: PROJECT, span }).collect();
    let mut world = World::default();
    for Row { id, span, .. } in &rows {
        world.spans.push(SpanRow {
            id: *id,
            trace_id: span.trace_id.to_hex(),
            span_id: span.span_id.to_hex(),
            parent_id: span.parent_span_id.map(SpanId::to_hex),
            name: span.name.clone(),
            sent_kind: span.span_kind.clone(),
            status_code: span.status_code.number(),
            status_message: span.status_message.clone(),
            start: span.start.0,
            end: span.end.0,
            prompt: span.tokens.prompt,
            completion: span.tokens.completion,
            attributes: serde_json::from_str(&span.attributes).unwrap(),
        });
    }
    assert_eq!(span_batch::insert(tx.conn(), rows, 0).await.unwrap(), new.len());
    let groups = |text: &'static str| text;
    let traces: Vec<(i64, Vec<u8>, Option<i64>, i64, i64, i64, i64, i64, i64)> = on!(tx.conn(), |c| {
        sqlx::query_as(groups(
            "SELECT id, trace_id, project_session_id, start_time_unix_nano, end_time_unix_nano, span_count, error_count,
                 prompt_tokens, completion_tokens FROM traces ORDER BY id",
        ))
        .fetch_all(c)
        .await
    })
    .unwrap();
    let sessions: Vec<(i64, String, i64, i64, i64, i64, i64, i64)> = on!(tx.conn(), |c| {
        sqlx::query_as(groups(
            "SELECT id, session_id, start_time_unix_nano, end_time_unix_nano, span_count, error_count,
                 prompt_tokens, completion_tokens FROM project_sessions ORDER BY id",
        ))
        .fetch_all(c)
        .await
    })
    .unwrap();
    world.traces = traces
        .into_iter()
        .map(|(id, name, session, start, end, spans, errors, prompt, completion)| GroupRow {
            id,
            name: hex::encode(name),
            session,
            start,
            end,
            spans,
            errors,
            prompt,
            completion,
        })
        .collect();
    world.sessions = sessions
        .into_iter()
        .map(|(id, name, start, end, spans, errors, prompt, completion)| GroupRow {
            id,
            name,
            session: None,
            start,
            end,
            spans,
            errors,
            prompt,
            completion,
        })
        .collect();
    for n in 0..90_i64 {
        let target = *[1_i16, 1, 1, 2, 3].choose(&mut rng).unwrap();
        let of = match target {
            1 => world.spans.len(),
            2 => world.traces.len(),
            _ => world.sessions.len(),
        };
        let annotation = AnnotationRow {
            target,
            target_id: i64::try_from(rng.random_range(1..=of)).unwrap(),
            name: (*["q", "r"].choose(&mut rng).unwrap()).to_owned(),
            identifier: format!("i{n}"),
            label: rng.random_bool(0.7).then(|| (*["good", "Bad", ""].choose(&mut rng).unwrap()).to_owned()),
            score: rng.random_bool(0.7).then(|| *[0.0, 0.5, 1.0, 2.0].choose(&mut rng).unwrap()),
            explanation: rng.random_bool(0.3).then(|| "because".to_owned()),
        };
        let AnnotationRow { target, target_id, name, identifier, label, score, explanation } = annotation.clone();
        on!(tx.conn(), |c| {
            let mut query = QueryBuilder::new(
                "INSERT INTO annotations (target, project_id, target_id, document_position, name, identifier,
                     annotator_kind, source, label, score, explanation, metadata, created_at, updated_at) VALUES (",
            );
            let mut values = query.separated(", ");
            values.push_bind(target).push_bind(PROJECT.0).push_bind(target_id).push("0").push_bind(name);
            values.push_bind(identifier).push("'CODE'").push("'API'").push_bind(label).push_bind(score);
            values.push_bind(explanation).push("'{}'").push("0").push("0");
            query.push(")").build().execute(c).await.map(|_| ())
        })
        .unwrap();
        world.annotations.push(annotation);
    }
    tx.commit().await.unwrap();
    world
}

async fn select(db: &Db, filter: &Filter) -> Result<Vec<i64>, (String, sqlx::Error)> {
    let table = match filter.subject {
        Subject::Span => "spans",
        Subject::Trace => "traces",
        Subject::Session => "project_sessions",
    };
    let mut reader = db.read().await.unwrap();
    let ids: Result<Vec<(i64,)>, (String, sqlx::Error)> = on!(reader.conn(), |c| {
        let mut query = QueryBuilder::new(format!("SELECT id FROM {table} WHERE project_id = "));
        query.push_bind(PROJECT.0);
        push(&mut query, filter);
        query.push(" ORDER BY id");
        let query = query.build_query_as().persistent(false);
        query.fetch_all(c).await.map_err(|e| (String::new(), e))
    });
    Ok(ids?.into_iter().map(|(id,)| id).collect())
}

/// Writes filters at random: well-formed, mostly well-typed.
struct Writer {
    rng: StdRng,
    subject: Subject,
    /// Elements of the loops around, and whether they are spans.
    elements: Vec<(String, Element)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Element {
    Span,
    Trace,
    Annotation,
}

impl Writer {
    fn pick(&mut self, from: &[&str]) -> String {
        (*from.choose(&mut self.rng).unwrap()).to_owned()
    }

    fn condition(&mut self, depth: u32) -> String {
        let deep = depth > 0;
        match self.rng.random_range(0..if deep { 16 } else { 9 }) {
            0 | 1 => {
                let (cmp, a, b) = (self.cmp(), self.text(depth), self.text(0));
                format!("{a} {cmp} {b}")
            }
            2 | 3 => {
                let (cmp, a, b) = (self.cmp(), self.number(depth), self.number(depth));
                format!("{a} {cmp} {b}")
            }
            4 => {
                let (cmp, a) = (self.cmp(), self.time());
                let instant =
                    self.pick(&["2024-01-01T00:00:02Z", "2024-01-01T05:30:05+05:30", "2024-01-01T00:00:00.000000003Z"]);
                format!("{a} {cmp} '{instant}'")
            }
            5 => {
                let part = self.pick(&["'o'", "'A'", "'1'", "''", "'%'", "'ö'", "'STRASSE'", "'deep'", "'\"'", "'x'"]);
                let part = if self.rng.random_bool(0.1) { self.text(0) } else { part };
                let (not, text) = (self.pick(&["in", "not in"]), self.data_text());
                format!("{part} {not} {text}")
            }
            6 => {
                let (value, is) = (self.any(), self.pick(&["is None", "is not None", "== None", "is None"]));
                format!("{value} {is}")
            }
            7 => {
                let (value, not) = (self.data_text(), self.pick(&["in", "not in"]));
                let list = self.pick(&[
                    "['a', 'llm', 'good']",
                    "('LLM',)",
                    "['1', 'abc']",
                    "[]",
                    "['00', '0000000000000101']",
                ]);
                format!("{value} {not} {list}")
            }
            8 => {
                let (attribute, rest) =
                    (self.attribute(), self.pick(&["== True", "is False", "!= True", "in [1, 2.5]", "is not True"]));
                format!("{attribute} {rest}")
            }
            9 | 10 => {
                let word = self.pick(&["and", "or"]);
                let count = self.rng.random_range(2..4);
                let parts: Vec<String> = (0..count).map(|_| format!("({})", self.condition(depth - 1))).collect();
                parts.join(&format!(" {word} "))
            }
            11 => format!("not ({})", self.condition(depth - 1)),
            12 => {
                let (a, b, c) = (self.number(0), self.number(0), self.number(0));
                format!("{a} < {b} <= {c}")
            }
            13 => format!("({}) == ({})", self.condition(depth - 1), self.condition(depth - 1)),
            14 if self.elements.is_empty() => {
                let name = match self.subject {
                    Subject::Span => self.pick(&["annotations['q']", "evals['r']", "trace_annotations['q']"]),
                    Subject::Trace => "trace_annotations['q']".to_owned(),
                    Subject::Session => "session_annotations['r']".to_owned(),
                };
                let rest =
                    self.pick(&["", ".label == 'good'", ".score > 0.5", ".label is None", ".score != 1", " is True"]);
                format!("{name}{rest}")
            }
            _ => self.quantified(depth - 1).unwrap_or_else(|| "1 == 1".to_owned()),
        }
    }

    /// Opens a loop; what is written within may speak of its element.
    fn looped(&mut self, within: impl FnOnce(&mut Self) -> String) -> Option<(String, String)> {
        if self.elements.len() == 3 {
            return None;
        }
        let mut found: Vec<(String, Element)> = match self.subject {
            Subject::Span => Vec::new(),
            Subject::Trace => vec![
                ("spans".to_owned(), Element::Span),
                ("span_annotations".to_owned(), Element::Annotation),
                ("trace_annotations".to_owned(), Element::Annotation),
            ],
            Subject::Session => vec![
                ("spans".to_owned(), Element::Span),
                ("traces".to_owned(), Element::Trace),
                ("span_annotations".to_owned(), Element::Annotation),
                ("session_annotations".to_owned(), Element::Annotation),
            ],
        };
        for (name, element) in &self.elements {
            match element {
                Element::Span => found.extend([
                    (format!("{name}.children"), Element::Span),
                    (format!("{name}.siblings"), Element::Span),
                    (format!("{name}.annotations"), Element::Annotation),
                ]),
                Element::Trace => found.push((format!("{name}.spans"), Element::Span)),
                Element::Annotation => {}
            }
        }
        let (iterable, element) = found.choose(&mut self.rng)?.clone();
        let name = format!("v{}", self.elements.len());
        self.elements.push((name.clone(), element));
        let within = within(self);
        let only = if self.rng.random_bool(0.3) { format!(" if {}", self.condition(0)) } else { String::new() };
        self.elements.pop();
        Some((within, format!("for {name} in {iterable}{only}")))
    }

    fn quantified(&mut self, depth: u32) -> Option<String> {
        let which = self.pick(&["any", "all"]);
        let (within, of) = self.looped(|w| w.condition(depth))?;
        Some(format!("{which}({within} {of})"))
    }

    fn cmp(&mut self) -> String {
        self.pick(&["==", "!=", "<", "<=", ">", ">="])
    }

    fn attribute(&mut self) -> String {
        let path = self.pick(&[
            "['a']",
            "['b']",
            "['a.b']",
            "['a']['b']",
            "['a']['b']['c']",
            "['b'][0]",
            "['b.0']",
            "['a'][1]['k']",
            "['a'][1]['k'][0]",
            "['llm']['model_name']",
            "['input.value']",
            "['metadata']['a']",
            "['metadata']['b']['c'][0]",
            "['llm']",
            "['metadata']",
            "['tag.tags']",
            "['we\"ird']",
            "['ü']['$x[0]']",
            "['missing']",
            "['llm.token_count.prompt']",
            "['openinference.span.kind']",
            "['session.id']",
            "['metadata']['n']",
            "['a']['c']",
            "['']",
        ]);
        let spans: Vec<String> =
            self.elements.iter().filter(|(_, e)| *e == Element::Span).map(|(n, _)| n.clone()).collect();
        match spans.choose(&mut self.rng) {
            Some(name) => {
                format!("{name}.{}attributes{path}", if self.rng.random_bool(0.1) { "parent_span." } else { "" })
            }
            // In a loop over something else there are none: a text takes their place.
            None if !self.elements.is_empty() => self.data_text(),
            None => format!("attributes{path}"),
        }
    }

    fn any(&mut self) -> String {
        match self.rng.random_range(0..4) {
            0 => self.attribute(),
            1 => self.number(1),
            2 => self.time(),
            _ => self.data_text(),
        }
    }

    fn member(&mut self, span: &[&str], trace: &[&str], annotation: &[&str], root: &[&str]) -> String {
        let Some((name, element)) = self.elements.choose(&mut self.rng).cloned() else { return self.pick(root) };
        let from = match element {
            Element::Span => span,
            Element::Trace => trace,
            Element::Annotation => annotation,
        };
        let via = if element == Element::Span && self.rng.random_bool(0.2) { "parent_span." } else { "" };
        if from.is_empty() { "1".to_owned() } else { format!("{name}.{via}{}", self.pick(from)) }
    }

    fn data_text(&mut self) -> String {
        if self.elements.is_empty() && self.rng.random_bool(0.4) {
            return self.attribute();
        }
        let root: &[&str] = match self.subject {
            Subject::Span => &[
                "name",
                "span_kind",
                "status_code",
                "status_message",
                "trace_id",
                "span_id",
                "parent_id",
                "input.value",
                "llm.model_name",
                "user.id",
            ],
            Subject::Trace => &["trace_id", "input", "output", "user.id"],
            Subject::Session => &["session_id", "first_input", "last_output", "user.id"],
        };
        self.member(
            &["name", "span_kind", "status_code", "span_id", "parent_id"],
            &["trace_id"],
            &["name", "label", "identifier", "explanation"],
            root,
        )
    }

    fn text(&mut self, depth: u32) -> String {
        match self.rng.random_range(0..if depth > 0 { 8 } else { 6 }) {
            0 | 1 => self.pick(&[
                "'llm'",
                "'LLM'",
                "'ERROR'",
                "'abc'",
                "''",
                "'1'",
                "'1.0'",
                "'true'",
                "'0000000000000101'",
                "'good'",
                "'01010101010101010101010101010101'",
                "'ä%_\\'\"'",
                "'gpt-4'",
                "'zzz'",
            ]),
            2..=5 => self.data_text(),
            6 => format!("str({})", self.attribute()),
            _ => format!("{} + {}", self.data_text(), self.text(0)),
        }
    }

    fn number(&mut self, depth: u32) -> String {
        match self.rng.random_range(0..if depth > 0 { 13 } else { 8 }) {
            0 | 1 => self.pick(&["0", "1", "-1", "2.5", "5000", "10", "1e3", "0x10"]),
            2 | 3 => format!("{}({})", self.pick(&["float", "int"]), self.attribute()),
            4..=7 => self.number_field(),
            8 => format!("-{}", self.number(0)),
            9 | 10 => {
                let sign = self.pick(&["+", "-", "*", "/", "%"]);
                format!("({} {sign} {})", self.number(depth - 1), self.number(depth - 1))
            }
            11 => format!("int({})", self.number_field()),
            _ => {
                let which = self.pick(&["len", "sum", "min", "max"]);
                let count = which == "len";
                let name = format!("v{}", self.elements.len());
                let found = self.looped(|w| if count { name } else { w.number_field() });
                match found {
                    Some((within, of)) => format!("{which}([{within} {of}])"),
                    None => "3".to_owned(),
                }
            }
        }
    }

    fn number_field(&mut self) -> String {
        let root: &[&str] = match self.subject {
            Subject::Span => &[
                "latency_ms",
                "llm.token_count.prompt",
                "llm.token_count.completion",
                "llm.token_count.total",
                "cumulative_token_count.total",
                "cumulative_error_count",
                "total_cost",
            ],
            Subject::Trace => &[
                "latency_ms",
                "error_count",
                "num_spans",
                "llm_span_count",
                "tool_span_count",
                "token_count_total",
                "token_count_prompt",
                "total_cost",
            ],
            Subject::Session => &[
                "duration_ms",
                "num_traces",
                "num_traces_with_error",
                "llm_span_count",
                "token_count_completion",
                "token_count_total",
            ],
        };
        self.member(
            &[
                "latency_ms",
                "llm_token_count_prompt",
                "llm_token_count_total",
                "cumulative_error_count",
                "cumulative_llm_token_count_prompt",
            ],
            &["latency_ms", "num_spans", "error_count"],
            &["score"],
            root,
        )
    }

    fn time(&mut self) -> String {
        let time =
            self.member(&["start_time", "end_time"], &["start_time", "end_time"], &[], &["start_time", "end_time"]);
        if time == "1" { "'2024-01-01T00:00:00Z'".to_owned() } else { time }
    }
}

db_test! {
    async fn generated_filters_mean_the_same_to_the_engine_and_to_the_evaluator(db: Db) {
        let world = world(&db).await;
        let (mut asked, mut selective, mut refused) = (0, 0, 0);
        for (subject, seed) in [(Subject::Span, 1), (Subject::Trace, 2), (Subject::Session, 3)] {
            let mut writer = Writer { rng: StdRng::seed_from_u64(seed), subject, elements: Vec::new() };
            for _ in 0..1_500 {
                let depth = writer.rng.random_range(0..4);
                let text = writer.condition(depth);
                let filter = match filter::parse(&text, subject) {
                    Ok(filter) => filter.unwrap(),
                    Err(_) => {
                        refused += 1;
                        continue;
                    }
                };
                let expected = world.select(&filter);
                let found = select(&db, &filter).await.unwrap_or_else(|(_, e)| panic!("{subject:?} {text}\n{e}"));
                let differ: Vec<i64> = expected.iter().chain(&found).filter(|id| expected.contains(id) != found.contains(id)).copied().collect();
                let rows: Vec<_> = world.spans.iter().filter(|s| subject == Subject::Span && differ.contains(&s.id)).take(2).collect();
                assert!(differ.is_empty(), "{subject:?} {text}\nexpected {expected:?}\nfound {found:?}\n{rows:#?}");
                asked += 1;
                let all = match subject {
                    Subject::Span => world.spans.len(),
                    Subject::Trace => world.traces.len(),
                    Subject::Session => world.sessions.len(),
                };
                selective += i32::from(!expected.is_empty() && expected.len() < all);
            }
        }
        // The filters must be worth asking: most are accepted, and many keep some rows and drop others.
        assert!(asked > 3_000 && selective > 1_000, "{asked} asked, {selective} selective, {refused} refused");
    }
}

db_test! {
    async fn whatever_is_accepted_runs(db: Db) {
        world(&db).await;
        let words = [
            "name", "span_kind", "latency_ms", "attributes", "metadata", "annotations", "['a']", "[0]", ".label", ".score",
            "'x'", "1", "1e300", "0.0", "True", "None", "==", "<", "in", "not in", "is", "is not", "and", "or", "not", "+",
            "-", "*", "/", "%", "(", ")", "[", "]", ",", ".", "any(", "sum(", "len([", "for s in spans", "s.name",
            "s.latency_ms", "start_time", "'2024-01-01T00:00:00Z'", "float(", "int(", "foo", "llm.token_count.total",
            "trace_id", "input", "session_id", "any_input", "for t in traces", "t.latency_ms", "if", "cost_details",
        ];
        // Numbers that no double holds, within JSON that JSON allows.
        let far = json!({"metadata": "{\"a\": 1e999, \"n\": 1e-999, \"b\": \"\\u0000\"}", "a": "1e-99999"}).to_string();
        let mut tx = db.begin().await.unwrap();
        match tx.conn() {
            Conn::Sqlite(c) => sqlx::query("UPDATE spans SET attributes = $1 WHERE id < 9").bind(far).execute(c).await.map(|_| ()),
            Conn::Postgres(c) => {
                sqlx::query("UPDATE spans SET attributes = $1::jsonb WHERE id < 9").bind(far).execute(c).await.map(|_| ())
            }
        }
        .unwrap();
        tx.commit().await.unwrap();
        for text in ["metadata['a'] > 1", "metadata['n'] < 1", "float(metadata['n']) * 2 == 0", "attributes['a'] > 0", "metadata['b'] == ''"] {
            let filter = filter::parse(text, Subject::Span).unwrap().unwrap();
            select(&db, &filter).await.unwrap_or_else(|(_, e)| panic!("{text}\n{e}"));
        }
        let mut rng = StdRng::seed_from_u64(11);
        let mut accepted = 0;
        for round in 0..150_000_u32 {
            let length = rng.random_range(1..9);
            let text: Vec<&str> = (0..length).map(|_| *words.choose(&mut rng).unwrap()).collect();
            let subject = [Subject::Span, Subject::Trace, Subject::Session][round as usize % 3];
            let text = text.join(" ");
            if let Ok(Some(filter)) = filter::parse(&text, subject) {
                select(&db, &filter).await.unwrap_or_else(|(_, e)| panic!("{subject:?} {text}\n{e}"));
                accepted += 1;
            }
        }
        assert!(accepted > 300, "{accepted}");
    }
}

db_test! {
    async fn the_largest_filters_run(db: Db) {
        world(&db).await;
        let deep = |open: &str, close: &str| format!("{}latency_ms{} > 1", open.repeat(58), close.repeat(58));
        let ids: Vec<String> = (0..3_200).map(|n| format!("'{n:016x}'")).collect();
        let attributes: Vec<String> =
            (0..100).map(|n| format!("'ä{n}' in attributes['a.b.c.d.e.f.g.h.{n}']")).collect();
        let huge = [
            deep("(1e200 * ", ")"), deep("(1e-200 * ", ")"), deep("(", " / 1e-300)"), deep("(1e300 + ", ")"),
            deep("(", " % 1e-9)"), deep("-", ""),
            format!("name == 'x'{}", " or name == 'y'".repeat(900)),
            format!("span_id in [{}]", ids.join(", ")),
            attributes.join(" or "),
            format!("{}1 == 1", "not ".repeat(3_000)),
            "1 / 0 > 1 or 0 % 0 > 1 or int(1e300) > 1".to_owned(),
        ];
        for text in huge {
            let filter = filter::parse(&text, Subject::Span).unwrap_or_else(|e| panic!("{}", e.report(&text))).unwrap();
            select(&db, &filter).await.unwrap_or_else(|(_, e)| panic!("{}\n{e}", &text[..80.min(text.len())]));
        }
    }
}
