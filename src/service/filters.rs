//! Filters in the language of `domain::filter`: reading what a caller wrote.

use super::cx::Cx;
use crate::{
    domain::{
        filter::{self, Filter, FilterError, Subject},
        scope::TracesRead,
    },
    error::{Error, Result, Text},
};

/// Reads a filter; `None` when it says nothing. The error names the field and shows the place in it.
pub fn parse(field: impl Into<Text>, text: Option<&str>, subject: Subject) -> Result<Option<Filter>> {
    let Some(text) = text else { return Ok(None) };
    filter::parse(text, subject).map_err(|error| Error::invalid(field, error.report(text)))
}

/// Says what is wrong with a filter, for whoever may filter.
#[must_use]
pub fn check(_: &Cx<TracesRead>, text: &str, subject: Subject) -> Option<FilterError> {
    filter::parse(text, subject).err()
}

/// Whether a filter lets pass none but root spans; one that cannot be read lets pass nothing in particular.
#[must_use]
pub fn selects_roots_only(_: &Cx<TracesRead>, text: &str) -> bool {
    filter::parse(text, Subject::Span).is_ok_and(|filter| filter.is_some_and(|f| f.selects_roots_only()))
}
