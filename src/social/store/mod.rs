//! The state behind its door: the one place that knows the engine.
//!
//! - `error`: why the state cannot be read or written

mod error;

pub use error::StateError;
