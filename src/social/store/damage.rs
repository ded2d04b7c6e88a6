//! Whether something of a state was found damaged while it was read or changed.

use tokio::sync::watch;

use super::StateError;
use crate::host::database_fault::DatabaseFault;

/// Whether something of a state was found damaged; clones share it. What is damaged stays so, and
/// may be more than was seen: the file must be replaced.
#[derive(Clone, Default)]
pub struct Damage {
    found: watch::Sender<bool>,
}

impl Damage {
    /// Notes what it means that `error` came of reading or changing the state.
    pub fn note(&self, error: &StateError) {
        if error.fault() == DatabaseFault::Damaged && !self.found.send_replace(true) {
            tracing::error!(%error, "the state is damaged");
        }
    }

    /// Returns when damage is found.
    pub async fn found(&self) {
        let mut found = self.found.subscribe();
        found.wait_for(|found| *found).await.expect("its sender is here");
    }
}
