//! Why the state cannot be read or written, without naming the engine that says so.

use std::io::{self, ErrorKind};

use crate::{envelope, host::database_fault::DatabaseFault};

/// The state cannot be read or written. After one, the change that it happened in must be
/// discarded.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StateError(Cause);

#[derive(Debug, thiserror::Error)]
enum Cause {
    /// The contents contradict themselves.
    #[error("the state contradicts itself: {0}")]
    Contradiction(String),
    #[error(transparent)]
    Envelope(envelope::Error),
    /// In the engine's own words; [`StateError::fault`] says what it means.
    #[error("{0}")]
    Engine(lsm_tree::Error),
    #[error(transparent)]
    Files(io::Error),
}

impl StateError {
    /// The contents contradict themselves.
    pub fn damaged(what: impl Into<String>) -> Self {
        Self(Cause::Contradiction(what.into()))
    }

    /// The error of a row's envelope.
    #[cfg(test)]
    pub fn envelope_error(&self) -> Option<&envelope::Error> {
        match &self.0 {
            Cause::Envelope(error) => Some(error),
            Cause::Contradiction(_) | Cause::Engine(_) | Cause::Files(_) => None,
        }
    }

    /// What is wrong, and so what a person can do about it.
    pub fn fault(&self) -> DatabaseFault {
        match &self.0 {
            Cause::Envelope(error) if error.is_another_version() => DatabaseFault::OtherVersion,
            Cause::Engine(lsm_tree::Error::InvalidVersion(_)) => DatabaseFault::OtherVersion,
            Cause::Engine(lsm_tree::Error::Io(error)) if !is_of_contents(error) => {
                DatabaseFault::of_io(error)
            }
            Cause::Files(error) => DatabaseFault::of_io(error),
            // What else the engine says is about what it has read.
            Cause::Contradiction(_) | Cause::Envelope(_) | Cause::Engine(_) => {
                DatabaseFault::Damaged
            }
        }
    }
}

/// Whether the engine, and not the disk, has caused an error: by looking where its files say.
fn is_of_contents(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput)
}

impl From<envelope::Error> for StateError {
    fn from(error: envelope::Error) -> Self {
        Self(Cause::Envelope(error))
    }
}

impl From<lsm_tree::Error> for StateError {
    fn from(error: lsm_tree::Error) -> Self {
        Self(Cause::Engine(error))
    }
}

impl From<io::Error> for StateError {
    fn from(error: io::Error) -> Self {
        Self(Cause::Files(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_wrongly_is_damage_and_a_failing_disk_is_not() {
        let io = |kind: ErrorKind| io::Error::from(kind);
        for (error, fault) in [
            (StateError::damaged("twice"), DatabaseFault::Damaged),
            (lsm_tree::Error::Unrecoverable.into(), DatabaseFault::Damaged),
            (lsm_tree::Error::InvalidTrailer.into(), DatabaseFault::Damaged),
            (lsm_tree::Error::Io(io(ErrorKind::NotFound)).into(), DatabaseFault::Damaged),
            (lsm_tree::Error::Io(io(ErrorKind::UnexpectedEof)).into(), DatabaseFault::Damaged),
            (lsm_tree::Error::Io(io(ErrorKind::StorageFull)).into(), DatabaseFault::Full),
            (lsm_tree::Error::InvalidVersion(9).into(), DatabaseFault::OtherVersion),
            (io(ErrorKind::PermissionDenied).into(), DatabaseFault::Denied),
            (io::Error::from_raw_os_error(5).into(), DatabaseFault::Failing),
        ] {
            assert_eq!(error.fault(), fault, "{error}");
        }
    }
}
