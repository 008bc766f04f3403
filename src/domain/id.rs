//! Identifiers: typed row ids, OpenTelemetry ids, and the Relay global id that clients see.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

macro_rules! row_ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
        #[sqlx(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

row_ids! {
    /// Row id of a project; 1 is the project named `default`.
    ProjectId,
    /// Row id of a user; 1 is the system user, 2 the first administrator.
    UserId,
    /// Row id of an API key. User keys and system keys share one number space.
    ApiKeyId,
    /// Row id of a login session (one family of refresh tokens).
    SessionId,
    /// Row id of a stored span, distinct from its OpenTelemetry span id.
    SpanRowId,
    /// Row id of a stored trace.
    TraceRowId,
    /// Row id of an annotation, of whatever target.
    AnnotationId,
    /// Row id of an annotation config, of whatever type.
    AnnotationConfigId,
    /// Row id of a session: a conversation that traces belong to.
    ProjectSessionId,
    /// Row id of a retention policy; 0 is the default one.
    RetentionPolicyId,
    /// Row id of an alert.
    AlertId,
    /// Row id of what alerts are told to.
    DestinationId,
    /// Row id of something told, or to be told, to a destination.
    DeliveryId,
}

macro_rules! otel_ids {
    ($($(#[$doc:meta])* $name:ident, $len:literal);* $(;)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Returns the id, or `None` when the length is wrong or every byte is zero
            /// (both are invalid by the W3C Trace Context recommendation, section 3.2.2).
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                let bytes: [u8; $len] = bytes.try_into().ok()?;
                bytes.iter().any(|b| *b != 0).then_some(Self(bytes))
            }

            /// Reads the hexadecimal form, in either case.
            #[must_use]
            pub fn from_hex(text: &str) -> Option<Self> {
                let mut bytes = [0; $len];
                hex::decode_to_slice(text, &mut bytes).ok()?;
                Self::from_slice(&bytes)
            }

            /// Returns the lower-case hexadecimal form.
            #[must_use]
            pub fn to_hex(self) -> String {
                hex::encode(self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.to_hex())
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.to_hex())
            }
        }
    )*};
}

otel_ids! {
    /// OpenTelemetry trace id: 16 bytes, not all zero.
    TraceId, 16;
    /// OpenTelemetry span id: 8 bytes, not all zero.
    SpanId, 8;
}

/// A Relay global id: standard base64 of `Type:number`, as the wire protocol uses it everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlobalId {
    /// The GraphQL type name.
    pub type_name: String,
    /// The row id within that type.
    pub id: i64,
}

impl GlobalId {
    /// Encodes a type name and a row id.
    #[must_use]
    pub fn encode(type_name: &str, id: i64) -> String {
        STANDARD.encode(format!("{type_name}:{id}"))
    }

    /// Decodes a global id; `None` when it is not one.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        // 64 characters hold any type name of the schema and any i64.
        if text.len() > 128 {
            return None;
        }
        let plain = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
        let (type_name, id) = plain.split_once(':')?;
        let well_named = !type_name.is_empty() && type_name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let canonical = id.bytes().all(|b| b.is_ascii_digit());
        (well_named && canonical).then(|| Some(Self { type_name: type_name.to_owned(), id: id.parse().ok()? }))?
    }

    /// Decodes a global id that must be of the given type.
    #[must_use]
    pub fn decode_as(text: &str, type_name: &str) -> Option<i64> {
        Self::decode(text).filter(|g| g.type_name == type_name).map(|g| g.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn global_ids_are_those_that_people_hard_code() {
        assert_eq!(GlobalId::encode("Project", 1), "UHJvamVjdDox");
        assert_eq!(GlobalId::decode_as("UHJvamVjdDox", "Project"), Some(1));
        assert_eq!(GlobalId::decode_as("UHJvamVjdDox", "Span"), None);
        for bad in ["", "default", "UHJvamVjdDo=", "UHJvamVjdDotMQ==", "////"] {
            assert_eq!(GlobalId::decode(bad), None, "{bad}");
        }
    }

    #[test]
    fn zero_and_misfit_ids_are_refused() {
        assert!(TraceId::from_slice(&[0; 16]).is_none());
        assert!(TraceId::from_slice(&[1; 8]).is_none());
        assert!(SpanId::from_hex("00f067aa0ba902b7").is_some());
        assert!(SpanId::from_hex("00f067aa0ba902b").is_none());
    }
}
