//! Where a request comes from: the socket's peer or, if that is a trusted proxy, whom the proxy names in `Forwarded`
//! (RFC 7239) or `X-Forwarded-For`.
//!
//! Anyone can write these headers, so they are read from the right, where the nearest proxy wrote, and only as far as
//! every hop is trusted. A proxy that writes one of the two passes the other on as the client sent it: when both are
//! there and differ, neither is believed.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, Request},
    http::{HeaderMap, HeaderName, header},
};
use ipnet::IpNet;

use crate::domain::client_address::ClientAddress;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// In the extensions of a request that came through TLS of our own.
#[derive(Clone, Copy, Debug)]
pub struct OverTls;

/// In the extensions of a request whose socket belongs to a trusted proxy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FromTrustedProxy;

/// The networks of the proxies that are believed.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    /// Returns the networks; empty means that nobody is believed.
    #[must_use]
    pub fn new(networks: &[IpNet]) -> Self {
        Self(networks.into())
    }

    fn hold(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Leaves a [`ClientAddress`] in the extensions of a request.
    pub fn stamp<B>(&self, request: &mut Request<B>) {
        // Without a socket the router is called in process.
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map_or(local, |c| c.0.ip());
        let peer = ClientAddress::new(peer).0;
        let mut client = peer;
        if self.hold(peer) {
            client = self.told(peer, request.headers());
            request.extensions_mut().insert(FromTrustedProxy);
        }
        request.extensions_mut().insert(ClientAddress(client));
    }

    fn told(&self, proxy: IpAddr, headers: &HeaderMap) -> IpAddr {
        let legacy = headers.contains_key(X_FORWARDED_FOR).then(|| self.walk(proxy, x_forwarded_for(headers)));
        let standard = headers.contains_key(header::FORWARDED).then(|| self.walk(proxy, forwarded_for(headers)));
        match (legacy, standard) {
            (Some(one), Some(other)) if one != other => proxy,
            (told, other) => told.or(other).unwrap_or(proxy),
        }
    }

    /// Goes from the proxy to the left, past those that are trusted; a hop without an address ends the way at the one
    /// that reported it.
    fn walk(&self, proxy: IpAddr, hops: Vec<Option<IpAddr>>) -> IpAddr {
        let mut client = proxy;
        for hop in hops.into_iter().rev() {
            let Some(hop) = hop else { break };
            client = hop;
            if !self.hold(hop) {
                break;
            }
        }
        client
    }
}

/// Returns the hosts that a request may have been sent to, as its sender wrote them.
pub(crate) fn hosts<B>(request: &Request<B>) -> Vec<&str> {
    let headers = request.headers();
    let mut hosts: Vec<&str> = request.uri().authority().map(axum::http::uri::Authority::as_str).into_iter().collect();
    hosts.extend(headers.get(header::HOST).and_then(|v| v.to_str().ok()));
    if request.extensions().get::<FromTrustedProxy>().is_some() {
        hosts.extend(texts(headers, &X_FORWARDED_HOST).flat_map(|v| v.split(',')).map(str::trim));
        hosts.extend(parameters(headers, "host").flatten());
    }
    hosts
}

/// Whether the browser is known to have used HTTPS. `false` is no proof of the contrary: a proxy that ends TLS need not
/// say so.
pub(crate) fn is_https<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    let told = || {
        let legacy = texts(headers, &X_FORWARDED_PROTO).flat_map(|v| v.split(','));
        legacy.chain(parameters(headers, "proto").flatten()).any(|scheme| scheme.trim().eq_ignore_ascii_case("https"))
    };
    request.extensions().get::<OverTls>().is_some()
        || request.extensions().get::<FromTrustedProxy>().is_some() && told()
}

fn texts<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> + use<'h> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default())
}

fn x_forwarded_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    texts(headers, &X_FORWARDED_FOR).flat_map(|value| value.split(',')).map(address).collect()
}

fn forwarded_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    parameters(headers, "for").map(|value| value.and_then(address)).collect()
}

/// Returns one parameter of every element of `Forwarded`; `None` for an element without it.
fn parameters<'h>(headers: &'h HeaderMap, name: &'static str) -> impl Iterator<Item = Option<&'h str>> {
    texts(headers, &header::FORWARDED).flat_map(move |value| {
        // A client that leaves a quote open would swallow what the proxy added behind it.
        let value = if value.matches('"').count() % 2 == 0 { value } else { "" };
        unquoted(value, ',').map(move |element| {
            let mut pairs = unquoted(element, ';').filter_map(|pair| pair.split_once('='));
            let found = pairs.find(|(key, _)| key.trim().eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.trim().trim_matches('"'))
        })
    })
}

/// Splits at a character outside quotes.
fn unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
}

/// Reads `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` and `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|s| s.ip()));
    address.map(|address| ClientAddress::new(address).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The client's address as a server sees it that trusts `10.0.0.0/8` and `fd00::/8`.
    fn client(peer: &str, headers: &[(&str, &str)]) -> String {
        let networks = ["10.0.0.0/8", "fd00::/8"].map(|n| n.parse().unwrap());
        let mut request = Request::new(());
        for (name, value) in headers {
            request.headers_mut().append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        TrustedProxies::new(&networks).stamp(&mut request);
        request.extensions().get::<ClientAddress>().unwrap().to_string()
    }

    #[test]
    fn nobody_but_a_trusted_proxy_is_believed() {
        assert_eq!(client("192.0.2.1", &[]), "192.0.2.1");
        assert_eq!(client("192.0.2.1", &[("x-forwarded-for", "198.51.100.1")]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", "198.51.100.1")]), "198.51.100.1");
        assert_eq!(client("::ffff:10.0.0.1", &[("x-forwarded-for", "::ffff:198.51.100.1")]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn the_nearest_address_that_is_no_proxy_is_the_client() {
        for (given, client_is) in [
            ("203.0.113.9, 198.51.100.1", "198.51.100.1"),
            ("203.0.113.9, 198.51.100.1, 10.0.0.2,10.0.0.3", "198.51.100.1"),
            ("10.0.0.9, 10.0.0.2", "10.0.0.9"),
            ("198.51.100.1, unknown", "10.0.0.1"),
            ("198.51.100.1, unknown, 10.0.0.2", "10.0.0.2"),
            ("203.0.113.9, [2001:db8::1]:443", "2001:db8::1"),
            ("198.51.100.1:4711", "198.51.100.1"),
            ("", "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.1", &[("x-forwarded-for", given)]), client_is, "{given}");
        }
        let lines = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "198.51.100.1")];
        assert_eq!(client("10.0.0.1", &lines), "198.51.100.1");
    }

    #[test]
    fn the_standard_header_is_read_too() {
        for (given, client_is) in [
            ("for=198.51.100.1;proto=https;by=10.0.0.1", "198.51.100.1"),
            ("For=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("for=203.0.113.9, proto=http; for=198.51.100.1 , for=10.0.0.2", "198.51.100.1"),
            ("for=203.0.113.9;x=\"a, for=1.2.3.4\", for=198.51.100.1", "198.51.100.1"),
            ("for=203.0.113.9;x=\", for=198.51.100.1", "10.0.0.1"),
            ("for=203.0.113.9, for=_hidden", "10.0.0.1"),
            ("for=203.0.113.9, proto=https", "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.1", &[("forwarded", given)]), client_is, "{given}");
        }
    }

    #[test]
    fn two_headers_that_differ_are_not_believed() {
        let both = |standard| client("10.0.0.1", &[("x-forwarded-for", "198.51.100.1"), ("forwarded", standard)]);
        assert_eq!(both("for=198.51.100.1"), "198.51.100.1");
        assert_eq!(both("for=203.0.113.9"), "10.0.0.1");
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_read_without_panic(text in "[ -~]{0,60}") {
            client("10.0.0.1", &[("x-forwarded-for", &text)]);
            client("10.0.0.1", &[("forwarded", &text)]);
        }
    }
}
