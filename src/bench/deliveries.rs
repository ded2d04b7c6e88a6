//! When posts were begun, and how long it took until each reader had them. Pure.

use hdrhistogram::Histogram;
use tokio::time::Instant;

use super::load;

/// The posts of one round, and their deliveries.
pub struct Deliveries {
    readers: u64,
    /// The number of the first post of this round; those before it do not count any more.
    first: u32,
    /// When each post was begun, from the first one on.
    begun: Vec<Instant>,
    delivered: u64,
    latencies: Histogram<u64>,
}

impl Deliveries {
    /// To so many readers.
    pub fn to(readers: usize) -> Self {
        let (begun, latencies) = (Vec::new(), load::histogram());
        Self { readers: readers as u64, first: 0, begun, delivered: 0, latencies }
    }

    /// A post is begun now; returns its number.
    pub fn begin(&mut self, now: Instant) -> u32 {
        self.begun.push(now);
        self.next() - 1
    }

    /// A reader has the post with this number now; true if that was the last delivery that was missing.
    pub fn deliver(&mut self, number: u32, now: Instant) -> bool {
        let index = number.checked_sub(self.first).map(|index| index as usize);
        let Some(begun) = index.and_then(|index| self.begun.get(index)) else { return false };
        load::record(&mut self.latencies, now - *begun);
        self.delivered += 1;
        self.is_complete()
    }

    /// Whether all readers have all posts that were begun.
    pub fn is_complete(&self) -> bool {
        self.missing() == 0
    }

    /// Deliveries that are missing.
    pub fn missing(&self) -> u64 {
        (self.begun.len() as u64 * self.readers).saturating_sub(self.delivered)
    }

    /// Ends a round, and begins another: how many deliveries there were, and how long they took. What is
    /// missing does not count any more.
    pub fn end_round(&mut self) -> (u64, Histogram<u64>) {
        let next = Self { first: self.next(), ..Self::to(0) };
        let ended = std::mem::replace(self, Self { readers: self.readers, ..next });
        (ended.delivered, ended.latencies)
    }

    fn next(&self) -> u32 {
        self.first + u32::try_from(self.begun.len()).expect("nobody makes so many posts in a round")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_round_is_complete_once_all_readers_have_all_its_posts() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut deliveries = Deliveries::to(2);
        assert!(deliveries.is_complete());
        assert_eq!((deliveries.begin(start), deliveries.begin(after(10))), (0, 1));
        let arrivals = [(0, 4), (1, 12), (0, 8), (1, 20)];
        let complete = arrivals.map(|(number, ms)| deliveries.deliver(number, after(ms)));
        assert_eq!(complete, [false, false, false, true]);
        let (delivered, latencies) = deliveries.end_round();
        assert_eq!((delivered, latencies.min(), latencies.max()), (4, 2_000, 10_007));

        // The next round counts on, and knows nothing of what was before or is foreign.
        assert_eq!(deliveries.begin(after(30)), 2);
        assert!(!deliveries.deliver(1, after(31)) && !deliveries.deliver(3, after(31)));
        assert_eq!(deliveries.missing(), 2);
        assert!(!deliveries.deliver(2, after(31)) && deliveries.deliver(2, after(32)));
        assert_eq!(deliveries.end_round().0, 2);
    }
}
