//! Typed predicates on spans that a caller may ask for.

use super::{
    filter::Filter,
    id::{SpanId, TraceId},
    span::StatusCode,
    time::UnixNanos,
};

/// How a list of spans is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpanSort {
    /// By arrival.
    #[default]
    Id,
    /// By start.
    StartTime,
}

/// The value that an attribute is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeValue {
    /// Text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Double(f64),
    /// A truth value.
    Bool(bool),
}

/// The parent that a span must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParentFilter {
    /// None: roots only.
    Root,
    /// This one.
    Is(SpanId),
    /// One that cannot exist: nothing matches.
    Impossible,
}

/// Predicates, all of which must hold; within a list, any.
#[derive(Clone, Debug, Default)]
pub struct SpanFilter {
    /// Started at or after.
    pub start: Option<UnixNanos>,
    /// Started before.
    pub end: Option<UnixNanos>,
    /// Of one of these traces.
    pub trace_ids: Option<Vec<TraceId>>,
    /// One of these spans.
    pub span_ids: Option<Vec<SpanId>>,
    /// With this parent.
    pub parent: Option<ParentFilter>,
    /// With one of these names.
    pub names: Option<Vec<String>>,
    /// Of one of these OpenInference kinds.
    pub span_kinds: Option<Vec<String>>,
    /// With one of these statuses.
    pub status_codes: Option<Vec<StatusCode>>,
    /// With these attributes.
    pub attributes: Vec<(String, AttributeValue)>,
    /// That pass this filter for spans.
    pub expression: Option<Filter>,
    /// Of a trace that passes this filter for traces.
    pub trace_expression: Option<Filter>,
}

impl AttributeValue {
    /// Reads `key:value` as the wire protocol has it: the value is JSON if it can be, else text; the error is the
    /// sentence for the caller.
    pub fn parse_pair(text: &str) -> Result<(String, Self), String> {
        let Some((key, value)) = text.split_once(':') else {
            return Err(format!("Invalid attribute '{text}': expected format 'key:value'"));
        };
        if key.is_empty() {
            return Err("Invalid attribute: key must not be empty".to_owned());
        }
        let value = match serde_json::from_str::<serde_json::Value>(value) {
            Err(_) => Self::Text(value.to_owned()),
            Ok(serde_json::Value::String(s)) => Self::Text(s),
            Ok(serde_json::Value::Bool(b)) => Self::Bool(b),
            Ok(serde_json::Value::Number(n)) => match n.as_i64() {
                Some(i) => Self::Int(i),
                None => Self::Double(n.as_f64().unwrap_or(f64::NAN)),
            },
            Ok(_) => {
                return Err(format!(
                    "Invalid attribute value '{value}': must be a string, integer, float, or boolean. To match a \
                     string that looks like a number or boolean, JSON-quote the value: `key:\"12345\"`."
                ));
            }
        };
        Ok((key.to_owned(), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attribute_pairs_are_read_as_the_peer_reads_them() {
        let value = |text| AttributeValue::parse_pair(text).map(|(_, v)| v);
        assert_eq!(value("n:5"), Ok(AttributeValue::Int(5)));
        assert_eq!(value("n:5.0"), Ok(AttributeValue::Double(5.0)));
        assert_eq!(value("n:\"5\""), Ok(AttributeValue::Text("5".to_owned())));
        assert_eq!(value("a.b:x:y"), Ok(AttributeValue::Text("x:y".to_owned())));
        assert_eq!(value("b:true"), Ok(AttributeValue::Bool(true)));
        assert!(value("foo").is_err());
        assert!(value(":x").is_err());
        assert!(value("x:null").is_err());
        assert!(value("x:[1]").is_err());
    }
}
