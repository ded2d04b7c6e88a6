//! Why an upload becomes no picture, in words for the one who uploaded it.

use super::limits::{LONGEST_UPLOADED_SIDE, MOST_PIXELS, MOST_UPLOADED_BYTES};

/// Why an upload becomes no picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// No bytes.
    #[error("the file is empty: choose a picture that has arrived on this device")]
    Empty,
    /// None of the formats that are read.
    #[error("the file is no PNG, JPEG, GIF or WebP: save the picture as one of these first")]
    UnknownFormat,
    /// A file that is too large.
    #[error(
        "the file has {bytes} bytes, but at most {} MiB can be uploaded: make the picture smaller, or save it as a JPEG",
        MOST_UPLOADED_BYTES / (1024 * 1024)
    )]
    TooManyBytes {
        /// Those of the file.
        bytes: usize,
    },
    /// A picture that is too large.
    #[error(
        "the picture has {width} × {height} pixels, but it can have at most {MOST_PIXELS} in all, and \
         {LONGEST_UPLOADED_SIDE} on each side: make it smaller"
    )]
    TooManyPixels {
        /// From left to right.
        width: u32,
        /// From top to bottom.
        height: u32,
    },
    /// It would take too much memory.
    #[error(
        "the picture takes too much memory to be read: make it smaller, or save it as a JPEG that is not progressive"
    )]
    TooMuchMemory,
    /// Not what its format asks for.
    #[error(
        "the file is damaged or incomplete ({0}): open the picture, save it again, and upload that"
    )]
    Damaged(String),
    /// A variant of its format that is not read.
    #[error(
        "the file is of a rare kind that is not read here ({0}): save the picture as a usual PNG or JPEG"
    )]
    Unsupported(String),
    /// It was not finished in time.
    #[error("the picture took too long to be read: make it smaller, or try again later")]
    TookTooLong,
}

impl Unusable {
    /// What a decoder says of a file.
    pub(super) fn damaged(what: impl std::fmt::Display) -> Self {
        Self::Damaged(what.to_string())
    }
}
