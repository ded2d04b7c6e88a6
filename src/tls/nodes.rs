//! How the nodes of a cluster call each other: both ends prove by a certificate of its authority that
//! they are nodes. What is checked is a name, not an address: nodes may move.

use std::{path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, ServerName},
    server::WebPkiClientVerifier,
    version::TLS13,
};

use super::{
    Authority, HTTP_2, TlsError,
    authority::{Certified, Validity},
    pem, provider,
};
use crate::host::net::{Callee, Security};

/// The name of every node, for the others. It can be nobody's domain: ICANN has reserved `internal` for
/// private use.
pub const NODE_NAME: &str = "node.tinysns.internal";
/// The name that only the router has.
pub const ROUTER_NAME: &str = "router.tinysns.internal";

/// The names of a node.
pub fn names(is_router: bool) -> &'static [&'static str] {
    if is_router { &[NODE_NAME, ROUTER_NAME] } else { &[NODE_NAME] }
}

/// Certificates of a cluster whose authority is in somebody's hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFiles {
    /// The certificates of all authorities that are believed.
    pub authority: PathBuf,
    /// This node's.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// How this node calls others, and is called by them.
pub struct NodeTls {
    caller: Arc<ClientConfig>,
    called: Arc<ServerConfig>,
    callee: Callee,
}

impl NodeTls {
    /// For a node that certifies itself, since it has the cluster's secret. It believes those who have
    /// any of `secrets`, of which the first is its own.
    pub fn of_secrets<'a>(
        secrets: impl IntoIterator<Item = &'a [u8]>,
        is_router: bool,
    ) -> Result<Self, TlsError> {
        let authorities: Vec<Authority> =
            secrets.into_iter().map(Authority::of_secret).collect::<Result<_, _>>()?;
        let own = authorities.first().expect("there is a secret");
        let certified = own.certify("Tiny SNS node", names(is_router), Validity::Always)?;
        Self::new(certified, authorities.iter().map(|authority| authority.certificate().clone()))
    }

    /// For a node that was given a certificate.
    pub fn of_files(files: &NodeFiles) -> Result<Self, TlsError> {
        let chain = pem::certificates("node_certificate", &files.certificate)?;
        let key = pem::key("node_key", &files.key)?;
        let believed = pem::certificates("node_authority", &files.authority)?;
        Self::new(Certified { chain, key }, believed).map_err(|error| match error {
            TlsError::Library(source) => TlsError::Pair {
                certificate: files.certificate.clone(),
                key: files.key.clone(),
                source,
            },
            other => other,
        })
    }

    fn new(
        Certified { chain, key }: Certified,
        believed: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in believed {
            roots.add(certificate)?;
        }
        let roots = Arc::new(roots);
        let mut caller = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(Arc::clone(&roots))
            .with_client_auth_cert(chain.clone(), key.clone_key())?;
        caller.alpn_protocols = vec![HTTP_2.to_vec()];
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
            .build()
            .map_err(|why| rustls::Error::General(why.to_string()))?;
        let mut called = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)?;
        called.alpn_protocols = vec![HTTP_2.to_vec()];
        Ok(Self { caller: Arc::new(caller), called: Arc::new(called), callee: Callee::Node })
    }

    /// The same for a cluster in transition: who does not encrypt connections is called in clear.
    #[must_use]
    pub fn in_transition(self) -> Self {
        Self { callee: Callee::NodeInTransition, ..self }
    }

    /// How it calls another node.
    pub fn to_node(&self) -> Security {
        self.to(NODE_NAME)
    }

    /// How it calls the router.
    pub fn to_router(&self) -> Security {
        self.to(ROUTER_NAME)
    }

    fn to(&self, name: &'static str) -> Security {
        let name = ServerName::try_from(name).expect("it is a name");
        Security::Tls { config: Arc::clone(&self.caller), name, callee: self.callee }
    }

    /// How it is called by other nodes.
    pub fn called(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.called)
    }
}
