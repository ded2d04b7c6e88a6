//! Whether another node can be reached, as it is logged: once when it cannot be, and once when it
//! can be again. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// A node that fails only for a moment, as in a failover, is not reported.
const NEWS_AFTER: Duration = Duration::from_secs(1);

/// What is known about one node.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reach {
    failing_since: Option<Instant>,
    is_told: bool,
}

/// Something to report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Nothing has come back from it for a while.
    Lost,
    /// It answers again, after this long.
    Back(Duration),
}

impl Reach {
    /// It has answered.
    pub fn answered(&mut self, now: Instant) -> Option<News> {
        let Self { failing_since, is_told } = std::mem::take(self);
        failing_since.filter(|_| is_told).map(|since| News::Back(now - since))
    }

    /// A call to it has failed.
    pub fn failed(&mut self, now: Instant) -> Option<News> {
        let since = *self.failing_since.get_or_insert(now);
        let is_news = !self.is_told && now - since >= NEWS_AFTER;
        self.is_told |= is_news;
        is_news.then_some(News::Lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_told_of_once_when_it_is_lost_and_once_when_it_is_back() {
        let start = Instant::now();
        let mut reach = Reach::default();
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
        let back = News::Back(Duration::from_millis(7_400));
        assert_eq!(told, [(16, News::Lost), (80, back), (91, News::Lost)]);
    }
}
