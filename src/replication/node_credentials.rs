//! What a node sends to the others with every call: the cluster's secret and id, the version of the
//! format in which the cluster writes, the node that the call is meant for (since its address may
//! meanwhile belong to another process), and who the caller is and where to call it back.

use std::sync::{
    OnceLock,
    atomic::{AtomicU8, Ordering},
};

use parking_lot::RwLock;
use prost::Message as _;
use tonic::{
    Request,
    metadata::{Ascii, Binary, MetadataMap, MetadataValue},
};

use super::NodeInfo;
use crate::{
    domain::{ClusterId, NodeId},
    envelope::{SupportedVersions, Version},
    host::net::Security,
    node_auth::{CALLER_KEY, CLUSTER_KEY, FORMAT_KEY, NODE_KEY, NodeAuth, SECRET_KEY},
    wire::internal,
};

/// The credentials of one node.
pub struct NodeCredentials {
    secret: MetadataValue<Ascii>,
    security: Security,
    cluster: OnceLock<MetadataValue<Ascii>>,
    /// The version of the format in which the cluster writes; 0 for unknown.
    version: AtomicU8,
    caller: RwLock<Option<MetadataValue<Binary>>>,
}

/// The caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its id.
    pub node: NodeId,
    /// Distinguishes the processes of one node.
    pub process: u64,
    /// Where it can be called back; absent for a witness.
    pub info: Option<NodeInfo>,
}

impl NodeCredentials {
    /// For a node that does not belong to a cluster yet.
    pub fn new(auth: &NodeAuth) -> Self {
        Self {
            secret: auth.metadata(),
            security: auth.to_node(),
            cluster: OnceLock::new(),
            version: AtomicU8::new(0),
            caller: RwLock::default(),
        }
    }

    /// How the node's connections to the others are protected.
    pub fn security(&self) -> &Security {
        &self.security
    }

    /// From now on the node belongs to `cluster`, for good.
    pub fn join(&self, cluster: ClusterId) {
        self.cluster
            .get_or_init(|| cluster.to_string().parse().expect("hexadecimal digits are ASCII"));
    }

    /// The cluster writes in `version` of the format.
    pub fn set_version(&self, version: Version) {
        self.version.store(version.byte(), Ordering::Relaxed);
    }

    /// From now on calls name `caller` as their sender.
    pub fn set_caller(&self, caller: &Caller) {
        let value = MetadataValue::from_bytes(&caller.to_wire().encode_to_vec());
        *self.caller.write() = Some(value);
    }

    /// Whether the node belongs to a cluster: the others do not admit a node without one.
    pub fn has_cluster(&self) -> bool {
        self.cluster.get().is_some()
    }

    /// Wraps `message` in a request to `node`.
    pub fn request<T>(&self, node: NodeId, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        metadata.insert(SECRET_KEY, self.secret.clone());
        metadata.insert(NODE_KEY, node.get().into());
        if let Some(cluster) = self.cluster.get() {
            metadata.insert(CLUSTER_KEY, cluster.clone());
        }
        match self.version.load(Ordering::Relaxed) {
            0 => {}
            version => _ = metadata.insert(FORMAT_KEY, u32::from(version).into()),
        }
        let caller = self.caller.read().clone();
        if let Some(caller) = caller {
            metadata.insert_bin(CALLER_KEY, caller);
        }
        request
    }
}

impl Caller {
    /// Who made a call with this `metadata`; none if it does not say, or cannot be decoded.
    pub fn of(metadata: &MetadataMap) -> Option<Self> {
        let bytes = metadata.get_bin(CALLER_KEY)?.to_bytes().ok()?;
        let internal::Caller { node_id, process, address } =
            internal::Caller::decode(bytes).ok()?;
        let info = address.map(|wire| from_wire(wire).1);
        Some(Self { node: NodeId::new(node_id), process, info })
    }

    /// In wire form.
    pub(crate) fn to_wire(&self) -> internal::Caller {
        internal::Caller {
            node_id: self.node.get(),
            process: self.process,
            address: self.info.as_ref().map(|info| to_wire(self.node, info)),
        }
    }
}

/// The addresses of `node`, a master, in wire form.
pub fn to_wire(node: NodeId, info: &NodeInfo) -> internal::MasterAddress {
    internal::MasterAddress {
        node_id: node.get(),
        name: info.name.clone(),
        client_address: info.client_address.clone(),
        peer_address: info.peer_address.clone(),
        address_version: info.address_version,
        oldest_format: info.supported_versions.oldest.into(),
        newest_format: info.supported_versions.newest.into(),
    }
}

/// The addresses of a master, from wire form.
pub fn from_wire(wire: internal::MasterAddress) -> (NodeId, NodeInfo) {
    let info = NodeInfo {
        name: wire.name,
        peer_address: wire.peer_address,
        client_address: wire.client_address,
        witness: false,
        supported_versions: SupportedVersions::from_wire(wire.oldest_format, wire.newest_format)
            .unwrap_or_default(),
        address_version: wire.address_version,
    };
    (NodeId::new(wire.node_id), info)
}
