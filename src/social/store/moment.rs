//! All rows as they are at one moment: what was changed since the last flush, in memory, before what
//! is on disk.

use std::{cmp::Ordering, collections::VecDeque, iter::Peekable, ops::Bound, sync::Arc};

use super::{
    StateError,
    keys::{Key, KeyRange},
    memtable::{Memtable, Range, Seq, Value},
    recent::RecentPosts,
    records::{self, Meta},
    tree::{Bytes, TreeVersion},
};

/// A row: its key and its value.
pub type Row = (Bytes, Bytes);

/// Rows that are read from one memtable at first, and at most.
const PIECE: (usize, usize) = (2, 64);

/// Where rows are looked for.
pub struct Layers {
    /// From the newest on; all but the first are being flushed.
    pub memtables: Vec<Arc<Memtable>>,
    /// None if the state is in memory only.
    pub tree: Option<Arc<TreeVersion>>,
}

impl Layers {
    /// The memtable that is changed.
    pub fn newest_memtable(&self) -> &Memtable {
        self.memtables.first().expect("there is always one")
    }
}

/// All rows as of one change.
#[derive(Clone)]
pub struct Moment {
    layers: Arc<Layers>,
    seq: Seq,
    /// While this lives, what can be read then is kept.
    kept: Option<Arc<dyn Send + Sync>>,
    recent_posts: Arc<RecentPosts>,
    meta: Option<Meta>,
}

impl Moment {
    /// As of the newest change, which is still going on.
    pub fn of_change(layers: Arc<Layers>, recent_posts: Arc<RecentPosts>, seq: Seq) -> Self {
        Self { layers, seq, kept: None, recent_posts, meta: None }
    }

    /// As of an earlier change. While `kept` lives, what can be read then is kept.
    pub fn of_reader(
        layers: Arc<Layers>,
        recent_posts: Arc<RecentPosts>,
        meta: Option<Meta>,
        seq: Seq,
        kept: impl Send + Sync + 'static,
    ) -> Self {
        Self { layers, seq, kept: Some(Arc::new(kept)), recent_posts, meta }
    }

    /// What is known of the newest posts, as of the newest change.
    pub fn recent_posts(&self) -> &RecentPosts {
        &self.recent_posts
    }

    /// The general facts; all zeros at first.
    pub fn meta(&self) -> Result<Meta, StateError> {
        self.meta.map_or_else(|| records::meta(self), Ok)
    }

    /// The change as of which it is.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// The memtable that is changed.
    pub fn newest_memtable(&self) -> &Memtable {
        self.layers.newest_memtable()
    }

    /// The value of a row, if there is one.
    pub fn get(&self, key: &Key) -> Result<Option<Bytes>, StateError> {
        let key = key.as_bytes();
        let mut memtables = self.layers.memtables.iter();
        if let Some(value) = memtables.find_map(|memtable| memtable.get(key, self.seq)) {
            return Ok(value);
        }
        self.layers.tree.as_ref().map_or(Ok(None), |tree| tree.get(key))
    }

    /// The rows in a range, in the order of their keys.
    pub fn scan(&self, range: KeyRange) -> Scan {
        self.scan_in(range, false)
    }

    /// The same from the other end.
    pub fn scan_back(&self, range: KeyRange) -> Scan {
        self.scan_in(range, true)
    }

    fn scan_in(&self, (start, end): KeyRange, backwards: bool) -> Scan {
        let stored = |bound: Bound<Key>| bound.map(|key| Bytes::from(key.as_bytes()));
        let range = (stored(start), stored(end));
        if is_empty(&range) {
            return Scan { layers: Vec::new(), rows: None, backwards, _kept: None };
        }
        let tree = self.layers.tree.as_ref().and_then(|tree| tree.scan(&range, backwards));
        let rows = tree.map(|rows| -> TreeRows { (Box::new(rows) as BoxedRows).peekable() });
        let layer = |memtable: &Arc<Memtable>| Layer {
            memtable: Arc::clone(memtable),
            seq: self.seq,
            rest: Some(range.clone()),
            piece: PIECE.0,
            backwards,
            read: VecDeque::new(),
        };
        let layers = self.layers.memtables.iter().map(layer).collect();
        Scan { layers, rows, backwards, _kept: self.kept.clone() }
    }
}

/// Whether no key can be in a range.
fn is_empty((start, end): &Range) -> bool {
    match (start, end) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(start), Bound::Included(end)) => start > end,
        (
            Bound::Included(start) | Bound::Excluded(start),
            Bound::Included(end) | Bound::Excluded(end),
        ) => start >= end,
    }
}

type BoxedRows = Box<dyn Iterator<Item = Result<Row, StateError>> + Send>;
type TreeRows = Peekable<BoxedRows>;

/// The rows in a range.
pub struct Scan {
    layers: Vec<Layer>,
    rows: Option<TreeRows>,
    backwards: bool,
    _kept: Option<Arc<dyn Send + Sync>>,
}

/// The rows in one memtable.
struct Layer {
    memtable: Arc<Memtable>,
    seq: Seq,
    /// What has not been read yet.
    rest: Option<Range>,
    /// So many rows are read at a time.
    piece: usize,
    backwards: bool,
    read: VecDeque<(Bytes, Value)>,
}

impl Layer {
    fn next_key(&mut self) -> Option<&Bytes> {
        if self.read.is_empty()
            && let Some(mut rest) = self.rest.take()
        {
            self.read = self.memtable.read(&rest, self.seq, self.piece, self.backwards).into();
            if let Some((last, _)) = self.read.back()
                && self.read.len() == self.piece
            {
                let end = if self.backwards { &mut rest.1 } else { &mut rest.0 };
                *end = Bound::Excluded(last.clone());
                self.rest = Some(rest);
                self.piece = (2 * self.piece).min(PIECE.1);
            }
        }
        self.read.front().map(|(key, _)| key)
    }

    /// Its next row, if that has this key.
    fn take(&mut self, key: &[u8]) -> Option<Value> {
        (self.next_key()?.as_ref() == key).then(|| self.read.pop_front()).flatten().map(|row| row.1)
    }
}

impl Scan {
    /// The next key in any layer. Fails if the rows on disk cannot be read.
    fn next_key(&mut self) -> Result<Option<Bytes>, StateError> {
        let mut next: Option<Bytes> = None;
        let on_disk = match self.rows.as_mut().and_then(Peekable::peek) {
            Some(Ok((key, _))) => Some(key.clone()),
            Some(Err(_)) => return Err(self.fail()),
            None => None,
        };
        let wanted = if self.backwards { Ordering::Greater } else { Ordering::Less };
        let mut offer = |key: &Bytes| {
            if next.as_ref().is_none_or(|next| key.as_ref().cmp(next.as_ref()) == wanted) {
                next = Some(key.clone());
            }
        };
        self.layers.iter_mut().filter_map(Layer::next_key).for_each(&mut offer);
        on_disk.iter().for_each(&mut offer);
        Ok(next)
    }

    /// Ends with what the rows on disk say.
    fn fail(&mut self) -> StateError {
        self.layers.clear();
        let failed = self.rows.take().and_then(|mut rows| rows.next()?.err());
        failed.unwrap_or_else(|| StateError::damaged("it cannot be read"))
    }
}

impl Iterator for Scan {
    type Item = Result<Row, StateError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let key = match self.next_key() {
                Ok(key) => key?,
                Err(error) => return Some(Err(error)),
            };
            let mut newest: Option<Value> = None;
            for layer in &mut self.layers {
                let value = layer.take(&key);
                newest = newest.or(value);
            }
            let is_next =
                |row: &Result<Row, StateError>| row.as_ref().is_ok_and(|row| row.0 == key);
            if let Some(Ok((_, value))) = self.rows.as_mut().and_then(|rows| rows.next_if(is_next))
            {
                newest = newest.or(Some(Some(value)));
            }
            if let Some(Some(value)) = newest {
                return Some(Ok((key, value)));
            }
        }
    }
}
