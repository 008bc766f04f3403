//! What a document may cost, judged before anything works on it.
//!
//! The library bounds depth and complexity, but only while it walks the document with every fragment written out; a
//! few fragments that each name the next one twice make that walk endless. So the size of the whole is computed first,
//! each fragment once.

use std::collections::HashMap;

use async_graphql::{
    Name, Pos, Positioned, ServerError,
    parser::types::{ExecutableDocument, Selection, SelectionSet},
};

/// The deepest nesting of fields.
pub(super) const MAX_DEPTH: usize = 20;
/// The most fields that an answer may hold, counting each list at its `first`.
pub(super) const MAX_COMPLEXITY: usize = 50_000;
/// The most directives on one field.
pub(super) const MAX_DIRECTIVES: usize = 10;
/// The most aliases in a document, fragments written out.
pub(super) const MAX_ALIASES: usize = 50;
/// The most selections in a document, fragments written out.
const MAX_SELECTIONS: usize = 3_000;
/// The most operations in a document.
const MAX_OPERATIONS: usize = 20;
/// The deepest nesting of selection sets, fragments included; also the deepest nesting of brackets of any kind.
const MAX_NESTING: usize = 100;
/// What no sum of costs can overflow from.
const MAX_COST: usize = 1_000_000_000;
/// Cost of a field that hashes a password.
pub(super) const PASSWORD_COST: usize = 20_000;

/// Returns the cost of a page: its rows times what is asked of each.
pub(super) fn page_cost(first: impl Into<Option<i32>>, of_each: usize) -> usize {
    let rows = first.into().and_then(|n| usize::try_from(n).ok()).unwrap_or(1).max(1);
    rows.saturating_mul(of_each.saturating_add(1)).min(MAX_COST)
}

fn refuse(message: String, at: Option<Pos>) -> ServerError {
    ServerError::new(message, at)
}

/// Refuses a text whose brackets nest deeper than a parser's stack should follow.
pub(super) fn check_text(query: &str) -> Result<(), ServerError> {
    let mut rest = query;
    let mut depth = 0_usize;
    while let Some(at) = rest.find(['"', '#', '{', '[', '(', '}', ']', ')']) {
        let (token, after) = (rest.as_bytes()[at], &rest[at + 1..]);
        rest = after;
        match token {
            b'"' => rest = after_string(after),
            b'#' => rest = after.find(['\n', '\r']).map_or("", |end| &after[end..]),
            b'{' | b'[' | b'(' => {
                depth += 1;
                if depth > MAX_NESTING {
                    return Err(refuse(format!("The query nests deeper than {MAX_NESTING} brackets"), None));
                }
            }
            _ => depth = depth.saturating_sub(1),
        }
    }
    Ok(())
}

/// Returns what follows a string whose first quote has been read.
fn after_string(text: &str) -> &str {
    let (end, escape) = if text.starts_with("\"\"") { ("\"\"\"", "\\\"\"\"") } else { ("\"", "\\") };
    let mut rest = if end.len() == 3 { &text[2..] } else { text };
    loop {
        let Some(close) = rest.find(end) else { return "" };
        match rest.find(escape) {
            // An escaped quote, or the escaped form of three.
            Some(at) if at < close => {
                let skip = at + if end.len() == 3 { 4 } else { 2 };
                let Some(next) = rest.get(skip..).or_else(|| rest.get(skip + 1..)) else { return "" };
                rest = next;
            }
            _ => return &rest[close + end.len()..],
        }
    }
}

/// The size of a selection set with every fragment written out.
#[derive(Clone, Copy, Default)]
struct Size {
    selections: usize,
    aliases: usize,
}

struct Walk<'a> {
    document: &'a ExecutableDocument,
    known: HashMap<&'a Name, Size>,
    open: Vec<&'a Name>,
}

/// Refuses a document that is too large once its fragments are written out, or whose fragments go in a circle.
pub(super) fn check_document(document: &ExecutableDocument) -> Result<(), ServerError> {
    let mut walk = Walk { document, known: HashMap::new(), open: Vec::new() };
    let mut all = Size::default();
    for (count, (_, operation)) in document.operations.iter().enumerate() {
        if count == MAX_OPERATIONS {
            return Err(refuse(format!("A document has at most {MAX_OPERATIONS} operations"), Some(operation.pos)));
        }
        let size = walk.measure(&operation.node.selection_set, 0)?;
        all.selections = all.selections.saturating_add(size.selections);
        all.aliases = all.aliases.saturating_add(size.aliases);
    }
    if all.aliases > MAX_ALIASES {
        return Err(refuse(format!("{} aliases found. Allowed: {MAX_ALIASES}", all.aliases), None));
    }
    if all.selections > MAX_SELECTIONS {
        return Err(refuse(format!("A query selects at most {MAX_SELECTIONS} fields"), None));
    }
    Ok(())
}

impl<'a> Walk<'a> {
    fn measure(&mut self, set: &'a Positioned<SelectionSet>, depth: usize) -> Result<Size, ServerError> {
        if depth > MAX_NESTING {
            return Err(refuse(format!("The query nests deeper than {MAX_NESTING}"), Some(set.pos)));
        }
        let mut sum = Size::default();
        for selection in &set.node.items {
            let mut size = match &selection.node {
                Selection::Field(field) => {
                    let mut size = self.measure(&field.node.selection_set, depth + 1)?;
                    size.aliases += usize::from(field.node.alias.is_some());
                    size
                }
                Selection::InlineFragment(fragment) => self.measure(&fragment.node.selection_set, depth + 1)?,
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name, depth + 1)?,
            };
            size.selections = size.selections.saturating_add(1);
            sum.selections = sum.selections.saturating_add(size.selections);
            sum.aliases = sum.aliases.saturating_add(size.aliases);
        }
        Ok(sum)
    }

    fn fragment(&mut self, name: &'a Positioned<Name>, depth: usize) -> Result<Size, ServerError> {
        if self.open.contains(&&name.node) {
            return Err(refuse(format!("Fragment \"{}\" contains itself", name.node), Some(name.pos)));
        }
        // A fragment that is not there is the validator's to report.
        let Some(fragment) = self.document.fragments.get(&name.node) else { return Ok(Size::default()) };
        if let Some(size) = self.known.get(&name.node) {
            return Ok(*size);
        }
        self.open.push(&name.node);
        let size = self.measure(&fragment.node.selection_set, depth)?;
        self.open.pop();
        self.known.insert(&name.node, size);
        Ok(size)
    }
}
