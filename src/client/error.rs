//! The errors that a caller can get. Failures that go away by asking another server or by waiting
//! do not get this far.

use std::time::Duration;

use tonic::Code;

/// Why a call was refused or not answered.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// A server has refused; repeating the call would not change that.
    #[error("{message}")]
    Refused {
        /// What kind of refusal.
        code: Code,
        /// For people.
        message: String,
    },
    /// No server has answered within the client's patience. A change may have been made or not.
    #[error("no server has answered within {}: {reason}", humantime::format_duration(*.call_timeout))]
    Unanswered {
        /// How long the call was repeated.
        call_timeout: Duration,
        /// What went wrong last.
        reason: String,
    },
    /// The call needs a session, and nobody has logged in.
    #[error("log in first")]
    NotLoggedIn,
    /// The router cannot be reached.
    #[error("the router at {address} cannot be reached: {reason}")]
    Router {
        /// host:port.
        address: String,
        /// What went wrong.
        reason: String,
    },
    /// Not the address of a router.
    #[error("{address:?} is not an address; use host:port, such as localhost:3010")]
    Address {
        /// What was given.
        address: String,
    },
}
