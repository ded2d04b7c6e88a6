//! From the bytes of a stranger to pixels. What they are is told by their content alone. Each format is first walked
//! through by our own code, which checks the header, drops everything that is not needed for the pixels (so that no
//! decoder ever sees a comment, a text, a thumbnail or what is appended), and refuses what is incomplete; only then its
//! decoder sees it.
//!
//! - `jpeg`, `png`, `gif`, `webp`: a format each.

mod gif;
mod jpeg;
mod png;
mod webp;

use super::{Unusable, patience::Patience, pixels::Pixels, profile::Profile};

pub use gif::{Canvas, open as open_gif, overview as gif_overview};

/// What an upload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Png,
    Jpeg,
    Gif,
    WebP,
}

impl Kind {
    /// By its first bytes.
    pub fn of(bytes: &[u8]) -> Result<Self, Unusable> {
        match bytes {
            [] => Err(Unusable::Empty),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Ok(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Ok(Self::Jpeg),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Ok(Self::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Ok(Self::WebP),
            _ => Err(Unusable::UnknownFormat),
        }
    }
}

/// A picture, upright; of an animation, its first frame.
pub struct Decoded {
    /// What is seen.
    pub pixels: Pixels,
    /// In which colours.
    pub profile: Option<Profile>,
    /// Whether it came without losses, so that it is no photograph.
    pub is_lossless: bool,
}

/// Reads a picture.
pub fn decode(bytes: &[u8], kind: Kind, patience: &Patience<'_>) -> Result<Decoded, Unusable> {
    let decoded = match kind {
        Kind::Png => png::decode(bytes, patience),
        Kind::Jpeg => jpeg::decode(bytes, patience),
        Kind::Gif => gif::decode_first(bytes, patience),
        Kind::WebP => webp::decode(bytes, patience),
    };
    // A decoder that was given no more bytes may have taken that for the end.
    patience.check()?;
    decoded
}
