//! The calls of `tinysns.v1.SocialService`, as an adapter on [`Network`].

use futures::stream;
use tonic::{Request, Response, Status};

use super::{
    event_frames::{self, WithEventFrames},
    messages::{self, Search},
    metadata::CallReader,
};
use crate::{
    domain::{LoginId, UserId},
    host::random,
    network::{Network, PasswordChange, TimelineKind},
    wire::v1::{
        BoostRequest, ChangeNotificationsReply, ChangeNotificationsRequest, ChangePersonalReply,
        ChangePersonalRequest, DeleteAccountReply, DeleteAccountRequest, DeleteReply,
        DeleteRequest, EditReply, EditRequest, EndSessionsReply, EndSessionsRequest, FollowReply,
        FollowRequest, GetPeopleReply, GetPeopleRequest, GetPersonReply, GetPersonRequest,
        GetRequest, HistoryReply, HistoryRequest, ListReply, ListRequest, LogInReply, LogInRequest,
        MarkReply, MarkRequest, NotificationPage, NotificationsRequest, PersonalReply,
        PersonalRequest, Post, PostPage, PostsRequest, PublishReply, PublishRequest, RelateReply,
        RelateRequest, RelationshipsReply, RelationshipsRequest, SearchReply, SearchRequest,
        SessionsReply, SessionsRequest, SetPasswordReply, SetPasswordRequest, SetProfileReply,
        SetProfileRequest, SubscribeEvent, SubscribeRequest, ThreadReply, ThreadRequest,
        TimelineRequest, UnboostReply, UnboostRequest, UnfollowReply, UnfollowRequest,
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

#[tonic::async_trait]
impl<N: Network> SocialService for SocialServer<N> {
    /// Nothing: the body is made of what is beside the answer.
    type SubscribeStream = stream::Empty<Result<SubscribeEvent, Status>>;

    async fn log_in(&self, request: Request<LogInRequest>) -> Result<Response<LogInReply>, Status> {
        let call = self.calls.read(&request);
        let drawn = LoginId(random::wide_id());
        let (login, begins) = messages::login_from_wire(request.into_inner(), drawn)?;
        let logged_in = self.network.log_in(&call, &login, &begins).await?;
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

    async fn delete_account(
        &self,
        request: Request<DeleteAccountRequest>,
    ) -> Result<Response<DeleteAccountReply>, Status> {
        let call = self.calls.read(&request);
        let DeleteAccountRequest { request_id, password } = request.into_inner();
        let key = messages::key_from_wire(request_id)?;
        self.network.delete_account(&call, &key, &password).await?;
        Ok(Response::new(DeleteAccountReply {}))
    }

    async fn sessions(
        &self,
        request: Request<SessionsRequest>,
    ) -> Result<Response<SessionsReply>, Status> {
        let sessions = self.network.sessions(&self.calls.read(&request)).await?;
        Ok(Response::new(messages::sessions_to_wire(sessions)))
    }

    async fn end_sessions(
        &self,
        request: Request<EndSessionsRequest>,
    ) -> Result<Response<EndSessionsReply>, Status> {
        let call = self.calls.read(&request);
        let (key, which) = messages::ended_sessions_from_wire(request.into_inner())?;
        self.network.end_sessions(&call, &key, which).await?;
        Ok(Response::new(EndSessionsReply {}))
    }

    async fn follow(
        &self,
        request: Request<FollowRequest>,
    ) -> Result<Response<FollowReply>, Status> {
        let call = self.calls.read(&request);
        let FollowRequest { request_id, username } = request.into_inner();
        let key = messages::key_from_wire(request_id)?;
        let target = messages::name_from_wire(username)?;
        let outcome = self.network.follow(&call, &key, &target).await?;
        Ok(Response::new(messages::follow_outcome_to_wire(outcome)))
    }

    async fn unfollow(
        &self,
        request: Request<UnfollowRequest>,
    ) -> Result<Response<UnfollowReply>, Status> {
        let call = self.calls.read(&request);
        let UnfollowRequest { request_id, username } = request.into_inner();
        let key = messages::key_from_wire(request_id)?;
        let target = messages::name_from_wire(username)?;
        self.network.unfollow(&call, &key, &target).await?;
        Ok(Response::new(UnfollowReply {}))
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListReply>, Status> {
        let call = self.calls.read(&request);
        let (kind, position, limit) = messages::list_from_wire(request.into_inner())?;
        let page = self.network.list(&call, &kind, position.as_ref(), limit).await?;
        Ok(Response::new(messages::name_page_to_wire(page)))
    }

    async fn publish(
        &self,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishReply>, Status> {
        let call = self.calls.read(&request);
        let (key, post) = messages::publish_from_wire(request.into_inner())?;
        let published = self.network.publish(&call, &key, &post).await?;
        Ok(Response::new(messages::published_to_wire(published)))
    }

    async fn edit(&self, request: Request<EditRequest>) -> Result<Response<EditReply>, Status> {
        let call = self.calls.read(&request);
        let (key, post, says) = messages::edit_from_wire(request.into_inner())?;
        self.network.edit(&call, &key, post, &says).await?;
        Ok(Response::new(EditReply {}))
    }

    async fn delete(
        &self,
        request: Request<DeleteRequest>,
    ) -> Result<Response<DeleteReply>, Status> {
        let call = self.calls.read(&request);
        let (key, post) = messages::delete_from_wire(request.into_inner())?;
        self.network.delete(&call, &key, post).await?;
        Ok(Response::new(DeleteReply {}))
    }

    async fn boost(
        &self,
        request: Request<BoostRequest>,
    ) -> Result<Response<PublishReply>, Status> {
        let call = self.calls.read(&request);
        let (key, post) = messages::boost_from_wire(request.into_inner())?;
        let published = self.network.boost(&call, &key, post).await?;
        Ok(Response::new(messages::published_to_wire(published)))
    }

    async fn unboost(
        &self,
        request: Request<UnboostRequest>,
    ) -> Result<Response<UnboostReply>, Status> {
        let call = self.calls.read(&request);
        let (key, post) = messages::unboost_from_wire(request.into_inner())?;
        self.network.unboost(&call, &key, post).await?;
        Ok(Response::new(UnboostReply {}))
    }

    async fn mark(&self, request: Request<MarkRequest>) -> Result<Response<MarkReply>, Status> {
        let call = self.calls.read(&request);
        let (key, post, mark, set) = messages::mark_from_wire(request.into_inner())?;
        self.network.mark(&call, &key, post, mark, set).await?;
        Ok(Response::new(MarkReply {}))
    }

    async fn relate(
        &self,
        request: Request<RelateRequest>,
    ) -> Result<Response<RelateReply>, Status> {
        let call = self.calls.read(&request);
        let (key, target, change) = messages::relation_change_from_wire(request.into_inner())?;
        self.network.relate(&call, &key, &target, &change).await?;
        Ok(Response::new(RelateReply {}))
    }

    async fn set_profile(
        &self,
        request: Request<SetProfileRequest>,
    ) -> Result<Response<SetProfileReply>, Status> {
        let call = self.calls.read(&request);
        let (key, profile) = messages::profile_change_from_wire(request.into_inner())?;
        self.network.set_profile(&call, &key, &profile).await?;
        Ok(Response::new(SetProfileReply {}))
    }

    async fn change_notifications(
        &self,
        request: Request<ChangeNotificationsRequest>,
    ) -> Result<Response<ChangeNotificationsReply>, Status> {
        let call = self.calls.read(&request);
        let (key, change) = messages::notification_change_from_wire(request.into_inner())?;
        self.network.change_notifications(&call, &key, change).await?;
        Ok(Response::new(ChangeNotificationsReply {}))
    }

    async fn timeline(
        &self,
        request: Request<TimelineRequest>,
    ) -> Result<Response<PostPage>, Status> {
        let call = self.calls.read(&request);
        let (kind, cursor, limit) = messages::timeline_from_wire(request.into_inner())?;
        let page = self.network.timeline(&call, &kind, cursor, limit).await?;
        Ok(Response::new(messages::post_page_to_wire(page)))
    }

    async fn posts(&self, request: Request<PostsRequest>) -> Result<Response<PostPage>, Status> {
        let call = self.calls.read(&request);
        let PostsRequest { username, cursor, page_size } = request.into_inner();
        let author = messages::name_from_wire(username)?;
        let limit = messages::limit_from_wire(page_size);
        let kind = TimelineKind::Of { author, replies: true, boosts: false };
        let page = self.network.timeline(&call, &kind, cursor.into(), limit).await?;
        Ok(Response::new(messages::post_page_to_wire(page)))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Post>, Status> {
        let call = self.calls.read(&request);
        let id = messages::post_id_from_wire(request.into_inner().id)?;
        let post = self.network.post(&call, id).await?;
        Ok(Response::new(messages::post_to_wire(post)))
    }

    async fn thread(
        &self,
        request: Request<ThreadRequest>,
    ) -> Result<Response<ThreadReply>, Status> {
        let call = self.calls.read(&request);
        let id = messages::post_id_from_wire(request.into_inner().id)?;
        let thread = self.network.thread(&call, id).await?;
        Ok(Response::new(messages::thread_to_wire(thread)))
    }

    async fn history(
        &self,
        request: Request<HistoryRequest>,
    ) -> Result<Response<HistoryReply>, Status> {
        let call = self.calls.read(&request);
        let id = messages::post_id_from_wire(request.into_inner().id)?;
        let revisions = self.network.history(&call, id).await?;
        Ok(Response::new(messages::history_to_wire(revisions)))
    }

    async fn notifications(
        &self,
        request: Request<NotificationsRequest>,
    ) -> Result<Response<NotificationPage>, Status> {
        let call = self.calls.read(&request);
        let (cursor, limit) = messages::notifications_from_wire(request.into_inner());
        let page = self.network.notifications(&call, cursor, limit).await?;
        Ok(Response::new(messages::notification_page_to_wire(page)))
    }

    async fn get_person(
        &self,
        request: Request<GetPersonRequest>,
    ) -> Result<Response<GetPersonReply>, Status> {
        let call = self.calls.read(&request);
        let name = messages::name_from_wire(request.into_inner().username)?;
        let view = self.network.person(&call, &name).await?;
        Ok(Response::new(messages::person_view_to_wire(view)))
    }

    async fn get_people(
        &self,
        request: Request<GetPeopleRequest>,
    ) -> Result<Response<GetPeopleReply>, Status> {
        let call = self.calls.read(&request);
        let whom = messages::people_from_wire(request.into_inner())?;
        let people = self.network.people(&call, &whom).await?;
        Ok(Response::new(messages::found_people_to_wire(people)))
    }

    async fn relationships(
        &self,
        request: Request<RelationshipsRequest>,
    ) -> Result<Response<RelationshipsReply>, Status> {
        let call = self.calls.read(&request);
        let whom: Vec<_> = request.into_inner().user_ids.into_iter().map(UserId).collect();
        let relationships = self.network.relationships(&call, &whom).await?;
        Ok(Response::new(messages::relationships_to_wire(relationships)))
    }

    async fn search(
        &self,
        request: Request<SearchRequest>,
    ) -> Result<Response<SearchReply>, Status> {
        let call = self.calls.read(&request);
        let Search { kind, text, before, limit } =
            messages::search_from_wire(request.into_inner())?;
        let found = self.network.search(&call, kind, &text, before, limit).await?;
        Ok(Response::new(messages::found_to_wire(found)))
    }

    async fn change_personal(
        &self,
        request: Request<ChangePersonalRequest>,
    ) -> Result<Response<ChangePersonalReply>, Status> {
        let call = self.calls.read(&request);
        let (key, change) = messages::personal_change_from_wire(request.into_inner())?;
        let id = self.network.change_personal(&call, &key, &change).await?;
        Ok(Response::new(messages::personal_id_to_wire(id)))
    }

    async fn personal(
        &self,
        request: Request<PersonalRequest>,
    ) -> Result<Response<PersonalReply>, Status> {
        let call = self.calls.read(&request);
        let question = messages::personal_question_from_wire(request.into_inner())?;
        let answer = self.network.personal(&call, &question).await?;
        Ok(Response::new(messages::personal_answer_to_wire(answer)))
    }

    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let call = self.calls.read(&request);
        let (kind, after) = messages::subscription_from_wire(request.into_inner())?;
        let timeline = self.network.subscribe(&call, &kind, after).await?;
        Ok(event_frames::answer(timeline, stream::empty()))
    }
}
