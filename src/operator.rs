//! What operators ask of a running cluster: the router tells them alone where its nodes are.

use crate::{
    client::{self, ClientError, ClusterStatus, StatusView, Viewer},
    node_auth::NodeAuth,
    settings::{ClientSettings, NodeSecurity, Secret},
    tls::TlsError,
};

/// The cluster cannot be seen as operators do.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The router does not answer.
    #[error(transparent)]
    Router(#[from] ClientError),
    /// A certificate or a secret cannot be used.
    #[error(transparent)]
    Security(#[from] TlsError),
    /// The router does not take the caller for an operator.
    #[error(
        "the router at {0} tells only operators where its masters are: the secret that was given is not this \
         cluster's (secret_file)"
    )]
    NotAnOperator(String),
}

impl OperatorError {
    /// Whether something of what was asked for cannot be used.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::NotAnOperator(_))
    }
}

/// Somebody who asks a router, and proves to be an operator if there is a secret.
pub fn viewer(
    settings: &ClientSettings,
    secret: Option<&Secret>,
    nodes: &NodeSecurity,
) -> Result<Viewer, TlsError> {
    let operator = secret.map(|secret| NodeAuth::new(secret.clone(), nodes)).transpose()?;
    Ok(Viewer { security: client::security(settings)?, operator })
}

/// The cluster, with where its nodes are.
pub async fn look(
    settings: &ClientSettings,
    operator: &NodeAuth,
) -> Result<ClusterStatus, OperatorError> {
    let viewer = Viewer { security: client::security(settings)?, operator: Some(operator.clone()) };
    let status = client::cluster_for(&settings.router, &viewer).await?;
    match status.view {
        StatusView::Operator => Ok(status),
        StatusView::Public => Err(OperatorError::NotAnOperator(settings.router.clone())),
    }
}
