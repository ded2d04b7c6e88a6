//! The terms of this system as types: every id and name is checked once, in its constructor.
//!
//! Pure: no clock, no randomness, no I/O. If something that people type is invalid, the error says
//! why in words for people.

mod certification;
mod ids;
mod log_position;
mod post;
mod request;
mod time;
mod username;

pub use certification::{
    AcmeAccount, AcmeChallenge, Certification, CertificationStep, DomainCertificate, PrivateText,
};
pub use ids::{ClusterId, ClusterIdError, NodeId, UserId};
pub use log_position::LogPosition;
pub use post::{Post, PostId, PostText, TextError};
pub use request::{ClientId, KeyError, OpaqueKey, RequestKey};
pub use time::UnixMillis;
pub use username::{NameError, UserName};
