//! A frame: everything that is written with one sync. And the header of a segment. Pure.
//!
//! ```text
//! segment   header | frame | frame | … | zeros
//! frame     head | entries | mark | zeros up to the next sector
//! ```
//!
//! Header and head are envelopes, and so is each entry. A frame begins where a sector does, so that its
//! head is written as a whole or not at all, and no sector that was synced is written again. The head
//! says whose frame it is and where, so that nothing else is taken for it, however it came there.

use serde::{Deserialize, Serialize};

use crate::{
    envelope::{self, Kind},
    replication::Vote,
};

/// What a disk writes as a whole, in bytes.
pub const SECTOR: usize = 512;
/// Ends the entries of a frame, so that its last sector is not zeros.
const MARK: u8 = 0xff;

/// The first sector of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentHeader {
    /// The id of the log: that of every segment of one log, and of no other.
    pub log: u64,
    /// Segments are numbered from 1, without gaps.
    pub sequence: u32,
    /// The index after the last entry before this segment; 0 if there was none.
    pub first: u64,
    /// The length of the segment.
    pub bytes: u32,
    /// The node's vote when the segment was begun.
    pub vote: Option<Vote>,
}

/// The beginning of a frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameHead {
    /// The id of the log.
    pub log: u64,
    /// The sequence number of the segment.
    pub segment: u32,
    /// The sector of the segment in which it begins.
    pub sector: u32,
    /// The node's vote when it was written.
    pub vote: Option<Vote>,
    /// What it says.
    pub content: Content,
}

/// What a frame says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// Entries are appended.
    Entries(Entries),
    /// The entries from this index on are cut off.
    Truncation(u64),
    /// The log goes on in the next segment, which is there.
    SegmentEnd,
}

/// The entries of a frame, which follow its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entries {
    /// The index of the first.
    pub first: u64,
    /// How many there are.
    pub count: u32,
    /// How long they are together.
    pub bytes: u32,
    /// The checksum of all of them.
    pub checksum: u32,
}

/// A frame that was found in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Where it begins.
    pub at: usize,
    /// How long its head is.
    head_bytes: usize,
    pub head: FrameHead,
}

impl Entries {
    /// Describes `count` sealed entries, the first of which has the index `first`.
    pub fn describe(first: u64, count: usize, encoded: &[&[u8]]) -> Self {
        let mut checksum = crc32fast::Hasher::new();
        for part in encoded {
            checksum.update(part);
        }
        let bytes: usize = encoded.iter().map(|part| part.len()).sum();
        Self {
            first,
            count: u32::try_from(count).expect("they are in memory, and few"),
            bytes: u32::try_from(bytes).expect("nothing of ours has 4 GiB"),
            checksum: checksum.finalize(),
        }
    }
}

impl Frame {
    /// The head at `at` in the segment that begins with `segment`; none if there is none that belongs
    /// there. Only another version of it is an error.
    pub fn at(
        log: u64,
        segment: u32,
        at: usize,
        bytes: &[u8],
    ) -> Result<Option<Self>, envelope::Error> {
        let sector = &bytes[..bytes.len().min(SECTOR)];
        let Some((sealed, _)) = envelope::split_first(sector) else { return Ok(None) };
        let head = match envelope::open::<FrameHead>(Kind::LogFrame, sealed) {
            Ok(head) => head,
            Err(error) if error.is_another_version() => return Err(error),
            Err(_) => return Ok(None),
        };
        let belongs = (head.log, head.segment, head.sector) == (log, segment, sector_of(at));
        Ok(belongs.then_some(Self { at, head_bytes: sealed.len(), head }))
    }

    /// How long it is, without the zeros behind it.
    pub fn bytes(&self) -> usize {
        match self.head.content {
            Content::Entries(Entries { bytes, .. }) => self.head_bytes + bytes as usize + 1,
            Content::Truncation(_) | Content::SegmentEnd => self.head_bytes,
        }
    }

    /// How long it is, with the zeros behind it.
    pub fn length(&self) -> usize {
        self.bytes().next_multiple_of(SECTOR)
    }

    /// Its sealed entries, out of its bytes; none if they are not those that were written.
    pub fn entries<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let Content::Entries(entries) = self.head.content else { return Some(&[]) };
        let (mark, encoded) = bytes.get(self.head_bytes..self.bytes())?.split_last()?;
        let is_sound = *mark == MARK && crc32fast::hash(encoded) == entries.checksum;
        is_sound.then_some(encoded)
    }
}

/// The bytes of a frame, with the zeros behind it.
pub fn encode(head: &FrameHead, entries: &[&[u8]]) -> Vec<u8> {
    let mut frame = envelope::seal(Kind::LogFrame, head);
    assert!(frame.len() <= SECTOR, "a head is written as a whole");
    if matches!(head.content, Content::Entries(_)) {
        let bytes: usize = entries.iter().map(|part| part.len()).sum();
        frame.reserve_exact((frame.len() + bytes + 1).next_multiple_of(SECTOR) - frame.len());
        for part in entries {
            frame.extend_from_slice(part);
        }
        frame.push(MARK);
    }
    frame.resize(frame.len().next_multiple_of(SECTOR), 0);
    frame
}

/// The bytes of a header: one sector.
pub fn encode_header(header: &SegmentHeader) -> Vec<u8> {
    let mut sealed = envelope::seal(Kind::LogSegment, header);
    assert!(sealed.len() <= SECTOR, "a header is one sector");
    sealed.resize(SECTOR, 0);
    sealed
}

/// The header in the first sector of a segment.
pub fn decode_header(sector: &[u8]) -> Result<SegmentHeader, envelope::Error> {
    let sealed = envelope::split_first(sector).map_or(sector, |(sealed, _)| sealed);
    envelope::open(Kind::LogSegment, sealed)
}

/// The number of the sector that begins at `at`.
pub fn sector_of(at: usize) -> u32 {
    u32::try_from(at / SECTOR).expect("a segment is shorter than 2 TiB")
}
