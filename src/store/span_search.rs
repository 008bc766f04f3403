//! Reading spans: by key, by trace, and by any predicate of [`SpanFilter`].

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use sqlx::{Database, QueryBuilder, types::Json};

use super::{direction, filter, from_cursor, push_in, push_projects};
use crate::{
    db::{Conn, on},
    domain::{
        cost::Cost,
        id::{ProjectId, SpanId, SpanRowId, TraceId},
        packing::unpack_attributes,
        page::{Cursor, Page, PageRequest},
        project::Projects,
        span::{KINDS, Origin, Remainder, Span, StatusCode, TokenCounts, UNKNOWN_KIND, keys},
        span_filter::{AttributeValue, ParentFilter, SpanFilter, SpanSort},
        time::UnixNanos,
    },
    error::Result,
};

// The attributes as text on both engines: they are passed on as they are, so reading them as JSON would be for nothing.
const SELECT: &str = "SELECT id, project_id, trace_id, span_id, parent_span_id, name, otel_kind, span_kind, \
     start_time_unix_nano, end_time_unix_nano, status_code, status_message, prompt_tokens, completion_tokens, \
     cost_model_id, prompt_cost, completion_cost, origin_id, remainder, flat_attributes, \
     CAST(attributes AS TEXT) AS attributes, packed_attributes FROM spans";

#[derive(sqlx::FromRow)]
struct SpanRow {
    id: SpanRowId,
    project_id: ProjectId,
    trace_id: Vec<u8>,
    span_id: Vec<u8>,
    parent_span_id: Option<Vec<u8>>,
    name: String,
    otel_kind: i16,
    span_kind: String,
    start_time_unix_nano: UnixNanos,
    end_time_unix_nano: UnixNanos,
    status_code: i16,
    status_message: String,
    prompt_tokens: Option<i64>,
    completion_tokens: Option<i64>,
    cost_model_id: Option<i64>,
    prompt_cost: Option<f64>,
    completion_cost: Option<f64>,
    origin_id: i64,
    remainder: Option<Vec<u8>>,
    flat_attributes: bool,
    attributes: String,
    packed_attributes: Option<Unpacked>,
}

/// Attributes that were packed. Unpacked while the row is read, out of the row itself: the next rows are on their way
/// meanwhile.
struct Unpacked(Option<String>);

impl<DB: Database> sqlx::Type<DB> for Unpacked
where
    Vec<u8>: sqlx::Type<DB>,
{
    fn type_info() -> DB::TypeInfo {
        <Vec<u8> as sqlx::Type<DB>>::type_info()
    }

    fn compatible(ty: &DB::TypeInfo) -> bool {
        <Vec<u8> as sqlx::Type<DB>>::compatible(ty)
    }
}

impl<'r, DB: Database> sqlx::Decode<'r, DB> for Unpacked
where
    &'r [u8]: sqlx::Decode<'r, DB>,
{
    fn decode(value: DB::ValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
        let packed = <&[u8] as sqlx::Decode<'r, DB>>::decode(value)?;
        Ok(Self(unpack_attributes(packed)))
    }
}

impl From<SpanRow> for Span {
    fn from(row: SpanRow) -> Self {
        let mut trace_id = TraceId([0; 16]);
        let mut span_id = SpanId([0; 8]);
        // Written from ids of these lengths.
        if let (Some(t), Some(s)) = (TraceId::from_slice(&row.trace_id), SpanId::from_slice(&row.span_id)) {
            (trace_id, span_id) = (t, s);
        }
        Self {
            id: row.id,
            project_id: row.project_id,
            trace_id,
            span_id,
            parent_span_id: row.parent_span_id.as_deref().and_then(SpanId::from_slice),
            name: row.name,
            otel_kind: row.otel_kind,
            sent_kind: row.span_kind,
            start: row.start_time_unix_nano,
            end: row.end_time_unix_nano,
            status_code: StatusCode::from_number(row.status_code.into()),
            status_message: row.status_message,
            attributes: row.packed_attributes.map_or(row.attributes, |unpacked| {
                // A disk that gives back other bytes than it was given costs these attributes, not the page.
                unpacked.0.unwrap_or_else(|| {
                    tracing::error!(span = row.id.0, "stored attributes cannot be unpacked");
                    "{}".to_owned()
                })
            }),
            flat_attributes: row.flat_attributes,
            remainder: Remainder::decode(row.remainder.as_deref()),
            tokens: TokenCounts { prompt: row.prompt_tokens, completion: row.completion_tokens },
            cost: Cost { model_id: row.cost_model_id, prompt: row.prompt_cost, completion: row.completion_cost },
            origin_id: row.origin_id,
        }
    }
}

/// Lists spans that match every predicate.
pub async fn list(
    conn: Conn<'_>,
    access: &Projects,
    project: Option<ProjectId>,
    filter: &SpanFilter,
    sort: SpanSort,
    page: PageRequest,
) -> Result<Page<Span>> {
    let rows: Vec<SpanRow> = match conn {
        // Only the test on an attribute differs between the engines: each has its own JSON operators.
        Conn::Sqlite(c) => {
            let mut query = QueryBuilder::new(SELECT);
            push_where(&mut query, access, project, filter);
            for (key, value) in json_attributes(&mut query, filter) {
                push_attribute_sqlite(&mut query, key, value);
            }
            push_expressions(&mut query, filter);
            push_page(&mut query, sort, page);
            query.build_query_as().fetch_all(c).await?
        }
        Conn::Postgres(c) => {
            let mut query = QueryBuilder::new(SELECT);
            push_where(&mut query, access, project, filter);
            for (key, value) in json_attributes(&mut query, filter) {
                push_attribute_postgres(&mut query, key, value);
            }
            push_expressions(&mut query, filter);
            push_page(&mut query, sort, page);
            query.build_query_as().fetch_all(c).await?
        }
    };
    let cursor = |row: &SpanRow| Cursor {
        key: match sort {
            SpanSort::Id => row.id.0,
            SpanSort::StartTime => row.start_time_unix_nano.0,
        },
        id: row.id.0,
    };
    Ok(page.page(rows, cursor).map(Span::from))
}

fn push_where<'a, DB: Database>(
    query: &mut QueryBuilder<DB>,
    access: &Projects,
    project: Option<ProjectId>,
    filter: &'a SpanFilter,
) where
    i64: for<'x> sqlx::Encode<'x, DB> + sqlx::Type<DB>,
    i16: sqlx::Encode<'a, DB> + sqlx::Type<DB>,
    String: sqlx::Encode<'a, DB> + sqlx::Type<DB>,
    Vec<u8>: sqlx::Encode<'a, DB> + sqlx::Type<DB>,
{
    query.push(" WHERE TRUE");
    if let Some(project) = project {
        query.push(" AND project_id = ").push_bind(project.0);
    }
    push_projects(query, "project_id", access);
    if let Some(start) = filter.start {
        query.push(" AND start_time_unix_nano >= ").push_bind(start.0);
    }
    if let Some(end) = filter.end {
        query.push(" AND start_time_unix_nano < ").push_bind(end.0);
    }
    if let Some(ids) = &filter.trace_ids {
        push_in(query, "trace_id", ids.iter().map(|id| id.0.to_vec()));
    }
    if let Some(ids) = &filter.span_ids {
        push_in(query, "span_id", ids.iter().map(|id| id.0.to_vec()));
    }
    match filter.parent {
        None => {}
        Some(ParentFilter::Root) => {
            query.push(" AND parent_span_id IS NULL");
        }
        Some(ParentFilter::Is(id)) => {
            query.push(" AND parent_span_id = ").push_bind(id.0.to_vec());
        }
        Some(ParentFilter::Impossible) => {
            query.push(" AND FALSE");
        }
    }
    if let Some(names) = &filter.names {
        push_in(query, "name", names.iter().cloned());
    }
    if let Some(kinds) = &filter.span_kinds {
        let named = kinds.iter().filter(|k| *k != UNKNOWN_KIND).cloned();
        query.push(" AND (FALSE OR (TRUE");
        push_in(query, "UPPER(span_kind)", named);
        query.push(")");
        if kinds.iter().any(|k| k == UNKNOWN_KIND) {
            query.push(" OR UPPER(span_kind) NOT IN ('").push(KINDS.join("', '")).push("')");
        }
        query.push(")");
    }
    if let Some(codes) = &filter.status_codes {
        push_in(query, "status_code", codes.iter().map(|c| c.number()));
    }
}

/// Adds what the caller wrote in the language of filters.
fn push_expressions<'q, DB: filter::Engine>(query: &mut QueryBuilder<DB>, spans: &SpanFilter)
where
    i64: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
    f64: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
    String: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
    Vec<u8>: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
{
    if let Some(expression) = &spans.expression {
        filter::push(query, expression);
    }
    if let Some(expression) = &spans.trace_expression {
        query.push(
            " AND EXISTS (SELECT 1 FROM traces
                 WHERE traces.project_id = spans.project_id AND traces.trace_id = spans.trace_id",
        );
        filter::push(query, expression);
        query.push(")");
    }
}

fn push_page<'a, DB: Database>(query: &mut QueryBuilder<DB>, sort: SpanSort, page: PageRequest)
where
    i64: sqlx::Encode<'a, DB> + sqlx::Type<DB>,
{
    match (sort, page.from) {
        (_, None) => {}
        (SpanSort::Id, Some(from)) => {
            query.push(" AND id").push(from_cursor(page.order)).push_bind(from.id);
        }
        (SpanSort::StartTime, Some(from)) => {
            query.push(" AND (start_time_unix_nano, id)").push(from_cursor(page.order));
            query.push("(").push_bind(from.key).push(", ").push_bind(from.id).push(")");
        }
    }
    query.push(" ORDER BY ");
    if sort == SpanSort::StartTime {
        query.push("start_time_unix_nano").push(direction(page.order)).push(", ");
    }
    query.push("id").push(direction(page.order));
    query.push(" LIMIT ").push_bind(page.fetch());
}

/// Returns the predicates on attributes that are kept in JSON; one on the span kind, which is a column, is added here.
fn json_attributes<'a, DB: Database>(
    query: &mut QueryBuilder<DB>,
    filter: &'a SpanFilter,
) -> impl Iterator<Item = &'a (String, AttributeValue)> + use<'a, DB>
where
    String: for<'x> sqlx::Encode<'x, DB> + sqlx::Type<DB>,
{
    for (_, value) in filter.attributes.iter().filter(|(key, _)| key == keys::SPAN_KIND) {
        match value {
            AttributeValue::Text(kind) => query.push(" AND span_kind = ").push_bind(kind.clone()),
            _ => query.push(" AND FALSE"),
        };
    }
    filter.attributes.iter().filter(|(key, _)| key != keys::SPAN_KIND)
}

fn push_attribute_sqlite(query: &mut QueryBuilder<sqlx::Sqlite>, key: &str, value: &AttributeValue) {
    // The key is a value of json_each, never a part of a path: paths have no form for every key.
    let json = filter::attributes_json(filter::Dialect::Sqlite, "spans");
    query.push(format!(" AND EXISTS (SELECT 1 FROM json_each({json}) AS a WHERE a.key = ")).push_bind(key.to_owned());
    match value {
        AttributeValue::Text(text) => {
            query.push(" AND a.type = 'text' AND a.atom = ").push_bind(text.clone());
        }
        AttributeValue::Int(int) => {
            query.push(" AND a.type IN ('integer', 'real') AND a.atom = ").push_bind(*int);
        }
        AttributeValue::Double(double) => {
            query.push(" AND a.type = 'real' AND a.atom = ").push_bind(*double);
        }
        AttributeValue::Bool(true) => {
            query.push(" AND a.type = 'true'");
        }
        AttributeValue::Bool(false) => {
            query.push(" AND a.type = 'false'");
        }
    }
    query.push(")");
}

fn push_attribute_postgres(query: &mut QueryBuilder<sqlx::Postgres>, key: &str, value: &AttributeValue) {
    let attributes = filter::attributes_json(filter::Dialect::Postgres, "spans");
    query.push(format!(" AND {attributes} -> ")).push_bind(key.to_owned()).push(" = ");
    let json = match value {
        AttributeValue::Text(text) => Value::from(text.replace('\0', "\u{fffd}")),
        AttributeValue::Int(int) => Value::from(*int),
        AttributeValue::Double(double) => Value::from(*double),
        AttributeValue::Bool(truth) => Value::from(*truth),
    };
    query.push_bind(Json(json));
    if matches!(value, AttributeValue::Double(_)) {
        // A whole double keeps its point in the stored text; the number types compare equal.
        query.push(format!(" AND ({attributes} -> ")).push_bind(key.to_owned()).push(")::text LIKE '%.%'");
    }
}

/// Returns the root span of each of these traces: the first without a parent, or else (its root has not arrived) the
/// earliest span.
pub async fn roots(
    conn: Conn<'_>,
    access: &Projects,
    traces: &[(ProjectId, TraceId)],
) -> Result<HashMap<(ProjectId, TraceId), Span>> {
    let rows: Vec<SpanRow> = on!(conn, |c| {
        let mut query = QueryBuilder::new(format!(
            "{SELECT} WHERE id IN (
                 SELECT id FROM (
                     SELECT id, ROW_NUMBER() OVER (
                         PARTITION BY project_id, trace_id
                         ORDER BY CASE WHEN parent_span_id IS NULL THEN 0 ELSE 1 END, start_time_unix_nano, id
                     ) AS place
                     FROM spans
                     WHERE TRUE"
        ));
        push_in(&mut query, "trace_id", traces.iter().map(|(_, t)| t.0.to_vec()));
        push_in(&mut query, "project_id", traces.iter().map(|(p, _)| p.0));
        query.push(") AS ranked WHERE place = 1)");
        push_projects(&mut query, "project_id", access);
        query.build_query_as().fetch_all(c).await
    })?;
    Ok(rows.into_iter().map(Span::from).map(|s| ((s.project_id, s.trace_id), s)).collect())
}

/// Returns resources and instrumentation scopes by id.
pub async fn origins(
    conn: Conn<'_>,
    access: &Projects,
    project: ProjectId,
    ids: &[i64],
) -> Result<HashMap<i64, Origin>> {
    let rows: Vec<(i64, Vec<u8>)> = on!(conn, |c| {
        let mut query = QueryBuilder::new("SELECT id, content FROM span_origins WHERE project_id = ");
        query.push_bind(project.0);
        push_projects(&mut query, "project_id", access);
        push_in(&mut query, "id", ids.iter().copied());
        query.build_query_as().fetch_all(c).await
    })?;
    Ok(rows.into_iter().map(|(id, content)| (id, Origin::decode(&content))).collect())
}

/// Keeps the rows of projects that are not marked as deleted.
const OF_LIVING_PROJECT: &str = " AND project_id IN (SELECT id FROM projects WHERE deleted_at IS NULL)";

/// Returns spans of living projects by row id.
pub async fn list_by_ids(conn: Conn<'_>, access: &Projects, ids: &[SpanRowId]) -> Result<HashMap<SpanRowId, Span>> {
    let rows: Vec<SpanRow> = on!(conn, |c| {
        let mut query = QueryBuilder::new(SELECT);
        query.push(" WHERE TRUE").push(OF_LIVING_PROJECT);
        push_projects(&mut query, "project_id", access);
        push_in(&mut query, "id", ids.iter().map(|id| id.0));
        query.build_query_as().fetch_all(c).await
    })?;
    Ok(rows.into_iter().map(Span::from).map(|s| (s.id, s)).collect())
}

/// Finds the first span of a living project that has this OpenTelemetry id.
pub async fn find_by_otel_id(conn: Conn<'_>, access: &Projects, id: SpanId) -> Result<Option<Span>> {
    let row: Option<SpanRow> = on!(conn, |c| {
        let mut query = QueryBuilder::new(SELECT);
        query.push(" WHERE span_id = ").push_bind(id.0.to_vec()).push(OF_LIVING_PROJECT);
        push_projects(&mut query, "project_id", access);
        query.push(" ORDER BY id LIMIT 1");
        query.build_query_as().fetch_optional(c).await
    })?;
    Ok(row.map(Span::from))
}

/// Returns the first spans of each of these traces, earliest first, in one statement for all of them.
pub async fn list_first(
    conn: Conn<'_>,
    access: &Projects,
    traces: &[(ProjectId, TraceId)],
    limit: i64,
) -> Result<HashMap<(ProjectId, TraceId), Vec<Span>>> {
    let rows: Vec<SpanRow> = on!(conn, |c| {
        let mut query = QueryBuilder::new(format!(
            "{SELECT} WHERE id IN (
                 SELECT id FROM (
                     SELECT id, ROW_NUMBER() OVER (
                         PARTITION BY project_id, trace_id
                         ORDER BY start_time_unix_nano, id
                     ) AS place
                     FROM spans
                     WHERE TRUE"
        ));
        push_in(&mut query, "trace_id", traces.iter().map(|(_, t)| t.0.to_vec()));
        push_in(&mut query, "project_id", traces.iter().map(|(p, _)| p.0));
        query.push(") AS ranked WHERE place <= ").push_bind(limit).push(")");
        push_projects(&mut query, "project_id", access);
        query.push(" ORDER BY start_time_unix_nano, id");
        query.build_query_as().fetch_all(c).await
    })?;
    let mut by_trace: HashMap<(ProjectId, TraceId), Vec<Span>> = HashMap::new();
    for span in rows.into_iter().map(Span::from) {
        by_trace.entry((span.project_id, span.trace_id)).or_default().push(span);
    }
    Ok(by_trace)
}

/// Counts the children of each of these spans; those without any are missing.
pub async fn child_counts_of(
    conn: Conn<'_>,
    access: &Projects,
    spans: &[(ProjectId, TraceId, SpanId)],
) -> Result<HashMap<(ProjectId, TraceId, SpanId), i64>> {
    let rows: Vec<(ProjectId, Vec<u8>, Vec<u8>, i64)> = on!(conn, |c| {
        let mut query =
            QueryBuilder::new("SELECT project_id, trace_id, parent_span_id, COUNT(*) FROM spans WHERE TRUE");
        push_in(&mut query, "trace_id", distinct(spans.iter().map(|(_, t, _)| t.0.to_vec())));
        push_in(&mut query, "parent_span_id", distinct(spans.iter().map(|(_, _, s)| s.0.to_vec())));
        push_in(&mut query, "project_id", distinct(spans.iter().map(|(p, _, _)| p.0)));
        push_projects(&mut query, "project_id", access);
        query.push(" GROUP BY project_id, trace_id, parent_span_id");
        query.build_query_as().fetch_all(c).await
    })?;
    let key = |(project, trace, span, count): (ProjectId, Vec<u8>, Vec<u8>, i64)| {
        Some(((project, TraceId::from_slice(&trace)?, SpanId::from_slice(&span)?), count))
    };
    Ok(rows.into_iter().filter_map(key).collect())
}

fn distinct<V: Ord>(values: impl Iterator<Item = V>) -> std::collections::BTreeSet<V> {
    values.collect()
}

/// One span of a trace as far as the shape of its tree needs it.
#[derive(Clone, Copy, Debug)]
pub struct TreeSpan {
    /// Row id.
    pub id: SpanRowId,
    /// Id within the trace.
    pub span_id: SpanId,
    /// Parent.
    pub parent_span_id: Option<SpanId>,
    /// Start.
    pub start: UnixNanos,
    /// Status.
    pub status_code: StatusCode,
    /// Tokens.
    pub tokens: TokenCounts,
}

#[derive(sqlx::FromRow)]
struct TreeSpanRow {
    id: SpanRowId,
    project_id: ProjectId,
    trace_id: Vec<u8>,
    span_id: Vec<u8>,
    parent_span_id: Option<Vec<u8>>,
    start_time_unix_nano: UnixNanos,
    status_code: i16,
    prompt_tokens: Option<i64>,
    completion_tokens: Option<i64>,
}

/// Returns what makes the trees of these traces, earliest span first; at most `limit` spans in all.
pub async fn list_tree_spans(
    conn: Conn<'_>,
    access: &Projects,
    traces: &[(ProjectId, TraceId)],
    limit: i64,
) -> Result<HashMap<(ProjectId, TraceId), Vec<TreeSpan>>> {
    let rows: Vec<TreeSpanRow> = on!(conn, |c| {
        let mut query = QueryBuilder::new(
            "SELECT id, project_id, trace_id, span_id, parent_span_id, start_time_unix_nano, status_code,
                 prompt_tokens, completion_tokens
             FROM spans
             WHERE TRUE",
        );
        push_in(&mut query, "trace_id", traces.iter().map(|(_, t)| t.0.to_vec()));
        push_in(&mut query, "project_id", distinct(traces.iter().map(|(p, _)| p.0)));
        push_projects(&mut query, "project_id", access);
        query.push(" ORDER BY start_time_unix_nano, id LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })?;
    let mut by_trace: HashMap<(ProjectId, TraceId), Vec<TreeSpan>> = HashMap::new();
    for row in rows {
        let (Some(trace_id), Some(span_id)) = (TraceId::from_slice(&row.trace_id), SpanId::from_slice(&row.span_id))
        else {
            continue;
        };
        by_trace.entry((row.project_id, trace_id)).or_default().push(TreeSpan {
            id: row.id,
            span_id,
            parent_span_id: row.parent_span_id.as_deref().and_then(SpanId::from_slice),
            start: row.start_time_unix_nano,
            status_code: StatusCode::from_number(row.status_code.into()),
            tokens: TokenCounts { prompt: row.prompt_tokens, completion: row.completion_tokens },
        });
    }
    Ok(by_trace)
}

/// Returns the trace and span ids of those spans of a project that have one of these ids.
pub async fn keys(
    conn: Conn<'_>,
    access: &Projects,
    project: ProjectId,
    ids: &[SpanId],
) -> Result<HashSet<(TraceId, SpanId)>> {
    let rows: Vec<(Vec<u8>, Vec<u8>)> = on!(conn, |c| {
        let mut query = QueryBuilder::new("SELECT trace_id, span_id FROM spans WHERE project_id = ");
        query.push_bind(project.0);
        push_projects(&mut query, "project_id", access);
        push_in(&mut query, "span_id", ids.iter().map(|id| id.0.to_vec()));
        query.build_query_as().fetch_all(c).await
    })?;
    Ok(rows.iter().filter_map(|(t, s)| Some((TraceId::from_slice(t)?, SpanId::from_slice(s)?))).collect())
}
