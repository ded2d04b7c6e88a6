//! Whether this process can accept connections.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

/// How long it counts after a connection could not be accepted: whoever leads hands over, and is not
/// asked back at once.
const COUNTS_FOR: Duration = Duration::from_secs(10);

/// Whether connections are accepted, or descriptors or memory are lacking for that; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Acceptance(Arc<Mutex<Option<Instant>>>);

impl Acceptance {
    /// A connection could not be accepted.
    pub fn fails(&self) {
        *self.0.lock() = Some(Instant::now());
    }

    /// Whether connections could be accepted in the last seconds.
    pub fn works(&self) -> bool {
        self.0.lock().is_none_or(|failed| failed.elapsed() >= COUNTS_FOR)
    }
}
