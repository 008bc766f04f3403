//! What may be said in an annotation.

use crate::{
    domain::{
        annotation::{Judgement, NOTE, Target},
        span::Span,
    },
    error::{Error, Result},
};

/// The longest name and the longest identifier, in bytes: both are part of a unique key, which Postgres bounds.
const MAX_NAME_BYTES: usize = 1_024;
/// The longest label, in bytes.
const MAX_LABEL_BYTES: usize = 8_192;
/// The longest explanation or note, in bytes.
const MAX_EXPLANATION_BYTES: usize = 1 << 20;
/// The largest metadata, in bytes of JSON.
const MAX_METADATA_BYTES: usize = 1 << 20;

/// Where in a request an annotation stands, for the names of its fields.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// In a list of REST, where the judgement is an object of its own.
    Result(usize),
    /// In a list of GraphQL.
    Input(usize),
    /// It is a note.
    Note,
}

impl Place {
    fn name(self, field: &'static str) -> String {
        match (self, field) {
            (Self::Result(at), "label" | "score" | "explanation") => format!("data[{at}].result.{field}"),
            (Self::Result(at), _) => format!("data[{at}].{field}"),
            (Self::Input(at), _) => format!("input[{at}].{field}"),
            (Self::Note, "explanation") => "note".to_owned(),
            (Self::Note, _) => field.to_owned(),
        }
    }
}

/// Checks what is said.
pub(super) fn check(judgement: &Judgement, place: &Place) -> Result<()> {
    let short = |field: &'static str, size: usize, max: usize| {
        if size > max {
            let name = place.name(field);
            return Err(Error::invalid(name.clone(), format!("{name} has at most {max} bytes")));
        }
        Ok(())
    };
    short("name", judgement.name.len(), MAX_NAME_BYTES)?;
    short("identifier", judgement.identifier.len(), MAX_NAME_BYTES)?;
    short("label", judgement.label.as_ref().map_or(0, String::len), MAX_LABEL_BYTES)?;
    short("explanation", judgement.explanation.as_ref().map_or(0, String::len), MAX_EXPLANATION_BYTES)?;
    if judgement.score.is_some_and(|score| !score.is_finite()) {
        let name = place.name("score");
        return Err(Error::invalid(name.clone(), format!("{name} must be a finite number")));
    }
    // Most have none: the text is only made to be measured.
    if !judgement.metadata.is_null() {
        short("metadata", judgement.metadata.to_string().len(), MAX_METADATA_BYTES)?;
    }
    Ok(())
}

/// Refuses the name of notes for anything else. Documents have no notes.
pub(super) fn refuse_note(target: Target, name: &str) -> Result<()> {
    if name != NOTE {
        return Ok(());
    }
    let (of, way) = match target {
        Target::Span => ("trace and span notes", "span"),
        Target::Trace => ("trace and span notes", "trace"),
        Target::Session => ("session notes", "session"),
        Target::Document => return Ok(()),
    };
    Err(Error::Malformed(format!("The name 'note' is reserved for {of}. Use POST /v1/{way}_notes instead.").into()))
}

/// Refuses the name of notes in GraphQL, where another mutation is the way to them.
pub(super) fn refuse_note_as_input(name: &str) -> Result<()> {
    if name == NOTE {
        let detail = "The name 'note' is reserved for notes. Use the createSpanNotes mutation instead.";
        return Err(Error::Malformed(detail.into()));
    }
    Ok(())
}

/// Counts the documents that a span retrieved: one more than the highest number among the keys of its attributes.
pub(super) fn count_documents(span: &Span) -> i32 {
    let attributes = span.attribute_map();
    let number = |key: &String| key.strip_prefix("retrieval.documents.")?.split('.').next()?.parse::<i32>().ok();
    let listed = attributes.get("retrieval.documents").and_then(|list| list.as_array()).map_or(0, Vec::len);
    let keyed = attributes.keys().filter_map(number).max().map_or(0, |last| last.saturating_add(1));
    keyed.max(i32::try_from(listed).unwrap_or(i32::MAX))
}
