//! Text to tokens: names, numbers, strings and operators as Python writes them.

use std::ops::Range;

use super::error::{FilterError, Result};

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A name that is no keyword.
    Name(String),
    /// A word of the language, or one that the language it was taken from reserves.
    Keyword(&'static str),
    /// A number.
    Number(f64),
    /// A text, escapes resolved.
    Text(String),
    /// An operator or a bracket.
    Sign(&'static str),
    /// The end.
    End,
}

/// A token and its bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: Range<usize>,
}

const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// Longest first, so that `<=` is not read as `<`.
const SIGNS: [&str; 19] =
    ["==", "!=", "<=", ">=", "**", "//", "<", ">", "+", "-", "*", "/", "%", "(", ")", "[", "]", ",", "."];

/// Signs of other languages, and what is meant here.
const STRANGE: [(&str, &str); 8] = [
    ("===", "write `==`"),
    ("<>", "write `!=`"),
    ("&&", "write `and`"),
    ("||", "write `or`"),
    (":=", "nothing can be assigned in a filter; to compare, write `==`"),
    ("=>", "write `>=`"),
    ("=", "to compare, write `==`"),
    ("!", "write `not`, or `!=` to compare"),
];

/// The largest number that a filter may name; keeps every sum and product of both engines in range.
pub(super) const MAX_NUMBER: f64 = 1e300;

pub(super) fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks();
        let start = lexer.at;
        let kind = lexer.next()?;
        let end = kind == Kind::End;
        tokens.push(Token { kind, at: start..lexer.at });
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn error<T>(&self, start: usize, message: impl Into<String>) -> Result<T> {
        Err(FilterError::new(&(start..self.at.max(start)), message))
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if let Some(after) = trimmed.strip_prefix("\\\n").or_else(|| trimmed.strip_prefix("\\\r\n")) {
                self.at += trimmed.len() - after.len();
            } else if trimmed.starts_with('#') {
                self.at += trimmed.find('\n').unwrap_or(trimmed.len());
            } else {
                return;
            }
        }
    }

    fn next(&mut self) -> Result<Kind> {
        let start = self.at;
        let Some(first) = self.peek() else { return Ok(Kind::End) };
        if first.is_ascii_digit() || (first == '.' && self.rest()[1..].starts_with(|c: char| c.is_ascii_digit())) {
            return self.number();
        }
        if first.is_alphabetic() || first == '_' {
            let word = self.take_while(|c| c.is_alphanumeric() || c == '_');
            if matches!(self.peek(), Some('\'' | '"')) {
                return match word.to_ascii_lowercase().as_str() {
                    "r" => self.string(start, Escapes::Kept),
                    "u" => self.string(start, Escapes::Resolved),
                    "b" | "rb" | "br" => self.error(start, "a text cannot be given as bytes; leave out the prefix"),
                    "f" | "rf" | "fr" | "t" => {
                        self.error(start, "a text cannot hold expressions; leave out the prefix")
                    }
                    _ => self.error(start, "a text cannot follow a name"),
                };
            }
            return Ok(match KEYWORDS.into_iter().find(|k| *k == word) {
                Some(keyword) => Kind::Keyword(keyword),
                None => Kind::Name(word.to_owned()),
            });
        }
        if matches!(first, '\'' | '"') {
            return self.string(start, Escapes::Resolved);
        }
        for (sign, instead) in STRANGE {
            // `!=` and `==` are signs of this language.
            if self.rest().starts_with(sign) && !(sign.len() == 1 && self.rest().starts_with(&format!("{sign}="))) {
                self.at += sign.len();
                return self.error(start, format!("`{sign}` is no operator here; {instead}"));
            }
        }
        if let Some(sign) = SIGNS.into_iter().find(|s| self.rest().starts_with(s)) {
            self.at += sign.len();
            return match sign {
                "**" | "//" => self.error(start, format!("`{sign}` is no operator here; numbers take + - * / %")),
                _ => Ok(Kind::Sign(sign)),
            };
        }
        self.at += first.len_utf8();
        self.error(start, format!("`{}` has no meaning here", first.escape_debug()))
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !keep(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn number(&mut self) -> Result<Kind> {
        let start = self.at;
        let rest = self.rest().to_ascii_lowercase();
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
            if rest.starts_with(prefix) {
                self.at += 2;
                let digits = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_').replace('_', "");
                #[expect(clippy::cast_precision_loss, reason = "numbers of a filter are doubles")]
                return match u128::from_str_radix(&digits, radix) {
                    Ok(number) => Ok(Kind::Number(number as f64)),
                    Err(_) => self.error(start, "this is not a number"),
                };
            }
        }
        let mut digits = self.digits(start)?;
        let whole = digits.clone();
        let mut is_whole = true;
        if self.rest().starts_with('.') {
            self.at += 1;
            is_whole = false;
            digits.push('.');
            let fraction = self.digits(start)?;
            digits.push_str(if fraction.is_empty() { "0" } else { &fraction });
        }
        let rest = self.rest();
        if rest.starts_with(['e', 'E']) {
            let signed = usize::from(rest[1..].starts_with(['+', '-']));
            if rest[1 + signed..].starts_with(|c: char| c.is_ascii_digit()) {
                is_whole = false;
                digits.push('e');
                digits.push_str(&rest[1..=signed]);
                self.at += 1 + signed;
                let exponent = self.digits(start)?;
                digits.push_str(&exponent);
            }
        }
        if is_whole && whole.len() > 1 && whole.starts_with('0') && whole.bytes().any(|b| b != b'0') {
            return self.error(start, "a number does not begin with 0");
        }
        if self.rest().starts_with(['j', 'J']) {
            self.at += 1;
            return self.error(start, "numbers are real here");
        }
        match digits.parse::<f64>() {
            Ok(number) if number <= MAX_NUMBER => Ok(Kind::Number(number)),
            Ok(_) => self.error(start, "this number is too large"),
            Err(_) => self.error(start, "this is not a number"),
        }
    }

    /// Takes digits, among which single underscores may stand.
    fn digits(&mut self, start: usize) -> Result<String> {
        let run = self.take_while(|c| c.is_ascii_digit() || c == '_');
        if run.starts_with('_') || run.ends_with('_') || run.contains("__") {
            return self.error(start, "an underscore in a number stands between two digits");
        }
        Ok(run.replace('_', ""))
    }

    fn string(&mut self, start: usize, escapes: Escapes) -> Result<Kind> {
        let quote = if self.rest().starts_with('"') { '"' } else { '\'' };
        let triple: String = std::iter::repeat_n(quote, 3).collect();
        let long = self.rest().starts_with(&triple);
        self.at += if long { 3 } else { 1 };
        let mut text = String::new();
        loop {
            let rest = self.rest();
            if long && rest.starts_with(&triple) {
                self.at += 3;
                break;
            }
            let Some(c) = rest.chars().next().filter(|c| long || *c != '\n') else {
                return self.error(start, "this text has no closing quote");
            };
            self.at += c.len_utf8();
            match c {
                _ if c == quote && !long => break,
                '\0' => return self.error(start, "a text cannot hold a zero character"),
                '\\' if escapes == Escapes::Resolved => self.escape(&mut text)?,
                '\\' => {
                    text.push('\\');
                    if let Some(next) = self.peek() {
                        self.at += next.len_utf8();
                        text.push(next);
                    }
                }
                _ => text.push(c),
            }
        }
        if text.contains('\0') {
            return self.error(start, "a text cannot hold a zero character");
        }
        Ok(Kind::Text(text))
    }

    fn escape(&mut self, text: &mut String) -> Result<()> {
        let start = self.at - 1;
        let Some(c) = self.peek() else { return Ok(()) };
        self.at += c.len_utf8();
        let plain = match c {
            '\n' => return Ok(()),
            '\\' | '\'' | '"' => c,
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            'x' => self.coded(start, 2)?,
            'u' => self.coded(start, 4)?,
            'U' => self.coded(start, 8)?,
            'N' => return self.error(start, "characters cannot be given by their names; write the character itself"),
            '0'..='7' => {
                let mut code = c.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) else { break };
                    self.at += 1;
                    code = code * 8 + digit;
                }
                char::from_u32(code).unwrap_or('\u{fffd}')
            }
            other => {
                text.push('\\');
                other
            }
        };
        text.push(plain);
        Ok(())
    }

    fn coded(&mut self, start: usize, digits: usize) -> Result<char> {
        let code = self.rest().get(..digits).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let character = code.and_then(|d| u32::from_str_radix(d, 16).ok()).and_then(char::from_u32);
        match character {
            Some(character) => {
                self.at += digits;
                Ok(character)
            }
            None => self.error(start, format!("this escape needs {digits} hexadecimal digits that name a character")),
        }
    }
}

/// Whether a backslash begins an escape.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    Resolved,
    Kept,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        tokens(text).unwrap().into_iter().map(|t| t.kind).collect()
    }

    fn fault(text: &str) -> Range<usize> {
        tokens(text).unwrap_err().at
    }

    #[test]
    fn texts_are_read_as_python_reads_them() {
        let text = |t: &str| match &kinds(t)[0] {
            Kind::Text(text) => text.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(text(r"'it\'s'"), "it's");
        assert_eq!(text(r#""a\tb\x41\u00e4\101\q""#), "a\tbAäA\\q");
        assert_eq!(text(r"r'a\nb'"), r"a\nb");
        assert_eq!(text("'''a'\n'b'''"), "a'\n'b");
        for (bad, at) in [("'a", 0..2), ("'a\nb'", 0..2), ("b'a'", 0..1), ("'\\x00'", 0..6), ("'\\ud800'", 1..3)] {
            assert_eq!(fault(bad), at, "{bad}");
        }
    }

    #[test]
    fn numbers_are_read_as_python_reads_them() {
        for (text, number) in [("1_000", 1000.0), ("0x1F", 31.0), ("0b11", 3.0), (".5", 0.5), ("5.", 5.0), ("1e3", 1e3)]
        {
            assert_eq!(kinds(text)[0], Kind::Number(number), "{text}");
        }
        for bad in ["05", "1__0", "1_", "1j", "1e999", "0xg"] {
            assert_eq!(fault(bad).start, 0, "{bad}");
        }
        assert_eq!(kinds("5and").len(), 3);
    }

    #[test]
    fn signs_of_other_languages_are_explained() {
        for (text, hint) in [("a = 1", "`==`"), ("a && b", "`and`"), ("a <> 1", "`!=`"), ("!a", "`not`")] {
            assert!(tokens(text).unwrap_err().message.contains(hint), "{text}");
        }
        assert_eq!(fault("name ? 1"), 5..6);
    }
}
