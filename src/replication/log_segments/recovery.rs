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
    Readable, damaged,
    frame::{Content, SECTOR, SegmentHeader, sector_of},
    frame_index::{FrameIndex, FramePosition},
    reader::SegmentReader,
    scan::{Scan, scan},
    segment::{self, FIRST, Segment, SegmentSizes, Spare},
    writer::SegmentWriter,
};
use crate::{host::random_access::Folder, replication::Vote};

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
struct Found {
    segment: Segment,
    scan: Scan,
    last_frame: Vec<u8>,
}

/// Begins the log with this id, whose facts do not know of any. A segment without entries is left from
/// an attempt before; one that has some is of a log whose facts were lost.
pub fn create(folder: &dyn Folder, log: u64, sizes: SegmentSizes) -> io::Result<()> {
    for sequence in segment::sequences(folder)? {
        let found = Found::open(folder, sequence)?;
        if sequence != FIRST || !found.scan.frames.is_empty() {
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
    let mut found = Vec::new();
    for sequence in sequences.iter().filter(|sequence| **sequence >= oldest) {
        found.push(Found::open(folder.as_ref(), *sequence)?);
    }
    if found.iter().any(|found| found.segment.header.log != log) {
        return Err(damaged("there are segments of another log"));
    }
    drop_unused(folder.as_ref(), &mut found)?;
    let index = replay(&found, purged_end)?;
    for left in sequences.iter().filter(|sequence| **sequence < oldest) {
        folder.remove(&segment::name(*left))?;
    }
    make_durable(folder.as_ref(), &found)?;

    let votes = found.iter().flat_map(Found::votes);
    let vote = votes.reduce(|highest, vote| if vote > highest { vote } else { highest });
    let file = |found: &Found| (found.segment.header.sequence, Arc::clone(&found.segment.file));
    let files = found.iter().map(file).collect::<BTreeMap<_, _>>();
    let readable = Arc::new(Mutex::new(Readable { index, files }));
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

/// The oldest of the segments that follow each other without a gap. What is older was purged, and is
/// there again after a loss of power.
fn oldest_in_use(sequences: &[u32]) -> io::Result<u32> {
    let mut newer = sequences.iter().rev().copied();
    let mut oldest = newer.next().ok_or_else(|| damaged("the segments of the log are missing"))?;
    while let Some(before) = newer.next()
        && before + 1 == oldest
    {
        oldest = before;
    }
    Ok(oldest)
}

/// Drops the last segment if the one before it does not know of it: it was never used.
fn drop_unused(folder: &dyn Folder, found: &mut Vec<Found>) -> io::Result<()> {
    if let [.., before, last] = found.as_slice()
        && !before.scan.goes_on()
        && last.scan.frames.is_empty()
        && last.scan.torn_until == last.scan.end
    {
        folder.remove(&segment::name(last.segment.header.sequence))?;
        found.pop();
    }
    Ok(())
}

/// Says which frame holds which entries.
fn replay(found: &[Found], purged_end: u64) -> io::Result<FrameIndex> {
    let oldest = &found[0].segment.header;
    if purged_end == 0 && oldest.sequence != FIRST {
        return Err(damaged("the first segment of the log is missing"));
    }
    let mut index = FrameIndex::new(purged_end, oldest.first);
    for (number, Found { segment: Segment { header, .. }, scan, .. }) in (1..).zip(found) {
        if scan.goes_on() != (number < found.len()) {
            let sequence = header.sequence + 1;
            return Err(damaged(format!(
                "segment {sequence} of the log is missing, or unexpected"
            )));
        }
        if header.first != index.end() && !index.may_go_on_at(header.first) {
            return Err(damaged(format!("segment {} of the log leaves a gap", header.sequence)));
        }
        for frame in &scan.frames {
            match frame.head.content {
                Content::Entries(entries) => {
                    if !index.may_go_on_at(entries.first) {
                        return Err(damaged(format!(
                            "entry {} of the log leaves a gap",
                            entries.first
                        )));
                    }
                    let position = FramePosition {
                        first: entries.first,
                        segment: header.sequence,
                        sector: sector_of(frame.at),
                        bytes: u32::try_from(frame.length()).map_err(damaged)?,
                    };
                    index.append(position, entries.count);
                }
                Content::Truncation(since) => index.truncate(since),
                Content::SegmentEnd => {}
            }
        }
    }
    if index.has_gap() {
        return Err(damaged("entries of the log that were not purged are missing"));
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
    fn open(folder: &dyn Folder, sequence: u32) -> io::Result<Self> {
        let (segment, bytes) = Segment::open(folder, sequence)?;
        let scan = scan(&segment.header, &bytes)?;
        // The header, if there is no frame.
        let last = scan.frames.last().map_or(0, |frame| frame.at);
        let last_frame = bytes[last..scan.end.max(SECTOR)].to_vec();
        Ok(Self { segment, scan, last_frame })
    }

    /// All votes that it carries.
    fn votes(&self) -> impl Iterator<Item = Vote> {
        let of_frames = self.scan.frames.iter().filter_map(|frame| frame.head.vote);
        self.segment.header.vote.into_iter().chain(of_frames)
    }
}
