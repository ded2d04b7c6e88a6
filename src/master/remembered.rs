//! A map that never holds more than a fixed number: the entry that was not used for longest is
//! forgotten for a new one. Pure.

use std::collections::BTreeMap;

/// At most so many entries.
pub struct Remembered<K, V> {
    most: usize,
    /// Each with the number of its last use.
    entries: BTreeMap<K, (u64, V)>,
    /// By the number of their last use.
    by_use: BTreeMap<u64, K>,
    uses: u64,
}

impl<K: Ord + Clone, V> Remembered<K, V> {
    /// Remembers at most `most`.
    pub fn new(most: usize) -> Self {
        Self { most, entries: BTreeMap::new(), by_use: BTreeMap::new(), uses: 0 }
    }

    /// What is remembered of `key`. Looking does not count as a use.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    /// Uses the entry of `key`, which is made if there is none.
    pub fn use_or_insert(&mut self, key: &K, make: impl FnOnce() -> V) -> &mut V {
        self.uses += 1;
        match self.entries.get(key) {
            Some((last_use, _)) => _ = self.by_use.remove(last_use),
            None if self.entries.len() >= self.most => {
                if let Some((_, forgotten)) = self.by_use.pop_first() {
                    self.entries.remove(&forgotten);
                }
            }
            None => {}
        }
        self.by_use.insert(self.uses, key.clone());
        let (last_use, value) =
            self.entries.entry(key.clone()).or_insert_with(|| (self.uses, make()));
        *last_use = self.uses;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_that_was_not_used_for_longest_is_forgotten_first() {
        let mut remembered = Remembered::new(2);
        *remembered.use_or_insert(&'a', || 0) += 1;
        *remembered.use_or_insert(&'b', || 0) += 1;
        *remembered.use_or_insert(&'a', || 0) += 1;
        remembered.use_or_insert(&'c', || 0);
        let known = ['a', 'b', 'c'].map(|key| remembered.get(&key).copied());
        assert_eq!(known, [Some(2), None, Some(0)]);
    }

    #[test]
    fn there_are_never_more_than_it_may_hold() {
        let mut remembered = Remembered::new(100);
        for key in 0..10_000 {
            remembered.use_or_insert(&(key * 7_919 % 1_000), || ());
            assert!(remembered.entries.len() <= 100);
            assert_eq!(remembered.entries.len(), remembered.by_use.len());
        }
    }
}
