//! Cursor parameters and the list envelope.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::page::{Cursor, Order, Page, PageRequest},
    error::{Error, Result},
};

/// Rows of a page when none are asked for.
pub const DEFAULT_LIMIT: u32 = 100;
/// Rows that a page may have.
pub const MAX_LIMIT: u32 = 1_000;

/// `data` and `next_cursor`.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListBody<T> {
    /// The rows.
    pub data: Vec<T>,
    /// Where the next page begins; null at the end.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

impl<T> From<Page<T>> for ListBody<T> {
    fn from(page: Page<T>) -> Self {
        Self { data: page.items, next_cursor: page.next.map(Cursor::encode) }
    }
}

/// `data` around one thing.
#[derive(Debug, Serialize, ToSchema)]
pub struct DataBody<T> {
    /// The thing.
    pub data: T,
}

/// Reads cursor and limit.
pub fn request(cursor: Option<&str>, limit: Option<i64>, max: u32, order: Order) -> Result<PageRequest> {
    let limit = match limit {
        None => DEFAULT_LIMIT,
        Some(limit) => u32::try_from(limit)
            .ok()
            .filter(|l| (1..=max).contains(l))
            .ok_or_else(|| Error::invalid("limit", format!("Input should be between 1 and {max}")))?,
    };
    let from = match cursor {
        None | Some("") => None,
        Some(text) => Some(Cursor::decode(text).ok_or_else(|| Error::invalid("cursor", "Invalid cursor"))?),
    };
    Ok(PageRequest { from, limit, order })
}
