//! TLS of the listeners: certificates and keys from files, handshakes apart from everything else, files re-read when
//! they change.
//!
//! rustls with ring's primitives: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN. Both listeners share one [`Tls`].

mod client;
mod key;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use rustls::{
    InconsistentKeys, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::CertificateDer,
    sign::{CertifiedKey, SingleCertAndKey},
};
use secrecy::SecretString;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;

use crate::config::{ConfigError, TlsConfig};

/// How long a client may take to get through its handshake.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// Handshakes under way at once. Beyond it the oldest is given up, not the newest refused: an honest handshake takes
/// milliseconds, so whoever fills the room with slow ones pushes out their own.
const MAX_HANDSHAKES: usize = 512;
/// How often the files are looked at.
const WATCH_INTERVAL: Duration = Duration::from_mins(1);
/// No file of certificates is larger; nothing says that a path is no device.
const LARGEST_FILE: u64 = 4 << 20;
/// What a client hears that asks without TLS.
const PLAIN_ANSWER: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\
     Content-Length: 43\r\n\r\nThis port speaks TLS: use an https address\n";

/// TLS as configured; cheap to clone.
#[derive(Clone, Debug)]
pub struct Tls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    files: Files,
    current: RwLock<Arc<ServerConfig>>,
    /// What the files held when they were last looked at, good or bad: a fault is told once.
    seen: Mutex<Result<Contents, ConfigError>>,
    handshakes: Mutex<Handshakes>,
}

#[derive(Debug)]
struct Files {
    certificates: PathBuf,
    key: PathBuf,
    key_password: Option<SecretString>,
    /// What client certificates are held against; without it none is asked for.
    client_ca: Option<PathBuf>,
}

#[derive(Clone, PartialEq, Eq)]
struct Contents {
    certificates: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl std::fmt::Debug for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contents").finish_non_exhaustive()
    }
}

/// Whether the files had changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reloaded {
    Unchanged,
    Replaced,
}

impl Tls {
    /// Reads the files of a configuration; `None` when no listener speaks TLS.
    pub fn load(config: &TlsConfig) -> Result<Option<Self>, ConfigError> {
        if !config.for_http() && !config.for_grpc() {
            return Ok(None);
        }
        let unset = |variable| ConfigError::new(variable, "unset, but TLS needs it; allowed: a PEM file");
        let files = Files {
            certificates: config.cert_file.clone().ok_or_else(|| unset("PHOENIX_TLS_CERT_FILE"))?,
            key: config.key_file.clone().ok_or_else(|| unset("PHOENIX_TLS_KEY_FILE"))?,
            key_password: config.key_file_password.clone(),
            client_ca: match (config.verify_client, &config.ca_file) {
                (false, _) => None,
                (true, Some(file)) => Some(file.clone()),
                (true, None) => return Err(unset("PHOENIX_TLS_CA_FILE")),
            },
        };
        let contents = files.read()?;
        let current = files.server_config(&contents)?;
        Ok(Some(Self(Arc::new(Inner {
            files,
            current: RwLock::new(Arc::new(current)),
            seen: Mutex::new(Ok(contents)),
            handshakes: Mutex::default(),
        }))))
    }

    /// Looks at the files now and then, and on SIGHUP, until the token is cancelled. A bad new file is told in the log
    /// and changes nothing.
    pub async fn watch(self, stop: CancellationToken) {
        use tokio::signal::unix::{SignalKind, signal};
        let mut hangup = signal(SignalKind::hangup()).ok();
        loop {
            let asked = async {
                match &mut hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            let asked = tokio::select! {
                _ = asked => true,
                () = tokio::time::sleep(WATCH_INTERVAL) => false,
                () = stop.cancelled() => return,
            };
            let tls = self.clone();
            // Off the async threads: files, and a key that may be slow to decrypt on purpose.
            match tokio::task::spawn_blocking(move || tls.reload()).await {
                Ok(Ok(Reloaded::Replaced)) => tracing::info!("TLS certificates replaced"),
                Ok(Ok(Reloaded::Unchanged)) if asked => tracing::info!("TLS certificates unchanged"),
                Ok(Ok(Reloaded::Unchanged)) => {}
                Ok(Err(error)) => tracing::error!(error = %error, "new TLS certificates not used; the old ones stay"),
                Err(error) => tracing::error!(error = %error, "TLS certificates not looked at"),
            }
        }
    }

    fn reload(&self) -> Result<Reloaded, ConfigError> {
        let found = self.0.files.read();
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == found {
            return Ok(Reloaded::Unchanged);
        }
        seen.clone_from(&found);
        drop(seen);
        let new = Arc::new(self.0.files.server_config(&found?)?);
        *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(Reloaded::Replaced)
    }

    /// Gets a connection through its handshake, within bounds.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let turn = Turn::begin(&self.0.handshakes);
        let config = Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner));
        tokio::select! {
            accepted = tokio::time::timeout(HANDSHAKE_TIME, handshake(stream, config)) => {
                accepted.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no handshake in time"))?
            }
            () = turn.given_up.cancelled() => Err(io::Error::other("given up for a newer handshake")),
        }
    }
}

async fn handshake(mut stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<TlsStream<TcpStream>> {
    let mut first = [0];
    stream.peek(&mut first).await?;
    // A method of HTTP. TLS starts with a byte that is no letter.
    if first[0].is_ascii_uppercase() {
        stream.write_all(PLAIN_ANSWER.as_bytes()).await?;
        part(stream).await;
        return Err(io::Error::new(io::ErrorKind::InvalidData, "HTTP without TLS"));
    }
    match TlsAcceptor::from(config).accept(stream).into_fallible().await {
        Ok(stream) => Ok(stream),
        Err((error, stream)) => {
            part(stream).await;
            Err(error)
        }
    }
}

/// Ends a connection so that what was written last arrives: what is left unread would reset it, and a client without a
/// certificate, say, would take the refusal for a fault of the network.
async fn part(mut stream: TcpStream) {
    if stream.shutdown().await.is_ok() {
        let _ = tokio::io::copy(&mut stream.take(64 << 10), &mut tokio::io::sink()).await;
    }
}

/// The handshakes under way, oldest first.
#[derive(Debug, Default)]
struct Handshakes {
    begun: u64,
    under_way: BTreeMap<u64, CancellationToken>,
}

/// One handshake among those under way.
struct Turn<'a> {
    handshakes: &'a Mutex<Handshakes>,
    number: u64,
    given_up: CancellationToken,
}

impl<'a> Turn<'a> {
    fn begin(handshakes: &'a Mutex<Handshakes>) -> Self {
        let given_up = CancellationToken::new();
        let mut all = handshakes.lock().unwrap_or_else(PoisonError::into_inner);
        all.begun += 1;
        let number = all.begun;
        all.under_way.insert(number, given_up.clone());
        if all.under_way.len() > MAX_HANDSHAKES
            && let Some((_, oldest)) = all.under_way.pop_first()
        {
            oldest.cancel();
        }
        Self { handshakes, number, given_up }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.handshakes.lock().unwrap_or_else(PoisonError::into_inner).under_way.remove(&self.number);
    }
}

impl Files {
    fn read(&self) -> Result<Contents, ConfigError> {
        Ok(Contents {
            certificates: read("PHOENIX_TLS_CERT_FILE", &self.certificates)?,
            key: read("PHOENIX_TLS_KEY_FILE", &self.key)?,
            client_ca: self.client_ca.as_deref().map(|file| read("PHOENIX_TLS_CA_FILE", file)).transpose()?,
        })
    }

    fn server_config(&self, contents: &Contents) -> Result<ServerConfig, ConfigError> {
        let provider = Arc::new(ring::default_provider());
        let certified = certified(&provider, contents, self.key_password.as_ref())?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| ConfigError::new("PHOENIX_TLS_ENABLED", error.to_string()))?;
        let builder = match &contents.client_ca {
            Some(pem) => {
                let listed = certificates("PHOENIX_TLS_CA_FILE", pem)?;
                builder.with_client_cert_verifier(client::verifier(roots(&listed)?, &listed, provider)?)
            }
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn certified(
    provider: &CryptoProvider,
    contents: &Contents,
    password: Option<&SecretString>,
) -> Result<CertifiedKey, ConfigError> {
    let chain = certificates("PHOENIX_TLS_CERT_FILE", &contents.certificates)?;
    let key = key::private_key(&contents.key, password)?;
    let key = provider.key_provider.load_private_key(key).map_err(|error| {
        let allowed = "RSA of 2048 to 4096 bits, ECDSA on P-256 or P-384, Ed25519";
        ConfigError::new("PHOENIX_TLS_KEY_FILE", format!("the key cannot be used ({error}); allowed: {allowed}"))
    })?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        // Not every key can tell its public half.
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => {
            let problem = "the key does not fit the first certificate in PHOENIX_TLS_CERT_FILE; allowed: the key that \
                           the certificate was made for";
            Err(ConfigError::new("PHOENIX_TLS_KEY_FILE", problem))
        }
        Err(error) => Err(unusable("PHOENIX_TLS_CERT_FILE", 1, &error)),
    }
}

fn roots(listed: &[CertificateDer<'static>]) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    for (at, certificate) in listed.iter().enumerate() {
        roots.add(certificate.clone()).map_err(|error| unusable("PHOENIX_TLS_CA_FILE", at + 1, &error))?;
    }
    Ok(roots)
}

fn unusable(variable: &'static str, number: usize, error: &rustls::Error) -> ConfigError {
    let problem = format!("certificate {number} of the file cannot be used ({error}); allowed: X.509 version 3, PEM");
    ConfigError::new(variable, problem)
}

/// Returns the certificates among the blocks of a PEM file, whatever else it holds.
fn certificates(variable: &'static str, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let found: Vec<_> = blocks(variable, text)?
        .into_iter()
        .filter(|block| matches!(block.tag(), "CERTIFICATE" | "X509 CERTIFICATE"))
        .map(|block| CertificateDer::from(block.into_contents()))
        .collect();
    if found.is_empty() {
        return Err(ConfigError::new(variable, "the file holds no certificate; allowed: PEM, `BEGIN CERTIFICATE`"));
    }
    Ok(found)
}

fn blocks(variable: &'static str, text: &[u8]) -> Result<Vec<pem::Pem>, ConfigError> {
    let damaged = |why: &str| ConfigError::new(variable, format!("the file is damaged ({why}); allowed: PEM"));
    let blocks = pem::parse_many(text).map_err(|error| damaged(&error.to_string()))?;
    // A block without an end is passed over: half a chain of a file that is still being written, say.
    let mark = b"-----BEGIN ";
    if text.windows(mark.len()).filter(|window| window == mark).count() != blocks.len() {
        return Err(damaged("a block has no end"));
    }
    Ok(blocks)
}

fn read(variable: &'static str, file: &Path) -> Result<Vec<u8>, ConfigError> {
    let mut bytes = Vec::new();
    match File::open(file).and_then(|open| open.take(LARGEST_FILE).read_to_end(&mut bytes)) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(ConfigError::new(variable, format!("cannot read `{}`: {error}", file.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_handshake_is_given_up_for_the_newest() {
        let handshakes = Mutex::default();
        let oldest = Turn::begin(&handshakes);
        let mut others: Vec<_> = (1..MAX_HANDSHAKES).map(|_| Turn::begin(&handshakes)).collect();
        assert!(!oldest.given_up.is_cancelled());
        drop(others.pop());
        others.push(Turn::begin(&handshakes));
        assert!(!oldest.given_up.is_cancelled(), "one had ended");
        let newest = Turn::begin(&handshakes);
        assert!(oldest.given_up.is_cancelled() && !newest.given_up.is_cancelled());
        drop((oldest, others, newest));
        assert!(handshakes.lock().unwrap().under_way.is_empty());
    }

    #[test]
    fn the_answer_without_tls_says_its_length() {
        let (head, body) = PLAIN_ANSWER.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{}", body.len());
    }
}
