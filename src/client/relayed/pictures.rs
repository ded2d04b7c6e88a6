//! Pictures.

use std::{iter, time::Duration};

use bytes::Bytes;
use futures::stream;
use tonic::{Request, Response, Status, transport::Channel};

use super::Relayed;
use crate::{
    domain::{
        Picture, PictureAddress, PictureId, PicturePurpose, PictureSize, PictureWords, RequestKey,
    },
    grpc::messages::pictures as messages,
    network::{
        Call, Refusal,
        pictures::{PicturePart, Pictures, Upload},
    },
    wire::v1::{
        self, GetPictureRequest, picture_service_client::PictureServiceClient, upload_request::What,
    },
};

/// So many bytes of a picture go with one message.
const PIECE: usize = 48 << 10;
/// How long a server may take to receive a picture, and to keep it: others may come first.
const UPLOADED_WITHIN: Duration = Duration::from_mins(1);

impl Pictures for Relayed {
    async fn upload_picture(
        &self,
        call: &Call,
        key: &RequestKey,
        upload: &Upload,
    ) -> Result<Picture, Refusal> {
        let patient = Self { attempt_timeout: UPLOADED_WITHIN, ..self.clone() };
        let message = (messages::upload_to_wire(key, upload), upload.bytes.clone());
        let answered = patient.ask_over(super::Attempts::default(), call, message, send);
        messages::picture_from_wire(answered.await?.reply)
    }

    async fn picture(&self, call: &Call, picture: PictureId) -> Result<Picture, Refusal> {
        let request = GetPictureRequest { id: picture.get() };
        messages::picture_from_wire(
            ask_over!(PictureServiceClient, self, call, request, get_picture).await?.reply,
        )
    }

    async fn describe_picture(
        &self,
        call: &Call,
        key: &RequestKey,
        picture: PictureId,
        words: &PictureWords,
    ) -> Result<(), Refusal> {
        let request = messages::description_change_to_wire(key, picture, words.clone());
        ask_over!(PictureServiceClient, self, call, request, describe_picture).await?;
        Ok(())
    }

    async fn discard_picture(
        &self,
        call: &Call,
        key: &RequestKey,
        picture: PictureId,
    ) -> Result<(), Refusal> {
        let request = messages::discard_to_wire(key, picture);
        ask_over!(PictureServiceClient, self, call, request, discard_picture).await?;
        Ok(())
    }

    async fn set_profile_picture(
        &self,
        call: &Call,
        key: &RequestKey,
        purpose: PicturePurpose,
        picture: Option<PictureId>,
    ) -> Result<(), Refusal> {
        let request = messages::profile_picture_to_wire(key, purpose, picture);
        ask_over!(PictureServiceClient, self, call, request, set_profile_picture).await?;
        Ok(())
    }

    async fn read_picture(
        &self,
        call: &Call,
        address: PictureAddress,
        size: PictureSize,
        offset: u32,
    ) -> Result<PicturePart, Refusal> {
        let request = messages::reading_to_wire(address, size, offset);
        messages::part_from_wire(
            ask_over!(PictureServiceClient, self, call, request, read_picture).await?.reply,
        )
    }
}

/// Sends a picture, in pieces, and waits for what has become of it.
async fn send(
    channel: Channel,
    request: Request<(v1::UploadBegin, Bytes)>,
) -> Result<Response<v1::Picture>, Status> {
    let (metadata, extensions, (begin, bytes)) = request.into_parts();
    let pieces = (0..bytes.len()).step_by(PIECE);
    let pieces = pieces.map(move |at| bytes.slice(at..bytes.len().min(at + PIECE)));
    let messages = iter::once(What::Begin(begin)).chain(pieces.map(|at| What::Piece(at.into())));
    let messages = stream::iter(messages.map(|what| v1::UploadRequest { what: Some(what) }));
    let request = Request::from_parts(metadata, extensions, messages);
    let mut answer = PictureServiceClient::new(channel).upload(request).await?.into_inner();
    let picture = answer.message().await?;
    picture.map(Response::new).ok_or_else(|| Status::unavailable("it has not answered"))
}
