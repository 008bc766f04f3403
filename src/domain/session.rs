//! Login sessions: one row per login, holding the one valid pair of tokens. A session is the family of every pair that
//! came out of one login (RFC 9700, section 4.14.2).

use std::net::IpAddr;

use super::{
    id::{SessionId, UserId},
    time::UnixNanos,
};

/// From where a request comes, as people recognise a session by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Address of the client.
    pub address: IpAddr,
    /// What the client says it is; cut to a bounded length.
    pub user_agent: Option<String>,
}

/// The longest user agent that is kept, in bytes.
const MAX_USER_AGENT_BYTES: usize = 512;

impl Device {
    /// Returns a device; a user agent that cannot be stored is left out, a long one is cut.
    #[must_use]
    pub fn new(address: IpAddr, user_agent: Option<&str>) -> Self {
        let kept = user_agent.filter(|text| !text.is_empty() && !text.contains('\0'));
        let cut = |text: &str| text[..text.floor_char_boundary(MAX_USER_AGENT_BYTES)].to_owned();
        Self { address, user_agent: kept.map(cut) }
    }
}

/// A login session. Its access and refresh token are known by their `jti`; a refresh replaces both, so a spent pair is
/// recognised and refused.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Session {
    /// Row id.
    pub id: SessionId,
    /// Whose session it is.
    pub user_id: UserId,
    /// `jti` of the valid access token.
    pub access_jti: String,
    /// `jti` of the valid refresh token.
    pub refresh_jti: String,
    /// `jti` of the refresh token that was valid before.
    pub spent_refresh_jti: Option<String>,
    /// When the login happened.
    pub created_at: UnixNanos,
    /// When the pair was made.
    pub last_used_at: UnixNanos,
    /// When the refresh token expires.
    pub expires_at: UnixNanos,
    /// Address from which the pair was asked for.
    pub address: Option<String>,
    /// User agent that asked for the pair.
    pub user_agent: Option<String>,
}

impl Session {
    /// Whether the pair was asked for by this device.
    #[must_use]
    pub fn is_of(&self, device: &Device) -> bool {
        self.address.as_deref() == Some(device.address.to_string().as_str()) && self.user_agent == device.user_agent
    }
}

/// A new pair of tokens of a session.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Whose session it is.
    pub user_id: UserId,
    /// `jti` of the access token.
    pub access_jti: String,
    /// `jti` of the refresh token.
    pub refresh_jti: String,
    /// When the refresh token expires.
    pub expires_at: UnixNanos,
    /// Address that asks.
    pub address: IpAddr,
    /// User agent that asks.
    pub user_agent: Option<String>,
}
