//! What of the segments is not as it was written, and where. Pure.

use std::{fmt, io};

use super::segment;
use crate::envelope;

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentDamage {
    /// What is wrong with it.
    pub what: String,
    /// The name of the segment in which it is; none if it concerns all of them.
    pub segment: Option<String>,
    /// At which byte of the segment it begins.
    pub at: Option<usize>,
}

impl fmt::Display for SegmentDamage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.what)?;
        match (&self.segment, self.at) {
            (Some(segment), Some(at)) => write!(formatter, " (segment {segment}, byte {at})"),
            (Some(segment), None) => write!(formatter, " (segment {segment})"),
            (None, _) => Ok(()),
        }
    }
}

impl std::error::Error for SegmentDamage {}

impl SegmentDamage {
    /// The damage that an error tells of.
    pub fn in_error(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    fn into_error(self) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, self)
    }
}

/// All of the segments together are damaged.
pub fn damaged(what: impl Into<String>) -> io::Error {
    SegmentDamage { what: what.into(), segment: None, at: None }.into_error()
}

/// A segment is damaged as a whole.
pub fn damaged_segment(sequence: u32, what: impl Into<String>) -> io::Error {
    let segment = Some(segment::name(sequence));
    SegmentDamage { what: what.into(), segment, at: None }.into_error()
}

/// A segment is damaged at this byte.
pub fn damaged_at(sequence: u32, at: usize, what: impl Into<String>) -> io::Error {
    let segment = Some(segment::name(sequence));
    SegmentDamage { what: what.into(), segment, at: Some(at) }.into_error()
}

/// What an envelope at this byte is refused for: only another version of it is no damage.
pub fn refused_at(sequence: u32, at: usize, error: envelope::Error) -> io::Error {
    if error.is_another_version() {
        io::Error::new(io::ErrorKind::InvalidData, error)
    } else {
        damaged_at(sequence, at, error.to_string())
    }
}
