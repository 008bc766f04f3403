//! `TraceService/Export`: OTLP/gRPC.

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
    trace_service_server::{TraceService, TraceServiceServer},
};
use tonic::{Request, Response, Status, codec::CompressionEncoding};

use super::{decode::decode, status::grpc_error};
use crate::{
    api::metering::Stored,
    domain::scope::TracesWrite,
    service::{Services, cx::Cx, ingest},
};

/// The collector service.
#[derive(Clone, Debug)]
pub struct Collector(Services);

/// The path of the service and all its methods.
pub const PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/{method}";

/// The largest message that is taken, in bytes, before and after decompression.
const MAX_MESSAGE_BYTES: usize = 32 << 20;

/// Returns the gRPC service.
#[must_use]
pub fn service(services: Services) -> TraceServiceServer<Collector> {
    TraceServiceServer::new(Collector(services))
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Deflate)
        .accept_compressed(CompressionEncoding::Zstd)
        .send_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let (metadata, extensions, message) = request.into_parts();
        let project = metadata.get("x-project-name").and_then(|v| v.to_str().ok()).map(str::to_owned);
        let cx: Cx<TracesWrite> = self.0.authorize_request(&extensions_of(extensions)).map_err(|e| grpc_error(&e))?;
        let export = decode(message, project.as_deref(), &self.0.settings().default_project);
        let stored = Stored::of(&export);
        let reservation = self.0.ingest().reserve();
        let rejected = ingest::export(&cx, export, reservation).await.map_err(|e| grpc_error(&e))?;
        let partial_success = (rejected.spans > 0).then(|| ExportTracePartialSuccess {
            rejected_spans: i64::try_from(rejected.spans).unwrap_or(i64::MAX),
            error_message: rejected.message(),
        });
        let mut response = Response::new(ExportTraceServiceResponse { partial_success });
        response.extensions_mut().insert(stored.less(&rejected));
        Ok(response)
    }
}

fn extensions_of(extensions: tonic::Extensions) -> http::Extensions {
    extensions
}
