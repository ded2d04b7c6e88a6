//! The file of a backup. Pure.
//!
//! ```text
//! header | block | block | … | end
//! ```
//!
//! Each of them is an envelope, with a checksum of its own. A block holds what one chunk of a snapshot does,
//! compressed by itself, so that neither side needs memory for more than one. The end counts the blocks, and
//! has the SHA-256 of everything before it: a file without it is not a whole one.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zstd::bulk;

use crate::{
    domain::{ClusterId, UnixMillis},
    envelope::{self, Kind},
    replication::LogId,
};

/// The longest envelope, and the most that a block decompresses to, in bytes: a chunk has 64 KiB and one row.
pub const LONGEST: usize = 16 << 20;
/// Of what can be read faster than a disk writes, about the best; what takes longer gains a tenth.
const LEVEL: i32 = 3;

/// What a backup is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupHeader {
    /// When it was begun, by the clock of who made it.
    pub made_at: UnixMillis,
    /// Which cluster it was.
    pub cluster: ClusterId,
    /// How far the log was applied.
    pub applied: LogId,
}

#[derive(Serialize, Deserialize)]
struct Block<'a> {
    /// How long it is, decompressed.
    bytes: u32,
    compressed: &'a [u8],
}

#[derive(Serialize, Deserialize)]
struct End {
    blocks: u64,
    sha256: [u8; 32],
}

/// Why a file is no whole backup.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// An envelope in it is damaged, or of another version.
    #[error(transparent)]
    Envelope(#[from] envelope::Error),
    /// A block cannot be decompressed.
    #[error("a block cannot be decompressed")]
    Compression,
    /// It begins with something else.
    #[error("it does not begin like a backup")]
    NoHeader,
    /// Its end is missing.
    #[error("its end is missing: it was never completed, or cut off")]
    NoEnd,
    /// The end does not fit to what comes before it.
    #[error("its checksum does not match")]
    Checksum,
    /// Something follows the end.
    #[error("there is something after its end")]
    Surplus,
}

/// Makes the parts of a file, one after the other.
#[derive(Default)]
pub struct BackupEncoder {
    sha256: Sha256,
    blocks: u64,
}

impl BackupEncoder {
    /// The first part.
    pub fn header(&mut self, header: &BackupHeader) -> Vec<u8> {
        self.part(Kind::BackupHeader, header)
    }

    /// A block with this content.
    pub fn block(&mut self, content: &[u8]) -> Vec<u8> {
        let compressed =
            bulk::compress(content, LEVEL).expect("what is in memory can be compressed");
        let bytes = u32::try_from(content.len()).expect("a chunk is short");
        self.blocks += 1;
        self.part(Kind::BackupBlock, &Block { bytes, compressed: &compressed })
    }

    /// The last part.
    pub fn end(self) -> Vec<u8> {
        let end = End { blocks: self.blocks, sha256: self.sha256.finalize().into() };
        envelope::seal(Kind::BackupEnd, &end)
    }

    fn part(&mut self, kind: Kind, value: &impl Serialize) -> Vec<u8> {
        let sealed = envelope::seal(kind, value);
        self.sha256.update(&sealed);
        sealed
    }
}

/// Reads the parts of a file, one after the other.
#[derive(Default)]
pub struct BackupDecoder {
    sha256: Sha256,
    blocks: u64,
    progress: DecoderProgress,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum DecoderProgress {
    #[default]
    Nothing,
    HasHeader,
    HasEnd,
}

/// A part of a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    /// The first.
    Header(BackupHeader),
    /// The content of a block.
    Block(Vec<u8>),
    /// The last. What was read is all that was written.
    End,
}

impl BackupDecoder {
    /// Reads the next part: an envelope.
    pub fn part(&mut self, sealed: &[u8]) -> Result<Part, FormatError> {
        let kind = envelope::peek(sealed).map(|(kind, _)| kind);
        let part = match (self.progress, kind) {
            (DecoderProgress::HasEnd, _) => return Err(FormatError::Surplus),
            (DecoderProgress::Nothing, Some(Kind::BackupHeader)) => {
                self.progress = DecoderProgress::HasHeader;
                Part::Header(envelope::open(Kind::BackupHeader, sealed)?)
            }
            (DecoderProgress::Nothing, _) => return Err(FormatError::NoHeader),
            (DecoderProgress::HasHeader, Some(Kind::BackupEnd)) => {
                let End { blocks, sha256 } = envelope::open(Kind::BackupEnd, sealed)?;
                let found: [u8; 32] = self.sha256.clone().finalize().into();
                if (blocks, sha256) != (self.blocks, found) {
                    return Err(FormatError::Checksum);
                }
                self.progress = DecoderProgress::HasEnd;
                return Ok(Part::End);
            }
            (DecoderProgress::HasHeader, _) => {
                let Block { bytes, compressed } = envelope::open(Kind::BackupBlock, sealed)?;
                self.blocks += 1;
                Part::Block(decompress(bytes as usize, compressed)?)
            }
        };
        self.sha256.update(sealed);
        Ok(part)
    }

    /// Nothing follows.
    pub fn finish(&self) -> Result<(), FormatError> {
        match self.progress {
            DecoderProgress::HasEnd => Ok(()),
            DecoderProgress::HasHeader => Err(FormatError::NoEnd),
            DecoderProgress::Nothing => Err(FormatError::NoHeader),
        }
    }
}

fn decompress(bytes: usize, compressed: &[u8]) -> Result<Vec<u8>, FormatError> {
    if bytes > LONGEST {
        return Err(FormatError::Compression);
    }
    let content = bulk::decompress(compressed, bytes).map_err(|_| FormatError::Compression)?;
    if content.len() == bytes { Ok(content) } else { Err(FormatError::Compression) }
}

#[cfg(test)]
mod tests {
    use openraft::CommittedLeaderId;

    use super::*;
    use crate::domain::NodeId;

    fn header() -> BackupHeader {
        let applied = LogId::new(CommittedLeaderId::new(3, NodeId::new(1)), 120);
        BackupHeader { made_at: UnixMillis::new(7), cluster: ClusterId::new(9), applied }
    }

    fn parts() -> Vec<Vec<u8>> {
        let mut encoder = BackupEncoder::default();
        let mut parts = vec![encoder.header(&header())];
        parts.extend([&b"one"[..], &vec![7; 100_000], b""].map(|content| encoder.block(content)));
        parts.push(encoder.end());
        parts
    }

    fn read(parts: &[Vec<u8>]) -> Result<Vec<Part>, FormatError> {
        let mut decoder = BackupDecoder::default();
        let read: Result<Vec<_>, _> = parts.iter().map(|part| decoder.part(part)).collect();
        decoder.finish().and(read)
    }

    #[test]
    fn what_was_written_is_read_and_was_compressed() {
        let parts = parts();
        let blocks = [b"one".to_vec(), vec![7; 100_000], Vec::new()].map(Part::Block);
        let expected = std::iter::once(Part::Header(header())).chain(blocks).chain([Part::End]);
        assert_eq!(read(&parts).expect("whole"), expected.collect::<Vec<_>>());
        assert!(parts[2].len() < 1_000);
    }

    #[test]
    fn a_part_that_is_missing_doubled_or_elsewhere_is_noticed() {
        let sound = parts();
        for at in 0..sound.len() {
            let mut missing = sound.clone();
            missing.remove(at);
            assert!(read(&missing).is_err(), "without part {at}");
            let mut doubled = sound.clone();
            doubled.insert(at, sound[at].clone());
            assert!(read(&doubled).is_err(), "with part {at} twice");
            let mut swapped = sound.clone();
            swapped.swap(at, (at + 1) % sound.len());
            assert!(read(&swapped).is_err(), "parts {at} and the next have changed places");
        }
        assert!(matches!(read(&sound[..3]), Err(FormatError::NoEnd)));
        assert!(matches!(read(&[]), Err(FormatError::NoHeader)));
    }

    #[test]
    fn a_byte_that_has_changed_is_noticed() {
        let sound = parts();
        for (part, bytes) in sound.iter().enumerate() {
            for at in 0..bytes.len() {
                let mut changed = sound.clone();
                changed[part][at] ^= 4;
                assert!(read(&changed).is_err(), "byte {at} of part {part}");
            }
        }
    }
}
