//! Finding the log again in its segments.
//!
//! What the last write has left in part was never acknowledged: it is cut off, durably, before anything
//! else is written. Everything else that is not as it was written is damage, and refused: a frame that
//! has changed, a segment that is missing, entries that do not follow each other.
//!
//! The last frame may be whole without being on disk, since its sync was interrupted or has failed. So
//! it is written again and synced before anybody relies on it.

use std::{collections::BTreeMap, io, sync::Arc};

use parking_lot::Mutex;

use super::{
    Readable, SharedReadable,
    damage::{damaged, damaged_at, damaged_segment},
    frame::{Content, SECTOR, SegmentHeader, sector_of},
    frame_index::{FrameIndex, FramePosition},
    reader::SegmentReader,
    scan::{Scan, scan},
    segment::{self, FIRST, Segment, SegmentSizes, Spare},
    writer::SegmentWriter,
};
use crate::{
    host::random_access::{Folder, ReadFolder},
    replication::Vote,
};

/// A log that was found.
pub struct Recovered {
    /// The one who writes to it.
    pub writer: SegmentWriter,
    /// Reads it.
    pub reader: SegmentReader,
    /// The highest vote that any frame carries.
    pub vote: Option<Vote>,
}

/// A segment that was found, and its bytes, as far as they may have to be written again.
pub struct Found {
    pub segment: Segment,
    scan: Scan,
    last_frame: Vec<u8>,
}

/// The segments of a log, of which nothing has been changed yet.
pub struct Joined {
    /// Those that are in use, in their order.
    pub found: Vec<Found>,
    /// The last segment, if it was never used.
    unused: Option<Found>,
    pub index: FrameIndex,
}

/// Begins the log with this id, whose facts do not know of any. A segment without entries is left from
/// an attempt before; one that has some is of a log whose facts were lost.
pub fn create(folder: &dyn Folder, log: u64, sizes: SegmentSizes) -> io::Result<()> {
    for sequence in segment::sequences(folder)? {
        let found = Found::open(folder, sequence)?;
        if !found.is_first_and_empty() {
            return Err(damaged("there are segments of a log that nothing else is known of"));
        }
        folder.remove(&segment::name(sequence))?;
    }
    let bytes = sizes.next(0, 0);
    let header = SegmentHeader { log, sequence: FIRST, first: 0, bytes, vote: None };
    Spare::begin(folder, bytes)?.finish(folder, header).map(drop)
}

/// Opens the log with this id, of which the entries before `purged_end` were purged.
pub fn open(
    folder: Box<dyn Folder>,
    log: u64,
    purged_end: u64,
    sizes: SegmentSizes,
) -> io::Result<Recovered> {
    segment::remove_spare(folder.as_ref())?;
    let sequences = segment::sequences(folder.as_ref())?;
    let oldest = oldest_in_use(&sequences)?;
    let in_use = sequences.iter().filter(|sequence| **sequence >= oldest);
    let found = in_use.map(|sequence| Found::open(folder.as_ref(), *sequence));
    let Joined { mut found, unused, index } =
        join(found.collect::<Result<_, _>>()?, log, purged_end)?;
    if let Some(unused) = unused {
        folder.remove(&segment::name(unused.segment.header.sequence))?;
    }
    for left in sequences.iter().filter(|sequence| **sequence < oldest) {
        folder.remove(&segment::name(*left))?;
    }
    make_durable(folder.as_ref(), &found)?;

    let vote = highest_vote(&found);
    let readable = readable(&found, index);
    let Found { segment: current, scan, .. } = found.pop().expect("there is one at least");
    let reader = SegmentReader::new(log, Arc::clone(&readable));
    let mut writer = SegmentWriter {
        folder,
        sizes,
        readable,
        current,
        used: scan.end,
        spare: None,
        oldest,
        vote,
        has_failed: false,
    };
    // A purge may have been interrupted.
    writer.purge(purged_end)?;
    Ok(Recovered { writer, reader, vote })
}

/// The highest vote that any frame or header carries.
pub fn highest_vote(found: &[Found]) -> Option<Vote> {
    let votes = found.iter().flat_map(Found::votes);
    votes.reduce(|highest, vote| if vote > highest { vote } else { highest })
}

/// What can be read of these segments.
pub fn readable(found: &[Found], index: FrameIndex) -> SharedReadable {
    let file = |found: &Found| (found.segment.header.sequence, Arc::clone(&found.segment.file));
    let files = found.iter().map(file).collect::<BTreeMap<_, _>>();
    Arc::new(Mutex::new(Readable { index, files }))
}

/// Says how the segments that are in use, all of which were found, make the log with this id, of which the
/// entries before `purged_end` were purged.
pub fn join(mut found: Vec<Found>, log: u64, purged_end: u64) -> io::Result<Joined> {
    let header = |found: &Found| found.segment.header.clone();
    if let Some(other) = found.iter().map(header).find(|header| header.log != log) {
        return Err(damaged_segment(other.sequence, "there are segments of another log"));
    }
    let unused = take_unused(&mut found);
    let index = replay(&found, purged_end)?;
    Ok(Joined { found, unused, index })
}

/// The oldest of the segments that follow each other without a gap. What is older was purged, and is
/// there again after a loss of power.
pub fn oldest_in_use(sequences: &[u32]) -> io::Result<u32> {
    let mut newer = sequences.iter().rev().copied();
    let mut oldest = newer.next().ok_or_else(|| damaged("the segments of the log are missing"))?;
    while let Some(before) = newer.next()
        && before + 1 == oldest
    {
        oldest = before;
    }
    Ok(oldest)
}

/// The last segment, if the one before it does not know of it: it was never used.
fn take_unused(found: &mut Vec<Found>) -> Option<Found> {
    let [.., before, last] = found.as_slice() else { return None };
    let is_unused = !before.scan.goes_on()
        && last.scan.frames.is_empty()
        && last.scan.torn_until == last.scan.end;
    if is_unused { found.pop() } else { None }
}

/// Says which frame holds which entries.
fn replay(found: &[Found], purged_end: u64) -> io::Result<FrameIndex> {
    let oldest = &found[0].segment.header;
    if purged_end == 0 && oldest.sequence != FIRST {
        return Err(damaged_segment(oldest.sequence - 1, "this segment of the log is missing"));
    }
    let mut index = FrameIndex::new(purged_end, oldest.first);
    for (number, Found { segment: Segment { header, .. }, scan, .. }) in (1..).zip(found) {
        if scan.goes_on() != (number < found.len()) {
            let missing = "this segment of the log is missing, or unexpected";
            return Err(damaged_segment(header.sequence + 1, missing));
        }
        if header.first != index.end() && !index.may_go_on_at(header.first) {
            return Err(damaged_segment(header.sequence, "this segment of the log leaves a gap"));
        }
        for frame in &scan.frames {
            match frame.head.content {
                Content::Entries(entries) => {
                    if !index.may_go_on_at(entries.first) {
                        let gap = format!("entry {} of the log leaves a gap", entries.first);
                        return Err(damaged_at(header.sequence, frame.at, gap));
                    }
                    let position = FramePosition {
                        first: entries.first,
                        segment: header.sequence,
                        sector: sector_of(frame.at),
                        bytes: u32::try_from(frame.length()).expect("it is within its segment"),
                    };
                    index.append(position, entries.count);
                }
                Content::Truncation(since) => index.truncate(since),
                Content::SegmentEnd => {}
            }
        }
    }
    if index.has_gap() {
        let missing = "entries of the log that were not purged are missing";
        return Err(damaged_segment(oldest.sequence - 1, missing));
    }
    Ok(index)
}

/// Cuts off what is torn, and makes the rest durable: a segment is synced before the next is used, so
/// that concerns the last two.
fn make_durable(folder: &dyn Folder, found: &[Found]) -> io::Result<()> {
    for Found { segment, scan, last_frame } in &found[found.len().saturating_sub(2)..] {
        segment.file.write_at((scan.end - last_frame.len()) as u64, last_frame)?;
        if scan.torn_until > scan.end {
            segment.file.write_at(scan.end as u64, &vec![0; scan.torn_until - scan.end])?;
        }
        segment.file.sync_data()?;
    }
    folder.sync_names()
}

impl Found {
    /// Opens a segment, and finds out what is in it.
    pub fn open(folder: &dyn ReadFolder, sequence: u32) -> io::Result<Self> {
        let (segment, bytes) = Segment::open(folder, sequence)?;
        let scan = scan(&segment.header, &bytes)?;
        // The header, if there is no frame.
        let last = scan.frames.last().map_or(0, |frame| frame.at);
        let last_frame = bytes[last..scan.end.max(SECTOR)].to_vec();
        Ok(Self { segment, scan, last_frame })
    }

    /// Whether it is all that there is of a log to which nothing was ever appended.
    pub fn is_first_and_empty(&self) -> bool {
        self.segment.header.sequence == FIRST && self.scan.frames.is_empty()
    }

    /// All votes that it carries.
    fn votes(&self) -> impl Iterator<Item = Vote> {
        let of_frames = self.scan.frames.iter().filter_map(|frame| frame.head.vote);
        self.segment.header.vote.into_iter().chain(of_frames)
    }
}
