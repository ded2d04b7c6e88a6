//! How often somebody may do something: a [`Rate`] is the rule, a [`Bucket`] what one of those to whom
//! it applies has used of it. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// So many at once, and one more each time that so long has passed.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// How many at once.
    pub burst: u32,
    /// How long until one is made up for.
    pub every: Duration,
}

/// A token bucket as one moment (the *generic cell rate algorithm*). One that is made up for is as
/// good as new, and can be forgotten.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    /// When everything that was taken is made up for.
    made_up_at: Instant,
}

impl Bucket {
    /// Nothing was taken yet.
    pub fn new(now: Instant) -> Self {
        Self { made_up_at: now }
    }

    /// How long until one may be taken; zero if it may be now.
    pub fn wait(&self, rate: Rate, now: Instant) -> Duration {
        let owed = self.made_up_at.saturating_duration_since(now);
        (owed + rate.every).saturating_sub(rate.every * rate.burst)
    }

    /// Takes one, whether or not it may be.
    pub fn take(&mut self, rate: Rate, now: Instant) {
        self.made_up_at = self.made_up_at.max(now) + rate.every;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, every: Duration::from_secs(10) };

    #[test]
    fn a_burst_may_be_taken_at_once_and_one_more_each_time() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut bucket = Bucket::new(start);
        for _ in 0..3 {
            assert_eq!(bucket.wait(RATE, start), Duration::ZERO);
            bucket.take(RATE, start);
        }
        assert_eq!(bucket.wait(RATE, start), Duration::from_secs(10));
        assert_eq!(bucket.wait(RATE, after(4)), Duration::from_secs(6));
        assert_eq!(bucket.wait(RATE, after(10)), Duration::ZERO);
        bucket.take(RATE, after(10));
        assert_eq!(bucket.wait(RATE, after(10)), Duration::from_secs(10));
        assert_eq!(bucket.wait(RATE, after(20)), Duration::ZERO);
    }

    #[test]
    fn time_without_taking_makes_up_for_what_was_taken_and_no_more() {
        let start = Instant::now();
        let much_later = start + Duration::from_hours(1);
        let mut bucket = Bucket::new(start);
        bucket.take(RATE, start);
        for _ in 0..3 {
            assert_eq!(bucket.wait(RATE, much_later), Duration::ZERO);
            bucket.take(RATE, much_later);
        }
        assert_ne!(bucket.wait(RATE, much_later), Duration::ZERO);
    }
}
