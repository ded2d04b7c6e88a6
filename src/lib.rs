//! Tiny SNS: a small social network that stays up and loses nothing while its machines die.
//!
//! `ARCHITECTURE.md` is the map; every folder's `mod.rs` is the map of that folder.

pub mod client;
pub mod domain;
pub mod host;
pub mod settings;
pub mod status;
pub mod terminal;
pub mod wire;
