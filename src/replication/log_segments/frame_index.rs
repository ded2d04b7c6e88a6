//! Which frame holds which entries. Pure.

use std::{collections::VecDeque, ops::Range};

/// Where a frame is. There is one in memory for each frame whose entries can be read: 24 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FramePosition {
    /// The index of its first entry.
    pub first: u64,
    /// The sequence number of its segment.
    pub segment: u32,
    /// The sector of the segment in which it begins.
    pub sector: u32,
    /// How long it is, with the zeros behind it.
    pub bytes: u32,
}

/// The frames whose entries can be read, in the order of their entries.
#[derive(Debug, Default)]
pub struct FrameIndex {
    frames: VecDeque<FramePosition>,
    /// The index after the last entry that was purged; 0 if none was.
    purged_end: u64,
    /// The index after the last entry; 0 if there was none.
    end: u64,
}

impl FrameIndex {
    /// Of a log that ends before `end`, and nothing of which can be read.
    pub fn new(purged_end: u64, end: u64) -> Self {
        Self { frames: VecDeque::new(), purged_end, end }
    }

    /// The index after the last entry.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Whether an entry with this index may be the next: it follows the last one, or everything before
    /// it was purged; an empty log may begin at any index.
    pub fn may_go_on_at(&self, first: u64) -> bool {
        self.end == 0 || first == self.end || (self.end..=self.purged_end).contains(&first)
    }

    /// `count` entries were appended in a frame.
    pub fn append(&mut self, frame: FramePosition, count: u32) {
        assert!(self.may_go_on_at(frame.first), "{frame:?} follows index {}", self.end);
        if frame.first != self.end {
            self.frames.clear();
        }
        self.end = frame.first + u64::from(count);
        self.frames.push_back(frame);
    }

    /// The entries from `since` on were cut off.
    pub fn truncate(&mut self, since: u64) {
        while self.frames.pop_back_if(|last| last.first >= since).is_some() {}
        self.end = self.end.min(since);
        if self.frames.is_empty() && self.purged_end == 0 {
            self.end = 0;
        }
    }

    /// The entries before `purged_end` were purged.
    pub fn purge(&mut self, purged_end: u64) {
        self.purged_end = self.purged_end.max(purged_end);
        self.end = self.end.max(self.purged_end);
        while !self.frames.is_empty() && self.entries_of(0).end <= self.purged_end {
            self.frames.pop_front();
        }
    }

    /// The segment in which the first entry is that can be read; none if none can.
    pub fn first_segment(&self) -> Option<u32> {
        self.frames.front().map(|first| first.segment)
    }

    /// The segment in which the last entry is that can be read; none if none can.
    pub fn last_segment(&self) -> Option<u32> {
        self.frames.back().map(|last| last.segment)
    }

    /// Whether entries are missing that were not purged.
    pub fn has_gap(&self) -> bool {
        let begins = self.frames.front().map_or(self.end, |first| first.first);
        self.purged_end > 0 && begins > self.purged_end
    }

    /// The frame of the first entry within these that can be read, and which entries are in it.
    pub fn find(&self, wanted: &Range<u64>) -> Option<(FramePosition, Range<u64>)> {
        let start = wanted.start.max(self.purged_end).max(self.frames.front()?.first);
        let frame = self.frames.partition_point(|frame| frame.first <= start).checked_sub(1)?;
        let within = start..self.entries_of(frame).end.min(wanted.end);
        (!within.is_empty()).then(|| (self.frames[frame], within))
    }

    /// The indexes of the entries of a frame: of its last ones, some may have been cut off.
    fn entries_of(&self, frame: usize) -> Range<u64> {
        let end = self.frames.get(frame + 1).map_or(self.end, |next| next.first);
        self.frames[frame].first..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u64, segment: u32) -> FramePosition {
        FramePosition { first, segment, sector: 1, bytes: 9 }
    }

    #[test]
    fn an_entry_is_found_in_the_last_frame_that_holds_it_until_it_is_cut_off_or_purged() {
        let mut index = FrameIndex::default();
        index.append(frame(1, 1), 10);
        index.append(frame(11, 2), 10);
        index.truncate(15);
        index.append(frame(15, 3), 10);
        let found = |index: &FrameIndex, wanted: Range<u64>| {
            index.find(&wanted).map(|(frame, entries)| (frame.segment, entries))
        };
        assert_eq!(found(&index, 0..100), Some((1, 1..11)));
        assert_eq!(found(&index, 14..100), Some((2, 14..15)));
        assert_eq!(found(&index, 15..17), Some((3, 15..17)));
        assert_eq!(found(&index, 25..30), None);
        index.purge(12);
        assert_eq!(found(&index, 0..100), Some((2, 12..15)));
        assert_eq!((index.first_segment(), index.has_gap()), (Some(2), false));
        index.truncate(12);
        assert_eq!((found(&index, 0..100), index.end()), (None, 12));
        let mut emptied = FrameIndex::default();
        emptied.append(frame(1, 1), 1);
        emptied.truncate(1);
        assert!(emptied.may_go_on_at(7), "as if nothing had ever been in it");
    }

    #[test]
    fn a_log_goes_on_where_it_ends_or_where_what_was_purged_ends() {
        assert!(FrameIndex::default().may_go_on_at(7), "an empty log begins anywhere");
        let mut index = FrameIndex::new(0, 5);
        assert_eq!([4, 5, 6].map(|first| index.may_go_on_at(first)), [false, true, false]);
        index = FrameIndex::new(10, 5);
        let going_on = [4, 5, 7, 10, 11].map(|first| index.may_go_on_at(first));
        assert_eq!(going_on, [false, true, true, true, false]);
        index.append(frame(5, 1), 1);
        index.append(frame(10, 1), 1);
        assert_eq!(index.find(&(0..100)).map(|(_, entries)| entries), Some(10..11));
        index.purge(20);
        assert_eq!((index.end(), index.first_segment(), index.has_gap()), (20, None, false));
        index.append(frame(20, 2), 1);
        assert!(!index.has_gap());
        let mut without = FrameIndex::new(10, 15);
        without.append(frame(15, 2), 1);
        assert!(without.has_gap());
    }
}
