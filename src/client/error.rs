//! The errors that a caller can get. Failures that go away by asking another server or by waiting
//! do not get this far.

use crate::{
    domain::NameError,
    network::{Refusal, RefusalKind},
};

/// Why a call was refused or not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// A server has refused; repeating the call would not change that.
    #[error(transparent)]
    Refused(Refusal),
    /// No server has answered within the client's patience. A change may have been made or not.
    #[error("{message}")]
    Unanswered {
        /// How long the call was repeated, and what went wrong last.
        message: String,
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

impl ClientError {
    /// The kind of refusal, if a server has refused.
    pub fn refusal_kind(&self) -> Option<&RefusalKind> {
        match self {
            Self::Refused(refusal) => Some(&refusal.kind),
            _ => None,
        }
    }
}

impl From<Refusal> for ClientError {
    fn from(refusal: Refusal) -> Self {
        match refusal.kind {
            RefusalKind::Unanswered => Self::Unanswered { message: refusal.message.into_owned() },
            _ => Self::Refused(refusal),
        }
    }
}

impl From<NameError> for ClientError {
    fn from(error: NameError) -> Self {
        Self::Refused(error.into())
    }
}
