//! The tree of an expression as it is written, before names and types have a meaning.

use std::ops::Range;

use super::error::{FilterError, Result};

/// How deep expressions may nest: far beyond what people write, and far below what a stack holds.
pub(super) const MAX_DEPTH: usize = 64;

/// An expression and its bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expr {
    pub(super) node: Node,
    pub(super) at: Range<usize>,
    depth: usize,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Name(String),
    Text(String),
    Number(f64),
    Truth(bool),
    None,
    /// `a.b`
    Member(Box<Expr>, String),
    /// `a[b]`
    Item(Box<Expr>, Box<Expr>),
    /// `f(a, b)`
    Call(Box<Expr>, Vec<Expr>),
    /// `[a, b]` or `(a, b)`
    List(Vec<Expr>),
    /// `-a`
    Negated(Box<Expr>),
    /// `a + b`
    Arithmetic(Arith, Box<Expr>, Box<Expr>),
    /// `a < b < c`
    Comparison(Box<Expr>, Vec<(Relation, Expr)>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    /// `element for variable in iterable if condition`
    Comprehension(Box<Comprehension>),
}

/// `element for variable in iterable if condition`
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Comprehension {
    pub(super) element: Expr,
    pub(super) variable: String,
    pub(super) variable_at: Range<usize>,
    pub(super) iterable: Expr,
    pub(super) conditions: Vec<Expr>,
    /// Whether it stands in brackets.
    pub(super) listed: bool,
}

/// An operator between two numbers (or, for the sum, two texts).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arith {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

/// An operator between two values that gives a truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Compare(Cmp),
    Is,
    IsNot,
    In,
    NotIn,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cmp {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Cmp {
    /// Whether it asks for an order, not only for equality.
    #[must_use]
    pub const fn orders(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }
}

impl Expr {
    pub(super) fn new(node: Node, at: Range<usize>) -> Result<Self> {
        let depth = 1 + match &node {
            Node::Name(_) | Node::Text(_) | Node::Number(_) | Node::Truth(_) | Node::None => 0,
            Node::Member(of, _) | Node::Negated(of) | Node::Not(of) => of.depth,
            Node::Item(a, b) | Node::Arithmetic(_, a, b) => a.depth.max(b.depth),
            Node::Call(of, arguments) => of.depth.max(deepest(arguments)),
            Node::List(items) | Node::And(items) | Node::Or(items) => deepest(items),
            Node::Comparison(first, rest) => rest.iter().map(|(_, e)| e.depth).fold(first.depth, usize::max),
            Node::Comprehension(c) => c.element.depth.max(c.iterable.depth).max(deepest(&c.conditions)),
        };
        if depth > MAX_DEPTH {
            return Err(too_deep(&at));
        }
        Ok(Self { node, at, depth })
    }
}

fn deepest(items: &[Expr]) -> usize {
    items.iter().map(|e| e.depth).max().unwrap_or(0)
}

pub(super) fn too_deep(at: &Range<usize>) -> FilterError {
    FilterError::new(at, format!("the expression nests more than {MAX_DEPTH} levels deep"))
}
