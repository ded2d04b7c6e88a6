//! GIFs that move, and go on moving if that takes few enough bytes. What moves is never kept as it came: it is written anew,
//! frame by frame, so that nothing else that was in the file stays.
//!
//! - `rewritten`: with the same frames, losing nothing.
//! - `redrawn`: cut, and in another size.
//! - `palette`: the colours of what is redrawn.

mod palette;
mod redrawn;
mod rewritten;

use super::{
    Rendition, Unusable,
    decode::gif_overview,
    limits::{MOST_ANIMATION_TRIES, MOST_FRAME_PIXELS},
    patience::Patience,
    pixels::area,
    shrink::Cut,
};
use crate::domain::{Dimensions, PictureFormat};

/// What became of an attempt.
enum Attempt {
    /// The bytes.
    Fits(Vec<u8>),
    /// It would take about so many bytes.
    TooLarge(u64),
}

/// An animation whose sides are less than so many thousandths of what they should be is not worth it: the first frame in
/// full size is the better picture.
const LEAST_THOUSANDTHS: u64 = 200;

/// The animation that a file is, within so many bytes; nothing if the file is none, or too long, or cannot be made to fit,
/// so that its first frame is to be kept.
pub fn keep(
    bytes: &[u8],
    cut: Cut,
    most: usize,
    patience: &Patience<'_>,
) -> Result<Option<Rendition>, Unusable> {
    let overview = gif_overview(bytes, patience)?;
    let Some(frames) = overview.frames.filter(|&frames| frames > 1) else { return Ok(None) };
    if area(overview.dimensions) > MOST_FRAME_PIXELS {
        return Ok(None);
    }
    let mut thousandths = 1_000;
    if cut.is_whole(overview.dimensions) && overview.is_consistent {
        match rewritten::rewrite(bytes, frames, most, patience)? {
            Attempt::Fits(bytes) => return Ok(Some(picture(cut.target, bytes))),
            Attempt::TooLarge(bytes) => thousandths = smaller(thousandths, bytes, most),
        }
    }
    let mut palette = palette::Palette::of(bytes, frames, patience)?;
    for _ in 0..MOST_ANIMATION_TRIES {
        if thousandths < LEAST_THOUSANDTHS {
            break;
        }
        let cut = cut.scaled(thousandths);
        match redrawn::redraw(bytes, cut, &mut palette, frames, most, patience)? {
            Attempt::Fits(bytes) => return Ok(Some(picture(cut.target, bytes))),
            Attempt::TooLarge(bytes) => thousandths = smaller(thousandths, bytes, most),
        }
    }
    Ok(None)
}

/// Of what size to try next what took so many bytes; with a little room, since the frames differ.
fn smaller(thousandths: u64, bytes: u64, most: usize) -> u64 {
    let share = (most as u64 * 800_000 / bytes.max(1)).isqrt();
    thousandths * share.min(850) / 1_000
}

fn picture(dimensions: Dimensions, bytes: Vec<u8>) -> Rendition {
    Rendition { format: PictureFormat::Gif, dimensions, bytes }
}

/// What a failed attempt to write tells, after so many of so many frames.
fn too_large(
    error: &gif::EncodingError,
    done: u64,
    frames: u64,
    most: usize,
) -> Result<Attempt, Unusable> {
    match error {
        gif::EncodingError::Io(error) if error.kind() == std::io::ErrorKind::FileTooLarge => {
            Ok(Attempt::TooLarge(most as u64 * frames / done.max(1)))
        }
        gif::EncodingError::Io(_) => Err(Unusable::TookTooLong),
        error => Err(Unusable::damaged(error)),
    }
}
