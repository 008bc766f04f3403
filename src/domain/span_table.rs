//! Spans as a table: rows and columns for data frames.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{
    attributes,
    filter::typed::{Key, NumberField, TextField, TimeField},
    id::SpanId,
    span::{Span, keys, normalized_kind},
};

/// Which columns a table has, and how many rows a span gives.
#[derive(Clone, Debug, Default)]
pub struct TableQuery {
    /// Columns with their names; none for all there are.
    pub select: Option<Vec<(String, Key)>>,
    /// A row for each item of a list.
    pub explode: Option<Items>,
    /// The items of a list in one row, as text.
    pub concat: Option<(Items, String)>,
    /// New names of columns.
    pub rename: HashMap<String, String>,
    /// What rows are called by: name and value; the span id unless it is said.
    pub index: Option<(String, Key)>,
}

/// The items of an attribute that is a list.
#[derive(Clone, Debug)]
pub struct Items {
    /// Path of the list.
    pub path: Vec<String>,
    /// Columns: name, and dotted key within an item; none for all there are.
    pub fields: Vec<(String, String)>,
}

/// Rows and columns.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Names of the columns that rows are called by: the first ones.
    pub index: Vec<String>,
    /// Names of all columns, the index first.
    pub columns: Vec<String>,
    /// Which columns hold instants.
    pub times: Vec<bool>,
    /// Cells of each row; a short row ends in cells without a value.
    pub rows: Vec<Vec<Value>>,
}

/// Sums over a span and all below it: prompt tokens, completion tokens, failed spans.
pub type Sums = HashMap<SpanId, (i64, i64, i64)>;

/// Columns of the full table that every span has.
const COLUMNS: [&str; 10] = [
    "name",
    "span_kind",
    "parent_id",
    "start_time",
    "end_time",
    "status_code",
    "status_message",
    "events",
    "context.span_id",
    "context.trace_id",
];

/// Attributes that are a column of their own; others stand together in a column under the first part of their key.
const OWN_COLUMNS: [&str; 57] = [
    "agent.name",
    "embedding.embeddings",
    "embedding.invocation_parameters",
    "embedding.model_name",
    "graph.node.id",
    "graph.node.name",
    "graph.node.parent_id",
    "input.mime_type",
    "input.value",
    "llm.choices",
    "llm.cost.completion",
    "llm.cost.completion_details.audio",
    "llm.cost.completion_details.output",
    "llm.cost.completion_details.reasoning",
    "llm.cost.prompt",
    "llm.cost.prompt_details.audio",
    "llm.cost.prompt_details.cache_input",
    "llm.cost.prompt_details.cache_read",
    "llm.cost.prompt_details.cache_write",
    "llm.cost.prompt_details.input",
    "llm.cost.total",
    "llm.finish_reason",
    "llm.function_call",
    "llm.input_messages",
    "llm.invocation_parameters",
    "llm.model_name",
    "llm.output_messages",
    "llm.prompt_template.template",
    "llm.prompt_template.variables",
    "llm.prompt_template.version",
    "llm.prompts",
    "llm.provider",
    "llm.system",
    "llm.token_count.completion",
    "llm.token_count.completion_details.audio",
    "llm.token_count.completion_details.reasoning",
    "llm.token_count.prompt",
    "llm.token_count.prompt_details.audio",
    "llm.token_count.prompt_details.cache_input",
    "llm.token_count.prompt_details.cache_read",
    "llm.token_count.prompt_details.cache_write",
    "llm.token_count.total",
    "llm.tools",
    "metadata",
    "openinference.span.kind",
    "output.mime_type",
    "output.value",
    "prompt.id",
    "prompt.url",
    "prompt.vendor",
    "retrieval.documents",
    "session.id",
    "tag.tags",
    "tool.description",
    "tool.name",
    "tool.parameters",
    "user.id",
];

/// Makes a table of spans.
#[must_use]
pub fn table(query: &TableQuery, spans: &[Span], sums: &Sums) -> Table {
    let mut builder = Builder::new(query);
    for span in spans {
        builder.add(query, span, sums);
    }
    builder.finish(query)
}

struct Builder {
    table: Table,
    /// Where each column stands.
    places: HashMap<String, usize>,
}

impl Builder {
    fn new(query: &TableQuery) -> Self {
        let (index, _) = index(query);
        let mut builder = Self { table: Table::default(), places: HashMap::new() };
        // Beside the index, a column of the same name may stand: the full table has both.
        builder.table.columns.push(index.clone());
        builder.table.index.push(index);
        if let Some(items) = &query.explode {
            let documents = items.path.last().is_some_and(|p| p == "documents");
            let position = if documents { "document_position" } else { "position" };
            builder.table.columns.push(position.to_owned());
            builder.table.index.push(position.to_owned());
            // What rows are called by is not said twice.
            builder.places.insert(builder.table.index[0].clone(), 0);
        }
        for (name, _) in query.select.iter().flatten() {
            builder.place(name);
        }
        if is_full(query) {
            for name in COLUMNS {
                builder.place(name);
            }
        }
        for items in query.explode.iter().chain(query.concat.as_ref().map(|(items, _)| items)) {
            for (name, _) in &items.fields {
                builder.place(name);
            }
        }
        builder
    }

    fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = self.table.columns.len();
        self.table.columns.push(name.to_owned());
        self.places.insert(name.to_owned(), place);
        place
    }

    fn set(&mut self, row: &mut Vec<Value>, name: &str, value: Value) {
        let place = self.place(name);
        if row.len() <= place {
            row.resize(place + 1, Value::Null);
        }
        row[place] = value;
    }

    fn add(&mut self, query: &TableQuery, span: &Span, sums: &Sums) {
        let nested = attributes::unflatten(span.attribute_map());
        let (_, key) = index(query);
        let mut row = vec![value(span, &nested, &key, sums)];
        if query.explode.is_some() {
            row.push(Value::Null);
        }
        match &query.select {
            Some(columns) => {
                for (name, key) in columns {
                    let value = value(span, &nested, key, sums);
                    self.set(&mut row, name, value);
                }
            }
            None if is_full(query) => self.everything(&mut row, span, &nested),
            None => {}
        }
        if let Some((items, separator)) = &query.concat {
            let Some(list) = list(&nested, items) else { return };
            for (name, key) in &items.fields {
                let texts: Vec<&str> = list.iter().filter_map(|item| item.get(key)?.as_str()).collect();
                self.set(&mut row, name, Value::from(texts.join(separator)));
            }
        }
        let Some(items) = &query.explode else { return self.table.rows.push(row) };
        for (position, item) in list(&nested, items).into_iter().flatten().enumerate() {
            let mut row = row.clone();
            row[1] = Value::from(position);
            if items.fields.is_empty() {
                for (key, value) in item {
                    self.set(&mut row, &key, value);
                }
            } else {
                for (name, key) in &items.fields {
                    let value = item.get(key).cloned().unwrap_or_default();
                    self.set(&mut row, name, value);
                }
            }
            self.table.rows.push(row);
        }
    }

    fn everything(&mut self, row: &mut Vec<Value>, span: &Span, nested: &Map<String, Value>) {
        let values = [
            Value::from(span.name.clone()),
            Value::from(normalized_kind(&span.sent_kind)),
            span.parent_span_id.map_or(Value::Null, |id| Value::from(id.to_hex())),
            Value::from(span.start.to_rfc3339_nanos()),
            Value::from(span.end.to_rfc3339_nanos()),
            Value::from(span.status_code.as_str()),
            Value::from(span.status_message.clone()),
            events(span),
            Value::from(span.span_id.to_hex()),
            Value::from(span.trace_id.to_hex()),
        ];
        for (name, value) in COLUMNS.into_iter().zip(values) {
            self.set(row, name, value);
        }
        let mut rest = nested.clone();
        for key in OWN_COLUMNS {
            if let Some(value) = take(&mut rest, key) {
                // Some instrumentations send counts as texts.
                let value = match key {
                    keys::PROMPT_TOKENS => span.tokens.prompt.map_or(value, Value::from),
                    keys::COMPLETION_TOKENS => span.tokens.completion.map_or(value, Value::from),
                    _ => value,
                };
                self.set(row, &format!("attributes.{key}"), shown(value));
            }
        }
        for (key, value) in rest {
            if value.as_object().is_none_or(|map| !map.is_empty()) {
                self.set(row, &format!("attributes.{key}"), shown(value));
            }
        }
    }

    fn finish(mut self, query: &TableQuery) -> Table {
        let is_time = |key: &Key| matches!(key, Key::Time(_));
        let selected: HashMap<&str, bool> =
            query.select.iter().flatten().map(|(name, key)| (name.as_str(), is_time(key))).collect();
        let everything = is_full(query);
        let of = |name: &String| {
            selected
                .get(name.as_str())
                .copied()
                .unwrap_or(everything && matches!(name.as_str(), "start_time" | "end_time"))
        };
        self.table.times = self.table.columns.iter().map(of).collect();
        self.table.times[0] = is_time(&index(query).1);
        for name in self.table.columns.iter_mut().chain(&mut self.table.index) {
            if let Some(new) = query.rename.get(name) {
                new.clone_into(name);
            }
        }
        self.table
    }
}

/// Whether the table has all there is of a span.
const fn is_full(query: &TableQuery) -> bool {
    query.select.is_none() && query.explode.is_none() && query.concat.is_none()
}

fn index(query: &TableQuery) -> (String, Key) {
    query.index.clone().unwrap_or_else(|| ("context.span_id".to_owned(), Key::Text(TextField::SpanId)))
}

/// Takes the value of a dotted key out of nested maps.
fn take(map: &mut Map<String, Value>, key: &str) -> Option<Value> {
    match key.split_once('.') {
        None => map.remove(key),
        Some((first, rest)) => match map.get_mut(first)? {
            Value::Object(inner) => {
                let found = take(inner, rest);
                if inner.is_empty() {
                    map.remove(first);
                }
                found
            }
            _ => None,
        },
    }
}

fn find(map: &Map<String, Value>, path: &[String]) -> Option<Value> {
    let mut parts = path.iter();
    let mut value = map.get(parts.next()?)?;
    for part in parts {
        value = match value {
            Value::Object(map) => map.get(part)?,
            Value::Array(items) => items.get(part.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(value.clone())
}

/// Returns a value as it stands in a cell: the items of a list have dotted keys.
fn shown(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(item).collect()),
        other => other,
    }
}

fn item(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(attributes::flatten(map)),
        other => other,
    }
}

fn list(nested: &Map<String, Value>, items: &Items) -> Option<Vec<Map<String, Value>>> {
    let Value::Array(list) = find(nested, &items.path)? else { return None };
    let maps = list.into_iter().map(|value| match value {
        Value::Object(map) => attributes::flatten(map),
        _ => Map::new(),
    });
    Some(maps.collect())
}

fn events(span: &Span) -> Value {
    let events = span.remainder.0.events.iter().map(|event| {
        serde_json::json!({
            "name": event.name,
            "timestamp": super::time::UnixNanos(i64::try_from(event.time_unix_nano).unwrap_or(i64::MAX)).to_rfc3339(),
            "attributes": attributes::plain(&event.attributes),
        })
    });
    Value::Array(events.collect())
}

fn value(span: &Span, nested: &Map<String, Value>, key: &Key, sums: &Sums) -> Value {
    let sum = |of: fn(&(i64, i64, i64)) -> i64| Value::from(sums.get(&span.span_id).map_or(0, of));
    match key {
        Key::Attribute(path) => find(nested, path).map_or(Value::Null, shown),
        Key::Time(TimeField::Start) => Value::from(span.start.to_rfc3339_nanos()),
        Key::Time(TimeField::End) => Value::from(span.end.to_rfc3339_nanos()),
        Key::Text(field) => match field {
            TextField::Name => Value::from(span.name.clone()),
            TextField::SpanKind => Value::from(normalized_kind(&span.sent_kind)),
            TextField::StatusCode => Value::from(span.status_code.as_str()),
            TextField::StatusMessage => Value::from(span.status_message.clone()),
            TextField::TraceId => Value::from(span.trace_id.to_hex()),
            TextField::SpanId => Value::from(span.span_id.to_hex()),
            TextField::ParentId => span.parent_span_id.map_or(Value::Null, |id| Value::from(id.to_hex())),
            _ => Value::Null,
        },
        Key::Number(field) => match field {
            NumberField::Latency => Value::from(span.latency_ms()),
            NumberField::PromptTokens => span.tokens.prompt.into(),
            NumberField::CompletionTokens => span.tokens.completion.into(),
            NumberField::TotalTokens => match (span.tokens.prompt, span.tokens.completion) {
                (None, None) => find(nested, &["llm", "token_count", "total"].map(str::to_owned)).unwrap_or_default(),
                (prompt, completion) => (prompt.unwrap_or(0).saturating_add(completion.unwrap_or(0))).into(),
            },
            NumberField::SubtreePromptTokens => sum(|s| s.0),
            NumberField::SubtreeCompletionTokens => sum(|s| s.1),
            NumberField::SubtreeTotalTokens => sum(|s| s.0.saturating_add(s.1)),
            NumberField::SubtreeErrors => sum(|s| s.2),
            _ => Value::Null,
        },
    }
}
