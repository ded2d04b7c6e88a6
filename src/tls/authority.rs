//! Who certifies the nodes of a cluster.
//!
//! By default its key follows from the cluster's secret, so that every node that has the secret can
//! certify itself, whoever else is away, and nothing of it is kept on a disk
//! ([ADR 30](../../docs/adr/0030-encryption.md)).

use argon2::{Algorithm, Argon2, Params, Version};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ED25519, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use super::TlsError;

/// Hashed with the secret: another purpose would need another.
const SALT: &[u8] = b"tinysns: authority of the nodes, 1";
/// What somebody pays for each guess at a secret after seeing a node's certificate: 19 MiB and two
/// passes, the least that OWASP advises for passwords. A secret should be longer than can be guessed.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// The name of every authority of ours; its key tells them apart.
const NAME: &str = "Tiny SNS cluster authority";
/// The beginning of an Ed25519 key in PKCS #8, before the 32 bytes of its seed (RFC 8410, section 7).
const PKCS8_ED25519: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Certifies nodes.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

/// From when until when a certificate is valid.
#[derive(Clone, Copy, Debug)]
pub enum Validity {
    /// Always: it lives as long as a process, whatever that process's clock says.
    Always,
    /// Between these two days, each as year, month and day.
    Between((i32, u8, u8), (i32, u8, u8)),
}

impl Validity {
    fn of(self, mut params: CertificateParams) -> CertificateParams {
        if let Self::Between(first, last) = self {
            let day = |(year, month, day)| date_time_ymd(year, month, day);
            (params.not_before, params.not_after) = (day(first), day(last));
        }
        params
    }
}

/// A certificate and its key.
pub struct Certified {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

impl Authority {
    /// The authority of the cluster with this secret: everywhere the same.
    pub fn of_secret(secret: &[u8]) -> Result<Self, TlsError> {
        let params = Params::new(MEMORY_KIB, PASSES, 1, Some(32)).expect("allowed");
        let mut seed = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(secret, SALT, seed.as_mut())
            .expect("the lengths are allowed");
        let mut key = Zeroizing::new(Vec::with_capacity(PKCS8_ED25519.len() + seed.len()));
        key.extend(PKCS8_ED25519);
        key.extend(seed.iter());
        let key = KeyPair::try_from(&PrivatePkcs8KeyDer::from(key.as_slice()))?;
        Self::with(key, Validity::Always)
    }

    /// A new one.
    pub fn new(validity: Validity) -> Result<Self, TlsError> {
        Self::with(KeyPair::generate_for(&PKCS_ED25519)?, validity)
    }

    fn with(key: KeyPair, validity: Validity) -> Result<Self, TlsError> {
        let params = validity.of(parameters());
        let certificate = params.self_signed(&key)?.der().clone();
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// The one whose certificate and key are these.
    pub fn of_files(
        certificate: CertificateDer<'static>,
        key: &PrivateKeyDer<'_>,
    ) -> Result<Self, TlsError> {
        Ok(Self { issuer: Issuer::new(parameters(), KeyPair::try_from(key)?), certificate })
    }

    /// Its key, in PKCS #8.
    pub fn key(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.issuer.key().serialize_der())
    }

    /// By whom it is believed.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Certifies that the owner of a new key, who is called `subject`, has these names.
    pub fn certify(
        &self,
        subject: &str,
        names: &[&str],
        validity: Validity,
    ) -> Result<Certified, TlsError> {
        let key = KeyPair::generate_for(&PKCS_ED25519)?;
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = validity.of(CertificateParams::new(names)?);
        params.distinguished_name = named(subject);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        Ok(Certified { chain: vec![certificate.der().clone()], key })
    }
}

fn parameters() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn named(name: &str) -> DistinguishedName {
    let mut named = DistinguishedName::new();
    named.push(DnType::CommonName, name);
    named
}
