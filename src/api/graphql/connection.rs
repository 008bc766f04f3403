//! `Page<T>` -> Relay connection.
//!
//! The store's cursors name the first row *of* a page; Relay's `after` names the row *before* it. So a page after a
//! cursor is fetched one row longer, from that row on, and the row itself is dropped if it is still there.

use async_graphql::{
    OutputType,
    connection::{
        Connection as Relay, CursorType, DefaultConnectionName, DefaultEdgeName, DisableNodesField, Edge, EmptyFields,
    },
};

use crate::{
    domain::page::{Cursor, Order, Page, PageRequest},
    error::{Error, Result},
};

/// A Relay connection over rows of a keyset list.
pub(super) type Connection<N> =
    Relay<Cursor, N, EmptyFields, EmptyFields, DefaultConnectionName, DefaultEdgeName, DisableNodesField>;

/// The most rows of a page.
const MAX_FIRST: u32 = 1_000;

impl CursorType for Cursor {
    type Error = &'static str;

    fn decode_cursor(text: &str) -> Result<Self, Self::Error> {
        Self::decode(text).ok_or("not a cursor of this server")
    }

    fn encode_cursor(&self) -> String {
        self.encode()
    }
}

/// The part of a list that a caller asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    first: u32,
    after: Option<Cursor>,
}

impl Window {
    /// Reads `first` and `after`.
    pub(super) fn read(first: i32, after: Option<&str>) -> Result<Self> {
        let first = u32::try_from(first).ok().filter(|n| (1..=MAX_FIRST).contains(n));
        let first = first.ok_or_else(|| Error::invalid("first", "`first` must lie between 1 and 1000"))?;
        let after = after
            .map(|text| Cursor::decode(text).ok_or_else(|| Error::invalid("after", "`after` is not a cursor")))
            .transpose()?;
        Ok(Self { first, after })
    }

    /// Whether it begins at the head of the list.
    pub(super) const fn is_head(&self) -> bool {
        self.after.is_none()
    }

    /// Returns the number of rows asked for.
    pub(super) const fn first(&self) -> u32 {
        self.first
    }

    /// Returns what the store is asked for.
    pub(super) fn request(&self, order: Order) -> PageRequest {
        PageRequest { from: self.after, limit: self.first + u32::from(self.after.is_some()), order }
    }

    /// Cuts rows that are all in memory, in ascending order, to what the store would have returned.
    pub(super) fn cut<T>(&self, rows: Vec<T>, cursor: impl Fn(&T) -> Cursor) -> Page<T> {
        let request = self.request(Order::Asc);
        let key = |row: &T| (cursor(row).key, cursor(row).id);
        let rows = rows.into_iter().filter(|row| self.after.is_none_or(|from| key(row) >= (from.key, from.id)));
        request.page(rows.collect(), cursor)
    }

    /// Makes the connection of the page that the store returned.
    pub(super) fn connection<T, N: OutputType>(
        self,
        page: Page<T>,
        cursor: impl Fn(&T) -> Cursor,
        node: impl Fn(T) -> N,
    ) -> Connection<N> {
        let mut rows = page.items;
        let mut has_next = page.next.is_some();
        if self.after.is_some() && rows.first().map(&cursor) == self.after {
            rows.remove(0);
        }
        if rows.len() > self.first as usize {
            rows.truncate(self.first as usize);
            has_next = true;
        }
        let mut connection = Connection::new(self.after.is_some(), has_next);
        connection.edges.extend(rows.into_iter().map(|row| Edge::new(cursor(&row), node(row))));
        connection
    }
}

/// Refuses paging backwards.
pub(super) fn refuse_backwards(last: Option<i32>, before: Option<&str>) -> Result<()> {
    let field = match (last, before) {
        (Some(_), _) => "last",
        (None, Some(_)) => "before",
        (None, None) => return Ok(()),
    };
    Err(Error::invalid(field, format!("`{field}` is not supported: lists are read forwards, with `first` and `after`")))
}
