//! Filters evaluated over rows in memory: what the SQL of both engines is measured against.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::typed::{
    Arith, Attribute, Cmp, Collection, Cond, Filter, Loop, Number, NumberField, Operand, Place, Reduction, Subject,
    Text, TextField, Time, TimeField, Via,
};
use crate::domain::span::normalized_kind;

/// A span.
#[derive(Clone, Debug, Default)]
pub(crate) struct SpanRow {
    pub(crate) id: i64,
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) parent_id: Option<String>,
    pub(crate) name: String,
    pub(crate) sent_kind: String,
    pub(crate) status_code: i16,
    pub(crate) status_message: String,
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) prompt: Option<i64>,
    pub(crate) completion: Option<i64>,
    /// What its prompt and its completion cost.
    pub(crate) cost: (f64, f64),
    pub(crate) attributes: Map<String, Value>,
}

/// A trace, or a session.
#[derive(Clone, Debug, Default)]
pub(crate) struct GroupRow {
    pub(crate) id: i64,
    /// Trace id or session id.
    pub(crate) name: String,
    /// Of a trace: row id of its session.
    pub(crate) session: Option<i64>,
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) spans: i64,
    pub(crate) errors: i64,
    pub(crate) prompt: i64,
    pub(crate) completion: i64,
    /// What prompts and completions cost.
    pub(crate) cost: (f64, f64),
}

/// An annotation.
#[derive(Clone, Debug, Default)]
pub(crate) struct AnnotationRow {
    pub(crate) target: i16,
    pub(crate) target_id: i64,
    pub(crate) name: String,
    pub(crate) identifier: String,
    pub(crate) label: Option<String>,
    pub(crate) score: Option<f64>,
    pub(crate) explanation: Option<String>,
}

/// The rows of one project.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) spans: Vec<SpanRow>,
    pub(crate) traces: Vec<GroupRow>,
    pub(crate) sessions: Vec<GroupRow>,
    pub(crate) annotations: Vec<AnnotationRow>,
}

#[derive(Clone, Copy)]
enum Row<'w> {
    Span(&'w SpanRow),
    Trace(&'w GroupRow),
    Session(&'w GroupRow),
    Annotation(&'w AnnotationRow),
}

impl Row<'_> {
    fn cost(self) -> Option<(f64, f64)> {
        match self {
            Row::Span(span) => Some(span.cost),
            Row::Trace(group) | Row::Session(group) => Some(group.cost),
            Row::Annotation(_) => None,
        }
    }
}

impl World {
    /// Returns the row ids that pass.
    pub(crate) fn select(&self, filter: &Filter) -> Vec<i64> {
        let rows: Vec<(i64, Row<'_>)> = match filter.subject {
            Subject::Span => self.spans.iter().map(|s| (s.id, Row::Span(s))).collect(),
            Subject::Trace => self.traces.iter().map(|t| (t.id, Row::Trace(t))).collect(),
            Subject::Session => self.sessions.iter().map(|s| (s.id, Row::Session(s))).collect(),
        };
        let mut ids: Vec<i64> =
            rows.into_iter().filter(|(_, row)| self.passes(filter, *row, &mut Vec::new())).map(|(id, _)| id).collect();
        ids.sort_unstable();
        ids
    }

    /// Tries every choice of annotations.
    fn passes<'w>(&'w self, filter: &Filter, row: Row<'w>, chosen: &mut Vec<Option<&'w AnnotationRow>>) -> bool {
        let Some(wanted) = filter.annotations.get(chosen.len()) else {
            let view = View { world: self, rows: vec![row], chosen: chosen.clone() };
            return view.cond(&filter.condition) == Some(true);
        };
        let (target, id) = match (wanted.target, row) {
            (Subject::Span, Row::Span(s)) => (1, Some(s.id)),
            (Subject::Trace, Row::Span(s)) => (2, self.traces.iter().find(|t| t.name == s.trace_id).map(|t| t.id)),
            (Subject::Trace, Row::Trace(t)) => (2, Some(t.id)),
            (_, Row::Session(s)) => (3, Some(s.id)),
            _ => (0, None),
        };
        let mut choices: Vec<Option<&AnnotationRow>> = self
            .annotations
            .iter()
            .filter(|a| a.target == target && Some(a.target_id) == id && a.name == wanted.name)
            .map(Some)
            .collect();
        if choices.is_empty() {
            choices.push(None);
        }
        choices.into_iter().any(|choice| {
            chosen.push(choice);
            let passes = self.passes(filter, row, chosen);
            chosen.pop();
            passes
        })
    }

    fn spans_of(&self, row: Row<'_>) -> Vec<&SpanRow> {
        let in_session =
            |trace: &str, session: i64| self.traces.iter().any(|t| t.name == trace && t.session == Some(session));
        let of = |s: &&SpanRow| match row {
            Row::Span(span) => s.trace_id == span.trace_id,
            Row::Trace(trace) => s.trace_id == trace.name,
            Row::Session(session) => in_session(&s.trace_id, session.id),
            Row::Annotation(_) => false,
        };
        self.spans.iter().filter(of).collect()
    }

    fn below<'w>(&'w self, top: &'w SpanRow) -> Vec<&'w SpanRow> {
        let all = self.spans_of(Row::Span(top));
        let mut seen = vec![top.span_id.as_str()];
        let mut next = 0;
        while let Some(parent) = seen.get(next).copied() {
            next += 1;
            for span in &all {
                if span.parent_id.as_deref() == Some(parent) && !seen.contains(&span.span_id.as_str()) {
                    seen.push(&span.span_id);
                }
            }
        }
        all.into_iter().filter(|s| seen.contains(&s.span_id.as_str())).collect()
    }
}

struct View<'w> {
    world: &'w World,
    rows: Vec<Row<'w>>,
    chosen: Vec<Option<&'w AnnotationRow>>,
}

fn holds<T: PartialOrd>(cmp: Cmp, left: &T, right: &T) -> bool {
    let order = left.partial_cmp(right);
    match cmp {
        Cmp::Equal => order == Some(Ordering::Equal),
        Cmp::NotEqual => order != Some(Ordering::Equal),
        Cmp::Less => order == Some(Ordering::Less),
        Cmp::LessOrEqual => order.is_some_and(Ordering::is_le),
        Cmp::Greater => order == Some(Ordering::Greater),
        Cmp::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
    }
}

impl<'w> View<'w> {
    fn cond(&self, cond: &Cond) -> Option<bool> {
        match cond {
            Cond::Const(truth) => Some(*truth),
            Cond::Unknown => None,
            Cond::All(parts) => self.each(parts, false),
            Cond::Any(parts) => self.each(parts, true),
            Cond::Not(inner) => self.cond(inner).map(|truth| !truth),
            Cond::Texts(cmp, a, b) => Some(holds(*cmp, &self.text(a)?, &self.text(b)?)),
            Cond::Numbers(cmp, a, b) => Some(holds(*cmp, &self.number(a)?, &self.number(b)?)),
            Cond::Times(cmp, a, b) => Some(holds(*cmp, &self.time(a)?, &self.time(b)?)),
            Cond::Same(a, b) => Some(self.cond(a)? == self.cond(b)?),
            Cond::TextIn(text, items) => Some(items.contains(&self.text(text)?)),
            Cond::NumberIn(number, items) => {
                let number = self.number(number)?;
                Some(items.iter().any(|i| holds(Cmp::Equal, i, &number)))
            }
            Cond::Contains(text, part) => self.contains(text, part),
            Cond::Truth(attribute) => truth(&self.attribute(attribute)?),
            Cond::Missing(operand) => Some(match operand {
                Operand::Text(text) => self.text(text).is_none(),
                Operand::Number(number) => self.number(number).is_none(),
                Operand::Time(time) => self.time(time).is_none(),
                Operand::Cond(cond) => self.cond(cond).is_none(),
                Operand::Attribute(attribute) => !self.present(attribute),
                Operand::Parent(place) => self.place(*place).is_none(),
            }),
            Cond::Annotated(slot) => Some(self.chosen[*slot].is_some()),
            Cond::Quantified { every, over, each } => {
                let mut elements = self.elements(over).into_iter();
                let fulfils = |view: View<'w>| view.cond(each) == Some(true);
                Some(if *every { elements.all(fulfils) } else { elements.any(fulfils) })
            }
        }
    }

    /// Three-valued `and` (decided by false) and `or` (decided by true).
    fn each(&self, parts: &[Cond], decisive: bool) -> Option<bool> {
        let results: Vec<Option<bool>> = parts.iter().map(|p| self.cond(p)).collect();
        if results.contains(&Some(decisive)) {
            return Some(decisive);
        }
        (!results.contains(&None)).then_some(!decisive)
    }

    fn contains(&self, text: &Text, part: &Text) -> Option<bool> {
        let forms = match part {
            Text::Literal(literal) => super::needles(literal),
            _ => vec![self.text(part)?.to_ascii_lowercase()],
        };
        let found = |hay: &str| forms.iter().any(|f| hay.to_ascii_lowercase().contains(f.as_str()));
        let Text::Attribute(attribute) = text else { return Some(found(&self.text(text)?)) };
        // A column stands for no attribute here: what was sent is searched.
        if let Some(value) = self.raw(attribute) {
            return (!value.is_null()).then(|| leaves(&value, &found)).or_else(|| self.longer(attribute, &found));
        }
        self.longer(attribute, &found)
    }

    fn longer(&self, attribute: &Attribute, found: &dyn Fn(&str) -> bool) -> Option<bool> {
        let Some(Row::Span(span)) = self.place(attribute.place) else { return None };
        let prefix = format!("{}.", attribute.key());
        let values: Vec<&Value> =
            span.attributes.iter().filter(|(k, v)| k.starts_with(&prefix) && !v.is_null()).map(|(_, v)| v).collect();
        (!values.is_empty()).then(|| values.into_iter().any(|v| leaves(v, found)))
    }

    fn present(&self, attribute: &Attribute) -> bool {
        self.attribute(attribute).is_some_and(|v| !v.is_null()) || self.longer(attribute, &|_| true).is_some()
    }

    fn place(&self, place: Place) -> Option<Row<'w>> {
        let row = self.rows[place.depth];
        match (place.via, row) {
            (Via::Itself, _) => Some(row),
            (Via::Parent, Row::Span(span)) => {
                let all = self.world.spans_of(row);
                let parents = all.into_iter().filter(|s| Some(&s.span_id) == span.parent_id.as_ref());
                parents.min_by_key(|s| (s.start, s.id)).map(Row::Span)
            }
            (Via::FirstRoot | Via::LastRoot, Row::Session(_)) => {
                let start =
                    |s: &SpanRow| self.world.traces.iter().find(|t| t.name == s.trace_id).map_or(0, |t| t.start);
                let mut roots = self.world.spans_of(row);
                roots.retain(|s| s.parent_id.is_none());
                roots.sort_by_key(|s| (start(s), s.trace_id.clone(), s.span_id.clone()));
                if place.via == Via::FirstRoot { roots.first() } else { roots.last() }.copied().map(Row::Span)
            }
            (Via::FirstRoot | Via::LastRoot, _) => {
                let roots = self.world.spans_of(row).into_iter();
                roots.min_by_key(|s| (s.parent_id.is_some(), s.start, s.id)).map(Row::Span)
            }
            _ => None,
        }
    }

    /// Returns an attribute with the span kind among the others, where columns have it.
    fn attribute(&self, attribute: &Attribute) -> Option<Value> {
        if attribute.key() == "openinference.span.kind" {
            let Some(Row::Span(span)) = self.place(attribute.place) else { return None };
            return (!span.sent_kind.is_empty()).then(|| Value::from(span.sent_kind.clone()));
        }
        self.raw(attribute)
    }

    fn raw(&self, attribute: &Attribute) -> Option<Value> {
        let Some(Row::Span(span)) = self.place(attribute.place) else { return None };
        let path = &attribute.path;
        let within = |value: &Value, rest: &[String]| {
            rest.iter().try_fold(value.clone(), |value, part| match part.parse::<usize>() {
                Ok(index) if part.len() <= 6 => value.as_array()?.get(index).cloned(),
                _ => value.as_object()?.get(part).cloned(),
            })
        };
        let found = (1..=path.len())
            .rev()
            .find_map(|keys| within(span.attributes.get(&path[..keys].join("."))?, &path[keys..]));
        found.or_else(|| {
            let text = span.attributes.get("metadata").filter(|_| path[0] == "metadata" && path.len() > 1)?.as_str()?;
            let opened: Value = serde_json::from_str(text).ok().filter(|_| text.trim_start().starts_with('{'))?;
            within(&opened, &path[1..])
        })
    }

    fn text(&self, text: &Text) -> Option<String> {
        match text {
            Text::Literal(literal) => Some(literal.clone()),
            Text::Field(place, field) => text_field(self.place(*place)?, *field),
            Text::Attribute(attribute) => scalar(&self.attribute(attribute)?),
            Text::Annotation(slot, field) => text_field(Row::Annotation(self.chosen[*slot]?), *field),
            Text::Joined(a, b) => Some(self.text(a)? + &self.text(b)?),
        }
    }

    fn number(&self, number: &Number) -> Option<f64> {
        match number {
            Number::Literal(literal) => Some(*literal),
            Number::Field(place, field) => self.number_field(self.place(*place)?, *field),
            Number::Attribute(attribute) => as_number(&self.raw(attribute)?),
            Number::Score(slot) => self.chosen[*slot]?.score,
            Number::Negated(inner) => self.number(inner).map(|n| -n),
            Number::Whole(inner) => self.number(inner).map(f64::trunc),
            Number::Arithmetic(operator, a, b) => {
                let (a, b) = (self.number(a)?, self.number(b)?);
                let bounded = |x: f64| match x.abs() {
                    size if size < 1e-150 => Some(0.0),
                    size if size <= 1e150 => Some(x),
                    _ => None,
                };
                match operator {
                    Arith::Add => Some(a + b),
                    Arith::Subtract => Some(a - b),
                    Arith::Multiply => Some(bounded(a)? * bounded(b)?),
                    Arith::Divide => Some(bounded(a)? / bounded(b).filter(|b| *b != 0.0)?),
                    Arith::Remainder => {
                        let (a, b) = (bounded(a)?, bounded(b).filter(|b| *b != 0.0)?);
                        ((a / b).abs() < 9e15).then(|| a - b * (a / b).trunc())
                    }
                }
            }
            Number::Reduced(reduction, over, each) => {
                let elements = self.elements(over);
                if *reduction == Reduction::Count {
                    return Some(count(elements.len()));
                }
                let numbers = elements.iter().filter_map(|view| view.number(each));
                match reduction {
                    Reduction::Min => numbers.reduce(f64::min),
                    Reduction::Max => numbers.reduce(f64::max),
                    _ => Some(numbers.sum()),
                }
            }
        }
    }

    fn number_field(&self, row: Row<'w>, field: NumberField) -> Option<f64> {
        let both = |s: &SpanRow| s.prompt.unwrap_or(0) + s.completion.unwrap_or(0);
        let below = |of: fn(&SpanRow) -> i64| match row {
            Row::Span(span) => Some(whole(self.world.below(span).into_iter().map(of).sum())),
            _ => None,
        };
        let kind = |kind: &str| {
            let all = self.world.spans_of(row);
            Some(count(all.iter().filter(|s| s.sent_kind.eq_ignore_ascii_case(kind)).count()))
        };
        match (field, row) {
            (NumberField::Latency, Row::Span(s)) => Some(whole(s.end - s.start) / 1e6),
            (NumberField::Latency, Row::Trace(g) | Row::Session(g)) => Some(whole(g.end - g.start) / 1e6),
            (NumberField::PromptTokens, Row::Span(s)) => s.prompt.map(whole),
            (NumberField::CompletionTokens, Row::Span(s)) => s.completion.map(whole),
            (NumberField::TotalTokens, Row::Span(s)) => match (s.prompt, s.completion) {
                (None, None) => as_number(s.attributes.get("llm.token_count.total")?),
                _ => Some(whole(both(s))),
            },
            (NumberField::TotalTokensOrZero, Row::Span(s)) => Some(whole(both(s))),
            (NumberField::SubtreePromptTokens, _) => below(|s| s.prompt.unwrap_or(0)),
            (NumberField::SubtreeCompletionTokens, _) => below(|s| s.completion.unwrap_or(0)),
            (NumberField::SubtreeTotalTokens, _) => below(|s| s.prompt.unwrap_or(0) + s.completion.unwrap_or(0)),
            (NumberField::SubtreeErrors, _) => below(|s| i64::from(s.status_code == 2)),
            (NumberField::SumPromptTokens, Row::Trace(g) | Row::Session(g)) => Some(whole(g.prompt)),
            (NumberField::SumCompletionTokens, Row::Trace(g) | Row::Session(g)) => Some(whole(g.completion)),
            (NumberField::SumTotalTokens, Row::Trace(g) | Row::Session(g)) => Some(whole(g.prompt + g.completion)),
            (NumberField::PromptCost, row) => row.cost().map(|(prompt, _)| prompt),
            (NumberField::CompletionCost, row) => row.cost().map(|(_, completion)| completion),
            (NumberField::TotalCost, row) => row.cost().map(|(prompt, completion)| prompt + completion),
            (NumberField::ErrorCount, Row::Trace(g) | Row::Session(g)) => Some(whole(g.errors)),
            (NumberField::SpanCount, Row::Trace(g) | Row::Session(g)) => Some(whole(g.spans)),
            (NumberField::LlmSpanCount, _) => kind("LLM"),
            (NumberField::ToolSpanCount, _) => kind("TOOL"),
            (NumberField::TraceCount | NumberField::FailedTraceCount, Row::Session(s)) => {
                let failed = field == NumberField::FailedTraceCount;
                let of = self.world.traces.iter().filter(|t| t.session == Some(s.id) && (!failed || t.errors > 0));
                Some(count(of.count()))
            }
            (NumberField::Score, Row::Annotation(a)) => a.score,
            _ => None,
        }
    }

    fn time(&self, time: &Time) -> Option<i64> {
        match time {
            Time::Literal(nanos) => Some(*nanos),
            Time::Field(place, field) => {
                let (start, end) = match self.place(*place)? {
                    Row::Span(s) => (s.start, s.end),
                    Row::Trace(g) | Row::Session(g) => (g.start, g.end),
                    Row::Annotation(_) => return None,
                };
                Some(if *field == TimeField::Start { start } else { end })
            }
            Time::Reduced(reduction, over, each) => {
                let elements = self.elements(over);
                let times = elements.iter().filter_map(|view| view.time(each));
                if *reduction == Reduction::Min { times.min() } else { times.max() }
            }
        }
    }

    fn elements(&self, over: &Loop) -> Vec<View<'w>> {
        let (world, owner) = (self.world, self.rows[over.of]);
        let spans = |keep: &dyn Fn(&SpanRow) -> bool| {
            world.spans_of(owner).into_iter().filter(|s| keep(s)).map(Row::Span).collect::<Vec<_>>()
        };
        let said = |target: i16, ids: &[i64]| {
            let of = world.annotations.iter().filter(|a| a.target == target && ids.contains(&a.target_id));
            of.map(Row::Annotation).collect::<Vec<_>>()
        };
        let id = match owner {
            Row::Span(s) => s.id,
            Row::Trace(g) | Row::Session(g) => g.id,
            Row::Annotation(_) => 0,
        };
        let span_ids = || world.spans_of(owner).iter().map(|s| s.id).collect::<Vec<_>>();
        let rows: Vec<Row<'w>> = match (over.over, owner) {
            (Collection::SpansOfTrace | Collection::SpansOfSession, _) => spans(&|_| true),
            (Collection::RootsOfSession, _) => spans(&|s| s.parent_id.is_none()),
            (Collection::TracesOfSession, _) => {
                world.traces.iter().filter(|t| t.session == Some(id)).map(Row::Trace).collect()
            }
            (Collection::Children, Row::Span(o)) => spans(&|s| s.parent_id.as_ref() == Some(&o.span_id)),
            (Collection::Siblings, Row::Span(o)) => {
                spans(&|s| s.parent_id.is_some() && s.parent_id == o.parent_id && s.id != o.id)
            }
            (Collection::AnnotationsOfSpan, _) => said(1, &[id]),
            (Collection::AnnotationsOfTrace, _) => said(2, &[id]),
            (Collection::AnnotationsOfSession, _) => said(3, &[id]),
            (Collection::SpanAnnotationsOfTrace | Collection::SpanAnnotationsOfSession, _) => said(1, &span_ids()),
            _ => Vec::new(),
        };
        let views = rows.into_iter().map(|row| {
            let mut rows = self.rows[..over.depth].to_vec();
            rows.push(row);
            View { world, rows, chosen: self.chosen.clone() }
        });
        views.filter(|view| over.only.iter().all(|c| view.cond(c) == Some(true))).collect()
    }
}

fn text_field(row: Row<'_>, field: TextField) -> Option<String> {
    match (field, row) {
        (TextField::Name, Row::Span(s)) => Some(s.name.clone()),
        (TextField::Name, Row::Annotation(a)) => Some(a.name.clone()),
        (TextField::SpanKind, Row::Span(s)) => Some(normalized_kind(&s.sent_kind).to_owned()),
        (TextField::StatusCode, Row::Span(s)) => {
            Some(["UNSET", "OK", "ERROR"][usize::try_from(s.status_code).unwrap()].to_owned())
        }
        (TextField::StatusMessage, Row::Span(s)) => Some(s.status_message.clone()),
        (TextField::TraceId, Row::Span(s)) => Some(s.trace_id.clone()),
        (TextField::TraceId | TextField::SessionId, Row::Trace(g) | Row::Session(g)) => Some(g.name.clone()),
        (TextField::SpanId, Row::Span(s)) => Some(s.span_id.clone()),
        (TextField::ParentId, Row::Span(s)) => s.parent_id.clone(),
        (TextField::Label, Row::Annotation(a)) => a.label.clone(),
        (TextField::Identifier, Row::Annotation(a)) => Some(a.identifier.clone()),
        (TextField::Explanation, Row::Annotation(a)) => a.explanation.clone(),
        _ => None,
    }
}

fn leaves(value: &Value, found: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|i| leaves(i, found)),
        Value::Object(map) => map.values().any(|v| leaves(v, found)),
        other => scalar(other).is_some_and(|t| found(&t)),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
        Value::Number(number) => match number.as_f64()? {
            1.0 => Some(true),
            0.0 => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(truth) => Some(f64::from(*truth)),
        Value::Number(number) => number.as_f64().filter(|n| n.abs() <= 1e300),
        Value::String(text) => {
            let exponent = text
                .to_ascii_lowercase()
                .split_once('e')
                .map_or(0, |(_, e)| e.trim().trim_start_matches(['-', '+']).len());
            if text.chars().count() > 40 || exponent > 2 {
                return None;
            }
            serde_json::from_str::<serde_json::Number>(text).ok()?.as_f64()
        }
        _ => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "as the engines do")]
fn whole(number: i64) -> f64 {
    number as f64
}

fn count(number: usize) -> f64 {
    whole(i64::try_from(number).unwrap())
}
