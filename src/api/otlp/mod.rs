//! OTLP in: HTTP and gRPC.

pub mod decode;
pub mod grpc;
pub mod http;
pub mod status;

use std::time::Duration;

use crate::{
    error::{Error, Result},
    ingest::Reservation,
    service::{Services, ingest::Export},
};

/// How long a sender may pause within a request: what it has sent so far holds memory that others wait for.
const SENDER_PATIENCE: Duration = Duration::from_secs(30);
/// Requests up to this size are decoded on the async thread; larger ones would hold up the others on it.
const INLINE_BYTES: usize = 128 * 1_024;

/// Decodes a request: at once if it is small, or else in its turn and on a thread of its own.
async fn decode_in_turn(
    services: &Services,
    is_small: bool,
    work: impl FnOnce() -> Result<(Export, Reservation)> + Send + 'static,
) -> Result<(Export, Reservation)> {
    if is_small {
        return work();
    }
    let turn = services.ingest().turn_to_decode().await?;
    let decoded = tokio::task::spawn_blocking(move || {
        let decoded = work();
        drop(turn);
        decoded
    });
    decoded.await.map_err(Error::internal)?
}
