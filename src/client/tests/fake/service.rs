//! What the nodes answer.

use std::pin::Pin;

use futures::{Stream, StreamExt as _};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::{ReceiverStream, WatchStream};
use tonic::{Code, Request, Response, Status};

use super::{Behaviour, Memory, Network, SECRET, Seen};
use crate::{
    grpc::{metadata::CallReader, unserved::unserved},
    node_auth::NodeAuth,
    settings::Secret,
    wire::{
        AVAILABLE_KEY, RELAY_KEY, RETRY_KEY,
        v1::{
            self, change_personal_request::Change, directory_service_server::DirectoryService,
            personal_reply::Answer, personal_request::Question,
            social_service_server::SocialService,
        },
    },
};

#[derive(Clone)]
pub struct Service {
    pub node: String,
    pub network: Network,
    pub location: watch::Sender<v1::Location>,
    pub behaviour: watch::Sender<Behaviour>,
}

type Events<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Service {
    fn check_session<T>(&self, request: &Request<T>) -> Result<(), Status> {
        if request.metadata().get(RELAY_KEY).is_some_and(|asked| asked == "yes") {
            self.network.memory().relayed.push(self.node.clone());
        }
        let wanted = format!("Bearer {}", self.network.memory().sessions);
        let bearer = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        if bearer == Some(&wanted) { Ok(()) } else { Err(Status::unauthenticated("log in again")) }
    }

    /// Whether a request was answered before.
    fn knows(&self, id: Option<&v1::RequestId>) -> bool {
        let id = id.map(|id| (id.client_id.clone(), id.sequence)).expect("a request id");
        self.network.memory().replies.contains_key(&id)
    }

    /// A request in a session.
    fn heard<T>(&self, request: Request<T>) -> Result<T, Status> {
        self.check_session(&request)?;
        Ok(request.into_inner())
    }

    /// Records a request in words, and does no more.
    async fn note(&self, id: Option<v1::RequestId>, words: String) -> Result<(), Status> {
        let note = |memory: &mut Memory| {
            memory.asked.push(words);
            0
        };
        self.change(id, note).await.map(drop)
    }

    /// Records a request and handles it as the test wants.
    async fn change(
        &self,
        id: Option<v1::RequestId>,
        apply: impl FnOnce(&mut Memory) -> u64,
    ) -> Result<u64, Status> {
        let id = id.map(|id| (id.client_id, id.sequence)).expect("a request id");
        let behaviour = self.behaviour.borrow().clone();
        let reply = {
            let mut memory = self.network.memory();
            memory.seen.push(Seen { node: self.node.clone(), id: id.clone() });
            let newest = memory.newest.entry(id.0.clone()).or_default();
            *newest = id.1.max(*newest);
            let spread = *newest - id.1;
            memory.widest_spread = spread.max(memory.widest_spread);
            match behaviour {
                Behaviour::Serve | Behaviour::ApplyWithoutAnswer | Behaviour::RepeatOnePost => {
                    let known = memory.replies.get(&id).copied();
                    let reply = known.unwrap_or_else(|| apply(&mut memory));
                    memory.replies.insert(id, reply);
                    reply
                }
                _ => 0,
            }
        };
        self.network.changed();
        match behaviour {
            Behaviour::Serve | Behaviour::RepeatOnePost => Ok(reply),
            Behaviour::Hang | Behaviour::ApplyWithoutAnswer => std::future::pending().await,
            Behaviour::Refuse(code) => Err(refusal(code, "never", None)),
            Behaviour::Elsewhere(at) => Err(refusal(Code::Unavailable, "elsewhere", Some(&at))),
        }
    }
}

pub fn refusal(code: Code, retry: &str, available: Option<&str>) -> Status {
    let mut status = Status::new(code, "no");
    status.metadata_mut().insert(RETRY_KEY, retry.parse().expect("a value"));
    if let Some(available) = available {
        status.metadata_mut().insert(AVAILABLE_KEY, available.parse().expect("a value"));
    }
    status
}

#[tonic::async_trait]
impl DirectoryService for Service {
    type WatchStream = Events<v1::Location>;

    async fn locate(
        &self,
        _request: Request<v1::LocateRequest>,
    ) -> Result<Response<v1::Location>, Status> {
        self.network.memory().dialled.push(self.node.clone());
        self.network.changes.send_modify(|changes| *changes += 1);
        Ok(Response::new(self.location.borrow().clone()))
    }

    async fn watch(
        &self,
        _request: Request<v1::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let locations = WatchStream::new(self.location.subscribe());
        Ok(Response::new(Box::pin(locations.map(Ok))))
    }

    async fn cluster(
        &self,
        _request: Request<v1::ClusterRequest>,
    ) -> Result<Response<v1::ClusterStatus>, Status> {
        Ok(Response::new(v1::ClusterStatus::default()))
    }
}

#[tonic::async_trait]
impl SocialService for Service {
    type SubscribeStream = Events<v1::SubscribeEvent>;

    async fn log_in(
        &self,
        request: Request<v1::LogInRequest>,
    ) -> Result<Response<v1::LogInReply>, Status> {
        let origin = CallReader::new(NodeAuth::in_clear(Secret::new(SECRET))).origin(&request);
        let mut memory = self.network.memory();
        let request = request.into_inner();
        memory.logins += 1;
        memory.origins.push(origin.expect("of the connection, if of nothing else"));
        memory.verify_password(&request.password)?;
        Ok(Response::new(v1::LogInReply {
            session_token: memory.sessions.to_string(),
            username: request.username,
            created: true,
            expires_at_ms: 0,
        }))
    }

    async fn set_password(
        &self,
        request: Request<v1::SetPasswordRequest>,
    ) -> Result<Response<v1::SetPasswordReply>, Status> {
        self.check_session(&request)?;
        let v1::SetPasswordRequest { request_id, current_password, new_password } =
            request.into_inner();
        if !self.knows(request_id.as_ref()) {
            self.network.memory().verify_password(&current_password)?;
        }
        let apply = |memory: &mut Memory| {
            memory.password = new_password;
            // Of an account with a password, the others end.
            memory.sessions += u32::from(current_password.is_empty());
            0
        };
        self.change(request_id, apply).await?;
        Ok(Response::new(v1::SetPasswordReply {}))
    }

    async fn delete_account(
        &self,
        _request: Request<v1::DeleteAccountRequest>,
    ) -> Result<Response<v1::DeleteAccountReply>, Status> {
        Err(Status::unimplemented("nobody leaves here"))
    }

    async fn sessions(
        &self,
        request: Request<v1::SessionsRequest>,
    ) -> Result<Response<v1::SessionsReply>, Status> {
        self.heard(request)?;
        let session = v1::Session { number: 7, client: "a phone".to_owned(), ..Default::default() };
        Ok(Response::new(v1::SessionsReply { sessions: vec![session] }))
    }

    async fn end_sessions(
        &self,
        request: Request<v1::EndSessionsRequest>,
    ) -> Result<Response<v1::EndSessionsReply>, Status> {
        let v1::EndSessionsRequest { request_id, which } = self.heard(request)?;
        self.note(request_id, format!("end sessions {which:?}")).await?;
        Ok(Response::new(v1::EndSessionsReply {}))
    }

    async fn follow(
        &self,
        request: Request<v1::FollowRequest>,
    ) -> Result<Response<v1::FollowReply>, Status> {
        self.check_session(&request)?;
        self.change(request.into_inner().request_id, |_| 0).await?;
        Ok(Response::new(v1::FollowReply::default()))
    }

    async fn unfollow(
        &self,
        request: Request<v1::UnfollowRequest>,
    ) -> Result<Response<v1::UnfollowReply>, Status> {
        self.check_session(&request)?;
        self.change(request.into_inner().request_id, |_| 0).await?;
        Ok(Response::new(v1::UnfollowReply {}))
    }

    async fn list(
        &self,
        request: Request<v1::ListRequest>,
    ) -> Result<Response<v1::ListReply>, Status> {
        self.check_session(&request)?;
        let (names, next): (&[&str], _) = match &*request.into_inner().page_token {
            "" => (&["a", "b"], "2"),
            "2" => (&["c", "d"], "3"),
            _ => (&["e"], ""),
        };
        Ok(Response::new(v1::ListReply {
            usernames: names.iter().map(ToString::to_string).collect(),
            next_page_token: next.to_owned(),
        }))
    }

    async fn publish(
        &self,
        request: Request<v1::PublishRequest>,
    ) -> Result<Response<v1::PublishReply>, Status> {
        self.check_session(&request)?;
        let v1::PublishRequest {
            request_id,
            text,
            reply_to,
            visibility,
            warning,
            sensitive,
            language,
            pictures: _,
        } = request.into_inner();
        let publish = |memory: &mut Memory| {
            let id = memory.publish("u1", &text);
            let reply_to = (reply_to > 0).then_some(v1::ReplyTo { id: reply_to, author_id: 0 });
            if let Some(post) = memory.posts.last_mut() {
                let said = v1::Post { warning, sensitive, language, ..post.clone() };
                *post = v1::Post { reply_to, visibility, ..said };
            }
            id
        };
        let post_id = self.change(request_id, publish).await?;
        Ok(Response::new(v1::PublishReply { post_id, posted_at_ms: 1 }))
    }

    async fn timeline(
        &self,
        request: Request<v1::TimelineRequest>,
    ) -> Result<Response<v1::PostPage>, Status> {
        self.check_session(&request)?;
        let as_of = self.network.memory().posts.len() as u64;
        let posts = match request.get_ref().kind() {
            v1::TimelineKind::Followed => vec![],
            _ => self.network.memory().posts.clone(),
        };
        Ok(Response::new(v1::PostPage { posts, as_of, ..v1::PostPage::default() }))
    }

    async fn posts(
        &self,
        request: Request<v1::PostsRequest>,
    ) -> Result<Response<v1::PostPage>, Status> {
        self.check_session(&request)?;
        let author = request.into_inner().username;
        let mut posts = self.network.memory().posts.clone();
        let as_of = posts.len() as u64;
        posts.retain(|post| post.author == author);
        posts.reverse();
        Ok(Response::new(v1::PostPage { posts, as_of, ..v1::PostPage::default() }))
    }

    async fn edit(
        &self,
        request: Request<v1::EditRequest>,
    ) -> Result<Response<v1::EditReply>, Status> {
        self.check_session(&request)?;
        let v1::EditRequest { request_id, id, text, warning, .. } = request.into_inner();
        let edit = |memory: &mut Memory| {
            if let Some(post) = memory.posts.iter_mut().find(|post| post.id == id) {
                *post = v1::Post { text, warning, edited_at_ms: Some(1), ..post.clone() };
            }
            0
        };
        self.change(request_id, edit).await?;
        Ok(Response::new(v1::EditReply {}))
    }

    async fn delete(
        &self,
        request: Request<v1::DeleteRequest>,
    ) -> Result<Response<v1::DeleteReply>, Status> {
        let v1::DeleteRequest { request_id, id } = self.heard(request)?;
        self.note(request_id, format!("delete {id}")).await?;
        Ok(Response::new(v1::DeleteReply {}))
    }

    async fn boost(
        &self,
        request: Request<v1::BoostRequest>,
    ) -> Result<Response<v1::PublishReply>, Status> {
        let v1::BoostRequest { request_id, id } = self.heard(request)?;
        self.note(request_id, format!("boost {id}")).await?;
        Ok(Response::new(v1::PublishReply { post_id: 99, posted_at_ms: 1 }))
    }

    async fn unboost(
        &self,
        request: Request<v1::UnboostRequest>,
    ) -> Result<Response<v1::UnboostReply>, Status> {
        let v1::UnboostRequest { request_id, id } = self.heard(request)?;
        self.note(request_id, format!("unboost {id}")).await?;
        Ok(Response::new(v1::UnboostReply {}))
    }

    async fn mark(
        &self,
        request: Request<v1::MarkRequest>,
    ) -> Result<Response<v1::MarkReply>, Status> {
        let request = self.heard(request)?;
        let kind = request.kind();
        let v1::MarkRequest { request_id, id, set, .. } = request;
        self.note(request_id, format!("mark {id} {kind:?} {set}")).await?;
        Ok(Response::new(v1::MarkReply {}))
    }

    async fn relate(
        &self,
        request: Request<v1::RelateRequest>,
    ) -> Result<Response<v1::RelateReply>, Status> {
        let v1::RelateRequest { request_id, username, change } = self.heard(request)?;
        let change = change.expect("a change");
        self.note(request_id, format!("relate {username} {change:?}")).await?;
        Ok(Response::new(v1::RelateReply {}))
    }

    async fn get(&self, request: Request<v1::GetRequest>) -> Result<Response<v1::Post>, Status> {
        let id = self.heard(request)?.id;
        let post = self.network.memory().posts.iter().find(|post| post.id == id).cloned();
        post.map(Response::new).ok_or_else(|| refusal(Code::NotFound, "never", None))
    }

    async fn thread(
        &self,
        request: Request<v1::ThreadRequest>,
    ) -> Result<Response<v1::ThreadReply>, Status> {
        let id = self.heard(request)?.id;
        let (earlier, later) = {
            let memory = self.network.memory();
            let posts = memory.posts.iter().filter(|post| post.id != id);
            posts.cloned().partition(|post| post.id < id)
        };
        Ok(Response::new(v1::ThreadReply { ancestors: earlier, descendants: later }))
    }

    async fn notifications(
        &self,
        request: Request<v1::NotificationsRequest>,
    ) -> Result<Response<v1::NotificationPage>, Status> {
        self.heard(request)?;
        let liked = |post| v1::Notification {
            id: 50,
            kind: v1::NotificationKind::Liked.into(),
            at_ms: 1,
            actor_id: 2,
            actor: "u2".to_owned(),
            post: Some(post),
        };
        let notifications: Vec<_> =
            self.network.memory().posts.first().cloned().map(liked).into_iter().collect();
        let page = v1::NotificationPage { notifications, ..v1::NotificationPage::default() };
        Ok(Response::new(page))
    }

    async fn get_person(
        &self,
        request: Request<v1::GetPersonRequest>,
    ) -> Result<Response<v1::GetPersonReply>, Status> {
        let username = self.heard(request)?.username;
        let person = v1::Person { id: 2, username, posts: 3, ..v1::Person::default() };
        let relationship = v1::Relationship { following: true, ..v1::Relationship::default() };
        let (person, relationship) = (Some(person), Some(relationship));
        Ok(Response::new(v1::GetPersonReply { person, relationship }))
    }

    async fn get_people(
        &self,
        request: Request<v1::GetPeopleRequest>,
    ) -> Result<Response<v1::GetPeopleReply>, Status> {
        let whom = self.heard(request)?.whom.into_iter();
        let found = whom.map(|who| match who.who {
            Some(v1::person_ref::Who::Username(username)) => {
                let person = v1::Person { id: 2, username, ..v1::Person::default() };
                v1::FoundPerson { person: Some(person) }
            }
            Some(v1::person_ref::Who::Id(_)) | None => v1::FoundPerson::default(),
        });
        Ok(Response::new(v1::GetPeopleReply { people: found.collect() }))
    }

    async fn relationships(
        &self,
        request: Request<v1::RelationshipsRequest>,
    ) -> Result<Response<v1::RelationshipsReply>, Status> {
        let whom = self.heard(request)?.user_ids.into_iter();
        let with = whom.map(|user_id| v1::RelationshipWith {
            user_id,
            relationship: Some(v1::Relationship { following: true, ..Default::default() }),
        });
        Ok(Response::new(v1::RelationshipsReply { relationships: with.collect() }))
    }

    async fn search(
        &self,
        request: Request<v1::SearchRequest>,
    ) -> Result<Response<v1::SearchReply>, Status> {
        let request = self.heard(request)?;
        let (kind, words) = (request.kind(), request.text);
        let is_found = |post: &v1::Post| post.text.contains(&words);
        let nothing = v1::SearchReply::default();
        Ok(Response::new(match kind {
            v1::SearchKind::People => {
                let person = v1::Person { username: words, ..v1::Person::default() };
                v1::SearchReply { people: vec![person], ..nothing }
            }
            v1::SearchKind::Hashtags => {
                let hashtag = v1::HashtagUse { hashtag: words, posts: 2, following: false };
                v1::SearchReply { hashtags: vec![hashtag], ..nothing }
            }
            v1::SearchKind::Posts | v1::SearchKind::Unspecified => {
                let posts = self.network.memory().posts.clone();
                let posts = posts.into_iter().filter(is_found).collect();
                let page = v1::PostPage { posts, ..v1::PostPage::default() };
                v1::SearchReply { posts: Some(page), ..nothing }
            }
        }))
    }

    async fn change_notifications(
        &self,
        request: Request<v1::ChangeNotificationsRequest>,
    ) -> Result<Response<v1::ChangeNotificationsReply>, Status> {
        let v1::ChangeNotificationsRequest { request_id, change } = self.heard(request)?;
        let change = change.expect("a change");
        self.note(request_id, format!("change notifications {change:?}")).await?;
        Ok(Response::new(v1::ChangeNotificationsReply {}))
    }

    async fn change_personal(
        &self,
        request: Request<v1::ChangePersonalRequest>,
    ) -> Result<Response<v1::ChangePersonalReply>, Status> {
        let v1::ChangePersonalRequest { request_id, change } = self.heard(request)?;
        let change = change.expect("a change");
        if let Change::SetPreferences(preferences) = &change {
            self.network.memory().preferences = preferences.clone();
        }
        if let Change::CreateFilter(v1::NewFilter { settings, keywords }) = &change {
            let (settings, keywords) = (settings.clone(), keywords.clone());
            let filter = v1::WordFilter { id: 7, settings, keywords, posts: Vec::new() };
            self.network.memory().filters.push(filter);
        }
        self.note(request_id, format!("keep {change:?}")).await?;
        Ok(Response::new(v1::ChangePersonalReply { id: 7 }))
    }

    async fn personal(
        &self,
        request: Request<v1::PersonalRequest>,
    ) -> Result<Response<v1::PersonalReply>, Status> {
        let question = self.heard(request)?.question.expect("a question");
        let memory = self.network.memory();
        let answer = match question {
            Question::Lists(_) | Question::ListsWith(_) => {
                let settings =
                    v1::ListSettings { title: "friends".to_owned(), ..Default::default() };
                let list = v1::PeopleList { id: 3, settings: Some(settings), members: 2 };
                Answer::Lists(v1::PeopleLists { lists: vec![list] })
            }
            Question::Members(_) => {
                let usernames = ["a", "b"].map(str::to_owned).into();
                Answer::Members(v1::Usernames { usernames })
            }
            Question::Hashtags(_) | Question::Hashtag(_) => {
                let rust = v1::HashtagUse { hashtag: "rust".to_owned(), posts: 2, following: true };
                Answer::Hashtags(v1::HashtagUses { hashtags: vec![rust] })
            }
            Question::Markers(_) => Answer::Markers(v1::Markers::default()),
            Question::Preferences(_) => Answer::Preferences(memory.preferences.clone()),
            Question::Filters(_) => {
                Answer::Filters(v1::WordFilters { filters: memory.filters.clone() })
            }
        };
        Ok(Response::new(v1::PersonalReply { answer: Some(answer) }))
    }

    unserved! {
        set_profile(SetProfileRequest) -> SetProfileReply;
        history(HistoryRequest) -> HistoryReply;
    }

    async fn subscribe(
        &self,
        request: Request<v1::SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        self.check_session(&request)?;
        let behaviour = self.behaviour.borrow().clone();
        if let Behaviour::Refuse(code) = behaviour {
            return Err(refusal(code, "never", None));
        }
        let kind = request.get_ref().kind();
        let after = request.into_inner().after.expect("a cursor");
        let back = u64::from(matches!(behaviour, Behaviour::RepeatOnePost));
        let mut next = usize::try_from(after.saturating_sub(back)).expect("few posts");
        let (sender, events) = mpsc::channel(4);
        let (network, behaviour) = (self.network.clone(), self.behaviour.clone());
        network.memory().streaming.push(self.node.clone());
        network.changed();
        tokio::spawn(async move {
            let mut changes = network.changes.subscribe();
            loop {
                while matches!(*behaviour.borrow(), Behaviour::Serve | Behaviour::RepeatOnePost)
                    && let Some(event) = { network.memory().event(kind, next) }
                {
                    next += 1;
                    let event = Some(event);
                    if sender.send(Ok(v1::SubscribeEvent { event })).await.is_err() {
                        return;
                    }
                }
                if changes.changed().await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(events))))
    }
}
