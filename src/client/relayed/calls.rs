//! The calls, each made of the message that it sends and the answer that it gets.

use tonic::Request;

use super::{Api, Relayed};
use crate::{
    client::resumed_timeline,
    domain::{
        EndedSessions, Mark, NotificationChange, OpaqueKey, Person, PersonalChange, PersonalId,
        Post, PostId, Profile, RelationChange, Relationship, RequestKey, Revision, UserId,
        UserName,
    },
    grpc::messages::{self, Search, key_to_wire, limit_to_wire},
    host::random,
    network::{
        Begins, Call, Cursor, FollowOutcome, Found, ListKind, LoggedIn, Login, NamePage,
        NamePosition, Network, NewPost, NotificationPage, PasswordChange, PersonRef, PersonView,
        PersonalAnswer, PersonalQuestion, PostPage, PostWords, Published, Refusal, SearchKind,
        SessionInfo, StreamKind, Thread, Timeline, TimelineKind,
    },
    planted::{self, PlantedFault},
    wire::v1,
};

/// Makes one attempt at a call.
macro_rules! attempt {
    ($method:ident) => {
        |mut api: Api, request| async move { api.$method(request).await }
    };
}

impl Network for Relayed {
    async fn log_in(
        &self,
        call: &Call,
        login: &Login,
        begins: &Begins,
    ) -> Result<LoggedIn, Refusal> {
        let request = messages::login_to_wire(login.clone(), begins.clone());
        messages::logged_in_from_wire(self.ask(call, request, attempt!(log_in)).await?)
    }

    async fn set_password(
        &self,
        call: &Call,
        key: &RequestKey,
        change: &PasswordChange,
    ) -> Result<(), Refusal> {
        let request = messages::password_change_to_wire(key, change.clone());
        self.ask(call, request, attempt!(set_password)).await?;
        Ok(())
    }

    async fn delete_account(
        &self,
        call: &Call,
        key: &RequestKey,
        password: &str,
    ) -> Result<(), Refusal> {
        let (request_id, password) = (Some(key_to_wire(key)), password.to_owned());
        let request = v1::DeleteAccountRequest { request_id, password };
        self.ask(call, request, attempt!(delete_account)).await?;
        Ok(())
    }

    async fn sessions(&self, call: &Call) -> Result<Vec<SessionInfo>, Refusal> {
        let reply = self.ask(call, v1::SessionsRequest {}, attempt!(sessions)).await?;
        Ok(messages::sessions_from_wire(reply))
    }

    async fn end_sessions(
        &self,
        call: &Call,
        key: &RequestKey,
        which: EndedSessions,
    ) -> Result<(), Refusal> {
        let request = messages::ended_sessions_to_wire(key, which);
        self.ask(call, request, attempt!(end_sessions)).await?;
        Ok(())
    }

    async fn follow(
        &self,
        call: &Call,
        key: &RequestKey,
        target: &UserName,
    ) -> Result<FollowOutcome, Refusal> {
        let (request_id, username) = (Some(key_to_wire(key)), target.to_string());
        let request = v1::FollowRequest { request_id, username };
        Ok(messages::follow_outcome_from_wire(self.ask(call, request, attempt!(follow)).await?))
    }

    async fn unfollow(
        &self,
        call: &Call,
        key: &RequestKey,
        target: &UserName,
    ) -> Result<(), Refusal> {
        let (request_id, username) = (Some(key_to_wire(key)), target.to_string());
        let request = v1::UnfollowRequest { request_id, username };
        self.ask(call, request, attempt!(unfollow)).await?;
        Ok(())
    }

    async fn publish(
        &self,
        call: &Call,
        key: &RequestKey,
        post: &NewPost,
    ) -> Result<Published, Refusal> {
        let request = messages::publish_to_wire(key, post.clone());
        let attempt = |mut api: Api, mut request: Request<v1::PublishRequest>| async move {
            if planted::is(PlantedFault::ClientForgetsItsRequestId) {
                let another = OpaqueKey::new(random::id().to_be_bytes()).expect("eight bytes");
                request.get_mut().request_id = Some(key_to_wire(&RequestKey::Opaque(another)));
            }
            api.publish(request).await
        };
        Ok(messages::published_from_wire(self.ask(call, request, attempt).await?))
    }

    async fn edit(
        &self,
        call: &Call,
        key: &RequestKey,
        post: PostId,
        says: &PostWords,
    ) -> Result<(), Refusal> {
        let request = messages::edit_to_wire(key, post, says.clone());
        self.ask(call, request, attempt!(edit)).await?;
        Ok(())
    }

    async fn delete(&self, call: &Call, key: &RequestKey, post: PostId) -> Result<(), Refusal> {
        let request = messages::delete_to_wire(key, post);
        self.ask(call, request, attempt!(delete)).await?;
        Ok(())
    }

    async fn boost(
        &self,
        call: &Call,
        key: &RequestKey,
        post: PostId,
    ) -> Result<Published, Refusal> {
        let request = messages::boost_to_wire(key, post);
        Ok(messages::published_from_wire(self.ask(call, request, attempt!(boost)).await?))
    }

    async fn unboost(&self, call: &Call, key: &RequestKey, post: PostId) -> Result<(), Refusal> {
        let request = messages::unboost_to_wire(key, post);
        self.ask(call, request, attempt!(unboost)).await?;
        Ok(())
    }

    async fn mark(
        &self,
        call: &Call,
        key: &RequestKey,
        post: PostId,
        mark: Mark,
        set: bool,
    ) -> Result<(), Refusal> {
        let request = messages::mark_to_wire(key, post, mark, set);
        self.ask(call, request, attempt!(mark)).await?;
        Ok(())
    }

    async fn relate(
        &self,
        call: &Call,
        key: &RequestKey,
        target: &UserName,
        change: &RelationChange,
    ) -> Result<(), Refusal> {
        let request = messages::relation_change_to_wire(key, target, change.clone());
        self.ask(call, request, attempt!(relate)).await?;
        Ok(())
    }

    async fn set_profile(
        &self,
        call: &Call,
        key: &RequestKey,
        profile: &Profile,
    ) -> Result<(), Refusal> {
        let request = messages::profile_change_to_wire(key, profile.clone());
        self.ask(call, request, attempt!(set_profile)).await?;
        Ok(())
    }

    async fn change_notifications(
        &self,
        call: &Call,
        key: &RequestKey,
        change: NotificationChange,
    ) -> Result<(), Refusal> {
        let request = messages::notification_change_to_wire(key, change);
        self.ask(call, request, attempt!(change_notifications)).await?;
        Ok(())
    }

    async fn change_personal(
        &self,
        call: &Call,
        key: &RequestKey,
        change: &PersonalChange,
    ) -> Result<Option<PersonalId>, Refusal> {
        let request = messages::personal_change_to_wire(key, change.clone());
        let reply = self.ask(call, request, attempt!(change_personal)).await?;
        Ok(messages::personal_id_from_wire(reply))
    }

    async fn personal(
        &self,
        call: &Call,
        question: &PersonalQuestion,
    ) -> Result<PersonalAnswer, Refusal> {
        let request = messages::personal_question_to_wire(question.clone());
        messages::personal_answer_from_wire(self.ask(call, request, attempt!(personal)).await?)
    }

    async fn list(
        &self,
        call: &Call,
        kind: &ListKind,
        position: Option<&NamePosition>,
        limit: Option<u32>,
    ) -> Result<NamePage, Refusal> {
        let request = messages::list_to_wire(kind, position, limit);
        messages::name_page_from_wire(self.ask(call, request, attempt!(list)).await?)
    }

    async fn timeline(
        &self,
        call: &Call,
        kind: &TimelineKind,
        cursor: Cursor,
        limit: Option<u32>,
    ) -> Result<PostPage, Refusal> {
        // There is a call for these which servers of every version know.
        let page = if let TimelineKind::Of { author, replies: true, boosts: false } = kind {
            let (username, page_size) = (author.to_string(), limit_to_wire(limit));
            let request = v1::PostsRequest { username, cursor: cursor.into(), page_size };
            self.ask(call, request, attempt!(posts)).await?
        } else {
            let request = messages::timeline_to_wire(kind, cursor, limit);
            self.ask(call, request, attempt!(timeline)).await?
        };
        messages::post_page_from_wire(page)
    }

    async fn post(&self, call: &Call, post: PostId) -> Result<Post, Refusal> {
        let request = v1::GetRequest { id: post.get() };
        messages::post_from_wire(self.ask(call, request, attempt!(get)).await?)
    }

    async fn thread(&self, call: &Call, post: PostId) -> Result<Thread, Refusal> {
        let request = v1::ThreadRequest { id: post.get() };
        messages::thread_from_wire(self.ask(call, request, attempt!(thread)).await?)
    }

    async fn history(&self, call: &Call, post: PostId) -> Result<Vec<Revision>, Refusal> {
        let request = v1::HistoryRequest { id: post.get() };
        messages::history_from_wire(self.ask(call, request, attempt!(history)).await?)
    }

    async fn notifications(
        &self,
        call: &Call,
        cursor: Cursor,
        limit: Option<u32>,
    ) -> Result<NotificationPage, Refusal> {
        let request = messages::notifications_to_wire(cursor, limit);
        let page = self.ask(call, request, attempt!(notifications)).await?;
        messages::notification_page_from_wire(page)
    }

    async fn person(&self, call: &Call, name: &UserName) -> Result<PersonView, Refusal> {
        let request = v1::GetPersonRequest { username: name.to_string() };
        messages::person_view_from_wire(self.ask(call, request, attempt!(get_person)).await?)
    }

    async fn people(
        &self,
        call: &Call,
        whom: &[PersonRef],
    ) -> Result<Vec<Option<Person>>, Refusal> {
        let request = messages::people_to_wire(whom);
        messages::found_people_from_wire(self.ask(call, request, attempt!(get_people)).await?)
    }

    async fn relationships(
        &self,
        call: &Call,
        whom: &[UserId],
    ) -> Result<Vec<(UserId, Relationship)>, Refusal> {
        let user_ids = whom.iter().map(|user| user.0).collect();
        let request = v1::RelationshipsRequest { user_ids };
        let reply = self.ask(call, request, attempt!(relationships)).await?;
        Ok(messages::relationships_from_wire(reply))
    }

    async fn search(
        &self,
        call: &Call,
        kind: SearchKind,
        text: &str,
        before: Option<PostId>,
        limit: Option<u32>,
    ) -> Result<Found, Refusal> {
        let search = Search { kind, text: text.to_owned(), before, limit };
        let request = messages::search_to_wire(search);
        messages::found_from_wire(kind, self.ask(call, request, attempt!(search)).await?)
    }

    /// Ends only with a refusal that is final: an outage is a pause.
    async fn subscribe(
        &self,
        call: &Call,
        kind: &StreamKind,
        after: Option<PostId>,
    ) -> Result<Timeline, Refusal> {
        let after = if let Some(after) = after {
            after
        } else {
            // Fixes the position before anything is streamed, so that a stream that breaks before
            // its first event loses nothing.
            let newest = self.timeline(call, &TimelineKind::Followed, Cursor::Newest, Some(1));
            Box::pin(newest).await?.as_of
        };
        Ok(resumed_timeline::open(self.for_a_stream(), call.clone(), kind.clone(), after))
    }
}
