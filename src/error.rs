//! What can go wrong, without any word of HTTP, GraphQL or gRPC.
//!
//! Each variant tells the caller something different to do. The text in it is for the caller; the cause of an internal
//! error is for the log alone and is written once, where the error becomes an answer.

use std::{borrow::Cow, time::Duration};

use crate::domain::scope::Scope;

/// Text for the caller.
pub type Text = Cow<'static, str>;

/// The result of everything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a credential was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialFault {
    /// There was none.
    Missing,
    /// It is malformed, unknown, or of a kind that is no credential.
    Invalid,
    /// It was good until it expired.
    Expired,
    /// It was revoked.
    Revoked,
    /// It is a test key, and this server takes none.
    TestKey,
    /// It is the credential of a user who was deactivated.
    Deactivated,
    /// Two credentials were sent that name different principals.
    Conflicting,
}

/// Why a permission was not given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The credential lacks a scope that its role would allow.
    Scope(Scope),
    /// The role does not reach; the sentence says which would.
    Role(&'static str),
    /// The session must change its password first.
    PasswordReset,
    /// Any other rule; the sentence says which.
    Rule(Text),
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing, or the caller may not know that there is.
    #[error("{0}")]
    NotFound(Text),
    /// It is there already.
    #[error("{0}")]
    Conflict(Text),
    /// A value cannot be accepted.
    #[error("{detail}")]
    Invalid {
        /// The field or parameter at fault.
        field: Text,
        /// What is wrong with it.
        detail: Text,
    },
    /// The request cannot be read at all.
    #[error("{0}")]
    Malformed(Text),
    /// The caller must say who they are.
    #[error("credential {0:?}")]
    Unauthenticated(CredentialFault),
    /// A login with wrong data.
    #[error("{0}")]
    LoginFailed(&'static str),
    /// The caller may not.
    #[error("refused: {0:?}")]
    Forbidden(Refusal),
    /// Try again later: the caller asks too often.
    #[error("{detail}")]
    TooManyRequests {
        /// What was too much.
        detail: &'static str,
        /// How long to wait.
        retry_after: Duration,
    },
    /// More bytes than are taken.
    #[error("{0}")]
    TooLarge(Text),
    /// A content type or encoding that is not spoken here.
    #[error("{0}")]
    UnsupportedMediaType(Text),
    /// Try again later: the server cannot take it now.
    #[error("{detail}")]
    Unavailable {
        /// What is short.
        detail: &'static str,
        /// How long to wait.
        retry_after: Duration,
    },
    /// There is no room for what is new.
    #[error("{0}")]
    InsufficientStorage(Text),
    /// A fault of the server.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Returns an internal error with a cause for the log.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }

    /// Returns the error for a value that cannot be accepted.
    pub fn invalid(field: impl Into<Text>, detail: impl Into<Text>) -> Self {
        Self::Invalid { field: field.into(), detail: detail.into() }
    }

    /// Returns the error for a broken rule.
    pub fn forbidden(rule: impl Into<Text>) -> Self {
        Self::Forbidden(Refusal::Rule(rule.into()))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let retry_after = Duration::from_secs(1);
        match &error {
            sqlx::Error::PoolTimedOut => Self::Unavailable { detail: "The database is busy", retry_after },
            sqlx::Error::Io(_) | sqlx::Error::PoolClosed => {
                tracing::warn!(error = %error, "database unreachable");
                Self::Unavailable { detail: "The database is unreachable", retry_after }
            }
            _ => Self::Internal(Box::new(error)),
        }
    }
}
