//! Keyset pages: a page costs the same wherever it lies in the list.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Where a page begins: the sort key and the row id of its first row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The value the list is sorted by (an id or unix nanoseconds).
    pub key: i64,
    /// The row id that breaks ties.
    pub id: i64,
}

impl Cursor {
    /// Returns the opaque text form.
    #[must_use]
    pub fn encode(self) -> String {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.key.to_be_bytes());
        bytes[8..].copy_from_slice(&self.id.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads the text form; `None` when it was not made by [`Cursor::encode`].
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        if text.len() != 22 {
            return None;
        }
        let bytes: [u8; 16] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let key = i64::from_be_bytes(bytes[..8].try_into().ok()?);
        let id = i64::from_be_bytes(bytes[8..].try_into().ok()?);
        Some(Self { key, id })
    }
}

/// The direction of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Smallest first.
    Asc,
    /// Largest (newest) first.
    #[default]
    Desc,
}

/// What part of a list is asked for.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest {
    /// The first row of the page (inclusive), or the start of the list.
    pub from: Option<Cursor>,
    /// How many rows at most; at least 1.
    pub limit: u32,
    /// The direction.
    pub order: Order,
}

impl PageRequest {
    /// The number of rows to ask the database for: one more than shown, so that the next page is known.
    #[must_use]
    pub fn fetch(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// Cuts fetched rows to a page.
    #[must_use]
    pub fn page<T>(&self, mut rows: Vec<T>, cursor: impl Fn(&T) -> Cursor) -> Page<T> {
        let limit = self.limit as usize;
        let next = rows.get(limit).map(cursor);
        rows.truncate(limit);
        Page { items: rows, next }
    }
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// Converts every row.
    #[must_use]
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn cursors_survive_their_text(key: i64, id: i64) {
            let cursor = Cursor { key, id };
            proptest::prop_assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        }

        #[test]
        fn any_text_is_read_without_panic(text in ".{0,40}") {
            let _ = Cursor::decode(&text);
        }
    }
}
