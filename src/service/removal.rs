//! What removing and moving have in common: slice after slice, each a transaction that ingest hardly waits for.

use crate::{
    db::Db,
    domain::id::{ProjectId, TraceId},
    error::{Error, Result},
    store::{
        self,
        removal::{Doomed, Next, Range, Removed},
    },
};

/// Spans that one transaction removes or moves: few enough that ingest, which waits for the same writer, does not notice.
const SLICE: i64 = 500;
/// Traces that are looked up at once.
const AHEAD: i64 = 200;
/// How often a slice is tried again that ingest got in the way of.
const ATTEMPTS: usize = 5;

/// Removes one slice.
pub(super) async fn slice(db: &Db, project: ProjectId, doomed: Doomed<'_>) -> Result<Removed> {
    let mut tx = db.begin().await?;
    let removed = store::removal::remove(tx.conn(), project, doomed, SLICE).await?;
    tx.commit().await?;
    Ok(removed)
}

/// Removes traces.
pub(super) async fn traces(db: &Db, project: ProjectId, ids: &[TraceId]) -> Result<Removed> {
    let mut all = Removed::default();
    loop {
        let removed = slice(db, project, Doomed::Traces(ids)).await?;
        all.spans += removed.spans;
        all.traces += removed.traces;
        if removed.spans < SLICE.unsigned_abs() {
            return Ok(all);
        }
        tokio::task::yield_now().await;
    }
}

/// Removes a range of traces, oldest first, and tells of each step. What arrives in the range meanwhile may stay.
pub(super) async fn range(
    db: &Db,
    project: ProjectId,
    range: Range,
    mut progress: impl FnMut(Removed),
) -> Result<Removed> {
    let mut all = Removed::default();
    let mut after = None;
    loop {
        let next = {
            let mut reader = db.read().await?;
            store::removal::list_next(reader.conn(), project, range, after, AHEAD).await?
        };
        let Some(last) = next.last() else { break };
        after = Some((last.start, last.id));
        for some in portions(&next) {
            let ids: Vec<TraceId> = some.iter().map(|trace| trace.trace_id).collect();
            let removed = traces(db, project, &ids).await?;
            all.spans += removed.spans;
            all.traces += removed.traces;
            progress(all);
            tokio::task::yield_now().await;
        }
    }
    settle(db, project).await?;
    Ok(all)
}

/// Splits traces into portions that a slice holds, or that are one trace.
fn portions(mut traces: &[Next]) -> impl Iterator<Item = &[Next]> {
    std::iter::from_fn(move || {
        let mut spans = 0;
        let fits = traces.iter().take_while(|trace| {
            spans += trace.spans;
            // A slice that is full does not know that it was the last.
            spans < SLICE
        });
        let (some, rest) = traces.split_at(fits.count().max(1).min(traces.len()));
        traces = rest;
        (!some.is_empty()).then_some(some)
    })
}

/// Moves a trace.
pub(super) async fn relocate(db: &Db, from: ProjectId, to: ProjectId, trace: TraceId) -> Result<()> {
    let mut attempts = ATTEMPTS;
    loop {
        let mut tx = db.begin().await?;
        match store::relocation::relocate(tx.conn(), from, to, trace, SLICE).await {
            Ok(more) => {
                tx.commit().await?;
                if !more {
                    return Ok(());
                }
            }
            Err(Error::Conflict(_)) if attempts > 0 => attempts -= 1,
            Err(error) => return Err(error),
        }
        tokio::task::yield_now().await;
    }
}

/// Sets a project's first start and last end by what is left.
pub(super) async fn settle(db: &Db, project: ProjectId) -> Result<()> {
    let mut tx = db.begin().await?;
    store::roll_down::settle(tx.conn(), project).await?;
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{id::TraceRowId, time::UnixNanos};

    #[test]
    fn portions_hold_less_than_a_slice_or_one_trace() {
        let of = |spans: &[i64]| {
            let traces: Vec<Next> = spans
                .iter()
                .map(|spans| Next { id: TraceRowId(0), trace_id: TraceId([1; 16]), start: UnixNanos(0), spans: *spans })
                .collect();
            portions(&traces).map(<[Next]>::len).collect::<Vec<_>>()
        };
        assert_eq!(of(&[]), Vec::<usize>::new());
        assert_eq!(of(&[100, 399, 1, 9_000, 2, 497, 3]), [2, 1, 1, 2, 1]);
    }
}
