//! What a node shows to the others with every call: the cluster's secret, the cluster's id, in
//! which version of the format that writes, and which node it means, for an address may have passed to another process since.

use std::sync::{
    OnceLock,
    atomic::{AtomicU8, Ordering},
};

use tonic::{
    Request,
    metadata::{Ascii, MetadataValue},
};

use crate::{
    credentials::{CLUSTER_KEY, FORMAT_KEY, NODE_KEY, SECRET_KEY, presented},
    domain::{ClusterId, NodeId},
    envelope::Version,
    settings::Secret,
};

/// One node's.
pub struct Passport {
    secret: MetadataValue<Ascii>,
    cluster: OnceLock<MetadataValue<Ascii>>,
    /// The version of the format in which the cluster writes; 0 for unknown.
    version: AtomicU8,
}

impl Passport {
    /// Of a node that belongs to no cluster yet.
    pub fn new(secret: &Secret) -> Self {
        Self { secret: presented(secret), cluster: OnceLock::new(), version: AtomicU8::new(0) }
    }

    /// From now on the node belongs to `cluster`; it never belongs to another.
    pub fn join(&self, cluster: ClusterId) {
        self.cluster
            .get_or_init(|| cluster.to_string().parse().expect("hexadecimal digits are ASCII"));
    }

    /// The cluster writes in `version` of the format.
    pub fn set_version(&self, version: Version) {
        self.version.store(version.byte(), Ordering::Relaxed);
    }

    /// Whether the node belongs to a cluster: the others admit no stranger.
    pub fn is_complete(&self) -> bool {
        self.cluster.get().is_some()
    }

    /// `message` for `node`.
    pub fn request<T>(&self, node: NodeId, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        metadata.insert(SECRET_KEY, self.secret.clone());
        metadata.insert(NODE_KEY, node.into());
        if let Some(cluster) = self.cluster.get() {
            metadata.insert(CLUSTER_KEY, cluster.clone());
        }
        match self.version.load(Ordering::Relaxed) {
            0 => {}
            version => _ = metadata.insert(FORMAT_KEY, u32::from(version).into()),
        }
        request
    }
}
