//! Encryption by TLS 1.3: whom this process proves to be, whom it believes, and how it is called.
//!
//! - `authority`: who certifies the nodes of a cluster: by default a key that follows from its secret
//! - `nodes`: how the nodes of a cluster call each other, where both ends prove who they are
//! - `issued`: certificates of nodes as files, if the authority is in somebody's hands
//! - `public`: how everybody else calls: the certificate of a domain, as it is at any time
//! - `validity`: from when to when a certificate is good
//! - `callers`: how people's programs call: which authorities they believe
//! - `web`: how other servers of the web are called
//!
//! One port takes all of it: whoever begins with a handshake says by a name whom it wants to reach
//! ([`nodes::NODE_NAME`], or a domain), and whoever does not speaks in clear.

mod authority;
mod callers;
mod issued;
mod nodes;
mod pem;
mod public;
mod validity;
mod web;

use std::{io, path::PathBuf, sync::Arc};

use rustls::crypto::{CryptoProvider, ring};

pub use authority::Authority;
pub use callers::{Trust, security_for, web_client};
pub use issued::{IssuedFile, issue};
pub use nodes::{NODE_NAME, NodeFiles, NodeTls, ROUTER_NAME};
pub use public::{CertificateFiles, PublicTls};
pub use validity::Validity;
pub use web::{WebFailure, address_by_path, dial};

/// The protocols that encrypted connections carry, as they are negotiated (ALPN).
const HTTP_2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";

/// How a connection is protected that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Not at all.
    InClear,
    /// It is encrypted; who calls has proved nothing.
    Encrypted,
    /// It is encrypted, and who calls has proved to be a node of the cluster.
    Node,
}

/// Why something cannot be used for encryption.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds something else.
    #[error("cannot use the file {} ({setting}): {reason}", .path.display())]
    File {
        /// The setting that names it, or whose it is.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The certificate and the key do not belong together, or cannot be used.
    #[error("cannot use the certificate in {} with the key in {}: {source}", .certificate.display(), .key.display())]
    Pair {
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with its key.
        key: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// The certificate that the network was given cannot be used.
    #[error("cannot use the certificate for {domain}: {reason}")]
    Given {
        /// For which domain it was ordered.
        domain: String,
        /// What is wrong.
        reason: String,
    },
    /// A file or directory cannot be made.
    #[error("cannot make {}: {source}", .path.display())]
    Unwritable {
        /// Which one.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// A certificate cannot be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The library refuses what was made.
    #[error("cannot use what was made for encryption: {0}")]
    Library(#[from] rustls::Error),
    /// The authorities that the system believes cannot be read.
    #[error("cannot read which authorities this system trusts: {0}")]
    System(io::Error),
}

/// What all encryption is made of.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
