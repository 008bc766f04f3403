//! Attributes in SQL: finding one by its path, and reading it as text, number or truth.
//!
//! Attributes are one JSON object whose keys are as they were sent: mostly dotted (`llm.model_name`), sometimes nested.
//! A path is looked up with every way to cut it in two: so many parts in the key, the rest within the value; the longest
//! key wins. `metadata` may be JSON in a text, and is opened.

use super::{Dialect, Writer};
use crate::domain::span::keys;

/// Returns the attributes of a row of `spans` as the JSON that the engine's operators take. The one place that knows how
/// they are stored.
pub(in crate::store) fn json(dialect: Dialect, alias: &str) -> String {
    match dialect {
        Dialect::Sqlite => format!("COALESCE(unpack_attributes({alias}.packed_attributes), {alias}.attributes)"),
        Dialect::Postgres => format!("{alias}.attributes"),
    }
}

/// An attribute of which one column says everything that its text could.
fn column(path: &[String]) -> Option<&'static str> {
    match path.join(".").as_str() {
        keys::MODEL_NAME => Some("model_name"),
        keys::SESSION_ID => Some("session_id"),
        keys::SPAN_KIND => Some("span_kind"),
        _ => None,
    }
}

/// Whether no conventional key goes on where this one ends.
fn is_leaf(path: &[String]) -> bool {
    let key = path.join(".");
    [keys::INPUT_VALUE, keys::OUTPUT_VALUE, keys::INPUT_MIME_TYPE, keys::OUTPUT_MIME_TYPE, "user.id"]
        .contains(&key.as_str())
        || column(path).is_some()
}

fn index(part: &str) -> Option<u32> {
    if part.is_empty() || part.len() > 6 || !part.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    part.parse().ok()
}

/// Returns the path in SQLite's form; keys are quoted as JSON has them, so that every key has a form.
fn sqlite_path(key: &str, rest: &[String]) -> String {
    let quoted = |key: &str| serde_json::Value::from(key).to_string();
    let mut path = String::from("$");
    if !key.is_empty() || rest.is_empty() {
        path.push('.');
        path.push_str(&quoted(key));
    }
    for part in rest {
        if let Some(index) = index(part) {
            path.push('[');
            path.push_str(&index.to_string());
            path.push(']');
        } else {
            path.push('.');
            path.push_str(&quoted(part));
        }
    }
    path
}

impl Writer {
    /// Writes the JSON of the value at a path, or NULL.
    pub(super) fn attribute_json(&mut self, alias: &str, path: &[String]) {
        let json = json(self.dialect, alias);
        let opens = path.len() > 1 && path[0] == "metadata";
        self.push(if path.len() > 1 { "COALESCE(" } else { "(" });
        for keys in (1..=path.len()).rev() {
            if keys < path.len() {
                self.push(", ");
            }
            let (key, rest) = (path[..keys].join("."), &path[keys..]);
            match self.dialect {
                Dialect::Sqlite => {
                    self.push(format!("{json} -> "));
                    self.bind_text(&sqlite_path(&key, rest));
                }
                Dialect::Postgres => self.steps(&format!("{json} -> "), Some(&key), rest),
            }
        }
        if opens {
            self.push(", ");
            self.opened(&json, &path[1..]);
        }
        self.push(")");
    }

    /// Writes Postgres' steps into a value: `start`, a key that is bound, and the rest of the path.
    fn steps(&mut self, start: &str, key: Option<&str>, rest: &[String]) {
        // `->` would take a scalar for a list of one.
        let calls = rest.iter().filter(|part| index(part).is_some()).count();
        self.push("jsonb_path_query_first(".repeat(calls));
        self.push(start);
        if let Some(key) = key {
            self.bind_text(key);
        }
        for part in rest {
            if let Some(index) = index(part) {
                self.push(format!(", 'strict $[{index}]', '{{}}', TRUE)"));
            } else {
                self.push(" -> ");
                self.bind_text(part);
            }
        }
    }

    /// Writes the value within `metadata` that is an object in a text.
    fn opened(&mut self, json: &str, rest: &[String]) {
        match self.dialect {
            Dialect::Sqlite => {
                self.push(
                    "(SELECT CASE WHEN ltrim(m.t, char(9, 10, 13, 32)) LIKE '{%' AND json_valid(m.t) THEN m.t -> ",
                );
                let path = sqlite_path("", rest);
                self.bind_text(&path);
                self.push(format!(" END FROM (SELECT {json} ->> '$.metadata' AS t) AS m)"));
            }
            Dialect::Postgres => {
                self.push("(SELECT CASE WHEN ltrim(m.t, E' \\t\\n\\r') LIKE '{%' THEN ");
                self.steps("jsonb_or_null(m.t)", None, rest);
                self.push(format!(" END FROM (SELECT {json} ->> 'metadata' AS t) AS m)"));
            }
        }
    }

    /// Writes `(SELECT … FROM (SELECT <json> AS j) AS v)` around an expression over `v.j`.
    fn of_json(&mut self, alias: &str, path: &[String], expression: &str) {
        self.push(format!("(SELECT {expression} FROM (SELECT "));
        self.attribute_json(alias, path);
        self.push(" AS j");
        self.push(self.fence());
        self.push(" AS v)");
    }

    const fn scalar_text(&self) -> &'static str {
        // Numbers as they are written in the JSON: 1.0 stays 1.0 on both.
        self.either(
            "CASE json_type(v.j) WHEN 'text' THEN v.j ->> '$' WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' \
             WHEN 'integer' THEN CAST(v.j AS TEXT) WHEN 'real' THEN CAST(v.j AS TEXT) END",
            "CASE WHEN jsonb_typeof(v.j) IN ('string', 'number', 'boolean') THEN v.j #>> '{}' END",
        )
    }

    /// Writes an attribute as a text; NULL for lists and maps.
    pub(super) fn attribute_text(&mut self, alias: &str, path: &[String]) {
        match column(path) {
            Some("span_kind") => self.push(format!("NULLIF({alias}.span_kind, '')")),
            Some(column) => self.push(format!("{alias}.{column}")),
            None => self.of_json(alias, path, self.scalar_text()),
        }
    }

    /// Writes an attribute as a number: numbers, truths, and texts that are a number by JSON's grammar and not absurdly
    /// long.
    pub(super) fn attribute_number(&mut self, alias: &str, path: &[String]) {
        let expression = self.either(
            "CASE json_type(v.j) WHEN 'true' THEN 1.0 WHEN 'false' THEN 0.0 \
             WHEN 'integer' THEN CAST(v.j AS REAL) \
             WHEN 'real' THEN CASE WHEN abs(CAST(v.j AS REAL)) <= 1e300 THEN CAST(v.j AS REAL) END \
             WHEN 'text' THEN CASE WHEN length(v.j ->> '$') <= 40 AND json_valid(v.j ->> '$') THEN \
                 CASE WHEN json_type(v.j ->> '$') IN ('integer', 'real') \
                     AND v.j NOT GLOB '*[eE][0-9][0-9][0-9]*' AND v.j NOT GLOB '*[eE][-+][0-9][0-9][0-9]*' \
                     THEN CAST(trim(v.j ->> '$', char(9, 10, 13, 32)) AS REAL) END END END",
            "CASE jsonb_typeof(v.j) WHEN 'boolean' THEN CASE WHEN v.j = 'true'::jsonb THEN 1.0 ELSE 0.0 END::float8 \
             WHEN 'number' THEN CASE WHEN abs((v.j #>> '{}')::numeric) <= 1e300 \
                 THEN CASE WHEN abs((v.j #>> '{}')::numeric) < 1e-300 THEN 0.0 ELSE (v.j #>> '{}')::numeric END::float8 END \
             WHEN 'string' THEN CASE WHEN length(v.j #>> '{}') <= 40 \
                 AND (v.j #>> '{}') ~ '^[ \\t\\n\\r]*-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]{1,2})?[ \\t\\n\\r]*$' \
                 THEN (v.j #>> '{}')::float8 END END",
        );
        self.of_json(alias, path, expression);
    }

    /// Writes an attribute as a truth: truths, 1 and 0, and the words in either case.
    pub(super) fn attribute_truth(&mut self, alias: &str, path: &[String]) {
        let expression = self.either(
            "CASE json_type(v.j) WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE \
             WHEN 'text' THEN CASE lower(v.j ->> '$') WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END \
             WHEN 'integer' THEN CASE CAST(v.j AS REAL) WHEN 1.0 THEN TRUE WHEN 0.0 THEN FALSE END \
             WHEN 'real' THEN CASE CAST(v.j AS REAL) WHEN 1.0 THEN TRUE WHEN 0.0 THEN FALSE END END",
            "CASE jsonb_typeof(v.j) WHEN 'boolean' THEN v.j = 'true'::jsonb \
             WHEN 'string' THEN CASE lower(v.j #>> '{}') WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END \
             WHEN 'number' THEN CASE (v.j #>> '{}')::numeric WHEN 1 THEN TRUE WHEN 0 THEN FALSE END END",
        );
        self.of_json(alias, path, expression);
    }

    /// Writes whether an attribute is there, or any whose key goes on from it.
    pub(super) fn attribute_present(&mut self, alias: &str, path: &[String]) {
        if let Some(column) = column(path) {
            self.push(format!("COALESCE({alias}.{column} <> '', FALSE)"));
            return;
        }
        self.push("(COALESCE(");
        self.of_json(alias, path, self.either("json_type(v.j) <> 'null'", "jsonb_typeof(v.j) <> 'null'"));
        self.push(", FALSE)");
        if !is_leaf(path) {
            self.push(" OR EXISTS (SELECT 1 FROM ");
            self.longer_keys(alias, path);
            self.push(")");
        }
        self.push(")");
    }

    /// Writes the entries `a` of the attributes whose key goes on from the path, and whose value is not null.
    fn longer_keys(&mut self, alias: &str, path: &[String]) {
        let json = json(self.dialect, alias);
        let prefix = format!("{}.", path.join("."));
        match self.dialect {
            Dialect::Sqlite => {
                self.push(format!("json_each({json}) AS a WHERE a.type <> 'null' AND substr(a.key, 1, "));
                self.push(prefix.chars().count().to_string());
                self.push(") = ");
                self.bind_text(&prefix);
            }
            Dialect::Postgres => {
                self.push(format!("jsonb_each({json}) AS a WHERE a.value <> 'null'::jsonb AND starts_with(a.key, "));
                self.bind_text(&prefix);
                self.push(")");
            }
        }
    }

    /// Writes whether an attribute contains a text: a scalar by its text, a list or a map when one of its scalars does,
    /// keys that go on from it likewise; NULL when there is nothing. `needle` writes the needle's columns, `found` the
    /// test of a text against them.
    pub(super) fn attribute_contains(
        &mut self,
        alias: &str,
        path: &[String],
        needle: &dyn Fn(&mut Self),
        found: &dyn Fn(&str) -> String,
    ) {
        let leaves = |json: &str| match self.dialect {
            Dialect::Sqlite => format!(
                "EXISTS (SELECT 1 FROM json_tree({json}) AS t WHERE t.type IN ('text', 'integer', 'real', 'true', 'false') AND {})",
                found(
                    "CASE t.type WHEN 'text' THEN t.atom WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE json_quote(t.atom) END"
                )
            ),
            Dialect::Postgres => format!(
                "EXISTS (SELECT 1 FROM jsonb_path_query({json}, 'strict $.**') AS t(v) \
                 WHERE jsonb_typeof(t.v) IN ('string', 'number', 'boolean') AND {})",
                found("(t.v #>> '{}')")
            ),
        };
        let (of_value, of_entry) = (leaves("v.j"), leaves(self.either("a.j", "a.value")));
        let text = self.scalar_text();
        let (kind, containers) = (
            self.either("json_type(v.j)", "jsonb_typeof(v.j)"),
            self.either("('object', 'array')", "('object', 'array')"),
        );
        self.push(format!(
            "(SELECT CASE WHEN v.n0 IS NULL THEN NULL WHEN {kind} IN {containers} THEN {of_value} WHEN {kind} <> 'null' THEN {}",
            found(text)
        ));
        if !is_leaf(path) {
            self.push(" WHEN EXISTS (SELECT 1 FROM ");
            self.longer_keys(alias, path);
            self.push(") THEN EXISTS (SELECT 1 FROM ");
            if self.dialect == Dialect::Sqlite {
                // A value of json_each is JSON only where it is a list or a map.
                self.push(
                    "(SELECT CASE a.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' WHEN 'object' THEN a.value \
                     WHEN 'array' THEN a.value ELSE json_quote(a.value) END AS j FROM ",
                );
                self.longer_keys(alias, path);
                self.push(format!(") AS a WHERE {of_entry})"));
            } else {
                self.longer_keys(alias, path);
                self.push(format!(" AND {of_entry})"));
            }
        }
        self.push(" END FROM (SELECT ");
        self.attribute_json(alias, path);
        self.push(" AS j, ");
        needle(self);
        self.push(self.fence());
        self.push(" AS v)");
    }
}
