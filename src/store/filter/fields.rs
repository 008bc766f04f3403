//! Columns in SQL: what each field of the language is, and the rows of each collection.

use super::{Dialect, Writer};
use crate::domain::{
    filter::{
        Subject,
        typed::{Collection, NumberField, Place, TextField, TimeField, Via},
    },
    span::KINDS,
};

impl Writer {
    /// Writes an expression over the row that a place means, given its alias.
    pub(super) fn at(&mut self, place: Place, expression: impl FnOnce(&mut Self, &str)) {
        let row = self.alias(place.depth);
        match (place.via, self.subject) {
            (Via::Itself, _) => expression(self, &row),
            (Via::Parent, _) => {
                self.push("(SELECT ");
                expression(self, "p");
                self.push(format!(
                    " FROM spans AS p WHERE p.project_id = {row}.project_id AND p.trace_id = {row}.trace_id \
                     AND p.span_id = {row}.parent_span_id ORDER BY p.start_time_unix_nano, p.id LIMIT 1)"
                ));
            }
            (Via::FirstRoot | Via::LastRoot, Subject::Session) => {
                let order = if place.via == Via::FirstRoot { "" } else { " DESC" };
                self.push("(SELECT ");
                expression(self, "r");
                self.push(format!(
                    " FROM traces AS rt JOIN spans AS r ON r.project_id = rt.project_id AND r.trace_id = rt.trace_id \
                     WHERE rt.project_session_id = {row}.id AND rt.project_id = {row}.project_id AND r.parent_span_id IS NULL \
                     ORDER BY rt.start_time_unix_nano{order}, rt.trace_id{order}, r.span_id{order} LIMIT 1)"
                ));
            }
            (Via::FirstRoot | Via::LastRoot, _) => {
                self.push("(SELECT ");
                expression(self, "r");
                // The order of `span_search::roots`.
                self.push(format!(
                    " FROM spans AS r WHERE r.project_id = {row}.project_id AND r.trace_id = {row}.trace_id \
                     ORDER BY CASE WHEN r.parent_span_id IS NULL THEN 0 ELSE 1 END, r.start_time_unix_nano, r.id LIMIT 1)"
                ));
            }
        }
    }

    pub(super) fn text_field(&mut self, alias: &str, field: TextField) {
        let hex = |column: &str| match self.dialect {
            Dialect::Sqlite => format!("lower(hex({alias}.{column}))"),
            Dialect::Postgres => format!("encode({alias}.{column}, 'hex')"),
        };
        let sql = match field {
            TextField::Name => format!("{alias}.name"),
            TextField::SpanKind => format!(
                "CASE WHEN UPPER({alias}.span_kind) IN ('{}') THEN UPPER({alias}.span_kind) ELSE 'UNKNOWN' END",
                KINDS.join("', '")
            ),
            TextField::StatusCode => {
                format!("CASE {alias}.status_code WHEN 1 THEN 'OK' WHEN 2 THEN 'ERROR' ELSE 'UNSET' END")
            }
            TextField::StatusMessage => format!("{alias}.status_message"),
            TextField::TraceId => hex("trace_id"),
            TextField::SpanId => hex("span_id"),
            // hex() of SQLite makes an empty text of NULL.
            TextField::ParentId => {
                format!("CASE WHEN {alias}.parent_span_id IS NOT NULL THEN {} END", hex("parent_span_id"))
            }
            TextField::SessionId => format!("{alias}.session_id"),
            TextField::Label => format!("{alias}.label"),
            TextField::Identifier => format!("{alias}.identifier"),
            TextField::Explanation => format!("{alias}.explanation"),
        };
        self.push(sql);
    }

    /// Returns the column behind an id.
    pub(super) const fn id_column(field: TextField) -> &'static str {
        match field {
            TextField::TraceId => "trace_id",
            TextField::SpanId => "span_id",
            _ => "parent_span_id",
        }
    }

    pub(super) fn time_field(&mut self, alias: &str, field: TimeField) {
        self.push(match field {
            TimeField::Start => format!("{alias}.start_time_unix_nano"),
            TimeField::End => format!("{alias}.end_time_unix_nano"),
        });
    }

    pub(super) fn number_field(&mut self, alias: &str, depth: usize, field: NumberField) {
        let own = match field {
            NumberField::Latency => {
                let nanos = format!("{alias}.end_time_unix_nano - {alias}.start_time_unix_nano");
                return self.push(format!("({} / 1000000.0)", self.real(&nanos)));
            }
            NumberField::Score => return self.push(format!("{alias}.score")),
            NumberField::PromptTokens | NumberField::SumPromptTokens => format!("{alias}.prompt_tokens"),
            NumberField::CompletionTokens | NumberField::SumCompletionTokens => format!("{alias}.completion_tokens"),
            NumberField::TotalTokens => {
                self.push(format!(
                    "COALESCE(CASE WHEN {alias}.prompt_tokens IS NOT NULL OR {alias}.completion_tokens IS NOT NULL THEN {} END, ",
                    self.real(&both_tokens(alias))
                ));
                let path: Vec<String> = ["llm", "token_count", "total"].map(str::to_owned).into();
                self.attribute_number(alias, &path);
                return self.push(")");
            }
            NumberField::TotalTokensOrZero => both_tokens(alias),
            NumberField::SumTotalTokens => format!("{alias}.prompt_tokens + {alias}.completion_tokens"),
            NumberField::PromptCost => return self.push(format!("COALESCE({alias}.prompt_cost, 0)")),
            NumberField::CompletionCost => return self.push(format!("COALESCE({alias}.completion_cost, 0)")),
            NumberField::TotalCost => {
                let sum = format!("(COALESCE({alias}.prompt_cost, 0) + COALESCE({alias}.completion_cost, 0))");
                return self.push(sum);
            }
            NumberField::ErrorCount => format!("{alias}.error_count"),
            NumberField::SpanCount => format!("{alias}.span_count"),
            NumberField::SubtreePromptTokens => subtree(alias, "SUM(COALESCE(u.prompt_tokens, 0))"),
            NumberField::SubtreeCompletionTokens => subtree(alias, "SUM(COALESCE(u.completion_tokens, 0))"),
            NumberField::SubtreeTotalTokens => subtree(alias, &format!("SUM({})", both_tokens("u"))),
            NumberField::SubtreeErrors => subtree(alias, "SUM(CASE WHEN u.status_code = 2 THEN 1 ELSE 0 END)"),
            NumberField::LlmSpanCount => self.span_count(alias, depth, "LLM"),
            NumberField::ToolSpanCount => self.span_count(alias, depth, "TOOL"),
            NumberField::TraceCount | NumberField::FailedTraceCount => {
                let failed = if field == NumberField::FailedTraceCount { " AND n.error_count > 0" } else { "" };
                format!(
                    "(SELECT COUNT(*) FROM traces AS n WHERE n.project_session_id = {alias}.id \
                     AND n.project_id = {alias}.project_id{failed})"
                )
            }
        };
        let sql = self.real(&own);
        self.push(sql);
    }

    fn real(&self, sql: &str) -> String {
        match self.dialect {
            Dialect::Sqlite => format!("CAST({sql} AS REAL)"),
            Dialect::Postgres => format!("({sql})::float8"),
        }
    }

    /// Returns the number of spans of one kind of a trace or a session.
    fn span_count(&self, alias: &str, depth: usize, kind: &str) -> String {
        let of_session = depth == 0 && self.subject == Subject::Session;
        let from = if of_session { session_spans("n", alias) } else { trace_spans("n", alias) };
        format!("(SELECT COUNT(*) FROM {from} AND UPPER(n.span_kind) = '{kind}')")
    }

    /// Returns `table AS alias … WHERE …` for the elements of a collection.
    pub(super) fn rows(&self, over: Collection, of: usize, depth: usize) -> String {
        let (owner, e) = (self.alias(of), self.alias(depth));
        let annotations = |target: i32| {
            format!(
                "annotations AS {e} WHERE {e}.target = {target} AND {e}.project_id = {owner}.project_id AND {e}.target_id"
            )
        };
        match over {
            Collection::SpansOfTrace => trace_spans(&e, &owner),
            Collection::SpansOfSession => session_spans(&e, &owner),
            Collection::RootsOfSession => format!("{} AND {e}.parent_span_id IS NULL", session_spans(&e, &owner)),
            Collection::TracesOfSession => format!(
                "traces AS {e} WHERE {e}.project_session_id = {owner}.id AND {e}.project_id = {owner}.project_id"
            ),
            Collection::Children => format!("{} AND {e}.parent_span_id = {owner}.span_id", trace_spans(&e, &owner)),
            Collection::Siblings => format!(
                "{} AND {e}.parent_span_id = {owner}.parent_span_id AND {e}.id <> {owner}.id",
                trace_spans(&e, &owner)
            ),
            Collection::AnnotationsOfSpan => format!("{} = {owner}.id", annotations(1)),
            Collection::AnnotationsOfTrace => format!("{} = {owner}.id", annotations(2)),
            Collection::AnnotationsOfSession => format!("{} = {owner}.id", annotations(3)),
            Collection::SpanAnnotationsOfTrace => {
                format!("{} IN (SELECT y.id FROM {})", annotations(1), trace_spans("y", &owner))
            }
            Collection::SpanAnnotationsOfSession => {
                format!("{} IN (SELECT y.id FROM {})", annotations(1), session_spans("y", &owner))
            }
        }
    }
}

fn both_tokens(alias: &str) -> String {
    format!("COALESCE({alias}.prompt_tokens, 0) + COALESCE({alias}.completion_tokens, 0)")
}

fn trace_spans(e: &str, owner: &str) -> String {
    format!("spans AS {e} WHERE {e}.project_id = {owner}.project_id AND {e}.trace_id = {owner}.trace_id")
}

fn session_spans(e: &str, owner: &str) -> String {
    format!(
        "spans AS {e} WHERE {e}.project_id = {owner}.project_id AND {e}.trace_id IN \
         (SELECT st.trace_id FROM traces AS st WHERE st.project_session_id = {owner}.id AND st.project_id = {owner}.project_id)"
    )
}

/// Returns a sum over a span and all spans below it. `UNION` drops what was seen, so that a circle of parents ends.
fn subtree(alias: &str, sum: &str) -> String {
    format!(
        "(WITH RECURSIVE below (span_id) AS (\
             SELECT {alias}.span_id \
             UNION SELECT w.span_id FROM spans AS w JOIN below AS b ON w.parent_span_id = b.span_id \
                 WHERE w.project_id = {alias}.project_id AND w.trace_id = {alias}.trace_id) \
         SELECT {sum} FROM spans AS u WHERE u.project_id = {alias}.project_id AND u.trace_id = {alias}.trace_id \
             AND u.span_id IN (SELECT span_id FROM below))"
    )
}
