//! Why the log cannot be read or written, without naming the engine that says so.

use std::path::Path;

use crate::host::database_fault::DatabaseFault;

/// The log cannot be read or written.
///
/// In the engine's own words; [`fault`](Self::fault) says what it means.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct LogError(redb::Error);

impl LogError {
    /// What is wrong, and so what a person can do about it.
    pub fn fault(&self) -> DatabaseFault {
        DatabaseFault::of(&self.0)
    }
}

/// From everything that the engine, a file or an envelope refuses.
impl<E: Into<redb::Error>> From<E> for LogError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// The log's file could not be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the log {path}: {source}; {}", .fault.log_remedy())]
pub struct OpenError {
    path: String,
    source: LogError,
    /// What is wrong with it.
    pub fault: DatabaseFault,
}

impl OpenError {
    /// What `source` means for the log at `path`.
    pub fn new(path: &Path, source: LogError) -> Self {
        let fault = source.fault();
        Self { path: path.display().to_string(), source, fault }
    }
}
