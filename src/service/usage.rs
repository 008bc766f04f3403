//! What keys were used for.

use super::cx::Cx;
use crate::{
    auth::principal::{Credential, Principal},
    domain::{
        access::{HOUR, LastUsed, UsageRow},
        api_key::KeyKind,
        id::{ApiKeyId, UserId},
        project::Projects,
        scope::{Scope, SignedIn},
        time::UnixNanos,
    },
    error::{Error, Result},
    store,
};

/// The most intervals that one answer holds.
const MAX_INTERVALS: i64 = 1_000;

/// The length of the intervals that usage is summed up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    /// An hour.
    Hour,
    /// A day, in UTC.
    Day,
}

impl Interval {
    const fn hours(self) -> i64 {
        match self {
            Self::Hour => 1,
            Self::Day => 24,
        }
    }

    /// Intervals of an answer that says nothing about its begin.
    const fn usual(self) -> i64 {
        match self {
            Self::Hour => 24,
            Self::Day => 30,
        }
    }

    /// Returns the length in nanoseconds.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.hours() * HOUR
    }
}

/// What a key was used for over a time.
#[derive(Clone, Debug)]
pub struct Usage {
    /// Begin of the first interval.
    pub start: UnixNanos,
    /// End of the last interval.
    pub end: UnixNanos,
    /// Sums by interval, route and class of status, where there are any.
    pub rows: Vec<UsageRow>,
    /// Requests by country, the most first; empty without a database of countries.
    pub countries: Vec<(String, i64)>,
    /// The last use, whenever that was.
    pub last: Option<LastUsed>,
}

/// Returns what a key was used for: one's own, or anyone's for who holds the scope `admin`. Begin and end are widened to
/// whole intervals.
pub async fn of_key(
    cx: &Cx<SignedIn>,
    key: ApiKeyId,
    start: Option<UnixNanos>,
    end: Option<UnixNanos>,
    interval: Interval,
) -> Result<Usage> {
    see(cx, key).await?;
    let length = interval.nanos();
    let end = end.unwrap_or_else(|| cx.now().plus(std::time::Duration::from_nanos(1)));
    let end = UnixNanos(end.0.saturating_sub(1).div_euclid(length).saturating_add(1).saturating_mul(length));
    let start = match start {
        Some(start) => UnixNanos(start.0.div_euclid(length).saturating_mul(length)),
        None => UnixNanos(end.0.saturating_sub(interval.usual() * length)),
    };
    if start >= end {
        return Err(Error::invalid("start", "start must lie before end"));
    }
    if end.0.saturating_sub(start.0) / length > MAX_INTERVALS {
        return Err(Error::invalid("start", format!("From start to end there are at most {MAX_INTERVALS} intervals")));
    }
    let mut reader = cx.read().await?;
    Ok(Usage {
        start,
        end,
        rows: store::usage::sums(reader.conn(), key, start, end, interval.hours()).await?,
        countries: store::usage::countries(reader.conn(), key, start, end).await?,
        last: store::usage::find_last(reader.conn(), key).await?,
    })
}

/// Refuses who may not see a key; revoked keys may still be seen.
pub(super) async fn see(cx: &Cx<SignedIn>, key: ApiKeyId) -> Result<()> {
    cx.inner().authenticator.tokens()?;
    let not_found = || Error::NotFound("API key not found".into());
    let mut reader = cx.read().await?;
    let (kind, owner) = store::usage::find_owner(reader.conn(), key).await?.ok_or_else(not_found)?;
    if may_see(cx.principal()?, key, kind, owner) { Ok(()) } else { Err(not_found()) }
}

/// A key sees itself. A caller whom nothing narrows sees the keys of their user, and with the scope `admin` every key.
fn may_see(principal: &Principal, key: ApiKeyId, kind: KeyKind, owner: UserId) -> bool {
    let itself = matches!(principal.credential, Credential::ApiKey(id, _) if id == key);
    let everywhere = principal.projects == Projects::All;
    let whole = everywhere && principal.scopes == principal.role.scopes();
    let own = kind == KeyKind::User && owner == principal.user_id && whole;
    itself || own || everywhere && principal.scopes.holds(Scope::Admin)
}
