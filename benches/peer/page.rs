//! The first page of 100 spans in a project of 100,000.

use std::time::Instant;

use anyhow::Result;
use rustix::process::Signal;
use sqlx::{AssertSqlSafe, Connection as _};

use crate::{
    ingest::{Bound, Cell, Transport, send},
    report::{Book, Group, Target, Unit},
    settings::{Engine, Settings, SubjectKind},
    stats::{Sample, millis, percentile, real},
    subject::{Place, Server, Subject},
};

const PROJECT: &str = "page";
/// Measures on a place of its own; returns the two cold starts: on the fresh database and on the filled one.
pub(crate) async fn run(
    subject: &Subject,
    place: &Place,
    engine: Engine,
    settings: &Settings,
    book: &mut Book,
) -> Result<(f64, f64)> {
    let server = subject.start(place).await?;
    let fresh = server.cold_start.as_secs_f64() * 1e3;
    let wanted = settings.page_spans();
    // The peer would store for half an hour: it is sent some, and the rest are copies made in its database.
    let seed = if subject.kind == SubjectKind::Peer { wanted / 50 } else { wanted };
    let cell = Cell { transport: Transport::Http, batch: 200, concurrency: 4 };
    let sent = send(&server, cell, PROJECT, Bound::Spans(seed)).await?;
    let (mut spans, _) = server.settle(PROJECT, sent.spans, sent.acked).await?;
    server.stop(Signal::TERM).await?;
    if subject.kind == SubjectKind::Peer {
        let copies = wanted.div_ceil(spans.max(1)) - 1;
        copy_spans(place, copies).await?;
        spans *= copies + 1;
    }
    let server = subject.start(place).await?;
    let filled = server.cold_start.as_secs_f64() * 1e3;
    measure(&server, engine, spans, book).await?;
    server.stop(Signal::TERM).await?;
    Ok((fresh, filled))
}

async fn measure(server: &Server, engine: Engine, spans: u64, book: &mut Book) -> Result<()> {
    let (warm_up, rounds) = if server.kind == SubjectKind::Ours { (20, 300) } else { (3, 40) };
    let mut conn = server.connect().await?;
    let path = format!("/v1/projects/{PROJECT}/spans?limit=100");
    let mut latencies = Vec::with_capacity(rounds);
    let mut size = 0;
    for round in 0..warm_up + rounds {
        let began = Instant::now();
        size = conn.get_ok(&path).await?.len();
        if round >= warm_up {
            latencies.push(began.elapsed());
        }
    }
    let latencies = millis(&latencies);
    for (percent, target) in [(50, Target::TimesPeer(40.0)), (95, Target::None)] {
        let value = percentile(&latencies, percent).unwrap_or_default();
        let note = format!("{spans} spans, {rounds} pages of {:.0} kB", real(size as u64) / 1e3);
        let sample = Sample::once(value).note(note);
        book.set(Group::Page, engine, format!("p{percent}"), Unit::Millis, target, server.kind, sample);
    }
    Ok(())
}

/// Multiplies the traces and spans in the stopped peer's database, each copy with ids of its own.
async fn copy_spans(place: &Place, copies: u64) -> Result<()> {
    let columns = |text: &str| -> Vec<String> { text.split(',').map(str::to_owned).collect() };
    if let Some((cluster, name)) = &place.postgres {
        let mut conn = cluster.connect(name).await?;
        let mut tables = Vec::new();
        for table in ["traces", "spans"] {
            let text: String = sqlx::query_scalar(
                "SELECT string_agg(column_name, ',') FROM information_schema.columns
                 WHERE table_schema = 'public' AND table_name = $1 AND column_name <> 'id' AND is_generated = 'NEVER'",
            )
            .bind(table)
            .fetch_one(&mut conn)
            .await?;
            tables.push(columns(&text));
        }
        let last: i64 = sqlx::query_scalar("SELECT CAST(MAX(id) AS BIGINT) FROM spans").fetch_one(&mut conn).await?;
        for statement in statements(&tables[0], &tables[1], last, copies) {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut conn).await?;
        }
        // What autovacuum would have done while the spans came in.
        sqlx::raw_sql("VACUUM ANALYZE").execute(&mut conn).await?;
        return Ok(());
    }
    let mut conn = place.sqlite().await?;
    let mut tables = Vec::new();
    for table in ["traces", "spans"] {
        let text: String =
            sqlx::query_scalar("SELECT group_concat(name) FROM pragma_table_info($1) WHERE name <> 'id'")
                .bind(table)
                .fetch_one(&mut conn)
                .await?;
        tables.push(columns(&text));
    }
    let last: i64 = sqlx::query_scalar("SELECT CAST(MAX(id) AS BIGINT) FROM spans").fetch_one(&mut conn).await?;
    sqlx::raw_sql("PRAGMA synchronous = OFF; BEGIN").execute(&mut conn).await?;
    for statement in statements(&tables[0], &tables[1], last, copies) {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut conn).await?;
    }
    sqlx::raw_sql("COMMIT; ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut conn).await?;
    conn.close().await?;
    Ok(())
}

/// Returns the statements that copy traces and spans: the ids of copy `n` begin with `n` in eight digits. With four, some
/// span out of thousands begins so by itself, and its copy is itself.
fn statements(traces: &[String], spans: &[String], last: i64, copies: u64) -> Vec<String> {
    let select = |columns: &[String], replaced: &dyn Fn(&str) -> Option<String>| -> String {
        let column = |name: &String| replaced(name).unwrap_or_else(|| format!("o.{name}"));
        columns.iter().map(column).collect::<Vec<_>>().join(", ")
    };
    let mut statements = Vec::new();
    for copy in 1..=copies {
        let trace_id = |of: &str| format!("'{copy:08x}' || substr({of}.trace_id, 9)");
        let span_id = |column: &str| format!("'{copy:08x}' || substr(o.{column}, 9)");
        let of_trace = select(traces, &|name| (name == "trace_id").then(|| trace_id("o")));
        let of_span = select(spans, &|name| match name {
            "trace_rowid" => Some("n.id".to_owned()),
            "span_id" | "parent_id" => Some(span_id(name)),
            _ => None,
        });
        statements.push(format!(
            "INSERT INTO traces ({}) SELECT {of_trace} FROM traces o
             WHERE o.id IN (SELECT trace_rowid FROM spans WHERE id <= {last})",
            traces.join(", ")
        ));
        statements.push(format!(
            "INSERT INTO spans ({}) SELECT {of_span} FROM spans o
             JOIN traces t ON t.id = o.trace_rowid JOIN traces n ON n.trace_id = {} WHERE o.id <= {last}",
            spans.join(", "),
            trace_id("t")
        ));
    }
    statements
}
