//! Login sessions: one row per login, holding the one valid pair of tokens.

use super::{
    id::{SessionId, UserId},
    time::UnixNanos,
};

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
    /// When the login happened.
    pub created_at: UnixNanos,
    /// When the refresh token expires.
    pub expires_at: UnixNanos,
}
