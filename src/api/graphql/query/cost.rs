//! What calls of models cost.

use async_graphql::{Enum, SimpleObject};

use super::project::count;
use crate::domain::cost::{Cost, CostSum, PricedTokens, Side};

/// Cost and number of tokens.
#[derive(Clone, Copy, Debug, Default, SimpleObject)]
pub(in super::super) struct CostBreakdown {
    /// How many; null when there are none.
    tokens: Option<f64>,
    /// US dollars; null when no price is known.
    cost: Option<f64>,
}

impl CostBreakdown {
    fn new(tokens: i64, cost: Option<f64>) -> Self {
        Self { tokens: (tokens > 0).then(|| count(tokens)), cost }
    }
}

/// Costs by side of the call.
#[derive(Clone, Copy, Debug, Default, SimpleObject)]
pub(in super::super) struct SpanCostSummary {
    /// Of what went in.
    prompt: CostBreakdown,
    /// Of what came out.
    completion: CostBreakdown,
    /// Of both.
    total: CostBreakdown,
}

impl SpanCostSummary {
    /// Returns the summary of one call; `None` when it took no tokens.
    pub(super) fn of_span(cost: Cost, entries: &[PricedTokens]) -> Option<Self> {
        let tokens = |side| entries.iter().filter(|e| e.tokens.side == side).map(|e| e.tokens.count).sum::<i64>();
        let (prompt, completion) = (tokens(Side::Prompt), tokens(Side::Completion));
        (!entries.is_empty()).then(|| Self {
            prompt: CostBreakdown::new(prompt, cost.prompt),
            completion: CostBreakdown::new(completion, cost.completion),
            total: CostBreakdown::new(prompt.saturating_add(completion), cost.total()),
        })
    }
}

impl From<CostSum> for SpanCostSummary {
    fn from(sum: CostSum) -> Self {
        let total = sum.prompt_tokens.saturating_add(sum.completion_tokens);
        let known = |cost: f64| (total > 0).then_some(cost);
        Self {
            prompt: CostBreakdown::new(sum.prompt_tokens, known(sum.prompt_cost)),
            completion: CostBreakdown::new(sum.completion_tokens, known(sum.completion_cost)),
            total: CostBreakdown::new(total, known(sum.prompt_cost + sum.completion_cost)),
        }
    }
}

/// Cost of the tokens of one type.
#[derive(Clone, Debug, SimpleObject)]
pub(in super::super) struct SpanCostDetailSummaryEntry {
    /// The type: `input`, `output`, `cache_read`, …
    token_type: String,
    /// Whether they went in.
    is_prompt: bool,
    /// Their number and cost.
    value: CostBreakdown,
}

impl From<PricedTokens> for SpanCostDetailSummaryEntry {
    fn from(priced: PricedTokens) -> Self {
        Self {
            is_prompt: priced.tokens.side == Side::Prompt,
            value: CostBreakdown::new(priced.tokens.count, priced.cost),
            token_type: priced.tokens.token_type,
        }
    }
}

/// The side of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(in super::super) enum TokenKind {
    /// What went in.
    Prompt,
    /// What came out.
    Completion,
}

impl From<Side> for TokenKind {
    fn from(side: Side) -> Self {
        match side {
            Side::Prompt => Self::Prompt,
            Side::Completion => Self::Completion,
        }
    }
}

impl From<TokenKind> for Side {
    fn from(kind: TokenKind) -> Self {
        match kind {
            TokenKind::Prompt => Self::Prompt,
            TokenKind::Completion => Self::Completion,
        }
    }
}
