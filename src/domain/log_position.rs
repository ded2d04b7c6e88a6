//! Positions in the replicated log.

use std::fmt;

/// Where a log ends: the term and index of its last entry. Of two logs, the one whose position is
/// greater is the more up to date (Raft, section 5.4.1).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogPosition {
    /// In which term the entry was proposed. Compared first.
    pub term: u64,
    /// Its number, counted from 1.
    pub index: u64,
}

impl LogPosition {
    /// An empty log's.
    pub const EMPTY: Self = Self { term: 0, index: 0 };

    /// The position of the entry `index` of `term`.
    pub const fn new(term: u64, index: u64) -> Self {
        Self { term, index }
    }
}

impl fmt::Debug for LogPosition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.term, self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_term_comes_before_a_longer_log() {
        let positions = [(0, 0), (1, 9), (2, 3), (2, 4)].map(|(t, i)| LogPosition::new(t, i));
        assert!(positions.is_sorted());
        assert_eq!(positions[0], LogPosition::EMPTY);
    }
}
