//! Tiny SNS: a small social network that keeps running, and loses nothing, when its machines fail.
//!
//! `ARCHITECTURE.md` is the map of the code; every folder's `mod.rs` is the map of that folder.

// Rust's own macros panic if the output is full or has no reader: see `host::stdio`. Not among
// the lints in `Cargo.toml`, which also apply to tests and benchmarks.
#![cfg_attr(not(test), warn(clippy::print_stdout, clippy::print_stderr))]
// Only `host` starts tasks and threads, changes directories and reads the clock; and nothing has an
// order that differs between two processes. The lists are in `clippy.toml`.
#![cfg_attr(not(test), warn(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod acme;
pub mod admin;
pub mod ansi;
pub mod backoff;
pub mod backup;
pub mod bench;
pub mod certs;
pub mod check;
#[expect(clippy::disallowed_methods, reason = "a stream's task ends with the stream")]
pub mod classic;
pub mod cli;
pub mod client;
pub mod compact;
pub mod control;
#[cfg(feature = "laboratory")]
pub mod decoders;
pub mod directory;
pub mod documents;
pub mod domain;
pub mod envelope;
pub mod grpc;
pub mod healthcheck;
pub mod host;
pub mod http;
pub mod imaging;
pub mod log_change;
pub mod log_in;
pub mod logging;
pub mod master;
pub mod metrics;
pub mod monitoring;
pub mod network;
pub mod node_auth;
pub mod object_storage;
pub mod operator;
pub mod overview;
pub mod planted;
pub mod portability;
pub mod progress;
pub mod recover;
pub mod reflection;
pub mod replication;
pub mod restore;
pub mod router;
pub mod runtime;
pub(crate) mod sanitise;
pub mod serving;
pub mod settings;
pub mod slave;
pub mod slot;
pub mod social;
pub mod status;
pub mod terminal;
pub mod tls;
pub mod transfer;
pub mod wire;
