//! Access, refresh and password reset tokens: JWTs (RFC 7519), HS256 under `PHOENIX_SECRET`.
//!
//! A token proves nothing without its row: that of its session, which names the one valid `jti` of each kind, or that
//! of the password reset. `iss` is the
//! deployment's own id, so that two deployments with one secret do not accept each other's tokens.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        id::{SessionId, UserId},
        secret::random_id,
        time::UnixNanos,
    },
    error::{CredentialFault, Error, Result},
};

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenUse {
    /// A credential for requests.
    Access,
    /// Good for nothing but a new pair.
    Refresh,
    /// Good for nothing but a new password, once.
    PasswordReset,
}

impl TokenUse {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Access => "AccessToken:",
            Self::Refresh => "RefreshToken:",
            Self::PasswordReset => "PasswordResetToken:",
        }
    }
}

/// The claims of a token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    /// Deployment id.
    pub iss: String,
    /// User id.
    pub sub: String,
    /// Session id; 0 in a token that belongs to none.
    pub sid: i64,
    /// Unique id; its prefix says what the token is for.
    pub jti: String,
    /// When it was made, in seconds since the epoch.
    pub iat: i64,
    /// When it ends, in seconds since the epoch.
    pub exp: i64,
}

impl Claims {
    /// Returns the session that the token belongs to.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        SessionId(self.sid)
    }
}

/// Signs and verifies tokens.
#[derive(Clone)]
pub struct Tokens {
    issuer: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Returns the signer of a deployment.
    #[must_use]
    pub fn new(secret: &[u8], issuer: &str) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        // Expiry is held against the server's own clock, below.
        validation.validate_exp = false;
        Self {
            issuer: issuer.to_owned(),
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
        }
    }

    /// Returns a new unique token id.
    #[must_use]
    pub fn new_jti(token_use: TokenUse) -> String {
        format!("{}{}", token_use.prefix(), random_id())
    }

    /// Signs a token.
    pub fn sign(
        &self,
        user: UserId,
        session: SessionId,
        jti: &str,
        now: UnixNanos,
        expires_at: UnixNanos,
    ) -> Result<String> {
        let claims = Claims {
            iss: self.issuer.clone(),
            sub: user.to_string(),
            sid: session.0,
            jti: jti.to_owned(),
            iat: now.unix_seconds(),
            exp: expires_at.unix_seconds(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).map_err(Error::internal)
    }

    /// Signs a token that belongs to no session.
    pub fn sign_reset(&self, user: UserId, jti: &str, now: UnixNanos, expires_at: UnixNanos) -> Result<String> {
        self.sign(user, SessionId(0), jti, now, expires_at)
    }

    /// Verifies signature, issuer, use and expiry.
    pub fn verify(&self, token: &str, token_use: TokenUse, now: UnixNanos) -> Result<Claims, CredentialFault> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation)
            .map_err(|_| CredentialFault::Invalid)?
            .claims;
        if !claims.jti.starts_with(token_use.prefix()) {
            return Err(CredentialFault::Invalid);
        }
        if claims.exp <= now.unix_seconds() {
            return Err(CredentialFault::Expired);
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixNanos = UnixNanos(1_800_000_000_000_000_000);

    fn sign(tokens: &Tokens, token_use: TokenUse) -> String {
        let jti = Tokens::new_jti(token_use);
        tokens.sign(UserId(2), SessionId(3), &jti, NOW, UnixNanos(NOW.0 + 60_000_000_000)).unwrap()
    }

    #[test]
    fn a_token_is_good_for_its_use_its_deployment_and_its_time() {
        let tokens = Tokens::new(b"0123456789abcdef0123456789abcdef", "one");
        let access = sign(&tokens, TokenUse::Access);
        let claims = tokens.verify(&access, TokenUse::Access, NOW).unwrap();
        assert_eq!((claims.sub.as_str(), claims.session()), ("2", SessionId(3)));
        let fault = |r: Result<Claims, CredentialFault>| r.unwrap_err();
        assert_eq!(fault(tokens.verify(&access, TokenUse::Refresh, NOW)), CredentialFault::Invalid);
        assert_eq!(
            fault(tokens.verify(&sign(&tokens, TokenUse::Refresh), TokenUse::Access, NOW)),
            CredentialFault::Invalid
        );
        let reset = sign(&tokens, TokenUse::PasswordReset);
        assert!(tokens.verify(&reset, TokenUse::PasswordReset, NOW).unwrap().jti.starts_with("PasswordResetToken:"));
        for other in [TokenUse::Access, TokenUse::Refresh] {
            assert_eq!(fault(tokens.verify(&reset, other, NOW)), CredentialFault::Invalid);
        }
        let late = UnixNanos(NOW.0 + 60_000_000_000);
        assert_eq!(fault(tokens.verify(&access, TokenUse::Access, late)), CredentialFault::Expired);
        let other = Tokens::new(b"0123456789abcdef0123456789abcdef", "two");
        assert_eq!(fault(other.verify(&access, TokenUse::Access, NOW)), CredentialFault::Invalid);
        let stranger = Tokens::new(b"another secret of 32 characters!", "one");
        assert_eq!(fault(stranger.verify(&access, TokenUse::Access, NOW)), CredentialFault::Invalid);
    }

    #[test]
    fn a_token_with_a_part_cut_short_is_refused() {
        let tokens = Tokens::new(b"0123456789abcdef0123456789abcdef", "one");
        let token = sign(&tokens, TokenUse::Access);
        let parts: Vec<&str> = token.split('.').collect();
        for at in 0..parts.len() {
            let mut cut = parts.clone();
            cut[at] = &cut[at][..cut[at].len() - 1];
            assert!(tokens.verify(&cut.join("."), TokenUse::Access, NOW).is_err(), "part {at}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_refused_without_panic(text in "[A-Za-z0-9_.-]{0,80}|.{0,40}") {
            let tokens = Tokens::new(b"0123456789abcdef0123456789abcdef", "one");
            proptest::prop_assert!(tokens.verify(&text, TokenUse::Access, NOW).is_err());
        }
    }
}
