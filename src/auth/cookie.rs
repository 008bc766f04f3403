//! The login cookies: names and attributes as the wire protocol has them.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header::COOKIE};

/// Cookie that carries the access token.
pub const ACCESS: &str = "phoenix-access-token";
/// Cookie that carries the refresh token.
pub const REFRESH: &str = "phoenix-refresh-token";
/// Every cookie that logging out deletes.
const ALL: [&str; 4] = [ACCESS, REFRESH, "phoenix-oauth2-state", "phoenix-oauth2-nonce"];

/// How cookies are written.
#[derive(Clone, Debug)]
pub struct CookieOptions {
    /// `Path` attribute; honoured on deletion too.
    pub path: String,
    /// `Secure` attribute.
    pub secure: bool,
}

/// Returns the value of a cookie of a request.
#[must_use]
pub fn find<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(n, v)| (n == name && !v.is_empty()).then_some(v))
}

impl CookieOptions {
    /// Returns the `Set-Cookie` value that gives a token.
    #[must_use]
    pub fn set(&self, name: &str, token: &str, max_age: Duration) -> HeaderValue {
        let secure = if self.secure { "; Secure" } else { "" };
        let (path, age) = (&self.path, max_age.as_secs());
        header(&format!("{name}={token}; HttpOnly; Max-Age={age}; Path={path}; SameSite=strict{secure}"))
    }

    /// Returns the `Set-Cookie` values that delete every cookie of a login.
    #[must_use]
    pub fn clear(&self) -> Vec<HeaderValue> {
        let clear = |name: &&str| {
            let path = &self.path;
            header(&format!("{name}=\"\"; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path={path}; SameSite=lax"))
        };
        ALL.iter().map(clear).collect()
    }
}

fn header(text: &str) -> HeaderValue {
    // Tokens are base64, names are ours, and the path was validated at start.
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; phoenix-access-token=x.y.z; b=2"));
        assert_eq!(find(&headers, ACCESS), Some("x.y.z"));
        assert_eq!(find(&headers, "b"), Some("2"));
        assert_eq!(find(&headers, "token"), None);
    }

    #[test]
    fn cookies_are_written_as_clients_know_them() {
        let options = CookieOptions { path: "/".to_owned(), secure: false };
        let set = options.set(ACCESS, "t", Duration::from_mins(10));
        assert_eq!(set, "phoenix-access-token=t; HttpOnly; Max-Age=600; Path=/; SameSite=strict");
        let secure = CookieOptions { path: "/p".to_owned(), secure: true };
        assert!(
            secure
                .set(ACCESS, "t", Duration::from_secs(1))
                .to_str()
                .unwrap()
                .ends_with("; Path=/p; SameSite=strict; Secure")
        );
        assert_eq!(secure.clear().len(), 4);
    }
}
