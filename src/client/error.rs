//! What a caller can be told. Failures that another server or a little patience mends do not get
//! this far.

use std::time::Duration;

use tonic::Code;

/// Why a call has no answer, or a refusal for one.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// A server has answered no; repeating the call would not change that.
    #[error("{message}")]
    Refused {
        /// What kind of refusal.
        code: Code,
        /// For people.
        message: String,
    },
    /// No server has answered within the client's patience. A change may have been made or not.
    #[error("no server has answered within {}: {reason}", humantime::format_duration(*.patience))]
    Unanswered {
        /// How long the call was repeated.
        patience: Duration,
        /// What went wrong last.
        reason: String,
    },
    /// The call needs a session, and nobody has logged in.
    #[error("log in first")]
    NotLoggedIn,
    /// The router cannot be asked.
    #[error("the router at {address} cannot be reached: {reason}")]
    Router {
        /// host:port.
        address: String,
        /// What went wrong.
        reason: String,
    },
    /// Not the address of a router.
    #[error("{address:?} is not an address: host:port is wanted, like localhost:3010")]
    Address {
        /// What was given.
        address: String,
    },
}
