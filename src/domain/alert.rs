//! Alerts about keys: what is worth an administrator's look, from when to when.

use std::{str::FromStr, time::Duration};

use super::{
    id::{AlertId, ApiKeyId, DeliveryId, DestinationId},
    time::UnixNanos,
};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant),* }

        impl $name {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Returns the wire form.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or_else(|| {
                    let known: Vec<&str> = Self::ALL.iter().map(|word| word.as_str()).collect();
                    let shown: String = text.chars().take(100).collect();
                    format!("`{shown}` is not {}: {}", $what, known.join(", "))
                })
            }
        }
    };
}

words! {
    /// What an alert is about.
    AlertKind, "a kind of alert" {
        /// The key has not been used for long.
        Unused = "unused",
        /// Too many of its requests fail.
        ErrorRate = "error_rate",
        /// It was used from a country that it had never been used from.
        UnexpectedGeography = "unexpected_geography",
        /// It will expire soon.
        Expiring = "expiring",
    }
}

words! {
    /// Why an alert is over.
    Resolution, "a resolution" {
        /// What it was about is no longer so.
        Recovered = "recovered",
        /// Its country has become a usual one.
        Accustomed = "accustomed",
        /// The key was revoked, or is no more.
        Revoked = "revoked",
        /// The key has expired.
        Expired = "expired",
    }
}

words! {
    /// What destinations are told of.
    AlertEvent, "an event" {
        /// An alert was raised.
        Raised = "alert.raised",
        /// An alert is over.
        Resolved = "alert.resolved",
        /// Somebody tries a destination.
        Test = "alert.test",
    }
}

words! {
    /// How a destination is told.
    DestinationKind, "a kind of destination" {
        /// By a signed request to a URL.
        Webhook = "webhook",
        /// By mail.
        Email = "email",
    }
}

/// When keys raise alerts.
#[derive(Clone, Copy, Debug)]
pub struct Thresholds {
    /// How long a key is not used until it counts as unused; `None` = never.
    pub unused: Option<Duration>,
    /// Errors of a hundred requests above which there is an alert; `None` = never.
    pub error_percent: Option<u8>,
    /// Requests below which nothing is said of errors.
    pub min_requests: u32,
    /// Whole hours, beside the present one, whose requests are looked at.
    pub window: Duration,
    /// How long before its expiry a key counts as expiring; `None` = never.
    pub expiring: Option<Duration>,
    /// How long the countries of a key are learnt from its first use on, and how long a new one stays unexpected;
    /// `None` = never an alert.
    pub accustomed: Option<Duration>,
}

/// An alert.
#[derive(Clone, Debug)]
pub struct Alert {
    /// Row id.
    pub id: AlertId,
    /// The key.
    pub key: ApiKeyId,
    /// Its name when the alert was raised.
    pub key_name: String,
    /// The form of its secret that lists show, of then.
    pub key_masked: String,
    /// What it is about.
    pub kind: AlertKind,
    /// The unexpected country (ISO 3166-1 alpha-2).
    pub country: Option<String>,
    /// Why, in plain words.
    pub message: String,
    /// The numbers behind, as a JSON object.
    pub details: String,
    /// Since when.
    pub raised_at: UnixNanos,
    /// Until when.
    pub resolved_at: Option<UnixNanos>,
    /// Why it is over.
    pub resolution: Option<Resolution>,
}

/// An alert to be written.
#[derive(Clone, Debug)]
pub struct NewAlert {
    /// The key.
    pub key: ApiKeyId,
    /// Its name.
    pub key_name: String,
    /// The form of its secret that lists show.
    pub key_masked: String,
    /// What it is about.
    pub kind: AlertKind,
    /// The unexpected country.
    pub country: Option<String>,
    /// Why, in plain words.
    pub message: String,
    /// The numbers behind, as a JSON object.
    pub details: String,
}

/// What a list of alerts is narrowed to.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlertFilter {
    /// Open ones, or those that are over.
    pub open: Option<bool>,
    /// About this.
    pub kind: Option<AlertKind>,
    /// Of this key.
    pub key: Option<ApiKeyId>,
}

/// What alerts are told to.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Row id.
    pub id: DestinationId,
    /// How it is told.
    pub kind: DestinationKind,
    /// The URL or the e-mail address.
    pub target: String,
    /// What it is told of; `None` = everything.
    pub events: Option<Vec<AlertEvent>>,
    /// Kinds of alerts that it is told of; `None` = all.
    pub kinds: Option<Vec<AlertKind>>,
    /// Whether it is told anything.
    pub enabled: bool,
    /// What the signing secret is derived from.
    pub salt: Vec<u8>,
    /// The same before the last rotation, and until when that still signs.
    pub previous: Option<(Vec<u8>, UnixNanos)>,
    /// When it was made.
    pub created_at: UnixNanos,
}

impl Destination {
    /// Whether it is told of an event about an alert of a kind.
    #[must_use]
    pub fn wants(&self, event: AlertEvent, kind: AlertKind) -> bool {
        self.enabled
            && self.events.as_ref().is_none_or(|events| events.contains(&event))
            && self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind))
    }
}

/// Something told, or to be told, to a destination.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Row id.
    pub id: DeliveryId,
    /// To whom.
    pub destination: DestinationId,
    /// About which alert; a test is about none.
    pub alert: Option<AlertId>,
    /// Names the message, the same at every attempt.
    pub message_id: String,
    /// Of what.
    pub event: AlertEvent,
    /// The JSON text.
    pub payload: String,
    /// When it was written.
    pub created_at: UnixNanos,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub next_attempt_at: Option<UnixNanos>,
    /// When it was tried last.
    pub attempted_at: Option<UnixNanos>,
    /// When it arrived.
    pub delivered_at: Option<UnixNanos>,
    /// The status of the last answer.
    pub status_code: Option<u16>,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

impl Delivery {
    /// Returns the wire form of its state.
    #[must_use]
    pub const fn state(&self) -> &'static str {
        match (self.delivered_at, self.next_attempt_at) {
            (Some(_), _) => "delivered",
            (None, Some(_)) => "pending",
            (None, None) => "failed",
        }
    }
}

/// What came of an attempt.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Whether it arrived.
    pub delivered: bool,
    /// The status of the answer, if there was one.
    pub status_code: Option<u16>,
    /// Why not.
    pub error: Option<String>,
    /// Whether another attempt is of no use.
    pub is_final: bool,
}

/// Pauses after failed attempts: the first of those that Standard Webhooks suggests, a good day in all.
const PAUSES: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(8),
    Duration::from_hours(10),
];

/// Returns the pause after a number of attempts; `None` when there were enough. `jitter` lies between 0 and 1 and adds
/// up to a fifth, so that what failed together is not tried together.
#[must_use]
pub fn pause_after(attempts: u32, jitter: f64) -> Option<Duration> {
    let pause = PAUSES.get(usize::try_from(attempts.checked_sub(1)?).ok()?)?;
    Some(pause.mul_f64(1.0 + jitter.clamp(0.0, 1.0) / 5.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_from_seconds_to_hours_and_end_after_a_day() {
        let pauses: Vec<Duration> = (1..).map_while(|n| pause_after(n, 0.0)).collect();
        assert_eq!(pauses.len(), 7);
        let all: Duration = pauses.iter().sum();
        assert!(all > Duration::from_hours(24) && all < Duration::from_hours(30));
        assert!(pauses.is_sorted());
        assert_eq!((pauses[0], pauses[6]), (Duration::from_secs(5), Duration::from_hours(10)));
        assert_eq!(pause_after(1, 1.0), Some(Duration::from_secs(6)));
        assert_eq!(pause_after(0, 0.0), None);
    }
}
