//! Changes to prices of models.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::super::{
    context::ContextExt as _,
    node::read_id,
    query::{Query, cost::TokenKind, model::GenerativeModel},
    scalar::DateTime,
};
use crate::{
    domain::model_price::{NewModel, TokenPrice},
    service,
};

/// Changes to prices of models.
#[derive(Clone, Copy, Debug)]
pub(super) struct ModelMutation;

/// What tokens of one type cost.
#[derive(InputObject)]
pub(super) struct TokenPriceInput {
    /// The type: `input`, `output`, `cache_read`, …
    token_type: String,
    /// US dollars for a million.
    cost_per_million_tokens: f64,
    /// The side of the call.
    kind: TokenKind,
}

/// What makes a new model.
#[derive(InputObject)]
pub(super) struct CreateModelMutationInput {
    /// A name that no other model of people has.
    name: String,
    /// The provider that it is of, if that matters.
    provider: Option<String>,
    /// A regular expression for the names of models in spans.
    name_pattern: String,
    /// The prices; those of `input` and `output` at least.
    costs: Vec<TokenPriceInput>,
    /// From when on they count.
    start_time: Option<DateTime>,
}

/// What a model becomes.
#[derive(InputObject)]
pub(super) struct UpdateModelMutationInput {
    /// The global id.
    id: ID,
    /// A name that no other model of people has.
    name: String,
    /// The provider that it is of, if that matters.
    provider: Option<String>,
    /// A regular expression for the names of models in spans.
    name_pattern: String,
    /// The prices; those of `input` and `output` at least.
    costs: Vec<TokenPriceInput>,
    /// From when on they count.
    start_time: Option<DateTime>,
}

/// Which model to delete.
#[derive(InputObject)]
pub(super) struct DeleteModelMutationInput {
    /// The global id.
    id: ID,
}

/// The model as made.
#[derive(SimpleObject)]
pub(super) struct CreateModelMutationPayload {
    /// The model as made.
    model: GenerativeModel,
    /// The root of queries, to read on.
    query: Query,
}

/// The model as changed.
#[derive(SimpleObject)]
pub(super) struct UpdateModelMutationPayload {
    /// The model as changed.
    model: GenerativeModel,
    /// The root of queries, to read on.
    query: Query,
}

/// The model as it was.
#[derive(SimpleObject)]
pub(super) struct DeleteModelMutationPayload {
    /// The model as it was.
    model: GenerativeModel,
    /// The root of queries, to read on.
    query: Query,
}

fn prices(costs: Vec<TokenPriceInput>) -> Vec<TokenPrice> {
    let price = |input: TokenPriceInput| TokenPrice {
        token_type: input.token_type,
        side: input.kind.into(),
        per_million: input.cost_per_million_tokens,
    };
    costs.into_iter().map(price).collect()
}

/// Returns a provider; an empty one is none.
fn named(provider: Option<String>) -> Option<String> {
    provider.filter(|provider| !provider.is_empty())
}

#[Object]
impl ModelMutation {
    /// Enters a model with its prices.
    async fn create_model(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What makes the model.")] input: CreateModelMutationInput,
    ) -> Result<CreateModelMutationPayload> {
        let cx = ctx.cx()?;
        let new = NewModel {
            name: input.name,
            provider: named(input.provider),
            name_pattern: input.name_pattern,
            start_time: input.start_time.map(|at| at.0),
            prices: prices(input.costs),
        };
        let model = service::models::create(&cx, &new).await?.into();
        Ok(CreateModelMutationPayload { model, query: Query })
    }

    /// Changes a model that people entered.
    async fn update_model(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What the model becomes.")] input: UpdateModelMutationInput,
    ) -> Result<UpdateModelMutationPayload> {
        let cx = ctx.cx()?;
        let new = NewModel {
            name: input.name,
            provider: named(input.provider),
            name_pattern: input.name_pattern,
            start_time: input.start_time.map(|at| at.0),
            prices: prices(input.costs),
        };
        let model = service::models::update(&cx, read_id(&input.id, "GenerativeModel")?, &new).await?.into();
        Ok(UpdateModelMutationPayload { model, query: Query })
    }

    /// Deletes a model that people entered.
    async fn delete_model(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which model.")] input: DeleteModelMutationInput,
    ) -> Result<DeleteModelMutationPayload> {
        let cx = ctx.cx()?;
        let model = service::models::delete(&cx, read_id(&input.id, "GenerativeModel")?).await?.into();
        Ok(DeleteModelMutationPayload { model, query: Query })
    }
}
