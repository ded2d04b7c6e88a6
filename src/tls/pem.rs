//! Certificates and keys as they are written to files.

use std::{fmt::Display, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use zeroize::Zeroizing;

use super::TlsError;

/// More than a chain of certificates takes, in bytes; what is longer is another file.
const MOST: u64 = 1 << 20;

/// The certificates in the file that this setting names, in their order; at least one.
pub fn certificates(
    setting: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    certificates_in(&read(setting, path)?).map_err(|why| unusable(setting, path, why))
}

/// The certificates in a text, in their order; at least one.
pub fn certificates_in(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match found {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err("it holds no certificate in the format PEM".to_owned()),
        Err(why) => Err(why.to_string()),
    }
}

/// The key in the file that this setting names.
pub fn key(setting: &'static str, path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    key_in(&read(setting, path)?).map_err(|why| unusable(setting, path, why))
}

/// The key in a text.
pub fn key_in(text: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(text).map_err(|why| match why {
        rustls::pki_types::pem::Error::NoItemsFound => {
            "it holds no private key in the format PEM".to_owned()
        }
        other => other.to_string(),
    })
}

fn read(setting: &'static str, path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let length = std::fs::metadata(path).map_err(|why| unusable(setting, path, why))?.len();
    if length > MOST {
        return Err(unusable(setting, path, format!("it is longer than {MOST} bytes")));
    }
    std::fs::read(path).map(Zeroizing::new).map_err(|why| unusable(setting, path, why))
}

fn unusable(setting: &'static str, path: &Path, why: impl Display) -> TlsError {
    TlsError::File { setting, path: path.to_owned(), reason: format!("{why}") }
}

/// Certificates as they are written to a file.
pub fn of_certificates(chain: &[CertificateDer<'_>]) -> String {
    chain.iter().map(|certificate| section("CERTIFICATE", certificate)).collect()
}

/// A key in PKCS #8, as it is written to a file.
pub fn of_key(key: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(section("PRIVATE KEY", key))
}

/// What stands between two lines that say what it is (RFC 7468).
fn section(what: &str, bytes: &[u8]) -> String {
    const LINE: usize = 64;
    let text = STANDARD.encode(bytes);
    let lines: Vec<&str> =
        text.as_bytes().chunks(LINE).map(|line| str::from_utf8(line).expect("ASCII")).collect();
    format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", lines.join("\n"))
}
