//! What is logged of wrong passwords: the first one of a pair at once, and from then on, as long as
//! there are more, their number once a minute. Pure.

use std::{collections::BTreeMap, mem, time::Duration};

use tokio::time::Instant;

use super::asker::Pair;

/// How often the number of further ones is logged.
const SUM_UP_EVERY: Duration = Duration::from_mins(1);
/// Pairs that have lines of their own; all others share one.
const LINES: usize = 100;

/// What happened to a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Its password was wrong.
    Wrong,
    /// It was refused because of wrong passwords before it.
    Slowed,
    /// It was refused because too many were waiting.
    Crowded,
}

/// How often each has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Passwords that were wrong.
    pub wrong: u64,
    /// Refusals because of wrong passwords.
    pub slowed: u64,
    /// Refusals because too many were waiting.
    pub crowded: u64,
}

/// One line: what has happened since the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Whom it is about; none for all who have no lines of their own.
    pub pair: Option<Pair>,
    /// What happened.
    pub tally: Tally,
}

/// The bursts that are going on.
#[derive(Default)]
pub struct Bursts {
    bursts: BTreeMap<Option<Pair>, Burst>,
}

struct Burst {
    tally: Tally,
    sum_up_at: Instant,
}

impl Bursts {
    /// Counts `event`. True if it is the first wrong password of a burst, which is told at once.
    pub fn note(&mut self, pair: &Pair, event: Event, now: Instant) -> bool {
        let own = Some(pair.clone());
        let is_full = self.bursts.len() >= LINES;
        let key = if is_full && !self.bursts.contains_key(&own) { None } else { own };
        let is_told = key.is_some() && event == Event::Wrong && !self.bursts.contains_key(&key);
        let burst = self
            .bursts
            .entry(key)
            .or_insert_with(|| Burst { tally: Tally::default(), sum_up_at: now + SUM_UP_EVERY });
        let Tally { wrong, slowed, crowded } = &mut burst.tally;
        match event {
            Event::Wrong if is_told => {}
            Event::Wrong => *wrong += 1,
            Event::Slowed => *slowed += 1,
            Event::Crowded => *crowded += 1,
        }
        is_told
    }

    /// When there may be something to sum up.
    pub fn sum_up_at(&self) -> Option<Instant> {
        self.bursts.values().map(|burst| burst.sum_up_at).min()
    }

    /// The lines that are due. A burst in which nothing has happened for a minute is over.
    pub fn sum_up(&mut self, now: Instant) -> Vec<Summary> {
        let mut summaries = Vec::new();
        self.bursts.retain(|pair, burst| {
            if burst.sum_up_at > now {
                return true;
            }
            burst.sum_up_at = now + SUM_UP_EVERY;
            let tally = mem::take(&mut burst.tally);
            let goes_on = tally != Tally::default();
            if goes_on {
                summaries.push(Summary { pair: pair.clone(), tally });
            }
            goes_on
        });
        summaries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(account: &str) -> Pair {
        Pair { origin: None.into(), account: account.to_owned() }
    }

    #[test]
    fn a_burst_is_told_at_once_then_summed_up_each_minute_and_ends() {
        let start = Instant::now();
        let minute = |minutes| start + SUM_UP_EVERY * minutes;
        let mut bursts = Bursts::default();
        assert_eq!(bursts.sum_up_at(), None);
        assert!(bursts.note(&pair("ann"), Event::Wrong, start));
        for _ in 0..8 {
            assert!(!bursts.note(&pair("ann"), Event::Wrong, start));
            assert!(!bursts.note(&pair("ann"), Event::Slowed, start));
        }
        assert_eq!(bursts.sum_up_at(), Some(minute(1)));
        assert_eq!(bursts.sum_up(start), []);
        let tally = Tally { wrong: 8, slowed: 8, crowded: 0 };
        let ann = Some(pair("ann"));
        assert_eq!(bursts.sum_up(minute(1)), [Summary { pair: ann.clone(), tally }]);
        bursts.note(&pair("ann"), Event::Crowded, minute(1));
        let tally = Tally { crowded: 1, ..Tally::default() };
        assert_eq!(bursts.sum_up(minute(2)), [Summary { pair: ann, tally }]);
        assert_eq!(bursts.sum_up(minute(3)), []);
        assert_eq!(bursts.sum_up_at(), None);
        assert!(bursts.note(&pair("ann"), Event::Wrong, minute(3)), "another burst");
    }

    #[test]
    fn one_mistake_is_one_line() {
        let start = Instant::now();
        let mut bursts = Bursts::default();
        assert!(bursts.note(&pair("ann"), Event::Wrong, start));
        assert_eq!(bursts.sum_up(start + SUM_UP_EVERY), []);
    }

    #[test]
    fn those_beyond_the_most_lines_share_one() {
        let start = Instant::now();
        let mut bursts = Bursts::default();
        let told = (0..1_000).filter(|n| bursts.note(&pair(&n.to_string()), Event::Wrong, start));
        assert_eq!(told.count(), LINES);
        let tally = Tally { wrong: 900, ..Tally::default() };
        assert_eq!(bursts.sum_up(start + SUM_UP_EVERY), [Summary { pair: None, tally }]);
    }
}
