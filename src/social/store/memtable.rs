//! The rows that were changed since the last flush, in memory: some versions of each, so that readers
//! see the state as it was when they began.
//!
//! One thread changes it, any may read it, and none holds it for long: a range is read in pieces.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    iter, mem,
    ops::Bound,
};

use parking_lot::RwLock;

use super::tree::Bytes;

/// The number of a change of the state. A reader sees all changes up to one.
pub type Seq = u64;

/// What a row was changed to; none if it was removed.
pub type Value = Option<Bytes>;

/// Keys from one to another, as they are stored.
pub type Range = (Bound<Bytes>, Bound<Bytes>);

/// Rows that are read at a time, if all are.
const PIECE: usize = 256;
/// About what a row takes in memory beside its bytes.
const ROW_BYTES: usize = 96;

/// The changed rows.
#[derive(Default)]
pub struct Memtable {
    contents: RwLock<Contents>,
}

#[derive(Default)]
struct Contents {
    rows: BTreeMap<Bytes, Versions>,
    bytes: usize,
}

/// The versions of a row.
struct Versions {
    newest: (Seq, Value),
    /// From new to old; mostly none.
    older: Vec<(Seq, Value)>,
}

impl Versions {
    fn at(&self, seq: Seq) -> Option<&Value> {
        let all = iter::once(&self.newest).chain(&self.older);
        all.into_iter().find(|(since, _)| *since <= seq).map(|(_, value)| value)
    }
}

impl Memtable {
    /// What the row is as of `seq`; none if it was not changed here by then.
    pub fn get(&self, key: &[u8], seq: Seq) -> Option<Value> {
        self.contents.read().rows.get(key)?.at(seq).cloned()
    }

    /// The first `limit` rows of `range` as of `seq`, from the other end if `backwards`.
    pub fn read(
        &self,
        (start, end): &Range,
        seq: Seq,
        limit: usize,
        backwards: bool,
    ) -> Vec<(Bytes, Value)> {
        let contents = self.contents.read();
        let bounds = (start.as_ref().map(AsRef::as_ref), end.as_ref().map(AsRef::as_ref));
        let rows = contents.rows.range::<[u8], _>(bounds);
        let visible = |(key, versions): (&Bytes, &Versions)| {
            versions.at(seq).map(|value| (key.clone(), value.clone()))
        };
        if backwards {
            rows.rev().filter_map(visible).take(limit).collect()
        } else {
            rows.filter_map(visible).take(limit).collect()
        }
    }

    /// Changes a row in the change `seq`, the newest one. Beside those who read as of the change before
    /// this one or later, there are `readers`, each as of an earlier change.
    pub fn put(&self, key: Bytes, value: Value, seq: Seq, readers: &[Seq]) {
        let mut contents = self.contents.write();
        let Contents { rows, bytes } = &mut *contents;
        *bytes += key.len() + value.as_ref().map_or(0, |value| value.len()) + ROW_BYTES;
        match rows.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(Versions { newest: (seq, value), older: Vec::new() });
            }
            Entry::Occupied(mut entry) => {
                let Versions { newest, older } = entry.get_mut();
                if newest.0 == seq {
                    newest.1 = value;
                } else {
                    let mut until = newest.0;
                    older.retain(|(since, _)| {
                        let seen = *since..until;
                        until = *since;
                        readers.iter().any(|reader| seen.contains(reader))
                    });
                    older.insert(0, mem::replace(newest, (seq, value)));
                }
            }
        }
    }

    /// Undoes what the change `seq`, the newest one, has done to a row.
    pub fn undo(&self, key: &[u8], seq: Seq) {
        let mut contents = self.contents.write();
        let Some(versions) = contents.rows.get_mut(key) else { return };
        if versions.newest.0 != seq {
            return;
        }
        if versions.older.is_empty() {
            contents.rows.remove(key);
        } else {
            versions.newest = versions.older.remove(0);
        }
    }

    /// All its rows as of `seq`, read in pieces while nobody changes it.
    pub fn rows_at(&self, seq: Seq) -> impl Iterator<Item = (Bytes, Value)> + '_ {
        let mut rest = Some((Bound::Unbounded, Bound::Unbounded));
        let pieces = iter::from_fn(move || {
            let range = rest.take()?;
            let piece = self.read(&range, seq, PIECE, false);
            rest = piece.last().map(|(last, _)| (Bound::Excluded(last.clone()), Bound::Unbounded));
            Some(piece)
        });
        pieces.flatten()
    }

    /// About how much memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        self.contents.read().bytes
    }

    pub fn is_empty(&self) -> bool {
        self.contents.read().rows.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a row is as of `seq`: none if nothing is known of it, or "-" if it was removed.
    fn at(memtable: &Memtable, key: &str, seq: Seq) -> Option<String> {
        let text = |value: Bytes| String::from_utf8(value.to_vec()).expect("text");
        Some(memtable.get(key.as_bytes(), seq)?.map_or_else(|| "-".to_owned(), text))
    }

    fn put(memtable: &Memtable, key: &str, text: Option<&str>, seq: Seq) {
        memtable.put(Bytes::from(key), text.map(Bytes::from), seq, &[1, 3]);
    }

    #[test]
    fn every_reader_sees_the_version_of_its_time() {
        let memtable = Memtable::default();
        put(&memtable, "a", Some("one"), 1);
        put(&memtable, "a", Some("two"), 2);
        put(&memtable, "a", None, 4);
        for (seq, seen) in [(0, None), (1, Some("one")), (3, Some("two")), (4, Some("-"))] {
            assert_eq!(at(&memtable, "a", seq).as_deref(), seen, "at {seq}");
        }
        assert_eq!(at(&memtable, "b", 9), None);
    }

    #[test]
    fn what_nobody_can_read_any_more_is_forgotten_and_nothing_else() {
        let memtable = Memtable::default();
        for seq in 1..=60 {
            put(&memtable, "a", Some(&seq.to_string()), seq);
        }
        for seq in [1, 3, 59, 60] {
            assert_eq!(at(&memtable, "a", seq), Some(seq.to_string()));
        }
        let contents = memtable.contents.read();
        let versions = contents.rows.get(b"a".as_slice()).expect("it is there");
        assert_eq!(versions.older.len(), 3);
    }

    #[test]
    fn a_change_that_is_undone_leaves_what_was_there_before() {
        let memtable = Memtable::default();
        put(&memtable, "a", Some("one"), 1);
        put(&memtable, "a", Some("two"), 2);
        put(&memtable, "a", Some("three"), 2);
        put(&memtable, "b", Some("new"), 2);
        for key in [b"a", b"b", b"c"] {
            memtable.undo(key, 2);
            memtable.undo(key, 2);
        }
        assert_eq!(at(&memtable, "a", 9).as_deref(), Some("one"));
        assert_eq!(at(&memtable, "b", 9), None);
    }

    #[test]
    fn a_range_is_read_from_either_end_and_as_of_its_time() {
        let memtable = Memtable::default();
        for (key, seq) in [("a", 1), ("b", 3), ("c", 1), ("d", 1)] {
            put(&memtable, key, Some(key), seq);
        }
        let range = (Bound::Included(Bytes::from("a")), Bound::Excluded(Bytes::from("d")));
        let keys = |seq, limit, backwards| {
            let rows = memtable.read(&range, seq, limit, backwards);
            rows.iter().map(|(key, _)| char::from(key[0])).collect::<String>()
        };
        assert_eq!(keys(3, 9, false), "abc");
        assert_eq!(keys(3, 2, true), "cb");
        assert_eq!(keys(2, 9, false), "ac");
        assert_eq!(keys(2, 1, true), "c");
    }
}
