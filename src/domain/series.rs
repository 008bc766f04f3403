//! Bins of time for series: minutes to years, on the clock of whoever looks.

use jiff::{Timestamp, ToSpan as _, civil, tz::TimeZone};

use super::time::UnixNanos;

/// The most bins of a series.
pub const MAX_BINS: usize = 2_000;
/// The furthest a clock may be from UTC, in minutes.
const MAX_OFFSET: i64 = 18 * 60;
const NANOS_A_MINUTE: i64 = 60_000_000_000;

/// How long a bin is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A week, from Monday on.
    Week,
    /// A month of the calendar.
    Month,
    /// A year of the calendar.
    Year,
}

/// A span of time, its end excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bin {
    /// What the bin is called by: its first instant on the clock, even if the range begins later.
    pub label: UnixNanos,
    /// The first instant that counts.
    pub start: UnixNanos,
    /// The first instant that does not.
    pub end: UnixNanos,
}

/// Cuts a range into bins.
pub fn bins(start: UnixNanos, end: UnixNanos, scale: Scale, offset_minutes: i64) -> Result<Vec<Bin>, String> {
    if !(-MAX_OFFSET..=MAX_OFFSET).contains(&offset_minutes) {
        return Err(format!("utcOffsetMinutes must lie between -{MAX_OFFSET} and {MAX_OFFSET}"));
    }
    let offset = offset_minutes * NANOS_A_MINUTE;
    let beyond = || "the time range lies beyond the calendar".to_owned();
    let local = |at: UnixNanos| -> Option<civil::DateTime> {
        let at = Timestamp::from_nanosecond(i128::from(at.0) + i128::from(offset)).ok()?;
        Some(at.to_zoned(TimeZone::UTC).datetime())
    };
    let instant = |at: civil::DateTime| -> Option<UnixNanos> {
        let nanos = at.to_zoned(TimeZone::UTC).ok()?.timestamp().as_nanosecond() - i128::from(offset);
        i64::try_from(nanos).ok().map(UnixNanos)
    };
    let mut found = Vec::new();
    let mut at = local(start).map(|at| floor(at, scale)).ok_or_else(beyond)?;
    loop {
        let label = instant(at).ok_or_else(beyond)?;
        if label >= end {
            return Ok(found);
        }
        if found.len() == MAX_BINS {
            return Err(format!("the time range has more than {MAX_BINS} bins; choose longer ones"));
        }
        at = next(at, scale).ok_or_else(beyond)?;
        let next = instant(at).ok_or_else(beyond)?;
        found.push(Bin { label, start: label.max(start), end: next.min(end) });
    }
}

fn floor(at: civil::DateTime, scale: Scale) -> civil::DateTime {
    let date = at.date();
    match scale {
        Scale::Minute => date.at(at.hour(), at.minute(), 0, 0),
        Scale::Hour => date.at(at.hour(), 0, 0, 0),
        Scale::Day => date.at(0, 0, 0, 0),
        Scale::Week => {
            let days = i64::from(date.weekday().to_monday_zero_offset());
            date.saturating_sub(days.days()).at(0, 0, 0, 0)
        }
        Scale::Month => date.first_of_month().at(0, 0, 0, 0),
        Scale::Year => date.first_of_year().at(0, 0, 0, 0),
    }
}

fn next(at: civil::DateTime, scale: Scale) -> Option<civil::DateTime> {
    let step = match scale {
        Scale::Minute => 1.minute(),
        Scale::Hour => 1.hour(),
        Scale::Day => 1.day(),
        Scale::Week => 1.week(),
        Scale::Month => 1.month(),
        Scale::Year => 1.year(),
    };
    at.checked_add(step).ok()
}

/// Traces that began within a bin.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TraceSums {
    /// How many.
    pub traces: i64,
    /// How many of them with a failed span.
    pub failed: i64,
    /// Tokens of prompts.
    pub prompt_tokens: i64,
    /// Tokens of completions.
    pub completion_tokens: i64,
    /// Cost of prompts.
    pub prompt_cost: f64,
    /// Cost of completions.
    pub completion_cost: f64,
}

/// Spans that began within a bin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanCounts {
    /// With status `OK`.
    pub ok: i64,
    /// With status `ERROR`.
    pub error: i64,
    /// Without a status.
    pub unset: i64,
}

/// The quantiles that a series of latencies tells, in thousandths; the last is the longest.
pub const QUANTILES: [i64; 7] = [500, 750, 900, 950, 990, 999, 1_000];

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(start: &str, end: &str, scale: Scale, offset: i64) -> Vec<String> {
        let at = |text| UnixNanos::parse(text).unwrap();
        let found = bins(at(start), at(end), scale, offset).unwrap();
        assert!(found.windows(2).all(|w| w[0].end == w[1].start), "without gaps");
        assert!(found.iter().all(|bin| bin.start < bin.end));
        found.into_iter().map(|bin| bin.label.to_rfc3339()).collect()
    }

    #[test]
    fn bins_follow_the_calendar_of_who_looks() {
        let (start, end) = ("2026-01-30T23:30:00Z", "2026-03-01T00:00:00Z");
        assert_eq!(labels(start, end, Scale::Month, 0).len(), 2);
        assert_eq!(labels(start, "2026-02-01T00:00:00Z", Scale::Day, 60)[0][..16], *"2026-01-30T23:00");
        assert_eq!(labels(start, end, Scale::Week, 0)[0][..10], *"2026-01-26");
        assert_eq!(labels(start, end, Scale::Year, 0)[0][..10], *"2026-01-01");
        assert_eq!(labels(start, "2026-01-31T00:00:30Z", Scale::Minute, 0).len(), 31);
    }

    #[test]
    fn too_many_bins_and_odd_clocks_are_refused() {
        let at = |text| UnixNanos::parse(text).unwrap();
        let (start, end) = (at("2026-01-01T00:00:00Z"), at("2026-01-08T00:00:00Z"));
        assert!(bins(start, end, Scale::Minute, 0).is_err());
        assert!(bins(start, end, Scale::Day, 100_000).is_err());
        assert!(bins(UnixNanos(i64::MIN), UnixNanos(i64::MAX), Scale::Year, -600).is_err());
        assert_eq!(bins(end, start, Scale::Hour, 0), Ok(Vec::new()));
    }
}
