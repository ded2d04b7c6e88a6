//! Why the state cannot be read or written, without naming the engine that says so.

use crate::host::database_fault::DatabaseFault;

/// The state cannot be read or written. After one, the change that it happened in must be
/// discarded.
///
/// In the engine's own words; [`fault`](Self::fault) says what it means.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StateError(redb::Error);

impl StateError {
    /// The contents contradict themselves.
    pub fn damaged(what: impl Into<String>) -> Self {
        Self(redb::Error::Corrupted(what.into()))
    }

    /// The error of a row's envelope.
    #[cfg(test)]
    pub fn envelope_error(&self) -> Option<&crate::envelope::Error> {
        crate::host::database_fault::envelope_error_in(&self.0)
    }

    /// What is wrong, and so what a person can do about it.
    pub fn fault(&self) -> DatabaseFault {
        DatabaseFault::of(&self.0)
    }
}

/// From everything that the engine, a file or an envelope refuses.
impl<E: Into<redb::Error>> From<E> for StateError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}
