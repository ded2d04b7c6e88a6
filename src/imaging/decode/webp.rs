//! WebP, by way of `image-webp`: with and without losses; of an animation, the first frame. Its decoder reads what it
//! needs and then asks nobody until the picture is done, so it is the checks before it that bound its work.

use image_webp::{DecodingError, WebPDecoder};

use super::Decoded;
use crate::imaging::{
    Unusable,
    limits::MOST_PROFILE_BYTES,
    orientation::Orientation,
    patience::{Patience, PatientReader},
    pixels::{Channels, Pixels, check_dimensions},
    profile::Profile,
};

/// Before the chunks: `RIFF`, a length, `WEBP`.
const HEADER_BYTES: usize = 12;

/// Before the chunks of a frame of an animation: where it is, how large, and for how long.
const FRAME_HEADER_BYTES: usize = 16;

/// Metadata that is larger is not read: enough for EXIF with a thumbnail.
const MOST_METADATA_BYTES: usize = 256 * 1024;

/// Reads a picture.
pub fn decode(bytes: &[u8], patience: &Patience<'_>) -> Result<Decoded, Unusable> {
    let bytes = checked(bytes, patience)?;
    let reader = PatientReader::new(bytes, patience);
    let mut decoder = WebPDecoder::new(reader).map_err(|error| refusal(&error, patience))?;
    let (width, height) = decoder.dimensions();
    let dimensions = check_dimensions(width, height)?;
    decoder.set_memory_limit(MOST_METADATA_BYTES);
    let exif = decoder.exif_metadata().ok().flatten().unwrap_or_default();
    decoder.set_memory_limit(MOST_PROFILE_BYTES);
    let profile = decoder.icc_profile().ok().flatten().unwrap_or_default();
    let is_lossless = !decoder.is_lossy();
    let channels = if decoder.has_alpha() { Channels::Rgba } else { Channels::Rgb };
    let size = decoder.output_buffer_size().ok_or(Unusable::TooMuchMemory)?;
    let mut data = vec![0; size];
    decoder.read_image(&mut data).map_err(|error| refusal(&error, patience))?;
    let pixels = Pixels::new(dimensions, channels, data).without_needless_alpha();
    Ok(Decoded {
        profile: Profile::new(&profile, pixels.channels()),
        pixels: Orientation::of_exif(&exif).applied(pixels),
        is_lossless,
    })
}

fn refusal(error: &DecodingError, patience: &Patience<'_>) -> Unusable {
    match error {
        DecodingError::UnsupportedFeature(what) => Unusable::Unsupported(what.clone()),
        error => patience.or_damaged(error),
    }
}

/// The file without what is appended, once every picture in it is known to be small enough: the decoder trusts the sizes
/// that they state, and the lengths of chunks.
fn checked<'a>(bytes: &'a [u8], patience: &Patience<'_>) -> Result<&'a [u8], Unusable> {
    let stated = bytes.get(4..8).and_then(|length| length.try_into().ok()).map(u32::from_le_bytes);
    let end = stated.and_then(|length| usize::try_from(length).ok()?.checked_add(8));
    let bytes = end.and_then(|end| bytes.get(..end)).ok_or_else(cut_off)?;
    check_chunks(bytes.get(HEADER_BYTES..).ok_or_else(cut_off)?, patience)?;
    Ok(bytes)
}

fn check_chunks(mut rest: &[u8], patience: &Patience<'_>) -> Result<(), Unusable> {
    while !rest.is_empty() {
        patience.check()?;
        let (name, data, after) = next_chunk(rest)?;
        rest = after;
        match name {
            b"VP8X" => check_canvas(data)?,
            b"VP8 " => check_lossy(data)?,
            b"VP8L" => check_lossless(data)?,
            b"ANMF" => {
                check_chunks(data.get(FRAME_HEADER_BYTES..).ok_or_else(cut_off)?, patience)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The name and the data of a chunk, and what follows it.
type Chunk<'a> = (&'a [u8], &'a [u8], &'a [u8]);

fn next_chunk(bytes: &[u8]) -> Result<Chunk<'_>, Unusable> {
    let (header, rest) = bytes.split_at_checked(8).ok_or_else(cut_off)?;
    let length = header.last_chunk().map(|length| u32::from_le_bytes(*length));
    let length = length.and_then(|length| usize::try_from(length).ok()).ok_or_else(cut_off)?;
    let (data, after) = rest.split_at_checked(length).ok_or_else(cut_off)?;
    // Chunks begin at even places, and some writers forget the last byte.
    let padding = (length % 2).min(after.len());
    Ok((&header[..4], data, &after[padding..]))
}

fn check_canvas(data: &[u8]) -> Result<(), Unusable> {
    let side = |at: usize| match data.get(at..at + 3) {
        Some(&[low, middle, high]) => Ok(u32::from_le_bytes([low, middle, high, 0]) + 1),
        _ => Err(cut_off()),
    };
    check_dimensions(side(4)?, side(7)?).map(drop)
}

fn check_lossy(data: &[u8]) -> Result<(), Unusable> {
    let side = |at: usize| match data.get(at..at + 2) {
        Some(&[low, high]) => Ok(u32::from(u16::from_le_bytes([low, high]) & 0x3fff)),
        _ => Err(cut_off()),
    };
    check_dimensions(side(6)?, side(8)?).map(drop)
}

fn check_lossless(data: &[u8]) -> Result<(), Unusable> {
    let Some(&sides) = data.get(1..5).and_then(|sides| sides.first_chunk()) else {
        return Err(cut_off());
    };
    let sides = u32::from_le_bytes(sides);
    check_dimensions((sides & 0x3fff) + 1, ((sides >> 14) & 0x3fff) + 1).map(drop)
}

fn cut_off() -> Unusable {
    Unusable::damaged("the end is missing")
}
