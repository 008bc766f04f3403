//! How full a database is, and what follows.

/// What a database may take.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StorageLimits {
    /// Bytes that are allocated to it; nobody knows when not given, and then nothing follows.
    pub capacity_bytes: Option<u64>,
    /// Per cent of them from which on administrators are told.
    pub warning_percent: Option<f64>,
    /// Per cent of them from which on writes are refused.
    pub blocking_percent: Option<f64>,
}

/// What follows from a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StorageLevel {
    /// Nothing.
    Enough,
    /// Administrators are told.
    Warning,
    /// Writes are refused.
    Full,
}

impl StorageLevel {
    /// Returns the name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enough => "enough",
            Self::Warning => "warning",
            Self::Full => "full",
        }
    }
}

/// How full a database was when it was last looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StorageUse {
    /// Its size.
    pub used_bytes: u64,
    /// What it may take.
    pub capacity_bytes: Option<u64>,
    /// The size as per cent of the capacity.
    pub used_percent: Option<f64>,
    /// What follows.
    pub level: StorageLevel,
}

impl StorageLimits {
    /// Says how full a database of this size is.
    #[must_use]
    pub fn judge(&self, used_bytes: u64) -> StorageUse {
        let used_percent = self.capacity_bytes.map(|capacity| percent(used_bytes, capacity));
        let reached = |threshold: Option<f64>| used_percent.zip(threshold).is_some_and(|(used, at)| used >= at);
        let level = if reached(self.blocking_percent) {
            StorageLevel::Full
        } else if reached(self.warning_percent) {
            StorageLevel::Warning
        } else {
            StorageLevel::Enough
        };
        StorageUse { used_bytes, capacity_bytes: self.capacity_bytes, used_percent, level }
    }

    /// Whether a database of this size is so far below the warning that the next crossing is told again: sizes sway.
    #[must_use]
    pub fn is_calm(&self, used_bytes: u64) -> bool {
        /// Per cent of the threshold.
        const CALM: f64 = 0.95;
        match (self.capacity_bytes, self.warning_percent) {
            (Some(capacity), Some(at)) => percent(used_bytes, capacity) < at * CALM,
            _ => true,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 9 petabytes")]
fn percent(used: u64, capacity: u64) -> f64 {
    used as f64 / (capacity.max(1) as f64) * 100.0
}

/// The size of a table with its indexes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSize {
    /// Name of the table.
    pub table: String,
    /// Its size in bytes.
    pub bytes: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_depends_on_both_thresholds() {
        let limits =
            StorageLimits { capacity_bytes: Some(1_000), warning_percent: Some(80.0), blocking_percent: Some(95.0) };
        let level = |used| limits.judge(used).level;
        assert_eq!(
            [level(799), level(800), level(949), level(950)],
            [StorageLevel::Enough, StorageLevel::Warning, StorageLevel::Warning, StorageLevel::Full]
        );
        assert!(limits.is_calm(759) && !limits.is_calm(761));
        let unknown = StorageLimits { capacity_bytes: None, ..limits };
        assert_eq!(unknown.judge(u64::MAX).level, StorageLevel::Enough);
        let never = StorageLimits { warning_percent: None, blocking_percent: None, ..limits };
        assert_eq!(never.judge(u64::MAX).level, StorageLevel::Enough);
    }
}
