//! What is asked of pictures, as [`Nearest`] takes it to the available server.

use tokio::time::timeout;

use super::Nearest;
use crate::{
    client::ClientOptions,
    domain::{
        Picture, PictureAddress, PictureId, PicturePurpose, PictureSize, PictureWords, RequestKey,
    },
    network::{
        Advice, Call, Refusal,
        pictures::{PicturePart, Pictures, Upload},
    },
};

impl Pictures for Nearest {
    /// Here it may take as long as its caller waits: other pictures may come first.
    async fn upload_picture(
        &self,
        call: &Call,
        key: &RequestKey,
        upload: &Upload,
    ) -> Result<Picture, Refusal> {
        match self.here.upload_picture(call, key, upload).await {
            Err(refusal) if refusal.kind.advice() != Advice::Never => {
                self.relayed.upload_picture(call, key, upload).await
            }
            answered => answered,
        }
    }

    async fn picture(&self, call: &Call, picture: PictureId) -> Result<Picture, Refusal> {
        nearest!(self.picture(call, picture))
    }

    async fn describe_picture(
        &self,
        call: &Call,
        key: &RequestKey,
        picture: PictureId,
        words: &PictureWords,
    ) -> Result<(), Refusal> {
        nearest!(self.describe_picture(call, key, picture, words))
    }

    async fn discard_picture(
        &self,
        call: &Call,
        key: &RequestKey,
        picture: PictureId,
    ) -> Result<(), Refusal> {
        nearest!(self.discard_picture(call, key, picture))
    }

    async fn set_profile_picture(
        &self,
        call: &Call,
        key: &RequestKey,
        purpose: PicturePurpose,
        picture: Option<PictureId>,
    ) -> Result<(), Refusal> {
        nearest!(self.set_profile_picture(call, key, purpose, picture))
    }

    async fn read_picture(
        &self,
        call: &Call,
        address: PictureAddress,
        size: PictureSize,
        offset: u32,
    ) -> Result<PicturePart, Refusal> {
        nearest!(self.read_picture(call, address, size, offset))
    }
}
