//! The wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::domain::UnixMillis;

/// The time of day, in milliseconds since the Unix epoch. It may jump, even backwards: use it only
/// for times that people read, never to measure how long something takes.
pub fn now() -> UnixMillis {
    #[cfg(feature = "laboratory")]
    if super::simulated::Machine::current().is_some() {
        let since_epoch = std::time::Duration::from_nanos(super::simulated::clock::wall());
        return UnixMillis::EPOCH.saturating_add(since_epoch);
    }
    #[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis::EPOCH.saturating_add(since_epoch)
}
