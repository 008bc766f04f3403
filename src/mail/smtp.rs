//! The way to an SMTP server: always encrypted, always with credentials.
//!
//! STARTTLS is tried first and TLS from the first byte second, on port 465 the other way round, and whichever worked
//! is tried first from then on. There is no third way: to a server that offers neither nothing is sent.

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    transport::smtp::{
        SUBMISSIONS_PORT,
        authentication::Credentials,
        client::{CertificateStore, Tls, TlsParameters},
        extension::ClientId,
    },
};
use secrecy::{ExposeSecret as _, SecretString};

use crate::error::{Error, Result};

/// Connecting may take this long.
const CONNECT: Duration = Duration::from_secs(10);
/// The whole conversation may take this long; lettre itself bounds nothing but the connecting. A server that expects
/// TLS from the first byte is silent to a client that waits for its greeting, so this is also what the first mail to
/// such a server on a port of its own waits.
const CONVERSATION: Duration = Duration::from_secs(15);

/// Where mails go.
#[derive(Clone, Debug)]
pub struct SmtpOptions {
    /// Host of the server.
    pub hostname: String,
    /// Port.
    pub port: u16,
    /// User name.
    pub username: String,
    /// Password.
    pub password: SecretString,
    /// Whether the certificate of the server is checked.
    pub validate_certs: bool,
    /// Name by which this server greets; an address literal if there is none.
    pub greeting: Option<String>,
}

/// Why a mail was not taken. The text is for the log: it holds no address and nothing that the other side made up.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) text: String,
    /// Whether another try is of no use.
    pub(super) is_final: bool,
}

/// The two ways to one server.
pub(super) struct Smtp {
    ways: [(&'static str, AsyncSmtpTransport<Tokio1Executor>); 2],
    first: AtomicUsize,
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp").field("first", &self.ways[self.first.load(Ordering::Relaxed)].0).finish_non_exhaustive()
    }
}

impl Smtp {
    pub(super) fn new(options: &SmtpOptions) -> Result<Self> {
        // In an image without certificates the ones that were compiled in have to do.
        let roots = if rustls_native_certs::load_native_certs().certs.is_empty() {
            CertificateStore::WebpkiRoots
        } else {
            CertificateStore::Default
        };
        let tls = TlsParameters::builder(options.hostname.clone())
            .certificate_store(roots)
            .dangerous_accept_invalid_certs(!options.validate_certs)
            .dangerous_accept_invalid_hostnames(!options.validate_certs)
            .build()
            .map_err(Error::internal)?;
        let credentials = Credentials::new(options.username.clone(), options.password.expose_secret().to_owned());
        let transport = |tls| {
            // "Dangerous" is the plain text that this builder starts with; `tls` takes it away.
            let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&options.hostname)
                .port(options.port)
                .timeout(Some(CONNECT))
                .credentials(credentials.clone())
                .tls(tls);
            if let Some(name) = &options.greeting {
                builder = builder.hello_name(ClientId::Domain(name.clone()));
            }
            builder.build()
        };
        let starttls = ("STARTTLS", transport(Tls::Required(tls.clone())));
        let implicit = ("implicit TLS", transport(Tls::Wrapper(tls)));
        let first = usize::from(options.port == SUBMISSIONS_PORT);
        Ok(Self { ways: [starttls, implicit], first: AtomicUsize::new(first) })
    }

    /// Hands a mail over.
    pub(super) async fn send(&self, message: &Message) -> Result<(), Failure> {
        let bytes = message.formatted();
        let first = self.first.load(Ordering::Relaxed);
        let mut said = Vec::new();
        for way in [first, 1 - first] {
            let (name, transport) = &self.ways[way];
            match tokio::time::timeout(CONVERSATION, transport.send_raw(message.envelope(), &bytes)).await {
                Ok(Ok(_)) => {
                    self.first.store(way, Ordering::Relaxed);
                    return Ok(());
                }
                Ok(Err(error)) => match error.status() {
                    // The server speaks this way and said no: the other way would not change its mind. Its own words
                    // stay out of the log, since they name the reader.
                    Some(code) => {
                        let text = format!("{name}: the server answered {code}");
                        return Err(Failure { text, is_final: error.is_permanent() });
                    }
                    None => said.push(format!("{name}: {error}")),
                },
                Err(_) => said.push(format!("{name}: no end within {} s", CONVERSATION.as_secs())),
            }
        }
        Err(Failure { text: said.join("; "), is_final: false })
    }
}
