//! Both engines and the evaluator in memory answer thousands of generated filters alike.

mod writer;

use std::sync::Arc;

use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use serde_json::{Map, Value, json};
use sqlx::QueryBuilder;

use self::writer::Writer;
use super::push;
use crate::{
    db::{Conn, Db, Tx, on, testing::db_test},
    domain::{
        cost::Cost,
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
            packed_attributes: None,
            usage: None,
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

/// What the span at a place costs: nothing, or quarters, whose sums are exact.
fn cost_of(at: usize) -> Cost {
    let quarters = |n: usize| (n > 0).then(|| 0.25 * f64::from(u8::try_from(n).unwrap()));
    Cost { model_id: None, prompt: quarters(at % 3), completion: quarters(at % 4) }
}

/// Fills a database and returns what is in it.
async fn world(db: &Db) -> World {
    let mut rng = StdRng::seed_from_u64(7);
    let new = spans(&mut rng);
    // Both forms of attributes lie beside each other, as small and large ones do.
    let stored: Vec<NewSpan> = new
        .iter()
        .enumerate()
        .map(|(at, span)| {
            let mut span = span.clone();
            if at % 2 == 0 && matches!(db, Db::Sqlite { .. }) {
                span.pack();
            }
            span
        })
        .collect();
    let mut tx = db.begin().await.unwrap();
    let rows = stored.iter().enumerate();
    let rows: Vec<Row<'_>> = rows
        .map(|(at, span)| Row { id: i64::try_from(at).unwrap() + 1, project_id: PROJECT, span, cost: cost_of(at) })
        .collect();
    let mut world = World::default();
    for (Row { id, .. }, span) in rows.iter().zip(&new) {
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
            cost: {
                let cost = cost_of(usize::try_from(*id).unwrap() - 1);
                (cost.prompt.unwrap_or(0.0), cost.completion.unwrap_or(0.0))
            },
            attributes: serde_json::from_str(&span.attributes).unwrap(),
        });
    }
    assert_eq!(span_batch::insert(tx.conn(), rows, 0).await.unwrap(), new.len());
    world.traces = groups(
        &mut tx,
        "SELECT id, encode_hex, project_session_id, start_time_unix_nano, end_time_unix_nano, span_count, error_count,
             prompt_tokens, completion_tokens, prompt_cost, completion_cost FROM traces ORDER BY id",
    )
    .await;
    world.sessions = groups(
        &mut tx,
        "SELECT id, session_id, NULL, start_time_unix_nano, end_time_unix_nano, span_count, error_count,
             prompt_tokens, completion_tokens, prompt_cost, completion_cost FROM project_sessions ORDER BY id",
    )
    .await;
    annotate(&mut tx, &mut world, &mut rng).await;
    tx.commit().await.unwrap();
    world
}

async fn groups(tx: &mut Tx, text: &str) -> Vec<GroupRow> {
    type Columns = (i64, String, Option<i64>, i64, i64, i64, i64, i64, i64, f64, f64);
    let hex = match tx {
        Tx::Sqlite(_) => "lower(hex(trace_id))",
        Tx::Postgres(_) => "encode(trace_id, 'hex')",
    };
    let rows: Vec<Columns> = on!(tx.conn(), |c| {
        QueryBuilder::new(text.replace("encode_hex", hex).replace("NULL", "CAST(NULL AS BIGINT)"))
            .build_query_as()
            .fetch_all(c)
            .await
    })
    .unwrap();
    let row = |(id, name, session, start, end, spans, errors, prompt, completion, of_prompt, of_completion)| GroupRow {
        id,
        name,
        session,
        start,
        end,
        spans,
        errors,
        prompt,
        completion,
        cost: (of_prompt, of_completion),
    };
    rows.into_iter().map(row).collect()
}

async fn annotate(tx: &mut Tx, world: &mut World, rng: &mut StdRng) {
    for n in 0..90_i64 {
        let target = *[1_i16, 1, 1, 2, 3].choose(rng).unwrap();
        let of = match target {
            1 => world.spans.len(),
            2 => world.traces.len(),
            _ => world.sessions.len(),
        };
        let annotation = AnnotationRow {
            target,
            target_id: i64::try_from(rng.random_range(1..=of)).unwrap(),
            name: (*["q", "r"].choose(rng).unwrap()).to_owned(),
            identifier: format!("i{n}"),
            label: rng.random_bool(0.7).then(|| (*["good", "Bad", ""].choose(rng).unwrap()).to_owned()),
            score: rng.random_bool(0.7).then(|| *[0.0, 0.5, 1.0, 2.0].choose(rng).unwrap()),
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

db_test! {
    async fn generated_filters_mean_the_same_to_the_engine_and_to_the_evaluator(db: Db) {
        let world = world(&db).await;
        let (mut asked, mut selective, mut refused) = (0, 0, 0);
        for (subject, seed) in [(Subject::Span, 1), (Subject::Trace, 2), (Subject::Session, 3)] {
            let mut writer = Writer::new(subject, seed);
            for _ in 0..1_500 {
                let text = writer.filter();
                let Ok(Some(filter)) = filter::parse(&text, subject) else {
                    refused += 1;
                    continue;
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
            Conn::Sqlite(c) => sqlx::query("UPDATE spans SET attributes = $1, packed_attributes = NULL WHERE id < 9").bind(far).execute(c).await.map(|_| ()),
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
