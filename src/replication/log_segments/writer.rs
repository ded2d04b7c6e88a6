//! Appending to the segments.
//!
//! **Invariant: one unsynced frame.** A frame is written only when the one before it is on disk;
//! [`scan`](super::scan) relies on that.
//!
//! **Fails closed.** After a failed write or sync it is not known what is on disk, so nothing is written
//! any more.

use std::{io, ops::Range, sync::Arc};

use super::{
    SharedReadable,
    frame::{self, Content, Entries, FrameHead, SECTOR, SegmentHeader},
    frame_index::FramePosition,
    segment::{self, Segment, SegmentSizes, Spare},
};
use crate::{host::random_access::Folder, replication::Vote};

/// Sealed entries that are appended together.
pub struct NewEntries<'a> {
    /// The index of the first.
    pub first: u64,
    /// How many there are.
    pub count: usize,
    /// All of them, one behind the other.
    pub encoded: Vec<&'a [u8]>,
}

/// The only one who writes to a log's segments.
pub struct SegmentWriter {
    pub(super) folder: Box<dyn Folder>,
    pub(super) sizes: SegmentSizes,
    pub(super) readable: SharedReadable,
    /// The last segment, and where its frames end.
    pub(super) current: Segment,
    pub(super) used: usize,
    pub(super) spare: Option<Spare>,
    /// The numbers of all segments begin with this one.
    pub(super) oldest: u32,
    pub(super) vote: Option<Vote>,
    pub(super) has_failed: bool,
}

impl SegmentWriter {
    /// The node's vote, which every frame from now on carries.
    pub fn set_vote(&mut self, vote: Vote) {
        self.vote = Some(vote);
    }

    /// Appends entries. They are on disk when this returns; with `sync` false, which is a planted
    /// fault, they may not be.
    pub fn append(&mut self, new: &NewEntries<'_>, sync: bool) -> io::Result<()> {
        let entries = Entries::describe(new.first, new.count, &new.encoded);
        self.fails_closed(|writer| {
            // What leaves a gap would be refused when it is found again.
            assert!(writer.readable.lock().index.may_go_on_at(new.first), "first in, first out");
            let at = writer.write(Content::Entries(entries), &new.encoded, sync)?;
            let position = FramePosition {
                first: new.first,
                segment: writer.current.header.sequence,
                sector: frame::sector_of(at.start),
                bytes: u32::try_from(at.len()).expect("nothing of ours has 4 GiB"),
            };
            writer.readable.lock().index.append(position, entries.count);
            Ok(())
        })
    }

    /// Cuts off the entries from `since` on, durably.
    pub fn truncate(&mut self, since: u64) -> io::Result<()> {
        self.fails_closed(|writer| {
            writer.write(Content::Truncation(since), &[], true)?;
            writer.readable.lock().index.truncate(since);
            Ok(())
        })
    }

    /// The entries before `purged_end` were purged: that is on disk already. Removes the segments that
    /// nobody needs any more.
    pub fn purge(&mut self, purged_end: u64) -> io::Result<()> {
        self.fails_closed(|writer| {
            if purged_end == 0 {
                // The first segment stays as long as nothing was purged.
                return Ok(());
            }
            let needed = {
                let mut readable = writer.readable.lock();
                readable.index.purge(purged_end);
                let needed = readable.index.first_segment();
                let needed = needed.unwrap_or(writer.current.header.sequence);
                readable.files.retain(|sequence, _| *sequence >= needed);
                needed
            };
            while writer.oldest < needed {
                writer.folder.remove(&segment::name(writer.oldest))?;
                writer.oldest += 1;
            }
            Ok(())
        })
    }

    /// Ends the newest segment, unless nothing is in it yet.
    pub fn end_segment(&mut self) -> io::Result<()> {
        self.fails_closed(
            |writer| {
                if writer.used > SECTOR { writer.begin_segment(0) } else { Ok(()) }
            },
        )
    }

    /// Goes on making the next segment, if it may be needed soon. That it cannot be made is nobody's
    /// concern until then.
    pub fn prepare(&mut self) {
        if self.has_failed || self.used < self.current.header.bytes as usize / 2 {
            return;
        }
        let spare = self.spare.take().map_or_else(|| self.begin_spare(0), Ok);
        self.spare = spare.and_then(|mut spare| spare.go_on().map(|()| spare)).ok();
    }

    fn begin_spare(&self, frame: usize) -> io::Result<Spare> {
        let bytes = self.sizes.next(self.current.header.bytes, frame);
        Spare::begin(self.folder.as_ref(), bytes)
    }

    fn fails_closed(&mut self, write: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        if self.has_failed {
            return Err(io::Error::other("an earlier write to the log has failed"));
        }
        let outcome = write(self);
        self.has_failed = outcome.is_err();
        outcome
    }

    /// Writes a frame, in a new segment if there is no more room in this one. Says where it is.
    fn write(
        &mut self,
        content: Content,
        encoded: &[&[u8]],
        sync: bool,
    ) -> io::Result<Range<usize>> {
        let bytes: usize = encoded.iter().map(|part| part.len()).sum();
        // Its head is shorter than a sector.
        let longest = (SECTOR + bytes + 1).next_multiple_of(SECTOR);
        if self.used + longest + SECTOR > self.current.header.bytes as usize {
            self.begin_segment(longest)?;
        }
        self.write_frame(content, encoded, sync)
    }

    fn write_frame(
        &mut self,
        content: Content,
        encoded: &[&[u8]],
        sync: bool,
    ) -> io::Result<Range<usize>> {
        let SegmentHeader { log, sequence, .. } = self.current.header;
        let sector = frame::sector_of(self.used);
        let head = FrameHead { log, segment: sequence, sector, vote: self.vote, content };
        let bytes = frame::encode(&head, encoded);
        self.current.file.write_at(self.used as u64, &bytes)?;
        if sync {
            self.current.file.sync_data()?;
        }
        let begin = self.used;
        self.used += bytes.len();
        Ok(begin..self.used)
    }

    /// Begins the next segment, which has room for a frame of so many bytes.
    fn begin_segment(&mut self, frame: usize) -> io::Result<()> {
        let spare = match self.spare.take() {
            Some(spare) if spare.bytes() >= self.sizes.next(0, frame) => spare,
            _ => self.begin_spare(frame)?,
        };
        let header = SegmentHeader {
            log: self.current.header.log,
            sequence: self.current.header.sequence + 1,
            first: self.readable.lock().index.end(),
            bytes: spare.bytes(),
            vote: self.vote,
        };
        let next = spare.finish(self.folder.as_ref(), header)?;
        // It is there before anything says so.
        self.write_frame(Content::SegmentEnd, &[], true)?;
        let file = Arc::clone(&next.file);
        self.readable.lock().files.insert(next.header.sequence, file);
        self.current = next;
        self.used = SECTOR;
        Ok(())
    }
}
