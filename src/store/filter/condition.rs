//! Conditions, texts, numbers and times in SQL.

use super::{Bound, Dialect, Writer};
use crate::domain::{
    filter::{
        Filter, Subject, needles,
        typed::{Arith, Cmp, Cond, Loop, Number, Operand, Place, Reduction, Text, TextField, Time, Via},
    },
    id::{SpanId, TraceId},
};

const fn sign(cmp: Cmp) -> &'static str {
    match cmp {
        Cmp::Equal => " = ",
        Cmp::NotEqual => " <> ",
        Cmp::Less => " < ",
        Cmp::LessOrEqual => " <= ",
        Cmp::Greater => " > ",
        Cmp::GreaterOrEqual => " >= ",
    }
}

impl Writer {
    /// Writes a filter. Annotations that it names are joined: one row for each choice of them.
    pub(super) fn filter(&mut self, filter: &Filter) {
        if filter.annotations.is_empty() {
            return self.cond(&filter.condition);
        }
        self.push("EXISTS (SELECT 1 FROM (SELECT 1 AS x) AS one");
        let row = self.alias(0);
        for (slot, annotation) in filter.annotations.iter().enumerate() {
            let (target, id) = match (annotation.target, self.subject) {
                (Subject::Span, _) => (1, format!("{row}.id")),
                (Subject::Trace, Subject::Span) => (
                    2,
                    format!(
                        "(SELECT at.id FROM traces AS at WHERE at.project_id = {row}.project_id AND at.trace_id = {row}.trace_id)"
                    ),
                ),
                (Subject::Trace, _) => (2, format!("{row}.id")),
                (Subject::Session, _) => (3, format!("{row}.id")),
            };
            self.push(format!(
                " LEFT JOIN annotations AS a{slot} ON a{slot}.target = {target} AND a{slot}.target_id = {id} \
                 AND a{slot}.project_id = {row}.project_id AND a{slot}.name = "
            ));
            self.bind_text(&annotation.name);
        }
        self.push(" WHERE ");
        self.cond(&filter.condition);
        self.push(")");
    }

    pub(super) fn cond(&mut self, cond: &Cond) {
        match cond {
            Cond::Const(true) => self.push("TRUE"),
            Cond::Const(false) => self.push("FALSE"),
            Cond::Unknown => self.push("(NULL = 1)"),
            Cond::All(parts) => self.chain(parts, " AND "),
            Cond::Any(parts) => self.chain(parts, " OR "),
            Cond::Not(inner) => {
                self.push("(NOT ");
                self.cond(inner);
                self.push(")");
            }
            Cond::Texts(cmp, left, right) => self.texts(*cmp, left, right),
            Cond::Numbers(cmp, left, right) => {
                self.push("(");
                self.number(left);
                self.push(sign(*cmp));
                self.number(right);
                self.push(")");
            }
            Cond::Times(cmp, left, right) => {
                self.push("(");
                self.time(left);
                self.push(sign(*cmp));
                self.time(right);
                self.push(")");
            }
            Cond::Same(left, right) => {
                self.push("(");
                self.cond(left);
                self.push(" = ");
                self.cond(right);
                self.push(")");
            }
            Cond::TextIn(text, items) => self.text_in(text, items),
            Cond::NumberIn(number, items) => {
                self.push("(");
                self.number(number);
                self.push(" IN (");
                for (index, item) in items.iter().enumerate() {
                    self.push(if index == 0 { "" } else { ", " });
                    self.bind(Bound::Real(*item));
                }
                self.push("))");
            }
            Cond::Contains(text, part) => self.contains(text, part),
            Cond::Truth(attribute) => self.at(attribute.place, |w, alias| w.attribute_truth(alias, &attribute.path)),
            Cond::Missing(operand) => self.missing(operand),
            Cond::Annotated(slot) => self.push(format!("(a{slot}.id IS NOT NULL)")),
            Cond::Quantified { every, over, each } => {
                self.push(if *every { "(NOT EXISTS (SELECT 1 FROM " } else { "(EXISTS (SELECT 1 FROM " });
                self.elements(over);
                self.push(if *every { " AND NOT COALESCE(" } else { " AND (" });
                self.cond(each);
                self.push(if *every { ", FALSE)))" } else { ")))" });
            }
        }
    }

    /// Writes a chain as a balanced tree: engines bound the depth of an expression, not its length.
    fn chain(&mut self, parts: &[Cond], operator: &str) {
        match parts {
            [] => self.push("TRUE"),
            [only] => self.cond(only),
            _ => {
                let (left, right) = parts.split_at(parts.len() / 2);
                self.push("(");
                self.chain(left, operator);
                self.push(operator);
                self.chain(right, operator);
                self.push(")");
            }
        }
    }

    fn texts(&mut self, cmp: Cmp, left: &Text, right: &Text) {
        if let (Text::Field(place, field), Text::Literal(id)) | (Text::Literal(id), Text::Field(place, field)) =
            (left, right)
            && field.is_id()
            && !cmp.orders()
        {
            // By the bytes, so that the index of the column serves.
            return self.id_among(*place, *field, std::slice::from_ref(id), cmp == Cmp::NotEqual);
        }
        self.push("(");
        self.text(left);
        if cmp.orders() {
            self.push(self.either("", " COLLATE \"C\""));
        }
        self.push(sign(cmp));
        self.text(right);
        self.push(")");
    }

    fn text_in(&mut self, text: &Text, items: &[String]) {
        if let Text::Field(place, field) = text
            && field.is_id()
        {
            return self.id_among(*place, *field, items, false);
        }
        self.push("(");
        self.text(text);
        self.push(" IN (");
        for (index, item) in items.iter().enumerate() {
            self.push(if index == 0 { "" } else { ", " });
            self.bind_text(item);
        }
        self.push("))");
    }

    fn id_among(&mut self, place: Place, field: TextField, ids: &[String], negated: bool) {
        let bytes: Vec<Vec<u8>> = ids.iter().filter_map(|id| id_bytes(field, id)).collect();
        self.at(place, |w, alias| {
            let column = format!("{alias}.{}", Self::id_column(field));
            if bytes.is_empty() {
                // No id looks like this; unknown all the same where there is none.
                return w
                    .push(format!("({column} IS {}NULL AND {column} = {column})", if negated { "NOT " } else { "" }));
            }
            w.push(format!("({column} {}IN (", if negated { "NOT " } else { "" }));
            for (index, id) in bytes.into_iter().enumerate() {
                w.push(if index == 0 { "" } else { ", " });
                w.bind(Bound::Bytes(id));
            }
            w.push("))");
        });
    }

    /// Writes whether a text contains another. Case is ignored by comparing lower forms; engines agree on those of ASCII
    /// only, so other letters are also looked for in their lower, upper and capitalized forms.
    fn contains(&mut self, text: &Text, part: &Text) {
        let forms = match part {
            Text::Literal(literal) => needles(literal),
            _ => Vec::new(),
        };
        let count = forms.len().max(1);
        let needle = |w: &mut Self| {
            if forms.is_empty() {
                w.lower_text(part);
                w.push(" AS n0");
            }
            for (index, form) in forms.iter().enumerate() {
                w.push(if index == 0 { "" } else { ", " });
                w.push(w.either("", "CAST("));
                w.bind_text(form);
                w.push(w.either("", " AS TEXT)"));
                w.push(format!(" AS n{index}"));
            }
        };
        let (function, collate) = match self.dialect {
            Dialect::Sqlite => ("instr", ""),
            Dialect::Postgres => ("strpos", " COLLATE \"C\""),
        };
        let found = move |hay: &str| {
            let tests: Vec<String> =
                (0..count).map(|n| format!("{function}(lower({hay}{collate}), v.n{n}) > 0")).collect();
            format!("({})", tests.join(" OR "))
        };
        if let Text::Attribute(attribute) = text {
            return self.at(attribute.place, |w, alias| w.attribute_contains(alias, &attribute.path, &needle, &found));
        }
        self.push(format!("(SELECT {} FROM (SELECT ", found("v.h")));
        self.text(text);
        self.push(" AS h, ");
        needle(self);
        self.push(self.fence());
        self.push(" AS v)");
    }

    fn lower_text(&mut self, text: &Text) {
        self.push("lower(");
        self.text(text);
        self.push(self.either(")", " COLLATE \"C\")"));
    }

    fn missing(&mut self, operand: &Operand) {
        self.push("(");
        match operand {
            Operand::Attribute(attribute) => {
                self.push("NOT COALESCE(");
                self.at(attribute.place, |w, alias| w.attribute_present(alias, &attribute.path));
                return self.push(", FALSE))");
            }
            Operand::Parent(place) => self.at(*place, |w, alias| w.push(format!("{alias}.id"))),
            Operand::Text(Text::Field(place, field)) if field.is_id() => {
                self.at(*place, |w, alias| w.push(format!("{alias}.{}", Self::id_column(*field))));
            }
            Operand::Text(text) => self.text(text),
            Operand::Number(number) => self.number(number),
            Operand::Time(time) => self.time(time),
            Operand::Cond(cond) => self.cond(cond),
        }
        self.push(" IS NULL)");
    }

    fn elements(&mut self, over: &Loop) {
        let rows = self.rows(over.over, over.of, over.depth);
        self.push(rows);
        for cond in &over.only {
            self.push(" AND ");
            self.cond(cond);
        }
    }

    pub(super) fn text(&mut self, text: &Text) {
        match text {
            Text::Literal(literal) => {
                self.push(self.either("", "CAST("));
                self.bind_text(literal);
                self.push(self.either("", " AS TEXT)"));
            }
            Text::Field(place, field) => self.at(*place, |w, alias| w.text_field(alias, *field)),
            Text::Attribute(attribute) => self.at(attribute.place, |w, alias| w.attribute_text(alias, &attribute.path)),
            Text::Annotation(slot, field) => self.text_field(&format!("a{slot}"), *field),
            Text::Joined(left, right) => {
                self.push("(");
                self.text(left);
                self.push(" || ");
                self.text(right);
                self.push(")");
            }
        }
    }

    pub(super) fn number(&mut self, number: &Number) {
        match number {
            Number::Literal(literal) => self.bind(Bound::Real(*literal)),
            Number::Field(place, field) => {
                // A row reached by a way is a span, and no trace or session is counted from there.
                let depth = if place.via == Via::Itself { place.depth } else { 1 };
                self.at(*place, |w, alias| w.number_field(alias, depth, *field));
            }
            Number::Attribute(attribute) => {
                self.at(attribute.place, |w, alias| w.attribute_number(alias, &attribute.path));
            }
            Number::Score(slot) => self.push(format!("a{slot}.score")),
            Number::Negated(inner) => {
                self.push("(0.0 - ");
                self.number(inner);
                self.push(")");
            }
            Number::Whole(inner) => {
                // Doubles from 2^53 on are whole.
                self.push(self.either(
                    "(SELECT CASE WHEN abs(v.x) < 9e15 THEN CAST(CAST(v.x AS INTEGER) AS REAL) ELSE v.x END FROM (SELECT ",
                    "(SELECT trunc(v.x) FROM (SELECT ",
                ));
                self.number(inner);
                self.push(" AS x");
                self.push(self.fence());
                self.push(" AS v)");
            }
            Number::Arithmetic(operator, left, right) => self.arithmetic(*operator, left, right),
            Number::Reduced(Reduction::Count, over, _) => {
                self.push(self.either("(SELECT CAST(COUNT(*) AS REAL) FROM ", "(SELECT COUNT(*)::float8 FROM "));
                self.elements(over);
                self.push(")");
            }
            Number::Reduced(reduction, over, each) => {
                // The values first: an aggregate of an outer element alone would belong to the outer query.
                self.push(match reduction {
                    Reduction::Min => "(SELECT MIN(z.x) FROM (SELECT ",
                    Reduction::Max => "(SELECT MAX(z.x) FROM (SELECT ",
                    _ => "(SELECT COALESCE(SUM(z.x), 0.0) FROM (SELECT ",
                });
                self.number(each);
                self.push(" AS x FROM ");
                self.elements(over);
                self.push(") AS z)");
            }
        }
    }

    fn arithmetic(&mut self, operator: Arith, left: &Number, right: &Number) {
        let sum = match operator {
            Arith::Add => Some(" + "),
            Arith::Subtract => Some(" - "),
            _ => None,
        };
        if let Some(sum) = sum {
            self.push("(");
            self.number(left);
            self.push(sum);
            self.number(right);
            return self.push(")");
        }
        // Factors within these bounds have a product and a quotient that is a double on both engines.
        let bounded = |x: &str| format!("CASE WHEN abs({x}) < 1e-150 THEN 0.0 WHEN abs({x}) <= 1e150 THEN {x} END");
        let expression = match operator {
            Arith::Divide => "CASE WHEN w.y <> 0.0 THEN w.x / w.y END",
            Arith::Remainder => self.either(
                "CASE WHEN w.y <> 0.0 AND abs(w.x / w.y) < 9e15 THEN w.x - w.y * CAST(CAST(w.x / w.y AS INTEGER) AS REAL) END",
                "CASE WHEN w.y <> 0.0 AND abs(w.x / NULLIF(w.y, 0.0)) < 9e15 THEN w.x - w.y * trunc(w.x / w.y) END",
            ),
            _ => "w.x * w.y",
        };
        self.push(format!(
            "(SELECT {expression} FROM (SELECT {} AS x, {} AS y FROM (SELECT ",
            bounded("v.x"),
            bounded("v.y")
        ));
        self.number(left);
        self.push(" AS x, ");
        self.number(right);
        self.push(" AS y");
        self.push(self.fence());
        self.push(" AS v");
        self.push(self.fence());
        self.push(" AS w)");
    }

    fn time(&mut self, time: &Time) {
        match time {
            Time::Literal(nanos) => self.bind(Bound::Int(*nanos)),
            Time::Field(place, field) => self.at(*place, |w, alias| w.time_field(alias, *field)),
            Time::Reduced(reduction, over, each) => {
                let function = if *reduction == Reduction::Min { "MIN" } else { "MAX" };
                self.push(format!("(SELECT {function}(z.x) FROM (SELECT "));
                self.time(each);
                self.push(" AS x FROM ");
                self.elements(over);
                self.push(") AS z)");
            }
        }
    }
}

/// Returns the bytes of an id in the form that ids are shown in; upper case is another text.
fn id_bytes(field: TextField, id: &str) -> Option<Vec<u8>> {
    if id.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    match field {
        TextField::TraceId => TraceId::from_hex(id).map(|id| id.0.to_vec()),
        _ => SpanId::from_hex(id).map(|id| id.0.to_vec()),
    }
}
