//! Nulls where a field failed (GraphQL specification, section 6.4.4).
//!
//! The library leaves a failed field out of its object. Clients need it to be null, or the nearest thing around it that
//! may be null when the field itself may not. That is made good here, from the paths of the errors, and only when there
//! are any.

use std::collections::HashMap;

use async_graphql::{
    Name, PathSegment, Response, Value,
    parser::{
        parse_schema,
        types::{
            BaseType, DocumentOperations, ExecutableDocument, OperationType, Selection, SelectionSet, Type, TypeKind,
            TypeSystemDefinition,
        },
    },
};

/// The type of every field of the schema, by type and field name.
pub(super) struct FieldTypes(HashMap<String, HashMap<String, Type>>);

impl FieldTypes {
    /// Reads the schema definition language.
    pub(super) fn read(sdl: &str) -> Self {
        // The library's own text: its parser reads it.
        let definitions = parse_schema(sdl).map(|document| document.definitions).unwrap_or_default();
        let mut types = HashMap::new();
        for definition in definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let fields = match definition.node.kind {
                TypeKind::Object(object) => object.fields,
                TypeKind::Interface(interface) => interface.fields,
                _ => continue,
            };
            let fields = fields.into_iter().map(|field| (field.node.name.node.to_string(), field.node.ty.node));
            types.insert(definition.node.name.node.to_string(), fields.collect());
        }
        Self(types)
    }

    fn of(&self, type_name: &str, field: &str) -> Option<&Type> {
        self.0.get(type_name)?.get(field)
    }
}

/// Puts nulls where fields failed.
pub(super) fn propagate(
    response: &mut Response,
    types: &FieldTypes,
    document: &ExecutableDocument,
    operation: Option<&str>,
) {
    if response.data == Value::Null {
        return;
    }
    let found = match (&document.operations, operation) {
        (DocumentOperations::Single(operation), _) => Some(operation),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
        (DocumentOperations::Multiple(operations), None) => operations.values().next(),
    };
    let Some(operation) = found else { return };
    let root = match operation.node.ty {
        OperationType::Mutation => "Mutation",
        _ => "Query",
    };
    let walk = Walk { types, document };
    for error in response.errors.iter().filter(|error| !error.path.is_empty()) {
        let nullable = walk.nullable_length(root, &operation.node.selection_set.node, &error.path);
        set_null(&mut response.data, &error.path[..nullable]);
    }
}

struct Walk<'a> {
    types: &'a FieldTypes,
    document: &'a ExecutableDocument,
}

/// A selection set, with the name of the type that it selects from.
type Selected<'a> = (&'a str, &'a SelectionSet);

impl<'a> Walk<'a> {
    /// Returns the length of the longest part of a path, from its start, whose value may be null; 0 = the whole answer.
    fn nullable_length(&self, root: &'a str, set: &'a SelectionSet, path: &[PathSegment]) -> usize {
        let mut open: Vec<Selected<'a>> = vec![(root, set)];
        let mut list_of: Option<&'a Type> = None;
        let mut nullable = 0;
        for (index, segment) in path.iter().enumerate() {
            let ty = match segment {
                PathSegment::Field(key) => {
                    let mut fields = Vec::new();
                    for (type_name, set) in &open {
                        self.fields(type_name, set, key, &mut fields);
                    }
                    // Fields that answer to one key are alike in where they may be null (section 5.3.2).
                    let Some((ty, _)) = fields.first() else { return nullable };
                    let ty = *ty;
                    open = fields.into_iter().map(|(ty, set)| (name_of(ty), set)).collect();
                    ty
                }
                PathSegment::Index(_) => {
                    let Some(BaseType::List(item)) = list_of.map(|ty| &ty.base) else { return nullable };
                    item.as_ref()
                }
            };
            if ty.nullable {
                nullable = index + 1;
            }
            list_of = Some(ty);
        }
        nullable
    }

    /// Collects the fields of a selection set that answer to a key.
    fn fields(
        &self,
        type_name: &'a str,
        set: &'a SelectionSet,
        key: &str,
        found: &mut Vec<(&'a Type, &'a SelectionSet)>,
    ) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    if field.response_key().node == key
                        && let Some(ty) = self.types.of(type_name, &field.name.node)
                    {
                        found.push((ty, &field.selection_set.node));
                    }
                }
                Selection::InlineFragment(fragment) => {
                    let on = fragment.node.type_condition.as_ref();
                    let type_name = on.map_or(type_name, |on| on.node.on.node.as_str());
                    self.fields(type_name, &fragment.node.selection_set.node, key, found);
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.node.fragment_name.node) {
                        let type_name = fragment.node.type_condition.node.on.node.as_str();
                        self.fields(type_name, &fragment.node.selection_set.node, key, found);
                    }
                }
            }
        }
    }
}

/// Returns the name of a type below its lists.
fn name_of(ty: &Type) -> &str {
    let mut base = &ty.base;
    loop {
        match base {
            BaseType::Named(name) => return name,
            BaseType::List(item) => base = &item.base,
        }
    }
}

/// Sets what lies at a path to null; nothing happens when something around it is null already.
fn set_null(data: &mut Value, path: &[PathSegment]) {
    let Some((segment, rest)) = path.split_first() else {
        *data = Value::Null;
        return;
    };
    match (segment, data) {
        (PathSegment::Field(key), Value::Object(object)) => match object.get_mut(key.as_str()) {
            Some(value) => set_null(value, rest),
            None if rest.is_empty() => {
                object.insert(Name::new(key), Value::Null);
            }
            None => {}
        },
        (PathSegment::Index(index), Value::List(items)) => {
            if let Some(item) = items.get_mut(*index) {
                set_null(item, rest);
            }
        }
        _ => {}
    }
}
