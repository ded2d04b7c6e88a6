//! Who is told what of the cluster: everybody, how it is; its operators, where everything runs, too.

use tonic::{Request, Status};

use super::{presentation::View, registry_actor::RegistryHandle};
use crate::{
    directory::ClusterView,
    grpc::metadata::CallReader,
    wire::v1::{ClusterRequest, ClusterStatus},
};

/// The registry, as each caller may see it.
pub struct CallersView {
    registry: RegistryHandle,
    calls: CallReader,
}

impl CallersView {
    /// Shows operators more, who are told by `calls`.
    pub fn new(registry: RegistryHandle, calls: CallReader) -> Self {
        Self { registry, calls }
    }
}

impl ClusterView for CallersView {
    async fn status(&self, request: &Request<ClusterRequest>) -> Result<ClusterStatus, Status> {
        let is_operator = self.calls.is_from_operator(request);
        self.registry.status(if is_operator { View::Operator } else { View::Public }).await
    }
}
