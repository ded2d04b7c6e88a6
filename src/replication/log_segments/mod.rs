//! The entries of the log, in segments: files that are only ever appended to.
//!
//! - `frame`: what is written with one sync, and how its bytes look
//! - `scan`: what is in a segment, and what of it an interrupted write has left
//! - `frame_index`: which frame holds which entries
//! - `segment`: the files, their names, and how one is made before it is needed
//! - `recovery`: how all of it is found again
//! - `inspection`: the same for somebody who only looks; `damage`: where something is not as it was written
//! - `writer` and `reader`: the two ways in
//!
//! A segment is full of zeros when it gets its name, so that a frame is on disk with one write and one
//! sync that changes no metadata. Nothing is ever written over except zeros; that entries were cut off
//! is a frame like any other. So what an earlier tail has held cannot come to life again.
//!
//! What is true of the log as a whole, such as how far it was purged, is in
//! `log_facts`.

mod damage;
mod frame;
mod frame_index;
mod inspection;
mod reader;
mod recovery;
mod scan;
mod segment;
#[cfg(test)]
pub(crate) mod tests;
mod writer;

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;

use self::frame_index::FrameIndex;
pub use self::{
    damage::SegmentDamage,
    frame::{FrameHead, SegmentHeader},
    inspection::{has_entries, inspect},
    reader::SegmentReader,
    recovery::{Recovered, create, open},
    segment::SegmentSizes,
    writer::{NewEntries, SegmentWriter},
};
#[cfg(feature = "laboratory")]
pub use self::{
    frame::{Content, Entries, SECTOR, encode, encode_header},
    scan::examine,
};
use crate::host::random_access::RandomAccessFile;

/// What can be read, and the open files that hold it. Writer and reader share it.
struct Readable {
    index: FrameIndex,
    files: BTreeMap<u32, Arc<dyn RandomAccessFile>>,
}

type SharedReadable = Arc<Mutex<Readable>>;
