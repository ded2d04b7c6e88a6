//! The words of this system as types: every id and name is checked once, in its constructor.
//!
//! Pure: no clock, no randomness, no I/O. What may be typed by people reports what is wrong with it
//! in words for people.

mod ids;
mod post;
mod request;
mod username;

pub use ids::{ClusterId, ClusterIdError, NodeId, UserId};
pub use post::{Post, PostId, PostText, TextError};
pub use request::{ClientId, KeyError, OpaqueKey, RequestKey};
pub use username::{NameError, UserName};

/// Milliseconds since the Unix epoch.
pub type UnixMillis = i64;
