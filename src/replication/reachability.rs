//! Whether another node can be reached, as it is logged: once when it cannot be, and once when it
//! can be again. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// A node that fails only for a moment, as in a failover, is not reported.
const REPORT_AFTER: Duration = Duration::from_secs(1);

/// What is known about one node.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reachability {
    failing_since: Option<Instant>,
    is_reported: bool,
}

/// Something to report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReachabilityChange {
    /// Nothing has come back from it for a while.
    Lost,
    /// It answers again, after this long.
    Recovered(Duration),
}

impl Reachability {
    /// It has answered.
    pub fn answered(&mut self, now: Instant) -> Option<ReachabilityChange> {
        let Self { failing_since, is_reported } = std::mem::take(self);
        failing_since
            .filter(|_| is_reported)
            .map(|since| ReachabilityChange::Recovered(now - since))
    }

    /// A call to it has failed.
    pub fn failed(&mut self, now: Instant) -> Option<ReachabilityChange> {
        let since = *self.failing_since.get_or_insert(now);
        let is_news = !self.is_reported && now - since >= REPORT_AFTER;
        self.is_reported |= is_news;
        is_news.then_some(ReachabilityChange::Lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_told_of_once_when_it_is_lost_and_once_when_it_is_back() {
        let start = Instant::now();
        let mut reach = Reachability::default();
        let mut told = Vec::new();
        // Calls fail ten times a second, except for two answers.
        for tenth in 0..100 {
            let now = start + Duration::from_millis(100 * tenth);
            let news = match tenth {
                5 | 80 => reach.answered(now),
                _ => reach.failed(now),
            };
            told.extend(news.map(|news| (tenth, news)));
        }
        let back = ReachabilityChange::Recovered(Duration::from_millis(7_400));
        assert_eq!(
            told,
            [(16, ReachabilityChange::Lost), (80, back), (91, ReachabilityChange::Lost)]
        );
    }
}
