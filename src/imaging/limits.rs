//! Every number of this module that is a decision, with its reason. They are part of what people are told, so what
//! happens at each of them is tested.

use super::PicturePurpose;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The largest upload: a photograph of a good telephone, at its best quality.
pub const MOST_UPLOADED_BYTES: usize = 8 * MIB;

/// The most pixels of an upload: those of a screen of 8K. Nothing is allocated for a picture that has more.
pub const MOST_PIXELS: u64 = 7_680 * 4_320;

/// The longest side of an upload: what WebP can have at most, rounded up to a power of two.
pub const LONGEST_UPLOADED_SIDE: u32 = 16_384;

/// How much memory a decoder may take for the picture and its own tables together: enough for the most pixels in four
/// channels, or of a progressive JPEG with halved colours.
pub const MOST_DECODER_BYTES: u64 = 256 * MIB as u64;

/// How many passes a progressive JPEG may have. Encoders write about ten; each costs as much as a whole picture.
pub const MOST_SCANS: usize = 64;

/// A colour profile that is larger is dropped: those of telephones have at most 4 KiB, those with tables have megabytes.
pub const MOST_PROFILE_BYTES: usize = 16 * KIB;

/// The longest side that is kept of an attachment: nobody's screen shows more at once.
pub const LONGEST_KEPT_SIDE: u32 = 4_096;

/// The pixels of the small version of an attachment: 640 × 360, in whatever shape.
pub const MOST_SMALL_PIXELS: u64 = 640 * 360;

/// The largest small version, in bytes: a timeline shows dozens of them.
pub const MOST_SMALL_BYTES: usize = 128 * KIB;

/// The side of an avatar: the largest that apps show, twice as fine.
pub const AVATAR_SIDE: u32 = 400;

/// A header is so many times as wide as high.
pub const HEADER_RATIO: u32 = 3;

/// The width of a header: that of a column on a wide screen.
pub const HEADER_WIDTH: u32 = 1_500;

/// How many frames an animation may have; of one that has more, the first is kept.
pub const MOST_FRAMES: u64 = 300;

/// How many pixels all frames of an animation may have together: what is decoded in a few seconds.
pub const MOST_ANIMATED_PIXELS: u64 = 200_000_000;

/// How many pixels one frame of an animation may have: two of them are held in memory, in four channels.
pub const MOST_FRAME_PIXELS: u64 = 3_840 * 2_160;

/// How often an animation is tried at another size, after it was tried as it is.
pub const MOST_ANIMATION_TRIES: usize = 3;

/// How often a picture is made smaller until its bytes fit. Each time, it loses at least a tenth of its sides, and from
/// half of them on, at least half: after so many, there is next to nothing left to write.
pub const MOST_STEPS: u32 = 16;

/// The largest file that is kept of a picture, in bytes.
#[must_use]
pub const fn most_bytes(purpose: PicturePurpose) -> usize {
    match purpose {
        PicturePurpose::Post => MIB,
        // Shown beside every post, or at every visit.
        PicturePurpose::Avatar | PicturePurpose::Header => 512 * KIB,
    }
}
