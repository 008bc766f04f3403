//! `Error` -> message and `extensions.code`.
//!
//! Resolvers return errors as they are; the answer is translated here once it is complete, so nothing reaches a caller
//! untranslated and the cause of an internal error is logged once, where it becomes an answer.

use std::sync::Arc;

use async_graphql::{ErrorExtensionValues, Response, ServerError};

use crate::{
    domain::request_id::RequestId,
    error::{Error, Refusal},
};

/// What callers read when the fault is the server's.
const MASKED: &str = "an unexpected error occurred";

/// Code of everything that the caller can put right in the request.
const BAD_USER_INPUT: &str = "BAD_USER_INPUT";

/// An error that a loader hands to all who wait for its batch.
pub(super) type Shared = Arc<Error>;

/// Translates every error of an answer.
pub(super) fn present_all(response: &mut Response, request_id: Option<&RequestId>) {
    let mut logged: Vec<*const Error> = Vec::new();
    for error in &mut response.errors {
        // Keeps the source alive while the error around it changes.
        let source = error.source.take();
        let cause = source
            .as_ref()
            .and_then(|s| s.downcast_ref::<Error>().or_else(|| s.downcast_ref::<Shared>().map(AsRef::as_ref)));
        match cause {
            Some(cause) => {
                let first = !logged.contains(&std::ptr::from_ref(cause));
                if first {
                    logged.push(cause);
                }
                present(error, cause, request_id, first);
            }
            // Said by the library about the document or its variables.
            None if error.extensions.is_none() => set(error, "code", BAD_USER_INPUT),
            None => {}
        }
    }
}

fn present(error: &mut ServerError, cause: &Error, request_id: Option<&RequestId>, first: bool) {
    let (code, message) = match cause {
        Error::NotFound(text) => ("NOT_FOUND", text.to_string()),
        Error::Conflict(text) => ("CONFLICT", text.to_string()),
        Error::Invalid { field, detail } => {
            set(error, "field", camel_case(field));
            (BAD_USER_INPUT, detail.to_string())
        }
        Error::Malformed(text) | Error::TooLarge(text) | Error::UnsupportedMediaType(text) => {
            (BAD_USER_INPUT, text.to_string())
        }
        Error::Unauthenticated(_) => ("UNAUTHENTICATED", "Invalid or missing credentials".to_owned()),
        Error::LoginFailed(text) => ("UNAUTHENTICATED", (*text).to_owned()),
        Error::Forbidden(refusal) => ("FORBIDDEN", refusal_text(refusal)),
        Error::TooManyRequests { detail, retry_after } => {
            set(error, "retryAfter", retry_after.as_secs());
            ("TOO_MANY_REQUESTS", (*detail).to_owned())
        }
        Error::Unavailable { detail, retry_after } => {
            set(error, "retryAfter", retry_after.as_secs());
            ("UNAVAILABLE", (*detail).to_owned())
        }
        Error::InsufficientStorage(text) => ("INSUFFICIENT_STORAGE", text.to_string()),
        Error::Internal(source) => {
            let id = request_id.map_or("", |id| &id.0);
            if first {
                tracing::error!(error = %source, request.id = id, path = ?error.path, "graphql field failed");
            }
            if !id.is_empty() {
                set(error, "requestId", id);
            }
            ("INTERNAL", MASKED.to_owned())
        }
    };
    set(error, "code", code);
    error.message = message;
}

fn refusal_text(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Scope(scope) => format!("The credential lacks the scope `{scope}`"),
        // The one sentence that the wire protocol words otherwise than REST.
        Refusal::Role(text) if text.starts_with("Only admin") => "Only admin can perform this action".to_owned(),
        Refusal::Role(text) => text.trim_end_matches('.').to_owned(),
        Refusal::PasswordReset => {
            "The password must be changed first: until then only `viewer` and `patchViewer` are open".to_owned()
        }
        Refusal::Rule(text) => text.to_string(),
    }
}

fn set(error: &mut ServerError, name: &str, value: impl Into<async_graphql::Value>) {
    error.extensions.get_or_insert_with(ErrorExtensionValues::default).set(name, value);
}

/// Fields are named in snake case by the services and in camel case here.
fn camel_case(field: &str) -> String {
    let mut words = field.split('_');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        name.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}
