//! `TraceService/Export`: OTLP/gRPC.
//!
//! The service that is generated from the protocol decodes a message as it comes in, however many come in at once, and
//! a decoded message is several times as large. Here it is taken as bytes, and decoded in its turn like one over HTTP.

use std::{
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::{Path, Request, State},
    response::Response,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::{Message as _, bytes::Buf as _};
use tokio::sync::OwnedSemaphorePermit;
use tonic::{
    Code, Status,
    codec::{BufferSettings, Codec, CompressionEncoding, DecodeBuf, Decoder},
    server::{Grpc, UnaryService},
};
use tonic_prost::ProstEncoder;
use tower_http::timeout::TimeoutBody;

use super::{INLINE_BYTES, SENDER_PATIENCE, decode::decode, decode_in_turn, status::grpc_error};
use crate::{
    api::metering::Stored,
    domain::scope::TracesWrite,
    error::{Error, Result},
    ingest::Reservation,
    service::{
        Services,
        cx::Cx,
        ingest::{self, Export, Rejected},
    },
};

/// The path of the service and all its methods.
pub const PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/{method}";

/// The largest message that is taken, in bytes, before and after decompression.
const MAX_MESSAGE_BYTES: usize = 32 << 20;
/// How long a message may take to come before its turn goes to another: senders that are slow on purpose must not keep
/// the others out.
const TURN: Duration = Duration::from_secs(10);

/// Takes a call. It is refused by its headers before its message is read.
pub async fn call(State(services): State<Services>, Path(method): Path<String>, request: Request) -> Response {
    if method != "Export" {
        return Status::new(Code::Unimplemented, "TraceService has the method Export alone").into_http();
    }
    let cx: Cx<TracesWrite> = match services.authorize_request(request.extensions()) {
        Ok(cx) => cx,
        Err(error) => return grpc_error(&error).into_http(),
    };
    let turn = match services.ingest().turn_to_read().await {
        Ok(turn) => turn,
        Err(error) => return grpc_error(&error).into_http(),
    };
    let mut grpc = Grpc::new(RawCodec)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Deflate)
        .accept_compressed(CompressionEncoding::Zstd)
        .send_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(MAX_MESSAGE_BYTES);
    let request = request.map(|body| Body::new(TimeoutBody::new(SENDER_PATIENCE, body)));
    let turn = Turn::new(turn);
    let mut answer = pin!(grpc.unary(ExportMethod { cx, turn: turn.clone() }, request));
    let answer = if let Ok(answer) = tokio::time::timeout(TURN, answer.as_mut()).await {
        answer
    } else {
        turn.give_back();
        answer.await
    };
    answer.map(Body::new)
}

/// A turn to be read, until it is given back.
#[derive(Clone)]
struct Turn(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Turn {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        Self(Arc::new(Mutex::new(Some(permit))))
    }

    fn give_back(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// The method, for one call.
struct ExportMethod {
    cx: Cx<TracesWrite>,
    turn: Turn,
}

impl UnaryService<Bytes> for ExportMethod {
    type Response = ExportTraceServiceResponse;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Self::Response>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let (cx, turn) = (self.cx.clone(), self.turn.clone());
        Box::pin(async move {
            let (metadata, _, message) = request.into_parts();
            let project = metadata.get("x-project-name").and_then(|v| v.to_str().ok()).map(str::to_owned);
            let (stored, rejected) = take(&cx, message, project, turn).await.map_err(|e| grpc_error(&e))?;
            let partial_success = (rejected.spans > 0).then(|| ExportTracePartialSuccess {
                rejected_spans: i64::try_from(rejected.spans).unwrap_or(i64::MAX),
                error_message: rejected.message(),
            });
            let mut response = tonic::Response::new(ExportTraceServiceResponse { partial_success });
            response.extensions_mut().insert(stored.less(&rejected));
            Ok(response)
        })
    }
}

async fn take(
    cx: &Cx<TracesWrite>,
    message: Bytes,
    project: Option<String>,
    reading: Turn,
) -> Result<(Stored, Rejected)> {
    let services = cx.services();
    let mut reservation = services.ingest().reserve();
    reservation.wait_for(message.len()).await?;
    reading.give_back();
    let default_project = services.settings().default_project.clone();
    let packs = services.ingest().packs();
    let is_small = message.len() <= INLINE_BYTES;
    let work = move || -> Result<(Export, Reservation)> {
        let request = ExportTraceServiceRequest::decode(message)
            .map_err(|e| Error::Malformed(format!("Message is no ExportTraceServiceRequest: {e}").into()))?;
        let mut export = decode(request, project.as_deref(), &default_project);
        if packs {
            export.pack();
        }
        Ok((export, reservation))
    };
    let (export, reservation) = decode_in_turn(services, is_small, work).await?;
    let stored = Stored::of(&export);
    Ok((stored, ingest::export(cx, export, reservation).await?))
}

/// Messages in as bytes, out as protobuf.
#[derive(Clone, Copy, Debug, Default)]
struct RawCodec;

impl Codec for RawCodec {
    type Encode = ExportTraceServiceResponse;
    type Decode = Bytes;
    type Encoder = ProstEncoder<ExportTraceServiceResponse>;
    type Decoder = RawDecoder;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(BufferSettings::default())
    }

    fn decoder(&mut self) -> Self::Decoder {
        RawDecoder
    }
}

/// Gives a message as it is.
#[derive(Clone, Copy, Debug)]
struct RawDecoder;

impl Decoder for RawDecoder {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(message.copy_to_bytes(message.remaining())))
    }
}
