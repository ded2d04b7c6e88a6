//! How connections to a node are protected: by what it proves to other nodes and to clients, and by what
//! it takes in clear.

use crate::{
    node_auth::NodeAuth,
    settings::{ClientSecurity, MasterSettings, PlainCalls, RouterSettings},
    tls::{PublicTls, TlsError},
};

/// How a node protects connections; clones share it.
#[derive(Clone)]
pub struct Encryption {
    /// What it proves to other nodes, and they to it.
    pub nodes: NodeAuth,
    pub(super) public: Option<PublicTls>,
    pub(super) plain: PlainCalls,
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
        let public = clients.certificate.as_ref().map(PublicTls::of_files).transpose()?;
        Ok(Self { nodes, public, plain: clients.plain })
    }

    /// Reads the certificate for clients again whenever it has changed; never returns.
    pub async fn keep_current(self) {
        match self.public {
            Some(public) => public.reload().await,
            None => std::future::pending().await,
        }
    }
}
