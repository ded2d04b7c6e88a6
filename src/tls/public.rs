//! How everybody calls a node over an encrypted connection: it proves to be the domain that they
//! called, by a certificate that is read again when its files change.

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

use super::{HTTP_2, TlsError, pem, provider};

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
    files: CertificateFiles,
    current: Arc<Current>,
    config: Arc<ServerConfig>,
}

/// What is proved to those who call now.
#[derive(Debug)]
struct Current(RwLock<Loaded>);

/// What was read, and how the files were when that began.
#[derive(Debug)]
struct Loaded {
    certified: Arc<CertifiedKey>,
    files: Written,
}

/// When each file was written last, and how long it is.
type Written = [Option<(SystemTime, u64)>; 2];

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().certified))
    }
}

impl PublicTls {
    /// With the certificate that is in these files.
    pub fn of_files(files: &CertificateFiles) -> Result<Self, TlsError> {
        let current = Arc::new(Current(RwLock::new(load(files)?)));
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![HTTP_2.to_vec()];
        Ok(Self { files: files.clone(), current, config: Arc::new(config) })
    }

    /// How a node is called.
    pub fn called(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Reads the files again whenever they have changed; never returns. What cannot be used is told of,
    /// and the certificate before goes on: a new one may be there before its key.
    pub async fn reload(self) {
        let mut refused = None;
        loop {
            sleep(LOOKS_EVERY).await;
            let now = self.files.written();
            if now == self.current.0.read().files || Some(now) == refused {
                continue;
            }
            match load(&self.files) {
                Ok(loaded) => {
                    *self.current.0.write() = loaded;
                    let certificate = self.files.certificate.display();
                    tracing::info!(%certificate, "uses a new certificate");
                    refused = None;
                }
                Err(why) => {
                    tracing::error!(%why, "goes on with the certificate that it had");
                    refused = Some(now);
                }
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

fn load(files: &CertificateFiles) -> Result<Loaded, TlsError> {
    let written = files.written();
    let chain = pem::certificates("tls_certificate", &files.certificate)?;
    let key = pem::key("tls_key", &files.key)?;
    let certified = CertifiedKey::from_der(chain, key, &provider()).map_err(|source| {
        let CertificateFiles { certificate, key } = files.clone();
        TlsError::Pair { certificate, key, source }
    })?;
    Ok(Loaded { certified: Arc::new(certified), files: written })
}
