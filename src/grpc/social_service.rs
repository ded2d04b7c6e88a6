//! The calls of `tinysns.v1.SocialService`, as an adapter on [`Network`].

use futures::stream;
use tonic::{Request, Response, Status};

use super::{
    event_frames::{self, WithEventFrames},
    messages,
    metadata::CallReader,
};
use crate::{
    domain::{PostId, UserName},
    network::{Network, PasswordChange, Refusal},
    wire::v1::{
        FollowReply, FollowRequest, ListReply, ListRequest, LogInReply, LogInRequest, PostPage,
        PostsRequest, PublishReply, PublishRequest, SetPasswordReply, SetPasswordRequest,
        SubscribeEvent, SubscribeRequest, TimelineRequest, UnfollowReply, UnfollowRequest,
        social_service_server::{SocialService, SocialServiceServer},
    },
};

/// Serves a network.
pub struct SocialServer<N> {
    network: N,
    calls: CallReader,
}

impl<N: Network> SocialServer<N> {
    /// Takes calls, as `calls` reads them, to `network`.
    pub fn new(network: N, calls: CallReader) -> Self {
        Self { network, calls }
    }
}

/// Serves `network` to calls as `calls` reads them, of at most `most` bytes.
pub fn service<N: Network>(
    network: N,
    calls: CallReader,
    most: usize,
) -> WithEventFrames<SocialServiceServer<SocialServer<N>>> {
    let server = SocialServiceServer::new(SocialServer::new(network, calls));
    WithEventFrames(server.max_decoding_message_size(most))
}

fn name(username: String) -> Result<UserName, Refusal> {
    Ok(UserName::new(username)?)
}

#[tonic::async_trait]
impl<N: Network> SocialService for SocialServer<N> {
    /// Nothing: the body is made of what is beside the answer.
    type SubscribeStream = stream::Empty<Result<SubscribeEvent, Status>>;

    async fn log_in(&self, request: Request<LogInRequest>) -> Result<Response<LogInReply>, Status> {
        let call = self.calls.read(&request);
        let login = messages::login_from_wire(request.into_inner())?;
        let logged_in = self.network.log_in(&call, &login).await?;
        Ok(Response::new(messages::logged_in_to_wire(logged_in)))
    }

    async fn set_password(
        &self,
        request: Request<SetPasswordRequest>,
    ) -> Result<Response<SetPasswordReply>, Status> {
        let call = self.calls.read(&request);
        let SetPasswordRequest { request_id, current_password, new_password } =
            request.into_inner();
        let key = messages::key_from_wire(request_id)?;
        let change = PasswordChange { current: current_password, new: new_password };
        self.network.set_password(&call, &key, &change).await?;
        Ok(Response::new(SetPasswordReply {}))
    }

    async fn follow(
        &self,
        request: Request<FollowRequest>,
    ) -> Result<Response<FollowReply>, Status> {
        let call = self.calls.read(&request);
        let FollowRequest { request_id, username } = request.into_inner();
        let key = messages::key_from_wire(request_id)?;
        self.network.follow(&call, &key, &name(username)?).await?;
        Ok(Response::new(FollowReply {}))
    }

    async fn unfollow(
        &self,
        request: Request<UnfollowRequest>,
    ) -> Result<Response<UnfollowReply>, Status> {
        let call = self.calls.read(&request);
        let UnfollowRequest { request_id, username } = request.into_inner();
        let key = messages::key_from_wire(request_id)?;
        self.network.unfollow(&call, &key, &name(username)?).await?;
        Ok(Response::new(UnfollowReply {}))
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListReply>, Status> {
        let call = self.calls.read(&request);
        let ListRequest { kind, page_size, page_token } = request.into_inner();
        let kind = messages::list_kind_from_wire(kind)?;
        let position = messages::name_position_from_wire(page_token);
        let limit = messages::limit_from_wire(page_size);
        let page = self.network.list(&call, kind, position.as_ref(), limit).await?;
        Ok(Response::new(messages::name_page_to_wire(page)))
    }

    async fn publish(
        &self,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishReply>, Status> {
        let call = self.calls.read(&request);
        let PublishRequest { request_id, text } = request.into_inner();
        let key = messages::key_from_wire(request_id)?;
        let published = self.network.publish(&call, &key, &text).await?;
        Ok(Response::new(messages::published_to_wire(published)))
    }

    async fn timeline(
        &self,
        request: Request<TimelineRequest>,
    ) -> Result<Response<PostPage>, Status> {
        let call = self.calls.read(&request);
        let TimelineRequest { cursor, page_size } = request.into_inner();
        let limit = messages::limit_from_wire(page_size);
        let page = self.network.timeline(&call, cursor.into(), limit).await?;
        Ok(Response::new(messages::post_page_to_wire(page)))
    }

    async fn posts(&self, request: Request<PostsRequest>) -> Result<Response<PostPage>, Status> {
        let call = self.calls.read(&request);
        let PostsRequest { username, cursor, page_size } = request.into_inner();
        let limit = messages::limit_from_wire(page_size);
        let page = self.network.posts(&call, &name(username)?, cursor.into(), limit).await?;
        Ok(Response::new(messages::post_page_to_wire(page)))
    }

    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let call = self.calls.read(&request);
        let after = request.into_inner().after.map(PostId::new);
        let timeline = self.network.subscribe(&call, after).await?;
        Ok(event_frames::answer(timeline, stream::empty()))
    }
}
