//! What the nodes of one cluster prove to each other: with every connection a certificate, and with
//! every call the secret, and the cluster and node that the call is meant for.

use std::sync::Arc;

use rustls::ServerConfig;
use tonic::{
    Request, Status,
    codegen::http::HeaderMap,
    metadata::{AsciiMetadataValue, MetadataMap},
};

use crate::{
    host::net::Security,
    settings::{NodeEncryption, NodeSecurity, Secret},
    tls::{NodeTls, Protection, TlsError},
};

/// Metadata key of the cluster's secret.
pub const SECRET_KEY: &str = "tinysns-secret";
/// Metadata key of the caller's cluster id; absent if the caller belongs to none.
pub const CLUSTER_KEY: &str = "tinysns-cluster";
/// Metadata key of the version of the format in which the caller's cluster writes; absent where the
/// caller does not know.
pub const FORMAT_KEY: &str = "tinysns-format";
/// Metadata key of the id of the node that the call is meant for.
pub const NODE_KEY: &str = "tinysns-node";
/// Metadata key of the address at which a call began that a node relays.
pub const ORIGIN_KEY: &str = "tinysns-origin";
/// Metadata key of a call by an operator: where a node relays it, that it has proved to be one.
pub const OPERATOR_KEY: &str = "tinysns-operator";
/// Metadata key of who calls and where it listens, as a `Caller` of the peer protocol.
pub const CALLER_KEY: &str = "tinysns-caller-bin";

/// What this process proves to the nodes of its cluster, and what they have to prove; clones share it.
#[derive(Clone)]
pub struct NodeAuth {
    secret: Secret,
    tls: Option<Arc<NodeTls>>,
    takes_clear: bool,
}

impl NodeAuth {
    /// For a master, or for an operator.
    pub fn new(secret: Secret, security: &NodeSecurity) -> Result<Self, TlsError> {
        Self::of(secret, security, false)
    }

    /// For the router, which proves that it is the router.
    pub fn of_router(secret: Secret, security: &NodeSecurity) -> Result<Self, TlsError> {
        Self::of(secret, security, true)
    }

    fn of(
        secret: Secret,
        NodeSecurity { encryption, files }: &NodeSecurity,
        is_router: bool,
    ) -> Result<Self, TlsError> {
        let tls = || match files {
            Some(files) => NodeTls::of_files(files),
            None => NodeTls::of_secrets(secret.accepted(), is_router),
        };
        let tls = match encryption {
            NodeEncryption::On => Some(tls()?),
            NodeEncryption::Optional => Some(tls()?.in_transition()),
            NodeEncryption::Off => None,
        };
        let takes_clear = *encryption != NodeEncryption::On;
        Ok(Self { secret, tls: tls.map(Arc::new), takes_clear })
    }

    /// For nodes that do not encrypt what they tell each other.
    pub fn in_clear(secret: Secret) -> Self {
        Self { secret, tls: None, takes_clear: true }
    }

    /// How another node is called.
    pub fn to_node(&self) -> Security {
        self.tls.as_ref().map(|tls| tls.to_node()).unwrap_or_default()
    }

    /// How the router is called.
    pub fn to_router(&self) -> Security {
        self.tls.as_ref().map(|tls| tls.to_router()).unwrap_or_default()
    }

    /// How other nodes call this one, if they encrypt that.
    pub fn called(&self) -> Option<Arc<ServerConfig>> {
        self.tls.as_ref().map(|tls| tls.called())
    }

    /// Whether other nodes may also call in clear.
    pub fn takes_clear(&self) -> bool {
        self.takes_clear
    }

    /// The cluster's secret as calls carry it, marked so that it is not logged with them.
    pub fn metadata(&self) -> AsciiMetadataValue {
        let mut value: AsciiMetadataValue =
            self.secret.expose().parse().expect("the settings admit visible ASCII only");
        value.set_sensitive(true);
        value
    }

    /// Whether a call with these headers, over a connection that is protected like this, comes from a
    /// node of this cluster, or from an operator. The secret proves nothing where others may have read
    /// it.
    pub fn is_node(&self, headers: &HeaderMap, protection: Protection) -> bool {
        let secret = headers.get(SECRET_KEY);
        self.believes(protection)
            && secret.is_some_and(|secret| self.secret.matches(secret.as_bytes()))
    }

    fn believes(&self, protection: Protection) -> bool {
        match protection {
            Protection::Node => true,
            Protection::InClear => self.takes_clear,
            Protection::Encrypted => false,
        }
    }
}

/// How the connection of a call is protected.
pub fn protection_of<T>(request: &Request<T>) -> Protection {
    request.extensions().get().copied().unwrap_or(Protection::InClear)
}

/// Refuses calls of those who are no nodes of the cluster; for `with_interceptor`.
#[derive(Clone)]
pub struct NodeInterceptor(pub NodeAuth);

impl tonic::service::Interceptor for NodeInterceptor {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let protection = protection_of(&request);
        let headers = request.metadata().as_ref();
        let why = if self.0.is_node(headers, protection) {
            return Ok(request);
        } else if headers.get(SECRET_KEY).is_none() {
            "this port is for the cluster's own nodes, which present the cluster's secret"
        } else if !self.0.believes(protection) {
            "the nodes of this cluster encrypt what they tell each other (`node_encryption`)"
        } else {
            "the cluster's secret is wrong: all nodes of a cluster need the same one"
        };
        Err(Status::unauthenticated(why))
    }
}

/// Reads a metadata value that is text.
pub fn metadata_text<'a>(metadata: &'a MetadataMap, key: &str) -> Option<&'a str> {
    metadata.get(key).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_that_the_settings_admit_can_be_presented() {
        let all: String = ('!'..='~').chain(['a', ' ', 'b']).collect();
        let secret = Secret::new(&all);
        let auth = NodeAuth::in_clear(secret.clone());
        assert!(secret.matches(auth.metadata().as_encoded_bytes()));
    }
}
