//! What uploaded pictures become: [`prepare`] turns the bytes of a stranger into what the network keeps. What comes out is
//! written anew from the pixels: upright, in a few formats that every program reads, within limits of size, and without
//! anything else that was in the file (where it was taken, comments, what is appended), except a small colour profile.
//!
//! Pure: no clock (the caller says how long the work goes on), no threads, no files. The decoders are other people's
//! code. They are given little of a file that is not pixels, but they may still panic on a damaged one: whoever calls this
//! on what strangers send does so where a panic is caught.
//!
//! - `limits`: every number that is a decision.
//! - `unusable`: why an upload becomes no picture.
//! - `patience`: how long the work goes on, asked by what reads and writes bytes.
//! - `pixels`, `profile`: a picture in memory, and in which colours.
//! - `orientation`, `shrink`: turned upright, cut and made smaller.
//! - `decode/`: from bytes to pixels.
//! - `encode/`: from pixels to bytes, within a limit.
//! - `animation/`: GIFs that move and go on moving.
//! - `blurhash`: what is shown until a picture has arrived.

mod animation;
mod blurhash;
mod decode;
mod encode;
pub mod limits;
mod orientation;
mod patience;
mod pixels;
mod profile;
mod shrink;
#[cfg(test)]
mod tests;
mod unusable;

use std::fmt;

use crate::domain::{Dimensions, PictureFormat, PicturePurpose};

use decode::Kind;
use encode::Request;
use patience::Patience;
use shrink::Cut;

pub use unusable::Unusable;

/// What an upload may be, as HTTP calls it.
pub const MEDIA_TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

/// A picture as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendition {
    /// How its bytes are to be read.
    pub format: PictureFormat,
    /// In pixels.
    pub dimensions: Dimensions,
    /// All of it.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Rendition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Dimensions { width, height } = self.dimensions;
        write!(formatter, "{:?} of {width} × {height} in {} bytes", self.format, self.bytes.len())
    }
}

/// What becomes of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// As large as it is kept; it may move.
    pub original: Rendition,
    /// For a timeline, or wherever nothing may move: of an attachment a smaller version, otherwise one of the same size.
    pub small: Rendition,
    /// What is shown until it has arrived.
    pub blurhash: String,
}

/// A blurhash needs no more pixels than that.
const MOST_HASHED_PIXELS: u64 = 64 * 64;

/// Makes of an upload what is kept of it. `goes_on` is asked between the steps, and whenever some bytes have been read or
/// written; `false` ends the work, within about a second at the longest (the decoder of WebP asks nobody).
///
/// # Errors
/// Why no picture can be made of it, in words for the one who uploaded it.
pub fn prepare(
    bytes: &[u8],
    purpose: PicturePurpose,
    goes_on: &dyn Fn() -> bool,
) -> Result<Prepared, Unusable> {
    let patience = &Patience::new(goes_on);
    patience.check()?;
    let kind = Kind::of(bytes)?;
    if bytes.len() > limits::MOST_UPLOADED_BYTES {
        return Err(Unusable::TooManyBytes { bytes: bytes.len() });
    }
    let decoded = decode::decode(bytes, kind, patience)?;
    let cut = Cut::of(decoded.pixels.dimensions(), purpose);
    let pixels = shrink::cut(decoded.pixels, cut);
    patience.check()?;
    let request = Request {
        profile: decoded.profile.as_ref(),
        is_lossless: decoded.is_lossless,
        most: limits::most_bytes(purpose),
    };
    let moving = match kind {
        Kind::Gif => animation::keep(bytes, cut, request.most, patience)?,
        Kind::Png | Kind::Jpeg | Kind::WebP => None,
    };
    let original = match moving {
        Some(moving) => moving,
        None => encode::encode(&pixels, &request, patience)?,
    };
    let pixels = match purpose {
        PicturePurpose::Post => shrink::small(pixels),
        PicturePurpose::Avatar | PicturePurpose::Header => pixels,
    };
    let serves_as_small = original.format != PictureFormat::Gif
        && original.dimensions == pixels.dimensions()
        && original.bytes.len() <= limits::MOST_SMALL_BYTES;
    let small = if serves_as_small {
        original.clone()
    } else {
        encode::encode(&pixels, &Request { most: limits::MOST_SMALL_BYTES, ..request }, patience)?
    };
    let blurhash = blurhash::blurhash(&shrink::within_area(pixels, MOST_HASHED_PIXELS));
    patience.check()?;
    Ok(Prepared { original, small, blurhash })
}

/// Tries to make a picture of any bytes, for any purpose, and checks what becomes of it. For whoever looks for bytes on
/// which this panics.
///
/// # Panics
/// If something comes out that is larger than it may be, or if a decoder does.
pub fn any_picture(bytes: &[u8]) {
    for purpose in [PicturePurpose::Post, PicturePurpose::Avatar, PicturePurpose::Header] {
        let questions = std::cell::Cell::new(0_u32);
        let goes_on = || {
            questions.set(questions.get() + 1);
            questions.get() < 1_000_000
        };
        if let Ok(prepared) = prepare(bytes, purpose, &goes_on) {
            assert!(prepared.original.bytes.len() <= limits::most_bytes(purpose));
            assert!(prepared.small.bytes.len() <= limits::MOST_SMALL_BYTES);
            assert_eq!(prepared.blurhash.len(), 28);
        }
    }
}
