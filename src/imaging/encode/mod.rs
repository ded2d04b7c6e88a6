//! From pixels to the bytes that are kept, within a limit: what does not fit is written worse, then smaller.
//!
//! - `jpeg`, `png`: a format each, which either fits or tells how much it would take.

mod jpeg;
mod png;

use super::{
    Rendition, Unusable,
    limits::MOST_STEPS,
    patience::Patience,
    pixels::{Channels, Pixels},
    profile::Profile,
    shrink::scaled,
};
use crate::domain::PictureFormat;

/// What became of an attempt.
enum Attempt {
    /// The bytes.
    Fits(Vec<u8>),
    /// It would take about so many bytes.
    TooLarge(u64),
}

/// A picture, within a limit of bytes.
pub struct Request<'a> {
    /// In which colours.
    pub profile: Option<&'a Profile>,
    /// Whether it came without losses, so that it is written without if that fits.
    pub is_lossless: bool,
    /// So many bytes.
    pub most: usize,
}

/// How good a JPEG is, from the best that is tried on. Below the last, edges begin to ring, and fewer pixels look better.
const QUALITIES: [Quality; 3] = [
    Quality { number: 85, share: 100 },
    Quality { number: 78, share: 79 },
    Quality { number: 70, share: 65 },
];

/// A quality of a JPEG.
struct Quality {
    number: u8,
    /// How many bytes it takes, in hundredths of what the best takes, for usual photographs.
    share: u64,
}

/// Writes a picture: opaque ones as JPEG unless they came without losses and fit as PNG, others as PNG.
pub fn encode(
    pixels: &Pixels,
    request: &Request<'_>,
    patience: &Patience<'_>,
) -> Result<Rendition, Unusable> {
    let is_transparent = pixels.channels() == Channels::Rgba;
    if !is_transparent
        && request.is_lossless
        && let Attempt::Fits(bytes) = png::encode(pixels, request, patience)?
    {
        return Ok(picture(PictureFormat::Png, pixels, bytes));
    }
    let mut thousandths = 1_000;
    for step in 0..MOST_STEPS {
        patience.check()?;
        let smaller = (thousandths < 1_000).then(|| scaled(pixels, thousandths));
        let pixels = smaller.as_ref().unwrap_or(pixels);
        let attempt = if is_transparent {
            png::encode(pixels, request, patience)?
        } else {
            as_jpeg(pixels, request, patience)?
        };
        match attempt {
            Attempt::Fits(bytes) => {
                let format = if is_transparent { PictureFormat::Png } else { PictureFormat::Jpeg };
                return Ok(picture(format, pixels, bytes));
            }
            Attempt::TooLarge(bytes) => {
                thousandths = thousandths * share_of_sides(bytes, request.most, step) / 1_000;
            }
        }
    }
    unreachable!("after so many steps nothing is left that takes as many bytes as the least limit")
}

/// How much of its sides a picture keeps that took so many bytes, in thousandths: as much as would just fit, if the bytes
/// were in proportion to the pixels. They are in fact more, since details come closer.
fn share_of_sides(bytes: u64, most: usize, step: u32) -> u64 {
    let share = (most as u64 * 900_000 / bytes.max(1)).isqrt();
    if step < MOST_STEPS / 2 { share.clamp(200, 900) } else { share.clamp(200, 500) }
}

/// Tries the qualities that can be expected to fit, from the best on.
fn as_jpeg(
    pixels: &Pixels,
    request: &Request<'_>,
    patience: &Patience<'_>,
) -> Result<Attempt, Unusable> {
    let estimate = jpeg::estimate(pixels, QUALITIES[0].number, request, patience)?;
    let mut needed = estimate;
    for quality in QUALITIES {
        needed = estimate * quality.share / 100;
        // The estimate is good to a few hundredths.
        if needed * 100 > request.most as u64 * 103 {
            continue;
        }
        if let Attempt::Fits(bytes) = jpeg::encode(pixels, quality.number, request, patience)? {
            return Ok(Attempt::Fits(bytes));
        }
    }
    Ok(Attempt::TooLarge(needed.max(request.most as u64 * 11 / 10)))
}

fn picture(format: PictureFormat, pixels: &Pixels, bytes: Vec<u8>) -> Rendition {
    Rendition { format, dimensions: pixels.dimensions(), bytes }
}
