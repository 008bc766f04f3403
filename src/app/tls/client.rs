//! Client certificates (mTLS): issued by a listed certificate, or listed themselves.
//!
//! People make one self-signed certificate a client and list it as it is. OpenSSL marks such a certificate as one of an
//! authority by default, and accepts it; webpki refuses to take an authority for a client. So a certificate that is
//! listed byte for byte is accepted within its validity; that the client holds its key is proven by the handshake, as
//! for any other.

use std::{sync::Arc, time::Duration};

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, UnixTime},
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use x509_cert::{
    Certificate,
    der::{Decode as _, oid::db::rfc5280},
    ext::pkix::ExtendedKeyUsage,
};

use crate::config::ConfigError;

/// Returns what decides on the certificates of clients.
pub(super) fn verifier(
    roots: RootCertStore,
    listed: &[CertificateDer<'static>],
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, ConfigError> {
    let issued = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| ConfigError::new("PHOENIX_TLS_CA_FILE", format!("cannot be used ({error})")))?;
    let pinned = listed.iter().filter_map(Pinned::new).collect();
    Ok(Arc::new(IssuedOrPinned { issued, pinned }))
}

/// A listed certificate that a client may show itself.
#[derive(Debug)]
struct Pinned {
    der: CertificateDer<'static>,
    not_before: Duration,
    not_after: Duration,
}

impl Pinned {
    fn new(der: &CertificateDer<'static>) -> Option<Self> {
        let certificate = Certificate::from_der(der).ok()?.tbs_certificate;
        let usage = certificate.get::<ExtendedKeyUsage>().ok()?;
        // Made for servers alone, say.
        if usage.is_some_and(|(_, usage)| {
            !usage.0.contains(&rfc5280::ID_KP_CLIENT_AUTH) && !usage.0.contains(&rfc5280::ANY_EXTENDED_KEY_USAGE)
        }) {
            return None;
        }
        let validity = certificate.validity;
        Some(Self {
            der: der.clone(),
            not_before: validity.not_before.to_unix_duration(),
            not_after: validity.not_after.to_unix_duration(),
        })
    }

    fn is(&self, shown: &CertificateDer<'_>, now: UnixTime) -> bool {
        let now = Duration::from_secs(now.as_secs());
        self.der == *shown && (self.not_before..=self.not_after).contains(&now)
    }
}

#[derive(Debug)]
struct IssuedOrPinned {
    issued: Arc<dyn ClientCertVerifier>,
    pinned: Vec<Pinned>,
}

impl ClientCertVerifier for IssuedOrPinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.issued.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.issued.verify_client_cert(end_entity, intermediates, now) {
            // "An authority is no client" is among the faults without a name of their own; expired, unknown and made
            // for something else have one, and stand.
            Err(Error::InvalidCertificate(CertificateError::Other(_)))
                if self.pinned.iter().any(|pinned| pinned.is(end_entity, now)) =>
            {
                Ok(ClientCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.issued.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.issued.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.issued.supported_verify_schemes()
    }
}
