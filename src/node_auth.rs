//! What the nodes of one cluster prove to each other on every call: the secret, and the cluster and
//! node that the call is meant for.

use tonic::{
    Request, Status,
    metadata::{AsciiMetadataValue, MetadataMap},
};

use crate::settings::Secret;

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
/// Metadata key of who calls and where it listens, as a `Caller` of the peer protocol.
pub const CALLER_KEY: &str = "tinysns-caller-bin";

/// The cluster's secret as calls carry it, marked so that it is not logged with them.
pub fn secret_metadata(secret: &Secret) -> AsciiMetadataValue {
    let mut value: AsciiMetadataValue =
        secret.expose().parse().expect("the settings admit visible ASCII only");
    value.set_sensitive(true);
    value
}

/// Refuses calls without the cluster's secret; for `with_interceptor`.
#[derive(Clone)]
pub struct SecretInterceptor(pub Secret);

impl tonic::service::Interceptor for SecretInterceptor {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        match request.metadata().get(SECRET_KEY) {
            Some(secret) if self.0.matches(secret.as_bytes()) => Ok(request),
            Some(_) => Err(Status::unauthenticated(
                "the cluster's secret is wrong: all nodes of a cluster need the same one",
            )),
            None => Err(Status::unauthenticated(
                "this port is for the cluster's own nodes, which present the cluster's secret",
            )),
        }
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
        let all: String = (' '..='~').collect();
        let secret = Secret::new(&all);
        assert!(secret.matches(secret_metadata(&secret).as_encoded_bytes()));
    }
}
