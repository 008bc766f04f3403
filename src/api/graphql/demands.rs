//! What each root field demands, found by asking: every field is run once with arguments of the right types and a
//! session that notes the first proof which is asked of it, and gives none. So the table says what the resolvers do.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
};

use async_graphql::{
    Request,
    parser::{
        parse_schema,
        types::{BaseType, InputValueDefinition, Type, TypeKind, TypeSystemDefinition},
    },
};

use super::{
    context::{LoggedOut, Probe, Session},
    loader::Loaders,
    schema, sdl,
};
use crate::{
    domain::{demand::Demand, id::GlobalId},
    error::{Error, Result},
};

/// A root field, or what `node` does for one type.
#[derive(Clone, Debug)]
pub struct FieldDemand {
    /// `query projects`, `mutation createUser`, `query node (Span)`.
    pub name: String,
    /// A document that asks for it: valid, and of nothing that exists.
    pub document: String,
    /// What it demands.
    pub demand: Demand,
}

/// Returns what each root field demands; an error names a field that demands nothing, which no field may.
pub async fn demands() -> Result<Vec<FieldDemand>> {
    let schema = schema();
    let mut found = Vec::new();
    for (name, document) in documents(&sdl()) {
        let probe = Probe::default();
        let session = Session::probe(probe.clone());
        let loaders = Loaders::new(session.clone(), true);
        let request = Request::new(&document).data(session).data(loaders).data(LoggedOut::default());
        let response = schema.execute(request).await;
        let demand = probe.seen().ok_or_else(|| {
            Error::internal(format!("{name} asks for no proof: {document} gives {:?}", response.errors))
        })?;
        found.push(FieldDemand { name, document, demand });
    }
    Ok(found)
}

/// Returns a document for each root field, by its name.
fn documents(sdl: &str) -> Vec<(String, String)> {
    // The library's own text: its parser reads it.
    let definitions = parse_schema(sdl).map(|document| document.definitions).unwrap_or_default();
    let mut types = HashMap::new();
    let mut one_of = HashSet::new();
    let mut nodes = Vec::new();
    for definition in definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let name = definition.node.name.node.to_string();
        if let TypeKind::Object(object) = &definition.node.kind
            && object.implements.iter().any(|interface| interface.node == "Node")
        {
            nodes.push(name.clone());
        }
        if definition.node.directives.iter().any(|d| d.node.name.node == "oneOf") {
            one_of.insert(name.clone());
        }
        types.insert(name, definition.node.kind);
    }
    let types = Types(types, one_of);
    let mut found = Vec::new();
    for (root, keyword) in [("Query", "query"), ("Mutation", "mutation")] {
        let Some(TypeKind::Object(object)) = types.0.get(root) else { continue };
        for field in &object.fields {
            let (field, name) = (&field.node, &field.node.name.node);
            let selection = types.selection(&field.ty.node);
            if root == "Query" && name == "node" {
                for node in &nodes {
                    let id = GlobalId::encode(node, 0);
                    found.push((format!("query node ({node})"), format!("query {{ node(id: \"{id}\"){selection} }}")));
                }
                continue;
            }
            let arguments: Vec<&InputValueDefinition> = field.arguments.iter().map(|a| &a.node).collect();
            let arguments = types.required(&arguments);
            let arguments = if arguments.is_empty() { String::new() } else { format!("({arguments})") };
            found.push((format!("{keyword} {name}"), format!("{keyword} {{ {name}{arguments}{selection} }}")));
        }
    }
    found
}

/// The types by name, and the names of inputs of which exactly one field is given.
struct Types(HashMap<String, TypeKind>, HashSet<String>);

impl Types {
    /// Returns what must be given, as `name: value, ..`.
    fn required(&self, inputs: &[&InputValueDefinition]) -> String {
        let mut text = String::new();
        for input in inputs.iter().filter(|i| !i.ty.node.nullable && i.default_value.is_none()) {
            let separator = if text.is_empty() { "" } else { ", " };
            // Writing to a String cannot fail.
            let _ = write!(text, "{separator}{}: {}", input.name.node, self.value(&input.ty.node));
        }
        text
    }

    /// Returns a value of a type that names nothing which exists.
    fn value(&self, ty: &Type) -> String {
        let name = match &ty.base {
            BaseType::List(inner) => return format!("[{}]", self.value(inner)),
            BaseType::Named(name) => name.as_str(),
        };
        match (name, self.0.get(name)) {
            ("Int" | "Float", _) => "1".to_owned(),
            ("CronExpression", _) => "\"0 0 * * 0\"".to_owned(),
            (name, Some(TypeKind::InputObject(object))) if self.1.contains(name) => {
                let first = object.fields.first().map(|field| &field.node);
                first.map_or_else(String::new, |f| format!("{{{}: {}}}", f.name.node, self.value(&f.ty.node)))
            }
            ("Boolean", _) => "true".to_owned(),
            (_, Some(TypeKind::Enum(values))) => {
                values.values.first().map(|v| v.node.value.node.to_string()).unwrap_or_default()
            }
            (_, Some(TypeKind::InputObject(object))) if self.1.contains(name) => match object.fields.first() {
                Some(field) => format!("{{{}: {}}}", field.node.name.node, self.value(&field.node.ty.node)),
                None => "{}".to_owned(),
            },
            (_, Some(TypeKind::InputObject(object))) => {
                let fields: Vec<&InputValueDefinition> = object.fields.iter().map(|f| &f.node).collect();
                format!("{{{}}}", self.required(&fields))
            }
            _ => "\"nosuch\"".to_owned(),
        }
    }

    /// Returns the least that can be selected of a type.
    fn selection(&self, ty: &Type) -> &'static str {
        match &ty.base {
            BaseType::List(inner) => self.selection(inner),
            BaseType::Named(name) => match self.0.get(name.as_str()) {
                Some(TypeKind::Object(_) | TypeKind::Interface(_) | TypeKind::Union(_)) => " { __typename }",
                _ => "",
            },
        }
    }
}
