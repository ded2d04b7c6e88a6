//! The segments of a log for somebody who only looks: all that is damaged, not only what is found first.

use std::io;

use super::{
    damage::SegmentDamage,
    reader::SegmentReader,
    recovery::{Found, Joined, highest_vote, join, oldest_in_use, readable},
    segment,
};
use crate::{host::random_access::ReadFolder, replication::Vote};

/// What was found.
#[derive(Default)]
pub struct InspectedSegments {
    /// Everything that is damaged.
    pub damage: Vec<SegmentDamage>,
    /// Reads the entries, if nothing is.
    pub reader: Option<SegmentReader>,
    /// The highest vote that any frame carries, if nothing is damaged.
    pub vote: Option<Vote>,
}

impl InspectedSegments {
    /// Notes what is damaged. What is no damage remains an error.
    fn note(&mut self, error: io::Error) -> io::Result<()> {
        let damage = SegmentDamage::in_error(&error).cloned();
        self.damage.push(damage.ok_or(error)?);
        Ok(())
    }
}

/// Looks at the log with this id, of which the entries before `purged_end` were purged, and changes nothing.
/// `looked` is told how many bytes were read.
pub fn inspect(
    folder: &dyn ReadFolder,
    log: u64,
    purged_end: u64,
    looked: &mut dyn FnMut(u64),
) -> io::Result<InspectedSegments> {
    let mut inspected = InspectedSegments::default();
    let sequences = segment::sequences(folder)?;
    let oldest = match oldest_in_use(&sequences) {
        Ok(oldest) => oldest,
        Err(error) => {
            inspected.note(error)?;
            return Ok(inspected);
        }
    };
    let mut found = Vec::new();
    for sequence in sequences.iter().filter(|sequence| **sequence >= oldest) {
        match Found::open(folder, *sequence) {
            Ok(sound) => {
                looked(sound.segment.header.bytes.into());
                found.push(sound);
            }
            Err(error) => inspected.note(error)?,
        }
    }
    if !inspected.damage.is_empty() {
        return Ok(inspected);
    }
    match join(found, log, purged_end) {
        Ok(Joined { found, index, .. }) => {
            inspected.vote = highest_vote(&found);
            inspected.reader = Some(SegmentReader::new(log, readable(&found, index)));
        }
        Err(error) => inspected.note(error)?,
    }
    Ok(inspected)
}

/// Whether there are segments with entries, or the beginning of more than one: of a log whose facts are
/// unknown, as `create` would find them.
pub fn has_entries(folder: &dyn ReadFolder) -> io::Result<bool> {
    for sequence in segment::sequences(folder)? {
        match Found::open(folder, sequence) {
            Ok(found) if found.is_first_and_empty() => {}
            Ok(_) => return Ok(true),
            Err(error) => {
                return if SegmentDamage::in_error(&error).is_some() {
                    Ok(true)
                } else {
                    Err(error)
                };
            }
        }
    }
    Ok(false)
}
