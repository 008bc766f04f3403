//! The prices of models as this process knows them, shared by the writer and by whoever changes or reads them.

use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::model_price::PriceTable;

/// The way to the prices; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Prices(Arc<RwLock<Arc<PriceTable>>>);

impl Prices {
    /// Returns the prices as they are now.
    #[must_use]
    pub fn table(&self) -> Arc<PriceTable> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes newer prices.
    pub fn set(&self, table: PriceTable) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
    }
}
