//! Extractors whose rejections are problems: the proof, JSON bodies, query strings, path segments.
//!
//! `Cx` comes first in every handler, so that permission is checked before the body is read.

use std::net::{IpAddr, Ipv4Addr};

use axum::{
    body::Body,
    extract::{FromRef, FromRequest, FromRequestParts},
    http::{Request, header, request::Parts},
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::rest::problem::Problem;
use crate::{
    domain::{client_address::ClientAddress, scope::Access, session::Device},
    error::Error,
    service::{Services, cx::Cx},
};

/// The largest JSON body that is read, in bytes.
const MAX_JSON_BYTES: usize = 10 << 20;

impl<S, T> FromRequestParts<T> for Cx<S>
where
    S: Access,
    T: Send + Sync,
    Services: FromRef<T>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &T) -> Result<Self, Problem> {
        Ok(Services::from_ref(state).authorize_request(&parts.extensions)?)
    }
}

/// The device that a request comes from.
#[derive(Debug)]
pub struct From(pub Device);

impl<S: Send + Sync> FromRequestParts<S> for From {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        // A request that came by no socket came from within.
        let address = parts.extensions.get::<ClientAddress>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |a| a.0);
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok());
        Ok(Self(Device::new(address, user_agent)))
    }
}

/// A JSON body.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Problem> {
        let given = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let media_type = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if media_type != "application/json" && !media_type.ends_with("+json") {
            return Err(Error::invalid("content-type", "The body must be application/json").into());
        }
        Ok(Self(parse_json(&collect(request.into_body()).await?)?))
    }
}

/// A JSON body that may be left out, whatever the content type says.
#[derive(Debug)]
pub struct OptionalJson<T>(pub T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Problem> {
        let bytes = collect(request.into_body()).await?;
        Ok(Self(if bytes.is_empty() { T::default() } else { parse_json(&bytes)? }))
    }
}

async fn collect(body: Body) -> Result<bytes::Bytes, Error> {
    let collected = Limited::new(body, MAX_JSON_BYTES).collect().await.map_err(|e| {
        if e.is::<LengthLimitError>() {
            Error::TooLarge(format!("The request body is larger than {MAX_JSON_BYTES} bytes").into())
        } else {
            Error::Malformed("The request body broke off".into())
        }
    })?;
    Ok(collected.to_bytes())
}

fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    refuse_zero_characters(bytes)?;
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|e| invalid("body", &e))?;
    json.end().map_err(|e| Error::invalid("body", format!("JSON decode error: {e}")))?;
    Ok(value)
}

/// The query string. Lists are repeated parameters; a parameter that the operation does not know is refused.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        if query.contains("%00") {
            return Err(Error::invalid("query", "Zero characters are not taken").into());
        }
        let pairs = serde_html_form::Deserializer::from_bytes(query.as_bytes());
        Ok(Self(serde_path_to_error::deserialize(pairs).map_err(|e| invalid("query", &e))?))
    }
}

/// Refuses texts with U+0000 anywhere in a JSON document: Postgres cannot hold them.
pub(super) fn refuse_zero_characters(json: &[u8]) -> Result<(), Error> {
    fn has_zero(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::String(text) => text.contains('\0'),
            serde_json::Value::Array(values) => values.iter().any(has_zero),
            serde_json::Value::Object(map) => map.iter().any(|(key, value)| key.contains('\0') || has_zero(value)),
            _ => false,
        }
    }
    // Only a document with the escape in it can hold one; it may yet be an escaped backslash before `u0000`.
    let suspicious = json.windows(6).any(|w| w == b"\\u0000");
    if suspicious && serde_json::from_slice(json).is_ok_and(|value| has_zero(&value)) {
        return Err(Error::invalid("body", "Zero characters are not taken"));
    }
    Ok(())
}

fn invalid<E: std::fmt::Display>(place: &'static str, error: &serde_path_to_error::Error<E>) -> Error {
    let path = error.path().to_string();
    let inner = error.inner();
    match path.as_str() {
        "." | "?" | "" => Error::invalid(place, format!("{inner}")),
        _ => Error::invalid(path.clone(), format!("{path}: {inner}")),
    }
}

/// Reads a truth value of a query string in any case, as Python writes it.
pub fn any_case_bool<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    use serde::{Deserialize as _, de::Error as _};
    match String::deserialize(deserializer)?.to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "true" | "1" => Ok(Some(true)),
        "false" | "0" => Ok(Some(false)),
        _ => Err(D::Error::custom("Input should be true or false")),
    }
}

/// Path segments, percent-decoded.
#[derive(Debug)]
pub struct Path<T>(pub T);

async fn segments<T, S>(parts: &mut Parts, state: &S, has_zero: fn(&T) -> bool) -> Result<Path<T>, Problem>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    match axum::extract::Path::<T>::from_request_parts(parts, state).await {
        Ok(axum::extract::Path(value)) if has_zero(&value) => {
            Err(Error::invalid("path", "Zero characters are not taken").into())
        }
        Ok(axum::extract::Path(value)) => Ok(Path(value)),
        Err(rejection) => Err(Error::invalid("path", rejection.body_text()).into()),
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Path<String> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        segments(parts, state, |one: &String| one.contains('\0')).await
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Path<(String, String)> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        segments(parts, state, |(one, other): &(String, String)| one.contains('\0') || other.contains('\0')).await
    }
}
