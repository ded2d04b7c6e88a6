//! The calls of `tinysns.v1.SocialService`.

use tonic::{Code, Request, Response, Status};

use super::{
    Api, parse,
    refusal::ApiRefusal,
    subscription::{self, Events},
};
use crate::{
    domain::{Post, PostId, PostText, UserName},
    master::{
        passwords,
        sessions::{Session, StreamSession},
    },
    social::{Account, Command, Refusal, Reply},
    wire::v1::{
        self, FollowReply, FollowRequest, ListKind, ListReply, ListRequest, LogInReply,
        LogInRequest, PostPage, PostsRequest, PublishReply, PublishRequest, SetPasswordReply,
        SetPasswordRequest, SubscribeRequest, TimelineRequest, UnfollowReply, UnfollowRequest,
        posts_request, social_service_server::SocialService, timeline_request,
    },
};

impl Api {
    async fn do_log_in(&self, request: LogInRequest) -> Result<LogInReply, ApiRefusal> {
        let LogInRequest { username, password, must_exist } = request;
        self.ensure_available()?;
        let name = UserName::new(username)?;
        check_length(&password)?;
        let account = match self.linearizable_view().await?.account_by_name(&name) {
            Ok(Some(account)) => account,
            Ok(None) if must_exist => return Err(Refusal::NoSuchUser.into()),
            Ok(None) => self.create(name, password.clone()).await?,
            Err(error) => return Err(ApiRefusal::broken(&error)),
        };
        if !account.created {
            self.verify_password(&account, password).await?;
        }
        let (session_token, expires_at) = self
            .sessions
            .begin(&account, self.node.now())
            .map_err(|error| ApiRefusal::session(&error))?;
        Ok(LogInReply {
            session_token,
            username: account.name.into(),
            created: account.created,
            expires_at_ms: expires_at.get(),
        })
    }

    async fn create(&self, name: UserName, password: String) -> Result<Account, ApiRefusal> {
        let password_hash = self.hash(password).await;
        match self.submit(Command::CreateAccount { name, password_hash }).await? {
            Reply::Account(account) => Ok(account),
            other => Err(unexpected(&other)),
        }
    }

    /// The current password is checked against everything that was acknowledged before. Of two
    /// concurrent changes that both verify it, the first ends the session of the other.
    async fn do_set_password(
        &self,
        request: Request<SetPasswordRequest>,
    ) -> Result<SetPasswordReply, ApiRefusal> {
        let (metadata, _, message) = request.into_parts();
        let SetPasswordRequest { request_id, current_password, new_password } = message;
        check_length(&current_password)?;
        check_length(&new_password)?;
        // A new leader learns only now what was acknowledged before it led. That may include this
        // very change, which ended the session. The owner of the session can then try another
        // password.
        let (Session { account, .. }, _) = self.authenticated_view(&metadata).await?;
        let context = parse::context(&account, request_id)?;
        self.verify_password(&account, current_password).await?;
        let password_hash = self.hash(new_password).await;
        let change = Command::SetPassword { context, password_hash };
        done(&self.submit(change).await?)?;
        Ok(SetPasswordReply {})
    }

    async fn hash(&self, password: String) -> Option<String> {
        if password.is_empty() { None } else { Some(self.passwords.hash(password).await) }
    }

    async fn verify_password(&self, account: &Account, password: String) -> Result<(), ApiRefusal> {
        let wrong = |why: &str| ApiRefusal::Never(Code::PermissionDenied, why.to_owned());
        match &account.password_hash {
            None if password.is_empty() => Ok(()),
            None => Err(wrong("this account has no password: leave it out")),
            Some(_) if password.is_empty() => Err(wrong("this account needs its password")),
            Some(hash) => {
                if self.passwords.verify(password, hash.clone()).await {
                    Ok(())
                } else {
                    Err(wrong("wrong password"))
                }
            }
        }
    }

    async fn do_list(&self, request: Request<ListRequest>) -> Result<ListReply, ApiRefusal> {
        let (Session { account: caller, .. }, view) =
            self.authenticated_view(request.metadata()).await?;
        let ListRequest { kind, page_size, page_token } = request.into_inner();
        let kind = ListKind::try_from(kind).unwrap_or(ListKind::Unspecified);
        let limit = parse::name_count(page_size, self.limits.page_size);
        let after = (!page_token.is_empty()).then_some(page_token.as_str());
        let page = match kind {
            ListKind::Users => view.users(after, limit),
            ListKind::Following => view.following(caller.user, after, limit),
            ListKind::Followers => view.followers(caller.user, after, limit),
            ListKind::Unspecified => {
                return Err(ApiRefusal::invalid("kind must be USERS, FOLLOWING or FOLLOWERS"));
            }
        };
        let page = page.map_err(|error| ApiRefusal::broken(&error))?;
        Ok(ListReply {
            usernames: page.names.into_iter().map(String::from).collect(),
            next_page_token: page.next.unwrap_or_default(),
        })
    }

    async fn do_publish(
        &self,
        request: Request<PublishRequest>,
    ) -> Result<PublishReply, ApiRefusal> {
        let caller = self.caller(request.metadata())?;
        let PublishRequest { request_id, text } = request.into_inner();
        let text = PostText::new(text, self.limits.post_chars)?;
        let context = parse::context(&caller, request_id)?;
        match self.submit(Command::Publish { context, text }).await? {
            Reply::Published { post, posted_at } => {
                Ok(PublishReply { post_id: post, posted_at_ms: posted_at.get() })
            }
            other => Err(unexpected(&other)),
        }
    }

    async fn do_timeline(&self, request: Request<TimelineRequest>) -> Result<PostPage, ApiRefusal> {
        let (Session { account: caller, .. }, view) =
            self.authenticated_view(request.metadata()).await?;
        let TimelineRequest { cursor, page_size } = request.into_inner();
        let cursor = match cursor {
            Some(timeline_request::Cursor::Before(id)) => parse::cursor(Some(id), None),
            Some(timeline_request::Cursor::After(id)) => parse::cursor(None, Some(id)),
            None => parse::cursor(None, None),
        };
        let limit = parse::post_count(page_size, self.limits.page_size);
        page(view.newest_post(), view.timeline(caller.user, cursor, limit))
    }

    async fn do_posts(&self, request: Request<PostsRequest>) -> Result<PostPage, ApiRefusal> {
        let (_, view) = self.authenticated_view(request.metadata()).await?;
        let PostsRequest { username, cursor, page_size } = request.into_inner();
        let name = UserName::new(username)?;
        let cursor = match cursor {
            Some(posts_request::Cursor::Before(id)) => parse::cursor(Some(id), None),
            Some(posts_request::Cursor::After(id)) => parse::cursor(None, Some(id)),
            None => parse::cursor(None, None),
        };
        let limit = parse::post_count(page_size, self.limits.page_size);
        let author = view.account_by_name(&name).map_err(|error| ApiRefusal::broken(&error))?;
        let author = author.ok_or(Refusal::NoSuchUser)?;
        page(view.newest_post(), view.posts_of(author.user, cursor, limit))
    }

    async fn do_subscribe(&self, request: Request<SubscribeRequest>) -> Result<Events, ApiRefusal> {
        let (metadata, _, SubscribeRequest { after }) = request.into_parts();
        let (session, view) = self.authenticated_view(&metadata).await?;
        let user = session.account.user;
        let after = after.unwrap_or_else(|| view.newest_post());
        let inbox = self
            .delivery
            .open(user, || {
                let view = self.local_view()?;
                // Checked again, because a session that ends from now on closes the inbox, but one
                // that ended before does not.
                self.sessions
                    .check_in(&view, &session.token, self.node.now())
                    .map_err(|error| ApiRefusal::session(&error))?;
                view.following_ids(user).map_err(|error| ApiRefusal::broken(&error))
            })?
            .map_err(|_too_many| ApiRefusal::TooManyStreams)?;
        let stream_session =
            StreamSession { sessions: self.sessions.clone(), session, clock: self.node.clock() };
        Ok(subscription::start(stream_session, after, inbox, self.state.clone()))
    }
}

fn check_length(password: &str) -> Result<(), ApiRefusal> {
    if password.len() <= passwords::MAX_BYTES {
        return Ok(());
    }
    Err(ApiRefusal::invalid(format!("a password has at most {} bytes", passwords::MAX_BYTES)))
}

/// A reply that belongs to another command, or a refusal.
fn unexpected(reply: &Reply) -> ApiRefusal {
    match reply {
        Reply::Refused(refusal) => (*refusal).into(),
        other => ApiRefusal::Broken(format!("unexpected reply {other:?}")),
    }
}

fn done(reply: &Reply) -> Result<(), ApiRefusal> {
    match reply {
        Reply::Done => Ok(()),
        other => Err(unexpected(other)),
    }
}

fn page(
    as_of: PostId,
    page: Result<(Vec<Post>, bool), redb::Error>,
) -> Result<PostPage, ApiRefusal> {
    let (posts, more) = page.map_err(|error| ApiRefusal::broken(&error))?;
    Ok(PostPage { posts: posts.into_iter().map(wire_post).collect(), as_of, more })
}

/// A post in wire form.
pub fn wire_post(post: Post) -> v1::Post {
    v1::Post {
        id: post.id,
        author: post.author_name.into(),
        posted_at_ms: post.posted_at.get(),
        text: post.text,
    }
}

#[tonic::async_trait]
impl SocialService for Api {
    async fn log_in(&self, request: Request<LogInRequest>) -> Result<Response<LogInReply>, Status> {
        Ok(Response::new(self.do_log_in(request.into_inner()).await?))
    }

    async fn set_password(
        &self,
        request: Request<SetPasswordRequest>,
    ) -> Result<Response<SetPasswordReply>, Status> {
        Ok(Response::new(self.do_set_password(request).await?))
    }

    async fn follow(
        &self,
        request: Request<FollowRequest>,
    ) -> Result<Response<FollowReply>, Status> {
        let caller = self.caller(request.metadata())?;
        let FollowRequest { request_id, username } = request.into_inner();
        let target = UserName::new(username).map_err(ApiRefusal::from)?;
        let context = parse::context(&caller, request_id)?;
        let reply = self.submit(Command::Follow { context, target }).await?;
        if reply == Reply::Refused(Refusal::Oneself) {
            let why = "you cannot follow yourself: you know your own posts already";
            return Err(ApiRefusal::Never(Code::AlreadyExists, why.to_owned()).into());
        }
        done(&reply)?;
        Ok(Response::new(FollowReply {}))
    }

    async fn unfollow(
        &self,
        request: Request<UnfollowRequest>,
    ) -> Result<Response<UnfollowReply>, Status> {
        let caller = self.caller(request.metadata())?;
        let UnfollowRequest { request_id, username } = request.into_inner();
        let target = UserName::new(username).map_err(ApiRefusal::from)?;
        let context = parse::context(&caller, request_id)?;
        done(&self.submit(Command::Unfollow { context, target }).await?)?;
        Ok(Response::new(UnfollowReply {}))
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListReply>, Status> {
        Ok(Response::new(self.do_list(request).await?))
    }

    async fn publish(
        &self,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishReply>, Status> {
        Ok(Response::new(self.do_publish(request).await?))
    }

    async fn timeline(
        &self,
        request: Request<TimelineRequest>,
    ) -> Result<Response<PostPage>, Status> {
        Ok(Response::new(self.do_timeline(request).await?))
    }

    async fn posts(&self, request: Request<PostsRequest>) -> Result<Response<PostPage>, Status> {
        Ok(Response::new(self.do_posts(request).await?))
    }

    type SubscribeStream = Events;

    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Events>, Status> {
        Ok(Response::new(self.do_subscribe(request).await?))
    }
}
