//! Moments on the wall clock.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// A moment, in milliseconds since the Unix epoch; how long something takes is not one of these.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(i64);

impl UnixMillis {
    /// 1970-01-01 00:00:00 UTC.
    pub const EPOCH: Self = Self(0);
    /// The earliest moment.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest moment.
    pub const MAX: Self = Self(i64::MAX);

    /// The moment `ms` milliseconds after the epoch.
    pub const fn new(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the epoch.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// `ms` milliseconds later, or earlier if that is negative.
    #[must_use]
    pub const fn saturating_add_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// So much later.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        self.saturating_add_ms(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
    }

    /// So much earlier.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How many milliseconds after `earlier` this is; negative if it is before.
    pub const fn saturating_ms_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for UnixMillis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl fmt::Debug for UnixMillis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_stop_at_the_ends_of_their_range() {
        let hour = Duration::from_hours(1);
        assert_eq!(UnixMillis::EPOCH.saturating_add(hour), UnixMillis::new(3_600_000));
        assert_eq!(UnixMillis::MAX.saturating_add(hour), UnixMillis::MAX);
        assert_eq!(UnixMillis::EPOCH.saturating_add(Duration::MAX), UnixMillis::MAX);
        assert_eq!(UnixMillis::MIN.saturating_add_ms(-1), UnixMillis::MIN);
        assert_eq!(UnixMillis::MAX.saturating_ms_since(UnixMillis::MIN), i64::MAX);
        assert_eq!(UnixMillis::MIN.saturating_ms_since(UnixMillis::MAX), i64::MIN);
    }

    #[test]
    fn a_moment_is_written_as_its_number() {
        let moment = UnixMillis::new(-12);
        assert_eq!(format!("{moment} {moment:?} {moment:>5}"), "-12 -12   -12");
        assert_eq!(serde_json::to_string(&moment).expect("a number"), "-12");
    }
}
