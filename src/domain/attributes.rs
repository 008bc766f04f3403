//! The OpenTelemetry attribute tree and its JSON forms.
//!
//! Attributes are stored as one flat JSON object, keys as they were sent, so that both engines can filter on them. JSON
//! cannot hold every OTLP value (bytes, NaN, `-0.0`, doubles that a database would print as integers, NUL characters,
//! repeated keys in a map); such attributes are stored as an approximation here and once more, exactly, in the span's
//! [remainder](super::span::Remainder). Reading puts both together again, so that nothing is lost on the way.

use std::{borrow::Cow, collections::HashSet};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList, any_value::Value as Otlp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::MapAccess};
use serde_json::{Map, Number, Value, value::RawValue};

/// Doubles from here on may be printed without a decimal point by a database's JSON type.
const EXACT_DOUBLE: f64 = 1e15;

/// Attributes ready to be stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EncodedAttributes {
    /// The flat JSON object.
    pub json: String,
    /// Those attributes that the JSON only approximates.
    pub inexact: Vec<KeyValue>,
    /// Whether [`flatten`] would leave the JSON as it is, so that readers can pass it on unread.
    pub flat: bool,
}

/// Encodes attributes for storage.
#[must_use]
pub fn encode(attributes: Vec<KeyValue>) -> EncodedAttributes {
    if is_exact_map(&attributes) {
        // Nearly every span: written straight from what was decoded, without a tree of copies in between.
        let flat = attributes.iter().all(is_flat_attribute);
        let json = serde_json::to_string(&ExactMap(&attributes)).unwrap_or_else(|_| "{}".to_owned());
        return EncodedAttributes { json, inexact: Vec::new(), flat };
    }
    encode_by_tree(attributes)
}

fn encode_by_tree(attributes: Vec<KeyValue>) -> EncodedAttributes {
    let mut map = Map::with_capacity(attributes.len());
    let mut inexact = Vec::new();
    let mut flat = true;
    for attribute in attributes {
        let mut exact = true;
        let key = text(&attribute.key, &mut exact);
        let value = attribute.value.as_ref().map_or(Value::Null, |v| to_json(v, &mut exact));
        flat &= is_flat(&key, &value);
        map.insert(key, value);
        if !exact {
            inexact.push(attribute);
        }
    }
    // A map of strings to values always has a JSON form.
    let json = serde_json::to_string(&map).unwrap_or_else(|_| "{}".to_owned());
    EncodedAttributes { json, inexact, flat }
}

/// Whether JSON holds every entry exactly and no key comes twice.
fn is_exact_map(entries: &[KeyValue]) -> bool {
    let mut keys: HashSet<&str> = HashSet::with_capacity(entries.len());
    entries
        .iter()
        .all(|e| !e.key.contains('\0') && e.value.as_ref().is_none_or(is_exact) && keys.insert(e.key.as_str()))
}

/// Whether JSON holds the value exactly; the counterpart of what [`to_json`] reports.
fn is_exact(value: &AnyValue) -> bool {
    match &value.value {
        None | Some(Otlp::BoolValue(_) | Otlp::IntValue(_)) => true,
        Some(Otlp::StringValue(s)) => !s.contains('\0'),
        Some(Otlp::DoubleValue(d)) => d.abs() < EXACT_DOUBLE && !(*d == 0.0 && d.is_sign_negative()),
        Some(Otlp::ArrayValue(array)) => array.values.iter().all(is_exact),
        Some(Otlp::KvlistValue(list)) => is_exact_map(&list.values),
        Some(_) => false,
    }
}

/// The counterpart of [`is_flat`] for an attribute that is written as it came.
fn is_flat_attribute(attribute: &KeyValue) -> bool {
    match attribute.value.as_ref().and_then(|v| v.value.as_ref()) {
        None | Some(Otlp::KvlistValue(_)) => false,
        Some(Otlp::ArrayValue(array)) => !array.values.iter().any(|v| matches!(v.value, Some(Otlp::KvlistValue(_)))),
        Some(Otlp::StringValue(text)) => attribute.key != "metadata" || !opens_object(text),
        Some(_) => true,
    }
}

/// Entries that [`is_exact_map`] holds for, as a JSON object.
struct ExactMap<'a>(&'a [KeyValue]);

impl Serialize for ExactMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|e| (&e.key, e.value.as_ref().map(Exact))))
    }
}

/// A value that [`is_exact`] holds for.
struct Exact<'a>(&'a AnyValue);

impl Serialize for Exact<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.value {
            Some(Otlp::StringValue(s)) => serializer.serialize_str(s),
            Some(Otlp::BoolValue(b)) => serializer.serialize_bool(*b),
            Some(Otlp::IntValue(i)) => serializer.serialize_i64(*i),
            Some(Otlp::DoubleValue(d)) => serializer.serialize_f64(*d),
            Some(Otlp::ArrayValue(array)) => serializer.collect_seq(array.values.iter().map(Exact)),
            Some(Otlp::KvlistValue(list)) => ExactMap(&list.values).serialize(serializer),
            _ => serializer.serialize_unit(),
        }
    }
}

fn is_flat(key: &str, value: &Value) -> bool {
    match value {
        Value::Null | Value::Object(_) => false,
        Value::Array(values) => !values.iter().any(Value::is_object),
        Value::String(text) => key != "metadata" || !opens_object(text),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn opens_object(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

/// Puts the stored JSON and the exact values together again.
#[must_use]
pub fn decode(map: Map<String, Value>, inexact: &[KeyValue]) -> Vec<KeyValue> {
    let approximated: HashSet<String> = inexact.iter().map(|a| text(&a.key, &mut true)).collect();
    let exact = map.into_iter().filter(|(key, _)| !approximated.contains(key));
    let mut attributes: Vec<KeyValue> =
        exact.map(|(key, value)| KeyValue { key, value: Some(from_json(value)), ..KeyValue::default() }).collect();
    attributes.extend(inexact.iter().cloned());
    attributes
}

/// Returns the plain JSON form of attributes, as the peer's REST answers show those of events.
#[must_use]
pub fn plain(attributes: &[KeyValue]) -> Map<String, Value> {
    attributes.iter().map(|a| (a.key.clone(), a.value.as_ref().map_or(Value::Null, plain_value))).collect()
}

/// Returns the JSON form of a value whose texts need not be stored, and so keep their zero characters.
fn plain_value(value: &AnyValue) -> Value {
    match &value.value {
        Some(Otlp::StringValue(s)) => Value::String(s.clone()),
        Some(Otlp::ArrayValue(array)) => Value::Array(array.values.iter().map(plain_value).collect()),
        Some(Otlp::KvlistValue(list)) => Value::Object(plain(&list.values)),
        _ => to_json(value, &mut true),
    }
}

/// Puts the exact values in place of those that the stored JSON approximates.
pub fn restore(map: &mut Map<String, Value>, inexact: &[KeyValue]) {
    for (key, value) in plain(inexact) {
        map.remove(&text(&key, &mut true));
        map.insert(key, value);
    }
}

fn text(text: &str, exact: &mut bool) -> String {
    if text.contains('\0') {
        *exact = false;
        return text.replace('\0', "\u{fffd}");
    }
    text.to_owned()
}

fn to_json(value: &AnyValue, exact: &mut bool) -> Value {
    match &value.value {
        None => Value::Null,
        Some(Otlp::StringValue(s)) => Value::String(text(s, exact)),
        Some(Otlp::BoolValue(b)) => Value::Bool(*b),
        Some(Otlp::IntValue(i)) => Value::Number((*i).into()),
        Some(Otlp::DoubleValue(d)) => {
            if d.abs() >= EXACT_DOUBLE || (*d == 0.0 && d.is_sign_negative()) {
                *exact = false;
            }
            Number::from_f64(*d).map_or_else(
                || {
                    *exact = false;
                    Value::Null
                },
                Value::Number,
            )
        }
        Some(Otlp::BytesValue(bytes)) => {
            *exact = false;
            Value::String(STANDARD.encode(bytes))
        }
        Some(Otlp::ArrayValue(array)) => Value::Array(array.values.iter().map(|v| to_json(v, exact)).collect()),
        Some(Otlp::KvlistValue(list)) => {
            let mut map = Map::with_capacity(list.values.len());
            for entry in &list.values {
                let key = text(&entry.key, exact);
                let value = entry.value.as_ref().map_or(Value::Null, |v| to_json(v, exact));
                if map.insert(key, value).is_some() {
                    *exact = false;
                }
            }
            Value::Object(map)
        }
        // A reference into the string table of a profile; it has no meaning on a span.
        Some(_) => {
            *exact = false;
            Value::Null
        }
    }
}

fn from_json(value: Value) -> AnyValue {
    let value = match value {
        Value::Null => None,
        Value::String(s) => Some(Otlp::StringValue(s)),
        Value::Bool(b) => Some(Otlp::BoolValue(b)),
        Value::Number(n) => Some(match n.as_i64() {
            Some(i) => Otlp::IntValue(i),
            None => Otlp::DoubleValue(n.as_f64().unwrap_or(f64::NAN)),
        }),
        Value::Array(values) => {
            Some(Otlp::ArrayValue(ArrayValue { values: values.into_iter().map(from_json).collect() }))
        }
        Value::Object(map) => Some(Otlp::KvlistValue(KeyValueList { values: decode(map, &[]) })),
    };
    AnyValue { value }
}

/// Flattens maps, and lists that hold maps, into dotted keys: the form of the peer's REST answers. Empty maps and
/// nulls vanish, lists of scalars stay lists, and `metadata` that is a JSON object in a string is opened.
#[must_use]
pub fn flatten(map: Map<String, Value>) -> Map<String, Value> {
    let mut flat = Map::with_capacity(map.len());
    for (key, value) in map {
        let value = if key == "metadata" { open_object(value) } else { value };
        flatten_into(key, value, &mut flat);
    }
    flat
}

/// Does to the text of a JSON object what [`flatten`] does to its tree, copying what is flat already without reading
/// it. `None` when a flattened key meets another one: then the tree has to decide.
#[must_use]
pub fn flatten_text(json: &str) -> Option<String> {
    let entries: Entries<'_> = serde_json::from_str(json).ok()?;
    let mut opened: Vec<String> = Vec::new();
    let mut flat = String::with_capacity(json.len() + 64);
    flat.push('{');
    for (key, value) in &entries.0 {
        let value = value.get();
        let nested = match value.as_bytes().first()? {
            b'n' => continue,
            b'{' => true,
            b'[' => value.contains('{'),
            b'"' => key == "metadata",
            _ => false,
        };
        if !nested {
            push_entry(&mut flat, key, value)?;
            continue;
        }
        let one: Value = serde_json::from_str(value).ok()?;
        for (key, value) in flatten(std::iter::once((key.to_string(), one)).collect()) {
            push_entry(&mut flat, &key, &serde_json::to_string(&value).ok()?)?;
            opened.push(key);
        }
    }
    flat.push('}');
    let met = |(at, key): (usize, &String)| {
        let is_plain = entries.0.iter().any(|(k, v)| k == key && !v.get().starts_with('{'));
        // `metadata` that turned out not to be an object keeps its own name.
        opened[at + 1..].contains(key) || (is_plain && key != "metadata")
    };
    (!opened.iter().enumerate().any(met)).then_some(flat)
}

fn push_entry(flat: &mut String, key: &str, value: &str) -> Option<()> {
    if flat.len() > 1 {
        flat.push(',');
    }
    if key.bytes().any(|b| b < b' ' || b == b'"' || b == b'\\') {
        flat.push_str(&serde_json::to_string(key).ok()?);
    } else {
        flat.push('"');
        flat.push_str(key);
        flat.push('"');
    }
    flat.push(':');
    flat.push_str(value);
    Some(())
}

/// The entries of a JSON object, values unread.
struct Entries<'j>(Vec<(Cow<'j, str>, &'j RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::with_capacity(32);
                while let Some((Key(key), value)) = map.next_entry()? {
                    entries.push((key, value));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// A key, borrowed unless it has escapes in it.
#[derive(Deserialize)]
struct Key<'j>(#[serde(borrow)] Cow<'j, str>);

fn open_object(value: Value) -> Value {
    match &value {
        Value::String(s) if opens_object(s) => match serde_json::from_str::<Map<_, _>>(s) {
            Ok(map) => Value::Object(map),
            Err(_) => value,
        },
        _ => value,
    }
}

fn flatten_into(key: String, value: Value, flat: &mut Map<String, Value>) {
    match value {
        Value::Null => {}
        Value::Object(map) => {
            for (inner, value) in map {
                flatten_into(format!("{key}.{inner}"), value, flat);
            }
        }
        Value::Array(values) if values.iter().any(Value::is_object) => {
            for (index, value) in values.into_iter().enumerate() {
                flatten_into(format!("{key}.{index}"), value, flat);
            }
        }
        other => {
            flat.insert(key, other);
        }
    }
}

/// Nests dotted keys into maps and lists: the form of the peer's GraphQL answers. A run of keys `x.0`, `x.1`, … becomes
/// a list; where a key is both a value and a prefix, the dotted key stays as it is.
#[must_use]
pub fn unflatten(map: Map<String, Value>) -> Map<String, Value> {
    let mut entries: Vec<(String, Value)> = map.into_iter().collect();
    // A key comes before those that it is a prefix of, so that the value and not the map gets the plain name.
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut root = Map::new();
    for (key, value) in entries {
        let value = if key == "metadata" { open_object(value) } else { value };
        if let Some(value) = nest(&mut root, &key, value) {
            root.insert(key, value);
        }
    }
    root.into_iter().map(|(key, value)| (key, lists(value))).collect()
}

/// The deepest path that is nested; beyond it the rest of the key stays dotted.
const MAX_DEPTH: usize = 32;

fn nest(mut map: &mut Map<String, Value>, key: &str, value: Value) -> Option<Value> {
    let mut segments = key.splitn(MAX_DEPTH, '.').peekable();
    while let Some(segment) = segments.next() {
        if segments.peek().is_none() {
            if map.contains_key(segment) {
                return Some(value);
            }
            map.insert(segment.to_owned(), value);
            return None;
        }
        let slot = map.entry(segment).or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(inner) = slot else { return Some(value) };
        map = inner;
    }
    Some(value)
}

/// Turns maps whose keys are all numbers into lists, in numeric order.
fn lists(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let indexed = !map.is_empty() && map.keys().all(|k| k.len() <= 9 && k.bytes().all(|b| b.is_ascii_digit()));
            if !indexed {
                return Value::Object(map.into_iter().map(|(k, v)| (k, lists(v))).collect());
            }
            let mut items: Vec<(u32, Value)> =
                map.into_iter().map(|(k, v)| (k.parse().unwrap_or(u32::MAX), lists(v))).collect();
            items.sort_by_key(|(index, _)| *index);
            Value::Array(items.into_iter().map(|(_, v)| v).collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(lists).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn nested_and_flat_forms_are_the_peers() {
        let stored = object(&json!({
            "llm.input_messages.1.message.role": "user",
            "llm.input_messages.0.message.role": "system",
            "nested": {"k": 1, "d": {"e": "f"}, "empty": {}},
            "list": [{"a": 1}, {"b": [1, 2]}],
            "nothing": null,
            "metadata": "{\"user\": {\"id\": 7}}",
        }));
        assert_eq!(
            Value::Object(flatten(stored.clone())),
            json!({
                "llm.input_messages.1.message.role": "user",
                "llm.input_messages.0.message.role": "system",
                "nested.k": 1, "nested.d.e": "f", "list.0.a": 1, "list.1.b": [1, 2], "metadata.user.id": 7,
            })
        );
        assert_eq!(
            unflatten(stored)["llm"],
            json!({"input_messages": [{"message": {"role": "system"}}, {"message": {"role": "user"}}]})
        );
        let collision = object(&json!({"a": 1, "a.b": 2, "x.y": 1, "x": 2}));
        assert_eq!(Value::Object(unflatten(collision)), json!({"a": 1, "a.b": 2, "x": 2, "x.y": 1}));
    }

    fn any_value() -> impl Strategy<Value = AnyValue> {
        let leaf = prop_oneof![
            ".{0,8}".prop_map(Otlp::StringValue),
            Just(Otlp::StringValue("nul\0".to_owned())),
            any::<bool>().prop_map(Otlp::BoolValue),
            any::<i64>().prop_map(Otlp::IntValue),
            any::<f64>().prop_filter("NaN is not equal to itself", |d| !d.is_nan()).prop_map(Otlp::DoubleValue),
            prop::collection::vec(any::<u8>(), 0..8).prop_map(Otlp::BytesValue),
        ];
        leaf.prop_map(|v| AnyValue { value: Some(v) }).prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|values| AnyValue { value: Some(Otlp::ArrayValue(ArrayValue { values })) }),
                prop::collection::vec((".{0,4}", inner), 0..4).prop_map(|entries| {
                    let values = entries.into_iter().map(|(key, v)| pair(key, v)).collect();
                    AnyValue { value: Some(Otlp::KvlistValue(KeyValueList { values })) }
                }),
            ]
        })
    }

    fn pair(key: String, value: AnyValue) -> KeyValue {
        KeyValue { key, value: Some(value), ..KeyValue::default() }
    }

    proptest! {
        #[test]
        fn what_is_called_flat_is_left_as_it_is_by_flattening(
            entries in prop::collection::btree_map("[a-z.]{0,6}|metadata", any_value(), 0..4)
        ) {
            let stored = encode(entries.into_iter().map(|(k, v)| pair(k, v)).collect());
            let map: Map<String, Value> = serde_json::from_str(&stored.json).unwrap();
            if stored.flat {
                prop_assert_eq!(flatten(map.clone()), map);
            }
        }

        #[test]
        fn flattening_the_text_and_the_tree_agree(
            entries in prop::collection::btree_map("[a-c.0]{0,3}|metadata", any_value(), 0..5),
            metadata in prop::option::of(prop_oneof![Just("{\"a\": {\"b\": [1]}}"), Just("{}"), Just("{broken"), Just("plain")]),
        ) {
            let mut sent: Vec<KeyValue> = entries.into_iter().map(|(k, v)| pair(k, v)).collect();
            if let Some(text) = metadata {
                sent.retain(|e| e.key != "metadata");
                sent.push(pair("metadata".to_owned(), AnyValue { value: Some(Otlp::StringValue(text.to_owned())) }));
            }
            let json = encode(sent).json;
            let tree = flatten(serde_json::from_str(&json).unwrap());
            if let Some(text) = flatten_text(&json) {
                let read: Map<String, Value> = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(serde_json::from_str::<Entries<'_>>(&text).unwrap().0.len(), read.len());
                prop_assert_eq!(Value::Object(read), Value::Object(tree), "{}", text);
            }
        }

        #[test]
        fn the_straight_way_and_the_tree_agree(
            entries in prop::collection::vec(("[a-c.]{0,2}|metadata", any_value()), 0..4)
        ) {
            let sent: Vec<KeyValue> = entries.into_iter().map(|(k, v)| pair(k, v)).collect();
            prop_assert_eq!(encode(sent.clone()), encode_by_tree(sent));
        }

        #[test]
        fn every_attribute_survives_storage(
            entries in prop::collection::btree_map("[a-z.]{0,6}", any_value(), 0..6)
        ) {
            let sent: Vec<KeyValue> = entries.into_iter().map(|(k, v)| pair(k, v)).collect();
            let stored = encode(sent.clone());
            prop_assert!(!stored.json.contains("\\u0000"));
            let mut back = decode(serde_json::from_str(&stored.json).unwrap(), &stored.inexact);
            back.sort_by(|a, b| a.key.cmp(&b.key));
            prop_assert_eq!(back, sent);
        }

        #[test]
        fn nesting_any_keys_does_not_panic(keys in prop::collection::vec("[a.0-9]{0,12}", 0..12)) {
            let map: Map<String, Value> = keys.into_iter().map(|k| (k, Value::Bool(true))).collect();
            let _ = flatten(unflatten(map));
        }
    }
}
