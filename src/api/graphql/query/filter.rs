//! What is said of a filter before it is used.

use async_graphql::SimpleObject;

use crate::domain::filter::FilterError;

/// Whether a filter can be used, and if not, why.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct ValidationResult {
    /// Whether it can be used.
    is_valid: bool,
    /// What is wrong with it, with the place that it is wrong at.
    error_message: Option<String>,
    /// What is worth a second look.
    warnings: Vec<String>,
    /// The first character at fault, counted from one.
    error_at: Option<i32>,
    /// The first character after those at fault.
    error_end: Option<i32>,
}

impl ValidationResult {
    pub(super) fn new(text: &str, error: Option<&FilterError>) -> Self {
        let place = |at: usize| i32::try_from(at).unwrap_or(i32::MAX);
        let at = error.map(|e| e.character(text));
        let end = error.zip(at).map(|(e, at)| at + text.get(e.at.clone()).map_or(0, |t| t.chars().count()));
        Self {
            is_valid: error.is_none(),
            error_message: error.map(|e| e.report(text)),
            warnings: Vec::new(),
            error_at: at.map(place),
            error_end: end.map(place),
        }
    }
}

/// What a filter for spans comes to.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct SpanFilterConditionAnalysis {
    /// Whether none but root spans can pass.
    pub(super) selects_root_spans_only: bool,
}
