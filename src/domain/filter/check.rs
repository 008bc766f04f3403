//! Names and types: from the tree as written to the tree that means something.

use std::ops::Range;

use super::{
    compare,
    error::{FilterError, Result},
    names::{self, Entity, Meaning},
    syntax::{Comprehension, Expr, Node},
    typed::{
        Attribute, Cond, Loop, NamedAnnotation, Number, NumberField, Operand, Place, Reduction, Subject, Text,
        TextField, Time, Via,
    },
};

/// The most loops around an element.
const MAX_LOOP_DEPTH: usize = 3;
/// The most loops of one filter.
const MAX_LOOPS: usize = 12;
/// The most annotation names of one filter.
const MAX_ANNOTATIONS: usize = 8;
/// The most times that one filter reads attributes.
const MAX_ATTRIBUTES: usize = 100;
/// The most parts of the path of an attribute, and of bytes in it.
const MAX_PATH: (usize, usize) = (12, 512);
/// The most conditions of one filter.
const MAX_CONDITIONS: usize = 1_000;

/// A value and its bytes.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) of: Kind,
    pub(super) at: Range<usize>,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    None,
    Text(Text),
    Number(Number),
    Time(Time),
    Truth(Cond),
    Attribute(Attribute),
    List(Vec<Value>),
    /// The parent of a span, whole.
    Parent(Place),
    /// What `'text' in` searches in every root span of a session.
    Search(&'static str),
    /// Missing in every row.
    NoText,
    NoNumber,
}

impl Kind {
    pub(super) const fn noun(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Text(_) | Self::NoText => "text",
            Self::Number(_) | Self::NoNumber => "number",
            Self::Time(_) => "time",
            Self::Truth(_) => "truth",
            Self::Attribute(_) => "attribute",
            Self::List(_) => "list",
            Self::Parent(_) => "span",
            Self::Search(_) => "search",
        }
    }
}

struct Scope {
    variable: String,
    entity: Entity,
}

/// Reads trees for one filter.
pub(super) struct Checker<'t> {
    text: &'t str,
    subject: Subject,
    scopes: Vec<Scope>,
    loops: usize,
    attributes: usize,
    pub(super) conditions: usize,
    pub(super) annotations: Vec<NamedAnnotation>,
}

impl<'t> Checker<'t> {
    pub(super) fn new(text: &'t str, subject: Subject) -> Self {
        let (scopes, annotations) = (Vec::new(), Vec::new());
        Self { text, subject, scopes, loops: 0, attributes: 0, conditions: 0, annotations }
    }

    fn depth(&self) -> usize {
        self.scopes.len()
    }

    fn error<T>(at: &Range<usize>, message: impl Into<String>) -> Result<T> {
        Err(FilterError::new(at, message))
    }

    pub(super) fn written(&self, at: &Range<usize>) -> String {
        let text = self.text.get(at.clone()).unwrap_or_default();
        let short: String = text.chars().take(60).collect();
        if short.len() < text.len() { format!("`{short}…`") } else { format!("`{short}`") }
    }

    pub(super) fn condition(&mut self, expr: &Expr) -> Result<Cond> {
        self.conditions += 1;
        if self.conditions > MAX_CONDITIONS {
            return Self::error(&expr.at, format!("a filter has at most {MAX_CONDITIONS} conditions"));
        }
        match &expr.node {
            Node::And(parts) => Ok(Cond::All(self.conditions_of(parts)?)),
            Node::Or(parts) => Ok(Cond::Any(self.conditions_of(parts)?)),
            Node::Not(inner) => Ok(Cond::Not(Box::new(self.condition(inner)?))),
            _ => match self.value(expr)?.of {
                Kind::Truth(cond) => Ok(cond),
                Kind::None => Self::error(&expr.at, "None is no condition; compare a value with `is None`"),
                _ => {
                    let written = self.written(&expr.at);
                    Self::error(&expr.at, format!("{written} is a value, not a condition; compare it with something"))
                }
            },
        }
    }

    fn conditions_of(&mut self, parts: &[Expr]) -> Result<Vec<Cond>> {
        parts.iter().map(|part| self.condition(part)).collect()
    }

    pub(super) fn value(&mut self, expr: &Expr) -> Result<Value> {
        let of = match &expr.node {
            Node::None => Kind::None,
            Node::Text(text) => Kind::Text(Text::Literal(text.clone())),
            Node::Number(number) => Kind::Number(Number::Literal(*number)),
            Node::Truth(truth) => Kind::Truth(Cond::Const(*truth)),
            Node::And(_) | Node::Or(_) | Node::Not(_) => Kind::Truth(self.condition(expr)?),
            Node::Comparison(first, rest) => Kind::Truth(self.comparison(first, rest)?),
            Node::List(items) => Kind::List(items.iter().map(|i| self.value(i)).collect::<Result<_>>()?),
            Node::Negated(operand) => {
                let operand = self.value(operand)?;
                Kind::Number(Number::Negated(Box::new(compare::number(operand)?)))
            }
            Node::Arithmetic(operator, left, right) => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                compare::arithmetic(*operator, left, right)?
            }
            Node::Call(function, arguments) => self.call(function, arguments, &expr.at)?,
            Node::Comprehension(_) => {
                return Self::error(&expr.at, "a loop can only stand within any, all, len, sum, min or max");
            }
            Node::Name(_) | Node::Member(..) => self.name(expr)?,
            Node::Item(..) => self.item(expr)?,
        };
        Ok(Value { of, at: expr.at.clone() })
    }

    /// Reads a name, dotted or not.
    fn name(&mut self, expr: &Expr) -> Result<Kind> {
        let Some(parts) = dotted(expr) else {
            let Node::Member(of, member) = &expr.node else { return Self::error(&expr.at, "this is no name") };
            if let Node::Item(..) = of.node {
                return self.annotation_part(of, member, &expr.at);
            }
            return Self::error(&expr.at, "only names and annotations have members");
        };
        if let Some(depth) = self.scopes.iter().rposition(|s| s.variable == parts[0]) {
            return self.element(depth + 1, &parts[1..], &expr.at);
        }
        let joined = parts.join(".");
        let entity = Entity::from(self.subject);
        let known = names::meaning(entity, 0, &joined);
        if self.depth() > 0 {
            let entity = self.scopes.last().map_or(entity, |s| s.entity);
            let of = names::list(names::names(entity, 1).iter().map(|(n, _)| *n));
            return Self::error(
                &expr.at,
                format!("`{joined}` is not reached from within a loop; {} here has {of}", entity.noun()),
            );
        }
        if let Some(meaning) = known {
            return Ok(Self::meant(meaning, Place { depth: 0, via: Via::Itself }));
        }
        if self.subject == Subject::Span {
            let path = match parts.as_slice() {
                ["attributes"] => return Self::error(&expr.at, "an attribute needs its key: `attributes['key']`"),
                ["attributes", rest @ ..] => rest,
                all => all,
            };
            return self.attribute_at(Place { depth: 0, via: Via::Itself }, &owned(path), &expr.at);
        }
        if parts.len() == 1 && names::collections(entity, 0).iter().any(|(n, ..)| *n == joined) {
            return Self::error(
                &expr.at,
                format!("`{joined}` is a collection: `any(x.name == '…' for x in {joined})`"),
            );
        }
        let known = names::list(names::names(entity, 0).iter().map(|(n, _)| *n));
        let advice = format!("the root span has `attributes['{joined}']`");
        Self::error(&expr.at, format!("{} has no `{joined}`, but {known}; {advice}", entity.noun()))
    }

    fn element(&mut self, depth: usize, members: &[&str], at: &Range<usize>) -> Result<Kind> {
        let entity = self.scopes[depth - 1].entity;
        let mut place = Place { depth, via: Via::Itself };
        let mut members = members;
        if entity == Entity::Span && members.first() == Some(&"parent_span") {
            place.via = Via::Parent;
            members = &members[1..];
            if members.is_empty() {
                return Ok(Kind::Parent(place));
            }
        }
        match (members, entity) {
            ([], _) => Self::error(at, format!("this is {} as a whole; compare one of its values", entity.noun())),
            (["attributes", path @ ..], Entity::Span) if !path.is_empty() => self.attribute_at(place, &owned(path), at),
            ([member], _) if names::meaning(entity, depth, member).is_some() => {
                let meaning = names::meaning(entity, depth, member).unwrap_or(Meaning::NoNumber);
                Ok(Self::meant(meaning, place))
            }
            _ => {
                let known = names::list(names::names(entity, depth).iter().map(|(n, _)| *n));
                Self::error(at, format!("{} has no `{}`, but {known}", entity.noun(), members.join(".")))
            }
        }
    }

    fn meant(meaning: Meaning, place: Place) -> Kind {
        let attribute = |key: &str, via| {
            Kind::Attribute(Attribute {
                place: Place { via, ..place },
                path: key.split('.').map(str::to_owned).collect(),
            })
        };
        match meaning {
            Meaning::Text(field) => Kind::Text(Text::Field(place, field)),
            Meaning::Number(field) => Kind::Number(Number::Field(place, field)),
            Meaning::Time(field) => Kind::Time(Time::Field(place, field)),
            // Texts by their conventions: what is compared with them is a text.
            Meaning::RootAttribute(key) => attribute(key, Via::FirstRoot),
            Meaning::LastRootAttribute(key) => attribute(key, Via::LastRoot),
            Meaning::Search(key) => Kind::Search(key),
            Meaning::NoNumber => Kind::NoNumber,
            Meaning::NoText => Kind::NoText,
            Meaning::NoTruth => Kind::Truth(Cond::Unknown),
        }
    }

    fn attribute_at(&mut self, place: Place, path: &[String], at: &Range<usize>) -> Result<Kind> {
        self.attributes += 1;
        if self.attributes > MAX_ATTRIBUTES {
            return Self::error(at, format!("a filter reads at most {MAX_ATTRIBUTES} attributes"));
        }
        let key = path.join(".");
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        let (parts, bytes) = MAX_PATH;
        if path.len() > parts || key.len() > bytes {
            return Self::error(at, format!("the key of an attribute has at most {parts} parts and {bytes} bytes"));
        }
        // Of a span itself, the token counts are columns whichever way they are written.
        if let (Place { via: Via::Itself, .. }, Some(Meaning::Number(field))) =
            (place, names::meaning(Entity::Span, 0, &key))
            && matches!(field, NumberField::PromptTokens | NumberField::CompletionTokens | NumberField::TotalTokens)
        {
            return Ok(Kind::Number(Number::Field(place, field)));
        }
        Ok(Kind::Attribute(Attribute { place, path }))
    }

    /// Reads `attributes['a']['b']`, `metadata['a']` and `annotations['a']`.
    fn item(&mut self, expr: &Expr) -> Result<Kind> {
        let mut keys: Vec<&Expr> = Vec::new();
        let mut base = expr;
        while let Node::Item(of, key) = &base.node {
            keys.push(key);
            base = of;
        }
        keys.reverse();
        let parts = dotted(base).unwrap_or_default();
        let scope = self.scopes.iter().rposition(|s| parts.first() == Some(&s.variable.as_str()));
        let (place, name) = match (scope, parts.as_slice()) {
            (Some(scope), [_, name]) if self.scopes[scope].entity == Entity::Span => {
                (Some(Place { depth: scope + 1, via: Via::Itself }), *name)
            }
            (Some(scope), [_, "parent_span", name]) if self.scopes[scope].entity == Entity::Span => {
                (Some(Place { depth: scope + 1, via: Via::Parent }), *name)
            }
            (None, [name]) => {
                let via = if self.subject == Subject::Span { Via::Itself } else { Via::FirstRoot };
                ((self.depth() == 0).then_some(Place { depth: 0, via }), *name)
            }
            _ => (None, ""),
        };
        if let ("attributes" | "metadata", Some(place)) = (name, place) {
            let mut path: Vec<String> = if name == "metadata" { vec![name.to_owned()] } else { Vec::new() };
            for (index, key) in keys.iter().enumerate() {
                match &key.node {
                    Node::Text(key) => path.push(key.clone()),
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "checked by the pattern"
                    )]
                    Node::Number(n) if index > 0 && n.fract() == 0.0 && (0.0..1e6).contains(n) => {
                        path.push((*n as u32).to_string());
                    }
                    _ if index == 0 => return Self::error(&key.at, "the key of an attribute is a text: `['key']`"),
                    _ => return Self::error(&key.at, "a key is a text, or a number from 0 on for a place in a list"),
                }
            }
            return self.attribute_at(place, &path, &expr.at);
        }
        if scope.is_none() && names::annotated(self.subject, name).is_some() {
            return Ok(Kind::Truth(Cond::Annotated(self.annotation(expr)?)));
        }
        if matches!(name, "annotations" | "evals" | "trace_annotations" | "session_annotations" | "span_annotations") {
            let own = match self.subject {
                Subject::Span => "`annotations['name']` and `trace_annotations['name']`",
                Subject::Trace => "`trace_annotations['name']`",
                Subject::Session => "`session_annotations['name']`",
            };
            return Self::error(&expr.at, format!("here there is {own}, and `any(...)` over annotations"));
        }
        if self.depth() > 0 && matches!(name, "attributes" | "metadata") {
            return Self::error(&expr.at, "within a loop, write whose attribute it is: `s.attributes['key']`");
        }
        let written = self.written(&base.at);
        Self::error(&expr.at, format!("{written} takes no brackets; attributes are `attributes['key']`"))
    }

    /// Reads `annotations['name']` to its place among the annotations of the filter.
    fn annotation(&mut self, expr: &Expr) -> Result<usize> {
        let (target, key) = match &expr.node {
            Node::Item(of, key) => match &of.node {
                Node::Name(name) => (names::annotated(self.subject, name), key),
                Node::Item(..) => return Self::error(&expr.at, "an annotation has one name: `annotations['name']`"),
                _ => return Self::error(&expr.at, "this has no annotations"),
            },
            _ => return Self::error(&expr.at, "this is no annotation"),
        };
        let Some(target) = target else { return self.item(expr).map(|_| 0) };
        if self.depth() > 0 {
            return Self::error(&expr.at, "within a loop, go through annotations with another `any(...)`");
        }
        let Node::Text(name) = &key.node else {
            return Self::error(&key.at, "the name of an annotation is a text: `annotations['name']`");
        };
        let wanted = NamedAnnotation { target, name: name.clone() };
        if let Some(slot) = self.annotations.iter().position(|a| *a == wanted) {
            return Ok(slot);
        }
        if self.annotations.len() == MAX_ANNOTATIONS {
            return Self::error(&expr.at, format!("a filter names at most {MAX_ANNOTATIONS} annotations"));
        }
        self.annotations.push(wanted);
        Ok(self.annotations.len() - 1)
    }

    fn annotation_part(&mut self, of: &Expr, member: &str, at: &Range<usize>) -> Result<Kind> {
        let is_annotation = matches!(&of.node, Node::Item(base, _)
            if matches!(&base.node, Node::Name(n) if names::annotated(self.subject, n).is_some()));
        if !is_annotation {
            // Says what is wrong with the part before the dot, if anything is.
            self.item(of)?;
            return Self::error(at, format!("after brackets, go on with brackets: `['{member}']`"));
        }
        let slot = self.annotation(of)?;
        let field = match member {
            "score" => return Ok(Kind::Number(Number::Score(slot))),
            "label" => TextField::Label,
            "explanation" => TextField::Explanation,
            "identifier" => TextField::Identifier,
            _ => {
                let parts = "`label`, `score`, `explanation` and `identifier`";
                return Self::error(at, format!("an annotation has no `{member}`, but {parts}"));
            }
        };
        Ok(Kind::Text(Text::Annotation(slot, field)))
    }

    fn call(&mut self, function: &Expr, arguments: &[Expr], at: &Range<usize>) -> Result<Kind> {
        let Node::Name(name) = &function.node else {
            let advice = match &function.node {
                Node::Member(_, method) => match method.as_str() {
                    "startswith" | "endswith" | "contains" | "lower" | "upper" | "find" => {
                        "; texts have no methods: `'part' in name` looks in either case"
                    }
                    "get" => "; a missing attribute is None anyway: `attributes['key']`",
                    _ => "",
                },
                _ => "",
            };
            let written = self.written(&function.at);
            return Self::error(at, format!("{written} cannot be called{advice}"));
        };
        match (name.as_str(), arguments) {
            ("any" | "all" | "len" | "sum" | "min" | "max", [argument]) => match &argument.node {
                Node::Comprehension(c) => self.reduction(name, c, &argument.at),
                _ => Self::error(&argument.at, format!("`{name}` takes a loop: `{}`", example(name))),
            },
            ("any" | "all" | "len" | "sum" | "min" | "max", _) => {
                Self::error(at, format!("`{name}` takes one loop: `{}`", example(name)))
            }
            ("str" | "float" | "int", [argument]) => {
                let value = self.value(argument)?;
                compare::cast(name, value)
            }
            ("str" | "float" | "int", _) => Self::error(at, format!("`{name}` takes one value")),
            _ => Self::error(
                &function.at,
                format!(
                    "there is no function `{name}`, but `any`, `all`, `len`, `sum`, `min`, `max`, `str`, `float`, `int`"
                ),
            ),
        }
    }

    fn reduction(&mut self, name: &str, c: &Comprehension, at: &Range<usize>) -> Result<Kind> {
        self.loops += 1;
        if self.loops > MAX_LOOPS {
            return Self::error(at, format!("a filter has at most {MAX_LOOPS} loops"));
        }
        if self.depth() == MAX_LOOP_DEPTH {
            return Self::error(at, format!("loops nest at most {MAX_LOOP_DEPTH} deep"));
        }
        let (entity, found) = self.collection(&c.iterable)?;
        self.variable(c)?;
        self.scopes.push(Scope { variable: c.variable.clone(), entity });
        let result = self.reduced(name, c, found);
        self.scopes.pop();
        result
    }

    fn variable(&self, c: &Comprehension) -> Result<()> {
        let name = c.variable.as_str();
        if self.scopes.iter().any(|s| s.variable == name) {
            return Self::error(&c.variable_at, format!("`{name}` is the element of an outer loop already"));
        }
        if names::collections(Entity::from(self.subject), 0).iter().any(|(n, ..)| *n == name) {
            return Self::error(&c.variable_at, format!("`{name}` is a collection; give its element another name"));
        }
        Ok(())
    }

    /// Finds the collection: type of its elements, and where they are (nowhere, for what is not kept).
    fn collection(&self, expr: &Expr) -> Result<(Entity, Option<(usize, super::typed::Collection)>)> {
        let parts = dotted(expr).unwrap_or_default();
        let scope = self.scopes.iter().rposition(|s| parts.first() == Some(&s.variable.as_str()));
        let (entity, depth, name) = match (scope, parts.as_slice()) {
            (Some(scope), [_, name]) => (self.scopes[scope].entity, scope + 1, *name),
            (None, [name]) => (Entity::from(self.subject), 0, *name),
            _ => (Entity::from(self.subject), 0, ""),
        };
        let known = names::collections(entity, depth);
        let Some((_, elements, found)) = known.iter().find(|(n, ..)| *n == name) else {
            let known = names::list(known.iter().map(|(n, ..)| *n));
            return Self::error(
                &expr.at,
                format!("{} is no collection; {} has {known}", self.written(&expr.at), entity.noun()),
            );
        };
        Ok((*elements, found.map(|f| (depth, f))))
    }

    /// Reads what a loop makes of its elements; the scope of the element is open.
    fn reduced(
        &mut self,
        name: &str,
        c: &Comprehension,
        found: Option<(usize, super::typed::Collection)>,
    ) -> Result<Kind> {
        let only = self.conditions_of(&c.conditions)?;
        let over = |(of, over)| Loop { over, of, depth: self.scopes.len(), only };
        if let "any" | "all" = name {
            let over = found.map(over);
            let each = Box::new(self.condition(&c.element)?);
            let every = name == "all";
            return Ok(Kind::Truth(match over {
                Some(over) => Cond::Quantified { every, over, each },
                None => Cond::Const(every),
            }));
        }
        if name == "len" {
            let plain = matches!(&c.element.node, Node::Name(n) if *n == c.variable);
            if !plain || !c.listed {
                return Self::error(&c.element.at, format!("`len` counts elements: `{}`", example(name)));
            }
            let count = |over| Number::Reduced(Reduction::Count, over, Box::new(Number::Literal(1.0)));
            return Ok(Kind::Number(found.map(over).map_or(Number::Literal(0.0), count)));
        }
        let over = found.map(over);
        let element = self.value(&c.element)?;
        let reduction = match name {
            "sum" => Reduction::Sum,
            "min" => Reduction::Min,
            _ => Reduction::Max,
        };
        match (element.of, over) {
            (Kind::Time(time), Some(over)) if reduction != Reduction::Sum => {
                Ok(Kind::Time(Time::Reduced(reduction, over, Box::new(time))))
            }
            (Kind::Number(_) | Kind::NoNumber | Kind::Attribute(_), None) if reduction == Reduction::Sum => {
                Ok(Kind::Number(Number::Literal(0.0)))
            }
            (Kind::Number(_) | Kind::NoNumber | Kind::Attribute(_), None) => Ok(Kind::NoNumber),
            (of @ (Kind::Number(_) | Kind::Attribute(_)), Some(over)) => {
                let number = compare::number(Value { of, at: element.at })?;
                Ok(Kind::Number(Number::Reduced(reduction, over, Box::new(number))))
            }
            (of, _) => {
                let allowed = if reduction == Reduction::Sum { "numbers" } else { "numbers and times" };
                Self::error(&element.at, format!("`{name}` takes {allowed}, and this is a {}", of.noun()))
            }
        }
    }

    /// Turns what `is None` asks of into its operand.
    pub(super) fn missing(value: Value) -> Result<Cond> {
        Ok(match value.of {
            Kind::None | Kind::NoText | Kind::NoNumber => Cond::Const(true),
            Kind::Text(Text::Literal(_)) | Kind::Number(Number::Literal(_)) | Kind::Time(Time::Literal(_)) => {
                Cond::Const(false)
            }
            Kind::Text(text) => Cond::Missing(Operand::Text(text)),
            Kind::Number(number) => Cond::Missing(Operand::Number(number)),
            Kind::Time(time) => Cond::Missing(Operand::Time(time)),
            Kind::Truth(cond) => Cond::Missing(Operand::Cond(Box::new(cond))),
            Kind::Attribute(attribute) => Cond::Missing(Operand::Attribute(attribute)),
            Kind::Parent(place) => Cond::Missing(Operand::Parent(place)),
            Kind::List(_) => return Self::error(&value.at, "a list is never None"),
            Kind::Search(_) => return Self::error(&value.at, "this is only searched: `'text' in any_input`"),
        })
    }
}

/// Returns the parts of a dotted name; `None` when it is anything else.
fn dotted(expr: &Expr) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let mut expr = expr;
    loop {
        match &expr.node {
            Node::Name(name) => {
                parts.push(name.as_str());
                parts.reverse();
                return Some(parts);
            }
            Node::Member(of, member) => {
                parts.push(member.as_str());
                expr = of;
            }
            _ => return None,
        }
    }
}

fn owned(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

fn example(name: &str) -> &'static str {
    match name {
        "len" => "len([s for s in spans])",
        "any" | "all" => "any(s.status_code == 'ERROR' for s in spans)",
        _ => "max(s.latency_ms for s in spans)",
    }
}
