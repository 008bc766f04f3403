//! What goes on in a project over time.

use super::{cx::Cx, projects};
use crate::{
    domain::{
        id::ProjectId,
        project::ProjectRef,
        scope::TracesRead,
        series::{Bin, QUANTILES, Scale, SpanCounts, TraceSums, bins},
        time::UnixNanos,
    },
    error::{Error, Result},
    store,
};

/// What part of time is looked at, and in which bins.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// First instant.
    pub start: Option<UnixNanos>,
    /// First instant that lies after; now when not given.
    pub end: Option<UnixNanos>,
    /// How long a bin is.
    pub scale: Scale,
    /// How far the clock of whoever looks is ahead of UTC, in minutes.
    pub offset_minutes: i64,
}

/// Values by the bins that they are of.
pub type Series<T> = Vec<(Bin, T)>;

async fn frame(cx: &Cx<TracesRead>, project: ProjectId, frame: Frame) -> Result<Vec<Bin>> {
    // One that the caller may not see, or that was deleted, is not there.
    projects::find(cx, &ProjectRef::Id(project)).await?;
    let start = frame.start.ok_or_else(|| Error::invalid("time_range", "Start time is required"))?;
    let end = frame.end.unwrap_or_else(|| cx.now());
    bins(start, end, frame.scale, frame.offset_minutes).map_err(|problem| Error::invalid("time_range", problem))
}

/// Returns the sums of traces by when they began.
pub async fn traces(cx: &Cx<TracesRead>, project: ProjectId, asked: Frame) -> Result<Series<TraceSums>> {
    let bins = frame(cx, project, asked).await?;
    let mut reader = cx.read().await?;
    let found = store::series::traces(reader.conn(), &cx.projects(), project, &bins).await?;
    Ok(bins.into_iter().zip(found).collect())
}

/// Returns the counts of spans by when they began.
pub async fn spans(cx: &Cx<TracesRead>, project: ProjectId, asked: Frame) -> Result<Series<SpanCounts>> {
    let bins = frame(cx, project, asked).await?;
    let mut reader = cx.read().await?;
    let found = store::series::spans(reader.conn(), &cx.projects(), project, &bins).await?;
    Ok(bins.into_iter().zip(found).collect())
}

/// Returns quantiles of how long traces took, by when they began.
pub async fn trace_latencies(
    cx: &Cx<TracesRead>,
    project: ProjectId,
    asked: Frame,
) -> Result<Series<Option<[i64; QUANTILES.len()]>>> {
    let bins = frame(cx, project, asked).await?;
    let mut reader = cx.read().await?;
    let found = store::series::trace_latencies(reader.conn(), &cx.projects(), project, &bins).await?;
    Ok(bins.into_iter().zip(found).collect())
}
