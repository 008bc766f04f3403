//! What the server says of itself.

use async_graphql::{Object, SimpleObject};

use super::project::count;
use crate::domain::storage::TableSize;

/// The size of a table with its indexes.
pub(in super::super) struct DbTableStats(pub(super) TableSize);

#[Object]
impl DbTableStats {
    /// Name of the table; on SQLite all of them are one.
    async fn table_name(&self) -> &str {
        &self.0.table
    }

    /// Its size in bytes.
    async fn num_bytes(&self) -> f64 {
        count(self.0.bytes)
    }
}

/// Whether the server can do all of its work.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub(in super::super) struct ServerStatus {
    /// Whether what is new is refused for want of space.
    pub(super) insufficient_storage: bool,
}
