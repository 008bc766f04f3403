//! Tokens to a tree, by Python's order of operators.

use std::ops::Range;

use super::{
    error::{FilterError, Result},
    lexer::{Kind, Token, tokens},
    syntax::{Arith, Cmp, Comprehension, Expr, MAX_DEPTH, Node, Relation, too_deep},
};

/// The most tokens of one filter.
const MAX_TOKENS: usize = 20_000;

/// Reads an expression; `None` when there is nothing but blanks.
pub(super) fn parse(text: &str) -> Result<Option<Expr>> {
    let tokens = tokens(text)?;
    if tokens.len() > MAX_TOKENS {
        return Err(FilterError::new(&tokens[MAX_TOKENS].at, format!("a filter has at most {MAX_TOKENS} words")));
    }
    if tokens.len() == 1 {
        return Ok(None);
    }
    let mut parser = Parser { tokens, next: 0, depth: 0 };
    let expr = parser.disjunction()?;
    match parser.peek() {
        Kind::End => Ok(Some(expr)),
        Kind::Sign(")" | "]") => Err(parser.unexpected("this bracket was never opened")),
        Kind::Sign(",") => Err(parser.unexpected("a filter is one condition; write `and` between two")),
        _ => Err(parser.unexpected("the expression should end here, or go on with an operator")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

impl Parser {
    fn token(&self) -> &Token {
        // The last token is the end, which nobody goes beyond.
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn peek(&self) -> &Kind {
        &self.token().kind
    }

    fn at(&self) -> Range<usize> {
        self.token().at.clone()
    }

    fn advance(&mut self) -> Token {
        let token = self.token().clone();
        self.next += 1;
        token
    }

    fn takes(&mut self, kind: &Kind) -> bool {
        let found = self.peek() == kind;
        self.next += usize::from(found);
        found
    }

    fn unexpected(&self, message: &str) -> FilterError {
        let message = match self.peek() {
            Kind::Keyword(word @ ("if" | "else" | "lambda" | "await" | "yield")) => {
                format!("`{word}` is not part of the filter language")
            }
            Kind::Keyword(word) => format!("`{word}` cannot stand here; {message}"),
            _ => message.to_owned(),
        };
        FilterError::new(&self.at(), message)
    }

    /// Runs a rule one level deeper.
    fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(too_deep(&self.at()));
        }
        let result = rule(self);
        self.depth -= 1;
        result
    }

    fn disjunction(&mut self) -> Result<Expr> {
        self.chain("or", Self::conjunction, Node::Or)
    }

    fn conjunction(&mut self) -> Result<Expr> {
        self.chain("and", Self::negation, Node::And)
    }

    fn chain(
        &mut self,
        word: &'static str,
        rule: fn(&mut Self) -> Result<Expr>,
        node: fn(Vec<Expr>) -> Node,
    ) -> Result<Expr> {
        let first = rule(self)?;
        if self.peek() != &Kind::Keyword(word) {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.takes(&Kind::Keyword(word)) {
            parts.push(rule(self)?);
        }
        let at = span(&parts[0].at, &parts[parts.len() - 1].at);
        Expr::new(node(parts), at)
    }

    fn negation(&mut self) -> Result<Expr> {
        let start = self.at();
        let mut count = 0;
        while self.takes(&Kind::Keyword("not")) {
            count += 1;
        }
        let mut expr = self.comparison()?;
        // Two cancel out; at least one stays where there was any, as the operand must be a condition.
        for _ in 0..if count == 0 { 0 } else { 2 - count % 2 } {
            let at = span(&start, &expr.at);
            expr = Expr::new(Node::Not(Box::new(expr)), at)?;
        }
        Ok(expr)
    }

    fn comparison(&mut self) -> Result<Expr> {
        let first = self.sum()?;
        let mut rest: Vec<(Relation, Expr)> = Vec::new();
        while let Some(relation) = self.relation()? {
            rest.push((relation, self.sum()?));
        }
        match rest.last() {
            None => Ok(first),
            Some((_, last)) => {
                let at = span(&first.at, &last.at);
                Expr::new(Node::Comparison(Box::new(first), rest), at)
            }
        }
    }

    fn relation(&mut self) -> Result<Option<Relation>> {
        let relation = match self.peek() {
            Kind::Sign("==") => Relation::Compare(Cmp::Equal),
            Kind::Sign("!=") => Relation::Compare(Cmp::NotEqual),
            Kind::Sign("<") => Relation::Compare(Cmp::Less),
            Kind::Sign("<=") => Relation::Compare(Cmp::LessOrEqual),
            Kind::Sign(">") => Relation::Compare(Cmp::Greater),
            Kind::Sign(">=") => Relation::Compare(Cmp::GreaterOrEqual),
            Kind::Keyword("in") => Relation::In,
            Kind::Keyword("is") => {
                self.advance();
                let negated = self.takes(&Kind::Keyword("not"));
                return Ok(Some(if negated { Relation::IsNot } else { Relation::Is }));
            }
            Kind::Keyword("not") => {
                self.advance();
                if self.takes(&Kind::Keyword("in")) {
                    return Ok(Some(Relation::NotIn));
                }
                return Err(self.unexpected("`not` between two values should go on with `in`"));
            }
            _ => return Ok(None),
        };
        self.advance();
        Ok(Some(relation))
    }

    fn sum(&mut self) -> Result<Expr> {
        self.arithmetic(Self::product, |kind| match kind {
            Kind::Sign("+") => Some(Arith::Add),
            Kind::Sign("-") => Some(Arith::Subtract),
            _ => None,
        })
    }

    fn product(&mut self) -> Result<Expr> {
        self.arithmetic(Self::signed, |kind| match kind {
            Kind::Sign("*") => Some(Arith::Multiply),
            Kind::Sign("/") => Some(Arith::Divide),
            Kind::Sign("%") => Some(Arith::Remainder),
            _ => None,
        })
    }

    fn arithmetic(
        &mut self,
        rule: fn(&mut Self) -> Result<Expr>,
        operator: fn(&Kind) -> Option<Arith>,
    ) -> Result<Expr> {
        let mut left = rule(self)?;
        while let Some(operator) = operator(self.peek()) {
            self.advance();
            let right = rule(self)?;
            let at = span(&left.at, &right.at);
            left = Expr::new(Node::Arithmetic(operator, Box::new(left), Box::new(right)), at)?;
        }
        Ok(left)
    }

    fn signed(&mut self) -> Result<Expr> {
        let start = self.at();
        let mut negative = false;
        let mut any = false;
        loop {
            match self.peek() {
                Kind::Sign("-") => negative = !negative,
                Kind::Sign("+") => {}
                _ => break,
            }
            any = true;
            self.advance();
        }
        let operand = self.postfix()?;
        if !any {
            return Ok(operand);
        }
        let at = span(&start, &operand.at);
        match operand.node {
            Node::Number(number) => Expr::new(Node::Number(if negative { -number } else { number }), at),
            _ if negative => Expr::new(Node::Negated(Box::new(operand)), at),
            // A sum with zero: only numbers have a sign.
            _ => {
                let zero = Expr::new(Node::Number(0.0), at.clone())?;
                Expr::new(Node::Arithmetic(Arith::Add, Box::new(zero), Box::new(operand)), at)
            }
        }
    }

    fn postfix(&mut self) -> Result<Expr> {
        let mut expr = self.atom()?;
        loop {
            let start = expr.at.clone();
            match self.peek() {
                Kind::Sign(".") => {
                    self.advance();
                    let token = self.token().clone();
                    let Kind::Name(name) = token.kind else {
                        return Err(self.unexpected("a name should follow the dot"));
                    };
                    self.advance();
                    expr = Expr::new(Node::Member(Box::new(expr), name), span(&start, &token.at))?;
                }
                Kind::Sign("[") => {
                    let open = self.advance().at;
                    let index = self.nested(Self::disjunction)?;
                    let close = self.close("]", &open)?;
                    expr = Expr::new(Node::Item(Box::new(expr), Box::new(index)), span(&start, &close))?;
                }
                Kind::Sign("(") => {
                    let open = self.advance().at;
                    let (arguments, _) = self.items(")", false)?;
                    let close = self.close(")", &open)?;
                    expr = Expr::new(Node::Call(Box::new(expr), arguments), span(&start, &close))?;
                }
                _ => return Ok(expr),
            }
        }
    }

    fn close(&mut self, sign: &'static str, open: &Range<usize>) -> Result<Range<usize>> {
        match self.peek() {
            Kind::Sign(found) if *found == sign => Ok(self.advance().at),
            Kind::End => Err(FilterError::new(open, "this bracket is never closed")),
            _ => Err(self.unexpected(&format!("an operator, a comma or `{sign}` should follow"))),
        }
    }

    /// Reads what stands between brackets, up to the closing one; says whether a comma was among it.
    fn items(&mut self, close: &'static str, listed: bool) -> Result<(Vec<Expr>, bool)> {
        let mut items = Vec::new();
        let mut comma = false;
        while self.peek() != &Kind::Sign(close) {
            let item = self.nested(Self::disjunction)?;
            if items.is_empty() && self.peek() == &Kind::Keyword("for") {
                items.push(self.comprehension(item, listed)?);
                return Ok((items, comma));
            }
            items.push(item);
            if !self.takes(&Kind::Sign(",")) {
                break;
            }
            comma = true;
        }
        Ok((items, comma))
    }

    fn comprehension(&mut self, element: Expr, listed: bool) -> Result<Expr> {
        self.advance();
        let variable_at = self.at();
        let Kind::Name(variable) = self.peek().clone() else {
            return Err(self.unexpected("a name for each element should follow `for`"));
        };
        self.advance();
        if !self.takes(&Kind::Keyword("in")) {
            return Err(self.unexpected("`in` and a collection should follow"));
        }
        let iterable = self.nested(Self::sum)?;
        let mut conditions = Vec::new();
        while self.takes(&Kind::Keyword("if")) {
            conditions.push(self.nested(Self::disjunction)?);
        }
        if matches!(self.peek(), Kind::Keyword("for" | "async")) {
            return Err(FilterError::new(&self.at(), "one `for` is all there can be; nest another `any(...)` instead"));
        }
        let at = span(&element.at, &conditions.last().unwrap_or(&iterable).at);
        let node = Comprehension { element, variable, variable_at, iterable, conditions, listed };
        Expr::new(Node::Comprehension(Box::new(node)), at)
    }

    fn atom(&mut self) -> Result<Expr> {
        let token = self.token().clone();
        let at = token.at.clone();
        let node = match token.kind {
            Kind::Name(name) => Node::Name(name),
            Kind::Number(number) => Node::Number(number),
            Kind::Keyword("True") => Node::Truth(true),
            Kind::Keyword("False") => Node::Truth(false),
            Kind::Keyword("None") => Node::None,
            Kind::Text(text) => return self.texts(text, at),
            Kind::Sign("[") => {
                self.advance();
                let (mut items, _) = self.items("]", true)?;
                let close = self.close("]", &at)?;
                if items.len() == 1 && matches!(items[0].node, Node::Comprehension(_)) {
                    return Ok(items.remove(0));
                }
                return Expr::new(Node::List(items), span(&at, &close));
            }
            Kind::Sign("(") => {
                self.advance();
                let (mut items, comma) = self.items(")", false)?;
                let close = self.close(")", &at)?;
                if items.len() == 1 && !comma {
                    return Ok(items.remove(0));
                }
                return Expr::new(Node::List(items), span(&at, &close));
            }
            Kind::End => return Err(self.unexpected("the expression is not finished")),
            _ => return Err(self.unexpected("a value should stand here")),
        };
        self.advance();
        Expr::new(node, at)
    }

    /// Texts beside each other are one.
    fn texts(&mut self, mut text: String, mut at: Range<usize>) -> Result<Expr> {
        self.advance();
        while let Token { kind: Kind::Text(more), at: more_at } = self.token() {
            text.push_str(more);
            at = span(&at, more_at);
            self.advance();
        }
        Expr::new(Node::Text(text), at)
    }
}

fn span(first: &Range<usize>, last: &Range<usize>) -> Range<usize> {
    first.start..last.end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (usize, String) {
        let error = parse(text).unwrap_err();
        (error.at.start, error.message)
    }

    #[test]
    fn operators_bind_as_in_python() {
        let same = |a: &str, b: &str| {
            let strip = |t: &str| format!("{:?}", parse(t).unwrap().map(|e| e.node)).replace(char::is_numeric, "");
            assert_eq!(strip(a), strip(b), "{a}");
        };
        same("a or b and not c == d", "a or (b and (not (c == d)))");
        same("a + b * c < d", "(a + (b * c)) < d");
        same("not not not a", "not a");
        same("- - a", "+a");
        assert!(parse(" # nothing").unwrap().is_none());
    }

    #[test]
    fn faults_are_placed() {
        for (text, at) in [
            ("name ==", 7),
            ("== 1", 0),
            ("(a == 1", 0),
            ("a == 1]", 6),
            ("a == 1 b", 7),
            ("a not b", 6),
            ("a.1", 1),
            ("x[", 2),
            ("a if b", 2),
            ("for x in y", 0),
            ("a, b", 1),
            ("[x for x in y for z in w]", 14),
        ] {
            assert_eq!(fault(text).0, at, "{text}: {}", fault(text).1);
        }
    }

    #[test]
    fn depth_is_bounded_and_length_is_not_depth() {
        for deep in ["(".repeat(5000), "[".repeat(5000), "x[".repeat(5000), "a(".repeat(5000)] {
            assert!(fault(&deep).1.contains("levels deep"), "{}", &deep[..4]);
        }
        assert!(fault(&format!("1{}", "+1".repeat(5000))).1.contains("levels deep"));
        assert!(parse(&format!("{}a", "not ".repeat(5000))).is_ok());
        assert!(parse(&format!("{}a", "-".repeat(5000))).is_ok());
        assert!(parse(&format!("a{}", " or a".repeat(4000))).is_ok());
        assert!(fault(&"a ".repeat(30_000)).1.contains("at most"));
    }
}
