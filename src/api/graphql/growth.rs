//! Which mutations are refused while the database is full: those that would make it grow.

use async_graphql::parser::types::{ExecutableDocument, OperationType, Selection, SelectionSet};

/// What mutations begin with that go on whatever the size: they remove, or they secure.
const GO_ON: [&str; 9] = ["delete", "revoke", "remove", "clear", "unset", "patch", "rotate", "__typename", "dismiss"];

/// Whether a document that has passed the limits asks for anything that adds rows.
pub(super) fn asks_for_more(document: &ExecutableDocument) -> bool {
    document
        .operations
        .iter()
        .filter(|(_, operation)| operation.node.ty == OperationType::Mutation)
        .any(|(_, operation)| adds(document, &operation.node.selection_set.node))
}

/// Looks at the root fields; fragments go in no circle, which the limits have checked.
fn adds(document: &ExecutableDocument, set: &SelectionSet) -> bool {
    set.items.iter().any(|selection| match &selection.node {
        Selection::Field(field) => !GO_ON.iter().any(|start| field.node.name.node.starts_with(start)),
        Selection::InlineFragment(fragment) => adds(document, &fragment.node.selection_set.node),
        Selection::FragmentSpread(spread) => document
            .fragments
            .get(&spread.node.fragment_name.node)
            .is_some_and(|fragment| adds(document, &fragment.node.selection_set.node)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_removes_goes_on_and_what_adds_does_not() {
        let asks = |text: &str| asks_for_more(&async_graphql::parser::parse_query(text).unwrap());
        assert!(!asks("{ createProject }"));
        assert!(!asks("mutation { deleteProject __typename }"));
        assert!(asks("mutation { deleteProject createProject }"));
        assert!(asks("mutation { ...F } fragment F on Mutation { ... on Mutation { createUserApiKey } }"));
        assert!(!asks("mutation { ...F } fragment F on Mutation { patchUser }"));
    }
}
