//! Pictures.

use bytes::Bytes;

use super::Client;
use crate::{
    client::ClientError,
    domain::{Picture, PictureId, PicturePurpose, PictureSize, PictureWords},
    network::pictures::{Pictures, Upload},
};

impl<N: Pictures> Client<N> {
    /// Uploads a picture for a post or for the caller's profile.
    pub async fn upload_picture(
        &self,
        purpose: PicturePurpose,
        bytes: Bytes,
        words: PictureWords,
    ) -> Result<Picture, ClientError> {
        let (network, upload) = (&self.core.network, &Upload { purpose, bytes, words });
        let upload = |call, key| async move { network.upload_picture(&call, &key, upload).await };
        self.core.change(upload).await
    }

    /// Chooses a picture of the caller's profile, or none.
    pub async fn set_profile_picture(
        &self,
        purpose: PicturePurpose,
        picture: Option<PictureId>,
    ) -> Result<(), ClientError> {
        let network = &self.core.network;
        let set = |call, key| async move {
            network.set_profile_picture(&call, &key, purpose, picture).await
        };
        self.core.change(set).await
    }

    /// All bytes of a picture, as large as it is kept.
    pub async fn whole_picture(&self, picture: &Picture) -> Result<Vec<u8>, ClientError> {
        let (network, size) = (&self.core.network, PictureSize::Original);
        let length = picture.file(size).bytes;
        let mut bytes = Vec::new();
        while let Ok(offset) = u32::try_from(bytes.len())
            && offset < length
        {
            let read = |call| async move {
                network.read_picture(&call, picture.address, size, offset).await
            };
            let part = self.core.call(read).await?;
            if part.bytes.is_empty() {
                break;
            }
            bytes.extend_from_slice(&part.bytes);
        }
        Ok(bytes)
    }
}
