//! What is asked and kept of pictures.
//!
//! A picture is uploaded before it is used. Its files lie in the state one after the other, in pieces, so that none of
//! them keeps other commands waiting. It is there once all its pieces are; it goes with what it belongs to, or after a
//! day if it belongs to nothing.

use serde::{Deserialize, Serialize};

use crate::domain::{
    Picture, PictureAddress, PictureFile, PicturePurpose, PictureSize, PictureWords, PostId,
    UnixMillis, UserId,
};

/// So long is a piece of a picture, but for the last. It is written, and sent to the other masters, within a
/// millisecond or two, and posts wait no longer for it.
pub const PIECE_BYTES: usize = 64 << 10;
/// So much the pictures of one person may take in all: some five hundred as large as pictures may be.
pub const MOST_BYTES_OF_A_PERSON: u64 = 512 << 20;
/// For so long a picture is kept that belongs to nothing.
pub const UNUSED_FOR_MS: i64 = 24 * 60 * 60 * 1_000;

/// A picture that is to be kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPicture {
    /// What it is for.
    pub purpose: PicturePurpose,
    /// The hash of what was uploaded, by which a repetition is recognised.
    pub uploaded: [u8; 32],
    /// Drawn by the proposer.
    pub address: PictureAddress,
    /// As large as it is kept.
    pub original: PictureFile,
    /// As a preview.
    pub small: PictureFile,
    /// What is shown until it has arrived.
    pub blurhash: String,
    /// What is said of it.
    pub words: PictureWords,
}

/// What is stored about a picture, besides its pieces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureRecord {
    /// Who has uploaded it.
    pub owner: UserId,
    /// When that was.
    pub at: UnixMillis,
    /// The picture.
    pub picture: Picture,
    /// What it is for.
    pub purpose: PicturePurpose,
    /// How many pieces have arrived; they come in their order.
    pub pieces: u32,
    /// What it belongs to.
    pub place: PicturePlace,
}

/// What a picture belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PicturePlace {
    /// Nothing yet.
    Nowhere,
    /// A post of its owner.
    Post(PostId),
    /// The profile of its owner.
    Profile,
}

impl PictureRecord {
    /// Whether all of it is here.
    pub fn is_complete(&self) -> bool {
        self.pieces >= pieces_of(self.picture.bytes())
    }

    /// How long a piece of it is; none if it has no such piece.
    pub fn length_of_piece(&self, number: u32) -> Option<usize> {
        let before = u64::from(number) * PIECE_BYTES as u64;
        let rest = self.picture.bytes().checked_sub(before).filter(|rest| *rest > 0)?;
        Some(usize::try_from(rest).unwrap_or(usize::MAX).min(PIECE_BYTES))
    }
}

/// How many pieces so many bytes make.
pub fn pieces_of(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(PIECE_BYTES as u64)).unwrap_or(u32::MAX)
}

/// In which piece a byte of one of the files is, and how far from the beginning of that.
pub fn place_of(picture: &Picture, size: PictureSize, offset: u32) -> (u32, usize) {
    let before = match size {
        PictureSize::Original => 0,
        PictureSize::Small => u64::from(picture.original.bytes),
    };
    let at = before + u64::from(offset);
    let piece = u32::try_from(at / PIECE_BYTES as u64).unwrap_or(u32::MAX);
    let rest = usize::try_from(at % PIECE_BYTES as u64).expect("a piece is small");
    (piece, rest)
}
