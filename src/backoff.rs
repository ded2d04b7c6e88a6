//! How long to pause before trying again. Pure: randomness is passed in as a number.

use std::time::Duration;

/// Pauses that double from `first` to `longest`.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// Pauses that begin with `first` and do not exceed `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// The pause after the `failures`-th failure in a row, between half of the nominal pause and
    /// all of it: `random` spreads out those that failed together.
    pub fn pause(self, failures: u32, random: u64) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        let whole = self.first.saturating_mul(1 << doublings).min(self.longest);
        let half = whole / 2;
        let spread = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX).max(1);
        half + Duration::from_nanos(random % spread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(1));

    #[test]
    fn pauses_double_up_to_the_longest() {
        for (failures, whole_ms) in
            [(0, 10), (1, 10), (2, 20), (3, 40), (7, 640), (8, 1000), (60, 1000), (u32::MAX, 1000)]
        {
            let whole = Duration::from_millis(whole_ms);
            for random in [0, 1, 12_345_678_901, u64::MAX] {
                let pause = BACKOFF.pause(failures, random);
                assert!(whole / 2 <= pause && pause < whole, "{failures} {random}: {pause:?}");
            }
        }
    }

    #[test]
    fn clients_that_failed_together_come_back_apart() {
        assert_ne!(BACKOFF.pause(5, 1), BACKOFF.pause(5, 1_000_000));
    }
}
