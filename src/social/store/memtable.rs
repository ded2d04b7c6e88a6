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

use super::{keys::Table, tree::Bytes};

/// The number of a change of the state. A reader sees all changes up to one.
pub type Seq = u64;

/// What a row was changed to; none if it was removed.
pub type Value = Option<Bytes>;

/// Keys from one to another, as they are stored.
pub type Range = (Bound<Bytes>, Bound<Bytes>);

/// Rows that are read at a time, if all are.
const PIECE: usize = 256;
/// About what a row takes in memory beside its key and its versions.
const ROW_BYTES: usize = 64;
/// About what a version takes beside its value.
const VERSION_BYTES: usize = 32;

/// The changed rows.
#[derive(Default)]
pub struct Memtable {
    contents: RwLock<Contents>,
}

#[derive(Default)]
struct Contents {
    rows: Rows,
    bytes: usize,
}

/// The rows of each table: most are small, and a row is found faster among fewer.
#[derive(Default)]
struct Rows([BTreeMap<Bytes, Versions>; Table::Certification as usize + 1]);

/// The versions of a row.
struct Versions {
    newest: (Seq, Value),
    /// From new to old; mostly none.
    older: Vec<(Seq, Value)>,
    /// Whether there was no such row before the first of them.
    is_new: bool,
}

/// Whether there may be a row of the same key before a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Perhaps.
    Unknown,
    /// There is none. If the row is removed before a flush, the disk need not know that it was there.
    Nothing,
}

impl Rows {
    /// The place of a key's table.
    fn place(&self, key: &[u8]) -> usize {
        usize::from(key.first().copied().unwrap_or_default()).min(self.0.len() - 1)
    }

    fn of(&self, key: &[u8]) -> &BTreeMap<Bytes, Versions> {
        &self.0[self.place(key)]
    }

    fn of_mut(&mut self, key: &[u8]) -> &mut BTreeMap<Bytes, Versions> {
        &mut self.0[self.place(key)]
    }

    /// Those in a range, in the order of their keys.
    fn range<'a>(
        &'a self,
        (start, end): &'a Range,
    ) -> impl DoubleEndedIterator<Item = (&'a Bytes, &'a Versions)> {
        let place = |bound: &Bound<Bytes>, unbounded| match bound {
            Bound::Included(key) | Bound::Excluded(key) => self.place(key),
            Bound::Unbounded => unbounded,
        };
        let tables = place(start, 0)..=place(end, self.0.len() - 1);
        let bounds = (start.as_ref().map(AsRef::as_ref), end.as_ref().map(AsRef::as_ref));
        self.0[tables].iter().flat_map(move |rows| rows.range::<[u8], _>(bounds))
    }
}

impl Versions {
    fn at(&self, seq: Seq) -> Option<&Value> {
        let all = iter::once(&self.newest).chain(&self.older);
        all.into_iter().find(|(since, _)| *since <= seq).map(|(_, value)| value)
    }
}

/// About how much memory a version of a row takes.
fn weight(value: &Value) -> usize {
    VERSION_BYTES + value.as_ref().map_or(0, |value| value.len())
}

impl Memtable {
    /// What the row is as of `seq`; none if it was not changed here by then.
    pub fn get(&self, key: &[u8], seq: Seq) -> Option<Value> {
        self.contents.read().rows.of(key).get(key)?.at(seq).cloned()
    }

    /// The first `limit` rows of `range` as of `seq`, from the other end if `backwards`.
    pub fn read(
        &self,
        range: &Range,
        seq: Seq,
        limit: usize,
        backwards: bool,
    ) -> Vec<(Bytes, Value)> {
        let contents = self.contents.read();
        let rows = contents.rows.range(range);
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
    pub fn put(&self, key: Bytes, value: Value, before: Before, seq: Seq, readers: &[Seq]) {
        let mut contents = self.contents.write();
        let Contents { rows, bytes } = &mut *contents;
        *bytes += weight(&value);
        let key_bytes = key.len();
        match rows.of_mut(&key).entry(key) {
            Entry::Vacant(entry) => {
                *bytes += ROW_BYTES + key_bytes;
                let is_new = before == Before::Nothing;
                entry.insert(Versions { newest: (seq, value), older: Vec::new(), is_new });
            }
            Entry::Occupied(mut entry) => {
                let Versions { newest, older, .. } = entry.get_mut();
                if newest.0 == seq {
                    *bytes -= weight(&newest.1);
                    newest.1 = value;
                } else {
                    let mut until = newest.0;
                    older.retain(|(since, value)| {
                        let seen = *since..until;
                        until = *since;
                        let is_wanted = readers.iter().any(|reader| seen.contains(reader));
                        *bytes -= if is_wanted { 0 } else { weight(value) };
                        is_wanted
                    });
                    older.insert(0, mem::replace(newest, (seq, value)));
                }
            }
        }
    }

    /// Undoes what the change `seq`, the newest one, has done to a row.
    pub fn undo(&self, key: &[u8], seq: Seq) {
        let mut contents = self.contents.write();
        let Contents { rows, bytes } = &mut *contents;
        let rows = rows.of_mut(key);
        let Some(versions) = rows.get_mut(key) else { return };
        if versions.newest.0 != seq {
            return;
        }
        *bytes -= weight(&versions.newest.1);
        if versions.older.is_empty() {
            *bytes -= ROW_BYTES + key.len();
            rows.remove(key);
        } else {
            versions.newest = versions.older.remove(0);
        }
    }

    /// All its rows as of `seq` that the disk has to know, read in pieces while nobody changes it.
    pub fn rows_to_flush(&self, seq: Seq) -> impl Iterator<Item = (Bytes, Value)> + '_ {
        let mut rest = Some((Bound::Unbounded, Bound::Unbounded));
        let pieces = iter::from_fn(move || {
            let range = rest.take()?;
            let contents = self.contents.read();
            let mut piece = Vec::with_capacity(PIECE);
            for (key, versions) in contents.rows.range(&range).take(PIECE) {
                let has_gone = |value: &&Value| versions.is_new && value.is_none();
                let value = versions.at(seq).filter(|value| !has_gone(value));
                piece.extend(value.map(|value| (key.clone(), value.clone())));
                rest = Some((Bound::Excluded(key.clone()), Bound::Unbounded));
            }
            Some(piece)
        });
        pieces.flatten()
    }

    /// About how much memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        self.contents.read().bytes
    }

    pub fn is_empty(&self) -> bool {
        self.contents.read().rows.0.iter().all(BTreeMap::is_empty)
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
        let value = text.map(Bytes::from);
        memtable.put(Bytes::from(key), value, Before::Unknown, seq, &[1, 3]);
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
        let versions = contents.rows.of(b"a").get(b"a".as_slice()).expect("it is there");
        assert_eq!(versions.older.len(), 3);
        let values = [&versions.newest].into_iter().chain(&versions.older);
        let in_use: usize = values.map(|(_, value)| weight(value)).sum();
        assert_eq!(contents.bytes, ROW_BYTES + 1 + in_use);
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
        assert_eq!(memtable.bytes(), ROW_BYTES + 1 + VERSION_BYTES + "one".len());
    }

    #[test]
    fn what_has_come_and_gone_since_the_last_flush_is_not_flushed() {
        let memtable = Memtable::default();
        let mut expected = Vec::new();
        for number in 0..u64::try_from(PIECE).expect("few") * 3 {
            let key = Bytes::from(format!("{number:05}").as_bytes());
            // Whether there was none before, and whether it is removed.
            let (is_new, is_removed) = (number % 2 == 0, number % 3 == 0);
            let before = if is_new { Before::Nothing } else { Before::Unknown };
            memtable.put(key.clone(), Some(key.clone()), before, 1, &[]);
            if is_removed {
                memtable.put(key.clone(), None, Before::Unknown, 2, &[]);
            }
            if !(is_new && is_removed) {
                expected.push((key.clone(), (!is_removed).then_some(key)));
            }
        }
        assert_eq!(memtable.rows_to_flush(2).collect::<Vec<_>>(), expected);
        // Somebody else's removal is one that the disk has to know.
        memtable.put(Bytes::from("00001"), None, Before::Nothing, 3, &[]);
        let removed = (Bytes::from("00001"), None);
        assert!(memtable.rows_to_flush(3).any(|row| row == removed));
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
