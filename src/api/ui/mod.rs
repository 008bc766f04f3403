//! The bundled web UI: assets, and a page at every unknown path outside the APIs.

pub mod assets;
pub mod index;

use axum::{
    extract::{Request, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{ApiState, is_api_path, is_read, rest::problem::Problem};
use crate::error::Error;

/// Answers a path that no route knows.
pub async fn unknown_path(State(state): State<ApiState>, request: Request) -> Response {
    let path = request.uri().path();
    if is_api_path(path) {
        return Problem(Error::NotFound(format!("There is nothing at {path}").into())).into_response();
    }
    if !is_read(request.method()) {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response();
    }
    if let Some(asset) = assets::find(path, request.headers()) {
        return asset;
    }
    if path.starts_with("/assets/") {
        // A page in its place would be taken for a script.
        return Problem(Error::NotFound(format!("There is nothing at {path}").into())).into_response();
    }
    let page = match path {
        "/docs" | "/redoc" => index::Page::Docs,
        _ => index::Page::App,
    };
    let mut response = state.pages().page(page);
    if request.method() == Method::HEAD {
        *response.body_mut() = axum::body::Body::empty();
    }
    response
}
