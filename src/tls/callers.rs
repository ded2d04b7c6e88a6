//! How people's programs call a network over encrypted connections: they ask for its name, wherever its
//! servers are, and believe the authorities that the system believes, or others that they are told of.

use std::{io, path::PathBuf, sync::Arc};

use rustls::{ClientConfig, RootCertStore, pki_types::ServerName, version::TLS13};

use super::{HTTP_1, HTTP_2, TlsError, pem, provider};
use crate::host::net::{Callee, Security};

/// Which authorities are believed when they say who owns a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Those that the system believes.
    System,
    /// Those in this file.
    File(PathBuf),
}

/// How the servers of the network called `name` are called.
pub fn security_for(name: &str, trust: &Trust) -> Result<Security, TlsError> {
    let config = client(trust, HTTP_2)?;
    let bare = name.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(bare)
        .map_err(|why| rustls::Error::General(format!("{name} is no name: {why}")))?;
    Ok(Security::Tls { config: Arc::new(config), name, callee: Callee::Server })
}

/// How servers of the web are called, over HTTP/1.1.
pub fn web_client(trust: &Trust) -> Result<ClientConfig, TlsError> {
    client(trust, HTTP_1)
}

fn client(trust: &Trust, protocol: &[u8]) -> Result<ClientConfig, TlsError> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(believed(trust)?)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(config)
}

fn believed(trust: &Trust) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::File(path) => {
            for certificate in pem::certificates("ca_file", path)? {
                roots.add(certificate)?;
            }
        }
        Trust::System => {
            let found = rustls_native_certs::load_native_certs();
            // Some that cannot be read are left out, as everywhere.
            let (usable, _) = roots.add_parsable_certificates(found.certs);
            if usable == 0 {
                let why = found.errors.first().map_or_else(
                    || "there are none: install the package ca-certificates, or name a file with ca_file".to_owned(),
                    ToString::to_string,
                );
                return Err(TlsError::System(io::Error::other(why)));
            }
        }
    }
    Ok(roots)
}
