//! Pictures. One is uploaded, and then a post or a profile shows it; it goes with that.

use std::fmt;

use bytes::Bytes;

use super::{Call, Network, Refusal};
use crate::domain::{
    Picture, PictureAddress, PictureFile, PictureId, PicturePurpose, PictureSize, PictureWords,
    RequestKey,
};

/// What is asked of pictures. Calls with a key are carried out once for each.
pub trait Pictures: Network {
    /// Keeps a picture, which is durable on a quorum of the cluster when this returns. It is made smaller first, and
    /// nothing is left of it but what is seen.
    fn upload_picture(
        &self,
        call: &Call,
        key: &RequestKey,
        upload: &Upload,
    ) -> impl Future<Output = Result<Picture, Refusal>> + Send;

    /// What is known of a picture of the caller's.
    fn picture(
        &self,
        call: &Call,
        picture: PictureId,
    ) -> impl Future<Output = Result<Picture, Refusal>> + Send;

    /// Replaces what is said of a picture of the caller's.
    fn describe_picture(
        &self,
        call: &Call,
        key: &RequestKey,
        picture: PictureId,
        words: &PictureWords,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Removes a picture of the caller's that nothing shows.
    fn discard_picture(
        &self,
        call: &Call,
        key: &RequestKey,
        picture: PictureId,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Chooses a picture of the caller's profile, or none; the one before it is gone.
    fn set_profile_picture(
        &self,
        call: &Call,
        key: &RequestKey,
        purpose: PicturePurpose,
        picture: Option<PictureId>,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Some bytes of a picture, from an offset on, for whoever knows its address.
    fn read_picture(
        &self,
        call: &Call,
        address: PictureAddress,
        size: PictureSize,
        offset: u32,
    ) -> impl Future<Output = Result<PicturePart, Refusal>> + Send;
}

/// A picture that is uploaded.
#[derive(Clone, PartialEq, Eq)]
pub struct Upload {
    /// What it is for.
    pub purpose: PicturePurpose,
    /// As it comes.
    pub bytes: Bytes,
    /// What is said of it.
    pub words: PictureWords,
}

impl fmt::Debug for Upload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Upload({:?}, {} bytes)", self.purpose, self.bytes.len())
    }
}

/// Some of a file of a picture.
#[derive(Clone, PartialEq, Eq)]
pub struct PicturePart {
    /// Which file.
    pub file: PictureFile,
    /// At most as many as go with one message; none at the end.
    pub bytes: Bytes,
}

impl fmt::Debug for PicturePart {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PicturePart({:?}, {} bytes)", self.file, self.bytes.len())
    }
}
