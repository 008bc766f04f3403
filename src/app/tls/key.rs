//! The server's private key: PKCS#8, PKCS#1 or SEC 1 in PEM, plain or encrypted.
//!
//! Two ways of encryption are met: PKCS#8's own (PBES2, what OpenSSL writes today), and the one of OpenSSL's early days
//! that shows in the headers `Proc-Type` and `DEK-Info`. The latter derives its key by one round of MD5 and is read
//! because people have such files.

use aes::{Aes128, Aes192, Aes256};
use cbc::{
    Decryptor,
    cipher::{BlockCipher, BlockDecryptMut, KeyInit, KeyIvInit, block_padding::Pkcs7},
};
use des::TdesEde3;
use md5::{Digest as _, Md5};
use pem::Pem;
use pkcs8::{
    EncryptedPrivateKeyInfo, PrivateKeyInfo,
    der::{Decode as _, asn1::AnyRef},
    pkcs5,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use secrecy::{ExposeSecret as _, SecretString};

use super::blocks;
use crate::config::ConfigError;

const FILE: &str = "PHOENIX_TLS_KEY_FILE";
const PASSWORD: &str = "PHOENIX_TLS_KEY_FILE_PASSWORD";

/// Returns the first private key of a PEM file, decrypted.
pub(super) fn private_key(text: &[u8], password: Option<&SecretString>) -> Result<PrivateKeyDer<'static>, ConfigError> {
    let blocks = blocks(FILE, text)?;
    let Some(block) = blocks.into_iter().find(|block| block.tag().ends_with("PRIVATE KEY")) else {
        return Err(ConfigError::new(FILE, "the file holds no private key; allowed: PEM, `BEGIN PRIVATE KEY`"));
    };
    let is_encrypted = block.headers().get("Proc-Type").is_some_and(|kind| kind.contains("ENCRYPTED"));
    let tag = block.tag().to_owned();
    let der = match tag.as_str() {
        "ENCRYPTED PRIVATE KEY" => decrypt_pkcs8(block.contents(), asked_for(password)?)?,
        _ if is_encrypted => decrypt_legacy(&block, asked_for(password)?)?,
        _ => block.into_contents(),
    };
    match tag.as_str() {
        "PRIVATE KEY" | "ENCRYPTED PRIVATE KEY" => Ok(PrivatePkcs8KeyDer::from(der).into()),
        "RSA PRIVATE KEY" => Ok(PrivatePkcs1KeyDer::from(der).into()),
        "EC PRIVATE KEY" => Ok(PrivateSec1KeyDer::from(der).into()),
        other => {
            let allowed = "`PRIVATE KEY`, `RSA PRIVATE KEY`, `EC PRIVATE KEY`, `ENCRYPTED PRIVATE KEY`";
            Err(ConfigError::new(FILE, format!("`{other}` is a form of key that is not read; allowed: {allowed}")))
        }
    }
}

fn asked_for(password: Option<&SecretString>) -> Result<&[u8], ConfigError> {
    let password = password.ok_or_else(|| {
        ConfigError::new(PASSWORD, format!("unset, but the key in {FILE} is encrypted; allowed: its password"))
    })?;
    Ok(password.expose_secret().as_bytes())
}

fn wrong_password() -> ConfigError {
    ConfigError::new(PASSWORD, format!("does not decrypt the key in {FILE}; allowed: the password of that key"))
}

fn unsupported(encryption: &str) -> ConfigError {
    let allowed = "AES-128, AES-192, AES-256 or triple DES in CBC mode, PKCS#8 (PBES2) or `Proc-Type: 4,ENCRYPTED`";
    ConfigError::new(FILE, format!("the key is encrypted in a way that is not read ({encryption}); allowed: {allowed}"))
}

fn decrypt_pkcs8(der: &[u8], password: &[u8]) -> Result<Vec<u8>, ConfigError> {
    use pkcs5::Error::{DecryptFailed, EncryptFailed};
    use pkcs8::Error::{Asn1, EncryptedPrivateKey};
    let encrypted = EncryptedPrivateKeyInfo::try_from(der).map_err(|error| unsupported(&error.to_string()))?;
    match encrypted.decrypt(password) {
        // A wrong password leaves rubbish that now and then ends like good padding. What does not has either name.
        Ok(plain) if PrivateKeyInfo::try_from(plain.as_bytes()).is_ok() => Ok(plain.as_bytes().to_vec()),
        Ok(_) | Err(Asn1(_) | EncryptedPrivateKey(DecryptFailed | EncryptFailed)) => Err(wrong_password()),
        Err(error) => Err(unsupported(&error.to_string())),
    }
}

/// Decrypts what OpenSSL wrote with `DEK-Info: <cipher>,<initialization vector>`.
fn decrypt_legacy(block: &Pem, password: &[u8]) -> Result<Vec<u8>, ConfigError> {
    let info = block.headers().get("DEK-Info").unwrap_or_default();
    let (cipher, iv) = info.split_once(',').unwrap_or((info, ""));
    let iv = hex::decode(iv.trim()).map_err(|_| unsupported(info))?;
    let sealed = block.contents();
    let plain = match cipher.trim() {
        "AES-128-CBC" => decrypt::<Aes128>(16, password, &iv, sealed),
        "AES-192-CBC" => decrypt::<Aes192>(24, password, &iv, sealed),
        "AES-256-CBC" => decrypt::<Aes256>(32, password, &iv, sealed),
        "DES-EDE3-CBC" => decrypt::<TdesEde3>(24, password, &iv, sealed),
        other => return Err(unsupported(other)),
    };
    plain.filter(|plain| AnyRef::from_der(plain).is_ok()).ok_or_else(wrong_password)
}

fn decrypt<C>(key_bytes: usize, password: &[u8], iv: &[u8], sealed: &[u8]) -> Option<Vec<u8>>
where
    C: BlockCipher + cbc::cipher::BlockDecrypt + KeyInit,
{
    let key = derive_key(key_bytes, password, iv.get(..8)?);
    Decryptor::<C>::new_from_slices(&key, iv).ok()?.decrypt_padded_vec_mut::<Pkcs7>(sealed).ok()
}

/// OpenSSL's `EVP_BytesToKey` with MD5 and one round: each block is the digest of the one before, password and salt.
fn derive_key(bytes: usize, password: &[u8], salt: &[u8]) -> Vec<u8> {
    let mut key = Vec::new();
    let mut block = Vec::new();
    while key.len() < bytes {
        block = Md5::new().chain_update(&block).chain_update(password).chain_update(salt).finalize().to_vec();
        key.extend_from_slice(&block);
    }
    key.truncate(bytes);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str, password: Option<&str>) -> Result<PrivateKeyDer<'static>, String> {
        let password = password.map(SecretString::from);
        private_key(text.as_bytes(), password.as_ref()).map_err(|error| error.to_string())
    }

    macro_rules! fixture {
        ($name:literal) => {
            include_str!(concat!("../../../tests/it/fixtures/tls/", $name, ".pem"))
        };
    }

    #[test]
    fn every_encrypted_form_decrypts_to_the_same_key() {
        let sec1 = key(fixture!("ec-sec1"), None).unwrap();
        assert!(matches!(sec1, PrivateKeyDer::Sec1(_)));
        for legacy in [fixture!("ec-legacy-aes128"), fixture!("ec-legacy-aes256"), fixture!("ec-legacy-des3")] {
            assert_eq!(key(legacy, Some("correct-horse")).unwrap(), sec1);
        }
        let pkcs8 = key(fixture!("ec-pkcs8"), None).unwrap();
        for encrypted in [
            fixture!("ec-pkcs8-default"),
            fixture!("ec-pkcs8-aes128-sha1"),
            fixture!("ec-pkcs8-des3"),
            fixture!("ec-pkcs8-scrypt"),
        ] {
            assert_eq!(key(encrypted, Some("correct-horse")).unwrap(), pkcs8);
        }
        let pkcs1 = key(fixture!("rsa-pkcs1"), None).unwrap();
        assert!(matches!(pkcs1, PrivateKeyDer::Pkcs1(_)));
        assert_eq!(key(fixture!("rsa-legacy-aes192"), Some("correct-horse")).unwrap(), pkcs1);
    }

    #[test]
    fn a_missing_or_wrong_password_names_the_passwords_variable() {
        for encrypted in [fixture!("ec-pkcs8-default"), fixture!("rsa-legacy-aes192"), fixture!("ec-legacy-des3")] {
            let error = key(encrypted, None).unwrap_err();
            assert!(error.starts_with("PHOENIX_TLS_KEY_FILE_PASSWORD: unset"), "{error}");
            // Some wrong passwords leave good padding by chance.
            for n in 0..600 {
                let error = key(encrypted, Some(&format!("wrong{n}"))).unwrap_err();
                assert!(error.starts_with("PHOENIX_TLS_KEY_FILE_PASSWORD: does not decrypt"), "{error}");
                if encrypted.contains("BEGIN ENCRYPTED") && n == 3 {
                    // Its derivation is slow on purpose.
                    break;
                }
            }
        }
    }

    #[test]
    fn what_is_no_key_or_not_read_is_said() {
        for (text, says) in [
            ("", "holds no private key"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds no private key"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n", "damaged"),
            ("-----BEGIN PRIVATE KEY-----\n?\n-----END PRIVATE KEY-----\n", "damaged"),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "`OPENSSH PRIVATE KEY`"),
            (fixture!("ec-pkcs8-pbes1"), "encrypted in a way that is not read"),
        ] {
            let error = key(text, Some("correct-horse")).unwrap_err();
            assert!(error.starts_with("PHOENIX_TLS_KEY_FILE: ") && error.contains(says), "{error}");
        }
        let legacy = fixture!("ec-legacy-aes128").replace("AES-128-CBC", "RC2-CBC");
        assert!(key(&legacy, Some("correct-horse")).unwrap_err().contains("RC2-CBC"));
        let short = fixture!("ec-legacy-aes128").replace("DEK-Info: AES-128-CBC,", "DEK-Info: AES-128-CBC,00");
        assert!(key(&short, Some("correct-horse")).unwrap_err().contains("does not decrypt"));
    }
}
