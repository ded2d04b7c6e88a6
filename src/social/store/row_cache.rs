//! Rows of the tree that were looked up lately, in memory: accounts above all, which every command and
//! every page asks for. Finding one here takes a tenth of what it takes to look through the tree's tables.
//!
//! **Invariant:** a cache says what one content of the tree says. When rows are flushed, the next content
//! has a cache of its own, which [begins](RowCache::after_flush) with what is known of it; whoever still
//! reads the one before goes on with that one's.

use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};

use super::{keys::Table, memtable::Value, tree::Bytes};

/// About what a row takes in memory beside its bytes.
const ROW_BYTES: u64 = 96;
/// About what a row takes in all, from which the cache concludes how many it will hold.
const USUAL_BYTES: u64 = 192;

/// The rows of one content of the tree.
pub struct RowCache {
    rows: Cache<Bytes, Bytes, Weight>,
    capacity: u64,
}

/// The memory that a row takes, in bytes.
#[derive(Clone)]
struct Weight;

impl Weighter<Bytes, Bytes> for Weight {
    fn weight(&self, key: &Bytes, value: &Bytes) -> u64 {
        ROW_BYTES + (key.len() + value.len()) as u64
    }
}

/// Whether rows of this key are kept. A reply is looked up once in its life, mostly in vain.
fn is_kept(key: &[u8]) -> bool {
    key.first().is_some_and(|table| *table != Table::Replies as u8)
}

impl RowCache {
    /// Holds nothing yet, and at most `capacity` bytes.
    pub fn new(capacity: u64) -> Self {
        let options = OptionsBuilder::new()
            .weight_capacity(capacity)
            .estimated_items_capacity(usize::try_from(capacity / USUAL_BYTES).unwrap_or(usize::MAX))
            .build()
            .expect("both capacities are given");
        let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
        let rows = Cache::with_options(options, Weight, hasher, lifecycle);
        Self { rows, capacity }
    }

    /// The value of a row, if it is here.
    pub fn get(&self, key: &[u8]) -> Option<Bytes> {
        self.rows.get(key)
    }

    /// Keeps a row that was looked up in the tree.
    pub fn keep(&self, key: &[u8], value: &Bytes) {
        if is_kept(key) {
            // Not a clone: that would keep the whole block of which it is a part.
            self.rows.insert(Bytes::from(key), Bytes::from(value.as_ref()));
        }
    }

    /// What is known of the tree after some rows were flushed: `flushed` says what a row has become, if it
    /// was among them.
    pub fn after_flush(&self, flushed: impl Fn(&[u8]) -> Option<Value>) -> Self {
        let next = Self::new(self.capacity);
        for (key, value) in self.rows.iter() {
            if let Some(value) = flushed(&key).unwrap_or(Some(value)) {
                next.rows.insert(key, value);
            }
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(table: Table, name: &str) -> Vec<u8> {
        [&[table as u8], name.as_bytes()].concat()
    }

    #[test]
    fn a_flush_changes_what_is_known_of_the_next_content_and_not_of_this_one() {
        let cache = RowCache::new(1 << 20);
        let [same, changed, removed] = ["a", "b", "c"].map(|name| key(Table::Users, name));
        for key in [&same, &changed, &removed] {
            cache.keep(key, &Bytes::from("before"));
        }
        let next = cache.after_flush(|key| {
            (key != same.as_slice()).then(|| (key == changed.as_slice()).then(|| "after".into()))
        });
        for (key, then) in [(&same, Some("before")), (&changed, Some("after")), (&removed, None)] {
            assert_eq!(next.get(key), then.map(Bytes::from));
            assert_eq!(cache.get(key), Some(Bytes::from("before")));
        }
    }

    #[test]
    fn it_stays_within_its_capacity_and_keeps_no_replies() {
        let cache = RowCache::new(1 << 20);
        for number in 0..100_000 {
            cache.keep(&key(Table::Users, &number.to_string()), &Bytes::from("a value"));
        }
        let (held, capacity) = (cache.rows.weight(), cache.capacity);
        assert!((capacity / 2..=capacity).contains(&held), "{held} of {capacity}");
        let reply = key(Table::Replies, "reply");
        cache.keep(&reply, &Bytes::from("done"));
        assert_eq!(cache.get(&reply), None);
    }
}
