//! OTLP in: HTTP and gRPC.

pub mod decode;
pub mod grpc;
pub mod http;
pub mod status;
