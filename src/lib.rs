//! Tiny SNS: a small social network that stays up and loses nothing while its machines die.
//!
//! `ARCHITECTURE.md` is the map; every folder's `mod.rs` is the map of that folder.

// Rust's own macros panic where the output is full or nobody reads it: see `host::streams`. Not among
// the lints of `Cargo.toml`, which hold for tests and benchmarks too.
#![cfg_attr(not(test), warn(clippy::print_stdout, clippy::print_stderr))]

pub mod ansi;
pub mod classic;
pub mod cli;
pub mod client;
pub mod credentials;
pub mod directory;
pub mod documents;
pub mod domain;
pub mod envelope;
pub mod healthcheck;
pub mod host;
pub mod logging;
pub mod master;
pub mod overview;
pub mod reflection;
pub mod replication;
pub mod router;
pub mod runtime;
pub mod serving;
pub mod settings;
pub mod slave;
pub mod slot;
pub mod social;
pub mod status;
pub mod terminal;
pub mod wire;
