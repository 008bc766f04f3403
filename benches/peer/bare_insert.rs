//! The yardstick for ingest: rows of our `spans` table, made beforehand, inserted in large batches by one connection,
//! with the same table, indexes and durability, and nothing else.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use phoenix_server::{
    api::otlp::decode::decode,
    domain::{span::NewSpan, time::Clock},
};
use prost::Message as _;
use rand::{SeedableRng as _, rngs::SmallRng};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, QueryBuilder, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use crate::{
    ingest::Cell,
    payload::{Generator, Template},
    report::{Book, Group, Side, Target, Unit},
    settings::{Engine, Settings},
    stats::{Sample, real},
    subject::Place,
};

const COLUMNS: &str = "id, project_id, start_time_unix_nano, end_time_unix_nano, trace_id, span_id, parent_span_id, name, \
     otel_kind, span_kind, status_code, status_message, session_id, model_name, prompt_tokens, completion_tokens, \
     origin_id, remainder, flat_attributes, attributes";
/// Rows of one `VALUES` list on SQLite.
const RUN: usize = 64;

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
        // As the server opens it.
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

    /// Inserts rows in one transaction; their row ids count on from `first`.
    async fn insert(&mut self, first: i64, rows: &[NewSpan]) -> Result<()> {
        match self {
            Self::Sqlite(conn) => insert_sqlite(conn, first, rows).await,
            Self::Postgres(conn) => insert_postgres(conn, first, rows).await,
        }
    }
}

async fn insert_sqlite(conn: &mut SqliteConnection, first: i64, rows: &[NewSpan]) -> Result<()> {
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
    let mut ids = first..;
    for run in rows.chunks(RUN) {
        let mut query = QueryBuilder::new(format!("INSERT INTO spans ({COLUMNS}) "));
        query.push_values(run.iter().zip(&mut ids), |mut values, (span, id)| {
            values
                .push_bind(id)
                .push_bind(1_i64)
                .push_bind(span.start)
                .push_bind(span.end)
                .push_bind(span.trace_id.0.as_slice())
                .push_bind(span.span_id.0.as_slice())
                .push_bind(span.parent_span_id.as_ref().map(|p| p.0.as_slice()))
                .push_bind(span.name.as_str())
                .push_bind(span.otel_kind)
                .push_bind(span.span_kind.as_str())
                .push_bind(span.status_code.number())
                .push_bind(span.status_message.as_str())
                .push_bind(span.session_id.as_deref())
                .push_bind(span.model_name.as_deref())
                .push_bind(span.tokens.prompt)
                .push_bind(span.tokens.completion)
                .push_bind(span.origin.id)
                .push_bind(span.remainder.as_deref())
                .push_bind(span.flat_attributes)
                .push_bind(span.attributes.as_str());
        });
        query.build().execute(&mut *tx).await?;
    }
    Ok(tx.commit().await?)
}

async fn insert_postgres(conn: &mut PgConnection, first: i64, rows: &[NewSpan]) -> Result<()> {
    let mut tx = conn.begin().await?;
    sqlx::query(AssertSqlSafe(format!(
        "INSERT INTO spans ({COLUMNS})
         SELECT a, 1, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s::jsonb
         FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bytea[], $7::text[],
                     $8::smallint[], $9::text[], $10::smallint[], $11::text[], $12::text[], $13::text[], $14::bigint[],
                     $15::bigint[], $16::bigint[], $17::bytea[], $18::bool[], $19::text[])
             AS t (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s)"
    )))
    .bind((first..).take(rows.len()).collect::<Vec<_>>())
    .bind(rows.iter().map(|s| s.start.0).collect::<Vec<_>>())
    .bind(rows.iter().map(|s| s.end.0).collect::<Vec<_>>())
    .bind(rows.iter().map(|s| s.trace_id.0.as_slice()).collect::<Vec<_>>())
    .bind(rows.iter().map(|s| s.span_id.0.as_slice()).collect::<Vec<_>>())
    .bind(rows.iter().map(|s| s.parent_span_id.as_ref().map(|p| p.0.as_slice())).collect::<Vec<_>>())
    .bind(rows.iter().map(|s| s.name.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|s| s.otel_kind).collect::<Vec<_>>())
    .bind(rows.iter().map(|s| s.span_kind.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|s| s.status_code.number()).collect::<Vec<_>>())
    .bind(rows.iter().map(|s| s.status_message.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|s| s.session_id.as_deref()).collect::<Vec<_>>())
    .bind(rows.iter().map(|s| s.model_name.as_deref()).collect::<Vec<_>>())
    .bind(rows.iter().map(|s| s.tokens.prompt).collect::<Vec<_>>())
    .bind(rows.iter().map(|s| s.tokens.completion).collect::<Vec<_>>())
    .bind(rows.iter().map(|s| s.origin.id).collect::<Vec<_>>())
    .bind(rows.iter().map(|s| s.remainder.as_deref()).collect::<Vec<_>>())
    .bind(rows.iter().map(|s| s.flat_attributes).collect::<Vec<_>>())
    .bind(rows.iter().map(|s| s.attributes.as_str()).collect::<Vec<_>>())
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
    let clock = Clock::system();
    let mut random = SmallRng::from_os_rng();
    let mut next_id = 1;
    let mut store = Store::open(place).await?;
    let mut best: Option<Sample> = None;
    for size in [512, 1_000] {
        let mut generator = Generator::new(11);
        let templates: Vec<Template> =
            (0..4).map(|_| Template::new(&mut generator, "bare", size)).collect::<Result<_>>()?;
        let mut rates = Vec::new();
        for _ in 0..3 {
            let (mut inserted, mut spent) = (0, Duration::ZERO);
            for template in templates.iter().cycle() {
                // Made as the server makes them, outside the clock.
                let message = template.fill(&mut random, u64::try_from(clock.now().0)?);
                let export = decode(ExportTraceServiceRequest::decode(message)?, None, "bare");
                let rows: Vec<NewSpan> = export.batches.into_iter().flat_map(|b| b.spans).collect();
                let began = Instant::now();
                store.insert(next_id, &rows).await?;
                spent += began.elapsed();
                next_id += i64::try_from(rows.len())?;
                inserted += rows.len() as u64;
                if spent >= settings.ingest_time() {
                    break;
                }
            }
            rates.push(real(inserted) / spent.as_secs_f64());
        }
        let sample = Sample::of(rates).note(format!("batches of {size}"));
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
