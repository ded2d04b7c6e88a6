//! Reading entries back from the segments.

use std::{ops::Range, sync::Arc};

use super::{
    SharedReadable,
    damage::{damaged_at, refused_at},
    frame::{Frame, SECTOR},
    frame_index::FramePosition,
};
use crate::{
    envelope::{self, Kind},
    host::random_access::RandomAccessFile,
    replication::{Entry, LogId, log_error::LogError},
};

/// Reads the entries that are on disk; clones share it.
#[derive(Clone)]
pub struct SegmentReader {
    /// The id of the log.
    log: u64,
    readable: SharedReadable,
}

impl SegmentReader {
    pub(super) fn new(log: u64, readable: SharedReadable) -> Self {
        Self { log, readable }
    }

    /// The index after the last entry, whether it is still here or was purged; 0 if there was none.
    pub fn end(&self) -> u64 {
        self.readable.lock().index.end()
    }

    /// The entries with these indexes that can be read, for as long as `wanted` says so.
    pub fn entries(
        &self,
        mut indexes: Range<u64>,
        mut wanted: impl FnMut(&Entry) -> bool,
    ) -> Result<Vec<Entry>, LogError> {
        let mut entries = Vec::new();
        while let Some((frame, file, within)) = self.find(&indexes) {
            let found = self.read(frame, file.as_ref(), within.clone())?;
            for entry in found {
                if !wanted(&entry) {
                    return Ok(entries);
                }
                entries.push(entry);
            }
            indexes.start = within.end;
        }
        Ok(entries)
    }

    /// The segment in which the last entry is that can be read; none if none can.
    pub fn last_segment(&self) -> Option<u32> {
        self.readable.lock().index.last_segment()
    }

    /// The position of the last entry that can be read.
    pub fn last_log_id(&self) -> Result<Option<LogId>, LogError> {
        let end = self.end();
        let last = self.entries(end.saturating_sub(1)..end, |_| true)?;
        Ok(last.last().map(|entry| entry.log_id))
    }

    fn find(
        &self,
        indexes: &Range<u64>,
    ) -> Option<(FramePosition, Arc<dyn RandomAccessFile>, Range<u64>)> {
        let readable = self.readable.lock();
        let (frame, within) = readable.index.find(indexes)?;
        let file = readable.files.get(&frame.segment).expect("what can be read is open");
        Some((frame, Arc::clone(file), within))
    }

    /// The entries `within` a frame.
    fn read(
        &self,
        position: FramePosition,
        file: &dyn RandomAccessFile,
        within: Range<u64>,
    ) -> Result<Vec<Entry>, LogError> {
        let at = position.sector as usize * SECTOR;
        let mut bytes = vec![0; position.bytes as usize];
        file.read_at(at as u64, &mut bytes)?;
        let damaged = |what: &str| damaged_at(position.segment, at, what);
        let frame = Frame::at(self.log, position.segment, at, &bytes)?;
        let entries = frame.as_ref().and_then(|frame| frame.entries(&bytes));
        let mut encoded = entries.ok_or_else(|| damaged("a frame of the log has changed"))?;
        let mut found = Vec::new();
        for index in position.first..within.end {
            let Some((sealed, rest)) = envelope::split_first(encoded) else {
                return Err(damaged("a frame of the log has too few entries").into());
            };
            if within.contains(&index) {
                let entry: Entry = envelope::open(Kind::LogEntry, sealed)
                    .map_err(|error| refused_at(position.segment, at, error))?;
                if entry.log_id.index != index {
                    return Err(damaged("a frame of the log has other entries").into());
                }
                found.push(entry);
            }
            encoded = rest;
        }
        Ok(found)
    }
}
