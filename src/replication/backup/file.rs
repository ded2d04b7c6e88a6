//! Backups as they are written and read: one part after the other.

use std::io::{self, Read, Write};

use super::format::{BackupDecoder, BackupEncoder, BackupHeader, FormatError, LONGEST, Part};
use crate::{
    envelope::{self, Kind},
    wire::internal::SnapshotChunk,
};

/// The length of an envelope is said within so many bytes.
const LENGTH_WITHIN: usize = 11;

/// A backup cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The master stopped sending, or has gone.
    #[error("the master has not sent all of its state")]
    Truncated,
    /// The file cannot be written.
    #[error("cannot write: {0}")]
    Disk(#[from] io::Error),
}

/// A file cannot be read as a backup.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is not one, or no whole one.
    #[error("at byte {at}: {source}")]
    Format {
        /// Where the part begins that is wrong.
        at: u64,
        /// What is wrong with it.
        source: FormatError,
    },
    /// It cannot be read.
    #[error("{0}")]
    Disk(#[from] io::Error),
}

/// Writes `header` and all `chunks` of a snapshot after its header. `wrote` is told how many bytes.
pub fn write(
    file: &mut impl Write,
    header: &BackupHeader,
    chunks: &mut dyn Iterator<Item = SnapshotChunk>,
    wrote: &mut dyn FnMut(u64),
) -> Result<(), WriteError> {
    let mut encoder = BackupEncoder::default();
    let mut put = |part: &[u8]| {
        wrote(part.len() as u64);
        file.write_all(part)
    };
    put(&encoder.header(header))?;
    let mut last = None;
    for SnapshotChunk { payload } in chunks {
        last = envelope::peek(&payload).map(|(kind, _)| kind);
        put(&encoder.block(&payload))?;
    }
    if last != Some(Kind::SnapshotEnd) {
        return Err(WriteError::Truncated);
    }
    Ok(put(&encoder.end())?)
}

/// Reads a backup.
pub struct BackupReader<R> {
    file: R,
    decoder: BackupDecoder,
    /// Where the next part begins.
    at: u64,
}

impl<R: Read> BackupReader<R> {
    /// Reads this file from where it is.
    pub fn new(file: R) -> Self {
        Self { file, decoder: BackupDecoder::default(), at: 0 }
    }

    /// How many bytes were read.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The header, which comes first.
    pub fn header(&mut self) -> Result<BackupHeader, ReadError> {
        match self.next()? {
            Some(Part::Header(header)) => Ok(header),
            _ => Err(self.wrong(FormatError::NoHeader)),
        }
    }

    /// The content of the next block; none after the last, if all was as it was written.
    pub fn block(&mut self) -> Result<Option<Vec<u8>>, ReadError> {
        match self.next()? {
            Some(Part::Block(content)) => Ok(Some(content)),
            Some(Part::Header(_)) => Err(self.wrong(FormatError::NoHeader)),
            // What follows is refused.
            Some(Part::End) => self.next().map(|_| None),
            None => Ok(None),
        }
    }

    fn next(&mut self) -> Result<Option<Part>, ReadError> {
        let Some(sealed) = self.envelope()? else {
            return self.decoder.finish().map(|()| None).map_err(|source| self.wrong(source));
        };
        let part = self.decoder.part(&sealed).map_err(|source| self.wrong(source))?;
        self.at += sealed.len() as u64;
        Ok(Some(part))
    }

    fn wrong(&self, source: FormatError) -> ReadError {
        ReadError::Format { at: self.at, source }
    }

    /// The next envelope, sound or not; none at the end.
    fn envelope(&mut self) -> Result<Option<Vec<u8>>, ReadError> {
        let mut sealed = Vec::new();
        let total = loop {
            if let Some(total) = envelope::announced_length(&sealed) {
                break total;
            }
            if sealed.len() == LENGTH_WITHIN {
                return Err(self.wrong(self.not_here()));
            }
            let mut byte = [0];
            if self.file.read(&mut byte)? == 0 {
                return if sealed.is_empty() { Ok(None) } else { Err(self.wrong(self.not_here())) };
            }
            sealed.push(byte[0]);
        };
        if total > LONGEST {
            return Err(self.wrong(self.not_here()));
        }
        let rest = total - sealed.len();
        let read = self.file.by_ref().take(rest as u64).read_to_end(&mut sealed)?;
        if read < rest {
            return Err(self.wrong(FormatError::NoEnd));
        }
        Ok(Some(sealed))
    }

    /// What it means that there is no part here.
    fn not_here(&self) -> FormatError {
        if self.at == 0 { FormatError::NoHeader } else { FormatError::NoEnd }
    }
}
