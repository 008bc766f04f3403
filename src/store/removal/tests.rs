//! Whatever is inserted, removed and moved: the roll-ups are what a recount gives.

use std::{collections::BTreeSet, sync::Arc};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use super::*;
use crate::{
    db::{Db, testing::db_test},
    domain::{
        cost::Cost,
        id::SpanId,
        page::{Order, PageRequest},
        project::Projects,
        span::{NewSpan, Origin, StatusCode, TokenCounts},
        trace::{TraceFilter, TraceSort},
    },
    store::{
        projects, relocation, roll_down,
        span_batch::{self, Row},
        traces,
    },
};

const TRACES: u8 = 8;
const SPANS: u8 = 6;

/// A span that is the same whenever it is made, so that the same one arrives again and in both projects.
fn span(trace: u8, number: u8) -> NewSpan {
    let at = i64::from(trace) * 1_000 + i64::from(number.wrapping_mul(37) % 50) * 10;
    let origin = Origin { resource_schema_url: format!("https://example.com/{number}"), ..Origin::default() };
    NewSpan {
        trace_id: TraceId([trace + 1; 16]),
        span_id: SpanId([number + 1; 8]),
        parent_span_id: (number > 1).then_some(SpanId([1; 8])),
        name: "n".to_owned(),
        otel_kind: 0,
        span_kind: if number.is_multiple_of(2) { "LLM" } else { "CHAIN" }.to_owned(),
        start: UnixNanos(at),
        end: UnixNanos(at + 100 + i64::from(number) * 7),
        status_code: if number == 3 { StatusCode::Error } else { StatusCode::Ok },
        status_message: String::new(),
        attributes: "{}".to_owned(),
        packed_attributes: None,
        usage: None,
        flat_attributes: true,
        remainder: None,
        // Three traces to a session, and some without.
        session_id: (trace % 4 != 3).then(|| format!("s{}", trace / 3)),
        model_name: None,
        tokens: TokenCounts { prompt: Some(5), completion: Some(2) },
        origin: Arc::new(origin.encode()),
    }
}

/// What has been counted of a trace, a session or a project.
type Counts = (i64, i64, i64, i64, i64, i64, i64);

struct Bench {
    db: Db,
    projects: Vec<ProjectId>,
    next_id: i64,
}

impl Bench {
    async fn new(db: Db) -> Self {
        let mut tx = db.begin().await.unwrap();
        let mut made = Vec::new();
        for name in ["one", "other"] {
            made.push(projects::add(tx.conn(), name, None, UnixNanos(0)).await.unwrap().id);
        }
        tx.commit().await.unwrap();
        Self { db, projects: made, next_id: 1 }
    }

    async fn insert(&mut self, project: ProjectId, spans: &[NewSpan], shard: i16) {
        let mut tx = self.db.begin().await.unwrap();
        let origins = spans.iter().map(|s| ((project, s.origin.id), &*s.origin)).collect();
        span_batch::insert_origins(tx.conn(), &origins).await.unwrap();
        let first = self.next_id;
        self.next_id += i64::try_from(spans.len()).unwrap();
        // Quarters: sums of them are exact.
        let cost = Cost { model_id: None, prompt: Some(0.25), completion: Some(0.5) };
        let rows = (first..).zip(spans).map(|(id, span)| Row { id, project_id: project, span, cost }).collect();
        span_batch::insert(tx.conn(), rows, shard).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn annotate(&mut self, target: i16, project: ProjectId, id: i64) {
        let mut tx = self.db.begin().await.unwrap();
        on!(tx.conn(), |c| sqlx::query(
            "INSERT INTO annotations
                 (target, project_id, target_id, document_position, name, identifier, annotator_kind, source, metadata,
                  created_at, updated_at)
             VALUES ($1, $2, $3, 0, 'n', '', 'HUMAN', 'APP', '{}', 0, 0)
             ON CONFLICT DO NOTHING"
        )
        .bind(target)
        .bind(project)
        .bind(id)
        .execute(c)
        .await
        .map(|_| ()))
        .unwrap();
        tx.commit().await.unwrap();
    }

    async fn ids(&self, table: &str, project: ProjectId) -> Vec<i64> {
        let text = format!("SELECT id FROM {table} WHERE project_id = $1 ORDER BY id");
        let mut reader = self.db.read().await.unwrap();
        on!(reader.conn(), |c| sqlx::query_scalar(sqlx::AssertSqlSafe(text)).bind(project).fetch_all(c).await).unwrap()
    }

    async fn remove(&self, project: ProjectId, doomed: Doomed<'_>, limit: i64) {
        loop {
            let mut tx = self.db.begin().await.unwrap();
            let removed = remove(tx.conn(), project, doomed, limit).await.unwrap();
            tx.commit().await.unwrap();
            if removed.spans < u64::try_from(limit).unwrap() {
                break;
            }
        }
        self.settle(project).await;
    }

    async fn relocate(&self, from: ProjectId, to: ProjectId, trace: TraceId, limit: i64) {
        loop {
            let mut tx = self.db.begin().await.unwrap();
            let more = relocation::relocate(tx.conn(), from, to, trace, limit).await.unwrap();
            tx.commit().await.unwrap();
            if !more {
                break;
            }
        }
        self.settle(from).await;
        self.settle(to).await;
    }

    async fn settle(&self, project: ProjectId) {
        let mut tx = self.db.begin().await.unwrap();
        roll_down::settle(tx.conn(), project).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Returns rows as text and counts.
    async fn counts(&self, text: &str) -> Vec<(String, Counts)> {
        type Flat = (String, i64, i64, i64, i64, i64, i64, i64);
        let mut reader = self.db.read().await.unwrap();
        let rows: Vec<Flat> =
            on!(reader.conn(), |c| sqlx::query_as(sqlx::AssertSqlSafe(text.to_owned())).fetch_all(c).await).unwrap();
        rows.into_iter().map(|r| (r.0, (r.1, r.2, r.3, r.4, r.5, r.6, r.7))).collect()
    }

    async fn number(&self, text: &str) -> i64 {
        let mut reader = self.db.read().await.unwrap();
        on!(reader.conn(), |c| sqlx::query_scalar(sqlx::AssertSqlSafe(text.to_owned())).fetch_one(c).await).unwrap()
    }

    async fn check(&self, after: &str) {
        const SUMS: &str = "CAST(COUNT(*) AS BIGINT),
             CAST(SUM(CASE WHEN status_code = 2 THEN 1 ELSE 0 END) AS BIGINT),
             CAST(SUM(CASE WHEN span_kind = 'LLM' THEN prompt_tokens ELSE 0 END) AS BIGINT),
             CAST(SUM(CASE WHEN span_kind = 'LLM' THEN completion_tokens ELSE 0 END) AS BIGINT),
             CAST(SUM(4 * prompt_cost + 64 * completion_cost) AS BIGINT),
             MIN(start_time_unix_nano), MAX(end_time_unix_nano) FROM spans";
        const KEPT: &str =
            "span_count, error_count, prompt_tokens, completion_tokens, CAST(4 * prompt_cost + 64 * completion_cost AS BIGINT),
             start_time_unix_nano, end_time_unix_nano";
        let hex = match self.db {
            Db::Sqlite { .. } => "LOWER(HEX(trace_id))",
            Db::Postgres(_) => "ENCODE(trace_id, 'hex')",
        };
        let key = format!("project_id || ' ' || {hex}");
        let counted = self.counts(&format!("SELECT {key}, {SUMS} GROUP BY project_id, trace_id ORDER BY 1")).await;
        assert_eq!(self.counts(&format!("SELECT {key}, {KEPT} FROM traces ORDER BY 1")).await, counted, "{after}");
        let key = "project_id || ' ' || session_id";
        let counted = self
            .counts(&format!(
                "SELECT {key}, {SUMS} WHERE session_id IS NOT NULL GROUP BY project_id, session_id ORDER BY 1"
            ))
            .await;
        let kept = self.counts(&format!("SELECT {key}, {KEPT} FROM project_sessions ORDER BY 1")).await;
        assert_eq!(kept, counted, "{after}");
        let key = "CAST(project_id AS TEXT)";
        let counted = self.counts(&format!("SELECT {key}, {SUMS} GROUP BY project_id ORDER BY 1")).await;
        let sum = |c| format!("CAST(SUM({c}) AS BIGINT)");
        let sums = [
            "span_count",
            "error_count",
            "prompt_tokens",
            "completion_tokens",
            "4 * prompt_cost + 64 * completion_cost",
        ]
        .map(sum)
        .join(", ");
        let kept = self
            .counts(&format!(
                "SELECT {key}, {sums}, MIN(start_time_unix_nano), MAX(end_time_unix_nano)
                 FROM project_stats GROUP BY project_id ORDER BY 1"
            ))
            .await;
        assert_eq!(kept, counted, "{after}");
        for (what, text) in [
            (
                "traces that are not counted",
                "SELECT CAST((SELECT COUNT(*) FROM traces) - COALESCE((SELECT SUM(trace_count) FROM project_stats), 0) AS BIGINT)",
            ),
            (
                "roots that are none",
                "SELECT COUNT(*) FROM traces t WHERE (t.root_span_id IS NULL) <> NOT EXISTS (
                     SELECT 1 FROM spans s
                     WHERE s.project_id = t.project_id AND s.trace_id = t.trace_id AND s.parent_span_id IS NULL
                         AND s.span_id = COALESCE(t.root_span_id, s.span_id))",
            ),
            (
                "traces in a session of another project",
                "SELECT COUNT(*) FROM traces t JOIN project_sessions s ON s.id = t.project_session_id
                 WHERE s.project_id <> t.project_id",
            ),
            (
                "annotations of nothing",
                "SELECT COUNT(*) FROM annotations a
                 WHERE (a.target IN (1, 4) AND NOT EXISTS (SELECT 1 FROM spans x WHERE x.id = a.target_id AND x.project_id = a.project_id))
                     OR (a.target = 2 AND NOT EXISTS (SELECT 1 FROM traces x WHERE x.id = a.target_id AND x.project_id = a.project_id))
                     OR (a.target = 3 AND NOT EXISTS (SELECT 1 FROM project_sessions x WHERE x.id = a.target_id AND x.project_id = a.project_id))",
            ),
            (
                "spans without their origin",
                "SELECT COUNT(*) FROM spans s
                 WHERE NOT EXISTS (SELECT 1 FROM span_origins o WHERE o.project_id = s.project_id AND o.id = s.origin_id)",
            ),
        ] {
            assert_eq!(self.number(text).await, 0, "{what}, after {after}");
        }
    }
}

db_test! {
    async fn roll_ups_are_what_a_recount_gives(db: Db) {
        let mut random = StdRng::seed_from_u64(7);
        let mut bench = Bench::new(db).await;
        for step in 0..120 {
            let at = random.random_range(0..2);
            let (project, other) = (bench.projects[at], bench.projects[1 - at]);
            let limit = random.random_range(1..8);
            let done = match random.random_range(0..6) {
                0..=2 => {
                    let spans: Vec<NewSpan> = (0..random.random_range(1..12))
                        .map(|_| span(random.random_range(0..TRACES), random.random_range(0..SPANS)))
                        .collect();
                    let mut keys = BTreeSet::new();
                    let spans: Vec<NewSpan> =
                        spans.into_iter().filter(|s| keys.insert((s.trace_id, s.span_id))).collect();
                    bench.insert(project, &spans, random.random_range(0..3)).await;
                    for (target, table) in [(1, "spans"), (2, "traces"), (3, "project_sessions"), (4, "spans")] {
                        if let Some(id) = bench.ids(table, project).await.last() {
                            bench.annotate(target, project, *id).await;
                        }
                    }
                    "an insert"
                }
                3 => {
                    let ids = bench.ids("spans", project).await;
                    if !ids.is_empty() {
                        let id = ids[random.random_range(0..ids.len())];
                        bench.remove(project, Doomed::Span(SpanRowId(id)), 2).await;
                    }
                    "the removal of a span"
                }
                4 => {
                    let traces: Vec<TraceId> =
                        (0..random.random_range(1..3)).map(|_| TraceId([random.random_range(0..TRACES) + 1; 16])).collect();
                    bench.remove(project, Doomed::Traces(&traces), limit).await;
                    "the removal of traces"
                }
                _ => {
                    let trace = TraceId([random.random_range(0..TRACES) + 1; 16]);
                    bench.relocate(project, other, trace, limit).await;
                    "a move"
                }
            };
            bench.check(&format!("{done} at step {step}")).await;
        }
    }
}

db_test! {
    async fn a_moved_trace_keeps_its_id_even_in_slices(db: Db) {
        let mut bench = Bench::new(db).await;
        let (from, to) = (bench.projects[1], bench.projects[0]);
        bench.insert(from, &(0..SPANS).map(|n| span(1, n)).collect::<Vec<_>>(), 0).await;
        let (trace, spans) = (bench.ids("traces", from).await, bench.ids("spans", from).await);
        bench.annotate(2, from, trace[0]).await;
        bench.relocate(from, to, TraceId([2; 16]), 2).await;
        bench.check("a move").await;
        assert_eq!((bench.ids("traces", to).await, bench.ids("spans", to).await), (trace, spans));
        assert_eq!(bench.number("SELECT COUNT(*) FROM annotations").await, 1);
        let mut reader = bench.db.read().await.unwrap();
        let page = PageRequest { from: None, limit: 10, order: Order::Asc };
        let filter = TraceFilter::default();
        let list = traces::list(reader.conn(), &Projects::All, from, &filter, TraceSort::StartTime, page).await.unwrap();
        assert!(list.items.is_empty());
    }
}

db_test! {
    async fn writers_beside_a_removal_are_counted(db: Db) {
        let mut bench = Bench::new(db).await;
        let project = bench.projects[0];
        let all: Vec<NewSpan> = (0..TRACES).flat_map(|t| (0..SPANS).map(move |n| span(t, n))).collect();
        let ids: Vec<TraceId> = (0..TRACES).map(|t| TraceId([t + 1; 16])).collect();
        let other = Bench { db: bench.db.clone(), projects: bench.projects.clone(), next_id: 0 };
        for _ in 0..10 {
            let ((), ()) = tokio::join!(
                async {
                    for run in all.chunks(7) {
                        bench.insert(project, run, 1).await;
                    }
                },
                other.remove(project, Doomed::Traces(&ids), 5)
            );
            other.settle(project).await;
            bench.check("both at once").await;
        }
    }
}
