//! Tiny SNS: a small social network that stays up and loses nothing while its machines die.
//!
//! `ARCHITECTURE.md` is the map; every folder's `mod.rs` is the map of that folder.

pub mod cli;
pub mod domain;
pub mod healthcheck;
pub mod host;
pub mod logging;
mod placeholder;
pub mod runtime;
pub mod settings;
pub mod slave;
pub mod slot;
pub mod wire;

pub use placeholder::{master, router, status, terminal};
