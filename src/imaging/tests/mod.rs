//! Whole uploads, from bytes to bytes.
//!
//! - `made`: the files.
//! - `formats`: every kind that is read, and what it becomes.
//! - `metadata`: what is dropped, and what is kept.
//! - `animations`: what moves.
//! - `hostile`: what was made to do harm.

mod animations;
mod formats;
mod hostile;
mod made;
mod metadata;

use super::decode::{Decoded, Kind, decode};
use super::{
    Dimensions, PictureFormat, PicturePurpose, Prepared, Rendition, Unusable, limits,
    patience::Patience, prepare,
};

const PURPOSES: [PicturePurpose; 3] =
    [PicturePurpose::Post, PicturePurpose::Avatar, PicturePurpose::Header];

/// What becomes of an upload that nobody is in a hurry for, and that keeps what all of them promise.
fn prepared(bytes: &[u8], purpose: PicturePurpose) -> Result<Prepared, Unusable> {
    let prepared = prepare(bytes, purpose, &|| true)?;
    assert!(prepared.original.bytes.len() <= limits::most_bytes(purpose));
    assert!(prepared.small.bytes.len() <= limits::MOST_SMALL_BYTES);
    assert_ne!(prepared.small.format, PictureFormat::Gif);
    assert_eq!(prepared.blurhash.len(), 28);
    for picture in [&prepared.original, &prepared.small] {
        read(picture);
    }
    Ok(prepared)
}

fn attachment(bytes: &[u8]) -> Prepared {
    prepared(bytes, PicturePurpose::Post).expect("it is a picture")
}

/// Reads what was written, which is as large and in the format as it says.
fn read(picture: &Rendition) -> Decoded {
    let kind = Kind::of(&picture.bytes).expect("it has a format");
    let expected = match picture.format {
        PictureFormat::Jpeg => Kind::Jpeg,
        PictureFormat::Png => Kind::Png,
        PictureFormat::Gif => Kind::Gif,
    };
    assert_eq!(kind, expected);
    let decoded = decode(&picture.bytes, kind, &Patience::new(&|| true)).expect("it can be read");
    assert_eq!(decoded.pixels.dimensions(), picture.dimensions);
    decoded
}

fn size(width: u32, height: u32) -> Dimensions {
    Dimensions { width, height }
}

/// Whether a text is somewhere in a file.
fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

/// How far apart two pictures are, in levels of a channel: the mean over all of them.
fn distance(left: &[u8], right: &[u8]) -> u64 {
    assert_eq!(left.len(), right.len());
    let apart = left.iter().zip(right).map(|(left, right)| u64::from(left.abs_diff(*right)));
    apart.sum::<u64>() / left.len() as u64
}
