//! Scalars and enums that several types share.

use async_graphql::{Enum, InputValueError, InputValueResult, Scalar, ScalarType, Value};

use crate::domain::{page::Order, time::UnixNanos};

/// An instant in the form of RFC 3339.
#[derive(Clone, Copy, Debug)]
pub(super) struct DateTime(pub(super) UnixNanos);

/// An instant in the form of RFC 3339, with microseconds and offset; without an offset it is read as UTC.
#[Scalar]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        UnixNanos::parse(text)
            .map(Self)
            .ok_or_else(|| InputValueError::custom("not an RFC 3339 date and time between 1677 and 2262"))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339())
    }
}

impl From<UnixNanos> for DateTime {
    fn from(at: UnixNanos) -> Self {
        Self(at)
    }
}

/// The direction of a sorted list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(rename_items = "lowercase")]
pub(super) enum SortDir {
    /// Smallest or earliest first.
    Asc,
    /// Largest or latest first.
    Desc,
}

impl From<SortDir> for Order {
    fn from(direction: SortDir) -> Self {
        match direction {
            SortDir::Asc => Self::Asc,
            SortDir::Desc => Self::Desc,
        }
    }
}
