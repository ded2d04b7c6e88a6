//! The calls of `tinysns.v1.PictureService`, as an adapter on [`Pictures`].

use std::{pin::Pin, sync::Arc, time::Duration};

use futures::{Stream, StreamExt as _, stream};
use tokio::{sync::Semaphore, time::timeout};
use tonic::{Request, Response, Status, Streaming};

use super::{messages::pictures as messages, metadata::CallReader};
use crate::{
    domain::{MOST_UPLOADED_BYTES, PictureId},
    network::{Call, Pictures, Refusal, pictures::Upload},
    serving::CLIENT_MESSAGE_BYTES,
    wire::v1::{
        DescribePictureReply, DescribePictureRequest, DiscardPictureReply, DiscardPictureRequest,
        GetPictureRequest, Picture, ReadPictureReply, ReadPictureRequest, SetProfilePictureReply,
        SetProfilePictureRequest, UploadBegin, UploadRequest,
        picture_service_server::{PictureService, PictureServiceServer},
        upload_request::What,
    },
};

/// So many uploads are received at a time, each of up to 8 MiB; the others wait, and nothing is read of them.
const UPLOADS: usize = 4;
/// How long the next piece may take.
const PIECE_WITHIN: Duration = Duration::from_secs(10);
/// How long all pieces may take: 8 MiB over a connection of a mobile phone.
const ALL_WITHIN: Duration = Duration::from_mins(1);

/// Serves a network's pictures.
pub struct PictureServer<N> {
    network: N,
    calls: CallReader,
    uploads: Arc<Semaphore>,
}

/// Serves the pictures of `network` to calls as `calls` reads them.
pub fn service<N: Pictures>(
    network: N,
    calls: CallReader,
) -> PictureServiceServer<PictureServer<N>> {
    let uploads = Arc::new(Semaphore::new(UPLOADS));
    PictureServiceServer::new(PictureServer { network, calls, uploads })
        .max_decoding_message_size(CLIENT_MESSAGE_BYTES)
}

type Uploaded = Pin<Box<dyn Stream<Item = Result<Picture, Status>> + Send>>;

#[tonic::async_trait]
impl<N: Pictures> PictureService for PictureServer<N> {
    type UploadStream = Uploaded;

    /// The answer begins at once, so that what is still to come is not counted as a request that waits.
    async fn upload(
        &self,
        request: Request<Streaming<UploadRequest>>,
    ) -> Result<Response<Uploaded>, Status> {
        let call = self.calls.read(&request);
        let (network, uploads) = (self.network.clone(), Arc::clone(&self.uploads));
        let kept = async move {
            let _place = uploads.acquire_owned().await.expect("never closed");
            keep(network, call, request.into_inner()).await
        };
        Ok(Response::new(stream::once(kept).boxed()))
    }

    async fn get_picture(
        &self,
        request: Request<GetPictureRequest>,
    ) -> Result<Response<Picture>, Status> {
        let call = self.calls.read(&request);
        let id = PictureId::new(request.into_inner().id);
        let picture = self.network.picture(&call, id).await?;
        Ok(Response::new(messages::picture_to_wire(picture)))
    }

    async fn describe_picture(
        &self,
        request: Request<DescribePictureRequest>,
    ) -> Result<Response<DescribePictureReply>, Status> {
        let call = self.calls.read(&request);
        let (key, picture, words) = messages::description_change_from_wire(request.into_inner())?;
        self.network.describe_picture(&call, &key, picture, &words).await?;
        Ok(Response::new(DescribePictureReply {}))
    }

    async fn discard_picture(
        &self,
        request: Request<DiscardPictureRequest>,
    ) -> Result<Response<DiscardPictureReply>, Status> {
        let call = self.calls.read(&request);
        let (key, picture) = messages::discard_from_wire(request.into_inner())?;
        self.network.discard_picture(&call, &key, picture).await?;
        Ok(Response::new(DiscardPictureReply {}))
    }

    async fn set_profile_picture(
        &self,
        request: Request<SetProfilePictureRequest>,
    ) -> Result<Response<SetProfilePictureReply>, Status> {
        let call = self.calls.read(&request);
        let (key, purpose, picture) = messages::profile_picture_from_wire(request.into_inner())?;
        self.network.set_profile_picture(&call, &key, purpose, picture).await?;
        Ok(Response::new(SetProfilePictureReply {}))
    }

    async fn read_picture(
        &self,
        request: Request<ReadPictureRequest>,
    ) -> Result<Response<ReadPictureReply>, Status> {
        let call = self.calls.read(&request);
        let (address, size, offset) = messages::reading_from_wire(request.into_inner())?;
        let part = self.network.read_picture(&call, address, size, offset).await?;
        Ok(Response::new(messages::part_to_wire(part)))
    }
}

/// Receives a picture, and keeps it.
async fn keep<N: Pictures>(
    network: N,
    call: Call,
    pieces: Streaming<UploadRequest>,
) -> Result<Picture, Status> {
    let received = timeout(ALL_WITHIN, receive(pieces));
    let (begin, bytes) = received.await.unwrap_or_else(|_late| Err(too_slow()))?;
    let (key, purpose, words) = messages::upload_from_wire(begin)?;
    let upload = Upload { purpose, bytes: bytes.into(), words };
    let picture = network.upload_picture(&call, &key, &upload).await?;
    Ok(messages::picture_to_wire(picture))
}

/// What is uploaded, and all of its bytes.
async fn receive(mut pieces: Streaming<UploadRequest>) -> Result<(UploadBegin, Vec<u8>), Status> {
    let wrong = |why: &'static str| Status::from(Refusal::invalid(why));
    let Some(What::Begin(begin)) = next(&mut pieces).await? else {
        return Err(wrong("an upload begins with what is uploaded"));
    };
    let length = begin.bytes as usize;
    if length > MOST_UPLOADED_BYTES {
        return Err(wrong("a picture has at most 8 MiB"));
    }
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        match next(&mut pieces).await? {
            Some(What::Piece(piece)) if bytes.len() + piece.len() <= length => {
                bytes.extend_from_slice(&piece);
            }
            Some(_) => return Err(wrong("these are more bytes than were announced")),
            None => return Err(wrong("these are fewer bytes than were announced")),
        }
    }
    Ok((begin, bytes))
}

async fn next(pieces: &mut Streaming<UploadRequest>) -> Result<Option<What>, Status> {
    let message = timeout(PIECE_WITHIN, pieces.message()).await.map_err(|_late| too_slow())??;
    Ok(message.and_then(|message| message.what))
}

fn too_slow() -> Status {
    Status::deadline_exceeded("the picture did not arrive in time")
}
