//! What is wrong with a filter, and where.

use std::{fmt, ops::Range};

/// Why a filter cannot be accepted: one sentence and the bytes that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// What is wrong, for people.
    pub message: String,
    /// The bytes of the text at fault; never beyond its end.
    pub at: Range<usize>,
}

/// The result of reading a filter.
pub(super) type Result<T> = std::result::Result<T, FilterError>;

/// The most characters of a line that an excerpt shows.
const EXCERPT_CHARS: usize = 76;

impl FilterError {
    pub(super) fn new(at: &Range<usize>, message: impl Into<String>) -> Self {
        Self { message: message.into(), at: at.clone() }
    }

    /// Returns the number of the first character at fault, counted from one as people do.
    #[must_use]
    pub fn character(&self, text: &str) -> usize {
        text.char_indices().take_while(|(at, _)| *at < self.at.start).count() + 1
    }

    /// Returns the line at fault with carets under the part that the sentence is about; a long line is cut around it.
    #[must_use]
    pub fn excerpt(&self, text: &str) -> String {
        let start = self.at.start.min(text.len());
        let line_start = text.get(..start).and_then(|t| t.rfind('\n')).map_or(0, |at| at + 1);
        let line: Vec<char> = text[line_start..].chars().take_while(|c| *c != '\n').collect();
        let column = text.get(line_start..start).map_or(0, |t| t.chars().count());
        let wanted = text.get(start..self.at.end.min(text.len())).map_or(0, |t| t.chars().count());
        let from = column.saturating_sub(EXCERPT_CHARS / 2);
        let shown: String = line
            .iter()
            .skip(from)
            .take(EXCERPT_CHARS)
            .map(|c| if c.is_whitespace() || c.is_control() { ' ' } else { *c })
            .collect();
        let carets = wanted.clamp(1, (from + EXCERPT_CHARS).saturating_sub(column).max(1));
        format!("{}\n{}{}", shown.trim_end(), " ".repeat(column - from), "^".repeat(carets))
    }

    /// Returns sentence, place and excerpt in one text.
    #[must_use]
    pub fn report(&self, text: &str) -> String {
        format!("{} at character {}\n{}", self.message, self.character(text), self.excerpt(text))
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for FilterError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_points_at_the_fault() {
        let error = FilterError::new(&(8..11), "wrong");
        assert_eq!(error.excerpt("name == abc"), "name == abc\n        ^^^");
        assert_eq!(error.report("name == abc"), "wrong at character 9\nname == abc\n        ^^^");
        assert_eq!(FilterError::new(&(3..3), "end").excerpt("ä =="), "ä ==\n  ^");
        let long = format!("{}x{}", "a ".repeat(100), "b".repeat(200));
        let excerpt = FilterError::new(&(200..201), "here").excerpt(&long);
        assert_eq!(excerpt.lines().next().unwrap().chars().nth(38), Some('x'));
        assert_eq!(excerpt.lines().nth(1).unwrap().len(), 39);
        assert_eq!(FilterError::new(&(5..6), "second").excerpt("a ==\n$"), "$\n^");
    }
}
