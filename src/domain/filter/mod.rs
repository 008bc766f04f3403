//! The filter language: conditions on spans, traces and sessions as people write them.
//!
//! The language is the part of Python's expressions that the wire protocol's clients send. A text goes through three
//! steps, each pure: `lexer` to tokens, `parser` to a tree, `check` to a [`Filter`] in which every name and type is
//! known. What a filter means is written down in `docs/filtering.md`; `store::filter` makes SQL of it.
//!
//! Everything is bounded: bytes, words, depth, loops, attributes. No text makes it panic.

mod check;
mod compare;
mod error;
#[cfg(test)]
pub(crate) mod eval;
mod lexer;
mod names;
mod parser;
mod syntax;
pub mod typed;

pub use error::FilterError;
pub use typed::{Filter, Subject};

/// The most bytes of a filter.
pub const MAX_BYTES: usize = 65_536;

/// Reads a filter; `None` when the text says nothing, so that everything passes.
pub fn parse(text: &str, subject: Subject) -> Result<Option<Filter>, FilterError> {
    if text.len() > MAX_BYTES {
        return Err(FilterError::new(&(0..0), format!("a filter has at most {MAX_BYTES} bytes")));
    }
    if let Some(at) = text.find('\0') {
        return Err(FilterError::new(&(at..at + 1), "a filter cannot hold a zero character"));
    }
    let Some(expr) = parser::parse(text)? else { return Ok(None) };
    let mut checker = check::Checker::new(text, subject);
    let condition = checker.condition(&expr)?;
    Ok(Some(Filter { subject, annotations: checker.annotations, condition }))
}

/// Reads the name of one value of a span: a field, or an attribute in whichever form.
pub fn parse_key(text: &str) -> Result<typed::Key, FilterError> {
    use typed::{Key, Number, Text, Time};
    if text.len() > MAX_BYTES {
        return Err(FilterError::new(&(0..0), "this name is too long"));
    }
    let Some(expr) = parser::parse(text)? else { return Err(FilterError::new(&(0..0), "a name should stand here")) };
    match check::Checker::new(text, Subject::Span).value(&expr)?.of {
        check::Kind::Text(Text::Field(_, field)) => Ok(Key::Text(field)),
        check::Kind::Number(Number::Field(_, field)) => Ok(Key::Number(field)),
        check::Kind::Time(Time::Field(_, field)) => Ok(Key::Time(field)),
        check::Kind::Attribute(attribute) => Ok(Key::Attribute(attribute.path)),
        _ => Err(FilterError::new(&expr.at, "this names no value of a span")),
    }
}

impl Filter {
    /// Returns the filter that lets pass what passes both.
    #[must_use]
    pub fn and(mut self, condition: typed::Cond) -> Self {
        self.condition = typed::Cond::All(vec![self.condition, condition]);
        self
    }

    /// Returns the condition of spans that name no parent.
    #[must_use]
    pub fn without_parent_id() -> typed::Cond {
        let place = typed::Place { depth: 0, via: typed::Via::Itself };
        typed::Cond::Missing(typed::Operand::Text(typed::Text::Field(place, typed::TextField::ParentId)))
    }

    /// Returns the condition of spans that name no parent, or none that has arrived.
    #[must_use]
    pub fn without_parent() -> typed::Cond {
        typed::Cond::Missing(typed::Operand::Parent(typed::Place { depth: 0, via: typed::Via::Parent }))
    }

    /// Whether only spans without a parent can pass: some part that must hold says so.
    #[must_use]
    pub fn selects_roots_only(&self) -> bool {
        use typed::{Cond, Operand, Place, Text, TextField, Via};
        fn roots_only(cond: &Cond) -> bool {
            match cond {
                Cond::All(parts) => parts.iter().any(roots_only),
                Cond::Any(parts) => !parts.is_empty() && parts.iter().all(roots_only),
                Cond::Missing(Operand::Text(Text::Field(place, field))) => {
                    *field == TextField::ParentId && *place == Place { depth: 0, via: Via::Itself }
                }
                _ => false,
            }
        }
        self.subject == Subject::Span && roots_only(&self.condition)
    }
}

/// Returns the forms of a text that are looked for in a text whose ASCII letters are lower case.
#[must_use]
pub fn needles(literal: &str) -> Vec<String> {
    let lower = literal.to_lowercase();
    let mut forms = vec![literal.to_ascii_lowercase()];
    if !literal.is_ascii() {
        let mut chars = lower.chars();
        let capitalized: String = chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect();
        forms.extend([lower.clone(), literal.to_uppercase(), capitalized].map(|f| f.to_ascii_lowercase()));
        forms.sort();
        forms.dedup();
    }
    forms
}

#[cfg(test)]
mod tests;
