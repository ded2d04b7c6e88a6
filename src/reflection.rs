//! gRPC reflection of the public API.

use tonic_reflection::server::{
    Builder,
    v1::{ServerReflection, ServerReflectionServer},
};

use crate::wire::DESCRIPTORS;

/// The reflection service, for tools like grpcurl.
pub fn service() -> ServerReflectionServer<impl ServerReflection> {
    Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .build_v1()
        .expect("the descriptors were compiled with the program")
}
