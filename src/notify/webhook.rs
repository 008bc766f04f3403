//! Webhooks in the form of Standard Webhooks 1.0: signed with HMAC-SHA-256, any answer but 2xx is a failure.
//!
//! Who may set a destination is an administrator and trusted; the server still is no way into where only it can go.
//! Addresses of a link are never asked: clouds keep the credentials of a machine there. What is asked is decided by the
//! address that a name resolves to at the time of the request, so that a name cannot change its mind. Redirects are
//! answers like any other and not followed. Proxies of the environment are not used: they would decide on addresses.
//! Nothing of an answer but its status is kept.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use reqwest::{
    Client, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{CONTENT_TYPE, USER_AGENT},
    redirect,
};
use sha2::Sha256;

use super::SigningSecret;
use crate::domain::{
    alert::{Delivery, Outcome},
    time::UnixNanos,
};

/// The longest URL, in bytes.
const MAX_URL: usize = 2_048;
/// Connecting may take this long.
const CONNECT: Duration = Duration::from_secs(5);
/// A whole attempt may take this long: what Standard Webhooks suggests at least.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The longest text about a failure, in characters.
const MAX_ERROR: usize = 300;

/// Which networks webhooks may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Networks {
    /// All but addresses of a link.
    Any,
    /// Public addresses alone.
    Public,
}

/// Why the client could not be made.
#[derive(Debug)]
pub struct SetupError(pub(super) reqwest::Error);

/// Sends webhooks.
#[derive(Clone, Debug)]
pub(super) struct Webhooks {
    client: Client,
    networks: Networks,
}

/// Whether nothing is ever sent to an address.
fn is_forbidden(address: IpAddr, networks: Networks) -> bool {
    // An IPv4 address in IPv6 clothes is what it is: mapped, or by the translators of NAT64 and 6to4.
    let address = match address {
        IpAddr::V6(v6) => embedded(v6).map_or(IpAddr::V6(v6), IpAddr::V4),
        IpAddr::V4(v4) => IpAddr::V4(v4),
    };
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let never = v4.is_link_local() || v4.is_multicast() || v4.is_broadcast() || a == 0 || a >= 240;
            // 100.64.0.0/10 is shared by carriers; one cloud keeps its metadata at 100.100.100.200.
            let shared = a == 100 && b & 0xc0 == 64;
            never
                || shared && v4 == Ipv4Addr::new(100, 100, 100, 200)
                || networks == Networks::Public && (v4.is_loopback() || v4.is_private() || shared)
        }
        IpAddr::V6(v6) => {
            let head = v6.segments()[0];
            // Metadata of EC2 over IPv6.
            let metadata = v6 == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
            let never = v6.is_unspecified() || v6.is_multicast() || head & 0xffc0 == 0xfe80 || metadata;
            never || networks == Networks::Public && (v6.is_loopback() || head & 0xfe00 == 0xfc00)
        }
    }
}

fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = v6.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match s {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => v6.to_ipv4_mapped(),
    }
}

/// Reads a URL that webhooks may go to, or says what is wrong with it.
pub fn check_url(text: &str, networks: Networks) -> Result<Url, String> {
    if text.len() > MAX_URL {
        return Err(format!("A URL has at most {MAX_URL} bytes"));
    }
    let url: Url = text.parse().map_err(|e| format!("Input should be a URL: {e}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("A webhook goes to an http or https URL".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("A URL with a user name or password is not taken: it would be shown".to_owned());
    }
    let address = match url.host() {
        Some(url::Host::Ipv4(v4)) => Some(IpAddr::V4(v4)),
        Some(url::Host::Ipv6(v6)) => Some(IpAddr::V6(v6)),
        Some(url::Host::Domain(_)) => None,
        None => return Err("Input should be a URL with a host".to_owned()),
    };
    if address.is_some_and(|address| is_forbidden(address, networks)) {
        return Err(REFUSED.to_owned());
    }
    Ok(url)
}

const REFUSED: &str = "Webhooks do not go to this address";

/// Resolves names, and knows no address that nothing is sent to.
#[derive(Debug)]
struct Guarded(Networks);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let networks = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|a| !is_forbidden(a.ip(), networks)).collect();
            if allowed.is_empty() {
                return Err(REFUSED.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

impl Webhooks {
    pub(super) fn new(networks: Networks) -> Result<Self, SetupError> {
        // In an image without certificates the ones that were compiled in have to do.
        let has_roots = !rustls_native_certs::load_native_certs().certs.is_empty();
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(TIMEOUT)
            // A destination is asked now and then: a connection that is kept is most likely dead when it is wanted.
            .pool_max_idle_per_host(0)
            .dns_resolver(std::sync::Arc::new(Guarded(networks)))
            .tls_built_in_native_certs(has_roots)
            .tls_built_in_webpki_certs(!has_roots)
            .build()
            .map_err(SetupError)?;
        Ok(Self { client, networks })
    }

    pub(super) const fn networks(&self) -> Networks {
        self.networks
    }

    pub(super) async fn send(
        &self,
        target: &str,
        delivery: &Delivery,
        secrets: &[SigningSecret],
        now: UnixNanos,
    ) -> Outcome {
        let failed = |status_code, error: String, is_final| Outcome {
            delivered: false,
            status_code,
            error: Some(error.chars().take(MAX_ERROR).collect()),
            is_final,
        };
        let url = match check_url(target, self.networks) {
            Ok(url) => url,
            Err(error) => return failed(None, error, true),
        };
        let timestamp = now.unix_seconds();
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("phoenix-server/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", &delivery.message_id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", signatures(secrets, &delivery.message_id, timestamp, &delivery.payload))
            .body(delivery.payload.clone());
        // The body of the answer is never read: dropping it closes the connection.
        match request.send().await {
            Ok(answer) => {
                let status = answer.status();
                if status.is_success() {
                    return Outcome { delivered: true, status_code: Some(status.as_u16()), ..Outcome::default() };
                }
                // 410 says that nobody is there any more (Standard Webhooks, "Status codes").
                failed(Some(status.as_u16()), format!("The answer was {status}"), status.as_u16() == 410)
            }
            Err(error) => failed(None, explain(&error), false),
        }
    }
}

/// Returns the header of a message: one signature for each secret, so that receivers can change over.
fn signatures(secrets: &[SigningSecret], id: &str, timestamp: i64, body: &str) -> String {
    let sign = |secret: &SigningSecret| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret.0).expect("HMAC takes a key of any length");
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    };
    secrets.iter().map(sign).collect::<Vec<_>>().join(" ")
}

/// Says why there was no answer, without the URL, which may carry a token.
fn explain(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "No answer in time".to_owned();
    }
    let mut text = if error.is_connect() { "No connection" } else { "No answer" }.to_owned();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        let deeper = next.source();
        if deeper.is_none() {
            text.push_str(": ");
            text.push_str(&next.to_string());
        }
        cause = deeper;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_standard_is_signed_as_it_says() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}");
        let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(expected, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let secret = SigningSecret([7; 32]);
        let two = signatures(&[secret.clone(), secret], "msg_1", 5, "{}");
        let (one, other) = two.split_once(' ').unwrap();
        assert!(one == other && one.starts_with("v1,"));
    }

    #[test]
    fn addresses_of_a_link_are_never_asked() {
        for bad in [
            "http://169.254.169.254/latest",
            "http://2852039166/",
            "http://[::ffff:169.254.169.254]/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://[2002:a9fe:a9fe::1]/",
            "http://[fe80::1]/",
            "http://[fd00:ec2::254]/",
            "http://100.100.100.200/",
            "http://0.0.0.0/",
            "http://[::]/",
            "http://224.0.0.1/",
            "http://255.255.255.255/",
        ] {
            assert_eq!(check_url(bad, Networks::Any), Err(REFUSED.to_owned()), "{bad}");
        }
        for private in [
            "http://127.0.0.1:1/",
            "http://10.1.2.3/",
            "http://[::1]/",
            "http://[fd12::1]/",
            "http://[::ffff:10.0.0.1]/",
        ] {
            assert!(check_url(private, Networks::Any).is_ok(), "{private}");
            assert_eq!(check_url(private, Networks::Public), Err(REFUSED.to_owned()), "{private}");
        }
        for public in ["https://hooks.example/x?token=1", "http://192.0.2.7/", "https://[2001:db8::1]/"] {
            assert!(check_url(public, Networks::Public).is_ok(), "{public}");
        }
        for bad in ["ftp://example.com/", "file:///etc/passwd", "nonsense", "https://user:pw@example.com/"] {
            assert!(check_url(bad, Networks::Any).is_err(), "{bad}");
        }
        assert!(check_url(&format!("https://example.com/{}", "x".repeat(MAX_URL)), Networks::Any).is_err());
    }

    #[tokio::test]
    async fn a_name_that_leads_to_a_forbidden_address_leads_nowhere() {
        use std::str::FromStr as _;
        let resolve = |networks| Guarded(networks).resolve(Name::from_str("localhost").unwrap());
        assert!(resolve(Networks::Any).await.is_ok());
        assert!(resolve(Networks::Public).await.is_err());
    }
}
