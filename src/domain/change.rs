//! What a patch does to a value that may be missing.

/// Keeps a value, takes it away, or sets it: on the wire nothing, null, or the new value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It stays.
    #[default]
    Keep,
    /// It is taken away.
    Clear,
    /// It is replaced.
    Set(T),
}

impl<T> Change<T> {
    /// Whether the value stays.
    pub const fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// Does it to a value.
    pub fn apply(self, value: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *value = None,
            Self::Set(new) => *value = Some(new),
        }
    }

    /// Converts the new value, if there is one.
    pub fn try_map<U, E>(self, convert: impl FnOnce(T) -> Result<U, E>) -> Result<Change<U>, E> {
        Ok(match self {
            Self::Keep => Change::Keep,
            Self::Clear => Change::Clear,
            Self::Set(value) => Change::Set(convert(value)?),
        })
    }
}

impl<T> From<Option<T>> for Change<T> {
    /// Null takes the value away.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Clear, Self::Set)
    }
}
