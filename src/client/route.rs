//! By which route the available server is reached: at its own address, or through the node by which the network
//! was entered, which takes calls there ([ADR 49](../../docs/adr/0049-one-port-is-enough.md)). Pure.
//!
//! **The direct route comes first.** It is given up only if the server's address cannot be dialled while the
//! directory names this server. One that has worked is not given up at the first failure: a server that has just
//! died cannot be dialled either, and another is about to take over.

use std::time::Duration;

use tokio::time::Instant;

use super::known_cluster::Server;
use crate::backoff::Backoff;

/// The one short wait of those who cannot dial the servers: so much longer than the entry a server may take to answer
/// at first.
const LONGER_THAN_ENTRY: Duration = Duration::from_millis(300);
/// It is no longer than this, however long the entry has taken. Later, nobody waits for a probe.
const PROBE_WITHIN: Duration = Duration::from_secs(1);
/// A server that could be dialled is missed for so long before it is probed: twice as long as a dead one is named
/// at most (`down_after`).
const GRACE: Duration = Duration::from_secs(1);
/// Between probes of a server that cannot be dialled. A probe costs little more than one packet.
const BETWEEN_PROBES: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(30));

/// How the available server is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Route {
    /// At its own address.
    #[default]
    Direct,
    /// Through this node (host:port), which takes calls to the available server.
    Through(String),
}

impl Route {
    /// What is dialled to reach `server`, host:port.
    pub fn dialled<'a>(&'a self, server: &'a Server) -> &'a str {
        match self {
            Self::Direct => &server.address,
            Self::Through(entry) => entry,
        }
    }

    /// The node through which it leads, host:port, if there is one.
    pub fn entry(&self) -> Option<&str> {
        match self {
            Self::Direct => None,
            Self::Through(entry) => Some(entry),
        }
    }
}

/// Whether servers can be dialled at their own addresses, as far as has been seen.
#[derive(Debug)]
pub enum DirectDialling {
    /// Nothing has been seen yet.
    Untried {
        /// When it began.
        since: Instant,
    },
    /// It has worked last.
    Works {
        /// The first failure since then.
        failing_since: Option<Instant>,
    },
    /// It does not work.
    Fails {
        /// Probes that have failed in a row.
        probes: u32,
        /// When the next one is due.
        next: Instant,
    },
}

/// A probe of the direct route that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// When.
    pub at: Instant,
    /// How long the server may take to answer.
    pub within: Duration,
}

impl DirectDialling {
    /// Nothing has been seen at `now`.
    pub fn new(now: Instant) -> Self {
        Self::Untried { since: now }
    }

    /// Whether calls have to go through the entry.
    pub fn is_given_up(&self) -> bool {
        matches!(self, Self::Fails { .. })
    }

    /// The next probe, if one is due. An answer of the entry took so long: of a server that is as far away, and has as
    /// much to do, it takes as long.
    pub fn next_probe(&self, entry_took: Duration) -> Option<Probe> {
        match *self {
            Self::Untried { since } => {
                let within = (entry_took + LONGER_THAN_ENTRY).min(PROBE_WITHIN);
                Some(Probe { at: since, within })
            }
            Self::Works { failing_since } => {
                failing_since.map(|since| Probe { at: since + GRACE, within: PROBE_WITHIN })
            }
            Self::Fails { next, .. } => Some(Probe { at: next, within: PROBE_WITHIN }),
        }
    }

    /// A call was answered over the direct route; true if that is news.
    pub fn answered(&mut self) -> bool {
        let is_news = !matches!(self, Self::Works { failing_since: None });
        *self = Self::Works { failing_since: None };
        is_news
    }

    /// A call has failed at `now` on the way over the direct route; true if that is news. At first, the probe that
    /// is made then decides.
    pub fn failed(&mut self, now: Instant) -> bool {
        match self {
            Self::Works { failing_since: failing_since @ None } => {
                *failing_since = Some(now);
                true
            }
            Self::Works { .. } | Self::Untried { .. } | Self::Fails { .. } => false,
        }
    }

    /// Another server is available, or the entry has failed: what was seen counts for less.
    pub fn doubted(&mut self, now: Instant) {
        match self {
            Self::Untried { since } => *since = now,
            Self::Works { failing_since } => *failing_since = None,
            Self::Fails { probes, next } => (*probes, *next) = (0, now),
        }
    }

    /// A probe was answered or not. `random` spreads out the next ones.
    pub fn probed(&mut self, works: bool, now: Instant, random: u64) {
        let probes = match self {
            _ if works => {
                *self = Self::Works { failing_since: None };
                return;
            }
            // Calls were answered meanwhile.
            Self::Works { failing_since: None } => return,
            Self::Works { .. } | Self::Untried { .. } => 1,
            Self::Fails { probes, .. } => probes.saturating_add(1),
        };
        *self = Self::Fails { probes, next: now + BETWEEN_PROBES.pause(probes, random) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(dialling: &DirectDialling, start: Instant) -> Option<Duration> {
        dialling.next_probe(Duration::ZERO).map(|probe| probe.at - start)
    }

    #[test]
    fn at_first_a_server_is_dialled_and_the_entry_is_taken_after_one_short_wait() {
        let start = Instant::now();
        let mut dialling = DirectDialling::new(start);
        assert!(!dialling.is_given_up());
        for (entry_took_ms, within_ms) in [(0, 300), (200, 500), (5_000, 1_000)] {
            let probe = dialling.next_probe(Duration::from_millis(entry_took_ms));
            let within = Duration::from_millis(within_ms);
            assert_eq!(probe, Some(Probe { at: start, within }));
        }
        assert!(!dialling.failed(start), "the probe decides");
        dialling.probed(false, start, 0);
        assert!(dialling.is_given_up());
    }

    #[test]
    fn what_can_be_dialled_is_not_probed_while_it_answers() {
        let start = Instant::now();
        for answered_by_a_call in [true, false] {
            let mut dialling = DirectDialling::new(start);
            if answered_by_a_call {
                assert!(dialling.answered());
                assert!(!dialling.answered(), "no news");
            } else {
                dialling.probed(true, start, 0);
            }
            assert_eq!((at(&dialling, start), dialling.is_given_up()), (None, false));
        }
    }

    #[test]
    fn a_server_that_could_be_dialled_is_given_up_only_if_it_is_missed_for_a_while() {
        let start = Instant::now();
        let mut dialling = DirectDialling::Works { failing_since: None };
        assert!(dialling.failed(start));
        assert!(!dialling.failed(start + GRACE / 2), "the first failure counts");
        assert_eq!(at(&dialling, start), Some(GRACE));
        assert!(dialling.answered());
        dialling.probed(false, start, 0);
        assert!(!dialling.is_given_up(), "a call was answered while it was probed");

        dialling.failed(start);
        dialling.doubted(start);
        assert_eq!(at(&dialling, start), None, "another server is available: that one died");
        dialling.failed(start);
        dialling.probed(false, start + GRACE, 0);
        assert!(dialling.is_given_up());
    }

    #[test]
    fn what_cannot_be_dialled_is_probed_now_and_then_and_at_once_if_there_is_news() {
        let start = Instant::now();
        let mut dialling = DirectDialling::new(start);
        dialling.probed(false, start, 0);
        let first = at(&dialling, start).expect("due");
        for _ in 0..10 {
            dialling.probed(false, start, 0);
        }
        let later = at(&dialling, start).expect("due");
        assert!(first >= Duration::from_secs(1) && later > first, "{first:?} {later:?}");
        assert!(later <= Duration::from_secs(30));
        dialling.doubted(start);
        assert_eq!(at(&dialling, start), Some(Duration::ZERO));
        assert!(dialling.is_given_up(), "until it works");
        dialling.probed(true, start, 0);
        assert!(!dialling.is_given_up());
    }
}
