//! The yardstick for ingest: rows of our `spans` table, made beforehand, inserted in large batches by one connection,
//! with the same table, indexes and durability, and nothing else.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use opentelemetry_proto::tonic::trace::v1::{Span, span::Event};
use phoenix_server::domain::{
    attributes,
    span::{Remainder, keys},
    time::Clock,
};
use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};
use serde_json::{Map, Value};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use crate::{
    ingest::Cell,
    payload::Generator,
    report::{Book, Group, Side, Target, Unit},
    settings::{Engine, Settings},
    stats::{Sample, real},
    subject::Place,
};

const COLUMNS: &str = "id, project_id, start_time_unix_nano, end_time_unix_nano, trace_id, span_id, parent_span_id, name, \
     otel_kind, span_kind, status_code, status_message, session_id, model_name, prompt_tokens, completion_tokens, \
     origin_id, remainder, attributes";
const WIDTH: usize = 19;
/// Rows of one `VALUES` list on `SQLite`: longer ones gained nothing.
const RUN: usize = 64;

/// One row of `spans`.
#[derive(Clone, Debug)]
struct Row {
    id: i64,
    start: i64,
    trace_id: [u8; 16],
    span_id: [u8; 8],
    parent_span_id: Option<[u8; 8]>,
    name: String,
    span_kind: String,
    status_code: i16,
    session_id: Option<String>,
    model_name: Option<String>,
    prompt_tokens: Option<i64>,
    completion_tokens: Option<i64>,
    remainder: Option<Vec<u8>>,
    attributes: String,
}

impl Row {
    fn of(span: Span, start: i64) -> Result<Self> {
        let root = span.parent_span_id.is_empty();
        let time = u64::try_from(start)?;
        let events = span.events.into_iter().map(|e| Event { time_unix_nano: time, ..e }).collect();
        let remainder = Remainder(Span { events, ..Span::default() });
        let json = attributes::encode(span.attributes).json;
        let read: Map<String, Value> = serde_json::from_str(&json)?;
        let text = |key: &str| read.get(key).and_then(Value::as_str).map(str::to_owned);
        let number = |key: &str| read.get(key).and_then(Value::as_i64);
        Ok(Self {
            id: 0,
            start,
            trace_id: [0; 16],
            span_id: [0; 8],
            parent_span_id: (!root).then_some([0; 8]),
            name: span.name,
            span_kind: text(keys::SPAN_KIND).context("a span without kind")?,
            status_code: i16::try_from(span.status.map_or(0, |s| s.code))?,
            session_id: text(keys::SESSION_ID),
            model_name: text(keys::MODEL_NAME),
            prompt_tokens: number(keys::PROMPT_TOKENS),
            completion_tokens: number(keys::COMPLETION_TOKENS),
            remainder: remainder.encode(),
            attributes: json,
        })
    }
}

/// Gives rows fresh ids: five rows are a trace.
fn renew(rows: &mut [Row], next_id: &mut i64, random: &mut SmallRng) {
    for trace in rows.chunks_mut(5) {
        let (trace_id, root) = (random.random(), random.random());
        for row in trace {
            row.id = *next_id;
            row.start += 1_000_000_000;
            row.trace_id = trace_id;
            row.span_id = if row.parent_span_id.is_some() { random.random() } else { root };
            row.parent_span_id = row.parent_span_id.map(|_| root);
            *next_id += 1;
        }
    }
}

/// A connection to an empty database with our tables.
enum Store {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Store {
    async fn open(place: &Place) -> Result<Self> {
        if let Some((cluster, name)) = &place.postgres {
            let mut conn = cluster.connect(name).await?;
            sqlx::raw_sql(include_str!("../../migrations/postgres/0001_init.sql")).execute(&mut conn).await?;
            return Ok(Self::Postgres(conn));
        }
        let options = SqliteConnectOptions::new()
            .filename(place.home.join("phoenix.db"))
            .create_if_missing(true)
            .page_size(8_192)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("cache_size", "-16384")
            .pragma("wal_autocheckpoint", "4000");
        let mut conn = options.disable_statement_logging().connect().await?;
        sqlx::raw_sql(include_str!("../../migrations/sqlite/0001_init.sql")).execute(&mut conn).await?;
        Ok(Self::Sqlite(conn))
    }

    async fn insert(&mut self, rows: &[Row]) -> Result<()> {
        match self {
            Self::Sqlite(conn) => insert_sqlite(conn, rows).await,
            Self::Postgres(conn) => insert_postgres(conn, rows).await,
        }
    }
}

async fn insert_sqlite(conn: &mut SqliteConnection, rows: &[Row]) -> Result<()> {
    let row = format!("({})", vec!["?"; WIDTH].join(", "));
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
    for run in rows.chunks(RUN) {
        let values = vec![row.as_str(); run.len()].join(", ");
        let mut query = sqlx::query(AssertSqlSafe(format!("INSERT INTO spans ({COLUMNS}) VALUES {values}")));
        for row in run {
            query = query
                .bind(row.id)
                .bind(1_i64)
                .bind(row.start)
                .bind(row.start + 900_000)
                .bind(row.trace_id.as_slice())
                .bind(row.span_id.as_slice())
                .bind(row.parent_span_id.as_ref().map(<[u8; 8]>::as_slice))
                .bind(row.name.as_str())
                .bind(1_i16)
                .bind(row.span_kind.as_str())
                .bind(row.status_code)
                .bind("")
                .bind(row.session_id.as_deref())
                .bind(row.model_name.as_deref())
                .bind(row.prompt_tokens)
                .bind(row.completion_tokens)
                .bind(1_i64)
                .bind(row.remainder.as_deref())
                .bind(row.attributes.as_str());
        }
        query.execute(&mut *tx).await?;
    }
    Ok(tx.commit().await?)
}

async fn insert_postgres(conn: &mut PgConnection, rows: &[Row]) -> Result<()> {
    let mut tx = conn.begin().await?;
    sqlx::query(AssertSqlSafe(format!(
        "INSERT INTO spans ({COLUMNS})
         SELECT a, 1, b, b + 900000, c, d, e, f, 1, g, h, '', i, j, k, l, 1, m, n::jsonb
         FROM UNNEST($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[], $5::bytea[], $6::text[], $7::text[],
                     $8::smallint[], $9::text[], $10::text[], $11::bigint[], $12::bigint[], $13::bytea[], $14::text[])
             AS t (a, b, c, d, e, f, g, h, i, j, k, l, m, n)"
    )))
    .bind(rows.iter().map(|r| r.id).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.start).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.trace_id.as_slice()).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.span_id.as_slice()).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.parent_span_id.as_ref().map(<[u8; 8]>::as_slice)).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.name.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.span_kind.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.status_code).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.session_id.as_deref()).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.model_name.as_deref()).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.prompt_tokens).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.completion_tokens).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.remainder.as_deref()).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.attributes.as_str()).collect::<Vec<_>>())
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}

/// Inserts for a while with each batch size and sets our ingest against the better of them.
pub(crate) async fn run(
    place: &Place,
    engine: Engine,
    ingest: Vec<(Cell, Sample)>,
    settings: &Settings,
    book: &mut Book,
) -> Result<()> {
    let mut generator = Generator::new(11);
    let mut random = SmallRng::seed_from_u64(11);
    let now = Clock::system().now().0;
    let spans = (0_i64..).zip(generator.spans(4_000));
    let mut rows = spans.map(|(n, span)| Row::of(span, now + n * 1_000_000)).collect::<Result<Vec<_>>>()?;
    let mut next_id = 1;
    let mut store = Store::open(place).await?;
    let mut best: Option<Sample> = None;
    for size in [512, 1_000] {
        let mut rates = Vec::new();
        for _ in 0..3 {
            let (mut inserted, mut spent) = (0_u64, Duration::ZERO);
            while spent < settings.ingest_time() {
                renew(&mut rows, &mut next_id, &mut random);
                for batch in rows.chunks_exact(size) {
                    let began = Instant::now();
                    store.insert(batch).await?;
                    spent += began.elapsed();
                    inserted += batch.len() as u64;
                }
            }
            rates.push(real(inserted) / spent.as_secs_f64());
        }
        let sample = Sample::of(rates).note(format!("bare: batches of {size}"));
        if best.as_ref().and_then(Sample::median) < sample.median() {
            best = Some(sample);
        }
    }
    let bare = best.context("nothing was measured")?;
    for (cell, ours) in ingest {
        let what = format!("ingest, {cell}, against bare inserts");
        let target = Target::ShareOfBare(60.0);
        book.set(Group::Hardware, engine, &what, Unit::SpansPerSecond, target, Side::Ours, ours);
        book.set(Group::Hardware, engine, &what, Unit::SpansPerSecond, target, Side::Other, bare.clone());
    }
    Ok(())
}
