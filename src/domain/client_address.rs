//! The address that a request comes from.

use std::{fmt, net::IpAddr};

/// The address of whoever sent a request: of the socket, or told by a proxy that is trusted. In the extensions of every
/// request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// Returns the address; an IPv4 address that is mapped into IPv6 becomes IPv4, so that one client has one address
    /// on every listener.
    #[must_use]
    pub const fn new(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
