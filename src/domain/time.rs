//! Instants and the clock. Everything in the database is unix nanoseconds.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jiff::{Timestamp, civil::DateTime};

/// An instant: nanoseconds since the unix epoch, UTC. Covers 1677 to 2262.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct UnixNanos(pub i64);

impl UnixNanos {
    /// Reads an RFC 3339 text; without an offset it is taken as UTC, as the peer does.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 64 {
            return None;
        }
        let timestamp = match text.parse::<Timestamp>() {
            Ok(timestamp) => timestamp,
            Err(_) => text.parse::<DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp(),
        };
        i64::try_from(timestamp.as_nanosecond()).ok().map(Self)
    }

    /// Reads an RFC 3339 text that says its offset.
    #[must_use]
    pub fn parse_aware(text: &str) -> Option<Self> {
        if text.len() > 64 {
            return None;
        }
        i64::try_from(text.parse::<Timestamp>().ok()?.as_nanosecond()).ok().map(Self)
    }

    /// Returns the RFC 3339 form with microseconds (the precision clients parse) and `+00:00`.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        // Rounded, as the peer does, so that the last digit agrees.
        let micros = self.0.saturating_add(500).div_euclid(1_000);
        match Timestamp::from_microsecond(micros) {
            Ok(t) if micros % 1_000_000 == 0 => t.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string(),
            Ok(t) => t.strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string(),
            // Every i64 of nanoseconds is a valid timestamp.
            Err(_) => String::new(),
        }
    }

    /// Returns the RFC 3339 form with nanoseconds.
    #[must_use]
    pub fn to_rfc3339_nanos(self) -> String {
        match Timestamp::from_nanosecond(self.0.into()) {
            Ok(t) => t.strftime("%Y-%m-%dT%H:%M:%S.%9fZ").to_string(),
            // Every i64 of nanoseconds is a valid timestamp.
            Err(_) => String::new(),
        }
    }

    /// Returns this instant plus a duration, saturating.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// Returns this instant less a duration, saturating.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// Returns the time from `earlier` to this instant; zero when that lies after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Returns the milliseconds from `earlier` to this instant.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a latency of 104 days still has microseconds")]
    pub fn millis_since(self, earlier: Self) -> f64 {
        (self.0.saturating_sub(earlier.0)) as f64 / 1e6
    }

    /// Returns whole seconds since the epoch (JWT `NumericDate`).
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }
}

impl fmt::Display for UnixNanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

/// The source of "now": the system's, or one that tests turn by hand.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// Returns the system clock.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// Returns a clock that stands still until it is turned.
    #[must_use]
    pub fn manual(start: UnixNanos) -> Self {
        Self(Some(Arc::new(AtomicI64::new(start.0))))
    }

    /// Returns the present instant.
    #[must_use]
    pub fn now(&self) -> UnixNanos {
        if let Some(manual) = &self.0 {
            return UnixNanos(manual.load(Ordering::SeqCst));
        }
        #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixNanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }

    /// Turns a manual clock forward; the system clock ignores it.
    pub fn advance(&self, by: Duration) {
        if let Some(manual) = &self.0 {
            manual.fetch_add(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_with_and_without_offset() {
        let t = UnixNanos::parse("2026-01-02T03:04:05.123456789Z").unwrap();
        assert_eq!(t.0 % 1_000_000_000, 123_456_789);
        assert_eq!(t.to_rfc3339(), "2026-01-02T03:04:05.123457+00:00");
        assert_eq!(UnixNanos::parse("2026-01-02T03:04:05"), UnixNanos::parse("2026-01-02T04:04:05+01:00"));
        assert_eq!(UnixNanos::parse("2026-01-02T03:04:05Z").unwrap().to_rfc3339(), "2026-01-02T03:04:05+00:00");
        assert_eq!(UnixNanos::parse("yesterday"), None);
        assert_eq!(UnixNanos::parse("9999-01-01T00:00:00Z"), None);
    }
}
