//! What is remembered of requests: one record each in the access log, and sums for each key and hour.

use std::{net::IpAddr, sync::Arc, time::Duration};

use super::{
    api_key::KeyKind,
    id::{ApiKeyId, UserId},
    project::ProjectRef,
    time::UnixNanos,
};

/// One hour, in nanoseconds.
pub const HOUR: i64 = 3_600_000_000_000;

/// By what a request said who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Nobody that is known: the request was refused.
    Anonymous,
    /// A person in a login session.
    Session(UserId),
    /// An API key, acting as a user (the system user for system keys).
    Key(ApiKeyId, KeyKind, UserId),
    /// A key that is known and was refused: it is revoked, it has expired, or its owner is deactivated.
    RefusedKey(ApiKeyId, KeyKind, UserId),
    /// The admin secret, acting as the system user.
    AdminSecret(UserId),
}

impl Actor {
    /// Returns the form that is stored and shown.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Session(_) => "session",
            Self::Key(_, KeyKind::User, _) | Self::RefusedKey(_, KeyKind::User, _) => "user_api_key",
            Self::Key(_, KeyKind::System, _) | Self::RefusedKey(_, KeyKind::System, _) => "system_api_key",
            Self::AdminSecret(_) => "admin_secret",
        }
    }

    /// Returns the user that the request acts as.
    #[must_use]
    pub const fn user_id(self) -> Option<UserId> {
        match self {
            Self::Anonymous => None,
            Self::Session(user) | Self::Key(_, _, user) | Self::RefusedKey(_, _, user) | Self::AdminSecret(user) => {
                Some(user)
            }
        }
    }

    /// Returns the key, if it was one.
    #[must_use]
    pub const fn key_id(self) -> Option<ApiKeyId> {
        match self {
            Self::Key(id, ..) | Self::RefusedKey(id, ..) => Some(id),
            _ => None,
        }
    }

    /// Whether the credential was good: what it asked for counts as use, and there is no end to what may be remembered.
    #[must_use]
    pub const fn is_admitted(self) -> bool {
        !matches!(self, Self::Anonymous | Self::RefusedKey(..))
    }
}

/// A request that is over.
#[derive(Clone, Debug)]
pub struct Access {
    /// When it came.
    pub at: UnixNanos,
    /// Who sent it.
    pub actor: Actor,
    /// Method.
    pub method: String,
    /// Path, without the query.
    pub path: String,
    /// Template of the route that took it.
    pub route: Option<Arc<str>>,
    /// HTTP status; for gRPC the one that its status stands for.
    pub status: u16,
    /// From its head to the end of the answer.
    pub latency: Duration,
    /// Bytes of the body that were read, as they came over the wire.
    pub bytes_in: u64,
    /// Bytes of the answer's body, as they went over the wire.
    pub bytes_out: u64,
    /// From where.
    pub address: IpAddr,
    /// What the client says it is.
    pub user_agent: Option<String>,
    /// Project that it is about, if that is known.
    pub project: Option<ProjectRef>,
    /// Spans that it stored.
    pub spans: u64,
    /// Id that the answer carries.
    pub request_id: String,
    /// Why it was refused or failed, as the caller was told.
    pub error: Option<String>,
}

/// A record of the access log.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct AccessRecord {
    /// Row id.
    pub id: i64,
    /// When the request came.
    pub at: UnixNanos,
    /// [`Actor::kind`].
    pub principal: String,
    /// User that it acted as.
    pub user_id: Option<UserId>,
    /// Key that it came with.
    pub key_id: Option<ApiKeyId>,
    /// Name of that key at the time.
    pub key_name: Option<String>,
    /// Method.
    pub method: String,
    /// Path, without the query.
    pub path: String,
    /// Template of the route that took it.
    pub route: Option<String>,
    /// Status.
    pub status: i64,
    /// From its head to the end of the answer, in microseconds.
    pub latency_us: i64,
    /// Bytes of the body that were read.
    pub bytes_in: i64,
    /// Bytes of the answer's body.
    pub bytes_out: i64,
    /// From where.
    pub address: String,
    /// What the client said it was.
    pub user_agent: Option<String>,
    /// Name of the project, if known.
    pub project_name: Option<String>,
    /// Id that the answer carried.
    pub request_id: String,
    /// Why it was refused or failed.
    pub error: Option<String>,
}

/// What a list of records is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct AccessFilter {
    /// Records of a key.
    pub key: Option<ApiKeyId>,
    /// Records of a user.
    pub user: Option<UserId>,
    /// Lowest and highest status.
    pub status: Option<(u16, u16)>,
    /// Method.
    pub method: Option<String>,
    /// Template of the route.
    pub route: Option<String>,
    /// At or after.
    pub start: Option<UnixNanos>,
    /// Before.
    pub end: Option<UnixNanos>,
}

/// What requests of one kind come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Requests.
    pub requests: i64,
    /// Time from head to end, in microseconds.
    pub latency_us: i64,
    /// Bytes read.
    pub bytes_in: i64,
    /// Bytes sent.
    pub bytes_out: i64,
    /// Spans stored.
    pub spans: i64,
}

impl Sums {
    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.latency_us += other.latency_us;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.spans += other.spans;
    }
}

/// Sums of a key over a time, for one route and class of status.
#[derive(Clone, Debug)]
pub struct UsageRow {
    /// Begin of the time: of an hour when written, of what was asked for when read.
    pub start: UnixNanos,
    /// Template of the route; [`NO_ROUTE`] when none took the request.
    pub route: Arc<str>,
    /// First digit of the status.
    pub status_class: i64,
    /// The sums.
    pub sums: Sums,
}

/// Stands for the route of requests that none took.
pub const NO_ROUTE: &str = "(none)";

/// When, from where and by what a key was used last.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct LastUsed {
    /// When.
    pub at: UnixNanos,
    /// From which address.
    pub address: String,
    /// By what client.
    pub user_agent: Option<String>,
    /// From which country (ISO 3166-1 alpha-2), if that is known.
    pub country: Option<String>,
}

/// Requests of a key from one country in one hour.
#[derive(Clone, Debug)]
pub struct CountryRow {
    /// Begin of the hour.
    pub start: UnixNanos,
    /// ISO 3166-1 alpha-2; empty when the database does not know.
    pub country: String,
    /// How many.
    pub requests: i64,
}

/// What is added to the usage of one key.
#[derive(Clone, Debug)]
pub struct KeyUsage {
    /// The key.
    pub key: ApiKeyId,
    /// Sums by hour, route and class of status.
    pub rows: Vec<UsageRow>,
    /// Requests by hour and country.
    pub countries: Vec<CountryRow>,
    /// The last request.
    pub last: LastUsed,
}
