//! Rows of a stopped master's state, changed as if they had been written like that: the checksums of the engine
//! are right.

use std::path::Path;

use lsm_tree::{AbstractTree as _, Guard as _, SeqNo, SequenceNumberCounter};

/// Gives all rows of a table, which begin with this byte, another value, in the state at `path`.
pub fn rewrite(path: &Path, table: u8, value: impl Fn(&[u8]) -> Vec<u8>) {
    let seqno = SequenceNumberCounter::new(1 << 32);
    let config = lsm_tree::Config::new(path, seqno, SequenceNumberCounter::default());
    let tree = config.open().expect("closed by its master");
    let rows =
        tree.prefix([table], SeqNo::MAX, None).map(|row| row.into_inner().expect("readable"));
    let rows: Vec<_> = rows.collect();
    assert!(!rows.is_empty());
    let mut changed = tree.ingestion().expect("writable");
    for (key, row) in rows {
        changed.write(key, value(&row)).expect("written");
    }
    changed.finish().expect("written");
}
