//! Which time a leader uses: that of its own clock, unless the other nodes' clocks show that it is
//! wrong.
//!
//! Every answer of another node includes that node's time. A leader was elected by a majority, and
//! so knows the clocks of a majority before it stamps its first command. It stamps its own time,
//! kept within [`MAX_SKEW_MS`] of the median. If two clocks disagree, the earlier one counts: time
//! that is behind catches up, but time that has run ahead stays ahead for good.
//!
//! Pure. The order of posts does not depend on any of this: the state's time never runs backwards.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::domain::UnixMillis;

/// Returns the time that commands are stamped with and by which sessions expire.
pub type Clock = Arc<dyn Fn() -> UnixMillis + Send + Sync>;

/// More than clocks in practice differ, plus the time an answer takes; too little to be noticed in
/// the time of a post.
pub const MAX_SKEW_MS: i64 = 5_000;
/// An answer that took longer does not show the current time: this process, or the network, stood
/// still.
const MAX_ROUND_TRIP: Duration = Duration::from_secs(1);
/// How long a node's clock counts as known after its last answer: as long as the node stays a
/// member while away.
const READING_VALID_FOR: Duration = Duration::from_mins(10);

/// Another node's clock, when it was last read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    /// The time it showed.
    pub time: UnixMillis,
    /// When it was read.
    pub at: Instant,
}

impl ClockReading {
    /// From an answer at `at` to a question at `asked`; none if that took too long.
    pub fn of(time: UnixMillis, asked: Instant, at: Instant) -> Option<Self> {
        (at.saturating_duration_since(asked) <= MAX_ROUND_TRIP).then_some(Self { time, at })
    }

    /// The time it shows now; none if that is not known any more.
    pub fn now(self, now: Instant) -> Option<UnixMillis> {
        let since = now.saturating_duration_since(self.at);
        (since < READING_VALID_FOR).then(|| self.time.saturating_add(since))
    }
}

/// The median clock, or the earlier of two in the middle; none if there are none.
///
/// What clocks show, or by how much they are ahead of the same clock.
pub fn median<Reading: Copy + Ord>(mut clocks: Vec<Reading>) -> Option<Reading> {
    clocks.sort_unstable();
    clocks.get(clocks.len().checked_sub(1)? / 2).copied()
}

/// The time to use, given that this node's clock shows `own`.
pub fn cluster_time(own: UnixMillis, others: impl IntoIterator<Item = UnixMillis>) -> UnixMillis {
    let clocks = others.into_iter().chain([own]).collect();
    let median = median(clocks).expect("this node has a clock");
    own.clamp(median.saturating_add_ms(-MAX_SKEW_MS), median.saturating_add_ms(MAX_SKEW_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: i64 = 365 * 24 * 60 * 60 * 1_000;

    #[test]
    fn a_clock_is_kept_within_the_bound_of_the_median() {
        for (own, others, agreed_on) in [
            // Alone, there is nothing to compare with.
            (YEAR, &[][..], YEAR),
            // In agreement, or nearly.
            (1_000, &[0, 2_000], 1_000),
            (5_000, &[0, 0], 5_000),
            (5_001, &[0, 0], 5_000),
            (-9_000, &[0, 0], -5_000),
            // Years ahead, or behind.
            (YEAR, &[7, 9], 9 + MAX_SKEW_MS),
            (-YEAR, &[7, 9], 7 - MAX_SKEW_MS),
            // Wrong clocks of others change nothing.
            (0, &[YEAR, 3], 0),
            (0, &[-YEAR, -3], 0),
            (0, &[-YEAR, YEAR, 4, -4], 0),
            // Of two clocks, the earlier one.
            (YEAR, &[0], MAX_SKEW_MS),
            (0, &[YEAR], 0),
            // At the ends of their range.
            (i64::MAX, &[i64::MIN, i64::MIN], i64::MIN + MAX_SKEW_MS),
            (i64::MIN, &[i64::MAX, i64::MAX], i64::MAX - MAX_SKEW_MS),
        ] {
            let time =
                cluster_time(UnixMillis::new(own), others.iter().copied().map(UnixMillis::new));
            assert_eq!(time, UnixMillis::new(agreed_on), "{own} among {others:?}");
        }
    }

    #[test]
    fn a_clock_that_was_heard_of_goes_on_for_a_while() {
        let at = Instant::now();
        let reading = ClockReading::of(UnixMillis::new(100), at, at).expect("answered at once");
        for (passed_s, now) in [(0, Some(100)), (60, Some(60_100)), (600, None)] {
            let shown = reading.now(at + Duration::from_secs(passed_s));
            assert_eq!(shown, now.map(UnixMillis::new), "after {passed_s} s");
        }
    }
    #[test]
    fn an_answer_that_took_long_tells_no_time() {
        let asked = Instant::now();
        for (took_ms, tells) in [(0, true), (1_000, true), (1_001, false)] {
            let at = asked + Duration::from_millis(took_ms);
            assert_eq!(
                ClockReading::of(UnixMillis::EPOCH, asked, at).is_some(),
                tells,
                "after {took_ms} ms"
            );
        }
    }
}
