//! The generated wire types and services of `proto/`. They are parsed once, where they enter the
//! program, and used no further.

#![allow(missing_docs, reason = "generated; the documentation is in proto/")]
#![allow(clippy::all, clippy::pedantic, reason = "generated")]

/// The public API: `tinysns.v1`.
pub mod v1 {
    tonic::include_proto!("tinysns.v1");
}

/// Between the nodes of one cluster: `tinysns.internal.v1`.
pub mod internal {
    tonic::include_proto!("tinysns.internal.v1");
}

/// The classic protocol: `csce662`, which `csce438` equals.
pub mod classic {
    tonic::include_proto!("csce662");
}

/// The encoded descriptors of the public API and of the classic protocol, for gRPC reflection.
pub const PUBLIC_DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/public.bin"));

/// Metadata key of the name by which a call is found in the logs of all processes through which it goes:
/// the one that proxies use.
pub const CALL_ID_KEY: &str = "x-request-id";
/// What a program should do about a refusal: the metadata key whose values are `here`, `elsewhere`
/// and `never`.
pub const RETRY_KEY: &str = "tinysns-retry";
/// Metadata key of how many milliseconds to wait before a repetition, beside `here`: gRPC's own name.
pub const PUSHBACK_KEY: &str = "grpc-retry-pushback-ms";
/// Metadata key that names the available server, host:port, beside `elsewhere`.
pub const AVAILABLE_KEY: &str = "tinysns-available";
/// Metadata key that says, if it is `revoked`, that the session was ended by its owner, who does not want the client
/// to begin another by itself.
pub const SESSION_KEY: &str = "tinysns-session";
/// Metadata key that tells refusals apart that have the same gRPC code: `outside-scope`, `unknown-app`, `bad-grant` and
/// `user-needed`.
pub const REASON_KEY: &str = "tinysns-reason";
/// Metadata key by which a caller who reaches only this node asks it, with `yes`, to take the call to the available
/// server if it is another: instead of naming that, as a server does otherwise. The router always does.
pub const RELAY_KEY: &str = "tinysns-relay";
