//! Tells destinations of alerts: one attempt at a time, by webhook or by mail. When to try again is not decided here.

mod webhook;

use std::fmt;

use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

use crate::{
    domain::{
        alert::{Alert, Delivery, Destination, DestinationKind, Outcome, Resolution},
        time::UnixNanos,
    },
    error::{Error, Result},
    mail::{AlertMail, Letter, Mailer, Site},
};
use webhook::Webhooks;
pub use webhook::{Networks, check_url};

/// What signs the messages to one destination. It is not stored: it is derived from `PHOENIX_SECRET` and from a random
/// salt of the destination, so that the database holds nothing worth stealing.
#[derive(Clone)]
pub struct SigningSecret([u8; 32]);

impl SigningSecret {
    /// Returns the form that is shown once: `whsec_` and standard base64.
    #[must_use]
    pub fn reveal(&self) -> String {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        format!("whsec_{}", STANDARD.encode(self.0))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

/// Carries messages to destinations.
#[derive(Debug)]
pub struct Courier {
    secret: SecretString,
    deployment: String,
    webhooks: Webhooks,
    mailer: Option<Mailer>,
    site: Site,
}

impl Courier {
    /// Returns the courier of a deployment. Fails only if TLS cannot be set up.
    pub fn new(
        secret: SecretString,
        deployment: &str,
        networks: Networks,
        mailer: Option<Mailer>,
        site: Site,
    ) -> Result<Self> {
        Ok(Self { secret, deployment: deployment.to_owned(), webhooks: Webhooks::new(networks)?, mailer, site })
    }

    /// Whether mails can be sent.
    #[must_use]
    pub const fn has_mail(&self) -> bool {
        self.mailer.is_some()
    }

    /// Refuses a URL that no webhook goes to, naming what is wrong with it.
    pub fn check_url(&self, url: &str) -> Result<(), String> {
        check_url(url, self.webhooks.networks()).map(|_| ())
    }

    /// Derives the signing secret of a salt.
    #[must_use]
    pub fn signing_secret(&self, salt: &[u8]) -> SigningSecret {
        // The label keeps this use of the secret apart from every other (tokens are signed with it, too), the
        // deployment keeps two apart that share it.
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.expose_secret().as_bytes())
            .expect("HMAC takes a key of any length");
        mac.update(b"phoenix webhook signing secret\0");
        mac.update(self.deployment.as_bytes());
        mac.update(b"\0");
        mac.update(salt);
        SigningSecret(mac.finalize().into_bytes().into())
    }

    /// Makes one attempt.
    pub async fn carry(&self, destination: &Destination, delivery: &Delivery, now: UnixNanos) -> Outcome {
        match destination.kind {
            DestinationKind::Webhook => {
                let secrets: Vec<SigningSecret> = std::iter::once(&destination.salt)
                    .chain(destination.previous.iter().filter(|(_, until)| now < *until).map(|(salt, _)| salt))
                    .map(|salt| self.signing_secret(salt))
                    .collect();
                self.webhooks.send(&destination.target, delivery, &secrets, now).await
            }
            DestinationKind::Email => self.mail(destination, delivery).await,
        }
    }

    async fn mail(&self, destination: &Destination, delivery: &Delivery) -> Outcome {
        let failed =
            |error: String, is_final| Outcome { delivered: false, status_code: None, error: Some(error), is_final };
        let Some(mailer) = &self.mailer else { return failed("This server sends no mail".to_owned(), false) };
        let mail = match AlertMail::read(&delivery.payload) {
            Ok(mail) => mail,
            Err(error) => return failed(format!("The message cannot be read: {error}"), true),
        };
        let letter = match Letter::alert(&destination.target, &self.site, &mail) {
            Ok(letter) => letter,
            Err(error) => return failed(format!("The mail cannot be written: {error}"), true),
        };
        match mailer.deliver(letter).await {
            Ok(()) => Outcome { delivered: true, ..Outcome::default() },
            Err(undelivered) => failed(undelivered.text, undelivered.is_final),
        }
    }
}

/// Returns the host that a URL names.
#[must_use]
pub fn host(url: &str) -> String {
    url::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

/// Returns an instant as messages write it: RFC 3339 with `Z`.
#[must_use]
pub fn instant(at: UnixNanos) -> String {
    at.to_rfc3339().replace("+00:00", "Z")
}

/// Returns an alert as messages tell it.
#[must_use]
pub fn alert_body(alert: &Alert) -> serde_json::Value {
    serde_json::json!({
        "id": alert.id.to_string(),
        "kind": alert.kind.as_str(),
        "status": if alert.resolved_at.is_none() { "open" } else { "resolved" },
        "message": alert.message,
        "details": serde_json::from_str::<serde_json::Value>(&alert.details).unwrap_or_default(),
        "key": { "id": alert.key.to_public(), "name": alert.key_name, "maskedKey": alert.key_masked },
        "country": alert.country,
        "raisedAt": instant(alert.raised_at),
        "resolvedAt": alert.resolved_at.map(instant),
        "resolution": alert.resolution.map(Resolution::as_str),
    })
}

/// Returns the JSON text of a message (Standard Webhooks: `type`, `timestamp`, `data`).
#[must_use]
pub fn payload(event: &str, now: UnixNanos, data: &serde_json::Value) -> String {
    serde_json::json!({ "type": event, "timestamp": instant(now), "data": data }).to_string()
}

impl From<webhook::SetupError> for Error {
    fn from(error: webhook::SetupError) -> Self {
        Self::internal(error.0)
    }
}
