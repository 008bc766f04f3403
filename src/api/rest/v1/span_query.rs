//! Spans as tables: what the Python client makes data frames of.

use std::collections::HashMap;

use axum::{
    http::header,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::{
        extract::{Json, Query},
        rest::{Routes, problem::Answer, route, v1::spans::instant},
    },
    domain::{
        filter::{self, typed::Key},
        project::ProjectRef,
        scope::TracesRead,
        span_table::{Items, Table, TableQuery},
    },
    error::Error,
    service::{
        cx::Cx,
        span_tables::{self, Asked, Orphans, Selection},
    },
};

/// The most queries of one request, and columns of one query.
const MAX_QUERIES: usize = 10;
const MAX_COLUMNS: usize = 200;
/// The most bytes of a name.
const MAX_NAME: usize = 1_024;

/// Returns the routes of this file.
#[must_use]
pub fn routes() -> Routes {
    Routes::default().add(route!(query_spans))
}

/// A value of a span, by the name that filters know it by.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ValueKey {
    /// `name`, `latency_ms`, `llm.model_name`, `attributes['key']`, …
    key: String,
}

/// The items of an attribute that is a list.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ListItems {
    /// The list: `retrieval.documents`.
    key: String,
    /// Columns: new name, and dotted key within an item.
    #[serde(default)]
    kwargs: Option<HashMap<String, String>>,
    /// What stands between the items.
    #[serde(default)]
    separator: Option<String>,
}

/// A condition.
#[derive(Debug, Deserialize, ToSchema)]
pub struct QueryFilter {
    /// In the language of filters for spans.
    #[serde(default)]
    condition: Option<String>,
}

/// What one table is made of.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct SpanQuery {
    /// Columns, by their new names; all there are without it.
    #[serde(default)]
    #[schema(value_type = Option<HashMap<String, ValueKey>>)]
    select: Option<Map<String, Value>>,
    /// What must hold for a span.
    #[serde(default)]
    filter: Option<QueryFilter>,
    /// A row for each item of a list.
    #[serde(default)]
    explode: Option<ListItems>,
    /// The items of a list joined in one row.
    #[serde(default)]
    concat: Option<ListItems>,
    /// New names of columns.
    #[serde(default)]
    rename: Option<HashMap<String, String>>,
    /// What rows are called by.
    #[serde(default)]
    index: Option<ValueKey>,
}

/// Tables to make of the spans of a project.
#[derive(Debug, Deserialize, ToSchema)]
pub struct QuerySpansBody {
    /// One for each table.
    queries: Vec<SpanQuery>,
    /// Started at or after.
    #[serde(default)]
    #[schema(format = DateTime)]
    start_time: Option<String>,
    /// Started before.
    #[serde(default)]
    #[schema(format = DateTime)]
    end_time: Option<String>,
    /// Another name of `end_time`.
    #[serde(default)]
    #[schema(format = DateTime)]
    stop_time: Option<String>,
    /// The most spans of a table.
    #[serde(default)]
    #[schema(minimum = 0, default = 1000)]
    limit: Option<i64>,
    /// Whether only root spans count.
    #[serde(default)]
    root_spans_only: Option<bool>,
    /// Whether a span whose parent has not arrived is a root span.
    #[serde(default)]
    #[schema(default = true)]
    orphan_span_as_root_span: Option<bool>,
    /// The project, by name; `default` without it.
    #[serde(default)]
    project_name: Option<String>,
}

/// Where the spans are.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct QuerySpansQuery {
    /// The project, by global id or name; before the one of the body.
    project_name: Option<String>,
}

/// Query spans as tables
///
/// Answers `multipart/mixed`, one part of JSON for each query: a table with its schema, as data frames are written.
#[utoipa::path(
    post, path = "/v1/spans", operation_id = "querySpans", tag = "spans",
    params(QuerySpansQuery), request_body = QuerySpansBody,
    responses((status = 200, content_type = "multipart/mixed", body = String), (status = 404), (status = 422))
)]
async fn query_spans(
    cx: Cx<TracesRead>,
    Query(at): Query<QuerySpansQuery>,
    Json(body): Json<QuerySpansBody>,
) -> Answer<Response> {
    let (selection, queries) = body.read()?;
    let project = at.project_name.or(body.project_name).unwrap_or_else(|| "default".to_owned());
    let tables = span_tables::query(&cx, &ProjectRef::parse(&project), &selection, &queries).await?;
    Ok(multipart(tables.into_iter().map(frame)))
}

impl QuerySpansBody {
    fn read(&self) -> Result<(Selection, Vec<Asked>), Error> {
        if self.queries.len() > MAX_QUERIES {
            return Err(Error::invalid("queries", format!("At most {MAX_QUERIES} queries are taken")));
        }
        let limit = self.limit.unwrap_or(1_000);
        let limit = u64::try_from(limit).map_err(|_| Error::invalid("limit", "Input should not be negative"))?;
        let roots = self.root_spans_only.unwrap_or_default().then_some(match self.orphan_span_as_root_span {
            Some(false) => Orphans::AreNone,
            _ => Orphans::AreRoots,
        });
        let selection = Selection {
            start: instant("start_time", self.start_time.as_deref())?,
            end: match instant("end_time", self.end_time.as_deref())? {
                Some(end) => Some(end),
                None => instant("stop_time", self.stop_time.as_deref())?,
            },
            roots,
            limit,
        };
        let queries = self.queries.iter().enumerate().map(|(at, query)| query.read(at)).collect::<Result<_, _>>()?;
        Ok((selection, queries))
    }
}

impl SpanQuery {
    fn read(&self, at: usize) -> Result<Asked, Error> {
        let field = |name: &str| format!("queries.{at}.{name}");
        let mut query = TableQuery::default();
        if let Some(select) = &self.select {
            let mut columns = Vec::with_capacity(select.len());
            for (name, column) in select {
                let field = field(&format!("select.{name}"));
                let Some(text) = column.get("key").and_then(Value::as_str) else {
                    return Err(Error::invalid(field, "Input should be an object with a `key`"));
                };
                columns.push((name.clone(), key(&field, text)?));
            }
            query.select = Some(columns);
        }
        query.explode = self.explode.as_ref().map(|list| items(&field("explode.key"), list)).transpose()?;
        if let Some(list) = &self.concat {
            let mut joined = items(&field("concat.key"), list)?;
            if joined.fields.is_empty() {
                joined.fields.push((list.key.clone(), list.key.clone()));
            }
            query.concat = Some((joined, list.separator.clone().unwrap_or_else(|| "\n\n".to_owned())));
        }
        if let Some(index) = &self.index {
            query.index = Some((index.key.clone(), key(&field("index.key"), &index.key)?));
        }
        query.rename = self.rename.clone().unwrap_or_default();
        let lists = [&query.explode, &query.concat.as_ref().map(|(items, _)| items.clone())];
        let columns = query.select.as_ref().map_or(0, Vec::len)
            + lists.iter().filter_map(|l| l.as_ref()).map(|l| l.fields.len()).sum::<usize>();
        let names = query.select.iter().flatten().map(|(n, _)| n).chain(query.rename.values());
        if columns.max(query.rename.len()) > MAX_COLUMNS || names.into_iter().any(|n| n.len() > MAX_NAME) {
            let detail = format!("At most {MAX_COLUMNS} columns with names of at most {MAX_NAME} bytes are taken");
            return Err(Error::invalid(field("select"), detail));
        }
        Ok((self.filter.as_ref().and_then(|f| f.condition.clone()), query))
    }
}

fn key(field: &str, text: &str) -> Result<Key, Error> {
    filter::parse_key(text).map_err(|error| Error::invalid(field.to_owned(), error.report(text)))
}

fn items(field: &str, list: &ListItems) -> Result<Items, Error> {
    let Key::Attribute(path) = key(field, &list.key)? else {
        return Err(Error::invalid(field.to_owned(), "Input should name an attribute that is a list"));
    };
    let mut fields: Vec<(String, String)> =
        list.kwargs.iter().flatten().map(|(name, key)| (name.clone(), key.clone())).collect();
    fields.sort();
    Ok(Items { path, fields })
}

/// Writes a table as data frames are read: each name with the number of its column before it, so that no two are the
/// same.
fn frame(table: Table) -> Value {
    let numbered: Vec<String> = table.columns.iter().enumerate().map(|(at, name)| format!("{at}_{name}")).collect();
    let mut fields = Vec::with_capacity(numbered.len());
    for (at, name) in numbered.iter().enumerate() {
        let mut field = column_type(&table, at);
        field.insert("name".to_owned(), Value::from(name.as_str()));
        fields.push(Value::Object(field));
    }
    let data = table.rows.into_iter().map(|row| {
        let cells = row.into_iter().chain(std::iter::repeat(Value::Null));
        Value::Object(numbered.iter().cloned().zip(cells).collect())
    });
    let data: Vec<Value> = data.collect();
    json!({
        "schema": {"fields": fields, "primaryKey": &numbered[..table.index.len()], "pandas_version": "1.4.0"},
        "data": data,
    })
}

/// Says what a column holds: texts and times as such, numbers when there is nothing else, anything else as objects.
fn column_type(table: &Table, at: usize) -> Map<String, Value> {
    let name = table.columns[at].as_str();
    let cells = || table.rows.iter().map(move |row| row.get(at).unwrap_or(&Value::Null));
    let some = |test: fn(&Value) -> bool| {
        let mut known = cells().filter(|v| !v.is_null()).peekable();
        known.peek().is_some() && known.all(test)
    };
    let gaps = cells().any(Value::is_null);
    let kind = match name {
        _ if table.times.get(at).copied().unwrap_or_default() => json!({"type": "datetime", "tz": "UTC"}),
        _ if some(Value::is_string) => json!({"type": "string", "extDtype": "str"}),
        _ if some(|v| v.is_i64() || v.is_u64()) && !gaps => json!({"type": "integer"}),
        _ if some(Value::is_number) => json!({"type": "number"}),
        _ if some(Value::is_boolean) && !gaps => json!({"type": "boolean"}),
        _ => json!({"type": "string"}),
    };
    match kind {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn multipart(parts: impl Iterator<Item = Value>) -> Response {
    // No text of JSON holds it: a line break within one is escaped.
    let boundary = format!("spans-{}", uuid::Uuid::new_v4().simple());
    let mut body = String::new();
    for part in parts {
        body.push_str("--");
        body.push_str(&boundary);
        body.push_str("\r\nContent-Type: application/json\r\n\r\n");
        body.push_str(&part.to_string());
        body.push_str("\r\n");
    }
    body.push_str("--");
    body.push_str(&boundary);
    body.push_str("--\r\n");
    ([(header::CONTENT_TYPE, format!("multipart/mixed; boundary={boundary}"))], body).into_response()
}
