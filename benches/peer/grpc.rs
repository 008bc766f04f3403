//! OTLP over gRPC with bodies that are already encoded, so that the generator does not spend its time on protobuf.

use anyhow::Result;
use bytes::{Buf as _, BufMut as _, Bytes};
use http::{HeaderValue, uri::PathAndQuery};
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataValue,
    transport::{Channel, Endpoint},
};

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// Messages as they are on the wire.
#[derive(Clone, Copy, Debug, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// A connection to the trace service.
#[derive(Debug)]
pub(crate) struct TraceService {
    client: Grpc<Channel>,
    authorization: MetadataValue<tonic::metadata::Ascii>,
}

impl TraceService {
    /// Connects.
    pub(crate) async fn open(port: u16, authorization: &HeaderValue) -> Result<Self> {
        let channel = Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?.tcp_nodelay(true).connect().await?;
        Ok(Self { client: Grpc::new(channel), authorization: authorization.to_str()?.parse()? })
    }

    /// Sends an encoded `ExportTraceServiceRequest`; returns the encoded answer.
    pub(crate) async fn export(&mut self, message: Bytes) -> Result<Bytes, Status> {
        self.client.ready().await.map_err(|e| Status::unavailable(e.to_string()))?;
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.authorization.clone());
        let answer = self.client.unary(request, PathAndQuery::from_static(EXPORT), Raw).await?;
        Ok(answer.into_inner())
    }
}
