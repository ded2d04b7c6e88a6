//! How connections to a node are protected: by what it proves to other nodes and to clients, and by what
//! it takes in clear.

use std::sync::Arc;

use tokio::sync::watch;

use super::pages::Pages;
use crate::{
    domain::Certification,
    node_auth::NodeAuth,
    settings::{ClientCertificate, ClientSecurity, MasterSettings, PlainCalls, RouterSettings},
    tls::{self, PublicTls, TlsError, Trust},
};

/// How a node protects connections; clones share it.
#[derive(Clone)]
pub struct Encryption {
    /// What it proves to other nodes, and they to it.
    pub nodes: NodeAuth,
    pub(super) public: Option<PublicTls>,
    pub(super) plain: PlainCalls,
    domain: Option<OfDomain>,
}

/// What proves that the network is its domain, as far as this node has heard.
#[derive(Clone)]
struct OfDomain {
    domain: String,
    heard: watch::Sender<Arc<Certification>>,
}

impl Encryption {
    /// For a master with these settings.
    pub fn of_master(settings: &MasterSettings) -> Result<Self, TlsError> {
        let nodes = NodeAuth::new(settings.secret.clone(), &settings.nodes)?;
        Self::new(nodes, &settings.clients)
    }

    /// For a router with these settings.
    pub fn of_router(settings: &RouterSettings) -> Result<Self, TlsError> {
        let nodes = NodeAuth::of_router(settings.secret.clone(), &settings.nodes)?;
        Self::new(nodes, &settings.clients)
    }

    /// For a node that proves this to others.
    pub(super) fn new(nodes: NodeAuth, clients: &ClientSecurity) -> Result<Self, TlsError> {
        let (public, domain) = match &clients.certificate {
            Some(ClientCertificate::Files(files)) => (Some(PublicTls::of_files(files)?), None),
            Some(ClientCertificate::OfDomain(ordered)) => {
                // Whoever leads needs it later: what cannot be used is told of now.
                if let trust @ Trust::File(_) = &ordered.authority.trust {
                    tls::web_client(trust)?;
                }
                let (domain, heard) = (ordered.domain.clone(), watch::Sender::default());
                (Some(PublicTls::of_nothing_yet()?), Some(OfDomain { domain, heard }))
            }
            None => (None, None),
        };
        Ok(Self { nodes, public, plain: clients.plain, domain })
    }

    /// Reads the certificate for clients again whenever it has changed; never returns.
    pub async fn keep_current(self) {
        match self.public {
            Some(public) => public.reload().await,
            None => std::future::pending().await,
        }
    }

    /// Whether the network has a domain.
    pub fn has_domain(&self) -> bool {
        self.domain.is_some()
    }

    /// Proves from now on that the network is its domain as the nodes have agreed; nothing happens if
    /// that is known here. False if it cannot be used: there is no domain here, or another one.
    pub fn hears(&self, certification: &Certification) -> bool {
        let Some((OfDomain { domain, heard }, public)) =
            self.domain.as_ref().zip(self.public.as_ref())
        else {
            return false;
        };
        let certification = certification.to_show();
        let before = heard.borrow().certificate.clone();
        let certificate = certification.certificate.as_ref();
        let is_ours = certificate.is_none_or(|certificate| certificate.domain == *domain);
        if let Some(certificate) = certificate.filter(|now| Some(*now) != before.as_ref()) {
            if !is_ours {
                tracing::warn!(
                    own = %domain, network = %certificate.domain,
                    "cannot show the network's certificate, which is for another domain: set the same \
                     domain at all nodes"
                );
            } else if let Err(why) = public.show(certificate) {
                tracing::error!(%why, "goes on with the certificate that it had");
            } else {
                tracing::info!(%domain, "shows a new certificate");
            }
        }
        heard.send_if_modified(|known| {
            let is_news = **known != certification;
            *known = Arc::new(certification);
            is_news
        });
        is_ours
    }

    /// What it has heard, if there is a domain.
    pub fn heard(&self) -> Option<watch::Receiver<Arc<Certification>>> {
        self.domain.as_ref().map(|of| of.heard.subscribe())
    }

    /// What those are answered who do not speak gRPC.
    pub(super) fn pages(&self) -> Pages {
        match &self.domain {
            Some(OfDomain { domain, heard }) => Pages::of(domain.clone(), heard.subscribe()),
            None => Pages::default(),
        }
    }
}
