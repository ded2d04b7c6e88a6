//! How everybody calls a node over an encrypted connection: it proves to be the domain that they
//! called, by a certificate that is read again when its files change, or that the network was given.

use std::{
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use parking_lot::RwLock;
use rustls::{
    ServerConfig,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
    version::TLS13,
};
use tokio::time::sleep;

use super::{HTTP_1, HTTP_2, TlsError, Validity, pem, provider};
use crate::{domain::DomainCertificate, metrics};

/// How often it is looked whether the files have changed: whoever renews a certificate does it days
/// before the old one expires.
const LOOKS_EVERY: Duration = Duration::from_secs(5);

/// The files of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, and those between it and an authority that callers know.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// What a node proves to whoever calls it; clones share it.
#[derive(Clone)]
pub struct PublicTls {
    /// Where it comes from, and how the files were when they were read; none if it is given.
    files: Option<(CertificateFiles, Written)>,
    current: Arc<Current>,
    config: Arc<ServerConfig>,
}

/// What is proved to those who call now; nothing before the first certificate.
#[derive(Debug, Default)]
struct Current(RwLock<Option<Arc<CertifiedKey>>>);

/// When each file was written last, and how long it is.
type Written = [Option<(SystemTime, u64)>; 2];

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.read().clone()
    }
}

impl Current {
    fn set(&self, certified: CertifiedKey) {
        if let Some(Validity { until, .. }) = certified.cert.first().and_then(Validity::of) {
            metrics::CERTIFICATE_EXPIRES.set(until.get() / 1_000);
        }
        *self.0.write() = Some(Arc::new(certified));
    }
}

impl PublicTls {
    /// With the certificate that is in these files.
    pub fn of_files(files: &CertificateFiles) -> Result<Self, TlsError> {
        let written = files.written();
        let certified = load(files)?;
        let this = Self::of(Some((files.clone(), written)))?;
        this.current.set(certified);
        Ok(this)
    }

    /// With a certificate that is given later.
    pub fn of_nothing_yet() -> Result<Self, TlsError> {
        Self::of(None)
    }

    fn of(files: Option<(CertificateFiles, Written)>) -> Result<Self, TlsError> {
        let current = Arc::new(Current::default());
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![HTTP_2.to_vec(), HTTP_1.to_vec()];
        Ok(Self { files, current, config: Arc::new(config) })
    }

    /// How a node is called.
    pub fn called(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Proves this from now on.
    pub fn show(&self, certificate: &DomainCertificate) -> Result<(), TlsError> {
        let DomainCertificate { domain, chain, key } = certificate;
        let usable = || {
            let chain = pem::certificates_in(chain.as_bytes())?;
            let key = pem::key_in(key.reveal().as_bytes())?;
            CertifiedKey::from_der(chain, key, &provider()).map_err(|why| why.to_string())
        };
        let given = |reason| TlsError::Given { domain: domain.clone(), reason };
        self.current.set(usable().map_err(given)?);
        Ok(())
    }

    /// Reads the files again whenever they have changed; never returns. What cannot be used is told of,
    /// and the certificate before goes on: a new one may be there before its key.
    pub async fn reload(self) {
        let Some((files, mut seen)) = self.files else { return std::future::pending().await };
        loop {
            sleep(LOOKS_EVERY).await;
            let now = files.written();
            if now == seen {
                continue;
            }
            seen = now;
            match load(&files) {
                Ok(certified) => {
                    self.current.set(certified);
                    let certificate = files.certificate.display();
                    tracing::info!(%certificate, "uses a new certificate");
                }
                Err(why) => tracing::error!(%why, "goes on with the certificate that it had"),
            }
        }
    }
}

impl CertificateFiles {
    fn written(&self) -> Written {
        [&self.certificate, &self.key].map(|path| {
            let file = fs::metadata(path).ok()?;
            Some((file.modified().ok()?, file.len()))
        })
    }
}

fn load(files: &CertificateFiles) -> Result<CertifiedKey, TlsError> {
    let chain = pem::certificates("tls_certificate", &files.certificate)?;
    let key = pem::key("tls_key", &files.key)?;
    CertifiedKey::from_der(chain, key, &provider()).map_err(|source| {
        let CertificateFiles { certificate, key } = files.clone();
        TlsError::Pair { certificate, key, source }
    })
}
