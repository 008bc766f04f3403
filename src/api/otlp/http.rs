//! `POST /v1/traces`: OTLP/HTTP, protobuf and JSON.
//!
//! Answers in the encoding of the request (OTLP specification, section OTLP/HTTP Response).

use std::io::Read;

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use http_body::Frame;
use http_body_util::BodyExt as _;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message as _;

use super::{INLINE_BYTES, SENDER_PATIENCE, decode::decode, decode_in_turn, status};
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

/// The two encodings of OTLP/HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

impl Encoding {
    /// Returns the media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }

    /// Reads the `Content-Type` of a request; parameters are ignored.
    pub fn of_request(headers: &HeaderMap) -> Result<Self> {
        let given = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let media_type = given.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        [Self::Protobuf, Self::Json].into_iter().find(|e| e.media_type().eq_ignore_ascii_case(media_type)).ok_or_else(
            || Error::UnsupportedMediaType(format!("Unsupported content type: {}", given.unwrap_or("none")).into()),
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compression {
    None,
    Gzip,
    Deflate,
    Zstd,
}

impl Compression {
    fn of_request(headers: &HeaderMap) -> Result<Self> {
        let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(Self::None) };
        let name = value.to_str().unwrap_or("?").trim();
        match name.to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Self::None),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "deflate" => Ok(Self::Deflate),
            "zstd" => Ok(Self::Zstd),
            _ => Err(Error::UnsupportedMediaType(format!("Unsupported content encoding: {name}").into())),
        }
    }
}

/// Bounds of a request body, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// As it comes over the wire.
    pub compressed: usize,
    /// As it is after decompression.
    pub decompressed: usize,
}

/// Takes an export request. Not in the OpenAPI document: the wire is OTLP's own.
pub async fn export(cx: Cx<TracesWrite>, State(limits): State<BodyLimits>, headers: HeaderMap, body: Body) -> Response {
    let encoding = match Encoding::of_request(&headers) {
        Ok(encoding) => encoding,
        Err(error) => return status::http_error(&error, Encoding::Protobuf),
    };
    match take(&cx, limits, &headers, encoding, body).await {
        Ok((rejected, stored)) => {
            let mut response = answer(encoding, &rejected);
            response.extensions_mut().insert(stored);
            response
        }
        Err(error) => status::http_error(&error, encoding),
    }
}

async fn take(
    cx: &Cx<TracesWrite>,
    limits: BodyLimits,
    headers: &HeaderMap,
    encoding: Encoding,
    body: Body,
) -> Result<(Rejected, Stored)> {
    let compression = Compression::of_request(headers)?;
    let project = match headers.get("x-project-name") {
        Some(value) => Some(project_name(value)?),
        None => None,
    };
    let services: &Services = cx.services();
    let mut reservation = services.ingest().reserve();
    let raw = read(body, headers, limits.compressed, &mut reservation).await?;
    let default_project = services.settings().default_project.clone();
    let packs = services.ingest().packs();
    let work = move || -> Result<(Export, Reservation)> {
        let plain = decompress(raw, compression, limits.decompressed, &mut reservation)?;
        let request = parse(&plain, encoding)?;
        drop(plain);
        let mut export = decode(request, project.as_deref(), &default_project);
        if packs {
            export.pack();
        }
        Ok((export, reservation))
    };
    let length = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    let small = compression == Compression::None && length.is_some_and(|n: usize| n <= INLINE_BYTES);
    let (export, reservation) = decode_in_turn(services, small, work).await?;
    let stored = Stored::of(&export);
    let rejected = ingest::export(cx, export, reservation).await?;
    let stored = stored.less(&rejected);
    Ok((rejected, stored))
}

/// Reads the project header; clients percent-encode what a header cannot hold.
fn project_name(value: &HeaderValue) -> Result<String> {
    let text = std::str::from_utf8(value.as_bytes())
        .map_err(|_| Error::invalid("x-project-name", "The header x-project-name is not UTF-8"))?;
    Ok(text.to_owned())
}

async fn read(mut body: Body, headers: &HeaderMap, limit: usize, reservation: &mut Reservation) -> Result<Vec<u8>> {
    let too_large = || Error::TooLarge(format!("The request body is larger than {limit} bytes").into());
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    if announced.is_some_and(|n: usize| n > limit) {
        return Err(too_large());
    }
    let announced = announced.unwrap_or(0);
    reservation.wait_for(announced).await?;
    let mut raw = Vec::with_capacity(announced);
    while let Some(frame) = next_frame(&mut body).await? {
        let frame = frame.map_err(|_| Error::Malformed("The request body broke off".into()))?;
        let Ok(data) = frame.into_data() else { continue };
        let whole = raw.len() + data.len();
        if whole > limit {
            return Err(too_large());
        }
        if whole > announced {
            reservation.wait_for(whole - raw.len().max(announced)).await?;
        }
        raw.extend_from_slice(&data);
    }
    Ok(raw)
}

async fn next_frame(body: &mut Body) -> Result<Option<Result<Frame<Bytes>, axum::Error>>> {
    let frame = tokio::time::timeout(SENDER_PATIENCE, body.frame()).await;
    frame.map_err(|_| Error::Malformed("The request body stopped coming".into()))
}

fn decompress(raw: Vec<u8>, compression: Compression, limit: usize, reservation: &mut Reservation) -> Result<Vec<u8>> {
    let bytes = raw.as_slice();
    match compression {
        Compression::None => Ok(raw),
        Compression::Gzip => inflate(flate2::bufread::MultiGzDecoder::new(bytes), limit, reservation),
        // RFC 9110, section 8.4.1.2: the zlib format; some clients send it bare.
        Compression::Deflate if bytes.first().is_some_and(|b| b & 0x0f == 8) => {
            inflate(flate2::bufread::ZlibDecoder::new(bytes), limit, reservation)
        }
        Compression::Deflate => inflate(flate2::bufread::DeflateDecoder::new(bytes), limit, reservation),
        Compression::Zstd => {
            let decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(Error::internal)?;
            inflate(decoder, limit, reservation)
        }
    }
}

/// Reads a decompressed stream no further than its limit, and reserves as it grows.
fn inflate(mut stream: impl Read, limit: usize, reservation: &mut Reservation) -> Result<Vec<u8>> {
    const STEP: usize = 256 * 1_024;
    let mut plain = Vec::new();
    loop {
        reservation.grow(STEP)?;
        let read = stream
            .by_ref()
            .take(STEP as u64)
            .read_to_end(&mut plain)
            .map_err(|_| Error::Malformed("The request body does not have its stated content encoding".into()))?;
        if plain.len() > limit {
            return Err(Error::TooLarge(format!("The decompressed request body is larger than {limit} bytes").into()));
        }
        if read < STEP {
            return Ok(plain);
        }
    }
}

fn parse(plain: &[u8], encoding: Encoding) -> Result<ExportTraceServiceRequest> {
    match encoding {
        Encoding::Protobuf => ExportTraceServiceRequest::decode(plain)
            .map_err(|e| format!("Request body is invalid ExportTraceServiceRequest: {e}")),
        // A message is an object; what reads it would take a list of its members as well.
        Encoding::Json if plain.trim_ascii_start().first() != Some(&b'{') => {
            Err("Request body is invalid ExportTraceServiceRequest: not a JSON object".to_owned())
        }
        Encoding::Json => {
            serde_json::from_slice(plain).map_err(|e| format!("Request body is invalid ExportTraceServiceRequest: {e}"))
        }
    }
    .map_err(|text| Error::Malformed(text.into()))
}

fn answer(encoding: Encoding, rejected: &Rejected) -> Response {
    // On full success the field stays unset, as the specification demands.
    let partial_success = (rejected.spans > 0).then(|| ExportTracePartialSuccess {
        rejected_spans: i64::try_from(rejected.spans).unwrap_or(i64::MAX),
        error_message: rejected.message(),
    });
    let body = match (encoding, partial_success) {
        (Encoding::Protobuf, partial_success) => ExportTraceServiceResponse { partial_success }.encode_to_vec(),
        (Encoding::Json, None) => b"{}".to_vec(),
        // Protobuf's JSON mapping writes 64-bit integers as text.
        (Encoding::Json, Some(partial)) => serde_json::json!({ "partialSuccess": {
            "rejectedSpans": partial.rejected_spans.to_string(), "errorMessage": partial.error_message,
        }})
        .to_string()
        .into_bytes(),
    };
    (StatusCode::OK, [(header::CONTENT_TYPE, encoding.media_type())], body).into_response()
}
