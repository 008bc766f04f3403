//! How long traces are kept: rules, and the hours of the week at which they are carried out.

use std::{fmt, str::FromStr};

use super::{id::RetentionPolicyId, time::UnixNanos};

/// The policy of projects that have no other.
pub const DEFAULT_POLICY: RetentionPolicyId = RetentionPolicyId(0);
/// The longest name of a policy, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

const HOUR: i64 = 3_600_000_000_000;
const HOURS_OF_WEEK: i64 = 7 * 24;

/// Which traces are kept; zero sets no bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Those that started within so many days.
    MaxDays(f64),
    /// The latest so many.
    MaxCount(i64),
    /// Those that are within both.
    MaxDaysOrCount(f64, i64),
}

impl Rule {
    /// Puts together what is stored.
    #[must_use]
    pub fn from_parts(max_days: Option<f64>, max_count: Option<i64>) -> Self {
        match (max_days, max_count) {
            (Some(days), Some(count)) => Self::MaxDaysOrCount(days, count),
            (None, Some(count)) => Self::MaxCount(count),
            (days, None) => Self::MaxDays(days.unwrap_or(0.0)),
        }
    }

    /// Returns what is stored.
    #[must_use]
    pub const fn parts(self) -> (Option<f64>, Option<i64>) {
        match self {
            Self::MaxDays(days) => (Some(days), None),
            Self::MaxCount(count) => (None, Some(count)),
            Self::MaxDaysOrCount(days, count) => (Some(days), Some(count)),
        }
    }

    /// Says what is wrong with a rule, if anything.
    pub fn check(self) -> Result<(), &'static str> {
        match self.parts() {
            (Some(days), _) if !days.is_finite() || days < 0.0 => Err("maxDays must be a number, not negative"),
            (_, Some(count)) if count < 0 => Err("maxCount must not be negative"),
            _ => Ok(()),
        }
    }

    /// Returns the first start that is within the days, if they are bounded.
    #[must_use]
    pub fn kept_from(self, now: UnixNanos) -> Option<UnixNanos> {
        let days = self.parts().0.filter(|days| *days > 0.0)?;
        // The cast keeps to the range of its type.
        #[expect(clippy::cast_possible_truncation, reason = "longer than there are instants is for ever")]
        let nanos = (days * 24.0 * 3.6e12) as i64;
        Some(UnixNanos(now.0.saturating_sub(nanos)))
    }

    /// Returns how many of the latest are kept, if they are bounded.
    #[must_use]
    pub fn kept_count(self) -> Option<i64> {
        self.parts().1.filter(|count| *count > 0)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.parts().0.filter(|days| *days > 0.0), self.kept_count()) {
            (None, None) => f.write_str("keeps everything"),
            (Some(days), None) => write!(f, "keeps {days} days"),
            (None, Some(count)) => write!(f, "keeps {count} traces"),
            (Some(days), Some(count)) => write!(f, "keeps {days} days and {count} traces"),
        }
    }
}

/// When a policy is carried out: `0 HOUR * * WEEKDAY`, in UTC. The peer takes the same form of cron expressions alone: at
/// full hours, on days of the week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    hours: u32,
    weekdays: u32,
}

impl Cron {
    /// Returns the expression as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the last full hour up to `now` that the expression names.
    #[must_use]
    pub fn latest(&self, now: UnixNanos) -> Option<UnixNanos> {
        let hour = now.0.div_euclid(HOUR);
        (0..HOURS_OF_WEEK)
            .map(|back| hour - back)
            .find(|hour| {
                // The first of January 1970 was a Thursday; weeks begin on Sunday.
                let weekday = (hour.div_euclid(24) + 4).rem_euclid(7);
                self.hours >> hour.rem_euclid(24) & 1 == 1 && self.weekdays >> weekday & 1 == 1
            })
            .and_then(|hour| hour.checked_mul(HOUR))
            .map(UnixNanos)
    }
}

impl FromStr for Cron {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const MAX_BYTES: usize = 200;
        if text.len() > MAX_BYTES {
            return Err(format!("A cron expression has at most {MAX_BYTES} bytes"));
        }
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let &[minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err("A cron expression has five fields: 0 HOUR * * WEEKDAY".to_owned());
        };
        if minute != "0" {
            return Err("The minute of the cron expression must be 0".to_owned());
        }
        if day != "*" || month != "*" {
            return Err("Day and month of the cron expression must be *".to_owned());
        }
        let hours = set(hour, 23).map_err(|bad| format!("The hour of the cron expression is not valid: {bad}"))?;
        let weekdays =
            set(weekday, 6).map_err(|bad| format!("The weekday of the cron expression is not valid: {bad}"))?;
        Ok(Self { text: text.to_owned(), hours, weekdays })
    }
}

/// Reads a list of numbers, ranges and steps, `1,3-5,*/2`, as a set of bits.
fn set(field: &str, max: u32) -> Result<u32, String> {
    let mut bits = 0;
    for part in field.split(',') {
        let number = |text: &str| text.parse::<u32>().ok().filter(|n| *n <= max).ok_or_else(|| part.to_owned());
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => {
                (range, step.parse::<usize>().ok().filter(|step| *step > 0).ok_or_else(|| part.to_owned())?)
            }
            None => (part, 1),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (0, max),
            Some((first, last)) => (number(first)?, number(last)?),
            // From one number on, in steps.
            None if part.contains('/') => (number(range)?, max),
            None => (number(range)?, number(range)?),
        };
        if first > last {
            return Err(part.to_owned());
        }
        bits |= (first..=last).step_by(step).fold(0, |bits, n| bits | 1 << n);
    }
    Ok(bits)
}

/// A policy.
#[derive(Clone, Debug, PartialEq)]
pub struct RetentionPolicy {
    /// Row id.
    pub id: RetentionPolicyId,
    /// Name; not unique.
    pub name: String,
    /// When it is carried out.
    pub cron: Cron,
    /// Which traces it keeps.
    pub rule: Rule,
    /// When it was carried out last, made, or given another cron expression.
    pub last_run_at: UnixNanos,
}

impl RetentionPolicy {
    /// Whether it is time to carry it out.
    #[must_use]
    pub fn is_due(&self, now: UnixNanos) -> bool {
        self.cron.latest(now).is_some_and(|at| at > self.last_run_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_those_that_the_peer_takes() {
        for good in [
            "0 0 * * 0",
            "0 * * * *",
            "0 */2 * * 0,6",
            " 0 1 * * 2 ",
            "0 1-5/2 * * *",
            "0 5/2 * * *",
            "0 0,0 * * *",
            "0 */30 * * *",
            "0\t1 * * *",
            "0 0 * * */2",
            "0 0 * * 1,3-5/2,6",
            "0 23 * * 6",
        ] {
            assert_eq!(good.parse::<Cron>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "x",
            "*/5 * * * *",
            "0 3 1 * *",
            "0 3 * 1 *",
            "60 0 * * *",
            "0 24 * * *",
            "0 0 * *",
            "0 0 * * * *",
            "@daily",
            "0 0 * * SUN",
            "0 0 * * 7",
            "0-5 0 * * *",
            "0,30 0 * * *",
            "* * * * *",
            "5 0 * * 1-5",
            "0 23-2 * * *",
            "0 0 L * *",
            "00 01 * * *",
            "0 */0 * * *",
            "0 1, * * *",
            "0 0 * * 5-2",
            "0 1- * * *",
        ] {
            assert!(bad.parse::<Cron>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_latest_hour_is_found_within_the_week() {
        let latest = |cron: &str, now: &str| {
            let now = UnixNanos::parse(now).unwrap();
            cron.parse::<Cron>().unwrap().latest(now).unwrap().to_rfc3339()
        };
        // A Wednesday.
        let now = "2026-11-25T14:30:00Z";
        assert_eq!(latest("0 * * * *", now), "2026-11-25T14:00:00+00:00");
        assert_eq!(latest("0 0 * * 0", now), "2026-11-22T00:00:00+00:00");
        assert_eq!(latest("0 15 * * 3", now), "2026-11-18T15:00:00+00:00");
        assert_eq!(latest("0 14 * * 3", "2026-11-25T14:00:00Z"), "2026-11-25T14:00:00+00:00");
        assert_eq!(latest("0 */6 * * *", "1969-12-31T23:00:00Z"), "1969-12-31T18:00:00+00:00");
    }

    #[test]
    fn zero_sets_no_bound_and_no_number_overflows() {
        let now = UnixNanos(10 * 24 * HOUR);
        assert_eq!(Rule::MaxDays(0.0).kept_from(now), None);
        assert_eq!(Rule::MaxDaysOrCount(1.5, 0).kept_count(), None);
        assert_eq!(Rule::MaxDaysOrCount(1.5, 0).kept_from(now), Some(UnixNanos(8 * 24 * HOUR + 12 * HOUR)));
        assert!(Rule::MaxDays(1e300).kept_from(now).unwrap() < UnixNanos(0));
        for bad in [Rule::MaxDays(-1.0), Rule::MaxDays(f64::NAN), Rule::MaxCount(-1)] {
            assert!(bad.check().is_err());
        }
    }
}
