//! What is in a segment, and what an interrupted write has left of a frame. Pure.
//!
//! One frame at most is not synced: the last one. What is left of it when the power goes is some of its
//! sectors; the others are still zeros. So a frame with a changed sector and none of zeros was written
//! whole: that is damage, and so is anything behind which an intact frame stands.

use std::io;

#[cfg(feature = "laboratory")]
use super::frame::decode_header;
use super::{
    damage::{damaged_at, refused_at},
    frame::{Content, Frame, SECTOR, SegmentHeader},
};

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub struct Scan {
    /// All intact frames.
    pub frames: Vec<Frame>,
    /// Where the last of them ends.
    pub end: usize,
    /// Where what is left of a torn frame ends: at `end` if there is none.
    pub torn_until: usize,
}

impl Scan {
    /// Whether the log goes on in the next segment.
    pub fn goes_on(&self) -> bool {
        self.frames.last().is_some_and(|last| last.head.content == Content::SegmentEnd)
    }
}

/// Examines the whole segment `bytes`, which begins with `header`.
pub fn scan(header: &SegmentHeader, bytes: &[u8]) -> io::Result<Scan> {
    let mut found = Scan { frames: Vec::new(), end: SECTOR, torn_until: SECTOR };
    while !found.goes_on()
        && let Some(frame) = frame_at(header, found.end, bytes)?
    {
        let Some(whole) = bytes.get(frame.at..frame.at + frame.length()) else {
            let beyond = "a frame of the log reaches beyond the end of its segment";
            return Err(damaged_at(header.sequence, frame.at, beyond));
        };
        if frame.entries(whole).is_none() {
            break;
        }
        found.end += frame.length();
        found.frames.push(frame);
    }
    found.torn_until = torn_until(header, &found, bytes)?;
    Ok(found)
}

/// The same for bytes that may be anything.
#[cfg(feature = "laboratory")]
pub fn examine(bytes: &[u8]) -> io::Result<(SegmentHeader, Scan)> {
    let header = decode_header(&bytes[..bytes.len().min(SECTOR)])
        .map_err(|error| refused_at(0, 0, error))?;
    let found = scan(&header, bytes)?;
    Ok((header, found))
}

fn frame_at(header: &SegmentHeader, at: usize, bytes: &[u8]) -> io::Result<Option<Frame>> {
    let Some(rest) = bytes.get(at..) else { return Ok(None) };
    let frame = Frame::at(header.log, header.sequence, at, rest);
    frame.map_err(|error| refused_at(header.sequence, at, error))
}

/// Where the last sector ends that a torn frame has left behind the intact ones.
fn torn_until(header: &SegmentHeader, found: &Scan, bytes: &[u8]) -> io::Result<usize> {
    let rest = &bytes[found.end.min(bytes.len())..];
    let Some(last) = rest.iter().rposition(|byte| *byte != 0) else { return Ok(found.end) };
    let until = found.end + (last + 1).next_multiple_of(SECTOR);
    let damaged = |at, what: &str| Err(damaged_at(header.sequence, at, what));
    if found.goes_on() {
        return damaged(found.end, "there is something behind the end of a segment of the log");
    }
    for at in (found.end + SECTOR..until).step_by(SECTOR) {
        if frame_at(header, at, bytes).is_ok_and(|behind| behind.is_some()) {
            return damaged(found.end, "a damaged frame of the log stands before an intact one");
        }
    }
    let mut sectors = rest.chunks(SECTOR);
    let was_written_whole = match frame_at(header, found.end, bytes)? {
        Some(frame) => {
            until > found.end + frame.length()
                || !sectors.take(frame.length() / SECTOR).any(is_empty)
        }
        None => !sectors.next().is_some_and(is_empty),
    };
    if was_written_whole {
        return damaged(found.end, "a frame of the log has changed since it was written");
    }
    Ok(until)
}

fn is_empty(sector: &[u8]) -> bool {
    sector.iter().all(|byte| *byte == 0)
}
