//! Credentials in headers: `Authorization: Bearer` (RFC 6750, section 2.1) and the API key headers that clients send.

use http::{HeaderMap, header::AUTHORIZATION};

/// Headers that carry an API key, beside `Authorization`. Underscores are dropped by some proxies, hence the others.
const KEY_HEADERS: [&str; 3] = ["api_key", "api-key", "x-api-key"];
/// No token of ours, and no token of the peer's, is longer.
const MAX_TOKEN_BYTES: usize = 4_096;

/// What the headers of a request offer.
#[derive(Debug, PartialEq, Eq)]
pub enum Offered<'h> {
    /// No header for credentials at all; a cookie may be looked at.
    Nothing,
    /// A header that holds no credential we can use; no other place is looked at.
    Unusable,
    /// One token.
    One(&'h str),
    /// `Authorization` and a key header, with different tokens: both must name the same caller.
    Two(&'h str, &'h str),
}

/// Reads the headers of a request.
#[must_use]
pub fn offered(headers: &HeaderMap) -> Offered<'_> {
    let mut authorization = headers.get_all(AUTHORIZATION).iter();
    let bearer = match (authorization.next(), authorization.next()) {
        (None, _) => None,
        (Some(value), None) => match value.to_str().ok().and_then(token_of) {
            Some(token) => Some(token),
            None => return Offered::Unusable,
        },
        (Some(_), Some(_)) => return Offered::Unusable,
    };
    let mut key = None;
    for value in KEY_HEADERS.iter().flat_map(|name| headers.get_all(*name)) {
        match value.to_str().ok().map(str::trim) {
            Some(text) if !text.is_empty() && text.len() <= MAX_TOKEN_BYTES && key.is_none_or(|k| k == text) => {
                key = Some(text);
            }
            _ => return Offered::Unusable,
        }
    }
    match (bearer, key) {
        (None, None) => Offered::Nothing,
        (Some(one), None) | (None, Some(one)) => Offered::One(one),
        (Some(one), Some(other)) if one == other => Offered::One(one),
        (Some(one), Some(other)) => Offered::Two(one, other),
    }
}

fn token_of(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let usable = scheme.eq_ignore_ascii_case("bearer")
        && !token.is_empty()
        && token.len() <= MAX_TOKEN_BYTES
        && token.bytes().all(|b| b.is_ascii_graphic());
    usable.then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn read(pairs: &[(&str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
        }
        format!("{:?}", offered(&headers))
    }

    #[test]
    fn every_header_form_is_read() {
        assert_eq!(read(&[]), "Nothing");
        assert_eq!(read(&[("authorization", "Bearer abc")]), r#"One("abc")"#);
        assert_eq!(read(&[("authorization", "bearer abc")]), r#"One("abc")"#);
        for name in KEY_HEADERS {
            assert_eq!(read(&[(name, "abc")]), r#"One("abc")"#);
        }
        assert_eq!(read(&[("authorization", "Bearer abc"), ("api_key", "abc")]), r#"One("abc")"#);
        assert_eq!(read(&[("authorization", "Bearer abc"), ("api_key", "def")]), r#"Two("abc", "def")"#);
        for bad in ["Basic abc", "Bearer", "Bearer ", "Bearer  abc", "abc", "Bearer a b"] {
            assert_eq!(read(&[("authorization", bad)]), "Unusable", "{bad}");
            assert_eq!(read(&[("authorization", bad), ("api_key", "abc")]), "Unusable", "{bad}");
        }
        assert_eq!(read(&[("authorization", "Bearer a"), ("authorization", "Bearer b")]), "Unusable");
        assert_eq!(read(&[("api_key", "a"), ("x-api-key", "b")]), "Unusable");
    }
}
