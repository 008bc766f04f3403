//! Costs of spans, computed again after a change of prices: in slices, from the first span on, each with all the sums that
//! it is in. The prices say by themselves when they count, so a span gets what it would get if it came now.
//!
//! Acts for nobody; of several processes one works on a slice at a time.

use std::time::Duration;

use super::{Services, models};
use crate::{
    domain::{
        cost::{Cost, PROVIDER, TokenUse},
        model_price::PriceTable,
        span::normalized_kind,
    },
    error::Result,
    store::{self, models::Costed},
};

/// How often there is a look.
pub const INTERVAL: Duration = Duration::from_secs(5);
/// Other processes may write spans by the old prices until they look: those would be passed by.
const SETTLED: Duration = Duration::from_secs(15);
/// Spans of one transaction: few enough that ingest, which waits for the same writer, does not notice.
const SLICE: i64 = 200;

/// When costs are computed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Once every process must know the prices.
    Settled,
    /// Now: no other process is there.
    Now,
}

/// Computes again what is left to do.
pub async fn recompute(services: &Services, when: When) -> Result<()> {
    models::follow(services).await?;
    let inner = &services.0;
    let mut changed = 0_u64;
    loop {
        let mut tx = inner.db.begin().await?;
        let Some(work) = store::models::lock_recomputation(tx.conn()).await? else { return Ok(()) };
        let table = inner.ingest.prices().table();
        let is_settled = when == When::Now || inner.clock.now().since(work.changed_at) >= SETTLED;
        if !is_settled || table.revision != work.revision {
            return Ok(());
        }
        let spans = store::models::list_costed(tx.conn(), work.recomputed_to, SLICE).await?;
        for span in &spans {
            let cost = cost_of(&table, span);
            if cost != span.cost() {
                store::models::update_cost(tx.conn(), span, cost, 0).await?;
                changed += 1;
            }
        }
        let last = spans.last().map(|span| span.id.0);
        store::models::set_recomputed(tx.conn(), last).await?;
        tx.commit().await?;
        if last.is_none() {
            tracing::info!(revision = work.revision, changed, "costs of spans computed again");
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
}

fn cost_of(table: &PriceTable, span: &Costed) -> Cost {
    if normalized_kind(&span.span_kind) != "LLM" {
        return Cost::default();
    }
    let attributes: serde_json::Map<_, _> = serde_json::from_str(&span.attributes).unwrap_or_default();
    let provider = attributes.get(PROVIDER).and_then(serde_json::Value::as_str);
    let candidates = table.candidates(&span.model_name, provider);
    let used = TokenUse::of_attributes(&attributes);
    table.price(&candidates, span.start_time_unix_nano, &used).map(|(cost, _)| cost).unwrap_or_default()
}
