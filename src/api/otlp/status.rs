//! [`Error`] to `google.rpc.Status`, for OTLP over HTTP and gRPC.

use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::http::Encoding;
use crate::{api::rest::problem, error::Error};

/// `google.rpc.Status`: the body of OTLP/HTTP errors.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

fn code_of(error: &Error) -> Code {
    match error {
        Error::NotFound(_) => Code::NotFound,
        Error::Conflict(_) => Code::AlreadyExists,
        Error::Invalid { .. } | Error::Malformed(_) | Error::UnsupportedMediaType(_) => Code::InvalidArgument,
        Error::Unauthenticated(_) | Error::LoginFailed(_) => Code::Unauthenticated,
        Error::Forbidden(_) => Code::PermissionDenied,
        Error::TooManyRequests { .. } | Error::TooLarge(_) | Error::InsufficientStorage(_) => Code::ResourceExhausted,
        Error::Unavailable { .. } => Code::Unavailable,
        Error::Internal(_) => Code::Internal,
    }
}

/// Returns the HTTP answer, in the encoding of the request.
pub fn http_error(error: &Error, encoding: Encoding) -> Response {
    let status = RpcStatus { code: code_of(error) as i32, message: problem::detail(error) };
    let body = match encoding {
        Encoding::Protobuf => status.encode_to_vec(),
        Encoding::Json => serde_json::to_vec(&serde_json::json!({ "code": status.code, "message": status.message }))
            .unwrap_or_default(),
    };
    let mut response = (problem::status(error), body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(encoding.media_type()));
    problem::add_headers(error, response.headers_mut());
    problem::leave_cause(error, &mut response);
    response
}

/// Returns the gRPC status.
pub fn grpc_error(error: &Error) -> Status {
    if let Error::Internal(cause) = error {
        tracing::error!(error = %cause, "internal error over gRPC");
    }
    let (code, message) = (code_of(error), problem::detail(error));
    if let Error::Unavailable { retry_after, .. } | Error::TooManyRequests { retry_after, .. } = error {
        // OTLP exporters wait by it.
        return Status::with_error_details(code, message, ErrorDetails::with_retry_info(Some(*retry_after)));
    }
    Status::new(code, message)
}
