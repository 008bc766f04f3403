//! Embedded `web/dist`: hashed names are immutable, the rest is revalidated by `ETag`.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;

/// The built UI; empty when the server was built without it.
#[derive(RustEmbed)]
#[folder = "web/dist/"]
#[allow_missing = true]
struct Dist;

/// Returns the text of a page of the bundle.
#[must_use]
pub fn html(name: &str) -> Option<String> {
    Dist::get(name).map(|file| String::from_utf8_lossy(&file.data).into_owned())
}

/// Returns a file of the bundle, unless it is a page.
#[must_use]
pub fn find(path: &str, headers: &HeaderMap) -> Option<Response> {
    let name = path.trim_start_matches('/');
    let is_page = std::path::Path::new(name).extension().is_some_and(|e| e.eq_ignore_ascii_case("html"));
    if name.is_empty() || is_page || name.starts_with('.') {
        return None;
    }
    let file = Dist::get(name)?;
    let tag = format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..16]));
    let caching = if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let unchanged = headers.get(header::IF_NONE_MATCH).is_some_and(|given| given.as_bytes() == tag.as_bytes());
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mime = file.metadata.mimetype().to_owned();
        ([(header::CONTENT_TYPE, mime)], file.data.into_owned()).into_response()
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Some(response)
}
