//! [`Error`] to `google.rpc.Status`, for OTLP over HTTP and gRPC.

use std::time::Duration;

use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use prost::Message as _;
use tonic::{Code, Status};

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
        Error::TooManyRequests { .. } | Error::TooLarge(_) => Code::ResourceExhausted,
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
    let mut status = Status::new(code_of(error), problem::detail(error));
    if let Error::Unavailable { retry_after, .. } | Error::TooManyRequests { retry_after, .. } = error {
        status = with_retry_info(error, *retry_after);
    }
    status
}

/// `google.rpc.RetryInfo` within the status details, which OTLP exporters wait by.
fn with_retry_info(error: &Error, retry_after: Duration) -> Status {
    #[derive(Clone, PartialEq, prost::Message)]
    struct PbDuration {
        #[prost(int64, tag = "1")]
        seconds: i64,
        #[prost(int32, tag = "2")]
        nanos: i32,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    struct RetryInfo {
        #[prost(message, optional, tag = "1")]
        retry_delay: Option<PbDuration>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    struct PbAny {
        #[prost(string, tag = "1")]
        type_url: String,
        #[prost(bytes = "vec", tag = "2")]
        value: Vec<u8>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    struct DetailedStatus {
        #[prost(int32, tag = "1")]
        code: i32,
        #[prost(string, tag = "2")]
        message: String,
        #[prost(message, repeated, tag = "3")]
        details: Vec<PbAny>,
    }
    let delay = PbDuration {
        seconds: i64::try_from(retry_after.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(retry_after.subsec_nanos()).unwrap_or(0),
    };
    let info = PbAny {
        type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
        value: RetryInfo { retry_delay: Some(delay) }.encode_to_vec(),
    };
    let (code, message) = (code_of(error), problem::detail(error));
    let details = DetailedStatus { code: code as i32, message: message.clone(), details: vec![info] }.encode_to_vec();
    Status::with_details(code, message, details.into())
}
