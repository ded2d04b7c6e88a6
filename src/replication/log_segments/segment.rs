//! The files of the segments: their names, their lengths, and how one is made before it is needed.

use std::{io, sync::Arc};

use super::{
    damage::{damaged_segment, refused_at},
    frame::{SECTOR, SegmentHeader, decode_header, encode_header},
};
use crate::host::random_access::{Folder, RandomAccessFile, ReadFolder};

/// The number of a log's first segment.
pub const FIRST: u32 = 1;
/// The name of a segment that is being made. It is in no use yet, and may be removed.
const SPARE: &str = "spare";
/// How much of a segment is filled with zeros at once, while the log goes on: what is appended meanwhile
/// waits for the sync of this much.
const STEP: usize = 256 << 10;

/// Zeros are written in pieces of one page: the kernel keeps together what was written at once, and counts all
/// of it as written again with every frame in it.
const PAGE: usize = 4 << 10;

/// How long segments are, in bytes: each is twice as long as the one before, so that a log that hardly
/// grows takes little room.
#[derive(Clone, Copy, Debug)]
pub struct SegmentSizes {
    /// The first.
    pub smallest: u32,
    /// None is longer, unless one frame is.
    pub largest: u32,
}

impl Default for SegmentSizes {
    fn default() -> Self {
        Self { smallest: 64 << 10, largest: 8 << 20 }
    }
}

impl SegmentSizes {
    /// The length of the segment after one of `bytes`, which has room for a frame of `frame`.
    pub fn next(self, bytes: u32, frame: usize) -> u32 {
        let usual = bytes.saturating_mul(2).clamp(self.smallest, self.largest);
        // Header, frame and end.
        let needed = (frame + 2 * SECTOR).next_multiple_of(SECTOR);
        usual.max(u32::try_from(needed).expect("nothing of ours has 4 GiB"))
    }
}

/// A segment in the folder.
pub struct Segment {
    pub header: SegmentHeader,
    pub file: Arc<dyn RandomAccessFile>,
}

impl Segment {
    /// Opens a segment, and reads all of it.
    pub fn open(folder: &dyn ReadFolder, sequence: u32) -> io::Result<(Self, Vec<u8>)> {
        let file = folder.open(&name(sequence))?;
        let length = usize::try_from(file.length()?).expect("a segment fits in memory");
        let mut bytes = vec![0; length];
        file.read_at(0, &mut bytes)?;
        let header = decode_header(&bytes[..length.min(SECTOR)])
            .map_err(|error| refused_at(sequence, 0, error))?;
        if header.sequence != sequence {
            return Err(damaged_segment(sequence, "this segment of the log is another one"));
        }
        // It may be longer: what is behind its end was never written by us.
        if length < header.bytes as usize {
            return Err(damaged_segment(sequence, "this segment of the log ends too early"));
        }
        bytes.truncate(header.bytes as usize);
        Ok((Self { header, file }, bytes))
    }
}

/// What a segment is called.
pub fn name(sequence: u32) -> String {
    format!("{sequence:010}")
}

/// The numbers of all segments in the folder, in their order.
pub fn sequences(folder: &dyn ReadFolder) -> io::Result<Vec<u32>> {
    let is_ours = |sequence: &u32, found: &str| name(*sequence) == found;
    let names = folder.names()?;
    let sequence = |found: &String| found.parse().ok().filter(|number| is_ours(number, found));
    Ok(names.iter().filter_map(sequence).collect())
}

/// Removes what is left of a segment that was being made.
pub fn remove_spare(folder: &dyn Folder) -> io::Result<()> {
    folder.remove(SPARE)
}

/// A segment that is being made: zeros, up to its length.
pub struct Spare {
    file: Arc<dyn RandomAccessFile>,
    written: usize,
    bytes: u32,
}

impl Spare {
    /// Begins a segment of so many bytes.
    pub fn begin(folder: &dyn Folder, bytes: u32) -> io::Result<Self> {
        Ok(Self { file: folder.create(SPARE)?, written: 0, bytes })
    }

    /// Its length once it is made.
    pub fn bytes(&self) -> u32 {
        self.bytes
    }

    fn left(&self) -> usize {
        self.bytes as usize - self.written
    }

    /// Goes on making it, for as long as one sync takes.
    pub fn go_on(&mut self) -> io::Result<()> {
        match self.left().min(STEP) {
            0 => Ok(()),
            some => {
                self.write_zeros(some)?;
                self.file.sync_data()
            }
        }
    }

    fn write_zeros(&mut self, bytes: usize) -> io::Result<()> {
        let end = self.written + bytes;
        while self.written < end {
            let some = PAGE.min(end - self.written);
            self.file.write_at(self.written as u64, &[0; PAGE][..some])?;
            self.written += some;
        }
        Ok(())
    }

    /// Makes the rest of it, and gives it its name, durably.
    pub fn finish(mut self, folder: &dyn Folder, header: SegmentHeader) -> io::Result<Segment> {
        assert_eq!(header.bytes, self.bytes, "a header says how long its segment is");
        self.write_zeros(self.left())?;
        self.file.write_at(0, &encode_header(&header))?;
        self.file.sync_data()?;
        folder.rename(SPARE, &name(header.sequence))?;
        Ok(Segment { header, file: self.file })
    }
}
