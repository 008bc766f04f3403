//! Lists as one JSON document a line, page by page, as many as there are.

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};
use futures_util::{StreamExt as _, stream};
use serde::Serialize;

use crate::{
    domain::page::{Page, PageRequest},
    error::Result,
};

/// The media type of one JSON document a line.
const NDJSON: &str = "application/x-ndjson";
/// Rows of one query while lines are streamed.
const STREAM_PAGE: u32 = 500;

/// Whether a request asks for lines.
#[must_use]
pub fn is_asked_for(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','));
    accepted.map(|v| v.split(';').next().unwrap_or_default().trim()).any(|v| v.eq_ignore_ascii_case(NDJSON))
}

/// Answers with one row a line, page by page: no more of it is in memory than one page.
pub fn answer<V, T, L, F>(first: PageRequest, limit: Option<i64>, mut list: L) -> Response
where
    V: From<T> + Serialize,
    T: Send + 'static,
    L: FnMut(PageRequest) -> F + Send + 'static,
    F: Future<Output = Result<Page<T>>> + Send + 'static,
{
    let left = limit.map_or(u64::MAX, |limit| u64::try_from(limit).unwrap_or(0));
    let start = Some((PageRequest { limit: STREAM_PAGE, ..first }, left));
    let pages = stream::unfold((start, move |request| list(request)), |(at, mut list)| async move {
        let (request, left) = at?;
        let limit = u32::try_from(left.min(u64::from(STREAM_PAGE))).unwrap_or(STREAM_PAGE);
        let request = PageRequest { limit, ..request };
        match list(request).await {
            Ok(page) => {
                let left = left - page.items.len() as u64;
                let next =
                    page.next.filter(|_| left > 0).map(|from| (PageRequest { from: Some(from), ..request }, left));
                let mut text = Vec::with_capacity(page.items.len() * 400);
                for row in page.items {
                    if serde_json::to_writer(&mut text, &V::from(row)).is_ok() {
                        text.push(b'\n');
                    }
                }
                Some((Ok(Bytes::from(text)), (next, list)))
            }
            Err(error) => {
                // The status has gone out: cutting the body short is what is left to tell it.
                tracing::warn!(error = ?error, "list broken off");
                Some((Err(std::io::Error::other("the list could not be read")), (None, list)))
            }
        }
    });
    // Compression asks once more after the end, which an unfolded stream does not bear.
    ([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(pages.fuse())).into_response()
}
