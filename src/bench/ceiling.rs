//! The bare server: tonic as it comes, on a thread of its own, with answers of the same sizes and
//! nothing behind them. What is posted goes to all who read along, whoever they are. No network that does
//! anything can be faster on this machine.
//!
//! A durable one writes each post to a file before it answers, and is the ceiling of a network that does
//! so too.

use std::{
    fs::File,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
};

use futures::{Stream, StreamExt as _};
use prost::Message as _;
use tokio::sync::{broadcast, watch};
use tokio_stream::wrappers::BroadcastStream;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::AbortOnDropHandle,
};
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

use super::{audience::AUTHOR, group_commit::GroupCommit, people::Answers};
use crate::{
    client::ClientOptions,
    directory::{AskTheRouter, Available, DirectoryServer, Location},
    grpc::{messages, unserved::unserved},
    host::{
        task,
        thread::{self, JobLost},
    },
    runtime,
    wire::v1::{
        self, FollowReply, FollowRequest, ListReply, ListRequest, LogInReply, LogInRequest,
        PostPage, PostsRequest, PublishReply, PublishRequest, SetPasswordReply, SetPasswordRequest,
        SubscribeEvent, SubscribeRequest, TimelineRequest, UnfollowReply, UnfollowRequest,
        directory_service_server::DirectoryServiceServer,
        social_service_server::{SocialService, SocialServiceServer},
        subscribe_event,
    },
};

/// Posts that may wait for a reader, who is refused after that: more than are ever on their way.
const WAITING: usize = 1 << 14;

/// A running bare server.
pub struct Ceiling {
    address: SocketAddr,
    /// Dropped, it ends.
    stop: DropGuard,
    ended: AbortOnDropHandle<Result<io::Result<()>, JobLost>>,
}

impl Ceiling {
    /// Answers the same as the network has, and writes posts to a file first, if there is one.
    pub fn start(answers: Answers, file: Option<File>) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let stopped = CancellationToken::new();
        let stop = stopped.clone().drop_guard();
        let serving = move || {
            runtime::run(async move {
                // Its task belongs to this runtime.
                let disk = file.map(GroupCommit::to);
                serve(listener, address, Bare::new(answers, disk), stopped).await
            })
        };
        Ok(Self { address, stop, ended: task::spawn_owned(thread::run(serving)) })
    }

    /// How it is called.
    pub fn options(&self) -> ClientOptions {
        ClientOptions::new(self.address.to_string())
    }

    /// Ends it.
    pub async fn end(self) {
        drop(self.stop);
        let _ended = self.ended.await;
    }
}

async fn serve(
    listener: std::net::TcpListener,
    address: SocketAddr,
    bare: Bare,
    stop: CancellationToken,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let available = Available { name: "bare".to_owned(), address: address.to_string() };
    let location = Location { available: Some(available), ..Location::default() };
    let (_unchanged, location) = watch::channel(location);
    let directory = DirectoryServer::new(location, AskTheRouter);
    let serving = Server::builder()
        .add_service(DirectoryServiceServer::new(directory))
        .add_service(SocialServiceServer::new(bare))
        .serve_with_incoming(incoming);
    tokio::select! {
        biased;
        () = stop.cancelled() => Ok(()),
        ended = serving => ended.map_err(io::Error::other),
    }
}

struct Bare {
    logged_in: LogInReply,
    published: PublishReply,
    following: ListReply,
    timeline: PostPage,
    posts: PostPage,
    /// The id of the newest post.
    newest: AtomicU64,
    /// To all who read along.
    deliveries: broadcast::Sender<v1::Post>,
    disk: Option<GroupCommit>,
}

impl Bare {
    fn new(answers: Answers, disk: Option<GroupCommit>) -> Self {
        Self {
            newest: AtomicU64::new(answers.timeline.as_of.get()),
            logged_in: messages::logged_in_to_wire(answers.logged_in),
            published: messages::published_to_wire(answers.published),
            following: messages::name_page_to_wire(answers.following),
            timeline: messages::post_page_to_wire(answers.timeline),
            posts: messages::post_page_to_wire(answers.posts),
            deliveries: broadcast::Sender::new(WAITING),
            disk,
        }
    }

    fn deliver(&self, post_id: u64, text: String) {
        let author = AUTHOR.to_owned();
        let posted_at_ms = self.published.posted_at_ms;
        let post = v1::Post { id: post_id, author, posted_at_ms, text, ..v1::Post::default() };
        // Fails only if nobody reads along.
        let _nobody = self.deliveries.send(post);
    }
}

type Events = Pin<Box<dyn Stream<Item = Result<SubscribeEvent, Status>> + Send>>;

#[tonic::async_trait]
impl SocialService for Bare {
    type SubscribeStream = Events;

    async fn log_in(&self, _: Request<LogInRequest>) -> Result<Response<LogInReply>, Status> {
        Ok(Response::new(self.logged_in.clone()))
    }

    async fn publish(
        &self,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishReply>, Status> {
        let request = request.into_inner();
        if let Some(disk) = &self.disk {
            let written = disk.append(request.encode_to_vec()).await;
            written.map_err(|error| Status::data_loss(error.to_string()))?;
        }
        let post_id = self.newest.fetch_add(1, Ordering::Relaxed) + 1;
        self.deliver(post_id, request.text);
        Ok(Response::new(PublishReply { post_id, ..self.published }))
    }

    async fn list(&self, _: Request<ListRequest>) -> Result<Response<ListReply>, Status> {
        Ok(Response::new(self.following.clone()))
    }

    async fn timeline(&self, _: Request<TimelineRequest>) -> Result<Response<PostPage>, Status> {
        Ok(Response::new(self.timeline.clone()))
    }

    async fn posts(&self, _: Request<PostsRequest>) -> Result<Response<PostPage>, Status> {
        Ok(Response::new(self.posts.clone()))
    }

    async fn set_password(
        &self,
        _: Request<SetPasswordRequest>,
    ) -> Result<Response<SetPasswordReply>, Status> {
        Ok(Response::new(SetPasswordReply {}))
    }

    async fn follow(&self, _: Request<FollowRequest>) -> Result<Response<FollowReply>, Status> {
        Ok(Response::new(FollowReply::default()))
    }

    async fn unfollow(
        &self,
        _: Request<UnfollowRequest>,
    ) -> Result<Response<UnfollowReply>, Status> {
        Ok(Response::new(UnfollowReply {}))
    }

    async fn subscribe(&self, _: Request<SubscribeRequest>) -> Result<Response<Events>, Status> {
        let posts = BroadcastStream::new(self.deliveries.subscribe());
        Ok(Response::new(Box::pin(posts.map(|post| match post {
            Ok(post) => Ok(SubscribeEvent { event: Some(subscribe_event::Event::Post(post)) }),
            Err(behind) => Err(Status::out_of_range(behind.to_string())),
        }))))
    }

    unserved! {
        sessions(SessionsRequest) -> SessionsReply;
        end_sessions(EndSessionsRequest) -> EndSessionsReply;
        edit(EditRequest) -> EditReply;
        delete(DeleteRequest) -> DeleteReply;
        boost(BoostRequest) -> PublishReply;
        unboost(UnboostRequest) -> UnboostReply;
        mark(MarkRequest) -> MarkReply;
        relate(RelateRequest) -> RelateReply;
        delete_account(DeleteAccountRequest) -> DeleteAccountReply;
        set_profile(SetProfileRequest) -> SetProfileReply;
        change_notifications(ChangeNotificationsRequest) -> ChangeNotificationsReply;
        change_personal(ChangePersonalRequest) -> ChangePersonalReply;
        personal(PersonalRequest) -> PersonalReply;
        get(GetRequest) -> Post;
        thread(ThreadRequest) -> ThreadReply;
        history(HistoryRequest) -> HistoryReply;
        notifications(NotificationsRequest) -> NotificationPage;
        get_person(GetPersonRequest) -> GetPersonReply;
        get_people(GetPeopleRequest) -> GetPeopleReply;
        relationships(RelationshipsRequest) -> RelationshipsReply;
        search(SearchRequest) -> SearchReply;
    }
}
