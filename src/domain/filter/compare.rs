//! Which values go together: comparisons, arithmetic, casts.

use std::ops::Range;

use super::{
    check::{Checker, Kind, Value},
    error::{FilterError, Result},
    lexer::MAX_NUMBER,
    syntax::{Arith, Cmp, Expr, Relation},
    typed::{Attribute, Cond, Loop, Number, Place, Text, Time, Via},
};
use crate::domain::time::UnixNanos;

fn error<T>(at: &Range<usize>, message: impl Into<String>) -> Result<T> {
    Err(FilterError::new(at, message))
}

impl Checker<'_> {
    /// Reads `a < b < c`: each pair must hold.
    pub(super) fn comparison(&mut self, first: &Expr, rest: &[(Relation, Expr)]) -> Result<Cond> {
        let mut conditions = Vec::with_capacity(rest.len());
        let mut left = self.value(first)?;
        self.conditions += rest.len() - 1;
        for (relation, right) in rest {
            let right = self.value(right)?;
            conditions.push(self.pair(*relation, left, right.clone())?);
            left = right;
        }
        Ok(if conditions.len() == 1 { conditions.remove(0) } else { Cond::All(conditions) })
    }

    fn pair(&mut self, relation: Relation, left: Value, right: Value) -> Result<Cond> {
        match relation {
            Relation::Compare(cmp) => Self::compare(cmp, left, right),
            Relation::Is | Relation::IsNot => {
                let fits = |v: &Value| matches!(v.of, Kind::None | Kind::Truth(Cond::Const(_)));
                if !fits(&left) && !fits(&right) {
                    return error(&right.at, "`is` compares with None, True or False; for other values write `==`");
                }
                Self::compare(if relation == Relation::Is { Cmp::Equal } else { Cmp::NotEqual }, left, right)
            }
            Relation::In => self.within(left, right),
            Relation::NotIn => Ok(Cond::Not(Box::new(self.within(left, right)?))),
        }
    }

    fn compare(cmp: Cmp, left: Value, right: Value) -> Result<Cond> {
        let both = left.at.start..right.at.end;
        for side in [&left, &right] {
            match side.of {
                Kind::List(_) => return error(&side.at, "a list can only stand after `in` or `not in`"),
                Kind::Search(_) => return error(&side.at, "this is only searched: `'text' in any_input`"),
                _ => {}
            }
        }
        match (left.of, right.of) {
            (Kind::None, of) | (of, Kind::None) => {
                if cmp.orders() {
                    return error(&both, "None has no order; ask `is None` or `is not None`");
                }
                let at = if matches!(of, Kind::None) { both } else { left.at };
                let missing = Self::missing(Value { of, at })?;
                Ok(if cmp == Cmp::Equal { missing } else { negated(missing) })
            }
            (Kind::NoText, Kind::NoText | Kind::Text(_))
            | (Kind::Text(_), Kind::NoText)
            | (Kind::NoNumber, Kind::NoNumber | Kind::Number(_))
            | (Kind::Number(_), Kind::NoNumber) => Ok(Cond::Unknown),
            (Kind::Text(a), Kind::Text(b)) => Ok(texts(cmp, a, b)),
            (Kind::Number(a), Kind::Number(b)) => Ok(Cond::Numbers(cmp, a, b)),
            (Kind::Time(a), Kind::Time(b)) => Ok(Cond::Times(cmp, a, b)),
            (Kind::Time(a), Kind::Text(Text::Literal(b))) => Ok(Cond::Times(cmp, a, instant(&b, &right.at)?)),
            (Kind::Text(Text::Literal(a)), Kind::Time(b)) => Ok(Cond::Times(cmp, instant(&a, &left.at)?, b)),
            (Kind::Attribute(a), Kind::Text(b)) => Ok(texts(cmp, Text::Attribute(a), b)),
            (Kind::Text(a), Kind::Attribute(b)) => Ok(texts(cmp, a, Text::Attribute(b))),
            (Kind::Attribute(a), Kind::Attribute(b)) => Ok(texts(cmp, Text::Attribute(a), Text::Attribute(b))),
            (Kind::Attribute(a), Kind::Number(b)) => Ok(Cond::Numbers(cmp, Number::Attribute(a), b)),
            (Kind::Number(a), Kind::Attribute(b)) => Ok(Cond::Numbers(cmp, a, Number::Attribute(b))),
            (Kind::Attribute(a), Kind::Truth(b)) => truths(cmp, Cond::Truth(a), b, &both),
            (Kind::Truth(a), Kind::Attribute(b)) => truths(cmp, a, Cond::Truth(b), &both),
            (Kind::Truth(a), Kind::Truth(b)) => truths(cmp, a, b, &both),
            (Kind::Time(_), Kind::Attribute(_)) | (Kind::Attribute(_), Kind::Time(_)) => {
                error(&both, "a time compares with a text in ISO 8601, not with an attribute")
            }
            (a, b) => error(&both, mismatch(&a, &b)),
        }
    }

    /// Reads `a in b`.
    fn within(&mut self, left: Value, right: Value) -> Result<Cond> {
        let both = left.at.start..right.at.end;
        let part = match right.of {
            Kind::List(items) => return self.one_of(left, items, &both),
            Kind::Text(Text::Literal(_)) => {
                return error(&right.at, "after `in` there is a list, or a text of the data and not of the filter");
            }
            Kind::Text(_) | Kind::Attribute(_) | Kind::Search(_) => match left.of {
                Kind::Text(text) => text,
                Kind::Attribute(attribute) => Text::Attribute(attribute),
                other => {
                    return error(&left.at, format!("only a text can be in a text, and this is a {}", other.noun()));
                }
            },
            Kind::NoText if matches!(left.of, Kind::Text(_) | Kind::Attribute(_)) => return Ok(Cond::Unknown),
            other => return error(&right.at, format!("after `in` there is a list or a text, not a {}", other.noun())),
        };
        Ok(match right.of {
            Kind::Search(key) => {
                if !matches!(part, Text::Literal(_)) {
                    return error(&left.at, "what is searched for is a text: `'text' in any_input`");
                }
                let over = Loop { over: super::typed::Collection::RootsOfSession, of: 0, depth: 1, only: Vec::new() };
                let place = Place { depth: 1, via: Via::Itself };
                let value = Attribute { place, path: key.split('.').map(str::to_owned).collect() };
                let each = Box::new(Cond::Contains(Text::Attribute(value), part));
                Cond::Quantified { every: false, over, each }
            }
            Kind::Text(text) => Cond::Contains(text, part),
            Kind::Attribute(attribute) => Cond::Contains(Text::Attribute(attribute), part),
            // Every other kind has returned above.
            _ => Cond::Unknown,
        })
    }

    fn one_of(&mut self, left: Value, items: Vec<Value>, both: &Range<usize>) -> Result<Cond> {
        let literal = |v: &Value| {
            matches!(
                v.of,
                Kind::Text(Text::Literal(_)) | Kind::Number(Number::Literal(_)) | Kind::Truth(Cond::Const(_))
            )
        };
        if literal(&left) && items.iter().all(literal) {
            return error(both, "both sides are written out; one of them should be a value of the data");
        }
        if let Some(none) = items.iter().find(|i| matches!(i.of, Kind::None)) {
            return error(&none.at, "None in a list matches nothing; ask `is None` or `is not None`");
        }
        if let Some(mixed) =
            items.iter().find(|i| literal(i) && i.of.noun() != items[0].of.noun() && literal(&items[0]))
        {
            return error(
                &mixed.at,
                format!("a list of one type: this is a {}, the first a {}", mixed.of.noun(), items[0].of.noun()),
            );
        }
        // One comparison first, so that types are checked also when all the rest becomes one list.
        let Some(first) = items.first().cloned() else { return Ok(Cond::Const(false)) };
        let compared = Self::compare(Cmp::Equal, left, first)?;
        if items.iter().all(literal) {
            match compared {
                Cond::Texts(_, text, Text::Literal(_)) => {
                    let upper = matches!(text, Text::Field(_, field) if field.is_upper());
                    let texts = items.into_iter().filter_map(|i| match i.of {
                        Kind::Text(Text::Literal(t)) => Some(if upper { t.to_uppercase() } else { t }),
                        _ => None,
                    });
                    return Ok(Cond::TextIn(text, texts.collect()));
                }
                Cond::Numbers(_, number, Number::Literal(_)) => {
                    let numbers = items.into_iter().filter_map(|i| match i.of {
                        Kind::Number(Number::Literal(n)) => Some(n),
                        _ => None,
                    });
                    return Ok(Cond::NumberIn(number, numbers.collect()));
                }
                other => return self.each_of(other, items),
            }
        }
        self.each_of(compared, items)
    }

    /// Compares with every item, given the comparison with the first.
    fn each_of(&mut self, first: Cond, items: Vec<Value>) -> Result<Cond> {
        let mut conditions = vec![first];
        for item in items.into_iter().skip(1) {
            self.conditions += 1;
            let left = match &conditions[0] {
                Cond::Texts(_, text, _) => Kind::Text(text.clone()),
                Cond::Numbers(_, number, _) => Kind::Number(number.clone()),
                Cond::Times(_, time, _) => Kind::Time(time.clone()),
                Cond::Same(truth, _) => Kind::Truth((**truth).clone()),
                _ => return error(&item.at, "these values cannot be listed"),
            };
            let at = item.at.clone();
            conditions.push(Self::compare(Cmp::Equal, Value { of: left, at }, item)?);
        }
        Ok(Cond::Any(conditions))
    }
}

fn mismatch(left: &Kind, right: &Kind) -> String {
    let advice = match (left, right) {
        (Kind::Number(_), Kind::Text(Text::Literal(text))) | (Kind::Text(Text::Literal(text)), Kind::Number(_))
            if text.trim().parse::<f64>().is_ok() =>
        {
            format!("; leave out the quotes of '{}'", text.trim())
        }
        (Kind::Text(_), Kind::Number(_)) | (Kind::Number(_), Kind::Text(_)) => {
            "; put a number that is meant as a text in quotes".to_owned()
        }
        _ => String::new(),
    };
    format!("a {} does not compare with a {}{advice}", left.noun(), right.noun())
}

fn texts(cmp: Cmp, left: Text, right: Text) -> Cond {
    let upper = |text: &Text| matches!(text, Text::Field(_, field) if field.is_upper());
    let fold = |text: Text, with: bool| match text {
        Text::Literal(t) if with => Text::Literal(t.to_uppercase()),
        other => other,
    };
    let (left_upper, right_upper) = (upper(&left), upper(&right));
    Cond::Texts(cmp, fold(left, right_upper), fold(right, left_upper))
}

fn truths(cmp: Cmp, left: Cond, right: Cond, at: &Range<usize>) -> Result<Cond> {
    let same = Cond::Same(Box::new(left), Box::new(right));
    match cmp {
        Cmp::Equal => Ok(same),
        Cmp::NotEqual => Ok(negated(same)),
        _ => error(at, "True and False have no order"),
    }
}

fn negated(cond: Cond) -> Cond {
    match cond {
        Cond::Const(truth) => Cond::Const(!truth),
        other => Cond::Not(Box::new(other)),
    }
}

fn instant(text: &str, at: &Range<usize>) -> Result<Time> {
    let zoned = text.rfind(['T', 't', ' ']).is_some_and(|t| text[t..].contains(['Z', 'z', '+', '-']));
    match UnixNanos::parse(text.trim()) {
        Some(instant) if zoned => Ok(Time::Literal(instant.0)),
        Some(_) => error(at, "a time needs its offset from UTC; put a `Z` at its end if it is none"),
        None => error(at, "this is no time; write it as '2026-07-01T00:00:00Z'"),
    }
}

/// Reads a value as a number.
pub(super) fn number(value: Value) -> Result<Number> {
    match value.of {
        Kind::Number(number) => Ok(number),
        Kind::Attribute(attribute) => Ok(Number::Attribute(attribute)),
        // Missing, whatever is done with it.
        Kind::NoNumber => {
            Ok(Number::Arithmetic(Arith::Divide, Box::new(Number::Literal(0.0)), Box::new(Number::Literal(0.0))))
        }
        other => error(&value.at, format!("a number should stand here, not a {}", other.noun())),
    }
}

/// Reads `a + b` and its like.
pub(super) fn arithmetic(operator: Arith, left: Value, right: Value) -> Result<Kind> {
    let is_text = |v: &Value| matches!(v.of, Kind::Text(_));
    if operator == Arith::Add && (is_text(&left) || is_text(&right)) {
        let text = |value: Value| match value.of {
            Kind::Text(text) => Ok(text),
            Kind::Attribute(attribute) => Ok(Text::Attribute(attribute)),
            other => error(&value.at, format!("a text cannot be joined with a {}", other.noun())),
        };
        return Ok(Kind::Text(Text::Joined(Box::new(text(left)?), Box::new(text(right)?))));
    }
    let (left, right) = (number(left)?, number(right)?);
    Ok(Kind::Number(Number::Arithmetic(operator, Box::new(left), Box::new(right))))
}

/// Reads `str(x)`, `float(x)` and `int(x)`.
pub(super) fn cast(name: &str, value: Value) -> Result<Kind> {
    match (name, value.of) {
        ("str", Kind::Attribute(attribute)) => Ok(Kind::Text(Text::Attribute(attribute))),
        ("str", text @ Kind::Text(_)) => Ok(text),
        ("float", Kind::Attribute(attribute)) => Ok(Kind::Number(Number::Attribute(attribute))),
        ("float", number @ Kind::Number(_)) => Ok(number),
        ("float" | "int", Kind::Text(Text::Literal(text))) => match text.trim().parse::<f64>() {
            Ok(number) if number.abs() <= MAX_NUMBER => {
                Ok(Kind::Number(Number::Literal(if name == "int" { number.trunc() } else { number })))
            }
            _ => error(&value.at, "this text is no number"),
        },
        ("int", Kind::Attribute(attribute)) => Ok(Kind::Number(Number::Whole(Box::new(Number::Attribute(attribute))))),
        ("int", Kind::Number(number)) => Ok(Kind::Number(Number::Whole(Box::new(number)))),
        (_, other) => error(&value.at, format!("`{name}` takes an attribute, and this is a {}", other.noun())),
    }
}
