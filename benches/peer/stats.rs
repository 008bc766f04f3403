//! Medians, percentiles and spread.

use std::time::Duration;

/// One figure, measured once or several times, with what a reader should know about how.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub(crate) struct Sample {
    /// What was measured, each time.
    pub(crate) values: Vec<f64>,
    /// Remark for the table.
    pub(crate) note: String,
}

impl Sample {
    /// A figure of one run.
    pub(crate) fn once(value: f64) -> Self {
        Self { values: vec![value], note: String::new() }
    }

    /// A figure of several runs.
    pub(crate) fn of(values: Vec<f64>) -> Self {
        Self { values, note: String::new() }
    }

    /// Adds a remark.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// Returns the median.
    pub(crate) fn median(&self) -> Option<f64> {
        percentile(&self.values, 50)
    }

    /// Returns smallest and largest, when there are several.
    pub(crate) fn spread(&self) -> Option<(f64, f64)> {
        if self.values.len() < 2 {
            return None;
        }
        Some((percentile(&self.values, 0)?, percentile(&self.values, 100)?))
    }
}

/// Returns the value below which `percent` of the values lie.
pub(crate) fn percentile(values: &[f64], percent: usize) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    if percent == 50 && last % 2 == 1 {
        return Some(f64::midpoint(sorted[last / 2], sorted[last / 2 + 1]));
    }
    sorted.get((last * percent).div_ceil(100)).copied()
}

/// Returns durations in milliseconds.
pub(crate) fn millis(durations: &[Duration]) -> Vec<f64> {
    durations.iter().map(|d| d.as_secs_f64() * 1e3).collect()
}

/// Returns a count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "counts and sizes here stay far below 2^53")]
pub(crate) fn real(count: u64) -> f64 {
    count as f64
}
