//! Database files.

use std::path::Path;

use redb::{Builder, Database, DatabaseError};

/// redb's page cache for one file, in bytes. Its own default is 1 GiB a file; a master keeps two
/// files and is to stay below 40 MiB resident when idle.
const CACHE_BYTES: usize = 8 << 20;

/// Opens the database at `path`, making it where there is none, and repairs it after a crash.
pub fn open(path: &Path) -> Result<Database, DatabaseError> {
    Builder::new().set_cache_size(CACHE_BYTES).create(path)
}

/// A database in memory, for tests.
pub fn in_memory() -> Result<Database, DatabaseError> {
    Builder::new()
        .set_cache_size(CACHE_BYTES)
        .create_with_backend(redb::backends::InMemoryBackend::new())
}
