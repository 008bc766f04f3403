//! What goes on in a project over time.

use async_graphql::{Enum, InputObject, Interface, SimpleObject};

use super::{super::scalar::DateTime, project::count};
use crate::{
    domain::series::{QUANTILES, Scale, SpanCounts, TraceSums},
    service::series::{Frame, Series},
};

/// A part of time; its end is not part of it.
#[derive(Clone, Copy, Debug, InputObject)]
pub(in super::super) struct TimeRange {
    /// First instant.
    start: Option<DateTime>,
    /// First instant that lies after; now when null.
    end: Option<DateTime>,
}

/// How long a bin is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(in super::super) enum TimeBinScale {
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A week, from Monday on.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

/// How time is cut into bins.
#[derive(Clone, Copy, Debug, InputObject)]
pub(in super::super) struct TimeBinConfig {
    /// How long a bin is.
    #[graphql(default_with = "TimeBinScale::Hour")]
    scale: TimeBinScale,
    /// How far the clock of whoever looks is ahead of UTC.
    #[graphql(default)]
    utc_offset_minutes: i32,
}

impl TimeRange {
    /// Returns what is asked for, in bins of an hour unless said otherwise.
    pub(super) fn frame(self, bins: Option<TimeBinConfig>) -> Frame {
        let bins = bins.unwrap_or(TimeBinConfig { scale: TimeBinScale::Hour, utc_offset_minutes: 0 });
        Frame {
            start: self.start.map(|at| at.0),
            end: self.end.map(|at| at.0),
            scale: match bins.scale {
                TimeBinScale::Minute => Scale::Minute,
                TimeBinScale::Hour => Scale::Hour,
                TimeBinScale::Day => Scale::Day,
                TimeBinScale::Week => Scale::Week,
                TimeBinScale::Month => Scale::Month,
                TimeBinScale::Year => Scale::Year,
            },
            offset_minutes: bins.utc_offset_minutes.into(),
        }
    }
}

/// A number for each bin.
#[derive(Interface)]
#[graphql(field(name = "data", ty = "&Vec<TimeSeriesDataPoint>", desc = "The bins in their order."))]
pub(in super::super) enum TimeSeries {
    /// Of traces.
    TraceCountTimeSeries(TraceCountTimeSeries),
}

/// A number of a bin.
#[derive(Clone, Debug, SimpleObject)]
pub(in super::super) struct TimeSeriesDataPoint {
    /// First instant of the bin.
    timestamp: DateTime,
    /// The number; null when there was nothing.
    value: Option<f64>,
}

/// How many traces began.
#[derive(Clone, Debug, SimpleObject)]
pub(in super::super) struct TraceCountTimeSeries {
    /// The bins in their order.
    data: Vec<TimeSeriesDataPoint>,
}

impl From<Series<TraceSums>> for TraceCountTimeSeries {
    fn from(series: Series<TraceSums>) -> Self {
        let point = |(bin, sums): (crate::domain::series::Bin, TraceSums)| TimeSeriesDataPoint {
            timestamp: bin.label.into(),
            value: (sums.traces > 0).then(|| count(sums.traces)),
        };
        Self { data: series.into_iter().map(point).collect() }
    }
}

/// Traces of a bin, by whether a span of theirs failed.
#[derive(Clone, Debug, SimpleObject)]
pub(in super::super) struct TraceCountByStatusTimeSeriesDataPoint {
    /// First instant of the bin.
    timestamp: DateTime,
    /// Without a failed span.
    ok_count: i64,
    /// With one.
    error_count: i64,
    /// Both.
    total_count: i64,
}

/// How many traces began, by whether a span of theirs failed.
#[derive(Clone, Debug, SimpleObject)]
pub(in super::super) struct TraceCountByStatusTimeSeries {
    /// The bins in their order.
    data: Vec<TraceCountByStatusTimeSeriesDataPoint>,
}

impl From<Series<TraceSums>> for TraceCountByStatusTimeSeries {
    fn from(series: Series<TraceSums>) -> Self {
        let points = series.into_iter().map(|(bin, sums)| TraceCountByStatusTimeSeriesDataPoint {
            timestamp: bin.label.into(),
            ok_count: sums.traces - sums.failed,
            error_count: sums.failed,
            total_count: sums.traces,
        });
        Self { data: points.collect() }
    }
}

/// Spans of a bin by status.
#[derive(Clone, Debug, SimpleObject)]
pub(in super::super) struct SpanCountTimeSeriesDataPoint {
    /// First instant of the bin.
    timestamp: DateTime,
    /// With status `OK`; null when the bin has no spans.
    ok_count: Option<i64>,
    /// With status `ERROR`.
    error_count: Option<i64>,
    /// Without a status.
    unset_count: Option<i64>,
    /// All.
    total_count: Option<i64>,
}

/// How many spans began, by status.
#[derive(Clone, Debug, SimpleObject)]
pub(in super::super) struct SpanCountTimeSeries {
    /// The bins in their order.
    data: Vec<SpanCountTimeSeriesDataPoint>,
}

impl From<Series<SpanCounts>> for SpanCountTimeSeries {
    fn from(series: Series<SpanCounts>) -> Self {
        let points = series.into_iter().map(|(bin, SpanCounts { ok, error, unset })| {
            let total = ok + error + unset;
            let known = |number: i64| (total > 0).then_some(number);
            SpanCountTimeSeriesDataPoint {
                timestamp: bin.label.into(),
                ok_count: known(ok),
                error_count: known(error),
                unset_count: known(unset),
                total_count: known(total),
            }
        });
        Self { data: points.collect() }
    }
}

/// How long the traces of a bin took, in milliseconds.
#[derive(Clone, Debug, SimpleObject)]
pub(in super::super) struct TraceLatencyMsPercentileTimeSeriesDataPoint {
    /// First instant of the bin.
    timestamp: DateTime,
    /// Half of them took no longer.
    #[graphql(name = "p50")]
    p50: Option<f64>,
    /// 75 per cent took no longer.
    #[graphql(name = "p75")]
    p75: Option<f64>,
    /// 90 per cent took no longer.
    #[graphql(name = "p90")]
    p90: Option<f64>,
    /// 95 per cent took no longer.
    #[graphql(name = "p95")]
    p95: Option<f64>,
    /// 99 per cent took no longer.
    #[graphql(name = "p99")]
    p99: Option<f64>,
    /// 99.9 per cent took no longer.
    #[graphql(name = "p999")]
    p999: Option<f64>,
    /// The longest.
    max: Option<f64>,
}

/// How long traces took.
#[derive(Clone, Debug, SimpleObject)]
pub(in super::super) struct TraceLatencyPercentileTimeSeries {
    /// The bins in their order.
    data: Vec<TraceLatencyMsPercentileTimeSeriesDataPoint>,
}

impl From<Series<Option<[i64; QUANTILES.len()]>>> for TraceLatencyPercentileTimeSeries {
    fn from(series: Series<Option<[i64; QUANTILES.len()]>>) -> Self {
        let points = series.into_iter().map(|(bin, quantiles)| {
            let at = |n: usize| quantiles.map(|q| count(q[n]) / 1e6);
            TraceLatencyMsPercentileTimeSeriesDataPoint {
                timestamp: bin.label.into(),
                p50: at(0),
                p75: at(1),
                p90: at(2),
                p95: at(3),
                p99: at(4),
                p999: at(5),
                max: at(6),
            }
        });
        Self { data: points.collect() }
    }
}

/// Tokens of the traces of a bin.
#[derive(Clone, Debug, SimpleObject)]
pub(in super::super) struct TraceTokenCountTimeSeriesDataPoint {
    /// First instant of the bin.
    timestamp: DateTime,
    /// Of prompts; null when there were none.
    prompt_token_count: Option<f64>,
    /// Of completions; null when there were none.
    completion_token_count: Option<f64>,
    /// Of both.
    total_token_count: Option<f64>,
}

/// How many tokens traces took.
#[derive(Clone, Debug, SimpleObject)]
pub(in super::super) struct TraceTokenCountTimeSeries {
    /// The bins in their order.
    data: Vec<TraceTokenCountTimeSeriesDataPoint>,
}

impl From<Series<TraceSums>> for TraceTokenCountTimeSeries {
    fn from(series: Series<TraceSums>) -> Self {
        let some = |number: i64| (number > 0).then(|| count(number));
        let points = series.into_iter().map(|(bin, sums)| TraceTokenCountTimeSeriesDataPoint {
            timestamp: bin.label.into(),
            prompt_token_count: some(sums.prompt_tokens),
            completion_token_count: some(sums.completion_tokens),
            total_token_count: some(sums.prompt_tokens.saturating_add(sums.completion_tokens)),
        });
        Self { data: points.collect() }
    }
}

/// Cost of the traces of a bin, in US dollars.
#[derive(Clone, Debug, SimpleObject)]
pub(in super::super) struct TraceTokenCostTimeSeriesDataPoint {
    /// First instant of the bin.
    timestamp: DateTime,
    /// Of prompts; null when nothing is known to have cost anything.
    prompt_cost: Option<f64>,
    /// Of completions.
    completion_cost: Option<f64>,
    /// Of both.
    total_cost: Option<f64>,
}

/// What traces cost.
#[derive(Clone, Debug, SimpleObject)]
pub(in super::super) struct TraceTokenCostTimeSeries {
    /// The bins in their order.
    data: Vec<TraceTokenCostTimeSeriesDataPoint>,
}

impl From<Series<TraceSums>> for TraceTokenCostTimeSeries {
    fn from(series: Series<TraceSums>) -> Self {
        let some = |cost: f64| (cost > 0.0).then_some(cost);
        let points = series.into_iter().map(|(bin, sums)| TraceTokenCostTimeSeriesDataPoint {
            timestamp: bin.label.into(),
            prompt_cost: some(sums.prompt_cost),
            completion_cost: some(sums.completion_cost),
            total_cost: some(sums.prompt_cost + sums.completion_cost),
        });
        Self { data: points.collect() }
    }
}
