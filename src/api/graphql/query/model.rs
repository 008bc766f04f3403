//! Models with their prices.

use async_graphql::{Enum, ID, Object, SimpleObject};

use super::{
    super::{node::global_id, scalar::DateTime},
    cost::TokenKind,
};
use crate::domain;

/// A model with its prices.
pub(in super::super) struct GenerativeModel(domain::model_price::Model);

impl From<domain::model_price::Model> for GenerativeModel {
    fn from(model: domain::model_price::Model) -> Self {
        Self(model)
    }
}

/// Where the prices of a model come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(in super::super) enum GenerativeModelKind {
    /// People entered it.
    Custom,
    /// The server brought it along; it cannot be changed.
    BuiltIn,
}

/// What tokens of one type cost.
#[derive(Clone, Debug, SimpleObject)]
pub(in super::super) struct TokenPrice {
    /// The type: `input`, `output`, `cache_read`, …
    token_type: String,
    /// The side of the call.
    kind: TokenKind,
    /// US dollars for a million.
    cost_per_million_tokens: f64,
    /// US dollars for one.
    cost_per_token: f64,
}

/// A model with its prices.
#[Object]
impl GenerativeModel {
    /// The global id.
    pub(in super::super) async fn id(&self) -> ID {
        global_id("GenerativeModel", self.0.id)
    }

    /// The name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The provider that it is of, if that matters; spans name theirs in `llm.provider`.
    async fn provider(&self) -> Option<&str> {
        self.0.provider.as_deref()
    }

    /// The regular expression that finds the model by the name in a span.
    async fn name_pattern(&self) -> &str {
        &self.0.name_pattern
    }

    /// Where the prices come from.
    async fn kind(&self) -> GenerativeModelKind {
        if self.0.is_built_in { GenerativeModelKind::BuiltIn } else { GenerativeModelKind::Custom }
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When it was last changed.
    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }

    /// From when on the prices count; for ever when null.
    async fn start_time(&self) -> Option<DateTime> {
        self.0.start_time.map(DateTime)
    }

    /// The prices.
    async fn token_prices(&self) -> Vec<TokenPrice> {
        let price = |price: &domain::model_price::TokenPrice| TokenPrice {
            token_type: price.token_type.clone(),
            kind: price.side.into(),
            cost_per_million_tokens: price.per_million,
            cost_per_token: price.per_million / 1e6,
        };
        self.0.prices.iter().map(price).collect()
    }
}
