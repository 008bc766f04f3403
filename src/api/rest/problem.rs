//! [`Error`] to `application/problem+json` (RFC 9457), with the challenges of RFC 6750.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    api::{metering::Told, request_log::Cause},
    error::{CredentialFault, Error, Refusal},
};

/// An error on its way to the caller.
#[derive(Debug)]
pub struct Problem(pub Error);

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

/// The result of a handler.
pub type Answer<T> = Result<T, Problem>;

/// Body of every error answer (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemDetails {
    /// `about:blank`: the status says it all.
    #[serde(rename = "type")]
    type_uri: &'static str,
    /// The phrase of the status.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened, for people.
    detail: String,
    /// The values at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

/// A value that cannot be accepted.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldError {
    /// Name of the field, parameter or header.
    field: String,
    /// What is wrong with it.
    detail: String,
}

/// Returns the HTTP status of an error.
#[must_use]
pub fn status(error: &Error) -> StatusCode {
    match error {
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::Conflict(_) => StatusCode::CONFLICT,
        Error::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        Error::Malformed(_) => StatusCode::BAD_REQUEST,
        Error::Unauthenticated(_) | Error::LoginFailed(_) => StatusCode::UNAUTHORIZED,
        Error::Forbidden(_) => StatusCode::FORBIDDEN,
        Error::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
        Error::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Error::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Error::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        Error::InsufficientStorage(_) => StatusCode::INSUFFICIENT_STORAGE,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Returns the sentence for the caller.
#[must_use]
pub fn detail(error: &Error) -> String {
    match error {
        Error::Unauthenticated(fault) => fault_text(*fault).to_owned(),
        Error::Forbidden(Refusal::Scope(scope)) => format!("The credential lacks the scope {scope}"),
        Error::Forbidden(Refusal::Role(text)) => (*text).to_owned(),
        Error::Forbidden(Refusal::PasswordReset) => {
            "The password must be changed before anything else can be done".to_owned()
        }
        Error::Forbidden(Refusal::Rule(text)) => text.to_string(),
        Error::Internal(_) => "The server failed to answer; the log holds the cause under the request id".to_owned(),
        other => other.to_string(),
    }
}

const fn fault_text(fault: CredentialFault) -> &'static str {
    match fault {
        // The peer's one word for both; the challenge tells them apart.
        CredentialFault::Missing | CredentialFault::Invalid => "Invalid token",
        CredentialFault::Expired => "Expired token",
        CredentialFault::Revoked => "Revoked token",
        CredentialFault::TestKey => "Test keys are refused by this server",
        CredentialFault::Deactivated => "The user is deactivated",
        CredentialFault::Conflicting => "The request carries credentials of different callers",
    }
}

/// Adds the headers that belong to an error: challenge, waiting time.
pub fn add_headers(error: &Error, headers: &mut HeaderMap) {
    match error {
        Error::Unauthenticated(CredentialFault::Missing) => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"Arize Phoenix\""));
        }
        Error::Unauthenticated(_) | Error::LoginFailed(_) => {
            let text = detail(error);
            set(
                headers,
                header::WWW_AUTHENTICATE,
                &format!("Bearer realm=\"Arize Phoenix\", error=\"invalid_token\", error_description=\"{text}\""),
            );
        }
        Error::Forbidden(Refusal::Scope(scope)) => set(
            headers,
            header::WWW_AUTHENTICATE,
            &format!("Bearer realm=\"Arize Phoenix\", error=\"insufficient_scope\", scope=\"{scope}\""),
        ),
        Error::TooManyRequests { retry_after, .. } | Error::Unavailable { retry_after, .. } => {
            // Whole seconds, rounded up: who comes a moment too early is refused again.
            let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
            set(headers, header::RETRY_AFTER, &seconds.max(1).to_string());
        }
        _ => {}
    }
}

fn set(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Leaves what the caller is told where the access log finds it, and the cause of an internal error where the request log
/// does.
pub fn leave_cause(error: &Error, response: &mut Response) {
    response.extensions_mut().insert(Told(detail(error).into()));
    if let Error::Internal(cause) = error {
        response.extensions_mut().insert(Cause(cause.to_string().into()));
    }
}

/// Returns the answer for what is refused before anything is asked of the services.
pub(crate) fn answer(status: StatusCode, detail: String) -> Response {
    body(status, detail, Vec::new())
}

fn body(status: StatusCode, detail: String, errors: Vec<FieldError>) -> Response {
    let body = ProblemDetails {
        type_uri: "about:blank",
        title: status.canonical_reason().unwrap_or_default(),
        status: status.as_u16(),
        detail,
        errors,
    };
    let mut response = (status, axum::Json(body)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let error = &self.0;
        let errors = match error {
            Error::Invalid { field, detail } => {
                vec![FieldError { field: field.to_string(), detail: detail.to_string() }]
            }
            _ => Vec::new(),
        };
        let mut response = body(status(error), detail(error), errors);
        add_headers(error, response.headers_mut());
        leave_cause(error, &mut response);
        response
    }
}
